"""Faulty input of every kind -> a clear message or a counted skip; the good lines are used."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eveproc.cli import main
from tests.eveproc import office

GOOD = b"".join(office.lines())
WRONG_TYPE = GOOD.splitlines()[0].replace(b'"dest_ip": "10.20.0.53"', b'"dest_ip": 5')
MEGABYTE = json.dumps({"event_type": "smtp", "payload": "x" * (1 << 20)}).encode()


@pytest.fixture
def site(tmp_path: Path) -> str:
    return office.write(tmp_path)[1]


def report(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["report", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    return result


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (GOOD + b'{"timestamp": "2024-03-01T10:', "lines skipped as half_line: 1\n"),
        (GOOD + MEGABYTE + b"\n", "lines skipped as no_timestamp: 1\n"),
        (GOOD + WRONG_TYPE + b"\n", "lines skipped as wrong_type: 1 (dest_ip 1)\n"),
        (GOOD + b'\xff\xfe\x00 "smtp" garbage\n\n', "lines skipped as not_json: 1\n"),
        (GOOD.replace(b"\n", b"\r\n"), "180 lines looked at\n"),
        (b"\xef\xbb\xbf" + GOOD, "180 lines looked at\n"),
        (gzip.compress(GOOD)[:-4], "eve.json: is cut off or damaged"),
    ],
    ids=[
        "half a last line",
        "a line of 1 MiB",
        "wrong type",
        "garbage about mail and a blank line",
        "CRLF",
        "BOM",
        "truncated gzip",
    ],
)
def test_the_good_lines_are_used_and_the_rest_is_told(
    tmp_path: Path, site: str, content: bytes, told: str
) -> None:
    (tmp_path / "eve.json").write_bytes(content)
    result = report(str(tmp_path), "-s", site)
    assert result.exit_code == 0
    assert result.stdout.startswith("1 infected")
    assert told in result.stderr
    assert "events: 180 " in result.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n\n", "holds only blank lines"),
        (b" \r\n", "holds only blank lines"),
        (b" ", "holds only blank lines"),
        (b"\n" * 9_000_000, "holds only blank lines"),
    ],
    ids=["empty", "blank lines", "one line", "no line end", "several pieces"],
)
def test_an_empty_file_is_no_quiet_night(
    tmp_path: Path, site: str, content: bytes, told: str
) -> None:
    (tmp_path / "eve.json").write_bytes(content)
    result = report(str(tmp_path / "eve.json"), "-s", site)
    assert result.exit_code == 4
    assert result.stdout.startswith("Could not judge: the input is empty.\n")
    assert f"eve.json: {told}\n" in result.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (bytes(range(256)) * 9, "is not EVE JSON: none of its 10 lines is an EVE record"),
        (
            GOOD.decode().encode("utf-16"),
            "is UTF-16 text; EVE JSON is UTF-8: convert it with iconv -f UTF-16 -t UTF-8",
        ),
    ],
    ids=["binary", "UTF-16"],
)
def test_a_file_that_is_no_eve_is_refused_by_name(
    tmp_path: Path, site: str, content: bytes, told: str
) -> None:
    path = tmp_path / "eve.json"
    path.write_bytes(content)
    result = report(str(path), "-s", site)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"eveproc: {path}: {told}\n")


def test_beside_a_good_file_a_bad_one_is_told_and_the_good_one_used(
    tmp_path: Path, site: str
) -> None:
    (tmp_path / "eve.2.json").write_bytes(bytes(range(256)) * 9)
    result = report(str(tmp_path), "-s", site)
    assert result.exit_code == 0
    assert "eve.2.json: is not EVE JSON" in result.stderr
    assert result.stdout.startswith("1 infected")


def test_missing_files_and_empty_folders_are_all_named_and_nothing_is_read(
    tmp_path: Path, site: str
) -> None:
    (tmp_path / "folder").mkdir()
    result = report(
        f"{tmp_path}/none.json", f"{tmp_path}/folder", f"{tmp_path}/eve.json", "-s", site
    )
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"eveproc: {tmp_path}/none.json: no such file\n"
        f"eveproc: {tmp_path}/folder: holds no eve file; looked for eve*.json*, fast.log and the "
        "logs of Snort, plain or compressed\n"
    )


def test_a_hostile_file_name_cannot_steer_the_terminal(tmp_path: Path, site: str) -> None:
    result = report(f"{tmp_path}/\x1b]2J\u202enosj.eve", "-s", site)
    assert result.stderr == f"eveproc: {tmp_path}/\\x1b]2J\\u202enosj.eve: no such file\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"home_networks: 5\n", b"home_networks: [\n", b"\xff\xfe\x00"],
    ids=["empty", "wrong", "no YAML", "binary"],
)
def test_a_bad_site_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    office.write(tmp_path)
    path = tmp_path / "site.yaml"
    path.write_bytes(content)
    result = report(str(tmp_path / "eve.json"), "-s", str(path))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"eveproc: {path}:")


def test_a_missing_site_is_refused_by_name(tmp_path: Path, site: str) -> None:
    result = report(str(tmp_path / "eve.json"), "-s", str(tmp_path / "none.yaml"))
    assert (result.exit_code, result.stderr) == (
        1,
        f"eveproc: {tmp_path}/none.yaml: cannot be read: No such file or directory\n",
    )
