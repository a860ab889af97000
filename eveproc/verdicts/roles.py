"""EvidenceStore -> hosts that act as servers, monitors or scanners, without declarations."""

from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_address
from math import ceil, isfinite

from msgspec import Struct

from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.signals.facts import Fact
from eveproc.verdicts.incoming import clients_with_mail
from rulegen.units import HOUR, count_of
from rulegen.vocabulary import Signal

# One client does not make a server: scanners and monitors connect to any host.
CLIENTS_OF_A_SERVER = 2
SURE_CLIENTS = 5
# A monitor connects to at most this many mail servers, this often, in this share of the hours.
MONITORED_SERVERS, CONNECTIONS, SHARE_OF_HOURS = 6, 30, 0.6
# A scanner connects to this many home hosts on mail ports, or gets no answer from this many
# external hosts on other ports.
SCANNED_HOME, SCANNED_EXTERNAL = 20, 100


class Role(StrEnum):
    """The role of a host; the first two are keys of site.yaml."""

    MAIL_SERVER = "mail_servers"
    RESOLVER = "resolvers"
    MONITOR = "monitor"
    SCANNER = "scanner"


class Confidence(StrEnum):
    """High: nothing else looks like this. Medium: a person has to check it first."""

    HIGH = "high"
    MEDIUM = "medium"


class RoleFinding(Struct, frozen=True):
    """The role of one host, how certain it is, and the evidence in one sentence."""

    host: str
    role: Role
    confidence: Confidence
    why: str


def find_roles(store: EvidenceStore) -> Iterator[RoleFinding]:
    """Roles by role, then address; a host may have several.

    Each host is examined once, because a large store unpacks its hosts one by one.
    """
    seconds = store.last_event - store.first_event
    hours = ceil(seconds / HOUR) if isfinite(seconds) else 0
    found = [
        role
        for host, evidence in store.hosts.items()
        for role in _roles(host, evidence.whole(), hours)
    ]
    yield from sorted(found, key=_place)


def _roles(host: str, evidence: HostEvidence, hours: int) -> Iterator[RoleFinding]:
    roles = (
        _mail_server(host, evidence),
        _resolver(host, evidence),
        _monitor(host, evidence, hours),
        _scanner(host, evidence),
    )
    return (found for found in roles if found)


def _place(found: RoleFinding) -> tuple[int, int, int]:
    address = ip_address(found.host)
    return list(Role).index(found.role), address.version, int(address)


def _mail_server(host: str, evidence: HostEvidence) -> RoleFinding | None:
    """A server accepts mail from several hosts; a mass mailer accepts none."""
    clients = len(clients_with_mail(evidence))
    if clients < CLIENTS_OF_A_SERVER:
        return None
    delivers_to = evidence.log(Signal.SMTP_ATTEMPTS).distinct()
    asks_mx = evidence.log(Signal.MX_FLOOD).distinct()
    asks_ptr = evidence.log(Fact.ASKS_PTR).distinct()
    acts = [
        text
        for number, text in (
            (delivers_to, f"delivers to {count_of(delivers_to, 'external server')}"),
            (asks_mx, f"queries MX records of {count_of(asks_mx, 'domain')}"),
            (asks_ptr, "queries PTR records"),
        )
        if number
    ]
    certain = clients >= SURE_CLIENTS and bool(acts)
    accepts = f"accepts mail from {count_of(clients, 'host')}"
    why = ", ".join([accepts, *(acts or ["but sends none"])])
    return RoleFinding(host, Role.MAIL_SERVER, _confidence(certain), why)


def _confidence(certain: bool) -> Confidence:
    return Confidence.HIGH if certain else Confidence.MEDIUM


def _resolver(host: str, evidence: HostEvidence) -> RoleFinding | None:
    clients = evidence.log(Fact.SERVES_DNS).distinct()
    if clients < CLIENTS_OF_A_SERVER:
        return None
    why = f"answers DNS queries of {count_of(clients, 'host')}"
    return RoleFinding(host, Role.RESOLVER, _confidence(clients >= SURE_CLIENTS), why)


def _monitor(host: str, evidence: HostEvidence, hours: int) -> RoleFinding | None:
    if len(clients_with_mail(evidence)) >= CLIENTS_OF_A_SERVER:
        return None
    attempts = (Signal.SMTP_ATTEMPTS, Signal.SUBMISSION_ATTEMPTS)
    sketches = [evidence.log(signal) for signal in attempts]
    servers = sum(sketch.distinct() for sketch in sketches)
    connections = sum(sketch.count() for sketch in sketches)
    busy = len({hour for sketch in sketches for hour in sketch.hours})
    if (
        not 0 < servers <= MONITORED_SERVERS
        or connections < max(CONNECTIONS, CONNECTIONS / 2 * hours)
        or busy < SHARE_OF_HOURS * hours
    ):
        return None
    why = (
        f"connects to the same {count_of(servers, 'external mail server')} "
        f"{count_of(connections, 'time')}, in {busy} of {count_of(hours, 'hour')}"
    )
    return RoleFinding(host, Role.MONITOR, Confidence.MEDIUM, why)


def _scanner(host: str, evidence: HostEvidence) -> RoleFinding | None:
    home = evidence.log(Fact.INSIDE_TARGETS).distinct()
    external = evidence.log(Fact.PROBED).distinct()
    if home < SCANNED_HOME and external < SCANNED_EXTERNAL:
        return None
    targets = []
    if home:
        targets.append(f"mail ports of {count_of(home, 'home host')}")
    if external:
        targets.append(f"other ports of {count_of(external, 'external host')} that do not answer")
    why = f"connects to {' and to '.join(targets)}"
    return RoleFinding(host, Role.SCANNER, Confidence.MEDIUM, why)
