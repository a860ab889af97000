"""Overlapping networks, MACs, sensors -> the machine to which evidence belongs."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.evidence import macs
from eveproc.evidence.assets import assets
from eveproc.evidence.packing import pack, unpack
from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.input.events import Arp, Dhcp
from eveproc.input.read_stats import ReadStats
from eveproc.verdicts.analyze import judge_evidence
from rulegen.vocabulary import Level
from tests.eveproc.evidence_of import (
    HOST,
    RESOLVER,
    SITE,
    START,
    alert,
    answer,
    flow,
    gather,
    lease,
    lookup,
    mail,
    report,
    server,
    site_of,
    web,
)
from tests.eveproc.networks import GATEWAY, bot, laptop, seen

MAC = "02:00:00:00:00:0{}"
BRANCHES = 'home_networks: ["192.168.1.0/24"]\n'


def site(fields=None, text=SITE):
    return site_of(text if fields is None else f"{text}separate_by: {fields}\n")


def judged(events, fields=None, text=SITE):
    """(host, scope, level) of every host, and the sentences about the report."""
    found = report(events, site(fields, text))
    return sorted((v.host, v.scope, v.level) for v in found.verdicts), found.health


@pytest.mark.parametrize("fields", [None, "[vlan]"])
def test_six_overlapping_vlans_hold_six_machines(fields):
    events = [e for vlan in range(10, 16) for e in seen(laptop(HOST, vlan * 7), vlan=(vlan,))]
    events += seen(bot(HOST), vlan=(16,))
    hosts, _ = judged(events, fields)
    assert hosts == [(HOST, f"vlan={v}", Level.CLEAN) for v in range(10, 16)] + [
        (HOST, "vlan=16", Level.INFECTED)
    ]


def test_alerts_of_one_vlan_may_be_about_the_other_and_the_verdict_says_so():
    events = [*seen(laptop(HOST), vlan=(20,)), *seen(bot(HOST), vlan=(10,))]
    events += seen([alert(640, "mx_flood", host=HOST)], vlan=(20,))
    whys = {v.scope: v.why for v in report(events, site("[vlan]")).verdicts}
    counted = "counts this address in all VLANs together"
    assert {scope: counted in why for scope, why in whys.items()} == {
        "vlan=10": False,
        "vlan=20": True,
    }


def test_on_alerts_alone_each_vlan_has_the_alerts_that_name_it():
    signals = ("mx_flood", "smtp_attempts", "smtp_sessions", "smtp_rejects")
    alerts = [alert(600 * n, s, host=HOST, sid=1_250_001 + n) for n, s in enumerate(signals)]
    events = [*seen(alerts, vlan=(10,)), *seen([alert(60, "mx_flood", host=HOST)], vlan=(20,))]
    hosts, _ = judged(events, "[vlan]")
    levels = {scope: level for _, scope, level in hosts}
    assert levels["vlan=10"] is Level.INFECTED
    assert levels["vlan=20"] is not Level.INFECTED


def test_an_address_that_is_judged_apart_is_named_with_what_to_set():
    events = [*seen(laptop(HOST), vlan=(20,)), *seen(bot(HOST), vlan=(10,))]
    _, health = judged(events)
    assert [line for line in health if "separate_by: [vlan]" in line and "vlan=10; vlan=20" in line]
    assert not judged(events, "[vlan]")[1]


@pytest.mark.parametrize("fields", [None, "[tenant_id]", "[vlan, tenant_id]"])
def test_four_tenants_with_one_address(fields):
    events = [e for t in "123" for e in seen(laptop(HOST, int(t) * 9), tenant_id=t, vlan=(7,))]
    events += seen(bot(HOST), tenant_id="4", vlan=(7,))
    hosts, _ = judged(events, fields)
    assert [(level, scope.rpartition("=")[2]) for _, scope, level in hosts] == [
        *((Level.CLEAN, tenant) for tenant in "123"),
        (Level.INFECTED, "4"),
    ]


def test_a_tenant_id_of_zero_is_a_tenant():
    events = [*seen(laptop(HOST), tenant_id="0"), *seen(bot(HOST), tenant_id="1")]
    assert [scope for _, scope, _ in judged(events)[0]] == ["tenant_id=0", "tenant_id=1"]


def branches(number=12):
    host = "192.168.1.50"
    return [
        event
        for n in range(number)
        for event in seen(laptop(host, 3 * n, start=120 * n), f"branch-{n}")
    ]


@pytest.mark.parametrize("fields", [None, "[host]"])
def test_twelve_branches_with_the_same_laptop_address_are_clean(fields):
    hosts, _ = judged(branches(), fields, BRANCHES)
    assert [(scope, level) for _, scope, level in hosts] == sorted(
        (f"host=branch-{n}", Level.CLEAN) for n in range(12)
    )


def test_a_site_that_has_one_network_says_so():
    """Sensors that share the load do not see a connection twice either: then the sum counts."""
    events = list(bot(HOST, number=12))
    shares = [e for n in range(6) for e in seen(events[6 * n : 6 * n + 6], f"ids{n}")]
    hosts, health = judged(shares, "[]")
    assert hosts == [(HOST, "", Level.INFECTED)]
    assert not health
    apart, told = judged(shares)
    assert {level for _, _, level in apart} == {Level.CLEAN}
    assert any(
        "if it is one machine, its verdict is infected" in line and "separate_by: []" in line
        for line in told
    )


def test_two_sensors_that_see_the_same_traffic_count_it_once():
    events = list(bot(HOST))
    both = [*seen(events, "ids1"), *seen(events, "ids2", later=0.2)]
    once, twice = report(events), report(both)
    assert [v.evidence for v in twice.verdicts] == [
        tuple(
            replace(item, last_seen=other.last_seen)
            for item, other in zip(v.evidence, w.evidence, strict=True)
        )
        for v, w in zip(once.verdicts, twice.verdicts, strict=True)
    ]
    assert [(v.scope, v.score, v.why) for v in twice.verdicts] == [
        ("", v.score, v.why) for v in once.verdicts
    ]
    assert not twice.health


def test_two_sensors_of_which_one_loses_half_are_in_one_network():
    events = list(bot(HOST))
    both = [*seen(events, "ids1"), *seen(events[::2], "ids2")]
    assert [(v.scope, v.level) for v in report(both).verdicts] == [("", Level.INFECTED)]


def test_a_sensor_for_lookups_and_one_for_mail_are_in_one_network():
    """One sensor is behind the resolver, one at the border: neither sees the other's traffic."""
    events = list(bot(HOST, number=8))
    lookups = [e for e in events if e.TYPE == "dns"]
    mails = [e for e in events if e.TYPE != "dns"]
    parts = [*seen(lookups, "lan", vlan=(5,)), *seen(mails, "edge", vlan=(99,))]
    assert report(parts).verdicts == report(events).verdicts


def test_sensors_that_share_other_hosts_share_this_one():
    """Both sensors see most hosts, so what only one of them saw of a host also belongs to it."""
    others = [e for n in range(3) for e in laptop(f"10.20.2.{n}", n * 5)]
    mine = list(bot(HOST, number=12))
    events = [
        *seen(others, "ids1"),
        *seen(others, "ids2"),
        *seen(mine[:18], "ids1"),
        *seen(mine[18:], "ids2"),
    ]
    found = [(v.scope, v.level) for v in report(events).verdicts if v.host == HOST]
    assert found == [("", Level.INFECTED)]


def test_a_sensor_that_was_renamed_is_no_second_machine():
    early = seen(laptop(HOST), "old")
    late = seen(laptop(HOST, start=7 * 3600), "new")
    assert [v.scope for v in report([*early, *late]).verdicts] == [""]


def test_an_address_that_is_unique_in_the_world_is_one_machine():
    text = 'home_networks: ["8.8.4.0/24"]\n'
    host = "8.8.4.9"
    events = [*seen(laptop(host), "ids1"), *seen(laptop(host, 50), "ids2")]
    assert [scope for _, scope, _ in judged(events, None, text)[0]] == [""]


@pytest.mark.parametrize(("fields", "scope"), [(None, ""), ("[vlan]", "vlan=10+99")])
def test_the_two_directions_of_a_connection_may_carry_different_tags(fields, scope):
    asked = [lookup(600 + n, f"d{n}.test", host=HOST, query_id=n) for n in range(30)]
    told = [replace(q, is_answer=True, time=q.time + 0.1) for q in asked]
    events = [*seen(asked, vlan=(10,)), *seen(told, vlan=(99,)), *seen(bot(HOST), vlan=(10,))]
    assert (HOST, scope, Level.INFECTED) in judged(events, fields)[0]
    assert [host for host, _, _ in judged(events, fields)[0]] == [RESOLVER, HOST]


def test_nested_vlans_are_told_apart_by_both_tags():
    events = [*seen(laptop(HOST), vlan=(100, 10)), *seen(bot(HOST), vlan=(200, 10))]
    assert judged(events)[0] == [
        (HOST, "vlan=100.10", Level.CLEAN),
        (HOST, "vlan=200.10", Level.INFECTED),
    ]


@pytest.mark.parametrize("field", ["in_iface", "host"])
def test_the_field_that_the_site_names_separates(field):
    def where(name):
        return {"interface": name} if field == "in_iface" else {"sensor": name}

    events = [*seen(laptop(HOST), **where("eth1")), *seen(bot(HOST), **where("eth2"))]
    assert judged(events, f"[{field}]")[0] == [
        (HOST, f"{field}=eth1", Level.CLEAN),
        (HOST, f"{field}=eth2", Level.INFECTED),
    ]


def test_interfaces_do_not_separate_unless_the_site_says_so():
    """A tap has one interface for each direction."""
    events = [*seen(laptop(HOST), interface="eth1"), *seen(bot(HOST), interface="eth2")]
    assert judged(events)[0] == [(HOST, "", Level.INFECTED)]


def test_a_lease_names_the_machine_of_its_own_network():
    leases = [
        *seen([lease(0, HOST, MAC.format(1), "reception-pc")], vlan=(10,)),
        *seen([lease(300, HOST, MAC.format(2), "guest-phone")], vlan=(20,)),
    ]
    found = report([*leases, *seen(bot(HOST), vlan=(10,))])
    assert [(v.identity.name, v.level) for v in found.verdicts] == [
        ("reception-pc", Level.INFECTED),
        ("guest-phone", Level.CLEAN),
    ]


def acknowledged(time, mac, name="", seconds=86400):
    return Dhcp(time=START + time, mac=mac, address=HOST, hostname=name, lease_seconds=seconds)


@pytest.mark.parametrize(
    "acks",
    [
        [(0, 1), (300, 2)],  # given away while it was leased
        [(0, 1, 0), (300, 2, 0), (400, 1, 0), (500, 2, 0)],  # both are confirmed again and again
    ],
)
def test_evidence_that_nothing_separates_names_no_machine(acks):
    leases = [acknowledged(t, MAC.format(n), f"pc-{n}", *more) for t, n, *more in acks]
    found = report([*leases, *bot(HOST)])
    assert [(v.host, v.identity, v.level) for v in found.verdicts] == [(HOST, None, Level.INFECTED)]
    assert MAC.format(1) in found.verdicts[0].why
    assert MAC.format(2) in found.verdicts[0].why
    assert any("separate_by" in line for line in found.health)


def test_an_address_that_was_released_changed_hands():
    release = replace(acknowledged(200, MAC.format(1)), is_release=True)
    events = [acknowledged(0, MAC.format(1)), release, acknowledged(300, MAC.format(2), "heir")]
    found = report([*events, *bot(HOST)])
    assert [(v.identity.name, v.level) for v in found.verdicts] == [
        ("heir", Level.INFECTED),
        ("", Level.CLEAN),
    ]


# MACs


def addresses(number):
    return [f"2001:db8:20:1::{n:x}:{n + 7:x}" for n in range(1, number + 1)]


def framed(events, mac, gateway=GATEWAY):
    return seen(events, client_mac=mac, server_mac=gateway)


def rotating(mac=""):
    """Twelve addresses of IPv6, ten minutes each, three mails from each; the lookups go over
    IPv4.
    """
    events = []
    for n, address in enumerate(addresses(12)):
        part = list(bot(address, number=3, start=n * 600 + 10, step=60))
        for k, event in enumerate(part):
            if event.TYPE == "dns":
                part[k] = lookup(event.time - START, f"domain{n * 3 + k}.test", host="10.20.3.3")
            elif event.TYPE == "smtp":
                rcpt = (f"ann@domain{n * 3 + k}.test",)
                part[k] = replace(event, rcpt_to=rcpt, server=server(n * 3 + k))
        events += part
    return framed(events, mac) if mac else events


def test_a_mac_binds_ipv4_and_rotating_ipv6():
    found = report(rotating(MAC.format(1)))
    (verdict,) = found.verdicts
    assert verdict.level is Level.INFECTED
    assert verdict.identity.mac == MAC.format(1)
    assert len(verdict.identity.addresses) == 13
    assert {"lookup", "delivery"} <= set(verdict.families)


def test_without_a_mac_addresses_that_carry_on_are_one_machine_and_the_ipv4_address_another():
    found = report(rotating())
    assert [(v.level, len(v.in_turn)) for v in found.verdicts] == [
        (Level.INFECTED, 12),
        (Level.CLEAN, 0),
    ]


def test_a_laptop_keeps_its_mac_over_three_subnets():
    events = []
    for n in range(3):
        events += framed(bot(f"10.20.{n}.7", number=6, start=n * 1200), MAC.format(1))
    (verdict,) = report(events).verdicts
    assert verdict.level is Level.INFECTED
    assert verdict.identity.addresses == ("10.20.0.7", "10.20.1.7", "10.20.2.7")


def test_a_mac_with_two_addresses_of_ipv4_at_once_binds_nothing():
    events = [
        event
        for n in range(3)
        for event in framed(bot(f"10.20.{n}.7", number=3, start=n * 5), MAC.format(1))
    ]
    assert [(v.host, v.identity) for v in report(events).verdicts] == [
        (f"10.20.{n}.7", None) for n in (0, 1, 2)
    ]


def test_a_mac_with_very_many_addresses_binds_nothing():
    events = [
        event
        for n in range(9)
        for event in framed(bot(f"10.20.1.{n}", number=1, start=n * 900), MAC.format(1))
    ]
    assert all(v.identity is None for v in report(events).verdicts)


def test_a_mac_that_leads_to_external_addresses_binds_nothing():
    """Behind a router every host has the router's MAC, and so have the servers that answer."""
    events = framed(bot(HOST), GATEWAY) + framed(bot("10.20.1.9", start=4000), GATEWAY)
    assert [(v.host, v.identity) for v in report(events).verdicts] == [
        (HOST, None),
        ("10.20.1.9", None),
    ]


def test_two_macs_at_one_address_are_judged_by_their_own_evidence():
    events = framed(bot(HOST), MAC.format(1)) + framed(laptop(HOST, 40), MAC.format(2))
    assert [(v.identity.mac, v.level) for v in report(events).verdicts] == [
        (MAC.format(1), Level.INFECTED),
        (MAC.format(2), Level.CLEAN),
    ]


def test_copied_machines_of_two_tenants_stay_two():
    """The same image: the same address and the same MAC."""
    events = seen(bot(HOST), tenant_id="a", client_mac=MAC.format(1))
    events += seen(laptop(HOST, start=500), tenant_id="b", client_mac=MAC.format(1))
    found = report(events, site("[tenant_id]"))
    assert [(v.scope, v.level) for v in found.verdicts] == [
        ("tenant_id=a", Level.INFECTED),
        ("tenant_id=b", Level.CLEAN),
    ]


def test_an_alert_without_a_mac_is_that_of_the_only_machine_there():
    events = [*framed(bot(HOST, number=2), MAC.format(1)), alert(640, "mx_flood", host=HOST)]
    (verdict,) = report(events).verdicts
    assert verdict.identity.mac == MAC.format(1)
    assert 1250001 in {sid for item in verdict.evidence for sid in item.sids}


# ARP


def claims(mac, *hosts, every=600, number=12, start=0):
    return [
        Arp(time=START + start + n * every, mac=MAC.format(mac), address=hosts[n % len(hosts)])
        for n in range(number)
    ]


def test_arp_names_the_machine_where_frames_and_leases_do_not():
    (verdict,) = report([*claims(1, HOST), *bot(HOST)]).verdicts
    assert (verdict.level, verdict.identity.mac) == (Level.INFECTED, MAC.format(1))


def test_arp_ties_the_addresses_that_a_machine_had_one_after_the_other():
    """Each address sends a third of it, hours apart."""
    events = []
    for n in range(3):
        start = n * 5 * 3600
        events += claims(1, f"10.20.{n}.7", number=3, start=start)
        for k, event in enumerate(bot(f"10.20.{n}.7", number=6, start=start)):
            name = f"domain{6 * n + k // 3}.test"
            match event.TYPE:
                case "dns":
                    events.append(replace(event, questions=((name, "MX"),)))
                case _:
                    events.append(replace(event, server=server(6 * n + k // 3)))
    (verdict,) = report(events).verdicts
    assert verdict.identity.addresses == ("10.20.0.7", "10.20.1.7", "10.20.2.7")
    assert verdict.level is Level.INFECTED


def test_a_claim_by_arp_takes_no_address_from_its_lease_or_from_frames():
    """Another machine in the network claims the address (ARP spoofing)."""
    leased = [lease(0, HOST, MAC.format(1), "pc-7"), *claims(2, HOST), *bot(HOST)]
    (verdict,) = report(leased).verdicts
    assert (verdict.identity.mac, verdict.identity.name) == (MAC.format(1), "pc-7")
    (verdict,) = report([*claims(2, HOST), *framed(bot(HOST), MAC.format(1))]).verdicts
    assert verdict.identity.mac == MAC.format(1)


def test_a_gateway_that_answers_for_others_binds_nothing():
    """Proxy ARP (RFC 1027): one MAC says that it has every address behind it."""
    hosts = [f"10.20.1.{n}" for n in range(7, 13)]
    events = [*claims(1, *hosts, every=60, number=36), *bot(HOST), *laptop(hosts[1])]
    assert all(v.identity is None for v in report(events).verdicts)
    events = [*claims(1, HOST), *bot(HOST), *seen(laptop("10.20.2.9"), server_mac=MAC.format(1))]
    assert all(v.identity is None for v in report(events).verdicts)


def test_two_machines_that_claim_one_address_at_once_are_not_told_apart():
    (verdict,) = report([*claims(1, HOST), *claims(2, HOST, start=300), *bot(HOST)]).verdicts
    assert (verdict.level, verdict.identity) == (Level.INFECTED, None)
    assert MAC.format(2) in verdict.why


def test_invented_claims_take_no_more_memory_than_is_said(monkeypatch):
    monkeypatch.setattr(macs, "MOST_CLAIMS", 64)
    events = [
        Arp(
            time=START + n,
            mac=f"02:00:00:00:{n // 256:02x}:{n % 256:02x}",
            address=f"10.20.{n // 250}.{n % 250}",
        )
        for n in range(2000)
    ]
    whole, parts = gather(events), EvidenceStore()
    for part in (gather(events[900:]), gather(events[:900])):
        parts.merge(part)
    assert 16 <= len(whole.macs.claims) <= 64
    assert whole.macs == parts.macs


# Keeping


def mixed(seed):
    """Events of a few hosts in a few networks."""
    random = Random(seed)
    events = []
    for n in range(4):
        host = f"10.20.1.{random.randrange(3)}"
        source = bot(host, number=4, start=random.randrange(9000)) if n % 2 else laptop(host, n * 3)
        mac = random.choice(["", MAC.format(random.randrange(3))])
        vlan = random.choice([(), (1,), (2, 1)])
        events += seen(source, random.choice(["", "a", "b"]), vlan=vlan, client_mac=mac)
    random.shuffle(events)
    return events


@given(st.integers(0, 10_000), st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_who_is_who_does_not_depend_on_who_read_what(seed, cut):
    events = mixed(seed)
    whole, parts = gather(events), EvidenceStore()
    for part in (gather(events[cut:]), gather(events[:cut])):
        for address, evidence in part.hosts.items():
            packed = pack(evidence)
            part.hosts[address] = unpack(packed.items())
        parts.merge(part)
    for store in (whole, parts):
        store.trim()
    assert list(assets(whole, None)) == list(assets(parts, None))
    assert list(assets(whole, ("vlan",))) == list(assets(parts, ("vlan",)))


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_no_evidence_is_lost_and_none_counts_twice(seed):
    store = gather(mixed(seed))
    together = HostEvidence()
    for evidence in store.hosts.values():
        together.merge(evidence.whole())
    for fields in (None, (), ("vlan", "host")):
        apart = HostEvidence()
        for asset in assets(store, fields):
            apart.merge(asset.evidence)
        together.trim()
        apart.trim()
        assert {k: s.count() for k, s in apart.sketches.items()} == {
            k: s.count() for k, s in together.sketches.items()
        }


def test_labels_survive_another_site_profile():
    """Evidence that was kept by VLAN and sensor is read by VLAN alone once the site says so."""
    events = [*seen(laptop(HOST), "a", vlan=(1,)), *seen(bot(HOST), "b", vlan=(2,))]
    found = judge_evidence(gather(events), site("[vlan]"), ReadStats())
    assert [v.scope for v in found.verdicts] == ["vlan=2", "vlan=1"]


def test_nothing_changes_without_labels():
    events = [
        *bot(HOST),
        *laptop("10.20.1.9"),
        *web("10.20.1.10"),
        mail(5, server(3), host="10.20.1.9"),
    ]
    found = report(events)
    assert {v.scope for v in found.verdicts} == {""}
    assert not any(evidence.parts for evidence in gather(events).hosts.values())
    assert not any("separate_by" in line for line in found.health)


def test_a_value_from_the_wire_cannot_end_the_scope():
    events = [*seen(laptop(HOST), "x,vlan=1 \x1b[2J"), *seen(bot(HOST), "y\n")]
    assert [scope for _, scope, _ in judged(events)[0]] == [
        "host=x%2Cvlan%3D1%20%1B%5B2J",
        "host=y%0A",
    ]
    assert answer(1, "a.test", "198.18.0.1").origin.vlan == ()
    assert flow(1, server(1)).sensor == ""
