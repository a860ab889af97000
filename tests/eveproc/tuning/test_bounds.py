"""Poisson limits compared with tables, and a tail that is never exceeded more often than promised."""

import random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.tuning.bounds import CONFIDENCE, Tail, poisson_lower, poisson_upper

SIZES = st.lists(st.integers(1, 60), max_size=60)


# Garwood's limits at 95 % on one side, as statistical tables give them.
@pytest.mark.parametrize(
    ("seen", "lower", "upper"),
    [(0, 0.0, 2.9957), (1, 0.0513, 4.7439), (5, 1.9701, 10.5130), (20, 13.2547, 29.0620)],
)
def test_poisson_limits_are_those_of_the_tables(seen: int, lower: float, upper: float) -> None:
    assert poisson_lower(seen) == pytest.approx(lower, abs=1e-3)
    assert poisson_upper(seen) == pytest.approx(upper, abs=1e-3)


@given(SIZES, st.floats(0.1, 20))
def test_more_is_rarer_and_never_promised_rarer_than_seen(sizes: list[int], weeks: float) -> None:
    tail = Tail.of(sizes, weeks)
    promised = [tail.at_most(count) for count in range(1, 100)]
    assert promised == sorted(promised, reverse=True)
    assert all(tail.at_most(count) >= tail.a_week(count) for count in range(1, tail.start + 1))


@given(SIZES, st.floats(0.1, 20), st.floats(0.001, 5))
def test_the_least_count_keeps_to_the_budget_and_one_less_does_not(
    sizes: list[int], weeks: float, budget: float
) -> None:
    tail = Tail.of(sizes, weeks)
    count = tail.least(budget)
    assert tail.at_most(count) <= budget * (1 + 1e-9)
    assert count == 1 or tail.at_most(count - 1) > budget * (1 - 1e-9)


def test_many_windows_are_counted_as_well() -> None:
    tail = Tail.of([3] * 5000, 1.0)
    assert 5000 < tail.at_most(3) < 5200
    assert tail.seen(3) == 5000
    assert tail.seen(4) == 0


def test_the_promise_holds_for_the_week_to_come() -> None:
    """Weeks of windows of many shapes: the share of next weeks with more alerts than promised is
    what the confidence allows."""
    rng, broken = random.Random(1), 0
    shapes = (
        lambda: 1 + int(rng.expovariate(0.7)),
        lambda: 3 + sum(rng.random() < 0.2 for _ in range(40)),
        lambda: rng.choice((1, 1, 1, 2, 12)),
    )
    for number in range(300):
        draw = shapes[number % len(shapes)]
        tail = Tail.of([draw() for _ in range(rng.randint(50, 400))], 1.0)
        count = tail.least(0.5)
        later = [sum(draw() >= count for _ in range(len(tail.sizes))) for _ in range(20)]
        broken += mean(later) > 0.5
    assert broken <= (1 - CONFIDENCE) * 300
