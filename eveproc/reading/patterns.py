r"""A site profile -> what is looked for in undecoded EVE, as regular expressions and compiled by hyperscan.

What makes an event evidence are a few values (an event type, a record type, a port, a word in a name, one of our sids); a line that
holds none of them is passed over. Values are looked for wherever they stand in a line, so the order of keys does not matter. A line
that is spelled in another way than Suricata does, with white space around a colon or with an escape that may hide a letter (\u006d),
is wanted whatever it holds. Not provided for is a key that a line holds twice.

To compile takes as long as to import what reads and judges, and needs little of that: it can be begun before.
"""

from contextlib import suppress
from enum import Enum, auto
from functools import lru_cache
from threading import Thread
from typing import TYPE_CHECKING

from eveproc.names import MAIL_WORDS, SOME_PTR_NAMES
from rulegen.catalogue import own_sids
from rulegen.site import SiteProfile
from rulegen.vocabulary import GUESSED_LABELS, MAILBOX_PORTS, METADATA_SIGNAL

if TYPE_CHECKING:
    import hyperscan

SPACE, ALL_BLANKS = " ", r" \t\r"
# An address of IPv6 gives the longest name that is one of an address, with 63 digits and dots.
LONGEST_PTR = 64

_ahead: list[Thread] = []


class Kind(Enum):
    """What a pattern finds: a line that is wanted, one that is if what was found stands in a name asked for, or the flags of a flow."""

    WANTED = auto()
    NAME = auto()
    TCP = auto()


def patterns(site: SiteProfile, blanks: str = SPACE) -> tuple[tuple[Kind, bytes], ...]:
    """(kind, regular expression) for everything that evidence.Collector may use, as undecoded bytes; `blanks` is its white space."""
    ports = "|".join(map(str, sorted({*site.ports.smtp, *site.ports.submission, *MAILBOX_PORTS})))
    words = "|".join(MAIL_WORDS)
    labels = "|".join(label for label in GUESSED_LABELS if not any(word in label for word in MAIL_WORDS))
    sids = "|".join(map(str, own_sids(site)))
    # What the library looks for, in all patterns at once, are the last three or four bytes of the letters in a row that each must
    # hold; where they stand it looks at the rest, and then it runs what is no plain text. So each has such letters, they are rare in
    # EVE, and do not end in a quote; numbers end in what follows them. (`rrname` stands in half of all lines: a pattern that began
    # with it would take as long as all others.) What stands between a key and its value is `":"` or `":`, or the line is wanted for that.
    texts = (
        (Kind.WANTED, '"(?i:smtp|dhcp|stats)[^a-z]'),
        (Kind.WANTED, '(?i:"mx")'),
        (Kind.WANTED, METADATA_SIGNAL),
        (Kind.WANTED, f"signature_id[^0-9a-z]{{2}}(?:{sids})[^0-9]"),
        (Kind.WANTED, rf'ort":(?:{ports})[,}}{blanks}]'),
        (Kind.WANTED, rf'"(?i:{SOME_PTR_NAMES.replace("+", f"{{1,{LONGEST_PTR}}}")})'),
        (Kind.WANTED, rf"(?i:[0-9a-f.]{{{LONGEST_PTR}}}\.(?:in-addr|ip6)\.arpa)"),
        (Kind.NAME, f"(?i:{words})"),
        (Kind.NAME, rf':"(?i:{labels})\.'),
        (Kind.TCP, "tcp_flags_ts[^a-z0-9]{3}"),
        (Kind.WANTED, r"[^\\](?:\\\\)*\\u(?:[1-9a-fA-F]|0[1-9a-fA-F]|00[2-9a-fA-F])"),
        (Kind.WANTED, rf'[^\\]":[{blanks}]'),
        (Kind.WANTED, rf'[^\\]"[{blanks}]+:'),
    )
    return tuple((kind, text.encode()) for kind, text in texts)


def compile_ahead(site: SiteProfile) -> None:
    """Begin to make what `database` gives, in a thread of its own; whatever goes wrong is told by that."""
    thread = Thread(target=_try_to_compile, args=(_expressions(site, SPACE),))
    with suppress(RuntimeError):  # no more threads may be started here
        thread.start()
        _ahead.append(thread)


def database(site: SiteProfile, blanks: str = SPACE) -> "hyperscan.Database":
    """The patterns, compiled; no thread is left at work on them. Raises ImportError where hyperscan is not installed."""
    while _ahead:
        _ahead.pop().join()
    return _compiled(_expressions(site, blanks))


def _expressions(site: SiteProfile, blanks: str) -> tuple[bytes, ...]:
    return tuple(expression for _, expression in patterns(site, blanks))


def _try_to_compile(expressions: tuple[bytes, ...]) -> None:
    with suppress(Exception):
        _compiled(expressions)


@lru_cache(maxsize=16)
def _compiled(expressions: tuple[bytes, ...]) -> "hyperscan.Database":
    import hyperscan

    database, count = hyperscan.Database(), len(expressions)
    database.compile(expressions=expressions, ids=tuple(range(count)), elements=count, flags=[0] * count)
    return database
