"""Verdict + the machine's past days -> the verdict, suspected if today is far above them. Pure.

A stolen mail account or a hijacked mail server sends what accounts and servers send, only many
times as much. One night cannot distinguish that from a mailing; a comparison with earlier days is
enough to suspect it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import inf, nextafter

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.store import HostEvidence
from eveproc.verdicts.parameters import SUSPECTED_AT
from eveproc.verdicts.past import DayFigures, Past, days_of
from eveproc.verdicts.phrasing import sentence
from eveproc.verdicts.recipients import BOUNCES
from eveproc.verdicts.verdict import Verdict
from rulegen.units import DAY, count_of
from rulegen.vocabulary import Level

# A day is odd at TIMES the maximum of the days before. A maximum below A_LITTLE counts as A_LITTLE,
# so nothing below TIMES * A_LITTLE a day is odd.
TIMES, A_LITTLE = 10, 10
# The same for refused recipients, which must also be at least BOUNCES of all recipients.
FEW_REFUSED = 2
# Any five days in a row hold three working days, of which the first may have been seen in part.
FEWEST_DAYS = 5
# For this many days an odd day does not count as normal: a theft may go on. Activity that recurs a
# week or a month later is normal.
ODD_DAYS = 7
# The figures and their nouns; the first odd one is named first.
_COUNTED = (
    ("recipients", "recipient"),
    ("mails", "mail"),
    ("deliveries", "mail session"),
    ("refused", "refused recipient"),
)


class Surge(Struct, frozen=True):
    """One figure of a day: `now`, the maximum of the days before, and the bound that is far above
    it.
    """

    name: str
    noun: str
    now: int
    before: int
    enough: float


class OddDay(Struct, frozen=True):
    """A day far above the `known` days before it, of which `since` is the first.

    `new_kinds` are signals that none of those showed.
    """

    day: int
    known: int
    since: int
    surges: tuple[Surge, ...]
    new_kinds: tuple[str, ...]


def odd_day(past: Past) -> OddDay | None:
    """The first day of this report that is far above the machine's own habits; None if none is."""
    if past.is_exempt or not any(
        _may_be_odd(figures) for figures in past.days if figures.day in past.fresh
    ):
        return None
    found = (odd for odd in _odd_days(past.days) if odd.day in past.fresh)
    return next(found, None)


def _may_be_odd(today: DayFigures) -> bool:
    """False if the day is not even far above days without activity, as for most machines."""
    return any(_surges(today, (DayFigures(today.day),)))


def _odd_days(days: Sequence[DayFigures]) -> Iterator[OddDay]:
    odd: set[int] = set()
    for number, today in enumerate(days):
        before = [d for d in days[:number] if d.day not in odd or d.day <= today.day - ODD_DAYS]
        surges = tuple(_surges(today, before)) if len(before) >= FEWEST_DAYS else ()
        if surges:
            odd.add(today.day)
            known = {kind for figures in before for kind in figures.kinds}
            new_kinds = tuple(kind for kind in today.kinds if kind not in known)
            yield OddDay(today.day, len(before), before[0].day, surges, new_kinds)


def _surges(today: DayFigures, before: Sequence[DayFigures]) -> Iterator[Surge]:
    for name, noun in _COUNTED:
        now = getattr(today, name)
        most = max(getattr(figures, name) for figures in before)
        enough = _far_above(name, most, today.recipients)
        if now >= enough:
            yield Surge(name, noun, now, most, enough)


def _far_above(name: str, most: int, recipients: int) -> float:
    """The bound that is far above `most`."""
    if name == "refused":
        return max(TIMES * max(most, FEW_REFUSED), BOUNCES * recipients)
    return TIMES * max(most, A_LITTLE)


def judged_by_history(
    verdict: Verdict, evidence: HostEvidence, past: Past, *, is_mail_server: bool
) -> Verdict:
    """The verdict with the finding of its own history, which makes a clean host suspected.

    An infected host's verdict is unchanged.
    """
    odd = odd_day(past)
    if odd is None or verdict.level is Level.INFECTED:
        return verdict
    why = f"{verdict.why} {_said(odd, is_mail_server=is_mail_server)}"
    if verdict.level is not Level.CLEAN:
        return replace(verdict, why=why)
    return replace(
        verdict,
        why=why,
        level=Level.SUSPECTED,
        score=max(verdict.score, SUSPECTED_AT),
        decided_at=_decided_at(evidence, odd),
        next_step=_NEXT_STEP_OF_SERVER if is_mail_server else _NEXT_STEP,
    )


def _said(odd: OddDay, *, is_mail_server: bool) -> str:
    first, *others = odd.surges
    also = "".join(
        f", {count_of(surge.now, surge.noun)} (at most {surge.before:,} before)" for surge in others
    )
    new = f"; new to it: {', '.join(odd.new_kinds)}" if odd.new_kinds else ""
    may_be = (
        "it may be hijacked"
        if is_mail_server
        else "its mail account may be stolen, or this is a mailing"
    )
    return sentence(
        f"far above its own history: {count_of(first.now, first.noun)} on {_date(odd.day)}, at "
        f"most {first.before:,} on any of the {odd.known} days known before, since "
        f"{_date(odd.since)}{also}{new}; {may_be}"
    )


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day * DAY, UTC):%Y-%m-%d}"


def _decided_at(evidence: HostEvidence, odd: OddDay) -> float:
    """The earliest time at which the figure was far above, as in a live watch."""
    start, first = odd.day * DAY, odd.surges[0]
    today = evidence.between(start, start + DAY)
    times = sorted({time for sketch in today.sketches.values() for time in sketch.times()})

    def suffices(time: float) -> bool:
        so_far = days_of(today.between(start, nextafter(time, inf)), frozenset())
        return max((getattr(day, first.name) for day in so_far), default=0) >= first.enough

    if not times:  # only an earlier run saw that evidence
        return evidence.last_seen()
    return times[min(bisect_left(times, True, key=suffices), len(times) - 1)]


_NEXT_STEP_OF_SERVER = (
    "Find the account or program that sent this in the server's own log; if it was no mailing of "
    "the site, lock the account and change its password."
)
_NEXT_STEP = (
    "Ask the user whether this was a mailing (then add the host to exempt, for relay_spread); if "
    "not, lock the mail account and look for the program that sends."
)
