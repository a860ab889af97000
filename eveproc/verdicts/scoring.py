"""HostEvidence -> ScoredSignal signals and the probability they add up to: the model of weights.py applied. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import inf

from msgspec import Struct

from eveproc.evidence.sketch import ActivitySketch, widest
from eveproc.evidence.store import EvidenceSource, Fact, HostEvidence
from eveproc.signals.own_alerts import threshold_of
from eveproc.verdicts.benign_explanations import BenignExplanation
from eveproc.verdicts.caps import Caps
from eveproc.verdicts.parameters import ALERTS, CEILING, CURVES, PRIOR, SLOW_NAME, probability
from rulegen.site_profile import SiteProfile
from rulegen.units import HOUR
from rulegen.vocabulary import Family, Signal

# What is unusual even for a declared server; its rates are its work.
MAIL_SERVER_SIGNALS = frozenset(
    (Signal.SUBMISSION_ATTEMPTS, Signal.SUBMISSION_SLOW, Signal.WORM_ATTACHMENT, Signal.HELO_ODD)
)
RESOLVER_SIGNALS = frozenset(s for s in Signal if s.family is not Family.LOOKUP)
EVERY_SIGNAL = frozenset(Signal)

# The records that an engine's counting of a signal was made of.
_RECORDS_OF = {
    Signal.MX_SLOW: Signal.MX_FLOOD,
    Signal.SMTP_SLOW: Signal.SMTP_ATTEMPTS,
    Signal.SUBMISSION_SLOW: Signal.SUBMISSION_ATTEMPTS,
    Signal.MX_THEN_SMTP: Signal.SMTP_ATTEMPTS,
}
# An alert of lookups or refusals counts in full once this many servers were connected to: one's own
# provider refuses, too.
_NEEDS_SERVERS, _SERVERS = (Family.LOOKUP, Family.REJECTION), 5
# Alerts name one peer of each window at random: met so often on average, those named are taken for
# all there are.
_VISITS = 2


class ScoredSignal(Struct, frozen=True):
    """One ActivitySketch's weight: `peak` peers within `window` seconds (0: alerts) weigh most."""

    signal: Signal
    source: EvidenceSource
    sketch: ActivitySketch
    weight: float
    peak: int
    window: int

    @property
    def family(self) -> Family:
        return self.signal.family


class HostContext(Struct, frozen=True):
    """What of a host's store is known before its evidence is scored."""

    site: SiteProfile
    signals: frozenset[Signal]
    connections_logged: bool
    sensor_blind: bool = False


def signals_for(is_mail_server: bool, is_resolver: bool) -> frozenset[Signal]:
    """Which signals mean something for a host of this declared role."""
    return (MAIL_SERVER_SIGNALS if is_mail_server else EVERY_SIGNAL) & (
        RESOLVER_SIGNALS if is_resolver else EVERY_SIGNAL
    )


def combine(scored: Sequence[ScoredSignal], explanations: Sequence[BenignExplanation]) -> float:
    """The probability that the host is a mass mailer; explained signals raise it to what their explanation leaves, no further."""
    at_most = {
        signal: e.at_most
        for e in sorted(explanations, key=lambda e: e.at_most)
        for signal in e.signals
    }
    unexplained = [w for w in scored if w.signal not in at_most]
    whole, rest = (
        probability(PRIOR + sum(family_weights(part).values())) for part in (scored, unexplained)
    )
    limit = max(
        (at_most[w.signal] for w in scored if w.signal in at_most and w.weight), default=1.0
    )
    return max(rest, min(whole, limit))


def family_weights(scored: Iterable[ScoredSignal]) -> dict[Family, float]:
    """What each family adds: within one, the same mails are counted several ways, so the largest speaks.

    Delivery to port 25 and submission are different acts of the host, as are the content signals:
    those add up.
    """
    largest: dict[tuple[Family, str], float] = {}
    for w in scored:
        counted = _RECORDS_OF.get(w.signal, w.signal)
        separate = counted is Signal.SUBMISSION_ATTEMPTS or w.family is Family.CONTENT
        key = (w.family, counted if separate else "")
        largest[key] = max(w.weight, largest.get(key, 0.0))
    return {
        family: min(
            CEILING[family], sum(weight for (f, _), weight in largest.items() if f is family)
        )
        for family in Family
    }


def score_at_most(evidence: HostEvidence) -> float:
    """A probability that the host's score does not exceed, told from how many different peers it met, which is quick."""
    return probability(
        PRIOR
        + sum(
            _weight_at_most(kind, source, sketch.distinct())
            for (kind, source), sketch in evidence.sketches.items()
        )
    )


@lru_cache(maxsize=1 << 12)
def _weight_at_most(kind: Signal | Fact, source: EvidenceSource, distinct: int) -> float:
    if not isinstance(kind, Signal):
        return 0.0
    if source is EvidenceSource.ALERT:
        return ALERTS[kind].most
    return max(0.0, *(window.weigh(distinct) for window in CURVES.get(kind, ())), 0.0)


def weigh(evidence: HostEvidence, caps: Caps, context: HostContext) -> Iterator[ScoredSignal]:
    """Every signal the host has a ActivitySketch for, from logs and from alerts; what can add most to the score first."""
    found = [*_weigh_logs(evidence, caps), *_weigh_alerts(evidence, caps, context.site)]
    used = (w for w in found if w.signal in context.signals)
    yield from sorted(
        used,
        key=lambda w: (
            -min(w.weight, CEILING[w.family]),
            w.source is EvidenceSource.ALERT,
            -w.weight,
            w.signal,
        ),
    )


def _weigh_logs(evidence: HostEvidence, caps: Caps) -> Iterator[ScoredSignal]:
    for signal in CURVES:
        sketch = evidence.log(signal)
        if not sketch.distinct():
            continue
        entries = _most_alike(sketch) if signal is Signal.LOOK_ALIKE else sketch.newcomers()
        weight, peak, window = _heaviest(signal, entries, _most(signal, caps))
        slow = window >= HOUR and signal in SLOW_NAME
        yield ScoredSignal(
            SLOW_NAME[signal] if slow else signal, EvidenceSource.LOG, sketch, weight, peak, window
        )


def _most(signal: Signal, caps: Caps) -> float:
    match signal:
        case Signal.SMTP_ATTEMPTS | Signal.SMTP_SESSIONS:
            return caps.direct
        case Signal.SUBMISSION_ATTEMPTS:
            return caps.submission
        case Signal.MAIL_BURST | Signal.LOOK_ALIKE | Signal.WORM_ATTACHMENT:
            return caps.recipients
        case _:
            return caps.lookups if signal.family is Family.LOOKUP else inf


def _heaviest(
    signal: Signal, entries: list[tuple[float, str]], most: float
) -> tuple[float, int, int]:
    """(weight, peers, seconds) of the window that weighs most; weight 0 where every window speaks for innocence.

    Of those that reach their family's ceiling the shortest says it best.
    """
    peaks = ((max(widest(entries, w.seconds), default=0), w) for w in CURVES[signal])
    scored = [(max(0.0, w.weigh(min(peak, most))), peak, w.seconds) for peak, w in peaks]
    return max(scored, key=lambda found: (min(found[0], CEILING[signal.family]), -found[2]))


def _most_alike(sketch: ActivitySketch) -> list[tuple[float, str]]:
    """Of the keys "digest domain", the entries of the digest that went to most domains."""
    by_digest: dict[str, list[tuple[float, str]]] = {}
    for time, key in sketch.newcomers():
        by_digest.setdefault(key.rpartition(" ")[0], []).append((time, key))
    return max(by_digest.values(), key=lambda entries: (len(entries), entries[0]))


def _weigh_alerts(evidence: HostEvidence, caps: Caps, site: SiteProfile) -> Iterator[ScoredSignal]:
    for signal in ALERTS:
        sketch = evidence.alerts(signal)
        if not sketch.hours:
            continue
        log_ratio = 0.0 if _records_tell(evidence, signal, site) else _alert_weight(signal, sketch)
        if signal.family in _NEEDS_SERVERS and caps.connections_logged:
            log_ratio *= min(1.0, caps.servers / _SERVERS)
        yield ScoredSignal(signal, EvidenceSource.ALERT, sketch, log_ratio, sketch.distinct(), 0)


def _alert_weight(signal: Signal, sketch: ActivitySketch) -> float:
    """Several windows about one name or one server say no more than one does.

    When the same few come back again and again, there are no others: they are then scored as the
    peers they are. (Not by content: one server may take in what should not be sent at all.)
    """
    windows, met = sketch.count(), sketch.distinct()
    weight = ALERTS[signal].weigh(min(windows, met))
    curve = CURVES.get(_RECORDS_OF.get(signal, signal))
    if curve is None or signal.family is Family.CONTENT or windows < _VISITS * met:
        return weight
    return min(weight, max(0.0, *(window.weigh(met) for window in curve if window.seconds >= HOUR)))


def _records_tell(evidence: HostEvidence, signal: Signal, site: SiteProfile) -> bool:
    """Are the records that this alert was made of in the logs? Then they say it better, and it is not counted twice."""
    records = evidence.log(_RECORDS_OF.get(signal, signal))
    return 2 * records.count() >= threshold_of(site, signal).count
