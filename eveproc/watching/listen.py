"""Unix socket that Suricata writes EVE to (unix_stream or unix_dgram) -> lines as they come.

Suricata drops what it cannot write to the socket at once. A thread of its own therefore reads, so
that judging does not hold it up.
"""

import os
import selectors
import socket
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from errno import ECONNREFUSED
from pathlib import Path
from threading import Event, Thread

from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import MAX_LINE
from eveproc.watching.tail import Piece
from rulegen.errors import MxhoundError

RECEIVED_AT_ONCE = 1 << 20
# Maximum number of bytes received and not yet judged. More stays in the socket, and Suricata drops
# and counts what does not fit there.
WAITING_AT_MOST = 256
WOKEN_EVERY = 0.2


class Listener:
    """Listens on a path until it is closed. Raises MxhoundError if that is not possible."""

    def __init__(self, path: str, stats: ReadStats, *, datagrams: bool = False) -> None:
        self.path = path
        self._stats = stats
        self._datagrams = datagrams
        self._waiting: deque[Piece] = deque()
        self._selector = selectors.DefaultSelector()
        self._held: dict[socket.socket, bytes] = {}
        self._socket = _bind(path, datagrams)
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._fault = ""
        self._closed = Event()
        self._thread = Thread(target=self._read, name=f"reads {path}", daemon=True)
        self._thread.start()

    def poll(self, _now: float) -> Iterator[Piece]:
        """Every line that came since the last call."""
        while self._waiting:
            piece = self._waiting.popleft()
            self._stats.bytes += piece[1]
            yield piece

    def commit(self) -> None:
        """Nothing to do: what was read from a socket cannot be read again."""

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        for connection in (*self._held, self._socket):
            connection.close()
        self._selector.close()
        Path(self.path).unlink(missing_ok=True)

    def _read(self) -> None:
        while not self._closed.is_set():
            if len(self._waiting) >= WAITING_AT_MOST:
                self._closed.wait(WOKEN_EVERY)
                continue
            try:
                for key, _ in self._selector.select(WOKEN_EVERY):
                    self._receive(key.fileobj)  # type: ignore[arg-type]  # a socket
                self._fault = ""
            except OSError as error:  # as when no more files may be open
                self._note_fault(str(error.strerror))
                self._closed.wait(WOKEN_EVERY)

    def _note_fault(self, fault: str) -> None:
        """Report a fault once while it lasts."""
        if fault != self._fault:
            self._stats.note_problem(self.path, f"cannot be read, and is tried again: {fault}")
        self._fault = fault

    def _receive(self, ready: socket.socket) -> None:
        if self._datagrams:
            record = ready.recv(RECEIVED_AT_ONCE)
            self._waiting.append((record, len(record)))
        elif ready is self._socket:
            connection, _ = ready.accept()
            self._held[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ)
        else:
            self._take_stream(ready)

    def _take_stream(self, connection: socket.socket) -> None:
        received = b""
        with suppress(ConnectionError):
            received = connection.recv(RECEIVED_AT_ONCE)
        block = self._held[connection] + received
        end = block.rfind(b"\n") + 1 if received else len(block)
        if end:
            self._waiting.append((block, end))
        # Keep only enough of a line that is too long to recognize that.
        self._held[connection] = block[end : end + MAX_LINE + 1]
        if not received:
            self._selector.unregister(connection)
            del self._held[connection]
            connection.close()


def _bind(path: str, datagrams: bool) -> socket.socket:
    _remove_left_over(path, datagrams)
    listening = socket.socket(
        socket.AF_UNIX, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
    )
    try:
        listening.bind(path)
        # Suricata drops its rights and connects as its own user: whoever may enter the folder may
        # write.
        Path(path).chmod(0o666)
        if not datagrams:
            listening.listen()
    except OSError as error:
        listening.close()
        raise MxhoundError(f"{path}: cannot be listened on: {error.strerror or error}") from error
    return listening


def _remove_left_over(path: str, datagrams: bool) -> None:
    """Unlink a socket that nobody listens on any more."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise MxhoundError(f"{path}: is not a socket; expected a path that does not exist yet")
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
    ) as probe:
        refused = probe.connect_ex(path)
    if refused != ECONNREFUSED:
        raise MxhoundError(f"{path}: another program listens there")
    Path(path).unlink()
