"""Address lists: exactly the hosts that are meant, whatever the profile."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulegen.addresses import AddressLists, SiteNetworks, flat, short
from rulegen.networks import NetworkIndex
from rulegen.site_profile import Network, SiteProfile
from rulegen.vocabulary import Engine


def watched(site: SiteProfile, part: Network | None = None, without: Iterable[Network] = ()) -> str:
    lists = AddressLists(SiteNetworks(site), Engine.SURICATA_8)
    return lists.watched(part, lists.excluded(without))


def outside(site: SiteProfile) -> str:
    return AddressLists(SiteNetworks(site), Engine.SURICATA_8).external


V4 = ip_network("10.20.0.0/24")
V6 = ip_network("2001:db8:20::/48")


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts))


def matches(header: str, address: str) -> bool:
    """How an engine reads a flat list: in one of its members (or none is named) and in none of its
    exceptions."""
    parts = header.strip("[]").split(",")
    members = [ip_network(part) for part in parts if not part.startswith("!")]
    holes = [ip_network(part[1:]) for part in parts if part.startswith("!")]
    host = ip_address(address)
    return (not members or any(host in member for member in members)) and not any(
        host in hole for hole in holes
    )


def test_home_minus_servers() -> None:
    site = SiteProfile(
        (V4, V6),
        mail_servers=networks("10.20.0.25"),
        resolvers=networks("10.20.0.53", "2001:db8:20::53"),
    )
    assert (
        watched(site) == "[10.20.0.0/24,2001:db8:20::/48,!10.20.0.25,!10.20.0.53,!2001:db8:20::53]"
    )


def test_servers_elsewhere_are_not_named() -> None:
    site = SiteProfile((V4,), resolvers=networks("192.0.2.53", "10.20.0.53"))
    assert watched(site) == "[10.20.0.0/24,!10.20.0.53]"
    assert watched(site, ip_network("10.20.0.128/25")) == "[10.20.0.128/25]"


def test_neighbours_are_joined_where_that_is_shorter() -> None:
    halves = networks("10.20.1.0/24", "10.20.0.0/24")
    site = SiteProfile(
        (*halves, V6),
        mail_servers=networks("10.20.0.11", "10.20.0.10"),
        resolvers=networks("10.20.0.8/31"),
    )
    assert watched(site) == "[10.20.0.0/23,2001:db8:20::/48,!10.20.0.8/30]"
    assert outside(site) == "[!10.20.0.0/23,!2001:db8:20::/48]"


def test_the_order_of_the_profile_stays_where_nothing_can_be_joined() -> None:
    site = SiteProfile(
        networks("10.20.9.0/24", "10.20.0.0/24"), mail_servers=networks("10.20.9.2", "10.20.9.1")
    )
    assert watched(site) == "[10.20.9.0/24,10.20.0.0/24,!10.20.9.2,!10.20.9.1]"


def test_an_exception_is_named_once() -> None:
    site = SiteProfile(
        (V4,),
        mail_servers=networks("10.20.0.8/30"),
        resolvers=networks("10.20.0.9", "10.20.0.8/30"),
    )
    assert watched(site) == "[10.20.0.0/24,!10.20.0.8/30]"


def test_a_home_network_without_watched_hosts_is_left_out() -> None:
    site = SiteProfile((V4, V6), resolvers=networks("10.20.0.0/23"))
    assert watched(site) == "[2001:db8:20::/48]"
    halves = networks("10.20.0.0/25", "10.20.0.128/25")
    assert watched(SiteProfile((V4,)), without=halves) == ""


def test_outside_is_all_but_home() -> None:
    assert outside(SiteProfile((V4, V6))) == "[!10.20.0.0/24,!2001:db8:20::/48]"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("10.0.0.0/8", "10.20.0.0/16", True),
        ("10.20.0.0/16", "10.0.0.0/8", True),
        ("10.20.0.0/16", "10.21.0.0/16", False),
        ("10.0.0.0/8", "::/0", False),
    ],
)
def test_overlap(one: str, other: str, expected: bool) -> None:
    found = NetworkIndex(networks(one)).overlapping(ip_network(other))
    assert found == (list(networks(one)) if expected else [])


def test_a_host_is_written_without_its_prefix() -> None:
    assert (
        flat(networks("10.20.0.25/32", "2001:db8::1/128", "10.0.0.0/8"))
        == "[10.20.0.25,2001:db8::1,10.0.0.0/8]"
    )
    assert short(ip_network("10.20.0.25")) == "10.20.0.25"


PARTS = st.tuples(st.integers(0, 255), st.integers(24, 32)).map(
    lambda part: ip_network(f"10.20.0.{part[0]}/{part[1]}", strict=False)
)


@given(st.lists(PARTS, max_size=4), st.lists(PARTS, max_size=4), st.integers(0, 255))
def test_the_list_holds_exactly_the_watched_hosts(
    servers: list[Network], own: list[Network], last: int
) -> None:
    site = SiteProfile((V4,), mail_servers=tuple(servers), resolvers=networks("192.0.2.0/24"))
    header = watched(site, without=own)
    host = ip_address(f"10.20.0.{last}")
    expected = not any(host in network for network in (*servers, *own))
    assert (matches(header, str(host)) if header else False) is expected
