"""Lines of Snort 3's alert_json, whatever fields were chosen -> Alerts.

A line that gives none is a Skipped with its reason.

The needed fields, under either of their names, are the time (`seconds`, `timestamp`), the rule
(`sid`, `rule`) and the addresses (`src_addr` or `src_ap`, `dst_addr` or `dst_ap`). `b64_data`, the
packet's bytes, holds the name that a DNS packet asked for.
"""

import binascii
import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.snort.clock import WithYear, alert_time
from eveproc.input.snort.fields import alert
from eveproc.input.snort.lines import MAX_LINE, RecordSource, lines

# Fields that an EVE record does not have at its top level (Snort 3.11: help of alert_json.fields).
_OURS = re.compile(
    rb'"(?:b64_data|client_bytes|client_pkts|dst_addr|dst_ap|eth_dst|eth_len|eth_src|eth_type'
    rb"|flowstart_time|gid|pkt_gen|pkt_len"
    rb'|pkt_num|priority|rev|rule|seconds|server_bytes|server_pkts|sid|src_addr|src_ap)"\s*:'
)
_RULE = re.compile(r"(\d{1,10}):(\d{1,10}):\d{1,10}\Z", re.ASCII)
# A question has 255 bytes of name and a few more.
_PAYLOAD_TEXT = 1024


class _AlertRecord(Struct):
    seconds: float | None = None
    timestamp: str = ""
    src_addr: str = ""
    src_port: int = 0
    src_ap: str = ""
    dst_addr: str = ""
    dst_port: int = 0
    dst_ap: str = ""
    proto: str = ""
    gid: int = 1
    sid: int = 0
    rule: str = ""
    b64_data: str = ""


_DECODER = msgspec.json.Decoder(_AlertRecord, strict=False)


def begins(head: bytes) -> bool:
    """True if the first lines of a file are JSON objects with fields of alert_json and without
    EVE's event_type.
    """
    return (
        head.lstrip().startswith(b"{")
        and b'"event_type"' not in head
        and _OURS.search(head) is not None
    )


def read(source: RecordSource, written: float) -> Iterator[Event | Skipped]:
    """See eveproc.input.snort."""
    held: bytes | None = None
    for line in lines(source):
        if held is not None:
            yield decode(held, written)
        held = line
    if held is not None:
        last = decode(held, written)
        yield Skipped(SkipReason.HALF_LINE) if last == Skipped(SkipReason.NOT_JSON) else last


def decode(line: bytes, written: float) -> Event | Skipped:
    """One line; never raises."""
    text = line.strip()
    if not text:
        return Skipped(SkipReason.BLANK)
    if len(line) > MAX_LINE:
        return Skipped(SkipReason.TOO_LONG)
    try:
        wire = _DECODER.decode(text.decode("utf-8", "replace"))
    except msgspec.ValidationError as error:
        return _wrong(error)
    except (msgspec.DecodeError, RecursionError):
        return Skipped(SkipReason.NOT_JSON)
    return _alert(wire, written)


def _wrong(error: msgspec.ValidationError) -> Skipped:
    found = re.search(r"at `\$\.(\w+)`", str(error))
    return Skipped(SkipReason.WRONG_TYPE, found[1]) if found else Skipped(SkipReason.NOT_AN_OBJECT)


def _alert(wire: _AlertRecord, written: float) -> Event | Skipped:
    gid, sid = _rule(wire)
    if not sid:
        return Skipped(SkipReason.MISSING_FIELD, "sid")
    when = alert_time(wire.seconds, wire.timestamp, written, WithYear.FIRST)
    if isinstance(when, Skipped):
        return when
    src = _end(wire.src_addr, wire.src_port, wire.src_ap)
    dst = _end(wire.dst_addr, wire.dst_port, wire.dst_ap)
    return alert(when, gid, sid, src, dst, wire.proto, _payload(wire.b64_data))


def _rule(wire: _AlertRecord) -> tuple[int, int]:
    """Generator and sid; (1, 0) if neither field has them."""
    found = _RULE.match(wire.rule)
    return (int(found[1]), int(found[2])) if found and not wire.sid else (wire.gid, wire.sid)


def _end(address: str, port: int, both: str) -> tuple[str, int]:
    """Address and port; `both` is "10.20.1.1:25" or "2001:db8::1:25"."""
    if address or not both:
        return address, port
    address, _, text = both.rpartition(":")
    return address, int(text) if text.isdecimal() and len(text) <= 5 else 0


def _payload(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text[:_PAYLOAD_TEXT])
    except (binascii.Error, ValueError):
        return b""
