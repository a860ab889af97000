"""Which addresses are looked for in undecoded lines, and which lines are looked at."""

import json
import re
from ipaddress import IPv6Address, ip_network
from pathlib import Path
from random import Random

import pytest

from eveproc.discovery import from_logs, sample
from eveproc.discovery.conversations import Conversations, Meeting
from eveproc.discovery.discover import Discoverer, Discovery
from eveproc.discovery.from_logs import discover_in
from eveproc.discovery.meetings import MOST_PARTS, Meetings, address_patterns, without
from eveproc.discovery.networks import PRIVATE_NETWORKS
from eveproc.input.events import Event
from eveproc.input.prefilter import LineFilter, Prefilter
from rulegen.site_profile import Network

ATTEMPTS = 3000
START = "2026-03-02T08:00:00.000000+0000"


def test_every_address_of_a_network_is_found() -> None:
    random = Random(1)
    for _ in range(ATTEMPTS):
        network = some_network(random)
        number = int(network.network_address) + random.randrange(network.num_addresses)
        address = network[number - int(network.network_address)]
        texts = {str(address), address.exploded, address.exploded.upper(), str(address).upper()}
        (pattern,) = address_patterns((network,))
        for text in texts:
            assert re.search(pattern, f'"src_ip":"{text}"'.encode()), (network, text)


def some_network(random: Random) -> Network:
    if random.random() < 0.5:
        length = random.randrange(33)
        return ip_network((random.getrandbits(32), length), strict=False)
    length = random.randrange(129)
    # Groups of zeros, and numbers with few digits.
    groups = [random.choice([0, random.getrandbits(4), random.getrandbits(16)]) for _ in range(8)]
    number = sum(group << 16 * place for place, group in enumerate(groups))
    return ip_network((IPv6Address(number), length), strict=False)


def test_other_networks_are_not_found() -> None:
    patterns = address_patterns(
        part for one in PRIVATE_NETWORKS for part in without(one, (ip_network("10.20.0.0/16"),))
    )
    lines = {
        b'"10.20.3.9"': False,
        b'"10.2.3.9"': True,
        b'"10.200.3.9"': True,
        b'"110.2.3.9"': False,
        b'"172.15.0.1"': False,
        b'"172.16.0.1"': True,
        b'"192.168.1.1"': True,
        b'"192.16.8.1"': False,
        b'"fd00:0001::1"': True,
        b'"fe80::1"': False,
    }
    found = {line: any(re.search(pattern, line) for pattern in patterns) for line in lines}
    assert found == lines


def test_parts_are_those_beyond_what_is_known() -> None:
    private = ip_network("192.168.0.0/16")
    known = ip_network("192.168.7.0/24"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")
    parts = without(private, known)
    assert sum(part.num_addresses for part in parts) == (1 << 16) - (1 << 8)
    assert not any(part.overlaps(known[0]) for part in parts)
    assert without(private, (ip_network("192.0.0.0/8"),)) == ()
    many = [ip_network(f"192.168.{number}.1/32") for number in range(256)]
    assert len(without(private, many)) == 1 < MOST_PARTS


def test_only_lines_that_may_show_something_new_are_looked_at() -> None:
    """A client asks its home server and that asks external ones; connections are of known hosts."""
    decoded: list[Event] = []

    def note(event: Event) -> Meeting:
        decoded.append(event)
        hosts = (event.client, event.server)
        return Meeting(hosts, is_all=True)

    homes, beyond = (ip_network("10.20.0.0/16"),), (ip_network("192.168.0.0/16"),)
    conversations = Conversations(note, beyond, quiet=homes, asks=lambda *_: True, servers=homes)
    meetings = Meetings(conversations, beyond, (), lambda: ())
    line_filter = LineFilter(lambda _: meetings.patterns, lambda _: True, further=meetings.further)
    prefilter = Prefilter(line_filter, tuple)

    def further(block: bytes) -> list[bytes]:
        return prefilter.lines(block, len(block))[0]

    answer, server = {"version": 2, "type": "answer"}, "10.20.0.53"
    asked = [record("dns", "10.20.1.7", 5000 + n, server, 53, dns=answer) for n in range(20)]
    passed_on = [record("dns", server, 5000, f"9.9.9.{n}", 53, dns=answer) for n in range(20)]
    back = [record("dns", f"9.9.8.{n}", 53, server, 5000, dns=answer) for n in range(20)]
    flows = [record("flow", "10.20.1.7", n, "9.9.9.9", 443, flow={}) for n in range(20)]
    new = [record("flow", "192.168.1.7", n, "9.9.9.9", 443, flow={}) for n in range(20)]
    block = b"".join((*asked, *passed_on, *back, *flows, *new))
    assert further(block) == []
    assert [event.TYPE for event in decoded] == ["dns", "flow"]
    strange = record("dns", "9.9.9.9", 5000, server, 53, dns=answer)
    odd = b'{"dns":{},"event_type":"dns","timestamp":"2026-03-02T08:00:00.000000+0000"}\n'
    text = json.dumps({"message": strange.decode()}).encode() + b"\n"
    assert further(strange) == []
    assert len(decoded) == 3
    assert further(block + odd + text) == [odd, text]
    assert len(decoded) == 3


def test_lookups_with_keys_in_another_order_are_read_by_their_ends() -> None:
    decoded: list[Event] = []

    def note(event: Event) -> Meeting:
        decoded.append(event)
        return Meeting((event.client, event.server), is_all=True)

    homes, server = (ip_network("10.20.0.0/16"),), "10.20.0.53"
    known = Conversations(note, (), quiet=homes, asks=lambda *_: True, servers=homes)
    meetings = Meetings(known, (), (), lambda: ())
    line_filter = LineFilter(lambda _: meetings.patterns, lambda _: True, further=meetings.further)
    prefilter = Prefilter(line_filter, tuple)
    answer = {"version": 2, "type": "answer", "rcode": "NOERROR"}
    lines = [
        resorted(record("dns", client, 5000 + n, server, 53, dns=answer))
        for n in range(20)
        for client in ("10.20.1.7", "10.20.1.8")
    ]
    without_port = resorted(record("dns", "10.20.1.9", 5000, server, 5353, dns=answer))
    block = b"".join((*lines, without_port))
    assert prefilter.lines(block, len(block))[0] == [without_port]
    assert [event.client for event in decoded] == ["10.20.1.7", "10.20.1.8"]
    assert known.shown() == {(b"10.20.1.7", None, b"10.20.0.53", b"53")} | {
        (b"10.20.1.8", None, b"10.20.0.53", b"53")
    }


def resorted(line: bytes) -> bytes:
    return json.dumps(json.loads(line), separators=(",", ":"), sort_keys=True).encode() + b"\n"


def test_of_further_clients_of_a_server_only_the_time_is_read() -> None:
    """Until an answer is of another kind, or its time does not count."""
    decoded: list[Event] = []
    clients: list[tuple[str, str]] = []

    def note(event: Event) -> Meeting:
        decoded.append(event)
        return Meeting((event.client, event.server), is_all=True)

    def note_client(client: str, server: str, time: float) -> bool:
        clients.append((client, server))
        return time > 0

    homes = (ip_network("10.20.0.0/16"),)
    known = Conversations(
        note, (), quiet=homes, asks=lambda *_: True, servers=homes, note_client=note_client
    )
    server, answer = "10.20.0.53", {"version": 2, "type": "answer", "rcode": "NOERROR"}

    def ask(host: int, **more: object) -> None:
        line = record("dns", f"10.20.1.{host}", 5000, server, 53, **{"dns": answer, **more})
        assert known.take(line.rstrip())

    for host in (1, 2, 2, 3):
        ask(host)
    assert clients == [("10.20.1.2", server), ("10.20.1.3", server)]
    assert [event.client for event in decoded] == ["10.20.1.1"]
    ask(4, dns={**answer, "rcode": "NXDOMAIN"})
    ask(5, timestamp="1970-01-01T00:00:00.000000+0000")
    assert [event.client for event in decoded] == ["10.20.1.1", "10.20.1.4", "10.20.1.5"]
    assert clients[2:] == [("10.20.1.5", server)]
    ask(6, timestamp="1960-01-01T00:00:00.000000+0000")
    assert (len(decoded), len(clients)) == (3, 3)


def record(kind: str, client: str, port: int, server: str, to: int, **more: object) -> bytes:
    ends = {"src_ip": client, "src_port": port, "dest_ip": server, "dest_port": to}
    event = {"timestamp": START, "flow_id": 1, "event_type": kind, **ends, "proto": "UDP", **more}
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


NETWORKS = {
    "as in the sample": [],
    "another one later": ["10.99.1.9", "10.98.1.9"],
    "another block later": ["192.168.3.4"],
}


@pytest.mark.parametrize("later", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_sample_leads_to_what_all_of_the_input_shows(
    later: list[str], jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "eve.json"
    answer = {"version": 2, "type": "answer", "rcode": "NOERROR", "rrname": "a.example"}
    lines = [
        record("dns", f"10.20.{n % 7}.{n % 250}", 5000 + n, "10.20.0.53", 53, dns=answer)
        for n in range(3000)
    ]
    lines[1750:1750] = [record("flow", host, 5000, "9.9.9.9", 443, flow={}) for host in later]
    path.write_bytes(b"".join(lines))
    readings: list[Discoverer] = []
    complete = discover_in([str(path)], None, jobs=jobs)
    monkeypatch.setattr(sample, "LEAST", 1000)
    monkeypatch.setattr(sample, "PIECE", 5000)
    monkeypatch.setattr(from_logs, "Discoverer", counted(readings))
    found: Discovery = discover_in([str(path)], None, jobs=1)
    assert found == complete
    assert len(readings) == (2 if later else 1)
    assert len(found.home_networks) == (2 if len(later) == 1 else 1)


def counted(readings: list[Discoverer]) -> object:
    def make(*arguments: object, **options: object) -> Discoverer:
        made = Discoverer(*arguments, **options)  # type: ignore[arg-type]  # as they came
        if "before" in options:  # the others read a sample, or nothing
            readings.append(made)
        return made

    return make
