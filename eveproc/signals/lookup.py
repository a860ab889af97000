"""DNS questions -> the lookup signals: what a mass mailer asks for."""

from eveproc.signals.declaration import Extractor, Peer, PeerLimit, SignalEntry, Traces
from eveproc.signals.domains import is_below, looks_like_mail_server, registered_domain
from eveproc.signals.facts import ADDRESS_TYPES, MAIL_SERVER_TYPES
from eveproc.signals.known_mailers import EMOTET, HOURLY_20, MYTOB
from eveproc.signals.records import Question
from eveproc.signals.rule_match import DnsMatch, HostMark, MarkTest
from eveproc.signals.weights import EIGHT_HOURS, FIVE_MINUTES, MINUTE, AlertWeight, Window
from rulegen.units import HOUR
from rulegen.vocabulary import GUESSED_LABELS, Signal

# The rules look for the end of a question at most so many bytes after its first label.
LONGEST_REST = 240


def _mx_domain(question: Question) -> str:
    return registered_domain(question.name) if question.rrtype == "MX" else ""


def _guessed_domain(question: Question) -> str:
    is_guess = question.rrtype in ADDRESS_TYPES and looks_like_mail_server(question.name)
    return registered_domain(question.name) if is_guess else ""


def _missing_domain(question: Question) -> str:
    is_guess = question.rrtype in MAIL_SERVER_TYPES and question.rrtype != "MX"
    if not (is_guess and question.is_nxdomain and looks_like_mail_server(question.name)):
        return ""
    return registered_domain(question.name)


def _is_mx(_name: str, rrtype: str, _internal_domains: tuple[str, ...]) -> bool:
    return rrtype == "MX"


def _is_guess(name: str, rrtype: str, internal_domains: tuple[str, ...]) -> bool:
    """As in the rules: a guessed first label, also alone, and not below a domain of the site."""
    first, _, rest = name.partition(".")
    return (
        rrtype == "A"
        and first in GUESSED_LABELS
        and len(rest) < LONGEST_REST
        and not is_below(rest, internal_domains)
    )


_GUESSES = Traces(name_labels=GUESSED_LABELS)

LOOKUP = (
    SignalEntry(
        signal=Signal.MX_FLOOD,
        did="queried the MX records of",
        peer=Peer.DOMAIN,
        extractors=(Extractor(Question, _mx_domain),),
        traces=Traces(question_types=("MX",)),
        windows=(
            Window(MINUTE, 6, 10),
            Window(FIVE_MINUTES, 6, 19),
            Window(HOUR, 6, 20),
            Window(EIGHT_HOURS, 12, 60),
        ),
        windows_source="A workstation sends no MX queries at all (Musashi 2004, Whyte 2006); an "
        "administrator sends a few an hour, a dozen on a busy day.",
        limit=PeerLimit.LOOKUPS,
        slow_name=Signal.MX_SLOW,
        alert_weight=AlertWeight(3.9, 7.0),
        explained_by_volume=True,
        rule_match=DnsMatch(rows="mx", counts=_is_mx, by_transaction=True),
        per_mail=1,
    ),
    SignalEntry(
        signal=Signal.MX_SLOW,
        did="queried the MX records of",
        peer=Peer.DOMAIN,
        alert_weight=AlertWeight(3.9, 7.0),
        records=Signal.MX_FLOOD,
        explained_by_volume=True,
        rule_match=DnsMatch(
            rows="mx",
            counts=_is_mx,
            by_transaction=True,
            mark=MarkTest(HostMark.TAKES_MAIL, is_set=False),
        ),
        per_mail=1,
        measured=((HOURLY_20, 1 / 3),),
    ),
    SignalEntry(
        signal=Signal.NAME_GUESS,
        did="looked up mail server names of",
        peer=Peer.DOMAIN,
        extractors=(Extractor(Question, _guessed_domain),),
        traces=_GUESSES,
        windows=(
            Window(MINUTE, 8, 10),
            Window(FIVE_MINUTES, 10, 19),
            Window(HOUR, 12, 20),
            Window(EIGHT_HOURS, 20, 60),
        ),
        windows_source="Mail clients guess names when they are set up; crawlers query a few.",
        limit=PeerLimit.LOOKUPS,
        alert_weight=AlertWeight(3.0, 6.0),
        explained_by_volume=True,
        rule_match=DnsMatch(rows="guess", counts=_is_guess, single_question=True),
        measured=((MYTOB, 90), (EMOTET, 114)),
    ),
    SignalEntry(
        signal=Signal.NAME_GUESS_NX,
        did="guessed mail server names that do not exist in",
        peer=Peer.DOMAIN,
        extractors=(Extractor(Question, _missing_domain),),
        traces=_GUESSES,
        windows=(
            Window(MINUTE, 4, 10),
            Window(FIVE_MINUTES, 5, 15),
            Window(HOUR, 6, 20),
            Window(EIGHT_HOURS, 10, 40),
        ),
        windows_source="Half of name_guess: some guesses of a mail client at setup exist, most "
        "guesses of a mass mailer do not (Ludena Romana, Musashi 2005).",
        limit=PeerLimit.LOOKUPS,
        alert_weight=AlertWeight(3.9, 6.5),
        explained_by_volume=True,
        rule_match=DnsMatch(rows="nx", counts=_is_guess, single_question=True, of_nxdomain=True),
        measured=((MYTOB, 70), (EMOTET, 9.7)),
    ),
)
