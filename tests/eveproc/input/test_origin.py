"""VLANs, tenants, interfaces and MACs of a record, in every form that Suricata and shippers
write.
"""

import json

import pytest

from eveproc.input.decode import decode
from eveproc.input.events import NO_ORIGIN, Event
from rulegen.mac_address import canonical_mac

FLOW = {
    "timestamp": "2026-03-02T08:00:00.000000+0000",
    "event_type": "flow",
    "src_ip": "10.20.1.7",
    "dest_ip": "198.51.100.1",
    "dest_port": 25,
    "proto": "TCP",
    "flow": {},
}
ONE, TWO = "02:00:00:00:00:0a", "02:00:00:00:00:01"


def origin(**more):
    event = decode(json.dumps({**FLOW, **more}).encode())
    assert isinstance(event, Event)
    return event.origin


def test_a_record_without_any_of_it():
    assert origin() is NO_ORIGIN


@pytest.mark.parametrize(
    ("vlan", "tags"),
    [([10], (10,)), ([100, 10], (100, 10)), (10, (10,)), ("10", (10,)), (["7"], (7,)), ([], ())],
)
def test_vlan_tags(vlan, tags):
    assert origin(vlan=vlan).vlan == tags


@pytest.mark.parametrize("vlan", [{"id": 3}, [[1]], None, "x"])
def test_vlan_tags_that_are_none_lose_no_record(vlan):
    assert origin(vlan=vlan).vlan == ()


@pytest.mark.parametrize(
    ("ether", "macs"),
    [
        ({"src_mac": ONE, "dest_mac": TWO}, (ONE, TWO)),
        ({"src_macs": [ONE], "dest_macs": [TWO]}, (ONE, TWO)),
        ({"src_macs": [ONE, TWO], "dest_macs": []}, ("", "")),
        ({"src_mac": "nonsense", "ether_type": 2048}, ("", "")),
        ({"src_mac": 7, "dest_mac": TWO}, ("", TWO)),
    ],
)
def test_macs(ether, macs):
    found = origin(ether=ether)
    assert (found.client_mac, found.server_mac) == macs


def test_the_macs_of_a_response_of_suricata_8_are_the_other_way_round():
    record = {
        **FLOW,
        "event_type": "dns",
        "src_ip": "10.20.0.53",
        "src_port": 53,
        "dest_ip": "10.20.1.7",
        "dest_port": 5353,
        "ether": {"src_mac": TWO, "dest_mac": ONE},
        "dns": {
            "version": 3,
            "type": "response",
            "queries": [{"rrname": "a.test", "rrtype": "MX"}],
        },
    }
    event = decode(json.dumps(record).encode())
    assert (event.client, event.origin.client_mac) == ("10.20.1.7", ONE)


def test_tenant_and_interface():
    assert (origin(tenant_id=0).tenant_id, origin(tenant_id="9").tenant_id) == ("0", "9")
    assert origin(in_iface="eth1").interface == "eth1"


@pytest.mark.parametrize(
    "text", ["a4:bb:6d:e9:13:a1", "A4-BB-6D-E9-13-A1", "a4bb.6de9.13a1", "A4BB6DE913A1"]
)
def test_every_spelling_of_a_mac_is_one(text):
    assert canonical_mac(text) == "a4:bb:6d:e9:13:a1"


@pytest.mark.parametrize("text", ["", "a4:bb:6d:e9:13", "a4:bb-6d:e9:13:a1", "reception-pc"])
def test_what_is_no_mac(text):
    assert canonical_mac(text) == ""
