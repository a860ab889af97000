"""Nothing -> the eve.json of a small office in which one host mails en masse, and its site.yaml."""

import json
from collections.abc import Iterator
from pathlib import Path

MAILER, CLERK, RESOLVER, RELAY = "10.20.1.7", "10.20.1.8", "10.20.0.53", "10.20.0.25"
SITE = f"home_networks: [10.20.0.0/16]\nmail_servers: [{RELAY}]\nresolvers: [{RESOLVER}]\n"
SENT = 60


def lines() -> Iterator[bytes]:
    for number in range(SENT):
        time = f"2024-03-01T10:{number // 60:02}:{number % 60:02}.000000+0000"
        head = {
            "timestamp": time,
            "flow_id": 2 * number + 1,
            "src_ip": MAILER,
            "src_port": 40000 + number,
        }
        asked = {
            "version": 3,
            "type": "request",
            "id": number,
            "queries": [{"rrname": f"victim{number}.example", "rrtype": "MX"}],
        }
        flow = {"start": time, "pkts_toclient": 9, "state": "closed"}
        tcp = {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"}
        to_resolver = {
            "event_type": "dns",
            "dest_ip": RESOLVER,
            "dest_port": 53,
            "proto": "UDP",
            "dns": asked,
        }
        to_victim = {
            "event_type": "flow",
            "dest_ip": f"198.51.{number}.25",
            "dest_port": 25,
            "proto": "TCP",
            "flow": flow,
            "tcp": tcp,
        }
        to_relay = {
            "event_type": "flow",
            "dest_ip": RELAY,
            "dest_port": 25,
            "proto": "TCP",
            "flow": flow,
            "tcp": tcp,
            "src_ip": CLERK,
        }
        for event in (to_resolver, to_victim, to_relay):
            yield json.dumps({**head, **event}).encode() + b"\n"


def write(folder: Path) -> tuple[str, str]:
    """(eve.json, site.yaml) below `folder`."""
    eve, site = folder / "eve.json", folder / "site.yaml"
    eve.write_bytes(b"".join(lines()))
    site.write_text(SITE)
    return str(eve), str(site)
