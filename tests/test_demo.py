"""The commands of docs/demo.sh and docs/loading-rules.md that replay simulated infections -> no log
but their own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rulegen.vocabulary import Engine
from tests.engines.replay import installed
from tests.packets import MX, Wire, question

ROOT = Path(__file__).parents[1]
REPLAY = ROOT / "templates" / "replay.yaml"


def test_the_configuration_names_no_place_to_write_to() -> None:
    text = REPLAY.read_text()
    settings = yaml.safe_load(text)
    assert set(settings) == {"vars", "stats", "app-layer", "stream", "unix-command"}
    assert settings["unix-command"] == {"enabled": False}


@pytest.mark.parametrize("page", ["docs/demo.sh", "docs/loading-rules.md"])
def test_no_replay_uses_the_machine_s_own_configuration(page: str) -> None:
    text = (
        (ROOT / page)
        .read_text()
        .replace("\\\n", " ")
        .replace(
            '"${suricata[@]}"', "suricata-7 -c templates/replay.yaml"
        )  # of find_suricata, below
    )
    replays = [
        line
        for line in text.splitlines()
        if re.search(r"suricata\S* .*-r \S+\.pcap|traffic\.pcap.* -S", line)
    ]
    assert replays
    assert all(
        "suricata-7 -c templates/replay.yaml" in line or "suricata -c sim/replay.yaml" in line
        for line in replays
    )


def program(path: Path, does: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{does}\n")
    path.chmod(0o755)
    return path


def suricata_for_the_demo(folder: Path) -> list[str]:
    """What docs/demo.sh runs with the programs in this folder."""
    program(folder / "python3", f'exec {sys.executable} "$@"')
    done = subprocess.run(
        ["/bin/bash", "-c", f". {ROOT}/docs/demo.sh; PATH={folder}; find_suricata"],
        env={**os.environ, "MXHOUND_ENGINES": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("version", ["7.0.3", "8.0.1"])
def test_the_demo_takes_a_suricata_on_path(tmp_path: Path, version: str) -> None:
    assert suricata_for_the_demo(tmp_path) == []
    here = program(tmp_path / "suricata", f"echo This is Suricata version {version} RELEASE")
    engine = f"suricata-{version[0]}"
    assert suricata_for_the_demo(tmp_path) == [engine, str(here), "-c", "templates/replay.yaml"]


def test_a_suricata_in_a_folder_of_its_own_gets_the_classes_beside_it(tmp_path: Path) -> None:
    program(tmp_path / "bin/suricata-8", "echo This is Suricata version 8.0.1 RELEASE")
    etc = tmp_path / "debian-13/etc/suricata"
    etc.mkdir(parents=True)
    (etc / "suricata.yaml").touch()
    assert suricata_for_the_demo(tmp_path)[4:] == [
        "--set",
        f"classification-file={etc}/classification.config",
        "--set",
        f"reference-config-file={etc}/reference.config",
    ]


def test_the_documented_replay_writes_alerts_where_it_is_told_and_nowhere_else(
    suricata_7: Engine, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "loading-rules.md").read_text()
    (command,) = re.findall(
        r"^ *(suricata -c sim/replay\.yaml .*?)^ *```", page, re.MULTILINE | re.DOTALL
    )
    wire = Wire()
    for number in range(12):
        wire.ask(number, "10.20.1.1", "10.20.0.53", question(f"d{number}.example", MX))
    (tmp_path / "sim").mkdir()
    wire.write(tmp_path / "sim" / "traffic.pcap")
    shutil.copytree(ROOT / "rules" / suricata_7, tmp_path / "out" / "suricata-7")
    shutil.copy(REPLAY, tmp_path / "sim")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    done = subprocess.run(
        ["bash", "-c", f'suricata() {{ {installed(suricata_7).path} "$@"; }}; {command}'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - before == {
        tmp_path / "sim" / "eve-mxhound.json"
    }
    records = [
        json.loads(line)
        for line in (tmp_path / "sim" / "eve-mxhound.json").read_text().splitlines()
    ]
    assert [
        record["alert"]["signature_id"] for record in records if record["event_type"] == "alert"
    ] == [1250001]
