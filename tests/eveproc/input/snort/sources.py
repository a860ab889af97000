"""Bytes -> the source that a reader of Snort's logs reads, and what came out."""

from io import BytesIO

from eveproc.input.events import Event, Skipped
from eveproc.input.snort import reader_for

# 2026-03-03 00:00:00 UTC
WRITTEN = 1_772_496_000.0


class Bytes:
    """A source in memory that notes its problems."""

    goes_on = False

    def __init__(self, data: bytes) -> None:
        self._stream = BytesIO(data)
        self.problems: list[str] = []

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, 1000))

    def note_problem(self, what: str) -> None:
        self.problems.append(what)


def read(data: bytes, written: float = WRITTEN) -> tuple[list[Event | Skipped], list[str]]:
    """What the reader for these bytes yields, and the problems it noted. There must be one."""
    source, reader = Bytes(data), reader_for(data[:4096])
    assert reader is not None
    return list(reader(source, written)), source.problems
