"""SMTP transactions -> the content signals: what the mails of a mass mailer look like."""

import re

from eveproc.input.events import Smtp
from eveproc.signals.declaration import Extractor, Peer, PeerLimit, SignalEntry, Traces
from eveproc.signals.domains import registered_domain
from eveproc.signals.known_mailers import WORM
from eveproc.signals.records import RelayedMail, Session, Transaction
from eveproc.signals.rule_match import Moment, SmtpMatch, Untold
from eveproc.signals.weights import EIGHT_HOURS, AlertWeight, Window
from rulegen.units import HOUR
from rulegen.vocabulary import RUNNABLE_SUFFIXES, Signal

# As in the rule helo_odd.
_ODD_HELO = re.compile(
    r"[\w-]+|localhost\.\w+|\d+\.\d+\.\d+\.\d+|\[(0\.0\.0\.0|127\.\d+\.\d+\.\d+)\]", re.ASCII
)
_ENDINGS = tuple(f".{suffix}" for suffix in RUNNABLE_SUFFIXES)


def is_runnable(name: str) -> bool:
    """True if Windows runs a file of this name when a user opens it."""
    return name.lower().endswith(_ENDINGS)


def _helo(session: Session) -> str:
    """The HELO name outside submission ports: clients of a provider may say anything there."""
    return "" if session.is_submission else session.event.helo


def _digest_and_recipient(mail: Transaction | RelayedMail) -> str:
    return f"{mail.text} {mail.recipient}" if mail.recipient and mail.text else ""


def _recipient_of_program(mail: Transaction | RelayedMail) -> str:
    return mail.recipient if _has_program(mail.event) else ""


def _has_program(smtp: Smtp) -> bool:
    return any(map(is_runnable, smtp.attachments))


def _is_odd_helo(smtp: Smtp) -> bool:
    return _ODD_HELO.fullmatch(smtp.helo) is not None


def _foreign_sender(mail: Transaction) -> str:
    is_foreign = mail.sender and not mail.is_own_sender
    return registered_domain(mail.sender) if is_foreign else ""


_NO_COMPARISON = (
    "no engine rule can compare mails with each other, so there is no threshold to choose"
)
_SMTP = Traces(event_types=("smtp",))

CONTENT = (
    SignalEntry(
        signal=Signal.LOOK_ALIKE,
        did="sent the same text to",
        peer=Peer.RECIPIENT_DOMAIN,
        extractors=(
            Extractor(Transaction, _digest_and_recipient),
            Extractor(RelayedMail, _digest_and_recipient),
        ),
        traces=_SMTP,
        windows=(Window(HOUR, 4, 10),),
        windows_source="Domains to which one text was sent; a person writes to a few. Mails "
        "through a relay count as in relay_spread.",
        limit=PeerLimit.RECIPIENTS,
        is_grouped=True,
        explained_by_volume=True,
        rule_match=Untold(_NO_COMPARISON),
    ),
    SignalEntry(
        signal=Signal.WORM_ATTACHMENT,
        did="sent programs to",
        peer=Peer.RECIPIENT_DOMAIN,
        extractors=(
            Extractor(Transaction, _recipient_of_program),
            Extractor(RelayedMail, _recipient_of_program),
        ),
        traces=_SMTP,
        windows=(Window(HOUR, 4, 10),),
        windows_source="Large providers refuse programs, so people rarely mail them, except a few "
        "to customers who asked for them.",
        limit=PeerLimit.RECIPIENTS,
        alert_weight=AlertWeight(4.0, 6.0),
        unusual_for_mail_server=True,
        rule_match=SmtpMatch(bit=8, counts=_has_program, moment=Moment.MESSAGE),
        measured=((WORM, 5),),
    ),
    SignalEntry(
        signal=Signal.HELO_ODD,
        did="used",
        peer=Peer.HELO_NAME,
        extractors=(Extractor(Session, _helo),),
        traces=_SMTP,
        windows=(Window(HOUR, 4, 5), Window(EIGHT_HOURS, 5, 10)),
        windows_source="A client uses one name, or two when it moves. Submission ports do not "
        "count: many machines behind one address each submit under their own name. On port 25 "
        "they may do so as well, so the number of names that count is at most the number of "
        "servers that are not those of their own providers.",
        limit=PeerLimit.DIRECT_SERVERS,
        alert_weight=AlertWeight(2.5, 4.0),
        unusual_for_mail_server=True,
        rule_match=SmtpMatch(
            bit=2, counts=_is_odd_helo, moment=Moment.GREETING, only_smtp_ports=True
        ),
        measured=((WORM, 10),),
    ),
    SignalEntry(
        signal=Signal.SENDER_CHURN,
        did="sent mail from",
        peer=Peer.SENDER_DOMAIN,
        extractors=(Extractor(Transaction, _foreign_sender),),
        traces=_SMTP,
        windows=(Window(HOUR, 8, 20),),
        windows_source="Storm took the sender of each mail from lists of names and domains "
        "(Kreibich et al. 2008); the slowest mailer to detect sends 20 mails an hour. A "
        "person has two or three accounts, which do not raise the score; 8 allows for several "
        "people on one machine.",
        limit=PeerLimit.RECIPIENTS,
        explained_by_volume=True,
        rule_match=Untold(_NO_COMPARISON),
    ),
)
