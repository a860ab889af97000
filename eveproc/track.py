"""Sightings of one behaviour of one host -> Track: a small summary that merges in any order to the same thing.

Per aligned hour a Track keeps the KEYS_PER_HOUR distinct keys seen earliest, each with its first time, and a sample of the
EVENTS_PER_HOUR events with the smallest fingerprints. Both are decided by the set of sightings alone: a key cut in one part
of the input has KEYS_PER_HOUR earlier keys there, so it would be cut from the whole as well. Merging is therefore
associative, commutative and idempotent: an event that two files repeat counts once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, TypeVar

K = TypeVar("K")

HOUR = 3600
# More than any threshold of the verdict model needs within an hour (weights.py decides on at most some 60).
KEYS_PER_HOUR = 256
# Counts up to this many an hour are exact; above, estimated from the k smallest fingerprints: the standard
# error is 1/sqrt(k - 2), 6 % for 256 (Bar-Yossef et al. 2002).
EVENTS_PER_HOUR = 256
PIVOTS = 8
SIDS = 32


class Pivot(NamedTuple):
    """Where in EVE to look further: the flow, its community id ("" if not logged), the transaction in it (-1: the whole flow)."""

    flow_id: int
    community_id: str = ""
    tx_id: int = -1


class Sighting(NamedTuple):
    """One event in the light of one behaviour: at `time`, the thing counted distinctly is `key`.

    `identity` tells two events of an hour apart; whoever logs the same event again, another sensor too, gives the same identity.
    """

    time: float
    key: str
    identity: tuple[object, ...]
    sid: int = 0
    pivot: Pivot | None = None


def fingerprint(identity: tuple[object, ...]) -> int:
    """64 bits that depend on the identity alone, the same in every process."""
    return int.from_bytes(blake2b(repr(identity).encode("utf-8", "surrogatepass"), digest_size=8).digest())


@dataclass(slots=True)
class Bucket:
    """One aligned hour: first time by key, time by fingerprint; `scale` is how many events one of a cut sample stands for."""

    keys: dict[str, float] = field(default_factory=dict)
    events: dict[int, float] = field(default_factory=dict)
    scale: float = 1.0

    def note(self, key: str, mark: int, time: float) -> None:
        _keep_least(self.keys, key, time)
        _keep_least(self.events, mark, time)
        if len(self.keys) > 2 * KEYS_PER_HOUR or len(self.events) > 2 * EVENTS_PER_HOUR:
            self.trim()

    def merge(self, other: "Bucket") -> None:
        for key, time in other.keys.items():
            _keep_least(self.keys, key, time)
        for mark, time in other.events.items():
            _keep_least(self.events, mark, time)
        self.trim()

    def trim(self) -> None:
        if len(self.keys) > KEYS_PER_HOUR:
            earliest = sorted((time, key) for key, time in self.keys.items())[:KEYS_PER_HOUR]
            self.keys = {key: time for time, key in earliest}
        if len(self.events) > EVENTS_PER_HOUR:
            self.events = dict(sorted(self.events.items())[:EVENTS_PER_HOUR])

    def between(self, start: float, end: float) -> "Bucket":
        return Bucket(
            {key: time for key, time in self.keys.items() if start <= time < end},
            {mark: time for mark, time in self.events.items() if start <= time < end},
            self.total() / max(1, len(self.events)),
        )

    def total(self) -> int:
        if self.scale == 1.0 and len(self.events) >= EVENTS_PER_HOUR:
            return round((EVENTS_PER_HOUR - 1) * 2.0**64 / max(self.events))
        return round(len(self.events) * self.scale)


@dataclass(slots=True)
class Track:
    """All sightings of one behaviour; see the file's first lines for what is kept."""

    hours: dict[int, Bucket] = field(default_factory=dict)
    sids: set[int] = field(default_factory=set)
    pivots: dict[Pivot, float] = field(default_factory=dict)
    first_seen: float = float("inf")
    last_seen: float = float("-inf")

    def note(self, sighting: Sighting) -> None:
        time = sighting.time
        hour = int(time // HOUR)
        bucket = self.hours.get(hour)
        if bucket is None:
            bucket = self.hours[hour] = Bucket()
        bucket.note(sighting.key, fingerprint(sighting.identity), time)
        if time < self.first_seen:
            self.first_seen = time
        if time > self.last_seen:
            self.last_seen = time
        if sighting.sid:
            self._note_sids((sighting.sid,))
        if sighting.pivot:
            self._note_pivots(((sighting.pivot, time),))

    def merge(self, other: "Track") -> None:
        for hour, bucket in other.hours.items():
            self.hours.setdefault(hour, Bucket()).merge(bucket)
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)
        self._note_sids(other.sids)
        self._note_pivots(other.pivots.items())

    def trim(self) -> None:
        """Bring the summary to its one canonical form; to be called before it is read."""
        for bucket in self.hours.values():
            bucket.trim()
        self._trim_pivots()

    def between(self, start: float, end: float) -> "Track":
        """What of this was seen from `start` (included) to `end` (excluded); empty if nothing was.

        A key met on both sides of a cut within an hour is known by its first time alone, so the earlier side has it.
        """
        if start <= self.first_seen and self.last_seen < end:
            return self
        parts = {hour: bucket.between(start, end) for hour, bucket in self.hours.items() if _overlap(hour, start, end)}
        part = Track({hour: bucket for hour, bucket in parts.items() if bucket.keys or bucket.events}, set(self.sids))
        part._note_pivots((pivot, time) for pivot, time in self.pivots.items() if start <= time < end)
        times = list(part.times())
        if times:
            part.first_seen = self.first_seen if self.first_seen >= start else min(times)
            part.last_seen = self.last_seen if self.last_seen < end else max(times)
        return part

    def count(self) -> int:
        """How many different events: exact to EVENTS_PER_HOUR an hour, then an estimate, but no fewer than keys."""
        return max(self.distinct(), sum(bucket.total() for bucket in self.hours.values()))

    def distinct(self) -> int:
        """How many different keys, of at most KEYS_PER_HOUR an hour."""
        return len(self.keys())

    def keys(self) -> set[str]:
        """The different keys that are kept."""
        return {key for bucket in self.hours.values() for key in bucket.keys}

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
        """Where to look further, by the time it was first seen; at most PIVOTS."""
        return tuple(pivot for _, pivot in sorted((time, pivot) for pivot, time in self.pivots.items())[:PIVOTS])

    def _note_sids(self, sids: Iterable[int]) -> None:
        self.sids.update(sids)
        if len(self.sids) > SIDS:
            self.sids = set(sorted(self.sids)[:SIDS])

    def _note_pivots(self, pivots: Iterable[tuple[Pivot, float]]) -> None:
        for pivot, time in pivots:
            _keep_least(self.pivots, pivot, time)
        if len(self.pivots) > 2 * PIVOTS:
            self._trim_pivots()

    def _trim_pivots(self) -> None:
        self.pivots = {pivot: self.pivots[pivot] for pivot in self.earliest_pivots()}


def _overlap(hour: int, start: float, end: float) -> bool:
    return start < (hour + 1) * HOUR and hour * HOUR < end


def _keep_least(times: dict[K, float], key: K, time: float) -> None:
    known = times.get(key)
    if known is None or time < known:
        times[key] = time


def widest(entries: list[tuple[float, str]], seconds: float) -> Iterator[int]:
    """For each entry (time, key; sorted, keys distinct): how many lie within the `seconds` that end with it."""
    start = 0
    for index, (time, _) in enumerate(entries):
        while entries[start][0] <= time - seconds:
            start += 1
        yield index - start + 1
