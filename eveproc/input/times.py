"""A time as a log or a shipper spells it -> seconds since 1970 UTC, or None if it is no time.

A time without a zone, or with a zone name that is not known, is UTC. Numbers are seconds,
milliseconds, microseconds or nanoseconds since 1970, told apart by their size.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

# The largest number of seconds, milliseconds and microseconds: each is in the year 5138.
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6))
_NANOSECONDS = 1e9
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?\Z", re.ASCII)
# A date and a time, then the name of a zone: "2026-03-02T08:00:00.000000Eastern Daylight Time" is
# what Suricata writes on Windows, where strftime's %z is the name.
_NAMED_ZONE = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?)\s*([^\d\W][^\d]*?)\s*\Z")
# Kibana shows "Mar 2, 2026 @ 08:00:00.000"; some exports write a date with slashes.
_OTHER_FORMS = (
    "%b %d, %Y @ %H:%M:%S.%f",
    "%Y/%m/%d %H:%M:%S.%f",
    "%Y/%m/%d %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",
)

# Hours east of UTC for the zone names of Windows (standard time) and Unix.
_WINDOWS: Mapping[str, float] = MappingProxyType(
    {
        "dateline": -12,
        "hawaiian": -10,
        "aleutian": -10,
        "alaskan": -9,
        "pacific": -8,
        "us mountain": -7,
        "mountain": -7,
        "central": -6,
        "canada central": -6,
        "central america": -6,
        "eastern": -5,
        "us eastern": -5,
        "sa pacific": -5,
        "cuba": -5,
        "atlantic": -4,
        "venezuela": -4,
        "pacific sa": -4,
        "newfoundland": -3.5,
        "e. south america": -3,
        "argentina": -3,
        "sa eastern": -3,
        "azores": -1,
        "gmt": 0,
        "greenwich": 0,
        "w. europe": 1,
        "central europe": 1,
        "central european": 1,
        "romance": 1,
        "w. central africa": 1,
        "e. europe": 2,
        "gtb": 2,
        "fle": 2,
        "south africa": 2,
        "egypt": 2,
        "israel": 2,
        "jordan": 3,
        "turkey": 3,
        "arab": 3,
        "arabic": 3,
        "russian": 3,
        "e. africa": 3,
        "iran": 3.5,
        "arabian": 4,
        "caucasus": 4,
        "afghanistan": 4.5,
        "pakistan": 5,
        "west asia": 5,
        "india": 5.5,
        "sri lanka": 5.5,
        "nepal": 5.75,
        "central asia": 6,
        "bangladesh": 6,
        "myanmar": 6.5,
        "se asia": 7,
        "china": 8,
        "taipei": 8,
        "singapore": 8,
        "w. australia": 8,
        "tokyo": 9,
        "korea": 9,
        "cen. australia": 9.5,
        "aus central": 9.5,
        "e. australia": 10,
        "aus eastern": 10,
        "west pacific": 10,
        "central pacific": 11,
        "new zealand": 12,
        "fiji": 12,
    }
)
_ABBREVIATED: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("z", "utc", "gmt", "wet", "coordinated universal time"), 0),
        **dict.fromkeys(("gmt daylight time", "gmt summer time", "bst", "west", "cet", "met"), 1),
        **dict.fromkeys(("cest", "mest", "eet", "sast"), 2),
        **dict.fromkeys(("eest", "msk"), 3),
        "hst": -10,
        "akst": -9,
        "akdt": -8,
        "pst": -8,
        "pdt": -7,
        "mst": -7,
        "mdt": -6,
        "cst": -6,
        "cdt": -5,
        "est": -5,
        "edt": -4,
        "adt": -3,
        "jst": 9,
        "kst": 9,
        "aest": 10,
        "aedt": 11,
        "nzst": 12,
        "nzdt": 13,
    }
)


def read_time(value: str | float) -> datetime | None:
    """The time, with its zone; None if the value is no time. For the formats see the module."""
    if not isinstance(value, str):
        return _of_epoch(value)
    # As Suricata writes it: a number has no T there.
    if value[10:11] == "T" and (when := _of_iso(value)):
        return when
    text = value.strip()
    if _NUMBER.match(text):
        return _of_epoch(float(text.replace(",", ".")))
    return _of_iso(text) or _of_named_zone(text) or _of_other_form(text)


def _of_epoch(number: float) -> datetime | None:
    size = abs(number)
    unit = next((unit for limit, unit in _UNITS if size < limit), _NANOSECONDS)
    try:  # an integer may be larger than any float
        return datetime.fromtimestamp(number / unit, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _of_iso(text: str) -> datetime | None:
    try:
        return _in_utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def _of_named_zone(text: str) -> datetime | None:
    found = _NAMED_ZONE.match(text)
    when = _of_iso(found[1]) if found else None
    return when and found and when.replace(tzinfo=_zone(found[2]))


def _zone(name: str) -> timezone:
    """The zone of that name; UTC for one that is not known."""
    known = " ".join(name.lower().split()).strip("()")
    if known in _ABBREVIATED:
        return timezone(timedelta(hours=_ABBREVIATED[known]))
    for ending, more in ((" standard time", 0), (" daylight time", 1), (" summer time", 1)):
        region = known.removesuffix(ending)
        if region != known and region in _WINDOWS:
            return timezone(timedelta(hours=_WINDOWS[region] + more))
    return UTC


def _of_other_form(text: str) -> datetime | None:
    for form in _OTHER_FORMS:
        try:
            return _in_utc(datetime.strptime(text, form))  # noqa: DTZ007  without a zone it is UTC
        except ValueError:
            continue
    return None


def _in_utc(when: datetime) -> datetime:
    return when if when.tzinfo else when.replace(tzinfo=UTC)
