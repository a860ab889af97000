"""Files that show who talked to whom -> readable by their owner only; files for other programs ->
permissions by umask.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from eveproc.report import FORMATS
from tests.eveproc.eve_lines import SITE, START, mailing


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "eve.json").write_bytes(b"".join(mailing(START, 40)))
    return tmp_path


def run(folder: Path, *arguments: str) -> None:
    named = [argument.replace("@", f"{folder}/") for argument in arguments]
    result = CliRunner().invoke(main, [*named, "-s", str(folder / "site.yaml")])
    assert result.exit_code == 0, result.output


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_and_its_statistics_are_private(folder: Path, form: str) -> None:
    run(folder, "report", "@eve.json", "-f", form, "-o", "@report", "--stats", "@stats")
    assert (mode_of(folder / "report"), mode_of(folder / "stats")) == (0o600, 0o600)


def test_a_report_that_is_shared_stays_shared(folder: Path) -> None:
    (folder / "report").touch()
    (folder / "report").chmod(0o644)
    run(folder, "report", "@eve.json", "-o", "@report")
    assert (folder / "report").stat().st_size
    assert mode_of(folder / "report") == 0o644


def test_a_state_is_private(folder: Path) -> None:
    run(folder, "report", "@eve.json", "--state", "@state")
    assert {path.name: mode_of(path) for path in folder.glob("state*")} == {"state": 0o600}


def test_a_baseline_is_private_and_thresholds_are_for_rulegen(folder: Path) -> None:
    run(folder, "tune", "@eve.json", "--baseline", "@baseline", "-o", "@thresholds.yaml")
    assert mode_of(folder / "baseline") == 0o600
    assert mode_of(folder / "thresholds.yaml") == 0o644


def test_what_a_firewall_loads_is_as_the_umask_says(folder: Path) -> None:
    run(folder, "report", "@eve.json", "-f", "json", "-o", "@report")
    run(folder, "block", "@report", "-o", "@blocks")
    modes = {mode_of(path) for path in (folder / "blocks").iterdir()}
    assert modes == {0o644}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_a_state_is_not_made_behind_a_link_of_another_user(folder: Path) -> None:
    everybody = folder / "open"
    everybody.mkdir()
    everybody.chmod(0o1777)
    (everybody / "state").symlink_to(folder / "precious")
    os.lchown(everybody / "state", 65534, -1)
    result = CliRunner().invoke(
        main,
        [
            "report",
            f"{folder}/eve.json",
            "-s",
            f"{folder}/site.yaml",
            "--state",
            f"{everybody}/state",
        ],
    )
    assert result.exit_code == 1
    assert "state: cannot be opened: is a link of another user" in result.output
    assert not (folder / "precious").exists()
