"""Counts of a week or more -> how many there may be in a week to come: exact Poisson limits, and a tail drawn on. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache
from math import ceil, exp, lgamma, log, sqrt

from msgspec import Struct

CONFIDENCE = 0.95
# The largest windows from which the tail is read, and what is assumed besides: ten more that hold
# hardly anything beyond that point. So one lonely window does not count for a heavy tail, and with
# twenty the site speaks for itself.
TAIL = 20
ASSUMED, ASSUMED_EXCESS = 10, 0.75


def poisson_upper(seen: int, confidence: float = CONFIDENCE) -> float:
    """The least mean at which so few are seen with a probability of at most 1 - confidence (Garwood 1936)."""
    return _solve(lambda mean: _poisson_cdf(seen, mean), 1 - confidence)


def poisson_lower(seen: int, confidence: float = CONFIDENCE) -> float:
    """The greatest mean at which so many are seen with a probability of at most 1 - confidence; 0 for none seen."""
    return _solve(lambda mean: _poisson_cdf(seen - 1, mean), confidence) if seen else 0.0


def _poisson_cdf(most: int, mean: float) -> float:
    """In logarithms, so that no count is too large."""
    if mean == 0:
        return 1.0
    return min(
        1.0, sum(exp(number * log(mean) - mean - lgamma(number + 1)) for number in range(most + 1))
    )


def _solve(falls: Callable[[float], float], value: float) -> float:
    """Where a function that falls with the mean has this value, by halving."""
    low, high = 0.0, 1.0
    while falls(high) > value:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) > value else (low, middle)
    return high


class Tail(Struct, frozen=True):
    """Sizes of windows (in order) of so many `weeks`, and what they promise for weeks to come.

    Up to `start` the windows were counted. Beyond it they are taken to become rarer by the same
    factor with each match more, by one that is on the safe side: `scale` is the 95 % limit of how
    many matches make them rarer by e.
    """

    sizes: tuple[int, ...]
    weeks: float
    start: int
    scale: float

    @classmethod
    def of(cls, sizes: Sequence[int], weeks: float) -> "Tail":
        ordered = tuple(sorted(sizes))
        top = ordered[-TAIL:]
        start = top[0] if top else 0
        excess = sum(size - start + 0.5 for size in top)
        scale = (excess + ASSUMED * ASSUMED_EXCESS) / poisson_lower(len(top) + ASSUMED)
        return cls(ordered, weeks, start, scale)

    def seen(self, count: int) -> int:
        """Windows that held so many matches: alerts, had that been the threshold."""
        return len(self.sizes) - bisect_left(self.sizes, count)

    def a_week(self, count: int) -> float:
        return self.seen(count) / self.weeks

    def at_most(self, count: int) -> float:
        """Alerts in a week at most, by CONFIDENCE."""
        at_start = _upper(self.seen(min(count, self.start))) / self.weeks
        return at_start * exp(-max(0, count - self.start) / self.scale)

    def least(self, alerts_a_week: float) -> int:
        """The least count from 1 that keeps to so many alerts a week."""
        if self.at_most(self.start) > alerts_a_week:
            return max(
                1, self.start + ceil(self.scale * log(self.at_most(self.start) / alerts_a_week))
            )
        return 1 + bisect_left(
            range(1, self.start + 1), True, key=lambda count: self.at_most(count) <= alerts_a_week
        )


@cache
def _upper(seen: int) -> float:
    """As poisson_upper; of a thousand and more the normal distribution is exact enough."""
    return poisson_upper(seen) if seen < 1000 else seen + 1.645 * sqrt(seen) + 1
