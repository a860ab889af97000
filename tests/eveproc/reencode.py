"""Events that Suricata 7 or 8 logged -> the same events as 6, 7 or 8 would have written them, flow
ids kept.

What differs, seen in what 7.0.10 and 8.0.8 log of one capture and in a log of 6.0 from 2021 (the
same office as both real versions wrote it holds 7 and 8 to it, see test_same_verdicts.py):

- dns, 8: version 3, `request` and `response`, the question in `queries[]`, src_ip is the sender of the packet, so that of
  an answer is the resolver's. 7: version 2, `query` and `answer`, the question on top, src_ip is always the client's.
  6: as 7, but a query has no version and nothing has an opcode. What 7 does not log (the flags of a question, the tx_id of
  an answer) is left out when its events are written as 8's.
- dns in alerts, 8: the same object as in the dns event. 7: `query[]` or `answer` below version 2; 6: without the version.
- smtp, 6 and 7: after a session's last whole mail comes one more transaction for its QUIT, with the HELO name alone.
- alert, 6: no `direction`, no addresses in `flow`.
- 7 added `pkt_src`, `tx_guessed` and regions in `tcp`; 8 added `ip_v`, `ether.ether_type`, `flow.tx_cnt` and the progress of a
  transaction. The MACs in `ether` are those of src_ip and dest_ip.
- dns version 1 (4, and on request 5 and 6): an answer is one event per record with the record's name and type; a failure is
  one event with the name asked and no type; an empty answer is nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

Event = dict[str, Any]
Encoding = Callable[[Iterable[Event]], Iterator[Event]]

# Where v2 keeps the question, and what only the envelope of v2 or v3 holds.
_ENVELOPE = ("version", "type", "tx_id", "rcode", "queries", "rrname", "rrtype")
_NEW_IN_7 = ("pkt_src", "tx_guessed", "direction")
_NEW_IN_8 = ("ip_v", "ts_progress", "tc_progress")


def as_suricata_7(events: Iterable[Event]) -> Iterator[Event]:
    """Also takes events of 7 and leaves them as they are."""
    events = list(events)
    mails = [event for event in events if event["event_type"] == "smtp"]
    last_mail = {mail["flow_id"]: mail["tx_id"] for mail in mails}
    ends = {mail["flow_id"]: mail["timestamp"] for mail in mails}
    ends.update(
        {
            event["flow_id"]: event["flow"]["end"]
            for event in events
            if event["event_type"] == "flow"
        }
    )
    for event in events:
        written = _without(event, *_NEW_IN_8)
        if "ether" in event:
            written["ether"] = _without(event["ether"], "ether_type")
        if event["event_type"] == "flow":
            written["flow"] = _without(event["flow"], "tx_cnt")
        yield _dns_of_7(written) if "dns" in event else written
        if (
            event["event_type"] == "smtp"
            and "email" in event
            and last_mail[event["flow_id"]] == event["tx_id"]
        ):
            yield _quit(written, ends[event["flow_id"]])


def as_suricata_8(events: Iterable[Event]) -> Iterator[Event]:
    for event in as_suricata_7(events):
        is_quit = (
            event["event_type"] == "smtp"
            and event["tx_id"] > 0
            and "mail_from" not in event["smtp"]
        )
        if not is_quit:
            yield _dns_of_8(event) if "dns" in event else event


def as_suricata_6(events: Iterable[Event]) -> Iterator[Event]:
    for event in as_suricata_7(events):
        written = _without(event, *_NEW_IN_7)
        if "tcp" in event:
            written["tcp"] = _without(event["tcp"], "ts_max_regions", "tc_max_regions")
        if event["event_type"] == "alert":
            written["flow"] = _without(event["flow"], "src_ip", "dest_ip", "src_port", "dest_port")
        if "dns" in event:
            written["dns"] = _dns_of_6(event["dns"])
        yield written


def with_dns_version_1(events: Iterable[Event]) -> Iterator[Event]:
    for event in as_suricata_6(events):
        if event["event_type"] == "dns" and event["dns"]["type"] == "answer":
            yield from ({**event, "dns": answer} for answer in _answers_1(event["dns"]))
        else:
            yield event


ENCODINGS: Mapping[str, Encoding] = MappingProxyType(
    {"suricata-6": as_suricata_6, "suricata-7": as_suricata_7, "suricata-8": as_suricata_8}
)


def _without(mapping: Event, *keys: str) -> Event:
    return {key: value for key, value in mapping.items() if key not in keys}


def _swapped(event: Event) -> Event:
    """The same packet's addresses and MACs the other way round."""
    ends = {
        "src_ip": "dest_ip",
        "dest_ip": "src_ip",
        "src_port": "dest_port",
        "dest_port": "src_port",
    }
    swapped = {**event, **{key: event[other] for key, other in ends.items()}}
    if "ether" in event:
        macs = event["ether"]
        swapped["ether"] = {"src_mac": macs["dest_mac"], "dest_mac": macs["src_mac"]}
    return swapped


def _quit(mail: Event, time: str) -> Event:
    return {
        **_without(mail, "email"),
        "timestamp": time,
        "tx_id": mail["tx_id"] + 1,
        "smtp": {"helo": mail["smtp"]["helo"]},
    }


def _dns_of_7(event: Event) -> Event:
    dns = event["dns"]
    if dns["version"] < 3:
        return event
    is_answer = dns["type"] == "response"
    if event["event_type"] == "dns":
        return {**(_swapped(event) if is_answer else event), "dns": {"version": 2, **_dns_2(dns)}}
    within = {"answer": {"version": 2, **_dns_2(dns)}} if is_answer else {"query": [_dns_2(dns)]}
    return {**event, "dns": {"version": 2, **within}}


def _dns_2(dns: Event) -> Event:
    (question,) = dns["queries"]
    if dns["type"] == "request":
        return {"type": "query", **question, **{key: dns[key] for key in ("id", "tx_id", "opcode")}}
    return {"type": "answer", "rcode": dns["rcode"], **question, **_without(dns, *_ENVELOPE)}


def _dns_of_8(event: Event) -> Event:
    dns = event["dns"]
    if event["event_type"] == "alert":
        return {**event, "dns": _dns_3(dns["answer"] if "answer" in dns else dns["query"][0])}
    return {**(_swapped(event) if dns["type"] == "answer" else event), "dns": _dns_3(dns)}


def _dns_3(dns: Event) -> Event:
    rest = _without(dns, *_ENVELOPE)
    queries = [{"rrname": dns["rrname"], "rrtype": dns["rrtype"]}]
    if dns["type"] == "answer":
        return {"version": 3, "type": "response", "rcode": dns["rcode"], "queries": queries, **rest}
    return {
        "version": 3,
        "type": "request",
        "tx_id": dns["tx_id"],
        "rcode": "NOERROR",
        "queries": queries,
        **rest,
    }


def _dns_of_6(dns: Event) -> Event:
    if "query" in dns:
        return {"query": [_without(query, "opcode") for query in dns["query"]]}
    if "answer" in dns:
        return {"answer": _without(dns["answer"], "opcode")}
    return (
        _without(dns, "opcode") if dns["type"] == "answer" else _without(dns, "opcode", "version")
    )


def _answers_1(dns: Event) -> Iterator[Event]:
    if dns["rcode"] != "NOERROR":
        yield {key: dns[key] for key in ("type", "id", "rcode", "rrname")}
        return
    head = _without(dns, "version", "answers", "authorities", "grouped")
    for record in [*dns.get("answers", ()), *dns.get("authorities", ())]:
        yield {**head, **record}


# What engines write in their own zone: the time of the event, and of the flow's first and last
# packet.
_MOMENT = re.compile(r'("(?:timestamp|start|end)": ?")([^"]*)\+0000"')


def in_zone(line: str, hours: int) -> str:
    """A line of eve.json as a sensor writes it whose clock is so many hours from UTC: 10:00:00+0000
    -> 05:00:00-0500."""
    zone = timezone(timedelta(hours=hours))

    def moved(found: re.Match[str]) -> str:
        return f'{found[1]}{datetime.fromisoformat(found[2] + "+00:00").astimezone(zone):%Y-%m-%dT%H:%M:%S.%f%z}"'

    return _MOMENT.sub(moved, line)
