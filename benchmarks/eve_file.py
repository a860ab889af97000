"""Lines of a real Suricata -> an eve.json of any size.

The mix of event types, the share of relevant lines and the number of hosts can be chosen.

    python -m benchmarks.eve_file big.json --megabytes 1000 --hosts 10000 --share 0.003

The mix by lines is MIX. It follows from the records of each activity: a lookup over UDP is two dns
records (query and answer) and one flow; a web connection is one flow and one tls record, or one
http and one fileinfo record for each cleartext page. With as many lookups as connections, a fourth
of them cleartext, that is 38 dns, 38 flow, 14 tls, 5 http and 5 fileinfo in a hundred lines. (An
office of 2009, m57, rebuilt without its web pages: 49 dns, 51 flow.) A stats record of eight
kilobytes comes with every PAGE lines. All ordinary flows are accepted TCP connections.

Relevant lines keep their recorded order and are spread evenly between the ordinary ones; when all
were used they start again, with other hosts. There are RATE lines a second, so 10 GB are about a
day. The same input gives the same bytes.

Ordinary lines are made in pages: some thousand lines with gaps, a few of which are prepared, and
filled with other hosts, ports, flows and times each time. This makes some hundred megabytes a
second.
"""

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain, cycle, islice
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType

from benchmarks.eve_lines import SITE, Line, LineKind, Lines, Place, record_lines, sort_lines
from benchmarks.ordinary import MAIL_CLIENT_NAMES
from rulegen.site_profile import SiteProfile, load_site
from rulegen.vocabulary import Engine

MIX: Mapping[str, float] = MappingProxyType(
    {"dns": 0.38, "flow": 0.38, "tls": 0.14, "http": 0.05, "fileinfo": 0.05}
)
PAGE, PAGES = 4_000, 8
RATE = 200  # lines in a second
START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
# Maximum number of seconds between the start of a flow and its record; longer ones are shortened.
LONGEST = 120
PORTS = 997
OUTSIDE = 200_003
EPHEMERAL = range(49152, 65536)
# One host in four uses its IPv6 address.
V6_EACH = 4


@dataclass(frozen=True, slots=True)
class Recipe:
    """The properties of a file: bytes, home hosts, share of relevant lines (0 to 0.5), seed.

    `lookups` and `stats` are shares of lines beside those: lookups of MAIL_CLIENT_NAMES, and stats
    records.
    """

    size: int
    hosts: int = 10_000
    share: float = 0.003
    seed: int = 1
    spaced: bool = False
    lookups: float = 0.0
    stats: float = 0.0

    def __str__(self) -> str:
        named = (("lookups", self.lookups), ("stats", self.stats))
        more = "".join(f"-{name}{share:g}" for name, share in named if share)
        return f"{self.size // 1_000_000}mb-{self.hosts}hosts-{self.share:g}{'-spaced' if self.spaced else ''}{more}"


@dataclass(slots=True)
class Written:
    """What was written, by event type; `relevant` lines are among them."""

    lines: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    relevant: int = 0

    @property
    def total(self) -> int:
        return self.lines.total()


def write_eve(path: Path, recipe: Recipe, lines: Lines, site: SiteProfile) -> Written:
    """Write whole lines until there are at least `size` bytes.

    `path` appears when it is complete.
    """
    written = Written()
    part = path.with_name(f".{path.name}.part")
    with part.open("wb", buffering=0) as file:
        for text, counted, relevant in _pages(recipe, lines, site):
            if written.bytes + len(text) > recipe.size:
                text, counted, relevant = _cut(
                    text, recipe.size - written.bytes, relevant / counted.total()
                )
            file.write(text)
            written.bytes += len(text)
            written.lines += counted
            written.relevant += relevant
            if written.bytes >= recipe.size:
                break
    part.replace(path)
    return written


def _cut(text: bytes, size: int, share: float) -> tuple[bytes, Counter[str], int]:
    """The first lines of a page, at least `size` bytes."""
    kept = text[: (text.find(b"\n", max(0, size - 1)) + 1) or len(text)]
    counted = Counter(name.decode() for name in re.findall(rb'"event_type": ?"(\w+)"', kept))
    return kept, counted, round(share * counted.total())


def _pages(
    recipe: Recipe, lines: Lines, site: SiteProfile
) -> Iterator[tuple[bytes, Counter[str], int]]:
    """Endless: text, lines by event type, and the number of relevant lines."""
    rng = random.Random(f"{recipe.seed}/pages")
    crowd = Crowd(recipe, site)
    relevant = round(PAGE * recipe.share)
    templates = [Page(_draw(lines, recipe, relevant, rng), crowd, rng) for _ in range(PAGES)]
    mails = _relevant(lines.relevant, crowd)
    for number, page in enumerate(cycle(templates)):
        start = START + number * page.seconds
        among = [next(mails)(start + at) for at in page.relevant_at]
        yield (
            page.fill(start, number, among),
            page.lines + Counter(line for line, _ in among),
            len(among),
        )


def _draw(lines: Lines, recipe: Recipe, relevant: int, rng: random.Random) -> list[Line | None]:
    """The ordinary lines of a page, and None in place of each relevant one."""
    stats, lookups = max(1, round(PAGE * recipe.stats)), round(PAGE * recipe.lookups)
    ordinary = PAGE - relevant - stats - lookups
    drawn: list[Line | None] = list(islice(lines.ordinary["stats"], 1)) * stats
    drawn += [_of_mail_client(line, rng) for line in rng.choices(lines.ordinary["dns"], k=lookups)]
    for name, share in MIX.items():
        drawn += rng.choices(lines.ordinary[name], k=round(share * ordinary))
    rng.shuffle(drawn)
    for place in range(relevant):
        drawn.insert((2 * place + 1) * PAGE // (2 * relevant), None)
    return drawn


def _of_mail_client(line: Line, rng: random.Random) -> Line:
    """The same lookup for a name that mail clients query all day."""
    whole = b"".join(piece for piece in line.pieces if isinstance(piece, bytes))
    asked = re.search(rb'"rrname": ?"([^"]+)"', whole)
    if asked is None:
        raise ValueError(f"a lookup without a name: {line}")
    name = rng.choice(MAIL_CLIENT_NAMES).encode()
    pieces = (
        piece.replace(asked[1], name) if isinstance(piece, bytes) else piece
        for piece in line.pieces
    )
    return Line(line.event_type, tuple(pieces))


class Crowd:
    """Home hosts, in an order that includes each of them, and external servers.

    Addresses as Suricata writes them.
    """

    def __init__(self, recipe: Recipe, site: SiteProfile) -> None:
        rng = random.Random(f"{recipe.seed}/crowd")
        v6 = max(1, recipe.hosts // V6_EACH)
        self.site = site
        self.home = {4: Pool(_homes_v4(max(1, recipe.hosts - v6))), 6: Pool(_homes_v6(v6))}
        self.outside = {4: Pool(_outside_v4(rng)), 6: Pool(_outside_v6(rng))}
        self.ports = [b"%d" % rng.choice(EPHEMERAL) for _ in range(PORTS)]
        self.is_desk = lru_cache(maxsize=1 << 16)(self._is_desk)

    def _is_desk(self, address: bytes) -> int:
        """The IP version of a home host that is no server, else 0."""
        ip = ip_address(address.decode())
        if not self.site.is_home(ip) or self.site.is_mail_server(ip) or self.site.is_resolver(ip):
            return 0
        return ip.version

    def version(self, address: bytes) -> int:
        return 6 if b":" in address else 4

    def is_outside(self, address: bytes) -> bool:
        return not self.site.is_home(ip_address(address.decode()))


class Pool:
    """Values that are handed out in turn."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self._values = values
        self._at = 0

    def take(self, count: int) -> list[bytes]:
        taken: list[bytes] = []
        while len(taken) < count:
            piece = self._values[self._at : self._at + count - len(taken)]
            taken += piece
            self._at = (self._at + len(piece)) % len(self._values)
        return taken

    def at(self, number: int) -> bytes:
        return self._values[number % len(self._values)]


def _homes_v4(count: int) -> list[bytes]:
    """Home addresses spread over 10.0.0.0/8, without 10.0.0.0/16, where the servers are.

    An odd factor makes each of them occur once.
    """
    return [
        str(IPv4Address(0x0A010001 + number * 1_000_003 % 0xFE0000)).encode()
        for number in range(count)
    ]


def _homes_v6(count: int) -> list[bytes]:
    prefix = int(IPv6Address("2001:db8:1::"))
    return [
        IPv6Address(prefix + (number % 4096 << 64) + number * 2_654_435_761 + 1).exploded.encode()
        for number in range(count)
    ]


def _outside_v4(rng: random.Random) -> list[bytes]:
    return [
        str(
            IPv4Address(
                rng.choice((23, 34, 52, 91, 104, 151, 185, 199)) << 24 | rng.getrandbits(24)
            )
        ).encode()
        for _ in range(OUTSIDE)
    ]


def _outside_v6(rng: random.Random) -> list[bytes]:
    return [
        IPv6Address(0x2A00 << 112 | rng.getrandbits(108)).exploded.encode()
        for _ in range(OUTSIDE // 4)
    ]


class Page:
    """Some thousand lines with gaps, and where their values are found.

    `relevant_at` are seconds from the page's start at which relevant lines come; `lines` counts the
    others.
    """

    def __init__(self, drawn: Sequence[Line | None], crowd: Crowd, rng: random.Random) -> None:
        self.seconds = max(1, len(drawn) // RATE)
        self.lines = Counter(line.event_type for line in drawn if line)
        self.relevant_at = [
            number * self.seconds / len(drawn) for number, line in enumerate(drawn) if line is None
        ]
        self._crowd = crowd
        self._gaps: list[tuple[str, int]] = []
        self._wanted: Counter[str] = Counter()
        self._text = b"".join(
            self._with_gaps(line, number, len(drawn), rng) for number, line in enumerate(drawn)
        )
        self._order = itemgetter(*self._places())

    def _with_gaps(self, line: Line | None, number: int, lines: int, rng: random.Random) -> bytes:
        if line is None:
            self._gaps.append(("relevant", self._one_more("relevant")))
            return b"%b"
        at = number * self.seconds / lines
        mine: dict[bytes, tuple[str, int]] = {}
        digits = rng.randrange(10**5, 10**6)
        pieces = (self._piece(piece, at, mine, digits) for piece in line.pieces)
        return b"".join(pieces)

    def _piece(
        self, piece: bytes | Place, at: float, mine: dict[bytes, tuple[str, int]], digits: int
    ) -> bytes:
        match piece:
            case bytes():
                return piece.replace(b"%", b"%%")
            case Place(kind=LineKind.TIME, late=late):
                second, micros = divmod(
                    round((at - max(-1.0, min(late, LONGEST))) * 1_000_000), 1_000_000
                )
                self._gaps.append(("second", second + LONGEST))
                return b"%%b.%06d+0000" % micros
            case Place(kind=LineKind.FLOW):
                self._gaps.append(("flow", 0))
                return b"%%b%06d" % digits
            case Place(kind=LineKind.PORT, text=text) if int(text) in EPHEMERAL:
                self._gaps.append(mine.setdefault(text, ("port", digits % PORTS)))
                return b"%b"
            case Place(kind=LineKind.ADDRESS, text=text) if group := self._group(text):
                if text not in mine:
                    mine[text] = (group, self._one_more(group))
                self._gaps.append(mine[text])
                return b"%b"
        return piece.text

    def _group(self, address: bytes) -> str:
        if desk := self._crowd.is_desk(address):
            return f"home{desk}"
        return f"outside{self._crowd.version(address)}" if self._crowd.is_outside(address) else ""

    def _one_more(self, group: str) -> int:
        self._wanted[group] += 1
        return self._wanted[group] - 1

    def _places(self) -> Iterator[int]:
        """The index of each gap's value in the list that `fill` makes."""
        starts: dict[str, int] = {}
        at = 0
        for group, size in self._sizes():
            starts[group] = at
            at += size
        return (starts[group] + number for group, number in self._gaps)

    def _sizes(self) -> tuple[tuple[str, int], ...]:
        groups = ("home4", "home6", "outside4", "outside6", "relevant")
        # a record may be a second older than the end of its flow
        return (
            ("second", LONGEST + self.seconds + 2),
            ("flow", 1),
            ("port", PORTS),
            *((name, self._wanted[name]) for name in groups),
        )

    def fill(self, start: int, number: int, relevant: Sequence[tuple[str, bytes]]) -> bytes:
        """The page, starting at second `start`."""
        crowd, wanted = self._crowd, self._wanted
        turn = number * 131 % PORTS
        values = chain(
            (_second(start + late) for late in range(-LONGEST, self.seconds + 2)),
            (b"%d" % (100_000_000 + number),),
            crowd.ports[turn:],
            crowd.ports[:turn],
            *(
                pool[version].take(wanted[f"{name}{version}"])
                for name, pool in _pools(crowd)
                for version in (4, 6)
            ),
            (text for _, text in relevant),
        )
        return self._text % self._order(list(values))


def _pools(crowd: Crowd) -> tuple[tuple[str, Mapping[int, Pool]], ...]:
    return ("home", crowd.home), ("outside", crowd.outside)


@lru_cache(maxsize=1 << 12)
def _second(when: int) -> bytes:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def _moment(when: float) -> bytes:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+0000").encode()


class _Relevant:
    """One relevant line, used for the `turn`-th time."""

    def __init__(self, line: Line, turn: int, crowd: Crowd, desks: Mapping[bytes, int]) -> None:
        self._line, self._turn, self._crowd, self._desks = line, turn, crowd, desks

    def __call__(self, now: float) -> tuple[str, bytes]:
        """Its event type and its text at that time."""
        return self._line.event_type, b"".join(
            piece if isinstance(piece, bytes) else self._fill(piece, now)
            for piece in self._line.pieces
        )

    def _fill(self, place: Place, now: float) -> bytes:
        match place:
            case Place(kind=LineKind.TIME, late=late):
                return _moment(now - late)
            case Place(kind=LineKind.FLOW, text=text):
                return b"%d%b" % (1_000 + self._turn, text[-10:])
            case Place(kind=LineKind.MAC, text=text):
                tail = (int(text[9:].replace(b":", b""), 16) + self._turn * 7919) & 0xFFFFFF
                return text[:9] + tail.to_bytes(3, "big").hex(":").encode()
            case Place(kind=LineKind.ADDRESS, text=text) if version := self._crowd.is_desk(text):
                return self._crowd.home[version].at(
                    self._desks[text] + self._turn * len(self._desks)
                )
        return place.text


def _relevant(lines: Sequence[Line], crowd: Crowd) -> Iterator[_Relevant]:
    """All relevant lines repeatedly, each time with other hosts."""
    found = dict.fromkeys(
        piece.text
        for line in lines
        for piece in line.pieces
        if isinstance(piece, Place) and piece.kind is LineKind.ADDRESS
    )
    desks = {
        address: number
        for number, address in enumerate(address for address in found if crowd.is_desk(address))
    }
    for turn in range(sys.maxsize):
        for line in lines:
            yield _Relevant(line, turn, crowd, desks)


def main() -> None:
    """Write one file and print its content by type."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.eve_file", description="Write a large eve.json."
    )
    parser.add_argument("path", type=Path)
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument(
        "--share", type=float, default=0.003, help="of relevant lines (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--spaced", action="store_true", help="with a space after each colon and comma"
    )
    parser.add_argument("--lookups", type=float, default=0.0, help="share of mail clients' lookups")
    parser.add_argument("--stats", type=float, default=0.0, help="share of stats records")
    options = parser.parse_args()
    site = load_site(SITE)
    lines = sort_lines(
        record_lines(Engine.SURICATA_7, options.path.parent), site, spaced=options.spaced
    )
    recipe = Recipe(
        options.megabytes * 1_000_000,
        options.hosts,
        options.share,
        options.seed,
        options.spaced,
        options.lookups,
        options.stats,
    )
    written = write_eve(options.path, recipe, lines, site)
    sys.stdout.write(
        f"{written.total} lines, {written.bytes} bytes, {written.relevant} relevant: "
        f"{dict(written.lines.most_common())}\n"
    )


if __name__ == "__main__":
    main()
