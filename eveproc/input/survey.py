"""A block of EVE lines -> Survey: a few of its records decoded, and the hours it was written in.

Most lines of a log are skipped undecoded. A sample shows what the log holds: kinds of records,
whose they are, times, and the share of unusable lines. Which lines are sampled depends on the block
alone, so the number of processes does not matter.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct, field

from eveproc.input.decode import stamp_of, time_of
from eveproc.input.events import Dns, Event, Flow, Skipped, SkipReason, Stats
from eveproc.input.sources import BLOCK
from rulegen.units import HOUR

# Of most full blocks only the first line is decoded, whose time is needed anyway: more lines, far
# apart, would take more than 5 % of the time of a report. The first blocks of a file, and blocks
# that are not full, are sampled more densely: one line in so many bytes, up to a limit per block.
# All files together give about MOST_LINES at most.
OF_FULL_BLOCK, ONE_IN, FIRST_BLOCKS, MOST_LINES = 1, 2048, 8, 256
# The limit if the sizes of the files are unknown.
FEW = 16
FULL = BLOCK - (1 << 16)
# The golden ratio less 1: its multiples modulo 1 are spread evenly, however many there are.
GOLDEN = 0.618034
# A change of hour is located exactly enough if it lies within so many bytes.
GRAIN = 1 << 14
# Maximum number of lines of a block whose time is read: enough for a year of hours in one block.
STAMPS = 4096
# Maximum number of lines without a time that are decoded in search of one. Statistics are skipped
# undecoded: a sensor that gets no packets writes nothing else.
TRIES = 8

Decode = Callable[[bytes], Event | Skipped]


class HourSpan(Struct, frozen=True):
    """First and last time seen within an hour (seconds since 1970 UTC), and how many bytes."""

    first: float
    last: float
    bytes: int

    def merged(self, other: "HourSpan") -> "HourSpan":
        return HourSpan(
            min(self.first, other.first), max(self.last, other.last), self.bytes + other.bytes
        )


class Survey(Struct, frozen=True):
    """What a sample shows of an input.

    `cut_off` is the number of results that begin a record and do not end it. `kinds` are the kinds
    of records, among those searched for, that are in the block.
    """

    results: tuple[Event | Skipped, ...] = ()
    cut_off: int = 0
    hours: Mapping[int, HourSpan] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()


def of_block(block: bytes, end: int, decode: Decode, wanted: Collection[str]) -> Survey:
    """When the lines of block[:end] were written, and which of the `wanted` kinds of records are in
    it.
    """
    return Survey(hours=hours_of(block, end, decode), kinds=kinds_in(block, end, wanted))


def of_lines(lines: Sequence[bytes], decode: Decode) -> Survey:
    """The survey of sampled lines.

    Lines of several blocks are decoded in one go, in half the time.
    """
    results = tuple(map(decode, lines))
    cut_off = sum(
        result == HALF or (result == _NO_JSON and is_cut_off(line))
        for result, line in zip(results, lines, strict=True)
    )
    return Survey(results, cut_off)


def of_event(event: Event) -> Survey:
    """The survey of one record of an input that is decoded whole."""
    if isinstance(event, Stats):
        return Survey((event,))
    return Survey((event,), hours={int(event.time // HOUR): HourSpan(event.time, event.time, 512)})


# A sample may miss a rare kind. Most logs show these kinds in their first lines, so each is
# searched for until it is found.
PRESENCE = frozenset((Dns.TYPE, Flow.TYPE))
# Number of bytes of a full block that are searched.
SEARCHED = 1 << 16
_OF_KIND = {
    kind: re.compile(rb'event_type[\\"]+\s*:\s*\[?[\\"]+' + kind.encode() + rb'[\\"]')
    for kind in PRESENCE
}


def kinds_in(block: bytes, end: int, wanted: Collection[str]) -> frozenset[str]:
    """The kinds of PRESENCE among the records of the block, or of the first part of a full one."""
    stop = SEARCHED if end >= FULL else end
    return frozenset(kind for kind in wanted if _OF_KIND[kind].search(block, 0, stop))


HALF, _NO_JSON = Skipped(SkipReason.HALF_LINE), Skipped(SkipReason.NOT_JSON)


def is_cut_off(line: bytes) -> bool:
    """True if a record begins in a line and does not end there, as behind a limit of syslog."""
    begin = line.find(b"{")
    if begin < 0 or line.rstrip().endswith((b"}", b"]")):
        return False
    try:
        msgspec.json.decode(line[begin:], type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return "truncated" in str(error)
    return False


def limit_for(sizes: Iterable[int]) -> int:
    """Maximum number of lines to decode per block, for files of so many bytes (0: unknown)."""
    blocks = sum(min(-(-size // BLOCK) or FIRST_BLOCKS, FIRST_BLOCKS) for size in sizes)
    return max(1, MOST_LINES // max(1, blocks))


def sample(block: bytes, end: int, most: int) -> Iterator[bytes]:
    """At most so many distinct whole lines, one from each of as many equal parts.

    The position within the part varies, because a log may repeat itself at equal distances, for
    example one of polls.
    """
    count = min(most, end // ONE_IN + 1)
    behind = 0
    for number in range(count):
        # The line after the one that holds the place: long lines must not be more likely than short
        # ones.
        place = int((number + number * GOLDEN % 1) * end / count)
        start = block.find(b"\n", max(place - 1, behind - 1), end) + 1 if number else 0
        if number and not start:
            return
        stop = block.find(b"\n", start, end)
        stop = end if stop < 0 else stop
        if start < stop:
            yield block[start:stop]
        behind = stop + 1


# The beginning of Suricata's lines; their event_type follows within so many bytes.
_TIME_FIRST, _KIND, HEAD = b'{"timestamp":"', b'"event_type":"', 256
# Statistics, whatever is around them.
_STATS = re.compile(rb'event_type[\\"]+\s*:\s*\[?[\\"]+stats[\\"]')


class _Stamp(Struct, frozen=True):
    """Where a line begins, and when it was written."""

    place: int
    time: float

    @property
    def hour(self) -> int:
        return int(self.time // HOUR)


def hours_of(block: bytes, end: int, decode: Decode) -> dict[int, HourSpan]:
    """The hours in which the lines of block[:end] were written, if they are in order of time.

    The ends of the block are read; if their hours differ, the middle, and so on.
    """
    clock = _Clock(block, end, decode)
    first, last = clock.forward(0, end), clock.backward()
    hours: dict[int, HourSpan] = {}
    if first is None or last is None:
        return hours
    if first.hour == last.hour:
        times = (first.time, last.time)
        return {first.hour: HourSpan(min(times), max(times), end)}
    stretches = [(first, last)]
    while stretches:
        start, stop = stretches.pop()
        middle = None if _is_fine(start, stop) else clock.between(start, stop)
        if middle is None:
            _add(hours, start, stop)
        else:
            stretches += [(start, middle), (middle, stop)]
    return hours


def _is_fine(start: _Stamp, stop: _Stamp) -> bool:
    hours, size = abs(stop.hour - start.hour), stop.place - start.place
    return not hours or (hours == 1 and size <= GRAIN)


def _add(hours: dict[int, HourSpan], start: _Stamp, stop: _Stamp) -> None:
    """Half of the bytes are counted in each of the two hours."""
    half = (stop.place - start.place + 1) // 2
    for stamp in (start, stop):
        span = HourSpan(stamp.time, stamp.time, half)
        hours[stamp.hour] = span.merged(hours[stamp.hour]) if stamp.hour in hours else span


class _Clock:
    """Times of single lines of a block."""

    def __init__(self, block: bytes, end: int, decode: Decode) -> None:
        self._block = block
        self._end = end
        self._decode = decode
        self._left = STAMPS

    def forward(self, start: int, stop: int) -> _Stamp | None:
        """The first line with a time among those that begin from `start` on and before `stop`."""
        tries = TRIES
        while tries:
            end = self._block.find(b"\n", start, self._end)
            if start >= stop or end < 0:
                break
            if not self._is_stats(start, end):
                if (time := self._time(start, end)) is not None:
                    return _Stamp(start, time)
                tries -= 1
            start = end + 1
        return None

    def backward(self) -> _Stamp | None:
        """The last line of the block with a time."""
        tries = TRIES
        end = self._block.rfind(b"\n", 0, self._end)
        while tries and end >= 0:
            start = self._block.rfind(b"\n", 0, end) + 1
            if not self._is_stats(start, end):
                if (time := self._time(start, end)) is not None:
                    return _Stamp(start, time)
                tries -= 1
            end = start - 1
        return None

    def _is_stats(self, start: int, end: int) -> bool:
        return _STATS.search(self._block, start, end) is not None

    def between(self, start: _Stamp, stop: _Stamp) -> _Stamp | None:
        """A line near the middle; None if the two are neighbours or enough lines were read."""
        middle = self._block.rfind(b"\n", 0, (start.place + stop.place) // 2) + 1
        if middle <= start.place:
            middle = self._block.find(b"\n", start.place, self._end) + 1
        return self.forward(middle, stop.place) if middle and self._left > 0 else None

    def _time(self, start: int, end: int) -> float | None:
        self._left -= 1
        head = self._block[start : min(end, start + HEAD)]
        kind = head.find(_KIND)
        # A brace before it: the record is within another object.
        if head.startswith(_TIME_FIRST) and kind >= 0 and head.find(b"{", 1, kind) < 0:
            text = head[len(_TIME_FIRST) : head.find(b'"', len(_TIME_FIRST))]
            if (time := time_of(text.decode("ascii", "replace"))) is not None:
                return time
        line = self._block[start:end]
        if (time := stamp_of(line, around=False)) is not None:
            return time
        # A shipper's own time, around the record, may be that of a later import.
        if isinstance(event := self._decode(line), Event):
            return None if isinstance(event, Stats) else event.time
        return _stamp_in(line)


def _stamp_in(line: bytes) -> float | None:
    from eveproc.input.envelope import stamp_in

    try:
        return stamp_in(line)
    except (RecursionError, ValueError):  # a hostile line tells no time
        return None
