"""Files and folders that may not be read or written -> every command says so, in one line, and
exits 1.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.eveproc import office

# Root may read everything, unless it gives that up.
WITHOUT_RIGHTS = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-all",
]
pytestmark = pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("setpriv"),
    reason="root needs setpriv (util-linux) to give up its right to read everything",
)
COMMANDS = (
    *(f"eveproc {reads} NO -s site.yaml" for reads in ("report", "check", "watch", "tune")),
    "eveproc discover NO",
    "eveproc explain 10.20.1.7 NO -s site.yaml",
    "eveproc report FOLDER -s site.yaml",
    "eveproc report FOLDER/eve.json -s site.yaml",
    *(f"eveproc {reads} eve.json -s NO" for reads in ("report", "check", "watch", "tune")),
    "eveproc report eve.json -s site.yaml -t NO",
    "eveproc report eve.json -s site.yaml --state NO",
    *(f"eveproc report eve.json -s site.yaml {to} FOLDER/x" for to in ("-o", "--stats", "--state")),
    "eveproc tune eve.json -s site.yaml --baseline NO",
    "eveproc tune eve.json -s site.yaml --baseline FOLDER/x",
    "eveproc tune eve.json -s site.yaml -o FOLDER/x",
    "eveproc discover eve.json -o FOLDER/x",
    "eveproc block NO -s site.yaml --dry-run",
    "eveproc block report.json -s NO --dry-run",
    "eveproc block report.json -s site.yaml -o FOLDER/x",
    "rulegen init -o FOLDER/x",
    "rulegen init --from-suricata NO -o x",
    "rulegen build -s NO -o out",
    "rulegen build -s site.yaml -t NO -o out",
    "rulegen build -s site.yaml -o FOLDER/x",
    "rulegen build -s site.yaml -o out --diff FOLDER",
    "rulegen check FOLDER",
    "rulegen check NO",
    "rulegen simulate -s NO -o out",
    "rulegen simulate -s site.yaml -o FOLDER/x",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_permission_denied_is_said_as_such(command: str, tmp_path: Path) -> None:
    office.write(tmp_path)
    (tmp_path / "report.json").write_text("")
    (tmp_path / "NO").write_text("")
    (tmp_path / "NO").chmod(0)
    (tmp_path / "FOLDER").mkdir(mode=0)
    program, *words = command.split()
    run = [str(Path(sys.executable).with_name(program)), *words]
    done = subprocess.run(
        [*(WITHOUT_RIGHTS if os.geteuid() == 0 else []), *run],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if "permission denied" in line.lower()]
    assert len(said) == 1, done.stderr
    assert ("FOLDER" if "FOLDER" in command else "NO") in said[0]
