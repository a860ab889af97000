"""NightReport -> the night in one headline and one sentence, the same words in every report form for people."""

from collections import Counter

from eveproc.night import NightReport
from eveproc.report.moment import span
from rulegen.vocabulary import Level


def headline(night: NightReport) -> str:
    """The worst first, as in "5 infected hosts" or "No host infected, 2 suspected"."""
    found = Counter(verdict.level for verdict in night.verdicts)
    infected, suspected = found[Level.INFECTED], found[Level.SUSPECTED]
    if infected:
        return many(infected, "infected host") + (f", {suspected:,} suspected" if suspected else "")
    return f"No host infected, {suspected:,} suspected" if suspected else "No host infected or suspected"


def lead(night: NightReport) -> str:
    """The sensor's night in one sentence: when, how many hosts, and whether anything was missed.

    Not how many events: which are looked at depends on how the reading was shared out, and says nothing to a person.
    """
    if night.first_event is None or night.last_event is None:
        return "No event was seen in this time, so nothing is known of any host."
    levels = Counter(verdict.level for verdict in night.verdicts)
    hosts = many(levels[Level.INFECTED] + levels[Level.SUSPECTED] + night.clean_hosts, "home host")
    when = span(night.first_event, night.last_event)
    return f"{'From' if ' to ' in when else 'At'} {when} the sensor saw {hosts} {_missed(night)}."


def _missed(night: NightReport) -> str:
    if night.health:
        return "but missed traffic: where it did, no evidence is a weaker word (see sensor health)"
    if not night.stats.events["stats"]:
        return "but logged no counters of its own: what it missed is not known"
    return "and counted nothing missed"


def many(number: int, what: str) -> str:
    """1 host, 2,000 hosts."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
