"""Records wrapped at random -> the evidence of the plain records, read undecoded, decoded whole,
and as a watch and a cluster read."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eveproc.evidence.collector import Collector
from eveproc.evidence.gather import gather
from eveproc.evidence.store import EvidenceStore
from eveproc.input import sources
from eveproc.input.envelope import MAX_DEPTH
from eveproc.input.parallel import Gatherer
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from tests.eveproc.evidence_of import site_of, without_coverage
from tests.eveproc.input.test_prefilter import lines_of_every_kind

SITE = site_of('home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.25]\n')
PREFIXES = (
    "",
    "<13>Mar  2 08:00:00 fw1 suricata[7]: ",
    "key\t",
    "2026-03-02T08:00:00Z stdout F ",
    "fw1 ",
    "<13>1 2026-03-02T08:00:00Z fw1 suricata 7 - - ",
    '<13>1 2026-03-02T08:00:00Z fw1 suricata 7 - [meta@32473 sequenceId="1"] ',
    "2026-03-02T08:00:00Z\tsuricata\t",
)
MOST_ESCAPED = 3
KEYS = ("event", "message", "log", "data", "_source", "some.key", "a")


@cache
def pool() -> list[str]:
    return [line.decode() for line in lines_of_every_kind()]


def wrapped(record: str, depth: int, random: Random) -> str:
    """A record under so many keys, each time as an object or as text, alone or in an array.

    Not deeper than records are looked for, and escaped at most MOST_ESCAPED times: each time doubles
    the backslashes.
    """
    text, steps, escaped = record, 0, 0
    for _ in range(depth):
        is_text = random.random() < 0.5 and escaped < MOST_ESCAPED
        is_array = random.random() < 0.2
        steps += 1 + is_text + is_array
        if steps > MAX_DEPTH:
            break
        key = json.dumps(random.choice(KEYS))
        if is_text:
            text, escaped = json.dumps(text, ensure_ascii=random.random() < 0.5), escaped + 1
        if is_array:
            text = f"[{text}]"
        text = f'{{"before":"x",{key}:{text},"behind":{{"n":1}}}}'
    return text


def line_of(some: list[str], random: Random) -> str:
    depth = random.choice([0, 1, 1, 2, 3, MAX_DEPTH])
    texts = [wrapped(record, depth, random) for record in some]
    prefix = random.choice(PREFIXES) if len(texts) == 1 else ""
    return prefix + random.choice(["", " ", ","]).join(texts)


def in_cell(record: str) -> str:
    """In a row of CSV, between two other cells."""
    return f'2026-03-02T08:00:00Z,"{record.replace(chr(34), chr(34) * 2)}",fw1'


def content_of(seed: int) -> tuple[bytes, bytes]:
    """Plain lines, and the same records wrapped; among the wrapped lines are some that were cut
    off."""
    random = Random(seed)
    records = [random.choice(pool()) for _ in range(random.randrange(1, 40))]
    lines, at = [], 0
    while at < len(records):
        size = random.choice([1, 1, 1, 2, 3])
        some = records[at : at + size]
        is_row = size == 1 and random.random() < 0.1
        lines.append(in_cell(some[0]) if is_row else line_of(some, random))
        at += size
        if random.random() < 0.1:  # half a record, and then a newline
            lost = wrapped(random.choice(pool()), random.choice([0, 1, 2]), random)
            lines.append(lost[: random.randrange(1, len(lost) // 2)])
    return "".join(f"{r}\n" for r in records).encode(), "".join(f"{x}\n" for x in lines).encode()


def prefiltered(path: Path) -> EvidenceStore:
    store, _ = gather([str(path)], SITE, jobs=1)
    store.trim()
    return without_coverage(store)


def decoded(path: Path) -> EvidenceStore:
    collector = Collector(SITE)
    for event in read_events([str(path)], ReadStats()):
        collector.add(event)
    collector.store.trim()
    return without_coverage(collector.store)


def in_pieces(path: Path) -> EvidenceStore:
    """As a watch and a task of a cluster take it in: pieces with whole lines, of no known file."""
    gatherer = Gatherer(Collector(SITE))
    for line in path.read_bytes().splitlines(keepends=True):
        gatherer.take(line, len(line))
    store, _, _ = gatherer.found()
    store.trim()
    return without_coverage(store)


READERS = (prefiltered, decoded, in_pieces)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), reader=st.sampled_from(READERS))
def test_evidence_is_that_of_the_plain_records(
    seed: int,
    reader: Callable[[Path], EvidenceStore],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("wrapped")
    bare, wrapped_lines = content_of(seed)
    (folder / "plain.json").write_bytes(bare)
    (folder / "wrapped.json").write_bytes(wrapped_lines)
    with pytest.MonkeyPatch.context() as patch:
        # The head of a file tells lines from one document; the first line has to end in it.
        least = wrapped_lines.find(b"\n") + 1
        patch.setattr(sources, "BLOCK", max(least, Random(seed).choice([900, 20_000, 1 << 20])))
        assert reader(folder / "wrapped.json") == decoded(folder / "plain.json")
