"""What contrib/ holds for systemd, cron and logrotate -> it runs as it stands, in the environment
it declares."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.eveproc.office import write
from tests.missing import refuse

CONTRIB = Path(__file__).parents[1] / "contrib"
UNITS = tuple(sorted(path.name for path in (CONTRIB / "systemd").iterdir()))
# What systemd gives a service that says nothing else (systemd.exec, "Environment variables in
# spawned processes").
ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
)
# Debian's logrotate is in sbin, which is not on everybody's PATH.
WITH_SBIN = f"{os.environ['PATH']}:/usr/sbin:/sbin"
FOUND = 3
# Nothing but what is at $1 can be written, and there is no network: ProtectSystem=strict,
# StateDirectory=, PrivateNetwork=yes.
CONFINED = 'mount --bind "$1" "$1"; mount -o remount,bind,ro /; shift; exec "$@"'


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """The paths that contrib/ writes of, and where they are for this test."""
    for name in ("log", "etc", "lib"):
        (tmp_path / name).mkdir()
    eve, site = map(Path, write(tmp_path))
    eve.rename(tmp_path / "log" / "eve.json")
    site.rename(tmp_path / "etc" / "site.yaml")
    places = {"/var/log/suricata": "log", "/etc/mxhound": "etc", "/var/lib/mxhound": "lib"}
    found = {path: str(tmp_path / name) for path, name in places.items()}
    return {**found, "/opt/mxhound/.venv/bin": str(Path(sys.executable).parent)}


def placed(text: str, places: Mapping[str, str]) -> str:
    for path, place in places.items():
        text = text.replace(path, place)
    return text


def setting(unit: str, name: str) -> str:
    lines = (CONTRIB / "systemd" / unit).read_text().splitlines()
    return next(line.removeprefix(f"{name}=") for line in lines if line.startswith(f"{name}="))


def test_the_service_runs_every_night(places: dict[str, str]) -> None:
    command = shlex.split(placed(setting("mxhound-report.service", "ExecStart"), places))
    first = subprocess.run(
        command, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
    )
    assert (first.returncode, first.stdout) == (FOUND, ""), first.stderr
    assert setting("mxhound-report.service", "SuccessExitStatus") == str(FOUND)
    lib = Path(places["/var/lib/mxhound"])
    assert "1 infected" in (lib / "report.txt").read_text()
    second = subprocess.run(
        command, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
    )
    assert second.returncode == 0, second.stderr
    assert "Nothing new since" in (lib / "report.txt").read_text()
    assert sorted(path.name for path in lib.iterdir()) == [
        "report.db",
        "report.stats.json",
        "report.txt",
    ]


def test_it_writes_to_its_state_directory_alone_and_needs_no_network(
    places: dict[str, str],
) -> None:
    if subprocess.run(
        ["unshare", "--mount", "--net", "true"], capture_output=True, check=False
    ).returncode:
        refuse("a namespace takes root and the right to make one")
    command = shlex.split(placed(setting("mxhound-report.service", "ExecStart"), places))
    confined = [
        "unshare",
        "--mount",
        "--net",
        "sh",
        "-ec",
        CONFINED,
        "sh",
        places["/var/lib/mxhound"],
    ]
    done = subprocess.run(
        [*confined, *command], env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == FOUND, done.stderr
    refused = subprocess.run(
        [*confined, "touch", f"{places['/var/log/suricata']}/x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Read-only file system" in refused.stderr


def test_the_line_of_cron_mails_a_digest(places: dict[str, str]) -> None:
    line = (CONTRIB / "cron.d" / "mxhound").read_text().splitlines()[-1]
    *when, user, command = line.split(None, 6)
    assert (len(when), user) == (5, "mxhound")
    # cron ends a command at the first % that has no backslash.
    assert "%" not in command
    done = subprocess.run(
        ["/bin/sh", "-c", placed(command, places)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mxhound: 1 infected host")
    assert line in (CONTRIB.parent / "docs" / "operating.md").read_text()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_the_units(tmp_path: Path, places: dict[str, str], unit: str) -> None:
    for name in UNITS:
        (tmp_path / name).write_text(placed((CONTRIB / "systemd" / name).read_text(), places))
    check = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / unit)]
    done = subprocess.run(
        check,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    assert (
        done.returncode,
        [line for line in done.stderr.splitlines() if str(tmp_path) in line or unit in line],
    ) == (0, [])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_calls_the_nightly_service_safe() -> None:
    unit = CONTRIB / "systemd" / "mxhound-report.service"
    check = [
        "systemd-analyze",
        "security",
        "--offline=yes",
        "--threshold=20",
        "--no-pager",
        str(unit),
    ]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1:] + done.stderr.splitlines()


def test_logrotate_takes_its_settings(tmp_path: Path, places: dict[str, str]) -> None:
    program = shutil.which("logrotate", path=WITH_SBIN)
    if program is None:
        refuse("no logrotate; tests/live/install.sh installs it")
    settings = tmp_path / "suricata"
    settings.write_text(placed((CONTRIB / "logrotate.d" / "suricata").read_text(), places))
    settings.chmod(0o644)
    turn = [program, "--force", "--state", str(tmp_path / "status"), str(settings)]
    for _ in range(3):
        done = subprocess.run(turn, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        (Path(places["/var/log/suricata"]) / "eve.json").write_text("{}\n")
    names = sorted(path.name for path in Path(places["/var/log/suricata"]).iterdir())
    assert names == ["eve.json", "eve.json.1", "eve.json.2.gz", "eve.json.3.gz"]
