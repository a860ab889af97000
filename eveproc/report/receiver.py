"""Syslog messages -> a receiver behind a socket: all of them, or an MxhoundError that names it.

A stream gets each message behind its length (RFC 6587, 3.4.1); datagrams carry one each (RFC 5426).
"""

import re
import socket
import struct
from collections.abc import Sequence
from contextlib import closing, suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from time import monotonic
from types import MappingProxyType

from msgspec import Struct

from rulegen.errors import MxhoundError

# Seconds to connect, for each step of sending, and for the receiver to close its side at the end.
SECONDS = 10.0
# Seconds to wait for the ICMP message that says that nobody listens on a UDP port.
ROUND_TRIP = 0.5
EXPECTED = "tcp://HOST:PORT, udp://HOST:PORT, unix:PATH or unixgram:PATH"
_INTERNET = re.compile(
    r"(tcp|udp)://(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\[\]:/@\s]+)):([0-9]{1,5})"
)
_UNIX = re.compile(r"(unix|unixgram):(?!//)(.+)", re.DOTALL)
_TYPES = MappingProxyType(
    {
        "tcp": socket.SOCK_STREAM,
        "udp": socket.SOCK_DGRAM,
        "unix": socket.SOCK_STREAM,
        "unixgram": socket.SOCK_DGRAM,
    }
)


class Receiver(Struct, frozen=True):
    """Where messages are sent; `name` is as it was written, `host` a path for Unix sockets."""

    name: str
    kind: str
    host: str
    port: int = 0

    def send(self, messages: Sequence[str]) -> None:
        """Send all messages. Raises MxhoundError if they were not accepted, as far as that can be
        known.
        """
        try:
            connection = _connected(self)
        except (OSError, UnicodeError) as error:  # for example a name that is invalid in DNS
            raise self._fault(error, "nothing was sent") from error
        with closing(connection):
            if _TYPES[self.kind] is socket.SOCK_STREAM:
                self._send_stream(connection, messages)
            else:
                self._send_datagrams(connection, messages)

    def _send_stream(self, connection: socket.socket, messages: Sequence[str]) -> None:
        try:
            connection.sendall(b"".join(map(_counted, messages)))
            _wait_until_taken(connection)
        except OSError as error:
            raise self._fault(error, "messages may have arrived in part") from error

    def _send_datagrams(self, connection: socket.socket, messages: Sequence[str]) -> None:
        sent = 0
        try:
            for message in messages:
                connection.send(message.encode())
                sent += 1
            if self.kind == "udp":
                _raise_if_refused(connection)
        except OSError as error:
            left = f"{sent} of {len(messages)} messages were sent, and may be lost"
            raise self._fault(error, left) from error

    def _fault(self, error: Exception, left: str) -> MxhoundError:
        why = getattr(error, "strerror", None) or error
        return MxhoundError(f"{self.name}: cannot be sent to: {why}; {left}")


def is_receiver(text: str) -> bool:
    """True if this names a socket, not a file."""
    return "://" in text or text.startswith(("tcp:", "udp:", "unix:", "unixgram:"))


def receiver_of(text: str) -> Receiver:
    """The receiver of this name. Raises ValueError if it is invalid."""
    if (found := _INTERNET.fullmatch(text)) and 1 <= int(found[4]) <= 65535:
        return Receiver(text, found[1], found[2] or found[3], int(found[4]))
    if found := _UNIX.fullmatch(text):
        return Receiver(text, found[1], found[2])
    raise ValueError(f"invalid receiver {text!r}: expected {EXPECTED}")


def _connected(receiver: Receiver) -> socket.socket:
    kind = _TYPES[receiver.kind]
    if not receiver.port:
        return _connect(socket.AF_UNIX, kind, receiver.host)
    *others, last = socket.getaddrinfo(receiver.host, receiver.port, type=kind)
    for family, _, _, _, address in others:  # for example a host with an IPv6 and an IPv4 address
        with suppress(OSError):
            return _connect(family, kind, address)
    return _connect(last[0], kind, last[4])


def _connect(family: int, kind: int, address: object) -> socket.socket:
    connection = socket.socket(family, kind)
    try:
        connection.settimeout(SECONDS)
        connection.connect(address)  # type: ignore[arg-type]  # what getaddrinfo gave, or a path
    except BaseException:
        connection.close()
        raise
    return connection


def _counted(message: str) -> bytes:
    content = message.encode()
    return b"%d %b" % (len(content), content)


def _wait_until_taken(connection: socket.socket) -> None:
    """Wait until the receiver closes its side, which it does once it has read the last byte.

    If it closes before that, it resets the connection. If it never closes, it has accepted
    everything that its system acknowledged. Raises OSError.
    """
    connection.shutdown(socket.SHUT_WR)
    until = monotonic() + SECONDS
    with suppress(TimeoutError):
        while (left := until - monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(4096):
                return
    (waiting,) = struct.unpack("i", ioctl(connection, TIOCOUTQ, bytes(4)))
    if waiting:
        raise TimeoutError(f"{waiting} bytes were not taken within {SECONDS:g} s")


def _raise_if_refused(connection: socket.socket) -> None:
    connection.settimeout(ROUND_TRIP)
    with suppress(TimeoutError):
        connection.recv(1)
