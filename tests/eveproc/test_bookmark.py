"""Logs that are written, turned over, copied and compressed between runs -> every line read once, by whatever name it goes."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eveproc.bookmark import Bookmark, marks_after, plan, unread
from eveproc.evidence import NightEvidence, Source
from eveproc.gather import gather_parts
from eveproc.sources import find_files
from eveproc.stats import ReadStats
from rulegen.vocabulary import Signal
from tests.eveproc.night_of import HOST, site_of
from tests.eveproc.rotation import Folder

SITE = site_of()


class Reader:
    """What a state keeps of reading, in memory."""

    def __init__(self) -> None:
        self.marks: list[Bookmark] = []
        self.night = NightEvidence()
        self.stats = ReadStats()
        self.lost: list[str] = []
        self.runs = 0.0

    def read(self, *sources: str) -> ReadStats:
        done = plan(find_files(sources), self.marks)
        night, stats, ends = gather_parts(done.whole(), done.plain(), SITE, jobs=1)
        self.lost = [str(problem) for problem in unread(done, self.runs)]
        self.runs += 1
        self.marks = marks_after(done, ends, self.runs, stats)
        self.night.merge(night)
        self.stats.merge(stats)
        return stats

    def asked(self) -> set[str]:
        evidence = self.night.hosts.get(HOST)
        return evidence.track(Signal.MX_FLOOD, Source.LOG).keys() if evidence else set()


def domains(count: int) -> set[str]:
    return {f"victim{number}.example" for number in range(count)}


class Turning(RuleBasedStateMachine):
    """Whatever happens between runs, they read what was written: all of it, once."""

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
        assert not [problem for problem in self.reader.stats.problems if "was moved" in problem.what]

    def teardown(self) -> None:
        if hasattr(self, "reader"):
            self.read()
            self.place.cleanup()


Turning.TestCase.settings = settings(max_examples=60, stateful_step_count=25, suppress_health_check=list(HealthCheck), deadline=None)
TestTurning = Turning.TestCase
