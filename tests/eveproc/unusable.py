"""Nothing -> some fifty inputs in which a mass mailer cannot be seen, each with the reason.

Most are a small office's log (office.py), which does hold a mass mailer, spoilt in one way. Where a
reader learns to make sense of one of them it has to find the mailer in it. What it must never do is
call such a night quiet.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from itertools import count
from types import MappingProxyType
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from tests.eveproc import office

Record = dict[str, Any]
LINES = tuple(office.lines())
RECORDS = tuple(json.loads(line) for line in LINES)
WAN = "203.0.113.7"
SYSLOG = b"<134>Mar  1 10:00:00 fw suricata[91043]: "


def joined(records: Iterator[Record]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def changed(**fields: object) -> bytes:
    """Every record with these fields; None takes one out."""
    return joined(
        {key: value for key, value in {**record, **fields}.items() if value is not None}
        for record in RECORDS
    )


def replaced(old: str, new: str) -> bytes:
    return b"".join(LINES).replace(old.encode(), new.encode())


def cut(length: int, prefix: bytes = b"") -> bytes:
    return b"".join((prefix + line)[:length] + b"\n" for line in LINES)


def of_kind(kind: str, **fields: object) -> bytes:
    """The connections of the office as records of a kind that is never evidence."""
    flows = (record for record in RECORDS if record["event_type"] == "flow")
    kept = ("timestamp", "flow_id", "src_ip", "src_port", "dest_ip", "dest_port", "proto")
    return joined(
        {**{key: flow[key] for key in kept}, "event_type": kind, **fields} for flow in flows
    )


def alerts(sid: int, home: bool = True) -> bytes:
    rule = {"action": "allowed", "gid": 1, "signature_id": sid, "rev": 1, "signature": "x"}
    made = of_kind("alert", alert=rule)
    return made if home else made.replace(b'"10.20.', b'"172.30.')


def statistics() -> bytes:
    counters = {"uptime": 9, "capture": {"kernel_packets": 1000, "kernel_drops": 0}}
    return joined(
        {"timestamp": record["timestamp"], "event_type": "stats", "stats": counters}
        for record in RECORDS[::3]
    )


def from_one_address() -> bytes:
    """Behind NAT: whoever connects does so from the gateway's address."""
    return joined({**record, "src_ip": WAN} for record in RECORDS)


def over_ipv6() -> bytes:
    numbers = count(1)
    return joined(
        {
            **record,
            "src_ip": f"2001:db8:77::{record['src_ip'].rpartition('.')[2]}",
            "dest_ip": f"2001:db8:99::{next(numbers):x}",
        }
        for record in RECORDS
    )


def fast_log() -> bytes:
    return b"".join(
        b"03/01/2024-10:00:%02d.000000  [**] [1:2000328:14] ET POLICY Outbound Mail [**] "
        b"[Classification: Misc] [Priority: 3] {TCP} 10.20.1.7:40000 -> 198.51.1.25:25\n" % second
        for second in range(60)
    )


def zipped() -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        archive.writestr("eve.json", b"".join(LINES))
    return buffer.getvalue()


def zeek() -> bytes:
    return b"".join(
        b'{"ts":1709287200.%d,"uid":"C1","id.orig_h":"10.20.1.7","id.resp_h":"198.51.1.25",'
        b'"id.resp_p":25,"proto":"tcp","service":"smtp"}\n' % number
        for number in range(60)
    )


KINDS: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        # Nothing, or no text.
        "empty": bytes,
        "blank lines": lambda: b"\n" * 50,
        "spaces": lambda: b" \t \r\n" * 20,
        "zero bytes": lambda: bytes(4096),
        "binary": lambda: bytes(range(256)) * 40,
        "capture": lambda: b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + bytes(500),
        "UTF-16": lambda: b"".join(LINES).decode().encode("utf-16"),
        "zip": zipped,
        "empty gzip": lambda: gzip.compress(b""),
        "gzip cut off at its head": lambda: gzip.compress(b"".join(LINES))[:40],
        # Other text.
        "HTML": lambda: b"<html><body>login</body></html>\n" * 5,
        "suricata.log": lambda: (
            b"[91043] <Notice> -- all 4 packet processing threads started\n" * 9
        ),
        "CSV": lambda: b"timestamp,src_ip,dest_ip\n2024-03-01T10:00:00,10.20.1.7,198.51.1.25\n" * 9,
        "other JSON": lambda: b'{"level":"info","msg":"started"}\n' * 40,
        "Zeek": zeek,
        "numbers": lambda: b"".join(b"%d\n" % number for number in range(50)),
        "strings": lambda: b'"10.20.1.7"\n' * 50,
        "nested too deep": lambda: b"[" * 9000 + b"\n" + b'{"a":' * 9000 + b"\n",
        "one long line": lambda: b'{"event_type":"dns","x":"' + b"x" * (1 << 20) + b"\n",
        # Documents without records.
        "empty array": lambda: b"[]",
        "array of numbers": lambda: b"[1, 2, 3]",
        "search without hits": lambda: b'{"took":1,"timed_out":false,"hits":{"total":0,"hits":[]}}',
        "search that failed": lambda: (
            b'{"error":{"type":"index_not_found_exception"},"status":404}'
        ),
        # Records that are cut off.
        "half a record": lambda: LINES[0][:90],
        "cut at 100 bytes": lambda: cut(100),
        "cut at 200 bytes": lambda: cut(200),
        "cut behind syslog": lambda: cut(180, SYSLOG),
        # Times that cannot be.
        "1970": lambda: replaced("2024-03-01T", "1970-01-01T"),
        "year 0": lambda: replaced("2024-03-01T", "0000-01-01T"),
        "year 2150": lambda: replaced("2024-03-01T", "2150-03-01T"),
        "far future": lambda: replaced("2024-03-01T", "2096-03-01T"),
        "no timestamp": lambda: changed(timestamp=None),
        "timestamp of words": lambda: changed(timestamp="this morning"),
        "timestamp of an object": lambda: changed(timestamp={"s": 1}),
        # Records that say too little.
        "no event_type": lambda: changed(event_type=None),
        "unknown event_type": lambda: changed(event_type="connection"),
        "no addresses": lambda: changed(src_ip=None, dest_ip=None),
        "addresses made unreadable": lambda: changed(src_ip="x.x.x.x", dest_ip="x.x.x.x"),
        "addresses of a wrong type": lambda: changed(src_ip=5, dest_ip=[]),
        "no objects": lambda: changed(dns=None, flow=None, tcp=None),
        "only statistics": statistics,
        "only netflow": lambda: of_kind("netflow", netflow={"pkts": 12, "bytes": 900}),
        "only http": lambda: of_kind("http", http={"hostname": "example.org"}),
        "only tls": lambda: of_kind("tls", tls={"sni": "example.org"}),
        "only anomalies": lambda: of_kind("anomaly", anomaly={"type": "stream"}),
        "only other alerts": lambda: alerts(2000328),
        "only other alerts, fast.log": fast_log,
        "own alerts of hosts elsewhere": lambda: alerts(1250001, home=False),
        # Records of somewhere else.
        "other home networks": lambda: replaced('"10.20.', '"172.30.'),
        "behind NAT": from_one_address,
        "IPv6 alone": over_ipv6,
    }
)
