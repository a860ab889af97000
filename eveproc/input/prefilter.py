"""Blocks of EVE lines -> the lines that can add to the evidence, without missing one.

The patterns of a LineFilter (signals/prefilter_patterns.py) are searched in undecoded bytes. TCP
flows that show an external server that does not answer are wanted, too. The others only show that a
host exists: see active_hosts.py.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from functools import cached_property, lru_cache, partial
from itertools import chain
from threading import Thread
from typing import TYPE_CHECKING

from msgspec import Struct

from eveproc.input.addresses import canonical_address
from eveproc.input.client_sample import of_clients
from eveproc.input.events import ACK, SYN_ACK
from eveproc.input.new_logins import NewLogins, certificates_among
from eveproc.input.spacing import same_lines, unspaced

if TYPE_CHECKING:
    import hyperscan

SPACE, ALL_BLANKS = " ", r" \t\r"
QUOTE, NEWLINE, BACKSLASH = b'"', b"\n", b"\\"
# How quotes are spelled in text in JSON (up to three levels deep), by encoders that write every
# quote as a number, and in a cell of CSV.
QUOTES_IN_TEXT = (rb"\"", rb"\\\"", rb"\\\\\\\"", rb"\u0022", b'""')
_QUOTE_IN_TEXT = re.compile(rb'\\+(?:"|u0022)|""')
# Digits of the flags of one side, and the key of the client's.
FLAGS, CLIENT_FLAGS = 2, b"tcp_flags_ts"
# The bytes before the flags of a flow in text, where the search for plain EVE finds them as well:
# in text in JSON, in CSV, and in text in text.
_NOT_HERE = (rb"\":", b'"":', b"\\\\\\")
_CLASS_OR_QUOTE = re.compile(rb'\[\^?\]?(?:[^\]\\]|\\.)*\]|\\.|"', re.DOTALL)


class PatternKind(Enum):
    """What a pattern finds.

    In this order: a wanted line; a line that is wanted if the match is in a name asked for; the
    flags of a flow; a login, wanted if it is new (new_logins.py); an object that is a login if it
    is a certificate; a record of the sample, wanted if it describes a client (client_sample.py); a
    record in text, whose quotes are spelled differently; a match for LineFilter.further.
    """

    WANTED = auto()
    NAME = auto()
    TCP = auto()
    LOGIN = auto()
    CERTIFICATE = auto()
    SAMPLED = auto()
    QUOTED = auto()
    FURTHER = auto()


# (kind, regular expression) of every pattern; the argument is the white space between a key and its
# value.
Patterns = Callable[[str], tuple[tuple[PatternKind, bytes], ...]]


# For each pattern the ends of its matches, in ascending order.
Found = Sequence[Sequence[int]]


def _no_lines(_block: bytes, _end: int, _found: Found) -> Iterable[int]:
    return ()


class LineFilter(Struct, frozen=True):
    """What makes a line worth decoding: patterns, hosts whose connections matter, and sensors not
    heard of yet.

    `named` are the paths of fields that the site names, to be read from each line
    (named_fields.py). `further` examines block[:end] itself, given the matches of the FURTHER
    patterns, in their order. It returns a place in each line that it wants decoded.
    """

    patterns: Patterns
    is_home: Callable[[str], bool]
    sensors: Sequence[str] = ()
    named: Sequence[str] = ()
    further: Callable[[bytes, int, Found], Iterable[int]] = _no_lines


# Records in text, recognized by what follows the name that each has. (The bytes before the quote
# are rare in plain EVE: see signals/prefilter_patterns.py.)
_IN_TEXT = (
    (PatternKind.QUOTED, rb"event_type\\"),
    (PatternKind.QUOTED, b'event_type""'),
)
# Records whose values are written in a way that the patterns do not expect: each in a list
# (Elasticsearch's `fields`), a record as a list of bytes (journald), objects and lists as text
# (databases).
_ODD = (
    (PatternKind.WANTED, rb'(?:dns|flow)":"\{'),
    (PatternKind.WANTED, rb'queries":"\['),
    (PatternKind.WANTED, rb'event_type(?:\.keyword)?":\['),
    (PatternKind.WANTED, rb'MESSAGE":\['),
)


class Flows(Struct, frozen=True):
    """A place in the line of each TCP flow of a block, after its client; and how quotes are spelled
    there.
    """

    block: bytes
    places: Sequence[int]
    quote: bytes = QUOTE


class Prefilter:
    """Finds the lines of a block that may tell something new.

    Raises ImportError where hyperscan is not installed.
    """

    def __init__(self, line_filter: LineFilter, heard: Callable[[], Collection[str]]) -> None:
        """`heard` returns the sensors that were heard of so far."""
        self._heard = heard
        self._filter = line_filter
        self._plain = _Scanner(line_filter, QUOTE)
        self._others: dict[bytes, _Scanner] = {}

    def lines(self, block: bytes, end: int) -> tuple[list[bytes], list[Flows]]:
        """The wanted lines of block[:end], each with its newline if it has one; and the TCP flows
        (active_hosts.py).

        Which lines are wanted depends on the block alone, apart from the sensors and the logins
        that were seen before.
        """
        text = unspaced(block, end)
        if text is block:
            wanted, found = self._find(block, end)
            return list(_lines_at(block, end, wanted)), found
        wanted, found = self._find(text, len(text))
        return list(same_lines(block[:end], text, wanted)), found

    def _find(self, block: bytes, end: int) -> tuple[list[int], list[Flows]]:
        """A place in each wanted line of block[:end], in ascending order; the TCP flows."""
        wanted, flows, quoted = self._plain.find(block, end)
        found = [flows]
        wanted += self._new_sensors(block, QUOTE)
        for quote in _quotes(block, quoted):
            if quote in QUOTES_IN_TEXT:
                more, flows, _ = self._scanner(quote).find(block, end)
                wanted += more
                wanted += self._new_sensors(block, quote)
                found.append(flows)
            else:  # escaped more often than expected: every such line is wanted
                wanted += quoted
        wanted += self._filter.further(block, end, self._plain.further)
        wanted.sort()
        return wanted, found

    def _scanner(self, quote: bytes) -> "_Scanner":
        if quote not in self._others:
            self._others[quote] = _Scanner(self._filter, quote)
        return self._others[quote]

    def _new_sensors(self, block: bytes, quote: bytes) -> Iterator[int]:
        heard = self._heard()
        unheard = (sensor.encode() for sensor in self._filter.sensors if sensor not in heard)
        return chain.from_iterable(_places(block, quote + name + quote) for name in unheard)


class _Scanner:
    """Finds the patterns of a LineFilter in records whose quotes are all spelled in one way."""

    def __init__(self, line_filter: LineFilter, quote: bytes) -> None:
        self._quote = quote
        self._is_home = line_filter.is_home
        self._name = b"rrname%b:%b" % (quote, quote)
        self._flow = b"%bflow%b," % (quote, quote)
        self._opener = re.compile(
            rb'"flow",(?:"vlan":\[[0-9,]*\],)?"src_ip":"([^\x22\\]{2,45})"'.replace(
                QUOTE, re.escape(quote)
            )
        )
        self._established = _established(quote)
        self._flags = len(next(iter(self._established)))
        self._comma, self._server = b"%b,%b" % (quote, quote), FLAGS + len(quote)
        self._server_flags = b"tcp_flags_tc%b:%b" % (quote, quote)
        # Fields that the site names may be anywhere: every login is wanted then.
        self._logins = None if line_filter.named else NewLogins(quote)
        self._hits: dict[PatternKind, list[int]] = {kind: [] for kind in PatternKind}
        self._patterns = patterns_in_text(line_filter.patterns, quote)
        kinds = [kind for kind, _ in self._patterns(SPACE)]
        # The latest matches of each FURTHER pattern.
        self.further = [list[int]() for kind in kinds if kind is PatternKind.FURTHER]
        further = iter(self.further)
        self._note = tuple(
            (next(further) if kind is PatternKind.FURTHER else self._hits[kind]).append
            for kind in kinds
        )
        self._database = database(self._patterns)

    def find(self, block: bytes, end: int) -> tuple[list[int], Flows, list[int]]:
        """Places in wanted lines; the TCP flows; and places of event types in text whose quotes are
        spelled differently.
        """
        hits = self._scan(block)
        tcp, quoted = hits[PatternKind.TCP], hits[PatternKind.QUOTED]
        if quoted:  # flows of records in text are found by another scanner
            tcp = [place for place in tcp if block[place - 3 : place] not in _NOT_HERE]
        certificates = certificates_among(block, hits[PatternKind.CERTIFICATE])
        logins = sorted(chain(hits[PatternKind.LOGIN], certificates))
        wanted = [
            *hits[PatternKind.WANTED],
            *(self._logins.among(block, logins) if self._logins else logins),
            *of_clients(block, hits[PatternKind.SAMPLED]),
            *self._in_names(block, hits[PatternKind.NAME]),
            *self._probes(block, tcp),
        ]
        return wanted, Flows(block, tcp[: bisect_right(tcp, end)], self._quote), list(quoted)

    def _scan(self, block: bytes) -> Mapping[PatternKind, list[int]]:
        """The ends of matches, by kind."""
        for hits in chain(self._hits.values(), self.further):
            hits.clear()
        note = self._note

        def found(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            note[pattern](end)

        # A search for one byte takes a tenth of the time that these patterns, with everything that
        # may precede them, add.
        looked_for = (
            self._database_of_all_blanks if b"\t" in block or b"\r" in block else self._database
        )
        looked_for.scan(block, match_event_handler=found)
        return self._hits

    @cached_property
    def _database_of_all_blanks(self) -> "hyperscan.Database":
        return database(self._patterns, ALL_BLANKS)

    def _in_names(self, block: bytes, places: list[int]) -> Iterator[int]:
        """One place in each line with a match in a name asked for: in a string after `rrname`.

        Places are one byte after a quote: the one that ends the string, or one in it.
        """
        rfind, endswith, quote, name = block.rfind, block.endswith, self._quote, self._name
        behind, length, end = 0, len(quote), len(quote) + 1
        for place in places:
            if place <= behind:
                continue
            within = place - end
            start = rfind(quote, 0, within)
            if endswith(name, 0, start + length) or (
                # a quote in a string
                endswith(BACKSLASH, 0, start) and self._is_in_name(block, within)
            ):
                yield place
                behind = block.find(NEWLINE, place - 1)
                behind = len(block) if behind < 0 else behind

    def _is_in_name(self, block: bytes, place: int) -> bool:
        """True if the place is in the last name of its line, after no quotes other than those in
        that name.
        """
        found = block.rfind(self._name, block.rfind(NEWLINE, 0, place) + 1, place)
        if found < 0:
            return False
        within = block[found + len(self._name) : place].split(self._quote)[:-1]
        return all(part.endswith(BACKSLASH) for part in within)

    def _probes(self, block: bytes, places: list[int]) -> Iterator[int]:
        """Connections of home hosts that no server was seen to accept."""
        flags, established = self._flags, self._established
        odd = [place for place in places if block[place : place + flags] not in established]
        return (
            place
            for place in odd
            if not self._is_established(block, place) and self._is_probe(block, place)
        )

    def _is_established(self, block: bytes, place: int) -> bool:
        """For a line whose keys are in another order: True if the flags of both sides show it."""
        start, stop = block.rfind(NEWLINE, 0, place) + 1, block.find(NEWLINE, place)
        line = block[start : stop if stop >= 0 else len(block)]
        if line.count(CLIENT_FLAGS) != 1 or line.count(self._server_flags) != 1:
            return False
        _, key, behind = line.partition(self._server_flags)
        flags = line[place - start :][:FLAGS] + self._comma + key + behind[: self._server]
        return flags in self._established

    def _is_probe(self, block: bytes, place: int) -> bool:
        flow = block.rfind(self._flow, block.rfind(NEWLINE, 0, place) + 1, place)
        opener = self._opener.match(block, flow, place) if flow >= 0 else None
        return opener is None or self._is_home(
            canonical_address(opener[1].decode("ascii", "replace"))
        )


def _quotes(block: bytes, places: Sequence[int]) -> list[bytes]:
    """How the quotes after these places are spelled, each way once."""
    around = {block[place - 2 : place + 14] for place in places}
    found = (_QUOTE_IN_TEXT.match(text, 1) or _QUOTE_IN_TEXT.match(text) for text in around)
    return sorted({quote[0] for quote in found if quote})


def patterns_in_text(patterns: Patterns, quote: bytes) -> Patterns:
    """The same patterns for records in text whose quotes are spelled in this way."""
    if quote == QUOTE:
        return patterns_of_plain(patterns)
    return partial(_patterns_in_text, patterns, quote)


def patterns_of_plain(patterns: Patterns) -> Patterns:
    """The patterns, and those for records in text."""
    return partial(_patterns_of_plain, patterns)


def _patterns_of_plain(patterns: Patterns, blanks: str) -> tuple[tuple[PatternKind, bytes], ...]:
    return (*patterns(blanks), *_ODD, *_IN_TEXT)


def _patterns_in_text(
    patterns: Patterns, quote: bytes, blanks: str
) -> tuple[tuple[PatternKind, bytes], ...]:
    spelled = b"(?:%b)" % re.escape(quote)
    longer = len(quote) - len(QUOTE)
    odd = (
        b"%b:\\\\[tnr]" % spelled,
        b"%b\\\\[tnr]" % spelled,
        b"%b[%b]\\\\[tnr]" % (spelled, blanks.encode()),
    )
    plain = (one for one in (*patterns(blanks), *_ODD) if one[0] is not PatternKind.FURTHER)
    return (
        *((kind, _in_text(text, spelled, longer)) for kind, text in plain),
        *((PatternKind.WANTED, text) for text in odd),
    )


def _in_text(pattern: bytes, spelled: bytes, longer: int) -> bytes:
    """A regular expression with quotes outside of classes spelled so.

    Counts of characters between words grow accordingly.
    """
    text = pattern.replace(rb"[^\\](?:\\\\)*\\u", rb"\\u")
    text = text.replace(b"a-z]{2,3}", b"a-z]{%d,%d}" % (2 + longer, 3 + 2 * longer)).replace(
        b"z0-9]{3}", b"z0-9]{%d}" % (3 + 2 * longer)
    )
    return _CLASS_OR_QUOTE.sub(lambda found: spelled if found[0] == QUOTE else found[0], text)


@lru_cache(maxsize=8)
def _established(quote: bytes) -> frozenset[bytes]:
    """What follows `"tcp_flags_ts":"`, with quotes spelled so, in an established flow
    (events.Flow): the client's ACK, the server's SYN and ACK.
    """
    clients = [flags for flags in range(256) if flags & ACK]
    servers = [flags for flags in range(256) if flags & SYN_ACK == SYN_ACK]
    return frozenset(
        f'{client:02x}","tcp_flags_tc":"{server:02x}"'.encode().replace(QUOTE, quote)
        for client in clients
        for server in servers
    )


def _lines_at(block: bytes, end: int, places: list[int]) -> Iterator[bytes]:
    """Each line of block[:end] that holds one of the places, which are in ascending order."""
    behind = 0
    for place in places:
        if behind < place <= end:
            start = block.rfind(b"\n", 0, place - 1) + 1
            behind = (block.find(b"\n", place - 1) + 1) or len(block)
            yield block[start:behind]


def _places(block: bytes, token: bytes) -> Iterator[int]:
    """The place after the first byte of every occurrence."""
    place = block.find(token)
    while place >= 0:
        yield place + 1
        place = block.find(token, place + 1)


_ahead: list[Thread] = []


def compile_ahead(patterns: Patterns) -> None:
    """Start to compile what `database` returns, in a thread of its own.

    `database` reports any error.

    Compiling takes as long as importing the readers and verdicts, and needs little of them.
    """
    expressions = _expressions(patterns_of_plain(patterns), SPACE)
    thread = Thread(target=_try_to_compile, args=(expressions,))
    with suppress(RuntimeError):  # no more threads may be started here
        thread.start()
        _ahead.append(thread)


def database(patterns: Patterns, blanks: str = SPACE) -> "hyperscan.Database":
    """The compiled patterns; no thread still works on them.

    Raises ImportError if hyperscan is not installed.
    """
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
