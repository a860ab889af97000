"""install.sh: what it says and does where something is missing, on folders that look like
machines.
"""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name("install.sh")


def bash(
    command: str, folder: Path, path: str = "/usr/sbin:/usr/bin:/sbin:/bin"
) -> subprocess.CompletedProcess[str]:
    env = {"PATH": path, "HOME": str(folder), "MXHOUND_BROWSER": str(folder / "cache")}
    return subprocess.run(
        ["bash", "-c", f". {SCRIPT}; {command}"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_who_is_not_root_is_told_what_to_install(tmp_path: Path) -> None:
    done = bash(
        "have_chromium() { return 1; }; id() { echo 1000; }; apt-get() { echo apt; }; "
        "install_chromium",
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "apt-get install chromium chromium-driver" in done.stderr


def test_where_there_is_no_apt_nothing_is_tried(tmp_path: Path) -> None:
    done = bash(
        "have_chromium() { return 1; }; id() { echo 0; }; command() { return 1; }; "
        "install_chromium",
        tmp_path,
    )
    assert done.returncode == 1
    assert "put chromium and chromedriver on PATH" in done.stderr


def test_axe_that_cannot_be_had_leaves_nothing_half_made(tmp_path: Path) -> None:
    done = bash("PIP=false; install_axe", tmp_path)
    assert done.returncode == 1
    assert list((tmp_path / "cache").glob("*")) == []


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    axe = tmp_path / "cache" / "axe" / "axe.min.js"
    axe.parent.mkdir(parents=True)
    axe.write_text("kept")
    done = bash(
        "PIP=false; have_chromium() { return 0; }; install_axe && install_chromium", tmp_path
    )
    assert (done.returncode, axe.read_text()) == (0, "kept")
