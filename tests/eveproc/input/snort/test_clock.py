"""Snort's dates, with and without a year -> the right moment, in the zone of the machine."""

import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.events import Skipped, SkipReason
from eveproc.input.snort.clock import WithYear, alert_time


@pytest.fixture(params=["UTC", "Europe/Vienna", "America/New_York"])
def zone(request: pytest.FixtureRequest, in_utc: None, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setenv("TZ", name)
    time.tzset()
    return name


def local(text: str) -> float:
    return datetime.fromisoformat(text).astimezone().timestamp()


@pytest.mark.parametrize(
    ("stamp", "written", "expected"),
    [
        ("03/02-08:00:00.250000", "2026-03-02T08:00:01", "2026-03-02T08:00:00.250000"),
        ("12/31-23:59:59.000000", "2026-01-01T00:10:00", "2025-12-31T23:59:59"),
        ("01/01-00:00:01.000000", "2026-01-01T00:10:00", "2026-01-01T00:00:01"),
        (
            "03/03-07:00:00.000000",
            "2026-03-02T08:00:00",
            "2026-03-03T07:00:00",
        ),  # a clock that is behind the sensor's
        ("03/04-08:00:00.000000", "2026-03-02T08:00:00", "2025-03-04T08:00:00"),
        ("02/29-12:00:00.000000", "2026-03-02T08:00:00", "2024-02-29T12:00:00"),
        (
            "07/01-12:00:00.000000 ",
            "2026-09-02T08:00:00",
            "2026-07-01T12:00:00",
        ),  # 2.9 writes a blank behind it
    ],
)
def test_without_a_year_it_is_the_last_one_before_the_file_was_written(
    zone: str, stamp: str, written: str, expected: str
) -> None:
    assert alert_time(None, stamp, local(written), WithYear.FIRST) == local(expected)


def test_the_year_is_where_each_snort_puts_it(zone: str) -> None:
    assert alert_time(None, "24/03/02-08:00:00.500000", 0.0, WithYear.FIRST) == local(
        "2024-03-02T08:00:00.500000"
    )
    assert alert_time(None, "03/02/24-08:00:00.500000", 0.0, WithYear.LAST) == local(
        "2024-03-02T08:00:00.500000"
    )


def test_seconds_win_over_the_stamp_and_take_its_fraction() -> None:
    assert alert_time(1772438451, "07/07-01:02:03.750000", 0.0, WithYear.FIRST) == 1772438451.75
    assert alert_time(1772438451.5, "07/07-01:02:03.750000", 0.0, WithYear.FIRST) == 1772438451.5
    assert alert_time(1772438451, "", 0.0, WithYear.FIRST) == 1772438451.0


@pytest.mark.parametrize(
    "stamp",
    [
        "13/01-00:00:00.0",
        "00/10-00:00:00.0",
        "03/02-08:60:00.0",
        "03/02-08:00:61.0",
        "٠٣/02-08:00:00.0",
        "x",
    ],
)
def test_no_day_and_no_hour(stamp: str) -> None:
    assert alert_time(None, stamp, 1.7e9, WithYear.FIRST) == Skipped(SkipReason.BAD_TIMESTAMP)


def test_a_file_older_than_snort_dates_nothing() -> None:
    assert alert_time(None, "03/02-08:00:00.000000", 0.0, WithYear.FIRST) == Skipped(
        SkipReason.BAD_TIMESTAMP
    )


@given(st.integers(978_307_200, 3_786_912_000), st.floats(0, 300 * 86400))
def test_any_alert_is_dated_right_within_a_year(at: int, later: float) -> None:
    stamp = time.strftime("%m/%d-%H:%M:%S", time.localtime(at)) + ".000000"
    found = alert_time(None, stamp, at + later, WithYear.FIRST)
    assert isinstance(found, float)
    # An hour of autumn comes twice, and a stamp does not say which it is.
    assert abs(found - at) < 1e-3 or abs(abs(found - at) - 3600) < 1e-3
