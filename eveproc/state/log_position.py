"""Files + LogPositions of earlier runs -> the parts that are new, and the next LogPositions.

A log is recognized by its content, not by name or inode: by its first bytes, and by those before
the offset up to which it was read. So it is found again after it was renamed, copied or compressed,
or after a reboot that renumbered the disks; and an overwritten file (copytruncate) counts as
another log. Anything that may not have been read is read again: repeated evidence counts once.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from hashlib import blake2b
from itertools import chain
from math import inf
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType
from typing import TypedDict

from msgspec import Struct
from msgspec.structs import replace

from eveproc.input.decode import stamp_of
from eveproc.input.events import Skipped, SkipReason
from eveproc.input.parallel import End, Part, RestPart, spans
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import holds_lines, line_result
from eveproc.input.sources import BLOCK, HEAD, TAIL, LogSource, compression_of
from rulegen.errors import InputError, Problem


class FileKind(StrEnum):
    """How a file is read: by lines from an offset on; unpacked from the start; or whole, as exports
    that are one document.
    """

    LINES = "lines"
    PACKED = "packed"
    WHOLE = "whole"


class LogPosition(Struct, frozen=True):
    """How far a log was read, and how to recognize it.

    `path`, `device`, `inode`, `size` (bytes on disk) and `modified` (ns since 1970) are those of
    the file that held it last. `offset` is the end of the last whole line that was read, in bytes
    of the unpacked content. `head` and `tail` are digests of the first `head_size` bytes and of at
    most TAIL bytes before `offset`. `grown` is when the log was last found to have grown (seconds
    since 1970 UTC).
    """

    path: str
    kind: FileKind
    device: int
    inode: int
    size: int
    modified: int
    offset: int
    head_size: int
    head: bytes
    tail: bytes
    grown: float


class _FileFields(TypedDict):
    """The fields that a Log and a LogPosition share."""

    path: str
    kind: FileKind
    device: int
    inode: int
    size: int
    modified: int


class Log(Struct, frozen=True):
    """A file as found now: its kind, its first bytes (unpacked), and its status on disk."""

    path: str
    kind: FileKind
    head: bytes
    device: int
    inode: int
    size: int
    modified: int

    def begins_as(self, position: LogPosition) -> bool:
        return (
            len(self.head) >= position.head_size
            and digest_of(self.head[: position.head_size]) == position.head
        )

    def is_file_of(self, position: LogPosition) -> bool:
        return (self.device, self.inode) == (position.device, position.inode)

    def is_unchanged_since(self, position: LogPosition) -> bool:
        return self.is_file_of(position) and (self.size, self.modified, self.kind) == (
            position.size,
            position.modified,
            position.kind,
        )

    def bytes_before(self, place: int) -> bytes:
        """At most TAIL bytes of a plain file. Raises OSError."""
        start = max(0, place - TAIL)
        return _bytes_of(self.path, start, place - start)

    def is_still_there(self) -> bool:
        """Does the path still name this file, and is it no shorter than before? Raises OSError."""
        status = Path(self.path).stat()
        return (status.st_dev, status.st_ino) == (
            self.device,
            self.inode,
        ) and status.st_size >= self.size

    def file_fields(self) -> "_FileFields":
        return _FileFields(
            path=self.path,
            kind=self.kind,
            device=self.device,
            inode=self.inode,
            size=self.size,
            modified=self.modified,
        )

    def position_at(self, offset: int, tail: bytes, grown: float) -> LogPosition:
        head = self.head[:offset]
        return LogPosition(
            **self.file_fields(),
            offset=offset,
            head_size=len(head),
            head=digest_of(head),
            tail=digest_of(tail),
            grown=grown,
        )


class ReadRequest(Struct, frozen=True):
    """The part of a log to be read, from `start` to `stop` (None: the end is unknown).

    `position` is the one by which the log was recognized; `tail` are the bytes before `stop`.
    """

    log: Log
    start: int
    stop: int | None
    position: LogPosition | None = None
    tail: bytes = b""

    def parts(self) -> Iterable[Part | RestPart]:
        if self.start == self.stop:
            return ()
        return (
            RestPart(self.log.path, self.start)
            if self.log.kind is FileKind.PACKED
            else Part(self.log.path),
        )

    def spans(self) -> Iterator[Part]:
        return spans(self.log.path, self.start, self.stop or 0)

    def position_after(self, ends: Mapping[str, End], at: float) -> LogPosition | None:
        """The LogPosition after reading; None if the file was replaced or cut. Raises OSError."""
        if self.position and self.start == self.stop:
            return replace(self.position, **self.log.file_fields())
        if not self.log.is_still_there():
            return None
        match self.log.kind:
            case FileKind.LINES if self.stop is not None:
                kept = self.log.bytes_before(self.stop) == self.tail
                return self.log.position_at(self.stop, self.tail, at) if kept else None
            case FileKind.PACKED:
                end = ends.get(self.log.path)
                return self.log.position_at(end.reached, end.tail, at) if end else None
        return self.log.position_at(self.log.size, self.log.bytes_before(self.log.size), at)


class ReadPlan(Struct, frozen=True):
    """Everything to be read.

    `gone` are the LogPositions whose logs were not found; `problems` are files that cannot be read.
    """

    readings: tuple[ReadRequest, ...]
    gone: tuple[LogPosition, ...]
    problems: tuple[Problem, ...]

    def whole(self) -> list[Part | RestPart]:
        """Files that are read whole, the largest first because they take longest."""
        readings = sorted(self.readings, key=lambda reading: -reading.log.size)
        return list(
            chain.from_iterable(
                reading.parts() for reading in readings if reading.log.kind is not FileKind.LINES
            )
        )

    def plain(self) -> list[Part]:
        """Spans of plain files."""
        return list(
            chain.from_iterable(
                reading.spans() for reading in self.readings if reading.log.kind is FileKind.LINES
            )
        )


def digest_of(data: bytes) -> bytes:
    """16 bytes by which `data` is recognized."""
    return blake2b(data, digest_size=16).digest()


def plan(files: Sequence[str], positions: Iterable[LogPosition]) -> ReadPlan:
    """Find out how far each file was read.

    Raises InputError for sources that a later run cannot find again: standard input and pipes.
    """
    _refuse_streams(files)
    known = _KnownPositions(positions)
    problems: list[Problem] = []
    logs: list[Log] = []
    for file in files:
        try:
            logs += _look(file)
        except OSError as error:
            problems.append(Problem(file, f"cannot be read: {error.strerror}"))
    readings: list[ReadRequest] = []
    for log in sorted(logs, key=known.reading_order):
        try:
            readings += _READINGS[log.kind](log, known, readings)
        except OSError as error:
            problems.append(Problem(log.path, f"cannot be read: {error.strerror}"))
    return ReadPlan(tuple(readings), tuple(known.positions), tuple(problems))


def newest(done: ReadPlan, ends: Mapping[str, End]) -> float:
    """The time of the last records of the logs that were read, in seconds since 1970 UTC; -inf if
    none has a time.

    Evidence alone does not tell: a day may have none.
    """
    tails = [reading.tail for reading in done.readings if reading.start != reading.stop] + [
        end.tail for end in ends.values()
    ]
    stamps = (
        next(
            (
                stamp
                for line in reversed(tail.split(b"\n"))
                if (stamp := stamp_of(line)) is not None
            ),
            -inf,
        )
        for tail in tails
    )
    return max(stamps, default=-inf)


def positions_after(
    done: ReadPlan, ends: Mapping[str, End], at: float, stats: ReadStats
) -> list[LogPosition]:
    """The LogPositions after everything was read, at the time `at`.

    A log that was moved or cut off meanwhile keeps its old position; that is noted in `stats`.
    """
    positions = list(done.gone)
    for reading in done.readings:
        position = _position_after(reading, ends, at)
        if position is None:
            stats.note_problem(
                reading.log.path,
                "was moved or cut off while it was read; the next run reads it again",
            )
        kept = position or reading.position
        positions += [kept] if kept and kept.offset else []
    return positions


def unread(done: ReadPlan, before: float) -> Iterator[Problem]:
    """Problems for logs that still grew at the last report, `before`, and are missing: their rest
    may be lost.
    """
    for position in done.gone:
        if position.grown >= before and position.kind is FileKind.LINES:
            what = (
                f"the log that was read up to byte {position.offset} was not found again under the "
                "given names: what was written to it after that was not read"
            )
            yield Problem(position.path, what)


class _KnownPositions:
    """The LogPositions that no file was recognized by yet."""

    def __init__(self, positions: Iterable[LogPosition]) -> None:
        self.positions = list(positions)
        self._inodes = {(position.device, position.inode) for position in self.positions}

    def reading_order(self, log: Log) -> tuple[bool, bool, str]:
        """Plain files before possible compressed copies of them; known inodes before others."""
        return log.kind is FileKind.PACKED, (log.device, log.inode) not in self._inodes, log.path

    def beginning_as(self, log: Log) -> list[LogPosition]:
        """The positions whose log begins like this one: those of the same file first, then the
        furthest.
        """
        found = (position for position in self.positions if log.begins_as(position))
        return sorted(
            found,
            key=lambda position: (not log.is_file_of(position), -position.offset, position.path),
        )

    def take(self, log: Log, fits: Callable[[LogPosition], bool]) -> LogPosition | None:
        position = next(filter(fits, self.beginning_as(log)), None)
        if position:
            self.positions.remove(position)
        return position


def _refuse_streams(files: Sequence[str]) -> None:
    streams = [
        file for file in files if not Path(file).is_file() and (file == "-" or Path(file).exists())
    ]
    if streams:
        raise InputError(
            Problem(file, "cannot be found again by the next run; --state reads files only")
            for file in streams
        )


def _look(path: str) -> Iterator[Log]:
    """The file as it is now; nothing for an empty one. Raises OSError."""
    with ExitStack() as stack:
        head = LogSource(path, stack, ReadStats()).head()[:HEAD]
    first, status = _bytes_of(path, 0, 8), Path(path).stat()
    if head and S_ISREG(status.st_mode):
        kind = (
            FileKind.WHOLE
            if not holds_lines(head)
            else FileKind.PACKED
            if compression_of(first)
            else FileKind.LINES
        )
        yield Log(
            path, kind, head, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        )


def _bytes_of(path: str, start: int, size: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, start)
    finally:
        os.close(descriptor)


def _position_after(reading: ReadRequest, ends: Mapping[str, End], at: float) -> LogPosition | None:
    try:
        return reading.position_after(ends, at)
    except OSError:  # gone since then
        return None


def _read_lines(
    log: Log, known: _KnownPositions, readings: Sequence[ReadRequest]
) -> Iterator[ReadRequest]:
    position = known.take(
        log,
        lambda position: (
            # A log that was read whole may end within a line: it was not known to have lines then.
            position.kind is not FileKind.WHOLE
            and position.offset <= log.size
            and digest_of(log.bytes_before(position.offset)) == position.tail
        ),
    )
    if position or not _is_copy(log, log.size, log.bytes_before(log.size), readings):
        start = position.offset if position else 0
        stop = _end_of_lines(log, start)
        yield ReadRequest(log, start, stop, position, log.bytes_before(stop))


def _read_whole(
    log: Log, known: _KnownPositions, _readings: Sequence[ReadRequest]
) -> Iterator[ReadRequest]:
    tail = digest_of(log.bytes_before(log.size))
    position = known.take(
        log,
        lambda position: (
            (position.kind, position.offset, position.tail) == (FileKind.WHOLE, log.size, tail)
        ),
    )
    yield ReadRequest(log, log.size if position else 0, log.size if position else None, position)


def _read_packed(
    log: Log, known: _KnownPositions, readings: Sequence[ReadRequest]
) -> Iterator[ReadRequest]:
    position = known.take(log, log.is_unchanged_since)
    if position:
        yield ReadRequest(log, position.offset, position.offset, position)
        return
    alike = [
        reading
        for reading in readings
        if reading.log.kind is FileKind.LINES and _begin_alike(reading.log, log)
    ]
    found = _unpack(log, [*known.beginning_as(log), *map(_expected, alike)])
    if not (found.ended and _is_copy(log, found.place, found.tail, alike)):
        yield ReadRequest(
            log,
            found.position.offset if found.position else 0,
            None,
            known.take(log, lambda position: position == found.position),
        )


_READINGS: Mapping[
    FileKind, Callable[[Log, _KnownPositions, Sequence[ReadRequest]], Iterator[ReadRequest]]
] = MappingProxyType(
    {FileKind.LINES: _read_lines, FileKind.PACKED: _read_packed, FileKind.WHOLE: _read_whole}
)


class _ContentPosition(Struct, frozen=True):
    """The furthest LogPosition that matches a compressed log.

    The log was unpacked up to `place`; `tail` are the bytes before that.
    """

    position: LogPosition | None
    place: int
    tail: bytes
    ended: bool


def _unpack(log: Log, positions: Sequence[LogPosition]) -> _ContentPosition:
    """Unpack to every LogPosition in turn and compare. Raises OSError."""
    best, place, tail, block = None, 0, b"", b"?"
    with ExitStack() as stack:
        source = LogSource(log.path, stack, ReadStats())
        for position in sorted(positions, key=lambda position: position.offset):
            while block and place < position.offset:
                block = source.read(min(BLOCK, position.offset - place))
                place, tail = place + len(block), (tail + block[-TAIL:])[-TAIL:]
            if place == position.offset and digest_of(tail) == position.tail:
                best = position
    return _ContentPosition(best, place, tail, ended=not block)


def _expected(reading: ReadRequest) -> LogPosition:
    return reading.log.position_at(reading.stop or 0, reading.tail, 0.0)


def _is_copy(log: Log, place: int, tail: bytes, readings: Sequence[ReadRequest]) -> bool:
    """True if this log, which ends at `place`, is the beginning of one that was read: it is being
    copied or compressed.
    """
    others = (
        r.log
        for r in readings
        if r.log.kind is FileKind.LINES and place <= r.log.size and _begin_alike(r.log, log)
    )
    return any(other.bytes_before(place) == tail for other in others)


def _begin_alike(one: Log, other: Log) -> bool:
    shared = min(len(one.head), len(other.head))
    return one.head[:shared] == other.head[:shared]


def _end_of_lines(log: Log, start: int) -> int:
    """The end of the last whole line after `start`; `start` if there is none. Raises OSError."""
    place, rest = log.size, b""
    while place > start:
        begin = max(start, place - BLOCK)
        block = _bytes_of(log.path, begin, place - begin)
        newline = block.rfind(b"\n") + 1
        rest = block[newline:] + rest
        if newline:
            return log.size if _is_whole(rest) else begin + newline
        place = begin
    return log.size if _is_whole(rest) else start


def _is_whole(line: bytes) -> bool:
    """True for a whole record without a newline: half a record lacks the last brace."""
    result = line_result(line)
    return line.rstrip().endswith(b"}") and not (
        isinstance(result, Skipped) and result.reason in _NO_RECORD
    )


_NO_RECORD = frozenset(
    (SkipReason.BLANK, SkipReason.TOO_LONG, SkipReason.NOT_JSON, SkipReason.NOT_AN_OBJECT)
)
