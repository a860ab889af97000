r"""Blocks of EVE lines -> those lines that can add to the evidence: never one too few, and few too many.

Undecoded bytes tell. What makes an event evidence are a few values (an event type, a record type, a port, a word in a name, one
of our sids); a line that holds none of them is passed over. Values are looked for wherever they stand in a line, so the order of
keys does not matter. A line that is spelled in another way than Suricata does, with white space around a colon or with an escape
that may hide a letter (\u006d), is wanted whatever it holds. Not provided for is a key that a line holds twice.

An ordinary TCP flow is evidence only in that it shows a host, that flows are logged, or an outside server that does not answer. Such
a line is wanted if it tells something new; what is known already is asked of the NightEvidence it would go into.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from eveproc.alerts import own_sids
from eveproc.events import ACK, SYN_ACK, canonical_address
from eveproc.evidence import MAILBOX_PORTS, NightEvidence
from eveproc.inside import home_test
from eveproc.names import MAIL_WORDS, SOME_PTR_NAMES
from rulegen.site import SiteProfile
from rulegen.vocabulary import GUESSED_LABELS, METADATA_SIGNAL

if TYPE_CHECKING:
    import hyperscan

# How many beginnings of flow records are kept to be known again at once; the others take a little longer.
HEADS_KEPT = 1 << 18
# `"src_ip":"` with the longest IPv4 address and, where that is shorter, what follows it: no digit of the port is in it yet.
# Suricata writes out IPv6 in full, always as long as this.
HEAD = len('"src_ip":"255.255.255.255')
LONG_HEAD = len('"src_ip":"2001:0db8:0000:0000:0000:0000:0000:0001"')
FLAGS = len('1b","tcp_flags_tc":"1b"')

FLOW = b'"flow",'

_opener = re.compile(rb'(?:"vlan":\[[0-9,]*\],)?"src_ip":"([^"\\]{2,45})"').match
_opener_in_line = re.compile(rb'"flow",(?:"vlan":\[[0-9,]*\],)?"src_ip":"([^"\\]{2,45})"').search


class Kind(Enum):
    """What a pattern finds: a line that is wanted, or the flags of a TCP flow, where its line is looked at more closely."""

    WANTED = auto()
    TCP = auto()


def patterns(site: SiteProfile) -> tuple[tuple[Kind, bytes], ...]:
    """(kind, regular expression) for everything that evidence.Collector may use, as undecoded bytes."""
    ports = "|".join(map(str, sorted({*site.ports.smtp, *site.ports.submission, *MAILBOX_PORTS})))
    words = "|".join(MAIL_WORDS)
    labels = "|".join(label for label in GUESSED_LABELS if not any(word in label for word in MAIL_WORDS))
    sids = "|".join(map(str, own_sids(site)))
    # Each begins with letters that are rare in EVE, since the library looks for the last four of them: `rrname` is found sooner
    # than `rrname":"`. What stands between a key and its value is `":"` or `":`, or the line is wanted for that.
    texts = (
        (Kind.WANTED, '"(?:smtp|dhcp|stats)"'),
        (Kind.WANTED, '(?i:"mx")'),
        (Kind.WANTED, METADATA_SIGNAL),
        (Kind.WANTED, f"signature_id[^0-9a-z]{{2}}(?:{sids})[^0-9]"),
        (Kind.WANTED, rf'ort":(?:{ports})[,}} \t\r]'),
        (Kind.WANTED, rf'rrname[^a-z]{{3}}(?:[^"]*(?i:{words}|\\")|(?i:{labels})[."]|(?i:{SOME_PTR_NAMES}))'),
        (Kind.WANTED, r"[^\\](?:\\\\)*\\u(?:0(?:0[2-9a-fA-F]|[1-9a-fA-F])|[1-9a-fA-F])"),
        (Kind.TCP, "tcp_flags_ts[^a-z0-9]{3}"),
        (Kind.WANTED, r'[^\\]":[ \t\r]'),
        (Kind.WANTED, r'[^\\]"[ \t\r]+:'),
    )
    return tuple((kind, text.encode()) for kind, text in texts)


class Selector:
    """Finds the lines of a block that may tell `night` something new. Raises ImportError where hyperscan is not installed."""

    def __init__(self, site: SiteProfile, night: NightEvidence) -> None:
        self._night = night
        self._sensors = tuple((sensor, f'"{sensor}"'.encode()) for sensor in site.sensors)
        self._is_home = home_test(site)
        self._heads: set[bytes] = set()
        self._established = _established()
        self._hits: dict[Kind, list[int]] = {kind: [] for kind in Kind}
        kinds, expressions = zip(*patterns(site), strict=True)
        self._database = _compiled(expressions)
        self._note = tuple(self._hits[kind].append for kind in kinds)

    def lines(self, block: bytes, end: int) -> tuple[list[bytes], list[bytes]]:
        """Of the lines of block[:end], each with its newline if it has one: the wanted ones; and other flows that may show a new host.

        Which lines are wanted depends on the block alone, but for the sensors that were heard of.
        """
        hits = self._scan(block)
        tcp = hits[Kind.TCP]
        wanted = sorted((*hits[Kind.WANTED], *self._probes(block, tcp), *self._new_sensors(block)))
        new = list(self._new_hosts(block, tcp)) if self._night.flows_logged else tcp
        wanted_lines = dict(_lines_at(block, end, wanted))
        return list(wanted_lines.values()), [line for start, line in _lines_at(block, end, new) if start not in wanted_lines]

    def _scan(self, block: bytes) -> Mapping[Kind, list[int]]:
        """Where what was found ends, by kind."""
        for hits in self._hits.values():
            hits.clear()
        note = self._note

        def found(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            note[pattern](end)

        self._database.scan(block, match_event_handler=found)
        return self._hits

    def _new_hosts(self, block: bytes, tcp: list[int]) -> Iterator[int]:
        heads, find, rfind, size = self._heads, block.find, block.rfind, len(FLOW)
        for place in tcp:
            found = find(FLOW, rfind(b"\n", 0, place) + 1, place)
            at = found + size
            if found >= 0 and (block[at : at + HEAD] in heads or block[at : at + LONG_HEAD] in heads or self._is_known(block, at)):
                continue
            yield place

    def _is_known(self, block: bytes, place: int) -> bool:
        """Is the flow whose record goes on at `place` of a home address that was seen, or of no home address?"""
        opener = _opener(block, place)
        if opener is None or not self._is_old(opener[1]):
            return False
        if opener.end() <= place + HEAD or opener.end() == place + LONG_HEAD:
            if len(self._heads) >= HEADS_KEPT:
                self._heads.clear()
            self._heads.add(block[place : max(place + HEAD, opener.end())])
        return True

    def _home_address(self, address: bytes) -> str:
        """The address as evidence writes it; "" for one that is not of the home networks."""
        text = canonical_address(address.decode("ascii", "replace"))
        return text if text and self._is_home(text) else ""

    def _is_old(self, address: bytes) -> bool:
        home = self._home_address(address)
        return not home or self._night.knows(home)

    def _probes(self, block: bytes, places: list[int]) -> Iterator[int]:
        """Connections of home hosts that were not seen to be taken."""
        return (place for place in places if block[place : place + FLAGS] not in self._established and self._is_probe(block, place))

    def _is_probe(self, block: bytes, place: int) -> bool:
        opener = _opener_in_line(block, block.rfind(b"\n", 0, place) + 1, place)
        return opener is None or self._home_address(opener[1]) != ""

    def _new_sensors(self, block: bytes) -> Iterator[int]:
        unheard = (token for sensor, token in self._sensors if sensor not in self._night.sensors)
        return chain.from_iterable(_places(block, token) for token in unheard)


@lru_cache(maxsize=16)
def _compiled(expressions: tuple[bytes, ...]) -> "hyperscan.Database":
    import hyperscan

    database, count = hyperscan.Database(), len(expressions)
    database.compile(expressions=expressions, ids=tuple(range(count)), elements=count, flags=[0] * count)
    return database


@lru_cache(maxsize=1)
def _established() -> frozenset[bytes]:
    """What follows `"tcp_flags_ts":"` where the client sent an ACK, the server SYN and ACK (events.Flow.established)."""
    clients = [flags for flags in range(256) if flags & ACK]
    servers = [flags for flags in range(256) if flags & SYN_ACK == SYN_ACK]
    return frozenset(f'{client:02x}","tcp_flags_tc":"{server:02x}"'.encode() for client in clients for server in servers)


def _lines_at(block: bytes, end: int, places: list[int]) -> Iterator[tuple[int, bytes]]:
    """Each line of block[:end] that one of the places, in ascending order, is in, and where it starts."""
    behind = 0
    for place in places:
        if behind < place <= end:
            start = block.rfind(b"\n", 0, place - 1) + 1
            behind = (block.find(b"\n", place - 1) + 1) or len(block)
            yield start, block[start:behind]


def _places(block: bytes, token: bytes) -> Iterator[int]:
    """Behind the first byte of every occurrence."""
    place = block.find(token)
    while place >= 0:
        yield place + 1
        place = block.find(token, place + 1)
