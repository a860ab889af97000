"""SiteEvidence of a site that declares no servers -> Discovery: servers, monitors, domains."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from ipaddress import ip_address
from math import inf

from msgspec import Struct, field
from msgspec.structs import replace

from eveproc.discovery.conversations import (
    Conversations,
    Ends,
    Meeting,
    client_and_server,
)
from eveproc.discovery.meetings import Meetings, without
from eveproc.discovery.networks import (
    PRIVATE_NETWORKS,
    HomeNetworkFinder,
    find_network,
    hosts_met,
    shows_all,
)
from eveproc.evidence.assets import Asset, assets
from eveproc.evidence.collector import EVER, Collector, Period
from eveproc.evidence.sketch import FULL_HOURS, ActivitySketch, fingerprint
from eveproc.evidence.store import EvidenceSource, EvidenceStore, Finding
from eveproc.input.events import Alert, Dns, Event, Flow, Smtp, Stats
from eveproc.input.lookups import Asker
from eveproc.input.prefilter import PatternKind, Patterns
from eveproc.signals.domains import domain_of_address, is_below
from eveproc.signals.facts import Fact
from eveproc.signals.home_net import network_test
from eveproc.signals.observation import Observation
from eveproc.verdicts.roles import Confidence, Role, RoleFinding, find_roles
from rulegen.site_profile import Network, SiteProfile, collapsed, short
from rulegen.units import HOUR, count_of
from rulegen.vocabulary import Signal

# Minimum number of hosts that share a provider's submission server; minimum number of clients, and
# minimum share of the accepted mail, of a domain of the site.
SUBMITTERS, DOMAIN_CLIENTS, DOMAIN_SHARE = 2, 3, 0.1
# Public mailbox providers, so none is a site's own domain. Probes for open relays name a mailbox of
# the prober, most often at one of these.
PUBLIC_MAILBOXES = frozenset(
    (
        *("gmail.com", "googlemail.com", "yahoo.com", "ymail.com", "outlook.com", "hotmail.com"),
        *("live.com", "msn.com", "aol.com", "icloud.com", "me.com", "gmx.com", "gmx.net"),
        *("gmx.de", "web.de", "mail.com", "mail.ru", "yandex.ru", "yandex.com", "protonmail.com"),
        *("proton.me", "qq.com", "163.com", "126.com", "zoho.com", "t-online.de", "orange.fr"),
        *("libero.it", "naver.com", "comcast.net"),
    )
)


class Named(Struct, frozen=True):
    """A network or domain of the site, or a submission server that it uses, with the evidence."""

    name: str
    why: str
    confidence: Confidence = Confidence.HIGH


class Discovery(Struct, frozen=True):
    """Everything that was found, each part in a fixed order.

    `first` and `last` are the times of the records, in seconds since 1970 UTC. `networks` are those
    seen beyond `home_networks`; `unmet` are home networks of which no host was seen. `separate_by`
    are fields that distinguish networks with the same addresses. `missing` says which records are
    missing and what cannot be found without them; `is_blind`: nothing can be found.
    """

    home_networks: tuple[Network, ...]
    hosts: int
    findings: tuple[RoleFinding, ...]
    domains: tuple[Named, ...]
    submission: tuple[Named, ...]
    first: float
    last: float
    networks: tuple[Named, ...] = ()
    unmet: tuple[Network, ...] = ()
    separate_by: tuple[Named, ...] = ()
    missing: tuple[str, ...] = ()
    is_blind: bool = False

    def of(self, role: Role) -> tuple[RoleFinding, ...]:
        return tuple(finding for finding in self.findings if finding.role is role)


class Difference(Struct, frozen=True):
    """One entry that a profile lacks (`is_found`), or that the logs do not show, and why."""

    key: str
    value: str
    is_found: bool
    why: str


class Domains(Struct):
    """The recipients' domains of mail from external hosts to home hosts, by home server.

    Each sketch counts "domain client" pairs: `accepted` those with a message, `named` those of
    which only the SMTP commands were seen, so that the server may have refused them. Merging is
    order-free, and the size is bounded as that of ActivitySketch.
    """

    accepted: dict[str, ActivitySketch] = field(default_factory=dict)
    named: dict[str, ActivitySketch] = field(default_factory=dict)

    def merge(self, other: "Domains") -> None:
        for mine, theirs in ((self.accepted, other.accepted), (self.named, other.named)):
            for server, sketch in theirs.items():
                mine.setdefault(server, ActivitySketch()).merge(sketch)

    def note(self, event: Smtp) -> None:
        by_server = self.accepted if event.has_message else self.named
        for domain in {domain_of_address(mailbox) for mailbox in event.rcpt_to} - {""}:
            key = f"{domain} {event.client}"
            by_server.setdefault(event.server, ActivitySketch()).note(
                Observation(event.time, key, (key, event.client_port, event.tx_id))
            )


class SiteEvidence(EvidenceStore):
    """The evidence for verdicts, the domains of incoming mail, and the networks seen.

    `kinds` are the kinds of records that were read, of those that show hosts (_SHOW_HOSTS).
    """

    kinds: set[str] = field(default_factory=set)
    domains: Domains = field(default_factory=Domains)
    finder: HomeNetworkFinder = field(default_factory=HomeNetworkFinder)
    met: set[Network] = field(default_factory=set)

    def merge(self, other: EvidenceStore) -> None:
        EvidenceStore.merge(self, other)
        if isinstance(other, SiteEvidence):
            self.kinds |= other.kinds
            self.domains.merge(other.domains)
            self.finder.merge(other.finder)
            self.met |= other.met


class Discoverer(Collector):
    """Feeds events into a SiteEvidence; the profile names home networks and declares no servers.

    Without home networks, only what tells them is found.
    """

    def __init__(
        self,
        site: SiteProfile,
        period: Period = EVER,
        *,
        before: SiteEvidence | None = None,
        done: Collection[Ends] = (),
        is_declared: bool = True,
        is_sample: bool = False,
    ) -> None:
        """`before` is the result of an earlier reading of the same input or of a part of it, which
        need not be found again.

        Lookups between ends that are `done` were noted there; note_done adds what they show about
        servers. `is_declared`: the site named the home networks, so it is not examined whether they
        are home. `is_sample`: what is read is too little to be worth compiling patterns for.
        """
        super().__init__(site, period)
        known = site.home_networks if is_declared else ()
        self.store: SiteEvidence = SiteEvidence(finder=HomeNetworkFinder(known))
        self._is_declared = is_declared
        self._homes = [(home, network_test((home,))) for home in site.home_networks]
        self._home_of = lru_cache(maxsize=1 << 16)(self._find_home)
        self._hour_of = lru_cache(maxsize=1 << 16)(_hour_for)
        self._look_further(before or SiteEvidence(), done, is_sample=is_sample)

    def _look_further(
        self, before: SiteEvidence, done: Collection[Ends], *, is_sample: bool
    ) -> None:
        """Let the prefilter find the lines about hosts or lookups."""
        homes = self.site.home_networks
        networks = [
            part
            for network in collapsed((*PRIVATE_NETWORKS, *homes))
            for part in without(network, before.met)
        ]
        finder = self.store.finder
        conversations = self._conversations = Conversations(
            self._meet,
            networks,
            quiet=(*PRIVATE_NETWORKS, *finder.home),
            asks=finder.can_learn,
            servers=homes or PRIVATE_NETWORKS,
            note_client=self._note_client_at,
            done=done,
        )
        if is_sample or not homes:
            self.line_filter = replace(
                self.line_filter, patterns=_no_patterns, further=conversations.further
            )
            return
        kinds = sorted(_SHOW_HOSTS - before.kinds)
        meetings = Meetings(conversations, networks, kinds, lambda: self.store.kinds)
        patterns = partial(_with_those, self.line_filter.patterns, meetings.patterns)
        self.line_filter = replace(self.line_filter, patterns=patterns, further=meetings.further)

    def shown(self) -> frozenset[Ends]:
        """Ends of lookups that need not be noted again."""
        return self._conversations.shown()

    def note_done(self, done: Iterable[Ends]) -> None:
        """Note the clients of DNS servers that were not known to be home at the earlier reading."""
        for ends in done:
            self._note_server(*client_and_server(ends))

    def add(self, event: Event) -> None:
        """Add one event.

        Verdicts need only answers about mail to recognize a resolver; here every answer counts.
        """
        super().add(event)
        meeting = self._meet(event)
        if meeting and meeting.hosts:
            self.store.span(event.time, event.time)
        if isinstance(event, Smtp) and not self.period.why_not(event.time):
            self._note_domains(event)

    def add_lookups(self, asker: Asker) -> None:
        """Add all lookups of one host; one of a server's equal answers shows who met whom."""
        super().add_lookups(asker)
        if self._is_added_one_by_one(asker):
            return
        times = [occurrence[1] for occurrence in asker.asked]
        self.store.span(min(times), max(times))
        distinct = {(occurrence[0], occurrence[-1]) for occurrence in asker.asked}
        said = {(one.event.is_answer, one.event.rcode, server) for one, server in distinct}
        for is_answer, rcode, server in sorted(said):
            self._meet(replace(asker.like, server=server, is_answer=is_answer, rcode=rcode))

    def _note_domains(self, event: Smtp) -> None:
        if self.is_home(event.server) and not self.is_home(event.client):
            self.store.domains.note(event)

    def _meet(self, event: Event) -> Meeting | None:
        """Note who met whom; returns None if the event does not count.

        Noting a meeting again changes nothing.
        """
        store = self.store
        if event.TYPE in _SHOW_HOSTS:
            store.kinds.add(event.TYPE)
        counts = not self.period.why_not(event.time)
        if isinstance(event, Stats) or not (counts or not self._is_declared):
            return None
        hosts = tuple(hosts_met(event))
        store.finder.add(event)
        if not counts:  # a sensor with a wrong clock still shows home networks
            return None
        store.met.update(home for host in hosts if (home := self._home_of(host)))
        if isinstance(event, Dns) and event.is_answer:
            self._note_server(event.client, event.server)
        return Meeting(hosts, is_all=isinstance(event, Dns) and shows_all(event))

    def _note_client_at(self, client: str, server: str, time: float) -> bool:
        counts = not self.period.why_not(time)
        if counts:
            self._note_server(client, server)
        return counts

    def _note_server(self, client: str, server: str) -> None:
        """Note the clients of a DNS server, each once and without times, so one answer says as much
        as all.

        Spread over the hours of an ActivitySketch, more clients are kept than in one hour.
        """
        if client != server and self.is_home(server):
            observation = Observation(self._hour_of(client), client, (client,))
            self._keep(Finding(server, Fact.SERVES_DNS, EvidenceSource.LOG, observation))

    def _find_home(self, address: str) -> Network | None:
        found = (home for home, is_in in self._homes if is_in(address))
        return next(found, None)


def _hour_for(client: str) -> float:
    """One of the hours that an ActivitySketch keeps in full; they are before all others."""
    return float(fingerprint((client,)) % FULL_HOURS * HOUR)


_SERVES = (Fact.SERVES_DNS, EvidenceSource.LOG)
_SHOW_HOSTS = frozenset(kind.TYPE for kind in (Alert, Dns, Flow, Smtp))


def _no_patterns(_blanks: str) -> tuple[tuple[PatternKind, bytes], ...]:
    return ()


def _with_those(
    patterns: Patterns, more: tuple[tuple[PatternKind, bytes], ...], blanks: str
) -> tuple[tuple[PatternKind, bytes], ...]:
    return (*patterns(blanks), *more)


def discover(store: SiteEvidence, site: SiteProfile, infected: Iterable[str] = ()) -> Discovery:
    """Everything that was found; hosts judged infected are left out, as they are no example of
    normal hosts.
    """
    store.trim()
    if hours := store.coverage.hours.values():  # most records were skipped
        store.first_event = min(seen.first for seen in hours)
        store.last_event = max(seen.last for seen in hours)
    findings = tuple(find_roles(store))
    mail_servers = {one.host for one in findings if one.role is Role.MAIL_SERVER}
    return Discovery(
        home_networks=site.home_networks,
        hosts=len(store.active),
        findings=findings,
        domains=tuple(_domains(store, mail_servers)),
        submission=tuple(_submission(store, frozenset(infected))),
        first=store.first_event,
        last=store.last_event,
        networks=tuple(_networks(store.finder)),
        unmet=tuple(home for home in site.home_networks if home not in store.met),
        separate_by=tuple(_separate_by(store)),
    )


def _separate_by(store: SiteEvidence) -> Iterator[Named]:
    """Fields by which machines with one address differ: a question to the site, never certain."""
    if not store.has_scopes:
        return
    parts: dict[tuple[str, str], int] = {}
    for asset in assets(store, None, everyone=False):
        if asset.apart and not _is_without_place(asset):
            key = ", ".join(asset.apart.fields), asset.address
            parts[key] = parts.get(key, 0) + 1
    shared: dict[str, list[str]] = {}
    for (fields, address), number in parts.items():
        if number > 1:
            shared.setdefault(fields, []).append(address)
    for fields, addresses in sorted(shared.items(), key=lambda found: -len(found[1])):
        used = f"used by several machines at the same time, for example {addresses[0]}"
        yield Named(fields, f"{count_of(len(addresses), 'address')} {used}", Confidence.MEDIUM)


def _is_without_place(asset: Asset) -> bool:
    """True for what Discoverer notes about a DNS server: only one of many equal records is decoded,
    so its network is not noted, and it is no sign of a second machine.
    """
    return asset.scopes == {""} and set(asset.evidence.sketches) == {_SERVES}


def missing_records(kinds: Collection[str]) -> tuple[str, ...]:
    """What cannot be found because records are missing, and how to get them; `kinds` are those
    read.
    """
    has_dns, has_smtp, has_flow = (kind in kinds for kind in ("dns", "smtp", "flow"))
    if not (has_dns or has_smtp or has_flow):
        return (_ONLY_ALERTS if "alert" in kinds else _NOTHING,)
    lacks = {
        "dns": not has_dns and "resolvers and public home networks",
        "smtp": not has_smtp and "your own mail domains",
        "flow": not has_flow and "monitors, scanners and mail servers that are reached over TLS",
    }
    return tuple(
        f"no {kind} records were read, so {what} cannot be found: "
        f"enable {kind} under outputs, eve-log, types in suricata.yaml"
        for kind, what in lacks.items()
        if what
    )


_ENABLE = "enable dns, smtp and flow under outputs, eve-log, types in suricata.yaml"
_ONLY_ALERTS = (
    "only alerts were read: they do not tell which hosts are mail servers, resolvers or monitors; "
    f"{_ENABLE} (logs of Snort and logs in text have no such records)"
)
_NO_HOME = (
    "no home network was found: no private address, no DHCP lease, no public network with several "
    "hosts that ask external DNS servers; name the home networks in a site.yaml with -s"
)
_NOTHING = f"no dns, smtp or flow records were read: {_ENABLE}"


def is_blind(kinds: Collection[str]) -> bool:
    """True if no record shows what a host is for."""
    return not any(kind in kinds for kind in ("dns", "smtp", "flow"))


def without_home(kinds: Collection[str]) -> Discovery:
    """The Discovery without any home network: it only says why."""
    records = missing_records(kinds) if is_blind(kinds) else ()
    return Discovery(*((), 0, (), (), (), inf, -inf), missing=(_NO_HOME, *records), is_blind=True)


def _submission(store: EvidenceStore, infected: frozenset[str]) -> Iterator[Named]:
    users: Counter[str] = Counter()
    for host, labelled in store.hosts.items():
        evidence = labelled.whole()
        if host not in infected:
            users.update(evidence.log(Signal.SUBMISSION_ATTEMPTS).keys())
    for server, number in sorted(users.items(), key=lambda one: (-one[1], one[0])):
        if number >= SUBMITTERS:
            yield Named(server, f"used by {count_of(number, 'host')}")


def _domains(store: SiteEvidence, mail_servers: set[str]) -> Iterator[Named]:
    """Domains for which the site's mail servers regularly accept mail from several hosts.

    If no message was seen at all (TLS, or Suricata does not decode mail), the recipients that
    external hosts named are used, but as doubtful: a probe for an open relay names foreign domains.
    """
    accepted = _clients_by_domain(store.domains.accepted, mail_servers)
    relayed = _relayed(store, mail_servers)
    for domain, number in _frequent(accepted):
        hosts = count_of(number, "external host")
        if domain in relayed:
            why = f"mail to it is accepted from {hosts}, and also delivered to external servers"
            yield Named(domain, why, Confidence.MEDIUM)
        else:
            yield Named(domain, f"mail to it is accepted from {hosts}")
    if not accepted:
        for domain, number in _frequent(_clients_by_domain(store.domains.named, mail_servers)):
            hosts = count_of(number, "external host")
            why = f"{hosts} named recipients of this domain, but no message was seen"
            yield Named(domain, why, Confidence.MEDIUM)


def _clients_by_domain(
    by_server: Mapping[str, ActivitySketch], mail_servers: set[str]
) -> Counter[str]:
    pairs = (sketch.keys() for server, sketch in by_server.items() if server in mail_servers)
    return Counter(pair.partition(" ")[0] for some in pairs for pair in some)


def _frequent(clients: Counter[str]) -> Iterator[tuple[str, int]]:
    """Domains with enough clients and share, most clients first; without PUBLIC_MAILBOXES."""
    least = max(DOMAIN_CLIENTS, DOMAIN_SHARE * clients.total())
    for domain, number in sorted(clients.items(), key=lambda one: (-one[1], one[0])):
        if number >= least and domain not in PUBLIC_MAILBOXES:
            yield domain, number


def _relayed(store: EvidenceStore, mail_servers: set[str]) -> set[str]:
    """Domains to which the site's mail servers deliver mail."""
    found = (store.hosts.get(server) for server in mail_servers)
    sketches = (evidence.log(Signal.MAIL_BURST) for evidence in found if evidence)
    return {domain for sketch in sketches for hour in sketch.hours.values() for domain in hour.keys}


def _networks(finder: HomeNetworkFinder) -> Iterator[Named]:
    """Networks seen beyond the home networks; the doubtful ones last."""
    for network in finder.networks():
        yield Named(str(network), f"hosts were seen in it: {_examples(finder, network)}")
    for network in finder.doubtful():
        why = (
            "its hosts ask DNS servers of your site and no others, as external scanners and "
            f"resolvers do: {_examples(finder, network)}"
        )
        yield Named(str(network), why, Confidence.MEDIUM)


def _examples(finder: HomeNetworkFinder, network: Network) -> str:
    return ", ".join(map(str, finder.examples(network))) or "a DHCP lease"


def differences(discovery: Discovery, site: SiteProfile) -> Iterator[Difference]:
    """For each key: what the logs show and the profile lacks, then what the logs do not show."""
    yield from _network_differences(discovery)
    for role, declared in ((Role.MAIL_SERVER, site.mail_servers), (Role.RESOLVER, site.resolvers)):
        yield from _role_differences(role, declared, discovery, site)
    for domain in discovery.domains:
        if domain.confidence is Confidence.HIGH and not is_below(
            domain.name, site.internal_domains
        ):
            yield Difference("internal_domains", domain.name, True, domain.why)


def _network_differences(discovery: Discovery) -> Iterator[Difference]:
    for network in discovery.networks:
        if network.confidence is Confidence.HIGH:
            yield Difference("home_networks", network.name, True, network.why)
    for home in discovery.unmet:
        yield Difference(
            "home_networks", str(home), False, "none of its hosts was seen in these logs"
        )


def _role_differences(
    role: Role, declared: Sequence[Network], discovery: Discovery, site: SiteProfile
) -> Iterator[Difference]:
    found = {ip_address(finding.host): finding for finding in discovery.of(role)}
    for address, finding in found.items():
        if find_network(address, declared) is None:
            yield Difference(role.value, finding.host, True, finding.why)
    for network in declared:
        is_home = any(
            network.version == home.version and network.overlaps(home)
            for home in site.home_networks
        )
        if is_home and not any(find_network(address, (network,)) for address in found):
            why = "none of its hosts was seen in this role in these logs"
            yield Difference(role.value, short(network), False, why)
