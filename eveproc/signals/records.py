"""An event + SiteProfile -> records, each about one home host, that signals are read from.

One event may give several records: a DNS message one for each question, an SMTP transaction one for
its session and one for itself.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from eveproc.input.events import FIN, LOOPBACK, PSH, RST, SYN, Dns, Event, Flow, Smtp, Tls
from eveproc.signals.domains import domain_of_address, is_below, registered_domain
from eveproc.signals.home_net import home_test
from eveproc.signals.observation import Pivot
from rulegen.site_profile import SiteProfile

# Ports below are not given to clients (RFC 6335, system ports).
FIRST_CLIENT_PORT = 1024
# Maximum number of recipients read from a mail: more show nothing new; large providers take 100 and
# more.
MOST_RECIPIENTS = 20


class Record(Struct, frozen=True):
    """What one event says about the home host `host`.

    `identity` and `number` tell two events of an hour apart. They are equal if the event is logged
    again, also by another sensor (observation.py).
    """

    EVE_TYPE: ClassVar[str] = ""

    event: Event
    host: str

    @property
    def identity(self) -> tuple[object, ...]:
        raise NotImplementedError

    @property
    def number(self) -> int:
        return 0

    @property
    def pivot(self) -> Pivot | None:
        event = self.event
        if not event.flow_id:
            return None
        tx_id = event.tx_id if isinstance(event, Smtp) else -1
        port = event.client_port if isinstance(event, Dns | Flow | Smtp | Tls) else 0
        return Pivot(event.flow_id, event.community_id, tx_id, port)


def text_of(smtp: Smtp) -> str:
    """A digest of the mail's text, else of its subject, else the subject; "" without one."""
    return smtp.body_md5 or smtp.subject_md5 or smtp.subject


class Question(Record, frozen=True):
    """A home host asked a name that is not the site's own. Names are lower case, types upper
    case.
    """

    EVE_TYPE = "dns"

    event: Dns
    name: str
    rrtype: str

    @property
    def is_nxdomain(self) -> bool:
        return self.event.is_answer and self.event.rcode == "NXDOMAIN"

    @property
    def is_listed(self) -> bool:
        """True if DNS blocklists answer so for listed addresses (RFC 5782, 2.1)."""
        return any(address.startswith(LOOPBACK) for _, address in self.event.addresses)

    @property
    def identity(self) -> tuple[object, ...]:
        return self.name, self.rrtype

    @property
    def number(self) -> int:
        return self.event.client_port << 16 | self.event.query_id


class Connection(Record, frozen=True):
    """A home host opened, or tried to open, a connection."""

    EVE_TYPE = "flow"

    event: Flow
    is_mail: bool  # TCP to a mail port of the site profile
    is_submission: bool
    is_internal: bool  # the server is a home host

    @property
    def identity(self) -> tuple[object, ...]:
        return self.event.client_port, self.event.server, self.event.server_port


class Session(Record, frozen=True):
    """A home host spoke SMTP with an external server."""

    EVE_TYPE = "smtp"

    event: Smtp
    is_submission: bool

    @property
    def identity(self) -> tuple[object, ...]:
        return self.event.client_port, self.event.server, self.event.server_port


class EncryptedSession(Record, frozen=True):
    """A home host spoke TLS with an external server on a mail port."""

    EVE_TYPE = "tls"

    event: Tls
    is_submission: bool

    @property
    def identity(self) -> tuple[object, ...]:
        return self.event.client_port, self.event.server, self.event.server_port


class Transaction(Record, frozen=True):
    """One SMTP transaction of a home host with an external server; `recipient` is "" without a
    mail.

    `recipient` is the registered domain that the mail counts for: a mail to 600 recipients counts
    once.
    """

    EVE_TYPE = "smtp"

    event: Smtp
    recipient: str = ""
    sender: str = ""
    is_own_sender: bool = False

    @property
    def text(self) -> str:
        return text_of(self.event)

    @property
    def identity(self) -> tuple[object, ...]:
        return self.event.client_port, self.event.server, self.event.tx_id


class Recipient(Record, frozen=True):
    """One recipient of a mail that a home host sent, who is neither the site's nor the sender's.

    `is_direct`: the mail went to an external server's port 25. `is_refused`: no message followed,
    so the server refused the recipient, the sender or the mail.
    """

    EVE_TYPE = "smtp"

    event: Smtp
    mailbox: str
    is_direct: bool

    @property
    def is_refused(self) -> bool:
        return not self.event.has_message

    @property
    def identity(self) -> tuple[object, ...]:
        return self.event.client_port, self.event.server, self.event.tx_id, self.mailbox


class RelayedMail(Record, frozen=True):
    """A home host gave a mail to a server of the site; `recipient` is an external domain."""

    EVE_TYPE = "smtp"

    event: Smtp
    recipient: str

    @property
    def text(self) -> str:
        return text_of(self.event)

    @property
    def identity(self) -> tuple[object, ...]:
        return self.event.client_port, self.event.server, self.event.tx_id


class IncomingRecipient(Record, frozen=True):
    """An external host brought the home host a mail for this domain, not declared as own."""

    EVE_TYPE = "smtp"

    event: Smtp
    domain: str

    @property
    def identity(self) -> tuple[object, ...]:
        return self.event.client, self.event.client_port, self.event.tx_id, self.domain


class MailService(Record, frozen=True):
    """The home host took an SMTP connection."""

    EVE_TYPE = "smtp"

    event: Smtp | Flow

    @property
    def identity(self) -> tuple[object, ...]:
        return self.event.client, self.event.client_port


class DnsService(Record, frozen=True):
    """The home host answered DNS questions of another host."""

    EVE_TYPE = "dns"

    event: Dns
    questions: tuple[tuple[str, str], ...]  # none of them the site's own

    @property
    def identity(self) -> tuple[object, ...]:
        return (self.event.client,)


class RecordReader:
    """Reads events by a site's view of home hosts, mail ports and own domains."""

    def __init__(self, site: SiteProfile) -> None:
        self._internal_domains = site.internal_domains
        self._submission = frozenset(site.ports.submission)
        self._mail_ports = frozenset((*site.ports.smtp, *site.ports.submission))
        self.is_home = home_test(site)

    def read(self, event: Event) -> Iterable[Record]:
        """Every record of the event; none for what is about no home host."""
        match event:
            case Dns():
                return self._of_dns(event)
            case Flow():
                return self._of_flow(self._unflipped(event))
            case Smtp():
                return self._of_smtp(event)
            case Tls():
                return self._of_tls(event)
            case _:
                return ()

    def questions(self, event: Dns) -> tuple[tuple[str, str], ...]:
        """Those that are not about the site's own names."""
        return tuple(
            (name, rrtype)
            for name, rrtype in event.questions
            if rrtype == "PTR" or not is_below(name, self._internal_domains)
        )

    def _of_dns(self, event: Dns) -> Iterator[Record]:
        questions = self.questions(event)
        if not questions:
            return
        if event.is_answer and event.client != event.server and self.is_home(event.server):
            yield DnsService(event, event.server, questions)
        if self.is_home(event.client):
            for name, rrtype in questions:
                yield Question(event, event.client, name, rrtype)

    def _of_flow(self, event: Flow) -> Iterator[Record]:
        is_mail = event.proto == "TCP" and event.server_port in self._mail_ports
        is_internal = self.is_home(event.server)
        if is_mail and is_internal and event.answered and event.established:
            yield MailService(event, event.server)
        if self.is_home(event.client) and _is_opened_by_client(event):
            is_submission = event.server_port in self._submission
            yield Connection(event, event.client, is_mail, is_submission, is_internal)

    def _unflipped(self, flow: Flow) -> Flow:
        """Turn a flow around that was logged from the server's end, as its ports tell.

        That happens to connections that the sensor picked up after they began.
        """
        if (
            flow.client_port not in self._mail_ports
            or flow.server_port in self._mail_ports
            or flow.server_port < FIRST_CLIENT_PORT
        ):
            return flow
        return replace(
            flow,
            client=flow.server,
            client_port=flow.server_port,
            server=flow.client,
            server_port=flow.client_port,
            answered=flow.sent > 0 or flow.answered,
            sent=flow.received,
            received=flow.sent,
            sent_bytes=flow.received_bytes,
            received_bytes=flow.sent_bytes,
            client_flags=flow.server_flags,
            server_flags=flow.client_flags,
        )

    def _of_smtp(self, event: Smtp) -> Iterator[Record]:
        is_internal = self.is_home(event.server)
        if is_internal:
            yield MailService(event, event.server)
        is_own = self.is_home(event.client)
        if is_internal and event.rcpt_to:
            yield from self._through_the_site(event) if is_own else self._brought_in(event)
        if is_internal or not is_own or _is_quit(event):
            return
        yield from self._sent_directly(event)

    def _of_tls(self, event: Tls) -> Iterator[Record]:
        is_mail = event.server_port in self._mail_ports
        if is_mail and self.is_home(event.client) and not self.is_home(event.server):
            is_submission = event.server_port in self._submission
            yield EncryptedSession(event, event.client, is_submission)

    def _through_the_site(self, event: Smtp) -> Iterator[Record]:
        unrelated = self._unrelated(event)
        for mailbox in unrelated:
            yield Recipient(event, event.client, mailbox, is_direct=False)
        if unrelated:
            domain = domain_of_address(unrelated[0])
            yield RelayedMail(event, event.client, registered_domain(domain))

    def _brought_in(self, event: Smtp) -> Iterator[Record]:
        """Not of a probe for an open relay, which names any domain and is refused."""
        if not event.has_message:
            return
        domains = {domain_of_address(mailbox) for mailbox in event.rcpt_to[:MOST_RECIPIENTS]}
        for domain in sorted(domains):
            if domain and not is_below(domain, self._internal_domains):
                yield IncomingRecipient(event, event.server, registered_domain(domain))

    def _unrelated(self, event: Smtp) -> list[str]:
        """Mailboxes of the first recipients that are neither the site's nor the sender's."""
        own = (*self._internal_domains, domain_of_address(event.mail_from))
        known = tuple(domain for domain in own if domain)
        boxes = (mailbox.strip().strip("<>").lower() for mailbox in event.rcpt_to[:MOST_RECIPIENTS])
        return [box for box in boxes if (d := domain_of_address(box)) and not is_below(d, known)]

    def _sent_directly(self, event: Smtp) -> Iterator[Record]:
        is_submission = event.server_port in self._submission
        for mailbox in self._unrelated(event):
            yield Recipient(event, event.client, mailbox, is_direct=not is_submission)
        yield Session(event, event.client, is_submission)
        if not event.rcpt_to:
            yield Transaction(event, event.client)
            return
        sender = domain_of_address(event.mail_from)
        yield Transaction(
            event,
            event.client,
            self._recipient(event, sender),
            sender,
            bool(sender) and is_below(sender, self._internal_domains),
        )

    def _recipient(self, event: Smtp, sender: str) -> str:
        """The first domain by name that is neither the site's own nor the sender's, if there is
        one.
        """
        domains = sorted({domain_of_address(mailbox) for mailbox in event.rcpt_to})
        known = (*self._internal_domains, sender)
        unrelated = [domain for domain in domains if not is_below(domain, known)]
        return registered_domain((unrelated or domains)[0])


def _is_opened_by_client(flow: Flow) -> bool:
    """Did the client take part in the connection?

    Backscatter and reflection are no connections of the host: an external server answers (SYN and
    ACK) a SYN that somebody sent in the host's name, and the host, if there is one, resets it.
    """
    if flow.proto != "TCP" or flow.client_flags < 0:
        return True
    is_reset_only = flow.client_flags & RST and not flow.client_flags & (SYN | PSH | FIN)
    return bool(flow.client_flags) and not is_reset_only


def _is_quit(event: Smtp) -> bool:
    """True for the transaction that Suricata 6 and 7 log for the QUIT after a mail.

    It holds the session's HELO or nothing.
    """
    return not (event.mail_from or event.rcpt_to) and (event.tx_id > 0 or not event.helo)
