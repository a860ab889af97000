"""Which evidence an event gives, and for which host; collecting does not depend on order, split or
repetition.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.evidence import store as store_module
from eveproc.evidence.activities import _activities_of_question
from eveproc.evidence.store import EvidenceSource, EvidenceStore
from eveproc.input.events import Dns, Stats
from eveproc.signals.facts import Fact
from eveproc.signals.records import Question
from eveproc.signals.registry import EXTRACTORS
from rulegen.vocabulary import Signal
from tests.eveproc.evidence_of import (
    HOST,
    RELAY,
    START,
    alert,
    flow,
    gather,
    handshake,
    lease,
    lookup,
    mail,
    server,
    site_of,
    without_coverage,
)


def kinds(events, host=HOST, site=None):
    found = gather(events, site).hosts.get(host)
    return (
        {}
        if found is None
        else {kind: sketch.distinct() for (kind, _), sketch in found.sketches.items()}
    )


# What every mail of a foreign sender shows.
A_MAIL = {Signal.MAIL_BURST: 1, Signal.SENDER_CHURN: 1, Signal.RCPT_REFUSED: 1}
ANSWERED = {Fact.MET_BY_MAIL: 1}
DIRECT_MAIL = {**A_MAIL, **ANSWERED, Signal.SMTP_SESSIONS: 1, Signal.RECIPIENT_SPREAD: 1}
MET = {Fact.MET_BY_MAIL: 1, Fact.HANDED_OVER: 1}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(lookup(1, "firm.test"), {Signal.MX_FLOOD: 1, Fact.MAIL_NAMES: 1}, id="MX"),
        pytest.param(
            lookup(1, "smtp.firm.test", "A"), {Signal.NAME_GUESS: 1, Fact.MAIL_NAMES: 1}, id="guess"
        ),
        pytest.param(
            lookup(1, "mx.firm.test", "AAAA"),
            {Signal.NAME_GUESS: 1, Fact.MAIL_NAMES: 1},
            id="guess over IPv6",
        ),
        pytest.param(
            lookup(1, "smtp.firm.test", "A", rcode="NXDOMAIN", answer=True),
            {Signal.NAME_GUESS: 1, Signal.NAME_GUESS_NX: 1, Fact.MAIL_NAMES: 1},
            id="missing",
        ),
        pytest.param(
            lookup(1, "smtp.firm.test", "", rcode="NXDOMAIN", answer=True),
            {Signal.NAME_GUESS_NX: 1, Fact.MAIL_NAMES: 1},
            id="missing, dns v1",
        ),
        pytest.param(lookup(1, "www.firm.test", "A"), {}, id="ordinary name"),
        pytest.param(lookup(1, "17.2.0.192.in-addr.arpa", "PTR"), {Fact.ASKS_PTR: 1}, id="PTR"),
        pytest.param(
            lookup(1, "7.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR"), {Fact.ASKS_PTR: 1}, id="PTR of IPv6"
        ),
        pytest.param(lookup(1, "1.2.0.192.in-addr.arpa", "PTR"), {}, id="PTR that is not counted"),
        pytest.param(flow(1, server(1)), {Signal.SMTP_ATTEMPTS: 1, **MET}, id="SMTP"),
        pytest.param(
            flow(1, server(1), 465),
            {Signal.SUBMISSION_ATTEMPTS: 1, **MET},
            id="submission",
        ),
        pytest.param(flow(1, "10.20.7.7"), {Fact.INSIDE_TARGETS: 1}, id="inside"),
        pytest.param(flow(1, server(1), 993), {Fact.READS_MAILBOX: 1}, id="mailbox"),
        pytest.param(
            flow(1, server(1), 8080, established=False),
            {Fact.PROBED: 1, Fact.ODD_PORTS: 1},
            id="refused elsewhere",
        ),
        pytest.param(
            flow(1, server(1), 80, established=False), {Fact.PROBED: 1}, id="refused by a service"
        ),
        pytest.param(
            replace(flow(1, server(1), 993), end=START + 700),
            {Fact.READS_MAILBOX: 1, Fact.HOLDS_MAILBOX: 1},
            id="mailbox held open",
        ),
        pytest.param(
            replace(flow(1, server(1)), sent=9, sent_bytes=54 * 9 + 200),
            {Signal.SMTP_ATTEMPTS: 1, Fact.MET_BY_MAIL: 1, Fact.SENT_NOTHING: 1},
            id="a survey",
        ),
        pytest.param(flow(1, server(1), 25, proto="UDP"), {}, id="port 25 over UDP"),
        pytest.param(
            handshake(1, server(1), ""),
            {Signal.SUBMISSION_ATTEMPTS: 1, **ANSWERED, Fact.ENCRYPTS: 1},
            id="submission in TLS",
        ),
        pytest.param(
            handshake(1, server(1), "", 25), {**ANSWERED, Fact.ENCRYPTS: 1}, id="SMTP in TLS"
        ),
        pytest.param(handshake(1, server(1), "", 993), {}, id="mailbox in TLS"),
        pytest.param(handshake(1, server(1), "", 443), {}, id="web in TLS"),
        pytest.param(handshake(1, RELAY, "", 465), {}, id="submission in TLS to the site"),
        pytest.param(mail(1, server(1)), DIRECT_MAIL, id="mail"),
        pytest.param(
            mail(1, server(1), has_message=True),
            {
                **{kind: 1 for kind in DIRECT_MAIL if kind is not Signal.RCPT_REFUSED},
                Fact.RCPT_TAKEN: 1,
                Fact.HANDED_OVER: 1,
            },
            id="mail that is taken",
        ),
        pytest.param(
            mail(1, RELAY),
            {Signal.RELAY_SPREAD: 1, Signal.RCPT_REFUSED: 1},
            id="mail through the relay",
        ),
        pytest.param(mail(1, RELAY, "bob@y.test"), {}, id="mail among themselves"),
        pytest.param(
            mail(1, server(1), port=587, helo="pc7"),
            {Signal.SUBMISSION_ATTEMPTS: 1, **A_MAIL, **ANSWERED},
            id="submitted",
        ),
        pytest.param(
            mail(1, server(1), attachments=("Photo.JPG.PIF",), subject="hi"),
            {
                **DIRECT_MAIL,
                Signal.LOOK_ALIKE: 1,
                Fact.TEXT_SENDERS: 1,
                Signal.WORM_ATTACHMENT: 1,
            },
            id="program",
        ),
    ],
)
def test_what_an_event_shows(event, expected):
    assert kinds([event]) == expected


def test_an_smtp_record_without_a_command_is_no_session():
    assert kinds([mail(1, server(1), rcpt="", mail_from="")]) == {}


def test_the_transaction_that_suricata_7_logs_for_a_quit_is_no_session_of_its_own():
    hello, bye = (
        mail(1, server(1), rcpt="", mail_from="", helo="pc7", tx_id=number) for number in (0, 1)
    )
    assert kinds([hello]) == {Signal.SMTP_SESSIONS: 1, Signal.HELO_ODD: 1, **ANSWERED}
    assert kinds([bye]) == {}


def test_servers_are_seen_from_the_other_side():
    events = [
        flow(1, RELAY, host=server(1)),
        lookup(2, "example.org", "MX", resolver="10.20.3.3", answer=True),
        lookup(2, "www.example.org", "A", resolver="10.20.4.4", answer=True),
    ]
    assert kinds(events, RELAY) == {Fact.TAKES_MAIL_IN: 1}
    assert kinds(events, "10.20.3.3") == {Fact.SERVES_DNS: 1}
    assert kinds(events, "10.20.4.4") == {}


def test_own_domains_are_not_evidence():
    site = site_of("home_networks: [10.20.0.0/16]\ninternal_domains: [corp.test]\n")
    assert kinds([lookup(1, "mail.corp.test", "A"), lookup(1, "corp.test")], site=site) == {}


def test_two_sensors_that_see_the_same_connection_count_it_once():
    north, south = flow(1, server(1)), flow(1.003, server(1))
    fields = {field: getattr(north, field) for field in north.__struct_fields__}
    south = type(north)(**{**fields, "time": south.time, "sensor": "south", "flow_id": 77})
    assert gather([north, south]).hosts[HOST].log(Signal.SMTP_ATTEMPTS).count() == 1


def test_an_answer_and_its_question_are_one_lookup():
    events = [lookup(1, "firm.test"), lookup(1.2, "firm.test", answer=True)]
    events = [
        type(e)(**{**{f: getattr(e, f) for f in e.__struct_fields__}, "client_port": 5})
        for e in events
    ]
    assert gather(events).hosts[HOST].log(Signal.MX_FLOOD).count() == 1


@pytest.mark.parametrize(
    ("event", "host", "signal"),
    [
        pytest.param(alert(1, "mx_flood"), HOST, Signal.MX_FLOOD, id="by metadata"),
        pytest.param(
            alert(1, "smtp_rejects", side="dest_ip", flow_src=""),
            HOST,
            Signal.SMTP_REJECTS,
            id="reply rule, 6",
        ),
        pytest.param(alert(1, "mx_flood", metadata=False), HOST, Signal.MX_FLOOD, id="by sid"),
        pytest.param(
            alert(1, "mx_flood", host=server(1), to=HOST, flow_src=""),
            HOST,
            Signal.MX_FLOOD,
            id="the home end",
        ),
    ],
)
def test_whose_an_alert_is(event, host, signal):
    assert list(gather([event]).hosts[host].sketches) == [(signal, EvidenceSource.ALERT)]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(alert(1, "mx_flood", sid=2403388, metadata=False), id="sid of others"),
        pytest.param(alert(1, "mx_flood", metadata=False, gid=3), id="other generator"),
        pytest.param(alert(1, "mx_flood", sid=1_250_999, metadata=False), id="no such offset"),
        pytest.param(alert(1, "invented", sid=99), id="unknown signal and ours"),
        pytest.param(alert(1, "look_alike", sid=99), id="a signal without a rule"),
        pytest.param(alert(1, "x", sid=1_250_201, metadata=False), id="its offset"),
    ],
)
def test_alerts_of_other_rule_sets_are_nothing_to_us(event):
    store = gather([event])
    assert (dict(store.unused), store.hosts, store.active) == ({}, {}, set())


def test_an_alert_about_no_home_host_is_counted():
    store = gather([alert(1, "mx_flood", host=server(1), to=server(2))])
    assert (dict(store.unused), store.hosts) == ({"alert about no home host": 1}, {})


def test_that_flows_are_logged_is_seen_from_flags_of_tcp():
    assert gather([flow(1, server(1), 443)]).flows_logged
    assert not gather([flow(1, server(1), 53, proto="UDP")]).flows_logged
    assert not gather([replace(flow(1, server(1), 443), flags_logged=False)]).flows_logged


def test_alert_windows_count_not_lines():
    store = gather([alert(n, "mx_flood") for n in range(50)])
    assert store.hosts[HOST].alerts(Signal.MX_FLOOD).count() <= 2


def some_night(seed):
    rng = random.Random(seed)
    makers = (
        lambda t: lookup(t, f"firm{rng.randrange(40)}.test", query_id=rng.randrange(9)),
        lambda t: flow(
            t,
            server(rng.randrange(40)),
            rng.choice((25, 465, 443)),
            host=f"10.20.1.{rng.randrange(4)}",
        ),
        lambda t: mail(t, server(rng.randrange(40)), helo=f"pc{rng.randrange(3)}", subject="hello"),
        lambda t: alert(t, rng.choice(("mx_flood", "smtp_attempts")), to=server(rng.randrange(9))),
        lambda t: lease(t, f"10.20.1.{rng.randrange(4)}", f"02:00:00:00:00:0{rng.randrange(3)}"),
        lambda t: Stats(
            time=START + t,
            sensor=rng.choice("ab"),
            counters={"capture.kernel_drops": rng.randrange(9)},
        ),
    )
    return [rng.choice(makers)(float(rng.randrange(9000))) for _ in range(rng.randrange(120))]


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_any_order_split_and_repetition_gathers_the_same(seed, parts):
    events = some_night(seed)
    whole = gather(events)
    rng = random.Random(seed)
    shuffled = rng.sample(events, len(events)) + events[:10]
    merged = EvidenceStore()
    for part in range(parts):
        merged.merge(gather(shuffled[part::parts]))
    whole.trim()
    merged.trim()
    merged.unused.clear()
    whole.unused.clear()
    assert without_coverage(merged) == without_coverage(whole)


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_too_many_hosts_are_thinned_alike_in_any_order_and_split(seed, parts):
    rng = random.Random(seed)
    events = [
        flow(
            n,
            server(n),
            rng.choice((25, 443)),
            host=f"10.20.{rng.randrange(3)}.{rng.randrange(200)}",
        )
        for n in range(150)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "MOST_HOSTS", 8)
        patch.setattr(store_module, "MOST_ACTIVE", 20)
        whole = gather(events)
        rng.shuffle(events)
        merged = EvidenceStore()
        for part in range(parts):
            merged.merge(gather(events[part::parts]))
    whole.trim()
    merged.trim()
    assert merged == whole
    assert len(whole.hosts) <= 8
    assert len(whole.active) <= 20
    assert whole.hosts_sampled


NAMES = st.sampled_from(
    [
        "mail.a.example",
        "smtp.b.example",
        "autodiscover.c.example",
        "7.2.0.192.in-addr.arpa",
        "7.2.0.192.list.example",
        "www",
    ]
)


@given(
    name=NAMES,
    rrtype=st.sampled_from(["A", "AAAA", "MX", "PTR", "TXT", ""]),
    rcode=st.sampled_from(["", "NOERROR", "NXDOMAIN", "SERVFAIL"]),
    is_answer=st.booleans(),
    port=st.integers(0, 65_535),
    address=st.sampled_from(["192.0.2.7", "127.0.0.2"]),
)
def test_what_a_question_tells_depends_on_its_words_alone(
    name, rrtype, rcode, is_answer, port, address
):
    """The result is kept for the next host with the same query."""
    event = Dns(
        time=1_772_440_000.0 + port,
        client=HOST,
        client_port=port,
        server="10.20.0.53",
        is_answer=is_answer,
        questions=((name, rrtype), ("mail.other.example", "MX")),
        rcode=rcode,
        query_id=port,
        tcp=port % 2 == 0,
        addresses=((name, address),) if is_answer else (),
    )
    question = Question(event, HOST, name, rrtype)
    told = _activities_of_question(name, rrtype, question.is_nxdomain, question.is_listed)
    assert told == tuple(
        (kind, key) for kind, peer in EXTRACTORS[Question] if (key := peer(question))
    )
