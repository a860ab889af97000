"""HostEvidence + site profile -> Verdict(level, score, reasons). Pure, without a clock."""

from bisect import bisect_left
from collections.abc import Sequence
from math import inf, nextafter

from msgspec import Struct

from eveproc.evidence.host_names import HostName
from eveproc.evidence.store import EvidenceSource, HostEvidence
from eveproc.verdicts import phrasing
from eveproc.verdicts.benign_explanations import find_benign_explanations
from eveproc.verdicts.caps import caps_of
from eveproc.verdicts.explained_alerts import counted_alone
from eveproc.verdicts.explanation import BenignExplanation
from eveproc.verdicts.parameters import AGREES_AT, INFECTED_AT, SUSPECTED_AT
from eveproc.verdicts.scoring import HostContext, ScoredSignal, combine, family_weights, weigh
from rulegen.inventory import InventoryEntry
from rulegen.vocabulary import Family, Level, Signal

# Addresses that are only assumed to be one machine need this score to be infected: with one wrong
# assumption in a hundred, the certainty is still above INFECTED_AT.
TOGETHER_AT = 0.99


class EvidenceItem(Struct, frozen=True):
    """One reason: what was counted, its source, and known false positives.

    Times are seconds since 1970 UTC.

    `weight` is the natural logarithm of its likelihood ratio alone; a family adds at most its
    ceiling.
    """

    signal: Signal
    family: Family
    source: EvidenceSource
    count: int
    distinct: int
    first_seen: float
    last_seen: float
    sids: tuple[int, ...]
    flow_ids: tuple[int, ...]
    fact: str
    looks_like: str
    weight: float

    @property
    def why(self) -> str:
        return f"{self.fact} {self.looks_like}"


class NatSession(Struct, frozen=True, order=True):
    """A session by which a NAT log identifies the machine behind it.

    `first_seen` is in seconds since 1970 UTC, `source_port` that of the translated address.
    """

    first_seen: float
    source_port: int
    flow_id: int


class Identity(Struct, frozen=True):
    """The machine at an address, from dhcp and from the MACs of its frames."""

    mac: str
    name: str
    addresses: tuple[str, ...]


def key_of(host: str, identity: Identity | None, scope: str = "") -> tuple[str, str]:
    """Address with scope, and MAC ("" if unknown): several hosts may share one address."""
    return f"{host} {scope}" if scope else host, identity.mac if identity else ""


class Verdict(Struct, frozen=True):
    """The verdict on one host.

    `score` is a probability; `decided_at` is None for a clean host.

    `scope` says in which of several networks the address was seen, as "vlan=10"; it is "" if the
    address alone identifies the host. `repeats` are hosts whose mails this one repeats. `inventory`
    is what the site's inventory says of the host. `in_turn` are the addresses, in order of time,
    that are assumed to be one machine (address_rotation.py). At least `people` use the address; 0
    if nothing shows several (people.py); `nat_sessions` identify the right one. `names` are those
    of the users and of the machine of a host above clean, the latest first.
    """

    host: str
    level: Level
    score: float
    decided_at: float | None
    first_seen: float
    last_seen: float
    families: tuple[Family, ...]
    evidence: tuple[EvidenceItem, ...]
    identity: Identity | None
    why: str
    next_step: str
    scope: str = ""
    repeats: tuple[str, ...] = ()
    is_router: bool = False
    inventory: InventoryEntry | None = None
    in_turn: tuple[str, ...] = ()
    people: int = 0
    nat_sessions: tuple[NatSession, ...] = ()
    names: tuple[HostName, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses of the machine; `host` is the latest."""
        if self.in_turn:
            return self.in_turn
        return self.identity.addresses if self.identity else (self.host,)

    @property
    def key(self) -> tuple[str, str]:
        return key_of(self.host, self.identity, self.scope)


class Bounds(Struct, frozen=True):
    """Score at which a host is infected, and the earliest time at which it can be."""

    infected_at: float = INFECTED_AT
    since: float = -inf


USUAL = Bounds()


class Assessment(Struct, frozen=True):
    """Scored signals (heaviest first), benign explanations, and their probability."""

    scored: tuple[ScoredSignal, ...]
    explanations: tuple[BenignExplanation, ...]
    score: float

    @property
    def level(self) -> Level:
        return level_of(self.score)


def assess(evidence: HostEvidence, context: HostContext) -> Assessment:
    """Score the signals, find benign explanations, and combine both."""
    caps = caps_of(evidence, context.connections_logged)
    explanations = find_benign_explanations(evidence, caps, context)
    scored = tuple(weigh(evidence, caps, context))
    return Assessment(scored, explanations, combine(scored, explanations))


def judge(
    host: str,
    evidence: HostEvidence,
    identity: Identity | None,
    context: HostContext,
    bounds: Bounds = USUAL,
) -> Verdict:
    """The verdict on one host, and the earliest time at which it was justified."""
    found = assess(evidence, context)
    scored, explanations = found.scored, found.explanations
    level = level_of(found.score, bounds.infected_at)
    is_capped = level is not found.level  # infected by the usual bound only
    return Verdict(
        host=host,
        level=level,
        score=INFECTED_AT - 0.01 if is_capped else round(found.score, 4),
        decided_at=None
        if level is Level.CLEAN
        else decide_when(evidence, explanations, context, bounds, level),
        first_seen=evidence.first_seen(),
        last_seen=evidence.last_seen(),
        families=tuple(f for f, weight in family_weights(scored).items() if weight >= AGREES_AT),
        evidence=tuple(_item(w) for w in scored),
        identity=identity,
        why=phrasing.why(level, scored, explanations, context.sensor_blind),
        next_step=phrasing.next_step(level, scored, explanations, context.site.ports),
    )


def level_of(score: float, infected_at: float = INFECTED_AT) -> Level:
    """The level of a probability."""
    if score >= infected_at:
        return Level.INFECTED
    return Level.SUSPECTED if score >= SUSPECTED_AT else Level.CLEAN


def decide_when(
    evidence: HostEvidence,
    explanations: Sequence[BenignExplanation],
    context: HostContext,
    bounds: Bounds,
    level: Level,
) -> float:
    """The earliest event time at which the evidence sufficed for `level`, as in a live watch."""
    times = sorted({t for sketch in evidence.signal_sketches() for t in sketch.times()})
    enough = bounds.infected_at if level is Level.INFECTED else SUSPECTED_AT

    def suffices(time: float) -> bool:
        return time >= bounds.since and score_by(time, evidence, explanations, context) >= enough

    index = bisect_left(times, True, key=suffices)
    return times[min(index, len(times) - 1)]


def score_by(
    time: float,
    evidence: HostEvidence,
    explanations: Sequence[BenignExplanation],
    context: HostContext,
) -> float:
    """The probability from events up to `time` (included), with the explanations of all events.

    Alerts that show more than volume count from their own time on.
    """
    so_far = evidence.between(-inf, nextafter(time, inf))
    counted = counted_alone(so_far)
    scored = tuple(weigh(so_far, caps_of(so_far, context.connections_logged), context))
    return combine(scored, (*explanations, counted) if counted else explanations)


def _item(scored: ScoredSignal) -> EvidenceItem:
    sketch = scored.sketch
    return EvidenceItem(
        signal=scored.signal,
        family=scored.family,
        source=scored.source,
        count=sketch.count(),
        distinct=sketch.distinct(),
        first_seen=sketch.first_seen,
        last_seen=sketch.last_seen,
        sids=tuple(sorted(sketch.sids)),
        flow_ids=tuple(dict.fromkeys(pivot.flow_id for pivot in sketch.earliest_pivots())),
        fact=phrasing.sentence(phrasing.fact(scored)),
        looks_like=phrasing.looks_like(scored.signal),
        weight=round(scored.weight, 3),
    )
