"""A Report -> plain rows of one night: verdicts, incidents, coverage.

Text from the wire is escaped. A row has the columns of the table of the same name (database.py).
Times are ISO 8601 UTC text, None if unknown.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from eveproc.report.judgement_text import causes_in_one
from eveproc.report.sanitize import cut, safe
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange, Trend
from eveproc.verdicts.judgement import Judgement, Outcome
from eveproc.verdicts.verdict import Verdict
from rulegen.vocabulary import Level

# Longer texts are cut; the page of the night has them in full.
TEXT = 2000
# Four times what state/incident.py makes.
LONGEST_ID = 48


class NightRow(Struct, frozen=True):
    """One report; `id` is the time of its last record and names its page."""

    id: str
    first_record: str | None
    last_record: str | None
    judgement: str
    causes: str
    infected: int
    suspected: int
    clean: int

    def check(self) -> None:
        """Raise ValueError for values that no report has."""
        _check_night(self.id)
        Outcome(self.judgement)

    @property
    def title(self) -> str:
        return title_of(self.id)

    @property
    def has_verdicts(self) -> bool:
        """True if the numbers are meaningful."""
        return Judgement(Outcome(self.judgement)).has_verdicts


class VerdictRow(Struct, frozen=True):
    """One listed host; `place` counts from 1, worst first. `incident` is "" for clean hosts."""

    night: str
    place: int
    host: str
    scope: str
    mac: str
    name: str
    verdict: str
    score: float
    decided_at: str | None
    first_seen: str | None
    last_seen: str | None
    families: str
    why: str
    next_step: str
    incident: str

    def check(self) -> None:
        """Raise ValueError for values that no report has."""
        _check_night(self.night)
        Level(self.verdict)
        if self.incident:
            _check_incident(self.incident)

    @property
    def page(self) -> str:
        """Link to the description of the host, relative to the folder of the archive."""
        return f"nights/{self.night}.html#host-{self.place}"


class IncidentRow(Struct, frozen=True):
    """What one report said about one incident; `trend` compares with the report before."""

    night: str
    incident: str
    trend: str
    previous: str
    first_reported: str | None
    host: str
    scope: str
    mac: str
    name: str

    def check(self) -> None:
        """Raise ValueError for values that no report has."""
        _check_night(self.night)
        _check_incident(self.incident)
        Trend(self.trend)


class CauseRow(Struct, frozen=True):
    """Why something could not be judged, and the remedy."""

    night: str
    name: str
    text: str
    remedy: str


class RecordRow(Struct, frozen=True):
    """Records of one kind that one sensor wrote."""

    night: str
    sensor: str
    kind: str
    first: str | None
    last: str | None


class NetworkRow(Struct, frozen=True):
    """A home network of the profile, and whether a host of it was seen (1) or not (0)."""

    night: str
    network: str
    seen: int


Row = NightRow | VerdictRow | IncidentRow | CauseRow | RecordRow | NetworkRow


def title_of(night: str) -> str:
    """The id of a night -> `2026-03-02 09:59Z`."""
    return f"{night[:10]} {night[11:13]}:{night[13:15]}Z"


def _check_night(night: str) -> None:
    """Raise ValueError for an id that cannot name a page."""
    datetime.strptime(night, "%Y-%m-%dT%H%M%S%z")


def _check_incident(incident: str) -> None:
    """Raise ValueError for an id that cannot name a page."""
    if not re.fullmatch(f"[0-9A-Za-z_-]{{1,{LONGEST_ID}}}", incident):
        raise ValueError(f"invalid id of an incident {incident!r}")


def night_id(report: Report, made: float) -> str:
    """`2026-03-02T095947Z`; without records the time at which the report was `made`."""
    last = report.last_record
    text = iso(last) or iso(made) or ""
    return text.partition(".")[0].replace(":", "") + "Z"


def id_of(change: HostChange) -> str:
    """The incident's id as a file name; it comes from a state file, which may be anybody's."""
    return re.sub(r"[^0-9A-Za-z-]", "_", change.incident[:LONGEST_ID])


def rows_of(report: Report, verdicts: tuple[Verdict, ...], made: float) -> Iterator[Row]:
    """All rows of a night, the night first."""
    night = night_id(report, made)
    first, last = report.records_span or (None, None)
    levels = [verdict.level for verdict in report.verdicts]
    yield NightRow(
        night,
        iso(first),
        iso(last),
        report.judgement.outcome.value,
        cut(causes_in_one(report.judgement), TEXT),
        levels.count(Level.INFECTED),
        levels.count(Level.SUSPECTED),
        report.clean_hosts,
    )
    changes = {change.key: change for change in report.incidents}
    for place, verdict in enumerate(verdicts, 1):
        yield _verdict_row(night, place, verdict, changes.get(verdict.key))
    for change in changes.values():
        yield _incident_row(night, change)
    yield from _coverage_rows(night, report)


def _verdict_row(night: str, place: int, verdict: Verdict, change: HostChange | None) -> VerdictRow:
    identity = verdict.identity
    return VerdictRow(
        night,
        place,
        safe(verdict.host),
        safe(verdict.scope),
        safe(identity.mac) if identity else "",
        cut(identity.name, TEXT) if identity else "",
        verdict.level.value,
        verdict.score,
        iso(verdict.decided_at),
        iso(verdict.first_seen),
        iso(verdict.last_seen),
        ", ".join(verdict.families),
        cut(verdict.why, TEXT),
        cut(verdict.next_step, TEXT),
        id_of(change) if change else "",
    )


def _incident_row(night: str, change: HostChange) -> IncidentRow:
    return IncidentRow(
        night,
        id_of(change),
        change.trend.value,
        change.previous.value if change.previous else "",
        iso(change.first_reported),
        safe(change.host),
        safe(change.scope),
        safe(change.mac),
        cut(change.name, TEXT),
    )


def _coverage_rows(night: str, report: Report) -> Iterator[Row]:
    for cause in report.judgement.causes:
        yield CauseRow(night, cause.name, cut(cause.text, TEXT), cut(cause.remedy, TEXT))
    coverage = report.coverage
    for (sensor, kind), span in sorted(coverage.records.items()):
        yield RecordRow(night, cut(sensor, TEXT), safe(kind), iso(span.first), iso(span.last))
    met = {*coverage.home_clients, *coverage.home_servers}
    for network in report.site.home_networks if report.site else ():
        yield NetworkRow(night, str(network), int(str(network) in met))
