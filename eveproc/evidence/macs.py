"""MACs of home addresses over time -> which MACs belong to routers and identify no machine.

ARP (Suricata 8) binds IPv4 addresses, too, but any host may claim an address: it counts only for
addresses whose MAC neither a frame nor DHCP shows.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import heappop, heappush
from itertools import chain

import msgspec
from msgspec import Struct, field

from eveproc.evidence.sampling import keeps, still_sampled

# The first and last time of an address are kept for each slot of so many seconds; beyond MOST_SEEN
# entries, for so many slots together (four hours, a day).
SLOT = 600
SLOTS = (1, 24, 144)
# A laptop may use a few IPv4 addresses without a lease; a MAC with more of them belongs to a
# router.
ADDRESSES_AT_MOST = 4
# Maximum number of IPv6 addresses that one machine uses at once: stable and temporary ones of
# several prefixes (RFC 8981), including deprecated ones.
IPV6_AT_ONCE = 16
GATEWAYS_AT_MOST = 4096
# ARP is seen of hosts that send no mail, too: its times are kept for slots of so many seconds.
ARP_SLOT = 4 * 3600
# Maximum number of addresses, MACs and slots, by frames and by ARP: each takes some 400 bytes.
# Hosts may invent MACs and addresses.
MOST_SEEN, MOST_CLAIMS = 1 << 18, 1 << 17
# Second digits of MACs that address a group.
_GROUP = frozenset("13579bdf")
_NOBODY = "00:00:00:00:00:00"

# Address, MAC and slot of time.
Sighting = tuple[str, str, int]

Interval = tuple[float, float, str]


class MacTable(Struct):
    """MACs (`ether`) of home addresses; merges in any order.

    `seen`: (address, MAC, slot) -> first and last time, of hosts with evidence and their peers.
    `gateways`: MACs that external addresses were seen with. `claims` is the same from ARP, with
    negative slots.

    `rounds`: beyond MOST_SEEN entries the times of several slots are merged (SLOTS), under the
    first of them; beyond that, those of every 2**n-th address are kept (sampling.py), all or none
    of an address. `claims_sampled` is the latter for claims.
    """

    seen: dict[Sighting, tuple[float, float]] = field(default_factory=dict)
    gateways: set[str] = field(default_factory=set)
    claims: dict[Sighting, tuple[float, float]] = field(default_factory=dict)
    claims_sampled: int = 0
    rounds: int = 0

    def __reduce__(self) -> tuple[Callable[[bytes], "MacTable"], tuple[bytes]]:
        """Pickled in one piece; otherwise pickle would memoize each key."""
        return _unpickled, (msgspec.msgpack.encode(self),)

    def note(self, address: str, mac: str, time: float) -> None:
        if mac and mac[1] not in _GROUP:
            self._note((address, mac, int(time // SLOT)), (time, time))

    def note_claim(self, address: str, mac: str, time: float) -> None:
        """Note that the machine claimed the address by ARP."""
        if mac[1] not in _GROUP and mac != _NOBODY:
            self._note_claim((address, mac, -1 - int(time // ARP_SLOT)), (time, time))

    def _note_claim(self, key: Sighting, times: tuple[float, float]) -> None:
        if keeps(key[0], self.claims_sampled):
            _widen(self.claims, key, times)
            while len(self.claims) > MOST_CLAIMS:
                self._sample_claims(self.claims_sampled + 1)

    def _sample_claims(self, times: int) -> None:
        if times > self.claims_sampled:
            self.claims_sampled = times
            self.claims = {k: seen for k, seen in self.claims.items() if keeps(k[0], times)}

    def _sample(self, rounds: int) -> None:
        if rounds > self.rounds:
            self.rounds = rounds
            seen, self.seen = self.seen, {}
            for key, times in seen.items():
                self._note(key, times)

    def _sampled(self) -> int:
        return max(0, self.rounds - len(SLOTS) + 1)

    def sentences(self) -> Iterator[str]:
        """What was left out at a bound."""
        for what, most, sampled in (
            ("MACs of home addresses were seen", MOST_SEEN, self._sampled()),
            ("home addresses were claimed by ARP", MOST_CLAIMS, self.claims_sampled),
        ):
            if sampled:
                yield (
                    f"more than {most} {what}, each counted once every few minutes or hours; only "
                    f"those of one address in {1 << sampled} are used, so addresses of one machine "
                    "may be judged apart"
                )

    def add(self, key: Sighting, times: tuple[float, float]) -> None:
        """Add an entry of `seen`, or one of `claims` if its slot is below 0."""
        if key[2] < 0:
            self._note_claim(key, times)
        else:
            self._note(key, times)

    def note_gateway(self, mac: str) -> None:
        if mac and mac not in self.gateways:
            self.gateways = _smallest(self.gateways | {mac}, GATEWAYS_AT_MOST)

    def merge(self, other: "MacTable") -> None:
        self._sample(other.rounds)
        for key, times in other.seen.items():
            self._note(key, times)
        self._sample_claims(other.claims_sampled)
        for key, times in other.claims.items():
            self._note_claim(key, times)
        self.gateways = _smallest(self.gateways | other.gateways, GATEWAYS_AT_MOST)

    def forget(self, before: float) -> None:
        """Drop everything seen before that time."""
        self.seen = {key: times for key, times in self.seen.items() if times[1] >= before}
        self.claims = {key: times for key, times in self.claims.items() if times[1] >= before}
        if not still_sampled(len(self.seen), self._sampled() or 1, MOST_SEEN):
            self.rounds = 0
        self.claims_sampled = still_sampled(len(self.claims), self.claims_sampled, MOST_CLAIMS)

    def routers(self, leased: Collection[tuple[str, str]]) -> frozenset[str]:
        """MACs that bind nothing; `leased` are pairs (address, MAC) that DHCP confirms.

        A machine has one IPv4 address at a time. A MAC with two at once, with many, or with an
        external address belongs to a router, or to a bridge that hides the machines behind it.
        """
        intervals: dict[str, list[Interval]] = {}
        for (address, mac, _), (first, last) in chain(self.seen.items(), self.claims.items()):
            intervals.setdefault(mac, []).append((first, last, address))
        found = {mac for mac, of_mac in intervals.items() if _is_shared(sorted(of_mac))}
        for mac, of_mac in intervals.items():
            met = {address for _, _, address in of_mac}
            loose = [a for a in met if ":" not in a and (a, mac) not in leased]
            if len(loose) > ADDRESSES_AT_MOST:
                found.add(mac)
        return frozenset(found | self.gateways)

    def router_addresses(self) -> frozenset[str]:
        """Home addresses of routers: each the only address of a MAC that leads to external ones."""
        met: dict[str, set[str]] = {mac: set() for mac in self.gateways}
        for address, mac, _ in self.seen:
            if mac in met:
                met[mac].add(address)
        return frozenset(a for found in met.values() if len(found) == 1 for a in found)

    def pairs(self) -> set[tuple[str, str]]:
        """Each address with each MAC that a frame or ARP showed with it."""
        return {(address, mac) for address, mac, _ in chain(self.seen, self.claims)}

    def sightings(self) -> Iterator[tuple[str, str, tuple[float, float]]]:
        """Address, MAC, first and last time, in a fixed order."""
        for (address, mac, _), times in sorted(self.seen.items()):
            yield address, mac, times

    def claimed(self) -> Iterator[tuple[str, str, tuple[float, float]]]:
        """The same from ARP."""
        for (address, mac, _), times in sorted(self.claims.items()):
            yield address, mac, times

    def _note(self, key: Sighting, times: tuple[float, float]) -> None:
        if not keeps(key[0], self._sampled()):
            return
        if self.rounds:
            address, mac, slot = key
            key = address, mac, slot - slot % SLOTS[min(self.rounds, len(SLOTS) - 1)]
        _widen(self.seen, key, times)
        while len(self.seen) > MOST_SEEN:
            self._sample(self.rounds + 1)


def _unpickled(packed: bytes) -> MacTable:
    return msgspec.msgpack.decode(packed, type=MacTable)


def ends_of_slots(times: Iterable[float]) -> Iterator[float]:
    """The first and last time in each SLOT: no other time changes what is kept."""
    slots: dict[int, tuple[float, float]] = {}
    for time in times:
        slot = int(time // SLOT)
        first, last = slots.get(slot, (time, time))
        slots[slot] = min(first, time), max(last, time)
    for first, last in slots.values():
        yield from {first, last}


def _widen(
    seen: dict[Sighting, tuple[float, float]], key: Sighting, times: tuple[float, float]
) -> None:
    first, last = seen.get(key, times)
    seen[key] = (min(first, times[0]), max(last, times[1]))


def _smallest(items: set[str], most: int) -> set[str]:
    return items if len(items) <= most else set(sorted(items)[:most])


def _is_shared(intervals: list[Interval]) -> bool:
    """True if more addresses were in use at once than one machine has.

    `intervals` are sorted by start.
    """
    v4 = [interval for interval in intervals if ":" not in interval[2]]
    v6 = [interval for interval in intervals if ":" in interval[2]]
    return _most_at_once(v4) > 1 or _most_at_once(v6) > IPV6_AT_ONCE


def _most_at_once(intervals: list[Interval]) -> int:
    """The largest number of distinct addresses with overlapping intervals."""
    most = 0
    going: list[tuple[float, str]] = []
    for first, last, address in intervals:
        if most > IPV6_AT_ONCE:
            break
        while going and going[0][0] <= first:
            heappop(going)
        heappush(going, (last, address))
        most = max(most, len({a for _, a in going}))
    return most
