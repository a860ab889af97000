"""HostEvidence of a machine -> figures of each day, and the days before: its own history. Pure.

Days are those of UTC, numbered from 1970-01-01. docs/verdicts.md gives the source of each number.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.store import EvidenceSource, HostEvidence
from eveproc.signals.facts import Fact
from rulegen.units import DAY, HOUR
from rulegen.vocabulary import Signal

HOURS_A_DAY = DAY // HOUR
# Minimum number of peers within a day for a kind of evidence.
KIND_AT = 5
# More servers of one day are not needed: each day adds a dozen at most (long_window.py).
MOST_SERVERS_OF_A_DAY = 32


class DayFigures(Struct, frozen=True):
    """What a machine did on one day.

    `mails` and `recipients` are those that can be read, without the site's own recipients.
    `refused`: of the recipients, those whose mail no message followed; `deliveries`: connections to
    mail servers that were handed enough for a mail, without readable ones to the site's own.
    `kinds` are signals of at least KIND_AT peers. `servers`: external servers on port 25 that no
    explanation accounts for, at most MOST_SERVERS_OF_A_DAY.
    """

    day: int
    mails: int = 0
    recipients: int = 0
    refused: int = 0
    deliveries: int = 0
    kinds: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()

    def merged(self, other: "DayFigures") -> "DayFigures":
        """Merge two parts of one day, one of which may repeat the other."""
        return DayFigures(
            self.day,
            max(self.mails, other.mails),
            max(self.recipients, other.recipients),
            max(self.refused, other.refused),
            max(self.deliveries, other.deliveries),
            tuple(sorted({*self.kinds, *other.kinds})),
            tuple(sorted({*self.servers, *other.servers})[:MOST_SERVERS_OF_A_DAY]),
        )


class Past(Struct, frozen=True):
    """The known days of a machine in order, those of this report among them.

    `fresh` are the numbers of the days that this report has new evidence of. `is_exempt`: the site
    exempts the machine from a signal of delivery, so its volume is not reported.
    """

    days: tuple[DayFigures, ...] = ()
    fresh: frozenset[int] = frozenset()
    is_exempt: bool = False

    def settled(self, day: int) -> "Past":
        """The same without the servers of the days up to this one."""
        days = (replace(d, servers=()) if d.day <= day else d for d in self.days)
        return replace(self, days=tuple(days))


NO_PAST = Past()


def days_of(evidence: HostEvidence, unexplained: frozenset[str]) -> tuple[DayFigures, ...]:
    """The figures of each day with evidence, in order.

    `unexplained` are the external servers on port 25 that no explanation accounts for.
    """
    numbers = sorted(
        {hour // HOURS_A_DAY for sketch in evidence.sketches.values() for hour in sketch.hours}
    )
    servers = _servers_by_day(evidence, unexplained)
    return tuple(_figures(evidence, day, servers.get(day, set())) for day in numbers)


def merged_days(*parts: Iterable[DayFigures]) -> tuple[DayFigures, ...]:
    """The days of all parts in order, each once."""
    found: dict[int, DayFigures] = {}
    for figures in (figures for part in parts for figures in part):
        known = found.get(figures.day)
        found[figures.day] = known.merged(figures) if known else figures
    return tuple(found[day] for day in sorted(found))


def _figures(evidence: HostEvidence, day: int, servers: set[str]) -> DayFigures:
    taken = _count(evidence, Fact.RCPT_TAKEN, day)
    # Where no message is logged, nothing was refused (recipients.py).
    refused = _count(evidence, Signal.RCPT_REFUSED, day) if taken else 0
    return DayFigures(
        day,
        mails=sum(_count(evidence, s, day) for s in (Signal.MAIL_BURST, Signal.RELAY_SPREAD)),
        recipients=taken + refused,
        refused=refused,
        deliveries=sum(_count(evidence, f, day) for f in (Fact.HANDED_OVER, Fact.GIVEN_ENCRYPTED)),
        kinds=tuple(sorted(_kinds(evidence, day))),
        servers=tuple(sorted(servers)[:MOST_SERVERS_OF_A_DAY]),
    )


def _count(evidence: HostEvidence, kind: Signal | Fact, day: int) -> int:
    hours = evidence.log(kind).hours
    return sum(bucket.total() for hour, bucket in hours.items() if hour // HOURS_A_DAY == day)


def _kinds(evidence: HostEvidence, day: int) -> Iterator[str]:
    for (kind, source), sketch in evidence.sketches.items():
        if isinstance(kind, Signal) and source is EvidenceSource.LOG:
            hours = (b.keys for hour, b in sketch.hours.items() if hour // HOURS_A_DAY == day)
            if len(set().union(*hours)) >= KIND_AT:
                yield kind.value


def _servers_by_day(evidence: HostEvidence, unexplained: frozenset[str]) -> Mapping[int, set[str]]:
    found: dict[int, set[str]] = {}
    for signal in (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS):
        for hour, bucket in evidence.log(signal).hours.items():
            met = bucket.keys.keys() & unexplained
            found.setdefault(hour // HOURS_A_DAY, set()).update(met)
    return found
