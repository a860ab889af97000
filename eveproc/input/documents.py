"""A file that is JSON documents rather than lines -> its records one by one, parsed as a stream.

In bounded memory.

Documents: an array, an answer of an API with the records in an array under some key, or records
that are spread over several lines each.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from io import BytesIO

import msgspec

from eveproc.input.decode import escape_invalid
from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.sources import MAX_LINE, LogSource

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


def prefix_of(head: bytes) -> str | None:
    """Where the records of a file with these first bytes are, as ijson names places.

    None for a file of lines.
    """
    known = next((prefix for shape, prefix in _SHAPES if shape.match(head)), None)
    if known == _ITEM:  # other lines may hold no array
        return None if _first_line_is_whole(head) else known
    if known is not None:  # of several searches in one, hits are deeper
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
    """The array that the first record is in; "" where none is in an array."""
    import ijson

    try:
        for prefix, event, value in ijson.parse(BytesIO(head)):
            is_name = event == "map_key" and value.endswith("event_type")
            is_text = event == "string" and "event_type" in value and "{" in value
            if is_name or is_text:
                steps = prefix.split(".")
                last = max((n for n, step in enumerate(steps) if step == _ITEM), default=-1)
                return ".".join(steps[: last + 1])
    except ijson.JSONError:  # it is the head of a file only
        pass
    return ""


def shown(prefix: str) -> str:
    """The same place as people write it: "hits.hits[]"."""
    return ".".join(prefix.split(".")).replace(f".{_ITEM}", "[]").replace(_ITEM, "[]")


def records(source: LogSource, prefix: str, named: Sequence[str] = ()) -> Iterator[Event | Skipped]:
    """The result of each record of the documents."""
    import ijson

    from eveproc.input.envelope import Unwrapper

    unwrapper = Unwrapper(named)
    text = _Utf8(source)
    try:
        for value in ijson.items(text, prefix, multiple_values=True, use_float=True):
            text.record_bytes = 0
            yield from unwrapper.noted(value, source.stats, shown(prefix))
        if prefix == _ITEM and text.last != "]":
            source.note_problem("holds other values behind an array of records; they were not read")
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
    r"""What ijson reads: the source, with invalid bytes as the text `\xNN`, since it stops at the
    first of them.

    It ends when a record has more than MAX_LINE bytes: ijson would keep all of it in memory. `last`
    is the last sign that is no blank.
    """

    def __init__(self, source: LogSource) -> None:
        self.record_bytes = 0  # read since the last record
        self.last = ""
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")

    def read(self, size: int) -> bytes:
        # ijson asks for 0 bytes to see whether bytes or text will come.
        while size and self.record_bytes <= MAX_LINE and (block := self._source.read(size)):
            self.record_bytes += len(block)
            if text := self._decoder.decode(block):
                self.last = text.rstrip()[-1:] or self.last
                return escape_invalid(text)
        return b""
