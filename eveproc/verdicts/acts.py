"""HostEvidence -> acts of delivery: MX lookups that were each followed by a separate connection.

Pure.

One act is seen up to four ways: the lookup, the connection it was for, the session and the mail. If
many domains share few servers, the domains show the number of acts.
"""

from collections.abc import Iterable, Iterator
from math import inf

from eveproc.evidence.sketch import ActivitySketch
from eveproc.evidence.store import HostEvidence
from eveproc.signals.domains import is_exchange_name
from eveproc.signals.facts import Fact
from rulegen.vocabulary import Signal

# Seconds from a lookup to the connection that it was for.
LEAD = 10.0
# Accounts of one person, or of one device.
OWN_PROVIDERS = 3
# One server receives mail for several domains.
DOMAINS_A_SERVER = 3
_CONNECTIONS = (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS)


def servers_on_port_25(evidence: HostEvidence) -> set[str]:
    """External servers that the host tried or reached on port 25."""
    return set().union(*(evidence.log(signal).keys() for signal in _CONNECTIONS))


def acts_of(evidence: HostEvidence) -> ActivitySketch:
    """The MX lookups that were each followed by a separate connection to port 25."""
    lookups = evidence.log(Signal.MX_FLOOD)
    connections = max(
        (sorted(event_times(evidence.log(signal))) for signal in _CONNECTIONS), key=len
    )
    if not lookups.hours or not connections:
        return ActivitySketch()
    followed = set(_followed(lookups.newcomers(), connections))
    return lookups.only(followed.__contains__)


def most_acts(evidence: HostEvidence) -> float:
    """How many acts may count as deliveries.

    A program that checks an address by its MX record and then sends through its relay would count
    each recipient's domain; it looks up its relay's name, or uses few servers.
    """
    servers = servers_on_port_25(evidence)
    domains = evidence.log(Signal.MX_FLOOD).keys()
    relays = {
        name
        for name in evidence.log(Fact.MAIL_NAMES).keys() - domains
        if not is_exchange_name(name)
    }
    if relays or len(servers) < OWN_PROVIDERS:
        return DOMAINS_A_SERVER * len(servers)
    return inf


def event_times(sketch: ActivitySketch) -> Iterator[float]:
    """The time of each kept event."""
    return (time for bucket in sketch.hours.values() for time in bucket.events.values())


def _followed(lookups: Iterable[tuple[float, str]], connections: list[float]) -> Iterator[str]:
    """Domains whose lookup was followed within LEAD by a connection that is not yet counted."""
    number = 0
    for time, domain in lookups:
        while number < len(connections) and connections[number] < time:
            number += 1
        if number < len(connections) and connections[number] <= time + LEAD:
            number += 1
            yield domain
