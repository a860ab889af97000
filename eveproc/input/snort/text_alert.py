"""One line of an alert log in text -> the parts of an alert, or a Skipped with its reason.

Snort's alert_fast and alert_syslog, Suricata's fast.log and syslog output and what barnyard2 makes
of either say the same in one order: a time, marks, [gid:sid:rev], the rule's message, notes in
brackets, {protocol}, and the addresses. The message is text of any kind. So an alert is recognized
by the text before the message, from the beginning of the line, and by the end of the line. In a
syslog, text after another program's name may have been sent by any host: only lines of a program
named like one of the engines, or of no program, are believed.
"""

import re

from msgspec import Struct

from eveproc.input.addresses import is_address
from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.snort.clock import WithYear, alert_time, syslog_time
from eveproc.input.snort.fields import alert

STAMP = r"\d\d/\d\d(?:/(?:\d{4}|\d\d))?-\d\d:\d\d:\d\d(?:\.\d{1,9})?"
RULE = r"\[(?P<gid>\d{1,10}):(?P<sid>\d{1,10}):(?P<rev>\d{1,10})\] "
_ADDRESS = r"[0-9A-Fa-f:.]{2,60}"
PAIR = rf"(?P<src>{_ADDRESS}) -> (?P<dst>{_ADDRESS})"

_WORDS_OF_TIME = (
    r"(?:\d{4} )?[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?",
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?",
)
# RFC 5424 has eight fields before the message. RFC 3164 has a time, a host (FreeBSD leaves it out),
# and a tag (rsyslog can be told to leave it out).
_HEADER = re.compile(
    r"(?:<\d{1,3}>)?(?:"
    rf"1 (?P<time>-|{_WORDS_OF_TIME[1]}) \S{{1,255}} (?P<app>\S{{1,48}}) \S{{1,128}} \S{{1,32}} "
    r'(?:-|(?:\[[^ \]="]+(?: [^ =\]"]+="(?:[^"\\]|\\.)*")*\])+) ?\ufeff?'
    rf"|(?P<stamp>{'|'.join(_WORDS_OF_TIME)}) +(?:[\w.:%-]{{0,254}}[\w%-] +)?"
    r"(?:(?P<tag>[\w./-]{1,64})(?:\[\d{1,10}\])?: *)?)",
    re.ASCII,
)
# A relay may prepend a header of its own.
_HEADERS = 2
_ENGINES = re.compile(r"snort|suricata|barnyard", re.IGNORECASE)
# "[**]", "[Drop]", "[wDrop]", Snort 3's actions, and R or F of a Snort 2.9 that marks packets.
_START = re.compile(
    rf"(?:(?P<stamp>{STAMP}) +)?(?:\[(?:\*\*|[A-Za-z_]{{1,20}})\] +(?:[RF] )?){{0,3}}{RULE}",
    re.ASCII,
)
_END = re.compile(
    rf"\{{(?P<proto>[^{{}}]{{1,64}})\}} {PAIR}(?: ?\[Xref => [^\]]*\])*\s*\Z", re.ASCII
)
# The protocol and the addresses take 200 bytes at most; references may follow them.
_END_AT_MOST = 4096
# Protocols whose addresses have a port. The numbers are from early versions of Suricata.
_PORTED = frozenset(("TCP", "UDP", "SCTP", "6", "17"))
# IPv6 in full has eight groups, and Suricata adds the port to them.
_GROUPS = 8
OTHER_PROGRAM = Skipped(SkipReason.OTHER_EVENT_TYPE, "line of another program")
NO_ALERT = Skipped(SkipReason.NOT_AN_OBJECT, "no alert")
NO_ADDRESSES = Skipped(SkipReason.MISSING_FIELD, "addresses")


class Rule(Struct, frozen=True):
    """The rule that alerted, and where its engine writes the year if started with -y."""

    gid: int
    sid: int
    with_year: WithYear

    @classmethod
    def of(cls, found: re.Match[str]) -> "Rule":
        """The rule in a match of RULE. Snort 3 puts the message in quotes, and the year first."""
        is_quoted = found.string.startswith('"', found.end("rev") + len("] "))
        with_year = WithYear.FIRST if is_quoted else WithYear.LAST
        return cls(int(found["gid"]), int(found["sid"]), with_year)


class _Header(Struct, frozen=True):
    """A syslog header: when the line was logged, by which program ("" if not named), and where the
    message begins.
    """

    time: float | None = None
    program: str = ""
    end: int = 0

    @property
    def is_believed(self) -> bool:
        return not self.program or _ENGINES.search(self.program) is not None


def decode(text: str, written: float) -> Event | Skipped:
    """The alert of a whole line; never raises. `written` is as in eveproc.input.snort."""
    header = _header(text, written)
    start = _START.match(text, header.end) if header.is_believed else None
    if start is None:
        return OTHER_PROGRAM if header.end else NO_ALERT
    end = _END.search(text, max(start.end(), len(text) - _END_AT_MOST))
    if end is None:
        return NO_ADDRESSES
    stamp = start["stamp"] or ""
    if not stamp and header.time is None:
        return Skipped(SkipReason.NO_TIMESTAMP)
    rule, logged = Rule.of(start), written if header.time is None else header.time
    when = alert_time(None, stamp, logged, rule.with_year) if stamp else logged
    is_snorts = _is_snorts(stamp, header.program)
    return built(rule, when, (end["src"], end["dst"]), end["proto"], by_snort=is_snorts)


def _is_snorts(stamp: str, program: str) -> bool:
    """True unless Suricata wrote the alert: it writes the year in four digits, and in a syslog the
    program's name tells.

    If neither is there, the engine is unknown, and nothing is taken for a repetition.
    """
    is_suricatas = len(stamp.partition("-")[0]) > len("MM/DD/YY") or "suricata" in program.lower()
    return bool(stamp or program) and not is_suricatas


def begins_alert(text: str) -> bool:
    """True if the text begins with a time and a rule, as in fast.log and alert_fast."""
    found = _START.match(text)
    return found is not None and found["stamp"] is not None


def _header(text: str, written: float) -> _Header:
    """The last syslog header of a line, unless another program may have written text that looks
    like one.
    """
    header = _Header()
    for _ in range(_HEADERS):
        found = _HEADER.match(text, header.end)
        if found is None or not header.is_believed:
            break
        stamp = found["time"] or found["stamp"]
        time = syslog_time(stamp, written if header.time is None else header.time)
        header = _Header(
            header.time if isinstance(time, Skipped) else time,
            (found["app"] or found["tag"] or "").removeprefix("-"),
            found.end(),
        )
    return header


def built(
    rule: Rule, when: float | Skipped, ends: tuple[str, str], proto: str, *, by_snort: bool
) -> Event | Skipped:
    """The Alert of these parts; `ends` are source and destination as text."""
    if not rule.sid:
        return Skipped(SkipReason.WRONG_TYPE, "sid")
    if isinstance(when, Skipped):
        return when
    src, dst = (_end(text, proto) for text in ends)
    return alert(when, rule.gid, rule.sid, src, dst, proto, by_snort=by_snort)


def _end(text: str, proto: str) -> tuple[str, int]:
    """Address and port: "10.20.1.1:25", "2001:db8::1:25", "fe80:0000:...:0001:135", or without a
    port.

    After a shortened IPv6 address a port looks like a last group: it is a port if the protocol has
    ports and the rest is an address.
    """
    address, _, port = text.rpartition(":")
    if "." in port or not port.isdecimal() or len(port) > 5:
        return text, 0
    is_short = "::" in text
    is_v6 = ":" in address and "." not in address
    if is_v6 and not is_short and text.count(":") < _GROUPS:
        return text, 0
    if is_v6 and is_short and not (proto.upper() in _PORTED and is_address(address)):
        return text, 0
    return address, int(port)
