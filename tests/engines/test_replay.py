"""The replay itself: a real engine's log for a good input, its own words for a bad one, never a
silent half."""

import json
from pathlib import Path

import pytest

from rulegen.vocabulary import Engine
from tests.conftest import require
from tests.engines.errors import EngineError
from tests.engines.replay import replay

PCAP_HEAD = bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000")
# One UDP packet without data, 192.0.2.1 to 192.0.2.2. (Over a capture without any packet Suricata
# broods for 61 s, then fails.)
PACKET = bytes.fromhex(
    "80a0a469 00000000 2a000000 2a000000020000000002 020000000001 08004500001c 00000000 4011 f6cd "
    "c0000201 c00002020400 0009 0008 0000"
)
RULE = 'alert ip any any -> any any (msg:"MXHOUND test"; sid:1250999; rev:1;)\n'


@pytest.fixture
def pcap(tmp_path: Path) -> Path:
    path = tmp_path / "one.pcap"
    path.write_bytes(PCAP_HEAD + PACKET)
    return path


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXHOUND_ENGINES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))


def test_the_log_holds_what_the_capture_does(suricata: Engine, pcap: Path, tmp_path: Path) -> None:
    eve = replay(suricata, pcap, tmp_path / "out")
    assert {json.loads(line)["event_type"] for line in eve.read_text().splitlines()} == {
        "flow",
        "stats",
    }


def test_a_build_brings_its_own_log(suricata: Engine, pcap: Path, tmp_path: Path) -> None:
    build = Path(__file__).parents[2] / "rules" / suricata
    eve = replay(suricata, pcap, tmp_path / "out", build=build)
    assert eve.name == "eve-mxhound.json"
    assert "rules successfully loaded" in (tmp_path / "out" / "console.log").read_text()


def test_a_capture_cut_short_is_refused_in_the_engines_words(
    suricata: Engine, pcap: Path, tmp_path: Path
) -> None:
    pcap.write_bytes(PCAP_HEAD + PACKET + PACKET[:20])
    with pytest.raises(EngineError, match="truncated"):
        replay(suricata, pcap, tmp_path / "out")


def test_a_rule_that_does_not_load_is_refused(suricata: Engine, pcap: Path, tmp_path: Path) -> None:
    rules = tmp_path / "test.rules"
    rules.write_text(RULE.replace("sid", "no_such_keyword:1; sid"))
    with pytest.raises(EngineError, match="no_such_keyword"):
        replay(suricata, pcap, tmp_path / "out", rules)


def test_a_folder_is_not_used_twice(suricata: Engine, pcap: Path, tmp_path: Path) -> None:
    rules = tmp_path / "test.rules"
    rules.write_text(RULE)
    replay(suricata, pcap, tmp_path / "out", rules)
    with pytest.raises(EngineError, match="already holds"):
        replay(suricata, pcap, tmp_path / "out", rules)


@pytest.mark.usefixtures("no_engine")
def test_a_missing_engine_is_named(pcap: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="suricata-8 is not installed; `make engines`"):
        replay(Engine.SURICATA_8, pcap, tmp_path / "out")


@pytest.mark.usefixtures("no_engine")
def test_a_missing_engine_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="not installed"):
        require(Engine.SURICATA_7)
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="not installed"):
        require(Engine.SURICATA_7)
