"""HostEvidence -> scored signals and their combined probability (signals/weights.py). Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from eveproc.evidence.sketch import ActivitySketch, widest
from eveproc.evidence.store import EvidenceSource, HostEvidence
from eveproc.signals.facts import Fact
from eveproc.signals.own_alerts import threshold_of
from eveproc.signals.registry import SIGNALS
from eveproc.verdicts.acts import acts_of
from eveproc.verdicts.alert_weights import alert_weight
from eveproc.verdicts.caps import Caps
from eveproc.verdicts.explanation import BenignExplanation
from eveproc.verdicts.long_window import WEEK, servers_of_the_week
from eveproc.verdicts.parameters import ALERTS, CEILING, CURVES, PRIOR, probability
from eveproc.verdicts.past import DayFigures
from eveproc.verdicts.recipients import (
    domains_written_to,
    is_one_text_refused,
    mailboxes_written_to,
    refused_recipients,
)
from rulegen.site_profile import SiteProfile
from rulegen.units import HOUR
from rulegen.vocabulary import Family, Signal

# Signals that are unusual even for a declared mail server; high rates are normal for it.
MAIL_SERVER_SIGNALS = frozenset(
    signal for signal, entry in SIGNALS.items() if entry.unusual_for_mail_server
)
# Besides those, signals of a stolen account on a mail server: one text, refused often.
HIJACKED_SIGNALS = frozenset((Signal.LOOK_ALIKE, Signal.RCPT_REFUSED))
RESOLVER_SIGNALS = frozenset(s for s in Signal if s.family is not Family.LOOKUP)
EVERY_SIGNAL = frozenset(Signal)

# An alert of lookups or rejections counts in full once the host connected to this many servers,
# because a user's own provider rejects mail, too.
_NEEDS_SERVERS, _SERVERS = (Family.LOOKUP, Family.REJECTION), 5
# Lookups that count only as far as connections followed, if those are logged (caps.py). Names that
# do not exist lead to no connection. Of the others' weight, this share counts besides delivery.
LEAD_TO_DELIVERY = frozenset((Signal.MX_FLOOD, Signal.NAME_GUESS))
SAME_ACT = 0.1


class ScoredSignal(Struct, frozen=True):
    """The weight of one sketch: `peak` peers within `window` seconds (0: alerts) weigh most.

    `is_delivered`: it counts lookups that were followed by connections in the log.
    """

    signal: Signal
    source: EvidenceSource
    sketch: ActivitySketch
    weight: float
    peak: int
    window: int
    is_delivered: bool = False

    @property
    def family(self) -> Family:
        return self.signal.family


class HostContext(Struct, frozen=True):
    """Facts about a host that are known before its evidence is scored.

    `is_own`: a registered domain is known to be the site's own; `may_be_own`: nothing contradicts
    that. `is_mail_server`: it is declared as one. `tls_logged`: TLS
    sessions would be seen. `nights` are the days of the week before, where they are kept.
    """

    site: SiteProfile
    signals: frozenset[Signal]
    connections_logged: bool
    is_own: Callable[[str], bool]
    may_be_own: Callable[[str], bool]
    tls_logged: bool = False
    sensor_blind: bool = False
    is_mail_server: bool = False
    nights: tuple[DayFigures, ...] = ()


def signals_for(is_mail_server: bool, is_resolver: bool) -> frozenset[Signal]:
    """Signals that are meaningful for a host of this declared role."""
    return (MAIL_SERVER_SIGNALS if is_mail_server else EVERY_SIGNAL) & (
        RESOLVER_SIGNALS if is_resolver else EVERY_SIGNAL
    )


def combine(scored: Sequence[ScoredSignal], explanations: Sequence[BenignExplanation]) -> float:
    """The probability that the host is a mass mailer.

    Explained signals raise it at most to the lowest limit of their explanations: a second
    explanation with a higher limit does not weaken the first.
    """
    at_most = {
        signal: e.at_most
        for e in sorted(explanations, key=lambda e: -e.at_most)
        for signal in e.signals
    }
    unexplained = [w for w in scored if w.signal not in at_most]
    whole, rest = (probability(log_odds(part)) for part in (scored, unexplained))
    limit = max(
        (at_most[w.signal] for w in scored if w.signal in at_most and w.weight), default=1.0
    )
    return max(rest, min(whole, limit))


def log_odds(scored: Sequence[ScoredSignal]) -> float:
    """The prior and every family's weight.

    A lookup and the connection that it led to are one act, which is counted as a delivery: such a
    lookup adds SAME_ACT of its weight.
    """
    weights = family_weights(scored)
    alone = family_weights(w for w in scored if not w.is_delivered)[Family.LOOKUP]
    return PRIOR + sum(weights.values()) - (1 - SAME_ACT) * (weights[Family.LOOKUP] - alone)


def family_weights(scored: Iterable[ScoredSignal]) -> dict[Family, float]:
    """Weight of each family.

    Signals of one family count the same mails, so the largest weight counts. Delivery to port 25,
    submission and content signals are distinct activities, so these add up.
    """
    largest: dict[tuple[Family, str], float] = {}
    for w in scored:
        counted = SIGNALS[w.signal].counted_from
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
    """A quick upper bound of the host's score from its number of distinct peers."""
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
    # Lookups of MX records are counted as acts of delivery, too.
    acts = CURVES[Signal.MX_THEN_SMTP] if kind is Signal.MX_FLOOD else ()
    return sum(
        max((0.0, *(window.weigh(distinct) for window in curve)))
        for curve in (CURVES.get(kind, ()), acts)
    )


def weigh(evidence: HostEvidence, caps: Caps, context: HostContext) -> Iterator[ScoredSignal]:
    """Every signal of the host, from logs and from alerts; the one that can add most to the score
    first.
    """
    found = [
        *_weigh_logs(evidence, caps),
        *_weigh_week(evidence, caps, context.nights),
        *_weigh_alerts(evidence, caps, context.site),
    ]
    counted = context.signals
    if context.is_mail_server and is_one_text_refused(evidence):
        counted |= HIJACKED_SIGNALS
    used = (w for w in found if w.signal in counted)
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
        sketch = _counted(evidence, signal)
        if not sketch.distinct():
            continue
        entry = SIGNALS[signal]
        entries = _largest_group(sketch) if entry.is_grouped else sketch.newcomers()
        weight, peak, window = _heaviest(signal, entries, caps.at_most(entry.limit))
        name = entry.slow_name if entry.slow_name and window >= HOUR else signal
        is_delivered = caps.connections_logged and signal in LEAD_TO_DELIVERY
        yield ScoredSignal(name, EvidenceSource.LOG, sketch, weight, peak, window, is_delivered)


def _weigh_week(
    evidence: HostEvidence, caps: Caps, nights: tuple[DayFigures, ...]
) -> Iterator[ScoredSignal]:
    """Servers on port 25 that were new in each of several nights, if these are kept."""
    servers = servers_of_the_week(evidence, nights, caps.direct)
    weight = max(0.0, WEEK.weigh(servers))
    if weight:
        sketch = max(
            (evidence.log(s) for s in (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS)),
            key=ActivitySketch.distinct,
        )
        name, source = Signal.SMTP_VERY_SLOW, EvidenceSource.LOG
        yield ScoredSignal(name, source, sketch, weight, servers, WEEK.seconds)


def _counted(evidence: HostEvidence, signal: Signal) -> ActivitySketch:
    """The keys of a signal's records that count."""
    match signal:
        case Signal.MX_THEN_SMTP:
            return acts_of(evidence)
        case Signal.MAIL_BURST:
            return domains_written_to(evidence)
        case Signal.RECIPIENT_SPREAD:
            return mailboxes_written_to(evidence)
        case Signal.RCPT_REFUSED:
            return refused_recipients(evidence)
        case Signal.NAME_GUESS | Signal.NAME_GUESS_NX:
            lists = evidence.log(Fact.BLOCKLISTS).keys()
            sketch = evidence.log(signal)
            return sketch.only(lambda key: key not in lists) if lists else sketch
        case _:
            return evidence.log(signal)


def _heaviest(
    signal: Signal, entries: list[tuple[float, str]], most: float
) -> tuple[float, int, int]:
    """(weight, peers, seconds) of the heaviest window; weight 0 if none is evidence.

    Of windows that reach their family's ceiling, the shortest.
    """
    peaks = ((max(widest(entries, w.seconds), default=0), w) for w in CURVES[signal])
    scored = [(max(0.0, w.weigh(min(peak, most))), peak, w.seconds) for peak, w in peaks]
    return max(scored, key=lambda found: (min(found[0], CEILING[signal.family]), -found[2]))


def _largest_group(sketch: ActivitySketch) -> list[tuple[float, str]]:
    """Of keys "group peer", the entries of the group with most peers."""
    by_group: dict[str, list[tuple[float, str]]] = {}
    for time, key in sketch.newcomers():
        by_group.setdefault(key.rpartition(" ")[0], []).append((time, key))
    return max(by_group.values(), key=lambda entries: (len(entries), entries[0]))


def _weigh_alerts(evidence: HostEvidence, caps: Caps, site: SiteProfile) -> Iterator[ScoredSignal]:
    for signal in ALERTS:
        sketch = evidence.alerts(signal)
        if not sketch.hours:
            continue
        log_ratio = 0.0 if _records_tell(evidence, signal, site) else alert_weight(signal, sketch)
        if signal.family in _NEEDS_SERVERS and caps.connections_logged:
            log_ratio *= min(1.0, caps.servers / _SERVERS)
        is_delivered = caps.connections_logged and SIGNALS[signal].counted_from in LEAD_TO_DELIVERY
        source, peers = EvidenceSource.ALERT, sketch.distinct()
        yield ScoredSignal(signal, source, sketch, log_ratio, peers, 0, is_delivered)


def _records_tell(evidence: HostEvidence, signal: Signal, site: SiteProfile) -> bool:
    """True if the logs hold the records behind this alert; then those count, not the alert.

    Half of the records that the rule must have counted suffice. For lookups fewer do: a query
    repeated with the same port and id counts each time in the rule but once here. A DNS log is
    written at once and whole, so the lookups of the same hours are those of the alert, unless the
    alerts name more domains than they do.
    """
    records, alerts = evidence.log(SIGNALS[signal].counted_from), evidence.alerts(signal)
    if 2 * records.count() >= threshold_of(site, signal).count:
        return True
    return (
        signal.family is Family.LOOKUP
        and SIGNALS[signal].counted_from.family is Family.LOOKUP
        and alerts.distinct() <= records.distinct()
        and all({hour, hour - 1} & records.hours.keys() for hour in alerts.hours)
    )
