"""Files, folders, globs or standard input -> paths, and the bytes behind them."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from io import BufferedIOBase, BufferedReader
from itertools import islice
from math import inf
from pathlib import Path
from types import MappingProxyType

from eveproc.input import snort
from eveproc.input.decompress import BombError, Bzip2Stream, GzipStream, XzStream, ZstdStream
from eveproc.input.read_stats import ReadStats
from rulegen.errors import InputError, Problem
from rulegen.files import special_kind

STDIN = "-"
IN_FOLDER = (
    "eve*.json*"  # eve.json, eve.7.json (threaded), eve-2026-01-31.json, eve.json.1, eve.json.2.gz
)
HEAD = 4096
# Maximum number of files that a message names.
MOST_NAMED = 10
# Maximum number of folders in a folder that are searched for logs.
MOST_FOLDERS = 1000
# Number of bytes before the position in a log that are compared: some ten lines, each with a time
# and a flow id.
TAIL = 4096
BLOCK = 1 << 20
# Suricata's longest lines are statistics of hundreds of threads, about 1 MiB.
MAX_LINE = 16 << 20
# The least that a disk loses. A block of zeros at the head of a log is left by a rotation.
HOLE = b"\0" * 512
HAS_HOLE = "holds a block of zeros in place of records: they may be lost"
# Input of so many bytes without a newline is no log, but for example an endless device.
LONGEST_PASSED = 1 << 30

_DENIED = "cannot be read: permission denied"
# pzstd begins with a skippable frame, which may have one of sixteen numbers (RFC 8878, 3.1.2).
_MAGIC = MappingProxyType(
    {
        b"\x1f\x8b": "gz",
        b"BZh": "bz2",
        b"\xfd7zXZ\0": "xz",
        b"\x28\xb5\x2f\xfd": "zst",
        **{bytes((number, 0x2A, 0x4D, 0x18)): "zst" for number in range(0x50, 0x60)},
    }
)
# First bytes of a zip archive, and the mark of a tar archive with its offset.
ZIP, TAR, TAR_PLACE = b"PK\x03\x04", b"ustar", 257


_STREAMS: Mapping[str, Callable[[BufferedReader], BufferedIOBase]] = MappingProxyType(
    {"gz": GzipStream, "bz2": Bzip2Stream, "xz": XzStream, "zst": ZstdStream}
)


def find_files(sources: Sequence[str]) -> tuple[str, ...]:
    """The paths that files, folders and globs stand for, without repeats; "-" stays.

    Raises InputError with every fault.
    """
    paths: list[str] = []
    problems: list[Problem] = []
    for source in sources:
        match _paths(source):
            case Problem() as problem:
                problems.append(problem)
            case found:
                paths += found
    problems += [Problem(path, _DENIED) for path in paths if not _readable(path)]
    if problems:
        raise InputError(problems)
    first_names: dict[tuple[int, int] | str, str] = {}
    for path in paths:
        first_names.setdefault(_identity(path), path)
    return tuple(first_names.values())


def _paths(source: str) -> list[str] | Problem:
    try:
        return _existing(source) or _globbed(source)
    except OSError as error:
        return Problem(source, f"cannot be read: {error.strerror}")
    except ValueError as error:
        return Problem(source, f"is neither a path nor a pattern: {error}")


def _existing(source: str) -> list[str] | Problem | None:
    if not source:
        return Problem('""', "is empty; expected files, folders, globs and -")
    path = Path(source)
    if path.is_dir():
        return _in_folder(path)
    if source == STDIN and sys.stdin is None:  # the next opened file would take its descriptor
        return Problem(source, "cannot be read: standard input is closed")
    if source == STDIN or not path.exists():
        return [source] if source == STDIN else None
    kind = special_kind(path)
    if kind in ("", "pipe") or source == os.devnull:
        return [source]
    return Problem(source, f"is a {kind}; expected files, folders, globs, named pipes and -")


def _in_folder(folder: Path) -> list[str] | Problem:
    if not _can_list(folder):
        return Problem(str(folder), _DENIED)
    files = sorted(str(path) for path in _logs_in(folder) if path.is_file())
    if files:
        return files
    others = named_shortly([path.name for path in _others_in(folder)])
    holds = f"; it holds {others}: name a file to read it" if others else ""
    what = f"looked for {IN_FOLDER}, fast.log and the logs of Snort, plain or compressed"
    return Problem(str(folder), f"holds no eve file; {what}{holds}")


def _logs_in(folder: Path) -> set[Path]:
    """The files with the name of a log that do not repeat another log."""
    named = _named_as_logs(folder)
    files = {path for path in named if path.is_file()}
    return (named - files) | snort.without_repetitions(files)


def _named_as_logs(folder: Path) -> set[Path]:
    patterns = (IN_FOLDER, *snort.IN_FOLDER)
    return {path for pattern in patterns for path in folder.glob(pattern)}


def _others_in(folder: Path) -> list[Path]:
    """The other files, including those in folders of Snort's packet threads that are read."""
    logs = _logs_in(folder)
    folders = {folder, *(path.parent for path in logs)}
    inside = {path for one in folders for path in one.iterdir() if path.is_file()}
    return sorted(inside - logs)


def named_shortly(names: Sequence[str]) -> str:
    """The first MOST_NAMED of some names, and the number of the others."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _globbed(pattern: str) -> list[str] | Problem:
    if not re.search(r"[*?[]", pattern):
        return Problem(pattern, "no such file")
    files = sorted(map(str, snort.without_repetitions(_matching_files(pattern))))
    folder = _folder_of_pattern(Path(pattern))
    if not files and folder.is_dir() and not _can_list(folder):
        return Problem(pattern, f"{_DENIED} for {folder}")
    return files or Problem(pattern, "matches no file")


def _matching_files(pattern: str) -> set[Path]:
    return {match for match in _matches(pattern) if match.is_file()}


def _matches(pattern: str) -> Iterator[Path]:
    path = Path(pattern)
    return Path(path.anchor).glob(str(path.relative_to(path.anchor)))


def _folder_of_pattern(pattern: Path) -> Path:
    """The deepest folder before the first wildcard."""
    return next(one for one in pattern.parents if not re.search(r"[*?[]", str(one)))


def _can_list(folder: Path) -> bool:
    """True if the folder can be read: in others Path.glob silently finds nothing."""
    return os.access(folder, os.R_OK | os.X_OK)


def passed_over(sources: Sequence[str]) -> Iterator[Problem]:
    """The files that find_files leaves out of folders and globs: pipes, devices and sockets, which
    may be endless, and dead links.
    """
    for source in sources:
        with suppress(OSError, ValueError):  # find_files has reported it
            for path in sorted(_candidates(source)):
                if fault := _not_a_file(path):
                    yield Problem(str(path), fault)


def note_passed_over(sources: Sequence[str], stats: ReadStats) -> None:
    """Note in the stats what find_files leaves out of folders and globs.

    A file that holds records under a name that is not a log's is a problem. All other files are
    named, and so are logs in text that repeat another one.
    """
    stats.note_problems(passed_over(sources))
    for source in sources:
        with suppress(OSError, ValueError):  # find_files has reported it
            folder = Path(source)
            is_folder = source and folder.is_dir()
            repetitions = _named_as_logs(folder) if is_folder else _repetitions_of(source)
            for path, names in _folders_with_logs(folder, sources) if is_folder else ():
                what = f"holds logs that were not read ({names}); name the folder to read them"
                stats.note_problem(str(path), what)
            for path in _others_in(folder) if is_folder else _repetitions_of(source):
                if path not in repetitions and _holds_records(path):
                    what = "holds records but was not read because of its name; name it to read it"
                    stats.note_problem(str(path), what)
                else:
                    stats.note_unread(str(path))


def _folders_with_logs(folder: Path, sources: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Folders in the folder from which nothing is read, and the names of the logs in them."""
    named = [Path(source).resolve() for source in sources if _is_named(source)]
    read = {path.parent for path in _logs_in(folder)}
    for name, inner, _ in islice(os.walk(folder), MOST_FOLDERS):
        inner.sort()
        path = Path(name)
        logs = [] if path in read else sorted(one.name for one in _named_as_logs(path))
        if logs and not any(one.is_relative_to(path.resolve()) for one in named):
            yield path, named_shortly(logs)


def _repetitions_of(pattern: str) -> set[Path]:
    """Logs in text that a pattern matches and that repeat another of its logs."""
    if _is_named(pattern) or not pattern:
        return set()
    found = _matching_files(pattern)
    return found - snort.without_repetitions(found)


def _holds_records(path: Path) -> bool:
    try:
        head = plain_head(str(path))
    except OSError:
        return False
    return b'"event_type"' in head or snort.reader_for(head) is not None


def _not_a_file(path: Path) -> str:
    try:
        kind = special_kind(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return f"is a {kind} and was skipped; name it to read it" if kind else ""


def _candidates(source: str) -> set[Path]:
    folder = Path(source)
    if folder.is_dir():
        return _logs_in(folder)
    return set() if _is_named(source) else set(_matches(source))


def _is_named(source: str) -> bool:
    """True if a source is not a pattern."""
    return source == STDIN or Path(source).exists() or not re.search(r"[*?[]", source)


def _readable(path: str) -> bool:
    """Checked without opening: to open and close a pipe would lose its content."""
    return path == STDIN or os.access(path, os.R_OK)


def _identity(path: str) -> tuple[int, int] | str:
    """Equal for two names of one file.

    The name itself for standard input, and for a file that has gone since it was found.
    """
    try:
        status = Path(path).stat()
    except OSError:
        return path
    return path if path == STDIN else (status.st_dev, status.st_ino)


def size_of(path: str) -> int:
    """Bytes on disk; 0 if unknown: standard input, pipes, a file that is gone by now."""
    try:
        return 0 if path == STDIN else Path(path).stat().st_size
    except OSError:
        return 0


def plain_head(path: str) -> bytes:
    """The first bytes of a regular file that is not compressed; b"" for others and for an empty
    file.

    Raises OSError.
    """
    if path == STDIN or not Path(path).is_file():
        return b""
    with Path(path).open("rb") as raw:
        head = raw.read(HEAD)
    return b"" if compression_of(head) else head


def has_hole(block: bytes, end: int, *, begins_file: bool) -> bool:
    """True if block[:end] holds a block of zeros, other than before the first line of a log."""
    start = len(block) - len(block.lstrip(b"\0")) if begins_file else 0
    is_all = start >= end and end <= MAX_LINE
    return block.find(HOLE, 0 if is_all else start, end) >= 0


class LogSource:
    """Bytes of one input after decompression.

    They end where a damaged archive becomes unreadable. `advance` gets the number of further bytes
    read from disk. `raw` is the input if the caller has opened it. Raises OSError if the input
    cannot be opened.
    """

    goes_on = False

    def __init__(
        self,
        name: str,
        stack: ExitStack,
        stats: ReadStats,
        advance: Callable[[int], None] = lambda _: None,
        *,
        raw: BufferedReader | None = None,
    ) -> None:
        self.name = name
        self.begins_file = True
        self.stats = stats
        self.ended = False
        self.damaged = False
        self._raw = raw or _open(name, stack)
        self._stream = _unpack(self._raw)
        self._advance = advance
        self._told = 0
        self._head = b""

    def note_problem(self, what: str) -> None:
        self.stats.note_problem(self.name, what)

    @property
    def written(self) -> float:
        """When the file was last written to, in seconds since 1970 UTC."""
        return os.fstat(self._raw.fileno()).st_mtime

    def head(self) -> bytes:
        """The first bytes; `read` and `blocks` return them again."""
        while len(self._head) < HEAD and (block := self._next(HEAD)):
            self._head += block
        return self._head

    def has_second_line(self) -> bool:
        """True if the first line ends within BLOCK bytes and is not the last.

        The bytes examined are returned again by `read` and `blocks`.
        """
        while not (found := b"\n" in self._head.rstrip()) and len(self._head) < BLOCK:
            if not (block := self._next(1 << 16)):
                break
            self._head += block
        return found

    def read(self, size: int) -> bytes:
        """At most `size` bytes, or the head in one piece."""
        if not self._head:
            return self._next(size)
        head, self._head = self._head, b""
        return head

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """Pieces, each with the end of its whole lines.

        The last piece may end without a newline.

        A line longer than MAX_LINE gives a piece of MAX_LINE + 1 bytes: enough to see that it is
        too long. Its rest is skipped, up to LONGEST_PASSED bytes.
        """
        held = b""
        while len(block := self._filled(held)) > len(held):
            end = block.rfind(b"\n") + 1
            if end:
                yield block, end
            held = block[end:]
            if len(held) > MAX_LINE:
                yield held[: MAX_LINE + 1], MAX_LINE + 1
                held = self._behind_long_line()
        if held:
            yield held, len(held)

    def _filled(self, held: bytes) -> bytes:
        """The bytes held and up to BLOCK more: the end of a block depends on the content, not on
        the portions in which a pipe delivers it.
        """
        pieces, left = [held], BLOCK
        while left > 0 and (piece := self.read(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _behind_long_line(self) -> bytes:
        """Skip to the end of a line; returns the bytes read after it."""
        passed = 0
        while block := self.read(BLOCK):
            if newline := block.find(b"\n") + 1:
                return block[newline:]
            passed += len(block)
            if passed > LONGEST_PASSED:
                self.note_problem(
                    f"holds a line of more than {LONGEST_PASSED} bytes; what comes after that was "
                    "not read"
                )
                self.ended = self.damaged = True
        return b""

    def _next(self, size: int) -> bytes:
        try:
            # read1, so that bytes unpacked before damage are not lost.
            block = b"" if self.ended else self._stream.read1(size)
        except BombError as error:
            self.note_problem(f"is a decompression bomb: {error}; what came before that was used")
            block, self.damaged = b"", True
        except Exception as error:  # noqa: BLE001  the libraries' errors have no common root
            self.note_problem(f"is cut off or damaged ({error}); what came before that was used")
            block, self.damaged = b"", True
        self.ended = not block
        self.stats.bytes += len(block)
        if self._raw.seekable():
            self._advance(self._raw.tell() - self._told)
            self._told = self._raw.tell()
        return block


class Rest(LogSource):
    """The lines of a compressed log after byte `start` of its content; `reached` and `tail`
    describe their end.

    If the archive is cut off, half a line at the end is left unread: the rest may still be written.
    Bytes before `start` are not counted.
    """

    def __init__(
        self,
        name: str,
        start: int,
        stack: ExitStack,
        stats: ReadStats,
        advance: Callable[[int], None] = lambda _: None,
    ) -> None:
        super().__init__(name, stack, stats, advance)
        self.reached = self._content = 0
        self.tail = b""
        while self.reached < start and (block := self.read(min(BLOCK, start - self.reached))):
            self._note(block, self.reached + len(block))
        stats.bytes -= self.reached

    def read(self, size: int) -> bytes:
        block = super().read(size)
        self._content += len(block)
        return block

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        for block, end in super().blocks():
            if self.damaged and not block.endswith(b"\n", 0, end):
                self.stats.bytes -= len(block)
                return
            yield block, end
            self._note(block[:end], self._content - len(block) + end)

    def _note(self, block: bytes, reached: int) -> None:
        self.tail = (self.tail + block[-TAIL:])[-TAIL:]
        self.reached = reached


class Span:
    """The lines of a plain file that begin at `start` or later and before `stop`, both in bytes.

    Every line of a file is in exactly one of the spans that cover it. Raises OSError when the file
    cannot be opened.
    """

    def __init__(
        self,
        name: str,
        start: int,
        stop: int,
        stack: ExitStack,
        stats: ReadStats,
        advance: Callable[[int], None],
    ) -> None:
        self.name = name
        self._descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, self._descriptor)
        self._stats = stats
        self._advance = advance
        self._start = start
        self.begins_file = start == 0
        self._stop = stop

    @property
    def written(self) -> float:
        """When the file was last written to, in seconds since 1970 UTC."""
        return os.fstat(self._descriptor).st_mtime

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """Pieces of the span, as LogSource.blocks gives them.

        Bytes after the last newline of a piece are read again with the next.
        """
        at = self._behind_line(self._start - 1, self._stop) if self._start else 0
        size = self._size_at(at)
        while at < self._stop and (block := os.pread(self._descriptor, size, at)):
            end = (block.find(b"\n", self._stop - 1 - at) + 1) or (block.rfind(b"\n") + 1)
            if not end and len(block) == size <= BLOCK:  # a long line: read again, with more of it
                size = min(4 * size, BLOCK) if size < BLOCK else MAX_LINE + 1
                continue
            yield block, end or len(block)
            behind = at + end if end else self._behind_line(at)
            self._stats.bytes += behind - at
            self._advance(behind - at)
            at, size = behind, self._size_at(behind)

    def _size_at(self, at: int) -> int:
        """Number of bytes to read: hardly more than the span, since the rest is of no use."""
        return min(BLOCK, self._stop - at + HEAD)

    def _behind_line(self, at: int, enough: float = inf) -> int:
        """The end of the line that holds byte `at`: after its newline, or at the end of the file.

        Any place after `enough` will do: a line may be longer than many spans.
        """
        size = HEAD
        while at < enough and (block := os.pread(self._descriptor, size, at)):
            newline = block.find(b"\n")
            if newline >= 0:
                return at + newline + 1
            at, size = at + len(block), BLOCK
        return at


def _open(file: str, stack: ExitStack) -> BufferedReader:
    if file == STDIN:
        return stack.enter_context(open(0, "rb", closefd=False))  # standard input stays open
    return stack.enter_context(Path(file).open("rb"))


def compression_of(first: bytes) -> str | None:
    """The compression of a file, from its first bytes; None if it is not compressed."""
    return next((kind for magic, kind in _MAGIC.items() if first.startswith(magic)), None)


def is_archive(head: bytes) -> bool:
    """True if these are the first bytes of a tar or zip archive."""
    return head.startswith(ZIP) or head[TAR_PLACE:].startswith(TAR)


def _unpack(raw: BufferedReader) -> BufferedIOBase:
    """The decompressed stream. The content decides, not the name: a rotated eve.json.2 may be
    compressed.
    """
    kind = compression_of(raw.peek(8))
    if not kind:
        return raw
    return _STREAMS[kind](raw)
