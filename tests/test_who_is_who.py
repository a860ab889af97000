"""Machines that announce themselves, and browsers behind one address -> what real Suricatas log of it, read."""

import struct
from ipaddress import ip_address

import pytest

from eveproc.evidence.collector import Collector
from eveproc.evidence.host_names import PLATFORM, Login
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Engine
from rulegen.yamlfile import parse_yaml
from tests.engines.replay import replay
from tests.eveproc.eve_lines import HOST, SITE
from tests.packets import CLIENT, RTT, SERVER, A, Wire, wire_name

pytestmark = pytest.mark.engine

MAC, GATEWAY = bytes.fromhex("020000000007"), bytes.fromhex("02000000ff01")
BROADCAST, NOBODY = b"\xff" * 6, bytes(6)
EVERYBODY = ("224.0.0.251", 5353)
# http is logged 4.5 round trips behind the SYN; only what is logged at .337 is read.
AT = 0.337 - 4.5 * RTT
TYPES = {"http": {"extended": True}, "flow": {}, "dns": {}}


class Segment(Wire):
    """A network segment: what is sent to everybody is seen, too."""

    def announce(self, at: float, host: str, name: str, address: str) -> None:
        data = ip_address(address).packed
        record = wire_name(name) + struct.pack("!2HIH", A, 0x8001, 120, len(data)) + data
        head = struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0)
        self.udp(at, (host, 5353), EVERYBODY, head + record)

    def arp(self, at: float, opcode: int, mac: bytes, address: str, asked: str) -> None:
        ends = mac + ip_address(address).packed + NOBODY + ip_address(asked).packed
        message = struct.pack("!HHBBH", 1, 0x0800, 6, 4, opcode) + ends
        self._packets.append(
            (at, next(self._number), BROADCAST + mac + b"\x08\x06" + message + bytes(18))
        )


def gathered(engine, wire, folder, types):
    site = build_profile(parse_yaml(SITE, "site.yaml"))
    eve = replay(engine, wire.write(folder / "a.pcap"), folder / "log", eve_types=types)
    collector = Collector(site)
    for event in read_events([str(eve)], ReadStats()):
        collector.add(event)
    return collector.store


def test_suricata_8_names_machines_by_mdns_and_binds_them_by_arp(tmp_path):
    wire = Segment()
    wire.announce(1, HOST, "LAP-7.local", HOST)
    wire.announce(2, "10.20.1.66", "EVIL.local", HOST)
    wire.arp(3, 1, MAC, HOST, "10.20.0.1")
    wire.arp(4, 2, GATEWAY, "10.20.0.1", HOST)
    wire.arp(5, 1, MAC, "0.0.0.0", "10.20.1.9")
    types = {**TYPES, "mdns": {}, "arp": {"enabled": True}}
    store = gathered(Engine.SURICATA_8, wire, tmp_path, types)
    assert store.host_names.logins.keys() == {HOST}
    assert set(store.host_names.logins[HOST]) == {Login("machine", "lap-7.local", "mdns")}
    assert {key[:2] for key in store.macs.claims} == {
        (HOST, MAC.hex(":")),
        ("10.20.0.1", GATEWAY.hex(":")),
    }


def test_browsers_behind_one_address_are_counted_by_their_platforms(suricata, tmp_path):
    wire = Wire()
    for n in range(12):
        for part in (AT, AT + 0.1):
            agent = f"Mozilla/5.0 (Linux; Android 13; SM-{n}) AppleWebKit/537.36"
            request = f"GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: {agent}\r\n\r\n"
            turns = [
                (CLIENT, request.encode()),
                (SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
            ]
            wire.session(n + part, HOST, "198.51.100.80", 80, turns)
    store = gathered(suricata, wire, tmp_path, TYPES)
    kinds = [login.kind for login in store.clients.logins[HOST]]
    assert kinds == [PLATFORM] * 12
