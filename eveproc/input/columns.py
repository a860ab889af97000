"""CSV whose header names the columns of an EVE record -> a result for each row.

Kibana, Splunk and Graylog export tables with a column for each field. CSV with whole records in a
cell needs no names: it is read as lines.
"""

import csv
import re
from collections.abc import Iterator, Sequence

from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.snort.lines import lines
from eveproc.input.sources import LogSource

_BYTE_ORDER_MARK = "\ufeff"
_EMPTY = ("", "-")
# Splunk names a column of several values "smtp.rcpt_to{}".
_RECORD = re.compile(rb'\{\s*[\\"]')
_SEVERAL = "{}"
# Fields that hold several values, which Kibana joins in one cell, Splunk on lines.
_LISTS = ("smtp.rcpt_to", "email.attachment")
_BETWEEN = re.compile(r", |\n")
_SEPARATORS = ",;\t|"
# csv's own limit is 131,072; records with a payload are longer.
LONGEST_CELL = 16 << 20


def has_columns(head: bytes) -> bool:
    """True if the first line names columns, among them an event type."""
    first = head.partition(b"\n")[0]
    if b"event_type" not in first or _RECORD.search(first):
        return False
    return any(name.endswith(("event_type", "event_type.keyword")) for name in _names(first))


def _names(first: bytes) -> list[str]:
    text = first.decode("utf-8", "replace").removeprefix(_BYTE_ORDER_MARK).strip()
    separator = max(_SEPARATORS, key=text.count)
    names = next(csv.reader([text], delimiter=separator), [])
    return names if len(names) > 1 else []


def rows(source: LogSource, named: Sequence[str] = ()) -> Iterator[Event | Skipped]:
    """The result of each row. Never raises, whatever the bytes are."""
    from eveproc.input.envelope import Unwrapper

    unwrapper = Unwrapper(named)
    texts = (f"{line.decode('utf-8', 'backslashreplace')}\n" for line in lines(source))
    first = next(texts, "")
    separator = max(_SEPARATORS, key=first.count)
    names = _names(first.encode())
    before = csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(texts, delimiter=separator)
    try:
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield Skipped(SkipReason.WRONG_TYPE, "CSV row")
                continue
            if not row:
                yield Skipped(SkipReason.BLANK)
                continue
            cells = dict(zip(names, row, strict=False))
            value = {name: _value(name, cell) for name, cell in cells.items() if cell not in _EMPTY}
            yield from unwrapper.noted(value, source.stats, "CSV columns")
    finally:
        csv.field_size_limit(before)


def _value(name: str, cell: str) -> str | list[str]:
    return _BETWEEN.split(cell) if name.removesuffix(_SEVERAL).endswith(_LISTS) else cell
