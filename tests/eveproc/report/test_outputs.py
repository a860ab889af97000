"""Outputs of a command that are read, or are another output -> refused before anything is read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eveproc.cli import main
from eveproc.report.outputs import clashes
from tests.eveproc import office


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with logs, a site profile, its inventory and a link to the log; it is entered."""
    eve, site = office.write(tmp_path)
    (tmp_path / "hosts.csv").write_text("address,owner\n10.20.1.7,x\n")
    with Path(site).open("a") as file:
        file.write("\ninventory: hosts.csv\n")
    (tmp_path / "thresholds.yaml").write_text("thresholds: {}\n")
    (tmp_path / "link").symlink_to(eve)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


EVE, SITE = "eve.json", "site.yaml"
PROGRAM = (sys.executable, "-m", "eveproc")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["report", "-o", EVE], "is one of the logs that are read"),
        (["report", "-o", "link"], "is one of the logs that are read"),
        (["report", "--stats", EVE], "is one of the logs that are read"),
        (["report", "--metrics", EVE], "is one of the logs that are read"),
        (["report", "--state", EVE], "is one of the logs that are read"),
        (["report", "-o", SITE], "is the site profile"),
        (["report", "-f", "csv", "-o", "hosts.csv"], "is the inventory"),
        (["report", "-t", "thresholds.yaml", "-o", "thresholds.yaml"], "is the thresholds file"),
        (["report", "-o", "new", "--stats", "./new"], "is that of -o, too"),
        (["tune", "-o", SITE], "is the site profile"),
        (["tune", "-o", "new", "--baseline", "new"], "is that of --baseline, too"),
        (["watch", "--heartbeat", EVE], "is one of the logs that are read"),
        (["watch", "--heartbeat", "new", "--state", "new"], "is that of --state, too"),
    ],
)
def test_nothing_that_is_read_is_overwritten(folder: Path, command: list[str], told: str) -> None:
    before = contents(folder)
    result = run(command[0], EVE, "-s", SITE, *command[1:])
    assert result.exit_code == 2
    assert told in result.stderr
    assert contents(folder) == before


def test_a_log_in_a_folder_that_is_read_is_not_overwritten(folder: Path) -> None:
    assert run("report", ".", "-s", SITE, "-o", EVE).exit_code == 2
    assert list(clashes({"-o": Path("eve-new.json")}, ["."], Path(SITE), None)) == []


def test_what_may_be_written_to_is(folder: Path) -> None:
    both = ("-o", os.devnull, "--stats", os.devnull)
    assert run("report", EVE, "-s", SITE, *both).exit_code == 0
    again = ("-t", "thresholds.yaml", "-o", "thresholds.yaml")
    assert run("tune", EVE, "-s", SITE, *again).exit_code == 0
    assert list(clashes({"-o": folder / "new"}, ["no file"], folder / "no site", None)) == []


def test_a_link_to_itself_is_refused(folder: Path) -> None:
    (folder / "loop").symlink_to("loop")
    result = run("report", EVE, "-s", SITE, "-o", "loop")
    assert result.exit_code == 1
    assert "loop: cannot be written: Too many levels of symbolic links" in result.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_closed_output_is_told_and_leaves_the_state(folder: Path, form: str) -> None:
    command = [*PROGRAM, "report", EVE, "-s", SITE, "-f", form]
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *command, "--state", "state"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == "eveproc: standard output: cannot be written: Bad file descriptor\n"
    assert run("report", EVE, "-s", SITE, "--state", "state").stdout.startswith("1 infected")


@pytest.mark.parametrize("command", [["report"], ["explain", office.MAILER], ["discover"]])
def test_a_closed_input_is_told(folder: Path, command: list[str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *PROGRAM, *command, "-", "-s", SITE],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == "eveproc: -: cannot be read: standard input is closed\n"
