"""eveproc's command line: what it prints, writes and ends with."""

import contextlib
import csv
import json
import os
import pty
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eveproc.cli import main, output
from tests.eveproc import office

DONE, REFUSED, USAGE, FOUND = 0, 1, 2, 3
EVEPROC = Path(sys.executable).with_name("eveproc")


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[str, str]:
    return office.write(tmp_path)


@pytest.fixture
def eve(inputs: tuple[str, str]) -> str:
    return inputs[0]


@pytest.fixture
def site(inputs: tuple[str, str]) -> str:
    return inputs[1]


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["report", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_mailer_is_reported_and_the_clerk_counted(eve: str, site: str) -> None:
    result = run(eve, "-s", site)
    assert result.exit_code == DONE
    assert result.stdout.startswith("1 infected, 0 suspected, ")
    assert f"INFECTED    {office.MAILER}" in result.stdout
    assert office.CLERK not in result.stdout
    assert "--all lists them" in result.stdout
    assert re.match(r"read: 1 file, [\d,]+ bytes, 180 lines looked at\n", result.stderr)


def test_all_lists_the_clerk_too(eve: str, site: str) -> None:
    assert f"CLEAN       {office.CLERK}" in run(eve, "-s", site, "--all").stdout


def test_json_is_one_object_per_host(eve: str, site: str) -> None:
    hosts = [json.loads(line) for line in run(eve, "-s", site, "-f", "json").stdout.splitlines()]
    assert [(host["host"], host["verdict"]) for host in hosts] == [(office.MAILER, "infected")]
    assert hosts[0]["decided_at"] < "2024-03-01T10:01:00"


def test_csv_keeps_its_line_ends_and_a_file_equals_standard_output(
    eve: str, site: str, tmp_path: Path
) -> None:
    out = tmp_path / "report.csv"
    printed = run(eve, "-s", site, "-f", "csv")
    written = run(eve, "-s", site, "-f", "csv", "-o", str(out))
    assert (written.exit_code, written.stdout) == (DONE, "")
    assert out.read_bytes() == printed.stdout_bytes
    assert out.read_bytes().endswith(b"\r\n")
    assert [row["host"] for row in csv.DictReader(StringIO(printed.stdout))] == [office.MAILER]


def test_a_report_replaces_an_older_one_whole_and_leaves_nothing_beside_it(
    eve: str, site: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "real.txt").write_text("x" * 100_000)
    (out / "link.txt").symlink_to("real.txt")
    assert run(eve, "-s", site, "-o", str(out / "link.txt")).exit_code == DONE
    assert (out / "real.txt").read_text().startswith("1 infected")
    assert sorted(path.name for path in out.iterdir()) == ["link.txt", "real.txt"]
    assert (out / "link.txt").is_symlink()


def test_a_dash_is_standard_output(
    eve: str, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert (
        run(eve, "-s", site, "-f", "csv", "-o", "-").stdout
        == run(eve, "-s", site, "-f", "csv").stdout
    )
    proposed = [
        CliRunner().invoke(main, ["discover", eve, *more]).stdout for more in ([], ["-o", "-"])
    ]
    assert proposed[0] == proposed[1] != ""
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "EVE", "--stats", "-"),
        ("report", "EVE", "--metrics", "-"),
        ("report", "EVE", "--state", "-"),
        ("report", "EVE", "--state", "state", "--archive", "-"),
        ("watch", "EVE", "--state", "-"),
        ("watch", "EVE", "--heartbeat", "-"),
        ("tune", "EVE", "-o", "-"),
        ("tune", "EVE", "--baseline", "-"),
        ("block", "report.json", "-o", "-"),
    ],
)
def test_a_dash_is_refused_where_standard_output_cannot_be_meant(
    eve: str, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    named = [eve if argument == "EVE" else argument for argument in arguments]
    result = CliRunner().invoke(main, [*named, "-s", site])
    assert result.exit_code == USAGE
    assert "- means standard output, which cannot be used here" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_without_standard_error_is_none_that_fails(eve: str, site: str) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", EVEPROC, "report", eve, "-s", site],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout[:10]) == (DONE, "1 infected")


def test_a_device_is_written_to_and_not_replaced(eve: str, site: str) -> None:
    assert run(eve, "-s", site, "-o", "/dev/null").exit_code == DONE
    assert Path("/dev/null").is_char_device()


def test_a_file_that_cannot_be_written_is_refused_by_name(
    eve: str, site: str, tmp_path: Path
) -> None:
    result = run(eve, "-s", site, "-o", str(tmp_path / "none" / "report.txt"))
    assert result.exit_code == REFUSED
    assert (
        result.stderr
        == f"eveproc: {tmp_path}/none/report.txt: cannot be written: there is no folder {tmp_path}/none\n"
    )


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("report", "-o"),
        ("report", "--stats"),
        ("report", "--metrics"),
        ("tune", "-o"),
        ("tune", "--baseline"),
        ("watch", "--heartbeat"),
    ],
)
@pytest.mark.parametrize(
    ("name", "why"), [("none/x", "there is no folder {}/none"), ("", "Is a directory")]
)
def test_an_output_that_cannot_be_written_is_refused_before_reading(
    site: str, tmp_path: Path, command: str, option: str, name: str, why: str
) -> None:
    output = tmp_path / name
    done = CliRunner().invoke(main, [command, "not-read.json", "-s", site, option, str(output)])
    told = f"eveproc: {output}: cannot be written: {why.format(tmp_path)}\n"
    assert (done.exit_code, done.stderr) == (REFUSED, told)


def test_an_output_in_a_folder_without_rights_is_refused_before_reading(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rulegen.files.os.access", lambda *_: False)
    (tmp_path / "old").touch()
    for name in ("new", "old"):
        result = run("not-read.json", "-s", site, "-o", str(tmp_path / name))
        told = f"eveproc: {tmp_path}/{name}: cannot be written: Permission denied\n"
        assert (result.exit_code, result.stderr) == (REFUSED, told)


def test_metrics_tell_of_an_output_that_cannot_be_written(
    eve: str, site: str, tmp_path: Path
) -> None:
    metrics = tmp_path / "metrics.prom"
    result = run(eve, "-s", site, "-o", str(tmp_path / "none" / "x"), "--metrics", str(metrics))
    assert result.exit_code == REFUSED
    assert "\nmxhound_exit_code 1.0\n" in metrics.read_text()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "command",
    ["tune eve.json --budget", "watch eve.json --exit-when-blind", "block v.json --hours"],
)
def test_a_number_that_is_not_finite_is_refused(site: str, command: str, number: str) -> None:
    done = CliRunner().invoke(main, [*command.split(), number, "-s", site])
    assert done.exit_code == USAGE
    assert "is not a finite number" in done.stderr or "is not in the range" in done.stderr


def test_a_link_into_a_folder_that_is_gone_is_refused_with_that_folder(
    eve: str, site: str, tmp_path: Path
) -> None:
    link = tmp_path / "report.txt"
    link.symlink_to(tmp_path / "gone" / "report.txt")
    result = run(eve, "-s", site, "-o", str(link))
    assert (result.exit_code, result.stderr) == (
        REFUSED,
        f"eveproc: {link}: cannot be written: there is no folder {tmp_path}/gone\n",
    )


@pytest.mark.parametrize(("level", "code"), [("infected", FOUND), ("suspected", FOUND)])
def test_fail_on_tells_by_the_exit_code(eve: str, site: str, level: str, code: int) -> None:
    result = run(eve, "-s", site, "--fail-on", level)
    assert result.exit_code == code
    assert result.stdout.startswith("1 infected")


def test_fail_on_is_silent_where_nobody_is(eve: str, site: str) -> None:
    late = ("--since", "2024-03-01T10:00:58")
    assert run(eve, "-s", site, "--fail-on", "suspected", *late).exit_code == DONE


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ((), "10:00:00", "10:00:59"),
        (("--since", "2024-03-01T10:00:30"), "10:00:30", "10:00:59"),
        (
            ("--since", "2024-03-01T11:00:30+01:00", "--until", "2024-03-01T10:00:40Z"),
            "10:00:30",
            "10:00:39",
        ),
    ],
)
def test_since_and_until_cut_the_night(
    eve: str, site: str, options: tuple[str, ...], first: str, last: str
) -> None:
    assert f"events from 2024-03-01 {first}Z to {last}Z" in " ".join(
        run(eve, "-s", site, *options).stdout.split()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--since", "yesterday"),
            "invalid time 'yesterday': expected ISO 8601, for example 2024-03-01T10:00:00+01:00 "
            "(UTC if no zone is given)",
        ),
        (("--since", "2024-03-02", "--until", "2024-03-01"), "--since must be before --until"),
        (
            ("--since", "2024-03-01", "--until", "2024-03-01T00:00Z"),
            "--since must be before --until",
        ),
        (
            ("-f", "xml"),
            "'xml' is not one of 'text', 'digest', 'html', 'csv', 'json', 'ecs', 'eve'",
        ),
        (("--fail-on", "clean"), "'clean' is not one of 'suspected', 'infected'"),
    ],
)
def test_usage_errors_say_what_is_allowed(
    eve: str, site: str, options: tuple[str, ...], message: str
) -> None:
    result = run(eve, "-s", site, *options)
    assert result.exit_code == USAGE
    assert message in result.stderr


def test_without_files_or_site_there_is_nothing_to_do(eve: str) -> None:
    assert run("-s", "site.yaml").exit_code == USAGE
    without_site = run(eve)
    assert without_site.exit_code == USAGE
    assert "Missing option '-s' / '--site'. To make a first one" in without_site.stderr


def test_thresholds_are_laid_over_the_site_and_their_faults_told(
    eve: str, site: str, tmp_path: Path
) -> None:
    thresholds = tmp_path / "thresholds.yaml"
    thresholds.write_text("thresholds: {mx_flood: {count: 0, seconds: 60}}\n")
    result = run(eve, "-s", site, "-t", str(thresholds))
    assert result.exit_code == REFUSED
    assert f"eveproc: {thresholds}:1: [thresholds.mx_flood.count]: " in result.stderr


def test_statistics_as_json(eve: str, site: str, tmp_path: Path) -> None:
    assert run(eve, "-s", site, "--stats", str(tmp_path / "stats.json")).exit_code == DONE
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert (stats["lines"], stats["events"], stats["problems"]) == (
        180,
        {"dns": 60, "flow": 120},
        [],
    )


def test_the_same_input_gives_the_same_bytes(eve: str, site: str) -> None:
    assert (
        run(eve, "-s", site, "-f", "json", "--all").stdout_bytes
        == run(eve, "-s", site, "-f", "json", "--all").stdout_bytes
    )


def command(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([EVEPROC, *arguments], input=stdin, capture_output=True, check=False)


def test_standard_input(eve: str, site: str) -> None:
    done = command("report", "-", "-s", site, stdin=Path(eve).read_bytes())
    assert done.stdout.startswith(b"1 infected")
    assert done.returncode == DONE


def test_a_reader_who_has_seen_enough_is_no_error(
    eve: str, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as nobody_reads:
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        with pytest.raises(SystemExit) as ended:
            main(["report", eve, "-s", site, "--fail-on", "infected"])
    assert ended.value.code == FOUND


def test_a_reader_who_has_seen_enough_sees_no_traceback_at_exit_either(eve: str, site: str) -> None:
    pipe = f"{EVEPROC} report {eve} -s {site} -f json --all | head -c 1"
    assert b"Error" not in subprocess.run(pipe, shell=True, capture_output=True, check=True).stderr


def test_help_answers_at_once() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = command("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert b"report" in done.stdout
    assert seconds <= 0.25


@pytest.fixture
def in_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command with a terminal of 90 columns as standard output and error; gives what it
    wrote there."""
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def in_terminal(*arguments: str) -> str:
        master, slave = pty.openpty()
        shown: list[bytes] = []
        reading = threading.Thread(target=shown.extend, args=(blocks(master),))
        reading.start()
        with os.fdopen(slave, "w") as terminal:
            monkeypatch.setattr(sys, "stdout", terminal)
            monkeypatch.setattr(sys, "stderr", terminal)
            main([*arguments], standalone_mode=False)
        reading.join()
        return b"".join(shown).decode()

    return in_terminal


def blocks(terminal: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # EIO: nobody writes any more
        while block := os.read(terminal, 4096):
            yield block
    os.close(terminal)


def test_a_terminal_gets_a_table_and_short_work_no_bar(
    in_terminal: Callable[..., str], eve: str, site: str
) -> None:
    shown = in_terminal("report", eve, "-s", site)
    assert "\x1b[1;31mINFECTED" in shown
    assert "━" in shown
    assert "reading" not in shown


def test_long_work_shows_a_bar(
    in_terminal: Callable[..., str], eve: str, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LONG_WORK", 1)
    assert "reading" in in_terminal("report", eve, "-s", site, "-o", "/dev/null")
