"""A log that is being written -> its new lines, through rotation by rename, by copytruncate, and by writing the file anew.

It is asked at intervals. Being woken by inotify instead was measured and gains nothing: a look at a file without news takes 10 us,
four a second are not seen in `top`, and inotify does not work on the network file systems that some sites log to.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from eveproc.sources import BLOCK, MAX_LINE, Source
from eveproc.stats import ReadStats
from rulegen.errors import InputError, Problem

# By so many first bytes a file is known again: time of day in microseconds, flow and addresses of its first record.
HEAD = 256
# Suricata writes into a renamed file until it is told to open a new one. After so many seconds without news it has.
GRACE_SECONDS = 60.0
PACKED = frozenset((".gz", ".zst", ".xz", ".bz2"))

Piece = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file was read: `head` are its first bytes, HEAD or fewer. Offsets are in bytes and at the start of a line."""

    device: int
    inode: int
    head: bytes
    offset: int


class Reading:
    """One open file that grows: pieces of whole lines, each once."""

    def __init__(self, path: Path, stats: ReadStats, offset: int = 0) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.status = os.fstat(self.descriptor)
        self.offset = offset
        self.head = os.pread(self.descriptor, HEAD, 0)
        self.stats = stats
        self._seen = -1
        self._in_long_line = False

    @property
    def identity(self) -> tuple[int, int]:
        return self.status.st_dev, self.status.st_ino

    @property
    def position(self) -> Position:
        return Position(*self.identity, self.head, self.offset)

    def was_rewritten(self) -> bool:
        """Is what is there now something else than what was read? Then nothing of it was read yet."""
        size = os.fstat(self.descriptor).st_size
        if size >= self.offset and (size == self._seen or os.pread(self.descriptor, len(self.head), 0) == self.head):
            return False
        self.offset, self._seen, self._in_long_line = 0, -1, False
        self.head = os.pread(self.descriptor, HEAD, 0)
        return True

    def pieces(self) -> Iterator[Piece]:
        """What was written since; half a line at the end stays for the next time. A piece counts as read when the next is asked for."""
        size = os.fstat(self.descriptor).st_size
        if size == self._seen:
            return
        if len(self.head) < HEAD:
            self.head = os.pread(self.descriptor, HEAD, 0)
        want = BLOCK
        while block := os.pread(self.descriptor, want, self.offset):
            end = block.rfind(b"\n") + 1
            if not end and len(block) == want <= MAX_LINE:
                want = MAX_LINE + 1  # a long line: once more, as much of it as can be of use
                continue
            if not end and len(block) < want:
                break
            yield from self._of_line_ends(block, end)
            self._advance(end or len(block))
            self._in_long_line = not end
            want = BLOCK
        self._seen = size

    def last_piece(self) -> Iterator[Piece]:
        """Half a line that nobody will end any more."""
        if tail := os.pread(self.descriptor, MAX_LINE + 1, self.offset):
            yield tail, len(tail)
            self._advance(len(tail))

    def close(self) -> None:
        os.close(self.descriptor)

    def _of_line_ends(self, block: bytes, end: int) -> Iterator[Piece]:
        """A line longer than MAX_LINE is told once, by its beginning, and its rest passed over."""
        if not self._in_long_line:
            yield block, end or len(block)
        elif (rest := end - block.index(b"\n") - 1 if end else 0) > 0:
            yield block[end - rest :], rest

    def _advance(self, read: int) -> None:
        self.offset += read
        self.stats.bytes += read


class Follower:
    """Follows what is called `path`, whatever file that is at the time. Raises InputError where it can never be read."""

    def __init__(self, path: str, stats: ReadStats, known: tuple[Position, ...] = ()) -> None:
        self.path = Path(path)
        self._stats = stats
        self._current: Reading | None = None
        self._older: list[tuple[float, Reading]] = []  # with the moment of their last news
        self._rests = list(known)
        self._fault = ""
        self._refuse()

    def poll(self, now: float) -> Iterator[Piece]:
        """Every new line since the last call; `now` is any clock in seconds that only goes forward."""
        yield from self._poll_older(now)
        if self._current is not None:
            if self._current_was_rewritten():
                yield from self._unread_rests(now)
            yield from self._current.pieces()
        if self._turn(now):
            yield from self._unread_rests(now)
            yield from self._current.pieces() if self._current else ()

    def positions(self) -> tuple[Position, ...]:
        """What a later Follower of the same path has to know, to read on where this one is."""
        readings = [reading for _, reading in self._older] + ([self._current] if self._current else [])
        return (*self._rests, *(reading.position for reading in readings if reading.head))

    def commit(self) -> None:
        """Nothing to do: the file stays."""

    def close(self) -> None:
        for _, reading in self._older:
            reading.close()
        if self._current is not None:
            self._current.close()

    def _refuse(self) -> None:
        """A path that is to appear yet is no fault; nothing that could appear there is one."""
        if self.path.exists() and not self.path.is_file():
            what = "is no file; allowed are a file that Suricata writes, unix:PATH, unixgram:PATH and redis://HOST:PORT?key=NAME"
            raise InputError([Problem(str(self.path), what)])
        if not self.path.parent.is_dir():
            raise InputError([Problem(str(self.path), "cannot be followed: there is no such folder")])
        if self.path.exists() and not os.access(self.path, os.R_OK):
            raise InputError([Problem(str(self.path), "cannot be read: permission denied")])

    def _turn(self, now: float) -> bool:
        """Did another file take the name? Then it is the current one, and the former is read on until it is quiet."""
        try:
            status = self.path.stat()
            if self._current is not None and self._current.identity == (status.st_dev, status.st_ino):
                return False
            taken = Reading(self.path, self._stats)
        except OSError as error:
            self._note_fault("" if isinstance(error, FileNotFoundError) else f"cannot be read, and is tried again: {error.strerror}")
            return False
        self._note_fault("")
        self._stats.files += 1
        self._go_on(taken)
        if self._current is not None:
            self._older.append((now, self._current))
        self._current = taken
        return True

    def _note_fault(self, fault: str) -> None:
        """Once, not at every look. That there is no file is none: between two names there is none for a moment."""
        if fault and fault != self._fault:
            self._stats.note_problem(str(self.path), fault)
        self._fault = fault

    def _go_on(self, taken: Reading) -> None:
        """Where this file was read before, from there on."""
        for known in self._rests:
            if (known.device, known.inode) == taken.identity and _is_same(taken.head, known):
                taken.offset = known.offset
                self._rests.remove(known)
                return

    def _poll_older(self, now: float) -> Iterator[Piece]:
        for place, (since, reading) in enumerate(self._older):
            before = reading.offset
            yield from reading.pieces()
            self._older[place] = (since if reading.offset == before else now, reading)
        for entry in [entry for entry in self._older if now - entry[0] >= GRACE_SECONDS]:
            yield from entry[1].last_piece()
            entry[1].close()
            self._older.remove(entry)

    def _current_was_rewritten(self) -> bool:
        reading = self._current
        assert reading is not None
        before = reading.position
        if not reading.was_rewritten():
            return False
        self._rests.append(before)
        return True

    def _unread_rests(self, now: float) -> Iterator[Piece]:
        """The end of files that have another name by now, as a copy too, and packed; then whatever was written after them and rotated."""
        while self._rests:
            known = self._rests[0]
            found = next((path for path in self._siblings() if _holds(path, known)), None)
            if found is None:
                what = "was rotated or emptied, and what it held is found under no other name: its last lines may not have been read"
                self._stats.note_problem(str(self.path), what)
            else:
                yield from self._rest_of(found, known.offset, now)
                for later in self._later_than(found, known):
                    yield from self._rest_of(later, 0, now)
            self._rests.pop(0)

    def _rest_of(self, path: Path, offset: int, now: float) -> Iterator[Piece]:
        """What of a rotated file comes after `offset`; a plain one may still be written to."""
        if path.suffix in PACKED:
            yield from _unpacked(path, offset, self._stats)
            return
        try:
            reading = Reading(path, self._stats, offset)
        except OSError as error:
            self._stats.note_problem(str(path), f"cannot be read: {error.strerror}")
            return
        self._older.append((now, reading))
        yield from reading.pieces()

    def _siblings(self) -> list[Path]:
        """Rotated files of this name, plain ones first: while gzip works there are both, and the plain one is whole."""
        found = [path for path in self.path.parent.glob(f"{_literal(self.path.name)}?*") if path.is_file()]
        return sorted(found, key=lambda path: (path.suffix in PACKED, path.name))

    def _later_than(self, found: Path, known: Position) -> list[Path]:
        """Files that came and went between two runs; while running, each is read as it is written."""
        if self._current is None or self._current.offset or known.inode == self._current.status.st_ino:
            return []
        times = {path: _written(path) for path in self._siblings() if path != found}
        open_now = {reading.identity for _, reading in self._older}
        new = [path for path, time in times.items() if time > _written(found) and _identity(path) not in open_now]
        return sorted(new, key=lambda path: times[path])


def _holds(path: Path, known: Position) -> bool:
    with suppress(OSError), ExitStack() as stack:
        return _is_same(Source(str(path), stack, ReadStats()).head(), known)
    return False


def _is_same(head: bytes, known: Position) -> bool:
    return bool(known.head) and head[: len(known.head)] == known.head


def _unpacked(path: Path, offset: int, stats: ReadStats) -> Iterator[Piece]:
    """What of a packed file comes after `offset` of its content."""
    try:
        with ExitStack() as stack:
            source = Source(str(path), stack, stats)
            left = offset
            for block, end in source.blocks():
                if left < end:
                    yield block[left:end], end - left
                left = max(0, left - end)
    except OSError as error:
        stats.note_problem(str(path), f"cannot be read: {error.strerror}")


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _literal(name: str) -> str:
    """A file name as a glob that matches it alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
