"""Incidents so far + the verdicts of a report -> what changed, and the updated incidents. Pure.

An incident is one finding about a machine (known by its MAC if DHCP records name it, else by its
address). It begins with the first report that names the machine, and ends when the machine is seen
and found clean, or was not seen for QUIET_DAYS. It is updated, never repeated, and keeps its id.

A machine that is only known by its addresses in turn (address_rotation.py) has other addresses each
night: its incident continues with any addresses in turn of the same network. A clean address does
not end it: the address may be another machine's by now.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from eveproc.verdicts.address_rotation import network_of
from eveproc.verdicts.change import HostChange, Trend, trend_of
from eveproc.verdicts.machines import Machine
from eveproc.verdicts.verdict import Verdict, key_of
from rulegen.vocabulary import Level

# A machine that comes back after a week's holiday is still the same finding.
QUIET_DAYS = 8


class Standing(StrEnum):
    """Whether the machine was above clean, not seen, or clean in the last report."""

    OPEN = "open"
    QUIET = "quiet"
    CLOSED = "closed"


class Incident(Struct, frozen=True):
    """One finding.

    `level`, `score` and `last_seen` are those of the last report in which the machine was above
    clean. `mac` and `name` are "" where DHCP records do not name the machine. `started` is when the
    evidence first sufficed, `first_reported` the time of the last event of the first report on it.
    Times are seconds since 1970 UTC. `in_turn` are the addresses that the last report took for one
    machine, separated by spaces; "" where it did not need to.
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
    scope: str = ""
    in_turn: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the machine in the last report."""
        return tuple(self.in_turn.split()) or (self.address,)


class Whereabouts(Struct, frozen=True):
    """How a machine is identified: its MAC ("" if unknown), its addresses, and their scope.

    `is_in_turn`: the addresses are only assumed to be one machine's.
    """

    mac: str
    addresses: tuple[str, ...]
    scope: str = ""
    is_in_turn: bool = False


def whereabouts(machine: Machine | Verdict) -> Whereabouts:
    """The Whereabouts of a machine, or of the machine of a verdict."""
    match machine:
        case Machine():
            addresses = machine.addresses
        case Verdict():
            addresses = machine.addresses
    mac = machine.identity.mac if machine.identity else ""
    return Whereabouts(mac, addresses, machine.scope, bool(machine.in_turn))


class JudgedHost(Struct, frozen=True):
    """A verdict, and whether the machine was seen since the last report."""

    verdict: Verdict
    seen: bool

    @property
    def whereabouts(self) -> Whereabouts:
        return whereabouts(self.verdict)

    @property
    def mac(self) -> str:
        return self.whereabouts.mac

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


def find(incidents: Iterable[Incident], machine: Whereabouts) -> Incident | None:
    """The incident of a machine: by MAC, or by address if either of them has no known MAC; for
    addresses in turn, by their network.

    An incident in the machine's own scope comes first, then one from before its scope was known.
    """
    candidates = list(incidents)
    by_mac = [i for i in candidates if machine.mac and i.mac == machine.mac]
    by_address = [
        incident
        for incident in candidates
        if incident.address in machine.addresses and not (machine.mac and incident.mac)
    ]
    by_network = [incident for incident in candidates if _goes_on(incident, machine)]
    for found in (by_mac, by_address, by_network):
        exact = (incident for incident in found if incident.scope == machine.scope)
        loose = (incident for incident in found if not (incident.scope and machine.scope))
        if match := next(exact, None) or next(loose, None):
            return match
    return next(iter(by_mac), None)


def _goes_on(incident: Incident, machine: Whereabouts) -> bool:
    """True if both are known by addresses in turn, in the same /64 or /24."""
    return bool(
        incident.in_turn
        and machine.is_in_turn
        and network_of(incident.address) == network_of(machine.addresses[-1])
    )


def settled_until(incidents: Iterable[Incident], machine: Whereabouts) -> float:
    """The end of a machine's last closed incident: earlier evidence does not count again.

    -inf if there is none.
    """
    ends = (
        incident.last_seen
        for incident in incidents
        if incident.standing is Standing.CLOSED and _was_of(incident, machine)
    )
    return max(ends, default=float("-inf"))


def _was_of(incident: Incident, machine: Whereabouts) -> bool:
    if machine.mac and incident.mac:
        return incident.mac == machine.mac
    is_same = incident.address in machine.addresses or _goes_on(incident, machine)
    return is_same and incident.scope in ("", machine.scope)


def follow(incidents: Iterable[Incident], found: Iterable[JudgedHost], at: float) -> list[News]:
    """The news of a report up to `at`, the most important first."""
    going = [incident for incident in incidents if incident.standing is not Standing.CLOSED]
    news: list[News] = []
    # Machines with a known MAC first: an address alone may be that of another machine. Of several
    # machines with one address the worst first: it gets an incident from before they were told
    # apart.
    for one in sorted(found, key=_surest):
        incident = find(going, one.whereabouts)
        if incident and incident.in_turn and one.verdict.level is Level.CLEAN:
            continue
        going = [other for other in going if other is not incident]
        news += _told(incident, one, at)
    news += [told for incident in going for told in _out_of_sight(incident)]
    return sorted(news, key=_by_weight)


def _surest(found: JudgedHost) -> tuple[bool, bool, str, bool, int, str]:
    v = found.verdict
    return not found.mac, not v.in_turn, v.host, bool(v.scope), -v.level.rank, v.scope


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
    machine = found.mac or key_of(verdict.host, None, verdict.scope)[0]
    digest = blake2b(
        f"{machine} {started:.6f}".encode("utf-8", "backslashreplace"),
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
        scope=verdict.scope,
        in_turn=" ".join(verdict.in_turn),
    )
    if verdict.level is Level.CLEAN:
        return replace(here, standing=Standing.CLOSED)
    last_seen = max(incident.last_seen, verdict.last_seen)
    return replace(
        here, standing=Standing.OPEN, level=verdict.level, score=verdict.score, last_seen=last_seen
    )


def _change(incident: Incident, trend: Trend, previous: Level | None, host: str) -> HostChange:
    return HostChange(
        host,
        trend,
        incident.id,
        incident.first_reported,
        previous,
        incident.mac,
        incident.name,
        incident.scope,
    )


def _by_weight(news: News) -> tuple[int, int, float, str]:
    incident = news.incident
    return list(Trend).index(news.change.trend), -incident.level.rank, -incident.score, incident.id
