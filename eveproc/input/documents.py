"""A file that is JSON documents rather than lines -> its records one by one, parsed as a stream.

In bounded memory.

A document is an array, an answer of an API with the records in an array under some key, or records
that are spread over several lines each.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from io import BytesIO

import msgspec

from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.sources import BLOCK, MAX_LINE, LogSource
from eveproc.input.wire_text import escape_invalid

# How a file begins, and where ijson finds its records.
_SHAPES = (
    (re.compile(rb'\s*\[\s*[]\[{"]'), "item"),
    (
        re.compile(rb'\s*\{\s*"(?:took|timed_out|_shards|hits|_scroll_id|pit_id)"\s*:'),
        "hits.hits.item",
    ),  # Elasticsearch
)
_OVER_LINES = re.compile(rb"\s*\{[ \t]*\r?\n")  # as jq writes it
_ITEM = "item"
_EVENT_TYPE = b"event_type"
_NOT_READ = "which were not read; export them as one record a line"
_KNOWN = ("", *(prefix for _, prefix in _SHAPES))


def prefix_of(head: bytes) -> str | None:
    """Where the records of a file with these first bytes are, in ijson's notation.

    None for a file of lines.
    """
    known = next((prefix for shape, prefix in _SHAPES if shape.match(head)), None)
    if known == _ITEM:  # other lines may not be arrays
        return None if _first_line_is_whole(head) else known
    if known is not None:  # in an answer to several searches, hits are deeper
        found = _array_with_records(head)
        return known if found.startswith(known) else found or known
    over_lines = _OVER_LINES.match(head) is not None
    if over_lines or (b"\n" not in head and head.lstrip().startswith(b"{")):
        found = _array_with_records(head)
        return found if found else "" if over_lines else None
    return None


def _first_line_is_whole(head: bytes) -> bool:
    line, newline, _ = head.partition(b"\n")
    try:
        return bool(newline and msgspec.json.decode(line, type=msgspec.Raw))
    except (msgspec.DecodeError, RecursionError):
        return False


def _array_with_records(head: bytes) -> str:
    """The array that holds the first record; "" if no record is in an array."""
    import ijson

    try:
        for prefix, event, value in ijson.parse(BytesIO(head)):
            is_name = event == "map_key" and value.endswith("event_type")
            is_text = event == "string" and "event_type" in value and "{" in value
            if is_name or is_text:
                steps = prefix.split(".")
                last = max((n for n, step in enumerate(steps) if step == _ITEM), default=-1)
                return ".".join(steps[: last + 1])
    except ijson.JSONError:  # only the head of the file is here
        pass
    return ""


def shown(prefix: str) -> str:
    """The same place in jq's notation: "hits.hits[]"."""
    return ".".join(prefix.split(".")).replace(f".{_ITEM}", "[]").replace(_ITEM, "[]")


def records(source: LogSource, prefix: str, named: Sequence[str] = ()) -> Iterator[Event | Skipped]:
    """The result of each record of the documents."""
    import ijson

    from eveproc.input.envelope import Unwrapper

    unwrapper = Unwrapper(named)
    text = _Utf8(source)
    # Records may be under other keys as well, as in an export with an array for each kind.
    if prefix not in _KNOWN and (whole := text.whole()):
        yield from unwrapper.noted(whole, source.stats, "")
        return
    place: str | None = prefix
    damages = 0
    while place is not None:
        try:
            for value in ijson.items(text, place, multiple_values=True, use_float=True):
                text.note_record(msgspec.json.encode(value).count(_EVENT_TYPE))
                yield from unwrapper.noted(value, source.stats, shown(place))
            place = text.next_place()
        except ijson.JSONError as error:
            if text.record_bytes > MAX_LINE:
                source.note_problem(
                    f"holds a record of more than {MAX_LINE} bytes; what came before that was used"
                )
                yield Skipped(SkipReason.TOO_LONG)
                return
            yield Skipped(SkipReason.HALF_LINE if source.ended else SkipReason.NOT_JSON)
            place = text.place_behind_damage(place or "")
            damages += 1
            if damages == 1:
                _note_damage(source, error, is_end=place is None)
            if damages == _MOST_DAMAGES and place is not None:
                source.note_problem(f"holds more than {damages} faults; the rest was not read")
                return
    if prefix not in _KNOWN and not damages and text.mentions > text.mentions_read:
        source.note_problem(f"holds records beside {shown(prefix)}, {_NOT_READ}")


def _note_damage(source: LogSource, error: Exception, *, is_end: bool) -> None:
    reason = str(error).splitlines()[0]
    left = "what came before that was used" if is_end else "reading went on at the next record"
    source.note_problem(f"holds JSON that is cut off or invalid ({reason}); {left}")


# Between an array and an object on another line. This never occurs within JSON, whose strings hold
# no line ends.
_SEAM = re.compile(r"\]\s*(?=\{)")
# The first object of an array, if it begins a line, and the white space before it.
_INDENTED = re.compile(r"\[[ \t]*\r?\n([ \t]*)\{")
_LONGEST_INDENT = 256
# Behind so many faults reading ends: each may cost a search of MAX_LINE bytes.
_MOST_DAMAGES = 256


class _Utf8:
    r"""What ijson reads: the source, with invalid bytes as the text `\xNN`, since ijson stops at
    the first invalid byte.

    It ends when a record has more than MAX_LINE bytes: ijson would keep all of it in memory. It
    also ends at a seam, after which records are in another place: see `next_place`.
    """

    def __init__(self, source: LogSource) -> None:
        self.record_bytes = 0  # read since the last record
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._end = ""  # the last non-blank character that was read, and a line end after it
        self._is_at_seam = False
        self._waiting = ""  # text after a seam
        # How often an event type is named in the text, and in the records that were read from it.
        self.mentions = self.mentions_read = 0
        self._given, self._records = "", 0  # the last text, and how many records ended in it
        self._indent: str | None = None

    def note_record(self, mentions: int) -> None:
        """Note that a record was read, which names an event type so many times."""
        self.record_bytes = 0
        self._records += 1
        self.mentions_read += mentions

    def whole(self) -> object:
        """The value, if the text is one value of at most MAX_LINE bytes; else None, and `read`
        returns the same text.
        """
        blocks: list[str] = []
        size = 0
        while size <= MAX_LINE and (block := self._source.read(BLOCK)):
            size += len(block)
            blocks.append(self._decoder.decode(block))
        self._waiting = "".join(blocks)
        try:
            return msgspec.json.decode(escape_invalid(self._waiting))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    def read(self, size: int) -> bytes:
        # ijson asks for 0 bytes to see whether the source gives bytes or text.
        while size and not self._is_at_seam and self.record_bytes <= MAX_LINE:
            text, self._waiting = self._waiting, ""
            if not text:
                if not (block := self._source.read(size)):
                    break
                self.record_bytes += len(block)
                text = self._decoder.decode(block)
            if text := self._up_to_seam(text):
                self.mentions += text.count(_EVENT_TYPE.decode())
                self._given, self._records = text, 0
                if self._indent is None:
                    self._indent = found[1] if (found := _INDENTED.search(text)) else ""
                return escape_invalid(text)
        return b""

    def next_place(self) -> str | None:
        """Where the records after a seam are; they are read next. None at the end."""
        place = "" if self._is_at_seam else None
        self._is_at_seam = False
        return place

    def place_behind_damage(self, place: str) -> str | None:
        """Where the records from the next one on are that begins a line; None if there is none.

        No line begins within a string of JSON, so no host on the network can have sent that record.
        """
        arrays = place.split(".").count(_ITEM)
        indent = re.escape(self._indent or "") if arrays else ""
        begin = re.compile(rf"\n{indent}(?:,[ \t]*)?(?=\{{)")
        text, passed = self._given, self._records
        while arrays <= 1 and text:
            starts = [found.end() for found in begin.finditer(text)]
            if len(starts) > passed:
                self._waiting = ("[" if arrays else "") + text[starts[passed] :] + self._waiting
                self._is_at_seam, self._end, self.record_bytes = False, "", 0
                return _ITEM if arrays else ""
            passed -= len(starts)
            line = text[max(text.rfind("\n"), 0) :]  # its record may begin in the next block
            text, self._waiting = self._waiting, ""
            text = text or self._decoder.decode(self._source.read(BLOCK))
            is_begun = text and len(line) <= _LONGEST_INDENT and not line.strip(" \t\r\n,")
            text = f"{line}{text}" if is_begun else text
        return None

    def _up_to_seam(self, text: str) -> str:
        known = self._end + text
        seams = (found for found in _SEAM.finditer(known) if "\n" in found[0])
        if seam := next(seams, None):
            before = max(0, seam.end() - len(self._end))
            self._is_at_seam, self._waiting, self._end = True, text[before:], ""
            return text[:before]
        whole = known.rstrip()
        self._end = whole[-1:] + ("\n" if "\n" in known[len(whole) :] else "")
        return text
