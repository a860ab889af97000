r"""Timestamps -> a sample of http and tls records, and what such a record tells of its client.

These records are most of many logs, so only one in 1,000 is read: those whose time has 337 as its
milliseconds. The choice depends on the record alone, never on who reads it or in which order. The
prefilter finds them by those digits; docs/verdicts.md states the cost.
"""

import re
from collections.abc import Iterable, Iterator

SAMPLED = r"\.337[0-9]{0,6}[+Z-]"
_SAMPLED = re.compile(SAMPLED)
# Keys of undecoded records that describe a client, however the quotes are spelled.
_TOLD = (b"http_user_agent", b"ja4", b"ja3")
NEWLINE = b"\n"
# The first comment of what browsers send (RFC 9110, section 10.1.5): their operating system. Other
# programs send names of their own, many on one machine.
_PLATFORM = re.compile(r"Mozilla/5\.0 \(([^()]{1,100})")
_REVISION = re.compile(r"; rv:[0-9.]+|; Trident/[0-9.]+")
_EXTENSIONS = 2


def is_sampled(timestamp: object) -> bool:
    """True for one record in 1,000 of those whose time is text with milliseconds."""
    return isinstance(timestamp, str) and _SAMPLED.search(timestamp) is not None


def of_clients(block: bytes, places: Iterable[int]) -> Iterator[int]:
    """The places that are in a line that describes a client."""
    for place in places:
        start, end = block.rfind(NEWLINE, 0, place) + 1, block.find(NEWLINE, place)
        end = len(block) if end < 0 else end
        if any(block.find(word, start, end) >= 0 for word in _TOLD):
            yield place


def platform_of(user_agent: str) -> str:
    """`Mozilla/5.0 (X11; Linux x86_64; rv:128.0) ...` -> `x11; linux x86_64`; "" if it is no
    browser.
    """
    found = _PLATFORM.match(user_agent)
    return _REVISION.sub("", found[1]).lower() if found else ""


def in_order(ja3: str) -> str:
    """The text of a JA3 with its extensions sorted.

    Chrome sends them in another order each time, so its JA3 never repeats; the sorted form does
    (JA4 sorts them, too).
    """
    fields = ja3.split(",")
    if len(fields) > _EXTENSIONS:
        fields[_EXTENSIONS] = "-".join(sorted(fields[_EXTENSIONS].split("-")))
    return ",".join(fields)
