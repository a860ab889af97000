"""A stream of bytes -> its lines, of bounded length."""

from collections.abc import Iterator
from typing import Protocol

BLOCK = 1 << 20
# Snort's longest lines hold a reassembled packet of 64 KiB in base64.
MAX_LINE = 1 << 20


class RecordSource(Protocol):
    """What is read: `read` gives at most so many bytes, b"" at the end; a problem is what is wrong with the file as a whole."""

    def read(self, size: int) -> bytes: ...

    def note_problem(self, what: str) -> None: ...


def lines(source: RecordSource) -> Iterator[bytes]:
    """Every line without its end, the last one too if it is not empty; of one that is longer than MAX_LINE, a byte more than that."""
    held = b""
    while block := source.read(BLOCK):
        first, *others = block.split(b"\n")
        held += first[: MAX_LINE + 1 - len(held)]
        if others:
            yield held
            *whole, held = others
            yield from (line[: MAX_LINE + 1] for line in whole)
    if held:
        yield held


class BlockSource:
    """Whole lines that were read already, as a RecordSource; problems are dropped."""

    def __init__(self, block: bytes) -> None:
        self._block = block

    def read(self, size: int) -> bytes:
        """At most `size` bytes of what is left."""
        block, self._block = self._block[:size], self._block[size:]
        return block

    def note_problem(self, what: str) -> None:
        """A block is no file: its lines are counted, and nothing is said of it as a whole."""
