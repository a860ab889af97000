"""Leases from dhcp events -> which machine (MAC, name) had an address at a time."""

from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct, field

from eveproc.input.events import Dhcp
from rulegen.units import HOUR

FOREVER = float("inf")
# What a lease is taken to last where the log does not say (dhcp `extended: no`): a common default
# of home and office routers.
LEASE_SECONDS = 24 * HOUR
# No machine's address: clients that hide behind these are many.
NOBODY = frozenset(("", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"))


class AddressHold(Struct, frozen=True):
    """`mac` had `address` from `start` (included) to `end` (excluded); `confirmed` is its last acknowledgement. Seconds since 1970 UTC."""

    address: str
    mac: str
    start: float
    end: float
    confirmed: float


class Leases(Struct):
    """What dhcp said; merges in any order.

    Of the acknowledgements within an hour the first and the last are kept: (address, mac, hour) -> (first, last time).
    `lasting` is the longest lease of (address, mac) in seconds, `names` the newest name of a mac with its time.
    """

    seen: dict[tuple[str, str, int], tuple[float, float]] = field(default_factory=dict)
    lasting: dict[tuple[str, str], int] = field(default_factory=dict)
    names: dict[str, tuple[float, str]] = field(default_factory=dict)

    def note(self, event: Dhcp) -> None:
        if event.mac in NOBODY:
            return
        if event.address:
            self._note_ack(
                (event.address, event.mac, int(event.time // HOUR)), (event.time, event.time)
            )
            self._note_length((event.address, event.mac), event.lease_seconds)
        if event.hostname:
            self._note_name(event.mac, (event.time, event.hostname))

    def merge(self, other: "Leases") -> None:
        for key, times in other.seen.items():
            self._note_ack(key, times)
        for lease, seconds in other.lasting.items():
            self._note_length(lease, seconds)
        for mac, named in other.names.items():
            self._note_name(mac, named)

    def name_of(self, mac: str) -> str:
        return self.names.get(mac, (0.0, ""))[1]

    def tenancies(self) -> dict[str, tuple[AddressHold, ...]]:
        """By address, the machines that had it, in order of time.

        A lease counts until another machine is given the address. The first one may have begun
        before the capture, but no earlier than its length allows: who had the address before that
        is not known.
        """
        by_address: dict[str, set[tuple[float, str]]] = {}
        for (address, mac, _), times in self.seen.items():
            by_address.setdefault(address, set()).update((time, mac) for time in times)
        return {
            address: tuple(self._changes(address, sorted(acks)))
            for address, acks in sorted(by_address.items())
        }

    def _changes(self, address: str, acks: list[tuple[float, str]]) -> Iterator[AddressHold]:
        changes = [acks[0], *(now for before, now in pairwise(acks) if before[1] != now[1])]
        first_time, first_mac = acks[0]
        length = self.lasting.get((address, first_mac)) or LEASE_SECONDS
        starts = [first_time - length, *(time for time, _ in changes[1:])]
        for start, end, (_, mac) in zip(starts, [*starts[1:], FOREVER], changes, strict=True):
            yield AddressHold(
                address,
                mac,
                start,
                end,
                max(time for time, who in acks if who == mac and time < end),
            )

    def _note_ack(self, key: tuple[str, str, int], times: tuple[float, float]) -> None:
        first, last = self.seen.get(key, times)
        self.seen[key] = (min(first, times[0]), max(last, times[1]))

    def _note_length(self, lease: tuple[str, str], seconds: int) -> None:
        self.lasting[lease] = max(seconds, self.lasting.get(lease, 0))

    def _note_name(self, mac: str, named: tuple[float, str]) -> None:
        self.names[mac] = max(named, self.names.get(mac, named))
