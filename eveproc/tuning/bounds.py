"""Counts of past weeks -> limits for a coming week: Poisson limits and a fitted tail. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache
from math import ceil, exp, lgamma, log, sqrt

from msgspec import Struct

CONFIDENCE = 0.95
# The tail is fitted to this many of the largest windows, and to ten assumed windows that are hardly
# larger. So a single window does not make a heavy tail, and from twenty on the site's own data
# prevail.
TAIL = 20
ASSUMED, ASSUMED_EXCESS = 10, 0.75


def poisson_upper(seen: int, confidence: float = CONFIDENCE) -> float:
    """The smallest mean at which P(at most `seen`) <= 1 - confidence (Garwood 1936)."""
    return _solve(lambda mean: _poisson_cdf(seen, mean), 1 - confidence)


def poisson_lower(seen: int, confidence: float = CONFIDENCE) -> float:
    """The largest mean at which P(at least `seen`) <= 1 - confidence; 0 if none was seen."""
    return _solve(lambda mean: _poisson_cdf(seen - 1, mean), confidence) if seen else 0.0


def _poisson_cdf(most: int, mean: float) -> float:
    """Computed with logarithms, so that large counts do not overflow."""
    if mean == 0:
        return 1.0
    return min(
        1.0, sum(exp(number * log(mean) - mean - lgamma(number + 1)) for number in range(most + 1))
    )


def _solve(falls: Callable[[float], float], value: float) -> float:
    """The argument at which a decreasing function has this value, by bisection."""
    low, high = 0.0, 1.0
    while falls(high) > value:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) > value else (low, middle)
    return high


class Tail(Struct, frozen=True):
    """The sorted sizes of the windows of so many `weeks`, and the limits for a coming week.

    Sizes up to `start` are counted. Beyond it an exponential tail is assumed: `scale` is the 95 %
    upper limit of the number of matches by which windows become rarer by the factor e.
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
        """Number of windows with at least so many matches: the alerts at that threshold."""
        return len(self.sizes) - bisect_left(self.sizes, count)

    def a_week(self, count: int) -> float:
        return self.seen(count) / self.weeks

    def at_most(self, count: int) -> float:
        """The upper limit of alerts a week, with CONFIDENCE."""
        at_start = _upper(self.seen(min(count, self.start))) / self.weeks
        return at_start * exp(-max(0, count - self.start) / self.scale)

    def least(self, alerts_a_week: float) -> int:
        """The smallest count (from 1) whose upper limit is at most so many alerts a week."""
        if self.at_most(self.start) > alerts_a_week:
            return max(
                1, self.start + ceil(self.scale * log(self.at_most(self.start) / alerts_a_week))
            )
        return 1 + bisect_left(
            range(1, self.start + 1), True, key=lambda count: self.at_most(count) <= alerts_a_week
        )


@cache
def _upper(seen: int) -> float:
    """As poisson_upper; from a thousand on the normal distribution is exact enough."""
    return poisson_upper(seen) if seen < 1000 else seen + 1.645 * sqrt(seen) + 1
