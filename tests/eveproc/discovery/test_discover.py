"""Servers and networks of a site, found in the records of a recorded office and of simulated sites;
and hosts that only look like servers.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from msgspec.structs import replace

from eveproc.discovery.discover import (
    Difference,
    Discoverer,
    Discovery,
    Named,
    differences,
    discover,
)
from eveproc.discovery.from_logs import discover_in
from eveproc.discovery.networks import HomeNetworkFinder
from eveproc.input.events import Dhcp, Dns, Event, Flow, Origin, Smtp
from eveproc.report.proposal import render, render_differences
from eveproc.verdicts.analyze import analyze
from eveproc.verdicts.roles import Confidence, Role
from rulegen.build import build
from rulegen.errors import InputError
from rulegen.simulate import PCAP_NAME, Simulation, simulate, write_simulation
from rulegen.site_profile import SiteProfile, load_site
from rulegen.vocabulary import Engine
from tests.engines.replay import replay

DATA = Path(__file__).parents[2] / "data"
RECORDINGS = [str(DATA / f"office-suricata-{version}.eve.json.gz") for version in (7, 8)]
SITES = Path(__file__).parents[3] / "benchmarks" / "sites"
BARE = SiteProfile((ip_network("10.20.0.0/16"),))
HOST = "10.20.1.7"
WEB = ("www.d.example", "A")
START = datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp()


def found(*events: Event) -> Discovery:
    finder = Discoverer(BARE)
    for event in events:
        finder.add(event)
    return discover(finder.store, BARE)


def roles(discovery: Discovery) -> list[tuple[str, Role, Confidence]]:
    return [(finding.host, finding.role, finding.confidence) for finding in discovery.findings]


def connection(at: float, client: str, server: str, port: int = 25, *, taken: bool = True) -> Flow:
    ends = {
        "client": client,
        "client_port": 1024 + round(at) % 60_000,
        "server": server,
        "server_port": port,
    }
    return Flow(time=START + at, proto="TCP", answered=taken, established=taken, **ends)


def mail(at: float, client: str, server: str, *recipients: str, has_message: bool = True) -> Smtp:
    return Smtp(
        time=START + at,
        client=client,
        client_port=round(at) + 1,
        server=server,
        server_port=25,
        helo="x.example",
        rcpt_to=recipients,
        has_message=has_message,
        tx_id=0,
    )


def answer(at: float, client: str, server: str) -> Dns:
    return Dns(
        time=START + at,
        client=client,
        server=server,
        is_answer=True,
        questions=(("mail.d.example", "A"),),
    )


def taking(host: str, clients: int) -> list[Event]:
    return [
        mail(number, f"198.51.100.{number}", host, f"u{number}@ours.example")
        for number in range(1, clients + 1)
    ]


def test_a_host_that_takes_mail_in_and_delivers_is_a_mail_server() -> None:
    sending = [connection(100 + number, HOST, f"203.0.113.{number}") for number in range(3)]
    discovery = found(*taking(HOST, 6), *sending)
    assert roles(discovery) == [(HOST, Role.MAIL_SERVER, Confidence.HIGH)]
    assert discovery.findings[0].why == "accepts mail from 6 hosts, delivers to 3 external servers"
    assert discovery.domains == (
        Named("ours.example", "mail to it is accepted from 6 external hosts"),
    )


@pytest.mark.parametrize("clients", [2, 6])
def test_one_that_sends_none_is_looked_at_first(clients: int) -> None:
    assert roles(found(*taking(HOST, clients))) == [(HOST, Role.MAIL_SERVER, Confidence.MEDIUM)]


def test_a_day_of_dns_without_mail_is_described() -> None:
    """Such a day holds no evidence of mail, but shows which hosts answer DNS."""
    day = found(
        *(
            replace(answer(number * 3600, f"10.20.1.{number}", "10.20.0.53"), questions=(WEB,))
            for number in range(8)
        )
    )
    assert roles(day) == [("10.20.0.53", Role.RESOLVER, Confidence.HIGH)]
    assert (day.first, day.last) == (START, START + 7 * 3600)
    assert "from records of 2026-03-02 08:00:00Z to 15:00:00Z" in render(day)


def test_one_client_makes_no_server() -> None:
    assert roles(found(*taking(HOST, 1), answer(5, "10.20.1.8", "10.20.0.53"))) == []


def test_networks_with_the_same_addresses_are_asked_for() -> None:
    """A mass mailer in one VLAN, and another machine with its address in another one."""
    one = [connection(n * 60, "10.20.1.7", f"198.51.100.{n}") for n in range(1, 9)]
    other = [connection(n * 60 + 5, "10.20.1.7", f"203.0.113.{n}") for n in range(1, 9)]
    tagged = [
        replace(event, origin=Origin(vlan=(vlan,)))
        for vlan, events in ((10, one), (20, other))
        for event in events
    ]
    text = render(found(*tagged))
    assert (
        "# 1 address used by several machines at the same time, for example 10.20.1.7. Check it; to "
        "accept it, uncomment it.\n# separate_by: [vlan]\n"
    ) in text
    assert "separate_by" not in render(found(*one, *other))


def test_a_resolver_that_one_named_sensor_saw_is_one_machine() -> None:
    answers = [answer(n * 60, f"10.20.1.{n}", "10.20.0.53") for n in range(1, 9)]
    own = [connection(n * 60, "10.20.0.53", f"198.51.100.{n}") for n in range(1, 9)]
    day = found(*(replace(event, sensor="sensor-1") for event in (*answers, *own)))
    assert day.separate_by == ()


def test_a_mass_mailer_is_no_server() -> None:
    assert (
        roles(found(*(connection(number, HOST, f"203.0.113.{number}") for number in range(200))))
        == []
    )


@pytest.mark.parametrize(("clients", "confidence"), [(2, Confidence.MEDIUM), (5, Confidence.HIGH)])
def test_who_answers_several_is_a_resolver(clients: int, confidence: Confidence) -> None:
    assert roles(
        found(*(answer(number, f"10.20.1.{number}", "10.20.0.53") for number in range(clients)))
    ) == [("10.20.0.53", Role.RESOLVER, confidence)]


def test_who_looks_on_the_same_servers_all_the_time_is_a_monitor() -> None:
    looks = [connection(60 * number, HOST, f"203.0.113.{number % 2}") for number in range(180)]
    assert roles(found(*looks)) == [(HOST, Role.MONITOR, Confidence.MEDIUM)]
    assert roles(found(*looks[:20], connection(10_000, HOST, "203.0.113.1"))) == []
    assert Role.MONITOR not in {role for _, role, _ in roles(found(*looks, *taking(HOST, 3)))}


def test_who_tries_many_is_a_scanner() -> None:
    inside = [connection(number, HOST, f"10.20.9.{number}", taken=False) for number in range(30)]
    assert roles(found(*inside)) == [(HOST, Role.SCANNER, Confidence.MEDIUM)]
    assert found(*inside).findings[0].why == "connects to mail ports of 30 home hosts"
    assert roles(found(*inside[:10])) == []


def test_submission_servers_of_several_and_domains_of_the_many() -> None:
    used = [connection(number, f"10.20.1.{number}", "203.0.113.9", 587) for number in range(3)]
    alone = connection(9, HOST, "203.0.113.8", 465)
    assert found(*used, alone).submission == (Named("203.0.113.9", "used by 3 hosts"),)
    finder = Discoverer(BARE)
    for event in used:
        finder.add(event)
    assert discover(finder.store, BARE, ["10.20.1.0", "10.20.1.1"]).submission == ()


def refused(clients: int, domain: str) -> list[Event]:
    """Probes for an open relay: recipients are named, and no message follows."""
    return [
        mail(n, f"198.51.100.{n}", HOST, f"probe@{domain}", has_message=False)
        for n in range(1, clients + 1)
    ]


def test_recipients_of_open_relay_probes_are_not_the_site_s_own() -> None:
    probes = refused(8, "prober.example")
    (doubtful,) = found(*probes).domains
    assert (doubtful.name, doubtful.confidence) == ("prober.example", Confidence.MEDIUM)
    assert "no message was seen" in doubtful.why
    assert '  # - "prober.example"' in render(found(*probes))
    assert [one.name for one in found(*probes, *taking(HOST, 6)).domains] == ["ours.example"]


def test_a_public_mailbox_provider_is_nobodys_own_domain() -> None:
    relayed = [mail(n, f"198.51.100.{n}", HOST, "x@gmail.com") for n in range(1, 9)]
    assert found(*relayed, *refused(8, "gmail.com")).domains == ()


def test_a_domain_that_is_relayed_to_external_servers_is_doubtful() -> None:
    taken = [mail(n, f"198.51.100.{n}", HOST, "x@other.example") for n in range(1, 9)]
    relayed = [mail(100 + n, HOST, f"203.0.113.{n}", "x@other.example") for n in range(3)]
    assert [one.confidence for one in found(*taken).domains] == [Confidence.HIGH]
    (domain,) = found(*taken, *relayed).domains
    assert (domain.confidence, "delivered to external servers" in domain.why) == (
        Confidence.MEDIUM,
        True,
    )
    assert list(differences(found(*taken, *relayed), BARE))[1:] == []


def test_parts_of_logs_find_the_same() -> None:
    events = [
        *taking(HOST, 6),
        *(connection(100 + number, HOST, f"203.0.113.{number}") for number in range(3)),
    ]
    one, other = Discoverer(BARE), Discoverer(BARE)
    for number, event in enumerate(events):
        (one if number % 2 else other).add(event)
    one.store.merge(other.store)
    assert discover(one.store, BARE) == found(*events)


def homes(*events: Event) -> list[str]:
    whole, part = HomeNetworkFinder(), HomeNetworkFinder()
    for number, event in enumerate(events):
        (whole if number % 2 else part).add(event)
    whole.merge(part)
    return [str(network) for network in whole.networks()]


def asks(client: str, server: str = "192.0.2.53") -> Dns:
    return Dns(
        time=START,
        client=client,
        server=server,
        is_answer=False,
        questions=(("d.example", "A"),),
    )


def test_private_networks_in_use_are_home() -> None:
    assert homes(asks("10.20.1.7"), connection(0, "198.51.100.7", "192.168.5.9")) == [
        "10.20.0.0/16",
        "192.168.5.0/24",
    ]
    assert homes(asks("172.20.3.4"), asks("fd12:3456:789a::7")) == [
        "172.20.0.0/16",
        "fd12:3456:789a::/48",
    ]
    assert homes(*(asks(f"192.168.{number}.7") for number in (97, 101, 110))) == ["192.168.96.0/20"]


def test_external_clients_of_the_site_s_own_name_server_are_not_home() -> None:
    """Scanners and resolvers query one host of the site, which queries others; they query no other."""
    scanners = [asks(f"203.0.113.{number}", "10.20.0.53") for number in range(5)]
    assert homes(asks("10.20.1.7"), *scanners) == ["10.20.0.0/16"]
    scanners = [asks(f"203.0.113.{number}", "198.51.100.5") for number in range(5)]
    assert homes(asks("198.51.100.5"), *scanners) == []
    own = [asks(f"198.51.100.{number}") for number in range(5)]
    assert homes(*own, *scanners) == ["198.51.100.0/24"]


def test_hosts_that_got_no_answer_are_not_home() -> None:
    """Where answers are logged, probes that are refused do not count."""
    probes = [asks(f"203.0.113.{number}", "198.51.100.5") for number in range(5)]
    refused = [replace(probe, is_answer=True, rcode="REFUSED") for probe in probes]
    assert homes(*probes, *refused) == []
    assert homes(*probes, *(replace(one, rcode="NOERROR") for one in refused)) == ["203.0.113.0/24"]


def test_clients_of_a_server_of_the_internet_are_not_home() -> None:
    asking = [
        asks(f"203.0.{network}.{number}", "198.51.100.5")
        for network in range(9)
        for number in range(3)
    ]
    assert homes(*asking) == []
    assert homes(*asking[:6]) == ["203.0.0.0/23"]


def test_addresses_of_one_link_are_no_network() -> None:
    local = [asks(f"fe80::{number}") for number in range(1, 5)]
    assert homes(*local, *(asks(f"127.0.0.{number}") for number in range(1, 5))) == []


def test_an_address_that_never_answered_was_not_met() -> None:
    probe = connection(0, "198.51.100.7", "192.168.5.9", taken=False)
    assert homes(probe, asks("10.20.1.7")) == ["10.20.0.0/16"]


def test_own_resolvers_make_a_public_network_home() -> None:
    assert homes(*(asks(f"203.0.113.{number}", "203.0.113.53") for number in range(4))) == [
        "203.0.113.0/24"
    ]


def test_a_public_network_is_home_where_several_of_it_ask() -> None:
    assert homes(*(asks(f"203.0.113.{number}") for number in (7, 8, 9, 9))) == ["203.0.113.0/24"]
    assert homes(*(asks(f"2001:db8:20:{number}::7") for number in range(4))) == ["2001:db8:20::/48"]
    assert homes(*(asks(f"203.0.113.{number}") for number in (7, 8, 8))) == []
    assert (
        homes(*(connection(0, f"203.0.113.{number}", "198.51.100.9") for number in range(9))) == []
    )
    assert homes(
        Dhcp(time=START, mac="02:00:00:00:00:01", address="203.0.113.9"), asks("198.51.100.1")
    ) == ["203.0.113.0/24"]


def test_without_a_home_network_there_is_nothing_to_propose(tmp_path: Path) -> None:
    eve = tmp_path / "eve.json"
    eve.write_text(
        '{"event_type":"flow","timestamp":"2026-03-02T08:00:00+0000","src_ip":"203.0.113.1","dest_ip":"203.0.113.2","proto":"TCP","flow":{}}\n'
    )
    found = discover_in([str(eve)], None)
    assert (found.home_networks, found.is_blind) == ((), True)
    assert "name the home networks in a site.yaml with -s" in found.missing[0]
    with pytest.raises(InputError, match="-: standard input cannot be read twice"):
        discover_in(["-"], None)
    eve.write_text("no eve\n")
    for site in (None, BARE):
        with pytest.raises(InputError, match="is not EVE JSON"):
            discover_in([str(eve)], site)


@pytest.mark.parametrize("eve", RECORDINGS, ids=["7", "8"])
def test_the_recorded_office_is_what_its_profile_says(eve: str, tmp_path: Path) -> None:
    discovery = discover_in([eve], None)
    path = tmp_path / "site.yaml"
    path.write_text(render(discovery))
    proposed, written = load_site(path), load_site(DATA / "site.yaml")
    assert (proposed.home_networks, proposed.mail_servers, proposed.resolvers) == (
        written.home_networks,
        written.mail_servers,
        written.resolvers,
    )
    assert [(v.host, v.level) for v in analyze([eve], proposed).verdicts] == [
        (v.host, v.level) for v in analyze([eve], written).verdicts
    ]
    said = [
        difference
        for difference in differences(discovery, written)
        if difference.key != "internal_domains"
    ]
    assert said == []


@pytest.mark.untraced  # an hour of a whole site, through code that has tests of its own
@pytest.mark.parametrize("name", ["ipv4-only", "small"])
def test_every_server_of_a_simulated_site_is_found_and_none_invented(
    suricata_8: Engine, name: str, tmp_path: Path
) -> None:
    site = load_site(SITES / f"{name}.yaml")
    simulation = simulate(site, 11, clients=40, seconds=3600)
    write_simulation(simulation, tmp_path)
    build(site, [suricata_8], tmp_path, simulation.start.date())
    eve = str(
        replay(suricata_8, tmp_path / PCAP_NAME, tmp_path / "log", build=tmp_path / suricata_8)
    )
    discovery = discover_in([eve], None)
    for role, scenarios in (
        (Role.MAIL_SERVER, {"relay", "undeclared_mail_server"}),
        (Role.RESOLVER, {"resolver", "undeclared_resolver"}),
    ):
        assert {finding.host for finding in discovery.of(role)} == servers(
            simulation, scenarios, role, site
        )
    path = tmp_path / "site.yaml"
    path.write_text(render(discovery))
    verdicts = [
        {v.host: v.level for v in analyze([eve], profile).verdicts}
        for profile in (site, load_site(path))
    ]
    differing = {host for host in verdicts[0] if verdicts[0][host] != verdicts[1].get(host)}
    assert differing <= servers(
        simulation, {"undeclared_mail_server"}, Role.MAIL_SERVER, SiteProfile(site.home_networks)
    )


def servers(simulation: Simulation, scenarios: set[str], role: Role, site: SiteProfile) -> set[str]:
    """Simulated and declared servers: one machine may be both relay and resolver."""
    declared = site.mail_servers if role is Role.MAIL_SERVER else site.resolvers
    played = {host.host for host in simulation.hosts if host.scenario in scenarios}
    return played | {
        str(network.network_address)
        for network in declared
        if ip_network(network).num_addresses == 1
    }


def test_differences_go_both_ways() -> None:
    discovery = found(*taking(HOST, 6), connection(100, HOST, "203.0.113.1"))
    site = replace(
        BARE, mail_servers=(ip_network("10.20.0.25/32"),), resolvers=(ip_network("9.9.9.9/32"),)
    )
    said = list(differences(discovery, site))
    assert [(one.key, one.value, one.is_found) for one in said] == [
        ("mail_servers", HOST, True),
        ("mail_servers", "10.20.0.25", False),
        ("internal_domains", "ours.example", True),
    ]
    assert render_differences(said[:2]).splitlines() == [
        f"+ mail_servers: {HOST}  (accepts mail from 6 hosts, delivers to 1 external server)",
        "- mail_servers: 10.20.0.25  (none of its hosts was seen in this role in these logs)",
    ]
    assert render_differences([]) == "no difference: the logs agree with the profile\n"
    assert (
        list(
            differences(
                discovery,
                replace(
                    BARE,
                    mail_servers=(ip_network("10.20.1.0/24"),),
                    internal_domains=("ours.example",),
                ),
            )
        )
        == []
    )
    assert Difference("a", "b", True, "c").is_found


def test_networks_that_the_profile_lacks_and_those_that_nobody_met() -> None:
    site = replace(BARE, home_networks=(*BARE.home_networks, ip_network("192.0.2.0/24")))
    finder = Discoverer(site)
    for event in (asks("10.20.1.7"), asks("10.99.1.9"), asks("fd12:3456:789a::7")):
        finder.add(event)
    discovery = discover(finder.store, site)
    said = [(one.key, one.value, one.is_found) for one in differences(discovery, site)]
    assert said == [
        ("home_networks", "10.99.0.0/16", True),
        ("home_networks", "fd12:3456:789a::/48", True),
        ("home_networks", "192.0.2.0/24", False),
    ]
    text = render_differences(differences(discovery, site))
    assert "+ home_networks: 10.99.0.0/16  (hosts were seen in it: 10.99.1.9)" in text
    assert '  # - "10.99.0.0/16"' in render(discovery)


ONLY_ALERTS = (
    '{"event_type":"alert","timestamp":"2026-03-02T08:00:00+0000","src_ip":"10.20.1.7",'
    '"src_port":5000,"dest_ip":"203.0.113.2","dest_port":25,"proto":"TCP",'
    '"alert":{"signature_id":1,"gid":1}}\n'
)
ONLY_FLOWS = ONLY_ALERTS.replace('"alert"', '"flow"')


@pytest.mark.parametrize(
    ("text", "blind", "said"),
    [
        (ONLY_ALERTS, True, "only alerts were read"),
        (ONLY_FLOWS, False, "no dns records were read"),
        (ONLY_FLOWS, False, "no smtp records were read"),
    ],
)
def test_records_that_are_missing_are_named(
    text: str, blind: bool, said: str, tmp_path: Path
) -> None:
    eve = tmp_path / "eve.json"
    eve.write_text(text)
    discovery = discover_in([str(eve)], BARE)
    assert discovery.is_blind is blind
    assert said in render(discovery)
    assert said in render_differences([], discovery.missing)
    assert load(render(discovery), tmp_path).home_networks == BARE.home_networks


def load(text: str, folder: Path) -> SiteProfile:
    path = folder / "site.yaml"
    path.write_text(text)
    return load_site(path)


def test_a_proposal_loads_whatever_the_wire_holds(tmp_path: Path) -> None:
    """Domains of recipients are an attacker's text; the doubtful is a comment, and what is no
    domain name is left out."""
    hostile: Sequence[Named] = (
        Named('x"\n- evil', "why"),
        Named("-evil.example", "w"),
        Named("good.example", "why"),
        Named("b\u202ea.example", "why"),
    )
    discovery = replace(
        found(
            *taking(HOST, 3),
            *taking("10.20.1.8", 6),
            *(connection(60 * n, "10.20.2.2", "203.0.113.1") for n in range(180)),
        ),
        domains=tuple(hostile),
    )
    text = render(discovery)
    assert load(text, tmp_path).internal_domains == ("good.example",)
    assert load(text, tmp_path).mail_servers == ()
    assert f'  # - "{HOST}"' in text
    assert '#   - {address: "10.20.2.2", signals: [' in text
    assert "(none was seen)" in text
    uncommented = text.replace(f'  # - "{HOST}"', f'  - "{HOST}"').replace(
        "mail_servers: []", "mail_servers:"
    )
    assert [str(network) for network in load(uncommented, tmp_path).mail_servers] == [f"{HOST}/32"]
