"""Logs -> what could have been seen, the same with any number of processes and in any order."""

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

import pytest

from eveproc.evidence import coverage as coverage_module
from eveproc.evidence.collector import Collector, Period
from eveproc.evidence.coverage import Coverage
from eveproc.evidence.gather import gather
from eveproc.input import parallel, survey
from eveproc.input.reader import line_result
from eveproc.input.survey import (
    hours_of,
    is_cut_off,
    kinds_in,
    of_block,
    of_event,
    of_lines,
    sample,
)
from rulegen.units import HOUR
from tests.eveproc.evidence_of import HOST, START, flow, lookup, mail, site_of

SITE = site_of()


def line(time: float, event_type: str = "http", **fields: object) -> bytes:
    stamp = f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%S.%f}+0000"
    return json.dumps({"timestamp": stamp, "event_type": event_type, **fields}).encode() + b"\n"


def dns(time: float, client: str = HOST) -> bytes:
    asked = {
        "version": 3,
        "type": "request",
        "id": 1,
        "queries": [{"rrname": "a.b", "rrtype": "A"}],
    }
    ends = {"src_ip": client, "src_port": 4000, "dest_ip": "10.20.0.53", "dest_port": 53}
    return line(time, "dns", proto="UDP", dns=asked, **ends)


def noted(*events) -> Coverage:
    collector = Collector(SITE)
    for event in events:
        collector.survey(of_event(event))
        collector.add(event)
    return collector.store.coverage


def test_hours_are_found_by_looking_at_few_lines() -> None:
    times = [START + second for second in range(0, 3 * HOUR, 3)]
    times += [START + 7 * HOUR + second for second in range(0, HOUR, 3)]
    block = b"".join(map(line, times))
    looked_at = []

    def decode(text: bytes):
        looked_at.append(text)
        return line_result(text)

    hours = hours_of(block, len(block), decode)
    first = int(START // HOUR)
    assert sorted(hours) == [first, first + 1, first + 2, first + 7]
    assert (hours[first + 2].last, hours[first + 7].first) == (times[3599], START + 7 * HOUR)
    assert sum(span.bytes for span in hours.values()) == pytest.approx(len(block), rel=0.1)
    assert not looked_at


def test_statistics_tell_no_hour_of_the_traffic() -> None:
    block = line(START + 999_999, "stats") + line(START) + line(START + 999_999, "stats")
    assert list(hours_of(block, len(block), line_result)) == [int(START // HOUR)]


@pytest.mark.parametrize("name", ["data", "timestamp_of_import"])
def test_the_time_of_a_later_import_around_a_record_is_not_that_of_the_record(name: str) -> None:
    imported = "2026-04-01T03:00:00.000+0000"
    times = range(int(START), int(START) + 4 * HOUR, 60)
    inner = [json.loads(line(time, "flow", flow={}, src_ip=HOST, dest_ip=HOST)) for time in times]
    around = ({"timestamp": imported, name: one} for one in inner)
    block = b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in around)
    first = int(START // HOUR)
    assert sorted(hours_of(block, len(block), line_result)) == [*range(first, first + 4)]
    for kind in (b"http", b"dns"):  # no evidence; damaged
        others = block.replace(b'"flow"', b'"' + kind + b'"')
        assert sorted(hours_of(others, len(others), line_result)) == [*range(first, first + 4)]


def test_statistics_in_a_container_are_passed_over_like_others() -> None:
    late = json.dumps({"message": line(START + 9 * HOUR, "stats", stats={}).decode()}).encode()
    block = json.dumps({"message": line(START, "http").decode()}).encode() + (b"\n" + late) * 99
    assert list(hours_of(block + b"\n", len(block) + 1, line_result)) == [int(START // HOUR)]


def test_lines_without_a_time_are_passed_over() -> None:
    block = b"nothing\n" * 3 + line(START) + b"{}\n"
    assert list(hours_of(block, len(block), line_result)) == [int(START // HOUR)]
    assert hours_of(b"nothing\n" * 30, 240, line_result) == {}


@pytest.mark.parametrize(
    "odd",
    [b'{"a":' * 100_000, b"[" * 100_000, b'{"event_type":"dns","timestamp":%b}' % (b"9" * 400)],
    ids=["objects without end", "arrays without end", "a number larger than any other"],
)
def test_a_hostile_line_tells_no_time(tmp_path: Path, odd: bytes) -> None:
    """Reading goes on."""
    path = tmp_path / "eve.json"
    path.write_bytes(odd + b"\n" + dns(START).replace(b'"A"', b'"MX"') + odd + b"\n")
    store, stats = gather([str(path)], site_of(), jobs=1)
    assert list(store.coverage.hours) == [int(START // HOUR)]
    assert stats.events["dns"] == 1


def test_a_sample_holds_whole_lines_each_once() -> None:
    block = b"".join(line(START + second, pad="x" * (second % 300)) for second in range(4000))
    lines = sample(block, len(block), 128)
    found = [*lines]
    assert len(found) == len(set(found)) == 128
    assert all(json.loads(text) for text in found)
    assert [*sample(block, len(block), 1)] == [block.partition(b"\n")[0]]
    assert [*sample(b"one line", 8, 128)] == [b"one line"]


def test_rare_kinds_are_found_however_they_are_spelled() -> None:
    block = line(START) * 9 + dns(START) + rb'{"message":"{\"event_type\":\"flow\"}"}' + b"\n"
    assert kinds_in(block, len(block), survey.PRESENCE) == {"dns", "flow"}
    assert kinds_in(block, len(block), ()) == frozenset()
    assert of_block(block, 200, line_result, survey.PRESENCE).kinds == frozenset()


@pytest.mark.parametrize(
    ("text", "is_cut"), [(b'{"a": 1}', False), (b'x: {"a": ', True), (b"words", False)]
)
def test_a_record_that_does_not_end(text: bytes, is_cut: bool) -> None:
    assert is_cut_off(text) is is_cut
    assert of_lines([text], line_result).cut_off == is_cut


def a_night(seed: int) -> list:
    rng = Random(seed)
    clients = [HOST, "10.20.1.8", "2001:db8:20::9", "172.30.1.5", "2001:db8:77::1"]
    make = (
        lambda n, who: lookup(n, "example.org", "A", host=who),
        lambda n, who: flow(n, "198.51.100.9", 443, host=who),
        lambda n, who: mail(n, "198.51.100.9", host=who),
    )
    return [rng.choice(make)(rng.randrange(9 * HOUR), rng.choice(clients)) for _ in range(300)]


@pytest.mark.parametrize("seed", range(5))
def test_merging_is_free_of_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_module, "MOST_NETWORKS", 1)
    events = a_night(seed)
    whole = noted(*events)
    parts = [noted(*events[part::4]) for part in range(4)]
    Random(seed).shuffle(parts)
    merged = Coverage()
    for part in parts:
        merged.merge(part)
    whole.trim()
    merged.trim()
    assert merged == whole
    assert len(whole.other_clients) == 1


def test_the_number_of_processes_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "SPAN", 100_000)
    monkeypatch.setattr(parallel, "WORTH_A_PROCESS", 100_000)
    path = tmp_path / "eve.json"
    path.write_bytes(
        b"".join(dns(START + second, f"10.20.1.{second % 250}") for second in range(3000))
    )
    collect = partial(Collector, SITE)
    found = [parallel.gather([str(path)], collect, jobs=jobs)[0].coverage for jobs in (1, 2, 3)]
    assert found[0] == found[1] == found[2]
    assert found[0].kinds() == {"dns"}
    assert found[0].home_clients == {"10.20.0.0/16"}


def test_what_is_outside_of_the_period_does_not_cover(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_bytes(b"".join(dns(START + minute * 60) for minute in range(300)))
    store, _ = gather([str(path)], SITE, Period(since=START + 2 * HOUR, until=START + 3 * HOUR))
    assert [hour - START // HOUR for hour in sorted(store.coverage.hours)] == [2]
    assert store.coverage.outside["outside --since and --until"]


def test_a_long_connection_covers_its_hours() -> None:
    long = flow(0, "198.51.100.9", 443)
    covered = noted(
        type(long)(
            **{f: getattr(long, f) for f in long.__struct_fields__} | {"end": START + 5 * HOUR}
        )
    )
    span = covered.span_of("flow")
    assert len(span.hours) == 1
    assert len(span.lasting) == 5


def test_old_hours_are_forgotten() -> None:
    covered = noted(*a_night(1))
    covered.forget(START + 4 * HOUR)
    assert min(covered.hours) == START // HOUR + 4
    assert min(covered.span_of("flow").hours) >= START // HOUR + 4
