"""HostEvidence -> the weight of its alerts, and whether they show more than volume. Pure.

Rules count. Newsletters, monitors, build servers and the people behind one address reach the same
counts as mass mailers, so counts alone never convict. Some rules count what those hosts do not do:
they are not refused as senders, mail no programs, guess no names that do not exist, and greet
distinct servers under a proper name.
"""

from collections.abc import Iterable

from eveproc.evidence.sketch import ActivitySketch
from eveproc.evidence.store import EvidenceSource, HostEvidence
from eveproc.signals.registry import SIGNALS
from eveproc.verdicts.parameters import AGREES_AT, ALERTS, CURVES
from rulegen.units import HOUR
from rulegen.vocabulary import Family, Signal

# Alerts name one random peer of each window. If each named peer was named this often on average, no
# other peers are assumed.
_VISITS = 2
# The same for an odd greeting: a third of the alerts name a server that was named before.
_GREETED = 1.5
# Windows of one rule that are more than one survey, one hour, one user's mistake.
_SEVERAL = 2
# Rules that count what no benign host does often.
TELLING = (Signal.SMTP_REJECTS, Signal.WORM_ATTACHMENT, Signal.NAME_GUESS_NX, Signal.HELO_ODD)

_OF_MAILS = (Family.CONTENT, Family.REJECTION)
_DELIVERY = tuple(signal for signal in Signal if signal.family is Family.DELIVERY)
# Not submission_slow, which many people behind one address trigger.
_FLOODS = tuple(signal for signal in _DELIVERY if signal is not Signal.SUBMISSION_SLOW)
_MX = (Signal.MX_FLOOD, Signal.MX_SLOW)
# Signals whose rules inspect the content of an open connection.
_ANSWERED = (
    *(Signal.SMTP_SESSIONS, Signal.MAIL_BURST, Signal.HELO_ODD, Signal.WORM_ATTACHMENT),
    *(Signal.SMTP_REJECTS, Signal.RCPT_REFUSED),
)


def alert_weight(signal: Signal, sketch: ActivitySketch) -> float:
    """The weight of alerts: several windows about one peer weigh no more than one window.

    If the same few peers recur, no others are assumed, and they are scored by their number. An odd
    greeting of the same few servers is that of a device or a monitor. Other content and rejections
    are scored by their alerts alone, since one server may receive all mails.
    """
    windows, met = sketch.count(), sketch.distinct()
    weight = ALERTS[signal].weigh(min(windows, met))
    if signal is Signal.HELO_ODD and windows >= _GREETED * met:
        return 0.0
    curve = CURVES.get(SIGNALS[signal].counted_from)
    if curve is None or signal.family in _OF_MAILS or windows < _VISITS * met:
        return weight
    return min(weight, max(0.0, *(window.weigh(met) for window in curve if window.seconds >= HOUR)))


def count_alone(evidence: HostEvidence) -> bool:
    """True if only counting rules show deliveries, and nothing identifies a mass mailer."""
    by_records, by_alerts = (
        _has(evidence, source, _DELIVERY) for source in (EvidenceSource.LOG, EvidenceSource.ALERT)
    )
    if by_records or not by_alerts:
        return False
    tests = (_is_refused, _mails_programs, _greets_oddly, _guesses, _is_in_vain)
    return not any(test(evidence) for test in tests)


def _agrees(evidence: HostEvidence, signal: Signal) -> bool:
    sketch = evidence.alerts(signal)
    return bool(sketch.hours) and alert_weight(signal, sketch) >= AGREES_AT


def _is_refused(evidence: HostEvidence) -> bool:
    return _agrees(evidence, Signal.SMTP_REJECTS)


def _mails_programs(evidence: HostEvidence) -> bool:
    return _agrees(evidence, Signal.WORM_ATTACHMENT)


def _greets_oddly(evidence: HostEvidence) -> bool:
    """True if it greets oddly for hours, or while it mails or guesses names; a survey does neither
    and ends soon.

    Mails to one server are those of a device, unless it queries MX records repeatedly.
    """
    lasts = evidence.alerts(Signal.HELO_ODD).count() >= _SEVERAL
    bursts = evidence.alerts(Signal.MAIL_BURST)
    delivers = evidence.alerts(Signal.MX_FLOOD).count() >= _SEVERAL and bursts.count() >= _SEVERAL
    mails = delivers or bursts.distinct() >= _SEVERAL
    return _agrees(evidence, Signal.HELO_ODD) and (lasts or mails or _asks_names_alone(evidence))


def _guesses(evidence: HostEvidence) -> bool:
    """True if it queries names that do not exist, or repeatedly guessable names during a flood."""
    lasts = evidence.alerts(Signal.NAME_GUESS).distinct() >= _SEVERAL
    floods = _has(evidence, EvidenceSource.ALERT, _FLOODS)
    again = lasts and floods and _asks_names_alone(evidence)
    return again or _agrees(evidence, Signal.NAME_GUESS_NX)


def _asks_names_alone(evidence: HostEvidence) -> bool:
    """True if it queries names of mail servers but no MX records, as a mail server does first."""
    asks_mx = _has(evidence, EvidenceSource.ALERT, _MX)
    return _agrees(evidence, Signal.NAME_GUESS) and not asks_mx


def _is_in_vain(evidence: HostEvidence) -> bool:
    """A flood of MX lookups and connections to distinct servers, none of which speaks SMTP.

    The operator of a program would have noticed that it reaches no server.
    """
    floods = evidence.alerts(Signal.SMTP_ATTEMPTS).distinct() >= _SEVERAL
    looks_up = evidence.alerts(Signal.MX_FLOOD).count() >= _SEVERAL
    return floods and looks_up and not _has(evidence, EvidenceSource.ALERT, _ANSWERED)


def _has(evidence: HostEvidence, source: EvidenceSource, signals: Iterable[Signal]) -> bool:
    return any((signal, source) in evidence.sketches for signal in signals)
