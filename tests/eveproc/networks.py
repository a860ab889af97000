"""Short ways to say where in the network an event was seen -> the same event with VLAN, tenant,
sensor and MACs."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from eveproc.input.events import Event, Origin
from tests.eveproc.evidence_of import flow, lookup, mail, server

GATEWAY = "02:00:00:00:ff:01"


def seen(events: Iterable[Event], sensor: str = "", later: float = 0, **origin) -> list[Event]:
    """The events as logged in one network, by one sensor, by a clock that is so many seconds
    late.
    """
    return [
        replace(event, origin=Origin(**origin), sensor=sensor, time=event.time + later)
        for event in events
    ]


def bot(host: str, number: int = 30, start: float = 600, step: float = 3) -> Iterator[Event]:
    """A mass mailer: for each recipient domain an MX lookup, a connection and a mail."""
    for n in range(number):
        time = start + n * step
        yield lookup(time, f"domain{n}.test", host=host)
        yield flow(time + 1, server(n), host=host)
        yield mail(time + 1.5, server(n), f"ann@domain{n}.test", host=host, subject="Offer")


def laptop(host: str, first: int = 0, number: int = 3, start: float = 0) -> Iterator[Event]:
    """A mail program: it submits to a few servers again and again, and asks for one mail server."""
    yield lookup(start + 5, "mail.firm.test", "MX", host=host)
    for visit in range(4):
        for n in range(number):
            yield flow(start + visit * 1200 + n * 10, server(first + n), 587, host=host)
