"""Leases: which machine had an address when, and one verdict per machine."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.evidence.leases import FOREVER, LEASE_SECONDS, AddressHold, Leases
from eveproc.input.events import Dhcp
from rulegen.vocabulary import Level
from tests.eveproc.evidence_of import START, flow, lease, lookup, mail, report, server, web

ONE, TWO, THREE = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"


def leases_of(*events):
    leases = Leases()
    for event in events:
        leases.note(event)
    return leases


def holds_of(leases):
    """The machines that held each address, in order of time."""
    found = leases.acknowledgements()
    return {address: leases.holds(address, acks) for address, acks in sorted(found.items())}


def test_an_address_that_changes_hands_has_two_tenants():
    leases = leases_of(
        lease(10, "10.20.1.7", ONE), lease(5000, "10.20.1.7", TWO), lease(9000, "10.20.1.7", TWO)
    )
    assert holds_of(leases) == {
        "10.20.1.7": (
            AddressHold("10.20.1.7", ONE, START + 10 - LEASE_SECONDS, START + 5000, START + 10),
            AddressHold("10.20.1.7", TWO, START + 5000, FOREVER, START + 9000),
        )
    }


def test_a_machine_that_comes_back_within_the_hour():
    leases = leases_of(
        lease(300, "10.20.1.7", ONE), lease(1200, "10.20.1.7", TWO), lease(2400, "10.20.1.7", ONE)
    )
    assert [tenancy.mac for tenancy in holds_of(leases)["10.20.1.7"]] == [ONE, TWO, ONE]


def test_a_lease_does_not_reach_back_beyond_its_length():
    late = Dhcp(
        time=START + 36000, mac=TWO, address="10.20.1.7", hostname="late", lease_seconds=3600
    )
    events = [flow(n * 3, server(n), host="10.20.1.7") for n in range(40)]
    verdicts = [
        (v.host, v.identity and v.identity.mac, v.level) for v in report([*events, late]).verdicts
    ]
    assert verdicts == [("10.20.1.7", None, Level.INFECTED), ("10.20.1.7", TWO, Level.CLEAN)]


def test_the_address_shown_is_the_newest_lease():
    events = [lease(0, "10.20.1.7", ONE), lease(9000, "10.20.1.2", ONE)]
    events += [flow(n * 3, server(n), host="10.20.1.7") for n in range(40)] + [
        flow(9100, server(1), 443, host="10.20.1.2")
    ]
    assert [v.host for v in report(events).verdicts] == ["10.20.1.2"]


def test_a_mac_of_zeros_is_nobody():
    assert holds_of(leases_of(lease(0, "10.20.1.7", "00:00:00:00:00:00"))) == {}


def test_a_request_names_a_machine_without_giving_it_an_address():
    leases = leases_of(lease(10, "", ONE, "lap-1"), lease(11, "10.20.1.7", ONE, ""))
    assert leases.name_of(ONE) == "lap-1"
    assert list(holds_of(leases)) == ["10.20.1.7"]


def test_two_machines_acknowledged_in_the_same_instant():
    """Sensors that merge their logs, or two relays of one request, give the same microsecond."""
    events = [lease(10, "10.20.1.7", TWO), lease(10, "10.20.1.7", ONE)]
    assert holds_of(leases_of(*events)) == {
        "10.20.1.7": (
            AddressHold("10.20.1.7", ONE, START + 10 - LEASE_SECONDS, START + 10, START + 10),
            AddressHold("10.20.1.7", TWO, START + 10, FOREVER, START + 10),
        )
    }
    events += [flow(n * 5, server(n), host="10.20.1.7") for n in range(40)]
    verdicts = report(events).verdicts
    assert {v.identity.mac: v.level for v in verdicts} == {ONE: Level.CLEAN, TWO: Level.INFECTED}


def test_a_hold_of_no_length_still_shows_its_machine():
    acks = [(0, ONE), (10, ONE), (10, TWO), (10, THREE)]
    held = holds_of(leases_of(*(lease(time, "10.20.1.7", mac) for time, mac in acks)))
    assert [(hold.mac, hold.end - hold.start) for hold in held["10.20.1.7"]][1:] == [
        (TWO, 0),
        (THREE, FOREVER),
    ]


@pytest.mark.parametrize("seconds", [0, -1, 2**62])
def test_a_lease_of_any_length_gives_holds_in_order_of_time(seconds):
    odd = Dhcp(time=START, mac=ONE, address="10.20.1.7", lease_seconds=seconds)
    (hold,) = holds_of(leases_of(odd))["10.20.1.7"]
    assert hold.start <= hold.confirmed < hold.end
    assert report([odd, *web("10.20.1.7")]).verdicts[0].identity.mac == ONE


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from([ONE, TWO, THREE]), st.sampled_from([0, 1, 4000])
        ),
        max_size=12,
    )
)
def test_holds_follow_each_other_without_a_gap(acks):
    events = [lease(time, f"10.20.1.{ord(host)}", mac) for host, mac, time in acks]
    leases = leases_of(*events)
    for address, holds in holds_of(leases).items():
        assert all(before.end == after.start for before, after in pairwise(holds))
        assert all(hold.start <= hold.confirmed <= hold.end for hold in holds)
        macs = {event.mac for event in events if event.address == address}
        assert {hold.mac for hold in holds} == macs


@given(
    st.lists(
        st.tuples(st.integers(0, 9000), st.sampled_from("ab"), st.sampled_from([ONE, TWO])),
        max_size=12,
    ),
    st.randoms(),
)
def test_leases_merge_in_any_order(given_leases, rng):
    events = [
        lease(time, f"10.20.1.{ord(host)}", mac, f"pc-{host}") for time, host, mac in given_leases
    ]
    whole = leases_of(*events)
    rng.shuffle(events)
    merged = leases_of(*events[::2])
    merged.merge(leases_of(*events[1::2]))
    assert merged == whole


def test_a_laptop_that_changes_address_is_one_host():
    events = [lease(0, "10.20.1.7", ONE, "lap-1"), lease(300, "10.20.1.8", ONE, "lap-1")]
    # Eight peers at each address: too few for either, enough for one machine.
    events += [
        flow(n * 50, server(n), host="10.20.1.7" if n < 8 else "10.20.1.8") for n in range(16)
    ]
    verdicts = [v for v in report(events).verdicts if v.level is Level.INFECTED]
    assert [(v.host, v.identity.mac, v.identity.name, v.identity.addresses) for v in verdicts] == [
        ("10.20.1.8", ONE, "lap-1", ("10.20.1.7", "10.20.1.8"))
    ]


def test_two_machines_at_one_address_are_two_hosts():
    events = [lease(0, "10.20.1.7", ONE, "lap-1"), lease(4000, "10.20.1.7", TWO, "lap-2")]
    events += [flow(n * 5, server(n), host="10.20.1.7") for n in range(40)]
    events += [lookup(5000, "www.example.org", "A", host="10.20.1.7")]
    verdicts = report(events).verdicts
    assert [(v.identity.mac, v.level) for v in verdicts if v.identity] == [
        (ONE, Level.INFECTED),
        (TWO, Level.CLEAN),
    ]


def test_a_host_without_a_lease_has_no_identity():
    assert report([flow(0, server(1))]).verdicts[0].identity is None


def test_two_tenants_who_meet_the_same_within_an_hour():
    mails = [
        mail(t, server(1), rcpt="a@x.test", subject="test", host="10.20.1.9") for t in (10, 1810)
    ]
    events = [lease(0, "10.20.1.9", ONE), mails[0], lease(1800, "10.20.1.9", TWO), mails[1]]
    assert {v.level for v in report(events).verdicts} == {Level.CLEAN}
