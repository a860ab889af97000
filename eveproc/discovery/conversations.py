"""Blocks of undecoded EVE -> who met whom, from the lines that may show something new.

Discovery needs from every dns, flow and alert record who met whom, and nearly all records repeat
another one. Such a line is recognized by slices of its bytes and skipped: both addresses of a
connection; ends, kind and result of a lookup. Only blocks whose lines all begin as Suricata writes
them are examined as a whole; in others, each line that begins differently is decoded.

This examines every line. Once home networks are known, meetings.py finds the few lines that matter.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate

from msgspec import Struct

from eveproc.input.addresses import canonical_address
from eveproc.input.events import DNS_PORT, EVENT_TYPES, Alert, Dhcp, Dns, Event, Flow, Smtp
from eveproc.input.lookups import read_lookup
from eveproc.input.prefilter import Found
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import LineReader
from eveproc.signals.home_net import network_test
from rulegen.site_profile import Network

# Bounds on the tables of known entries. A full table is emptied, and some lines are decoded without
# need.
MOST_ADDRESSES, MOST_LOOKUPS = 1 << 18, 1 << 16
# An IPv6 network with more distinct first groups than this is recognized by its first digits.
MOST_BEGINNINGS = 16

_RECORD = re.compile(
    rb'\n\{"timestamp":"[0-9T-]{13}:[0-9]{2}[0-9:.]{10}[+-][0-9]{4}",(?:"flow_id":[0-9]+,)?'
    rb'(?:"parent_id":[0-9]+,)?'
    rb'(?:"in_iface":"[^"\\\n]*",)?(?:"pcap_cnt":[0-9]+,)?"event_type":"([a-z0-9_]+)"'
    rb'(?:,(?:"vlan":\[[0-9,]*\],)?"src_ip":"([0-9a-fA-F:.]+)",(?:"src_port":([0-9]+),)?'
    rb'"dest_ip":"([0-9a-fA-F:.]+)",(?:"dest_port":([0-9]+),)?)?'
)
_LOOKUP = re.compile(rb'"dns":\{((?:"version":[0-9]+,)?"type":"[a-z]+")')
_VERSION, _RCODE, _ANSWERS = b'"version":', b'"rcode":"', (b'"answer"', b'"response"')
_UNANSWERED = b'"pkts_toclient":0,'
_DNS, _FLOW, _ALERT = (kind.TYPE.encode() for kind in (Dns, Flow, Alert))
_MEETINGS = frozenset((_DNS, _FLOW, _ALERT))
# Other records are decoded if they show a host; records that Suricata did not write may contain
# others.
_DECODED = frozenset((Smtp.TYPE.encode(), Dhcp.TYPE.encode()))
_PASSED_OVER = frozenset(kind.encode() for kind in EVENT_TYPES) - _MEETINGS - _DECODED

# (kind, source, its port, destination, its port)
_Head = tuple[bytes, bytes, bytes, bytes, bytes]
# (source, its port if that is PORT, destination, its port if that is PORT) of a lookup, and that
# with kind and result.
Ends = tuple[bytes, bytes | None, bytes, bytes | None]
_Lookup = tuple[Ends, bytes, bytes]
PORT = str(DNS_PORT).encode()


class Meeting(Struct, frozen=True):
    """The hosts that a record showed, and whether another record of the same ends can show more."""

    hosts: Collection[str]
    is_all: bool


class Conversations:
    """Finds in blocks who met whom, and reports it by decoded events."""

    def __init__(
        self,
        note: Callable[[Event], Meeting | None],
        networks: Iterable[Network],
        *,
        quiet: Iterable[Network],
        asks: Callable[[str, str, bool], bool],
        servers: Iterable[Network] = (),
        note_client: Callable[[str, str, float], bool] = lambda *_: False,
        done: Collection[Ends] = (),
    ) -> None:
        """`note` notes an event; it returns None if that does not count.

        Addresses outside `networks` are not kept. A lookup matters if one of `servers` answered it,
        or if `asks` (client, server, whether it is an answer) says so; `asks` is not called for
        clients in `quiet` networks. `note_client` (client, server, time) notes one more client of
        one of `servers`; False if the time does not count. Lookups between ends that are `done`
        were all noted.
        """
        self._note, self._note_client = note, note_client
        kept, homes, is_quiet = tuple(networks), tuple(servers), network_test(quiet)
        self._is_kept, self._is_server = network_test(kept), network_test(homes)
        self._beginnings = (*_beginnings(kept),)
        self._asks = asks
        self._is_quiet = lru_cache(maxsize=MOST_LOOKUPS)(lambda end: is_quiet(_spelled(end)))
        self._server_beginnings = (*_beginnings(homes),)
        # Noted hosts of the networks, as they are written, and others that begin alike.
        self._met, self._others, self._kinds = set[bytes](), set[bytes](), set[bytes]()
        # Lookups: ends that show nothing more; those of them that were decoded; and what was shown.
        self._shown, self.done = set(done), set(done)
        self._lookups = set[_Lookup]()
        self._has_answers = False
        # Servers of which an answer was decoded that showed all, with what else is in _Lookup.
        self._answering = set[tuple[bytes, bytes, bytes]]()
        # Clients whose lookups show nothing more, except those at servers that begin like `_near`.
        self._quiet = set[bytes]()
        self._near = *self._beginnings, *self._server_beginnings
        # Statistics of its own: most lines are not counted.
        self._lines = LineReader(ReadStats)

    def shown(self) -> frozenset[Ends]:
        """Ends of lookups with a noted answer to which other lookups cannot add."""
        return frozenset(self._shown)

    def further(self, block: bytes, end: int, _found: Found = ()) -> Iterator[int]:
        """Read the lines of block[:end]; returns a place in each line that others must decode."""
        heads: list[_Head] = _RECORD.findall(b"\n" + block[:end])
        if len(heads) != block.count(b"\n", 0, end):
            yield from self._one_by_one(block[:end])
            return
        new = [number for number, head in enumerate(heads) if not self._is_known(head)]
        if new:
            lines = block[:end].split(b"\n")
            places = tuple(accumulate((len(line) + 1 for line in lines), initial=1))
            yield from (
                places[number]
                for number in new
                if not self._is_taken_in(lines[number], heads[number])
            )
        self._keep_bounds()

    def _one_by_one(self, text: bytes) -> Iterator[int]:
        place = 1
        for line in text.split(b"\n"):
            if line and not self.take(line):
                yield place
            place += len(line) + 1
        self._keep_bounds()

    def take(self, line: bytes) -> bool:
        """Read one line; False if others must decode it."""
        found = _RECORD.match(b"\n" + line)
        if found is None:
            return False
        head: _Head = tuple(group or b"" for group in found.groups())  # type: ignore[assignment]  # five groups
        return self._is_known(head) or self._is_taken_in(line, head)

    def reordered_lookups(self, block: bytes, end: int, places: Iterable[int]) -> Iterator[int]:
        """Read lookups whose keys are in another order, at places in ascending order.

        Returns a place in each line that others must decode.
        """
        behind = 0
        for place in places:
            if place > behind:
                start, behind = _line_around(block, end, place)
                if not self._is_reordered_taken_in(block[start:behind]):
                    yield place

    def take_those(self, block: bytes, end: int, places: Iterable[int]) -> Iterator[int]:
        """Read the lines of block[:end] that hold the places, which are in ascending order.

        Returns a place in each line that others must decode.
        """
        behind = 0
        for place in places:
            if behind < place <= end:
                start, behind = _line_around(block, end, place)
                if not self.take(block[start:behind].removesuffix(b"\n")):
                    yield place
        self._keep_bounds()

    def new_lookups(self, block: bytes, found: Iterable[tuple[int, Ends]]) -> Iterator[int]:
        """The places of lookups in a block that may show more; their ends are not done."""
        quiet, near = self._quiet, self._near
        for place, ends in found:
            # Most of these are lookups of a resolver, each at another server.
            if ends[0] in quiet and ends[3] and not ends[1] and not ends[2].startswith(near):
                continue
            if self._is_quiet_lookup(ends, is_answer=True):
                self.done.add(ends)
                if not ends[1]:
                    self._note_quiet(ends[0])
            elif not (_is_query(block, place) and self._is_quiet_lookup(ends, is_answer=False)):
                yield place

    def _note_quiet(self, client: bytes) -> None:
        if self._is_quiet(client):
            self._quiet.add(client)

    def _keep_bounds(self) -> None:
        for known, most in (
            (self._met, MOST_ADDRESSES),
            (self._others, MOST_ADDRESSES),
            (self._quiet, MOST_LOOKUPS),
            (self._lookups, MOST_LOOKUPS),
            (self._answering, MOST_LOOKUPS),
        ):
            if len(known) > most:
                known.clear()
        if len(self.done) > MOST_LOOKUPS:
            self.done.clear()
            if len(self._shown) > MOST_LOOKUPS // 2:
                self._shown.clear()
            self.done |= self._shown

    def _is_known(self, head: _Head) -> bool:
        """True if the beginning of a line already tells that it shows nothing new."""
        kind, source, source_port, destination, destination_port = head
        if kind == _DNS:  # ports in another notation, for example text, are not in the head
            return bool(source_port and destination_port) and _ends(head) in self.done
        if kind not in self._kinds or not source:
            return kind in _PASSED_OVER
        met, kept = self._met, self._beginnings
        return (source in met or not source.startswith(kept) or source in self._others) and (
            destination in met or not destination.startswith(kept) or destination in self._others
        )

    def _is_taken_in(self, line: bytes, head: _Head) -> bool:
        kind, source, source_port, destination, destination_port = head
        if kind not in _MEETINGS or not source:
            return False
        if kind == _DNS:
            lookup = _lookup(line)
            if not (source_port and destination_port and lookup):
                return False
            self._meet_lookup(line, _ends(head), lookup)
        else:
            self._meet(line, kind, source, destination)
        return True

    def _is_reordered_taken_in(self, line: bytes) -> bool:
        """Read the line of a lookup whose keys are in another order; False if others must decode
        it.
        """
        found = read_lookup(line)
        if found is None or DNS_PORT not in (found.source_port, found.destination_port):
            return False
        ends = (
            *(found.source.encode(), PORT if found.source_port == DNS_PORT else None),
            *(found.destination.encode(), PORT if found.destination_port == DNS_PORT else None),
        )
        if ends not in self.done:
            kind = b'"version":%d,"type":"%b"' % (found.version, found.kind.encode())
            self._meet_lookup(line, ends, (kind, found.rcode.encode()))
        return True

    def _meet_lookup(self, line: bytes, ends: Ends, lookup: tuple[bytes, bytes]) -> None:
        """Note a lookup with this kind and result."""
        is_answer = lookup[0].endswith(_ANSWERS)
        key = (ends, *lookup)
        if key in self._lookups or self._is_quiet_lookup(ends, is_answer=is_answer):
            return
        source, from_port, destination, to_port = ends
        answering = (source if from_port else destination, *lookup)
        if answering in self._answering and self._meet_client(line, ends):
            self._note_done(ends)
            return
        meeting = self._decode(line, source, destination)
        if meeting is not None:
            self._kinds.add(_DNS)
            self._lookups.add(key)
            self._has_answers |= is_answer
            # If the ports do not tell the server, the versions differ in its place.
            if meeting.is_all and from_port != to_port:
                self._note_done(ends)
                self._answering.add(answering)

    def _note_done(self, ends: Ends) -> None:
        self.done.add(ends)
        self._shown.add(ends)

    def _meet_client(self, line: bytes, ends: Ends) -> bool:
        """Note one more client of a known server; False if its answer may show more."""
        source, from_port, destination, to_port = ends
        client, server = (destination, source) if from_port else (source, destination)
        if from_port == to_port or not (self._is_quiet(client) and self.is_met(client)):
            return False
        read = read_lookup(line)
        return read is not None and self._note_client(_spelled(client), _spelled(server), read.time)

    def _is_quiet_lookup(self, ends: Ends, *, is_answer: bool) -> bool:
        """True if a lookup shows nothing new, whatever else is in it."""
        source, from_port, destination, to_port = ends
        if from_port == to_port or _DNS not in self._kinds:
            return False
        client, server = (destination, source) if from_port else (source, destination)
        if is_answer and not (self._has_answers and self.is_met(server)):
            return False
        if not self.is_met(client) or (is_answer and self._may_serve(server)):
            return False
        return self._is_quiet(client) or not self._asks(
            _spelled(client), _spelled(server), is_answer
        )

    def _may_serve(self, end: bytes) -> bool:
        return end.startswith(self._server_beginnings) and self._is_server(_spelled(end))

    def _meet(self, line: bytes, kind: bytes, source: bytes, destination: bytes) -> None:
        """Decode the line of a connection or an alert unless it shows nobody new."""
        is_old = kind in self._kinds and self.is_met(source)
        is_answered = kind != _FLOW or _UNANSWERED not in line
        if is_old and not (is_answered and not self.is_met(destination)):
            return
        if self._decode(line, source, destination) is not None:
            self._kinds.add(kind)

    def is_met(self, end: bytes) -> bool:
        """True if the host was noted, or is of a kind that is not kept."""
        if end in self._met or end in self._others or not end.startswith(self._beginnings):
            return True
        address = _spelled(end)
        if not address or self._is_kept(address):
            return False
        self._others.add(end)
        return True

    def _decode(self, line: bytes, *ends: bytes) -> Meeting | None:
        """Decode and note what a line shows; None if it does not count."""
        shown = [self._note(event) for event in self._lines.line(line) if isinstance(event, Event)]
        meeting = shown[0] if len(shown) == 1 else None
        if meeting is not None:
            texts = ((end, _spelled(end)) for end in ends)
            self._met.update(
                end for end, text in texts if text in meeting.hosts and self._is_kept(text)
            )
        return meeting


def _line_around(block: bytes, end: int, place: int) -> tuple[int, int]:
    """Start and end, with its newline, of the line in block[:end] that holds the place."""
    stop = block.find(b"\n", place - 1, end)
    return block.rfind(b"\n", 0, place - 1) + 1, stop + 1 if stop >= 0 else end


def client_and_server(ends: Ends) -> tuple[str, str]:
    """Client and server of ends whose ports tell them apart."""
    source, from_port, destination, _ = ends
    client, server = (destination, source) if from_port else (source, destination)
    return _spelled(client), _spelled(server)


def _ends(head: _Head) -> Ends:
    _, source, source_port, destination, destination_port = head
    return source, _if_told(source_port), destination, _if_told(destination_port)


def _if_told(port: bytes) -> bytes | None:
    return port if port == PORT else None


def _is_query(block: bytes, place: int) -> bool:
    """True if the dns record at the place is certainly no answer."""
    found = _LOOKUP.search(block, place, block.find(b"\n", place))
    return found is not None and not found[1].endswith(_ANSWERS)


def _lookup(line: bytes) -> tuple[bytes, bytes] | None:
    """Version and kind of a dns record, and the result of an answer; None if unreadable here."""
    found = _LOOKUP.search(line)
    if found is None or (not found[1].startswith(_VERSION) and _VERSION in line):
        return None
    at = line.find(_RCODE, found.end()) + len(_RCODE)
    return found[1], line[at : line.find(b'"', at)] if at >= len(_RCODE) else b""


def _spelled(end: bytes) -> str:
    return canonical_address(end.decode("ascii", "replace"))


def _beginnings(networks: Iterable[Network]) -> Iterator[bytes]:
    """Prefixes, in any spelling, of addresses in the networks; few other addresses have them."""
    yield from (b"0", b"::")  # IPv6 addresses, also those that hold an IPv4 address
    for network in networks:
        bits = network.max_prefixlen
        first, last = (
            int(address) >> (bits - 8 if network.version == 4 else bits - 16)
            for address in (network.network_address, network.broadcast_address)
        )
        if network.version == 4:
            yield from (b"%d." % octet for octet in range(first, last + 1))
        elif last - first < MOST_BEGINNINGS:
            texts = {
                f"{group:{form}}:" for group in range(first, last + 1) for form in ("x", "04x")
            }
            yield from (text.encode() for text in texts | {text.upper() for text in texts})
        else:
            digits = {f"{group >> 12:x}" for group in range(first, last + 1)}
            yield from (text.encode() for text in digits | {text.upper() for text in digits})
