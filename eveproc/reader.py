"""Files, folders, globs or standard input, in any framing and compression -> events, with ReadStats that account for every line."""

import codecs
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from gzip import GzipFile
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from types import MappingProxyType

import ijson
from xopen import xopen

from eveproc import snort
from eveproc.events import Event, Skipped, SkipReason, decode, decode_value, escape_invalid
from rulegen.errors import InputError, Problem

STDIN = "-"
IN_FOLDER = "eve*.json*"  # eve.json, eve.7.json (threaded), eve-2026-01-31.json, eve.json.1, eve.json.2.gz
BLOCK = 1 << 20
HEAD = 4096
# Suricata's largest lines are stats with hundreds of threads, about 1 MiB.
MAX_LINE = 16 << 20
MAX_PROBLEMS = 100
MAX_DETAILS = 64
OTHERS = "(others)"

Progress = Callable[[int, int], None]

BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MAGIC = MappingProxyType({b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zst"})
# "@cee: " and syslog's own "Mar  1 10:00:00 sensor suricata[12]: "; nothing with a quote, which is half a line.
_PREFIX = re.compile(rb"^(?:\xef\xbb\xbf)?(?:[^{\"]{0,512}:)?\s*(?=\{)")
# What a file begins with that is not one event a line, and where ijson finds the events in it.
_EXPORTS = (
    (re.compile(rb"\s*\[\s*[]{]"), "item"),  # one array
    (re.compile(rb'\s*\{\s*"(?:took|timed_out|_shards|hits|_scroll_id|pit_id)"\s*:'), "hits.hits.item"),  # Elasticsearch
    (re.compile(rb"\s*\{[ \t]*\r?\n"), ""),  # pretty-printed, as by jq
)


@dataclass(slots=True)
class ReadStats:
    """What was read and what became of each line; `lines == sum(events) + sum(skipped)` at any moment.

    A line is a line of a file, or one record of an export that is a single JSON document. `bytes` are those of the input
    after decompression. `details` tells for a reason which fields or event types; past MAX_DETAILS different ones, "(others)".
    """

    files: int = 0
    bytes: int = 0
    lines: int = 0
    events: Counter[str] = field(default_factory=Counter)
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    details: dict[SkipReason, Counter[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problems_left_out: int = 0

    def note(self, result: Event | Skipped) -> None:
        self.lines += 1
        if isinstance(result, Event):
            self.events[result.TYPE] += 1
            return
        self.skipped[result.reason] += 1
        if result.detail:
            self._add_detail(result.reason, result.detail, 1)

    def note_problem(self, file: str, what: str) -> None:
        self._add_problem(Problem(file, what))

    def merge(self, other: "ReadStats") -> None:
        self.files += other.files
        self.bytes += other.bytes
        self.lines += other.lines
        self.events.update(other.events)
        self.skipped.update(other.skipped)
        for reason, details in other.details.items():
            for detail, count in details.items():
                self._add_detail(reason, detail, count)
        self.problems_left_out += other.problems_left_out
        for problem in other.problems:
            self._add_problem(problem)

    @property
    def not_eve(self) -> int:
        """Lines that are no JSON object at all; when it equals `lines`, something else was read than EVE."""
        return sum(self.skipped[reason] for reason in _NO_OBJECT)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON, in an order that depends on the content alone."""
        return {
            "files": self.files,
            "bytes": self.bytes,
            "lines": self.lines,
            "events": dict(sorted(self.events.items())),
            "skipped": {reason.value: self.skipped[reason] for reason in SkipReason if self.skipped[reason]},
            "details": {r.value: dict(sorted(self.details[r].items())) for r in SkipReason if r in self.details},
            "problems": [{"file": problem.file, "what": problem.what} for problem in self.problems],
            "problems_left_out": self.problems_left_out,
        }

    def _add_detail(self, reason: SkipReason, detail: str, count: int) -> None:
        details = self.details.setdefault(reason, Counter())
        details[detail if detail in details or len(details) < MAX_DETAILS else OTHERS] += count

    def _add_problem(self, problem: Problem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self.problems_left_out += 1


_NO_OBJECT = (SkipReason.BLANK, SkipReason.TOO_LONG, SkipReason.HALF_LINE, SkipReason.NOT_JSON, SkipReason.NOT_AN_OBJECT)


def read_events(sources: Sequence[str], stats: ReadStats, *, progress: Progress | None = None) -> Iterator[Event]:
    """Yield the events of all sources, each file once, in the order named (folders and globs: by name).

    `progress` is told the bytes read from disk so far and in all (standard input counts as 0).
    Raises InputError at once, before anything is read, naming every source that is missing, unreadable or without eve files.
    """
    return _read_files(find_files(sources), stats, progress)


def find_files(sources: Sequence[str]) -> tuple[str, ...]:
    """The paths behind files, folders and globs, without repeats; "-" stays. Raises InputError with every fault."""
    paths: list[str] = []
    problems: list[Problem] = []
    for source in sources:
        match _paths(source):
            case Problem() as problem:
                problems.append(problem)
            case found:
                paths += found
    problems += [Problem(path, "cannot be read: permission denied") for path in paths if not _readable(path)]
    if problems:
        raise InputError(problems)
    first_names: dict[tuple[int, int] | None, str] = {}
    for path in paths:
        first_names.setdefault(_identity(path), path)
    return tuple(first_names.values())


def _paths(source: str) -> list[str] | Problem:
    try:
        return _existing(source) or _globbed(source)
    except OSError as error:
        return Problem(source, f"cannot be read: {error.strerror}")
    except ValueError as error:
        return Problem(source, f"is no path and no pattern: {error}")


def _existing(source: str) -> list[str] | Problem | None:
    if not source:
        return Problem('""', "is empty; allowed are files, folders, globs and -")
    path = Path(source)
    if path.is_dir():
        return _in_folder(path)
    return [source] if source == STDIN or path.exists() else None


def _in_folder(folder: Path) -> list[str] | Problem:
    patterns = (IN_FOLDER, *snort.IN_FOLDER)
    files = sorted({str(path) for pattern in patterns for path in folder.glob(pattern) if not path.is_dir()})
    return files or Problem(str(folder), f"holds no eve file; looked for {IN_FOLDER} and the logs of Snort, plain or compressed")


def _globbed(pattern: str) -> list[str] | Problem:
    if not re.search(r"[*?[]", pattern):
        return Problem(pattern, "no such file")
    path = Path(pattern)
    matches = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    files = sorted(str(match) for match in matches if not match.is_dir())
    return files or Problem(pattern, "matches no file")


def _readable(path: str) -> bool:
    """Asked, not tried: opening a pipe and closing it again would lose what it holds."""
    return path == STDIN or os.access(path, os.R_OK)


def _identity(path: str) -> tuple[int, int] | None:
    """The same for two names of one file; None for standard input."""
    if path == STDIN:
        return None
    status = Path(path).stat()
    return (status.st_dev, status.st_ino)


def _read_files(files: Sequence[str], stats: ReadStats, progress: Progress | None) -> Iterator[Event]:
    total = sum(map(_size, files))
    before = 0
    for file in files:
        with ExitStack() as stack:
            try:
                raw = _open(file, stack)
                source = _Source(file, raw, _unpack(raw, stack), stats, partial(_advance, progress, before, total))
            except OSError as error:
                stats.note_problem(file, f"cannot be read: {error.strerror}")
            else:
                yield from _read_source(source)
        before += _size(file)


def _size(file: str) -> int:
    """0 where it cannot be told: standard input, pipes, a file that was rotated away meanwhile."""
    try:
        return 0 if file == STDIN else Path(file).stat().st_size
    except OSError:
        return 0


def _advance(progress: Progress | None, before: int, total: int, done: int) -> None:
    if progress:
        progress(before + done, total)


def _open(file: str, stack: ExitStack) -> BufferedReader:
    if file == STDIN:
        return stack.enter_context(open(0, "rb", closefd=False))  # standard input is not ours to close
    return stack.enter_context(Path(file).open("rb"))


def _unpack(raw: BufferedReader, stack: ExitStack) -> BufferedIOBase:
    """Decompressed by what the content says: a rotated eve.json.2 may well be compressed."""
    first = raw.peek(8)
    kind = next((kind for magic, kind in _MAGIC.items() if first.startswith(magic)), None)
    if not kind:
        return raw
    if kind == "gz":
        # Not through xopen: isal, its faster reader, keeps back what it unpacked last when an archive is cut off.
        return stack.enter_context(GzipFile(fileobj=raw))
    # threads=0: in this process, so that nothing is left running when the reading stops early.
    stream = stack.enter_context(xopen(raw, "rb", threads=0, format=kind))
    assert isinstance(stream, BufferedIOBase)  # xopen's annotation promises less
    return stream


class _Source:
    """Bytes of one input after decompression. `read` gives b"" at the end, and where a damaged archive can be read no further."""

    def __init__(self, name: str, raw: BufferedReader, stream: BufferedIOBase, stats: ReadStats, advance: Callable[[int], None]) -> None:
        self.name = name
        self.stats = stats
        self.ended = False
        self.written = os.fstat(raw.fileno()).st_mtime
        self._raw = raw
        self._stream = stream
        self._advance = advance
        self._head = b""

    def note_problem(self, what: str) -> None:
        self.stats.note_problem(self.name, what)

    def head(self) -> bytes:
        """The first bytes; they stay to be read."""
        while len(self._head) < HEAD and (block := self._next(HEAD)):
            self._head += block
        return self._head

    def read(self, size: int) -> bytes:
        """At most `size` bytes, or the head in one piece."""
        if not self._head:
            return self._next(size)
        head, self._head = self._head, b""
        return head

    def _next(self, size: int) -> bytes:
        try:
            # read1: what was unpacked before the damage must not be lost with it.
            block = b"" if self.ended else self._stream.read1(size)
        except Exception as error:  # noqa: BLE001  of no common root: EOFError, OSError, LZMAError, and those of isal and zstd
            self.note_problem(f"is cut off or damaged ({error}); what came before that was used")
            block = b""
        self.ended = not block
        self.stats.bytes += len(block)
        if self._raw.seekable():
            self._advance(self._raw.tell())
        return block


def _read_source(source: _Source) -> Iterator[Event]:
    stats = source.stats
    lines, not_eve = stats.lines, stats.not_eve
    stats.files += 1
    head = source.head()
    for result in _results(source, head):
        stats.note(result)
        if isinstance(result, Event):
            yield result
    read = stats.lines - lines
    if not read:
        source.note_problem("is empty")
    elif stats.not_eve - not_eve == read:
        source.note_problem(_not_eve(head, read))


def _not_eve(head: bytes, lines: int) -> str:
    if head.startswith(_UTF16):
        return "is UTF-16 text; EVE JSON is UTF-8: convert it with iconv -f UTF-16 -t UTF-8"
    return f"is not EVE JSON: none of its {lines} lines is a JSON object"


def _results(source: _Source, head: bytes) -> Iterator[Event | Skipped]:
    """Records of whatever framing the first bytes show; lines where they show none."""
    text = head.removeprefix(BOM)
    if read := snort.reader_for(text):
        return read(source, source.written)
    prefix = next((prefix for shape, prefix in _EXPORTS if shape.match(text)), None)
    return _lines(source) if prefix is None else _records(source, prefix)


def _lines(source: _Source) -> Iterator[Event | Skipped]:
    held: list[bytes] = []
    size = 0
    while block := source.read(BLOCK):
        first, *others = block.split(b"\n")
        # Of a line that is too long, no more is kept than shows that it is.
        if size <= MAX_LINE:
            held.append(first)
            size += len(first)
        if others:
            yield _line(b"".join(held))
            *whole, rest = others
            yield from map(_line, whole)
            held, size = [rest], len(rest)
    if size:
        last = _line(b"".join(held))
        yield Skipped(SkipReason.HALF_LINE) if last == Skipped(SkipReason.NOT_JSON) else last


def _line(line: bytes) -> Event | Skipped:
    if len(line) > MAX_LINE:
        return Skipped(SkipReason.TOO_LONG)
    text = line.strip()
    if not text:
        return Skipped(SkipReason.BLANK)
    return decode(text if text.startswith(b"{") else _PREFIX.sub(b"", text, count=1))


def _records(source: _Source, prefix: str) -> Iterator[Event | Skipped]:
    """One document that holds the events, or documents over several lines each: parsed as a stream, in bounded memory."""
    records = ijson.items(_Utf8(source), prefix, multiple_values=True, use_float=True)
    try:
        for record in records:
            yield decode_value(record.get("_source", record) if isinstance(record, dict) else record)
    except ijson.JSONError as error:
        reason = str(error).splitlines()[0]
        source.note_problem(f"holds JSON that breaks off or is wrong ({reason}); what came before that was used")
        yield Skipped(SkipReason.HALF_LINE if source.ended else SkipReason.NOT_JSON)


class _Utf8:
    r"""What ijson reads: the source, with invalid bytes as the text `\xNN`, since it stops at the first of them."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")

    def read(self, size: int) -> bytes:
        # ijson asks for 0 bytes to see whether bytes or text will come.
        while size and (block := self._source.read(size)):
            if text := self._decoder.decode(block):
                return escape_invalid(text)
        return b""
