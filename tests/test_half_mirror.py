"""A real Suricata behind a mirror port that is set up wrong -> a report that says so, and no
all-clear."""

import socket
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import dpkt
import pytest

from eveproc.verdicts.analyze import Report, analyze
from eveproc.verdicts.judgement import Outcome
from rulegen.vocabulary import Engine, Level
from tests import packets
from tests.engines.replay import replay
from tests.eveproc.evidence_of import site_of
from tests.mailtalk import hello, mail
from tests.packets import Wire, question, reply

pytestmark = pytest.mark.engine
HOME = ip_network("10.20.0.0/16")
BOT, RESOLVER = "10.20.1.7", "198.51.100.53"
CLIENTS = [f"10.20.1.{number}" for number in range(20, 30)]
GROUPS = [("239.255.255.250", 1900), ("224.0.0.251", 5353), ("10.20.255.255", 138)]
PAGE = [
    ("C", b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n"),
    ("S", b"HTTP/1.1 204 No Content\r\n\r\n"),
]
MAIL = [*hello("localhost"), *mail(("y" * 70 + "\n") * 42)]

Keep = Callable[[IPv4Address, IPv4Address], bool]


def office() -> Wire:
    """Clients that look up pages, fetch them and announce themselves, and a mass mailer."""
    wire = Wire()
    for number, client in enumerate(CLIENTS * 6):
        at = 1.0 + number
        asked = question(f"www{number % 7}.example", packets.A)
        wire.ask(at, client, RESOLVER, asked, reply(asked, packets.NOERROR))
        wire.session(at + 0.2, client, f"203.0.113.{number + 1}", 80, PAGE)
        for group, port in GROUPS:
            wire.udp(at + 0.5, (client, 40_000 + number), (group, port), b"here am I")
    for number in range(40):
        at = 20.0 + number / 2
        asked = question(f"victim{number}.example", packets.MX)
        wire.ask(at, BOT, RESOLVER, asked, reply(asked, packets.NOERROR))
        wire.session(at + 0.2, BOT, f"192.0.2.{number + 1}", 25, MAIL)
    return wire


def leaves(source: IPv4Address, target: IPv4Address) -> bool:
    return source in HOME and target not in HOME and not target.is_multicast


def arrives(source: IPv4Address, target: IPv4Address) -> bool:
    return target in HOME and source not in HOME


def is_broadcast(_source: IPv4Address, target: IPv4Address) -> bool:
    return str(target) in dict(GROUPS)


def ends(frame: bytes) -> Iterator[IPv4Address]:
    ip = dpkt.ethernet.Ethernet(frame).data
    for end in (ip.src, ip.dst):
        address = ip_address(socket.inet_ntop(socket.AF_INET, end))
        assert isinstance(address, IPv4Address)
        yield address


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return office().write(tmp_path_factory.mktemp("office") / "whole.pcap")


def seen(engine: Engine, whole: Path, folder: Path, keep: Keep) -> Report:
    """The report where only packets between such addresses reach the sensor."""
    part = folder / "part.pcap"
    with whole.open("rb") as read, part.open("wb") as written:
        writer = dpkt.pcap.Writer(written)
        for time, frame in dpkt.pcap.Reader(read):
            if keep(*ends(frame)):
                writer.writepkt(frame, ts=time)
    eve = replay(engine, part, folder / "out")
    return analyze([str(eve)], site_of(f"home_networks: [{HOME}]\n"), drawn=False)


def levels(report: Report) -> Mapping[str, Level]:
    return {verdict.host: verdict.level for verdict in report.verdicts}


def causes(report: Report) -> list[str]:
    return [cause.name for cause in report.judgement.causes]


def test_a_mirror_of_both_directions_shows_all(
    suricata: Engine, whole: Path, tmp_path: Path
) -> None:
    report = seen(suricata, whole, tmp_path, lambda *_: True)
    assert (report.judgement.outcome, causes(report)) == (Outcome.JUDGED, [])
    assert levels(report)[BOT] is Level.INFECTED


@pytest.mark.parametrize(
    ("keep", "cause"), [(arrives, "one_direction"), (is_broadcast, "only_broadcasts")]
)
def test_nothing_is_judged_where_no_connection_can_be_seen(
    suricata: Engine, whole: Path, tmp_path: Path, keep: Keep, cause: str
) -> None:
    report = seen(suricata, whole, tmp_path, keep)
    assert (report.judgement.outcome, causes(report)) == (Outcome.NOT_JUDGED, [cause])


def test_where_only_what_hosts_send_is_seen_the_mailer_is_found_and_the_rest_is_doubted(
    suricata: Engine, whole: Path, tmp_path: Path
) -> None:
    report = seen(suricata, whole, tmp_path, leaves)
    assert (report.judgement.outcome, causes(report)) == (Outcome.IN_PART, ["one_direction"])
    assert levels(report)[BOT] is Level.INFECTED
