"""Verdicts -> EVE records that whatever ships Suricata's can ship."""

import json
import re
from pathlib import Path

from msgspec.structs import replace

from eveproc.evidence.coverage import Coverage
from eveproc.input.events import SkipReason
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.input.survey import HourSpan
from eveproc.report.eve_report import render
from eveproc.report.json_report import render as render_json
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import CLEAN, INFECTED, VERDICTS, a_report


def test_a_record_looks_like_one_of_suricata_s() -> None:
    (line,) = render(a_report(INFECTED), (INFECTED,)).splitlines()
    record = json.loads(line)
    assert list(record) == ["timestamp", "event_type", "src_ip", "verdict"]
    assert record["timestamp"] == "2024-03-01T10:01:00.250000+0000"
    assert (record["event_type"], record["src_ip"], record["verdict"]["level"]) == (
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
        said = json.loads(record)["verdict"]
        assert said.pop("level") == json.loads(told)["verdict"]
        assert said == {
            key: value for key, value in json.loads(told).items() if key not in ("host", "verdict")
        }


def test_a_clean_host_is_stamped_with_the_end_of_the_night() -> None:
    assert (
        json.loads(render(a_report(CLEAN), (CLEAN,)))["timestamp"]
        == "2024-03-02T11:00:00.250000+0000"
    )


def test_without_evidence_the_last_record_stamps_a_clean_host_or_nothing_does() -> None:
    quiet = a_report(CLEAN, events=False)
    assert "timestamp" not in json.loads(render(quiet, (CLEAN,)))
    hours = {0: HourSpan(first=1_772_438_400.0, last=1_772_438_460.0, bytes=1)}
    seen = replace(quiet, coverage=Coverage(hours=hours))
    assert json.loads(render(seen, (CLEAN,)))["timestamp"] == "2026-03-02T08:01:00.000000+0000"


def test_what_changed_is_told() -> None:
    report = made_stores.changed()
    first, *_, last = (
        json.loads(line)["verdict"] for line in render(report, report.verdicts).splitlines()
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
