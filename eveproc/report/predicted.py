"""Predicted alerts -> text for people or one JSON object per alert, and notes on uncertainty."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType

from msgspec import Struct

from eveproc.report.sanitize import safe
from eveproc.report.times import iso, short, span
from eveproc.report.tuning_text import rate
from eveproc.signals.registry import SIGNALS
from eveproc.signals.rule_match import Moment, SmtpMatch, SynMatch
from eveproc.tuning.engine_threshold import SECOND
from eveproc.tuning.history import History
from eveproc.tuning.predict import Predicted
from rulegen.site_profile import Threshold
from rulegen.units import count_of
from rulegen.vocabulary import Level, Signal

# Hosts that are not infected are listed first: their alerts are the cost of a threshold. A few of
# the infected ones suffice to see that the threshold finds them.
MOST_HOSTS, MOST_INFECTED, MOST_NAMED = 50, 5, 10


class Prediction(Struct, frozen=True):
    """The alerts of one signal at a threshold in so many days.

    `levels` has the verdicts on hosts that are not clean.
    """

    signal: Signal
    threshold: Threshold
    alerts: Sequence[Predicted]
    days: float
    levels: Mapping[str, Level]

    def level(self, host: str) -> Level:
        return self.levels.get(host, Level.CLEAN)

    def split(self) -> tuple[list[Predicted], list[Predicted]]:
        """The alerts on hosts that are not infected, and those on infected hosts."""
        false = [one for one in self.alerts if self.level(one.host) is not Level.INFECTED]
        true = [one for one in self.alerts if self.level(one.host) is Level.INFECTED]
        return false, true


def render_json(told: Prediction) -> str:
    """One line per alert, by time: {"time", "host", "signal", "verdict"}; the time is ISO UTC.

    The verdict is that on the host from the same logs.
    """
    lines = (
        {
            "time": iso(alert.time / SECOND),
            "host": alert.host,
            "signal": alert.signal.value,
            "verdict": told.level(alert.host).value,
        }
        for alert in told.alerts
    )
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def render_text(told: Prediction) -> str:
    """Number and rate of alerts; hosts that are not infected, then infected ones, busiest first."""
    return _text(told, MOST_HOSTS, MOST_INFECTED)


def render_all(told: Prediction) -> str:
    """The same with every host."""
    return _text(told, len(told.alerts), len(told.alerts))


FORMATS: Mapping[str, Callable[[Prediction], str]] = MappingProxyType(
    {"text": render_text, "verbose": render_all, "json": render_json}
)


def _text(told: Prediction, most: int, most_infected: int) -> str:
    lines = [
        f"{told.signal} at {told.threshold.count} in {told.threshold.seconds} s: "
        f"{_number(told.alerts)} in {told.days:.1f} days{_a_day(told.alerts, told.days)}."
    ]
    for name, alerts, listed in zip(
        ("Not infected", "Infected"), told.split(), (most, most_infected), strict=True
    ):
        lines += ["", f"{name}: {_number(alerts)}{_a_day(alerts, told.days)}."]
        lines += _hosts(told, alerts, listed)
    return "".join(f"{line}\n" for line in lines)


def _number(alerts: Sequence[Predicted]) -> str:
    """`16 alerts by 3 hosts`."""
    hosts = len({alert.host for alert in alerts})
    return f"{count_of(len(alerts), 'alert')} by {count_of(hosts, 'host')}"


def _a_day(alerts: Sequence[Predicted], days: float) -> str:
    return f", {rate(len(alerts) / days)} a day" if days and alerts else ""


def _hosts(told: Prediction, alerts: Sequence[Predicted], most: int) -> Iterator[str]:
    by_host = groupby(sorted(alerts, key=attrgetter("host", "time")), attrgetter("host"))
    of_each = [(host, list(of_host)) for host, of_host in by_host]
    busiest = sorted(of_each, key=lambda one: (-len(one[1]), one[0]))
    for host, of_host in busiest[:most]:
        suspected = "  suspected" if told.level(host) is Level.SUSPECTED else ""
        yield f"{_host_line(host, of_host)}{suspected}"
    if len(busiest) > most:
        yield f"  ... and {count_of(len(busiest) - most, 'more host')} (-v lists them)"


def _host_line(host: str, alerts: Sequence[Predicted]) -> str:
    when = (
        span(alerts[0].time / SECOND, alerts[-1].time / SECOND)
        if len(alerts) > 1
        else short(alerts[0].time / SECOND)
    )
    return f"  {safe(host):39} {count_of(len(alerts), 'alert'):>12}  {when}{_doubt(alerts)}"


def _doubt(alerts: Sequence[Predicted]) -> str:
    unsure = sum(not alert.sure for alert in alerts)
    wide = max((alert.last - alert.first for alert in alerts if alert.sure), default=0) / SECOND
    told = [f"{unsure} not sure"] if unsure else []
    told += [f"times within {wide:.3g} s"] if wide else []
    return f"  ({', '.join(told)})" if told else ""


def notes(signal: Signal, alerts: Sequence[Predicted], history: History) -> Iterator[str]:
    """Limits of the prediction, one sentence each."""
    yield f"as Suricata {8 if history.by_eight else 7} counts, which wrote these records"
    rule = SIGNALS[signal].rule_match
    if isinstance(rule, SmtpMatch):
        yield (
            "an smtp record has the time of the end of a mail, not of the packet that its "
            "rule counts: times assume a common session"
        )
    if isinstance(rule, SmtpMatch) and rule.moment is Moment.MAIL_FROM:
        yield "several rejected senders leave one record: there may be more alerts than these"
    if isinstance(rule, SynMatch):
        yield (
            "records do not show a retransmitted SYN that was answered: there may be more "
            "alerts than these"
        )
    exact = sum(alert.is_exact for alert in alerts)
    unsure = sum(not alert.sure for alert in alerts)
    bounded = len(alerts) - exact - unsure
    yield (
        f"{exact} of {len(alerts)} have exact times, {bounded} are within bounds, "
        f"{unsure} are the likeliest of several"
    )
    if history.is_thinned:
        yield (
            "more hosts than can be kept: these are the alerts of a representative sample of "
            f"{count_of(len(history.active), 'host')}"
        )
    cut = sorted(
        host for host, kinds in history.hosts.items() if any(rows.is_cut for rows in kinds.values())
    )
    if cut:
        named = ", ".join([*cut[:MOST_NAMED], *(["..."] if len(cut) > MOST_NAMED else [])])
        yield (
            f"too busy to be kept whole, so that later alerts are missing: "
            f"{count_of(len(cut), 'host')} ({named})"
        )
