r"""A site profile -> what is looked for in undecoded EVE, as regular expressions.

What makes an event evidence are a few values (an event type, a record type, a port, a word in a
name, one of our sids); a line that holds none of them is passed over. Values are looked for
wherever they stand in a line, so the order of keys does not matter. A line that is spelled in
another way than Suricata does, with white space around a colon or with an escape that may hide a
letter (\u006d), is wanted whatever it holds. Not provided for is a key that a line holds twice.

"""

from functools import partial

from eveproc.input.prefilter import SPACE, LineFilter, PatternKind
from eveproc.signals.domains import MAIL_WORDS, SOME_PTR_NAMES
from eveproc.signals.home_net import home_test
from rulegen.catalogue import own_sids
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import GUESSED_LABELS, MAILBOX_PORTS, METADATA_SIGNAL

# An address of IPv6 gives the longest name that is one of an address, with 63 digits and dots.
LONGEST_PTR = 64


def line_filter(site: SiteProfile) -> LineFilter:
    """Which lines of a log may be evidence at this site."""
    return LineFilter(partial(patterns, site), home_test(site), tuple(site.sensors))


def patterns(site: SiteProfile, blanks: str = SPACE) -> tuple[tuple[PatternKind, bytes], ...]:
    """(kind, regular expression) for everything that the collector may use, as undecoded bytes; `blanks` is its white space."""
    ports = "|".join(map(str, sorted({*site.ports.smtp, *site.ports.submission, *MAILBOX_PORTS})))
    words = "|".join(MAIL_WORDS)
    labels = "|".join(
        label for label in GUESSED_LABELS if not any(word in label for word in MAIL_WORDS)
    )
    sids = "|".join(map(str, own_sids(site)))
    # What the library looks for, in all patterns at once, are the last three or four bytes of the
    # letters in a row that each must hold; where they stand it looks at the rest, and then it runs
    # what is no plain text. So each has such letters, they are rare in EVE, and do not end in a
    # quote; numbers end in what follows them. (`rrname` stands in half of all lines: a pattern that
    # began with it would take as long as all others.) What stands between a key and its value is
    # `":"` or `":`, or the line is wanted for that.
    texts = (
        (PatternKind.WANTED, '"(?i:smtp|dhcp|stats)[^a-z]'),
        (PatternKind.WANTED, '(?i:"mx")'),
        (PatternKind.WANTED, METADATA_SIGNAL),
        (PatternKind.WANTED, f"signature_id[^0-9a-z]{{2}}(?:{sids})[^0-9]"),
        (PatternKind.WANTED, rf'ort":(?:{ports})[,}}{blanks}]'),
        (PatternKind.WANTED, rf'"(?i:{SOME_PTR_NAMES.replace("+", f"{{1,{LONGEST_PTR}}}")})'),
        (PatternKind.WANTED, rf"(?i:[0-9a-f.]{{{LONGEST_PTR}}}\.(?:in-addr|ip6)\.arpa)"),
        (PatternKind.NAME, f"(?i:{words})"),
        (PatternKind.NAME, rf':"(?i:{labels})\.'),
        (PatternKind.TCP, "tcp_flags_ts[^a-z0-9]{3}"),
        (PatternKind.WANTED, r"[^\\](?:\\\\)*\\u(?:[1-9a-fA-F]|0[1-9a-fA-F]|00[2-9a-fA-F])"),
        (PatternKind.WANTED, rf'[^\\]":[{blanks}]'),
        (PatternKind.WANTED, rf'[^\\]"[{blanks}]+:'),
    )
    return tuple((kind, text.encode()) for kind, text in texts)
