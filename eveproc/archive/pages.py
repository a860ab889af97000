"""Rows of all kept nights -> the index page and a page for each incident. Pure."""

from collections import Counter
from collections.abc import Sequence

from eveproc.archive.incidents import ArchivedIncident, bar_of, days_of, incidents_of
from eveproc.archive.rows import IncidentRow, NightRow, VerdictRow
from eveproc.report.page import render
from eveproc.verdicts.change import Trend
from eveproc.verdicts.judgement import Outcome
from rulegen.installation import version
from rulegen.units import count_of

INDEX = "index.html"
# Trends after which a host is still infected or suspected.
_OPEN = (Trend.NEW.value, Trend.WORSE.value, Trend.STILL.value)


def pages(
    nights: Sequence[NightRow], verdicts: Sequence[VerdictRow], rows: Sequence[IncidentRow]
) -> dict[str, str]:
    """Path in the archive -> page. There is at least one night, the oldest first."""
    incidents = incidents_of(rows, verdicts)
    made = {INDEX: _index(nights, incidents)}
    return made | {one.page: _incident(one, nights) for one in incidents}


def _index(nights: Sequence[NightRow], incidents: Sequence[ArchivedIncident]) -> str:
    days = days_of(nights)
    rows = [night.row for one in incidents for night in one.nights]
    begun = Counter(row.night for row in rows if row.trend == Trend.NEW.value)
    is_open = sum(one.latest.row.trend in _OPEN for one in incidents)
    unjudged = [night for night in nights if night.judgement == Outcome.NOT_JUDGED.value]
    return render(
        "archive_index",
        headline=f"{count_of(is_open, 'open incident')} in {count_of(len(nights), 'night')}",
        nights=nights[::-1],
        latest=nights[-1],
        unjudged=unjudged[::-1],
        begun=begun,
        incidents=[(one, bar_of(one, days)) for one in incidents],
        days=days,
        version=version(),
    )


def _incident(one: ArchivedIncident, nights: Sequence[NightRow]) -> str:
    days = days_of(nights)
    return render(
        "archive_incident",
        headline=one.title,
        incident=one,
        is_open=one.latest.row.trend in _OPEN,
        bar_of_it=bar_of(one, days),
        days=days,
        version=version(),
    )
