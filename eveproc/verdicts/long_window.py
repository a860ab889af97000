"""A machine's days of direct delivery -> number of external servers that count within a week. Pure.

A mass mailer that stays below every bound of one night keeps contacting new servers; a program of
the site returns to its partners.
"""

from eveproc.evidence.store import HostEvidence
from eveproc.signals.facts import Fact
from eveproc.signals.weights import Window
from eveproc.verdicts.acts import servers_on_port_25
from eveproc.verdicts.past import HOURS_A_DAY, DayFigures, Past
from rulegen.units import DAY
from rulegen.vocabulary import Signal

# In a week one benign host in 1,000 contacts twice as many servers as in 8 hours: partners recur.
WEEK_DAYS = 7
WEEK = Window(WEEK_DAYS * DAY, 20, 60)
# Maximum number that one day adds: more is that day's own evidence (the `rare` number of 24 hours).
# Fewer than three days are no habit.
DAY_ADDS, FEWEST_DAYS = 12, 3


def unexplained_servers(evidence: HostEvidence) -> frozenset[str]:
    """External servers on port 25, without those that were queried and handed nothing."""
    asked = evidence.log(Fact.SENT_NOTHING).keys() - evidence.log(Fact.HANDED_OVER).keys()
    return frozenset(servers_on_port_25(evidence) - asked)


def earlier_nights(past: Past) -> tuple[DayFigures, ...]:
    """The earlier days of the week that ends with the newest one."""
    last = past.days[-1].day if past.days else 0
    return tuple(figures for figures in past.days if figures.day > last - WEEK_DAYS)


def servers_of_the_week(evidence: HostEvidence, nights: tuple[DayFigures, ...], most: int) -> int:
    """How many servers count; 0 unless the newest day and two others met some for the first time.

    Of the servers in `evidence` at most `most` count.
    """
    if not nights:
        return 0
    now = _newest_day(evidence)
    by_day = {figures.day: set(figures.servers) for figures in nights if figures.day < now}
    by_day[now] = set(sorted(unexplained_servers(evidence))[:most])
    known: set[str] = set()
    added = []
    for day in sorted(by_day):
        added.append(min(DAY_ADDS, len(by_day[day] - known)))
        known |= by_day[day]
    is_steady = added[-1] and sum(map(bool, added)) >= FEWEST_DAYS
    return sum(added) if is_steady else 0


def _newest_day(evidence: HostEvidence) -> int:
    hours = (
        hour
        for signal in (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS)
        for hour in evidence.log(signal).hours
    )
    return max(hours, default=0) // HOURS_A_DAY
