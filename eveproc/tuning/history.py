"""Events + SiteProfile -> History: for every watched host, when it did what a rule would count. Merging is order-free.

Not evidence but raw material: what a threshold would have made of it is asked later, of any
threshold (matching.py, predict.py). Times are whole microseconds since 1970, as EVE writes them.
"""

import re
from collections.abc import Iterator
from enum import IntFlag, StrEnum
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain, pairwise
from types import MappingProxyType

from msgspec import Struct, field

from eveproc.evidence.sketch import fingerprint
from eveproc.input.events import Dhcp, Dns, Event, Flow, Smtp
from eveproc.signals.domains import is_below, names_mail
from eveproc.tuning.rows import HistoryRows
from rulegen.site_profile import SiteProfile
from rulegen.units import HOUR
from rulegen.vocabulary import GUESSED_LABELS

FIN, SYN, RST, PUSH, ACK, URG = 1, 2, 4, 8, 16, 32
SYN_ACK = SYN | ACK
# Hours; an office that is closed for a day is silent, not unlogged.
LONGEST_SILENCE = 24
_LARGEST = 2**64 - 1
_GUESSED = frozenset(GUESSED_LABELS)
# As the rules helo_odd and worm_attachment have it.
_ODD = re.compile(
    r"[\w-]+|localhost\.\w+|\d+\.\d+\.\d+\.\d+|\[(0\.0\.0\.0|127\.\d+\.\d+\.\d+)\]", re.ASCII
)
_RUNS = re.compile(r"\.(bat|cmd|com|cpl|exe|hta|jse?|lnk|pif|scr|vb[es]|ws[fh])\Z", re.IGNORECASE)
# As many as the watched hosts of a very large site; a forger of IPv6 addresses has more.
MOST_HOSTS = 100_000
# The rules look for the end of a question at most so many bytes behind its first label.
LONGEST_REST = 240


class RecordKind(StrEnum):
    """Kinds of rows; the comment gives the numbers behind time and fingerprint."""

    MX = "mx"  # TCP flow id or 0
    GUESS = "guess"  # TCP flow id or 0
    NX = "nx"  # TCP flow id or 0
    DNS_TCP = (
        "dns_tcp"  # TCP flow id, 1 for an answer: what moves the stream on that a rule looks into
    )
    OPENED = "opened"  # server, end, sent, received, flow id, ConnectionState
    SMTP = "smtp"  # flow id, tx id + 1, SessionState
    TOOK_MAIL = "took_mail"  # flow id


WIDTHS = MappingProxyType(
    {
        RecordKind.MX: 3,
        RecordKind.GUESS: 3,
        RecordKind.NX: 3,
        RecordKind.DNS_TCP: 4,
        RecordKind.OPENED: 8,
        RecordKind.SMTP: 5,
        RecordKind.TOOK_MAIL: 3,
    },
)


class ConnectionState(IntFlag):
    """What is true of a connection: on a port of servers or of submission; the client sent nothing but SYNs; refused; answered."""

    DIRECT = 1
    SUBMISSION = 2
    ONLY_SYNS = 4
    REFUSED = 8
    MET = 16


class SessionState(IntFlag):
    """What a record of SMTP shows."""

    HELO = 1
    HELO_ODD = 2
    MAIL = 4
    PROGRAM = 8


HostRows = dict[RecordKind, HistoryRows]


class History(Struct):
    """`hours` are those since 1970 in which anything was logged; `eights` and `sevens` are those in which 8 or newer, or 7, wrote.

    Of more than MOST_HOSTS hosts those with the smallest fingerprints are kept, a fair sample;
    `is_thinned` says so.
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
        """A watched host did something; is it among those that are kept?"""
        self.active.add(host)
        if len(self.active) > 2 * MOST_HOSTS:
            self.trim()
        return host in self.active

    def trim(self) -> None:
        """Bring it to its one canonical form. Whoever is left out of a part has MOST_HOSTS before him there, so he is left out of all."""
        if len(self.active) > MOST_HOSTS:
            self.is_thinned = True
            self.active = set(
                sorted(self.active, key=lambda host: (fingerprint((host,)), host))[:MOST_HOSTS]
            )
            self.hosts = {host: rows for host, rows in self.hosts.items() if host in self.active}

    def rows(self, host: str, what: RecordKind) -> HistoryRows:
        """What was kept, or empty rows that nobody may add to."""
        return self.hosts.get(host, _NOTHING).get(what, _EMPTY[what])

    @property
    def by_eight(self) -> bool:
        """Did Suricata 8 write it?"""
        return len(self.eights) > len(self.sevens)

    @property
    def days(self) -> float:
        """For how long somebody logged: up to a day without a record is silence, more of it is a log that is missing."""
        ordered = sorted(self.hours)
        gaps = (after - before for before, after in pairwise(ordered))
        return (
            min(1, len(ordered)) + sum(gap if gap <= LONGEST_SILENCE else 1 for gap in gaps)
        ) / 24


_NOTHING: HostRows = {}
_EMPTY = MappingProxyType({what: HistoryRows(width) for what, width in WIDTHS.items()})


class HistoryKeeper:
    """Feeds events into a History by a site's view of who is watched and what is outside."""

    def __init__(self, site: SiteProfile, history: History | None = None) -> None:
        self.site = site
        self.history = History() if history is None else history
        self._mail_ports = frozenset((*site.ports.smtp, *site.ports.submission))
        self._without_smtp = frozenset(chain(*site.ports.without_smtp))
        self.is_watched = lru_cache(maxsize=1 << 16)(self._is_watched)
        self.is_home = lru_cache(maxsize=1 << 16)(self._is_home)

    def add(self, event: Event) -> None:
        """Take one event in. What is no matter of mail tells nothing, not even the time: a reader may pass such lines over."""
        if self._is_of_mail(event):
            self.history.hours.add(int(event.time // HOUR))
        match event:
            case Dns():
                self._of_dns(event)
            case Flow() if event.proto == "TCP":
                self._of_flow(event)
            case Smtp():
                self._of_smtp(event)

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

    def _keep(self, host: str, what: RecordKind, time: float, *more: int) -> None:
        kinds = self.history.hosts.setdefault(host, {})
        rows = kinds.get(what)
        if rows is None:
            rows = kinds[what] = HistoryRows(WIDTHS[what])
        rows.add((micros(time), *(min(max(number, 0), _LARGEST) for number in more)))

    def _see(self, address: str) -> bool:
        return self.is_watched(address) and self.history.see(address)

    def _of_dns(self, event: Dns) -> None:
        counted = list(self._counted(event))
        is_streamed = event.tcp and any(
            rrtype == "MX" or self._is_guess(name, rrtype) for name, rrtype in event.questions
        )
        if not (counted or is_streamed) or not self._see(event.client):
            return
        (self.history.eights if event.eight else self.history.sevens).add(int(event.time // HOUR))
        flow_id = event.flow_id if event.tcp else 0
        mark = fingerprint((event.client_port, event.server, event.query_id, event.is_answer))
        for what in counted:
            self._keep(event.client, what, event.time, mark, flow_id)
        if is_streamed:
            self._keep(
                event.client, RecordKind.DNS_TCP, event.time, mark, flow_id, int(event.is_answer)
            )

    def _counted(self, event: Dns) -> Iterator[RecordKind]:
        """A packet counts once, however many questions it holds; guesses are looked for where it holds one."""
        if not event.is_answer and any(rrtype == "MX" for _, rrtype in event.questions):
            yield RecordKind.MX
        if len(event.questions) == 1 and self._is_guess(*event.questions[0]):
            if not event.is_answer:
                yield RecordKind.GUESS
            elif event.rcode == "NXDOMAIN":
                yield RecordKind.NX

    def _is_guess(self, name: str, rrtype: str) -> bool:
        """As the rules see it: a guessed first label, also alone, and not below a domain of the site."""
        first, _, rest = name.partition(".")
        return (
            rrtype == "A"
            and first in _GUESSED
            and len(rest) < LONGEST_REST
            and not is_below(rest, self.site.internal_domains)
        )

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
        self._keep(event.client, RecordKind.OPENED, event.time, *more)

    def _of_smtp(self, event: Smtp) -> None:
        mark = fingerprint((event.client, event.client_port, event.server, event.tx_id))
        direct = event.server_port in self.site.ports.smtp
        if direct and self._see(event.server):
            self._keep(event.server, RecordKind.TOOK_MAIL, event.time, mark, event.flow_id)
        if (
            event.server_port not in self._without_smtp
            and self._see(event.client)
            and not self.is_home(event.server)
        ):
            self._keep(
                event.client,
                RecordKind.SMTP,
                event.time,
                mark,
                event.flow_id,
                event.tx_id + 1,
                _said(event, direct),
            )


def began_with_syn(flow: Flow) -> bool:
    """Did the rule for SYNs match its first packet? Not where it was picked up midway, nor a SYN with other flags (a probe)."""
    flags = flow.client_flags
    if flags < 0:
        return True
    return bool(flags & SYN) and (bool(flags & ACK) or not flags & (FIN | PUSH | URG))


def _opened(flow: Flow) -> ConnectionState:
    bits = ConnectionState(0)
    if flow.client_flags >= 0 and not flow.client_flags & (ACK | RST):
        bits |= ConnectionState.ONLY_SYNS
    if flow.server_flags >= 0 and flow.server_flags & RST and not flow.server_flags & SYN:
        bits |= ConnectionState.REFUSED
    if flow.server_flags & SYN_ACK == SYN_ACK if flow.server_flags >= 0 else flow.established:
        bits |= ConnectionState.MET
    return bits


def _said(mail: Smtp, direct: bool) -> SessionState:
    bits = SessionState.HELO if mail.helo else SessionState(0)
    if direct and _ODD.fullmatch(mail.helo):
        bits |= SessionState.HELO_ODD
    if mail.mail_from or mail.rcpt_to:
        bits |= SessionState.MAIL
    if any(_RUNS.search(name) for name in mail.attachments):
        bits |= SessionState.PROGRAM
    return bits


def micros(seconds: float) -> int:
    """Seconds since 1970 -> whole microseconds."""
    return max(round(seconds * 1_000_000), 0)
