"""Events + SiteProfile -> NightEvidence: one HostEvidence per home address, leases, sensor coverage. Merging is order-free.

What is counted distinctly (the key) decides what is evidence: registered domains for lookups, outside servers for delivery,
recipients' domains for mails, names for HELO. One name asked a thousand times, or one server, stays one.

Whatever is made evidence here, patterns.py and select.py must be able to find in undecoded bytes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from math import inf

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from eveproc.alerts import AlertReader
from eveproc.events import Alert, Dhcp, Dns, Event, Flow, Smtp, Stats
from eveproc.health import SensorHealth
from eveproc.identity import Leases
from eveproc.inside import home_test
from eveproc.names import domain_of_address, is_below, is_some_ptr_name, looks_like_mail_server, names_mail, registered_domain
from eveproc.shelf import Shelf
from eveproc.thinning import keeps
from eveproc.track import Pivot, Row, Sighting, Track
from rulegen.site import SiteProfile
from rulegen.vocabulary import MAILBOX_PORTS, Signal

# Ports that a mass mailer tries as well, blocked or not, whatever the site calls its mail ports.
NO_PROBE = MAILBOX_PORTS | {25, 465, 587, 2525}
FIRST_FREE_PORT = 1024
# Version 1 of the dns log says what name does not exist, not what type was asked for.
UNKNOWN_TYPE = ""
# More home hosts with evidence, and more home hosts, than any site has. Addresses can be made up: IPv6 has no end of them.
MOST_HOSTS, MOST_ACTIVE = 1 << 18, 1 << 21
# Windows runs these when a user opens them; mass mailers attach nothing else. From the worm families of the seed's years
# (.pif .scr .exe .com .bat .cmd .cpl .vbs .zip holds them) and today's loaders (.js .jse .wsf .hta .lnk .iso .img .vhd .xll .one).
RUNNABLE = (
    *(".exe", ".scr", ".pif", ".com", ".bat", ".cmd", ".cpl", ".vbs", ".vbe", ".js", ".jse"),
    *(".wsf", ".hta", ".lnk", ".iso", ".img", ".vhd", ".xll", ".msi", ".ps1", ".jar"),
)


class Source(StrEnum):
    """Where a piece of evidence is from: a rule that fired, or the records around it."""

    ALERT = "alert"
    LOG = "log"


class Fact(StrEnum):
    """What a host does that is no signal but may explain one."""

    TAKES_MAIL_IN = "takes_mail_in"  # key: who connects to its mail ports
    ASKS_PTR = "asks_ptr"  # key: one of some names of addresses
    SERVES_DNS = "serves_dns"  # key: who asks it for mail servers
    INSIDE_TARGETS = "inside_targets"  # key: inside address it connects to on a mail port
    PROBED = "probed"  # key: outside address that did not answer on a port that is not for mail
    MAIL_NAMES = "mail_names"  # key: registered domain of a mail server's name that was looked up
    SENDS_AS_US = "sends_as_us"  # key: the site's own domain that a mail says it is from
    MET_BY_MAIL = "met_by_mail"  # key: outside server that took its connection to a mail port
    READS_MAILBOX = "reads_mailbox"  # key: outside POP or IMAP server


Kind = Signal | Fact


class HostEvidence(Struct):
    """All that is kept of one address: a Track for every kind and source seen."""

    tracks: dict[tuple[Kind, Source], Track] = field(default_factory=dict)

    def note(self, kind: Kind, source: Source, sighting: Sighting) -> None:
        track = self.tracks.get((kind, source))
        if track is None:
            track = self.tracks[kind, source] = Track()
        track.note(sighting)

    def merge(self, other: "HostEvidence") -> None:
        for key, track in other.tracks.items():
            self.tracks.setdefault(key, Track()).merge(track)

    def between(self, start: float, end: float) -> "HostEvidence":
        parts = ((key, track.between(start, end)) for key, track in self.tracks.items())
        return HostEvidence({key: part for key, part in parts if part.hours})

    def trim(self) -> None:
        for track in self.tracks.values():
            track.trim()

    def packed(self) -> bytes:
        """Msgpack of the canonical form."""
        self.trim()
        return _encode([(kind, source, track.as_row()) for (kind, source), track in self.tracks.items()])

    @classmethod
    def unpacked(cls, packed: bytes) -> "HostEvidence":
        """Raises msgspec.DecodeError for what `packed` did not write."""
        return cls({(_KINDS[kind], Source(source)): Track.of_row(row) for kind, source, row in _decode(packed)})

    def track(self, kind: Kind, source: Source) -> Track:
        """What was kept, or an empty Track that nobody may write to."""
        return self.tracks.get((kind, source), _NONE)

    def log(self, kind: Kind) -> Track:
        return self.track(kind, Source.LOG)

    def alerts(self, signal: Signal) -> Track:
        return self.track(signal, Source.ALERT)

    def signal_tracks(self) -> Iterator[Track]:
        return (track for (kind, _), track in self.tracks.items() if isinstance(kind, Signal))

    def last_seen(self) -> float:
        return max((track.last_seen for track in self.signal_tracks()), default=-inf)

    def first_seen(self) -> float:
        return min((track.first_seen for track in self.signal_tracks()), default=inf)


_NONE = Track()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[str, str, Row]]).decode
_KINDS: dict[str, Kind] = {**{signal.value: signal for signal in Signal}, **{fact.value: fact for fact in Fact}}


class Finding(Struct, frozen=True):
    """One sighting and whose it is."""

    host: str
    kind: Kind
    source: Source
    sighting: Sighting


class NightEvidence(Struct):
    """Everything the verdicts rest on.

    `active`: home addresses that opened a TCP connection, whenever, or have evidence. `flows_logged`: were TCP flows logged? `sensors`:
    those of the site profile that were heard of. First and last event: of those that are evidence.
    `hosts_thinned`, `active_thinned`: of more than MOST_HOSTS and MOST_ACTIVE only each 2**n-th is kept (thinning.py).
    """

    hosts: Shelf[HostEvidence] = field(default_factory=lambda: Shelf(HostEvidence))
    active: set[str] = field(default_factory=set)
    hosts_thinned: int = 0
    active_thinned: int = 0
    sensors: set[str] = field(default_factory=set)
    leases: Leases = field(default_factory=Leases)
    health: SensorHealth = field(default_factory=SensorHealth)
    flows_logged: bool = False
    unused: Counter[str] = field(default_factory=Counter)
    first_event: float = inf
    last_event: float = -inf

    def note_active(self, address: str) -> None:
        if not self.knows(address):
            self.active.add(address)
            if len(self.active) > MOST_ACTIVE:
                self._thin(self.hosts_thinned, self.active_thinned + 1)

    def knows(self, address: str) -> bool:
        """Would note_active change nothing?"""
        return address in self.active or not keeps(address, self.active_thinned)

    def note(self, finding: Finding) -> None:
        if keeps(finding.host, self.hosts_thinned):
            self.hosts.open(finding.host).note(finding.kind, finding.source, finding.sighting)
            if len(self.hosts) > MOST_HOSTS:
                self._thin(self.hosts_thinned + 1, self.active_thinned)

    def add(self, address: str, evidence: HostEvidence) -> None:
        """Merge what else there is of a host."""
        if keeps(address, self.hosts_thinned):
            self.hosts.open(address).merge(evidence)
            if len(self.hosts) > MOST_HOSTS:
                self._thin(self.hosts_thinned + 1, self.active_thinned)

    def merge(self, other: "NightEvidence") -> None:
        self._thin(max(self.hosts_thinned, other.hosts_thinned), max(self.active_thinned, other.active_thinned))
        for address, evidence in other.hosts.items():
            self.add(address, evidence)
        thinned = self.active_thinned
        self.active |= {address for address in other.active if keeps(address, thinned)} if thinned else other.active
        self._thin(self.hosts_thinned, self.active_thinned)
        self.sensors |= other.sensors
        self.leases.merge(other.leases)
        self.health.merge(other.health)
        self.flows_logged |= other.flows_logged
        self.unused.update(other.unused)
        self.first_event = min(self.first_event, other.first_event)
        self.last_event = max(self.last_event, other.last_event)

    def trim(self) -> None:
        for evidence in self.hosts.in_use():
            evidence.trim()

    def _thin(self, hosts: int, active: int) -> None:
        """Thin at least so many times, and on until there are no more than may be."""
        while hosts > self.hosts_thinned or len(self.hosts) > MOST_HOSTS:
            self.hosts_thinned = max(hosts, self.hosts_thinned + 1)
            self.hosts.keep(lambda address: keeps(address, self.hosts_thinned))
        while active > self.active_thinned or len(self.active) > MOST_ACTIVE:
            self.active_thinned = max(active, self.active_thinned + 1)
            self.active = {address for address in self.active if keeps(address, self.active_thinned)}


class Period(Struct, frozen=True):
    """Events from `since` (included) to `until` (excluded) count; from `future` on they are a clock's fault. Seconds since 1970 UTC."""

    since: float = -inf
    until: float = inf
    future: float = inf

    def why_not(self, time: float) -> str:
        """Why an event of this time does not count; "" if it does."""
        if time >= self.future:
            return "dated in the future"
        return "" if self.since <= time < self.until else "outside --since and --until"


EVER = Period()


class Collector:
    """Feeds events into a NightEvidence by a site's view of inside, outside and declared servers."""

    def __init__(self, site: SiteProfile, period: Period = EVER) -> None:
        self.site = site
        self.night = NightEvidence()
        self.period = period
        self._sensors = frozenset(site.sensors)
        self._alerts = AlertReader(site)
        self.is_home = home_test(site)

    def add(self, event: Event) -> None:
        """Take one event in; what would be evidence and is not used is counted in `unused` with its reason."""
        night = self.night
        if event.sensor in self._sensors:
            night.sensors.add(event.sensor)
        if type(event) is Flow:
            self.note_presence(event)
        findings = list(self._findings(event))
        if not findings and not isinstance(event, Stats | Dhcp):
            return
        if reason := self.period.why_not(event.time):
            night.unused[reason] += 1
            return
        match event:
            case Stats():  # stamped by the wall clock, also when a capture of last year is replayed
                night.health.note(event)
                return
            case Dhcp():
                night.leases.note(event)
        night.first_event = min(night.first_event, event.time)
        night.last_event = max(night.last_event, event.time)
        for finding in findings:
            self._keep(finding)

    def _findings(self, event: Event) -> Iterable[Finding]:
        match event:
            case Dns():
                return self._of_dns(event)
            case Flow():
                return self._of_flow(event)
            case Smtp():
                return self._of_smtp(event)
            case Alert():
                return self._of_alert(event)
            case _:
                return ()

    def note_presence(self, event: Flow) -> None:
        """That there is such a host, and that flows were logged: all that an ordinary flow tells, and whatever period is asked for."""
        if event.proto == "TCP" and event.flags_logged:  # UDP alone does not show that deliveries would be seen
            self.night.flows_logged = True
            if self.is_home(event.client):
                self.night.note_active(event.client)

    def _keep(self, finding: Finding) -> None:
        self.night.note_active(finding.host)
        if self._is_exempt(finding):
            self.night.unused["exempt"] += 1
            return
        self.night.note(finding)

    def _is_exempt(self, finding: Finding) -> bool:
        if not self.site.exempt or not isinstance(finding.kind, Signal):
            return False
        day = datetime.fromtimestamp(finding.sighting.time, UTC).date()
        return self.site.exemption_for(ip_address(finding.host), finding.kind, day) is not None

    def _of_alert(self, event: Alert) -> Iterator[Finding]:
        read = self._alerts.read(event)
        if read is None:
            return
        if self.is_home(read.host):
            yield Finding(read.host, read.signal, Source.ALERT, read.sighting)
        else:
            self.night.unused["alert about no home host"] += 1

    def _of_dns(self, event: Dns) -> Iterator[Finding]:
        """A resolver is one that is asked for mail servers: those are the questions that are looked at."""
        asked = [(name, rrtype, kinds) for name, rrtype in event.questions if (kinds := self._kinds_of_question(event, name, rrtype))]
        if not asked:
            return
        if event.is_answer and event.client != event.server and self.is_home(event.server):
            yield self._log(event.server, Fact.SERVES_DNS, event, event.client, event.client)
        if not self.is_home(event.client):
            return
        for name, rrtype, kinds in asked:
            for kind, key in kinds:
                yield self._log(event.client, kind, event, key, event.client_port, name, rrtype, event.query_id)

    def _kinds_of_question(self, event: Dns, name: str, rrtype: str) -> list[tuple[Kind, str]]:
        if rrtype == "PTR":
            return [(Fact.ASKS_PTR, name)] if is_some_ptr_name(name) else []
        if rrtype not in ("MX", "A", "AAAA", UNKNOWN_TYPE) or is_below(name, self.site.internal_domains):
            return []
        kinds: list[tuple[Kind, str]] = []
        if rrtype == "MX" or names_mail(name):
            kinds.append((Fact.MAIL_NAMES, registered_domain(name)))
        if rrtype == "MX":
            kinds.append((Signal.MX_FLOOD, registered_domain(name)))
        elif looks_like_mail_server(name):
            if rrtype != UNKNOWN_TYPE:
                kinds.append((Signal.NAME_GUESS, registered_domain(name)))
            if event.is_answer and event.rcode == "NXDOMAIN":
                kinds.append((Signal.NAME_GUESS_NX, registered_domain(name)))
        return kinds

    def _of_smtp(self, event: Smtp) -> Iterator[Finding]:
        if self.is_home(event.server):
            yield self._log(event.server, Fact.TAKES_MAIL_IN, event, event.client, event.client, event.client_port)
        if not self.is_home(event.client) or self.is_home(event.server):
            return
        # Suricata 6 and 7 log one more transaction for the QUIT after a mail, with the session's HELO in it or with nothing.
        if not (event.mail_from or event.rcpt_to) and (event.tx_id > 0 or not event.helo):
            return
        what = (event.client_port, event.server, event.tx_id)
        submission = event.server_port in self.site.ports.submission
        kind = Signal.SUBMISSION_ATTEMPTS if submission else Signal.SMTP_SESSIONS
        yield self._log(event.client, kind, event, event.server, event.client_port, event.server, event.server_port)
        if event.helo:
            yield self._log(event.client, Signal.HELO_ODD, event, event.helo, *what)
        if event.rcpt_to:
            yield from self._of_mail(event, self._recipient(event), what)

    def _of_mail(self, event: Smtp, recipient: str, what: tuple[object, ...]) -> Iterator[Finding]:
        # One mail counts once, by one of its recipients: a mailing with 600 recipients is one mail.
        yield self._log(event.client, Signal.MAIL_BURST, event, recipient, *what)
        sender = domain_of_address(event.mail_from)
        if sender and is_below(sender, self.site.internal_domains):
            yield self._log(event.client, Fact.SENDS_AS_US, event, sender, *what)
        digest = event.body_md5 or event.subject_md5 or event.subject
        if digest:
            yield self._log(event.client, Signal.LOOK_ALIKE, event, f"{digest} {recipient}", *what)
        if any(name.lower().endswith(RUNNABLE) for name in event.attachments):
            yield self._log(event.client, Signal.WORM_ATTACHMENT, event, recipient, *what)

    def _recipient(self, event: Smtp) -> str:
        """The domain a mail counts for: the first by name that is neither the site's own nor the sender's, if there is one."""
        domains = sorted({domain_of_address(mailbox) for mailbox in event.rcpt_to})
        known = (*self.site.internal_domains, domain_of_address(event.mail_from))
        strange = [domain for domain in domains if not is_below(domain, known)]
        return registered_domain((strange or domains)[0])

    def _of_flow(self, event: Flow) -> Iterator[Finding]:
        event = self._unflipped(event)
        port, ports = event.server_port, self.site.ports
        is_mail = event.proto == "TCP" and (port in ports.smtp or port in ports.submission)
        if is_mail and event.answered and event.established and self.is_home(event.server):
            yield self._log(event.server, Fact.TAKES_MAIL_IN, event, event.client, event.client, event.client_port)
        if self.is_home(event.client):
            for kind, key in self._kinds_of_connection(event, is_mail):
                yield self._log(event.client, kind, event, key, event.client_port, event.server, port)

    def _unflipped(self, flow: Flow) -> Flow:
        """A connection that was picked up in its middle may be logged from the server's end: its port tells."""
        mail = (*self.site.ports.smtp, *self.site.ports.submission)
        if flow.client_port not in mail or flow.server_port in mail or flow.server_port < FIRST_FREE_PORT:
            return flow
        ends = {"client": flow.server, "client_port": flow.server_port, "server": flow.client, "server_port": flow.client_port}
        return replace(flow, **ends)

    def _kinds_of_connection(self, event: Flow, is_mail: bool) -> Iterator[tuple[Kind, str]]:
        inside = self.is_home(event.server)
        if is_mail and inside:
            yield Fact.INSIDE_TARGETS, event.server
        elif is_mail:
            submission = event.server_port in self.site.ports.submission
            yield (Signal.SUBMISSION_ATTEMPTS if submission else Signal.SMTP_ATTEMPTS), event.server
            if event.established:
                yield Fact.MET_BY_MAIL, event.server
        elif event.server_port in MAILBOX_PORTS and event.answered and not inside:
            yield Fact.READS_MAILBOX, event.server
        elif event.flags_logged and event.proto == "TCP" and not event.established and not inside and event.server_port not in NO_PROBE:
            yield Fact.PROBED, event.server

    @staticmethod
    def _log(host: str, kind: Kind, event: Event, key: str, *identity: object) -> Finding:
        pivot = Pivot(event.flow_id, event.community_id, event.tx_id if isinstance(event, Smtp) else -1) if event.flow_id else None
        return Finding(host, kind, Source.LOG, Sighting(event.time, key, (key, *identity), pivot=pivot))
