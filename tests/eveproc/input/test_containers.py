"""The records of a recording in every container -> the verdicts of the plain records, to the
byte.
"""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest

from eveproc.input.envelope import MAX_DEPTH
from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import holds_lines, line_result, read_events
from eveproc.input.sources import HEAD
from eveproc.report.json_report import as_dict
from eveproc.watching.engine import Watcher, WatchMemory
from eveproc.watching.tail import FollowedFile
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from tests.eveproc.input.containers import (
    CONTAINERS,
    TIME,
    Container,
    Record,
    batches,
    compact,
    plain,
)
from tests.eveproc.verdicts.test_same_verdicts import mailers, report, told_of

DATA = Path(__file__).parents[2] / "data"


@cache
def records(engine: Engine) -> list[Record]:
    """All about the two smallest mass mailers, and leases and statistics."""
    with gzip.open(DATA / f"office-{engine}.eve.json.gz") as stream:
        events = [json.loads(line) for line in stream]
    return told_of(events, mailers()[0] | mailers()[1])


@pytest.fixture(scope="module", params=[Engine.SURICATA_7, Engine.SURICATA_8], ids=str)
def expected(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Record], bytes]:
    some = records(request.param)
    path = tmp_path_factory.mktemp("plain") / "eve.json"
    path.write_bytes(plain(some))
    verdicts = verdicts_of(path)
    assert verdicts.count(b'"verdict": "infected"') == 2
    return some, verdicts


def verdicts_of(path: Path) -> bytes:
    """The JSON report without `coverage`, which rests on a sample of the lines of a file."""
    hosts = [json.loads(line) for line in report(path).splitlines()]
    kept = ({key: host[key] for key in host if key != "coverage"} for host in hosts)
    return b"".join(json.dumps(host).encode() + b"\n" for host in kept)


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda c: c.title)
def test_verdicts_are_those_of_the_plain_records(
    expected: tuple[list[Record], bytes], container: Container, tmp_path: Path
) -> None:
    some, verdicts = expected
    path = tmp_path / "eve.json"
    path.write_bytes(container.wrap(some))
    assert verdicts_of(path) == verdicts


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda c: c.title)
def test_the_statistics_name_the_container(container: Container, tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_bytes(container.wrap(records(Engine.SURICATA_7)[:40]))
    stats = ReadStats()
    assert sum(1 for _ in read_events([str(path)], stats)) > 0
    assert max(stats.containers, key=stats.containers.__getitem__, default="") == container.reported


@pytest.mark.parametrize("in_text", [False, True], ids=["objects", "text in text"])
def test_a_record_is_found_to_the_depth_that_is_stated(in_text: bool) -> None:
    record: Record = {"event_type": "dns", "timestamp": TIME, "src_ip": "10.20.1.7"}
    record |= {"dest_ip": "192.0.2.1", "proto": "UDP", "dns": {"type": "query", "rrname": "a.b"}}

    def found(steps: int) -> Event | Skipped:
        value: object = record
        for _ in range(steps):
            value = {"a": value}
        if in_text:  # a step like a key
            value = {"a": compact(record)}
            for _ in range(steps - 2):
                value = {"a": value}
        return line_result(compact(value).encode())

    assert isinstance(found(MAX_DEPTH), Event)
    assert found(MAX_DEPTH + 1) == Skipped(SkipReason.MISSING_FIELD, "event_type")
    page = (DATA.parents[1] / "docs" / "inputs.md").read_text(encoding="utf-8")
    assert f"up to {MAX_DEPTH} steps deep" in page


@pytest.mark.parametrize("around", ['{"records":[%s]}', "[%s]"], ids=["object", "array"])
def test_long_lines_are_read_behind_a_damaged_one(
    expected: tuple[list[Record], bytes], around: str, tmp_path: Path
) -> None:
    """The first line is longer than the head of a file, so that it could be a document."""
    some, verdicts = expected
    lines = [around % ",".join(map(compact, part)) for part in batches(some, 40)]
    assert len(lines[0]) > HEAD
    path = tmp_path / "eve.json"
    path.write_text("\n".join([lines[0], lines[1][:3000], *lines[1:]]) + "\n")
    assert verdicts_of(path) == verdicts


def of_lines(container: Container) -> bool:
    """What is one document is no log that grows. A hundred records are more than a head."""
    return holds_lines(container.wrap(records(Engine.SURICATA_7)[:100])[:HEAD])


@pytest.mark.parametrize("container", list(filter(of_lines, CONTAINERS)), ids=lambda c: c.title)
def test_a_watch_of_the_file_comes_to_the_verdicts_of_a_report_on_the_plain_one(
    expected: tuple[list[Record], bytes], container: Container, tmp_path: Path
) -> None:
    some, verdicts = expected
    path = tmp_path / "eve.json"
    path.write_bytes(container.wrap(some))
    stats = ReadStats()
    watcher = Watcher(load_site(DATA / "site.yaml"), WatchMemory(), stats)
    for block, end in FollowedFile(path, stats).pieces():
        watcher.take(block, end)
    told = {news.verdict.host: as_dict(news.verdict) for news in watcher.look(2e9)}
    assert told == above_clean(verdicts)


def above_clean(report: bytes) -> dict[str, dict[str, object]]:
    hosts = map(json.loads, report.splitlines())
    return {host["host"]: host for host in hosts if host["verdict"] != "clean"}
