"""What `make fuzz` does, bounded: every seed, a thousand changes of them always the same, and a
moment of the real fuzzer."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from eveproc.input.decode import decode
from eveproc.input.events import Event, Skipped
from eveproc.input.read_stats import ReadStats
from tests.fuzz import structured
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import LONGEST, seeds, words
from tests.fuzz.structured import CHANGES, Change, EveryCommand, network, text_of
from tests.fuzz.target import Target

MUTATIONS = 1000


@pytest.fixture(scope="module")
def target() -> Target:
    return Target()


def changes(count: int) -> Iterator[bytes]:
    random = Random(20)
    start = seeds()
    for _ in range(count):
        data = random.choice(start)
        for _ in range(random.randint(1, 4)):
            data = mutated(data, random)
        yield data[:LONGEST]


def test_every_seed(target: Target) -> None:
    for seed in seeds():
        target(seed)


def test_changes_of_seeds(target: Target) -> None:
    for data in changes(MUTATIONS):
        target(data)


@pytest.fixture(scope="module")
def every_command(tmp_path_factory: pytest.TempPathFactory) -> EveryCommand:
    return EveryCommand(tmp_path_factory.mktemp("structured"))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_no_command_breaks_on_a_changed_network(
    change: Change, every_command: EveryCommand
) -> None:
    records = network()
    for seed in range(3):
        change(records, Random(seed))
    every_command(text_of(records))


def test_a_command_that_breaks_is_found(
    every_command: EveryCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structured, "judge_evidence", lambda *_, **__: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        every_command(text_of(network()))


def test_seeds_reach_every_type_of_event() -> None:
    assert {type(decode(seed)).__name__ for seed in seeds()} == {
        "Alert",
        "Dns",
        "Smtp",
        "Flow",
        "Dhcp",
        "Stats",
        "Skipped",
    }
    assert {"rrname", "queries", "mail_from", "pkts_toclient", "assigned_ip"} <= set(words())


def test_a_line_that_is_not_accounted_for_is_found(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fuzzer must be able to fail: a reader that forgets lines does not get past it."""
    note = ReadStats.note

    def forgetful(stats: ReadStats, result: Event | Skipped) -> None:
        note(stats, result)
        stats.lines += 1

    monkeypatch.setattr(ReadStats, "note", forgetful)
    with pytest.raises(AssertionError, match="not accounted for"):
        target(b"[{}")


def test_the_fuzzer_itself(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    command = [sys.executable, "-m", "tests.fuzz", "--runs", "300", "--seed", "1", str(tmp_path)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(re.findall(r"Done (\d+) runs", done.stderr)[0]) >= 300
    assert not list(tmp_path.glob("crash-*"))
