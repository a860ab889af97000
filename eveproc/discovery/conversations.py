"""Blocks of undecoded EVE -> the lines in which hosts meet, decoded where they show new ones.

Discovery asks every dns, flow and alert record who met whom, and nearly all of them say again what
another one said. Such a line is known by slices of its bytes and passed over: both addresses of a
connection; of a lookup its ends, its kind and result, and the hour of an answer. Only blocks whose
lines all begin as Suricata writes them are looked at as a whole; of others each line that does not
is decoded.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import accumulate

from msgspec import Struct

from eveproc.input.addresses import canonical_address
from eveproc.input.events import EVENT_TYPES, Alert, Dhcp, Dns, Event, Flow, Smtp
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import LineReader
from eveproc.signals.home_net import network_test
from rulegen.site_profile import Network

# Bounds on memory: what is kept to be known again. When one is reached, it begins anew, and lines
# are decoded that need not be.
MOST_ADDRESSES, MOST_LOOKUPS = 1 << 18, 1 << 16
# An IPv6 network with more first groups of digits than these is told by its first digits.
MOST_BEGINNINGS = 16

_RECORD = re.compile(
    rb'\n\{"timestamp":"([0-9T-]{13}:[0-9]{2})[0-9:.]{10}[+-][0-9]{2}([0-9]{2})",(?:"flow_id":[0-9]+,)?(?:"parent_id":[0-9]+,)?'
    rb'(?:"in_iface":"[^"\\\n]*",)?(?:"pcap_cnt":[0-9]+,)?"event_type":"([a-z0-9_]+)"'
    rb'(?:,(?:"vlan":\[[0-9,]*\],)?"src_ip":"([0-9a-fA-F:.]+)",(?:"src_port":([0-9]+),)?'
    rb'"dest_ip":"([0-9a-fA-F:.]+)",(?:"dest_port":([0-9]+),)?)?'
)
_LOOKUP = re.compile(rb'"dns":\{((?:"version":[0-9]+,)?"type":"[a-z]+")')
_VERSION, _RCODE, _ANSWERS = b'"version":', b'"rcode":"', (b'"answer"', b'"response"')
_UNANSWERED = b'"pkts_toclient":0,'
_DNS, _FLOW, _ALERT = (kind.TYPE.encode() for kind in (Dns, Flow, Alert))
_MEETINGS = frozenset((_DNS, _FLOW, _ALERT))
# Other records are decoded if they show a host; those that Suricata does not write may hold others.
_DECODED = frozenset((Smtp.TYPE.encode(), Dhcp.TYPE.encode()))
_PASSED_OVER = frozenset(kind.encode() for kind in EVENT_TYPES) - _MEETINGS - _DECODED

# (time to the minute, minutes of its zone, kind, source, its port, destination, its port)
_Head = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]
_Lookup = tuple[bytes | bool, ...]


class Meeting(Struct, frozen=True):
    """The hosts that a record showed, and whether a record of the same ends can show more.

    (Until the hour is over, if it is a lookup.)
    """

    hosts: Collection[str]
    is_all: bool


class Conversations:
    """Finds in blocks who met whom, and tells it by decoded events."""

    def __init__(
        self, note: Callable[[Event], Meeting | None], networks: Iterable[Network], *, hourly: bool
    ) -> None:
        """`note` takes an event in; it gives None if that does not count.

        Of addresses outside of the networks nothing is kept. `hourly`: does it matter in which
        hours a lookup was answered?
        """
        self._note = note
        self._hourly = hourly
        kept = tuple(networks)
        self._is_kept = network_test(kept)
        self._beginnings = (*_beginnings(kept),)
        # Hosts in the networks that were noted, as they are written, and addresses that look alike.
        self._met: set[bytes] = set()
        self._others: set[bytes] = set()
        self._kinds: set[bytes] = set()
        # Ends of lookups: those that show nothing more, and with kind and result what was shown.
        self._done: set[_Lookup] = set()
        self._lookups: set[_Lookup] = set()
        # Other statistics: most lines are not counted either.
        self._lines = LineReader(ReadStats)

    def further(self, block: bytes, end: int) -> Iterator[int]:
        """Take in the lines of block[:end]; gives a place in each line that others must decode."""
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
            found = _RECORD.match(b"\n" + line)
            if found is None:
                is_taken_in = not line
            else:
                head: _Head = tuple(group or b"" for group in found.groups())  # type: ignore[assignment]  # seven groups
                is_taken_in = self._is_known(head) or self._is_taken_in(line, head)
            if not is_taken_in:
                yield place
            place += len(line) + 1
        self._keep_bounds()

    def _keep_bounds(self) -> None:
        for known, most in (
            (self._met, MOST_ADDRESSES),
            (self._others, MOST_ADDRESSES),
            (self._done, MOST_LOOKUPS),
            (self._lookups, MOST_LOOKUPS),
        ):
            if len(known) > most:
                known.clear()

    def _is_known(self, head: _Head) -> bool:
        """Does its beginning tell that a line shows nothing new?"""
        minute, zone, kind, source, source_port, destination, destination_port = head
        if kind == _DNS:
            hour = self._hour(minute, zone)
            ends = source, source_port == b"53", destination, destination_port == b"53"
            return (hour, *ends) in self._done
        if kind not in self._kinds or not source:
            return kind in _PASSED_OVER
        met, kept = self._met, self._beginnings
        return (source in met or not source.startswith(kept) or source in self._others) and (
            destination in met or not destination.startswith(kept) or destination in self._others
        )

    def _hour(self, minute: bytes, zone: bytes) -> bytes:
        """What tells the hour of UTC, whatever the zone; b"" where it does not matter."""
        if not self._hourly:
            return b""
        return minute[:13] if zone == b"00" else minute

    def _is_taken_in(self, line: bytes, head: _Head) -> bool:
        minute, zone, kind, source, source_port, destination, destination_port = head
        if kind not in _MEETINGS or not source:
            return False
        if kind == _DNS:
            ends = source, source_port == b"53", destination, destination_port == b"53"
            return self._meet_lookup(line, ends, self._hour(minute, zone))
        self._meet(line, kind, source, destination)
        return True

    def _meet_lookup(self, line: bytes, ends: tuple[bytes, bool, bytes, bool], hour: bytes) -> bool:
        """Take in a lookup; False if its record is spelled otherwise."""
        lookup = _lookup(line)
        if lookup is None:
            return False
        source, is_from_53, destination, is_to_53 = ends
        is_answer = lookup[0].endswith(_ANSWERS)
        is_asked = not is_answer and is_to_53 and not is_from_53
        if is_asked and source in self._met and _DNS in self._kinds:
            return True
        key = (hour if is_answer else b"", *ends, *lookup)
        if key in self._lookups:
            return True
        meeting = self._decode(line, source, destination)
        if meeting is not None:
            self._kinds.add(_DNS)
            self._lookups.add(key)
            # Where the ports do not tell the server, versions differ in who it is.
            if meeting.is_all and is_from_53 != is_to_53:
                self._done.add((hour, *ends))
        return True

    def _meet(self, line: bytes, kind: bytes, source: bytes, destination: bytes) -> None:
        """Decode the line of a connection or an alert unless it shows nobody new."""
        is_old = kind in self._kinds and self._is_met(source)
        is_answered = kind != _FLOW or _UNANSWERED not in line
        if is_old and not (is_answered and not self._is_met(destination)):
            return
        if self._decode(line, source, destination) is not None:
            self._kinds.add(kind)

    def _is_met(self, end: bytes) -> bool:
        if end in self._met or end in self._others or not end.startswith(self._beginnings):
            return True
        address = _spelled(end)
        if not address or self._is_kept(address):
            return False
        self._others.add(end)
        return True

    def _decode(self, line: bytes, *ends: bytes) -> Meeting | None:
        """What a line shows, as soon as it is noted; None if it does not count."""
        shown = [self._note(event) for event in self._lines.line(line) if isinstance(event, Event)]
        meeting = shown[0] if len(shown) == 1 else None
        if meeting is not None:
            texts = ((end, _spelled(end)) for end in ends)
            self._met.update(
                end for end, text in texts if text in meeting.hosts and self._is_kept(text)
            )
        return meeting


def _lookup(line: bytes) -> tuple[bytes, bytes] | None:
    """Version and kind of a dns record, and the result of an answer; None if spelled otherwise."""
    found = _LOOKUP.search(line)
    if found is None or (not found[1].startswith(_VERSION) and _VERSION in line):
        return None
    at = line.find(_RCODE, found.end()) + len(_RCODE)
    return found[1], line[at : line.find(b'"', at)] if at >= len(_RCODE) else b""


def _spelled(end: bytes) -> str:
    return canonical_address(end.decode("ascii"))


def _beginnings(networks: Iterable[Network]) -> Iterator[bytes]:
    """How addresses in the networks may begin, in any spelling; few others begin so."""
    yield from (b"0", b"::")  # of IPv6, also one that holds an address of IPv4
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
