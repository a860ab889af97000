"""DHCP events -> Leases: which machine (MAC, host name) held an address when."""

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise

from msgspec import Struct, field

from eveproc.evidence.sampling import keeps, still_sampled
from eveproc.input.events import Dhcp
from rulegen.units import HOUR

FOREVER = float("inf")
# The assumed length of a lease if it is not logged (dhcp `extended: no`): a common default of home
# and office routers.
LEASE_SECONDS = 24 * HOUR
# These identify no machine: many clients share them.
NOBODY = frozenset(("", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"))


# A time in seconds since 1970 UTC, and the MAC of the machine that was confirmed then.
Ack = tuple[float, str]
# Number of times a machine must return to an address held by another until both are assumed to have
# it.
RETURNS = 2
# A DHCP server does not reassign an address within this many seconds; if one does, it is another
# server, in another network.
AT_ONCE = 600
# Maximum number of scopes of a lease: one network, seen by a few sensors.
SCOPES_AT_MOST = 64
# Maximum number of entries of `Leases.seen`, of addresses that were released, and of names: a lease
# takes some 700 bytes. Any host in the network may ask for leases with invented MACs.
MOST_LEASES = 1 << 17
# Beyond the bound, acknowledgements are kept for longer slots, and then for fewer addresses.
SLOTS = (1, 4, 24)


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
    """Contents of dhcp records; merges in any order.

    `seen` keeps the first and the last acknowledgement of an hour: (address, mac, hour) -> times.
    `lasting` is the longest lease of (address, mac) in seconds; `names` is the newest name of a
    MAC, with its time. `scopes` tells in which networks (address, mac) was leased, where logged;
    `released` is when it was last given back.

    `rounds`: beyond MOST_LEASES entries, the first and last acknowledgement of so many hours are
    kept (SLOTS), under the first of these hours; beyond that, those of every 2**n-th address
    (sampling.py). An address keeps all or none of them: with a part, one machine would be blamed
    for what another did. `names_sampled` is the same for names, by MAC.
    """

    seen: dict[tuple[str, str, int], tuple[float, float]] = field(default_factory=dict)
    lasting: dict[tuple[str, str], int] = field(default_factory=dict)
    names: dict[str, tuple[float, str]] = field(default_factory=dict)
    scopes: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    released: dict[tuple[str, str], float] = field(default_factory=dict)
    rounds: int = 0
    names_sampled: int = 0

    def note(self, event: Dhcp, scope: str = "") -> None:
        """`scope` is the network of the lease, "" if not logged (places.py)."""
        if event.mac in NOBODY:
            return
        is_kept = self._keeps(event.address)
        if event.is_release and is_kept:
            self._note_release((event.address, event.mac), event.time)
        elif event.address and not event.is_release and is_kept:
            if scope:
                self._note_scopes((event.address, event.mac), {scope})
            key = (event.address, event.mac, int(event.time // HOUR))
            self._note_ack(key, (event.time, event.time))
            self._note_length((event.address, event.mac), max(0, event.lease_seconds))
        if event.hostname:
            self._note_name(event.mac, (event.time, event.hostname))
        self.keep_bounds()

    def merge(self, other: "Leases") -> None:
        self._sample(other.rounds)
        self._sample_names(other.names_sampled)
        for mac, named in other.names.items():
            self._note_name(mac, named)
        for lease, seconds in other.lasting.items():
            if self._keeps(lease[0]):
                self._note_length(lease, seconds)
        for lease, scopes in other.scopes.items():
            if self._keeps(lease[0]):
                self._note_scopes(lease, scopes)
        for lease, time in other.released.items():
            if self._keeps(lease[0]):
                self._note_release(lease, time)
        for key, times in other.seen.items():
            if self._keeps(key[0]):
                self._note_ack(key, times)
        self.keep_bounds()

    def sentences(self) -> Iterator[str]:
        """Sentences about what was left out because of a bound."""
        if sampled := self._sampled():
            yield (
                f"more than {MOST_LEASES} leases were confirmed; only those of one address in "
                f"{1 << sampled} are used, so a machine may be known by its address alone"
            )
        if self.names_sampled:
            yield (
                f"more than {MOST_LEASES} machines gave DHCP a name; one in "
                f"{1 << self.names_sampled} is named"
            )

    def name_of(self, mac: str) -> str:
        return self.names.get(mac, (0.0, ""))[1]

    def acknowledgements(self) -> dict[str, set[Ack]]:
        """For each address, the times at which DHCP confirmed it to a machine."""
        by_address: dict[str, set[Ack]] = {}
        for (address, mac, _), times in self.seen.items():
            by_address.setdefault(address, set()).update((time, mac) for time in times)
        return by_address

    def holds(self, address: str, acks: Iterable[Ack]) -> tuple[AddressHold, ...]:
        """One hold for each run of acknowledgements to the same machine.

        A hold lasts until another machine is given the address. The first one may have begun
        before the capture, but no earlier than its length allows: who held the address before
        that is unknown.

        Two machines may be acknowledged in the same instant. They are ordered by MAC then, so a
        hold may have no length; it still shows that there is such a machine.
        """
        runs = _runs(acks)
        if not runs:
            return ()
        first_mac, first_times = runs[0]
        starts = [
            first_times[0] - self.length(address, first_mac),
            *(times[0] for _, times in runs[1:]),
        ]
        return tuple(
            AddressHold(address, mac, start, end, confirmed=times[-1])
            for start, end, (mac, times) in zip(starts, [*starts[1:], FOREVER], runs, strict=True)
        )

    def length(self, address: str, mac: str) -> float:
        """The longest lease, in seconds."""
        return self.lasting.get((address, mac)) or LEASE_SECONDS

    def contested(self, address: str, acks: Iterable[Ack]) -> tuple[str, ...]:
        """The machines that have an address at the same time, sorted; () if it only changed hands.

        There are two signs: the address is given to another machine right after it was leased,
        without a release; or a machine is confirmed again repeatedly although another one was
        confirmed in between.
        """
        runs = _runs(acks)
        last: dict[str, float] = {}
        returns = 0
        for mac, times in runs:
            returns += mac in last and times[0] - last[mac] <= self.length(address, mac)
            last[mac] = times[-1]
        overlap = any(self._overlap(address, *one, later) for one, (_, later) in pairwise(runs))
        return tuple(sorted(last)) if overlap or returns >= RETURNS else ()

    def _overlap(self, address: str, mac: str, times: list[float], later: list[float]) -> bool:
        """True if the address was assigned to another machine right after this one got it."""
        end = times[-1] + min(self.lasting.get((address, mac), 0), AT_ONCE)
        released = self.released.get((address, mac), -FOREVER)
        return later[0] < end and not times[-1] <= released <= later[0]

    def _note_ack(self, key: tuple[str, str, int], times: tuple[float, float]) -> None:
        if self.rounds:
            address, mac, hour = key
            key = address, mac, hour - hour % self._slot()
        first, last = self.seen.get(key, times)
        self.seen[key] = (min(first, times[0]), max(last, times[1]))

    def _note_release(self, lease: tuple[str, str], time: float) -> None:
        self.released[lease] = max(time, self.released.get(lease, time))

    def _note_scopes(self, lease: tuple[str, str], scopes: set[str]) -> None:
        together = self.scopes.get(lease, set()) | scopes
        self.scopes[lease] = set(sorted(together)[:SCOPES_AT_MOST])

    def _note_length(self, lease: tuple[str, str], seconds: int) -> None:
        self.lasting[lease] = max(seconds, self.lasting.get(lease, 0))

    def _note_name(self, mac: str, named: tuple[float, str]) -> None:
        if keeps(mac, self.names_sampled):
            self.names[mac] = max(named, self.names.get(mac, named))

    def sample_anew(self) -> None:
        """End the sampling if little is left after forgetting."""
        if not still_sampled(len(self.seen), self._sampled() or 1, MOST_LEASES):
            self.rounds = 0
        self.names_sampled = still_sampled(len(self.names), self.names_sampled, MOST_LEASES)

    def keep_bounds(self) -> None:
        """Enforce the bounds; to be called by code that fills the fields directly."""
        while max(len(self.seen), len(self.released)) > MOST_LEASES:
            self._sample(self.rounds + 1)
        while len(self.names) > MOST_LEASES:
            self._sample_names(self.names_sampled + 1)

    def _sample(self, rounds: int) -> None:
        if rounds <= self.rounds:
            return
        self.rounds = rounds
        seen, self.seen = self.seen, {}
        for key, times in seen.items():
            if self._keeps(key[0]):
                self._note_ack(key, times)
        self.lasting = {key: long for key, long in self.lasting.items() if self._keeps(key[0])}
        self.scopes = {key: some for key, some in self.scopes.items() if self._keeps(key[0])}
        self.released = {key: at for key, at in self.released.items() if self._keeps(key[0])}

    def _keeps(self, address: str) -> bool:
        return keeps(address, self._sampled())

    def _sampled(self) -> int:
        return max(0, self.rounds - len(SLOTS) + 1)

    def _slot(self) -> int:
        return SLOTS[min(self.rounds, len(SLOTS) - 1)]

    def _sample_names(self, times: int) -> None:
        if times > self.names_sampled:
            self.names_sampled = times
            self.names = {mac: named for mac, named in self.names.items() if keeps(mac, times)}


def _runs(acks: Iterable[Ack]) -> list[tuple[str, list[float]]]:
    """Consecutive acknowledgements of one machine, with their times."""
    by_mac = groupby(sorted(acks), key=lambda ack: ack[1])
    return [(mac, [time for time, _ in run]) for mac, run in by_mac]
