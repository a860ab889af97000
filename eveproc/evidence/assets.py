"""EvidenceStore -> Asset: the evidence of one machine over its addresses, networks and MACs.

An address may be in use in several networks. Where the site names the fields that separate them
(`separate_by`), their evidence is kept apart. Otherwise the parts of an address are joined unless
they contradict each other: see `_contradict`. docs/site.md states the rule.

A MAC binds the addresses of one machine, IPv4 and IPv6; a router's MAC binds nothing (macs.py).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address
from itertools import combinations
from math import inf
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.leases import Ack, AddressHold, Leases
from eveproc.evidence.packed_store import PackedStore
from eveproc.evidence.places import Place, describe, differing, project
from eveproc.evidence.store import EvidenceSource, EvidenceStore, HostEvidence, merged

# Two networks are one if this share of the smaller one's events was logged in both. Two machines
# that happen to use the same port at the same server within an hour stay far below.
SHARED = 0.1
# Maximum number of networks at one address that are compared pair by pair.
COMPARED_AT_MOST = 64
# Maximum number of MACs of an address that are told apart: beyond that, somebody invents MACs.
MACS_AT_MOST = 1024

Pair = tuple[str, str]
_NOTHING: Mapping[str, HostEvidence] = MappingProxyType({})


class Apart(Struct, frozen=True):
    """Why an address was judged as several machines.

    `fields` separate them although the site does not declare it; `whole` is the evidence of all of
    them.
    """

    fields: tuple[str, ...]
    whole: HostEvidence


class Asset(Struct, frozen=True):
    """A machine's evidence over all its addresses; `address` is the latest.

    `mac` is "" if not known. `scope` names its network if the address is in several ("" otherwise),
    `scopes` are those logged. `contested` are the MACs of machines that had the address at the same
    time and whose evidence cannot be separated. `holds` say when the addresses were the machine's;
    () if unknown.
    """

    address: str
    evidence: HostEvidence
    mac: str
    addresses: tuple[str, ...]
    scope: str = ""
    scopes: frozenset[str] = frozenset()
    apart: Apart | None = None
    contested: tuple[str, ...] = ()
    holds: tuple[AddressHold, ...] = ()


class Network(Struct, frozen=True):
    """The evidence of one address in one network, by MAC, and its scopes.

    `is_whole`: the address was seen in no other network.
    """

    address: str
    scopes: frozenset[str]
    by_mac: Mapping[str, HostEvidence]
    scope: str = ""
    apart: Apart | None = None
    is_whole: bool = True


def assets(
    store: EvidenceStore, separate_by: tuple[str, ...] | None, *, everyone: bool = True
) -> Iterator[Asset]:
    """Every home host that was seen.

    Without `everyone`, hosts without evidence and lease are omitted.
    """
    known = _Acks(store, separate_by)
    holders = _Holders()
    addresses = store.active if everyone else store.active & (set(store.hosts) | known.addresses())
    for network in _networks(store, separate_by, addresses, known):
        acks = known.of(network)
        contested = _contested(store.leases, network.address, acks)
        held = () if contested else store.leases.holds(network.address, acks)
        yield from _unbound(network, held, contested, known.routers)
        for hold, evidence in _bound(network, held, known.routers):
            holders.add(hold, network, evidence)
    for mac, parts in holders.by_mac():
        yield from _of_mac(mac, parts)


def _contested(leases: Leases, address: str, acks: set[Ack]) -> tuple[str, ...]:
    """The machines that had the address at the same time; only some if MACs are invented."""
    if len(acks) > MACS_AT_MOST and len(macs := {mac for _, mac in acks}) > MACS_AT_MOST:
        return tuple(sorted(macs)[:COMPARED_AT_MOST])
    return leases.contested(address, acks) if acks else ()


class _Holders:
    """MACs, and what each did at an address; most of the evidence is packed to save memory."""

    def __init__(self) -> None:
        self._parts: dict[str, list[tuple[AddressHold, Network, str]]] = {}
        self._evidence = PackedStore(HostEvidence)

    def add(self, hold: AddressHold, network: Network, evidence: HostEvidence) -> None:
        key = str(len(self._evidence))
        self._evidence[key] = evidence
        place = hold, replace(network, by_mac=_NOTHING), key
        self._parts.setdefault(hold.mac, []).append(place)

    def by_mac(self) -> Iterator[tuple[str, list[tuple[AddressHold, Network, HostEvidence]]]]:
        """MACs in order; the networks are returned without their evidence."""
        for mac, parts in sorted(self._parts.items()):
            yield mac, [(hold, network, self._evidence[key]) for hold, network, key in parts]


class _Acks:
    """Times at which a MAC was confirmed at an address, by DHCP or by frames."""

    def __init__(self, store: EvidenceStore, separate_by: tuple[str, ...] | None) -> None:
        self._leases = store.leases
        self._fields = separate_by
        leased = {(address, mac) for address, mac, _ in store.leases.seen}
        has_macs = bool(store.macs.seen or store.macs.claims)
        self.routers = store.macs.routers(leased) if has_macs else frozenset()
        self._leased = store.leases.acknowledgements()
        self._met: dict[str, set[Ack]] = {}
        for address, mac, times in store.macs.sightings():
            if mac not in self.routers:
                self._met.setdefault(address, set()).update((time, mac) for time in times)
        known = self._met.keys() | self._leased.keys()
        for address, mac, times in store.macs.claimed():
            if address not in known and mac not in self.routers:
                self._met.setdefault(address, set()).update((time, mac) for time in times)

    def addresses(self) -> set[str]:
        return set(self._leased)

    def leases_of(self, address: str) -> dict[str, set[Ack]]:
        """The acknowledgements of an address by scope ("" if not logged)."""
        by_scope: dict[str, set[Ack]] = {}
        for time, mac in self._leased.get(address, ()):
            for scope in self._leases.scopes.get((address, mac), {""}):
                scope = project(scope, self._fields)
                by_scope.setdefault(scope, set()).add((time, mac))
        return by_scope

    def everywhere(self, address: str) -> set[Ack]:
        """The acknowledgements of an address in any network."""
        return self._leased.get(address, set()) | self._met.get(address, set())

    def of(self, network: Network) -> set[Ack]:
        """The acknowledgements of an address in one network."""
        address = network.address
        if network.is_whole:
            return self.everywhere(address)
        leased = {
            ack
            for scope, acks in self.leases_of(address).items()
            if scope in network.scopes
            for ack in acks
        }
        return leased | {ack for ack in self._met.get(address, ()) if ack[1] in network.by_mac}


def _unbound(
    network: Network,
    held: tuple[AddressHold, ...],
    contested: tuple[str, ...],
    routers: Collection[str],
) -> Iterator[Asset]:
    """Evidence without a known MAC: from before the first hold, or all."""
    loose = _loose(network, routers)
    if held:
        loose = loose.between(-inf, held[0].start)
    if loose.sketches or not (held or (contested and len(network.by_mac) > 1)):
        address = network.address
        yield Asset(
            address,
            loose,
            "",
            (address,),
            network.scope,
            network.scopes,
            network.apart,
            contested,
            () if held or contested else (AddressHold(address, "", -inf, inf, inf),),
        )


def _bound(
    network: Network, held: tuple[AddressHold, ...], routers: Collection[str]
) -> Iterator[tuple[AddressHold, HostEvidence]]:
    """By MAC: evidence that names it, and evidence without MAC while it held the address."""
    loose = _loose(network, routers)
    named = {m: e for m, e in network.by_mac.items() if m and m not in routers}
    for hold in held:
        evidence = loose.between(hold.start, hold.end)
        own = named.pop(hold.mac, None)
        yield hold, merged((evidence, own)) if own else evidence
    for mac, own in named.items():  # several machines have the address at once
        yield AddressHold(network.address, mac, *_span(own), confirmed=_span(own)[1]), own


def _span(evidence: HostEvidence) -> tuple[float, float]:
    sketches = evidence.sketches.values()
    return min(s.first_seen for s in sketches), max(s.last_seen for s in sketches)


def _loose(network: Network, routers: Collection[str]) -> HostEvidence:
    """Evidence without a MAC, or with a router's."""
    loose = [e for mac, e in network.by_mac.items() if not mac or mac in routers]
    return loose[0] if len(loose) == 1 else merged(loose)


def _of_mac(mac: str, parts: list[tuple[AddressHold, Network, HostEvidence]]) -> Iterator[Asset]:
    """The asset of a MAC, or several if it is in several networks at once (copied virtual
    machines).
    """
    scopes = {network.scope for _, network, _ in parts}
    if len(scopes) > 1 and _is_copied(parts):
        for scope in sorted(scopes):
            yield _gathered(mac, [part for part in parts if part[1].scope == scope])
    else:
        yield _gathered(mac, parts)


def _is_copied(parts: list[tuple[AddressHold, Network, HostEvidence]]) -> bool:
    times = [(network.scope, *_span_of(hold, evidence)) for hold, network, evidence in parts]
    return any(
        one[0] != other[0] and one[1] < other[2] and other[1] < one[2]
        for one, other in combinations(times, 2)
    )


def _span_of(hold: AddressHold, evidence: HostEvidence) -> tuple[float, float]:
    return _span(evidence) if evidence.sketches else (hold.confirmed, hold.confirmed)


def _gathered(mac: str, parts: list[tuple[AddressHold, Network, HostEvidence]]) -> Asset:
    evidence = merged(evidence for _, _, evidence in parts)
    addresses = tuple(sorted({hold.address for hold, _, _ in parts}, key=by_number))
    latest, network = max(
        ((hold, network) for hold, network, _ in parts),
        key=lambda pair: (pair[0].confirmed, pair[0].address),
    )
    apart = next((network.apart for _, network, _ in parts if network.apart), None)
    scopes = frozenset(scope for _, network, _ in parts for scope in network.scopes)
    return Asset(
        latest.address,
        evidence,
        mac,
        addresses,
        network.scope,
        scopes,
        apart,
        holds=tuple(hold for hold, _, _ in parts),
    )


def holders(store: EvidenceStore) -> Iterator[AddressHold]:
    """Holders of addresses over time, by DHCP and by frames."""
    known = _Acks(store, None)
    for address in sorted(known.addresses() | {address for address, _, _ in store.macs.seen}):
        yield from store.leases.holds(address, known.everywhere(address))


def by_number(address: str) -> tuple[int, int]:
    """Sort key of addresses: IPv4 first, by number."""
    parsed = ip_address(address)
    return parsed.version, int(parsed)


# Networks


def _networks(
    store: EvidenceStore,
    separate_by: tuple[str, ...] | None,
    addresses: Iterable[str],
    known: _Acks,
) -> Iterator[Network]:
    """Every address, once for each network that uses it."""
    joined = _joined_scopes(store, known.routers) if separate_by is None else frozenset()
    peer_of = store.server_names.peers()
    for address in sorted(addresses):
        evidence = (store.hosts.get(address) or HostEvidence()).by_peer(peer_of)
        by_scope = _by_scope(evidence, separate_by)
        leased = known.leases_of(address)
        scopes = by_scope.keys() | leased.keys()
        if len(scopes) < 2 and separate_by is None:
            yield Network(address, frozenset(scopes), _all_by_mac(by_scope))
        elif separate_by is None:
            yield from _as_needed(address, by_scope, leased, joined, store.leases, known.routers)
        else:
            yield from _as_told(address, by_scope, scopes, separate_by)


def _by_scope(
    evidence: HostEvidence, fields: tuple[str, ...] | None
) -> dict[str, dict[str, HostEvidence]]:
    """Scope -> MAC -> evidence."""
    found: dict[str, dict[str, HostEvidence]] = {}
    own = HostEvidence(evidence.sketches)
    for label, part in (("", own), *evidence.parts.items()):
        if part.sketches:
            place = Place.of(label)
            by_mac = found.setdefault(project(place.scope, fields), {})
            known = by_mac.get(place.mac)
            by_mac[place.mac] = merged((known, part)) if known else part
    return found


def _all_by_mac(by_scope: Mapping[str, Mapping[str, HostEvidence]]) -> dict[str, HostEvidence]:
    """MAC -> evidence, over all scopes."""
    if len(by_scope) == 1:
        return dict(next(iter(by_scope.values())))
    parts: dict[str, list[HostEvidence]] = {}
    for by_mac in by_scope.values():
        for mac, evidence in by_mac.items():
            parts.setdefault(mac, []).append(evidence)
    return {mac: merged(of_mac) for mac, of_mac in parts.items()} or {"": HostEvidence()}


def _as_told(
    address: str,
    by_scope: Mapping[str, Mapping[str, HostEvidence]],
    scopes: Collection[str],
    fields: tuple[str, ...],
) -> Iterator[Network]:
    """As declared: one network for each scope; scopes that logged the same connections are joined.

    This covers connections whose directions carry different VLAN tags, and two sensors in one
    network. Evidence without scope belongs to the only network, if there is just one.
    """
    parts = {scope: _Part(by_scope.get(scope, {})) for scope in scopes}
    groups = _united(scopes, _same_events(parts))
    if len(groups) == 2 and frozenset({""}) in groups:
        groups = [frozenset(scopes)]
    for group in groups or [frozenset()]:
        own = {scope: by_scope[scope] for scope in sorted(group) if scope in by_scope}
        shown = describe(group, fields)
        yield Network(address, group, _all_by_mac(own), shown, is_whole=len(groups) < 2)


def _as_needed(
    address: str,
    by_scope: Mapping[str, Mapping[str, HostEvidence]],
    leased: Mapping[str, set[Ack]],
    joined: Collection[Pair],
    leases: Leases,
    routers: Collection[str],
) -> Iterator[Network]:
    """By the evidence: one network, unless its parts contradict each other."""
    scopes = by_scope.keys() | leased.keys()
    parts = {
        scope: _Part(by_scope.get(scope, {}), leased.get(scope, set()), routers) for scope in scopes
    }
    pairs = {pair for pair in combinations(sorted(scopes), 2) if pair in joined}
    groups = _united(scopes, _tied(parts) | pairs)
    if len(groups) < 2 or not _contradict(address, groups, parts, leases):
        yield Network(address, frozenset(scopes), _all_by_mac(by_scope))
        return
    fields = differing(groups)
    whole = merged(part.evidence for part in parts.values())
    for group in groups:
        own = {scope: by_scope[scope] for scope in sorted(group) if scope in by_scope}
        shown = describe(group, fields) or "no " + " or ".join(fields)
        apart = Apart(fields, whole)
        yield Network(address, group, _all_by_mac(own), shown, apart, is_whole=False)


class _Part:
    """The evidence of one address in one scope, for comparison."""

    def __init__(
        self,
        by_mac: Mapping[str, HostEvidence],
        acks: Collection[Ack] = (),
        routers: Collection[str] = (),
    ) -> None:
        self.evidence = merged(by_mac.values())
        logs = [
            (kind, sketch)
            for (kind, source), sketch in self.evidence.sketches.items()
            if source is EvidenceSource.LOG
        ]
        self.events = {
            (hour, mark)
            for _, s in logs
            for hour, bucket in s.hours.items()
            for mark in bucket.events
        }
        self.doing = {(kind, hour) for kind, sketch in logs for hour in sketch.hours}
        self.hours = {hour for sketch in self.evidence.sketches.values() for hour in sketch.hours}
        self.macs = {mac for mac in by_mac if mac and mac not in routers}
        self.acks = acks
        self.holders = {mac for _, mac in acks}


def _tied(parts: Mapping[str, _Part]) -> set[Pair]:
    """Pairs of scopes of one network: both logged the same connections, MAC or lease."""
    return _same_events(parts) | {
        (one, other)
        for one, other in _pairs(parts)
        if parts[one].macs & parts[other].macs or parts[one].holders & parts[other].holders
    }


def _same_events(parts: Mapping[str, _Part]) -> set[Pair]:
    """Pairs of scopes that logged the same connections (SHARED of the smaller one's)."""
    shared: Counter[Pair] = Counter()
    seen_in: dict[tuple[int, int], list[str]] = {}
    for scope, part in sorted(parts.items()):
        for event in part.events:
            seen_in.setdefault(event, []).append(scope)
    for scopes in seen_in.values():
        shared.update(combinations(scopes, 2))
    return {
        (one, other)
        for (one, other), number in shared.items()
        if number >= SHARED * min(len(parts[one].events), len(parts[other].events))
    }


def _pairs(parts: Mapping[str, _Part]) -> Iterator[Pair]:
    return combinations(sorted(parts) if len(parts) <= COMPARED_AT_MOST else (), 2)


def _united(scopes: Iterable[str], pairs: Iterable[Pair]) -> list[frozenset[str]]:
    """Groups of scopes that the pairs connect."""
    group_of = {scope: {scope} for scope in scopes}
    for one, other in sorted(pairs):
        if group_of[one] is not group_of[other]:
            group_of[one] |= group_of[other]
            for scope in group_of[other]:
                group_of[scope] = group_of[one]
    return sorted({frozenset(group) for group in group_of.values()}, key=sorted)


def _contradict(
    address: str,
    groups: Iterable[frozenset[str]],
    parts: Mapping[str, _Part],
    leases: Leases,
) -> bool:
    """True if two machines use this address at once.

    Two groups of scopes contradict each other if, within the same hour, they show different MACs or
    leases, or if both show the same type of activity without any common event. Types must match,
    since one sensor may see only lookups and another only mail. A globally unique address cannot be
    in two networks.
    """
    if ip_address(address).is_global:
        return False
    for one, other in combinations(groups, 2):
        for a in one:
            for b in other:
                if _differ(address, parts[a], parts[b], leases):
                    return True
    return False


def _differ(address: str, one: _Part, other: _Part, leases: Leases) -> bool:
    if one.doing & other.doing:
        return True
    if one.macs and other.macs and one.hours & other.hours:
        return True
    return any(
        abs(time - later) <= leases.length(address, mac if time < later else rival)
        for time, mac in one.acks
        for later, rival in other.acks
    )


def _joined_scopes(store: EvidenceStore, routers: Collection[str]) -> frozenset[Pair]:
    """Pairs of scopes that are one network according to most of the addresses seen in both."""
    tally: Counter[Pair] = Counter()
    for _, evidence in store.hosts.items() if store.has_scopes else ():
        by_scope = _by_scope(evidence, None)
        if len(by_scope) < 2:
            continue
        parts = {scope: _Part(by_mac, (), routers) for scope, by_mac in by_scope.items()}
        tied = _tied(parts)
        for one, other in _pairs(parts):
            if (one, other) in tied:
                tally[one, other] += 1
            elif parts[one].doing & parts[other].doing:
                tally[one, other] -= 1
    return frozenset(pair for pair, balance in tally.items() if balance > 0)
