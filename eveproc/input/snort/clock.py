"""The time of an alert as Snort, Suricata or syslog wrote it -> seconds since 1970 UTC.

Snort writes "03/02-08:00:00.780000": no year (unless started with -y) and no zone; the hours are
the sensor's local time (unless started with -U). Without another date, the time is read as local
time of this machine, in the last year in which it is before the time at which the file was last
written. Snort 3's `seconds` is exact and takes precedence. fast.log of Suricata has the year in
four digits. Syslog writes "Mar 2 08:00:00" (RFC 3164) or ISO 8601 (RFC 5424).
"""

import re
import time
from datetime import UTC, date, datetime
from enum import StrEnum

from eveproc.input.events import YEARS, Skipped, SkipReason
from eveproc.input.times import read_time
from rulegen.units import DAY

# The clock of the machine that writes a file may be somewhat behind the sensor's. 29 February comes
# every four years, except in 2100.
_LEAP_YEARS = 8

_FIRST, _LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (YEARS.start, YEARS.stop))
_STAMP = re.compile(
    r"(?P<date>\d\d/\d\d(?:/(?:\d{4}|\d\d))?)-(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?P<fraction>\.\d{1,9})?\Z",
    re.ASCII,
)
_SYSLOG = re.compile(
    r"(?:(?P<before>\d{4}) )?(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?:(?P<year>\d{4}) )?"
    r"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?P<fraction>\.\d{1,9})?\Z",
    re.ASCII,
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_WITHOUT_YEAR = re.compile(rb"(?<![\d/])\d\d/\d\d-\d\d:\d\d:\d\d")


class WithYear(StrEnum):
    """How -y writes a date: Snort 2.9 puts the year last, Snort 3 puts it first."""

    LAST = "MM/DD/YY"
    FIRST = "YY/MM/DD"


def alert_time(
    seconds: float | None, stamp: str, written: float, with_year: WithYear
) -> float | Skipped:
    """The time of an alert: `seconds` with the fraction of `stamp`, or `stamp` alone."""
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


def written_since(written: float, since: float) -> float:
    """When a file was written of which only records from `since` on are wanted.

    Its alerts are taken to be within the year that begins at `since`: the file may have been copied
    without its times, and be older than its times say.
    """
    if not _FIRST <= since < _LAST:
        return written
    begins = time.localtime(since)
    ends = time.mktime((begins.tm_year + 1, *begins[1:8], -1))
    return min(written, ends - DAY - 1)


def has_no_year(head: bytes) -> bool:
    """True if the first bytes hold a time of Snort without a year."""
    return _WITHOUT_YEAR.search(head) is not None


def syslog_time(stamp: str, written: float) -> float | Skipped:
    """When a line was logged, according to its syslog header."""
    found = _SYSLOG.match(stamp)
    if found is None:
        return _with_zone(stamp)
    clock = _clock(found)
    if clock is None or found["month"] not in _MONTHS:
        return Skipped(SkipReason.BAD_TIMESTAMP)
    month, day = _MONTHS.index(found["month"]) + 1, int(found["day"])
    year = found["before"] or found["year"]
    return _with_fraction(
        _local(int(year), month, day, clock) if year else _before(written, month, day, clock),
        found,
    )


def _with_zone(stamp: str) -> float | Skipped:
    moment = read_time(stamp)
    if moment is None:
        return Skipped(SkipReason.BAD_TIMESTAMP)
    return moment.timestamp() if moment.year in YEARS else Skipped(SkipReason.CLOCK_FAULT)


def _stamped(stamp: str, written: float, with_year: WithYear) -> float | Skipped:
    if not stamp:
        return Skipped(SkipReason.NO_TIMESTAMP)
    found = _STAMP.match(stamp)
    clock = _clock(found) if found else None
    if found is None or clock is None:
        return Skipped(SkipReason.BAD_TIMESTAMP)
    parts = [int(part) for part in found["date"].split("/")]
    if len(parts) == 2:
        return _with_fraction(_before(written, parts[0], parts[1], clock), found)
    return _with_fraction(_dated(parts, with_year, clock), found)


def _clock(found: re.Match[str]) -> tuple[int, int, int] | None:
    clock = (int(found["h"]), int(found["m"]), int(found["s"]))
    return None if clock[0] > 23 or clock[1] > 59 or clock[2] > 60 else clock


def _with_fraction(moment: float | None, found: re.Match[str]) -> float | Skipped:
    if moment is None:
        return Skipped(SkipReason.BAD_TIMESTAMP)
    return moment + float(found["fraction"] or 0)


def _dated(parts: list[int], with_year: WithYear, clock: tuple[int, int, int]) -> float | None:
    """A year of four digits is always the last part.

    If one order gives no date, the other is tried.
    """
    first, second, third = parts
    if third > 99:
        return _local(third, first, second, clock)
    last = _local(2000 + third, first, second, clock)
    ahead = _local(2000 + first, second, third, clock)
    orders = (ahead, last) if with_year is WithYear.FIRST else (last, ahead)
    return orders[0] if orders[0] is not None else orders[1]


def _before(written: float, month: int, day: int, clock: tuple[int, int, int]) -> float | None:
    """The last such time that is at most a day after `written`."""
    last = time.localtime(written + DAY).tm_year
    for year in range(last, last - _LEAP_YEARS - 1, -1):
        moment = _local(year, month, day, clock)
        if moment is not None and moment <= written + DAY:
            return moment
    return None


def _local(year: int, month: int, day: int, clock: tuple[int, int, int]) -> float | None:
    """None if the calendar has no such day, or if Snort did not exist yet."""
    try:
        date(year, month, day)
    except ValueError:
        return None
    return time.mktime((year, month, day, *clock, 0, 0, -1)) if year in YEARS else None
