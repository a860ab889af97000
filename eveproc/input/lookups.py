"""Lines of dns records -> who asked what, and when: what many lines say alike is read once.

A mail client asks for the same few names all day, and in an office full of them a third of all
lines says so again. Of each line only a few typed fields are decoded, which takes as long as to cut
them out of its bytes, and sees through any spelling. What a record says (Answered) and who asked it
(Asker) are looked up in tables; only where one of them is new, an event is made of it. What is
left of a line is when it was, which of many equal ones, and the addresses in it: an Occurrence. A
collector is given all of one host's at once.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from eveproc.input.addresses import canonical_address
from eveproc.input.decode import Int64, addresses_of, dns_event
from eveproc.input.events import DNS_PORT, LOOPBACK, YEARS, Dns

# Bounds on memory: what is kept to be known again (up to 1,500 bytes each; when one is reached,
# all begin anew), and occurrences that wait (some 200 bytes each).
MOST_KNOWN, MOST_WAITING = 1 << 15, 1 << 18
# Longer lines are no lookups of the kind that repeats; statistics are all longer.
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


_NO_ANSWERS = Raw(b"[]")


class _Dns(Struct):
    type: str
    id: Int64 = 0
    version: Int64 = 0
    rrname: str = ""
    rrtype: str = ""
    rcode: str = ""
    queries: tuple[_Question, ...] = ()
    answers: Raw = _NO_ANSWERS
    grouped: _Grouped | None = None
    rdata: str = ""


class _Ether(Struct, frozen=True):
    src_mac: str = ""
    dest_mac: str = ""
    src_macs: tuple[str, ...] = ()
    dest_macs: tuple[str, ...] = ()


class _Record(Struct):
    """All that an event of a lookup is made of (decode.py); whatever is of another type is left to
    that.
    """

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


class Answered:
    """What records say alike, whoever asks whom: `event` is one of them. Equal only to itself."""

    __slots__ = ("event",)

    def __init__(self, event: Dns) -> None:
        self.event = event


# One record among those that say the same: what it says, time in seconds since 1970 UTC, the
# client's port, query id, flow_id, community_id, the (name, address) pairs of Dns, and the server
# as it is written.
Occurrence = tuple[Answered, float, int, int, int, str, tuple[tuple[str, str], ...], str]


class Asker:
    """A host as records show it, and what it asked: one home server, or ("") others."""

    __slots__ = ("asked", "client", "origin", "sensor", "server")

    def __init__(self, event: Dns, server: str) -> None:
        self.client = event.client
        self.server = server
        self.sensor = event.sensor
        self.origin = event.origin
        self.asked: list[Occurrence] = []

    def events(self) -> Iterator[Dns]:
        """Every event."""
        for answered, time, port, query_id, flow_id, community_id, addresses, server in self.asked:
            like = answered.event
            yield Dns(
                time=time,
                sensor=self.sensor,
                flow_id=flow_id,
                community_id=community_id,
                origin=self.origin,
                client=self.client,
                client_port=port,
                server=canonical_address(server),
                is_answer=like.is_answer,
                questions=like.questions,
                rcode=like.rcode,
                query_id=query_id,
                tcp=like.tcp,
                eight=like.eight,
                addresses=addresses,
            )


def _is_odd(record: _Record, when: datetime) -> bool:
    """Is it no lookup, or one that takes more to read (decode.py)?

    The ports must tell the server, and the time its zone; version 1 has a line for each record of
    an answer.
    """
    return (
        record.event_type != Dns.TYPE
        or (record.src_port == DNS_PORT) == (record.dest_port == DNS_PORT)
        or when.tzinfo is None
        or when.year not in YEARS
        or bool(record.dns.rdata)
    )


_decode = msgspec.json.Decoder(_Record).decode
_decode_answers = msgspec.json.Decoder(tuple[_Answer, ...]).decode
_Key = tuple[object, ...]
# (name, address) pairs, and whether one of the addresses is of the kind that DNS blocklists answer
# with: that changes what the record says.
_Found = tuple[tuple[tuple[str, str], ...], bool]
_NOTHING: _Found = ((), False)


class Lookups:
    """Takes lines of lookups in, and gives them back by asker."""

    def __init__(self, is_home: Callable[[str], bool]) -> None:
        self._is_home = is_home
        self._home_servers: dict[str, str] = {}
        self._answered: dict[_Key, Answered] = {}
        self._askers: dict[_Key, Asker] = {}
        self._found: dict[_Key, _Found] = {}
        self._waiting = 0

    def take(self, line: bytes) -> bool:
        """Take a line in; False where it must be decoded by itself."""
        try:
            record = _decode(line)
            when, dns = datetime.fromisoformat(record.timestamp), record.dns
            addresses, is_listed = self._addresses(dns)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return False
        if _is_odd(record, when):
            return False
        if from_server := record.src_port == DNS_PORT:
            client, server, port = record.dest_ip, record.src_ip, record.dest_port
        else:
            client, server, port = record.src_ip, record.dest_ip, record.src_port
        home_server = self._home_servers.get(server)
        if home_server is None:
            home_server = self._note_server(server)
        what = (
            *(dns.rrname, dns.rrtype, dns.type, dns.rcode, dns.queries, is_listed, dns.version),
            *(record.proto, record.ip_v),
        )
        who = (
            *(client, home_server, from_server, record.ether, record.host, record.in_iface),
            *(record.vlan, record.tenant_id),
        )
        answered, asker = self._answered.get(what), self._askers.get(who)
        if answered is None or asker is None:
            event = dns_event(record, when.timestamp(), addresses)
            if event is None:
                return False
            answered = self._answered.setdefault(what, Answered(event))
            asker = self._askers.setdefault(who, Asker(event, home_server))
        which = when.timestamp(), port, dns.id, record.flow_id, record.community_id
        asker.asked.append((answered, *which, addresses, server))
        self._waiting += 1
        return True

    def _addresses(self, dns: _Dns) -> _Found:
        """Raises msgspec.MsgspecError where an answer has a value of another type."""
        grouped = dns.grouped
        if grouped is None and dns.answers is _NO_ANSWERS:
            return _NOTHING
        answers = _decode_answers(dns.answers) if grouped is None else ()
        asked = dns.queries[0].rrname if dns.queries else dns.rrname
        key: _Key = (grouped, answers, asked)
        found = self._found.get(key)
        if found is None:
            pairs = addresses_of(grouped, answers, asked)
            is_listed = any(address.startswith(LOOPBACK) for _, address in pairs)
            found = self._found[key] = pairs, is_listed
        return found

    def _note_server(self, text: str) -> str:
        """Its one spelling if it is a home host, else ""."""
        address = canonical_address(text)
        found = self._home_servers[text] = address if self._is_home(address) else ""
        return found

    def is_full(self) -> bool:
        """Are there as many as may wait, or may be known?"""
        return self._waiting >= MOST_WAITING or self._knows_all()

    def _knows_all(self) -> bool:
        return max(map(len, self._known())) >= MOST_KNOWN

    def _known(self) -> tuple[dict[Any, Any], ...]:
        return self._answered, self._askers, self._found, self._home_servers

    def taken(self) -> Iterator[Asker]:
        """Everybody who asked since the last call, to the end of the iteration."""
        self._waiting = 0
        for asker in self._askers.values():
            if asker.asked:
                yield asker
                asker.asked = []
        if self._knows_all():
            for known in self._known():
                known.clear()
