"""Incidents so far + the verdicts of a report -> what changed, and the updated incidents. Pure.

An incident is one finding about a machine (known by its MAC if DHCP records name it, else by its
address). It begins with the first report that names the machine, and ends when the machine is seen
and found clean, or was not seen for QUIET_DAYS. It is updated, never repeated, and keeps its id.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from eveproc.verdicts.change import HostChange, Trend, trend_of
from eveproc.verdicts.verdict import Verdict
from rulegen.vocabulary import Level

# A machine that comes back after a week's holiday is still the same finding.
QUIET_DAYS = 8


class Standing(StrEnum):
    """Was the machine above clean in the last report, not seen, or found clean?"""

    OPEN = "open"
    QUIET = "quiet"
    CLOSED = "closed"


class Incident(Struct, frozen=True):
    """One finding.

    `level`, `score` and `last_seen` are those of the last report in which the machine was above
    clean. `mac` and `name` are "" where DHCP records do not name the machine. `started` is when the
    evidence was first sufficient, `first_reported` the last event of the first report on it. Times
    are seconds since 1970 UTC.
    """

    id: str
    mac: str
    address: str
    name: str
    started: float
    first_reported: float
    last_seen: float
    level: Level
    score: float
    standing: Standing = Standing.OPEN


class JudgedHost(Struct, frozen=True):
    """A verdict, and whether the machine was seen since the last report."""

    verdict: Verdict
    seen: bool

    @property
    def mac(self) -> str:
        return self.verdict.identity.mac if self.verdict.identity else ""

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.verdict.identity.addresses if self.verdict.identity else (self.verdict.host,)

    @property
    def level(self) -> Level | None:
        return self.verdict.level if self.seen or self.verdict.level is not Level.CLEAN else None


class News(Struct, frozen=True):
    """What a report says about one incident, and the updated incident."""

    change: HostChange
    incident: Incident


class LiveNews(Struct, frozen=True):
    """A verdict that is new or differs from the last one of the machine, and the incident."""

    verdict: Verdict
    told: News

    @property
    def change(self) -> HostChange:
        return self.told.change


def find(incidents: Iterable[Incident], mac: str, addresses: Sequence[str]) -> Incident | None:
    """The incident of a machine: by MAC, or by address if either of them has no known MAC."""
    candidates = list(incidents)
    by_mac = (incident for incident in candidates if mac and incident.mac == mac)
    by_address = (
        incident
        for incident in candidates
        if incident.address in addresses and not (mac and incident.mac)
    )
    return next(by_mac, None) or next(by_address, None)


def settled_until(incidents: Iterable[Incident], mac: str, addresses: Sequence[str]) -> float:
    """The end of a machine's last closed incident: earlier evidence does not count again.

    -inf if there is none.
    """
    over = [incident for incident in incidents if incident.standing is Standing.CLOSED]
    ends = (
        e.last_seen for e in over if (e.mac == mac if mac and e.mac else e.address in addresses)
    )
    return max(ends, default=float("-inf"))


def follow(incidents: Iterable[Incident], found: Iterable[JudgedHost], at: float) -> list[News]:
    """The news of a report up to `at`, the most important first."""
    going = [incident for incident in incidents if incident.standing is not Standing.CLOSED]
    news: list[News] = []
    # Machines with a known MAC first: an address alone may be that of another machine.
    for one in sorted(found, key=lambda one: (not one.mac, one.verdict.host)):
        incident = find(going, one.mac, one.addresses)
        going = [other for other in going if other is not incident]
        news += _told(incident, one, at)
    news += [told for incident in going for told in _out_of_sight(incident)]
    return sorted(news, key=_by_weight)


def _told(incident: Incident | None, found: JudgedHost, at: float) -> Iterator[News]:
    trend = trend_of(incident.level if incident else None, found.level)
    if trend is Trend.GONE_QUIET and incident:
        yield from _out_of_sight(incident)
    elif trend:
        now = _updated(incident or _begun(found, at), found)
        yield News(
            _change(now, trend, incident.level if incident else None, found.verdict.host), now
        )


def _out_of_sight(incident: Incident) -> Iterator[News]:
    if incident.standing is Standing.OPEN:
        yield News(
            _change(incident, Trend.GONE_QUIET, incident.level, incident.address),
            replace(incident, standing=Standing.QUIET),
        )


def _begun(found: JudgedHost, at: float) -> Incident:
    verdict = found.verdict
    started = at if verdict.decided_at is None else verdict.decided_at
    digest = blake2b(
        f"{found.mac or verdict.host} {started:.6f}".encode("utf-8", "backslashreplace"),
        digest_size=6,
    )
    return Incident(
        digest.hexdigest(),
        found.mac,
        verdict.host,
        "",
        started,
        at,
        verdict.last_seen,
        verdict.level,
        verdict.score,
    )


def _updated(incident: Incident, found: JudgedHost) -> Incident:
    verdict, identity = found.verdict, found.verdict.identity
    here = replace(
        incident,
        address=verdict.host,
        mac=found.mac or incident.mac,
        name=(identity.name if identity else "") or incident.name,
    )
    if verdict.level is Level.CLEAN:
        return replace(here, standing=Standing.CLOSED)
    last_seen = max(incident.last_seen, verdict.last_seen)
    return replace(
        here, standing=Standing.OPEN, level=verdict.level, score=verdict.score, last_seen=last_seen
    )


def _change(incident: Incident, trend: Trend, previous: Level | None, host: str) -> HostChange:
    return HostChange(
        host, trend, incident.id, incident.first_reported, previous, incident.mac, incident.name
    )


def _by_weight(news: News) -> tuple[int, int, float, str]:
    incident = news.incident
    return list(Trend).index(news.change.trend), -incident.level.rank, -incident.score, incident.id
