"""The window model of `type both`, compared with real engines and checked by invariants."""

import random
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.reader import ReadStats, read_events
from eveproc.tuning.engine_threshold import SECOND, Match, alerts, sizes
from rulegen.site_profile import Threshold
from rulegen.vocabulary import Engine
from tests.engines.grid import micros
from tests.engines.replay import replay
from tests.packets import MX, Wire, question

THRESHOLDS = [
    Threshold(count, seconds)
    for count in (1, 2, 3, 5, 10)
    for seconds in (1, 2, 5, 10, 30, 60, 300)
]
CELLS = dict(enumerate(THRESHOLDS, 1_300_000))
TIMES = st.lists(st.integers(0, 10**9), max_size=80).map(sorted)
SOME = st.builds(Threshold, st.integers(1, 12), st.integers(1, 300))


@pytest.fixture(scope="module")
def pcap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty hosts with different rates, many of whose queries come at the end of a window, or one
    microsecond later.
    """
    wire, rng = Wire(), random.Random(5)
    for number in range(60):
        at, pace = 0.0, rng.choice((0.3, 1, 5, 20))
        for _ in range(rng.randint(5, 60)):
            at = round(
                at
                + rng.choice(
                    (
                        rng.expovariate(1 / pace),
                        1,
                        2,
                        5,
                        10,
                        30,
                        60,
                        1.000001,
                        10.000001,
                        60.000001,
                        9.999999,
                    )
                ),
                6,
            )
            wire.udp(
                at, (f"10.20.1.{number + 1}", 30_000), ("10.20.0.53", 53), question("d.example", MX)
            )
    return wire.write(tmp_path_factory.mktemp("window") / "window.pcap")


def rule(sid: int, threshold: Threshold) -> str:
    numbers = f"track by_src, count {threshold.count}, seconds {threshold.seconds}"
    return (
        'alert dns any any -> any any (msg:"x"; flow:to_server; content:"|00 00 0f 00 01|"; '
        f"threshold:type both, {numbers}; sid:{sid}; rev:1;)"
    )


def test_it_alerts_when_the_engine_does(suricata: Engine, pcap: Path, tmp_path: Path) -> None:
    rules = tmp_path / "window.rules"
    rules.write_text("\n".join(rule(sid, threshold) for sid, threshold in CELLS.items()) + "\n")
    eve = replay(
        suricata, pcap, tmp_path / "log", rules=rules, more=("--set", "packet-alert-max=255")
    )
    matched, alerted = defaultdict(list), defaultdict(list)
    for event in read_events([str(eve)], ReadStats()):
        time = round(event.time * SECOND)
        match event.TYPE:
            case "dns":
                matched[event.client].append(time)
            case "alert":
                alerted[event.src_ip, event.sid].append(time)
    assert len(matched) == 60
    for host, times in matched.items():
        for sid, threshold in CELLS.items():
            assert list(alerts(sorted(times), threshold)) == alerted[host, sid], (host, threshold)


@given(TIMES, SOME)
def test_both_alerts_in_as_many_windows_as_hold_so_many(
    times: list[int], threshold: Threshold
) -> None:
    held = sizes(times, threshold.seconds)
    assert sum(held) == len(times)
    assert len(list(alerts(times, threshold))) == sum(size >= threshold.count for size in held)


@given(TIMES, SOME, st.integers(0, 10**12))
def test_only_distances_count(times: list[int], threshold: Threshold, later: int) -> None:
    assert [time + later for time in alerts(times, threshold)] == list(
        alerts([time + later for time in times], threshold)
    )


def test_the_last_moment_is_in_the_window() -> None:
    assert list(alerts([0, 60 * SECOND], Threshold(2, 60))) == [60 * SECOND]
    assert list(alerts([0, 60 * SECOND + 1], Threshold(2, 60))) == []


def test_a_match_is_exact_when_nothing_of_it_is_open() -> None:
    assert Match(5, 5, 5).is_exact
    assert not Match(5, 4, 5).is_exact
    assert not Match(5, 5, 5, sure=False).is_exact


def test_micros_of_the_engine_and_ours_are_the_same() -> None:
    assert micros("2026-03-02T08:01:24.400832+0000") == round(1772438484.400832 * SECOND)
