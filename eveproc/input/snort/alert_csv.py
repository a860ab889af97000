"""Lines of alert_csv -> Alerts; a line that gives none is a Skipped with its reason.

The format has no heading, so the order of the fields identifies a file. It is one of three: that of
Snort 2.9 (also of barnyard2 and pfSense), that of Snort 3, or the one that a build's mxhound.lua
sets for alert_json. If the first line names the columns, the names count (csv_columns.py).
"""

import csv
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.snort.clock import WithYear, alert_time, syslog_time
from eveproc.input.snort.csv_columns import Columns, columns_of
from eveproc.input.snort.fields import alert
from eveproc.input.snort.lines import MAX_LINE, RecordSource, ended_lines


class Layout(Struct, frozen=True):
    """An order of fields (by their names in alert_json), how a line begins, and where -y puts the
    year.
    """

    fields: tuple[str, ...]
    begins: re.Pattern[str]
    with_year: WithYear
    needed: int


_STAMP = r"\d\d/\d\d(?:/\d\d)?-\d\d:\d\d:\d\d\.\d{6} ?"
# Snort 2.9 continues with Ethernet, TCP and IP fields; a shorter list has what is needed as well.
_SNORT_29 = Layout(
    (
        "timestamp",
        "gid",
        "sid",
        "rev",
        "msg",
        "proto",
        "src_addr",
        "src_port",
        "dst_addr",
        "dst_port",
    ),
    re.compile(rf'{_STAMP},\d+,\d+,\d+,"?[^,]'),
    WithYear.LAST,
    needed=9,
)
_SNORT_3 = Layout(
    (
        "timestamp",
        "pkt_num",
        "proto",
        "pkt_gen",
        "pkt_len",
        "dir",
        "src_ap",
        "dst_ap",
        "rule",
        "action",
    ),
    re.compile(rf"{_STAMP}, ?\d+, ?\w+, ?\w+, ?\d+, ?\w+, ?\S+:\d+"),
    WithYear.FIRST,
    needed=9,
)
_OURS = Layout(
    (
        "seconds",
        "timestamp",
        "src_addr",
        "src_port",
        "dst_addr",
        "dst_port",
        "proto",
        "sid",
        "gid",
        "rev",
        "msg",
    ),
    re.compile(
        rf"\d{{9,10}}, ?{_STAMP}, ?[0-9a-fA-F.:]+, ?\d+, ?[0-9a-fA-F.:]+, ?\d+, ?\w+, ?\d+, ?\d+"
    ),
    WithYear.FIRST,
    needed=9,
)
# Maximum length of a heading.
HEAD = 4096
_LAYOUTS = (_SNORT_29, _SNORT_3, _OURS)
_LOOKS_LIKE = re.compile(rf"(?:\d{{9,10}}, ?)?{_STAMP},")


def begins(head: bytes) -> bool:
    """True if the first line begins like an alert of any alert_csv, or names its columns."""
    first = _text(head.partition(b"\n")[0])
    # A column may hold whole records of EVE.
    is_named = b"event_type" not in head and columns_of(first) is not None
    return is_named or _LOOKS_LIKE.match(first) is not None


def followed(head: bytes) -> "CsvReader":
    """The reader for a log that begins so and is followed."""
    return CsvReader(columns_of(_text(head.partition(b"\n")[0])))


class CsvReader:
    """Reads sources one after the other: the heading of the first one applies to the others."""

    def __init__(self, columns: Columns | None = None) -> None:
        self._columns = columns

    def read(self, source: RecordSource, written: float) -> Iterator[Event | Skipped]:
        """See eveproc.input.snort.

        A file with other fields gives no alert; a problem says so.
        """
        layout: Layout | None = None
        understood = refused = 0
        for line, is_ended in ended_lines(source):
            text = _text(line)
            if not text.strip():
                yield Skipped(SkipReason.BLANK)
            elif not text[0].isdecimal() and (columns := columns_of(text[:HEAD])):
                self._columns = columns
                if columns.missing:
                    source.note_problem(
                        f"is an alert_csv whose first line names no column for: {columns.missing}"
                    )
                yield Skipped(SkipReason.BLANK)
            elif self._columns:
                yield _by_name(line, text, self._columns, written, is_ended=is_ended)
            else:
                layout = _layout(text) or layout
                understood += layout is not None
                refused += layout is None
                yield (
                    Skipped(SkipReason.NOT_AN_OBJECT, "alert_csv fields")
                    if layout is None
                    else _by_place(line, text, layout, written, is_ended=is_ended)
                )
        if refused and not understood:
            source.note_problem(
                "is an alert_csv with other fields, which cannot be identified; "
                "expected the default fields of Snort 2.9 "
                "or 3, those of mxhound.lua, or a first line that names the columns"
            )


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").removeprefix("\ufeff")


def _layout(text: str) -> Layout | None:
    return next((layout for layout in _LAYOUTS if layout.begins.match(text)), None)


def _by_place(
    line: bytes, text: str, layout: Layout, written: float, *, is_ended: bool
) -> Event | Skipped:
    row = _row(line, text, ",")
    if isinstance(row, Skipped):
        return row
    # The last value of a line without an end may be cut off.
    if len(row) < layout.needed + (not is_ended):
        return Skipped(SkipReason.HALF_LINE)
    return _alert(dict(zip(layout.fields, row, strict=False)), layout.with_year, written)


def _by_name(
    line: bytes, text: str, columns: Columns, written: float, *, is_ended: bool
) -> Event | Skipped:
    if columns.missing:
        return Skipped(SkipReason.NOT_AN_OBJECT, "alert_csv fields")
    row = _row(line, text, columns.separator)
    if isinstance(row, Skipped):
        return row
    if len(row) < columns.needed or (not is_ended and len(row) == columns.needed):
        return Skipped(SkipReason.HALF_LINE)
    return _alert(columns.values(row), columns.with_year, written, by_snort=columns.by_snort)


def _row(line: bytes, text: str, separator: str) -> list[str] | Skipped:
    if len(line) > MAX_LINE:
        return Skipped(SkipReason.TOO_LONG)
    try:
        (values,) = csv.reader([text.strip()], delimiter=separator, skipinitialspace=True)
    except (csv.Error, ValueError):
        return Skipped(SkipReason.WRONG_TYPE, "alert_csv line")
    return values


def _alert(
    value: Mapping[str, str], with_year: WithYear, written: float, *, by_snort: bool = True
) -> Event | Skipped:
    gid, sid = (
        value["rule"].split(":")[:2]
        if value.get("rule", "").count(":") == 2
        else (value.get("gid", "1"), value.get("sid", ""))
    )
    numbers = [_number(text) for text in (gid, sid)]
    if None in numbers or not numbers[1]:
        return Skipped(SkipReason.WRONG_TYPE, "sid")
    when = _when(value, written, with_year)
    if isinstance(when, Skipped):
        return when
    ends = (_end(value, "src"), _end(value, "dst"))
    return alert(
        when, numbers[0] or 0, numbers[1], *ends, value.get("proto", ""), by_snort=by_snort
    )


def _when(value: Mapping[str, str], written: float, with_year: WithYear) -> float | Skipped:
    """Snort's time, or another form if another program wrote the columns."""
    seconds, stamp = value.get("seconds", ""), value.get("timestamp", "").strip()
    when = alert_time(_number(seconds), stamp, written, with_year)
    return syslog_time(stamp, written) if when == Skipped(SkipReason.BAD_TIMESTAMP) else when


def _end(value: Mapping[str, str], side: str) -> tuple[str, int]:
    address, port = value.get(f"{side}_addr", ""), value.get(f"{side}_port", "")
    if both := value.get(f"{side}_ap", ""):
        address, _, port = both.rpartition(":")
    return address, _number(port) or 0


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None
