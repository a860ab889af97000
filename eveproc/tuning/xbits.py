"""Possible matches of rules that test an xbit -> actual ones, as Suricata 7 and 8 keep xbits.

Measured on 7.0.10 and 8.0.7. An xbit holds for a fixed time from its first setting; later settings
do not prolong it. An expired xbit blocks a new one until a rule tests it, or until the engine drops
the state of the host or pair of hosts. The engine drops it when nothing needs the state: no other
xbit, and in Suricata 7 no open window of a threshold.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from eveproc.tuning.engine_threshold import SECOND, Match

Span = tuple[int, int]

# An engine drops unused hosts about once a second of its own clock. In a replay the packets' clock
# runs some thousand times faster: at two simulated sites, hosts were kept for up to 11 seconds, and
# dropped after 21 seconds at the latest.
LOOKS_AFTER, LOOKS_AT_LAST = 15 * SECOND, 600 * SECOND


class XbitState:
    """An xbit of one host, by its sorted `settings` and the `seconds` that it holds.

    `kept` are spans in which something else keeps the host's state. Suricata 7 counts in whole
    seconds of the clock, 8 (`exact`) in microseconds.
    """

    def __init__(
        self, settings: Sequence[int], seconds: int, *, exact: bool, kept: Iterable[Span] = ()
    ) -> None:
        self._settings = settings
        self._unit = 1 if exact else SECOND
        self._length = seconds * SECOND
        self._kept = joined(kept)
        self._starts = [start for start, _ in self._kept]

    def let(self, asking: Iterable[Match], *, where_set: bool) -> Iterator[Match]:
        """The matches (in order) at which the xbit is set, or is not set.

        They are not sure if that depends on when the engine last dropped unused hosts.
        """
        since: int | None = None
        number, sure = 0, True
        for match in asking:
            while number < len(self._settings) and self._settings[number] <= match.time:
                since, sure = self._after_setting(since, self._settings[number], sure)
                number += 1
            if since is not None and self._has_run_out(since, match.time):
                since = None
            if (since is not None) == where_set:
                yield match if sure else replace(match, sure=False)
            sure = sure or since is None

    def _has_run_out(self, since: int, time: int) -> bool:
        return time // self._unit > since // self._unit + self._length // self._unit

    def _after_setting(self, since: int | None, time: int, sure: bool) -> tuple[int, bool]:
        if since is None:
            return time, True
        if not self._has_run_out(since, time):
            return since, sure
        forgotten = self._kept_until(since + self._length)
        is_gone = time > forgotten + LOOKS_AFTER
        return (time if is_gone else since), not forgotten < time <= forgotten + LOOKS_AT_LAST

    def _kept_until(self, time: int) -> int:
        """The first time from `time` on at which nothing else keeps the host's state."""
        index = bisect_right(self._starts, time) - 1
        return max(time, self._kept[index][1]) if index >= 0 else time


def joined(spans: Iterable[Span]) -> list[Span]:
    """The spans as disjoint spans, in order."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def after_each(times: Iterable[int], seconds: int) -> Iterator[Span]:
    """The window or xbit that each of these sorted times opens if none is open."""
    end = -1
    for time in times:
        if time > end:
            end = time + seconds * SECOND
            yield time, end
