"""Facts about a host that are no signal but may explain one, and the records that show them."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from eveproc.input.events import FIRST_USER_PORT, Flow, Smtp
from eveproc.signals.declaration import Extractor, Peer, Traces
from eveproc.signals.domains import (
    BLOCKLIST_NAMES,
    MAIL_WORDS,
    MAILBOX_LABELS,
    SOME_PTR_NAMES,
    address_on_blocklist,
    is_exchange_name,
    is_some_ptr_name,
    looks_like_mail_server,
    names_mail,
    registered_domain,
)
from eveproc.signals.records import (
    Connection,
    DnsService,
    EncryptedSession,
    IncomingRecipient,
    MailService,
    Question,
    Recipient,
    Session,
    Transaction,
)
from rulegen.site_profile import Ports
from rulegen.vocabulary import GUESSED_LABELS, MAILBOX_PORTS

# Question types that look for a mail server. Version 1 of the dns log names no type for a name that
# does not exist.
UNKNOWN_TYPE = ""
ADDRESS_TYPES = ("A", "AAAA")
MAIL_SERVER_TYPES = ("MX", *ADDRESS_TYPES, UNKNOWN_TYPE)
# Ports that a mass mailer tries, too, whatever the site's mail ports are.
PORTS_OF_MAILERS = MAILBOX_PORTS | {25, 465, 587, 2525}
# Bytes of headers in each packet: Ethernet, IPv4 (IPv6 has 20 more) and TCP without options.
HEADERS, MORE_OF_IPV6 = 54, 20
# A client that only queries a server sends fewer bytes than this: greeting, two mailboxes and QUIT
# (150), and the options of some 12 packets (150); with TLS a ClientHello (517 in common use), keys
# (200) and the same greeting. The smallest mail takes some 400 more, a login some 200.
ASKS_ONLY, ASKS_ONLY_IN_TLS = 400, 1000
# Mail programs stay connected to learn of new mails (IMAP IDLE, RFC 2177, for up to 29 minutes);
# fetching existing mails takes a minute or two.
HELD = 600.0
# What mail programs ask for at a domain to set up an account there (autoconfiguration by
# Thunderbird, Autodiscover by Microsoft); sending mail to the domain does not need it.
SETTINGS_LABELS = ("autoconfig", "autodiscover")
# The longest name of an address is one of IPv6, with 63 digits and dots.
LONGEST_PTR = 64


class Fact(StrEnum):
    """Names of facts, as they are stored."""

    TAKES_MAIL_IN = "takes_mail_in"  # by client that handed it a mail
    GREETED_BY = "greeted_by"  # by client whose session with it showed no message
    ONLY_ASKED_BY = "only_asked_by"  # by client that sent it too little for a mail
    ASKS_PTR = "asks_ptr"  # some names of addresses, see domains.SOME_PTR_NAMES
    SERVES_DNS = "serves_dns"  # by client that asks it for mail servers
    INSIDE_TARGETS = "inside_targets"  # by home host whose mail ports it connects to
    PROBED = "probed"  # by external host that did not answer on a port that is not for mail
    # By registered domain of a mail server's name that it looked up; by a mail exchanger's whole
    # name.
    MAIL_NAMES = "mail_names"
    SENDS_AS_US = "sends_as_us"  # by domain of the site that its mails are from
    ASKS_SETTINGS = "asks_settings"  # by domain whose settings for mail programs it asked for
    MET_BY_MAIL = "met_by_mail"  # by external server that took its connection to a mail port
    ENCRYPTS = "encrypts"  # by external server that it spoke TLS with on a mail port
    READS_MAILBOX = "reads_mailbox"  # by external POP or IMAP server
    RCPT_TAKEN = "rcpt_taken"  # by recipient of a mail that a message followed
    TEXT_SENDERS = "text_senders"  # by text and sender, of mails sent to external servers
    TAKES_IN_FOR = "takes_in_for"  # by domain that external hosts bring mail for
    HOLDS_MAILBOX = "holds_mailbox"  # by external POP or IMAP server that it stayed connected to
    ODD_PORTS = "odd_ports"  # by port, of external hosts that did not answer there
    HANDED_OVER = "handed_over"  # by external mail server that it sent enough for a mail
    SENT_NOTHING = "sent_nothing"  # by external mail server that it met and sent less
    ASKS_BLOCKLIST = "asks_blocklist"  # by address, in reverse, that a blocklist was asked about
    BLOCKLISTS = "blocklists"  # by domain of a blocklist that answered
    GIVEN_ENCRYPTED = "given_encrypted"  # by home mail server that it sent enough for a mail in TLS


class FactEntry(Struct, frozen=True, kw_only=True):
    """One fact and what it is read from."""

    fact: Fact
    peer: Peer
    extractors: tuple[Extractor[Any], ...]
    traces: Traces = Traces()


def mail_ports(ports: Ports) -> tuple[int, ...]:
    """Every mail port of the site profile."""
    return *ports.smtp, *ports.submission


def _mailbox_ports(_: Ports) -> tuple[int, ...]:
    return tuple(MAILBOX_PORTS)


def _client_with_mail(service: MailService) -> str:
    return service.event.client if _hands_mail_in(service.event) else ""


def _client_without_message(service: MailService) -> str:
    event = service.event
    return event.client if isinstance(event, Smtp) and not event.has_message else ""


def _client_that_only_asked(service: MailService) -> str:
    event = service.event
    return event.client if isinstance(event, Flow) and _has_only_asked(event) else ""


def _hands_mail_in(event: Smtp | Flow) -> bool:
    """True if a message followed, or if the client sent enough for one.

    Scanners greet any open port 25 and leave.
    """
    return event.has_message if isinstance(event, Smtp) else not _has_only_asked(event)


def _client_asking_for_mail(service: DnsService) -> str:
    is_nxdomain = service.event.rcode == "NXDOMAIN"
    asked = any(_is_of_mail(name, rrtype, is_nxdomain) for name, rrtype in service.questions)
    return service.event.client if asked else ""


def _is_of_mail(name: str, rrtype: str, is_nxdomain: bool) -> bool:
    if rrtype == "PTR":
        return is_some_ptr_name(name)
    if rrtype not in MAIL_SERVER_TYPES or address_on_blocklist(name):
        return False
    is_guess = looks_like_mail_server(name) and (rrtype != UNKNOWN_TYPE or is_nxdomain)
    return rrtype == "MX" or names_mail(name) or is_guess


def _ptr_name(question: Question) -> str:
    return question.name if question.rrtype == "PTR" and is_some_ptr_name(question.name) else ""


def _address_asked_about(question: Question) -> str:
    is_answered = question.is_nxdomain or question.is_listed
    return address_on_blocklist(question.name) if is_answered else ""


def _blocklist(question: Question) -> str:
    is_one = _address_asked_about(question) or question.is_listed
    return registered_domain(question.name) if is_one else ""


def _mail_domain(question: Question) -> str:
    if question.rrtype not in MAIL_SERVER_TYPES or address_on_blocklist(question.name):
        return ""
    if question.rrtype != "MX" and not names_mail(question.name):
        return ""
    is_exchange = is_exchange_name(question.name)
    return question.name if is_exchange else registered_domain(question.name)


def _internal_target(connection: Connection) -> str:
    is_internal_mail = connection.is_mail and connection.is_internal
    return connection.event.server if is_internal_mail else ""


def _server_that_answered(connection: Connection) -> str:
    return connection.event.server if _is_met(connection) else ""


def _server_spoken_to(session: Session | EncryptedSession) -> str:
    return session.event.server


def _mail_taken_by(connection: Connection) -> str:
    has_sent = _is_met(connection) and not _has_only_asked(connection.event)
    return connection.event.server if has_sent else ""


def _home_server_in_tls(connection: Connection) -> str:
    flow = connection.event
    is_given = connection.is_mail and connection.is_internal and flow.established
    return flow.server if is_given and flow.app_proto == "tls" and not _has_only_asked(flow) else ""


def _server_of_message(mail: Transaction) -> str:
    return mail.event.server if mail.event.has_message else ""


def _server_only_asked(connection: Connection) -> str:
    is_asked = _is_met(connection) and _has_only_asked(connection.event)
    return connection.event.server if is_asked else ""


def _is_met(connection: Connection) -> bool:
    return connection.is_mail and not connection.is_internal and connection.event.established


def _has_only_asked(flow: Flow) -> bool:
    """True if the client sent too little for a mail or a login; False if bytes are not logged."""
    headers = HEADERS + (MORE_OF_IPV6 if ":" in flow.client else 0)
    most = ASKS_ONLY_IN_TLS if flow.app_proto == "tls" else ASKS_ONLY
    return 0 < flow.sent_bytes < flow.sent * headers + most


def _mailbox_server(connection: Connection) -> str:
    flow = connection.event
    is_read = flow.server_port in MAILBOX_PORTS and flow.answered and not connection.is_internal
    return flow.server if is_read and not connection.is_mail else ""


def _taken_recipient(recipient: Recipient) -> str:
    return "" if recipient.is_refused else recipient.mailbox


def _text_and_sender(mail: Transaction) -> str:
    sender = mail.event.mail_from.strip().strip("<>").lower()
    return f"{mail.text} {sender}" if mail.text and mail.recipient and sender else ""


def _brought_for(recipient: IncomingRecipient) -> str:
    return recipient.domain


def _held_mailbox(connection: Connection) -> str:
    is_held = connection.event.end - connection.event.time >= HELD
    return _mailbox_server(connection) if is_held else ""


def _failed_port(connection: Connection) -> str:
    port = connection.event.server_port
    return str(port) if port >= FIRST_USER_PORT and _failed_probe(connection) else ""


def _failed_probe(connection: Connection) -> str:
    flow = connection.event
    if connection.is_mail or connection.is_internal or flow.server_port in PORTS_OF_MAILERS:
        return ""
    has_failed = flow.flags_logged and flow.proto == "TCP" and not flow.established
    return flow.server if has_failed else ""


def _own_domain(mail: Transaction) -> str:
    return mail.sender if mail.is_own_sender else ""


def _settings_domain(question: Question) -> str:
    is_asked = question.name.partition(".")[0] in SETTINGS_LABELS
    return registered_domain(question.name) if is_asked else ""


_ANY_MAIL_PORT = Traces(ports=mail_ports)
_MAIL_NAME = Traces(question_types=("MX",), name_words=MAIL_WORDS)

FACTS = (
    FactEntry(
        fact=Fact.TAKES_MAIL_IN,
        peer=Peer.HOST,
        extractors=(Extractor(MailService, _client_with_mail),),
        traces=Traces(event_types=("smtp",), ports=mail_ports),
    ),
    FactEntry(
        fact=Fact.GREETED_BY,
        peer=Peer.HOST,
        extractors=(Extractor(MailService, _client_without_message),),
        traces=Traces(event_types=("smtp",)),
    ),
    FactEntry(
        fact=Fact.ONLY_ASKED_BY,
        peer=Peer.HOST,
        extractors=(Extractor(MailService, _client_that_only_asked),),
        traces=_ANY_MAIL_PORT,
    ),
    FactEntry(
        fact=Fact.ASKS_PTR,
        peer=Peer.ADDRESS_NAME,
        extractors=(Extractor(Question, _ptr_name),),
        traces=Traces(
            patterns=(
                f'"(?i:{SOME_PTR_NAMES.replace("+", f"{{1,{LONGEST_PTR}}}")})',
                rf"(?i:[0-9a-f.]{{{LONGEST_PTR}}}\.(?:in-addr|ip6)\.arpa)",
            )
        ),
    ),
    FactEntry(
        fact=Fact.SERVES_DNS,
        peer=Peer.HOST,
        extractors=(Extractor(DnsService, _client_asking_for_mail),),
        traces=Traces(question_types=("MX",), name_words=MAIL_WORDS, name_labels=GUESSED_LABELS),
    ),
    FactEntry(
        fact=Fact.INSIDE_TARGETS,
        peer=Peer.HOST,
        extractors=(Extractor(Connection, _internal_target),),
        traces=_ANY_MAIL_PORT,
    ),
    FactEntry(
        fact=Fact.PROBED,
        peer=Peer.SERVER,
        # The prefilter examines every failed TCP flow, whatever is declared.
        extractors=(Extractor(Connection, _failed_probe),),
    ),
    FactEntry(
        fact=Fact.MAIL_NAMES,
        peer=Peer.DOMAIN,
        extractors=(Extractor(Question, _mail_domain),),
        traces=_MAIL_NAME,
    ),
    FactEntry(
        fact=Fact.SENDS_AS_US,
        peer=Peer.DOMAIN,
        extractors=(Extractor(Transaction, _own_domain),),
        traces=Traces(event_types=("smtp",)),
    ),
    FactEntry(
        fact=Fact.ASKS_SETTINGS,
        peer=Peer.DOMAIN,
        extractors=(Extractor(Question, _settings_domain),),
        traces=Traces(name_labels=SETTINGS_LABELS),
    ),
    FactEntry(
        fact=Fact.MET_BY_MAIL,
        peer=Peer.SERVER,
        extractors=(
            Extractor(Connection, _server_that_answered),
            Extractor(Session, _server_spoken_to),
            Extractor(EncryptedSession, _server_spoken_to),
        ),
        traces=Traces(event_types=("smtp",), ports=mail_ports),
    ),
    FactEntry(
        fact=Fact.ENCRYPTS,
        peer=Peer.SERVER,
        extractors=(Extractor(EncryptedSession, _server_spoken_to),),
        traces=_ANY_MAIL_PORT,
    ),
    FactEntry(
        fact=Fact.READS_MAILBOX,
        peer=Peer.SERVER,
        extractors=(Extractor(Connection, _mailbox_server),),
        # By the name in an answer it is known whose server it is.
        traces=Traces(ports=_mailbox_ports, name_labels=MAILBOX_LABELS),
    ),
    FactEntry(
        fact=Fact.RCPT_TAKEN,
        peer=Peer.RECIPIENT,
        extractors=(Extractor(Recipient, _taken_recipient),),
        traces=Traces(event_types=("smtp",)),
    ),
    FactEntry(
        fact=Fact.TEXT_SENDERS,
        peer=Peer.SENDER,
        extractors=(Extractor(Transaction, _text_and_sender),),
        traces=Traces(event_types=("smtp",)),
    ),
    FactEntry(
        fact=Fact.TAKES_IN_FOR,
        peer=Peer.RECIPIENT_DOMAIN,
        extractors=(Extractor(IncomingRecipient, _brought_for),),
        traces=Traces(event_types=("smtp",)),
    ),
    FactEntry(
        fact=Fact.HOLDS_MAILBOX,
        peer=Peer.SERVER,
        extractors=(Extractor(Connection, _held_mailbox),),
        traces=Traces(ports=_mailbox_ports),
    ),
    FactEntry(
        fact=Fact.ODD_PORTS,
        peer=Peer.PORT,
        # As for PROBED.
        extractors=(Extractor(Connection, _failed_port),),
    ),
    FactEntry(
        fact=Fact.HANDED_OVER,
        peer=Peer.SERVER,
        extractors=(
            Extractor(Connection, _mail_taken_by),
            Extractor(Transaction, _server_of_message),
        ),
        traces=Traces(event_types=("smtp",), ports=mail_ports),
    ),
    FactEntry(
        fact=Fact.SENT_NOTHING,
        peer=Peer.SERVER,
        extractors=(Extractor(Connection, _server_only_asked),),
        traces=_ANY_MAIL_PORT,
    ),
    FactEntry(
        fact=Fact.ASKS_BLOCKLIST,
        peer=Peer.ADDRESS_NAME,
        extractors=(Extractor(Question, _address_asked_about),),
        traces=Traces(patterns=tuple(f'rrname":"(?i:{name})' for name in BLOCKLIST_NAMES)),
    ),
    FactEntry(
        fact=Fact.BLOCKLISTS,
        peer=Peer.DOMAIN,
        extractors=(Extractor(Question, _blocklist),),
        # The latter matches IPv6 answers with the same meaning, in full or short.
        traces=Traces(patterns=(r'"127\.', r'"[0:]*(?i:ffff:)(?:127\.|(?i:7f))')),
    ),
    FactEntry(
        fact=Fact.GIVEN_ENCRYPTED,
        peer=Peer.HOST,
        extractors=(Extractor(Connection, _home_server_in_tls),),
        traces=_ANY_MAIL_PORT,
    ),
)
