"""One replay through each real Suricata -> the alerts of its fast.log are those of its eve.json, in
a zone that is not UTC."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from eveproc.input.events import NO_ORIGIN, Alert, SkipReason
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from rulegen.vocabulary import Engine
from tests.engines.replay import replay
from tests.eveproc import odd_traffic as odd
from tests.eveproc.input.test_eve_of_engines import RULES

FAST_LOG = [
    part
    for setting in ("=fast", ".fast.enabled=yes", ".fast.filename=fast.log", ".fast.append=no")
    for part in ("--set", f"outputs.1{setting}")
]


@pytest.fixture(autouse=True)
def in_new_york(in_utc: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Suricata writes local time."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def alerts(log: Path, stats: ReadStats) -> list[Alert]:
    """Those of a log, with only what text says of them."""
    found = [event for event in read_events([str(log)], stats) if isinstance(event, Alert)]
    return [
        replace(
            alert,
            time=round(alert.time, 6),
            flow_id=0,
            community_id="",
            origin=NO_ORIGIN,
            flow_src="",
            metadata={},
            rrnames=(),
            names_no_sensor=False,
        )
        for alert in found
    ]


def test_text_and_json_of_one_run_say_the_same(suricata: Engine, tmp_path: Path) -> None:
    odd.write(tmp_path / "odd.pcap")
    (tmp_path / "test.rules").write_text(RULES.replace("any 25", "any any"))
    rules = tmp_path / "test.rules"
    eve = replay(suricata, tmp_path / "odd.pcap", tmp_path / "log", rules, more=FAST_LOG)
    text, stats = tmp_path / "log/fast.log", ReadStats()
    found = alerts(text, stats)
    with_addresses = [a for a in alerts(eve, ReadStats()) if a.src_ip]
    assert sorted(found, key=repr) == sorted(with_addresses, key=repr)
    assert {":" in alert.src_ip for alert in found} == {True, False}
    assert {alert.proto for alert in found} >= {"TCP", "UDP"}
    lines = text.read_bytes().splitlines()
    assert stats.lines == len(lines)
    raw = [line for line in lines if b"[Raw pkt: " in line]  # of packets without addresses
    assert len(raw) == len(lines) - len(found)
    assert stats.details == ({SkipReason.MISSING_FIELD: {"addresses": len(raw)}} if raw else {})
