"""Records of unified2, as Snort writes them -> Alerts; others are Skipped with their kind.

A record is its type, its length and that many bytes. An event is followed by the packet that fired
the rule, in which a DNS question can be read. After bytes that do not begin like a record, the next
record cannot be found: the rest of the file is left unread, and a problem says so.
"""

import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from idstools import packet, unified2

from eveproc.input.events import Alert, Event, Skipped, SkipReason
from eveproc.input.snort.fields import alert
from eveproc.input.snort.lines import RecordSource

_HEADER = struct.Struct(">LL")
_BLOCK = 1 << 20
# A packet has 64 KiB at most, a reassembled one not much more.
_LONGEST = 1 << 20
_EVENTS = frozenset(
    (
        *(unified2.EVENT, unified2.EVENT_IP6, unified2.EVENT_V2, unified2.EVENT_IP6_V2),
        *(unified2.EVENT_APPID, unified2.EVENT_APPID_IP6, unified2.EVENT_V3),
    )
)
# Snort 3 writes the reassembled data after an event as record 3.
_NAMES: Mapping[int, str] = MappingProxyType(
    {
        unified2.PACKET: "packet",
        3: "buffer",
        unified2.EXTRA_DATA: "extra data",
        unified2.APPSTAT: "appstat",
    }
)
_ETHERNET = 1
_PROTOCOLS = MappingProxyType({1: "ICMP", 6: "TCP", 17: "UDP", 58: "IPV6-ICMP"})
_Record = tuple[int, bytes]


def begins(head: bytes) -> bool:
    """True if the first bytes are the head of a record."""
    return len(head) >= _HEADER.size and _is_record(*_HEADER.unpack_from(head))


def _is_record(kind: int, size: int) -> bool:
    return (kind in _EVENTS or kind in _NAMES) and 0 < size <= _LONGEST


def read(source: RecordSource, written: float) -> Iterator[Event | Skipped]:
    """See eveproc.input.snort. Every event has its full date, so `written` is not used."""
    held: tuple[int, Event | Skipped] | None = None
    for record in _records(source):
        if held is not None:
            yield held[1] if isinstance(record, Skipped) else _with_question(*held, *record)
        held = None
        if isinstance(record, Skipped):
            yield record
        elif record[0] in _EVENTS:
            held = _event(record)
        else:
            yield Skipped(SkipReason.OTHER_EVENT_TYPE, f"unified2 {_NAMES[record[0]]}")
    if held is not None:
        yield held[1]


def _records(source: RecordSource) -> Iterator[_Record | Skipped]:
    """(type, bytes) of each record; a Skipped for a cut-off last record or for bytes that are no
    record.
    """
    rest = b""
    while block := source.read(_BLOCK):
        rest += block
        at = 0
        while len(rest) - at >= _HEADER.size:
            kind, size = _HEADER.unpack_from(rest, at)
            if not _is_record(kind, size):
                source.note_problem(
                    "holds bytes that are no unified2 record; what came before that was used, "
                    "the rest was not"
                )
                yield Skipped(SkipReason.WRONG_TYPE, "unified2 record")
                return
            if len(rest) - at < _HEADER.size + size:
                break
            yield kind, rest[at + _HEADER.size : at + _HEADER.size + size]
            at += _HEADER.size + size
        rest = rest[at:]
    if rest:
        source.note_problem("ends in half a record: it was cut off, or Snort was writing")
        yield Skipped(SkipReason.HALF_LINE, "unified2 record")


def _event(record: _Record) -> tuple[int, Event | Skipped]:
    """The event number, which its packet repeats, and the alert."""
    kind, data = record
    try:
        event = unified2.DECODERS[kind].decode(data)
    except (struct.error, ValueError):  # a record shorter than its fields
        return 0, Skipped(SkipReason.WRONG_TYPE, "unified2 event")
    number = event["protocol"] if event["protocol"] is not None else event["ip-protocol"]
    found = alert(
        event["event-second"] + event["event-microsecond"] / 1_000_000,
        event["generator-id"],
        event["signature-id"],
        (event["source-ip"], event["sport-itype"]),
        (
            event["destination-ip"],
            event["dport-icode"] if event["dport-icode"] is not None else event["dport-itype"],
        ),
        _PROTOCOLS.get(number, str(number)),
    )
    return event["event-id"], found


def _with_question(number: int, found: Event | Skipped, kind: int, data: bytes) -> Event | Skipped:
    """The alert with the name that its packet (the next record) asks for."""
    if kind != unified2.PACKET or not isinstance(found, Alert):
        return found
    try:
        record = unified2.DECODERS[kind].decode(data)
        layers = packet.decode_ethernet(record["data"]) if record["linktype"] == _ETHERNET else {}
    except (struct.error, ValueError, OSError, IndexError):  # a packet cut off anywhere
        return found
    if record["event-id"] != number:
        return found
    for proto, layer in (("UDP", "udp"), ("TCP", "tcp")):
        if f"{layer}_payload" in layers:
            ends = (
                (found.src_ip, layers[f"{layer}_sport"]),
                (found.dest_ip, layers[f"{layer}_dport"]),
            )
            return alert(found.time, found.gid, found.sid, *ends, proto, layers[f"{layer}_payload"])
    return found
