r"""A site profile -> what is looked for in undecoded EVE, as regular expressions.

The traces of all entries (declaration.Traces) are put together here, with those of our alerts, of
leases and of statistics. A line that holds none of them is skipped. Values are looked for wherever
they stand in a line, so the order of keys does not matter. A line that is spelled in another way
than Suricata does, with white space around a colon or with an escape that may hide a letter
(\u006d), is wanted whatever it holds. A line that holds one key twice is not provided for.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain

from eveproc.input.client_sample import SAMPLED
from eveproc.input.eve_record import RECORD_TYPES
from eveproc.input.new_logins import CERTIFICATE, MDNS
from eveproc.input.prefilter import SPACE, LineFilter, PatternKind
from eveproc.signals.home_net import home_test
from eveproc.signals.registry import TRACES
from rulegen.catalogue import own_sids
from rulegen.site_profile import SEPARATING_FIELDS, SiteProfile
from rulegen.vocabulary import METADATA_SIGNAL

# From within a string to its end, to a quote in it, or to where the line is cut off; not in the key
# of an object.
_REST_OF_VALUE = r'[^"\n]*(?:\\"|"[^:]|\n)'
# What may stand behind a value in JSON, in text or in CSV.
_BEHIND_VALUE = r'[,}\] \t\r\n\\"]'
# Every report needs these records, whatever the signals.
LEASES, STATISTICS = "dhcp", "stats"


def line_filter(site: SiteProfile) -> LineFilter:
    """Which lines of a log may be evidence at this site."""
    named = tuple(field for field in site.separate_by or () if field not in SEPARATING_FIELDS)
    return LineFilter(partial(patterns, site), home_test(site), tuple(site.sensors), named)


def patterns(site: SiteProfile, blanks: str = SPACE) -> tuple[tuple[PatternKind, bytes], ...]:
    """(kind, regular expression) for everything that the collector may use, as undecoded bytes.

    `blanks` is the white space between a key and its value.
    """
    texts = chain(_values(site, blanks), _names(), _odd_spellings(blanks))
    return tuple((kind, text.encode()) for kind, text in texts)


# Hyperscan looks for the last three or four bytes of the letters in a row that each pattern must
# hold, in all patterns at once. Where they stand it looks at the rest, and then runs what is no
# plain text. So each pattern has such letters, which are rare in EVE and do not end in a quote;
# numbers and kinds of records end in what follows them, which are few characters, so that
# hyperscan looks for each. (`rrname` stands in half of all lines, so the two patterns that
# begin with it take an eighth of the search: what a DNS blocklist is asked has no such letters.)
# Between a key and its value stands `":"` or `":`; a line with anything else there is wanted for
# that.
def _values(site: SiteProfile, blanks: str) -> Iterator[tuple[PatternKind, str]]:
    event_types = _any_of(*(traces.event_types for traces in TRACES), (LEASES, STATISTICS))
    question_types = _any_of(*(traces.question_types for traces in TRACES))
    ports = _any_of(sorted({port for traces in TRACES for port in traces.ports(site.ports)}))
    # As a value, not as the key of an object, which statistics have for each protocol.
    yield PatternKind.WANTED, f'"(?i:{event_types})"{_BEHIND_VALUE}'
    yield PatternKind.WANTED, f'(?i:"(?:{question_types})")'
    numbers = _any_of(n for n, name in RECORD_TYPES.items() if name in question_types.split("|"))
    yield PatternKind.WANTED, rf'ype":(?:{numbers})[,}}{blanks}]'
    yield PatternKind.WANTED, rf'ype":(?:{numbers})\.0'
    yield PatternKind.WANTED, rf'ype":"(?:{numbers})(?:"|\.)'
    yield PatternKind.WANTED, METADATA_SIGNAL
    yield (
        PatternKind.WANTED,
        f"signature_id[^0-9a-z]{{2,3}}(?:{_any_of(own_sids(site))})[^0-9]",
    )
    yield PatternKind.WANTED, rf'ort":(?:{ports})[,}}{blanks}]'
    # As some shippers write numbers: "25", "25.0", 25.0.
    yield PatternKind.WANTED, rf'ort":"(?:{ports})(?:"|\.)'
    yield PatternKind.WANTED, rf'ort":(?:{ports})\.0'
    yield PatternKind.TCP, "tcp_flags_ts[^a-z0-9]{3}"
    # Tickets that were granted, users of sessions over SMB, and what may be a client's certificate
    # (to look for its subject here as well would take most of the time to compile all of this).
    yield PatternKind.LOGIN, "KRB_(?:AS|TGS)_REP"
    yield PatternKind.LOGIN, "ntlmssp[^a-z]"
    yield PatternKind.CERTIFICATE, rf'{CERTIFICATE}":\{{'
    # What a host calls itself, and claims of addresses.
    yield PatternKind.LOGIN, rf'{MDNS}":\{{'
    yield PatternKind.WANTED, r't_type":"(?i:arp)"'
    yield PatternKind.SAMPLED, SAMPLED
    for traces in TRACES:
        for pattern in traces.patterns:
            yield PatternKind.WANTED, pattern


def _names() -> Iterator[tuple[PatternKind, str]]:
    words = tuple(dict.fromkeys(chain.from_iterable(traces.name_words for traces in TRACES)))
    labels = dict.fromkeys(chain.from_iterable(traces.name_labels for traces in TRACES))
    # What holds one of the words is found by that already.
    others = [label for label in labels if not any(word in label for word in words)]
    yield PatternKind.NAME, rf'(?i:{_any_of(words)}|:"(?:{_any_of(others)})\.){_REST_OF_VALUE}'


def _odd_spellings(blanks: str) -> Iterator[tuple[PatternKind, str]]:
    yield PatternKind.WANTED, r"[^\\](?:\\\\)*\\u(?:[1-9a-fA-F]|0[1-9a-fA-F]|00[2-9a-fA-F])"
    yield PatternKind.WANTED, rf'[^\\]":[{blanks}]'
    yield PatternKind.WANTED, rf'[^\\]"[{blanks}]+:'


def _any_of(*values: Iterable[object]) -> str:
    """Each value once, as the alternatives of a regular expression."""
    return "|".join(dict.fromkeys(str(value) for value in chain(*values)))
