"""Events of a log -> the same events, with no SMTP session dated before its own connection.

Suricata that replays a capture with several threads (`autofp`, the default run mode) stamps what it
logs at the timeout of a flow with the time of the capture's first packet: 1 of 99 SMTP records of a
public capture of Emotet, on 7.0.10. Read as they are, sessions of a whole day would all have been
at one moment. The flow record of the same connection, which follows within the same part of the
log, has the time at which it began.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from msgspec.structs import replace

from eveproc.input.events import Event, Flow, Skipped, Smtp

R = TypeVar("R", bound=Event | Skipped)

# Events that are looked at together; a bound on memory.
TOGETHER = 20_000


def with_session_times(results: Iterable[R]) -> Iterator[R]:
    """The same in the same order. Sessions stay as they are if their flow record is far away."""
    rest = iter(results)
    while some := list(islice(rest, TOGETHER)):
        begun = {one.flow_id: one.time for one in some if isinstance(one, Flow) and _has_start(one)}
        for one in some:
            start = begun.get(one.flow_id) if begun and isinstance(one, Smtp) else None
            is_early = isinstance(one, Smtp) and start is not None and one.time < start
            yield replace(one, time=start) if is_early else one


def _has_start(flow: Flow) -> bool:
    """A flow without a start in its record has the time at which it was logged: its end or
    later.
    """
    return flow.flow_id != 0 and flow.time < flow.end
