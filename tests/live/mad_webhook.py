"""A local web server that answers as no service should: without end, a byte at a time, never, or
with a redirect."""

import gzip
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
EMPTY = b"Connection: close\r\nContent-Length: 0\r\n\r\n"


def endless_body(_: "MadWebhook") -> Iterator[bytes]:
    yield OK + b"Content-Type: text/plain\r\n\r\n"
    while True:
        yield b"x" * (1 << 16)


def endless_header(_: "MadWebhook") -> Iterator[bytes]:
    yield OK + b"X-Long: "
    while True:
        yield b"x" * (1 << 16)


def slow_body(hook: "MadWebhook") -> Iterator[bytes]:
    yield OK + b"Content-Length: 100000\r\n\r\n"
    while True:
        time.sleep(hook.pause)
        yield b"x"


def slow_header(hook: "MadWebhook") -> Iterator[bytes]:
    yield OK + b"X-Slow: "
    while True:
        time.sleep(hook.pause)
        yield b"x"


def no_answer(_: "MadWebhook") -> Iterator[bytes]:
    while True:
        time.sleep(0.1)
        yield b""


def packed_bomb(_: "MadWebhook") -> Iterator[bytes]:
    bomb = gzip.compress(bytes(200 << 20))
    yield OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb


def redirect(hook: "MadWebhook") -> Iterator[bytes]:
    yield (
        b"HTTP/1.1 307 Elsewhere\r\nConnection: close\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
        % hook.target.encode()
    )


@dataclass(slots=True)
class MadWebhook:
    """Listens on a free local port until it is closed; `requests` counts the connections that sent
    something."""

    answer: Callable[["MadWebhook"], Iterator[bytes]]
    pause: float = 1.0
    target: str = ""
    requests: int = 0
    received: bytes = b""
    _socket: socket.socket = field(init=False)
    _closed: bool = False

    def __enter__(self) -> "MadWebhook":
        self._socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._socket.close()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self._socket.getsockname()[1]}/"

    def _serve(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            self.received = _read_request(connection)
            if not self.received:
                return
            self.requests += 1
            try:
                for piece in self.answer(self):
                    connection.sendall(piece)
                    if self._closed:
                        return
            except OSError:  # the other side has had enough
                return


def _read_request(connection: socket.socket) -> bytes:
    """Head and body; empty where nothing was sent."""
    received = b""
    while more := connection.recv(1 << 16):
        received += more
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *([0-9]+)", head)
        if len(body) >= (int(length[1]) if length else 1):
            break
    return received
