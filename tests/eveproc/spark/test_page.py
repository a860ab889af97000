"""The commands of docs/spark.md, run as they are written: only where things are, and who is the
master, is of this machine."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.eveproc.spark.test_spark import report
from tests.eveproc.verdicts.test_same_verdicts import DATA
from tests.spark import cluster

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.cluster


def commands() -> list[str]:
    """The blocks that say `sh`: first what a site sets, then what is done with it."""
    return re.findall(
        r"^```sh\n(.*?)^```$",
        (ROOT / "docs" / "spark.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )


@pytest.mark.usefixtures("needs_spark")
def test_an_archive_takes_mxhound_to_executors_that_have_none(twenty: Path, tmp_path: Path) -> None:
    """The report of two executors without mxhound is the one of this machine."""
    settings, *rest = commands()
    here = {
        "MXHOUND": str(ROOT),
        "SITE": str(DATA / "site.yaml"),
        "EVE": f"{twenty}/*",
        "TABLES": f"file:{tmp_path}/tables",
        "MASTER": cluster.MASTER,
    }
    assert re.findall(r"^(\w+)=", settings, re.MULTILINE) == list(here)
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # Executors load a small part of pandas: compiling all of it takes longer.
    pip = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COMPILE": "1"}
    # Gone before the system has written it out, it takes no time of the disk.
    with cluster.work_removed():
        done = subprocess.run(
            ["bash", "-euc", "\n".join(rest)],
            cwd=tmp_path,
            env={**os.environ, **here, **pip, "PATH": programs},
            capture_output=True,
            text=True,
            check=False,
        )
    shutil.rmtree(tmp_path / "mxhound-env", ignore_errors=True)
    (tmp_path / "mxhound-env.tar.gz").unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    alone = report(here["EVE"], "--stats", tmp_path / "alone.json")
    assert '"verdict": "infected"' in alone.stdout
    assert (tmp_path / "verdicts.json").read_text() == alone.stdout
    assert json.loads((tmp_path / "reading.json").read_text()) == json.loads(
        (tmp_path / "alone.json").read_text()
    )
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {"verdicts", "evidence"}
