"""Bytes of one input, in any framing -> lines in blocks; each line as an Event or Skipped."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from math import inf
from typing import TYPE_CHECKING

from eveproc.input import snort
from eveproc.input.columns import has_columns, rows
from eveproc.input.decode import decode
from eveproc.input.documents import prefix_of, records
from eveproc.input.events import EVENT_TYPES, Event, Skipped, SkipReason, failed
from eveproc.input.read_stats import EMPTY, NO_HITS, NO_RECORDS, ONLY_BLANKS, ReadStats
from eveproc.input.snort.clock import has_no_year, written_since
from eveproc.input.sources import (
    HAS_HOLE,
    MAX_LINE,
    LogSource,
    find_files,
    has_hole,
    is_archive,
    note_passed_over,
    size_of,
)

if TYPE_CHECKING:
    from eveproc.input.envelope import Unwrapper

Progress = Callable[[int, int], None]
Result = Event | Skipped

BOM = b"\xef\xbb\xbf"
# Bytes that are not part of a line: blanks, and zeros left by a file system or a rotation.
BLANKS = b" \t\r\n\x0b\x0c\0"
# Lines of a container that hold no record: an action of Elasticsearch's bulk format, a field of
# journald's export format.
_FRAME = re.compile(
    rb'\{"(?:index|create|update|delete)":\s*\{[^{}]*\}\s*\}\Z|_{0,2}[A-Z][A-Z0-9_]*='
)
# A line with one of these results may hold records in another form than Suricata's own.
_LOOKED_INTO = frozenset(
    (
        SkipReason.NOT_JSON,
        SkipReason.NOT_AN_OBJECT,
        SkipReason.MISSING_FIELD,
        SkipReason.NO_TIMESTAMP,
        SkipReason.WRONG_TYPE,
    )
)


def read_events(
    sources: Sequence[str], stats: ReadStats, *, progress: Progress | None = None
) -> Iterator[Event]:
    """Yield every event of all sources, each file once, in the order named (folders and globs: by
    name).

    This decodes every line; parallel.py has the fast way, whose result tests compare with this one.
    `progress` gets the bytes read from disk so far and in all (standard input counts as 0). Raises
    InputError before anything is read, naming every source that is missing, unreadable or without
    eve files.
    """
    files = find_files(sources)
    note_passed_over(sources, stats)
    return _read_files(files, stats, progress)


def _read_files(
    files: Sequence[str], stats: ReadStats, progress: Progress | None
) -> Iterator[Event]:
    total, done = sum(map(size_of, files)), 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if progress:
            progress(done, total)

    for file in files:
        with ExitStack() as stack:
            try:
                source = LogSource(file, stack, stats, advance)
            except OSError as error:
                stats.note_problem(file, f"cannot be read: {error.strerror}")
            else:
                yield from read_source(source)


def read_source(
    source: LogSource, since: float = -inf, named: Sequence[str] = ()
) -> Iterator[Event]:
    """Every event of one input.

    The result of each line is noted in the input's stats, and so is an input that is not EVE.

    `since` (seconds since 1970 UTC) dates alerts that are logged without a year: see
    docs/inputs.md. `named` are the paths of the fields that the site names.
    """
    stats = source.stats
    head = source.head()
    if is_archive(head):
        from eveproc.input.archives import members

        for member in members(source):
            yield from read_source(member, since, named)
        return
    lines, found, cut = stats.lines, stats.records, stats.skipped[SkipReason.HALF_LINE]
    blank = stats.skipped[SkipReason.BLANK]
    stats.files += 1
    for result in _results(source, head, since, named):
        stats.note(result)
        if isinstance(result, Event):
            yield result
    read = stats.lines - lines
    if not read:
        source.note_problem(_without_lines(head))
    elif stats.skipped[SkipReason.BLANK] - blank == read:
        source.note_problem(ONLY_BLANKS)
    elif stats.records == found:
        refuse(source, head, read, stats.skipped[SkipReason.HALF_LINE] - cut)


_HITS = re.compile(rb'"hits"\s*:\s*\[\s*\]')
_FOUND_NOTHING = re.compile(rb"[\s\0]*(?:\[\s*\]|\{\s*\})?[\s\0]*")


def _without_lines(head: bytes) -> str:
    """What an input with this head is, if it gave no line at all."""
    if _FOUND_NOTHING.fullmatch(head.removeprefix(BOM)):
        return EMPTY
    return NO_HITS if _HITS.search(head) else NO_RECORDS


def refuse(source: LogSource, head: bytes, lines: int, cut: int) -> None:
    """Note that an input with this head holds no EVE record, and what it is instead.

    `lines` is the number of its lines, `cut` the number of those that begin a record and do not end
    it.
    """
    from eveproc.input.not_eve import what_it_is

    source.stats.files_not_eve += 1
    if snort.reader_for(head.removeprefix(BOM)):
        what = f"holds no alert: none of its {lines} lines or records could be read"
    else:
        what = what_it_is(head, lines, cut)
    source.note_problem(what)


def holds_lines(head: bytes) -> bool:
    """True if the first bytes are lines with EVE records, whatever is around each record.

    False for a file of lines of which none is a record: it is read more slowly, to be sure.
    """
    text = head.removeprefix(BOM).lstrip(b"\0")
    if not text:
        return bool(head)  # only zeros, left by a rotation
    if not is_lines(head):
        return False
    *lines, last = text.split(b"\n")
    return has_record(lines) if lines else b"event_type" in last


def is_lines(head: bytes) -> bool:
    """True if these are the first bytes of a file of lines, whatever is in them."""
    text = head.removeprefix(BOM)
    return not (
        is_archive(head)
        or snort.reader_for(text)
        or prefix_of(text) is not None
        or has_columns(text)
    )


def has_record(lines: Iterable[bytes]) -> bool:
    """True if one of the lines holds an EVE record."""
    stats = ReadStats()
    reader = LineReader(lambda: stats)
    for result in chain.from_iterable(map(reader.line, lines)):
        stats.note(result)
        if stats.records:
            return True
    return False


def _results(
    source: LogSource, head: bytes, since: float, named: Sequence[str]
) -> Iterator[Result]:
    """The results of the records in the framing that the first bytes show; of lines if they show
    none.
    """
    text = head.removeprefix(BOM)
    if read := snort.reader_for(text):
        return read(source, _written(source, text, since))
    if has_columns(text):
        return rows(source, named)
    prefix = prefix_of(text)
    # Either a document or a first line is longer than the head. Reading lines is safer: a damaged
    # one costs no other.
    in_lines = prefix is None or (b"\n" not in text and source.has_second_line())
    if prefix is not None and not in_lines:
        return records(source, prefix, named)
    return _lines(source, written_since(source.written, since), named)


def _written(source: LogSource, head: bytes, since: float) -> float:
    """When the input was last written to, or earlier if --since says that its lines are older."""
    written = written_since(source.written, since)
    if written < source.written and has_no_year(head):
        source.note_problem(
            "has times without a year: each is taken to be within the year after --since, although "
            "the file was written to later"
        )
    return written


def _lines(source: LogSource, written: float, named: Sequence[str]) -> Iterator[Result]:
    reader = LineReader(lambda: source.stats, named)
    for number, (block, end) in enumerate(source.blocks()):
        if has_hole(block, end, begins_file=source.begins_file and not number):
            source.note_problem(HAS_HOLE)
        yield from reader.lines(block, end)
        yield from snort.alerts_in(block, end, written)


class LineReader:
    """Lines -> the results of each: one for a plain record, more where a line holds several
    records.

    The containers of records are counted in `stats`.
    """

    def __init__(self, stats: Callable[[], ReadStats], named: Sequence[str] = ()) -> None:
        """`stats` returns the ReadStats to count in, which a watch replaces from time to time.

        `named` are the paths of the fields that the site names (named_fields.py).
        """
        self._stats = stats
        self._fields = named
        self._unwrapper: Unwrapper | None = None

    def lines(self, block: bytes, end: int) -> Iterator[Result]:
        """Every line of block[:end], decoded."""
        whole = block[:end]
        last = not whole.endswith(b"\n")
        lines = whole.split(b"\n")
        yield from chain.from_iterable(map(self.line, lines[:-1]))
        if last:
            yield from self.last_line(lines[-1])

    def line(self, line: bytes) -> Sequence[Result]:
        """One line without its newline."""
        if len(line) > MAX_LINE:
            return (Skipped(SkipReason.TOO_LONG),)
        text = line.strip(BLANKS).removeprefix(BOM)
        if not text:
            return (Skipped(SkipReason.BLANK),)
        try:
            return self._results(text)
        except Exception as error:  # noqa: BLE001  lines are written by attackers: whatever one line does, the others are read
            return (failed("line", error),)

    def last_line(self, line: bytes) -> Sequence[Result]:
        """The same for a line without a newline: if it is not JSON, it is half a line that is still
        being written.
        """
        results = self.line(line)
        is_half = results == (Skipped(SkipReason.NOT_JSON),)
        return (Skipped(SkipReason.HALF_LINE),) if is_half else results

    def _results(self, text: bytes) -> Sequence[Result]:
        result = decode(text) if text.startswith(b"{") else Skipped(SkipReason.NOT_JSON)
        if isinstance(result, Skipped) and _may_hold_record(text, result):
            return self._contents(text, result)
        if not self._fields:
            return (result,)
        from eveproc.input.named_fields import with_fields_of_line  # few sites need this

        return (with_fields_of_line(result, text, self._fields),)

    def _contents(self, text: bytes, result: Skipped) -> Sequence[Result]:
        if self._unwrapper is None:
            from eveproc.input.envelope import Unwrapper  # not needed for plain EVE

            self._unwrapper = Unwrapper(self._fields)
        match self._unwrapper.contents(text):
            case Skipped(SkipReason.HALF_LINE) as half:
                return (half,)
            case Skipped() if _FRAME.match(text):
                return (Skipped(SkipReason.BLANK),)
            case Skipped() as other:
                return (result if result.reason is not SkipReason.NOT_JSON else other,)
            case found:
                self._stats().note_container(found.container, len(found.results))
                return found.results


def _may_hold_record(text: bytes, result: Skipped) -> bool:
    """True if a line that is no record itself may contain one.

    A shipper's own lines may have an event type, too. Records of Suricata are not searched: they
    hold text that hosts sent, which could pass for a record.
    """
    if result.reason is SkipReason.OTHER_EVENT_TYPE:
        is_foreign = result.detail.partition(" ")[0] not in EVENT_TYPES
        return is_foreign and text.count(b"event_type") > 1
    return result.reason in _LOOKED_INTO


def line_result(line: bytes) -> Result:
    """The first result of one line, read by itself."""
    return LineReader(ReadStats).line(line)[0]
