"""Leases from dhcp events -> which machine (MAC, name) had an address at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from eveproc.events import Dhcp
from eveproc.track import HOUR

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Tenancy:
    """`mac` had `address` from `start` (included) to `end` (excluded), seconds since 1970 UTC."""

    address: str
    mac: str
    start: float
    end: float


@dataclass(slots=True)
class Leases:
    """What dhcp said; merges in any order. Renewals within an hour are kept once: (address, mac, hour) -> first time."""

    seen: dict[tuple[str, str, int], float] = field(default_factory=dict)
    names: dict[str, tuple[float, str]] = field(default_factory=dict)

    def note(self, event: Dhcp) -> None:
        if event.address:
            key = (event.address, event.mac, int(event.time // HOUR))
            self.seen[key] = min(event.time, self.seen.get(key, FOREVER))
        if event.hostname:
            self.names[event.mac] = max((event.time, event.hostname), self.names.get(event.mac, (0.0, "")))

    def merge(self, other: "Leases") -> None:
        for key, time in other.seen.items():
            self.seen[key] = min(time, self.seen.get(key, FOREVER))
        for mac, named in other.names.items():
            self.names[mac] = max(named, self.names.get(mac, (0.0, "")))

    def name_of(self, mac: str) -> str:
        return self.names.get(mac, (0.0, ""))[1]

    def tenancies(self) -> dict[str, tuple[Tenancy, ...]]:
        """By address, the machines that had it, in order of time.

        A lease counts until another machine is given the address. Time before the first lease belongs to the first machine:
        the capture began in the middle of its lease more often than not.
        """
        by_address: dict[str, list[tuple[float, str]]] = {}
        for (address, mac, _), time in self.seen.items():
            by_address.setdefault(address, []).append((time, mac))
        return {address: tuple(_changes(address, sorted(given))) for address, given in sorted(by_address.items())}


def _changes(address: str, given: list[tuple[float, str]]) -> Iterator[Tenancy]:
    changes = [given[0], *(now for before, now in pairwise(given) if before[1] != now[1])]
    starts = [-FOREVER, *(time for time, _ in changes[1:])]
    for start, end, (_, mac) in zip(starts, [*starts[1:], FOREVER], changes, strict=True):
        yield Tenancy(address, mac, start, end)
