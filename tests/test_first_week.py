"""docs/first-week.md, followed step by step in an empty folder: every command of it runs, in its
order."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCKS = re.compile(r"(?<=^```sh\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "docs" / "first-week.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    return [line for block in BLOCKS.findall(PAGE) for line in block.splitlines()]


def test_every_step_of_the_first_week_runs(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "eve.json.1.gz").symlink_to(ROOT / "tests" / "data" / "office-suricata-8.eve.json.gz")
    work = tmp_path / "work"
    work.mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = []
    for command in commands():
        line = command.replace("/var/log/suricata", str(logs))
        done = subprocess.run(
            line.split(),
            cwd=work,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (command, done.stderr)
        said.append(done.stdout)
    assert sorted(path.name for path in work.iterdir()) == [
        "baseline.json",
        "out",
        "site.yaml",
        "thresholds.yaml",
    ]
    assert "0 of 17 rules changed" in said[-1]


def test_the_page_follows_the_loop() -> None:
    verbs = [" ".join(command.split()[:2]) for command in commands()]
    assert list(dict.fromkeys(verbs)) == [
        "eveproc discover",
        "eveproc check",
        "rulegen build",
        "rulegen check",
        "eveproc report",
        "eveproc tune",
    ]
    assert "suricatasc -c reload-rules" in PAGE
