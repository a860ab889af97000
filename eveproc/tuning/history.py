"""Events + SiteProfile -> History: when each watched host did what a rule counts. Mergeable.

It is raw material, not evidence: matching.py and predict.py derive later what any threshold would
have alerted. Times are whole microseconds since 1970 UTC, as EVE has them.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field

from eveproc.evidence.sketch import fingerprint
from eveproc.input.events import Dhcp, Dns, Event, Flow, Smtp
from eveproc.input.lookups import MOST_KNOWN, Answered, Asker
from eveproc.signals.domains import names_mail
from eveproc.signals.registry import SIGNALS
from eveproc.signals.rule_match import DnsMatch, SmtpMatch
from eveproc.tuning.rows import HistoryRow, HistoryRows
from rulegen.site_profile import Ports, SiteProfile
from rulegen.units import HOUR

FIN, SYN, RST, PUSH, ACK, URG = 1, 2, 4, 8, 16, 32
SYN_ACK = SYN | ACK
# Hours. An office that is closed for a day is silent; a longer gap is a missing log.
LONGEST_SILENCE = 24
_LARGEST = 2**64 - 1
# As many as a very large site has watched hosts; forged IPv6 addresses may be more.
MOST_HOSTS = 100_000

DNS_MATCHES = tuple(
    {
        entry.rule_match.rows: entry.rule_match
        for entry in SIGNALS.values()
        if isinstance(entry.rule_match, DnsMatch)
    }.values()
)
SMTP_MATCHES = tuple(
    entry.rule_match for entry in SIGNALS.values() if isinstance(entry.rule_match, SmtpMatch)
)
# Kinds of rows other than those of DNS_MATCHES.
DNS_TCP, OPENED, SMTP, TOOK_MAIL = "dns_tcp", "opened", "smtp", "took_mail"
# Number of numbers in a row. The comments name those after time and fingerprint.
WIDTHS: Mapping[str, int] = MappingProxyType(
    {
        **{match.rows: 3 for match in DNS_MATCHES},  # TCP flow id or 0
        # TCP flow id, 1 for an answer: messages that advance the stream which a rule inspects
        DNS_TCP: 4,
        OPENED: 8,  # server, end, sent, received, flow id, ConnectionState
        SMTP: 5,  # flow id, tx id + 1, bits of SMTP_MATCHES
        TOOK_MAIL: 3,  # flow id
    },
)


class ConnectionState:
    """Bits of a connection's properties; plain numbers, because an IntFlag takes ten times as long.

    In this order: on a server-to-server port, on a submission port, the client sent only SYNs,
    refused, answered.
    """

    DIRECT: Final = 1
    SUBMISSION: Final = 2
    ONLY_SYNS: Final = 4
    REFUSED: Final = 8
    MET: Final = 16


HostRows = dict[str, HistoryRows]


class History(Struct):
    """What the watched hosts did, and when logs were written, in hours since 1970 UTC.

    `hours` are those with any record about mail; in `eights` Suricata 8 or later wrote, in `sevens`
    an older one. Beyond MOST_HOSTS hosts those with the smallest fingerprints are kept, a fair
    sample, and `is_thinned` is set.
    """

    hosts: dict[str, HostRows] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    hours: set[int] = field(default_factory=set)
    eights: set[int] = field(default_factory=set)
    sevens: set[int] = field(default_factory=set)
    is_thinned: bool = False

    def merge(self, other: "History") -> None:
        for host, theirs in other.hosts.items():
            mine = self.hosts.setdefault(host, {})
            for what, rows in theirs.items():
                mine.setdefault(what, HistoryRows(WIDTHS[what])).merge(rows)
        self.active |= other.active
        self.hours |= other.hours
        self.eights |= other.eights
        self.sevens |= other.sevens
        self.is_thinned |= other.is_thinned
        self.trim()

    def see(self, host: str) -> bool:
        """Note that a watched host did something. True if it is one of the kept hosts."""
        self.active.add(host)
        if len(self.active) > 2 * MOST_HOSTS:
            self.trim()
        return host in self.active

    def trim(self) -> None:
        """Bring the history to canonical form.

        A host that is cut from a part has MOST_HOSTS smaller fingerprints there, so it is cut from
        the whole as well.
        """
        if len(self.active) > MOST_HOSTS:
            self.is_thinned = True
            self.active = set(
                sorted(self.active, key=lambda host: (fingerprint((host,)), host))[:MOST_HOSTS]
            )
            self.hosts = {host: rows for host, rows in self.hosts.items() if host in self.active}

    def rows(self, host: str, what: str) -> HistoryRows:
        """The kept rows, or empty ones that must not be changed."""
        return self.hosts.get(host, _NOTHING).get(what, _EMPTY[what])

    @property
    def by_eight(self) -> bool:
        """True if Suricata 8 wrote most of it."""
        return len(self.eights) > len(self.sevens)

    @property
    def days(self) -> float:
        """The time that was logged. A gap of more than LONGEST_SILENCE hours is a missing log."""
        ordered = sorted(self.hours)
        gaps = (after - before for before, after in pairwise(ordered))
        return (
            min(1, len(ordered)) + sum(gap if gap <= LONGEST_SILENCE else 1 for gap in gaps)
        ) / 24


_NOTHING: HostRows = {}
_EMPTY = MappingProxyType({what: HistoryRows(width) for what, width in WIDTHS.items()})


class _Told(Struct, frozen=True):
    """The meaning of lookups of one content: kinds of rows, and whether they are about mail."""

    is_of_mail: bool
    counted: tuple[str, ...]
    is_streamed: bool


class HistoryKeeper:
    """Feeds events into a History, by the site's watched hosts and home networks."""

    def __init__(self, site: SiteProfile, history: History | None = None) -> None:
        self.site = site
        self.history = History() if history is None else history
        self._mail_ports = frozenset((*site.ports.smtp, *site.ports.submission))
        self._without_smtp = frozenset(chain(*site.ports.without_smtp))
        self.is_watched = lru_cache(maxsize=1 << 16)(self._is_watched)
        self.is_home = lru_cache(maxsize=1 << 16)(self._is_home)
        self._told = lru_cache(maxsize=MOST_KNOWN)(self._tell)

    def add(self, event: Event) -> None:
        """Add one event.

        Events that are not about mail are ignored, because a reader may skip such lines.
        """
        if self._is_of_mail(event):
            self.history.hours.add(int(event.time // HOUR))
        match event:
            case Dns():
                self._of_dns(event)
            case Flow() if event.proto == "TCP":
                self._of_flow(event)
            case Smtp():
                self._of_smtp(event)

    def add_lookups(self, asker: Asker) -> None:
        """Add the lookups of one host; same result as `add` with each event."""
        hours: set[int] = set()
        eights: set[int] = set()
        sevens: set[int] = set()
        rows = defaultdict[str, list[HistoryRow]](list)
        for answered, time, port, query_id, flow_id, _, _, server in asker.asked:
            event, told = answered.event, self._told(answered)
            if told.is_of_mail:
                hours.add(int(time // HOUR))
            if not (told.counted or told.is_streamed):
                continue
            (eights if event.eight else sevens).add(int(time // HOUR))
            mark = fingerprint((port, server, query_id, event.is_answer))
            row = (micros(time), mark, _bounded(flow_id) if event.tcp else 0)
            for what in told.counted:
                rows[what].append(row)
            if told.is_streamed:
                rows[DNS_TCP].append((*row, int(event.is_answer)))
        self.history.hours |= hours
        if rows and self._see(asker.client):
            self.history.eights |= eights
            self.history.sevens |= sevens
            for what, more in rows.items():
                self._rows(asker.client, what).extend(more)

    def _tell(self, answered: Answered) -> _Told:
        return _Told(self._is_of_mail(answered.event), *self._kinds_of(answered.event))

    def _is_of_mail(self, event: Event) -> bool:
        match event:
            case Dns():
                return any(rrtype == "MX" or names_mail(name) for name, rrtype in event.questions)
            case Flow():
                return event.server_port in self._mail_ports
            case _:
                return isinstance(event, Smtp | Dhcp)

    def _is_watched(self, text: str) -> bool:
        address = ip_address(text)
        site = self.site
        return (
            site.is_home(address)
            and not site.is_mail_server(address)
            and not site.is_resolver(address)
        )

    def _is_home(self, text: str) -> bool:
        return self.site.is_home(ip_address(text))

    def _keep(self, host: str, what: str, time: float, *more: int) -> None:
        self._rows(host, what).add((micros(time), *map(_bounded, more)))

    def _rows(self, host: str, what: str) -> HistoryRows:
        kinds = self.history.hosts.setdefault(host, {})
        rows = kinds.get(what)
        if rows is None:
            rows = kinds[what] = HistoryRows(WIDTHS[what])
        return rows

    def _see(self, address: str) -> bool:
        return self.is_watched(address) and self.history.see(address)

    def _of_dns(self, event: Dns) -> None:
        counted, is_streamed = self._kinds_of(event)
        if not (counted or is_streamed) or not self._see(event.client):
            return
        (self.history.eights if event.eight else self.history.sevens).add(int(event.time // HOUR))
        flow_id = event.flow_id if event.tcp else 0
        mark = fingerprint((event.client_port, event.server, event.query_id, event.is_answer))
        for what in counted:
            self._keep(event.client, what, event.time, mark, flow_id)
        if is_streamed:
            self._keep(event.client, DNS_TCP, event.time, mark, flow_id, int(event.is_answer))

    def _kinds_of(self, event: Dns) -> tuple[tuple[str, ...], bool]:
        """The kinds of rows that a packet counts in, and whether it advances a stream."""
        counted = tuple(match.rows for match in DNS_MATCHES if self._is_counted(event, match))
        return counted, event.tcp and any(self._asks(event, match) for match in DNS_MATCHES)

    def _is_counted(self, event: Dns, match: DnsMatch) -> bool:
        """True if the rule counts the packet; once, however many questions it holds."""
        if match.of_nxdomain != event.is_answer or (
            match.of_nxdomain and event.rcode != "NXDOMAIN"
        ):
            return False
        return (len(event.questions) == 1 or not match.single_question) and self._asks(event, match)

    def _asks(self, event: Dns, match: DnsMatch) -> bool:
        own = self.site.internal_domains
        return any(match.counts(name, rrtype, own) for name, rrtype in event.questions)

    def _of_flow(self, event: Flow) -> None:
        port = event.server_port
        if (
            port not in self._mail_ports
            or not self._see(event.client)
            or self.is_home(event.server)
            or not began_with_syn(event)
        ):
            return
        bits = (
            ConnectionState.DIRECT if port in self.site.ports.smtp else ConnectionState.SUBMISSION
        ) | _opened(event)
        mark, server = (
            fingerprint((event.client_port, event.server, port)),
            fingerprint((event.server,)),
        )
        more = (mark, server, micros(event.end), event.sent, event.received, event.flow_id, bits)
        self._keep(event.client, OPENED, event.time, *more)

    def _of_smtp(self, event: Smtp) -> None:
        mark = fingerprint((event.client, event.client_port, event.server, event.tx_id))
        if event.server_port in self.site.ports.smtp and self._see(event.server):
            self._keep(event.server, TOOK_MAIL, event.time, mark, event.flow_id)
        if (
            event.server_port not in self._without_smtp
            and self._see(event.client)
            and not self.is_home(event.server)
        ):
            self._keep(
                event.client,
                SMTP,
                event.time,
                mark,
                event.flow_id,
                event.tx_id + 1,
                _said(event, self.site.ports),
            )


def began_with_syn(flow: Flow) -> bool:
    """True if the rule for SYNs matched the first packet: not if the flow was picked up midstream,
    and not for a SYN with other flags (a probe).
    """
    flags = flow.client_flags
    if flags < 0:
        return True
    return bool(flags & SYN) and (bool(flags & ACK) or not flags & (FIN | PUSH | URG))


def _opened(flow: Flow) -> int:
    bits = 0
    if flow.client_flags >= 0 and not flow.client_flags & (ACK | RST):
        bits |= ConnectionState.ONLY_SYNS
    if flow.server_flags >= 0 and flow.server_flags & RST and not flow.server_flags & SYN:
        bits |= ConnectionState.REFUSED
    if flow.server_flags & SYN_ACK == SYN_ACK if flow.server_flags >= 0 else flow.established:
        bits |= ConnectionState.MET
    return bits


def _said(mail: Smtp, ports: Ports) -> int:
    return sum(
        match.bit
        for match in SMTP_MATCHES
        if _looks_at(match, mail.server_port, ports) and match.counts(mail)
    )


def _looks_at(match: SmtpMatch, port: int, ports: Ports) -> bool:
    if match.only_smtp_ports:
        return port in ports.smtp
    return not (match.except_submission and port in ports.submission)


def _bounded(number: int) -> int:
    return min(max(number, 0), _LARGEST)


def micros(seconds: float) -> int:
    """Seconds since 1970 -> whole microseconds."""
    return max(round(seconds * 1_000_000), 0)
