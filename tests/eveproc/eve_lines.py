"""What a host does -> the lines that Suricata would write of it, as bytes; times in seconds since
1970 UTC."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

START = 1_772_438_400.0  # 2026-03-02T08:00:00Z
HOST, CLERK, RESOLVER = "10.20.1.7", "10.20.1.8", "10.20.0.53"
SITE = 'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.25]\nresolvers: [10.20.0.53]\n'
FLAGS = {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"}


def line(time: float, event_type: str, host: str, **fields: object) -> bytes:
    stamp = f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%S.%f}+0000"
    head = {
        "timestamp": stamp,
        "flow_id": int(time * 1000) % 2**40,
        "event_type": event_type,
        "src_ip": host,
        "src_port": 40000,
    }
    return json.dumps({**head, **fields}, separators=(",", ":")).encode() + b"\n"


def delivery(time: float, server: str, host: str = HOST) -> bytes:
    stamp = f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%S.%f}+0000"
    flow = {"start": stamp, "pkts_toclient": 9, "state": "closed"}
    return line(time, "flow", host, dest_ip=server, dest_port=25, proto="TCP", flow=flow, tcp=FLAGS)


def lookup(time: float, domain: str, host: str = HOST) -> bytes:
    asked = {
        "version": 3,
        "type": "request",
        "id": 1,
        "queries": [{"rrname": domain, "rrtype": "MX"}],
    }
    return line(time, "dns", host, dest_ip=RESOLVER, dest_port=53, proto="UDP", dns=asked)


def mailing(time: float, count: int, host: str = HOST, pause: float = 1.0) -> Iterator[bytes]:
    """Mails to this number of peers, each looked up first."""
    for number in range(count):
        yield lookup(time + number * pause, f"victim{number}.example", host)
        yield delivery(
            time + number * pause + 0.2, f"198.51.{number % 250}.{25 + number // 250}", host
        )


def lease(
    time: float,
    address: str,
    mac: str = "02:00:00:00:00:07",
    name: str = "lap-7",
    seconds: int = 86_400,
) -> bytes:
    said = {
        "type": "reply",
        "dhcp_type": "ack",
        "client_mac": mac,
        "assigned_ip": address,
        "lease_time": seconds,
        "hostname": name,
    }
    return line(
        time, "dhcp", "10.20.0.1", dest_ip="255.255.255.255", dest_port=68, proto="UDP", dhcp=said
    )


def quiet(time: float, host: str = CLERK) -> bytes:
    """A benign event that is evidence, so that time advances."""
    return delivery(time, "10.20.0.25", host)
