"""The package as a wheel, in a folder with nothing of the checkout: both commands work from anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal_files import COMPLETION, MAN

ROOT = Path(__file__).parents[1]
COMPLETIONS = {
    "bash": "bash-completion/completions",
    "zsh": "zsh/site-functions",
    "fish": "fish/vendor_completions.d",
}
SITE = "home_networks: [10.20.0.0/16]\nmail_servers: [10.20.0.25]\n"


def run(*command: str | Path, at: Path, path: Path | None = None) -> str:
    """Standard output of a command in the folder `at`, which imports from `path` first."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=at,
        env={**os.environ, **({"PYTHONPATH": str(path)} if path else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_wheel_works_from_an_empty_folder(tmp_path: Path) -> None:
    wheels, installed, empty = (tmp_path / name for name in ("wheels", "installed", "empty"))
    empty.mkdir()
    run("-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, ROOT, at=tmp_path)
    (wheel,) = wheels.iterdir()
    run("-m", "pip", "install", "-q", "--no-deps", "--target", installed, wheel, at=tmp_path)

    pages = {page.name for page in (installed / "share" / "man" / "man1").iterdir()}
    assert pages == {page.name for page in MAN.iterdir()}
    for shell, place in COMPLETIONS.items():
        files = {file.name for file in (installed / "share" / place).iterdir()}
        assert files == {file.name for file in (COMPLETION / shell).iterdir()}

    where = "import rulegen, eveproc; print(rulegen.__file__, eveproc.__file__)"
    for file in run("-c", where, at=empty, path=installed).split():
        assert Path(file).is_relative_to(installed)
    (empty / "site.yaml").write_text(SITE)
    run("-m", "rulegen", "build", "-s", "site.yaml", "-o", "out", at=empty, path=installed)
    assert (empty / "out" / "suricata-8" / "mxhound.rules").exists()
    log = ROOT / "tests" / "data" / "office-suricata-7.eve.json.gz"
    report = run("-m", "eveproc", "report", log, "-s", "site.yaml", at=empty, path=installed)
    assert "INFECTED" in report
