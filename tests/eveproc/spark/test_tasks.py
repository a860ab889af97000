"""What runs in the cluster, without one: files as Spark's text reader cuts them, given to the tasks
in Arrow batches."""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.evidence.collector import EVER
from eveproc.evidence.gather import gather
from eveproc.evidence.store import EvidenceStore
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import holds_lines
from eveproc.input.sources import HEAD
from eveproc.spark import tasks
from eveproc.spark.rows import Gathered, batches, rows_of
from eveproc.spark.tasks import FileFacts, Order, merge, of_files, of_lines
from rulegen.errors import MxhoundError
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from tests.eveproc.evidence_of import without_coverage
from tests.eveproc.framing import packed, plain
from tests.eveproc.input.containers import CONTAINERS, Container
from tests.eveproc.verdicts.test_same_verdicts import (
    DATA,
    Event,
    lines_of,
    mailers,
    recording,
    told_of,
)

if TYPE_CHECKING:
    from pyarrow import RecordBatch

pyarrow = pytest.importorskip(
    "pyarrow", reason="NOT TESTED without mxhound[spark]: what runs in a cluster"
)
pytestmark = pytest.mark.cluster

SITE = load_site(DATA / "site.yaml")
ORDER = Order.of(SITE, EVER, [0])


def cut(content: bytes, separator: bytes) -> list[bytes]:
    """As Hadoop's reader does: no last row for nothing behind the last separator."""
    rows = content.split(separator)
    return rows if rows[-1] else rows[:-1]


def in_batches(
    files: Sequence[tuple[str, bytes]], separator: bytes, rows: int
) -> Iterator["RecordBatch"]:
    """Of so many rows each; a batch does not end where a file does."""
    written = datetime(2026, 3, 2, tzinfo=UTC)
    all_rows = [
        (row, f"file:/{name}", len(content), written)
        for name, content in files
        for row in cut(content, separator)
    ]
    types = (pyarrow.binary(), pyarrow.string(), pyarrow.int64(), pyarrow.timestamp("us", "UTC"))
    for start in range(0, len(all_rows), rows):
        columns = zip(*all_rows[start : start + rows], strict=True)
        yield pyarrow.RecordBatch.from_arrays(
            [pyarrow.array(column, kind) for column, kind in zip(columns, types, strict=True)],
            names=["value", "path", "size", "written"],
        )


def gathered(found: Iterator["RecordBatch"]) -> Gathered:
    together = Gathered()
    for host, evidence in rows_of(found):
        together.take(host, evidence)
    together.store.trim()
    return together


def alone(folder: Path, files: Sequence[tuple[str, bytes]]) -> tuple[EvidenceStore, ReadStats]:
    for name, content in files:
        (folder / name).write_bytes(content)
    store, stats = gather([str(folder / name) for name, _ in files], SITE)
    store.trim()
    return store, stats


@pytest.fixture(scope="module")
def content() -> bytes:
    return plain(lines_of(told_of(recording(Engine.SURICATA_8), mailers()[0] | mailers()[1])))


CONTENTS = st.lists(
    st.sampled_from([b"\n", b"}", b"\r\n", b"a", b"\xff\xfe", b"{}", b""]), max_size=12
).map(b"".join)


@given(
    st.lists(CONTENTS.filter(bool), min_size=1, max_size=4),
    st.sampled_from([b"\n", b"}"]),
    st.integers(1, 5),
)
def test_bytes_come_back_as_they_were(contents: list[bytes], separator: bytes, rows: int) -> None:
    files = [
        (str(number), content) for number, content in enumerate(contents) if cut(content, separator)
    ]
    found: dict[str, bytes] = {}

    def read(facts: FileFacts, pieces: Iterator[bytes], _gatherer: object) -> None:
        content = tasks._Content(pieces, facts.size)
        found[facts.path.removeprefix("file:/")] = BufferedReader(content).read()
        assert content.missing == 0

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tasks, "_read", read)
        list(of_files(ORDER, separator, in_batches(files, separator, rows)))
    assert found == dict(files)


def test_files_give_what_they_give_here(content: bytes, tmp_path: Path) -> None:
    half = len(content) // 2
    damaged = packed(content, "gz")
    files = [
        *(
            ("eve.json", content),
            ("eve.json.1.gz", packed(content, "gz")),
            ("eve.json.2", packed(content, "zst")),
        ),
        *(
            ("cut.json.gz", damaged[: len(damaged) // 2]),
            ("half.json", content[:half]),
            ("none.json", b"Mar 2\n"),
            ("blank.json", b"\n"),
        ),
    ]
    store, stats = alone(tmp_path, files)
    found = gathered(of_files(ORDER, b"\n", in_batches(files, b"\n", 100)))
    assert without_coverage(found.store) == without_coverage(store)
    told = found.stats.as_dict()
    told["problems"] = [
        {**problem, "file": problem["file"].replace("file:", str(tmp_path))}
        for problem in told["problems"]
    ]
    assert told == stats.as_dict()
    assert found.read == {f"file:/{name}" for name, _ in files}


def test_pieces_of_a_file_give_what_the_whole_gives(content: bytes, tmp_path: Path) -> None:
    store, stats = alone(tmp_path, [("eve.json", content)])
    pieces = list(in_batches([("eve.json", content)], b"\n", 50))
    tasks_of_it = [of_lines(ORDER, pieces[start::3]) for start in range(3)]
    found = gathered(merge(batch for found in tasks_of_it for batch in found))
    assert without_coverage(found.store) == without_coverage(store)
    assert found.stats.events == stats.events
    assert found.stats.lines == stats.lines


@pytest.mark.parametrize("partitions", [1, 2, 5])
def test_evidence_comes_together_however_it_is_spread(
    content: bytes, tmp_path: Path, partitions: int
) -> None:
    store, _ = alone(tmp_path, [("eve.json", content)])
    rows = [
        row
        for start in range(7)
        for batch in in_batches([("eve.json", content)], b"\n", 40)
        for row in _rows_of_every(batch, start)
    ]
    by_host = [
        [row for row in rows if crc32(row[0].encode()) % partitions == number]
        for number in range(partitions)
    ]
    found = gathered(batch for part in by_host for batch in merge(batches(part)))
    assert without_coverage(found.store) == without_coverage(store)


def _rows_of_every(batch: "RecordBatch", number: int) -> list[tuple[str, bytes | None]]:
    part = batch.slice(number * 6, 6 if number < 6 else None)
    return list(rows_of(of_lines(ORDER, [part])))


def test_what_is_missing_of_a_file_is_told(content: bytes) -> None:
    batches = [batch.slice(0, 90) for batch in in_batches([("eve.json", content)], b"\n", 100)]
    stats = gathered(of_files(ORDER, b"\n", batches)).stats
    assert [problem.file for problem in stats.problems] == ["file:/eve.json"]
    assert f"of {len(content)} bytes are missing" in stats.problems[0].what


def test_a_mark_of_the_order_of_bytes_is_nothing_that_misses(content: bytes) -> None:
    """Spark's reader leaves it out."""
    marked = [
        pyarrow.RecordBatch.from_arrays(
            [*batch.columns[:2], pyarrow.array([len(content) + 3] * len(batch)), batch.column(3)],
            names=list(batch.schema.names),
        )
        for batch in in_batches([("eve.json", content)], b"\n", 100)
    ]
    assert gathered(of_files(ORDER, b"\n", marked)).stats.problems == []


def test_another_version_of_mxhound_is_refused(content: bytes) -> None:
    found = of_lines(
        Order(b"of another shape", "0.0.1"), in_batches([("eve.json", content)], b"\n", 100)
    )
    with pytest.raises(MxhoundError, match=r"executors have mxhound .*, the driver 0\.0\.1"):
        list(found)


@pytest.mark.parametrize("rows", [1, 7])
def test_without_the_fast_library_no_line_is_made_up(
    content: bytes, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eveproc.input.parallel._prefilter", lambda _collector: None)
    store, stats = alone(tmp_path, [("eve.json", content)])
    found = gathered(of_lines(ORDER, in_batches([("eve.json", content)], b"\n", rows)))
    assert without_coverage(found.store) == without_coverage(store)
    assert (found.stats.lines, found.stats.events, found.stats.skipped) == (
        stats.lines,
        stats.events,
        stats.skipped,
    )


@cache
def of_two_mailers() -> tuple[list[Event], EvidenceStore]:
    """Some records, and the evidence in the plain ones."""
    records = told_of(recording(Engine.SURICATA_8), mailers()[0] | mailers()[1])[:500]
    with tempfile.TemporaryDirectory() as folder:
        store, _ = alone(Path(folder), [("eve.json", plain(lines_of(records)))])
    return records, without_coverage(store)


# It names a sensor beside the record, and evidence keeps by sensor what it keeps.
WITH_SENSOR = "Logstash, fields at the top"


@pytest.mark.parametrize(
    "container", [c for c in CONTAINERS if c.title != WITH_SENSOR], ids=lambda c: c.title
)
def test_wrapped_records_give_the_same_evidence(container: Container, tmp_path: Path) -> None:
    """Cut into lines where the file is one of lines, and whole."""
    records, expected = of_two_mailers()
    content = container.wrap(records)
    found = [gathered(of_files(ORDER, b"\n", in_batches([("wrapped", content)], b"\n", 50)))]
    if holds_lines(content[:HEAD]):
        found.append(gathered(of_lines(ORDER, in_batches([("wrapped", content)], b"\n", 50))))
    for one in found:
        assert without_coverage(one.store) == expected
