"""Connections, sessions and mails -> the delivery signals: how a mass mailer hands mail over."""

from eveproc.input.events import Smtp
from eveproc.signals.declaration import Extractor, Peer, PeerLimit, SignalEntry, Traces
from eveproc.signals.facts import mail_ports
from eveproc.signals.known_mailers import EMOTET, HOURLY_6, HOURLY_20, SLOW_BOT
from eveproc.signals.records import (
    Connection,
    EncryptedSession,
    Recipient,
    RelayedMail,
    Session,
    Transaction,
)
from eveproc.signals.rule_match import HostMark, MarkTest, Moment, SmtpMatch, SynMatch, Untold
from eveproc.signals.weights import EIGHT_HOURS, FIVE_MINUTES, MINUTE, AlertWeight, Window
from rulegen.units import DAY, HOUR
from rulegen.vocabulary import Signal

_DIRECT = (
    Window(MINUTE, 8, 10),
    Window(FIVE_MINUTES, 8, 19),
    Window(HOUR, 8, 20),
    Window(EIGHT_HOURS, 10, 60),
    Window(DAY, 12, 60),
)
_DIRECT_SOURCE = (
    "Most hosts talk to fewer than 5 SMTP servers (ntopng's default; measured captures), but a "
    "program that delivers mail directly contacts every partner of its site within one minute: a "
    "file server that notifies nine partners is benign. A mass mailer sends 10 or more mails a "
    "minute; a slow one contacted 19 servers in 5 minutes and 71 in 55; the slowest to detect "
    "sends 2 mails an hour."
)


def _direct_server(connection: Connection) -> str:
    is_direct = connection.is_mail and not connection.is_internal and not connection.is_submission
    return connection.event.server if is_direct else ""


def _submission_server(connection: Connection) -> str:
    is_external = connection.is_mail and not connection.is_internal
    return connection.event.server if is_external and connection.is_submission else ""


def _direct_peer(session: Session) -> str:
    return "" if session.is_submission else session.event.server


def _submission_peer(session: Session) -> str:
    return session.event.server if session.is_submission else ""


def _encrypted_submission_peer(session: EncryptedSession) -> str:
    return session.event.server if session.is_submission else ""


def _mailbox_at_server(recipient: Recipient) -> str:
    return f"{recipient.event.server} {recipient.mailbox}" if recipient.is_direct else ""


def _relayed_to(mail: RelayedMail) -> str:
    return mail.recipient


def _recipient(mail: Transaction) -> str:
    return mail.recipient


def _greets(smtp: Smtp) -> bool:
    return bool(smtp.helo)


def _is_mail(smtp: Smtp) -> bool:
    return bool(smtp.mail_from or smtp.rcpt_to)


_NO_MAILBOXES = "no engine rule examines recipients, so there is no threshold to choose"
_MAIL_PORTS = Traces(ports=mail_ports)
_SMTP = Traces(event_types=("smtp",))

DELIVERY = (
    SignalEntry(
        signal=Signal.SMTP_ATTEMPTS,
        did="opened SMTP connections to",
        peer=Peer.SERVER,
        extractors=(Extractor(Connection, _direct_server),),
        traces=_MAIL_PORTS,
        windows=_DIRECT,
        windows_source=_DIRECT_SOURCE,
        limit=PeerLimit.DIRECT_SERVERS,
        slow_name=Signal.SMTP_SLOW,
        alert_weight=AlertWeight(4.3, 8.8),
        explained_by_volume=True,
        pace="port 25",
        rule_match=SynMatch(),
        per_mail=1,
        measured=((EMOTET, 52.9),),
    ),
    SignalEntry(
        signal=Signal.SMTP_SLOW,
        did="opened SMTP connections to",
        peer=Peer.SERVER,
        alert_weight=AlertWeight(5.3, 11.6),
        records=Signal.SMTP_ATTEMPTS,
        explained_by_volume=True,
        pace="port 25",
        rule_match=SynMatch(
            only_new_servers=True, mark=MarkTest(HostMark.TAKES_MAIL, is_set=False)
        ),
        # The other servers of a flood are those of large providers.
        per_mail=0.7,
        measured=((EMOTET, 40.7), (HOURLY_20, 0.9 / 3)),
    ),
    SignalEntry(
        signal=Signal.SMTP_VERY_SLOW,
        did="opened SMTP connections to",
        peer=Peer.SERVER,
        alert_weight=AlertWeight(4.7, 11.6),
        records=Signal.SMTP_ATTEMPTS,
        explained_by_volume=True,
        rule_match=SynMatch(once_a_day=True, mark=MarkTest(HostMark.TAKES_MAIL, is_set=False)),
        measured=((HOURLY_6, 0.9 / 10),),
    ),
    SignalEntry(
        signal=Signal.SUBMISSION_ATTEMPTS,
        did="submitted mail to",
        peer=Peer.SERVER,
        extractors=(
            Extractor(Connection, _submission_server),
            Extractor(Session, _submission_peer),
            Extractor(EncryptedSession, _encrypted_submission_peer),
        ),
        traces=Traces(event_types=("smtp",), ports=mail_ports),
        windows=(
            Window(MINUTE, 6, 10),
            Window(FIVE_MINUTES, 8, 19),
            Window(HOUR, 10, 20),
            Window(EIGHT_HOURS, 14, 60),
            Window(DAY, 20, 60),
        ),
        windows_source="As for smtp_attempts, but people have several accounts, and one provider "
        "answers from several addresses.",
        limit=PeerLimit.SUBMISSION_SERVERS,
        slow_name=Signal.SUBMISSION_SLOW,
        alert_weight=AlertWeight(3.0, 7.0),
        explained_by_volume=True,
        unusual_for_mail_server=True,
        pace="submission ports",
        rule_match=SynMatch(is_submission=True),
        measured=((EMOTET, 76),),
    ),
    SignalEntry(
        signal=Signal.SUBMISSION_SLOW,
        did="submitted mail to",
        peer=Peer.SERVER,
        alert_weight=AlertWeight(3.0, 13.9),
        records=Signal.SUBMISSION_ATTEMPTS,
        explained_by_volume=True,
        unusual_for_mail_server=True,
        pace="submission ports",
        rule_match=SynMatch(is_submission=True, only_new_servers=True),
        measured=((EMOTET, 52), (SLOW_BOT, 71 / 55), (HOURLY_20, 0.9 / 3)),
    ),
    SignalEntry(
        signal=Signal.SMTP_SESSIONS,
        did="spoke SMTP with",
        peer=Peer.SERVER,
        extractors=(Extractor(Session, _direct_peer),),
        traces=_SMTP,
        windows=_DIRECT,
        windows_source=_DIRECT_SOURCE,
        limit=PeerLimit.DIRECT_SERVERS,
        alert_weight=AlertWeight(4.3, 8.8),
        explained_by_volume=True,
        rule_match=SmtpMatch(bit=1, counts=_greets, moment=Moment.GREETING, except_submission=True),
        per_mail=1,
        measured=((EMOTET, 13.9),),
    ),
    SignalEntry(
        signal=Signal.MAIL_BURST,
        did="sent mail directly to",
        peer=Peer.RECIPIENT_DOMAIN,
        extractors=(Extractor(Transaction, _recipient),),
        traces=_SMTP,
        windows=_DIRECT,
        windows_source=_DIRECT_SOURCE,
        limit=PeerLimit.RECIPIENTS,
        alert_weight=AlertWeight(4.3, 8.8),
        explained_by_volume=True,
        rule_match=SmtpMatch(bit=4, counts=_is_mail, moment=Moment.MAIL_FROM),
        per_mail=1,
    ),
    SignalEntry(
        signal=Signal.MX_THEN_SMTP,
        did="queried the MX records of, and then connected for,",
        peer=Peer.DOMAIN,
        windows=_DIRECT,
        windows_source=_DIRECT_SOURCE,
        limit=PeerLimit.ACTS,
        alert_weight=AlertWeight(4.3, 9.0),
        records=Signal.SMTP_ATTEMPTS,
        explained_by_volume=True,
        rule_match=SynMatch(mark=MarkTest(HostMark.ASKED_MX, is_set=True)),
        per_mail=1,
    ),
    SignalEntry(
        signal=Signal.RECIPIENT_SPREAD,
        did="wrote directly to",
        peer=Peer.RECIPIENT,
        extractors=(Extractor(Recipient, _mailbox_at_server),),
        traces=_SMTP,
        windows=(Window(HOUR, 15, 40), Window(EIGHT_HOURS, 30, 100), Window(DAY, 40, 200)),
        windows_source="Programs that send alerts or scans directly to a mail exchanger write to "
        "a few mailboxes, mostly the site's own, which do not count. Linux.ProxyM sent 400 "
        "mails a day from each device (Doctor Web 2017).",
        explained_by_volume=True,
        rule_match=Untold(_NO_MAILBOXES),
    ),
    SignalEntry(
        signal=Signal.RELAY_SPREAD,
        did="sent mail through the site's own server to",
        peer=Peer.RECIPIENT_DOMAIN,
        extractors=(Extractor(RelayedMail, _relayed_to),),
        traces=_SMTP,
        windows=(Window(HOUR, 20, 40), Window(EIGHT_HOURS, 40, 100)),
        windows_source="A person writes to few domains within an hour. Newsletters and invoices "
        "go to many, so the signal counts only with programs attached or recipients refused.",
        limit=PeerLimit.RECIPIENTS,
        explained_by_volume=True,
        rule_match=Untold(_NO_MAILBOXES),
    ),
)
