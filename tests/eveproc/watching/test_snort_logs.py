"""Logs of Snort that grow while they are watched -> the hosts of a report; unified2 is refused by
name."""

import gzip
import json
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from eveproc.input.read_stats import ReadStats
from eveproc.state.state import open_state
from eveproc.verdicts.analyze import analyze
from eveproc.watching.service import Live, ProcessSignals, Sinks, open_source
from rulegen.errors import InputError
from rulegen.site_profile import load_site
from rulegen.vocabulary import Level
from tests.test_recorded import DATA

SITE = load_site(DATA / "site.yaml")
JSON, CSV, UNIFIED2 = (
    gzip.decompress((DATA / f"office-snort-{name}.gz").read_bytes())
    for name in ("3.json", "2.9.csv", "2.9.u2")
)
PLAIN = b"".join(
    json.dumps(
        {key: value for key, value in json.loads(line).items() if key != "b64_data"}
    ).encode()
    + b"\n"
    for line in JSON.splitlines()
)


class Watch:
    """A watch of one log, a turn at a time."""

    def __init__(self, log: Path) -> None:
        self.hosts: set[str] = set()
        self.said: list[str] = []
        sinks = Sinks(lambda news: self.hosts.add(news.verdict.host), self.said.append)
        self._live = Live([str(log)], lambda: SITE, sinks, time.time)

    def turn(self) -> None:
        self._live._take_turn(ProcessSignals())

    def close(self) -> None:
        self._live._stack.close()


def convicted(log: Path) -> set[str]:
    verdicts = analyze([str(log)], SITE).verdicts
    return {verdict.host for verdict in verdicts if verdict.level is not Level.CLEAN}


@pytest.mark.parametrize("content", [JSON, PLAIN, CSV], ids=["alert_json", "no b64_data", "csv"])
def test_a_log_that_grows_tells_the_hosts_of_a_report(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "alert_json.txt"
    watch = Watch(log)
    size = len(content) // 7
    for start in range(0, len(content), size):  # most pieces end within a line
        with log.open("ab") as file:
            file.write(content[start : start + size])
        watch.turn()
    log.rename(tmp_path / "alert_json.txt.1")
    log.write_bytes(content)
    watch.turn()
    watch.close()
    assert watch.hosts == convicted(log)
    assert watch.hosts
    assert not [text for text in watch.said if "does not begin" in text]


@pytest.mark.parametrize("folder", ["ids-1", "snort"])
def test_the_folder_of_a_log_tells_its_sensor(tmp_path: Path, folder: str) -> None:
    site = replace(SITE, sensors=("ids-1", "ids-2"))
    log = tmp_path / folder / "alert_json.txt"
    log.parent.mkdir()
    log.write_bytes(JSON)
    live = Live([str(log)], lambda: site, Sinks(lambda _: None, lambda _: None), time.time)
    live._take_turn(ProcessSignals())
    store = live._watcher._collector.store
    live._stack.close()
    is_told = folder == "ids-1"
    assert store.sensors == ({"ids-1"} if is_told else set())
    assert store.unnamed_logs == (set() if is_told else {str(log)})


@pytest.mark.parametrize("name", ["mxhound.u2.1", "0_unified2.log", "snort.log"])
def test_unified2_is_refused_by_name(tmp_path: Path, name: str) -> None:
    log = tmp_path / name
    log.write_bytes(UNIFIED2)
    with pytest.raises(InputError, match=f"{name}: is a unified2 log of Snort"):
        open_source(str(log), ReadStats())


def test_a_unified2_log_that_is_not_there_yet_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a unified2 log of Snort"):
        open_source(str(tmp_path / "merged.u2"), ReadStats())


def test_a_restart_with_a_state_goes_on_without_a_false_loss(tmp_path: Path) -> None:
    log = tmp_path / "alert_json.txt"
    half = JSON.index(b"\n", len(JSON) // 2) + 1
    told: list[str] = []
    said: list[str] = []
    for part in (JSON[:half], JSON[half:], b""):
        with log.open("ab") as file:
            file.write(part)
        with open_state(tmp_path / "state") as state:
            sinks = Sinks(lambda news: told.append(news.verdict.host), said.append)
            live = Live([str(log)], lambda: SITE, sinks, time.time, state)
            live._take_turn(ProcessSignals())
            live._keep()
            live._stack.close()
    assert sorted(told) == sorted(convicted(log))
    assert said == []
