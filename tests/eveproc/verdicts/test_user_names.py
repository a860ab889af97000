"""Logins besides the evidence -> user names in the report, and the same verdict."""

import json

import pytest
from msgspec.structs import replace

from eveproc.report import FORMATS, shown
from eveproc.verdicts.analyze import analyze
from eveproc.watching.engine import Watcher, WatchMemory
from eveproc.watching.notify import message_of
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Level
from rulegen.yamlfile import parse_yaml
from tests.eveproc.clients import announcement
from tests.eveproc.eve_lines import CLERK, HOST, SITE, START, lease, mailing, quiet
from tests.eveproc.logins import FILES, KDC, certificate, session, ticket

HOUR = 3600


def judged(tmp_path, *lines, more="", jobs=1):
    eve = tmp_path / "eve.json"
    eve.write_bytes(b"".join(lines))
    return analyze([str(eve)], build_profile(parse_yaml(SITE + more, "site.yaml")), jobs=jobs)


def names_of(report, host=HOST):
    (verdict,) = [v for v in report.verdicts if v.host == host]
    return [(n.kind, n.name, n.source) for n in verdict.names]


def bot(start=START):
    return list(mailing(start, 40))


def test_the_users_of_a_suspect_are_named_the_latest_first(tmp_path):
    found = judged(
        tmp_path,
        ticket(START - 2 * HOUR, HOST, "Eve"),
        *bot(),
        session(START - HOUR, HOST, "Bob"),
        certificate(START, HOST, "C=US, O=Example, CN=ann"),
    )
    assert names_of(found) == [
        ("user", "ann", "tls"),
        ("user", "example\\bob", "smb"),
        ("machine", "pc-7", "smb"),
        ("user", "eve@example.org", "krb5"),
    ]
    (verdict,) = [v for v in found.verdicts if v.host == HOST]
    assert (
        "Logged in there: ann (TLS certificate, last in the hour from 2026-03-02 08:00Z), "
        "example\\bob (NTLM, last in the hour from 2026-03-02 07:00Z), eve@example.org (Kerberos, "
        "last in the hour from 2026-03-02 06:00Z). It calls itself pc-7."
    ) in verdict.why


def test_names_change_nothing_else(tmp_path):
    plain = judged(tmp_path, *bot(), quiet(START))
    logins = [ticket(START, host, "ann") for host in (HOST, CLERK, "10.20.1.99")]
    named = judged(tmp_path, *bot(), quiet(START), *logins)
    assert len(names_of(named)) == 1
    assert [replace(v, names=(), why="") for v in named.verdicts] == [
        replace(v, why="") for v in plain.verdicts
    ]
    assert named.clean_hosts == plain.clean_hosts
    assert (named.first_event, named.last_event) == (plain.first_event, plain.last_event)


def test_a_clean_host_names_nobody(tmp_path):
    found = judged(tmp_path, *bot(), quiet(START), ticket(START, CLERK, "ann"))
    assert names_of(found, CLERK) == []


@pytest.mark.parametrize(
    "line",
    [
        ticket(START, HOST, "ann", msg="KRB_ERROR"),
        ticket(START, HOST, "<empty>"),
        ticket(START, HOST, ""),
        ticket(START, HOST, "ann", kdc="198.51.100.9"),  # anyone may run a KDC outside
        session(START, HOST, "ann", status="STATUS_LOGON_FAILURE"),
        session(START, HOST, ""),
        certificate(START, HOST, ""),
        certificate(START, "198.51.100.9", "CN=ann"),
        ticket(START, HOST, "ann").replace(b'"src_port":88', b'"src_port":89'),
        ticket(START, HOST, "ann").replace(b'"cname":"ann"', b'"cname":{"a":1}'),
        ticket(START, HOST, "ann").replace(b'"krb5":{', b'"krb5":["', 1),
    ],
)
def test_what_proves_nothing_names_nobody(tmp_path, line):
    assert names_of(judged(tmp_path, *bot(), line)) == []


def test_the_machine_that_had_the_address_then_is_named(tmp_path):
    """One address, two leases: each machine gets the names of its own time."""
    other = START + 6 * HOUR
    found = judged(
        tmp_path,
        lease(START - HOUR, HOST, "02:00:00:00:00:01", "one", 7200),
        ticket(START, HOST, "ann"),
        *bot(),
        lease(other, HOST, "02:00:00:00:00:02", "two", 7200),
        ticket(other + HOUR, HOST, "bob"),
        *mailing(other + 60, 40),
    )
    named = {v.identity.name: [n.name for n in v.names] for v in found.verdicts if v.identity}
    assert named == {"one": ["ann@example.org"], "two": ["bob@example.org"]}


def test_networks_with_the_same_addresses_have_their_own_users(tmp_path):
    def tagged(line, vlan):
        return json.dumps({**json.loads(line), "vlan": [vlan]}).encode() + b"\n"

    found = judged(
        tmp_path,
        *(tagged(line, 10) for line in bot()),
        tagged(quiet(START, HOST), 20),
        tagged(ticket(START, HOST, "ann"), 10),
        tagged(ticket(START, HOST, "bob"), 20),
        more="separate_by: [vlan]\n",
    )
    (verdict,) = [v for v in found.verdicts if v.level is Level.INFECTED]
    assert [n.name for n in verdict.names] == ["ann@example.org"]


def test_machine_accounts_are_machines(tmp_path):
    lines = [ticket(START, HOST, "LAP-7$"), ticket(START, HOST, "host/lap-7.example.org")]
    found = judged(tmp_path, *bot(), *lines)
    assert {(kind, name) for kind, name, _ in names_of(found)} == {
        ("machine", "lap-7"),
        ("machine", "lap-7.example.org"),
    }


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_hostile_names_are_text_in_every_form(tmp_path, form):
    name = "=cmd\x1b[31m<script>alert(1)</script>\r\nINFECTED 10.20.1.8|a,\u202e"
    found = judged(tmp_path, *bot(), session(START, HOST, name), ticket(START, HOST, name))
    assert len(names_of(found)) == 3
    text = FORMATS[form](found, shown(found, everyone=True))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>alert" not in text or form != "html"
    assert not [line for line in text.splitlines() if line.startswith("INFECTED 10.20.1.8")]


def test_a_watch_and_its_notifications_name_them_too():
    watcher = Watcher(build_profile(parse_yaml(SITE, "site.yaml")), WatchMemory())
    block = b"".join([ticket(START, HOST, "ann"), *bot()])
    watcher.take(block, len(block))
    (news,) = watcher.look(START + 9e9)
    assert [n.name for n in news.verdict.names] == ["ann@example.org"]
    message = message_of(news, watcher.judgement())
    assert "Logged in there: ann" in message.body
    assert json.loads(message.data)["verdicts"][0]["names"][0]["name"] == "ann@example.org"


def test_a_terminal_server_names_some_and_counts_the_rest(tmp_path):
    lines = [ticket(START + n, HOST, f"user{n:03}") for n in range(300)]
    found = judged(tmp_path, *bot(), *lines)
    (verdict,) = [v for v in found.verdicts if v.host == HOST]
    assert len(verdict.names) == 16
    assert ", and 13 others." in verdict.why


def test_ends_that_are_servers_are_not_named(tmp_path):
    found = judged(tmp_path, *bot(), ticket(START, HOST, "ann"), session(START, HOST, "ann"))
    assert {v.host for v in found.verdicts if v.names} == {HOST}
    assert not {KDC, FILES} & {v.host for v in found.verdicts}


def test_what_a_machine_announces_names_it_where_nothing_else_does(tmp_path):
    found = judged(tmp_path, *bot(), announcement(START, "LAP-7.local"))
    assert names_of(found) == [("machine", "lap-7.local", "mdns")]
    (verdict,) = [v for v in found.verdicts if v.host == HOST]
    assert "It calls itself lap-7.local (mDNS)." in verdict.why
    assert verdict.identity is None


def test_an_announced_name_stands_behind_those_of_tickets_and_leases(tmp_path):
    """Anybody may announce any name, later and more often."""
    claimed = [announcement(START + n, f"dc{n:03}.local") for n in range(200)]
    found = judged(
        tmp_path,
        lease(START - HOUR, HOST, name="pc-7"),
        ticket(START - HOUR, HOST, "PC-7$"),
        ticket(START - HOUR, HOST, "ann"),
        *bot(),
        *claimed,
    )
    assert names_of(found)[:2] == [
        ("user", "ann@example.org", "krb5"),
        ("machine", "pc-7", "krb5"),
    ]
    assert len(names_of(found)) == 16
    (verdict,) = [v for v in found.verdicts if v.host == HOST]
    assert verdict.identity.name == "pc-7"
    assert "It calls itself pc-7." in verdict.why
    assert "dc" not in verdict.why


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_hostile_announced_names_are_text_in_every_form(tmp_path, form):
    name = "=cmd\x1b[31m<script>alert(1)</script>\r\nINFECTED 10.20.1.8|a,\u202e" + "x" * 999
    found = judged(tmp_path, *bot(), announcement(START, name))
    ((_, told, _),) = names_of(found)
    assert len(told) == 255
    text = FORMATS[form](found, shown(found, everyone=True))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>alert" not in text or form != "html"
    assert not [line for line in text.splitlines() if line.startswith("INFECTED 10.20.1.8")]
