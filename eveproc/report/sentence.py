"""Report -> the report in one headline and one sentence, the same words in every report form for people."""

from collections import Counter

from eveproc.report.judgement_text import headline_of
from eveproc.report.times import span
from eveproc.verdicts.analyze import Report
from rulegen.units import count_of
from rulegen.vocabulary import Level


def headline(report: Report) -> str:
    """The worst first, as in "5 infected hosts" or "No host infected, 2 suspected".

    Where nothing could be judged, that and why; what was judged in part says so.
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
    """The sensor's report in one sentence: when, how many hosts, and whether anything was missed.

    Not how many events: which are looked at depends on how the reading was shared out, and says
    nothing to a person.
    """
    if not report.judgement.has_verdicts:
        remedy = report.judgement.causes[0].remedy
        return (
            f"No host was judged. {remedy[:1].upper()}{remedy[1:]}."
            if remedy
            else "No host was judged."
        )
    if report.first_event is None or report.last_event is None:
        return "No event was seen in this time, so nothing is known of any host."
    levels = Counter(verdict.level for verdict in report.verdicts)
    hosts = count_of(
        levels[Level.INFECTED] + levels[Level.SUSPECTED] + report.clean_hosts, "home host"
    )
    when = span(report.first_event, report.last_event)
    return f"{'From' if ' to ' in when else 'At'} {when} the sensor saw {hosts} {_missed(report)}."


def _missed(report: Report) -> str:
    if report.health:
        return "but missed traffic: absence of evidence is inconclusive where it did (see sensor health)"
    if not report.stats.events["stats"]:
        return "but logged no counters of its own: what it missed is not known"
    return "and counted nothing missed"
