"""Values that a host can invent are bounded, depending on the set alone, and the report says so."""

import pickle
import random
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address

import pytest
from msgspec.structs import replace

from eveproc.evidence import leases, macs
from eveproc.evidence import store as store_module
from eveproc.evidence.collector import Collector
from eveproc.evidence.packing import pack, unpack
from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.input.events import Arp, Dhcp, Event, Mdns, Origin
from eveproc.verdicts.left_out import left_out
from eveproc.watching.engine import forget
from rulegen.units import DAY
from tests.eveproc.evidence_of import START, flow, lookup, server, site_of

BOUND = 16
MANY = 150


def mac(number: int) -> str:
    return f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"


def home(number: int) -> str:
    return f"10.20.{1 + number // 250}.{1 + number % 250}"


def invented(number: int) -> str:
    return str(
        IPv6Address(int(IPv6Address("2001:db8:20:7::")) + number * 0x9E3779B97F4A7C15 % 2**64)
    )


def framed(number: int, host: str) -> Event:
    made = flow(number, server(number % 20), host=host)
    return replace(made, origin=Origin(client_mac=mac(number)))


def confirmed(number: int, time: float = 0.0) -> Event:
    return Dhcp(time=START + time, mac=mac(number), address=home(number), hostname=f"h{number}")


def claimed(number: int) -> Event:
    return Arp(time=START + number, mac=mac(number), address=home(number))


def announced(number: int) -> Event:
    return Mdns(time=START + number, client=invented(number), names=(f"h{number}.local",))


# What is invented, the sizes that must keep the bound, and what the report says.
KINDS: dict[
    str, tuple[Callable[[int], Event], Callable[[EvidenceStore], Sequence[int]], tuple[str, ...]]
] = {
    "hosts": (
        lambda number: lookup(number, "example.org", host=home(number)),
        lambda store: (len(store.hosts), len(store.active)),
        ("home addresses have evidence", "home addresses were seen"),
    ),
    "sources with MACs": (
        lambda number: framed(number, invented(number)),
        lambda store: (len(store.hosts), len(store.macs.seen)),
        ("home addresses have evidence", "MACs of home addresses were seen"),
    ),
    "leases": (
        confirmed,
        lambda store: (len(store.leases.seen), len(store.leases.lasting), len(store.leases.names)),
        ("leases were confirmed", "machines gave DHCP a name"),
    ),
    "claims": (
        claimed,
        lambda store: (len(store.macs.claims),),
        ("home addresses were claimed by ARP",),
    ),
    "names": (
        announced,
        lambda store: (len(store.host_names.logins),),
        ("home addresses have names",),
    ),
}


@pytest.fixture(autouse=True)
def _low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (store_module, "MOST_HOSTS"),
        (store_module, "MOST_ACTIVE"),
        (store_module, "MOST_LABELS"),
        (leases, "MOST_LEASES"),
        (macs, "MOST_SEEN"),
        (macs, "MOST_CLAIMS"),
    ):
        monkeypatch.setattr(module, name, BOUND)


def store_of(events: Sequence[Event]) -> EvidenceStore:
    collector = Collector(site_of())
    collector.store.host_names.most = BOUND
    for event in events:
        collector.add(event)
    collector.store.trim()
    return collector.store


def same(one: EvidenceStore, other: EvidenceStore) -> bool:
    """True if all values that a host can invent are the same."""
    names = ("hosts", "active", "leases", "macs", "host_names", "hosts_sampled", "active_sampled")
    return all(getattr(one, name) == getattr(other, name) for name in names)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_depends_on_the_set_alone(kind: str, seed: int) -> None:
    make, sizes, told = KINDS[kind]
    events = [make(number) for number in range(MANY)]
    whole = store_of(events)
    chance = random.Random(seed)
    chance.shuffle(events)
    cut = chance.randrange(MANY)
    parts = [store_of(events[:cut]), store_of(events[cut // 2 :])]  # some are in both
    merged = pickle.loads(pickle.dumps(parts[seed % 2]))  # as another process sends it
    merged.merge(parts[1 - seed % 2])
    assert same(store_of(events), whole)
    assert same(merged, whole)
    assert min(sizes(whole)) > 0
    assert max(sizes(whole)) <= BOUND
    said = list(left_out(whole))
    assert all(any(text in sentence for sentence in said) for text in told)


def test_of_many_leases_times_are_left_out_before_addresses() -> None:
    events = [confirmed(n, 3600.0 * hour) for n in range(3) for hour in range(12)]
    kept = store_of(events).leases
    assert {address for address, _, _ in kept.seen} == {home(n) for n in range(3)}
    assert len(kept.seen) <= BOUND
    times = sorted(time - START for time, _ in kept.acknowledgements()[home(0)])
    assert (times[0], times[-1]) == (0.0, 11 * 3600.0)
    assert not list(kept.sentences())  # no address was left out


@pytest.mark.parametrize("seed", range(4))
def test_invented_macs_of_one_address_lose_their_names_and_no_evidence(seed: int) -> None:
    events = [framed(number, home(1)) for number in range(MANY)]
    whole = store_of(events).hosts[home(1)]
    random.Random(seed).shuffle(events)
    one, other = (store_of(some).hosts[home(1)] for some in (events[:70], events[50:]))
    merged = HostEvidence()
    merged.merge(HostEvidence.unpacked(one.packed()))
    merged.merge(other)
    again = unpack(pack(whole).items())
    for evidence in (whole, merged, again):
        evidence.trim()
        assert 0 < len(evidence.parts) <= BOUND
        assert evidence.sampled
    assert merged == whole == again
    plain = store_of([flow(n, server(n % 20), host=home(1)) for n in range(MANY)]).hosts[home(1)]
    together = whole.whole()
    together.trim()
    assert together == plain


def test_a_flood_that_has_aged_out_leaves_nothing_out() -> None:
    """In a watch, evidence after a flood is kept completely."""
    for make, _, _ in KINDS.values():
        store = store_of([make(number) for number in range(MANY)])
        assert list(left_out(store))
        forget(store, START + 80 * DAY)
        assert not list(left_out(store))
        assert not store.hosts_sampled
        assert not store.leases.rounds
        assert not store.macs.rounds


def test_networks_are_kept_longer_than_macs() -> None:
    evidence = HostEvidence()
    for number in range(MANY):
        evidence.part(f"vlan={number % 2} {mac(number)}")
    assert {label for label in evidence.parts if label.endswith(" ")} == {"vlan=0 ", "vlan=1 "}
