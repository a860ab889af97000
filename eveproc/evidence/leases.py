"""DHCP events -> Leases: which machine (MAC, host name) held an address at which time."""

from collections.abc import Iterator
from itertools import groupby

from msgspec import Struct, field

from eveproc.input.events import Dhcp
from rulegen.units import HOUR

FOREVER = float("inf")
# The assumed length of a lease where the log does not say (dhcp `extended: no`): a common default
# of home and office routers.
LEASE_SECONDS = 24 * HOUR
# These identify no machine: many clients share them.
NOBODY = frozenset(("", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"))


class AddressHold(Struct, frozen=True):
    """`mac` had `address` from `start` (included) to `end` (excluded).

    `confirmed` is the last acknowledgement. Times are seconds since 1970 UTC.
    """

    address: str
    mac: str
    start: float
    end: float
    confirmed: float


class Leases(Struct):
    """What the dhcp records say; merges in any order.

    `seen` keeps the first and the last acknowledgement of an hour: (address, mac, hour) -> times.
    `lasting` is the longest lease of (address, mac) in seconds; `names` is the newest name of a
    MAC, with its time.
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
            self._note_length((event.address, event.mac), max(0, event.lease_seconds))
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
        """The machines that held each address, in order of time.

        A hold lasts until another machine is given the address. The first one may have begun
        before the capture, but no earlier than its length allows: who held the address before
        that is unknown.
        """
        by_address: dict[str, set[tuple[float, str]]] = {}
        for (address, mac, _), times in self.seen.items():
            by_address.setdefault(address, set()).update((time, mac) for time in times)
        return {
            address: tuple(self._holds(address, sorted(acks)))
            for address, acks in sorted(by_address.items())
        }

    def _holds(self, address: str, acks: list[tuple[float, str]]) -> Iterator[AddressHold]:
        """One hold for each run of acknowledgements to the same machine; `acks` are sorted.

        Two machines may be acknowledged in the same instant. They are ordered by MAC then, so a
        hold may have no length; it still shows that there is such a machine.
        """
        runs = [
            (mac, [time for time, _ in run]) for mac, run in groupby(acks, key=lambda ack: ack[1])
        ]
        first_mac, first_times = runs[0]
        length = self.lasting.get((address, first_mac)) or LEASE_SECONDS
        starts = [first_times[0] - length, *(times[0] for _, times in runs[1:])]
        for start, end, (mac, times) in zip(starts, [*starts[1:], FOREVER], runs, strict=True):
            yield AddressHold(address, mac, start, end, confirmed=times[-1])

    def _note_ack(self, key: tuple[str, str, int], times: tuple[float, float]) -> None:
        first, last = self.seen.get(key, times)
        self.seen[key] = (min(first, times[0]), max(last, times[1]))

    def _note_length(self, lease: tuple[str, str], seconds: int) -> None:
        self.lasting[lease] = max(seconds, self.lasting.get(lease, 0))

    def _note_name(self, mac: str, named: tuple[float, str]) -> None:
        self.names[mac] = max(named, self.names.get(mac, named))
