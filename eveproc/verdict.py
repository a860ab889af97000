"""HostEvidence -> Verdict(level, score, reasons): pure, no clock, no input but the evidence and the site profile."""

from bisect import bisect_left
from collections.abc import Sequence
from math import inf, nextafter

from msgspec import Struct

from eveproc import wording
from eveproc.allowance import allow
from eveproc.evidence import HostEvidence, Source
from eveproc.harmless import Explanation, explain_away
from eveproc.weighing import Circumstances, Weighed, combine, family_weights, weigh
from eveproc.weights import AGREES_AT, INFECTED_AT, SUSPECTED_AT
from rulegen.vocabulary import Family, Level, Signal


class EvidenceItem(Struct, frozen=True):
    """One reason: what was counted, where from, and what else looks like it. Times are seconds since 1970 UTC.

    `weight` is the natural logarithm of the likelihood ratio that it would add alone; a family adds its ceiling at most.
    """

    signal: Signal
    family: Family
    source: Source
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


class Identity(Struct, frozen=True):
    """The machine behind an address, from dhcp."""

    mac: str
    name: str
    addresses: tuple[str, ...]


def key_of(host: str, identity: Identity | None) -> tuple[str, str]:
    """Address and MAC ("" without dhcp): an address that two machines had in one night is two hosts."""
    return host, identity.mac if identity else ""


class Verdict(Struct, frozen=True):
    """What is said of one host. `score` is a probability; `decided_at` is None for a clean host."""

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

    @property
    def key(self) -> tuple[str, str]:
        return key_of(self.host, self.identity)


class Assessment(Struct, frozen=True):
    """What the verdict is made of: weighed signals (heaviest first), harmless explanations, and the probability they give."""

    weighed: tuple[Weighed, ...]
    explanations: tuple[Explanation, ...]
    score: float

    @property
    def level(self) -> Level:
        return level_of(self.score)


def assess(evidence: HostEvidence, circumstances: Circumstances) -> Assessment:
    """Weigh, explain, combine."""
    allowance = allow(evidence, circumstances.connections_logged)
    explanations = explain_away(evidence, allowance)
    weighed = tuple(weigh(evidence, allowance, circumstances))
    return Assessment(weighed, explanations, combine(weighed, explanations))


def judge(host: str, evidence: HostEvidence, identity: Identity | None, circumstances: Circumstances) -> Verdict:
    """The verdict on one host, and the time at which it could first have been said."""
    found = assess(evidence, circumstances)
    level, weighed, explanations = found.level, found.weighed, found.explanations
    return Verdict(
        host=host,
        level=level,
        score=round(found.score, 4),
        decided_at=None if level is Level.CLEAN else decide_when(evidence, explanations, circumstances, level),
        first_seen=evidence.first_seen(),
        last_seen=evidence.last_seen(),
        families=tuple(f for f, weight in family_weights(weighed).items() if weight >= AGREES_AT),
        evidence=tuple(_item(w) for w in weighed),
        identity=identity,
        why=wording.why(level, weighed, explanations, circumstances.sensor_blind),
        next_step=wording.next_step(level, weighed, explanations),
    )


def level_of(score: float) -> Level:
    """The word for a probability."""
    if score >= INFECTED_AT:
        return Level.INFECTED
    return Level.SUSPECTED if score >= SUSPECTED_AT else Level.CLEAN


def decide_when(evidence: HostEvidence, explanations: Sequence[Explanation], circumstances: Circumstances, level: Level) -> float:
    """The earliest event time by which the evidence sufficed for `level`: what a live watcher would have shown."""
    times = sorted({t for track in evidence.signal_tracks() for t in track.times()})

    def suffices(time: float) -> bool:
        return level_of(score_by(time, evidence, explanations, circumstances)).rank >= level.rank

    index = bisect_left(times, True, key=suffices)
    return times[min(index, len(times) - 1)]


def score_by(time: float, evidence: HostEvidence, explanations: Sequence[Explanation], circumstances: Circumstances) -> float:
    """The probability from what had been seen up to and including `time`, with the explanations of the whole night."""
    so_far = evidence.between(-inf, nextafter(time, inf))
    return combine(tuple(weigh(so_far, allow(so_far, circumstances.connections_logged), circumstances)), explanations)


def _item(weighed: Weighed) -> EvidenceItem:
    track = weighed.track
    return EvidenceItem(
        signal=weighed.signal,
        family=weighed.family,
        source=weighed.source,
        count=track.count(),
        distinct=track.distinct(),
        first_seen=track.first_seen,
        last_seen=track.last_seen,
        sids=tuple(sorted(track.sids)),
        flow_ids=tuple(dict.fromkeys(pivot.flow_id for pivot in track.earliest_pivots())),
        fact=wording.sentence(wording.fact(weighed)),
        looks_like=wording.looks_like(weighed.signal),
        weight=round(weighed.weight, 3),
    )
