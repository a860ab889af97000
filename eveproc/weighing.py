"""HostEvidence -> Weighed signals and the probability they add up to: the model of weights.py applied. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import inf

from msgspec import Struct

from eveproc.alerts import threshold_of
from eveproc.allowance import Allowance
from eveproc.evidence import Fact, HostEvidence, Source
from eveproc.harmless import Explanation
from eveproc.track import Track, widest
from eveproc.weights import ALERTS, CEILING, CURVES, HOUR, PRIOR, SLOW_NAME, probability
from rulegen.site import SiteProfile
from rulegen.vocabulary import Family, Signal

# What is unusual even for a declared server; its rates are its work.
MAIL_SERVER_SIGNALS = frozenset((Signal.SUBMISSION_ATTEMPTS, Signal.SUBMISSION_SLOW, Signal.WORM_ATTACHMENT, Signal.HELO_ODD))
RESOLVER_SIGNALS = frozenset(s for s in Signal if s.family is not Family.LOOKUP)
EVERY_SIGNAL = frozenset(Signal)

# The records that an engine's counting of a signal was made of.
_RECORDS_OF = {
    Signal.MX_SLOW: Signal.MX_FLOOD,
    Signal.SMTP_SLOW: Signal.SMTP_ATTEMPTS,
    Signal.SUBMISSION_SLOW: Signal.SUBMISSION_ATTEMPTS,
    Signal.MX_THEN_SMTP: Signal.SMTP_ATTEMPTS,
}
# An alert of lookups or refusals counts in full once this many servers were connected to: one's own provider refuses, too.
_NEEDS_SERVERS, _SERVERS = (Family.LOOKUP, Family.REJECTION), 5
# Alerts name one stranger of each window at random: met so often on average, those named are taken for all there are.
_VISITS = 2


class Weighed(Struct, frozen=True):
    """One Track's weight: `peak` strangers within `window` seconds (0: alerts) weigh most."""

    signal: Signal
    source: Source
    track: Track
    weight: float
    peak: int
    window: int

    @property
    def family(self) -> Family:
        return self.signal.family


class Circumstances(Struct, frozen=True):
    """What of a host's night is known before its evidence is weighed."""

    site: SiteProfile
    signals: frozenset[Signal]
    connections_logged: bool
    sensor_blind: bool = False


def signals_for(is_mail_server: bool, is_resolver: bool) -> frozenset[Signal]:
    """Which signals mean something for a host of this declared role."""
    return (MAIL_SERVER_SIGNALS if is_mail_server else EVERY_SIGNAL) & (RESOLVER_SIGNALS if is_resolver else EVERY_SIGNAL)


def combine(weighed: Sequence[Weighed], explanations: Sequence[Explanation]) -> float:
    """The probability that the host is a mass mailer; explained signals raise it to what their explanation leaves, no further."""
    at_most = {signal: e.at_most for e in sorted(explanations, key=lambda e: e.at_most) for signal in e.signals}
    unexplained = [w for w in weighed if w.signal not in at_most]
    whole, rest = (probability(PRIOR + sum(family_weights(part).values())) for part in (weighed, unexplained))
    limit = max((at_most[w.signal] for w in weighed if w.signal in at_most and w.weight), default=1.0)
    return max(rest, min(whole, limit))


def family_weights(weighed: Iterable[Weighed]) -> dict[Family, float]:
    """What each family adds: within one, the same mails are counted several ways, so the largest speaks.

    Delivery to port 25 and submission are different acts of the host, as are the content signals: those add up.
    """
    largest: dict[tuple[Family, str], float] = {}
    for w in weighed:
        counted = _RECORDS_OF.get(w.signal, w.signal)
        separate = counted is Signal.SUBMISSION_ATTEMPTS or w.family is Family.CONTENT
        key = (w.family, counted if separate else "")
        largest[key] = max(w.weight, largest.get(key, 0.0))
    return {family: min(CEILING[family], sum(weight for (f, _), weight in largest.items() if f is family)) for family in Family}


def score_at_most(evidence: HostEvidence) -> float:
    """A probability that the host's score does not exceed, told from how many different strangers it met, which is quick."""
    return probability(PRIOR + sum(_weight_at_most(kind, source, track.distinct()) for (kind, source), track in evidence.tracks.items()))


@lru_cache(maxsize=1 << 12)
def _weight_at_most(kind: Signal | Fact, source: Source, distinct: int) -> float:
    if not isinstance(kind, Signal):
        return 0.0
    if source is Source.ALERT:
        return ALERTS[kind].most
    return max(0.0, *(window.weigh(distinct) for window in CURVES.get(kind, ())), 0.0)


def weigh(evidence: HostEvidence, allowance: Allowance, circumstances: Circumstances) -> Iterator[Weighed]:
    """Every signal the host has a Track for, from logs and from alerts; what can add most to the score first."""
    found = [*_weigh_logs(evidence, allowance), *_weigh_alerts(evidence, allowance, circumstances.site)]
    used = (w for w in found if w.signal in circumstances.signals)
    yield from sorted(used, key=lambda w: (-min(w.weight, CEILING[w.family]), w.source is Source.ALERT, -w.weight, w.signal))


def _weigh_logs(evidence: HostEvidence, allowance: Allowance) -> Iterator[Weighed]:
    for signal in CURVES:
        track = evidence.log(signal)
        if not track.distinct():
            continue
        entries = _most_alike(track) if signal is Signal.LOOK_ALIKE else track.newcomers()
        weight, peak, window = _heaviest(signal, entries, _most(signal, allowance))
        slow = window >= HOUR and signal in SLOW_NAME
        yield Weighed(SLOW_NAME[signal] if slow else signal, Source.LOG, track, weight, peak, window)


def _most(signal: Signal, allowance: Allowance) -> float:
    match signal:
        case Signal.SMTP_ATTEMPTS | Signal.SMTP_SESSIONS:
            return allowance.direct
        case Signal.SUBMISSION_ATTEMPTS:
            return allowance.submission
        case Signal.MAIL_BURST | Signal.LOOK_ALIKE | Signal.WORM_ATTACHMENT:
            return allowance.recipients
        case _:
            return allowance.lookups if signal.family is Family.LOOKUP else inf


def _heaviest(signal: Signal, entries: list[tuple[float, str]], most: float) -> tuple[float, int, int]:
    """(weight, strangers, seconds) of the window that weighs most; weight 0 where every window speaks for innocence.

    Of those that reach their family's ceiling the shortest says it best.
    """
    peaks = ((max(widest(entries, w.seconds), default=0), w) for w in CURVES[signal])
    weighed = [(max(0.0, w.weigh(min(peak, most))), peak, w.seconds) for peak, w in peaks]
    return max(weighed, key=lambda found: (min(found[0], CEILING[signal.family]), -found[2]))


def _most_alike(track: Track) -> list[tuple[float, str]]:
    """Of the keys "digest domain", the entries of the digest that went to most domains."""
    by_digest: dict[str, list[tuple[float, str]]] = {}
    for time, key in track.newcomers():
        by_digest.setdefault(key.rpartition(" ")[0], []).append((time, key))
    return max(by_digest.values(), key=lambda entries: (len(entries), entries[0]))


def _weigh_alerts(evidence: HostEvidence, allowance: Allowance, site: SiteProfile) -> Iterator[Weighed]:
    for signal in ALERTS:
        track = evidence.alerts(signal)
        if not track.hours:
            continue
        log_ratio = 0.0 if _records_tell(evidence, signal, site) else _alert_weight(signal, track)
        if signal.family in _NEEDS_SERVERS and allowance.connections_logged:
            log_ratio *= min(1.0, allowance.servers / _SERVERS)
        yield Weighed(signal, Source.ALERT, track, log_ratio, track.distinct(), 0)


def _alert_weight(signal: Signal, track: Track) -> float:
    """Several windows about one name or one server say no more than one does.

    When the same few come back again and again, there are no others: they are then weighed as the strangers they are.
    (Not by content: one server may take in what should not be sent at all.)
    """
    windows, met = track.count(), track.distinct()
    weight = ALERTS[signal].weigh(min(windows, met))
    curve = CURVES.get(_RECORDS_OF.get(signal, signal))
    if curve is None or signal.family is Family.CONTENT or windows < _VISITS * met:
        return weight
    return min(weight, max(0.0, *(window.weigh(met) for window in curve if window.seconds >= HOUR)))


def _records_tell(evidence: HostEvidence, signal: Signal, site: SiteProfile) -> bool:
    """Are the records that this alert was made of in the logs? Then they say it better, and it is not counted twice."""
    records = evidence.log(_RECORDS_OF.get(signal, signal))
    return 2 * records.count() >= threshold_of(site, signal).count
