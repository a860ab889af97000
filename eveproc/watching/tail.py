"""Log that is being written -> its new lines, through rename, copytruncate and rewriting.

The file is polled. inotify was measured and gains nothing: a look at a file without news takes some
30 us, and inotify does not work on the network file systems that some sites log to.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from glob import escape
from pathlib import Path

from msgspec import Struct

from eveproc.input import snort
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import BLOCK, MAX_LINE, TAIL, LogSource
from eveproc.input.sources import HEAD as BOOKMARK_HEAD
from eveproc.state.log_position import FileKind, Log, LogPosition, digest_of
from rulegen.errors import InputError, Problem

# A file is recognized by its first bytes: time in microseconds, flow and addresses of its first
# record.
HEAD = 256
# Suricata writes into a renamed file until it is told to open a new one. After so many seconds
# without news it has.
GRACE_SECONDS = 60.0
# Number of completely read logs that are recognized; a rotation keeps some ten.
MOST_HEADS = 256
SOURCES = "a file that Suricata writes, unix:PATH, unixgram:PATH and redis://HOST:PORT?key=NAME"
PACKED = frozenset((".gz", ".zst", ".xz", ".bz2"))

Piece = tuple[bytes, int]


class Position(Struct, frozen=True):
    """How far a file was read: at most HEAD first bytes, and an offset at the start of a line."""

    head: bytes
    offset: int


class FollowedFile:
    """One open file that grows -> pieces of whole lines, each once."""

    def __init__(self, path: Path, stats: ReadStats, offset: int = 0) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.status = os.fstat(self.descriptor)
        self.offset = offset
        self.head = os.pread(self.descriptor, HEAD, 0)
        self.stats = stats
        self.modified = self.status.st_mtime_ns
        self._seen = -1
        self._in_long_line = False

    @property
    def identity(self) -> tuple[int, int]:
        return self.status.st_dev, self.status.st_ino

    @property
    def position(self) -> Position:
        return Position(self.head, self.offset)

    def log_position(self, path: Path, at: float) -> LogPosition:
        """For a state kept at the time `at`: how to recognize the log, and where to read on.

        Raises OSError.
        """
        status = os.fstat(self.descriptor)
        head = os.pread(self.descriptor, BOOKMARK_HEAD, 0)
        # As log_position.py tells kinds: after a restart a log of Snort is read whole.
        is_snort = snort.reader_for(head) is not None
        log = Log(
            str(path),
            FileKind.WHOLE if is_snort else FileKind.LINES,
            head,
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
        )
        before = min(TAIL, self.offset)
        return log.position_at(
            self.offset, os.pread(self.descriptor, before, self.offset - before), at
        )

    def is_rewritten(self) -> bool:
        """True if the content is another than the one that was read."""
        size = os.fstat(self.descriptor).st_size
        return size < self.offset or os.pread(self.descriptor, len(self.head), 0) != self.head

    def was_rewritten(self) -> bool:
        """True if the content was replaced; reading starts again at its beginning then."""
        if not self.is_rewritten():
            return False
        self.offset, self._seen, self._in_long_line = 0, -1, False
        self.head = os.pread(self.descriptor, HEAD, 0)
        return True

    def pieces(self) -> Iterator[Piece]:
        """Whole lines written since the last call. A piece is read when the next is asked for."""
        status = os.fstat(self.descriptor)
        size, self.modified = status.st_size, status.st_mtime_ns
        if size == self._seen:
            return
        if len(self.head) < HEAD:
            self.head = os.pread(self.descriptor, HEAD, 0)
        want = BLOCK
        while block := os.pread(self.descriptor, want, self.offset):
            end = block.rfind(b"\n") + 1
            if not end and len(block) == want <= MAX_LINE:
                want = MAX_LINE + 1  # a long line: read again, with as much of it as is useful
                continue
            if not end and len(block) < want:
                break
            yield from self._of_line_ends(block, end)
            self._advance(end or len(block))
            self._in_long_line = not end
            want = BLOCK
        self._seen = size

    def is_read_to(self, mark: LogPosition) -> bool:
        """True if the content before the offset of `mark` is still that which was read."""
        before = min(TAIL, mark.offset)
        return digest_of(os.pread(self.descriptor, before, mark.offset - before)) == mark.tail

    def start_at(self, offset: int) -> None:
        """Read on here, or from the beginning of the line that is cut here."""
        before = os.pread(self.descriptor, min(TAIL, offset), max(0, offset - TAIL))
        begun = len(before) - before.rfind(b"\n") - 1
        self.offset = offset - begun if begun < TAIL else offset

    def was_written_to(self) -> bool:
        """True if it was written to since the last look, even if that was removed again."""
        return os.fstat(self.descriptor).st_mtime_ns != self.modified

    def last_piece(self) -> Iterator[Piece]:
        """The last line, which has no newline."""
        if tail := os.pread(self.descriptor, MAX_LINE + 1, self.offset):
            yield tail, len(tail)
            self._advance(len(tail))

    def close(self) -> None:
        os.close(self.descriptor)

    def _of_line_ends(self, block: bytes, end: int) -> Iterator[Piece]:
        """The start of a line longer than MAX_LINE is a piece; the rest of it is skipped."""
        if not self._in_long_line:
            yield block, end or len(block)
        elif (rest := end - block.index(b"\n") - 1 if end else 0) > 0:
            yield block[end - rest :], rest

    def _advance(self, read: int) -> None:
        self.offset += read
        self.stats.bytes += read


class Follower:
    """Follows the file that has the name `path` at the time.

    Raises InputError if it can never be read.
    """

    def __init__(self, path: str, stats: ReadStats) -> None:
        self.path = Path(path)
        self._stats = stats
        self._current: FollowedFile | None = None
        self._older: list[tuple[float, FollowedFile]] = []  # with the time of their last new line
        self._read: deque[bytes] = deque(maxlen=MOST_HEADS)
        self._fault = ""
        _refuse(self.path)

    def hold(self, now: float) -> None:
        """Open the file, so that a rotation before the first look takes no line away."""
        self._turn(now)

    def resume(self, marks: Iterable[LogPosition]) -> None:
        """Skip what another reader has read of the file, up to one of the marks."""
        if self._current is not None:
            reached = (mark.offset for mark in marks if self._current.is_read_to(mark))
            self._current.start_at(max(reached, default=0))

    def poll(self, now: float) -> Iterator[Piece]:
        """Every new line since the last call; `now` is a monotonic clock in seconds."""
        yield from self._poll_older(now)
        former = self._current
        if former is not None:
            before, modified = former.position, former.modified
            was_empty = not before.head and former.was_written_to()
            if former.was_rewritten():
                self._read.append(before.head)
                yield from self._rest_of_copy(before, now)
                yield from self._missed(modified, now)
            yield from former.pieces()
            if was_empty:  # it may have been emptied again since then, after a copy
                yield from self._missed(modified, now)
        if self._turn(now) and self._current is not None:
            if former is not None:
                yield from self._missed(former.modified, now)
            yield from self._current.pieces()

    def log_positions(self, at: float) -> Iterator[LogPosition]:
        """Positions in the files that may still get new lines, for a state kept at `at`."""
        for reading in [
            *(reading for _, reading in self._older),
            *([self._current] if self._current else []),
        ]:
            with suppress(OSError):  # the disk is gone; its lines are read again later
                # A log that was emptied since the last look is read anew.
                if reading.offset and not reading.is_rewritten():
                    yield reading.log_position(self.path, at)

    def commit(self) -> None:
        """Nothing to do: the file stays."""

    def close(self) -> None:
        for _, reading in self._older:
            reading.close()
        if self._current is not None:
            self._current.close()

    def _turn(self, now: float) -> bool:
        """True if another file took the name. The earlier one is followed until it is quiet."""
        try:
            status = self.path.stat()
            if self._current is not None and self._current.identity == (
                status.st_dev,
                status.st_ino,
            ):
                return False
            taken = FollowedFile(self.path, self._stats)
        except OSError as error:
            self._note_fault(
                ""
                if isinstance(error, FileNotFoundError)
                else f"cannot be read, and is tried again: {error.strerror}"
            )
            return False
        self._note_fault("")
        self._stats.files += 1
        if self._current is not None:
            self._older.append((now, self._current))
        self._current = taken
        return True

    def _note_fault(self, fault: str) -> None:
        """Report a fault once. A missing file is none: rotation leaves none for a moment."""
        if fault and fault != self._fault:
            self._stats.note_problem(str(self.path), fault)
        self._fault = fault

    def _poll_older(self, now: float) -> Iterator[Piece]:
        for place, (since, reading) in enumerate(self._older):
            before = reading.offset
            yield from reading.pieces()
            self._older[place] = (since if reading.offset == before else now, reading)
        for entry in [entry for entry in self._older if now - entry[0] >= GRACE_SECONDS]:
            yield from entry[1].last_piece()
            self._read.append(entry[1].head)
            entry[1].close()
            self._older.remove(entry)

    def _missed(self, since: int, now: float) -> Iterator[Piece]:
        """Logs created and rotated away between two looks: modified since (ns), not read yet.

        Reading a log twice costs time and changes no verdict.
        """
        for path in sorted(rotated(self.path), key=_modified):
            with suppress(OSError):  # rotated again meanwhile
                head = _head_of(path)
                if _modified(path) < since or not head or self._is_read(head):
                    continue
                self._stats.files += 1
                self._read.append(head)
                if path.suffix in PACKED:
                    yield from _unpacked(path, 0, self._stats)
                else:
                    self._older.append((now, missed := FollowedFile(path, self._stats)))
                    yield from missed.pieces()

    def _is_read(self, head: bytes) -> bool:
        following = [reading.head for _, reading in self._older]
        current = [self._current.head] if self._current else []
        return any(one and head.startswith(one) for one in (*self._read, *following, *current))

    def _rest_of_copy(self, known: Position, now: float) -> Iterator[Piece]:
        """The last lines of an emptied file, from the copy made before, compressed or not."""
        found = next((path for path in rotated(self.path) if _holds(path, known)), None)
        try:
            if found is None:
                what = (
                    "was emptied, and no copy of it is found: its last lines may not have been read"
                )
                self._stats.note_problem(str(self.path), what)
            elif found.suffix in PACKED:
                yield from _unpacked(found, known.offset, self._stats)
            else:
                self._older.append((now, copy := FollowedFile(found, self._stats, known.offset)))
                yield from copy.pieces()
        except OSError as error:
            self._stats.note_problem(str(found), f"cannot be read: {error.strerror}")


def rotated(path: Path) -> list[Path]:
    """Files with the name and a suffix, plain ones first: only those are whole while gzip runs."""
    found = [other for other in path.parent.glob(f"{escape(path.name)}?*") if other.is_file()]
    return sorted(found, key=lambda other: (other.suffix in PACKED, other.name))


def _refuse(path: Path) -> None:
    """Raise InputError for what can never be followed. A file that does not exist yet can."""
    what = ""
    if not path.parent.is_dir():
        what = "cannot be followed: there is no such folder"
    elif path.exists() and not path.is_file():
        what = f"is no file; expected {SOURCES}"
    elif path.exists() and not os.access(path, os.R_OK):
        what = "cannot be read: permission denied"
    if what:
        raise InputError([Problem(str(path), what)])


def _holds(path: Path, known: Position) -> bool:
    with suppress(OSError):
        return bool(known.head) and _head_of(path).startswith(known.head)
    return False


def _head_of(path: Path) -> bytes:
    """The first HEAD bytes of the content. Raises OSError."""
    with ExitStack() as stack:
        return LogSource(str(path), stack, ReadStats()).head()[:HEAD]


def _modified(path: Path) -> int:
    """When it was last written to, in ns; 0 where it has gone."""
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def _unpacked(path: Path, offset: int, stats: ReadStats) -> Iterator[Piece]:
    """The content of a compressed file after `offset`."""
    try:
        with ExitStack() as stack:
            source = LogSource(str(path), stack, stats)
            left = offset
            for block, end in source.blocks():
                if left < end:
                    yield block[left:end], end - left
                left = max(0, left - end)
    except OSError as error:
        stats.note_problem(str(path), f"cannot be read: {error.strerror}")
