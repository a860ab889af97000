"""Times in every spelling that logs and shippers have -> the moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.times import read_time

EIGHT = 1_772_438_400.0  # 2026-03-02T08:00:00Z


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-03-02T08:00:00.000000+0000", EIGHT),
        ("2026-03-02T03:00:00.250000Eastern Standard Time", EIGHT + 0.25),
        ("2026-03-02T04:00:00.000000Eastern Daylight Time", EIGHT),
        ("2026-03-02T09:00:00 W. Europe Standard Time", EIGHT),
        ("2026-03-02 10:00:00 CEST", EIGHT),
        ("2026-03-02T13:30:00India Standard Time", EIGHT),
        ("2026-03-02T08:00:00.0Mitteleurop\u00e4ische Zeit", EIGHT),
        ("2026-03-02 08:00:00", EIGHT),
        ("2026-03-02 08:00:00,5", EIGHT + 0.5),
        ("2026-03-02T08:00:00.123456789Z", EIGHT + 0.123456),
        ("Mar 2, 2026 @ 08:00:00.000", EIGHT),
        (1772438400, EIGHT),
        (1772438400.5, EIGHT + 0.5),
        ("1772438400", EIGHT),
        ("1772438400,5", EIGHT + 0.5),
        (1772438400500, EIGHT + 0.5),
        ("1772438400500", EIGHT + 0.5),
        (1772438400500000, EIGHT + 0.5),
        ("1772438400500000000", EIGHT + 0.5),
    ],
)
def test_it_is_understood(value: str | float, seconds: float) -> None:
    when = read_time(value)
    assert when
    assert when.timestamp() == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    "value", ["", "ts-error", "2026-13-02T08:00:00Z", float("inf"), float("nan"), 10**400]
)
def test_it_is_no_time(value: str | float) -> None:
    assert read_time(value) is None


@given(st.one_of(st.text(max_size=40), st.floats(), st.integers(-(1 << 1100), 1 << 1100)))
def test_nothing_is_raised(value: str | float) -> None:
    when = read_time(value)
    assert when is None or when.tzinfo
