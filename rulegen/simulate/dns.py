"""Queries and their answers -> DNS messages as bytes (RFC 1035; EDNS0: RFC 6891)."""

import random
import struct
from collections.abc import Iterable
from enum import IntEnum

from msgspec import Struct

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!2sHHIH")
_QUESTION_NAME = (
    b"\xc0\x0c"  # pointer to the name of the question, which follows the 12 bytes of the header
)
_RESPONSE, _RECURSION_DESIRED, _RECURSION_AVAILABLE, _AUTHENTIC = 0x8000, 0x0100, 0x0080, 0x0020
_OPT_RECORD = struct.pack(
    "!BHHIH", 0, 41, 1232, 0, 0
)  # 1232 bytes: the size agreed on DNS flag day 2020


class Type(IntEnum):
    """Record types that the simulated machines query."""

    A = 1
    NS = 2
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28
    HTTPS = 65


class Rcode(IntEnum):
    """Response codes of the simulated lookups."""

    NOERROR = 0
    SERVFAIL = 2
    NXDOMAIN = 3


class DnsHabit(Struct, frozen=True):
    """How a machine queries: plain UDP, EDNS0, the AD bit, mixed case (0x20), TCP."""

    edns: bool = False
    ad: bool = False
    mixed_case: bool = False
    tcp: bool = False
    recursion: bool = True


class Record(Struct, frozen=True):
    """One record of an answer, about the queried name."""

    type: Type
    data: bytes
    ttl: int = 300


def question(name: str, rtype: Type, habit: DnsHabit, rng: random.Random) -> bytes:
    """A query with a random id."""
    flags = (_RECURSION_DESIRED if habit.recursion else 0) | (_AUTHENTIC if habit.ad else 0)
    header = _HEADER.pack(rng.getrandbits(16), flags, 1, 0, 0, int(habit.edns))
    shown = (
        "".join(rng.choice((letter, letter.upper())) for letter in name)
        if habit.mixed_case
        else name
    )
    return (
        header
        + encode_name(shown)
        + struct.pack("!HH", rtype, 1)
        + (_OPT_RECORD if habit.edns else b"")
    )


def answer(query: bytes, rcode: Rcode, records: Iterable[Record]) -> bytes:
    """The reply to `query`, with the same id and spelling.

    Without records, it has an SOA in the authority section.
    """
    ident, flags, _, _, _, extra = _HEADER.unpack_from(query)
    end = len(query) - (len(_OPT_RECORD) if extra else 0)
    found = [_pack_record(record) for record in records]
    authority = [] if found or rcode is Rcode.SERVFAIL else [_pack_record(_SOA)]
    flags |= _RESPONSE | _RECURSION_AVAILABLE | rcode
    header = _HEADER.pack(ident, flags & ~_AUTHENTIC, 1, len(found), len(authority), extra)
    return header + query[12:end] + b"".join(found + authority) + query[end:]


def encode_name(name: str) -> bytes:
    """Dotted text -> labels with their lengths, uncompressed."""
    labels = [label.encode("ascii") for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def mx_data(preference: int, host: str) -> bytes:
    """Content of an MX record."""
    return struct.pack("!H", preference) + encode_name(host)


def txt_data(text: str) -> bytes:
    """Content of a TXT record with one string of at most 255 characters."""
    return bytes([len(text)]) + text.encode("ascii")


def reverse_name(ip: bytes) -> str:
    """Packed address -> the name of its PTR record."""
    if len(ip) == 4:
        return ".".join(str(octet) for octet in reversed(ip)) + ".in-addr.arpa"
    return ".".join(reversed(ip.hex())) + ".ip6.arpa"


def _pack_record(record: Record) -> bytes:
    return _RECORD.pack(_QUESTION_NAME, record.type, 1, record.ttl, len(record.data)) + record.data


_SOA = Record(
    Type.SOA,
    encode_name("ns1.nic")
    + encode_name("hostmaster.nic")
    + struct.pack("!5I", 2026030201, 7200, 900, 1209600, 300),
    900,
)
