"""Observations of one activity of one host -> ActivitySketch: a small, mergeable summary.

For each aligned hour an ActivitySketch keeps the KEPT distinct keys seen earliest, each with its
first time, and a sample of the KEPT events with the smallest fingerprints; for hours after the
first FULL_HOURS only KEPT_LATER. All of this depends on the set of observations alone: a key cut in
one part of the input has KEPT earlier keys there, an hour cut has FULL_HOURS earlier ones, so they
would be cut from the whole as well. Merging is therefore associative, commutative and idempotent:
an event that two files repeat counts once.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from math import inf
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from eveproc.signals.alert_windows import first_of_windows, identity_of, is_window_key, peer_of
from eveproc.signals.observation import Observation, Pivot
from rulegen.units import HOUR

K = TypeVar("K")

# More keys than any threshold of the verdict model needs within an hour (the numbers in
# eveproc/signals stay below some 60). Counts up to this many events an hour are exact; above,
# estimated from the k smallest fingerprints: the standard error is 1/sqrt(k - 2), 6 % for 256
# (Bar-Yossef et al. 2002).
KEPT = 256
# A day of mass mailing is enough evidence; longer activity must not need more memory.
FULL_HOURS, KEPT_LATER = 24, 16
PIVOTS = 8
SIDS = 32


def fingerprint(identity: tuple[object, ...]) -> int:
    """64 bits that depend on the identity alone, equal in every process."""
    return int.from_bytes(
        blake2b(repr(identity).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    )


# 2**64 divided by the golden ratio: its multiples are evenly spread (Knuth, TAOCP 3, 6.4), which is
# too even for estimates if many names are asked for in turn. Multiples by squares are not.
_GOLDEN, BITS_64 = 0x9E3779B97F4A7C15, (1 << 64) - 1


def spread(number: int) -> int:
    """64 bits that differ from those of every other number of 32 bits; those of 0 are 0."""
    return number * number * _GOLDEN & BITS_64


def mark_of(identity: tuple[object, ...], number: int = 0) -> int:
    """64 bits that depend on the identity and the number alone, evenly spread."""
    return (fingerprint(identity) + spread(number)) & BITS_64


class _PivotRow(Struct, array_like=True):
    """A Pivot and its time; state files of 0.1 hold no source port."""

    flow_id: int
    community_id: bytes
    tx_id: int
    time: float
    source_port: int = 0


# An ActivitySketch as plain values: first and last time, sids, pivots with their times, and per
# hour keys and events with theirs, is_sample and scale.
_HourRow = tuple[int, list[tuple[bytes, float]], list[tuple[int, float]], bool, float]
SketchRow = tuple[float, float, list[int], list[_PivotRow], list[_HourRow]]


class Bucket(Struct):
    """One aligned hour: first time by key, time by fingerprint.

    `is_sample`: some events were cut. `scale` is how many events each of a part of a sample stands
    for.
    """

    keys: dict[str, float] = field(default_factory=dict)
    events: dict[int, float] = field(default_factory=dict)
    is_sample: bool = False
    scale: float = 1.0

    def note(self, key: str, mark: int, time: float) -> None:
        _keep_least(self.keys, key, time)
        _keep_least(self.events, mark, time)
        self.trim_if_full()

    def trim_if_full(self) -> None:
        if len(self.keys) > 2 * KEPT or len(self.events) > 2 * KEPT:
            self.trim(KEPT)

    def note_all(self, other: "Bucket") -> None:
        _keep_least_of(self.keys, other.keys)
        _keep_least_of(self.events, other.events)
        self.is_sample |= other.is_sample
        self.scale = max(self.scale, other.scale)
        self.trim_if_full()

    def trim(self, kept: int) -> None:
        if len(self.keys) > kept:
            earliest = sorted((time, key) for key, time in self.keys.items())[:kept]
            self.keys = {key: time for time, key in earliest}
        if len(self.events) > kept:
            self.events = dict(sorted(self.events.items())[:kept])
            self.is_sample = True

    def between(self, start: float, end: float) -> "Bucket":
        return Bucket(
            {key: time for key, time in self.keys.items() if start <= time < end},
            {mark: time for mark, time in self.events.items() if start <= time < end},
            scale=self.total() / max(1, len(self.events)),
        )

    def without(self, marks: set[int]) -> "Bucket":
        """The same bucket without these events and without keys that name their window."""
        return replace(
            self,
            keys={key: time for key, time in self.keys.items() if not is_window_key(key)},
            events={mark: time for mark, time in self.events.items() if mark not in marks},
        )

    def relabelled(self, label: Callable[[str], str]) -> "Bucket":
        keys: dict[str, float] = {}
        for key, time in self.keys.items():
            _keep_least(keys, label(key), time)
        return replace(self, keys=keys)

    def total(self) -> int:
        if self.is_sample:
            return round((len(self.events) - 1) * 2.0**64 / max(self.events))
        return round(len(self.events) * self.scale)


class ActivitySketch(Struct):
    """The observations of one activity; the head of the file says what is kept."""

    hours: dict[int, Bucket] = field(default_factory=dict)
    sids: set[int] = field(default_factory=set)
    pivots: dict[Pivot, float] = field(default_factory=dict)
    first_seen: float = inf
    last_seen: float = -inf

    def note(self, observation: Observation) -> None:
        time = observation.time
        mark = mark_of(observation.identity, observation.number)
        self._bucket(int(time // HOUR)).note(observation.key, mark, time)
        if time < self.first_seen:
            self.first_seen = time
        if time > self.last_seen:
            self.last_seen = time
        if observation.sid:
            self._note_sids((observation.sid,))
        if observation.pivot and self._keeps_pivot(time):
            self._note_pivots(((observation.pivot, time),))

    def _bucket(self, hour: int) -> Bucket:
        bucket = self.hours.get(hour)
        if bucket is None:
            bucket = self.hours[hour] = Bucket()
            if len(self.hours) > 2 * FULL_HOURS:
                self._trim_hours()
        return bucket

    def merge(self, other: "ActivitySketch") -> None:
        self.note_all(other)
        for hour in other.hours:
            self.hours[hour].trim(KEPT)

    def note_all(self, other: "ActivitySketch") -> None:
        """Add another sketch; as with `note`, more than is kept stays until `trim`."""
        for hour, bucket in other.hours.items():
            self._bucket(hour).note_all(bucket)
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)
        self._note_sids(other.sids)
        self._note_pivots(other.pivots.items())

    def trim_if_full(self) -> None:
        """Keep the bounds that `note` keeps."""
        for bucket in self.hours.values():
            bucket.trim_if_full()
        if len(self.hours) > 2 * FULL_HOURS:
            self._trim_hours()

    def trim(self) -> None:
        """Bring the summary to canonical form; call this before reading it."""
        self._trim_hours()
        self.trim_pivots()

    def as_row(self) -> SketchRow:
        """Plain values, from which `of_row` makes the same ActivitySketch."""
        hours = [
            (
                hour,
                [(_bytes(key), time) for key, time in b.keys.items()],
                list(b.events.items()),
                b.is_sample,
                b.scale,
            )
            for hour, b in self.hours.items()
        ]
        pivots = [
            _PivotRow(p.flow_id, _bytes(p.community_id), p.tx_id, time, p.source_port)
            for p, time in self.pivots.items()
        ]
        return self.first_seen, self.last_seen, sorted(self.sids), pivots, hours

    @classmethod
    def of_row(cls, row: SketchRow) -> "ActivitySketch":
        first, last, sids, pivots, hours = row
        return cls(
            {
                hour: Bucket(
                    {_text(key): time for key, time in keys}, dict(events), is_sample, scale
                )
                for hour, keys, events, is_sample, scale in hours
            },
            set(sids),
            {
                Pivot(p.flow_id, _text(p.community_id), p.tx_id, p.source_port): p.time
                for p in pivots
            },
            first,
            last,
        )

    def between(self, start: float, end: float) -> "ActivitySketch":
        """The part seen from `start` (included) to `end` (excluded); empty if there is none.

        Only the first time of a key is known, so a key on both sides of a cut within an hour
        belongs to the earlier side.
        """
        if start <= self.first_seen and self.last_seen < end:
            return self
        parts = {
            hour: bucket.between(start, end)
            for hour, bucket in self.hours.items()
            if _overlap(hour, start, end)
        }
        part = ActivitySketch(
            {hour: bucket for hour, bucket in parts.items() if bucket.keys or bucket.events},
            set(self.sids),
        )
        part._note_pivots(
            (pivot, time) for pivot, time in self.pivots.items() if start <= time < end
        )
        times = list(part.times())
        if times:
            part.first_seen = self.first_seen if self.first_seen >= start else min(times)
            part.last_seen = self.last_seen if self.last_seen < end else max(times)
        return part

    def relabelled(self, label: Callable[[str], str]) -> "ActivitySketch":
        """The same events; keys to which `label` gives the same name count as one."""
        hours = {hour: bucket.relabelled(label) for hour, bucket in self.hours.items()}
        return replace(self, hours=hours)

    def only(self, is_kept: Callable[[str], bool]) -> "ActivitySketch":
        """The same with these keys only; `count` still counts all events of hours that have one of
        them.
        """
        hours = {
            hour: replace(bucket, keys={k: t for k, t in bucket.keys.items() if is_kept(k)})
            for hour, bucket in self.hours.items()
        }
        return replace(self, hours={hour: b for hour, b in hours.items() if b.keys})

    def one_per_window(self) -> "ActivitySketch":
        """The same with one event and key for each window that packet threads logged repeatedly.

        Returns itself where no key names its window (alert_windows.py). Alerts of engines that log
        a window once stay as they are; another alert of the same rule and window is the same event.
        """
        entries = [(t, k) for bucket in self.hours.values() for k, t in bucket.keys.items()]
        repeated = [(time, key) for time, key in entries if is_window_key(key)]
        if not repeated:
            return self
        part = ActivitySketch()
        if len(repeated) < len(entries):
            marks = {fingerprint(identity_of(key)) for _, key in repeated}
            part.hours = {hour: b.without(marks) for hour, b in self.hours.items()}
        for time, key in first_of_windows(repeated):
            bucket = part.hours.setdefault(int(time // HOUR), Bucket())
            bucket.note(peer_of(key), fingerprint(identity_of(key)), time)
        for hour, bucket in self.hours.items():
            if len(bucket.keys) >= KEPT and hour in part.hours:
                _add_later_windows(part.hours[hour], bucket)
        hours = {hour: bucket for hour, bucket in part.hours.items() if bucket.keys}
        return replace(self, hours=hours)

    def count(self) -> int:
        """Number of distinct events: exact to KEPT an hour, then estimated, but at least `keys`."""
        return max(self.distinct(), sum(bucket.total() for bucket in self.hours.values()))

    def distinct(self) -> int:
        """Number of distinct keys, at most KEPT an hour."""
        if len(self.hours) == 1:  # called hundreds of times per host, mostly for a short time
            return sum(len(bucket.keys) for bucket in self.hours.values())
        return len(self.keys())

    def keys(self) -> set[str]:
        """The distinct keys that are kept."""
        return {key for bucket in self.hours.values() for key in bucket.keys}

    def complete_until(self, hour: int) -> float:
        """The time up to which all keys of an hour are kept; inf: all of them are."""
        keys = self.hours[hour].keys if hour in self.hours else {}
        later = sum(earlier < hour for earlier in self.hours) >= FULL_HOURS
        kept = KEPT_LATER if later else KEPT
        return sorted(keys.values())[kept - 1] if len(keys) >= kept else inf

    def has_all_keys(self) -> bool:
        """False if one of the first FULL_HOURS hours had more keys than are kept."""
        hours = sorted(self.hours)[:FULL_HOURS]
        return all(len(self.hours[hour].keys) < KEPT for hour in hours)

    def newcomers(self) -> list[tuple[float, str]]:
        """Each key once, at the first time it was ever seen, earliest first."""
        firsts: dict[str, float] = {}
        for bucket in self.hours.values():
            for key, time in bucket.keys.items():
                _keep_least(firsts, key, time)
        return sorted((time, key) for key, time in firsts.items())

    def times(self) -> Iterator[float]:
        """Every time at which something kept here was seen."""
        for bucket in self.hours.values():
            yield from bucket.keys.values()
            yield from bucket.events.values()

    def earliest_pivots(self) -> tuple[Pivot, ...]:
        """Pivots by first time; at most PIVOTS."""
        return tuple(
            pivot
            for _, pivot in sorted((time, pivot) for pivot, time in self.pivots.items())[:PIVOTS]
        )

    def _trim_hours(self) -> None:
        for number, hour in enumerate(sorted(self.hours)):
            self.hours[hour].trim(KEPT if number < FULL_HOURS else KEPT_LATER)

    def _note_sids(self, sids: Iterable[int]) -> None:
        self.sids.update(sids)
        if len(self.sids) > SIDS:
            self.sids = set(sorted(self.sids)[:SIDS])

    def _keeps_pivot(self, time: float) -> bool:
        """False if enough pivots are kept and all are earlier: most come in order of time."""
        return len(self.pivots) < PIVOTS or time <= max(self.pivots.values())

    def _note_pivots(self, pivots: Iterable[tuple[Pivot, float]]) -> None:
        for pivot, time in pivots:
            _keep_least(self.pivots, pivot, time)
        if len(self.pivots) > 2 * PIVOTS:
            self.trim_pivots()

    def trim_pivots(self) -> None:
        """Keep the earliest PIVOTS pivots."""
        self.pivots = {pivot: self.pivots[pivot] for pivot in self.earliest_pivots()}


class ManyEvents:
    """Builds an ActivitySketch of many events at once, in any order.

    Faster the nearer they are to the order of time.
    """

    __slots__ = ("_end", "_events", "_keys", "_last", "_latest", "_sketch", "_start")

    def __init__(self) -> None:
        self._sketch = ActivitySketch()
        self._start, self._end, self._last = inf, -inf, -inf
        self._keys: dict[str, float] = {}
        self._events: dict[int, float] = {}
        # Pivots from this time on are not kept: there are enough earlier ones.
        self._latest = inf

    def note(
        self, time: float, key: str, mark: int, flow_id: int, community_id: str, port: int
    ) -> None:
        """Note an event by its mark; a `flow_id` of 0 is no pivot."""
        if not self._start <= time < self._end:
            self._turn_to(int(time // HOUR))
        if time < self._keys.get(key, inf):
            self._keys[key] = time
        if time < self._events.get(mark, inf):
            self._events[mark] = time
        if time > self._last:
            self._last = time
        if flow_id and time <= self._latest:
            self._note_pivot(Pivot(flow_id, community_id, -1, port), time)

    def _turn_to(self, hour: int) -> None:
        self._start = hour * HOUR
        self._end = self._start + HOUR
        bucket = self._sketch.hours.setdefault(hour, Bucket())
        self._keys, self._events = bucket.keys, bucket.events

    def _note_pivot(self, pivot: Pivot, time: float) -> None:
        pivots = self._sketch.pivots
        _keep_least(pivots, pivot, time)
        if len(pivots) > 2 * PIVOTS:
            self._sketch.trim_pivots()
        if len(self._sketch.pivots) >= PIVOTS:
            self._latest = max(self._sketch.pivots.values())

    def sketch(self) -> ActivitySketch:
        """All that was noted."""
        sketch = self._sketch
        firsts = [min(bucket.keys.values()) for bucket in sketch.hours.values()]
        sketch.first_seen, sketch.last_seen = min(firsts), self._last
        return sketch


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a JSON export may hold lone surrogates


def _text(encoded: bytes) -> str:
    return encoded.decode("utf-8", "surrogatepass")


def _overlap(hour: int, start: float, end: float) -> bool:
    return start < (hour + 1) * HOUR and hour * HOUR < end


def _add_later_windows(windows: Bucket, full: Bucket) -> None:
    """Add the windows after the last key of an hour that has too many alerts to keep all keys.

    This happens if no event_filter is loaded. Their events are kept but not their peers, so each is
    assumed to be about another one of the known peers.
    """
    repeated = {key: time for key, time in full.keys.items() if is_window_key(key)}
    if not repeated:
        return
    last = max(repeated.values())
    spare = sorted({peer_of(key) for key in repeated} - windows.keys.keys())
    later = sorted((time, mark) for mark, time in full.events.items() if time > last)
    for number, (time, mark) in enumerate(later):
        _keep_least(windows.events, mark, time)
        if number < len(spare):
            _keep_least(windows.keys, spare[number], time)


def _keep_least(times: dict[K, float], key: K, time: float) -> None:
    if time < times.get(key, inf):
        times[key] = time


def _keep_least_of(times: dict[K, float], others: dict[K, float]) -> None:
    earlier = {key: times[key] for key in times.keys() & others.keys() if times[key] < others[key]}
    times.update(others)
    times.update(earlier)


def widest(entries: list[tuple[float, str]], seconds: float) -> Iterator[int]:
    """For each (time, key), the number of entries within the `seconds` up to it.

    Entries are sorted and keys are distinct.
    """
    start = 0
    for index, (time, _) in enumerate(entries):
        while entries[start][0] <= time - seconds:
            start += 1
        yield index - start + 1
