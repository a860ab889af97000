"""History + a signal -> when its rule matched each host, and how certain that is.

UNTOLD names the signals that records do not show.

The entries of eveproc/signals say what one match of a rule is (signals/rule_match.py); this module
derives the times of matches from the records that packets leave. tests/test_thresholds.py compares
them with the engines over a grid of thresholds.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from eveproc.signals.registry import SIGNALS
from eveproc.signals.rule_match import DnsMatch, HostMark, Moment, SmtpMatch, SynMatch, Untold
from eveproc.tuning.engine_threshold import SECOND, Match
from eveproc.tuning.history import (
    DNS_TCP,
    OPENED,
    SMTP,
    TOOK_MAIL,
    ConnectionState,
    History,
)
from eveproc.tuning.rows import HistoryRow, HistoryRows
from eveproc.tuning.xbits import XbitState, after_each
from rulegen.errors import InputError, Problem
from rulegen.site_profile import Threshold
from rulegen.vocabulary import Signal

# Maximum number of SYNs of a connection: by default TCP gives up after six or seven, no system
# sends more than a dozen.
MOST_SYNS = 12
# The typical position of the HELO, and of what follows, between a session's start and its first
# record.
HELO_AT = 0.4

UNTOLD: Mapping[Signal, str] = MappingProxyType(
    {
        signal: entry.rule_match.why
        for signal, entry in SIGNALS.items()
        if isinstance(entry.rule_match, Untold)
    }
)
_RULES: Mapping[Signal, DnsMatch | SynMatch | SmtpMatch] = MappingProxyType(
    {
        signal: entry.rule_match
        for signal, entry in SIGNALS.items()
        if not isinstance(entry.rule_match, Untold)
    }
)
# The rule that sets the mark ASKED_MX matches what this signal's rule counts.
_ASKED_MX = next(
    rule
    for rule in _RULES.values()
    if isinstance(rule, DnsMatch) and not rule.mark and rule.rows == "mx"
)
_OF_NEW_SERVERS: Mapping[bool, Signal] = MappingProxyType(
    {
        rule.is_submission: signal
        for signal, rule in _RULES.items()
        if isinstance(rule, SynMatch) and rule.only_new_servers
    }
)
TOLD = tuple(signal for signal in Signal if signal not in UNTOLD)


def refuse_untold(signal: Signal) -> None:
    """Raise InputError, with the reason, for a signal that records do not show."""
    if signal in UNTOLD:
        raise InputError(
            [
                Problem(
                    signal.value,
                    f"cannot be told from records: {UNTOLD[signal]}; expected {', '.join(TOLD)}",
                )
            ]
        )


class HostView(Struct, frozen=True):
    """The history of one host, and the thresholds of its rules: in Suricata 7 their windows keep
    xbits alive.
    """

    history: History
    host: str
    thresholds: Mapping[Signal, Threshold]

    def rows(self, what: str) -> HistoryRows:
        return self.history.rows(self.host, what)

    @property
    def by_eight(self) -> bool:
        return self.history.by_eight


def matches(host: HostView, signal: Signal) -> list[Match]:
    """The matches in order of time. Raises KeyError for a signal in UNTOLD."""
    rule = _RULES[signal]
    if rule.mark is None:
        return by_time(_unmarked(host, signal))
    settings = _settings(host, rule.mark.mark)
    if not settings:  # the case of most hosts
        return [] if rule.mark.is_set else by_time(_unmarked(host, signal))
    # Rules that test the same mark are played together: testing changes a mark.
    asking = [
        replace(match, signal=other)
        for other, declared in _RULES.items()
        if declared.mark == rule.mark
        for match in _unmarked(host, other)
    ]
    mark = XbitState(
        settings,
        MARK_SECONDS[rule.mark.mark],
        exact=host.by_eight,
        kept=_kept(host, rule.mark.mark),
    )
    let = mark.let(by_time(asking), where_set=rule.mark.is_set)
    return by_time(match for match in let if match.signal is signal)


def by_time(found: Iterable[Match]) -> list[Match]:
    """Sort key: the order in which the engine sees the matches."""
    return sorted(found, key=lambda match: match.time)


def _unmarked(host: HostView, signal: Signal) -> Iterator[Match]:
    """The matches of the rule, whatever marks the host has."""
    match _RULES[signal]:
        case DnsMatch() as rule:
            return _answers(host, rule) if rule.of_nxdomain else _questions(host, rule)
        case SynMatch(only_new_servers=True) as rule:
            return (match for match in _to_new_servers(host) if match.signal is signal)
        case SynMatch(once_a_day=True) as rule:
            return _once_a_day(host, rule)
        case SynMatch() as rule:
            return (match for row in _openings(host, rule) for match in _syns(row))
        case SmtpMatch(moment=Moment.GREETING) as rule:
            return _greetings(host, rule.bit)
        case SmtpMatch(moment=Moment.MAIL_FROM) as rule:
            return _mails(host, rule.bit)
        case SmtpMatch() as rule:
            return _messages(host, rule.bit)


def _exactly(time: int) -> Match:
    return Match(time, time, time)


def _questions(host: HostView, rule: DnsMatch) -> Iterator[Match]:
    """Matches of questions. Over UDP the packet itself counts; over TCP an engine inspects the
    stream once the answer came.
    """
    streams = _Streams(host, answers=True)
    seen = set()
    for time, _, flow_id in host.rows(rule.rows):
        if not flow_id:
            yield _exactly(time)
            continue
        match = streams.after(flow_id, time)
        # A rule that inspects the stream matches two questions in one packet once.
        if (flow_id, match.time) not in seen or (rule.by_transaction and host.by_eight):
            yield match
        seen.add((flow_id, match.time))


def _answers(host: HostView, rule: DnsMatch) -> Iterator[Match]:
    """Matches of answers; over TCP when the next question acknowledges the answer, or when the
    connection ends.
    """
    streams = _Streams(host, answers=False)
    for time, _, flow_id in host.rows(rule.rows):
        yield streams.after(flow_id, time) if flow_id else _exactly(time)


class _Streams:
    """Times of the questions (or answers) in DNS connections over TCP, by flow."""

    def __init__(self, host: HostView, *, answers: bool) -> None:
        self._times: dict[int, list[int]] = {}
        for time, _, flow_id, is_answer in host.rows(DNS_TCP):
            if is_answer == answers:
                self._times.setdefault(flow_id, []).append(time)

    def after(self, flow_id: int, time: int) -> Match:
        times = self._times.get(flow_id, [])
        index = bisect_right(times, time)
        return (
            _exactly(times[index]) if index < len(times) else Match(time, time, time + 5 * SECOND)
        )


def _openings(host: HostView, rule: SynMatch) -> Iterator[HistoryRow]:
    port = ConnectionState.SUBMISSION if rule.is_submission else ConnectionState.DIRECT
    return (row for row in host.rows(OPENED) if row[-1] & port)


def _syns(row: HistoryRow) -> Iterator[Match]:
    """The first SYN of a connection, and those that were sent again without an answer.

    The record has the number of the latter, not their times. In an unanswered connection the last
    SYN is the last packet; those in between follow the doubling pauses of TCP. A repeated SYN that
    was finally answered leaves no trace in a record.
    """
    start, _, _, end, sent, received, _, bits = row
    yield _exactly(start)
    more = _sent_again(sent, received, bits)
    for number in range(1, more + 1):
        time = start + (end - start) * (2**number - 1) // (2**more - 1)
        yield (
            _exactly(time)
            if number == more and not received
            else Match(time, start, end, sure=not received)
        )


def _sent_again(sent: int, received: int, bits: int) -> int:
    """Number of SYNs after the first; after a reset the engine matches no more."""
    if not bits & ConnectionState.ONLY_SYNS:
        return 0
    silent = sent - received if bits & ConnectionState.REFUSED else sent - 1
    return min(max(silent, 0), MOST_SYNS)


# How long marks last, in seconds: on a host, and on a pair of host and server
# (templates/suricata-7/delivery.j2).
MARK_SECONDS: Mapping[HostMark, int] = MappingProxyType(
    {HostMark.ASKED_MX: 600, HostMark.TAKES_MAIL: 86400}
)
MET = 86400
# Assumed seconds from a SYN to its answer, which no record has: half of the servers on the Internet
# are nearer.
JOURNEY = SECOND // 20


def _settings(host: HostView, mark: HostMark) -> list[int]:
    """The times, in order, at which the rule that sets the mark matched."""
    match mark:
        case HostMark.ASKED_MX:
            return [match.time for match in by_time(_questions(host, _ASKED_MX))]
        case HostMark.TAKES_MAIL:
            return [time for time, *_ in host.rows(TOOK_MAIL)]


def _kept(host: HostView, mark: HostMark) -> Iterator[tuple[int, int]]:
    """Spans in which something other than the mark keeps the host's state in the engine.

    Suricata 7 stores thresholds with marks, at the host; 8 has a separate table for each.
    """
    for other in HostMark:
        if other is not mark:
            yield from after_each(_settings(host, other), MARK_SECONDS[other])
    if host.by_eight:
        return
    # If the rules for SYNs open short windows, that of smtp_attempts or a mark keeps the host.
    for signal, rule in _RULES.items():
        threshold = host.thresholds.get(signal)
        is_kept = isinstance(rule, SynMatch) and rule.mark and not rule.once_a_day
        if threshold is not None and not is_kept:
            times = (match.time for match in by_time(_unmarked(host, signal)))
            yield from after_each(times, threshold.seconds)


def _to_new_servers(host: HostView) -> Iterator[Match]:
    """SYNs while this server had not answered, of all rules that test that mark."""
    by_server: dict[int, list[HistoryRow]] = {}
    for row in host.rows(OPENED):
        by_server.setdefault(row[2], []).append(row)
    for rows in by_server.values():
        asking = (replace(match, signal=_slow_signal(row)) for row in rows for match in _syns(row))
        answers = sorted(_answered(row) for row in rows if row[-1] & ConnectionState.MET)
        yield from XbitState(answers, MET, exact=host.by_eight).let(
            by_time(asking), where_set=False
        )


def _once_a_day(host: HostView, rule: SynMatch) -> Iterator[Match]:
    """The first SYN to each server, and the first one after the bit that it set expired."""
    unit = 1 if host.by_eight else SECOND
    since: dict[int, int] = {}
    tries = [(match, row[2]) for row in _openings(host, rule) for match in _syns(row)]
    for match, server in sorted(tries, key=lambda found: found[0].time):
        if server not in since or match.time // unit > since[server] // unit + MET * SECOND // unit:
            since[server] = match.time
            yield match


def _slow_signal(row: HistoryRow) -> Signal:
    return _OF_NEW_SERVERS[not row[-1] & ConnectionState.DIRECT]


def _answered(row: HistoryRow) -> int:
    """When the SYN was answered: no record has it, so a common round trip is assumed."""
    return min(row[0] + JOURNEY, row[3])


def _greetings(host: HostView, bit: int) -> Iterator[Match]:
    """One match per session: Suricata 8 matches when the HELO is answered, 7 often after the first
    mail.
    """
    begun = _begun(host)
    known = set()
    for time, mark, flow_id, _, said in host.rows(SMTP):
        session = flow_id or mark
        if said & bit and session not in known:
            known.add(session)
            first, last = begun.get(flow_id, (time, time))
            yield Match(
                _within(first, time) if host.by_eight else time, min(first, time), max(last, time)
            )


def _mails(host: HostView, bit: int) -> Iterator[Match]:
    """Matches of MAIL FROM, which comes after the HELO or after the previous mail."""
    begun = _begun(host)
    before: dict[int, int] = {}
    for time, _, flow_id, tx_id, said in host.rows(SMTP):
        if said & bit:
            first = before.get(flow_id) if tx_id > 1 else None
            start = begun.get(flow_id, (time, time))[0]
            yield (
                Match(_within(start, time), start, time)
                if first is None
                else Match(first, first, time)
            )
        if flow_id:
            before[flow_id] = time


def _messages(host: HostView, bit: int) -> Iterator[Match]:
    """Matches of file names, during their mail: shortly before its record, or with Suricata 7
    shortly after.
    """
    begun = _begun(host)
    for time, _, flow_id, _, said in host.rows(SMTP):
        if said & bit:
            first, last = begun.get(flow_id, (time, time))
            yield Match(time, min(first, time), max(last, time))


def _within(first: int, last: int) -> int:
    return first + round((last - first) * HELO_AT) if first < last else last


def _begun(host: HostView) -> dict[int, tuple[int, int]]:
    """First and last time of each connection to a mail port, by flow id.

    An engine may log a flow in two parts, or match at its end.
    """
    spans: dict[int, tuple[int, int]] = {}
    records = ((flow_id, time) for time, _, flow_id, *_ in host.rows(SMTP))
    for start, _, _, end, _, _, flow_id, _ in host.rows(OPENED):
        first, last = spans.get(flow_id, (start, end))
        spans[flow_id] = (min(first, start), max(last, end))
    for flow_id, time in records:
        if flow_id in spans:
            spans[flow_id] = (spans[flow_id][0], max(spans[flow_id][1], time))
    spans.pop(0, None)
    return spans
