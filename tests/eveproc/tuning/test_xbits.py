"""xbits as engines keep them: never prolonged; an expired one blocks a new one until it is queried;
forgotten with the host. Engines: tests/test_thresholds.py.
"""

from eveproc.tuning.engine_threshold import SECOND, Match
from eveproc.tuning.xbits import XbitState, after_each, joined


def let(
    settings: list[float],
    asked: list[float],
    *,
    exact: bool = True,
    kept: list[tuple[float, float]] | None = None,
) -> list[tuple[float, bool]]:
    """Which of the times asked at find a mark of 600 seconds set, and whether that is sure."""
    spans = [(round(start * SECOND), round(end * SECOND)) for start, end in kept or []]
    mark = XbitState([round(time * SECOND) for time in settings], 600, exact=exact, kept=spans)
    asking = [Match(*[round(time * SECOND)] * 3) for time in asked]
    return [(match.time / SECOND, match.sure) for match in mark.let(asking, where_set=True)]


def test_it_holds_from_its_first_setting_and_no_later_one_prolongs_it() -> None:
    assert let([0, 300], [1, 600, 600.5, 700]) == [(1, True), (600, True)]


def test_suricata_7_counts_in_whole_seconds() -> None:
    assert let([0.9], [600.99, 601], exact=False) == [(600.99, True)]
    assert let([0.0], [600.99, 601], exact=False) == [(600.99, True)]


def test_one_that_has_run_out_is_in_the_way_of_a_new_one_until_asked_for() -> None:
    kept = [(0.0, 9000.0)]
    assert let([0, 700], [701, 702], kept=kept) == []
    assert let([0, 700, 800], [701, 801], kept=kept) == [(801, True)]


def test_a_host_that_nothing_keeps_is_forgotten_with_its_mark() -> None:
    assert let([0, 3000], [3001]) == [(3001, True)]
    assert let([0, 3000], [3001], kept=[(500.0, 900.0)]) == [(3001, True)]


def test_shortly_after_nobody_knows_whether_it_was_forgotten() -> None:
    assert let([0, 700], [701]) == [(701, False)]
    assert let([0, 700, 5000], [701, 5001]) == [(701, False), (5001, True)]


def test_asking_before_anything_was_set() -> None:
    assert let([5], [1, 6]) == [(6, True)]
    unset = XbitState([5 * SECOND], 600, exact=True).let(
        [Match(SECOND, SECOND, SECOND)], where_set=False
    )
    assert [match.time for match in unset] == [SECOND]


def test_spans_are_joined_and_windows_follow_each_other() -> None:
    assert joined([(5, 9), (0, 3), (2, 4), (9, 12)]) == [(0, 4), (5, 12)]
    assert list(after_each([0, 5 * SECOND, 11 * SECOND], 10)) == [
        (0, 10 * SECOND),
        (11 * SECOND, 21 * SECOND),
    ]
