"""Scored signals and explanations -> sentences: reasons for a verdict, and the next step. Pure."""

from collections.abc import Sequence
from types import MappingProxyType

from eveproc.evidence.store import EvidenceSource
from eveproc.signals.registry import SIGNALS
from eveproc.verdicts.explanation import BenignExplanation
from eveproc.verdicts.long_window import DAY_ADDS, WEEK, WEEK_DAYS
from eveproc.verdicts.parameters import AGREES_AT
from eveproc.verdicts.scoring import ScoredSignal
from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import Ports
from rulegen.units import count_of
from rulegen.vocabulary import Family, Level, Signal

# Left out where it is explained.
SEE_EXPLAIN = "eveproc explain shows where to look."
_NUMBERS = MappingProxyType({2: "two", 3: "three", 4: "four"})
_SPAN = MappingProxyType(
    {60: "60 seconds", 300: "5 minutes", 3600: "an hour", 28800: "8 hours", 86400: "a day"}
)
_SPEC = MappingProxyType({spec.signal: spec for spec in CATALOGUE if spec.name == spec.signal})


def mistaken_for(signal: Signal) -> tuple[str, ...]:
    """Known false positives of this signal, one phrase each."""
    return _SPEC[signal].mistaken_for


def looks_like(signal: Signal) -> str:
    """Known false positives in one sentence."""
    return sentence(f"known false positives: {'; '.join(mistaken_for(signal))}")


def fact(scored: ScoredSignal) -> str:
    """What the host did: "queried the MX records of 96 domains (31 of them new within ...)"."""
    if scored.source is EvidenceSource.ALERT:
        return _alert_fact(scored)
    entry = SIGNALS[scored.signal]
    if scored.window == WEEK.seconds:
        new = count_of(scored.peak, f"new {entry.peer}")
        return f"{entry.did} {new} within {WEEK_DAYS} days, counting at most {DAY_ADDS} a day"
    if entry.is_grouped:
        return f"{entry.did} {count_of(scored.peak, entry.peer)} within {_SPAN[scored.window]}"
    peers, times = scored.sketch.distinct(), scored.sketch.count()
    within = f", {scored.peak} of them new within {_SPAN[scored.window]}" if scored.peak > 1 else ""
    return f"{entry.did} {count_of(peers, entry.peer)} ({count_of(times, 'time')}{within})"


def _alert_fact(scored: ScoredSignal) -> str:
    sids = ", ".join(map(str, sorted(scored.sketch.sids)))
    times = scored.sketch.count()
    often = "once" if times == 1 else count_of(times, "time")
    return f"triggered {scored.signal} {often} (sid {sids})"


def why(
    level: Level,
    scored: Sequence[ScoredSignal],
    explanations: Sequence[BenignExplanation],
    sensor_blind: bool = False,
) -> str:
    """The verdict in one sentence with numbers; for a clean one, how far it can be trusted."""
    strongest = _strongest_by_family(scored)
    facts = "; ".join(fact(w) for w in strongest)
    telling = [e for e in explanations if e.signals or level is not Level.INFECTED]
    but = f"; but it {', and it '.join(e.text for e in telling)}" if telling else ""
    if level is Level.CLEAN:
        explained = any(e.signals for e in explanations) and any(
            w.weight >= AGREES_AT for w in scored
        )
        judged = "as a mass mailer does" if explained else "not typical of a mass mailer"
        seen = f"{facts}: {judged}" if facts else "no mass mailing was seen"
        blind = (
            "; the sensor missed traffic, so absence of evidence is inconclusive"
            if sensor_blind
            else ""
        )
        return sentence(f"{seen}{but}{blind}")
    agreeing = [w.family for w in strongest if w.weight >= AGREES_AT]
    if len(agreeing) > 1:
        types = f"{', '.join(agreeing[:-1])} and {agreeing[-1]}"
        number = _NUMBERS[len(agreeing)]
        return sentence(f"{facts}: {number} independent evidence types agree ({types}){but}")
    only = f"only {agreeing[0]} evidence" if agreeing else "weak evidence of several kinds"
    kind = "no benign explanation found" if level is Level.INFECTED else only
    return sentence(f"{facts}: {kind}{but}")


def next_step(
    level: Level,
    scored: Sequence[ScoredSignal],
    explanations: Sequence[BenignExplanation],
    ports: Ports,
) -> str:
    """Next step of the strongest explanation, else the catalogue's for the heaviest signal.

    `ports` are the mail ports of the site profile.
    """
    if level is Level.INFECTED:
        numbers = ", ".join(map(str, sorted((*ports.smtp, *ports.submission))))
        return (
            f"Block its outbound mail (ports {numbers}), then find the program that sends it. "
            f"{SEE_EXPLAIN}"
        )
    if explanations:
        return sentence(explanations[0].next_step)
    if level is Level.CLEAN or not scored:
        return ""
    return _SPEC[scored[0].signal].next_step


def _strongest_by_family(scored: Sequence[ScoredSignal]) -> list[ScoredSignal]:
    """The heaviest signal of each agreeing family; if none agrees, the first of all."""
    best: dict[Family, ScoredSignal] = {}
    for w in scored:
        best.setdefault(w.family, w)
    telling = [w for w in best.values() if w.weight >= AGREES_AT]
    return telling or list(best.values())[:1]


def sentence(text: str) -> str:
    """Capitalize and add a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
