"""Bytes of one input, in any framing -> its lines in blocks, and each line or record as an Event or Skipped."""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from eveproc.input import snort
from eveproc.input.decode import decode, decode_value, escape_invalid
from eveproc.input.events import Event, Skipped, SkipReason, failed
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import MAX_LINE, LogSource, find_files, passed_over, size_of

Progress = Callable[[int, int], None]

BOM = b"\xef\xbb\xbf"
# pcap in either order of bytes, with microseconds or nanoseconds, and pcapng: what a Snort logs as
# snort.log as well.
_CAPTURES = (
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x0a\x0d\x0d\x0a",
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# "@cee: " and syslog's own "Mar  1 10:00:00 sensor suricata[12]: "; nothing with a quote, which is
# half a line.
_PREFIX = re.compile(rb"^(?:\xef\xbb\xbf)?(?:[^{\"]{0,512}:)?\s*(?=\{)")
# What a file begins with that is not one event a line, and where ijson finds the events in it.
_EXPORTS = (
    (re.compile(rb"\s*\[\s*[]{]"), "item"),  # one array
    (
        re.compile(rb'\s*\{\s*"(?:took|timed_out|_shards|hits|_scroll_id|pit_id)"\s*:'),
        "hits.hits.item",
    ),  # Elasticsearch
    (re.compile(rb"\s*\{[ \t]*\r?\n"), ""),  # pretty-printed, as by jq
)


def read_events(
    sources: Sequence[str], stats: ReadStats, *, progress: Progress | None = None
) -> Iterator[Event]:
    """Yield every event of all sources, each file once, in the order named (folders and globs: by name).

    This is the plain way, which decodes every line; gather.py has the fast one.
    `progress` is told the bytes read from disk so far and in all (standard input counts as 0).
    Raises InputError at once, before anything is read, naming every source that is missing, unreadable or without eve files.
    """
    files = find_files(sources)
    stats.note_problems(passed_over(sources))
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


def read_source(source: LogSource) -> Iterator[Event]:
    """Every event of one input; what became of each line is noted in its stats, as is an input that is no EVE."""
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
        stats.files_not_eve += 1
        source.note_problem(_not_eve(head, read))


def _not_eve(head: bytes, lines: int) -> str:
    if head.startswith(_UTF16):
        return "is UTF-16 text; EVE JSON is UTF-8: convert it with iconv -f UTF-16 -t UTF-8"
    if head.startswith(_CAPTURES):
        return "is a capture of packets; allowed are the logs that an engine writes of it"
    if snort.reader_for(head.removeprefix(BOM)):
        return f"holds no alert: not one of its {lines} lines or records is whole and understood"
    return f"is not EVE JSON: none of its {lines} lines is a JSON object"


def holds_lines(head: bytes) -> bool:
    """Do the first bytes of a file look like one EVE record a line, whatever stands before each record?"""
    if _export(head) is not None or snort.reader_for(head.removeprefix(BOM)):
        return False
    return any(_PREFIX.match(line.lstrip()) for line in head.split(b"\n"))


def _export(head: bytes) -> str | None:
    text = head.removeprefix(BOM)
    return next((prefix for shape, prefix in _EXPORTS if shape.match(text)), None)


def _results(source: LogSource, head: bytes) -> Iterator[Event | Skipped]:
    """Records of whatever framing the first bytes show; lines where they show none."""
    if read := snort.reader_for(head.removeprefix(BOM)):
        return read(source, source.written)
    prefix = _export(head)
    return _lines(source) if prefix is None else _records(source, prefix)


def _lines(source: LogSource) -> Iterator[Event | Skipped]:
    for block, end in source.blocks():
        yield from lines_of(block, end)


def lines_of(block: bytes, end: int) -> Iterator[Event | Skipped]:
    """Every line of a block, decoded."""
    whole = block[:end]
    last = not whole.endswith(b"\n")
    lines = whole.split(b"\n")
    yield from map(line_result, lines[:-1])
    if last:
        yield last_line_result(lines[-1])


def line_result(line: bytes) -> Event | Skipped:
    """One line without its newline, with whatever a shipper put before the record."""
    if len(line) > MAX_LINE:
        return Skipped(SkipReason.TOO_LONG)
    text = line.strip()
    if not text:
        return Skipped(SkipReason.BLANK)
    try:
        return decode(text if text.startswith(b"{") else _PREFIX.sub(b"", text, count=1))
    except Exception as error:  # noqa: BLE001  lines are written by attackers: whatever one line does, the others are read
        return failed("line", error)


def last_line_result(line: bytes) -> Event | Skipped:
    """The same for a line that no newline ends: what is not JSON there is half a line that is still being written."""
    result = line_result(line)
    return Skipped(SkipReason.HALF_LINE) if result == Skipped(SkipReason.NOT_JSON) else result


def _records(source: LogSource, prefix: str) -> Iterator[Event | Skipped]:
    """One document that holds the events, or documents over several lines each: parsed as a stream, in bounded memory."""
    import ijson

    text = _Utf8(source)
    try:
        for record in ijson.items(text, prefix, multiple_values=True, use_float=True):
            text.record_bytes = 0
            yield decode_value(
                record.get("_source", record) if isinstance(record, dict) else record
            )
    except ijson.JSONError as error:
        reason = str(error).splitlines()[0]
        if text.record_bytes > MAX_LINE:
            source.note_problem(
                f"holds a record of more than {MAX_LINE} bytes; what came before that was used"
            )
            yield Skipped(SkipReason.TOO_LONG)
            return
        source.note_problem(
            f"holds JSON that breaks off or is wrong ({reason}); what came before that was used"
        )
        yield Skipped(SkipReason.HALF_LINE if source.ended else SkipReason.NOT_JSON)


class _Utf8:
    r"""What ijson reads: the source, with invalid bytes as the text `\xNN`, since it stops at the first of them.

    It ends when a record has more than MAX_LINE bytes: ijson would keep all of it in memory.
    """

    def __init__(self, source: LogSource) -> None:
        self.record_bytes = 0  # read since the last record
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")

    def read(self, size: int) -> bytes:
        # ijson asks for 0 bytes to see whether bytes or text will come.
        while size and self.record_bytes <= MAX_LINE and (block := self._source.read(size)):
            self.record_bytes += len(block)
            if text := self._decoder.decode(block):
                return escape_invalid(text)
        return b""
