"""Kinds that are hard to judge: complete, the same for the same seed, and simulated only if named."""

from collections import Counter, defaultdict
from collections.abc import Collection
from ipaddress import ip_address, ip_network
from itertools import pairwise

import pytest

from rulegen.simulate import Simulation, simulate
from rulegen.simulate.hard import HARD, HardKind
from rulegen.simulate.scenarios import BENIGN, GREY, INFECTED, SCENARIOS
from rulegen.site_profile import SiteProfile

SITE = SiteProfile(
    (ip_network("10.20.0.0/16"), ip_network("2001:db8:20::/48")),
    (ip_network("10.20.0.25"), ip_network("2001:db8:20::25")),
    (ip_network("10.20.0.53"), ip_network("2001:db8:20::53")),
)


VLAN_TAG = b"\x81\x00"
EVERY = frozenset(kind.name for kind in HARD)


def played(seed: int, names: Collection[str]) -> Simulation:
    """A minute of each; what has begun by then is finished."""
    return simulate(SITE, seed, seconds=60, clients=20, scenarios=names)


def seconds_of(simulation: Simulation) -> dict[str, list[float]]:
    """Of each scenario, when packets to or from any of its addresses were sent."""
    owner = {
        ip_address(address).packed: host.scenario
        for host in simulation.hosts
        for address in host.addresses
    }
    found = defaultdict(list)
    for time, whole in simulation.packets:
        frame = whole[:12] + whole[16:] if whole[12:14] == VLAN_TAG else whole
        ends = (26, 30, 34) if frame[12:14] == b"\x08\x00" else (22, 38, 54)
        for begin, end in pairwise(ends):
            if scenario := owner.get(frame[begin:end]):
                found[scenario].append(time)
    return found


@pytest.fixture(scope="module")
def first() -> Simulation:
    return played(3, EVERY)


def test_names_are_unique_also_among_the_ordinary_scenarios() -> None:
    names = Counter(scenario.name for scenario in (*SCENARIOS, *HARD))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("kind", HARD, ids=lambda kind: kind.name)
def test_each_kind_states_what_it_does_its_label_and_its_source(kind: HardKind) -> None:
    assert kind.label in (BENIGN, GREY, INFECTED)
    assert (kind.label == GREY) <= (not kind.tellable)
    assert (kind.play.__doc__ or "").partition("Source:")[0].strip()
    assert len(kind.source.split()) >= 3, "the docstring ends with `Source: ...`"


def test_every_kind_finds_a_place_and_shows_packets_of_its_own(first: Simulation) -> None:
    assert first.left_out == ()
    labels = {host.scenario: host.label for host in first.hosts}
    assert {kind.name: kind.label for kind in HARD}.items() <= labels.items()
    assert [host.scenario for host in first.hosts if not host.note] == []
    assert {kind.name for kind in HARD} <= seconds_of(first).keys()


def test_one_seed_gives_the_same_bytes(first: Simulation) -> None:
    assert played(3, EVERY) == first


def test_another_seed_draws_other_times_and_numbers() -> None:
    few = {"help_desk", "synack_reflection", "alert_storm_by_relay"}
    one, other = (played(seed, few) for seed in (3, 4))
    notes = [{h.note for h in each.hosts if h.scenario in few} for each in (one, other)]
    assert not notes[0] & notes[1]
    assert not any(seconds_of(one)[name] == seconds_of(other)[name] for name in few)


def test_they_are_played_only_when_named() -> None:
    ordinary = simulate(SITE, 3, seconds=60, clients=0)
    assert not {host.scenario for host in ordinary.hosts} & {kind.name for kind in HARD}
