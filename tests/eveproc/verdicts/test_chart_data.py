"""A store and its verdicts -> the numbers that are drawn."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from eveproc.verdicts.chart_data import COLUMNS, NO_CHART_DATA, Columns, columns_between, timeline
from rulegen.units import DAY
from rulegen.vocabulary import Family, Level, Signal
from tests.eveproc.evidence_of import (
    HOST,
    START,
    alert,
    flow,
    gather,
    lookup,
    report,
    server,
    site_of,
    web,
)
from tests.eveproc.made_stores import office, quiet

TIMES = st.floats(0, 4e9)


@given(TIMES, TIMES)
def test_columns_are_few_and_cover_every_event(one: float, other: float) -> None:
    first, last = sorted((one, other))
    columns = columns_between(first, last)
    assert columns
    assert columns.number <= COLUMNS + 1
    assert columns.start <= first
    assert last < columns.end
    assert columns.start % columns.seconds == 0
    assert 0 == columns.index(first) <= columns.index(last) == columns.number - 1


def test_columns_are_as_fine_as_clocks_are_read() -> None:
    spans = {
        59: 60,
        3600: 60,
        2 * 3600: 120,
        8 * 3600: 600,
        DAY: 1800,
        7 * DAY: 10_800,
        365 * DAY: 7 * DAY,
    }
    assert {span: columns_between(START, START + span).seconds for span in spans} == spans


def test_without_events_there_is_nothing_to_draw() -> None:
    assert columns_between(inf, -inf) is None
    assert report([]).chart_data == NO_CHART_DATA


def test_times_outside_belong_to_the_ends() -> None:
    columns = Columns(START, 60, 3)
    assert [columns.index(START + second) for second in (-5, 0, 59, 60, 179, 180, 9999)] == [
        0,
        0,
        0,
        1,
        2,
        2,
        2,
    ]


def test_a_timeline_counts_strangers_when_they_were_new() -> None:
    events = [flow(second, server(second % 3)) for second in range(0, 120, 10)]
    row = timeline(gather(events).hosts[HOST], Columns(START, 60, 2))
    assert row == {Family.DELIVERY: (3, 0)}


def test_of_several_signals_of_a_family_the_one_that_counted_most_is_drawn() -> None:
    events = [lookup(second, f"mail.d{second}.example", "A") for second in range(5)]
    events += [lookup(second, f"x{second}.example") for second in range(3)]
    assert timeline(gather(events).hosts[HOST], Columns(START, 60, 1)) == {Family.LOOKUP: (5,)}


def test_alerts_are_drawn_where_no_record_tells() -> None:
    events = [
        alert(70, Signal.SMTP_ATTEMPTS, server(1)),
        flow(0, server(2)),
        alert(80, Signal.MX_FLOOD, sid=1_250_001),
    ]
    assert timeline(gather(events).hosts[HOST], Columns(START, 60, 2)) == {
        Family.LOOKUP: (0, 1),
        Family.DELIVERY: (1, 0),
    }


def test_hosts_above_clean_have_timelines_and_add_up() -> None:
    store = office()
    chart_data = store.chart_data
    listed = {verdict.key for verdict in store.verdicts if verdict.level is not Level.CLEAN}
    assert set(chart_data.timelines) == listed
    for family, row in chart_data.families.items():
        rows = [
            timeline[family] for timeline in chart_data.timelines.values() if family in timeline
        ]
        assert row == tuple(map(sum, zip(*rows, strict=True)))


def test_every_host_but_the_mail_server_is_in_each_pace_once() -> None:
    store = office()
    assert [pace.signal for pace in store.chart_data.paces] == [
        Signal.SMTP_ATTEMPTS,
        Signal.SMTP_SLOW,
        Signal.SUBMISSION_ATTEMPTS,
        Signal.SUBMISSION_SLOW,
    ]
    for pace in store.chart_data.paces:
        assert (
            sum(hosts for _, hosts in pace.clean) + len(pace.marked) + pace.idle
            == len(store.verdicts) - 1
        )
        assert [mark.number for mark in pace.marked] == sorted(
            (mark.number for mark in pace.marked), reverse=True
        )


def test_a_pace_is_the_busiest_stretch_of_the_rule_s_own_seconds() -> None:
    site = site_of(
        "home_networks: [10.20.0.0/16]\nthresholds: {smtp_attempts: {count: 4, seconds: 30}}\n"
    )
    events = [*web(), *(flow(20 * number, server(number)) for number in range(9))]
    pace = report(events, site).chart_data.paces[0]
    assert (pace.threshold.count, pace.threshold.seconds) == (4, 30)
    assert [*pace.clean, *((mark.number, 1) for mark in pace.marked)] == [(2, 1)]


def test_a_night_without_mail_has_no_paces() -> None:
    assert quiet().chart_data.paces == ()
