"""Places of logins in blocks of undecoded EVE -> those that may tell something new.

Kerberos is frequent, and repeats the same about each host all day. Among lines that agree, apart
from minutes, in everything that is kept of a login (host_names.py), one is wanted. All lines that
are not written as Suricata writes them are wanted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

# Number of logins that are recognized, and their bytes in all: hosts announce as many and as long
# names as they like. The others are decoded again.
LOGINS_KEPT, BYTES_KEPT = 1 << 18, 1 << 26

NEWLINE, BACKSLASH = b"\n", b"\\"
# Key of the object in which a host announces its names: all of its content counts.
MDNS = "mdns"
# Key of the object that holds the certificate of a TLS client, and the key of its holder.
CERTIFICATE, _HOLDER = "client", b"subject"
# The head of a record. Zones of whole hours keep the boundaries of hours; the ports tell client
# from server (decode.py).
_HEAD = (
    rb'"timestamp":"([-0-9]{10}T[0-9]{2}):[0-9:.]{12}([+-][0-9]{2}00)","flow_id":[0-9]+,'
    rb'("in_iface":"[^\x22\\]*",)?"event_type":"[a-z0-9]+",("vlan":\[[0-9,]*\],)?'
    rb'("src_ip":"[^\x22\\]+"),"src_port":(?:(88|139|445)|[0-9]+),'
    rb'("dest_ip":"[^\x22\\]+"),"dest_port":(?:(88|139|445)|[0-9]+),'
)
_GRANTED = b"STATUS_SUCCESS"
# The end of a value after a place within it: the kind of a Kerberos message.
_IN_STRING = b"_REP"
# The key and the brace that opens its object; in text, quotes are escaped.
LONGEST_OPENING = 16

Key = tuple[bytes | None, ...]


def certificates_among(block: bytes, places: Iterable[int]) -> Iterator[int]:
    """The places (each after the brace of an object) whose object holds the subject of a
    certificate.
    """
    for place in places:
        if block.find(_HOLDER, place, block.find(b"}", place)) >= 0:
            yield place


class NewLogins:
    """Remembers the logins that were seen."""

    def __init__(self, quote: bytes) -> None:
        """`quote` is how quotes are spelled in the records."""
        self._met: set[Key] = set()
        self._bytes = 0
        self._head = re.compile(_HEAD.replace(b'"', re.escape(quote)))
        self._host = b"%bhost%b" % (quote, quote)
        self._service = b"%bsname%b:" % (quote, quote)
        self._quote = quote
        # Characters before a quote in a string, or part of its escape.
        self._escape = BACKSLASH * (1 + len(quote) - len(quote.lstrip(BACKSLASH)))

    def among(self, block: bytes, places: Sequence[int]) -> Iterator[int]:
        """The places in lines of logins that were not seen before."""
        met = self._met
        for place in places:
            key = self._key(block, place)
            if key is None or key not in met:
                if key is not None:
                    met.add(key)
                    self._bytes += sum(map(len, filter(None, key)))
                yield place
        if len(met) > LOGINS_KEPT or self._bytes > BYTES_KEPT:
            met.clear()
            self._bytes = 0

    def _key(self, block: bytes, place: int) -> Key | None:
        """All parts of a line that matter for what is kept of it; None if they cannot be found."""
        find = block.find
        start, end = block.rfind(NEWLINE, 0, place) + 1, find(NEWLINE, place)
        head = self._head.search(block, start, place)
        is_mdns = find(MDNS.encode(), place - LONGEST_OPENING, place) >= 0
        closed = end if is_mdns else find(b"}", place, end)
        if head is None or closed < 0 or not (is_mdns or self._is_closed(block, place, closed)):
            return None
        behind = head.end()
        elsewhere = (
            find(b"vlan", behind, end),
            find(b"in_iface", behind, end),
            find(b"tenant_id", behind, end),
            find(self._host, behind, place),
        )
        if max(elsewhere) >= 0:  # these matter, too, and are in an unusual place
            return None
        named, sensor = find(self._service, place, closed), find(self._host, closed, end)
        return (
            block[start : head.start()],
            *head.groups(),
            _GRANTED if find(_GRANTED, behind, place) >= 0 else None,
            block[place : named if named >= 0 else closed],
            block[sensor : find(b",", sensor, end)] if sensor >= 0 else None,
        )

    def _is_closed(self, block: bytes, place: int, closed: int) -> bool:
        """True if the brace at `closed` is certainly the end of the object, not a character of a
        name.
        """
        if block.find(self._escape, place, closed) >= 0:
            return False
        is_in_string = block.endswith(_IN_STRING, 0, place)
        return block.count(self._quote, place, closed) % 2 == is_in_string
