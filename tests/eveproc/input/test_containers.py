"""The records of a recording in every container -> the verdicts of the plain records, to the
byte.
"""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest

from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import holds_lines, read_events
from eveproc.input.sources import HEAD
from eveproc.watching.engine import Watcher, WatchMemory
from eveproc.watching.tail import FollowedFile
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from tests.eveproc.input.containers import CONTAINERS, Container, Record, plain
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


@pytest.mark.parametrize("container", CONTAINERS[::5], ids=lambda c: c.title)
def test_a_watch_of_the_file_finds_the_same_hosts(
    expected: tuple[list[Record], bytes], container: Container, tmp_path: Path
) -> None:
    """Of lines; what is one document is no log that grows."""
    some, _ = expected
    site = load_site(DATA / "site.yaml")

    def heard(content: bytes) -> set[tuple[str, str]]:
        path = tmp_path / "eve.json"
        path.write_bytes(content)
        stats = ReadStats()
        watcher = Watcher(site, WatchMemory(), stats)
        for block, end in FollowedFile(path, stats).pieces():
            watcher.take(block, end)
        return {(n.verdict.host, n.verdict.level.value) for n in watcher.look(2e9)}

    if holds_lines(container.wrap(some)[:HEAD]):
        assert heard(container.wrap(some)) == heard(plain(some))
        assert heard(plain(some))
