"""Verdicts -> EVE records that are valid against Suricata's schema, except for `mxhound`."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from eveproc.evidence.coverage import Coverage
from eveproc.input.events import SkipReason
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.input.survey import HourSpan
from eveproc.report.eve_report import render
from eveproc.report.json_report import render as render_json
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import CLEAN, INFECTED, VERDICTS, a_report

TIMESTAMP = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+[+\-]\d+$")


def test_a_record_looks_like_one_of_suricata_s() -> None:
    (line,) = render(a_report(INFECTED), (INFECTED,)).splitlines()
    record = json.loads(line)
    assert list(record) == ["timestamp", "event_type", "src_ip", "mxhound"]
    assert record["timestamp"] == "2024-03-01T10:01:00.250000+0000"
    assert (record["event_type"], record["src_ip"], record["mxhound"]["level"]) == (
        "verdict",
        "10.20.1.7",
        "infected",
    )


def test_it_says_what_the_json_form_says() -> None:
    report = made_stores.office()
    for record, told in zip(
        render(report, report.verdicts).splitlines(),
        render_json(report, report.verdicts).splitlines(),
        strict=True,
    ):
        said = json.loads(record)["mxhound"]
        assert said.pop("level") == json.loads(told)["verdict"]
        assert said == {
            key: value for key, value in json.loads(told).items() if key not in ("host", "verdict")
        }


def test_a_clean_host_is_stamped_with_the_end_of_the_night() -> None:
    assert (
        json.loads(render(a_report(CLEAN), (CLEAN,)))["timestamp"]
        == "2024-03-02T11:00:00.250000+0000"
    )


def test_without_evidence_the_last_record_stamps_a_clean_host() -> None:
    quiet = a_report(CLEAN, events=False)
    hours = {0: HourSpan(first=1_772_438_400.0, last=1_772_438_460.0, bytes=1)}
    seen = replace(quiet, coverage=Coverage(hours=hours))
    assert json.loads(render(seen, (CLEAN,)))["timestamp"] == "2026-03-02T08:01:00.000000+0000"


def test_without_any_time_the_timestamp_is_that_of_1970() -> None:
    quiet = a_report(CLEAN, events=False)
    assert json.loads(render(quiet, (CLEAN,)))["timestamp"] == "1970-01-01T00:00:00.000000+0000"


def not_judged() -> Report:
    cause = Cause("not_home", "no host of home_networks was seen", "correct home_networks")
    return a_report(events=False, judgement=Judgement(Outcome.NOT_JUDGED, (cause,)))


def test_what_could_not_be_judged_is_a_record_without_a_host() -> None:
    (line,) = render(not_judged(), ()).splitlines()
    record = json.loads(line)
    assert record["mxhound"]["level"] == "could not judge"
    assert record["mxhound"]["causes"][0]["remedy"] == "correct home_networks"
    assert "src_ip" not in record


@pytest.mark.parametrize(
    "made",
    [
        made_stores.office,
        made_stores.changed,
        made_stores.hostile,
        not_judged,
        lambda: a_report(*VERDICTS),
        lambda: a_report(CLEAN, events=False),
    ],
)
def test_suricata_s_schema_allows_every_key_but_ours(made: Callable[[], Report]) -> None:
    """The rules of OISF's etc/schema.json that concern these keys.

    Checked by hand against the schema of main, 2026-08-21, which is GPL-2 and so not part of the
    tests: at the top `additionalProperties` is false, event_type and timestamp are required.
    """
    report = made()
    for line in render(report, report.verdicts).splitlines():
        record = json.loads(line)
        assert isinstance(record.pop("mxhound"), dict)
        assert {"event_type", "timestamp"} <= set(record) <= {"event_type", "timestamp", "src_ip"}
        assert all(isinstance(value, str) for value in record.values())
        assert TIMESTAMP.search(record["timestamp"])


def test_what_changed_is_told() -> None:
    report = made_stores.changed()
    first, *_, last = (
        json.loads(line)["mxhound"] for line in render(report, report.verdicts).splitlines()
    )
    assert first["change"] == {
        "trend": "new",
        "episode": "e-0001",
        "first_reported": "2026-03-01T08:00:00.000000Z",
        "previous": None,
    }
    assert "change" not in last


def test_in_one_file_with_suricata_s_records_they_are_skipped_and_counted(tmp_path: Path) -> None:
    eve = tmp_path / "eve.json"
    eve.write_text(render(a_report(*VERDICTS), VERDICTS), encoding="utf-8")
    stats = ReadStats()
    assert list(read_events([str(eve)], stats)) == []
    assert stats.skipped == {SkipReason.OTHER_EVENT_TYPE: 3}
    assert stats.details[SkipReason.OTHER_EVENT_TYPE] == {"verdict": 3}


def test_a_line_is_ascii_whatever_a_host_is_called() -> None:
    report = made_stores.hostile()
    lines = render(report, report.verdicts).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(report.verdicts) + (not report.judgement.is_whole)
    assert all(re.fullmatch(r"[\x20-\x7e]+", line) for line in lines)
