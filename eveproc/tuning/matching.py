"""History + a signal -> when its rule matched each host, and how sure that is. What records cannot tell is said in UNTOLD.

Each function below is one rule of rulegen/catalogue read the other way: which packets it matches,
seen from the records these leave. How far they agree with the engines is tested over a grid of
thresholds (tests/test_thresholds.py).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from eveproc.tuning.engine_threshold import SECOND, Match
from eveproc.tuning.history import ConnectionState, History, RecordKind, SessionState
from eveproc.tuning.rows import HistoryRow, HistoryRows
from eveproc.tuning.xbits import XbitState, after_each
from rulegen.errors import InputError, Problem
from rulegen.site_profile import Threshold
from rulegen.vocabulary import Signal

# TCP gives up after six or seven tries by default, no system makes more than a dozen.
MOST_SYNS = 12
# Where in a session, from its start to its first record, the HELO and what follows are seen to be.
HELO_AT = 0.4

UNTOLD: Mapping[Signal, str] = MappingProxyType(
    {
        Signal.LOOK_ALIKE: "no rule of an engine compares one mail with the next, so there is no threshold to choose",
        Signal.SMTP_REJECTS: "its rule counts the replies of mail servers, and no record holds them: see what it alerts as it is",
    }
)
TOLD = tuple(signal for signal in Signal if signal not in UNTOLD)


def refuse_untold(signal: Signal) -> None:
    """Raises InputError, with the reason, for a signal that records do not show."""
    if signal in UNTOLD:
        raise InputError(
            [
                Problem(
                    signal.value,
                    f"cannot be told from records: {UNTOLD[signal]}; allowed are {', '.join(TOLD)}",
                )
            ]
        )


class HostView(Struct, frozen=True):
    """What there is of one host, and the thresholds its rules run at: in Suricata 7 their windows keep marks alive."""

    history: History
    host: str
    thresholds: Mapping[Signal, Threshold]

    def rows(self, what: RecordKind) -> HistoryRows:
        return self.history.rows(self.host, what)

    @property
    def by_eight(self) -> bool:
        return self.history.by_eight


def matches(host: HostView, signal: Signal) -> list[Match]:
    """In the order of their times. Raises KeyError for a signal in UNTOLD."""
    return by_time(_RULES[signal](host))


def by_time(found: Iterable[Match]) -> list[Match]:
    """In the order in which the engine meets them."""
    return sorted(found, key=lambda match: match.time)


def _exactly(time: int) -> Match:
    return Match(time, time, time)


def _mx(host: HostView) -> Iterator[Match]:
    return _questions(host, RecordKind.MX)


def _guess(host: HostView) -> Iterator[Match]:
    return _questions(host, RecordKind.GUESS)


def _questions(host: HostView, what: RecordKind) -> Iterator[Match]:
    """Over UDP the packet itself. Over TCP an engine looks at the stream when the answer has acknowledged it, once."""
    streams = _Streams(host, answers=True)
    seen = set()
    for time, _, flow_id in host.rows(what):
        if not flow_id:
            yield _exactly(time)
            continue
        match = streams.after(flow_id, time)
        # Suricata 7 looks into the stream, where two questions of one packet are one match; 8 asks
        # for its MX by transaction.
        if (flow_id, match.time) not in seen or (what is RecordKind.MX and host.by_eight):
            yield match
        seen.add((flow_id, match.time))


def _nx(host: HostView) -> Iterator[Match]:
    """Over TCP, when the next question has acknowledged the answer, or when the connection ends."""
    streams = _Streams(host, answers=False)
    for time, _, flow_id in host.rows(RecordKind.NX):
        yield streams.after(flow_id, time) if flow_id else _exactly(time)


class _Streams:
    """Times of the questions (or answers) in DNS connections over TCP, by flow."""

    def __init__(self, host: HostView, *, answers: bool) -> None:
        self._times: dict[int, list[int]] = {}
        for time, _, flow_id, is_answer in host.rows(RecordKind.DNS_TCP):
            if is_answer == answers:
                self._times.setdefault(flow_id, []).append(time)

    def after(self, flow_id: int, time: int) -> Match:
        times = self._times.get(flow_id, [])
        index = bisect_right(times, time)
        return (
            _exactly(times[index]) if index < len(times) else Match(time, time, time + 5 * SECOND)
        )


def _direct(host: HostView) -> Iterator[Match]:
    return (match for row in _openings(host, ConnectionState.DIRECT) for match in _syns(row))


def _submission(host: HostView) -> Iterator[Match]:
    return (match for row in _openings(host, ConnectionState.SUBMISSION) for match in _syns(row))


def _openings(host: HostView, kind: ConnectionState) -> Iterator[HistoryRow]:
    return (row for row in host.rows(RecordKind.OPENED) if row[-1] & kind)


def _syns(row: HistoryRow) -> Iterator[Match]:
    """The SYN that began a connection, and those sent again while nobody had answered: counted by the record, not timed.

    The last one of a connection that nobody answered is its last packet; those between follow the
    doubling pauses of TCP. A SYN sent again that was answered in the end leaves no trace in a
    record.
    """
    start, _, _, end, sent, received, _, bits = row
    yield _exactly(start)
    more = _sent_again(sent, received, ConnectionState(bits))
    for number in range(1, more + 1):
        time = start + (end - start) * (2**number - 1) // (2**more - 1)
        yield (
            _exactly(time)
            if number == more and not received
            else Match(time, start, end, sure=not received)
        )


def _sent_again(sent: int, received: int, bits: ConnectionState) -> int:
    """How many SYNs after the first. After a reset the engine holds the connection for closed and matches no more."""
    if not bits & ConnectionState.ONLY_SYNS:
        return 0
    silent = sent - received if bits & ConnectionState.REFUSED else sent - 1
    return min(max(silent, 0), MOST_SYNS)


# How long the marks last (templates/suricata-7/delivery.j2).
ASKED_MX, MET, TAKES_MAIL = 600, 86400, 86400
# From a SYN to its answer, for want of a record: half of the servers on the Internet are nearer.
JOURNEY = SECOND // 20


def _mx_slow(host: HostView) -> Iterator[Match]:
    return (match for match in _of_no_mail_server(host) if match.signal is Signal.MX_SLOW)


def _smtp_slow(host: HostView) -> Iterator[Match]:
    return (match for match in _of_no_mail_server(host) if match.signal is Signal.SMTP_SLOW)


def _of_no_mail_server(host: HostView) -> Iterator[Match]:
    """MX questions and SYNs to peers while the host bears no mark of taking mail in: two rules ask for one mark."""
    asking = [replace(match, signal=Signal.MX_SLOW) for match in _mx(host)]
    asking += (match for match in _to_strangers(host) if match.signal is Signal.SMTP_SLOW)
    takings = _takings(host)
    if not takings:  # as of most hosts
        return iter(asking)
    mark = XbitState(
        takings,
        TAKES_MAIL,
        exact=host.by_eight,
        kept=[*_kept(host), *after_each(_asked(host), ASKED_MX)],
    )
    return mark.let(by_time(asking), where_set=False)


def _submission_slow(host: HostView) -> Iterator[Match]:
    return (match for match in _to_strangers(host) if match.signal is Signal.SUBMISSION_SLOW)


def _to_strangers(host: HostView) -> Iterator[Match]:
    """SYNs to ports of servers and of submission while this server had not answered: two rules ask for one mark."""
    by_server: dict[int, list[HistoryRow]] = {}
    for row in host.rows(RecordKind.OPENED):
        by_server.setdefault(row[2], []).append(row)
    for rows in by_server.values():
        asking = (replace(match, signal=_slow_signal(row)) for row in rows for match in _syns(row))
        answers = sorted(_answered(row) for row in rows if row[-1] & ConnectionState.MET)
        yield from XbitState(answers, MET, exact=host.by_eight).let(
            by_time(asking), where_set=False
        )


def _slow_signal(row: HistoryRow) -> Signal:
    return Signal.SMTP_SLOW if row[-1] & ConnectionState.DIRECT else Signal.SUBMISSION_SLOW


def _mx_then_smtp(host: HostView) -> Iterator[Match]:
    asked = _asked(host)
    if not asked:
        return iter(())
    mark = XbitState(
        asked,
        ASKED_MX,
        exact=host.by_eight,
        kept=[*_kept(host), *after_each(_takings(host), TAKES_MAIL)],
    )
    return mark.let(by_time(_direct(host)), where_set=True)


def _asked(host: HostView) -> list[int]:
    return sorted(match.time for match in _mx(host))


def _takings(host: HostView) -> list[int]:
    return [time for time, *_ in host.rows(RecordKind.TOOK_MAIL)]


def _answered(row: HistoryRow) -> int:
    """When the SYN was answered: no record says; a journey of common length, and before the connection's end."""
    return min(row[0] + JOURNEY, row[3])


def _kept(host: HostView) -> Iterator[tuple[int, int]]:
    """Suricata 7 keeps thresholds where it keeps marks, at the host; 8 has a table for each."""
    if not host.by_eight:
        for signal, rule in _WITHOUT_MARKS.items():
            threshold = host.thresholds.get(signal)
            if threshold is not None:
                yield from after_each(
                    (match.time for match in by_time(rule(host))), threshold.seconds
                )


def _sessions(host: HostView) -> Iterator[Match]:
    return _greetings(host, SessionState.HELO)


def _helo_odd(host: HostView) -> Iterator[Match]:
    return _greetings(host, SessionState.HELO_ODD)


def _greetings(host: HostView, wanted: SessionState) -> Iterator[Match]:
    """One in a session, at some moment of it: 8 looks when the HELO is answered, 7 often when the first mail is through."""
    begun = _begun(host)
    known = set()
    for time, mark, flow_id, _, said in host.rows(RecordKind.SMTP):
        session = flow_id or mark
        if said & wanted and session not in known:
            known.add(session)
            first, last = begun.get(flow_id, (time, time))
            yield Match(
                _within(first, time) if host.by_eight else time, min(first, time), max(last, time)
            )


def _mails(host: HostView) -> Iterator[Match]:
    """MAIL FROM comes after the HELO, or after the mail before."""
    begun = _begun(host)
    before: dict[int, int] = {}
    for time, _, flow_id, tx_id, said in host.rows(RecordKind.SMTP):
        if said & SessionState.MAIL:
            first = before.get(flow_id) if tx_id > 1 else None
            start = begun.get(flow_id, (time, time))[0]
            yield (
                Match(_within(start, time), start, time)
                if first is None
                else Match(first, first, time)
            )
        if flow_id:
            before[flow_id] = time


def _programs(host: HostView) -> Iterator[Match]:
    """The name of a file is seen while its mail goes through, shortly before the record of it, or in 7 shortly after."""
    begun = _begun(host)
    for time, _, flow_id, _, said in host.rows(RecordKind.SMTP):
        if said & SessionState.PROGRAM:
            first, last = begun.get(flow_id, (time, time))
            yield Match(time, min(first, time), max(last, time))


def _within(first: int, last: int) -> int:
    return first + round((last - first) * HELO_AT) if first < last else last


def _begun(host: HostView) -> dict[int, tuple[int, int]]:
    """First and last sign of each connection to a mail port, by flow; an engine may write it in two parts, or look when it ends."""
    spans: dict[int, tuple[int, int]] = {}
    records = ((flow_id, time) for time, _, flow_id, *_ in host.rows(RecordKind.SMTP))
    for start, _, _, end, _, _, flow_id, _ in host.rows(RecordKind.OPENED):
        first, last = spans.get(flow_id, (start, end))
        spans[flow_id] = (min(first, start), max(last, end))
    for flow_id, time in records:
        if flow_id in spans:
            spans[flow_id] = (spans[flow_id][0], max(spans[flow_id][1], time))
    spans.pop(0, None)
    return spans


_Rule = Callable[[HostView], Iterator[Match]]

# The slow rules stand here without their marks: a host that bears one opens no window of theirs,
# but then something else keeps it.
_WITHOUT_MARKS: Mapping[Signal, _Rule] = MappingProxyType(
    {
        Signal.MX_FLOOD: _mx,
        Signal.MX_SLOW: _mx,
        Signal.NAME_GUESS: _guess,
        Signal.NAME_GUESS_NX: _nx,
        Signal.SMTP_ATTEMPTS: _direct,
        Signal.SUBMISSION_ATTEMPTS: _submission,
        Signal.SUBMISSION_SLOW: _submission_slow,
        Signal.SMTP_SESSIONS: _sessions,
        Signal.MAIL_BURST: _mails,
        Signal.WORM_ATTACHMENT: _programs,
        Signal.HELO_ODD: _helo_odd,
    }
)
_RULES: Mapping[Signal, _Rule] = MappingProxyType(
    dict(_WITHOUT_MARKS)
    | {Signal.MX_SLOW: _mx_slow, Signal.SMTP_SLOW: _smtp_slow, Signal.MX_THEN_SMTP: _mx_then_smtp}
)
