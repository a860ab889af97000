"""A user of NTLM (MS-NLMP) -> a session over SMB2 (MS-SMB2), as turns of a TCP connection."""

import struct
from collections.abc import Iterator

from tests.packets import CLIENT, SERVER, Turn

NEGOTIATE, SESSION_SETUP = 0, 1
SUCCESS, MORE_PROCESSING, LOGON_FAILURE = 0, 0xC0000016, 0xC000006D
SMB_3_0_2, ANSWER = 0x0302, 1
SESSION = 7
# NTLMSSP_NEGOTIATE_UNICODE, _NTLM, _ALWAYS_SIGN, _EXTENDED_SESSIONSECURITY and _VERSION.
FLAGS = 0x02088201
VERSION = bytes((10, 0, 0x61, 0x4A, 0, 0, 0, 15))


def session(domain: str, user: str, machine: str, status: int = SUCCESS) -> list[Turn]:
    """The client's and the server's messages; `status` is what the server says at the end."""
    guid, nothing = bytes(16), struct.pack("<2HI", 64 + 64, 0, 0)
    ask = struct.pack("<4HI", 36, 1, 1, 0, 0) + guid + bytes(8) + struct.pack("<H", SMB_3_0_2)
    told = struct.pack("<4H", 65, 1, SMB_3_0_2, 0) + guid
    told += struct.pack("<4I", 0, 65536, 65536, 65536) + bytes(16) + nothing
    messages = (
        (CLIENT, NEGOTIATE, SUCCESS, ask),
        (SERVER, NEGOTIATE, SUCCESS, told),
        (CLIENT, SESSION_SETUP, SUCCESS, _request(_token(_hello()))),
        (SERVER, SESSION_SETUP, MORE_PROCESSING, _response(_token(_challenge()))),
        (CLIENT, SESSION_SETUP, SUCCESS, _request(_token(_authenticate(domain, user, machine)))),
        (SERVER, SESSION_SETUP, status, _response(b"")),
    )
    return list(_turns(messages))


def _turns(messages: tuple[tuple[str, int, int, bytes], ...]) -> Iterator[Turn]:
    for number, (who, command, status, body) in enumerate(messages):
        flags, known = (ANSWER if who == SERVER else 0), (SESSION if number > 2 else 0)
        head = b"\xfeSMB" + struct.pack("<2HI2HII", 64, 0, status, command, 1, flags, 0)
        head += struct.pack("<QIIQ", number // 2, 0, 0, known) + bytes(16)
        yield who, struct.pack(">I", len(head + body)) + head + body


def _der(tag: int, inner: bytes) -> bytes:
    size = len(inner)
    length = bytes([size]) if size < 128 else b"\x82" + struct.pack(">H", size)
    return bytes([tag]) + length + inner


def _token(message: bytes) -> bytes:
    """A NegTokenResp of SPNEGO (RFC 4178) that carries a message of NTLM."""
    return _der(0xA1, _der(0x30, _der(0xA2, _der(0x04, message))))


def _request(blob: bytes) -> bytes:
    return struct.pack("<H2B2I2HQ", 25, 0, 1, 0, 0, 64 + 24, len(blob), 0) + blob


def _response(blob: bytes) -> bytes:
    return struct.pack("<4H", 9, 0, 64 + 8, len(blob)) + blob


def _hello() -> bytes:
    return b"NTLMSSP\0" + struct.pack("<2I", 1, FLAGS) + bytes(16) + VERSION


def _challenge() -> bytes:
    fields = struct.pack("<2HI", 0, 0, 56)
    return (
        b"NTLMSSP\0"
        + struct.pack("<I", 2)
        + fields
        + struct.pack("<I", FLAGS)
        + b"\1" * 8
        + bytes(8)
        + fields
        + VERSION
    )


def _authenticate(domain: str, user: str, machine: str) -> bytes:
    values = (
        b"\2" * 24,
        b"\3" * 24,
        *(t.encode("utf-16-le") for t in (domain, user, machine)),
        b"\4" * 16,
    )
    at, fields = 72, b""
    for value in values:
        fields += struct.pack("<2HI", len(value), len(value), at)
        at += len(value)
    head = b"NTLMSSP\0" + struct.pack("<I", 3) + fields + struct.pack("<I", FLAGS) + VERSION
    return head + b"".join(values)
