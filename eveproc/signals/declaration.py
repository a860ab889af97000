"""The type of an entry of this folder: everything about a signal or fact that is not its rule.

A signal has one entry in rulegen/catalogue (its rule) and one here (its records). The entry decides
what the prefilter looks for, what the collector extracts, how the verdict weighs and words it, what
charts draw and what tuning counts. registry.py holds all entries.
"""

from collections.abc import Callable
from enum import Enum, StrEnum, auto
from typing import Any, Generic, TypeVar

from msgspec import Struct

from eveproc.signals.known_mailers import KnownMailer
from eveproc.signals.records import Record
from eveproc.signals.rule_match import RuleMatch
from eveproc.signals.weights import AlertWeight, Window
from rulegen.site_profile import Ports
from rulegen.vocabulary import Signal

R = TypeVar("R", bound=Record)


class Extractor(Struct, Generic[R], frozen=True):
    """`peer` names what is counted distinctly in a record, "" if the record is no evidence."""

    record: type[R]
    peer: Callable[[R], str]


def _no_ports(_: Ports) -> tuple[int, ...]:
    return ()


class Traces(Struct, frozen=True, kw_only=True):
    """What an undecoded EVE line holds if it may be evidence; any one of these makes a line wanted.

    `event_types` and `question_types` as EVE spells them in lower or upper case; `name_words` are
    found anywhere in a name asked for, `name_labels` are its first label; `ports` are either end's;
    `patterns` are further regular expressions of hyperscan.
    """

    event_types: tuple[str, ...] = ()
    question_types: tuple[str, ...] = ()
    name_words: tuple[str, ...] = ()
    name_labels: tuple[str, ...] = ()
    ports: Callable[[Ports], tuple[int, ...]] = _no_ports
    patterns: tuple[str, ...] = ()


class Peer(StrEnum):
    """What is counted distinctly, as a report calls it.

    External servers are counted by the organisation that runs them, where its name is known.
    """

    SERVER = "external server"
    DOMAIN = "domain"
    RECIPIENT_DOMAIN = "recipient domain"
    RECIPIENT = "recipient"
    SENDER_DOMAIN = "sender domain"
    SENDER = "sender"
    HELO_NAME = "HELO name"
    HOST = "host"
    ADDRESS_NAME = "name of an address"
    PORT = "port"


class PeerLimit(Enum):
    """Which of the verdict's caps (verdicts/caps.py) limits how many peers count."""

    NONE = auto()
    LOOKUPS = auto()
    DIRECT_SERVERS = auto()
    SUBMISSION_SERVERS = auto()
    RECIPIENTS = auto()
    ACTS = auto()
    REFUSED = auto()


class SignalEntry(Struct, frozen=True, kw_only=True):
    """One signal on the side of the records.

    `did` and `peer` are its words: "queried the MX records of" 12 "domain"s. `extractors`: empty
    where no record shows the signal and only alerts do, or where it is the slow name of another
    signal. `windows` weigh what they extract, `windows_source` says where the numbers are from.
    `is_grouped`: a key is "group peer", and the peers of the largest group count. `slow_name`: what
    the signal is called when only an hour or more shows it. `alert_weight` is None where no rule
    raises alerts. `records`: the signal that holds the records an alert was made of, None for the
    signal itself. `explained_by_volume`: the volume of a mail server, scanner or monitor explains
    it. `unusual_for_mail_server`: it is evidence against a declared mail server, too. `pace`: the
    ports, in words, of a rule that counts servers; a chart is drawn of those. `rule_match`: what
    one match of the rule is, for eveproc tune. `per_mail` is how many matches one mail of a direct
    mailer makes, `measured` how many a minute were counted of others: the highest usable threshold
    finds each of them.
    """

    signal: Signal
    did: str
    peer: Peer
    rule_match: RuleMatch
    extractors: tuple[Extractor[Any], ...] = ()
    traces: Traces = Traces()
    windows: tuple[Window, ...] = ()
    windows_source: str = ""
    limit: PeerLimit = PeerLimit.NONE
    is_grouped: bool = False
    slow_name: Signal | None = None
    alert_weight: AlertWeight | None = None
    records: Signal | None = None
    explained_by_volume: bool = False
    unusual_for_mail_server: bool = False
    pace: str = ""
    per_mail: float = 0.0
    measured: tuple[tuple[KnownMailer, float], ...] = ()

    @property
    def counted_from(self) -> Signal:
        """The signal that holds the records of this one."""
        return self.records or self.signal
