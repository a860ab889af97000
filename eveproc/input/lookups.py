"""Lines of dns records -> who asked what, and when; the common content of many lines is read once.

A mail client asks for the same few names all day; in an office full of them this makes a third of
all lines. Only a few typed fields of each line are decoded, which is as fast as cutting them out of
its bytes, and works for any spelling. What a record says (Answered) and who asked (Asker) are
looked up in tables; an event is made only if one of them is new. The rest of a line is an
Occurrence: its time, its number among equal lines, and the addresses in it (Resolved). A collector
gets all occurrences of one host at once.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from math import inf
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw, Struct

from eveproc.input.addresses import canonical_address
from eveproc.input.decode import addresses_of, dns_event
from eveproc.input.eve_record import Int64
from eveproc.input.events import DNS_PORT, LOOPBACK, YEARS, Dns

# Bounds on memory: entries of the tables (up to 1,500 bytes each; when a table is full, all are
# emptied), and waiting occurrences (some 200 bytes each).
MOST_KNOWN, MOST_WAITING = 1 << 15, 1 << 18
# Longer lines are no repeated lookups; all statistics are longer.
LONGEST_LOOKUP = 1 << 11


class _Question(Struct, frozen=True):
    rrname: str = ""
    rrtype: str = ""


class _Answer(Struct, frozen=True):
    rrname: str = ""
    rrtype: str = ""
    rdata: str = ""


class _Grouped(Struct, frozen=True):
    A: tuple[str, ...] = ()
    AAAA: tuple[str, ...] = ()
    CNAME: tuple[str, ...] = ()


_NO_ANSWERS, _NOT_GROUPED = Raw(b"[]"), Raw()


class _Dns(Struct):
    type: str
    id: Int64 = 0
    version: Int64 = 0
    rrname: str = ""
    rrtype: str = ""
    rcode: str = ""
    queries: tuple[_Question, ...] = ()
    answers: Raw = _NO_ANSWERS
    grouped: Raw = _NOT_GROUPED  # false, as in decode.py if nothing is grouped
    rdata: str = ""


class _Ether(Struct, frozen=True):
    src_mac: str = ""
    dest_mac: str = ""
    src_macs: tuple[str, ...] = ()
    dest_macs: tuple[str, ...] = ()


class _Record(Struct):
    """All fields that a lookup's event is made of; values of another type are left to decode.py."""

    event_type: str
    timestamp: str
    src_ip: str
    src_port: Int64
    dest_ip: str
    dest_port: Int64
    proto: str
    dns: _Dns
    flow_id: Int64 = 0
    community_id: str = ""
    host: str = ""
    in_iface: str = ""
    vlan: tuple[Int64, ...] = ()
    tenant_id: Int64 | str = ""
    ether: _Ether | None = None
    ip_v: Int64 = 0


class Answered(Struct, eq=False, gc=False):
    """The common content of records, whoever asks whom; `event` is one of them. Equal only to
    itself.
    """

    event: Dns


class Resolved(Struct, eq=False, gc=False):
    """Answers to one question with the same addresses, whoever asked; `event` is one of them.

    `is_listed`: DNS blocklists answer with such an address, which changes the meaning of the
    record. `first` and `last`: times of the first and the last one since they were last handed
    over.
    """

    event: Dns
    is_listed: bool
    first: float = inf
    last: float = -inf


# One record among those of the same content: content, time in seconds since 1970 UTC, the client's
# port, query id, flow_id, community_id, the answers if there are any, the server.
Occurrence = tuple[Answered, float, int, int, int, str, Resolved | None, str]


class Asker:
    """A host as its records describe it, and its lookups at one home server, or ("") at other
    servers.

    `like` is one of its lookups.
    """

    __slots__ = ("asked", "like", "server")

    def __init__(self, event: Dns, server: str) -> None:
        self.like = event
        self.server = server
        self.asked: list[Occurrence] = []

    @property
    def client(self) -> str:
        """The address of the host."""
        return self.like.client

    def events(self) -> Iterator[Dns]:
        """Every event."""
        for answered, time, port, query_id, flow_id, community_id, resolved, server in self.asked:
            yield Dns(
                time=time,
                sensor=self.like.sensor,
                flow_id=flow_id,
                community_id=community_id,
                origin=self.like.origin,
                client=self.like.client,
                client_port=port,
                server=server,
                is_answer=answered.event.is_answer,
                questions=answered.event.questions,
                rcode=answered.event.rcode,
                query_id=query_id,
                tcp=answered.event.tcp,
                eight=answered.event.eight,
                addresses=resolved.event.addresses if resolved else (),
            )


# A day early: YEARS applies to the local time of the record's zone.
_LAST_YEAR_ENDS = datetime(YEARS[-1], 12, 31, tzinfo=UTC).timestamp()

decode_lookup = msgspec.json.Decoder(_Record).decode


class LookupLine(Struct, frozen=True):
    """Time (seconds since 1970 UTC), addresses as they are written, ports and kind of a lookup."""

    time: float
    source: str
    source_port: int
    destination: str
    destination_port: int
    version: int
    kind: str
    rcode: str


def read_lookup(line: bytes) -> LookupLine | None:
    """The line of a lookup in any order of keys; None if `decode` must read it."""
    try:
        one = decode_lookup(line)
        when = datetime.fromisoformat(one.timestamp)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    if one.event_type != Dns.TYPE or not when.tzinfo or when.year not in YEARS:
        return None
    ends = one.src_ip, one.src_port, one.dest_ip, one.dest_port
    return LookupLine(when.timestamp(), *ends, one.dns.version, one.dns.type, one.dns.rcode)


_said_of = attrgetter("rrname", "rrtype", "type", "rcode", "queries", "version")
_labels_of = attrgetter("ether", "host", "in_iface", "vlan", "tenant_id")
_decode_grouped = msgspec.json.Decoder(_Grouped).decode
_decode_answers = msgspec.json.Decoder(tuple[_Answer, ...]).decode
_Key = tuple[object, ...]


class Lookups:
    """Collects lines of lookups and hands them over by asker."""

    def __init__(self, is_home: Callable[[str], bool]) -> None:
        self._is_home = is_home
        self.take_between(-inf, inf)
        self._servers: dict[str, tuple[str, str]] = {}
        self._answered: dict[_Key, Answered] = {}
        self._askers: dict[_Key, Asker] = {}
        self._resolved: dict[_Key, Resolved] = {}
        self._waiting = 0

    def take_between(self, start: float, end: float) -> None:
        """Refuse lines from before the start, or from the end on."""
        self._counted = start, min(end, _LAST_YEAR_ENDS)

    def take(self, line: bytes) -> bool:
        """Collect a line; False if it must be decoded by itself, because it is no lookup or an
        unusual one.
        """
        try:
            record = decode_lookup(line)
            when, dns = datetime.fromisoformat(record.timestamp), record.dns
            has_answers = dns.grouped is not _NOT_GROUPED or dns.answers is not _NO_ANSWERS
            # Version 1 has a line for each record of an answer; decode.py reads those.
            if dns.rdata or (has_answers and dns.version < 2):
                return False
            resolved = self._of_answers(record) if has_answers else None
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return False
        if from_server := record.src_port == DNS_PORT:
            client, server, port = record.dest_ip, record.src_ip, record.dest_port
        else:
            client, server, port = record.src_ip, record.dest_ip, record.src_port
        server, home_server = self._servers.get(server) or self._note_server(server)
        time, (start, end) = when.timestamp(), self._counted
        # The ports must tell the server, and the time must have a zone.
        is_plain = from_server != (record.dest_port == DNS_PORT) and server and when.tzinfo
        if not (is_plain and start <= time < end):
            return False
        is_listed = resolved is not None and resolved.is_listed
        what = _said_of(dns), is_listed, record.event_type, record.proto, record.ip_v
        who = client, home_server, from_server, _labels_of(record)
        answered, asker = self._answered.get(what), self._askers.get(who)
        if answered is None or asker is None:
            event = dns_event(record, time, resolved.event.addresses if resolved else ())
            if event is None or record.event_type != Dns.TYPE:
                return False
            answered = self._answered.setdefault(what, Answered(event))
            asker = self._askers.setdefault(who, Asker(event, home_server))
        which = port, dns.id, record.flow_id, record.community_id
        asker.asked.append((answered, time, *which, resolved, server))
        self._waiting += 1
        if resolved and not resolved.first <= time <= resolved.last:
            resolved.first, resolved.last = min(resolved.first, time), max(resolved.last, time)
        return True

    def _of_answers(self, record: _Record) -> Resolved | None:
        """None if no event can be made of it.

        Raises msgspec.MsgspecError if an answer has a value of another type.
        """
        dns = record.dns
        if dns.grouped is _NOT_GROUPED:  # full answers, each with a different time to live
            told: object = _decode_answers(dns.answers)
        else:
            told = bytes(dns.grouped)
        key = told, dns.rrname, dns.queries
        found = self._resolved.get(key)
        if found is None:
            answers = _decode_answers(dns.answers)
            grouped = None if dns.grouped is _NOT_GROUPED else _decode_grouped(dns.grouped)
            asked = dns.queries[0].rrname if dns.queries else dns.rrname
            event = dns_event(record, 0.0, addresses_of(grouped, answers, asked))
            if event is None:
                return None
            is_listed = any(address.startswith(LOOPBACK) for _, address in event.addresses)
            found = self._resolved[key] = Resolved(event, is_listed)
        return found

    def _note_server(self, text: str) -> tuple[str, str]:
        """The address of a server ("" if invalid), and the same again if it is a home host, else
        "".
        """
        address = canonical_address(text)
        if len(self._servers) >= MOST_KNOWN:
            self._servers.clear()
        is_home = address and self._is_home(address)
        found = self._servers[text] = address, address if is_home else ""
        return found

    def is_full(self) -> bool:
        """True if the waiting occurrences or the tables have reached their bounds."""
        return self._waiting >= MOST_WAITING or self._knows_all()

    def _knows_all(self) -> bool:
        return max(map(len, self._known())) >= MOST_KNOWN

    def _known(self) -> tuple[dict[Any, Any], ...]:
        return self._answered, self._askers, self._resolved

    def askers(self) -> Iterable[Asker]:
        """Every asker of a waiting lookup."""
        return (one for one in self._askers.values() if one.asked)

    def resolved(self) -> Iterable[Resolved]:
        """All answers with addresses among the waiting lookups."""
        return (one for one in self._resolved.values() if one.first <= one.last)

    def clear(self) -> None:
        """Drop what waits; empty the tables, too, if they are full."""
        self._waiting = 0
        for asker in self._askers.values():
            asker.asked = []
        for resolved in self._resolved.values():
            resolved.first, resolved.last = inf, -inf
        if self._knows_all():
            for known in self._known():
                known.clear()
