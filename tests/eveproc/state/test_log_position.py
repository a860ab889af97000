"""Logs that are written, rotated, copied and compressed between runs -> every line is read once,
under whatever name.
"""

import gzip
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from eveproc.evidence.gather import gather_parts
from eveproc.evidence.store import EvidenceSource, EvidenceStore
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import find_files
from eveproc.state.log_position import LogPosition, plan, positions_after, unread
from rulegen.errors import InputError
from rulegen.vocabulary import Signal
from tests.eveproc.evidence_of import HOST, site_of
from tests.eveproc.rotation import Folder, line

SITE = site_of()


class Reader:
    """What a state keeps of reading, in memory."""

    def __init__(self) -> None:
        self.marks: list[LogPosition] = []
        self.store = EvidenceStore()
        self.stats = ReadStats()
        self.lost: list[str] = []
        self.runs = 0.0

    def read(self, *sources: str) -> ReadStats:
        done = plan(find_files(sources), self.marks)
        store, stats, ends = gather_parts(done.whole(), done.plain(), SITE, jobs=1)
        self.lost = [str(problem) for problem in unread(done, self.runs)]
        self.runs += 1
        self.marks = positions_after(done, ends, self.runs, stats)
        self.store.merge(store)
        self.stats.merge(stats)
        return stats

    def asked(self) -> set[str]:
        evidence = self.store.hosts.get(HOST)
        return evidence.sketch(Signal.MX_FLOOD, EvidenceSource.LOG).keys() if evidence else set()


def domains(count: int) -> set[str]:
    return {f"victim{number}.example" for number in range(count)}


class Turning(RuleBasedStateMachine):
    """Whatever happens between runs, everything is read once."""

    @initialize()
    def begin(self) -> None:
        self.place = tempfile.TemporaryDirectory(prefix="mxhound-")
        self.folder = Folder(Path(self.place.name))
        self.reader = Reader()
        self.copied = False

    @rule(count=st.integers(0, 60), half=st.booleans())
    @precondition(lambda self: not self.copied)
    def write(self, count: int, half: bool) -> None:
        self.folder.append(count, half=half)

    @rule()
    def read(self) -> None:
        self.reader.read(self.folder.pattern())
        assert self.reader.stats.bytes == self.folder.size
        assert self.reader.stats.events["dns"] == self.folder.written
        assert self.reader.asked() == domains(self.folder.written)
        assert not self.reader.lost

    @rule()
    @precondition(lambda self: not self.copied)
    def rename(self) -> None:
        self.folder.rename()

    @rule()
    @precondition(lambda self: not self.copied and self.folder.eve.stat().st_size)
    def copy(self) -> None:
        self.folder.copy()
        self.copied = True

    @rule()
    @precondition(lambda self: self.copied)
    def truncate(self) -> None:
        self.folder.truncate()
        self.copied = False

    @rule()
    @precondition(lambda self: self.folder.has_plain and not self.copied)
    def begin_compressing(self) -> None:
        self.folder.begin_compressing()

    @rule()
    @precondition(lambda self: self.folder.has_plain and not self.copied)
    def compress(self) -> None:
        self.folder.compress()

    @rule()
    @precondition(lambda self: not self.copied and self.folder.has_plain is False)
    def delete_what_was_read(self) -> None:
        self.read()
        self.folder.delete_oldest()

    @rule()
    def reboot(self) -> None:
        """Disks may be numbered anew."""
        self.reader.marks = [replace(mark, device=mark.device + 1) for mark in self.reader.marks]

    @invariant()
    def nothing_is_moved_while_it_is_read(self) -> None:
        assert not [
            problem for problem in self.reader.stats.problems if "was moved" in problem.what
        ]

    def teardown(self) -> None:
        if hasattr(self, "reader"):
            self.read()
            self.place.cleanup()


Turning.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, suppress_health_check=list(HealthCheck), deadline=None
)
TestTurning = Turning.TestCase


def test_logs_that_begin_alike_are_told_apart_by_where_they_were_read_to(tmp_path: Path) -> None:
    """Two eve-logs of one Suricata may have their first lines in common."""
    same = b"".join(map(line, range(30)))
    for name, first in (("eve.json", 100), ("eve-mxhound.json", 200)):
        (tmp_path / name).write_bytes(same + line(first))
    reader = Reader()
    reader.read(f"{tmp_path}/eve*.json")
    assert reader.stats.events["dns"] == 62
    for number, name in enumerate(("eve.json", "eve-mxhound.json")):
        packed = gzip.compress((tmp_path / name).read_bytes() + line(300 + number))
        (tmp_path / name).unlink()
        (tmp_path / f"{name}.1.gz").write_bytes(packed)
    reader.read(f"{tmp_path}/eve*.gz")
    assert reader.stats.events["dns"] == 64


def test_a_log_that_was_changed_behind_its_beginning_is_another_log(tmp_path: Path) -> None:
    eve = tmp_path / "eve.json"
    same = b"".join(map(line, range(30)))
    eve.write_bytes(same + line(40))
    reader = Reader()
    reader.read(str(eve))
    eve.write_bytes(same + line(41) + line(42))
    reader.read(str(eve))
    assert {"victim40.example", "victim41.example", "victim42.example"} <= reader.asked()
    assert "that was read up to byte" in reader.lost[0]


def test_a_log_that_is_moved_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    eve = tmp_path / "eve.json"
    eve.write_bytes(line(0))
    for meanwhile in (lambda: eve.rename(tmp_path / "eve.json.1"), lambda: eve.write_bytes(b"")):
        done, stats = plan([str(eve)], []), ReadStats()
        meanwhile()
        assert positions_after(done, {}, 0.0, stats) == []
        assert [problem.what for problem in stats.problems] == [
            "was moved or cut off while it was read; the next run reads it again"
        ]
        eve.write_bytes(line(0))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_one_document_is_read_whole_when_it_is_new_or_has_changed(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    export = tmp_path / "eve.json"
    reader = Reader()
    for count, expected in ((2, 2), (2, 2), (3, 5)):
        records = [json.loads(line(number)) for number in range(count)]
        export.write_bytes(pack(json.dumps(records).encode()))
        reader.read(str(export))
        assert reader.stats.events["dns"] == expected
    assert reader.asked() == domains(3)


def test_an_archive_that_is_cut_off_is_read_on_when_it_is_whole(tmp_path: Path) -> None:
    text = b"".join(map(line, range(2000)))
    packed = gzip.compress(text)
    log = tmp_path / "eve.json.1.gz"
    log.write_bytes(packed[: len(packed) // 2])
    reader = Reader()
    assert 0 < reader.read(str(log)).bytes < len(text)
    log.write_bytes(packed)
    reader.read(str(log))
    assert reader.stats.bytes == len(text)
    assert reader.stats.events["dns"] == 2000


def test_a_last_line_that_is_whole_but_for_its_newline_is_read_once(tmp_path: Path) -> None:
    eve = tmp_path / "eve.json"
    eve.write_bytes(line(0) + line(1).rstrip())
    reader = Reader()
    assert reader.read(str(eve)).events["dns"] == 2
    eve.write_bytes(line(0) + line(1) + line(2))
    assert reader.read(str(eve)).events["dns"] == 1


@pytest.mark.parametrize("cut", [10, 50, -20])
def test_a_first_line_that_was_half_written_is_read_whole(tmp_path: Path, cut: int) -> None:
    eve = tmp_path / "eve.json"
    eve.write_bytes(line(0)[:cut])
    reader = Reader()
    reader.read(str(eve))
    eve.write_bytes(line(0) + line(1))
    reader.read(str(eve))
    assert reader.asked() == domains(2)


def test_a_file_that_cannot_be_read_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "eve.json").write_bytes(line(0))
    done = plan([str(tmp_path / "gone.json"), str(tmp_path / "eve.json")], [])
    assert [str(problem) for problem in done.problems] == [
        f"{tmp_path}/gone.json: cannot be read: No such file or directory"
    ]
    assert len(done.readings) == 1


def test_what_cannot_be_found_again_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError) as refused:
        plan(["-", str(pipe)], [])
    assert [problem.file for problem in refused.value.problems] == ["-", str(pipe)]


@pytest.mark.parametrize("files", [1, 5])
def test_several_processes_tell_where_they_came_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    """One archive is unpacked by one process for all; of several each process takes some."""
    monkeypatch.setattr("eveproc.input.parallel.WORTH_A_PROCESS", 1)
    texts = [
        b"".join(map(line, range(200 * number, 200 * (number + 1)))) for number in range(files)
    ]
    for number, text in enumerate(texts):
        (tmp_path / f"eve.json.{number}.gz").write_bytes(gzip.compress(text))
    names = find_files([str(tmp_path)])
    marks: list[LogPosition] = []
    for expected in (sum(map(len, texts)), 0):
        done = plan(names, marks)
        _, stats, ends = gather_parts(done.whole(), done.plain(), SITE, jobs=3)
        assert stats.bytes == expected
        marks = positions_after(done, ends, 0.0, stats)
        assert sorted(mark.offset for mark in marks) == sorted(map(len, texts))
