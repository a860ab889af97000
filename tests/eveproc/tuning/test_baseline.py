"""A baseline: it loads as saved, weeks merge in any order, and other files are refused."""

import json
import random
import threading
import time
from pathlib import Path

import pytest

from eveproc.tuning.baseline import Baseline, ExcludedHost, load, save, update
from eveproc.tuning.history import History
from eveproc.tuning.matching import TOLD, HostView, matches
from eveproc.tuning.tune import recommend
from rulegen.errors import InputError, MxhoundError
from tests.eveproc.tuning.test_tune import (
    SITE,
    START,
    WEEK,
    attempt,
    bursts,
    guess,
    mx,
    timer,
    week,
)

HOSTS = {
    "10.20.0.1": [(mx, bursts(3, 12)), (attempt, bursts(5, 9))],
    "10.30.0.2": [(guess, timer(3600.0, 3))],
    "10.20.0.9": [],
}
OUT = ExcludedHost("10.20.0.1", 5, 9, "judged infected: \u202e<b>")


def weeks() -> tuple[Baseline, Baseline]:
    first, second = (
        week(random.Random(1), HOSTS, START),
        week(random.Random(2), HOSTS, START + WEEK),
    )
    first.left_out.add(OUT)
    return first, second


def same(one: Baseline, other: Baseline) -> bool:
    loud = [(host, signal) for host in HOSTS for signal in TOLD]
    found = [
        [matches(HostView(each.history, *at[:1], {}), at[1]) for at in loud]
        for each in (one, other)
    ]
    return found[0] == found[1] and (one.left_out, one.history.hours, one.history.active) == (
        other.left_out,
        other.history.hours,
        other.history.active,
    )


def test_what_is_saved_loads_and_saves_to_the_same_bytes(tmp_path: Path) -> None:
    first, _ = weeks()
    save(first, tmp_path / "one")
    again = load(tmp_path / "one")
    save(again, tmp_path / "two")
    assert same(first, again)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_weeks_merge_in_any_order_and_twice(tmp_path: Path) -> None:
    path = tmp_path / "baseline"
    update(path, weeks()[0])
    update(path, weeks()[1])
    added = update(path, weeks()[0])
    backwards = weeks()[1]
    backwards.merge(weeks()[0])
    assert same(load(path), backwards)
    assert load(path).history.days == pytest.approx(14)
    assert [one.proposed for one in recommend(load(path), SITE, 1.0)] == [
        one.proposed for one in recommend(backwards, SITE, 1.0)
    ]
    assert same(load(path), added)


def test_two_that_update_at_the_same_moment_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, slow = tmp_path / "baseline", load
    save(weeks()[0], path)

    def load_slowly(kept: Path) -> Baseline:
        found = slow(kept)
        time.sleep(0.3)  # the other one would read the same file meanwhile
        return found

    monkeypatch.setattr("eveproc.tuning.baseline.load", load_slowly)
    hosts = [f"10.20.9.{n}" for n in (1, 2)]
    threads = [
        threading.Thread(target=update, args=(path, Baseline(History(active={host}))))
        for host in hosts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {*weeks()[0].history.active, *hosts} == load(path).history.active
    assert [kept.name for kept in tmp_path.iterdir()] == ["baseline"]


def faulty(path: Path, **changed: object) -> Path:
    save(weeks()[0], path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    return path


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"version": 2}, "version 2, expected 1"),
        ({"more": 1}, "unknown field `more`"),
        ({"hours": ["x"]}, "Expected `int`"),
        ({"hosts": {"10.20.0.1": {"odd": {"columns": []}}}}, "'odd' is not a kind of rows"),
        (
            {"hosts": {"10.20.0.1": {"mx": {"columns": ["AA=="]}}}},
            "mx has 1 columns, expected 3",
        ),
        ({"hosts": {"10.20.0.1": {"mx": {"columns": ["AAAA"] * 3}}}}, "Error -3"),
        (
            {"hosts": {"10.20.0.1": {"mx": {"columns": ["eJxjAAAAAQAB"] * 3}}}},
            "a column of 1 bytes is not allowed",
        ),
        ({"hosts": {"nowhere": {}}}, "'nowhere' does not appear to be an IPv4 or IPv6 address"),
        ({"active": ["10.20.0.300"]}, "does not appear to be"),
    ],
)
def test_anything_else_is_refused_with_its_fault(
    tmp_path: Path, changed: dict[str, object], fault: str
) -> None:
    with pytest.raises(
        InputError,
        match=f"invalid baseline of eveproc tune: .*{fault}.*expected a file that --baseline wrote",
    ):
        load(faulty(tmp_path / "baseline", **changed))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MxhoundError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "noise").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="noise: invalid baseline"):
        load(tmp_path / "noise")
