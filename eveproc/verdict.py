"""HostEvidence -> Verdict(level, score, reasons): pure, no clock, no input but the evidence and the site profile."""

from dataclasses import dataclass

from rulegen.vocabulary import Family, Level, Signal


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One reason: what was counted, where from, and what else looks like it. Times are seconds since 1970 UTC."""

    signal: Signal
    family: Family
    source: str  # "alert" or "log"
    count: int
    distinct: int
    first_seen: float
    last_seen: float
    sids: tuple[int, ...]
    flow_ids: tuple[int, ...]
    why: str
    weight: float  # natural logarithm of the likelihood ratio this item adds


@dataclass(frozen=True, slots=True)
class Identity:
    """The machine behind an address, from dhcp."""

    mac: str
    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
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
