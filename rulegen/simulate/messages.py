"""Names and numbers -> payloads of TLS, HTTP and DHCP."""

import random
import struct
from collections.abc import Iterator

from msgspec import Struct

from rulegen.simulate.tcp import Turn

_HANDSHAKE, _CHANGE_CIPHER, _APPLICATION = 0x16, 0x14, 0x17
_DHCP_COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACKNOWLEDGE = 1, 2, 3, 5


def tls_turns(
    name: str, rng: random.Random, *, exchanges: int = 1, largest: int = 900
) -> Iterator[Turn]:
    """A TLS 1.3 handshake for server `name`, followed by random records."""
    yield Turn(True, _client_hello(name, rng))
    change = _record(_CHANGE_CIPHER, b"\x01")
    yield Turn(False, _server_hello(rng) + change + _opaque(rng, 700, 1200))
    yield Turn(True, change + _opaque(rng, 52, 60))
    for _ in range(exchanges):
        yield Turn(True, _opaque(rng, 80, 400), rng.uniform(0.001, 0.2))
        yield Turn(False, _opaque(rng, 100, largest), rng.uniform(0.001, 0.1))


def http_turns(host: str, rng: random.Random) -> Iterator[Turn]:
    """One page fetched over HTTP."""
    request = (
        f"GET /{rng.choice(('', 'robots.txt', 'index.html'))} HTTP/1.1\r\nHost: "
        f"{host}\r\nAccept: */*\r\n\r\n"
    )
    body = "<html><title>" + "x" * rng.randint(20, 900) + "</title></html>"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    yield Turn(True, request.encode("ascii"))
    yield Turn(False, (head + body).encode("ascii"), rng.uniform(0.005, 0.2))


class Lease(Struct, frozen=True):
    """A DHCP lease: addresses have 4 bytes; `seconds` is its duration."""

    mac: bytes
    hostname: str
    address: bytes
    server: bytes
    transaction: int
    seconds: int


def dhcp_message(kind: int, lease: Lease) -> bytes:
    """One of the four messages of a DHCP exchange (RFC 2131)."""
    reply = kind in (OFFER, ACKNOWLEDGE)
    head = struct.pack(
        "!4BIHH4s4s4s4s16s192x",
        *(2 if reply else 1, 1, 6, 0, lease.transaction, 0, 0x8000, bytes(4)),
        *(
            lease.address if reply else bytes(4),
            lease.server if reply else bytes(4),
            bytes(4),
            lease.mac,
        ),
    )
    options = _option(53, bytes([kind])) + _option(61, b"\x01" + lease.mac)
    options += _reply_options(lease) if reply else _request_options(kind, lease)
    return head + _DHCP_COOKIE + options + b"\xff"


def _reply_options(lease: Lease) -> bytes:
    netmask = b"\xff\xff\xff\x00"
    return (
        _option(54, lease.server)
        + _option(51, struct.pack("!I", lease.seconds))
        + _option(1, netmask)
    )


def _request_options(kind: int, lease: Lease) -> bytes:
    wanted = _option(50, lease.address) + _option(54, lease.server) if kind == REQUEST else b""
    return wanted + _option(12, lease.hostname.encode("ascii")) + _option(55, b"\x01\x03\x06\x0f")


def _option(code: int, data: bytes) -> bytes:
    return bytes([code, len(data)]) + data


def _client_hello(name: str, rng: random.Random) -> bytes:
    host = name.encode("ascii")
    server_name = struct.pack("!HBH", len(host) + 3, 0, len(host)) + host
    extensions = (
        _extension(0, server_name)
        + _extension(43, b"\x02\x03\x04")
        + _extension(10, b"\x00\x02\x00\x1d")
    )
    extensions += _extension(13, b"\x00\x02\x04\x03") + _extension(
        51, b"\x00\x24\x00\x1d\x00\x20" + rng.randbytes(32)
    )
    ciphers = b"\x00\x04\x13\x01\x13\x02"
    return _hello(1, b"\x20" + rng.randbytes(32) + ciphers + b"\x01\x00", extensions, rng)


def _server_hello(rng: random.Random) -> bytes:
    extensions = _extension(43, b"\x03\x04") + _extension(
        51, b"\x00\x1d\x00\x20" + rng.randbytes(32)
    )
    return _hello(2, b"\x20" + rng.randbytes(32) + b"\x13\x01\x00", extensions, rng)


def _hello(kind: int, middle: bytes, extensions: bytes, rng: random.Random) -> bytes:
    body = (
        b"\x03\x03" + rng.randbytes(32) + middle + struct.pack("!H", len(extensions)) + extensions
    )
    return _record(_HANDSHAKE, bytes([kind]) + len(body).to_bytes(3, "big") + body)


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack("!HH", number, len(data)) + data


def _opaque(rng: random.Random, least: int, most: int) -> bytes:
    return _record(_APPLICATION, rng.randbytes(rng.randint(least, most)))


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(body)) + body
