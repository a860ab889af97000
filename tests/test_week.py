"""A week of nightly reports on what real Suricatas wrote -> each says what changed, and every byte
is read once, killed or not."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from rulegen.vocabulary import Engine
from tests.eveproc.rotation import TURNS
from tests.week import DAYS, MAILER, MOVED_TO, NAME, Week, fork_quietly, record_of

# What the reports of the seven mornings say of the one machine.
CHANGES = {
    2: "  no change: no host was reported, and none is now\n",
    3: f"  new (1): {MAILER} ({NAME})\n",
    4: f"  still (1): {MOVED_TO} ({NAME})\n",
    5: f"  still (1): {MOVED_TO} ({NAME})\n",
    6: f"  recovered (1): {MOVED_TO} ({NAME})\n",
    7: "  no change: no host was reported, and none is now\n",
}


@pytest.mark.parametrize(
    ("engine", "turn"),
    [(Engine.SURICATA_8, "create, delaycompress"), *((Engine.SURICATA_7, turn) for turn in TURNS)],
)
def test_each_report_of_a_week_says_what_changed(tmp_path: Path, engine: Engine, turn: str) -> None:
    week = Week(tmp_path, record_of(engine), turn)
    read = 0
    for day in week.days():
        done = CliRunner().invoke(main, week.arguments())
        assert (done.exit_code, done.exception) == (0, None)
        assert "problem" not in done.stderr
        read += week.bytes_read()
        said = week.report.read_text()
        assert ("INFECTED" in said) == (day in (3, 4, 5))
        assert said.count("Since the report up to") == (day > 1)
        assert CHANGES.get(day, "") in said
    assert read == week.bytes_written()
    (incident,) = week.remembered()["episodes"]
    assert {row[1] for row in week.remembered()["verdicts"]} == {incident[0]}
    assert [row[3] for row in week.remembered()["verdicts"]] == [
        "new",
        "still",
        "still",
        "recovered",
    ]


KILLS = 200
# The exit code of a run after one that was killed when all was remembered already.
NOTHING_NEW = 4
# So long after a report is written the last kills fall, in seconds: around the moment when it is
# remembered.
AROUND = 0.03


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_a_week_ends_as_if_nothing_had_happened(
    tmp_path: Path,
) -> None:
    """Real processes, killed with SIGKILL: half of them anywhere in a run, half of them around its
    commit."""
    # A sixteenth of the other machines' lines: what is killed is the same, and there are 300 runs.
    record = tuple(
        line
        for number, line in enumerate(record_of(Engine.SURICATA_7))
        if MAILER.encode() in line or number % 16 == 0
    )
    calm, wild, first = (
        Week(_folder(tmp_path / name), record) for name in ("calm", "wild", "first")
    )
    _load_everything(first)
    chance, kills, wild_days = random.Random(1), 0, wild.days()
    for day in calm.days():
        next(wild_days)
        seconds = _run(calm, lambda _: False)
        before, expected, morning = _text(wild.report), calm.report.read_text(), wild.memory()
        assert ("INFECTED" in expected) == (day in (3, 4, 5))
        while kills < KILLS * day // len(DAYS):
            # A run that has lived leaves nothing to read: the next ones find the morning again.
            wild.go_back(morning)
            told = _reports(wild, chance, seconds, KILLS * day // len(DAYS) - kills)
            kills += len(told) - 1
            assert wild.remembered() == calm.remembered()
            # The report before, then the right one; and where it had been remembered, too, that
            # there is nothing new since.
            assert next(text for text in told if text != before) == expected
            assert len({before, *told}) <= 3
    assert kills == KILLS


def _reports(week: Week, chance: random.Random, seconds: float, kills: int) -> list[str]:
    """The report after each run, of which the last lives, as soon as one does, or after so many
    that were killed."""
    told: list[str] = []
    while len(told) < kills and _killed(week, chance, seconds):
        told.append(_text(week.report))
    if len(told) == kills:
        _run(week, lambda _: False)
    return [*told, _text(week.report)]


def _load_everything(week: Week) -> None:
    """One run in this process: those forked from it find modules, patterns and public suffixes
    loaded, and die at work."""
    next(week.days())
    assert CliRunner().invoke(main, week.arguments()).exit_code == 0


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _killed(week: Week, chance: random.Random, seconds: float) -> bool:
    """One run, and whether it lived to be killed."""
    if chance.random() < 0.5:
        moment = chance.uniform(0, seconds)
        return _run(week, lambda since: since >= moment) < 0
    before, moment = _written(week.report), chance.uniform(0, AROUND)
    reported: list[float] = []

    def is_due(since: float) -> bool:
        if not reported and _written(week.report) != before:
            reported.append(since)
        return bool(reported) and since >= reported[0] + moment

    return _run(week, is_due) < 0


def _written(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0


def _run(week: Week, is_due: Callable[[float], bool]) -> float:
    """Run the report in a process of its own, and kill it when that is due: the seconds that it
    took, -1 if it was killed."""
    process, begun = fork_quietly(week.arguments()), time.monotonic()
    while not (ended := os.waitpid(process, os.WNOHANG))[0]:
        if is_due(time.monotonic() - begun):
            os.kill(process, signal.SIGKILL)
        time.sleep(0.001)
    code = os.waitstatus_to_exitcode(ended[1])
    assert code in (0, NOTHING_NEW, -signal.SIGKILL)
    return time.monotonic() - begun if code >= 0 else -1.0
