"""Reports of the made nights, on days of their own -> archives in a folder."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from eveproc.archive.keep import add_night
from eveproc.evidence.coverage import Coverage
from eveproc.report import shown
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange, Trend
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from rulegen.units import DAY
from tests.eveproc import made_stores
from tests.eveproc.made_stores import PAYLOADS

START = 1_772_445_600.0  # 2026-03-02T10:00:00Z


def blind(text: str) -> Report:
    """A night that could not judge, for this cause."""
    causes = (Cause("no_records", text, "enable dns under outputs, eve-log, types"),)
    return replace(made_stores.quiet(), judgement=Judgement(Outcome.NOT_JUDGED, causes))


def on_day(report: Report, day: int) -> Report:
    """The report as one on records of that day; nothing else of it changes."""
    at = START + day * DAY
    return replace(report, first_event=at - 3600, last_event=at, coverage=Coverage())


def hostile_incidents() -> Report:
    """The hostile night, with an incident for each host whose texts are PAYLOADS."""
    report = made_stores.hostile()
    found = tuple(
        HostChange(
            verdict.host,
            Trend.NEW,
            payload,
            START,
            mac=verdict.identity.mac if verdict.identity else "",
            name=payload,
        )
        for verdict, payload in zip(report.verdicts, PAYLOADS, strict=True)
    )
    return replace(report, incidents=found)


def nights(*, hostile: bool) -> list[Report]:
    """A night with news, one that could not judge, a gap of a day, and a night again."""
    first = hostile_incidents() if hostile else made_stores.changed()
    unseen = blind(f"no dns records were read{PAYLOADS[0] * hostile}")
    return [on_day(first, 0), on_day(unseen, 1), on_day(first, 3)]


def archive(folder: Path, *, hostile: bool = False, keep: int = 92) -> Mapping[str, str]:
    """The archive of these nights: path of each page in it -> page."""
    for report in nights(hostile=hostile):
        add_night(report, shown(report, everyone=False), folder, made=START, keep=keep)
    paths = sorted(folder.rglob("*.html"))
    return MappingProxyType(
        {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    )
