"""Events + SiteProfile -> EvidenceStore: the evidence of each event about home hosts.

Distinct keys are counted: registered domains for lookups, external servers for delivery,
recipients' domains for mails, names for HELO. A repeated key counts once. The entries of
eveproc/signals define what is read from which record.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.activities import activities_of, asks_for_mail_server
from eveproc.evidence.coverage import CoverageNoter
from eveproc.evidence.host_names import PLATFORM, RELAYED, TLS_CLIENT, Login
from eveproc.evidence.lookup_reader import LookupReader
from eveproc.evidence.macs import ends_of_slots
from eveproc.evidence.places import AUTOMATIC, Place, label_of
from eveproc.evidence.sketch import fingerprint
from eveproc.evidence.store import EvidenceSource, EvidenceStore, Finding
from eveproc.input.events import (
    BEFORE_SURICATA,
    NO_ORIGIN,
    Alert,
    Arp,
    Dhcp,
    Dns,
    Event,
    Flow,
    Http,
    LoggedIn,
    Mdns,
    Smtp,
    Stats,
    Tls,
)
from eveproc.input.lookups import Asker, Resolved
from eveproc.input.survey import Survey
from eveproc.signals.home_net import network_test
from eveproc.signals.observation import Observation
from eveproc.signals.own_alerts import AlertReader
from eveproc.signals.prefilter_patterns import line_filter
from eveproc.signals.records import Record, RecordReader
from eveproc.signals.registry import Activity
from rulegen.site_profile import SiteProfile
from rulegen.units import HOUR
from rulegen.vocabulary import Signal

# Number of names whose meaning is cached.
NAMES_KEPT = 1 << 14


class Period(Struct, frozen=True):
    """Which events count, in seconds since 1970 UTC: from `since` (included) to `until` (excluded).

    An event of `future` or later has a wrong clock.
    """

    since: float = -inf
    until: float = inf
    future: float = inf

    def why_not(self, time: float) -> str:
        """Reason not to count an event of this time; "" if it counts."""
        if time >= self.future:
            return "dated in the future"
        return "" if self.since <= time < self.until else "outside --since and --until"


EVER = Period()


def _ends(event: Event) -> tuple[str, str]:
    """MACs of client and server by `event.origin`; ("", "") if not logged."""
    match event:
        case Dns() | Flow() | Smtp():
            return event.client, event.server
        case Alert():
            return event.src_ip, event.dest_ip
    return "", ""


class Collector:
    """Feeds events into an EvidenceStore by a site's view of home hosts and declared servers.

    `period` may be changed between two events.
    """

    def __init__(self, site: SiteProfile, period: Period = EVER) -> None:
        self.site = site
        self.store = EvidenceStore()
        self.period = period
        self._sensors = frozenset(site.sensors)
        self._fields = AUTOMATIC if site.separate_by is None else site.separate_by
        self._alerts = AlertReader(site)
        self._records = RecordReader(site)
        self.is_home = self._records.is_home
        self._lookups = LookupReader(self._records)
        # True if the site exempts any host, on whatever day.
        self._has_exemption = network_test(each.network for each in site.exempt)
        self._noter: CoverageNoter | None = None
        self.line_filter = line_filter(site)

    @property
    def since(self) -> float:
        """Start of the time for which events count."""
        return self.period.since

    @property
    def counted(self) -> tuple[float, float]:
        """Start (included) and end (excluded) of the time for which all events count under their
        own time.
        """
        period = self.period
        return max(period.since, BEFORE_SURICATA), min(period.until, period.future)

    def why_not(self, time: float) -> str:
        """Reason not to count an event of this time; "" if it counts."""
        return self.period.why_not(time)

    def survey(self, seen: Survey) -> None:
        """Add a sample of the input, evidence or not, to the coverage."""
        self._coverage_noter().survey(seen)

    def _coverage_noter(self) -> CoverageNoter:
        """A watch replaces the store's Coverage from time to time."""
        if self._noter is None or self._noter.coverage is not self.store.coverage:
            self._noter = CoverageNoter(self.store.coverage, self.site, self.why_not)
        return self._noter

    def add(self, event: Event) -> None:
        """Add one event; one that would be evidence but does not count is counted in `unused`."""
        store = self.store
        self._coverage_noter().note(event)
        if event.sensor in self._sensors:
            store.sensors.add(event.sensor)
        self._note_client(event)
        findings = self._findings(event)
        named = tuple(self._names_in(event))
        if not (findings or named or isinstance(event, Stats | Dhcp)):
            return
        if reason := self.period.why_not(event.time):
            store.unused[reason] += 1
            return
        match event:
            case Stats():  # stamped by the wall clock even if an old capture is replayed
                store.health.note(event)
                return
            case Dhcp():
                scope = Place.of(label_of(event, self._fields, is_server=False)).scope
                store.leases.note(event, scope)
        store.note_time(event.time)
        for address, name in named:
            store.server_names.note(address, name, event.time)
        if findings and (event.origin is not NO_ORIGIN or event.sensor):
            self._note_macs(event)
            findings = [self._labelled(finding, event) for finding in findings]
        for finding in findings:
            self._keep(finding)

    def add_more(self, like: Stats, count: int) -> None:
        """Count so many further stats records of the same sensor and hour."""
        if reason := self.why_not(like.time):
            self.store.unused[reason] += count
        else:
            self._coverage_noter().note_more(like, count)

    def add_names(self, resolved: Resolved) -> None:
        """Note the names of the addresses in answers about mail servers."""
        for address, name in (named := tuple(self._names_in(resolved.event))):
            self.store.server_names.note(address, name, resolved.last)
        if named:
            self.store.span(resolved.first, resolved.last)

    def add_lookups(self, asker: Asker) -> None:
        """Add all that one host asked; with add_names, gives the same as `add` with each event."""
        if self._is_added_one_by_one(asker):
            for event in asker.events():
                self.add(event)
            return
        like, sketches = asker.like, self._lookups.read(asker)
        self._coverage_noter().note_sensor(like)
        if like.sensor in self._sensors:
            self.store.sensors.add(like.sensor)
        if sketches and (like.origin is not NO_ORIGIN or like.sensor):
            for time in ends_of_slots(self._lookups.times(asker)):
                self._note_macs(replace(like, time=time))
        for host, kind, sketch in sketches:
            self.store.span(sketch.first_seen, sketch.last_seen)
            self._keep(self._labelled(Finding(host, kind, EvidenceSource.LOG, sketch), like))

    def _is_added_one_by_one(self, asker: Asker) -> bool:
        """True if `add_lookups` has to add each event by itself, since an exemption may end on some
        day.
        """
        hosts = filter(None, (asker.client, asker.server))
        return any(map(self._has_exemption, hosts))

    def _note_client(self, event: Event) -> None:
        """Note that a host exists and who logged in from it, whatever else the event says."""
        match event:
            case Flow():
                self.note_presence(event)
            case LoggedIn(names=names, server=server) if self.is_home(server):
                self._note_login(event, event.client, names)
            case Tls(client_name=str(name), client=client, fingerprint=str(mark)):
                if name:
                    self._note_login(event, client, (("user", name),))
                self._note_mark(event, client, TLS_CLIENT, mark)
            case Http(client=client, platform=platform):
                self._note_mark(event, client, PLATFORM, platform)
            case Dhcp(relay=str(relay), mac=mac) if relay:
                self._note_mark(event, relay, RELAYED, mac)
            case Mdns(client=client, names=announced):
                self._note_login(event, client, tuple(("machine", name) for name in announced))
            case Arp(address=address, mac=mac) if self.is_home(address):
                if not self.period.why_not(event.time):
                    self.store.macs.note_claim(address, mac, event.time)

    def _note_login(self, event: Event, client: str, names: tuple[tuple[str, str], ...]) -> None:
        if self.is_home(client) and not self.period.why_not(event.time):
            scope = Place.of(label_of(event, self._fields, is_server=False)).scope
            for kind, name in names:
                login = Login(kind, name, event.TYPE, scope)
                self.store.host_names.note(client, login, int(event.time // HOUR))

    def _note_mark(self, event: Event, client: str, kind: str, mark: str) -> None:
        """Note a mark of a client behind an address, from what the record says about it."""
        if mark and self.is_home(client) and not self.period.why_not(event.time):
            scope = Place.of(label_of(event, self._fields, is_server=False)).scope
            login = Login(kind, f"{fingerprint((mark,)):x}", event.TYPE, scope)
            self.store.clients.note(client, login, int(event.time // HOUR))

    def _labelled(self, finding: Finding, event: Event) -> Finding:
        client, _ = _ends(event)
        label = label_of(event, self._fields, is_server=finding.host != client)
        return replace(finding, label=label) if label else finding

    def _note_macs(self, event: Event) -> None:
        """Note the MACs of home hosts, and of gateways to external hosts."""
        origin = event.origin
        macs = origin.client_mac, origin.server_mac
        for address, mac in zip(_ends(event), macs, strict=True):
            if mac and self.is_home(address):
                self.store.macs.note(address, mac, event.time)
            elif mac:
                self.store.macs.note_gateway(mac)

    def note_presence(self, event: Flow) -> None:
        """Note that the host exists and that flows are logged, regardless of the period."""
        if (
            event.proto == "TCP" and event.flags_logged
        ):  # UDP alone does not show that deliveries would be seen
            self.store.flows_logged = True
            if self.is_home(event.client):
                self.store.note_active(event.client)

    def take_new(self) -> EvidenceStore | None:
        """Evidence since the last call, without active hosts; None if there is none."""
        return self.store.take_new()

    def share_presence(self, known: EvidenceStore) -> None:
        """Share the set of active hosts with `known`."""
        store = self.store
        store.active, store.active_sampled = known.active, known.active_sampled
        store.flows_logged = known.flows_logged

    def _names_in(self, event: Event) -> Iterator[tuple[str, str]]:
        """(address, name) of external mail servers, for any client.

        A sensor may see only the resolver's queries.
        """
        match event:
            case Dns(addresses=found) if found and asks_for_mail_server(event):
                yield from ((a, name) for name, a in found if not self.is_home(a))
            case Tls(name=str(name)) if name and self._is_mail_port(event.server_port):
                if not self.is_home(event.server):
                    yield event.server, name
            case _:
                pass

    def _is_mail_port(self, port: int) -> bool:
        return port in self.site.ports.smtp or port in self.site.ports.submission

    def _findings(self, event: Event) -> list[Finding]:
        if isinstance(event, Alert):
            return list(self._of_alert(event))
        return [
            _finding(record, kind, key)
            for record in self._records.read(event)
            for kind, key in activities_of(record)
        ]

    def _of_alert(self, event: Alert) -> Iterator[Finding]:
        if event.log:
            self.store.unnamed_logs.add(event.log)
        read = self._alerts.read(event)
        if read is None:
            return
        self.store.coverage.own_alerts += 1
        if self.is_home(read.host):
            yield Finding(read.host, read.signal, EvidenceSource.ALERT, read.observation)
        else:
            self.store.unused["alert about no home host"] += 1

    def _keep(self, finding: Finding) -> None:
        self.store.note_active(finding.host)
        if self._is_exempt(finding):
            self.store.unused["exempt"] += 1
            return
        self.store.note(finding)

    def _is_exempt(self, finding: Finding) -> bool:
        if not isinstance(finding.kind, Signal) or not self._has_exemption(finding.host):
            return False
        assert isinstance(finding.seen, Observation)  # add_lookups: one by one where there is one
        day = datetime.fromtimestamp(finding.seen.time, UTC).date()
        return self.site.exemption_for(ip_address(finding.host), finding.kind, day) is not None


def _finding(record: Record, kind: Activity, key: str) -> Finding:
    identity = (key, *record.identity)
    observation = Observation(
        record.event.time, key, identity, pivot=record.pivot, number=record.number
    )
    return Finding(record.host, kind, EvidenceSource.LOG, observation)
