"""What was last reported of a host and what is found now -> what changed, in plain values that every report form shows. Pure.

Nothing here remembers anything: whoever keeps the state between reports makes a Change, and a
report without one is a first report.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from rulegen.vocabulary import Level


class Trend(StrEnum):
    """How a host stands against the last report; the order is the one a reader wants them in."""

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
        Trend.STILL: "reported before, and still seen doing it",
        Trend.RECOVERED: "reported before; seen, and clean now",
        Trend.GONE_QUIET: "reported before; not seen at all since",
    }
)


class HostChange(Struct, frozen=True):
    """One host's incident: from the first report that named it until it is clean, or has been quiet for a week (incident.py).

    `host` and `mac` are those of its Verdict (Verdict.key), where there is one; a host that has gone quiet has none. `incident` is the
    same in every report on it. `first_reported` is in seconds since 1970 UTC. `previous` is the level of the last report, None where it
    was in none. `mac` and `name` are what dhcp last said, "" if nothing did.
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
    """Everything that changed since the last report, which was made of events up to `since` (seconds since 1970 UTC)."""

    since: float
    hosts: tuple[HostChange, ...]

    def by_key(self) -> dict[tuple[str, str], HostChange]:
        """To be asked with Verdict.key."""
        return {change.key: change for change in self.hosts}

    def of_trend(self, trend: Trend) -> tuple[HostChange, ...]:
        return tuple(change for change in self.hosts if change.trend is trend)

    def counts(self) -> dict[Trend, int]:
        """How many hosts are what, all trends named."""
        found = Counter(change.trend for change in self.hosts)
        return {trend: found[trend] for trend in Trend}


def trend_of(previous: Level | None, now: Level | None) -> Trend | None:
    """Two levels -> the trend; None where neither report has anything to say.

    A level is None where the host was not in the report: never seen, or not seen this time. From
    infected to suspected is `still`: less evidence of the same thing is no news to act on.
    """
    before, after = previous or Level.CLEAN, now or Level.CLEAN
    if before is after is Level.CLEAN:
        return None
    if before is Level.CLEAN:
        return Trend.NEW
    if after is Level.CLEAN:
        return Trend.GONE_QUIET if now is None else Trend.RECOVERED
    return Trend.WORSE if after.rank > before.rank else Trend.STILL
