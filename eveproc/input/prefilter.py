"""Blocks of EVE lines -> those lines that can add to the evidence: never one too few, and few too many.

Undecoded bytes tell, by the patterns of a LineFilter (signals/prefilter_patterns.py). Of TCP flows those are wanted, too, that
show an outside server that does not answer. The others show no more than a host: active_hosts.py
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from functools import cached_property, lru_cache
from itertools import chain
from threading import Thread
from typing import TYPE_CHECKING

from msgspec import Struct

from eveproc.input.addresses import canonical_address
from eveproc.input.events import ACK, SYN_ACK

if TYPE_CHECKING:
    import hyperscan

SPACE, ALL_BLANKS = " ", r" \t\r"
QUOTE, ESCAPED, NAME = b'"', b'\\"', b'rrname":"'
FLAGS = len('1b","tcp_flags_tc":"1b"')

_opener_in_line = re.compile(rb'"flow",(?:"vlan":\[[0-9,]*\],)?"src_ip":"([^"\\]{2,45})"').search


class PatternKind(Enum):
    """What a pattern finds: a line that is wanted, one that is if what was found stands in a name asked for, or the flags of a flow."""

    WANTED = auto()
    NAME = auto()
    TCP = auto()


# (kind, regular expression) of everything that is looked for; the argument is the white space between a key and its value.
Patterns = Callable[[str], tuple[tuple[PatternKind, bytes], ...]]


class LineFilter(Struct, frozen=True):
    """What makes a line worth decoding: patterns, whose connections matter, and sensors not heard of yet are looked for."""

    patterns: Patterns
    is_home: Callable[[str], bool]
    sensors: Sequence[str] = ()


class Prefilter:
    """Finds the lines of a block that may tell something new. Raises ImportError where hyperscan is not installed."""

    def __init__(self, line_filter: LineFilter, heard: Callable[[], Collection[str]]) -> None:
        """`heard` tells which sensors were heard of so far."""
        self._heard = heard
        self._sensors = tuple((sensor, f'"{sensor}"'.encode()) for sensor in line_filter.sensors)
        self._is_home = line_filter.is_home
        self._established = _established()
        self._hits: dict[PatternKind, list[int]] = {kind: [] for kind in PatternKind}
        self._note = tuple(self._hits[kind].append for kind, _ in line_filter.patterns(SPACE))
        self._database = database(line_filter.patterns)
        self._patterns = line_filter.patterns

    def lines(self, block: bytes, end: int) -> tuple[list[bytes], list[int]]:
        """Of the lines of block[:end], each with its newline if it has one: the wanted ones; and a place in each TCP flow (presence.py).

        Which lines are wanted depends on the block alone, but for the sensors that were heard of.
        """
        hits = self._scan(block)
        tcp = hits[PatternKind.TCP]
        wanted = sorted(
            (
                *hits[PatternKind.WANTED],
                *_in_names(block, hits[PatternKind.NAME]),
                *self._probes(block, tcp),
                *self._new_sensors(block),
            )
        )
        return list(_lines_at(block, end, wanted)), tcp[: bisect_right(tcp, end)]

    def _scan(self, block: bytes) -> Mapping[PatternKind, list[int]]:
        """Where what was found ends, by kind."""
        for hits in self._hits.values():
            hits.clear()
        note = self._note

        def found(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            note[pattern](end)

        # To look for one byte takes a tenth of the time that these, with all that may stand before
        # them, add to the search.
        looked_for = (
            self._database_of_all_blanks if b"\t" in block or b"\r" in block else self._database
        )
        looked_for.scan(block, match_event_handler=found)
        return self._hits

    @cached_property
    def _database_of_all_blanks(self) -> "hyperscan.Database":
        return database(self._patterns, ALL_BLANKS)

    def _probes(self, block: bytes, places: list[int]) -> Iterator[int]:
        """Connections of home hosts that were not seen to be taken."""
        odd = [place for place in places if block[place : place + FLAGS] not in self._established]
        return (place for place in odd if self._is_probe(block, place))

    def _is_probe(self, block: bytes, place: int) -> bool:
        opener = _opener_in_line(block, block.rfind(b"\n", 0, place) + 1, place)
        return opener is None or self._is_home(
            canonical_address(opener[1].decode("ascii", "replace"))
        )

    def _new_sensors(self, block: bytes) -> Iterator[int]:
        heard = self._heard()
        unheard = (token for sensor, token in self._sensors if sensor not in heard)
        return chain.from_iterable(_places(block, token) for token in unheard)


def _in_names(block: bytes, places: list[int]) -> Iterator[int]:
    """Those of the places that are in a name asked for: in a string that `rrname` stands before."""
    rfind, endswith = block.rfind, block.endswith
    for place in places:
        start = rfind(QUOTE, 0, place)
        while endswith(ESCAPED, 0, start + 1):
            start = rfind(QUOTE, 0, start)
        if endswith(NAME, 0, start + 1):
            yield place


@lru_cache(maxsize=1)
def _established() -> frozenset[bytes]:
    """What follows `"tcp_flags_ts":"` where the client sent an ACK, the server SYN and ACK (events.Flow.established)."""
    clients = [flags for flags in range(256) if flags & ACK]
    servers = [flags for flags in range(256) if flags & SYN_ACK == SYN_ACK]
    return frozenset(
        f'{client:02x}","tcp_flags_tc":"{server:02x}"'.encode()
        for client in clients
        for server in servers
    )


def _lines_at(block: bytes, end: int, places: list[int]) -> Iterator[bytes]:
    """Each line of block[:end] that one of the places, in ascending order, is in."""
    behind = 0
    for place in places:
        if behind < place <= end:
            start = block.rfind(b"\n", 0, place - 1) + 1
            behind = (block.find(b"\n", place - 1) + 1) or len(block)
            yield block[start:behind]


def _places(block: bytes, token: bytes) -> Iterator[int]:
    """Behind the first byte of every occurrence."""
    place = block.find(token)
    while place >= 0:
        yield place + 1
        place = block.find(token, place + 1)


_ahead: list[Thread] = []


def compile_ahead(patterns: Patterns) -> None:
    """Begin to make what `database` gives, in a thread of its own; whatever goes wrong is told by that.

    To compile takes as long as to import what reads and judges, and needs little of that.
    """
    thread = Thread(target=_try_to_compile, args=(_expressions(patterns, SPACE),))
    with suppress(RuntimeError):  # no more threads may be started here
        thread.start()
        _ahead.append(thread)


def database(patterns: Patterns, blanks: str = SPACE) -> "hyperscan.Database":
    """The patterns, compiled; no thread is left at work on them. Raises ImportError where hyperscan is not installed."""
    while _ahead:
        _ahead.pop().join()
    return _compiled(_expressions(patterns, blanks))


def _expressions(patterns: Patterns, blanks: str) -> tuple[bytes, ...]:
    return tuple(expression for _, expression in patterns(blanks))


def _try_to_compile(expressions: tuple[bytes, ...]) -> None:
    with suppress(Exception):
        _compiled(expressions)


@lru_cache(maxsize=16)
def _compiled(expressions: tuple[bytes, ...]) -> "hyperscan.Database":
    import hyperscan

    database, count = hyperscan.Database(), len(expressions)
    database.compile(
        expressions=expressions, ids=tuple(range(count)), elements=count, flags=[0] * count
    )
    return database
