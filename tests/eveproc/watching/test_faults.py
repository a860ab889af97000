"""Events that raise an exception somewhere inside -> the watch goes on, names them a bounded number
of times, loses no other."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from eveproc.evidence.collector import Collector
from eveproc.evidence.store import EvidenceStore
from eveproc.input import reader
from eveproc.input.events import Dhcp, Event
from eveproc.input.lookups import Asker, Lookups
from eveproc.input.parallel import Gatherer, Part
from eveproc.input.read_stats import ReadStats
from eveproc.state.state import State, open_state
from eveproc.verdicts.machines import Machine
from eveproc.watching import engine
from eveproc.watching.engine import Watcher, WatchMemory, forget
from eveproc.watching.faults import LONGEST, MOST_NAMED, Faults
from eveproc.watching.service import Live, ProcessSignals, Sinks
from rulegen.errors import InputError
from rulegen.site_profile import build_profile, load_site
from rulegen.yamlfile import parse_yaml
from tests.eveproc.eve_lines import HOST, SITE, START, lease, mailing, quiet

BAD = "10.20.6.66"


class OneTurn:
    """A Live over one file that takes a turn when asked; `news` and `said` are what it told."""

    def __init__(self, tmp_path, state: State | None = None) -> None:
        self.eve, self.site = tmp_path / "eve.json", tmp_path / "site.yaml"
        self.site.write_text(SITE)
        self.eve.touch()
        self.news, self.said = [], []
        sinks = Sinks(lambda news: self.news.append(news.verdict.host), self.said.append)
        self.live = Live(
            [str(self.eve)], lambda: load_site(self.site), sinks, lambda: START + 86400, state
        )

    def hear(self, *lines: bytes) -> None:
        with self.eve.open("ab") as log:
            log.writelines(lines)
        self.turn()

    def turn(self) -> None:
        self.live._take_turn(ProcessSignals())

    def end(self) -> None:
        signals = ProcessSignals()
        signals.stop.set()
        self.live.run(signals)


def all_of(*hosts: str) -> Iterator[bytes]:
    for host in hosts:
        yield from mailing(START, 40, host=host)


def test_an_event_that_breaks_the_collector_is_skipped_and_named(tmp_path, monkeypatch) -> None:
    take_in = Collector.add

    def add(self: Collector, event: Event) -> None:
        if getattr(event, "client", "") == BAD:
            raise OverflowError("cannot convert float infinity to integer")
        take_in(self, event)

    def add_lookups(self: Collector, asker: Asker) -> None:
        for event in asker.events():
            self.add(event)

    monkeypatch.setattr(Collector, "add", add)
    monkeypatch.setattr(Collector, "add_lookups", add_lookups)
    watch = OneTurn(tmp_path)
    watch.hear(*all_of(BAD, HOST))
    assert watch.news == [HOST]
    watch.hear(*all_of(BAD))
    named = [text for text in watch.said if "a record was skipped" in text]
    assert len(named) == 2  # flow and dns, each once, however often
    assert "flow: OverflowError: cannot convert" in "".join(named)
    watch.end()
    assert watch.said[-1] == "skipped for faults of this program: 160 in all"


def test_a_line_that_breaks_the_decoder_is_skipped_and_the_block_is_not_lost(
    tmp_path, monkeypatch
) -> None:
    decode = reader.decode

    def break_at_bad(text: bytes) -> object:
        if BAD.encode() in text:
            raise ValueError("a fault")
        return decode(text)

    def fail(*_: object) -> bool:
        raise ValueError("a fault")

    monkeypatch.setattr(reader, "decode", break_at_bad)
    monkeypatch.setattr(Lookups, "take", fail)
    watch = OneTurn(tmp_path)
    watch.hear(*all_of(BAD, HOST))
    assert watch.news == [HOST]
    assert watch.live.stats.details["failed"] == {"line: ValueError: a fault": 80}


def test_where_a_block_breaks_what_looks_at_it_whole_its_lines_are_read_one_by_one(
    tmp_path, monkeypatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("looking at all of it at once")

    monkeypatch.setattr(Gatherer, "take", broken)
    watch = OneTurn(tmp_path)
    watch.hear(*all_of(HOST))
    assert watch.news == [HOST]
    assert watch.said == [
        "a piece of the log is read again line by line (RuntimeError: looking at all of it at once)"
    ]


def test_a_host_that_cannot_be_judged_is_named_and_the_others_are_judged(
    tmp_path, monkeypatch
) -> None:
    verdict_on = engine.verdict_on

    def break_at_bad(machine: Machine, context: object) -> object:
        if machine.address == BAD:
            raise ZeroDivisionError("division by zero")
        return verdict_on(machine, context)

    monkeypatch.setattr(engine, "verdict_on", break_at_bad)
    watch = OneTurn(tmp_path)
    watch.hear(*all_of(BAD, HOST))
    assert watch.news == [HOST]
    assert watch.said == [f"{BAD}: cannot be judged (ZeroDivisionError: division by zero)"]
    watch.hear(*all_of(BAD))
    assert len(watch.said) == 1


def test_leases_that_cannot_be_told_apart_cost_their_own_host_alone(tmp_path, monkeypatch) -> None:
    machines = engine.machines

    def break_at_bad(store: EvidenceStore, site: object) -> object:
        if BAD in set(store.hosts):
            raise ValueError("leases of the same instant")
        return machines(store, site)

    monkeypatch.setattr(engine, "machines", break_at_bad)
    watch = OneTurn(tmp_path)
    watch.hear(lease(START, BAD), *all_of(BAD, HOST))
    assert watch.news == [HOST]
    assert f"{BAD}: cannot be judged (ValueError: leases of the same instant)" in watch.said


def test_evidence_that_cannot_be_merged_costs_its_own_host_alone(tmp_path, monkeypatch) -> None:
    merge, add = EvidenceStore.merge, EvidenceStore.add

    def merge_or_break(self: EvidenceStore, other: EvidenceStore) -> None:
        if BAD in set(other.hosts):
            raise KeyError("a sketch")
        merge(self, other)

    def add_or_break(self: EvidenceStore, address: str, evidence: object) -> None:
        if address == BAD:
            raise KeyError("a sketch")
        add(self, address, evidence)

    monkeypatch.setattr(EvidenceStore, "merge", merge_or_break)
    monkeypatch.setattr(EvidenceStore, "add", add_or_break)
    watch = OneTurn(tmp_path)
    watch.hear(lease(START, HOST), *all_of(BAD, HOST))
    assert watch.news == [HOST]
    assert watch.live._watcher.memory.store.leases.name_of("02:00:00:00:00:07") == "lap-7"
    assert any(text.startswith(f"{BAD}: evidence was lost") for text in watch.said)


def test_evidence_that_cannot_be_aged_is_dropped_and_named(monkeypatch) -> None:
    said: list[str] = []
    watcher = Watcher(build_profile(parse_yaml(SITE, "site.yaml")), WatchMemory())
    block = b"".join(all_of(BAD, HOST))
    watcher.take(block, len(block))
    list(watcher.look(START + 86400))
    younger, bad = engine._younger, watcher.memory.store.hosts.get(BAD)

    def break_at_bad(evidence: object, before: float) -> object:
        if evidence is bad:
            raise ValueError("a fault")
        return younger(evidence, before)

    monkeypatch.setattr(engine, "_younger", break_at_bad)
    forget(watcher.memory.store, START - 3600, Faults(said.append))
    assert set(watcher.memory.store.hosts) == {HOST}
    assert said == [f"{BAD}: evidence cannot be aged and was dropped (ValueError: a fault)"]


def test_news_that_cannot_be_told_do_not_keep_the_others_back(tmp_path) -> None:
    watch = OneTurn(tmp_path)
    told: list[str] = []

    def tell(news: object) -> None:
        if news.verdict.host == BAD:
            raise UnicodeError("a name")
        told.append(news.verdict.host)

    watch.live._outlets = Sinks(tell, watch.said.append)
    watch.hear(*all_of(BAD, HOST))
    assert told == [HOST]
    assert watch.said == [f"{BAD}: its notification could not be sent (UnicodeError: a name)"]


def test_a_state_that_cannot_be_kept_does_not_end_the_watch(tmp_path, monkeypatch) -> None:
    with open_state(tmp_path / "state") as state:
        watch = OneTurn(tmp_path, state)
        monkeypatch.setattr(State, "try_keep", lambda *_: 1 / 0)
        watch.hear(*all_of(HOST))
        assert watch.news == [HOST]
        assert watch.said == [
            "the state cannot be kept (ZeroDivisionError: division by zero)",
            "the state cannot be kept; it is tried again",
        ]


@pytest.mark.parametrize("turns", [1, 2])
def test_a_state_with_two_leases_of_one_instant_starts_again(tmp_path, turns) -> None:
    """The input that ended a watch at 4868e5b, and every later one on the same state."""
    twice = [lease(START, BAD, mac=f"02:00:00:00:00:{n:02x}", name="n") for n in (1, 2)]
    with open_state(tmp_path / "state") as state:
        watch = OneTurn(tmp_path, state)
        watch.hear(*twice, *all_of(BAD))
        watch.end()
        assert watch.news == [BAD]
    for _ in range(turns):
        with open_state(tmp_path / "state") as state:
            watch = OneTurn(tmp_path, state)
            watch.hear(quiet(START + 90), *twice)
            watch.end()
    with open_state(tmp_path / "state") as state:
        watch = OneTurn(tmp_path, state)
        watch.hear(*all_of(HOST))
        assert watch.news == [HOST]
        watch.end()


def test_faults_are_named_a_bounded_number_of_times() -> None:
    said: list[str] = []
    faults = Faults(said.append)
    for number in range(5 * MOST_NAMED):
        with faults.caught(f"host {number}"):
            raise ValueError("x" * 1000)
    assert len(said) == MOST_NAMED + 1
    assert said[-1] == "more faults of new kinds are counted and not named"
    assert max(map(len, said)) == LONGEST
    assert faults.count == 5 * MOST_NAMED


def test_what_is_refused_on_purpose_is_no_fault() -> None:
    with pytest.raises(InputError), Faults().caught("anything"):
        raise InputError([])


def test_a_report_skips_a_record_that_raises_and_tells_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        Collector, "add", lambda self, event: 1 / 0 if isinstance(event, Dhcp) else None
    )
    eve, site = tmp_path / "eve.json", tmp_path / "site.yaml"
    eve.write_bytes(lease(START, HOST) + quiet(START))
    site.write_text(SITE)
    result = CliRunner().invoke(main, ["report", str(eve), "-s", str(site), "-j", "1"])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "lines skipped as failed: 1 (dhcp: ZeroDivisionError: division by zero 1)" in (
        result.stderr
    )


def test_a_record_of_an_export_that_raises_is_skipped(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Collector, "add", lambda *_: 1 / 0)
    export = tmp_path / "eve.json"
    export.write_bytes(b"[" + lease(START, HOST).strip() + b"]")
    stats = ReadStats()
    gatherer = Gatherer(Collector(build_profile(parse_yaml(SITE, "site.yaml"))))
    gatherer.stats = stats
    gatherer.read(Part(str(export)))
    assert stats.details["failed"] == {"dhcp: ZeroDivisionError: division by zero": 1}
