"""Inputs in which nothing can be seen -> no command calls them a quiet night, and none fails with a
traceback.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eveproc.cli import main
from eveproc.report import FORMATS, shown
from eveproc.verdicts.analyze import Report, analyze
from rulegen.errors import InputError
from rulegen.site_profile import load_site
from rulegen.vocabulary import Level
from tests.eveproc import office
from tests.eveproc.unusable import KINDS

NOW = 1_795_000_000.0  # 2026-11-18
ALL_CLEAR = ("be seen here? yes", "0 infected", "no host infected", "clean host", " 0 suspected")
COMMANDS = (
    ["report"],
    ["explain", office.MAILER],
    ["check"],
    ["tune"],
    ["tune", "--what-if", "mx_flood=20/60"],
    ["discover"],
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    return office.write(tmp_path_factory.mktemp("site"))[1]


@pytest.fixture(params=sorted(KINDS))
def eve(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / "eve.json"
    path.write_bytes(KINDS[request.param]())
    return str(path)


def run(command: list[str], eve: str, site: str) -> Result:
    """The command on this file; of explain the host comes before the file."""
    name, *more = command
    return CliRunner().invoke(
        main, [name, *more[:1] * (name == "explain"), eve, "-s", site, *more[name == "explain" :]]
    )


def all_clears(text: str) -> list[str]:
    return [words for words in ALL_CLEAR if words in text.lower()]


def test_there_are_more_than_forty() -> None:
    assert len(KINDS) >= 40


def test_no_command_ends_well_but_by_finding_the_mailer(eve: str, site: str) -> None:
    is_read = run(["report"], eve, site).stdout.startswith("1 infected")
    for command in COMMANDS:
        done = run(command, eve, site)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code in ((0,) if is_read else (1, 4)), (command, done.stdout, done.stderr)
        assert "Traceback" not in done.output
        if not is_read:
            assert done.stderr
            assert all_clears(done.stdout) == [], command


def reports(eve: str, site: str) -> Iterator[Report]:
    """The report, where the input is not refused as a whole and the mailer is not found in it."""
    try:
        report = analyze([eve], load_site(Path(site)), now=NOW)
        report.stats.raise_if_no_eve()
    except InputError:
        return
    if all(verdict.level is Level.CLEAN for verdict in report.verdicts):
        yield report


@pytest.mark.parametrize("name", FORMATS)
def test_every_form_of_report_says_that_nothing_could_be_judged(
    eve: str, site: str, name: str
) -> None:
    for report in reports(eve, site):
        text = FORMATS[name](report, shown(report, everyone=True))
        assert "could not judge" in text.lower()
        assert all_clears(text) == []


def test_json_and_statistics_name_the_cause(tmp_path: Path, site: str) -> None:
    path, stats = tmp_path / "eve.json", tmp_path / "stats.json"
    path.write_bytes(KINDS["other home networks"]())
    arguments = ["report", str(path), "-s", site, "-f", "json", "--stats", str(stats)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 4
    (line,) = map(json.loads, done.stdout.splitlines())
    told = json.loads(stats.read_text())["coverage"]
    assert line["coverage"]["causes"] == told["causes"]
    assert [cause["name"] for cause in told["causes"]] == ["home_networks_wrong"]
    assert "172.30.1.0/24" in told["causes"][0]["text"]
