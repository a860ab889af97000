"""Logins -> the lines that Suricata 7 and 8 write of them, as bytes."""

import json
from datetime import UTC, datetime

KDC, FILES = "10.20.0.10", "10.20.0.11"


def _line(time: float, event_type: str, ends: dict[str, object], **fields: object) -> bytes:
    head = {
        "timestamp": f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%S.%f}+0000",
        "flow_id": int(time * 1000) % 2**40,
        "in_iface": "eth0",
        "event_type": event_type,
        **ends,
        "proto": "TCP",
    }
    return json.dumps({**head, **fields}, separators=(",", ":")).encode() + b"\n"


def _ends(source: str, port: int, destination: str, to: int) -> dict[str, object]:
    return {"src_ip": source, "src_port": port, "dest_ip": destination, "dest_port": to}


def ticket(
    time: float,
    host: str,
    cname: str,
    *,
    kdc: str = KDC,
    msg: str = "KRB_AS_REP",
    **more: object,
) -> bytes:
    """Suricata logs the packet of the answer: the source is the KDC."""
    port = 40_000 + int(time) % 20_000
    krb5 = {
        "msg_type": msg,
        "cname": cname,
        "realm": "EXAMPLE.ORG",
        "sname": "krbtgt/EXAMPLE.ORG",
        "encryption": "AES256_CTS_HMAC_SHA1_96",
        "weak_encryption": False,
    }
    return _line(time, "krb5", _ends(kdc, 88, host, port), krb5=krb5, **more)


def session(
    time: float, host: str, user: str, machine: str = "PC-7", status: str = "STATUS_SUCCESS"
) -> bytes:
    smb = {
        "id": 3,
        "dialect": "3.11",
        "command": "SMB2_COMMAND_SESSION_SETUP",
        "status": status,
        "status_code": "0x0",
        "session_id": int(time),
        "tree_id": 0,
        "ntlmssp": {"domain": "EXAMPLE", "user": user, "host": machine, "version": "10.0"},
    }
    port = 40_000 + int(time) % 20_000
    return _line(time, "smb", _ends(host, port, FILES, 445), smb=smb)


def certificate(time: float, host: str, subject: str) -> bytes:
    tls = {
        "sni": "vpn.example.org",
        "version": "TLS 1.2",
        "client": {"subject": subject, "issuerdn": "CN=Example CA", "serial": "01"},
    }
    port = 40_000 + int(time) % 20_000
    return _line(time, "tls", _ends(host, port, "198.51.100.7", 443), tls=tls)
