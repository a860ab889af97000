"""Kerberos tickets, SMB sessions and TLS certificates on the wire -> the records of real Suricatas, and
the names in them."""

import shutil
import struct
from datetime import date

import pytest

from eveproc.evidence.collector import Collector
from eveproc.evidence.host_names import TLS_CLIENT, Login
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from rulegen.build import build
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Engine
from rulegen.yamlfile import parse_yaml
from tests import tlstalk
from tests.engines.replay import replay
from tests.eveproc.eve_lines import HOST, SITE
from tests.eveproc.logins import FILES, KDC
from tests.missing import refuse
from tests.packets import Wire
from tests.smbtalk import LOGON_FAILURE, session

pytestmark = pytest.mark.engine

REALM = b"EXAMPLE.ORG"


def der(tag: int, *contents: bytes) -> bytes:
    inner = b"".join(contents)
    size = len(inner)
    length = bytes([size]) if size < 128 else b"\x82" + struct.pack(">H", size)
    return bytes([tag]) + length + inner


def field(number: int, *contents: bytes) -> bytes:
    return der(0xA0 + number, *contents)


def number(value: int) -> bytes:
    return der(0x02, bytes([value]))


def principal(kind: int, *names: bytes) -> bytes:
    said = der(0x30, *(der(0x1B, name) for name in names))
    return der(0x30, field(0, number(kind)), field(1, said))


def sealed() -> bytes:
    return der(0x30, field(0, number(18)), field(2, der(0x04, b"x" * 40)))


def as_req(user: bytes) -> bytes:
    body = der(
        0x30,
        field(0, der(0x03, b"\x00\x50\x80\x00\x00")),
        field(1, principal(1, user)),
        field(2, der(0x1B, REALM)),
        field(3, principal(2, b"krbtgt", REALM)),
        field(5, der(0x18, b"20370913024805Z")),
        field(7, number(7)),
        field(8, der(0x30, number(18))),
    )
    return der(0x6A, der(0x30, field(1, number(5)), field(2, number(10)), field(4, body)))


def as_rep(user: bytes) -> bytes:
    ticket = der(
        0x61,
        der(
            0x30,
            field(0, number(5)),
            field(1, der(0x1B, REALM)),
            field(2, principal(2, b"krbtgt", REALM)),
            field(3, sealed()),
        ),
    )
    return der(
        0x6B,
        der(
            0x30,
            field(0, number(5)),
            field(1, number(11)),
            field(3, der(0x1B, REALM)),
            field(4, principal(1, user)),
            field(5, ticket),
            field(6, sealed()),
        ),
    )


@pytest.fixture(scope="module")
def logged(suricata, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logins")
    site = build_profile(parse_yaml(SITE, "site.yaml"))
    build(site, [suricata], folder / "rules", date(2026, 3, 2))
    wire = Wire()
    for second, user in enumerate((b"ann", b"LAP-7$")):
        port = 50_000 + second
        wire.udp(second, (HOST, port), (KDC, 88), as_req(user))
        wire.udp(second + 0.1, (KDC, 88), (HOST, port), as_rep(user))
    eve = replay(
        suricata,
        wire.write(folder / "login.pcap"),
        folder / "log",
        build=folder / "rules" / suricata,
    )
    return eve, site


def test_tickets_name_a_user_and_a_machine(logged):
    eve, site = logged
    collector = Collector(site)
    for event in read_events([str(eve)], ReadStats()):
        collector.add(event)
    assert set(collector.store.host_names.logins.get(HOST, ())) == {
        Login("user", "ann@example.org", "krb5"),
        Login("machine", "lap-7", "krb5"),
    }


def test_sessions_over_smb_name_a_user_and_a_machine(tmp_path):
    """Suricata 8 alone: the settings for Suricata 7 log no smb, whose types cannot be chosen there."""
    site = build_profile(parse_yaml(SITE, "site.yaml"))
    build(site, [Engine.SURICATA_8], tmp_path / "rules", date(2026, 3, 2))
    wire = Wire()
    wire.session(0, HOST, FILES, 445, session("EXAMPLE", "Ann", "PC-7"))
    wire.session(1, HOST, FILES, 445, session("EXAMPLE", "bob", "PC-7", LOGON_FAILURE))
    eve = replay(
        Engine.SURICATA_8,
        wire.write(tmp_path / "smb.pcap"),
        tmp_path / "log",
        build=tmp_path / "rules" / Engine.SURICATA_8,
    )
    collector = Collector(site)
    for event in read_events([str(eve)], ReadStats()):
        collector.add(event)
    assert set(collector.store.host_names.logins.get(HOST, ())) == {
        Login("user", "example\\ann", "smb"),
        Login("machine", "pc-7", "smb"),
    }


def test_a_certificate_in_tls_names_its_user(suricata, tmp_path):
    """And JA4 the client, which Suricata 8 logs; one record in 1,000 is read for that."""
    if shutil.which("openssl") is None:
        refuse("openssl is not installed, which makes certificates: apt install openssl")
    wire = Wire()
    # Logged 0.055 s behind the SYN.
    wire.session(0.282, HOST, "198.51.100.7", 443, tlstalk.session(tmp_path, "ann", "vpn.test"))
    pcap = wire.write(tmp_path / "tls.pcap")
    eve = replay(suricata, pcap, tmp_path / "log", eve_types={"tls": {"extended": True}})
    collector = Collector(build_profile(parse_yaml(SITE, "site.yaml")))
    for event in read_events([str(eve)], ReadStats()):
        collector.add(event)
    assert set(collector.store.host_names.logins[HOST]) == {Login("user", "ann", "tls")}
    marks = [login.kind for login in collector.store.clients.logins.get(HOST, ())]
    assert marks == [TLS_CLIENT] * (suricata is Engine.SURICATA_8)
