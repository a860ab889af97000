"""Events of a log -> the same events, with no SMTP session dated before its own connection.

Suricata that replays a capture with several threads (`autofp`, the default run mode) stamps the
records it logs at the timeout of a flow with the time of the capture's first packet: 1 of 99 SMTP
records of a public capture of Emotet, on 7.0.10. Taken as they are, sessions of a whole day would
all be at one moment. The flow record of the same connection, which follows soon, has the start of
the connection.

A flow record corrects the sessions of its connection that stand near it in the log: within the same
8 MiB of a plain file of lines, the same block (1 MiB) of a compressed one, the same TOGETHER events
of any other input, or what a watch reads at one time. A session further away keeps the time of its
record. The boundaries of these pieces depend on the file and on where reading begins, not on the
number of processes.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from msgspec.structs import replace

from eveproc.input.events import Event, Flow, Skipped, Smtp

R = TypeVar("R", bound=Event | Skipped)

# Number of events that are corrected together; a bound on memory.
TOGETHER = 20_000
# Sensor, flow_id, and address and port of both ends, the lower end first. Connections may share a
# flow_id (logs of several sensors put together), and a flow that the sensor picked up after it
# began may be logged from the server's end.
Connection = tuple[str, int, tuple[str, int], tuple[str, int]]


class SessionTimes:
    """The starts of the connections in a piece of a log, and its sessions, held back until all
    starts are known.
    """

    def __init__(self) -> None:
        self._begun: dict[Connection, float] = {}
        self._held: list[Smtp] = []

    def others(self, results: Iterable[R]) -> Iterator[R]:
        """The events that are no sessions; sessions are held back."""
        for one in results:
            if isinstance(one, Smtp):
                self._held.append(one)
                continue
            self.note(one)
            yield one

    def sessions(self) -> Iterator[Smtp]:
        """End the piece and return its sessions."""
        held, self._held = self._held, []
        begun, self._begun = self._begun, {}
        return (_corrected(session, begun) for session in held)

    def note(self, one: Event | Skipped) -> None:
        """Note when a connection began; of several records of one, the earliest start counts."""
        if isinstance(one, Flow) and _has_start(one):
            connection = _connection(one)
            self._begun[connection] = min(one.time, self._begun.get(connection, one.time))

    def corrected(self, one: R) -> R:
        """The event; a session dated before its connection is moved to the start of that."""
        return _corrected(one, self._begun)


def with_session_times(results: Iterable[R]) -> Iterator[R]:
    """The same events in the same order, in pieces of TOGETHER events."""
    rest = iter(results)
    while some := list(islice(rest, TOGETHER)):
        times = SessionTimes()
        for one in some:
            times.note(one)
        yield from map(times.corrected, some)


def _corrected(one: R, begun: dict[Connection, float]) -> R:
    if not begun or not isinstance(one, Smtp):
        return one
    start = begun.get(_connection(one), one.time)
    return replace(one, time=start) if one.time < start else one


def _connection(one: Flow | Smtp) -> Connection:
    client, server = (one.client, one.client_port), (one.server, one.server_port)
    return one.sensor, one.flow_id, min(client, server), max(client, server)


def _has_start(flow: Flow) -> bool:
    """False if the time of a flow is the one at which it was logged, because its record has no
    start.
    """
    return flow.flow_id != 0 and flow.time < flow.end
