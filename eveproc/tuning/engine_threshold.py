"""Times at which a rule matched one host -> times at which Suricata's threshold alerts. Pure.

Exact for `type both` of Suricata 7 and 8, which all rules of this project use. Windows do not
overlap: one begins with the first match after the previous window, and lasts `seconds`, including
the last microsecond (Suricata compares with <=). As in the engine, the state is the start of the
window and a count. tests/eveproc/tuning/test_engine_threshold.py compares it with both engines.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from rulegen.site_profile import Threshold
from rulegen.vocabulary import Signal

SECOND = 1_000_000


class Match(Struct, frozen=True):
    """One packet that the rule matched, in microseconds since 1970.

    `time` is the best estimate from the records; the packet lies between `first` and `last`, and
    the time is exact where both are equal. `sure`: there certainly was such a packet. `signal`
    distinguishes the matches of two rules that test the same xbit.
    """

    time: int
    first: int
    last: int
    sure: bool = True
    signal: Signal | None = None

    @property
    def is_exact(self) -> bool:
        return self.sure and self.first == self.last


def alerts(times: Iterable[int], threshold: Threshold) -> Iterator[int]:
    """The `times` that alert: once per window, at the count-th match.

    Times are in microseconds, of one host, in the order of the packets.
    """
    start, seen = None, 0
    for time in times:
        if start is None or time > start + threshold.seconds * SECOND:
            start, seen = time, 0
        seen += 1
        if seen == threshold.count:
            yield time


def sizes(times: Iterable[int], seconds: int) -> list[int]:
    """How many matches each window holds, in order.

    Windows do not depend on the count: a count alerts in as many windows as hold so many matches.
    """
    found: list[int] = []
    end = -1
    for time in times:
        if time > end:
            end = time + seconds * SECOND
            found.append(0)
        found[-1] += 1
    return found
