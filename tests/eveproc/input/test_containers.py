"""The records of a recording in every container -> the verdicts of the plain records, to the byte."""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest

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
    verdicts = report(path)
    assert verdicts.count(b'"verdict": "infected"') == 2
    return some, verdicts


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda c: c.title)
def test_verdicts_are_those_of_the_plain_records(
    expected: tuple[list[Record], bytes], container: Container, tmp_path: Path
) -> None:
    some, verdicts = expected
    path = tmp_path / "eve.json"
    path.write_bytes(container.wrap(some))
    assert report(path) == verdicts
