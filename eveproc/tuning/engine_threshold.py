"""Times at which a rule matched one host -> the times at which Suricata's threshold lets it alert. Exact for 7 and 8; pure.

Windows tumble: one begins with the first match that no window holds, and takes in `seconds` after
it, the last microsecond included (Suricata compares with <=). What the engine keeps is the start of
the window and a count; this file does the same. tests/eveproc/tuning/test_engine_threshold.py holds every kind to
both engines.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from rulegen.site_profile import Threshold
from rulegen.vocabulary import Signal

SECOND = 1_000_000


class Match(Struct, frozen=True):
    """One packet that the rule matched, at `time` as far as records tell, and surely between `first` and `last`.

    Where both are equal the time is exact. `sure`: it is certain that there was such a packet.
    `signal` tells apart the matches of two rules that ask for one mark. In microseconds since 1970.
    """

    time: int
    first: int
    last: int
    sure: bool = True
    signal: Signal | None = None

    @property
    def is_exact(self) -> bool:
        return self.sure and self.first == self.last


class ThresholdType(StrEnum):
    """What a threshold does with the matches in a window of `seconds`; the rules of this project use BOTH."""

    BOTH = "both"  # alerts once, at the count-th
    LIMIT = "limit"  # alerts at the first count
    THRESHOLD = "threshold"  # alerts at each count-th
    DETECTION_FILTER = "detection_filter"  # alerts at each after the count-th


def alerts(
    times: Iterable[int], threshold: Threshold, kind: ThresholdType = ThresholdType.BOTH
) -> Iterator[int]:
    """The alerting ones of `times` (microseconds, of one host, in the order of the packets)."""
    start, seen = None, 0
    for time in times:
        if start is None or time > start + threshold.seconds * SECOND:
            start, seen = time, 0
        seen += 1
        if _lets_through(kind, seen, threshold.count):
            yield time


def _lets_through(kind: ThresholdType, seen: int, count: int) -> bool:
    match kind:
        case ThresholdType.BOTH:
            return seen == count
        case ThresholdType.LIMIT:
            return seen <= count
        case ThresholdType.THRESHOLD:
            return seen % count == 0
        case ThresholdType.DETECTION_FILTER:
            return seen > count


def sizes(times: Iterable[int], seconds: int) -> list[int]:
    """How many matches each window holds, in order. BOTH alerts at a count in as many windows as hold so many, whatever the count."""
    found: list[int] = []
    end = -1
    for time in times:
        if time > end:
            end = time + seconds * SECOND
            found.append(0)
        found[-1] += 1
    return found
