"""README.md, docs/now.md and docs/first-week.md, followed in an empty folder: every command runs, in
its order."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rulegen.engines import find_engine
from rulegen.vocabulary import Engine

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BLOCKS = re.compile(r"(?<=^```sh\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
FIRST_WEEK = (DOCS / "first-week.md").read_text(encoding="utf-8")
NOW = (DOCS / "now.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SURICATA_YAML = "vars:\n  address-groups:\n    HOME_NET: '[10.20.0.0/16,2001:db8:20::/48]'\n"
# What the pages call the logs and the configuration of the sensor.
LOGS, LOG, CONFIG = "/var/log/suricata", "/path/to/eve.json", "/etc/suricata/suricata.yaml"


def commands(page: str) -> list[str]:
    return [line for block in BLOCKS.findall(page) for line in block.splitlines()]


def at_your_site() -> list[str]:
    """The commands of the README's part, without the installation: that needs a checkout."""
    part = README.partition("## At your site")[2].partition("```")[2].partition("```")[0]
    first, *rest = part.strip().splitlines()
    assert first == 'make setup && export PATH="$PWD/.venv/bin:$PATH"'
    return rest


def follow(lines: list[str], folder: Path) -> list[str]:
    """Run the commands in an empty folder, without the checkout; what each prints."""
    logs, work = folder / "logs", folder / "work"
    for made in (logs, work):
        made.mkdir()
    (logs / "eve.json.1.gz").symlink_to(ROOT / "tests" / "data" / "office-suricata-8.eve.json.gz")
    (folder / "suricata.yaml").write_text(SURICATA_YAML)
    stand_ins = {LOGS: logs, LOG: logs / "eve.json.1.gz", CONFIG: folder / "suricata.yaml"}
    said = []
    for command in lines:
        line = command
        for name, real in stand_ins.items():
            line = line.replace(name, str(real))
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=work,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (command, done.stderr)
        said.append(done.stdout)
    return said


needs_an_engine = pytest.mark.skipif(
    not any(find_engine(engine) for engine in Engine), reason="-e installed needs an engine"
)


@pytest.mark.engine
@needs_an_engine
def test_every_step_of_the_first_week_runs(tmp_path: Path) -> None:
    said = follow(commands(FIRST_WEEK), tmp_path)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [
        "baseline.json",
        "out",
        "site.yaml",
        "thresholds.yaml",
    ]
    assert re.search(r": 0 of [1-9]\d+ rules changed$", said[-1], re.MULTILINE)


@pytest.mark.engine
@needs_an_engine
def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    lines = at_your_site()
    assert len(lines) == 4
    follow(lines, tmp_path)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["out", "site.yaml"]


def test_five_minutes_with_an_old_log_name_the_infected_hosts(tmp_path: Path) -> None:
    lines = commands(NOW)
    verbs = [" ".join(line.split()[:2]) for line in lines]
    assert verbs == ["eveproc discover", "eveproc check", "eveproc report", "eveproc explain"]
    said = follow(lines, tmp_path)
    assert said[2].count("\nINFECTED ") == 5
    assert "10.20.71.91" in said[3]


def test_the_page_follows_the_loop() -> None:
    verbs = [" ".join(command.split()[:2]) for command in commands(FIRST_WEEK)]
    assert list(dict.fromkeys(verbs)) == [
        "eveproc discover",
        "eveproc check",
        "rulegen build",
        "rulegen check",
        "eveproc report",
        "eveproc tune",
    ]
    assert "suricatasc -c reload-rules" in FIRST_WEEK


def test_the_path_is_set_before_the_first_command_and_a_placeholder_is_told() -> None:
    assert FIRST_WEEK.index("export PATH=") < FIRST_WEEK.index("\neveproc ")
    assert "`WHERE_MXHOUND_IS` stands for the address or folder" in FIRST_WEEK
    assert "# WHERE_MXHOUND_IS: the address or folder" in (DOCS / "operating.md").read_text()
