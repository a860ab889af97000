"""A stream of bytes -> its lines, of bounded length."""

from collections.abc import Iterator
from typing import Protocol

BLOCK = 1 << 20
# Snort's longest lines hold a reassembled packet of 64 KiB in base64.
MAX_LINE = 1 << 20


class RecordSource(Protocol):
    """The input of a reader: `read` returns at most so many bytes, b"" at the end.

    A problem is a fault of the file as a whole. `goes_on`: it is a piece of a log, and another
    source will hold what follows.
    """

    @property
    def goes_on(self) -> bool: ...

    def read(self, size: int) -> bytes: ...

    def note_problem(self, what: str) -> None: ...


def lines(source: RecordSource) -> Iterator[bytes]:
    """Every line without its newline, including a last one without newline if it is not empty.

    Of a line longer than MAX_LINE, the first MAX_LINE + 1 bytes.
    """
    return (line for line, _ in ended_lines(source))


def ended_lines(source: RecordSource) -> Iterator[tuple[bytes, bool]]:
    """The same, and whether a newline ends the line: the last line may still be being written."""
    held = b""
    while block := source.read(BLOCK):
        first, *others = block.split(b"\n")
        held += first[: MAX_LINE + 1 - len(held)]
        if others:
            yield held, True
            *whole, held = others
            yield from ((line[: MAX_LINE + 1], True) for line in whole)
    if held:
        yield held, False


class BlockSource:
    """Whole lines that were read before, as a RecordSource; problems are dropped."""

    goes_on = True

    def __init__(self, block: bytes) -> None:
        self._block = block

    def read(self, size: int) -> bytes:
        """At most `size` of the remaining bytes."""
        block, self._block = self._block[:size], self._block[size:]
        return block

    def note_problem(self, what: str) -> None:
        """Ignored: a block is no file, so nothing is said about it as a whole; its lines are
        counted.
        """
