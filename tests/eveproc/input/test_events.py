"""EVE lines of every version, and what is wrong with some -> the event, or why there is none."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.decode import decode, decode_value
from eveproc.input.events import (
    MAX_NAME,
    Alert,
    Dhcp,
    Dns,
    Event,
    Flow,
    Skipped,
    SkipReason,
    Smtp,
    Stats,
    Tls,
)

TIME = "2024-03-01T10:00:00.250000+0000"
SECONDS = 1_709_287_200.25
PC, RESOLVER, MX = "10.20.0.9", "10.20.0.53", "192.0.2.25"
Json = Mapping[str, object]

HEAD: Json = {
    "timestamp": TIME,
    "flow_id": 1234,
    "src_ip": PC,
    "src_port": 4000,
    "dest_ip": RESOLVER,
    "dest_port": 53,
    "proto": "UDP",
}
BACK: Json = {**HEAD, "src_ip": RESOLVER, "src_port": 53, "dest_ip": PC, "dest_port": 4000}
MAIL: Json = {**HEAD, "dest_ip": MX, "dest_port": 25, "proto": "TCP"}


def line(event_type: str, head: Json = HEAD, **body: object) -> bytes:
    return json.dumps({**head, "event_type": event_type, **body}).encode()


def dns(head: Json = HEAD, **body: object) -> Dns:
    event = decode(line("dns", head, dns=body))
    assert isinstance(event, Dns)
    return event


def flow(head: Json = MAIL, tcp: object = None, **body: object) -> Flow:
    event = decode(
        line(
            "flow",
            head,
            flow={"pkts_toclient": 3, "state": "closed", **body},
            **({"tcp": tcp} if tcp else {}),
        )
    )
    assert isinstance(event, Flow)
    return event


def smtp(smtp: Json, **rest: object) -> Smtp:
    event = decode(line("smtp", MAIL, smtp=smtp, **rest))
    assert isinstance(event, Smtp)
    return event


ALERT: Json = {
    "action": "allowed",
    "gid": 1,
    "signature_id": 1250001,
    "metadata": {"mxhound_signal": ["mx_flood"]},
}

QUESTIONS: Mapping[str, tuple[Json, Json]] = {
    "v1 of Suricata 3 and 4": (
        HEAD,
        {"type": "query", "id": 7, "rrname": "Example.ORG", "rrtype": "MX", "tx_id": 0},
    ),
    "v2 of Suricata 5 to 7": (
        HEAD,
        {
            "version": 2,
            "type": "query",
            "id": 7,
            "rrname": "Example.ORG",
            "rrtype": "MX",
            "opcode": 0,
        },
    ),
    "v3 of Suricata 8": (
        HEAD,
        {
            "version": 3,
            "type": "request",
            "id": 7,
            "queries": [{"rrname": "Example.ORG", "rrtype": "MX"}],
        },
    ),
}
ANSWERS: Mapping[str, tuple[Json, Json]] = {
    "v2, one event per answer, from the client": (
        HEAD,
        {
            "version": 2,
            "type": "answer",
            "id": 7,
            "rrname": "example.org",
            "rrtype": "MX",
            "rcode": "NOERROR",
            "grouped": {"MX": ["m"]},
        },
    ),
    "v3, from the server": (
        BACK,
        {
            "version": 3,
            "type": "response",
            "id": 7,
            "rcode": "NOERROR",
            "queries": [{"rrname": "example.org", "rrtype": "MX"}],
        },
    ),
}


@pytest.mark.parametrize(("head", "body"), QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_is_the_same_in_every_version(head: Json, body: Json) -> None:
    event = dns(head, **body)
    assert (event.client, event.server, event.is_answer) == (PC, RESOLVER, False)
    assert event.questions == (("example.org", "MX"),)
    assert event.time == SECONDS


@pytest.mark.parametrize(("head", "body"), ANSWERS.values(), ids=ANSWERS)
def test_the_client_of_an_answer_is_who_asked_in_every_version(head: Json, body: Json) -> None:
    event = dns(head, **body)
    assert (event.client, event.server, event.is_answer, event.rcode) == (
        PC,
        RESOLVER,
        True,
        "NOERROR",
    )
    assert event.questions == (("example.org", "MX"),)


@pytest.mark.parametrize(
    ("body", "questions"),
    [
        # Of `A www.example.org`, a CNAME: nobody asked for what it leads to.
        (
            {
                "rcode": "NOERROR",
                "rrname": "mail.example.net",
                "rrtype": "A",
                "ttl": 60,
                "rdata": "192.0.2.25",
            },
            (),
        ),
        ({"rcode": "NXDOMAIN", "rrname": "mail.example.net"}, (("mail.example.net", ""),)),
    ],
    ids=["a record", "a failure"],
)
def test_an_answer_of_v1_is_a_record_or_a_failure_without_a_type(
    body: Json, questions: tuple[tuple[str, str], ...]
) -> None:
    event = dns(BACK, type="answer", id=7, **body)
    assert (event.client, event.server, event.is_answer, event.rcode) == (
        PC,
        RESOLVER,
        True,
        body["rcode"],
    )
    assert event.questions == questions


@pytest.mark.parametrize(
    ("version", "kind", "client"),
    [(2, "answer", PC), (3, "response", RESOLVER), (3, "request", PC)],
)
def test_where_both_ports_are_53_the_version_tells_who_asked(
    version: int, kind: str, client: str
) -> None:
    asked = [{"rrname": "example.org", "rrtype": "MX"}]
    event = dns({**HEAD, "src_port": 53}, version=version, type=kind, queries=asked)
    assert event.client == client


@pytest.mark.parametrize("number", [15, 15.0, "15", "15.0"])
def test_types_of_dns_records_may_be_numbers(number: object) -> None:
    question = {"rrname": "example.org", "rrtype": number}
    assert dns(type="query", **question).questions == (("example.org", "MX"),)
    assert dns(version=3, type="request", queries=[question]).questions == (("example.org", "MX"),)
    answer = {"rrname": "mx.example.org", "rrtype": 28, "rdata": "2001:db8::1"}
    told = dns(BACK, version=2, type="answer", rrname="example.org", rrtype=1, answers=[answer])
    assert told.questions == (("example.org", "A"),)
    assert told.addresses == (("mx.example.org", "2001:db8::1"),)


def test_a_number_of_another_type_stays_a_number() -> None:
    assert dns(type="query", rrname="example.org", rrtype="65").questions[0][1] == "65"


def test_one_question_or_answer_may_be_no_list() -> None:
    question = {"rrname": "example.org", "rrtype": "MX"}
    answer = {"rrname": "example.org", "rrtype": "A", "rdata": "192.0.2.25"}
    event = dns(BACK, version=3, type="response", queries=question, answers=answer)
    assert event.questions == (("example.org", "MX"),)
    assert dns(version=3, type="request", queries=json.dumps([question])).questions == (
        ("example.org", "MX"),
    )
    assert event.addresses == (("example.org", "192.0.2.25"),)


def test_several_questions_in_one_message_and_the_root_which_has_no_name() -> None:
    asked = [
        {"rrname": "a.example", "rrtype": "mx"},
        {"rrname": "B.EXAMPLE.", "rrtype": "A"},
        {"rrname": "", "rrtype": "NS"},
    ]
    assert dns(version=3, type="request", queries=asked).questions == (
        ("a.example", "MX"),
        ("b.example", "A"),
    )


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"query": [{"type": "query", "rrname": "Example.org", "rrtype": "MX"}]}, ("example.org",)),
        ({"version": 2, "answer": {"type": "answer", "rrname": "example.org"}}, ("example.org",)),
        (
            {
                "version": 3,
                "type": "request",
                "queries": [{"rrname": "b.example"}, {"rrname": "a.example"}],
            },
            ("a.example", "b.example"),
        ),
        ({"version": 2, "type": "answer", "rrname": "example.org."}, ("example.org",)),
    ],
    ids=["question in 6 and 7", "answer in 6 and 7", "8", "on top"],
)
def test_the_names_an_alert_is_about(body: Json, names: tuple[str, ...]) -> None:
    event = decode(line("alert", alert=ALERT, dns=body))
    assert isinstance(event, Alert)
    assert event.rrnames == names


def test_an_alert_of_7_and_8_says_who_opened_the_flow_and_one_of_6_does_not() -> None:
    newer = decode(
        line(
            "alert",
            BACK,
            alert=ALERT,
            flow={"src_ip": PC, "start": TIME},
            direction="to_client",
            host="sensor-1",
        )
    )
    older = decode(
        line("alert", BACK, alert={**ALERT, "metadata": {"a": "b"}}, flow={"pkts_toserver": 1})
    )
    assert isinstance(newer, Alert)
    assert isinstance(older, Alert)
    assert (newer.sid, newer.gid, newer.src_ip, newer.dest_ip, newer.flow_src) == (
        1250001,
        1,
        RESOLVER,
        PC,
        PC,
    )
    assert newer.metadata == {"mxhound_signal": ("mx_flood",)}
    assert newer.sensor == "sensor-1"
    assert older.flow_src == ""
    assert older.metadata == {"a": ("b",)}


def test_an_alert_of_the_decoder_has_no_addresses() -> None:
    bare = {"timestamp": TIME, "event_type": "alert", "alert": {"signature_id": 2200003}}
    assert decode(json.dumps(bare).encode()) == Skipped(SkipReason.MISSING_FIELD, "src_ip")


def test_a_mail_and_its_envelope() -> None:
    email = {"subject": "Hello", "subject_md5": "AB", "body_md5": "CD", "attachment": ["a.pif"]}
    event = smtp(
        {"helo": "PC.", "mail_from": "<Ann@Example.org>", "rcpt_to": ["<b@example.net>"]},
        email=email,
        tx_id=3,
    )
    assert (event.client, event.server, event.server_port, event.tx_id) == (PC, MX, 25, 3)
    assert (event.helo, event.mail_from, event.rcpt_to) == (
        "pc",
        "ann@example.org",
        ("b@example.net",),
    )
    assert (event.subject, event.subject_md5, event.body_md5, event.attachments) == (
        "Hello",
        "ab",
        "cd",
        ("a.pif",),
    )


def test_a_session_without_a_mail_and_the_null_sender() -> None:
    assert smtp({}).mail_from == smtp({"mail_from": "<>"}).mail_from == ""


@pytest.mark.parametrize(
    "subject", ["café \ufffd", "café \\xff", "caf\\xc3\\xa9 \\xFF", "caf\\xC3\\xA9 \\xfF"]
)
def test_one_subject_has_one_spelling_in_every_version(subject: str) -> None:
    assert smtp({}, email={"subject": subject}).subject == "café \ufffd"


def test_raw_bytes_that_are_no_utf8_get_the_spelling_of_those_suricata_escaped() -> None:
    raw = line("smtp", MAIL, smtp={"helo": "caf@"}).replace(b"@", b"\xe9")
    event = decode(raw)
    assert isinstance(event, Smtp)
    assert event.helo == smtp({"helo": "caf\\xE9"}).helo == "caf\\xe9"


def test_backslash_x_of_printable_characters_stays_what_it_is() -> None:
    assert smtp({}, email={"subject": "C:\\x41 \\x1b"}).subject == "C:\\x41 \\x1b"


def test_texts_are_bounded() -> None:
    event = smtp(
        {"helo": "h" * 5000, "rcpt_to": ["r" * 5000]},
        email={"subject": "s" * 5000, "attachment": ["a" * 5000]},
    )
    assert [
        len(text) for text in (event.helo, event.rcpt_to[0], event.subject, event.attachments[0])
    ] == [255, 320, 998, 255]
    assert len(dns(type="query", rrname="n" * 5000, rrtype="A").questions[0][0]) == MAX_NAME


@pytest.mark.parametrize(
    ("tcp", "established"),
    [
        ({"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"}, True),
        ({"tcp_flags_ts": "02", "tcp_flags_tc": "14"}, False),  # refused
        ({"tcp_flags_ts": "02", "tcp_flags_tc": "12"}, False),  # half open
        ({"tcp_flags_ts": "18", "tcp_flags_tc": "18"}, False),  # picked up in the middle
        ({"tcp_flags_ts": "1b", "tcp_flags_tc": "00"}, True),  # only one direction is seen
        ({"tcp_flags_ts": "02", "tcp_flags_tc": "00"}, False),
        ({"tcp_flags_ts": "14", "tcp_flags_tc": "00"}, False),  # reset of what it did not open
        (None, False),
    ],
    ids=[
        "whole",
        "refused",
        "half open",
        "midstream",
        "client's half of a conversation",
        "silence",
        "client's reset",
        "nothing logged",
    ],
)
def test_established_needs_the_whole_handshake(tcp: object, established: bool) -> None:
    assert flow(tcp=tcp).established is established


def test_without_flags_suricatas_own_word_counts() -> None:
    assert flow(state="established").established


def test_a_flow_happened_when_it_started_not_when_it_was_logged() -> None:
    assert flow(start="2024-03-01T09:00:00.000000+0000").time == SECONDS - 3600.25
    assert flow(start="ts-error").time == flow().time == SECONDS


@pytest.mark.parametrize(
    ("proto", "name"),
    [
        ("TCP", "TCP"),
        ("6", "TCP"),
        (6, "TCP"),
        ("17", "UDP"),
        ("ipv6-icmp", "IPV6-ICMP"),
        ("99", "99"),
    ],
)
def test_protocols_by_name_or_number(proto: object, name: str) -> None:
    assert flow({**MAIL, "proto": proto}).proto == name


def test_an_icmp_flow_has_no_ports_and_an_unanswered_one_no_packets_back() -> None:
    event = flow({key: value for key, value in MAIL.items() if "port" not in key}, pkts_toclient=0)
    assert (event.server_port, event.answered) == (0, False)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2001:0db8:0000:0000:0000:0000:0000:0009", "2001:db8::9"),
        ("2001:DB8::9", "2001:db8::9"),
        ("::ffff:10.20.0.9", "10.20.0.9"),
    ],
)
def test_one_address_has_one_spelling(written: str, canonical: str) -> None:
    assert flow({**MAIL, "src_ip": written}).client == canonical


@pytest.mark.parametrize(
    "address", ["10.20.0", "10.20.0.009", "fe80::1%eth0", "pc.example.org", "10.20.0.0/16"]
)
def test_what_is_no_address_is_no_host(address: str) -> None:
    assert decode(line("flow", {**MAIL, "src_ip": address}, flow={})) == Skipped(
        SkipReason.WRONG_TYPE, "src_ip"
    )


DHCP: Json = {
    "type": "reply",
    "client_mac": "02:00:00:00:00:AA",
    "assigned_ip": "10.20.0.77",
    "dhcp_type": "ack",
    "lease_time": 60,
}


def test_a_lease() -> None:
    event = decode(line("dhcp", dhcp={**DHCP, "hostname": "Laptop-7."}))
    assert isinstance(event, Dhcp)
    assert (event.mac, event.address, event.hostname, event.lease_seconds) == (
        "02:00:00:00:00:aa",
        "10.20.0.77",
        "laptop-7",
        60,
    )


def test_an_inform_is_acknowledged_with_the_clients_own_address() -> None:
    event = decode(line("dhcp", dhcp={**DHCP, "assigned_ip": "0.0.0.0", "client_ip": "10.20.0.78"}))
    assert isinstance(event, Dhcp)
    assert event.address == "10.20.0.78"


def test_a_request_gives_no_lease_but_the_machines_name() -> None:
    event = decode(line("dhcp", dhcp={**DHCP, "dhcp_type": "request", "hostname": "laptop-7"}))
    assert isinstance(event, Dhcp)
    assert (event.address, event.hostname) == ("", "laptop-7")


@pytest.mark.parametrize(
    ("dhcp", "detail"),
    [
        ({"dhcp_type": "offer"}, "dhcp offer"),
        ({"assigned_ip": "0.0.0.0"}, "dhcp ack"),
        ({"dhcp_type": ""}, "dhcp"),
    ],
)
def test_other_dhcp_messages_are_counted_as_such(dhcp: Json, detail: str) -> None:
    assert decode(line("dhcp", dhcp={**DHCP, **dhcp})) == Skipped(
        SkipReason.OTHER_EVENT_TYPE, detail
    )


def test_counters_that_tell_what_was_missed_are_kept_if_they_are_whole_numbers() -> None:
    tree = {
        "capture": {"kernel_drops": 7, "kernel_packets": True},
        "flow": {"memcap": 0.5},
        "tcp": 3,
        "uptime": 9,
        "detect": {},
    }
    event = decode(line("stats", {"timestamp": TIME, "host": "s1"}, stats=tree))
    assert isinstance(event, Stats)
    assert event.counters == {"capture.kernel_drops": 7}
    assert event.sensor == "s1"


def test_counters_of_threads_are_added_up_where_no_totals_are_logged() -> None:
    def counters(drops: int) -> Json:
        return {"capture": {"kernel_drops": drops}, "decoder": {"pkts": 2 * drops}}

    tree = {
        "decoder": {"pkts": 5},
        "threads": {"W#01": counters(3), "W#02": counters(4), "FM#01": {"flow": {"memcap": 0}}},
    }
    event = decode(line("stats", {"timestamp": TIME}, stats=tree))
    assert isinstance(event, Stats)
    assert event.counters == {"capture.kernel_drops": 7, "decoder.pkts": 5, "flow.memcap": 0}


def test_counters_of_capture_cards_and_of_thresholds_are_read() -> None:
    tree = {
        "capture": {"packets": 9, "dpdk": {"imissed": 3, "no_mbufs": 1 << 63}},
        "napa_total": {"pkts": 8, "overflow_drop_pkts": 7},
        "detect": {"thresholds": {"memuse": 5, "memcap": 6}},
    }
    event = decode(line("stats", {"timestamp": TIME}, stats=tree))
    assert isinstance(event, Stats)
    assert event.counters == {
        "capture.packets": 9,
        "capture.dpdk.imissed": 3,
        "napa_total.pkts": 8,
        "napa_total.overflow_drop_pkts": 7,
        "detect.thresholds.memuse": 5,
        "detect.thresholds.memcap": 6,
    }


@pytest.mark.parametrize("count", [9, "9", 9.0, "9.0"])
def test_counters_may_be_text_or_floats(count: object) -> None:
    event = decode(line("stats", {"timestamp": TIME}, stats={"decoder": {"pkts": count}}))
    assert isinstance(event, Stats)
    assert event.counters == {"decoder.pkts": 9}


@pytest.mark.parametrize("port", [25.5, "25.5", "smtp", None, [25]])
def test_a_port_is_a_whole_number(port: object) -> None:
    event = decode(line("flow", {**MAIL, "dest_port": port}, flow={}))
    assert isinstance(event, Flow)
    assert event.server_port == 0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2024-03-01T10:00:00.250000+0000", SECONDS),
        ("2024-03-01T10:00:00.250000Z", SECONDS),
        ("2024-03-01T05:00:00.250000-0500", SECONDS),
        ("2024-03-01T11:00:00.250000+01:00", SECONDS),
        ("2024-03-01T10:00:00.250000999Z", SECONDS),
        ("2024-03-01T10:00:00.250000", SECONDS),
        ("2024-03-01T10:00:00Z", SECONDS - 0.25),
    ],
)
def test_times_of_all_zones(written: str, seconds: float) -> None:
    assert flow({**MAIL, "timestamp": written}).time == seconds


@pytest.mark.parametrize(
    ("written", "skipped"),
    [
        ("ts-error", Skipped(SkipReason.BAD_TIMESTAMP)),
        ("2024-13-01T10:00:00Z", Skipped(SkipReason.BAD_TIMESTAMP)),
        ("1900-01-00T00:00:00.000000+0000", Skipped(SkipReason.CLOCK_FAULT)),
        ("1969-12-31T23:59:59.000000+0000", Skipped(SkipReason.CLOCK_FAULT)),
        ("2262-01-01T00:00:01.000000+0000", Skipped(SkipReason.CLOCK_FAULT)),
        ("", Skipped(SkipReason.NO_TIMESTAMP)),
        ([1709287200], Skipped(SkipReason.WRONG_TYPE, "timestamp")),
    ],
)
def test_clock_faults_are_not_believed(written: object, skipped: Skipped) -> None:
    assert decode(line("flow", {**MAIL, "timestamp": written}, flow={})) == skipped


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1970-01-01T00:00:01.500000+0000", 1.5), ("1999-04-05T08:00:00+0000", 923_299_200.0)],
)
def test_times_of_old_captures_are_used(written: str, seconds: float) -> None:
    event = flow({**MAIL, "timestamp": written}, start=written)
    assert event.time == seconds


def test_a_flow_that_began_before_the_clock_was_set_began_when_it_was_logged() -> None:
    event = flow(
        {**MAIL, "timestamp": "2024-03-01T10:00:00+0000"},
        start="1970-01-01T00:00:03.000000+0000",
    )
    assert event.time == 1_709_287_200.0


@pytest.mark.parametrize(
    ("raw", "skipped"),
    [
        (b"", Skipped(SkipReason.NOT_JSON)),
        (b"\x00\x01\x02", Skipped(SkipReason.NOT_JSON)),
        (b"{", Skipped(SkipReason.NOT_JSON)),
        (b'{"event_type": "flow"} {}', Skipped(SkipReason.NOT_JSON)),
        (b'{"a":' + b"[" * 100_000, Skipped(SkipReason.NOT_JSON)),
        (b'{"stats":' + b"[" * 100_000, Skipped(SkipReason.NOT_JSON)),
        (b'{"host": "\\ud800"}', Skipped(SkipReason.NOT_JSON)),
        (b"[]", Skipped(SkipReason.NOT_AN_OBJECT)),
        (b"7", Skipped(SkipReason.NOT_AN_OBJECT)),
        (b"null", Skipped(SkipReason.NOT_AN_OBJECT)),
        (b"{}", Skipped(SkipReason.MISSING_FIELD, "event_type")),
        (b'{"event_type": 5}', Skipped(SkipReason.WRONG_TYPE, "event_type")),
        (b'{"event_type": "http"}', Skipped(SkipReason.OTHER_EVENT_TYPE, "http")),
        (b'{"event_type": "' + b"x" * 1000 + b'"}', Skipped(SkipReason.OTHER_EVENT_TYPE, "x" * 64)),
        (line("dns"), Skipped(SkipReason.MISSING_FIELD, "dns")),
        (line("dns", dns=[]), Skipped(SkipReason.WRONG_TYPE, "dns")),
        (line("dns", dns={}), Skipped(SkipReason.MISSING_FIELD, "dns.type")),
        (line("dns", dns={"type": "query"}), Skipped(SkipReason.MISSING_FIELD, "dns.rrname")),
        (
            line("dns", dns={"type": "query", "rrname": []}),
            Skipped(SkipReason.WRONG_TYPE, "dns.rrname"),
        ),
        (
            line("dns", dns={"type": "request", "queries": ["example.org"]}),
            Skipped(SkipReason.MISSING_FIELD, "dns.rrname"),
        ),
        (line("dns", dns={"type": 1}), Skipped(SkipReason.WRONG_TYPE, "dns.type")),
        (line("dns", dns={"type": "update"}), Skipped(SkipReason.WRONG_TYPE, "dns.type")),
        (
            line("dhcp", dhcp={"dhcp_type": "ack", "assigned_ip": PC}),
            Skipped(SkipReason.MISSING_FIELD, "dhcp.client_mac"),
        ),
        (
            line("alert", alert={"signature_id": "x"}),
            Skipped(SkipReason.WRONG_TYPE, "alert.signature_id"),
        ),
        (
            line("flow", {**HEAD, "dest_ip": None}, flow={}),
            Skipped(SkipReason.WRONG_TYPE, "dest_ip"),
        ),
        (line("stats", stats=7), Skipped(SkipReason.WRONG_TYPE, "stats")),
        (line("stats"), Skipped(SkipReason.MISSING_FIELD, "stats")),
    ],
    ids=range(27),
)
def test_every_line_without_an_event_says_why(raw: bytes, skipped: Skipped) -> None:
    assert decode(raw) == skipped


def test_a_wrong_type_in_a_field_that_is_not_needed_loses_only_the_field() -> None:
    odd = {
        "host": {"name": 1},
        "flow_id": 1 << 70,
        "community_id": None,
        "dns": {"queries": [{"rrname": 5}]},
        "smtp": 9,
    }
    event = decode(line("alert", {**HEAD, **odd}, alert={**ALERT, "metadata": {"a": [1]}}))
    assert isinstance(event, Alert)
    assert (event.sensor, event.flow_id, event.community_id, event.rrnames, event.metadata) == (
        "",
        0,
        "",
        (),
        {},
    )


def test_the_last_of_two_equal_keys_wins() -> None:
    event = decode(line("flow", MAIL, flow={})[:-1] + b', "src_ip": "10.20.0.10"}')
    assert isinstance(event, Flow)
    assert event.client == "10.20.0.10"


def test_values_of_another_parser_nested_without_end_are_refused() -> None:
    tree: list[object] = []
    for _ in range(100_000):
        tree = [tree]
    assert decode_value(
        {"stats": tree, "event_type": "stats", "timestamp": TIME, "flow_id": "1"}
    ) == Skipped(SkipReason.WRONG_TYPE, "stats")
    assert decode_value([]) == Skipped(SkipReason.NOT_AN_OBJECT)


SAMPLES = (
    *(line("dns", head, dns=body) for head, body in (*QUESTIONS.values(), *ANSWERS.values())),
    line("alert", BACK, alert=ALERT, flow={"src_ip": PC}),
    line(
        "smtp",
        MAIL,
        smtp={"helo": "pc", "rcpt_to": ["<a@example.org>"]},
        email={"attachment": ["a.pif"]},
    ),
    line(
        "flow",
        MAIL,
        flow={"start": TIME, "pkts_toclient": 1},
        tcp={"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"},
    ),
    line("dhcp", dhcp=DHCP),
    line("stats", stats={"capture": {"kernel_drops": 1}}),
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text() | st.sampled_from(["type", "queries", "start"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(st.binary())
def test_no_bytes_raise(raw: bytes) -> None:
    assert isinstance(decode(raw), Event | Skipped)


@given(st.sampled_from(SAMPLES), st.data())
def test_no_single_change_of_a_line_raises(sample: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(sample) - 1))
    assert isinstance(
        decode(sample[:at] + data.draw(st.binary(max_size=3)) + sample[at + 1 :]), Event | Skipped
    )


@given(st.sampled_from(SAMPLES), st.data())
def test_no_value_in_any_place_raises(sample: bytes, data: st.DataObject) -> None:
    value = json.loads(sample)
    place = value
    key = data.draw(st.sampled_from(sorted(value)))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place, key = place[key], data.draw(st.sampled_from(sorted(place[key])))
    place[key] = data.draw(ANY_JSON)
    raw = json.dumps(value).encode()
    assert isinstance(decode(raw), Event | Skipped)
    assert isinstance(decode_value(json.loads(raw)), Event | Skipped)


@given(st.text())
def test_normalised_text_is_normal(text: str) -> None:
    once = smtp({"helo": text}, email={"subject": text})
    twice = smtp({"helo": once.helo}, email={"subject": once.subject})
    assert twice.subject == once.subject


DETAILED = [
    {"rrname": "smtp.a.example", "rrtype": "CNAME", "rdata": "smtp.b.example"},
    {"rrname": "smtp.b.example", "rrtype": "A", "ttl": 60, "rdata": "192.0.2.1"},
    {"rrname": "smtp.b.example", "rrtype": "AAAA", "rdata": "2001:0db8:0000::0001"},
    {"rrname": "smtp.b.example", "rrtype": "A", "rdata": "no address"},
    {"rrname": "b.example", "rrtype": "SOA", "rdata": {"mname": "ns.b.example"}},
]
GROUPED = {"CNAME": ["smtp.b.example"], "A": ["192.0.2.1"], "AAAA": ["2001:db8::1"], "MX": ["x"]}
BOTH = (("smtp.b.example", "192.0.2.1"), ("smtp.b.example", "2001:db8::1"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"version": 2, "type": "answer", "rrname": "SMTP.a.example", "answers": DETAILED}, BOTH),
        ({"version": 2, "type": "answer", "rrname": "smtp.a.example", "grouped": GROUPED}, BOTH),
        (
            {
                "version": 3,
                "type": "response",
                "queries": [{"rrname": "smtp.a.example", "rrtype": "A"}],
                "grouped": {"A": ["192.0.2.1"]},
            },
            (("smtp.a.example", "192.0.2.1"),),
        ),
        (
            {"type": "answer", "rrname": "Smtp.a.example", "rrtype": "A", "rdata": "192.0.2.1"},
            (("smtp.a.example", "192.0.2.1"),),
        ),
        ({"version": 2, "type": "answer", "rrname": "a.example", "rcode": "NXDOMAIN"}, ()),
        ({"version": 2, "type": "answer", "rrname": "", "grouped": GROUPED}, ()),
    ],
)
def test_the_addresses_of_an_answer_by_the_servers_own_name(body, expected):
    assert dns(BACK, **body).addresses == expected


def test_grouped_answers_without_a_version_are_those_to_the_name_asked_for() -> None:
    event = dns(BACK, type="answer", rrname="a.example", rrtype="A", grouped=GROUPED)
    assert event.asked_names() == ("a.example",)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"sni": "SMTP.a.example.", "subject": "CN=b.example"}, "smtp.a.example"),
        ({"subject": "C=US, O=B, CN=*.mail.b.example"}, "mail.b.example"),
        ({"subject": "O=CN=trick"}, ""),
        ({}, ""),
    ],
)
def test_a_tls_handshake_names_the_server(body, name):
    event = decode(line("tls", MAIL, tls=body))
    assert isinstance(event, Tls)
    assert (event.name, event.server, event.server_port) == (name, MX, 25)
