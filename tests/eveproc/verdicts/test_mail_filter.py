"""Lookups at DNS blocklists -> what they explain, and what they do not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from eveproc.input.events import Dns
from eveproc.signals.domains import address_on_blocklist
from eveproc.signals.facts import Fact
from eveproc.verdicts.analyze import analyze, gather_evidence
from rulegen.vocabulary import Level, Signal
from tests.eveproc.evidence_of import (
    HOST,
    RESOLVER,
    flow,
    gather,
    lookup,
    server,
    site_of,
    verdict,
    web,
)

ZONES = tuple(f"list{number}.example" for number in range(14))
V6 = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4"


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("2.0.0.127.zen.spamhaus.org", "2.0.0.127"),
        ("4.3.2.1.ix.dnsbl.manitu.net", "4.3.2.1"),
        (f"{V6}.zen.spamhaus.org", V6),
        ("4.3.2.1.in-addr.arpa", ""),
        (f"{V6}.ip6.arpa", ""),
        ("4.3.2.999.list.example", ""),
        ("3.2.1.list.example", ""),
        ("mail.example.com.dbl.spamhaus.org", ""),
        ("4.3.2.1", ""),
        ("", ""),
    ],
)
def test_the_form_of_a_name_tells_that_a_blocklist_is_asked(name: str, address: str) -> None:
    assert address_on_blocklist(name) == address


def asked(time: float, name: str, listed: bool, number: int) -> Dns:
    question = lookup(
        time, name, "A", answer=True, rcode="" if listed else "NXDOMAIN", query_id=number % 65536
    )
    return replace(question, addresses=((name, "127.0.0.4"),)) if listed else question


def of_clients(count: int, zones: tuple[str, ...] = ZONES[:3]) -> Iterator[Dns]:
    """So many addresses, each of which every list is asked about; every third is listed."""
    for number in range(count):
        for place, zone in enumerate(zones):
            name = f"{1 + number % 200}.{number // 200}.51.198.{zone}"
            yield asked(5 + number * 3 + place / 10, name, number % 3 == 0, number)


def of_senders(count: int) -> Iterator[Dns]:
    """Names of senders' mail servers at lists of names, as SpamAssassin and Rspamd ask."""
    for number in range(count):
        for place, zone in enumerate(ZONES):
            name = f"mail.sender{number}.example.{zone}"
            yield asked(100 + number * 20 + place / 10, name, False, 1000 + number)


def domains(count: int) -> Iterator[Dns]:
    for number in range(count):
        yield lookup(50 + 4 * number, f"sender{number}.example", query_id=5000 + number)


def test_a_mail_filter_that_asks_many_lists_about_names_is_clean_and_says_why() -> None:
    names = list(of_senders(4))
    accused = verdict(names)
    assert (accused.level, accused.evidence[0].signal) == (Level.SUSPECTED, Signal.NAME_GUESS_NX)
    found = verdict([*of_clients(40, ZONES), *names])
    assert found.level is Level.CLEAN
    assert "name_guess_nx" not in {item.signal for item in found.evidence}
    assert (
        "asks DNS blocklists (list0.example, list1.example, list10.example and 11 more) about 40 "
        "addresses, as a mail filter does (this explains its lookups, but not its deliveries"
    ) in found.why


def test_its_lookups_are_explained_where_no_connection_is_logged() -> None:
    assert verdict([*domains(60)]).level is Level.SUSPECTED
    assert verdict([*domains(60), *of_clients(30)]).level is Level.CLEAN


def test_a_few_addresses_that_are_asked_about_explain_nothing() -> None:
    """A bot asks many lists about its own address."""
    own = [asked(n, f"7.2.0.192.list{n}.example", False, n) for n in range(30)]
    assert verdict([*domains(60), *own]).level is Level.SUSPECTED
    assert verdict([*domains(60), *of_clients(9)]).level is Level.SUSPECTED


def test_many_more_domains_than_clients_are_not_explained() -> None:
    assert verdict([*domains(60), *of_clients(11)]).level is Level.SUSPECTED


def test_a_mass_mailer_that_asks_blocklists_about_its_victims_is_infected() -> None:
    mails = [
        one
        for number in range(60)
        for one in (
            lookup(2 * number, f"victim{number}.example", query_id=number),
            flow(2 * number + 1, server(number)),
        )
    ]
    assert verdict([*mails, *of_clients(100)]).level is Level.INFECTED


def test_lookups_at_blocklists_are_no_names_of_mail_servers() -> None:
    """Their zones may speak of mail, which says nothing of a provider."""
    zones = ("bl.mailspike.example", "spam.mxlist.example")
    evidence = gather(of_clients(5, zones)).hosts[HOST]
    assert evidence.log(Fact.MAIL_NAMES).distinct() == 0
    assert evidence.log(Fact.ASKS_BLOCKLIST).distinct() == 5
    assert evidence.log(Fact.BLOCKLISTS).keys() == {"mailspike.example", "mxlist.example"}


def test_other_names_that_begin_with_numbers_are_no_blocklists() -> None:
    name = "1.0.0.10.nip.example"
    forward = replace(lookup(1, name, "A", answer=True), addresses=((name, "10.0.0.1"),))
    asked_only = lookup(2, "4.3.2.1.list.example", "A")
    evidence = gather([forward, asked_only, *web()]).hosts.get(HOST)
    assert evidence is None or not evidence.log(Fact.ASKS_BLOCKLIST).hours


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("subject", ["7.2.0.192", V6])
def test_the_prefilter_passes_their_answers(tmp_path: Path, version: int, subject: str) -> None:
    log = tmp_path / "eve.json"
    lines = []
    for zone, rcode in (("Zen.Example.Org", "NXDOMAIN"), ("list.example.net", "NOERROR")):
        name = f"{subject}.{zone}"
        dns = {"version": version, "id": 7, "rcode": rcode}
        if version == 3:
            dns |= {"type": "response", "queries": [{"rrname": name, "rrtype": "A"}]}
        else:
            dns |= {"type": "answer", "rrname": name, "rrtype": "A"}
        if rcode == "NOERROR":
            dns["answers"] = [{"rrname": name, "rrtype": "A", "rdata": "127.0.0.2"}]
        ends = {"src_ip": RESOLVER, "src_port": 53, "dest_ip": HOST, "dest_port": 5353}
        if version == 3:
            ends = {"src_ip": HOST, "src_port": 5353, "dest_ip": RESOLVER, "dest_port": 53}
        lines.append(
            {
                "timestamp": "2026-03-02T09:00:00.000000+0000",
                "flow_id": 1,
                "event_type": "dns",
                "proto": "UDP",
                **ends,
                "dns": dns,
            }
        )
    log.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    store, _ = gather_evidence([str(log)], site_of(), jobs=1)
    evidence = store.hosts[HOST]
    assert evidence.log(Fact.ASKS_BLOCKLIST).keys() == {subject}
    assert evidence.log(Fact.BLOCKLISTS).keys() == {"example.org", "example.net"}
    assert analyze([str(log)], site_of(), jobs=1).verdicts[0].level is Level.CLEAN
