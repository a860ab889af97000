"""Files + log_positions of what was read before -> what of them is new, as parts to read, and the log_positions for the next time.

A log is known by its content, not by name or inode: by its first bytes, and by those before the
place that reading has come to. So it is found again renamed, copied, compressed, or after a reboot
that numbered the disks anew; and what was written over a file (copytruncate) is seen to be another
log. What cannot be proved to have been read is read: evidence counts once, however often.
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
    """How a file is read: by lines from a place on; unpacked up to a place and from there on; or whole (an export in one document)."""

    LINES = "lines"
    PACKED = "packed"
    WHOLE = "whole"


class LogPosition(Struct, frozen=True):
    """How far a log was read, and by what it is known again.

    `path`, `device`, `inode`, `size` (bytes on disk) and `modified` (ns since 1970) are those of the file that held it last. `offset` is
    the place behind the last whole line that was read, in bytes of the unpacked content. `head` and `tail` are prints of the first
    `head_size` bytes and of at most TAIL bytes before `offset`. `grown` is when more was last found in it
    (seconds since 1970 UTC).
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


class _Place(TypedDict):
    """The fields that a Log and a LogPosition share."""

    path: str
    kind: FileKind
    device: int
    inode: int
    size: int
    modified: int


class Log(Struct, frozen=True):
    """A file as it is found: of what kind, what it begins with (unpacked), and what the disk says of it."""

    path: str
    kind: FileKind
    head: bytes
    device: int
    inode: int
    size: int
    modified: int

    def begins_as(self, mark: LogPosition) -> bool:
        return (
            len(self.head) >= mark.head_size and print_of(self.head[: mark.head_size]) == mark.head
        )

    def is_file_of(self, mark: LogPosition) -> bool:
        return (self.device, self.inode) == (mark.device, mark.inode)

    def is_unchanged_since(self, mark: LogPosition) -> bool:
        return self.is_file_of(mark) and (self.size, self.modified, self.kind) == (
            mark.size,
            mark.modified,
            mark.kind,
        )

    def bytes_before(self, place: int) -> bytes:
        """At most TAIL bytes of a plain file. Raises OSError."""
        start = max(0, place - TAIL)
        return _bytes_of(self.path, start, place - start)

    def is_still_there(self) -> bool:
        """Is it still this file that goes by the name, and not shorter than it was? Raises OSError."""
        status = Path(self.path).stat()
        return (status.st_dev, status.st_ino) == (
            self.device,
            self.inode,
        ) and status.st_size >= self.size

    def place(self) -> "_Place":
        return _Place(
            path=self.path,
            kind=self.kind,
            device=self.device,
            inode=self.inode,
            size=self.size,
            modified=self.modified,
        )

    def mark(self, offset: int, tail: bytes, grown: float) -> LogPosition:
        head = self.head[:offset]
        return LogPosition(
            **self.place(),
            offset=offset,
            head_size=len(head),
            head=print_of(head),
            tail=print_of(tail),
            grown=grown,
        )


class ReadRequest(Struct, frozen=True):
    """What of a log is to be read: from `start` to `stop`, None where only reading can tell. `mark` is the one it was known by.

    `tail` is what stands before `stop`.
    """

    log: Log
    start: int
    stop: int | None
    mark: LogPosition | None = None
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

    def mark_after(self, ends: Mapping[str, End], at: float) -> LogPosition | None:
        """The log_position once it was read; None if the file is not the one that was to be read, or was cut off. Raises OSError."""
        if self.mark and self.start == self.stop:
            return replace(self.mark, **self.log.place())
        if not self.log.is_still_there():
            return None
        match self.log.kind:
            case FileKind.LINES if self.stop is not None:
                kept = self.log.bytes_before(self.stop) == self.tail
                return self.log.mark(self.stop, self.tail, at) if kept else None
            case FileKind.PACKED:
                end = ends.get(self.log.path)
                return self.log.mark(end.reached, end.tail, at) if end else None
        return self.log.mark(self.log.size, self.log.bytes_before(self.log.size), at)


class ReadPlan(Struct, frozen=True):
    """All that is to be read. `gone` are the log_positions whose logs were not found; `problems` are files that cannot be read."""

    readings: tuple[ReadRequest, ...]
    gone: tuple[LogPosition, ...]
    problems: tuple[Problem, ...]

    def whole(self) -> list[Part | RestPart]:
        """What is read as a whole, the largest first since they take longest."""
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


def print_of(data: bytes) -> bytes:
    """16 bytes by which `data` is known again."""
    return blake2b(data, digest_size=16).digest()


def plan(files: Sequence[str], marks: Iterable[LogPosition]) -> ReadPlan:
    """Find for every file how far it was read. Raises InputError for what cannot be found again: standard input, pipes."""
    _refuse_streams(files)
    shelf = _Shelf(marks)
    problems: list[Problem] = []
    logs: list[Log] = []
    for file in files:
        try:
            logs += _look(file)
        except OSError as error:
            problems.append(Problem(file, f"cannot be read: {error.strerror}"))
    readings: list[ReadRequest] = []
    for log in sorted(logs, key=shelf.order_of):
        try:
            readings += _READINGS[log.kind](log, shelf, readings)
        except OSError as error:
            problems.append(Problem(log.path, f"cannot be read: {error.strerror}"))
    return ReadPlan(tuple(readings), tuple(shelf.marks), tuple(problems))


def newest(done: ReadPlan, ends: Mapping[str, End]) -> float:
    """When the last records of the logs that were read were logged, seconds since 1970 UTC; -inf where none tells.

    Evidence alone does not tell how late it is: a night without any goes by as well.
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


def marks_after(
    done: ReadPlan, ends: Mapping[str, End], at: float, stats: ReadStats
) -> list[LogPosition]:
    """The log_positions once everything was read, at the time `at`.

    A log that was moved or cut meanwhile keeps its old one; that is noted in `stats`.
    """
    marks = list(done.gone)
    for reading in done.readings:
        mark = _mark_after(reading, ends, at)
        if mark is None:
            stats.note_problem(
                reading.log.path,
                "was moved or cut off while it was read; the next run reads it again",
            )
        kept = mark or reading.mark
        marks += [kept] if kept and kept.offset else []
    return marks


def unread(done: ReadPlan, before: float) -> Iterator[Problem]:
    """What may have been lost: logs that were still written to at the last report, `before`, and are not to be found any more."""
    for mark in done.gone:
        if mark.grown >= before and mark.kind is FileKind.LINES:
            what = f"what was read up to byte {mark.offset} is gone, under any name that was asked for: what came after that was not read"
            yield Problem(mark.path, what)


class _Shelf:
    """The log_positions not yet found to belong to a file."""

    def __init__(self, marks: Iterable[LogPosition]) -> None:
        self.marks = list(marks)
        self._inodes = {(mark.device, mark.inode) for mark in self.marks}

    def order_of(self, log: Log) -> tuple[bool, bool, str]:
        """Plain files before what may be a compressed copy of them, and those that stayed where they were before others."""
        return log.kind is FileKind.PACKED, (log.device, log.inode) not in self._inodes, log.path

    def like(self, log: Log) -> list[LogPosition]:
        """Those that begin as this log does; that of the same file first, then the one that is furthest."""
        found = (mark for mark in self.marks if log.begins_as(mark))
        return sorted(found, key=lambda mark: (not log.is_file_of(mark), -mark.offset, mark.path))

    def take(self, log: Log, fits: Callable[[LogPosition], bool]) -> LogPosition | None:
        mark = next(filter(fits, self.like(log)), None)
        if mark:
            self.marks.remove(mark)
        return mark


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
    """The file as it is now; nothing of an empty one. Raises OSError."""
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


def _mark_after(reading: ReadRequest, ends: Mapping[str, End], at: float) -> LogPosition | None:
    try:
        return reading.mark_after(ends, at)
    except OSError:  # gone since
        return None


def _read_lines(log: Log, shelf: _Shelf, readings: Sequence[ReadRequest]) -> Iterator[ReadRequest]:
    mark = shelf.take(
        log,
        lambda mark: (
            mark.offset <= log.size and print_of(log.bytes_before(mark.offset)) == mark.tail
        ),
    )
    if mark or not _is_copy(log, log.size, log.bytes_before(log.size), readings):
        start = mark.offset if mark else 0
        stop = _end_of_lines(log, start)
        yield ReadRequest(log, start, stop, mark, log.bytes_before(stop))


def _read_whole(log: Log, shelf: _Shelf, _readings: Sequence[ReadRequest]) -> Iterator[ReadRequest]:
    tail = print_of(log.bytes_before(log.size))
    mark = shelf.take(
        log, lambda mark: (mark.kind, mark.offset, mark.tail) == (FileKind.WHOLE, log.size, tail)
    )
    yield ReadRequest(log, log.size if mark else 0, log.size if mark else None, mark)


def _read_packed(log: Log, shelf: _Shelf, readings: Sequence[ReadRequest]) -> Iterator[ReadRequest]:
    mark = shelf.take(log, log.is_unchanged_since)
    if mark:
        yield ReadRequest(log, mark.offset, mark.offset, mark)
        return
    kin = [
        reading
        for reading in readings
        if reading.log.kind is FileKind.LINES and _begin_alike(reading.log, log)
    ]
    found = _unpack(log, [*shelf.like(log), *map(_expected, kin)])
    if not (found.ended and _is_copy(log, found.place, found.tail, kin)):
        yield ReadRequest(
            log,
            found.mark.offset if found.mark else 0,
            None,
            shelf.take(log, lambda mark: mark == found.mark),
        )


_READINGS: Mapping[
    FileKind, Callable[[Log, _Shelf, Sequence[ReadRequest]], Iterator[ReadRequest]]
] = MappingProxyType(
    {FileKind.LINES: _read_lines, FileKind.PACKED: _read_packed, FileKind.WHOLE: _read_whole}
)


class _ContentPosition(Struct, frozen=True):
    """The furthest log_position that fits a compressed log, and how far it was unpacked: to `place`, before which stands `tail`."""

    mark: LogPosition | None
    place: int
    tail: bytes
    ended: bool


def _unpack(log: Log, marks: Sequence[LogPosition]) -> _ContentPosition:
    """Unpack to every log_position in turn and compare. Raises OSError."""
    best, place, tail, block = None, 0, b"", b"?"
    with ExitStack() as stack:
        source = LogSource(log.path, stack, ReadStats())
        for mark in sorted(marks, key=lambda mark: mark.offset):
            while block and place < mark.offset:
                block = source.read(min(BLOCK, mark.offset - place))
                place, tail = place + len(block), (tail + block[-TAIL:])[-TAIL:]
            if place == mark.offset and print_of(tail) == mark.tail:
                best = mark
    return _ContentPosition(best, place, tail, ended=not block)


def _expected(reading: ReadRequest) -> LogPosition:
    return reading.log.mark(reading.stop or 0, reading.tail, 0.0)


def _is_copy(log: Log, place: int, tail: bytes, readings: Sequence[ReadRequest]) -> bool:
    """Is all of this log, which ends at `place`, at the beginning of one that is read already? Then it is being copied or compressed."""
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
    """Behind the last whole line after `start`; `start` if there is none. Raises OSError."""
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
    """Is this a record, if without a newline yet? A half one never is: its last brace is missing."""
    result = line_result(line)
    return line.rstrip().endswith(b"}") and not (
        isinstance(result, Skipped) and result.reason in _NO_RECORD
    )


_NO_RECORD = frozenset(
    (SkipReason.BLANK, SkipReason.TOO_LONG, SkipReason.NOT_JSON, SkipReason.NOT_AN_OBJECT)
)
