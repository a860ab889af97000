"""Verdicts -> EVE records of event_type "verdict", one a line: what ships Suricata's own records ships these as well."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from eveproc.report.json_report import as_dict
from eveproc.report.judgement_text import as_dict as as_dict_of
from eveproc.report.record import change_as_dict, changes, told_at
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.verdict import Verdict

EVENT_TYPE = "verdict"


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """ASCII only, as the json form. eveproc itself, given such lines to read, skips them as other_event_type."""
    return "".join(f"{line}\n" for line in _lines(report, verdicts))


def _lines(report: Report, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    if not report.judgement.is_whole:
        yield json.dumps(_judgement_record(report))
    known = changes(report)
    for verdict in verdicts:
        change = known.get(verdict.key)
        said = as_dict(verdict)
        host = said.pop("host")
        told = {"level": said.pop("verdict"), **said} | (
            {"change": change_as_dict(change)} if change else {}
        )
        yield json.dumps(
            {
                **_when(told_at(report, verdict)),
                "event_type": EVENT_TYPE,
                "src_ip": host,
                EVENT_TYPE: told,
            }
        )


def _judgement_record(report: Report) -> dict[str, object]:
    """The outcome in place of a host's verdict; without a time where no record tells one."""
    said = as_dict_of(report.judgement)
    verdict = {"level": said["judgement"], **said}
    return {**_when(report.last_record), "event_type": EVENT_TYPE, EVENT_TYPE: verdict}


def _when(seconds: float | None) -> dict[str, str]:
    """The timestamp as Suricata writes it, `2024-03-01T10:00:00.250000+0000`; nothing for None."""
    if seconds is None:
        return {}
    return {"timestamp": f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}+0000"}
