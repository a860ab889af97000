"""One run of Snort, logged by one, two and four packet threads -> the same hosts, levels and
families."""

import gzip
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.evidence.sketch import ActivitySketch
from eveproc.signals.alert_windows import plain_key, window_key
from eveproc.signals.observation import Observation
from eveproc.signals.own_alerts import threshold_of
from eveproc.verdicts.analyze import analyze
from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import load_site
from rulegen.vocabulary import Family, HostSide, Level
from tests.test_recorded import DATA

SITE = load_site(DATA / "site.yaml")
RUN = [
    json.loads(line)
    for line in gzip.decompress((DATA / "office-snort-3.json.gz").read_bytes()).splitlines()
]
SECONDS = {
    SITE.sid_base + spec.offset: threshold_of(SITE, spec.signal).seconds
    for spec in CATALOGUE
    if spec.threshold
}
HOST_SIDE = {SITE.sid_base + spec.offset: spec.host_side for spec in CATALOGUE}
Judged = Mapping[str, tuple[Level, float, tuple[Family, ...]]]


def judged(*logs: Path) -> Judged:
    verdicts = analyze([str(log) for log in logs], SITE).verdicts
    return {v.host: (v.level, round(v.score, 6), v.families) for v in verdicts}


def other_thread(number: int) -> Iterator[dict[str, object]]:
    """The alerts of another thread: later in the same windows, to or from other peers."""
    rng = random.Random(number)
    for alert in RUN:
        seconds = SECONDS[alert["sid"]]
        later = rng.randrange(seconds // 2)
        peer = f"198.18.{number}.{rng.randrange(250) + 1}"
        is_host_source = HOST_SIDE[alert["sid"]] is HostSide.SOURCE
        side = "dst_addr" if is_host_source else "src_addr"
        changed = {"seconds": alert["seconds"] + later, side: peer, "b64_data": ""}
        yield {key: value for key, value in (alert | changed).items() if key != "timestamp"}


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("one_file", [True, False], ids=["one file", "a file per thread"])
def test_threads_change_no_verdict(threads: int, one_file: bool, tmp_path: Path) -> None:
    (tmp_path / "alone.json").write_text("".join(json.dumps(alert) + "\n" for alert in RUN))
    alone = judged(tmp_path / "alone.json")
    assert {level for level, _, _ in alone.values()} >= {Level.INFECTED, Level.SUSPECTED}
    runs = [RUN, *(list(other_thread(number)) for number in range(1, threads))]
    texts = ["".join(json.dumps(alert) + "\n" for alert in run) for run in runs]
    if one_file:
        mixed = [line for text in texts for line in text.splitlines(keepends=True)]
        random.Random(threads).shuffle(mixed)
        texts = ["".join(mixed)]
    logs = [tmp_path / f"{number}_alert_json.txt" for number, _ in enumerate(texts)]
    for log, text in zip(logs, texts, strict=True):
        log.write_text(text)
    assert judged(*logs) == alone


def monitor(sid: int, second: int, peer: str) -> str:
    fields = {"seconds": 1_772_438_400 + second, "src_addr": "10.20.7.7", "dst_addr": peer}
    return json.dumps({**fields, "src_port": 4000, "dst_port": 25, "proto": "TCP", "sid": sid})


def test_the_second_thread_s_alert_is_no_new_evidence(tmp_path: Path) -> None:
    sid = SITE.sid_base + 101
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(monitor(sid, 59, "198.51.100.1") + "\n")
    two.write_text(monitor(sid, 61, "203.0.113.9") + "\n")  # another aligned minute, one window
    assert len(judged(one)) == 1
    assert judged(one, two) == judged(two, one) == judged(one)


@pytest.mark.parametrize(("block", "windows"), [(0, 2), (1, 1)], ids=["site", "network"])
def test_a_network_s_own_threshold_has_its_own_window(
    block: int, windows: int, tmp_path: Path
) -> None:
    text = (DATA / "site.yaml").read_text()
    (tmp_path / "site.yaml").write_text(
        f"{text}\nthresholds:\n  smtp_attempts:\n    networks:\n"
        "      10.20.0.0/17: {count: 50, seconds: 600}\n"
    )
    site = load_site(tmp_path / "site.yaml")
    sid = site.sid_base + 1000 * block + 101
    log = tmp_path / "alert_json.txt"
    log.write_text("".join(f"{monitor(sid, at, f'198.51.100.{at}')}\n" for at in (0, 200)))
    (found,) = analyze([str(log)], site).verdicts
    (evidence,) = found.evidence
    assert evidence.count == windows


def sketch(alerts: list[tuple[int, int, str]]) -> ActivitySketch:
    found = ActivitySketch()
    for sid, second, peer in alerts:
        key = window_key(sid, 60, float(second), peer)
        found.note(Observation(float(second), key, (sid, second // 60), sid))
    return found


ALERTS = st.lists(
    st.tuples(st.integers(1, 2), st.integers(0, 3000), st.sampled_from("abc\x1e")), max_size=40
)


@given(ALERTS, ALERTS)
def test_windows_are_told_after_merging_in_any_order(
    some: list[tuple[int, int, str]], others: list[tuple[int, int, str]]
) -> None:
    one, other = sketch(some), sketch(others)
    one.merge(sketch(others))
    other.merge(sketch(some))
    assert one.one_per_window().hours == other.one_per_window().hours
    assert one.one_per_window().hours == sketch(some + others).one_per_window().hours
    assert one.one_per_window().one_per_window().count() == one.one_per_window().count()


@given(ALERTS)
def test_alerts_of_one_sid_and_window_are_one(alerts: list[tuple[int, int, str]]) -> None:
    expected = 0
    for sid in {sid for sid, _, _ in alerts}:
        end = -1
        for second in sorted(second for s, second, _ in alerts if s == sid):
            if second >= end:
                expected, end = expected + 1, second + 60
    assert sketch(alerts).one_per_window().count() == expected


def test_alerts_of_an_engine_with_one_filter_stay() -> None:
    found = ActivitySketch()
    for second, peer in ((0, "a"), (59, "b"), (61, "c")):
        found.note(Observation(float(second), plain_key(f"\x1e{peer}"), (1, second // 60), 1))
    assert found.one_per_window() is found
    assert (found.count(), found.keys()) == (3, {"a", "b", "c"})
    found.note(Observation(70.0, "\x1e1\x1e0\x1e70\x1ef", (1, 1), 1))
    assert found.one_per_window() is found
    found.merge(sketch([(1, 59, "d"), (1, 62, "e")]))
    assert found.one_per_window().keys() == {"a", "b", "c", "d", "\x1e1\x1e0\x1e70\x1ef"}


def test_alerts_that_no_filter_thins_are_counted_by_windows(tmp_path: Path) -> None:
    log = tmp_path / "alert_json.txt"
    peers = [f"198.51.{n // 200}.{n % 200 + 1}" for n in range(1800)]
    lines = [monitor(SITE.sid_base + 101, second, peer) for second, peer in enumerate(peers)]
    log.write_text("".join(f"{line}\n" for line in lines))
    filtered = tmp_path / "filtered.txt"
    filtered.write_text("".join(f"{line}\n" for line in lines[::60]))
    (level, score, _) = judged(log)["10.20.7.7"]
    assert (level, score) == judged(filtered)["10.20.7.7"][:2]


@given(st.integers(0, 900), st.integers(1, 3))
def test_a_cut_hour_is_the_same_in_any_order(start: int, step: int) -> None:
    alerts = [
        (1, second, f"peer {second % 400}") for second in range(start, start + 900 * step, step)
    ]
    one, other = sketch(alerts[:450]), sketch(alerts[450:])
    other.merge(sketch(alerts[:450]))
    one.merge(sketch(alerts[450:]))
    one.trim()
    other.trim()
    assert one.one_per_window().hours == other.one_per_window().hours
