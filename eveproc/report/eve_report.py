"""Verdicts -> EVE records of event_type "verdict", one per line, for shippers of eve.json.

Every record is valid against Suricata's own schema (etc/schema.json), except for the object
`mxhound` that holds the verdict. The schema has a `verdict` of its own: what Suricata did with a
packet.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from eveproc.report.json_report import as_dict
from eveproc.report.judgement_text import as_dict as as_dict_of
from eveproc.report.record import change_as_dict, changes, told_at
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange
from eveproc.verdicts.verdict import Verdict

EVENT_TYPE, KEY = "verdict", "mxhound"
# The schema requires a timestamp. Where no record has a time, it is 1970-01-01.
NO_TIME = 0.0


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """ASCII only, like the json form.

    eveproc itself skips such lines and counts them as other_event_type.
    """
    return "".join(f"{json.dumps(record)}\n" for record in _records(report, verdicts))


def _records(report: Report, verdicts: tuple[Verdict, ...]) -> Iterator[dict[str, object]]:
    if not report.judgement.is_whole:
        yield _judgement_record(report)
    known = changes(report)
    for verdict in verdicts:
        yield {
            "timestamp": _timestamp(told_at(report, verdict)),
            "event_type": EVENT_TYPE,
            "src_ip": verdict.host,
            KEY: _verdict(verdict, known.get(verdict.key)),
        }


def _verdict(verdict: Verdict, change: HostChange | None) -> dict[str, object]:
    """The keys of the json form, with `level` for the verdict and without the host."""
    said = as_dict(verdict)
    del said["host"]
    told = {"level": said.pop("verdict"), **said}
    return told | ({"change": change_as_dict(change)} if change else {})


def _judgement_record(report: Report) -> dict[str, object]:
    """The outcome of the whole run, without a host."""
    said = as_dict_of(report.judgement)
    return {
        "timestamp": _timestamp(report.last_record),
        "event_type": EVENT_TYPE,
        KEY: {"level": said["judgement"], **said},
    }


def _timestamp(seconds: float | None) -> str:
    """As Suricata writes it: `2024-03-01T10:00:00.250000+0000`."""
    when = datetime.fromtimestamp(NO_TIME if seconds is None else seconds, UTC)
    return when.isoformat(timespec="microseconds").replace("+00:00", "+0000")
