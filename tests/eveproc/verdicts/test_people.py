"""Many people behind one address -> a bot among them is found, and the report says where to look."""

import json

import pytest
from msgspec.structs import replace

from eveproc.evidence.host_names import CLIENTS_EACH
from eveproc.input.events import Dhcp, Http, Kerberos
from eveproc.report import FORMATS
from eveproc.report.explain_text import render
from eveproc.verdicts.explain import explain
from rulegen.vocabulary import Level
from tests.eveproc.evidence_of import (
    HOST,
    START,
    alert,
    flow,
    gather,
    handshake,
    lease,
    lookup,
    mail,
    report,
    server,
    site_of,
    web,
)

HOURS, PROVIDERS = 6, 50


def people(number):
    """Each reads mail at one of 50 providers in every hour, and submits some there."""
    for person in range(number):
        own = f"192.0.{2 + person % PROVIDERS}.9"
        for hour in range(HOURS):
            time = hour * 3600 + person * 7
            yield flow(time, own, 993)
            if (person + hour) % 3 == 0:
                yield flow(time + 2, own, 587)


def bot():
    for number in range(60):
        time = 7200 + number * 10
        yield lookup(time, f"d{number}.example")
        yield flow(time + 0.2, server(number))
        yield mail(time + 0.4, server(number), f"ann@d{number}.example", subject="Offer")


def ticket(n):
    return Kerberos(
        time=START + n * 60,
        client=HOST,
        server="10.20.0.10",
        names=(("user", f"user{n}@example.org"),),
    )


def of_host(events):
    found = report([*web(), *events])
    return found, next(v for v in found.verdicts if v.host == HOST)


@pytest.mark.parametrize("number", [20, 120, 400])
def test_a_bot_among_many_people_is_found_and_the_next_step_is_behind_the_address(number):
    found, verdict = of_host([*people(number), *bot()])
    assert verdict.level is Level.INFECTED
    assert verdict.people == -(-min(number, PROVIDERS) // 3) <= number
    assert f"At least {verdict.people} people use this address" in verdict.why
    assert verdict.next_step.endswith(
        "Look behind the address translation: find in its log which machine had source port 13028 "
        "at 2026-03-02 10:00:00Z, 13128 at 2026-03-02 10:00:10Z, 13228 at 2026-03-02 10:00:20Z (5 "
        "more sessions in eveproc explain). The evidence is from 2026-03-02 10:00:00Z to "
        "2026-03-02 10:09:50Z."
    )
    told = json.loads(FORMATS["json"](found, (verdict,)))
    assert told["people_at_least"] == verdict.people
    assert [s["source_port"] for s in told["nat_sessions"]] == list(range(13028, 13828, 100))
    assert set(told["nat_sessions"][0]) == {"first_seen", "source_port", "flow_id"}
    ecs = json.loads(FORMATS["ecs"](found, (verdict,)).splitlines()[-1])
    assert ecs["mxhound"]["nat_sessions"] == told["nat_sessions"]
    assert all("source port 13028 at 2026-03-02 10:00:00Z" in one for one in forms(found, verdict))


def forms(found, verdict):
    """The report in every form that shows the next step, on one line."""
    return [
        " ".join(FORMATS[form](found, (verdict,)).split())
        for form in ("text", "html", "csv", "json", "ecs", "eve", "markdown")
    ]


def test_the_sessions_are_those_of_the_bot_not_of_the_people_who_submit(tmp_path):
    """Most submit before the bot begins, and to dozens of servers: that is their mail."""
    store = gather([*web(), *people(400), *bot()])
    (account,) = explain(HOST, store, site_of(), ["eve.json"])
    started = min(session.first_seen for session in account.verdict.nat_sessions)
    assert started >= START + 7200
    assert "source port 13028" in render(account)


@pytest.mark.parametrize("number", [20, 120, 400])
def test_on_alerts_alone_the_ports_are_those_of_the_alerts(number):
    signals = ("mx_flood", "smtp_attempts", "smtp_sessions", "smtp_rejects")
    alerts = [
        alert(7200 + 60 * n, s, sid=1_250_001 + n, src_port=50_000 + n)
        for n, s in enumerate(signals)
    ]
    users = [ticket(n) for n in range(number)]
    (verdict,) = report([*users, *alerts]).verdicts
    assert verdict.level is Level.INFECTED
    assert verdict.people == 16  # as many names as are told of one machine
    assert "source port 5000" in verdict.next_step


def test_without_ports_in_the_log_it_says_so():
    events = [replace(e, client_port=0) if e.TYPE != "krb5" else e for e in [*people(120), *bot()]]
    _, verdict = of_host(events)
    assert verdict.nat_sessions == ()
    assert "The sensor logged no source ports of it." in verdict.next_step


@pytest.mark.parametrize("number", [20, 120, 400])
def test_people_alone_are_clean(number):
    _, verdict = of_host(people(number))
    assert (verdict.level, verdict.people) == (Level.CLEAN, 0)


def test_mailboxes_that_are_read_once_show_nobody():
    """A mass mailer that tries stolen mailboxes reads each once."""
    stolen = [flow(7000 + n * 5, f"192.0.{2 + n}.9", 993) for n in range(40)]
    _, verdict = of_host([*stolen, *bot()])
    assert (verdict.level, verdict.people) == (Level.INFECTED, 0)
    assert "people" not in json.dumps(verdict.why)


def test_users_who_log_in_from_it_are_people_too():
    """A branch behind one address whose mail is not seen: ten users get tickets of the home KDC."""
    users = [ticket(n) for n in range(10)]
    _, verdict = of_host([*users, *bot()])
    assert (verdict.level, verdict.people) == (Level.INFECTED, 10)
    assert "At least 10 people use this address: 10 users logged in from it." in verdict.why
    assert "Look behind the address translation" in verdict.next_step
    _, verdict = of_host([*users[:2], *bot()])
    assert verdict.people == 0


def test_one_person_with_two_mailboxes_is_no_crowd():
    own = [flow(h * 3600, f"192.0.2.{n}", 993) for h in range(HOURS) for n in (7, 8)]
    _, verdict = of_host([*own, *bot()])
    assert (verdict.level, verdict.people) == (Level.INFECTED, 0)


def marks(kind, number, start=0):
    """Records with the time at which one in a thousand is read."""
    made = {
        "http": lambda n: Http(time=START + n, client=HOST, platform=f"linux; android 13; sm-{n}"),
        "tls": lambda n: replace(handshake(n, "198.51.100.9", "", 443), fingerprint=f"t13d{n}"),
        "dhcp": lambda n: Dhcp(
            time=START + n, mac=f"02:00:00:00:01:{n:02x}", address=f"192.0.2.{n}", relay=HOST
        ),
    }
    return [made[kind](start + n) for n in range(number)]


@pytest.mark.parametrize(
    ("kind", "number", "people", "why"),
    [
        ("http", 12, 3, "browsers ran on 12 platforms (4 devices each)"),
        ("http", 90, 23, "one HTTP request in 1,000 was examined: browsers ran on 90 platforms"),
        ("http", 8, 0, ""),
        ("tls", 120, 3, "in 1,000 was examined: they have 120 client fingerprints (40 each)"),
        ("tls", 80, 0, ""),
        ("dhcp", 40, 10, "it relays the DHCP of 40 machines (4 devices each)"),
        ("dhcp", 8, 0, ""),
    ],
)
def test_clients_of_many_kinds_are_people_too(kind, number, people, why):
    _, verdict = of_host([*marks(kind, number), *bot()])
    assert (verdict.level, verdict.people) == (Level.INFECTED, people)
    assert why in verdict.why
    assert ("Look behind the address translation" in verdict.next_step) == (people > 0)
    plain = next(v for v in report([*web(), *bot()]).verdicts if v.host == HOST)
    assert (verdict.score, verdict.evidence) == (plain.score, plain.evidence)


def test_the_trace_that_shows_most_people_speaks():
    _, verdict = of_host([*people(120), *marks("http", 100), *marks("tls", 120), *bot()])
    assert verdict.people == 25
    assert "100 platforms" in verdict.why


def test_invented_user_agents_take_no_more_memory_than_is_said():
    store = gather([*web(), *marks("http", 5000)])
    assert len(store.clients.logins[HOST]) <= 2 * CLIENTS_EACH
    found = report([*web(), *marks("http", 5000), *bot()])
    (verdict,) = [v for v in found.verdicts if v.host == HOST]
    assert verdict.people == CLIENTS_EACH // 4


def test_clients_of_the_machine_that_had_the_address_before_are_its_own():
    """Thirty platforms in the morning behind a router; at noon the address is a laptop's."""
    noon = 4 * 3600
    events = [
        lease(-60, HOST, "02:00:00:00:00:01", "router"),
        *marks("http", 30),
        lease(noon, HOST, "02:00:00:00:00:02", "laptop"),
        *(replace(event, time=event.time + noon) for event in bot()),
    ]
    (verdict,) = [v for v in report([*web(), *events]).verdicts if v.level is Level.INFECTED]
    assert (verdict.identity.name, verdict.people) == ("laptop", 0)
