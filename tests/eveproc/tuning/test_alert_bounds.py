"""Bounds of alerts: for any true times within the bounds of the matches, every certain alert
happened.
"""

from hypothesis import given
from hypothesis import strategies as st

from eveproc.tuning.alert_bounds import bounded
from eveproc.tuning.engine_threshold import SECOND, Match, alerts
from rulegen.site_profile import Threshold

# A match: where it may begin, how wide its bounds are, where in them it was and where it is thought
# to be (shares), whether it is sure, whether it was.
DRAWN = st.tuples(
    st.integers(0, 400 * SECOND),
    st.sampled_from((0, 0, SECOND, 5 * SECOND, 40 * SECOND)),
    st.floats(0, 1),
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
)
THRESHOLDS = st.builds(Threshold, st.integers(1, 5), st.sampled_from((1, 5, 30, 120)))


@given(st.lists(DRAWN, max_size=30), THRESHOLDS)
def test_sure_alerts_happened_within_their_bounds(
    drawn: list[tuple[int, int, float, float, bool, bool]], threshold: Threshold
) -> None:
    found = [
        Match(first + round(thought * width), first, first + width, sure)
        for first, width, _, thought, sure, _ in drawn
    ]
    happened = sorted(
        first + round(at * width) for first, width, at, _, sure, was in drawn if sure or was
    )
    likely = list(alerts(sorted(match.time for match in found), threshold))
    real = list(alerts(happened, threshold))
    said = bounded(found, likely, threshold)
    assert [alert.time for alert in said] == likely
    sure = [alert for alert in said if alert.sure]
    for alert in sure:
        assert any(alert.first <= time <= alert.last for time in real), (alert, real)
    assert len({(alert.first, alert.last) for alert in sure}) == len(sure)


@given(st.lists(st.integers(0, 400 * SECOND), max_size=30).map(sorted), THRESHOLDS)
def test_exact_matches_make_sure_and_exact_alerts(times: list[int], threshold: Threshold) -> None:
    likely = list(alerts(times, threshold))
    said = bounded([Match(time, time, time) for time in times], likely, threshold)
    assert [(alert.time, alert.first, alert.last, alert.sure) for alert in said] == [
        (time, time, time, True) for time in likely
    ]


def test_a_window_whose_end_is_not_clear_makes_no_sure_alert_until_silence() -> None:
    at = [
        Match(0, 0, 0),
        Match(9 * SECOND, 9 * SECOND, 11 * SECOND),
        Match(15 * SECOND, 15 * SECOND, 15 * SECOND),
    ]
    later = [
        Match(60 * SECOND, 60 * SECOND, 60 * SECOND),
        Match(61 * SECOND, 61 * SECOND, 62 * SECOND),
    ]
    likely = list(alerts((match.time for match in [*at, *later]), Threshold(2, 10)))
    said = bounded([*at, *later], likely, Threshold(2, 10))
    assert [(alert.time // SECOND, alert.sure) for alert in said] == [(9, False), (61, True)]
    assert (said[1].first, said[1].last) == (61 * SECOND, 62 * SECOND)
