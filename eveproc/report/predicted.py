"""Predicted alerts -> text for people or one JSON object per alert, and notes on uncertainty."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from eveproc.report.sanitize import safe
from eveproc.report.times import iso, short, span
from eveproc.signals.registry import SIGNALS
from eveproc.signals.rule_match import Moment, SmtpMatch, SynMatch
from eveproc.tuning.engine_threshold import SECOND
from eveproc.tuning.history import History
from eveproc.tuning.predict import Predicted
from rulegen.site_profile import Threshold
from rulegen.units import count_of
from rulegen.vocabulary import Signal

MOST_HOSTS = 50


def render_json(alerts: Sequence[Predicted]) -> str:
    """One line per alert, by time: {"time", "host", "signal"}; the time is ISO 8601 UTC."""
    lines = (
        {"time": iso(alert.time / SECOND), "host": alert.host, "signal": alert.signal.value}
        for alert in alerts
    )
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def render_text(
    signal: Signal, threshold: Threshold, alerts: Sequence[Predicted], history: History
) -> str:
    """Number and rate of alerts, and the hosts, busiest first."""
    hosts = {
        host: list(of_host)
        for host, of_host in groupby(
            sorted(alerts, key=attrgetter("host", "time")), attrgetter("host")
        )
    }
    busiest = sorted(hosts.items(), key=lambda one: (-len(one[1]), one[0]))
    days = history.days
    rate = f", {len(alerts) / days:.2g} a day" if days else ""
    head = (
        f"{signal} at {threshold.count} in {threshold.seconds} s: "
        f"{count_of(len(alerts), 'alert')} by {count_of(len(hosts), 'host')}"
    )
    lines = [f"{head} in {days:.1f} days{rate}.", ""] if alerts else [f"{head} in {days:.1f} days."]
    lines += (_host_line(host, of_host) for host, of_host in busiest[:MOST_HOSTS])
    if len(busiest) > MOST_HOSTS:
        lines.append(f"  ... and {len(busiest) - MOST_HOSTS} more hosts")
    return "".join(f"{line}\n" for line in lines)


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
            f"{len(history.active)} hosts"
        )
    cut = sorted(
        host for host, kinds in history.hosts.items() if any(rows.is_cut for rows in kinds.values())
    )
    if cut:
        yield (f"too busy to be kept whole; their later alerts are missing: {', '.join(cut)}")
