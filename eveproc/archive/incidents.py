"""Rows of kept nights -> one ArchivedIncident each, with its nights, and bars over the days."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct

from eveproc.archive.rows import IncidentRow, NightRow, VerdictRow, title_of
from eveproc.verdicts.change import Trend
from rulegen.units import count_of
from rulegen.vocabulary import Level

BAR_HEIGHT = 10
_SEEN = (Level.INFECTED.value, Level.SUSPECTED.value)


class IncidentNight(Struct, frozen=True):
    """What one night said; `verdict` is None if the host was not listed, for example because it was
    clean.
    """

    row: IncidentRow
    verdict: VerdictRow | None

    @property
    def level(self) -> str:
        """The level of a listed host; None for others."""
        return self.verdict.verdict if self.verdict else ""

    @property
    def title(self) -> str:
        return title_of(self.row.night)

    @property
    def trend(self) -> str:
        return Trend(self.row.trend).words


class ArchivedIncident(Struct, frozen=True):
    """One incident through its nights, the oldest first; there is at least one."""

    id: str
    nights: tuple[IncidentNight, ...]

    @property
    def latest(self) -> IncidentNight:
        return self.nights[-1]

    @property
    def title(self) -> str:
        row = self.latest.row
        return f"{row.host} ({row.name})" if row.name else row.host

    @property
    def page(self) -> str:
        return f"incidents/{self.id}.html"

    @property
    def last_verdict(self) -> VerdictRow | None:
        """The verdict of the last night that listed the host."""
        listed = [night.verdict for night in self.nights if night.verdict]
        return listed[-1] if listed else None


class Days(Struct, frozen=True):
    """The calendar days from the first to the last kept night (UTC): a column for each.

    `judged` are the columns of days on which hosts could be judged; nothing is known about the
    others.
    """

    first: date
    last: date
    judged: tuple[int, ...]

    @property
    def number(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def ground(self) -> str:
        """SVG path data of the judged days."""
        return "".join(f"M{column} 0h1v{BAR_HEIGHT}h-1z" for column in self.judged)

    def column(self, night: str) -> int:
        return (day_of(night) - self.first).days


class Bar(Struct, frozen=True):
    """SVG path data, Days.number wide and BAR_HEIGHT high, and the same in words."""

    infected: str
    suspected: str
    line: str
    says: str


def day_of(night: str) -> date:
    """The day (UTC) of a night's id."""
    return date.fromisoformat(night[:10])


def days_of(nights: Sequence[NightRow]) -> Days:
    """The days of these nights, the oldest first; there is at least one."""
    first, last = day_of(nights[0].id), day_of(nights[-1].id)
    judged = {(day_of(night.id) - first).days for night in nights if night.has_verdicts}
    return Days(first, last, tuple(sorted(judged)))


def incidents_of(
    rows: Sequence[IncidentRow], verdicts: Sequence[VerdictRow]
) -> list[ArchivedIncident]:
    """Incidents by latest news, the newest first; within a night the worst first."""
    listed = {(one.night, one.incident): one for one in verdicts if one.incident}
    nights: dict[str, list[IncidentNight]] = {}
    for row in rows:
        found = IncidentNight(row, listed.get((row.night, row.incident)))
        nights.setdefault(row.incident, []).append(found)
    all_of = [ArchivedIncident(name, tuple(found)) for name, found in nights.items()]
    by_weight = sorted(all_of, key=_weight)
    return sorted(by_weight, key=lambda one: one.latest.row.night, reverse=True)


def _weight(one: ArchivedIncident) -> tuple[int, float, str]:
    verdict = one.latest.verdict
    if not verdict:
        return len(_SEEN), 0.0, one.id
    rank = _SEEN.index(verdict.verdict) if verdict.verdict in _SEEN else len(_SEEN)
    return rank, -verdict.score, one.id


def bar_of(one: ArchivedIncident, days: Days) -> Bar:
    """A cell for each day on which the host was listed, and a line through all its nights."""
    levels = _worst_by_column(one, days)
    first, last = (days.column(one.nights[place].row.night) for place in (0, -1))
    said = ", ".join(_said(levels, level) for level in _SEEN)
    return Bar(
        infected="".join(_cells(levels, Level.INFECTED)),
        suspected="".join(_cells(levels, Level.SUSPECTED)),
        line=f"M{first} {BAR_HEIGHT / 2:g}h{last - first + 1}",
        says=f"{said}; reported from {one.nights[0].row.night[:10]} to "
        f"{one.nights[-1].row.night[:10]}",
    )


def _worst_by_column(one: ArchivedIncident, days: Days) -> Mapping[int, str]:
    """The worst level of each day that has one."""
    found: dict[int, str] = {}
    for night in one.nights:
        column = days.column(night.row.night)
        if night.level in _SEEN and found.get(column) != Level.INFECTED.value:
            found[column] = night.level
    return found


def _cells(levels: Mapping[int, str], level: Level) -> Iterator[str]:
    for column, found in sorted(levels.items()):
        if found == level.value:
            yield f"M{column}.05 0h.9v{BAR_HEIGHT}h-.9z"


def _said(levels: Mapping[int, str], level: str) -> str:
    return f"{level} on {count_of(list(levels.values()).count(level), 'day')}"
