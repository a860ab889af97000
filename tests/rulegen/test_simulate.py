import json
import socket
import struct
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

import dpkt
import pytest

from rulegen.errors import MxhoundError
from rulegen.simulate import (
    DEFAULT_START,
    PCAP_NAME,
    TRUTH_NAME,
    HostTruth,
    Simulation,
    simulate,
    write_simulation,
)
from rulegen.simulate.scenarios import SCENARIOS
from rulegen.simulate.wire import checksum
from rulegen.site_profile import Exemption, SiteProfile
from rulegen.vocabulary import Engine
from tests.engines.replay import replay


def site_of(home: str, mail: str = "", dns: str = "", **more: object) -> SiteProfile:
    networks = (tuple(map(ip_network, text.split())) for text in (home, mail, dns))
    return SiteProfile(*networks, **more)


DUAL = site_of("10.20.0.0/16 2001:db8:20::/48", "10.20.0.25", "10.20.0.53 2001:db8:20::53")
V4_ONLY = site_of("192.168.0.0/22")
V6_ONLY = site_of("2001:db8:77::/48", "2001:db8:77::25", "2001:db8:77::53")
SCENARIO_LABEL = {scenario.name: scenario.label for scenario in SCENARIOS}
SERVERS = {"relay", "resolver", "router"}
FEW = ("flood", "printer", "slow", "submission")
TCP, UDP = 6, 17


class Seen(NamedTuple):
    """The few fields of a packet that most tests ask for; read here, because dpkt takes ten times
    as long."""

    time: float
    card: bytes
    src: str
    dst: str
    protocol: int
    dport: int
    tcp_flags: int
    payload: bytes


def packets(simulation: Simulation) -> Iterator[Seen]:
    for time, frame in simulation.packets:
        six = frame[12:14] == b"\x86\xdd"
        family, start, size, body = (
            (socket.AF_INET6, 22, 16, 54) if six else (socket.AF_INET, 26, 4, 34)
        )
        src, dst = (
            socket.inet_ntop(family, frame[begin : begin + size]) for begin in (start, start + size)
        )
        protocol = frame[20] if six else frame[23]
        flags = frame[body + 13] if protocol == TCP else 0
        yield Seen(
            time,
            frame[6:12],
            src,
            dst,
            protocol,
            int.from_bytes(frame[body + 2 : body + 4]),
            flags,
            frame[body:],
        )


def decoded(simulation: Simulation) -> Iterator[dpkt.ip.IP | dpkt.ip6.IP6]:
    """The same packets as a library sees them that knows nothing of the simulator."""
    for _, frame in simulation.packets:
        yield dpkt.ethernet.Ethernet(frame).data


@pytest.fixture(scope="module")
def whole() -> Simulation:
    """What `rulegen simulate` makes when nothing is said but the site, with fewer desks."""
    return simulate(DUAL, clients=60)


@pytest.fixture(scope="module")
def seen(whole: Simulation) -> list[Seen]:
    return list(packets(whole))


def small(site: SiteProfile, seed: int = 5, **knobs: object) -> Simulation:
    return simulate(site, seed, **({"seconds": 900, "clients": 4, "scenarios": FEW} | knobs))


def by_scenario(simulation: Simulation) -> dict[str, HostTruth]:
    return {host.scenario: host for host in simulation.hosts}


def test_same_site_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_simulation(small(V6_ONLY), tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_bytes_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = (
        "import hashlib; from tests.rulegen.test_simulate import small, V4_ONLY;"
        "print(hashlib.sha256(b''.join(f for _, f in small(V4_ONLY).packets)).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    told = {
        subprocess.run(
            command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in "12"
    }
    assert len(told) == 1


def test_another_seed_gives_other_rates_names_and_addresses() -> None:
    notes = [
        {host.scenario: host.note for host in small(DUAL, seed).hosts if host.label == "infected"}
        for seed in (1, 2)
    ]
    assert notes[0].keys() == notes[1].keys() == {"flood", "slow", "submission"}
    assert not set(notes[0].values()) & set(notes[1].values())


def test_one_actor_more_leaves_the_others_as_they_were() -> None:
    one = small(DUAL, scenarios=["flood", "printer"])
    more = small(DUAL, scenarios=["flood", "printer", "slow", "blocked"])
    for scenario in ("flood", "printer"):
        host = by_scenario(one)[scenario]
        assert by_scenario(more)[scenario] == host
        sent = [
            [packet for packet in packets(each) if packet.src == host.host] for each in (one, more)
        ]
        assert len(sent[0]) > 50
        assert sent[0] == sent[1]


def test_packets_are_sorted_by_time_and_lie_in_the_time_asked_for(whole: Simulation) -> None:
    times = [packet.time for packet in whole.packets]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < 7200 + 60


def test_size_is_what_a_laptop_bears(whole: Simulation) -> None:
    assert 80_000 < len(whole.packets) < 200_000
    assert len([host for host in whole.hosts if host.scenario == "office"]) == 60


def ones_complement_sum(data: bytes) -> int:
    """RFC 1071, word by word."""
    total = 0
    for (word,) in struct.iter_unpack("!H", data + b"\0" * (len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("site", [V4_ONLY, V6_ONLY], ids=["IPv4", "IPv6"])
def test_every_checksum_is_right(site: SiteProfile) -> None:
    protocols: Counter[int] = Counter()
    for _, frame in small(site, scenarios=["flood", "printer"]).packets:
        begin, addresses, number = (
            (34, frame[26:34], frame[23])
            if frame[12:14] == b"\x08\0"
            else (54, frame[22:54], frame[20])
        )
        body = frame[begin:]
        if begin == 34:
            assert ones_complement_sum(frame[14:34]) == 0xFFFF
        assert (
            ones_complement_sum(addresses + struct.pack("!HH", number, len(body)) + body) == 0xFFFF
        )
        protocols[number] += 1
    assert protocols[TCP] > 1000
    assert protocols[UDP] > 500


def test_a_checksum_that_would_be_zero_is_written_as_udp_wants_it() -> None:
    assert checksum(b"\xff\xff") == 0xFFFF
    assert checksum(b"\x12\x34\x56") == 0xFFFF - ones_complement_sum(b"\x12\x34\x56")


def test_streams_have_no_gaps() -> None:
    following: dict[tuple[bytes, int, bytes, int], int] = {}
    checked = 0
    for ip in decoded(small(V4_ONLY)):
        tcp = ip.data
        if not isinstance(tcp, dpkt.tcp.TCP):
            continue
        way, back = (ip.src, tcp.sport, ip.dst, tcp.dport), (ip.dst, tcp.dport, ip.src, tcp.sport)
        begins, ends = tcp.flags & dpkt.tcp.TH_SYN, tcp.flags & dpkt.tcp.TH_FIN
        if not begins and way in following:
            assert tcp.seq == following[way]
            assert tcp.ack == following[back]
            checked += 1
        following[way] = (tcp.seq + len(tcp.data) + bool(begins or ends)) & 0xFFFFFFFF
    assert checked > 5000


@pytest.mark.parametrize("site", [V4_ONLY, V6_ONLY], ids=["IPv4", "IPv6"])
def test_truth_names_every_home_address_on_the_wire(site: SiteProfile) -> None:
    simulation = small(site)
    assert_truth_is_complete(simulation, site, packets(simulation))


def test_truth_names_every_home_address_of_a_whole_site(
    whole: Simulation, seen: list[Seen]
) -> None:
    assert_truth_is_complete(whole, DUAL, seen)


def assert_truth_is_complete(
    simulation: Simulation, site: SiteProfile, seen: Iterable[Seen]
) -> None:
    addresses = {address for packet in seen for address in (packet.src, packet.dst)}
    on_wire = {address for address in addresses if site.is_home(ip_address(address))}
    told = [address for host in simulation.hosts for address in host.addresses]
    assert len(told) == len(set(told))
    assert on_wire <= set(told)
    # A server that nobody turned to is in the truth, though it may have said nothing.
    silent = {host.scenario for host in simulation.hosts if not set(host.addresses) & on_wire}
    assert silent <= SERVERS | {"undeclared_mail_server", "undeclared_resolver"}


def test_every_scenario_is_played_with_its_label(whole: Simulation) -> None:
    assert whole.left_out == ()
    played = by_scenario(whole)
    assert {name: played[name].label for name in SCENARIO_LABEL} == SCENARIO_LABEL
    assert set(played) == set(SCENARIO_LABEL) | SERVERS | {"office"}
    assert all(host.note for host in whole.hosts)


def test_infected_hosts_have_a_tier_and_a_first_mail_and_others_no_tier(whole: Simulation) -> None:
    for host in whole.hosts:
        assert (host.tier is not None) == (host.label == "infected"), host
        if host.label == "infected":
            assert host.first_mail is not None
            assert host.meant["mail_connections"] > 30
            assert host.meant["mail_servers"] > 20
    slow = {host.scenario for host in whole.hosts if host.tier == "slow"}
    assert (
        {"slow", "slow_no_lookup", "slow_submission"}
        <= slow
        <= {"slow", "slow_no_lookup", "slow_submission", "submission"}
    )


def test_slow_senders_mail_twenty_times_an_hour_from_the_start_to_the_end(
    whole: Simulation, seen: list[Seen]
) -> None:
    host = by_scenario(whole)["slow_no_lookup"]
    times = [
        packet.time
        for packet in seen
        if packet.src == host.host and packet.tcp_flags == dpkt.tcp.TH_SYN
    ]
    assert 38 <= len(times) <= 70
    assert times[0] < 300
    assert times[-1] > 7200 - 900


def test_the_roaming_laptop_is_one_host_with_two_addresses_and_one_network_card(
    whole: Simulation, seen: list[Seen]
) -> None:
    laptop = by_scenario(whole)["roaming"]
    assert len(laptop.addresses) == 2
    assert laptop.host == laptop.addresses[-1]
    assert len({packet.card for packet in seen if packet.src in laptop.addresses}) == 1
    assert all(len(host.addresses) == 1 for host in whole.hosts if host is not laptop)


def test_machines_that_know_their_victims_ask_nothing(whole: Simulation, seen: list[Seen]) -> None:
    silent = {by_scenario(whole)[name].host for name in ("no_lookup", "slow_no_lookup")}
    asking = {packet.src for packet in seen if packet.protocol == UDP and packet.dport == 53}
    assert not silent & asking
    assert len(asking) > 60


def test_outside_addresses_are_public_and_spread(seen: list[Seen]) -> None:
    everybody = set(
        map(ip_address, {address for packet in seen for address in (packet.src, packet.dst)})
    )
    outside = {
        each
        for each in everybody
        if not DUAL.is_home(each) and str(each) not in ("0.0.0.0", "255.255.255.255")
    }
    assert all(each.is_global for each in outside)
    assert len({str(each).split(".")[0] for each in outside if each.version == 4}) > 40
    assert len({int(each) >> 96 for each in outside if each.version == 6}) > 200


def test_a_site_of_public_addresses_has_no_server_of_the_outside_inside() -> None:
    site = site_of("0.0.0.0/1 128.0.0.0/2")
    simulation = small(site, scenarios=["flood"])
    inside = {address for host in simulation.hosts for address in host.addresses}
    on_wire = {packet.dst for packet in packets(simulation) if packet.dst != "0.0.0.0"}
    assert {address for address in on_wire if site.is_home(ip_address(address))} <= inside
    assert len(on_wire) > 50


def test_a_site_that_is_everything_is_refused() -> None:
    with pytest.raises(
        MxhoundError,
        match="home_networks leave no external IPv4 address; expected networks that do not cover "
        "all addresses",
    ):
        small(site_of("0.0.0.0/1 128.0.0.0/1"))


@pytest.mark.parametrize(
    "home",
    ["192.168.7.0/28", "192.168.7.0/29", "192.168.7.8/31", "2001:db8::/126", "192.168.7.8/32"],
)
def test_small_networks_get_what_fits_and_say_what_does_not(home: str) -> None:
    site = site_of(home)
    simulation = small(site, clients=300, scenarios=None)
    addresses = [address for host in simulation.hosts for address in host.addresses]
    assert all(site.is_home(ip_address(address)) for address in addresses)
    assert len(addresses) == len(set(addresses)) <= ip_network(home).num_addresses
    assert set(SCENARIO_LABEL) <= {host.scenario for host in simulation.hosts} | set(
        simulation.left_out
    )


def test_a_home_of_sixteen_has_infected_hosts_look_alikes_and_desks() -> None:
    simulation = small(site_of("192.168.7.0/28"), clients=300, scenarios=None)
    assert Counter(host.label for host in simulation.hosts)["infected"] >= 3
    assert {"flood", "slow", "address_checker", "office", "router"} <= {
        host.scenario for host in simulation.hosts
    }


def test_where_version_four_is_full_machines_have_version_six() -> None:
    simulation = small(site_of("192.168.7.0/29 2001:db8::/64"), clients=10)
    assert not simulation.left_out
    assert Counter(host.scenario for host in simulation.hosts)["office"] == 10
    assert Counter(":" in host.host for host in simulation.hosts)[False] <= 6


def test_declared_networks_hold_servers_only() -> None:
    site = site_of("10.1.0.0/24", "10.1.0.0/27 10.1.0.64/32", "10.1.0.32/28")
    simulation = small(site, clients=150, scenarios=["slow"])
    for host in simulation.hosts:
        address = ip_address(host.host)
        assert (host.scenario == "relay") == site.is_mail_server(address)
        assert (host.scenario == "resolver") == site.is_resolver(address)
    assert Counter(host.scenario for host in simulation.hosts)["relay"] == 2


def test_one_machine_may_be_relay_and_resolver() -> None:
    simulation = small(site_of("10.1.0.0/24", "10.1.0.2", "10.1.0.2"))
    (both,) = [host for host in simulation.hosts if host.host == "10.1.0.2"]
    assert both.scenario == "relay"
    assert "delivers to" in both.note
    assert "; also answers" in both.note


def test_undeclared_servers_are_called_so() -> None:
    names = Counter(host.scenario for host in small(V4_ONLY).hosts)
    assert names["undeclared_mail_server"] == names["undeclared_resolver"] == 1
    assert not names["relay"] + names["resolver"]


def test_nothing_infected_on_exempt_or_declared_addresses() -> None:
    lab, past = ip_network("10.1.0.0/25"), ip_network("10.1.0.200/32")
    exempt = (
        Exemption(lab, frozenset(), "lab", None),
        Exemption(past, frozenset(), "over", date(2020, 1, 1)),
    )
    site = site_of("10.1.0.0/24", "10.1.0.130", "10.1.0.131", exempt=exempt)
    for seed in range(3):
        simulation = small(
            site,
            seed,
            clients=20,
            scenarios=("flood", "slow", "blocked", "slow_no_lookup", "no_lookup"),
        )
        infected = [
            ip_address(address)
            for host in simulation.hosts
            if host.label == "infected"
            for address in host.addresses
        ]
        assert len(infected) == 5
        assert not [
            each
            for each in infected
            if each in lab or each in past or site.is_mail_server(each) or site.is_resolver(each)
        ]
        assert any(ip_address(host.host) in lab for host in simulation.hosts)


def test_a_wholly_exempt_site_has_nobody_infected() -> None:
    exempt = (Exemption(ip_network("10.0.0.0/8"), frozenset(), "lab", None),)
    simulation = small(site_of("10.0.0.0/8", exempt=exempt))
    assert {host.label for host in simulation.hosts} == {"benign"}
    assert simulation.left_out == ("flood", "slow", "submission")


def test_chosen_scenarios_only() -> None:
    simulation = small(DUAL, scenarios=["slow", "administrator"], clients=3)
    expected = {"relay": 1, "resolver": 2, "router": 1, "office": 3, "slow": 1, "administrator": 1}
    assert Counter(host.scenario for host in simulation.hosts) == expected


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        (
            {"scenarios": ["flod", "slow"]},
            r"invalid scenario flod: expected accounts_behind_nat, address_checker, .*flood",
        ),
        ({"seconds": 59}, "invalid duration 59 s: expected 60 s or more"),
        ({"clients": -1}, "invalid number of clients -1: expected 0 or more"),
        ({"start": datetime(2026, 1, 1)}, "invalid start: no time zone"),  # noqa: DTZ001 - the fault under test
    ],
)
def test_wrong_knobs_are_refused(knobs: Mapping[str, object], told: str) -> None:
    with pytest.raises(MxhoundError, match=told):
        simulate(DUAL, **knobs)


def test_files_are_what_their_formats_say(tmp_path: Path) -> None:
    start = datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=2)))
    simulation = small(DUAL, start=start)
    pcap, truth = write_simulation(simulation, tmp_path / "new" / "folder")
    assert (pcap.name, truth.name) == (PCAP_NAME, TRUTH_NAME) == ("traffic.pcap", "truth.json")
    assert sorted(path.name for path in pcap.parent.iterdir()) == [
        "replay.yaml",
        "traffic.pcap",
        "truth.json",
    ]
    assert "HOME_NET" in (pcap.parent / "replay.yaml").read_text()
    with pcap.open("rb") as file:
        read = list(dpkt.pcap.Reader(file))
    assert [frame for _, frame in read] == [packet.frame for packet in simulation.packets]
    assert float(read[0][0]) == pytest.approx(
        start.timestamp() + simulation.packets[0].time, abs=2e-6
    )
    told = json.loads(truth.read_text())
    assert (told["format"], told["seed"], told["left_out"]) == (1, 5, list(simulation.left_out))
    assert [host["host"] for host in told["hosts"]] == [host.host for host in simulation.hosts]
    assert set(told["hosts"][0]) >= {
        "host",
        "addresses",
        "label",
        "scenario",
        "first_mail",
        "tier",
        "note",
    }
    flood = next(host for host in told["hosts"] if host["scenario"] == "flood")
    expected = start + timedelta(seconds=by_scenario(simulation)["flood"].first_mail or 0)
    assert flood["first_mail"].endswith("Z")
    assert abs(datetime.fromisoformat(flood["first_mail"]) - expected) < timedelta(milliseconds=1)


def test_the_start_is_fixed() -> None:
    assert (
        datetime(2026, 3, 2, 8, tzinfo=UTC) == DEFAULT_START == small(V4_ONLY, scenarios=[]).start
    )


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocking = tmp_path / "file"
    blocking.write_text("in the way")
    with pytest.raises(MxhoundError, match=r"file: cannot be written: "):
        write_simulation(small(V4_ONLY, clients=0, scenarios=[]), blocking)


def test_half_a_file_is_never_left(tmp_path: Path) -> None:
    (tmp_path / TRUTH_NAME).mkdir()
    with pytest.raises(MxhoundError, match="cannot be written"):
        write_simulation(small(V4_ONLY, clients=0, scenarios=[]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [PCAP_NAME, TRUTH_NAME]


# What a real engine makes of it.


@dataclass(frozen=True)
class Replayed:
    simulation: Simulation
    events: tuple[dict[str, object], ...]

    def of(self, kind: str) -> list[dict[str, object]]:
        return [event for event in self.events if event["event_type"] == kind]

    def per_host(self, counted: Counter[str]) -> dict[str, int]:
        """Counts by address -> counts by host of the truth, those without any left out."""
        return {
            host.host: total
            for host in self.simulation.hosts
            if (total := sum(counted[each] for each in host.addresses))
        }


@pytest.fixture(scope="module")
def replayed(
    suricata: Engine, whole: Simulation, tmp_path_factory: pytest.TempPathFactory
) -> Replayed:
    folder = tmp_path_factory.mktemp("simulated")
    pcap, _ = write_simulation(whole, folder)
    eve = replay(suricata, pcap, folder / "out")
    return Replayed(whole, tuple(map(json.loads, eve.read_text().splitlines())))


def short(address: object) -> str:
    return str(ip_address(str(address)))


def meant(simulation: Simulation, what: str) -> dict[str, int]:
    return {host.host: host.meant[what] for host in simulation.hosts if host.meant.get(what)}


def test_engine_finds_no_fault_in_packets_or_streams(replayed: Replayed) -> None:
    counters = replayed.of("stats")[-1]["stats"]
    assert counters["decoder"]["pkts"] == len(replayed.simulation.packets)
    assert counters["decoder"]["invalid"] == 0
    assert not {
        name: value
        for name, value in counters["tcp"].items()
        if value and ("invalid" in name or "gap" in name)
    }
    assert {event["anomaly"]["type"] for event in replayed.of("anomaly")} <= {"applayer"}


def test_engine_finds_no_fault_in_what_is_said(replayed: Replayed) -> None:
    """One exception: a server that speaks first is recognised by one direction only, and Suricata
    says so each time."""
    told = Counter(event["anomaly"]["event"] for event in replayed.of("anomaly"))
    assert set(told) <= {"APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION"}


def test_engine_sees_the_mx_lookups_meant(replayed: Replayed) -> None:
    counted: Counter[str] = Counter()
    for event in replayed.of("dns"):
        dns = event["dns"]
        if dns["type"] in ("query", "request"):
            types = (
                [each["rrtype"] for each in dns["queries"]] if "queries" in dns else [dns["rrtype"]]
            )
            counted[short(event["src_ip"])] += types.count("MX")
    assert replayed.per_host(counted) == meant(replayed.simulation, "mx_queries")


def test_engine_sees_the_smtp_sessions_meant(replayed: Replayed) -> None:
    sessions = defaultdict(set)
    for event in replayed.of("smtp"):
        if event["smtp"].get("helo"):
            sessions[short(event["src_ip"])].add(event["flow_id"])
    counted = Counter({address: len(flows) for address, flows in sessions.items()})
    assert replayed.per_host(counted) == meant(replayed.simulation, "smtp_sessions")


def test_engine_sees_the_connections_meant(replayed: Replayed) -> None:
    counted: Counter[str] = Counter()
    servers = defaultdict(set)
    for event in replayed.of("flow"):
        if event["dest_port"] in (25, 465, 587) and event["proto"] == "TCP":
            counted[short(event["src_ip"])] += 1
            servers[short(event["src_ip"])].add(event["dest_ip"])
    scanner = by_scenario(replayed.simulation)["port_scanner"]
    found = replayed.per_host(counted)
    assert found.pop(scanner.host) > 50
    assert found == meant(replayed.simulation, "mail_connections")
    for host in replayed.simulation.hosts:
        if host.label == "infected":
            assert (
                len({each for address in host.addresses for each in servers[address]})
                == host.meant["mail_servers"]
            )


def test_engine_sees_starttls_as_tls(replayed: Replayed) -> None:
    upgraded = [event for event in replayed.of("flow") if event.get("app_proto_orig") == "smtp"]
    assert len(upgraded) > 100
    assert {event["app_proto"] for event in upgraded} == {"tls"}


def test_engine_sees_two_leases_of_the_laptop(replayed: Replayed) -> None:
    laptop = by_scenario(replayed.simulation)["roaming"]
    leases = [
        event["dhcp"] for event in replayed.of("dhcp") if event["dhcp"].get("dhcp_type") == "ack"
    ]
    assert len(leases) > 40
    cards = {lease["client_mac"] for lease in leases if lease["assigned_ip"] in laptop.addresses}
    assert len(cards) == 1
    assert [lease["assigned_ip"] for lease in leases if lease["client_mac"] in cards] == list(
        laptop.addresses
    )


def test_engine_reads_mails_whole(replayed: Replayed) -> None:
    mails = [event for event in replayed.of("smtp") if "email" in event]
    assert {event["email"]["status"] for event in mails} == {"PARSE_DONE"}
    assert all(event["email"]["subject_md5"] and event["email"]["body_md5"] for event in mails)
    attachments = {name for event in mails for name in event["email"].get("attachment", ())}
    assert len(mails) > 500
    assert attachments & {
        "document.pif",
        "readme.scr",
        "message.exe",
        "data.zip",
        "invoice.exe",
        "mail.cmd",
        "photo.scr",
        "file.bat",
    }
    recipients = max(len(event["smtp"].get("rcpt_to", ())) for event in replayed.of("smtp"))
    assert 550 <= recipients <= 650
