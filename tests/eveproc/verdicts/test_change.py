"""Two levels -> a trend; trends -> counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.verdicts.change import MEANING, Change, HostChange, Trend, trend_of
from rulegen.vocabulary import Level

LEVELS = st.sampled_from([None, *Level])


@pytest.mark.parametrize(
    ("previous", "now", "trend"),
    [
        (None, Level.SUSPECTED, Trend.NEW),
        (Level.CLEAN, Level.INFECTED, Trend.NEW),
        (Level.SUSPECTED, Level.INFECTED, Trend.WORSE),
        (Level.SUSPECTED, Level.SUSPECTED, Trend.STILL),
        (Level.INFECTED, Level.SUSPECTED, Trend.STILL),
        (Level.INFECTED, Level.CLEAN, Trend.RECOVERED),
        (Level.INFECTED, None, Trend.GONE_QUIET),
        (None, Level.CLEAN, None),
        (Level.CLEAN, None, None),
    ],
)
def test_a_trend_is_told_from_two_levels(
    previous: Level | None, now: Level | None, trend: Trend | None
) -> None:
    assert trend_of(previous, now) is trend


@given(LEVELS, LEVELS)
def test_there_is_a_trend_exactly_where_one_report_named_the_host(
    previous: Level | None, now: Level | None
) -> None:
    named = any(level in (Level.SUSPECTED, Level.INFECTED) for level in (previous, now))
    assert (trend_of(previous, now) is not None) == named


def test_counts_name_every_trend() -> None:
    change = Change(
        0.0,
        (
            HostChange("10.0.0.1", Trend.NEW, "e1", 1.0),
            HostChange("10.0.0.2", Trend.GONE_QUIET, "e2", 0.5, Level.INFECTED),
        ),
    )
    assert change.counts() == {
        Trend.NEW: 1,
        Trend.WORSE: 0,
        Trend.STILL: 0,
        Trend.RECOVERED: 0,
        Trend.GONE_QUIET: 1,
    }
    assert [host.host for host in change.of_trend(Trend.GONE_QUIET)] == ["10.0.0.2"]
    assert change.by_key()["10.0.0.1", ""].incident == "e1"


def test_every_trend_says_what_it_means() -> None:
    assert set(MEANING) == set(Trend)
    assert Trend.GONE_QUIET.words == "gone quiet"
