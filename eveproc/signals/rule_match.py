"""What one match of a signal's rule is, seen from EVE records: what eveproc tune counts.

An engine counts packets; records tell of them, more or less exactly. tuning/history.py keeps what
is declared here, tuning/matching.py turns it into the times at which a rule matched.
"""

from collections.abc import Callable
from enum import Enum, auto

from msgspec import Struct

from eveproc.input.events import Smtp


class HostMark(Enum):
    """A mark (xbit) that a rule without alerts sets on a host."""

    ASKED_MX = auto()
    TAKES_MAIL = auto()


class MarkTest(Struct, frozen=True):
    """A rule matches only while the host bears the mark, or only while it does not."""

    mark: HostMark
    is_set: bool


class DnsMatch(Struct, frozen=True, kw_only=True):
    """A DNS packet: a question, or an answer that the name does not exist (`of_nxdomain`).

    `rows` names the rows of the history; signals whose rules match the same packets share them.
    `counts` is asked of a question's name, its type and the site's own domains.
    `single_question`: the rule looks only into packets that hold one question.
    `by_transaction`: over TCP, Suricata 8 counts each question, and not each look at the stream.
    """

    rows: str
    counts: Callable[[str, str, tuple[str, ...]], bool]
    of_nxdomain: bool = False
    single_question: bool = False
    by_transaction: bool = False
    mark: MarkTest | None = None


class SynMatch(Struct, frozen=True, kw_only=True):
    """A SYN to an external server's mail port, also one that is sent again.

    `only_new_servers`: servers do not count for a day after they answered this host. `once_a_day`:
    servers do not count for a day after they were counted.
    """

    is_submission: bool = False
    only_new_servers: bool = False
    once_a_day: bool = False
    mark: MarkTest | None = None


class Moment(Enum):
    """When in an SMTP session the rule matches."""

    GREETING = auto()  # once in a session
    MAIL_FROM = auto()
    MESSAGE = auto()


class SmtpMatch(Struct, frozen=True, kw_only=True):
    """Something that a host says to an external server.

    `bit` stands for it in the history, so it must not change. The rule looks at any port, with
    `only_smtp_ports` at those of ports.smtp, with `except_submission` at all but ports.submission.
    """

    bit: int
    counts: Callable[[Smtp], bool]
    moment: Moment
    only_smtp_ports: bool = False
    except_submission: bool = False
    mark: MarkTest | None = None


class Untold(Struct, frozen=True):
    """No record tells when the rule matches, so no threshold can be chosen; `why` is one clause."""

    why: str


RuleMatch = DnsMatch | SynMatch | SmtpMatch | Untold
