"""Report -> one headline and one sentence, the same in every report format for people."""

from collections import Counter

from eveproc.report.judgement_text import headline_of
from eveproc.report.times import span
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Judgement
from rulegen.units import count_of
from rulegen.vocabulary import Level


def headline(report: Report) -> str:
    """The worst level first: "5 infected hosts", "No host infected, 2 suspected".

    If nothing could be judged, the headline says so and why; likewise if only part was judged.
    """
    if not report.judgement.has_verdicts:
        return headline_of(report.judgement)
    part = "" if report.judgement.is_whole else f" ({report.judgement.outcome})"
    return f"{_counted(report)}{part}"


def _counted(report: Report) -> str:
    found = Counter(verdict.level for verdict in report.verdicts)
    infected, suspected = found[Level.INFECTED], found[Level.SUSPECTED]
    if infected:
        return count_of(infected, "infected host") + (
            f", {suspected:,} suspected" if suspected else ""
        )
    return (
        f"No host infected, {suspected:,} suspected"
        if suspected
        else "No host infected or suspected"
    )


def lead(report: Report) -> str:
    """The report in one sentence: period, number of hosts, and whether traffic was missed.

    The number of events is omitted, because it depends on how processes shared the reading.
    """
    if not report.judgement.has_verdicts:
        return _not_judged(report.judgement)
    if report.first_event is not None and report.last_event is not None:
        return _seen(report, span(report.first_event, report.last_event))
    if report.records_span:
        return _seen(report, span(*report.records_span), " No record shows mail.")
    return "No event was seen in this period, so nothing is known about any host."


def _not_judged(judgement: Judgement) -> str:
    remedy = judgement.causes[0].remedy
    advice = f" {remedy[:1].upper()}{remedy[1:]}." if remedy else ""
    return f"No host was judged.{advice}"


def _seen(report: Report, when: str, more: str = "") -> str:
    levels = Counter(verdict.level for verdict in report.verdicts)
    number = levels[Level.INFECTED] + levels[Level.SUSPECTED] + report.clean_hosts
    start = "From" if " to " in when else "At"
    hosts = count_of(number, "home host")
    return f"{start} {when} the sensor saw {hosts} {_missed(report)}.{more}"


def _missed(report: Report) -> str:
    if report.health:
        return "but missed traffic, so absence of evidence is inconclusive (see sensor health)"
    if not report.stats.events["stats"]:
        return "but logged no counters, so missed traffic is unknown"
    return "and its counters show nothing missed"
