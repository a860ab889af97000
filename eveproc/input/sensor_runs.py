"""Lines of statistics -> the first and last of each run of a sensor within an hour.

A sensor writes its counters every few seconds, some 5,000 bytes each time, and only the rise of
each is needed. Counters rise as long as a sensor runs, so the records between two others add
nothing but their number. All lines that are not written as Suricata writes them are decoded, and so
are those of a sensor that hides zeros: its counters appear one by one. A line that is damaged in
its middle counts like the others.
"""

import re
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from eveproc.input.events import YEARS
from rulegen.units import HOUR

# Maximum number of waiting runs, each with two lines: more than the sensors and hours that are read
# at a time. And the bytes of their lines: counters of hundreds of threads take 1 MiB.
MOST_RUNS, MOST_BYTES = 1 << 10, 1 << 24

# After the uptime come, in most cases, the counters of the capture method.
_HEAD = re.compile(
    rb'\{"timestamp":"([0-9-]{10}T[0-9:]{8}\.[0-9]{6}[+-][0-9]{4})","event_type":"stats",'
    rb'"stats":\{"uptime":([0-9]{1,12}),([^0-9]{1,100})'
)
# After the counters comes the name of the sensor, or nothing.
_TAIL = re.compile(rb"(?:,\"host\":\"[^\"\\{}]*\"\}|\}?)[\r\n]*\Z")
_CLOSED, LONGEST_TAIL = b"}}", 300
# The first zero of a counter. The part about engines, which is no counter, has zeros of its own.
_ZERO, _ENGINES = b":0,", b'"engines":'
# A second record in a line: a sensor was stopped while it wrote the first.
_EVENT_TYPE = b"event_type"
# Tolerance in seconds for the start of a sensor, computed from time and uptime: the uptime has no
# fraction.
SAME_START = 2.0

# Sensor, first counter, hour, and the reason why its events do not count ("" if they do).
_Key = tuple[bytes, bytes, int, str]


class Run(Struct):
    """Records of one sensor since it was started, at `start` (seconds since 1970 UTC).

    `first` and `last` are lines by their times; they are the same one where there is no other.
    """

    first: tuple[float, bytes]
    last: tuple[float, bytes]
    start: float
    count: int = 1

    def lines(self) -> tuple[bytes, ...]:
        """The first and last line, once where they are one."""
        return (self.first[1],) if self.count == 1 else (self.first[1], self.last[1])


class SensorRuns:
    """Collects lines of statistics, and returns those that have to be decoded."""

    def __init__(self, why_not: Callable[[float], str]) -> None:
        """`why_not` gives the reason not to count an event of a time, "" if it counts."""
        self._why_not = why_not
        self._open: dict[_Key, Run] = {}
        self._closed: list[Run] = []
        self._bytes = 0

    def take(self, line: bytes) -> bool:
        """Collect a line; False if it must be decoded by itself."""
        head = _HEAD.match(line)
        closed = line.rfind(_CLOSED, -LONGEST_TAIL) if head else -1
        tail = line[closed + len(_CLOSED) :]
        if head is None or closed < 0 or not _TAIL.match(tail) or not _shows_zeros(line):
            return False
        if line.rfind(_EVENT_TYPE, head.end()) >= 0:
            return False
        try:
            when = datetime.fromisoformat(head[1].decode())
        except ValueError:
            return False
        if when.year not in YEARS:
            return False
        time = when.timestamp()
        key = tail, head[3], int(time // HOUR), self._why_not(time)
        self._note(key, (time, line), time - int(head[2]))
        return True

    def _note(self, key: _Key, stamped: tuple[float, bytes], start: float) -> None:
        run = self._open.get(key)
        if run is None or abs(start - run.start) > SAME_START:
            if run is not None:
                self._closed.append(run)
            self._open[key] = Run(stamped, stamped, start)
            self._bytes += 2 * len(stamped[1])
            return
        run.count += 1
        run.first, run.last = min(run.first, stamped), max(run.last, stamped)

    def is_full(self) -> bool:
        """True if the waiting runs or their bytes have reached the bounds."""
        return len(self._open) + len(self._closed) >= MOST_RUNS or self._bytes >= MOST_BYTES

    def taken(self) -> list[Run]:
        """Every run since the last call."""
        runs = [*self._closed, *self._open.values()]
        self._open, self._closed, self._bytes = {}, [], 0
        return runs


def _shows_zeros(line: bytes) -> bool:
    zero = line.find(_ZERO)
    return zero >= 0 and line.find(_ENGINES, 0, zero) < 0
