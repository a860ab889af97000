"""Seconds since 1970 UTC -> times as reports write them. None and infinity mean no time."""

from datetime import UTC, datetime
from math import isfinite


def iso(seconds: float | None) -> str | None:
    """`2024-03-01T10:00:00.250000Z`: always microseconds, always Z."""
    if seconds is None or not isfinite(seconds):
        return None
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )


def short(seconds: float) -> str:
    """`2024-03-01 10:00:00Z`, for people."""
    return (iso(seconds) or "never").partition(".")[0].replace("T", " ") + "Z" * isfinite(seconds)


def span(first: float, last: float) -> str:
    """`2024-03-01 10:00:00Z to 2024-03-01 10:05:00Z`.

    Within one day the date is given once; within one second there is one time.
    """
    start, end = short(first), short(last)
    if start == end and isfinite(first):
        return start
    day, _, clock = end.partition(" ")
    return f"{start} to {clock if clock and start.startswith(day) else end}"
