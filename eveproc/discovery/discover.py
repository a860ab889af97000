"""EvidenceStore of a site that declares no servers -> what it has: mail servers, resolvers, monitors, scanners, own domains."""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import ip_address
from math import ceil, isfinite

from msgspec import Struct, field

from eveproc.evidence.collector import EVER, Collector, Period
from eveproc.evidence.sketch import ActivitySketch
from eveproc.evidence.store import EvidenceSource, EvidenceStore, Fact, Finding, HostEvidence
from eveproc.input.events import Dns, Event, Smtp, Stats
from eveproc.signals.domains import domain_of_address, is_below
from eveproc.signals.observation import Observation
from rulegen.site_profile import Network, SiteProfile, short
from rulegen.units import HOUR
from rulegen.vocabulary import Signal

# A host that a scanner has found open once is no server, nor is one that only its monitor talks to.
CLIENTS_OF_A_SERVER = 2
SURE_CLIENTS = 5
# What looks on the same few servers again and again, for most of the time, and what looks on ever
# others.
MONITORED_SERVERS, LOOKS, SHARE_OF_HOURS = 6, 30, 0.6
SCANNED_INSIDE, SCANNED_OUTSIDE = 20, 100
# Machines that share a provider's submission server; the same domain for so many mails, by so many
# clients.
SUBMITTERS, DOMAIN_CLIENTS, DOMAIN_SHARE = 2, 3, 0.1


class Role(StrEnum):
    """What a machine is for; the first two have a key in site.yaml."""

    MAIL_SERVER = "mail_servers"
    RESOLVER = "resolvers"
    MONITOR = "monitor"
    SCANNER = "scanner"


class Confidence(StrEnum):
    """High: nothing harmless or harmful looks like it otherwise. Medium: look at it before it is believed."""

    HIGH = "high"
    MEDIUM = "medium"


class RoleFinding(Struct, frozen=True):
    """One machine's role, how sure that is, and what it rests on, in one sentence."""

    host: str
    role: Role
    confidence: Confidence
    why: str


class Named(Struct, frozen=True):
    """A domain of the site, or an outside submission server in normal use, and what it rests on."""

    name: str
    why: str


class Discovery(Struct, frozen=True):
    """Everything found, each part in a fixed order; `first` and `last` are seconds since 1970."""

    home_networks: tuple[Network, ...]
    hosts: int
    findings: tuple[RoleFinding, ...]
    domains: tuple[Named, ...]
    submission: tuple[Named, ...]
    first: float
    last: float

    def of(self, role: Role) -> tuple[RoleFinding, ...]:
        return tuple(finding for finding in self.findings if finding.role is role)


class Difference(Struct, frozen=True):
    """One thing that a profile lacks (`is_found`), or has and was not seen, and why."""

    key: str
    value: str
    is_found: bool
    why: str


class Domains(Struct):
    """Whose mail home hosts take in from outside: by server, "domain client" pairs. Order-free, bounded as ActivitySketches are."""

    by_server: dict[str, ActivitySketch] = field(default_factory=dict)

    def merge(self, other: "Domains") -> None:
        for server, sketch in other.by_server.items():
            self.by_server.setdefault(server, ActivitySketch()).merge(sketch)

    def note(self, event: Smtp) -> None:
        for domain in {domain_of_address(mailbox) for mailbox in event.rcpt_to} - {""}:
            key = f"{domain} {event.client}"
            self.by_server.setdefault(event.server, ActivitySketch()).note(
                Observation(event.time, key, (key, event.client_port, event.tx_id))
            )


class SiteEvidence(EvidenceStore):
    """What verdicts rest on, and besides it whose mail is taken in."""

    domains: Domains = field(default_factory=Domains)

    def merge(self, other: EvidenceStore) -> None:
        EvidenceStore.merge(self, other)
        if isinstance(other, SiteEvidence):
            self.domains.merge(other.domains)


class Discoverer(Collector):
    """Feeds events into a SiteEvidence; the profile says what is inside, and declares no servers."""

    def __init__(self, site: SiteProfile, period: Period = EVER) -> None:
        super().__init__(site, period)
        self.store: SiteEvidence = SiteEvidence()

    def add(self, event: Event) -> None:
        """Take one event in. For a verdict, answers about mail show enough of a resolver; here every answer counts."""
        super().add(event)
        if self.period.why_not(event.time):
            return
        if not isinstance(event, Stats):  # stamped by the sensor's clock, even in a replay
            self.store.first_event = min(self.store.first_event, event.time)
            self.store.last_event = max(self.store.last_event, event.time)
        match event:
            case Smtp() if self.is_home(event.server) and not self.is_home(event.client):
                self.store.domains.note(event)
            case Dns() if (
                event.is_answer and event.client != event.server and self.is_home(event.server)
            ):
                self._keep(
                    Finding(
                        event.server,
                        Fact.SERVES_DNS,
                        EvidenceSource.LOG,
                        Observation(event.time, event.client, (event.client,)),
                    )
                )


def discover(store: SiteEvidence, site: SiteProfile, infected: Iterable[str] = ()) -> Discovery:
    """What was found; hosts judged infected show nothing of what is normal here."""
    store.trim()
    findings = tuple(find_roles(store))
    return Discovery(
        home_networks=site.home_networks,
        hosts=len(store.active),
        findings=findings,
        domains=tuple(
            _domains(store.domains, {one.host for one in findings if one.role is Role.MAIL_SERVER})
        ),
        submission=tuple(_submission(store, frozenset(infected))),
        first=store.first_event,
        last=store.last_event,
    )


def find_roles(store: EvidenceStore) -> Iterator[RoleFinding]:
    """By role, then address. A machine may have several. Each host is looked at once: those of a large night are unpacked one by one."""
    seconds = store.last_event - store.first_event
    hours = ceil(seconds / HOUR) if isfinite(seconds) else 0
    found = [
        role for host, evidence in store.hosts.items() for role in _roles(host, evidence, hours)
    ]
    yield from sorted(found, key=_place)


def _roles(host: str, evidence: HostEvidence, hours: int) -> Iterator[RoleFinding]:
    looks = (
        _mail_server(host, evidence),
        _resolver(host, evidence),
        _monitor(host, evidence, hours),
        _scanner(host, evidence),
    )
    return (found for found in looks if found)


def _place(found: RoleFinding) -> tuple[int, int, int]:
    address = ip_address(found.host)
    return list(Role).index(found.role), address.version, int(address)


def _mail_server(host: str, evidence: HostEvidence) -> RoleFinding | None:
    """Takes mail in from several, and hands mail on or looks up who brings it: a mass mailer takes none in."""
    clients = evidence.log(Fact.TAKES_MAIL_IN).distinct()
    if clients < CLIENTS_OF_A_SERVER:
        return None
    sends, asks_mx = (
        evidence.log(Signal.SMTP_ATTEMPTS).distinct(),
        evidence.log(Signal.MX_FLOOD).distinct(),
    )
    asks_ptr = evidence.log(Fact.ASKS_PTR).distinct()
    signs = [
        text
        for number, text in (
            (sends, f"delivers to {sends} outside"),
            (asks_mx, f"asks MX of {asks_mx} domains"),
            (asks_ptr, "asks PTR"),
        )
        if number
    ]
    sure = clients >= SURE_CLIENTS and bool(signs)
    why = ", ".join([f"takes mail in from {clients} hosts", *(signs or ["but sends none"])])
    return RoleFinding(host, Role.MAIL_SERVER, Confidence.HIGH if sure else Confidence.MEDIUM, why)


def _resolver(host: str, evidence: HostEvidence) -> RoleFinding | None:
    clients = evidence.log(Fact.SERVES_DNS).distinct()
    if clients < CLIENTS_OF_A_SERVER:
        return None
    sure = clients >= SURE_CLIENTS
    return RoleFinding(
        host,
        Role.RESOLVER,
        Confidence.HIGH if sure else Confidence.MEDIUM,
        f"answers DNS questions of {clients} hosts",
    )


def _monitor(host: str, evidence: HostEvidence, hours: int) -> RoleFinding | None:
    sketches = [
        evidence.log(signal) for signal in (Signal.SMTP_ATTEMPTS, Signal.SUBMISSION_ATTEMPTS)
    ]
    servers, looks = (
        sum(sketch.distinct() for sketch in sketches),
        sum(sketch.count() for sketch in sketches),
    )
    busy = len({hour for sketch in sketches for hour in sketch.hours})
    if evidence.log(Fact.TAKES_MAIL_IN).distinct() >= CLIENTS_OF_A_SERVER:
        return None
    if (
        not 0 < servers <= MONITORED_SERVERS
        or looks < max(LOOKS, LOOKS / 2 * hours)
        or busy < SHARE_OF_HOURS * hours
    ):
        return None
    why = f"connects to the same {servers} outside mail servers {looks} times, in {busy} of {hours} hours"
    return RoleFinding(host, Role.MONITOR, Confidence.MEDIUM, why)


def _scanner(host: str, evidence: HostEvidence) -> RoleFinding | None:
    inside, probed = (
        evidence.log(Fact.INSIDE_TARGETS).distinct(),
        evidence.log(Fact.PROBED).distinct(),
    )
    if inside < SCANNED_INSIDE and probed < SCANNED_OUTSIDE:
        return None
    why = f"tries mail ports of {inside} inside hosts and other ports of {probed} outside hosts that do not answer"
    return RoleFinding(host, Role.SCANNER, Confidence.MEDIUM, why)


def _submission(store: EvidenceStore, infected: frozenset[str]) -> Iterator[Named]:
    users: Counter[str] = Counter()
    for host, evidence in store.hosts.items():
        if host not in infected:
            users.update(
                {
                    key
                    for bucket in evidence.log(Signal.SUBMISSION_ATTEMPTS).hours.values()
                    for key in bucket.keys
                }
            )
    for server, number in sorted(users.items(), key=lambda one: (-one[1], one[0])):
        if number >= SUBMITTERS:
            yield Named(server, f"used by {number} hosts")


def _domains(domains: Domains, mail_servers: set[str]) -> Iterator[Named]:
    """Domains for which a mail server of the site takes mail in from several, and not just now and then."""
    clients: Counter[str] = Counter()
    for server, sketch in sorted(domains.by_server.items()):
        if server in mail_servers:
            pairs = {key for bucket in sketch.hours.values() for key in bucket.keys}
            clients.update(key.partition(" ")[0] for key in pairs)
    total = clients.total()
    for domain, number in sorted(clients.items(), key=lambda one: (-one[1], one[0])):
        if number >= DOMAIN_CLIENTS and number >= DOMAIN_SHARE * total:
            yield Named(domain, f"its mail is taken in from {number} outside hosts")


def differences(discovery: Discovery, site: SiteProfile) -> Iterator[Difference]:
    """What the logs show and the profile lacks, then what it names and the logs do not show, key by key."""
    for role, declared in ((Role.MAIL_SERVER, site.mail_servers), (Role.RESOLVER, site.resolvers)):
        found = {ip_address(finding.host): finding for finding in discovery.of(role)}
        for address, finding in found.items():
            if not any(address in network for network in declared):
                yield Difference(role.value, finding.host, True, finding.why)
        for network in declared:
            inside = any(
                network.version == home.version and network.overlaps(home)
                for home in site.home_networks
            )
            if inside and not any(address in network for address in found):
                yield Difference(
                    role.value,
                    short(network),
                    False,
                    "nothing of the kind was seen of it in these logs",
                )
    for domain in discovery.domains:
        if not is_below(domain.name, site.internal_domains):
            yield Difference("internal_domains", domain.name, True, domain.why)
