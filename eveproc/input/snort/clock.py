"""The time of an alert as Snort wrote it -> seconds since 1970 UTC.

Snort writes "03/02-08:00:00.780000": no year (unless started with -y) and no zone; the hours are
the sensor's local time (unless started with -U). So what has no other date is read as local time of
this machine, in the last year in which it lies before the file was last written. Snort 3's
`seconds` says it better and wins.
"""

import re
import time
from datetime import UTC, date, datetime
from enum import StrEnum

from eveproc.input.events import YEARS, Skipped, SkipReason
from rulegen.units import DAY

# A file may be written by a machine whose clock is somewhat behind the sensor's.
# 29 February comes every four years, but for 2100.
_LEAP_YEARS = 8

_FIRST, _LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (YEARS.start, YEARS.stop))
_STAMP = re.compile(
    r"(?P<date>\d\d/\d\d(?:/\d\d)?)-(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?P<fraction>\.\d{1,9})?\Z",
    re.ASCII,
)


class WithYear(StrEnum):
    """How -y writes a date: 2.9 puts the year last, 3 puts it first."""

    LAST = "MM/DD/YY"
    FIRST = "YY/MM/DD"


def alert_time(
    seconds: float | None, stamp: str, written: float, with_year: WithYear
) -> float | Skipped:
    """When an alert was: `seconds` with the fraction of `stamp`, or `stamp` alone."""
    if seconds is None:
        return _stamped(stamp.strip(), written, with_year)
    if not _FIRST <= seconds < _LAST:
        return Skipped(SkipReason.CLOCK_FAULT)
    found = _STAMP.match(stamp.strip())
    return (
        float(seconds) + float(found["fraction"] or 0)
        if found and seconds == int(seconds)
        else float(seconds)
    )


def _stamped(stamp: str, written: float, with_year: WithYear) -> float | Skipped:
    if not stamp:
        return Skipped(SkipReason.NO_TIMESTAMP)
    found = _STAMP.match(stamp)
    if found is None:
        return Skipped(SkipReason.BAD_TIMESTAMP)
    clock = (int(found["h"]), int(found["m"]), int(found["s"]))
    if clock[0] > 23 or clock[1] > 59 or clock[2] > 60:
        return Skipped(SkipReason.BAD_TIMESTAMP)
    parts = [int(part) for part in found["date"].split("/")]
    if len(parts) == 2:
        moment = _before(written, parts[0], parts[1], clock)
    else:
        year, month, day = parts if with_year is WithYear.FIRST else (parts[2], parts[0], parts[1])
        moment = _local(2000 + year, month, day, clock)
    return (
        Skipped(SkipReason.BAD_TIMESTAMP)
        if moment is None
        else moment + float(found["fraction"] or 0)
    )


def _before(written: float, month: int, day: int, clock: tuple[int, int, int]) -> float | None:
    """The last such moment that is no more than a day after `written`."""
    last = time.localtime(written + DAY).tm_year
    for year in range(last, last - _LEAP_YEARS - 1, -1):
        moment = _local(year, month, day, clock)
        if moment is not None and moment <= written + DAY:
            return moment
    return None


def _local(year: int, month: int, day: int, clock: tuple[int, int, int]) -> float | None:
    """None where the calendar has no such day, or no Snort was there yet."""
    try:
        date(year, month, day)
    except ValueError:
        return None
    return time.mktime((year, month, day, *clock, 0, 0, -1)) if year in YEARS else None
