"""Lines of alert_csv -> Alerts; a line that gives none is a Skipped with its reason.

The format has no heading, so a file is told by the order of its fields, one of three: Snort 2.9's
own, Snort 3's own, or the one that a build's mxhound.lua gives alert_json.
"""

import csv
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.snort.clock import WithYear, alert_time
from eveproc.input.snort.fields import alert
from eveproc.input.snort.lines import MAX_LINE, RecordSource, lines


class Layout(Struct, frozen=True):
    """An order of fields, in alert_json's names for them; how a line of it begins; where -y puts the year."""

    fields: tuple[str, ...]
    begins: re.Pattern[str]
    with_year: WithYear
    needed: int


_STAMP = r"\d\d/\d\d(?:/\d\d)?-\d\d:\d\d:\d\d\.\d{6} ?"
# Snort 2.9 goes on with Ethernet, TCP and IP fields; a list that stops early has what is needed as
# well.
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
_LAYOUTS = (_SNORT_29, _SNORT_3, _OURS)
_LOOKS_LIKE = re.compile(rf"(?:\d{{9,10}}, ?)?{_STAMP},")


def begins(head: bytes) -> bool:
    """Whether the first line begins like an alert of any alert_csv."""
    return _LOOKS_LIKE.match(_text(head)) is not None


def read(source: RecordSource, written: float) -> Iterator[Event | Skipped]:
    """See eveproc.input.snort. A file with other fields gives no alert, and a problem that says so."""
    layout: Layout | None = None
    understood = refused = 0
    for line in lines(source):
        text = _text(line)
        if not text.strip():
            yield Skipped(SkipReason.BLANK)
            continue
        layout = _layout(text) or layout
        understood += layout is not None
        refused += layout is None
        yield (
            Skipped(SkipReason.NOT_AN_OBJECT, "alert_csv fields")
            if layout is None
            else _decode(line, text, layout, written)
        )
    if refused and not understood:
        source.note_problem(
            "is an alert_csv with fields of its own, which do not say what they are; allowed are the default fields of Snort 2.9 "
            "or 3, or those of mxhound.lua"
        )


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")


def _layout(text: str) -> Layout | None:
    return next((layout for layout in _LAYOUTS if layout.begins.match(text)), None)


def _decode(line: bytes, text: str, layout: Layout, written: float) -> Event | Skipped:
    if len(line) > MAX_LINE:
        return Skipped(SkipReason.TOO_LONG)
    try:
        (values,) = csv.reader([text.strip()], skipinitialspace=True)
    except (csv.Error, ValueError):
        return Skipped(SkipReason.WRONG_TYPE, "alert_csv line")
    if len(values) < layout.needed:
        return Skipped(SkipReason.HALF_LINE)
    return _alert(dict(zip(layout.fields, values, strict=False)), layout, written)


def _alert(value: Mapping[str, str], layout: Layout, written: float) -> Event | Skipped:
    gid, sid = (
        value["rule"].split(":")[:2]
        if value.get("rule", "").count(":") == 2
        else (value.get("gid", ""), value.get("sid", ""))
    )
    numbers = [_number(text) for text in (gid, sid)]
    if None in numbers or not numbers[1]:
        return Skipped(SkipReason.WRONG_TYPE, "sid")
    when = alert_time(
        _number(value.get("seconds", "")), value["timestamp"], written, layout.with_year
    )
    if isinstance(when, Skipped):
        return when
    return alert(
        when, numbers[0] or 0, numbers[1], _end(value, "src"), _end(value, "dst"), value["proto"]
    )


def _end(value: Mapping[str, str], side: str) -> tuple[str, int]:
    address, port = value.get(f"{side}_addr", ""), value.get(f"{side}_port", "")
    if both := value.get(f"{side}_ap", ""):
        address, _, port = both.rpartition(":")
    return address, _number(port) or 0


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None
