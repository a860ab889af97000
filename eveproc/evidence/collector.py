"""Events + SiteProfile -> EvidenceStore: what each event says of a home host.

What is counted distinctly (the key) decides what is evidence: registered domains for lookups,
outside servers for delivery, recipients' domains for mails, names for HELO. One name asked a
thousand times, or one server, stays one.

Whatever is made evidence here, signals/prefilter_patterns.py and input/prefilter.py must be able to
find in undecoded bytes.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.store import Activity, EvidenceSource, EvidenceStore, Fact, Finding
from eveproc.input.events import Alert, Dhcp, Dns, Event, Flow, Smtp, Stats, Tls
from eveproc.signals.domains import (
    domain_of_address,
    is_below,
    is_exchange_name,
    is_some_ptr_name,
    looks_like_mail_server,
    names_mail,
    registered_domain,
)
from eveproc.signals.home_net import home_test
from eveproc.signals.observation import Observation, Pivot
from eveproc.signals.own_alerts import AlertReader
from eveproc.signals.prefilter_patterns import line_filter
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import MAILBOX_PORTS, Signal

# Ports that a mass mailer tries as well, blocked or not, whatever the site calls its mail ports.
NO_PROBE = MAILBOX_PORTS | {25, 465, 587, 2525}
FIRST_FREE_PORT = 1024
# Version 1 of the dns log says what name does not exist, not what type was asked for.
UNKNOWN_TYPE = ""
# Windows runs these when a user opens them; mass mailers attach nothing else. From the worm
# families of the seed's years (.pif .scr .exe .com .bat .cmd .cpl .vbs .zip holds them) and today's
# loaders (.js .jse .wsf .hta .lnk .iso .img .vhd .xll .one).
RUNNABLE = (
    *(".exe", ".scr", ".pif", ".com", ".bat", ".cmd", ".cpl", ".vbs", ".vbe", ".js", ".jse"),
    *(".wsf", ".hta", ".lnk", ".iso", ".img", ".vhd", ".xll", ".msi", ".ps1", ".jar"),
)


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


def _is_mail_name(name: str) -> bool:
    return names_mail(name) or looks_like_mail_server(name)


class Collector:
    """Feeds events into an EvidenceStore by a site's view of inside, outside and declared servers."""

    def __init__(self, site: SiteProfile, period: Period = EVER) -> None:
        self.site = site
        self.store = EvidenceStore()
        self.period = period
        self._sensors = frozenset(site.sensors)
        self._alerts = AlertReader(site)
        self.is_home = home_test(site)
        self.line_filter = line_filter(site)

    def add(self, event: Event) -> None:
        """Take one event in; what would be evidence and is not used is counted in `unused` with its reason."""
        store = self.store
        if event.sensor in self._sensors:
            store.sensors.add(event.sensor)
        if type(event) is Flow:
            self.note_presence(event)
        findings = list(self._findings(event))
        named = tuple(self._names_in(event))
        if not (findings or named or isinstance(event, Stats | Dhcp)):
            return
        if reason := self.period.why_not(event.time):
            store.unused[reason] += 1
            return
        match event:
            case Stats():  # stamped by the wall clock, also when a capture of last year is replayed
                store.health.note(event)
                return
            case Dhcp():
                store.leases.note(event)
        store.first_event = min(store.first_event, event.time)
        store.last_event = max(store.last_event, event.time)
        for address, name in named:
            store.server_names.note(address, name, event.time)
        for finding in findings:
            self._keep(finding)

    def _names_in(self, event: Event) -> Iterator[tuple[str, str]]:
        """(address, name) of external mail servers, whoever asked: a sensor may see only the resolver ask."""
        match event:
            case Dns(addresses=found) if found and any(map(_is_mail_name, event.asked_names())):
                yield from ((a, name) for name, a in found if not self.is_home(a))
            case Tls(name=str(name)) if name and self._is_mail_port(event.server_port):
                if not self.is_home(event.server):
                    yield event.server, name
            case _:
                pass

    def _is_mail_port(self, port: int) -> bool:
        return port in self.site.ports.smtp or port in self.site.ports.submission

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
        if (
            event.proto == "TCP" and event.flags_logged
        ):  # UDP alone does not show that deliveries would be seen
            self.store.flows_logged = True
            if self.is_home(event.client):
                self.store.note_active(event.client)

    def _keep(self, finding: Finding) -> None:
        self.store.note_active(finding.host)
        if self._is_exempt(finding):
            self.store.unused["exempt"] += 1
            return
        self.store.note(finding)

    def _is_exempt(self, finding: Finding) -> bool:
        if not self.site.exempt or not isinstance(finding.kind, Signal):
            return False
        day = datetime.fromtimestamp(finding.observation.time, UTC).date()
        return self.site.exemption_for(ip_address(finding.host), finding.kind, day) is not None

    def _of_alert(self, event: Alert) -> Iterator[Finding]:
        read = self._alerts.read(event)
        if read is None:
            return
        if self.is_home(read.host):
            yield Finding(read.host, read.signal, EvidenceSource.ALERT, read.observation)
        else:
            self.store.unused["alert about no home host"] += 1

    def _of_dns(self, event: Dns) -> Iterator[Finding]:
        """A resolver is one that is asked for mail servers: those are the questions that are looked at."""
        asked = [
            (name, rrtype, kinds)
            for name, rrtype in event.questions
            if (kinds := self._kinds_of_question(event, name, rrtype))
        ]
        if not asked:
            return
        if event.is_answer and event.client != event.server and self.is_home(event.server):
            yield self._log(event.server, Fact.SERVES_DNS, event, event.client, event.client)
        if not self.is_home(event.client):
            return
        for name, rrtype, kinds in asked:
            for kind, key in kinds:
                yield self._log(
                    event.client, kind, event, key, event.client_port, name, rrtype, event.query_id
                )

    def _kinds_of_question(self, event: Dns, name: str, rrtype: str) -> list[tuple[Activity, str]]:
        if rrtype == "PTR":
            return [(Fact.ASKS_PTR, name)] if is_some_ptr_name(name) else []
        if rrtype not in ("MX", "A", "AAAA", UNKNOWN_TYPE) or is_below(
            name, self.site.internal_domains
        ):
            return []
        kinds: list[tuple[Activity, str]] = []
        if rrtype == "MX" or names_mail(name):
            whose = name if is_exchange_name(name) else registered_domain(name)
            kinds.append((Fact.MAIL_NAMES, whose))
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
            yield self._log(
                event.server,
                Fact.TAKES_MAIL_IN,
                event,
                event.client,
                event.client,
                event.client_port,
            )
        if not self.is_home(event.client) or self.is_home(event.server):
            return
        # Suricata 6 and 7 log one more transaction for the QUIT after a mail, with the session's
        # HELO in it or with nothing.
        if not (event.mail_from or event.rcpt_to) and (event.tx_id > 0 or not event.helo):
            return
        what = (event.client_port, event.server, event.tx_id)
        submission = event.server_port in self.site.ports.submission
        kind = Signal.SUBMISSION_ATTEMPTS if submission else Signal.SMTP_SESSIONS
        yield self._log(
            event.client,
            kind,
            event,
            event.server,
            event.client_port,
            event.server,
            event.server_port,
        )
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
            yield self._log(
                event.server,
                Fact.TAKES_MAIL_IN,
                event,
                event.client,
                event.client,
                event.client_port,
            )
        if self.is_home(event.client):
            for kind, key in self._kinds_of_connection(event, is_mail):
                yield self._log(
                    event.client, kind, event, key, event.client_port, event.server, port
                )

    def _unflipped(self, flow: Flow) -> Flow:
        """A connection that was picked up in its middle may be logged from the server's end: its port tells."""
        mail = (*self.site.ports.smtp, *self.site.ports.submission)
        if (
            flow.client_port not in mail
            or flow.server_port in mail
            or flow.server_port < FIRST_FREE_PORT
        ):
            return flow
        ends = {
            "client": flow.server,
            "client_port": flow.server_port,
            "server": flow.client,
            "server_port": flow.client_port,
        }
        return replace(flow, **ends)

    def _kinds_of_connection(self, event: Flow, is_mail: bool) -> Iterator[tuple[Activity, str]]:
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
        elif (
            event.flags_logged
            and event.proto == "TCP"
            and not event.established
            and not inside
            and event.server_port not in NO_PROBE
        ):
            yield Fact.PROBED, event.server

    @staticmethod
    def _log(host: str, kind: Activity, event: Event, key: str, *identity: object) -> Finding:
        pivot = (
            Pivot(event.flow_id, event.community_id, event.tx_id if isinstance(event, Smtp) else -1)
            if event.flow_id
            else None
        )
        return Finding(
            host,
            kind,
            EvidenceSource.LOG,
            Observation(event.time, key, (key, *identity), pivot=pivot),
        )
