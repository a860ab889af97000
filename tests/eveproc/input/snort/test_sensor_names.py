"""Logs of Snort in folders and files named after sensors -> which sensor wrote them, in evidence,
coverage and health."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eveproc.cli import main
from eveproc.evidence.gather import gather
from eveproc.input.snort.sensor_names import attributed, sensor_of
from eveproc.input.sources import find_files
from eveproc.verdicts.analyze import analyze
from rulegen.site_profile import SiteProfile, load_site
from rulegen.vocabulary import Family, Level
from tests.eveproc.verdicts.test_judgement import START, hours
from tests.test_recorded import DATA

SENSORS = ("ids-1", "ids-10", "branch", "ids", "1", "2")
EVE = DATA / "office-suricata-7.eve.json.gz"
CSV, UNIFIED2, JSON = (
    gzip.decompress((DATA / f"office-snort-{name}.gz").read_bytes())
    for name in ("2.9.csv", "2.9.u2", "3.json")
)


@pytest.mark.parametrize(
    ("log", "sensor"),
    [
        ("/logs/ids-1/alert_json.txt", "ids-1"),
        ("/logs/ids-10/0/alert_json.txt", "ids-10"),
        ("/logs/ids-1_0/alert_json.txt", "ids-1"),
        ("/logs/ids-1_0_alert_json.txt", "ids-1"),
        ("/logs/ids-10.alert_json.txt.1600000000.gz", "ids-10"),
        ("/logs/branch_merged.log.1", "branch"),
        ("/ids-1/old/ids-10/snort.u2.1", "ids-10"),
        ("/ids-1/branch_alert_json.txt", "branch"),
        ("/logs/snort.tar: ids-1/alert_json.txt", "ids-1"),
        ("file:/logs/ids-1/alert_json.txt", "ids-1"),
        ("s3a://bucket/ids-1/0/alert_json.txt", "ids-1"),
        ("/logs/ids-100/alert_json.txt", ""),
        ("/logs/ids-2_alert_json.txt", ""),
        ("/logs/ids-10/../snort/alert_json.txt", ""),
        ("/logs/ids-1-before/alert_json.txt", ""),
        ("/logs/branches/alert_json.txt", ""),
        ("/logs/1/alert_json.txt", ""),
        ("/logs/1_alert_json.txt", ""),
        ("/var/log/snort/alert_json.txt", ""),
        ("-", ""),
        ("", ""),
    ],
)
def test_the_path_names_the_sensor(log: str, sensor: str) -> None:
    assert sensor_of(log, SENSORS) == sensor
    assert sensor_of(log, reversed(SENSORS)) == sensor
    assert sensor_of(log, ()) == ""


def test_a_relative_path_is_told_by_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ids-1").mkdir()
    monkeypatch.chdir(tmp_path / "ids-1")
    assert sensor_of("alert_json.txt", SENSORS) == "ids-1"
    assert sensor_of("-", SENSORS) == ""


def test_only_alerts_of_snort_are_attributed() -> None:
    assert list(attributed(["a line", 7], "/ids-1/alert_json.txt", SENSORS)) == ["a line", 7]


def site_of(folder: Path, *sensors: str) -> Path:
    site = folder / "site.yaml"
    site.write_text((DATA / "site.yaml").read_text() + f"\nsensors: {json.dumps(sensors)}\n")
    return site


def report(site: Path, *logs: Path) -> Result:
    result = CliRunner().invoke(main, ["report", *map(str, logs), "-s", str(site)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ids-1/alert_json.txt", JSON),
        ("ids-1/0/alert_json.txt", JSON),
        ("ids-1_0_alert_json.txt", JSON),
        ("ids-1/mxhound.u2.1772438400", UNIFIED2),
        ("ids-1/alert.csv", CSV),
    ],
)
def test_a_sensor_told_by_its_path_wrote_and_another_did_not(
    tmp_path: Path, name: str, content: bytes
) -> None:
    log = tmp_path / name
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(content)
    told = report(site_of(tmp_path, "ids-1", "ids-2"), log).output
    assert "sensor ids-2 is listed in the site profile but wrote nothing" in told
    assert "sensor ids-1 is listed" not in told
    assert "the sensor that wrote" not in told


def test_where_it_cannot_be_told_the_logs_and_the_remedy_are_named(tmp_path: Path) -> None:
    named, unnamed = tmp_path / "ids-1/alert_json.txt", tmp_path / "snort/alert_json.txt"
    for log in (named, unnamed):
        log.parent.mkdir()
        log.write_bytes(JSON)
    result = report(site_of(tmp_path, "ids-1", "ids-2", "ids-3"), named, unnamed)
    assert "wrote nothing" not in result.output
    assert (
        f"health: the sensor that wrote {unnamed} is unknown: name the folder after the sensor, or "
        "begin the file's name with the sensor's; until then make sure that the input holds the "
        "logs of ids-2, ids-3\n"
    ) in result.stderr


def test_without_sensors_in_the_profile_nothing_is_said(tmp_path: Path) -> None:
    log = tmp_path / "alert_json.txt"
    log.write_bytes(JSON)
    site = load_site(DATA / "site.yaml")
    store, _ = gather(find_files([str(log)]), site)
    assert (store.unnamed_logs, store.sensors) == (set(), set())
    assert "sensor" not in report(DATA / "site.yaml", log).stderr


def test_a_log_in_an_archive_is_told_by_its_path_there(tmp_path: Path) -> None:
    (tmp_path / "alert_json.txt").write_bytes(JSON)
    with tarfile.open(tmp_path / "night.tar", "w") as archive:
        archive.add(tmp_path / "alert_json.txt", "ids-1/alert_json.txt")
    store, _ = gather([str(tmp_path / "night.tar")], load_site(site_of(tmp_path, "ids-1")))
    assert (store.unnamed_logs, store.sensors) == (set(), {"ids-1"})


def judged(site: SiteProfile, *logs: Path) -> dict[str, tuple[Level, float, tuple[str, ...]]]:
    verdicts = analyze([str(log) for log in logs], site).verdicts
    return {verdict.host: (verdict.level, verdict.score, verdict.families) for verdict in verdicts}


def test_two_sensors_that_see_the_same_traffic_change_no_verdict(tmp_path: Path) -> None:
    site = load_site(site_of(tmp_path, "ids-1", "ids-2"))
    logs = [tmp_path / name / "alert_json.txt" for name in ("ids-1", "ids-2")]
    for log in logs:
        log.parent.mkdir()
        log.write_bytes(JSON)
    alone = judged(site, logs[0])
    assert {level for level, _, _ in alone.values()} >= {Level.INFECTED, Level.SUSPECTED}
    assert judged(site, *logs) == alone
    # The recording of Snort 3 is of an older smtp_rejects, which counted every refusal.
    mixed, eve = (
        {
            host: (level, score, [family for family in families if family != Family.REJECTION])
            for host, (level, score, families) in found.items()
        }
        for found in (judged(site, EVE, *logs), judged(site, EVE))
    )
    assert mixed == eve


def test_a_snort_beside_a_busy_suricata_is_not_called_silent(tmp_path: Path) -> None:
    """It has many alerts in the first two of six hours, and no other records."""
    site = load_site(site_of(tmp_path, "ids-1", "ids-2"))
    named = tmp_path / "eve.json"
    named.write_bytes(b"".join(hours(*range(6), sensor="ids-1")))
    log = tmp_path / "ids-2/alert_json.txt"
    log.parent.mkdir()
    ends = {"src_addr": "10.20.1.1", "dst_addr": "198.51.100.7", "proto": "TCP", "sid": 2000001}
    alerts = ({"seconds": int(START) + at, **ends} for at in range(0, 7200, 20))
    log.write_text("".join(f"{json.dumps(alert)}\n" for alert in alerts))
    found = analyze([str(named), str(log)], site)
    assert found.coverage.sensors() == ("ids-1", "ids-2")
    assert "sensor_silent" not in [cause.name for cause in found.judgement.causes]
