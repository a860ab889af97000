"""Files of Snort on the command line: whole ones in a folder, foreign and broken ones -> a report,
or a refusal that names the file."""

import gzip
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eveproc.cli import main
from tests.eveproc.input.snort.test_alert_csv import SNORT_29
from tests.test_recorded import DATA

SITE = str(DATA / "site.yaml")
UNIFIED2, JSON = (
    gzip.decompress((DATA / f"office-snort-{name}.gz").read_bytes())
    for name in ("2.9.u2", "3.json")
)


def report(path: Path) -> Result:
    result = CliRunner().invoke(main, ["report", str(path), "-s", SITE])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_folder_of_rotated_logs_is_read_whole(tmp_path: Path) -> None:
    half = JSON.index(b"\n", len(JSON) // 2) + 1
    (tmp_path / "alert_json.txt.1600000000").write_bytes(JSON[:half])
    (tmp_path / "alert_json.txt").write_bytes(JSON[half:])
    (tmp_path / "merged.log.1772438400.gz").write_bytes(gzip.compress(UNIFIED2))
    result = report(tmp_path)
    assert result.exit_code == 0
    assert result.stdout.startswith("5 infected, 1 suspected")
    assert "read: 3 files" in result.stderr
    assert "events: 134 (alert 134)" in result.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            UNIFIED2[:30],
            "holds no alert: none of its 1 lines or records could be read",
        ),
        (JSON[:60], "holds no alert: none of its 1 lines or records could be read"),
        (b"03/02-08:00:00.250000 ,TCP,10.20.1.7\n", "is an alert_csv with other fields"),
        (
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0" + bytes(16),
            "is a capture of packets; expected the logs that an engine writes of it",
        ),
        (
            b"\0\0\0\x07\xff\xff\xff\xff" + bytes(40),
            "is not EVE JSON: none of its 1 lines is an EVE record",
        ),
    ],
    ids=["half a record", "half a line", "other fields", "packets", "garbage"],
)
def test_a_file_without_an_alert_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "snort.log.1").write_bytes(content)
    result = report(tmp_path / "snort.log.1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"snort.log.1: {told}" in result.stderr


def test_an_empty_file_is_no_quiet_night(tmp_path: Path) -> None:
    (tmp_path / "mxhound.u2.1").write_bytes(b"")
    result = report(tmp_path)
    assert result.exit_code == 4
    assert result.stdout.startswith("Could not judge: the input is empty.\n")
    assert "mxhound.u2.1: is empty\n" in result.stderr


def test_a_file_cut_in_a_record_is_used_and_told(tmp_path: Path) -> None:
    (tmp_path / "mxhound.u2.1").write_bytes(UNIFIED2[:-5])
    result = report(tmp_path)
    assert result.stdout.startswith("5 infected")
    assert (
        "mxhound.u2.1: ends in half a record: it was cut off, or Snort was writing\n"
        in result.stderr
    )


def test_the_year_of_a_csv_is_that_of_its_file(tmp_path: Path) -> None:
    log = tmp_path / "alert.csv"
    log.write_bytes(SNORT_29)
    os.utime(log, (1_500_000_000, 1_500_000_000))
    assert "2017-03-0" in report(log).stdout


@pytest.mark.parametrize(
    "names",
    [
        ("0_alert_json.txt", "1_alert_json.txt"),
        ("0/alert_json.txt", "1/alert_json.txt"),
        ("lab_0_alert_json.txt", "lab_1/alert_json.txt.1600000000"),
        ("alert_json.txt", "11_alert_json.txt.1.gz"),
    ],
    ids=str,
)
def test_logs_of_packet_threads_are_read_from_a_folder(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    half = JSON.index(b"\n", len(JSON) // 2) + 1
    for name, part in zip(names, (JSON[:half], JSON[half:]), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(gzip.compress(part) if name.endswith("gz") else part)
    result = report(tmp_path)
    assert result.stdout.startswith("5 infected, 1 suspected")
    assert "read: 2 files" in result.stderr
    assert "not read" not in result.stderr


@pytest.mark.parametrize("name", ["0_unified2.log", "0/unified2.log.1772438400", "1_mxhound.u2.1"])
def test_unified2_of_packet_threads_is_read_from_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(UNIFIED2)
    assert report(tmp_path).stdout.startswith("5 infected, 1 suspected")


def test_alert_csv_of_packet_threads_is_read_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "0_alert_csv.txt").write_bytes(SNORT_29)
    assert "(alert " in report(tmp_path).stderr


def test_what_is_not_read_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0/alert_json.txt").write_bytes(JSON)
    (tmp_path / "0/alert_fast.txt").write_bytes(b"03/02 x [**]\n")
    (tmp_path / "stats.txt").write_bytes(b"packets: 5\n")
    (tmp_path / "night.json").write_bytes(JSON)
    told = report(tmp_path).stderr
    names = f"{tmp_path}/0/alert_fast.txt, {tmp_path}/stats.txt"
    assert f"not read because of their names: {names}; name a file to read it\n" in told
    assert f"{tmp_path}/night.json: holds records but was not read because of its name" in told


def test_a_folder_without_a_log_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}.txt").write_bytes(b"x")
    result = report(tmp_path)
    assert result.exit_code == 1
    assert "it holds 00.txt, 01.txt, " in result.stderr
    assert "09.txt and 2 more: name a file to read it" in result.stderr


@pytest.mark.parametrize("command", ["discover", "tune"])
def test_alerts_alone_tell_no_server_and_no_threshold(tmp_path: Path, command: str) -> None:
    (tmp_path / "mxhound.u2.1").write_bytes(UNIFIED2)
    arguments = [command, str(tmp_path), *(["-s", SITE] if command == "tune" else [])]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 4
    assert "logs of Snort and logs in text have no such records" in result.stderr
