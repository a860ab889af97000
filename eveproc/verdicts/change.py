"""The last reported and the present verdicts -> Change, in plain values for every report form.

Pure.

This module keeps no state: eveproc/state makes a Change. A report without one is a first report.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from rulegen.vocabulary import Level


class Trend(StrEnum):
    """How a host's verdict compares with the last report, in the order of reports."""

    NEW = "new"
    WORSE = "worse"
    STILL = "still"
    RECOVERED = "recovered"
    GONE_QUIET = "gone_quiet"

    @property
    def words(self) -> str:
        return self.replace("_", " ")


MEANING: Mapping[Trend, str] = MappingProxyType(
    {
        Trend.NEW: "not infected or suspected in the last report",
        Trend.WORSE: "suspected in the last report, infected now",
        Trend.STILL: "reported before, still infected or suspected",
        Trend.RECOVERED: "reported before, seen again and clean now",
        Trend.GONE_QUIET: "reported before, not seen since",
    }
)


class HostChange(Struct, frozen=True):
    """One host's incident.

    It lasts from the first report that names the host until the host is clean or was not seen for a
    week (incident.py).

    `host` and `mac` are those of its Verdict (Verdict.key), if it has one; a host that was not seen
    again has none. `incident` is the same in every report on it. `first_reported` is in seconds
    since 1970 UTC. `previous` is the level of the last report, None where it was in none. `mac` and
    `name` are from the latest dhcp record, "" if there is none.
    """

    host: str
    trend: Trend
    incident: str
    first_reported: float
    previous: Level | None = None
    mac: str = ""
    name: str = ""
    scope: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return f"{self.host} {self.scope}" if self.scope else self.host, self.mac


class Change(Struct, frozen=True):
    """Everything that changed since the last report.

    That report covered events up to `since` (seconds since 1970 UTC).
    """

    since: float
    hosts: tuple[HostChange, ...]

    def by_key(self) -> dict[tuple[str, str], HostChange]:
        """Changes by Verdict.key."""
        return {change.key: change for change in self.hosts}

    def of_trend(self, trend: Trend) -> tuple[HostChange, ...]:
        return tuple(change for change in self.hosts if change.trend is trend)

    def counts(self) -> dict[Trend, int]:
        """Number of hosts for every trend."""
        found = Counter(change.trend for change in self.hosts)
        return {trend: found[trend] for trend in Trend}


def trend_of(previous: Level | None, now: Level | None) -> Trend | None:
    """Two levels -> the trend; None if neither report names the host.

    A level is None if the host was not in the report. From infected to suspected is `still`: less
    evidence of the same activity needs no action.
    """
    before, after = previous or Level.CLEAN, now or Level.CLEAN
    if before is after is Level.CLEAN:
        return None
    if before is Level.CLEAN:
        return Trend.NEW
    if after is Level.CLEAN:
        return Trend.GONE_QUIET if now is None else Trend.RECOVERED
    return Trend.WORSE if after.rank > before.rank else Trend.STILL
