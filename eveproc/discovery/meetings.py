"""Blocks of undecoded EVE of a site with known home networks -> lines that may show new hosts.

Conversations examines every line. Here the prefilter of a report also finds what can matter:
records of lookups (those between ends that are done are skipped); addresses in networks of which no
host was seen yet, or that are private and not home; kinds of records that were not read yet; and
records in text, all of whose lines are decoded. An address is found anywhere in a line, so the
order of keys does not matter; lines that Suricata did not write are found by the patterns of every
report (signals/prefilter_patterns.py).
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain

from eveproc.discovery.conversations import PORT, Conversations, Ends
from eveproc.input.prefilter import Found, PatternKind
from rulegen.site_profile import Network

# Number of records per block that are decoded for a kind that was not read yet: some may be
# damaged.
TRIES = 8
# If a network without its known parts has more parts than this, it is searched for as a whole.
MOST_PARTS = 256
QUOTE = b'"'
# The text after the kind of a lookup's record; the groups are conversations.Ends.
_ENDS = re.compile(
    rb',(?:"vlan":\[[0-9,]*\],)?'
    rb'"src_ip":"([0-9a-fA-F:.]+)","src_port":(?:(%b)|[0-9]+),'
    rb'"dest_ip":"([0-9a-fA-F:.]+)","dest_port":(?:(%b)|[0-9]+),' % (PORT, PORT)
)
_LOOKUPS = b'event_type":"(?i:dns)"'
_IN_TEXT = (rb"event_type\\", b'event_type""')
# IPv6 addresses that hold an IPv4 address.
_MAPPED = b"(?i::ffff:)"


class Meetings:
    """Finds lines by patterns, and lets Conversations examine them."""

    def __init__(
        self,
        conversations: Conversations,
        networks: Iterable[Network],
        kinds: Iterable[str],
        known: Callable[[], Collection[str]],
    ) -> None:
        """Every host of the `networks` is to be noted.

        `kinds` are the kinds of records of which one each is searched for, and `known` returns
        those already read.
        """
        self._conversations = conversations
        self._known = known
        self._kinds = tuple(kinds)
        self._addresses = (*address_patterns(networks), _MAPPED)

    @property
    def patterns(self) -> tuple[tuple[PatternKind, bytes], ...]:
        """The patterns to search for in each block."""
        of_kinds = (f'event_type":"(?i:{kind})"'.encode() for kind in self._kinds)
        texts = (_LOOKUPS, *_IN_TEXT, *self._addresses, *of_kinds)
        return tuple((PatternKind.FURTHER, text) for text in texts)

    def further(self, block: bytes, end: int, found: Found) -> Iterator[int]:
        """Take in the lines of block[:end]; gives a place in each line that others must decode.

        `found` is where each of the patterns was found.
        """
        places = [*self._new_lookups(block, end, found[0])]
        behind = 1 + len(_IN_TEXT) + len(self._addresses)
        places += chain(*found[1 : 1 + len(_IN_TEXT)])
        addresses = chain(*found[1 + len(_IN_TEXT) : behind])
        places += (place for place in addresses if self._is_new(block, place))
        known = self._known()
        for kind, hits in zip(self._kinds, found[behind:], strict=True):
            if kind not in known:
                places += hits[:TRIES]
        places.sort()
        return self._conversations.take_those(block, end, places)

    def _new_lookups(self, block: bytes, end: int, places: Sequence[int]) -> Iterator[int]:
        match, conversations = _ENDS.match, self._conversations
        done = conversations.done
        reordered: list[int] = []
        new: list[tuple[int, Ends]] = []
        for place in places[: bisect_right(places, end)]:
            found = match(block, place)
            if found is None:
                reordered.append(place)
            elif (ends := found.groups()) not in done:
                new.append((place, ends))  # type: ignore[arg-type]  # four groups
        return chain(
            conversations.reordered_lookups(block, end, reordered),
            conversations.new_lookups(block, new),
        )

    def _is_new(self, block: bytes, place: int) -> bool:
        """True if the address at the place may have to be noted."""
        start, stop = block.rfind(QUOTE, 0, place) + 1, block.find(QUOTE, place)
        return not self._conversations.is_met(block[start:stop])


def without(network: Network, known: Iterable[Network]) -> tuple[Network, ...]:
    """The parts of a network that are in none of the known networks."""
    parts = [network]
    for one in known:
        if one.version == network.version and one.overlaps(network):
            parts = [part for each in parts for part in _parts_without(each, one)]
            if len(parts) > MOST_PARTS:
                return (network,)
    return tuple(parts)


def _parts_without(network: Network, known: Network) -> Iterator[Network]:
    if not network.overlaps(known):
        yield network
    elif network.prefixlen < known.prefixlen:
        for half in network.subnets():
            yield from _parts_without(half, known)


def address_patterns(networks: Iterable[Network]) -> tuple[bytes, ...]:
    """Regular expressions that find every address in these networks, after its quote.

    They find few others. For IPv6 they use at most the first two groups.
    """
    of_v4: dict[tuple[int, ...], set[int]] = {}
    patterns = set()
    for network in networks:
        if network.version == 4:
            full, rest = divmod(network.prefixlen, 8)
            octets = network.network_address.packed
            first = octets[full] if rest else 0
            more = range(first, first + (1 << (8 - rest))) if full < 4 else ()
            of_v4.setdefault(tuple(octets[:full]), set()).update(more)
        else:
            patterns.add(_of_v6(network))
    patterns |= {_of_v4(head, numbers) for head, numbers in of_v4.items()}
    return tuple(pattern.encode() for pattern in sorted(patterns))


def _of_v4(head: tuple[int, ...], numbers: Collection[int]) -> str:
    text = '"' + "".join(rf"{octet}\." for octet in head[:3]) + "".join(map(str, head[3:]))
    if len(numbers) in (0, 256):
        return text if head else r'"[0-9]{1,3}\.'
    dot = r"\." if len(head) < 3 else ""
    return f"{text}(?:{'|'.join(map(str, sorted(numbers)))}){dot}"


def _of_v6(network: Network) -> str:
    length = network.prefixlen
    digits = network.network_address.exploded.replace(":", "")
    if length < 4 or digits.startswith("0"):
        return '"[0-9a-fA-F]{0,4}:'
    if length >= 16:
        has_second = length >= 32 and digits[4:8] != "0000"
        second = f"0{{0,3}}{digits[4:8].lstrip('0')}:" if has_second else ""
        return f'"(?i:{digits[:4]}:{second})'
    full, rest = divmod(length, 4)
    first = int(digits[full], 16)
    more = "".join(f"{number:x}" for number in range(first, first + (1 << (4 - rest))))
    return f'"(?i:{digits[:full]}[{more}]{"[0-9a-f]" * (3 - full)}:)'
