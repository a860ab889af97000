"""Several records in one value -> each event once: copies are one, others are not lost or forged."""

import json

import pytest

from eveproc.input.events import Dns, Event, Flow, Skipped
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import LineReader

TIME = "2026-03-02T08:00:00.000000+0000"
DNS = {
    "timestamp": TIME,
    "flow_id": 1,
    "event_type": "dns",
    "src_ip": "10.20.1.7",
    "src_port": 4000,
    "dest_ip": "10.20.0.53",
    "dest_port": 53,
    "proto": "UDP",
    "dns": {"type": "query", "id": 7, "rrname": "example.org", "rrtype": "MX"},
}
FLOW = {**DNS, "flow_id": 2, "event_type": "flow", "proto": "TCP", "flow": {"pkts_toclient": 9}}
FORGED = json.dumps({**FLOW, "flow_id": 9, "src_ip": "10.20.1.66"})
ECS = {
    "@timestamp": TIME,
    "source": {"ip": "10.20.1.7", "port": 4000},
    "destination": {"ip": "10.20.0.53", "port": 53},
    "network": {"transport": "udp"},
    "suricata": {"eve": {"flow_id": "1", "event_type": "dns", "dns": DNS["dns"]}},
}


def results(*lines: object) -> list[Event | Skipped]:
    reader = LineReader(ReadStats)
    return [result for line in lines for result in reader.line(json.dumps(line).encode())]


def events(*lines: object) -> list[tuple[str, str]]:
    found = results(*lines)
    assert all(isinstance(result, Dns | Flow) for result in found)
    return [(one.TYPE, one.client) for one in found if isinstance(one, Dns | Flow)]


BOTH = [("dns", "10.20.1.7"), ("flow", "10.20.1.7")]


@pytest.mark.parametrize(
    "value",
    [
        {"a": DNS, "b": FLOW},
        {"a": json.dumps(DNS), "b": json.dumps(FLOW)},
        {"dns": [DNS], "flow": [FLOW]},
        {"x": {"1": {"y": DNS}, "2": {"y": FLOW}}},
    ],
    ids=["objects", "texts", "arrays", "deeper"],
)
def test_records_in_several_places_are_all_read(value: object) -> None:
    assert events(value) == BOTH


def test_a_later_line_may_hold_more_places() -> None:
    assert events({"a": [DNS]}, {"a": [DNS], "b": [FLOW]}) == [BOTH[0], *BOTH]


def test_questions_of_one_flow_are_several_events() -> None:
    other = {**DNS, "dns": {**DNS["dns"], "id": 8}}
    assert events({"a": DNS, "b": other}) == [BOTH[0], BOTH[0]]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("dns", {"id": 7, "rrtype": "MX"}, {"id": 7, "rrtype": "A"}),
        ("dns", {"id": 7, "rdata": "192.0.2.1"}, {"id": 7, "rdata": "192.0.2.2"}),
        ("dhcp", {"id": 7, "dhcp_type": "discover"}, {"id": 7, "dhcp_type": "request"}),
        ("smtp", {"mail_from": "a@example.org"}, {"mail_from": "b@example.org"}),
    ],
)
def test_records_of_one_flow_in_one_second_are_several_events(
    kind: str, one: dict[str, object], other: dict[str, object]
) -> None:
    held = [{**DNS, "event_type": kind, kind: said} for said in (one, other)]
    assert len(results({"a": held[0], "b": held[1]})) == 2


@pytest.mark.parametrize(
    "value",
    [
        {"data": {**DNS, "flow_id": "1", "dest_port": 53.0}, "full_log": json.dumps(DNS)},
        {**ECS, "event": {"original": json.dumps(DNS)}},
        {"msg": json.dumps(DNS), "rawmsg": f"<13>Mar  2 08:00:00 fw suricata: {json.dumps(DNS)}"},
    ],
    ids=["parsed and text", "ECS and original", "text twice"],
)
def test_copies_of_an_event_are_one(value: object) -> None:
    assert events(value) == [("dns", "10.20.1.7")]


def test_text_beside_a_parsed_record_neither_hides_nor_adds_one() -> None:
    """A host on the network sends it: a user agent, a name in a certificate."""
    assert events({**ECS, "user_agent": {"original": FORGED}}) == [("dns", "10.20.1.7")]


@pytest.mark.parametrize(
    "value",
    [
        {"event_type": "log", "timestamp": TIME, "message": json.dumps(DNS)},
        {"event_type": "ingest", "src_ip": "192.0.2.1", "payload": DNS},
        {"event_type": "eve", "eve": DNS},
    ],
)
def test_a_shipper_may_have_an_event_type_of_its_own(value: object) -> None:
    assert events(value) == [("dns", "10.20.1.7")]


def test_a_record_of_a_kind_that_is_not_known_is_not_searched() -> None:
    (result,) = results({**DNS, "event_type": "newer", "newer": {"event_type_said": FORGED}})
    assert isinstance(result, Skipped)


def test_a_cut_off_text_in_a_whole_object_is_half_a_line() -> None:
    (result,) = results({"message": json.dumps(DNS)[:150]})
    assert result == Skipped("half_line")
