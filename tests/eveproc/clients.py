"""What programs and machines say of themselves -> the lines that Suricata writes of it, as bytes."""

import json
from datetime import UTC, datetime

from tests.eveproc.eve_lines import HOST

# Milliseconds of the records that are looked at, and of others.
LOOKED_AT, PASSED_OVER = 0.337, 0.336
BROWSER = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36"


def _line(time: float, event_type: str, **fields: object) -> bytes:
    stamp = f"{datetime.fromtimestamp(round(time, 6), UTC):%Y-%m-%dT%H:%M:%S.%f}+0000"
    head = {"timestamp": stamp, "flow_id": int(time * 1000) % 2**40, "event_type": event_type}
    return json.dumps({**head, **fields}, separators=(",", ":")).encode() + b"\n"


def _ends(host: str, port: int) -> dict[str, object]:
    return {"src_ip": host, "src_port": 40000, "dest_ip": "198.51.100.80", "dest_port": port}


def request(second: float, agent: str, host: str = HOST, part: float = LOOKED_AT) -> bytes:
    http = {"hostname": "www.example.com", "url": "/", "http_user_agent": agent}
    return _line(second + part, "http", **_ends(host, 80), proto="TCP", http=http)


def handshake(
    second: float, ja4: str = "", ja3: str = "", host: str = HOST, part: float = LOOKED_AT
) -> bytes:
    tls: dict[str, object] = {"sni": "www.example.com", "version": "TLS 1.3"}
    if ja3:
        tls["ja3"] = {"hash": "0" * 32, "string": ja3}
    if ja4:
        tls["ja4"] = ja4
    return _line(second + part, "tls", **_ends(host, 443), proto="TCP", tls=tls)


def announcement(time: float, name: str, address: str = HOST, source: str = HOST) -> bytes:
    """As Suricata 8.0 writes it."""
    answer = {"rrname": name, "aaaa" if ":" in address else "a": address}
    mdns = {"type": "response", "id": 0, "flags": ["aa"], "opcode": 0, "rcode": 0}
    ends = {"src_ip": source, "src_port": 5353, "dest_ip": "224.0.0.251", "dest_port": 5353}
    return _line(time, "mdns", **ends, proto="UDP", mdns={**mdns, "answers": [answer]})


def claim(time: float, mac: str, address: str = HOST, opcode: str = "request") -> bytes:
    """As Suricata 8.0 writes it."""
    arp = {"hw_type": "ethernet", "proto_type": "ipv4", "opcode": opcode, "src_mac": mac}
    more = {"src_ip": address, "dest_mac": "00:00:00:00:00:00", "dest_ip": "10.20.0.1"}
    return _line(time, "arp", arp={**arp, **more})
