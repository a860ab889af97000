"""Seed + home networks -> the external Internet: domains, mail servers, addresses.

Everything is a function of the seed and the queried name, so two actors that mail one domain reach
the same server.
"""

import hashlib
import random
from collections.abc import Mapping
from functools import cache, cached_property
from ipaddress import ip_address
from types import MappingProxyType

from rulegen.errors import MxhoundError
from rulegen.simulate.dns import Record, Type, encode_name, mx_data, txt_data
from rulegen.simulate.wire import Endpoint
from rulegen.site_profile import SiteProfile

# First octets without special-purpose blocks (RFC 6890), from all registries.
_FIRST_OCTETS = (
    *(
        5,
        20,
        23,
        31,
        34,
        37,
        40,
        46,
        52,
        62,
        64,
        66,
        69,
        72,
        74,
        77,
        78,
        80,
        81,
        82,
        84,
        85,
        87,
        88,
        89,
        91,
        93,
        94,
        95,
    ),
    *(
        103,
        104,
        109,
        133,
        144,
        150,
        159,
        160,
        176,
        178,
        185,
        188,
        193,
        194,
        195,
        200,
        202,
        209,
        210,
        212,
        213,
        216,
        217,
    ),
)
_FIRST_V6 = (
    "2400",
    "2404",
    "2406",
    "2600",
    "2604",
    "2607",
    "2620",
    "2800",
    "2804",
    "2a00",
    "2a01",
    "2a03",
    "2c0f",
)
_SUFFIXES = (
    *("com",) * 8,
    *(
        "net",
        "org",
        "de",
        "de",
        "co.uk",
        "fr",
        "it",
        "nl",
        "pl",
        "jp",
        "co.jp",
        "com.br",
        "ca",
        "com.au",
        "info",
        "es",
    ),
    *("se", "ch", "cz", "edu", "in", "co.in", "com.mx", "at", "be", "dk"),
)
_CONSONANTS, _VOWELS = "bcdfghklmnprstvz", "aeiou"
# Mail exchangers of big providers, by the domain of their users. Malware has these built in:
# BCMUPnP_Hunter relays to Outlook, Hotmail and Yahoo only (360 Netlab, 2018).
BIG_PROVIDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "gmail.com": (
            "gmail-smtp-in.l.google.com",
            "alt1.gmail-smtp-in.l.google.com",
            "alt2.gmail-smtp-in.l.google.com",
        ),
        "outlook.com": ("outlook-com.olc.protection.outlook.com",),
        "hotmail.com": ("hotmail-com.olc.protection.outlook.com",),
        "yahoo.com": ("mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net", "mta7.am0.yahoodns.net"),
        "aol.com": ("mx-aol.mail.gm0.yahoodns.net",),
        "gmx.de": ("mx00.emig.gmx.net", "mx01.emig.gmx.net"),
        "mail.ru": ("mxs.mail.ru",),
        "comcast.net": ("mx1.comcast.net", "mx2.comcast.net"),
    }
)
_SPF = txt_data("v=spf1 mx a -all")


class World:
    """The external Internet of one seed.

    Raises MxhoundError if the home networks leave no external address.
    """

    def __init__(self, site: SiteProfile, seed: int, gateway_mac: bytes) -> None:
        self.site = site
        self.seed = seed
        self.gateway_mac = gateway_mac
        self.server = cache(self._server)
        self.mail_hosts = cache(self._mail_hosts)

    @cached_property
    def hosters(self) -> tuple[str, ...]:
        """Providers that host the mail of many domains on few servers."""
        rng = random.Random(f"{self.seed}/hosters")
        return tuple(new_domain(rng) for _ in range(6))

    @cached_property
    def freemailers(self) -> tuple[str, ...]:
        """Freemail domains, which many recipients of any list use."""
        rng = random.Random(f"{self.seed}/freemailers")
        return tuple(new_domain(rng) for _ in range(14))

    def recipients_domain(self, rng: random.Random, freemail: float = 0.25) -> str:
        """The domain of one recipient; `freemail` is the share of freemail addresses."""
        return rng.choice(self.freemailers) if rng.random() < freemail else new_domain(rng)

    def _mail_hosts(self, domain: str) -> tuple[str, ...]:
        """Names in the MX records of `domain`, best first."""
        if domain in BIG_PROVIDERS:
            return BIG_PROVIDERS[domain]
        draw = self._digest(f"mx/{domain}")
        if draw[0] < 90 and domain not in self.freemailers:
            return (f"{domain.replace('.', '-')}.mx.{self.hosters[draw[1] % len(self.hosters)]}",)
        first = ("mail", "mx", "mx1", "mx01", "smtp", "mailgate", "in", "relay")[draw[2] % 8]
        return (f"{first}.{domain}", f"mx2.{domain}") if draw[3] < 100 else (f"{first}.{domain}",)

    def _server(self, name: str, version: int) -> Endpoint:
        """The external machine with this name, reached through the site's gateway."""
        identity = self._pooled(name)
        for attempt in range(1000):
            ip = self._address(f"{identity}/{attempt}", version)
            if not self.site.is_home(ip_address(ip)):
                return Endpoint(ip, self.gateway_mac, 40 + self._digest(identity)[0] % 20)
        raise MxhoundError(
            f"home_networks leave no external IPv{version} address; expected networks that "
            "do not cover all addresses"
        )

    def records(self, name: str, rtype: Type, count: int = 1) -> list[Record]:
        """Records of a name, at most `count` addresses; nothing for rare types."""
        match rtype:
            case Type.A | Type.AAAA:
                version = 4 if rtype is Type.A else 6
                names = (name, *(f"{number}.{name}" for number in range(1, count)))
                return [Record(rtype, self.server(each, version).ip) for each in names]
            case Type.MX:
                return [
                    Record(rtype, mx_data(10 * n, host), 3600)
                    for n, host in enumerate(self.mail_hosts(name), 1)
                ]
            case Type.PTR:
                return [
                    Record(
                        rtype,
                        encode_name(f"host-{self._digest(name).hex()[:6]}.{self.hosters[0]}"),
                        3600,
                    )
                ]
            case Type.NS:
                return [Record(rtype, encode_name(f"ns{number}.{name}"), 3600) for number in (1, 2)]
            case Type.TXT:
                return [Record(rtype, _SPF, 3600)]
            case _:
                return []

    def has_ipv6(self, name: str) -> bool:
        """True if a web site has an AAAA record; about four in ten have."""
        return self._digest(f"aaaa/{name}")[0] < 100

    def _pooled(self, name: str) -> str:
        _, _, hoster = name.rpartition(".mx.")
        return f"pool{self._digest(name)[0] % 5}.{hoster}" if hoster in self.hosters else name

    def _address(self, key: str, version: int) -> bytes:
        draw = self._digest(f"{version}/{key}")
        if version == 4:
            return bytes(
                [_FIRST_OCTETS[draw[0] % len(_FIRST_OCTETS)], draw[1], draw[2], 1 + draw[3] % 254]
            )
        prefix = bytes.fromhex(_FIRST_V6[draw[0] % len(_FIRST_V6)])
        return prefix + draw[1:5] + bytes(8) + b"\x00" + bytes([1 + draw[5] % 250])

    def _digest(self, key: str) -> bytes:
        return hashlib.blake2b(f"{self.seed}/{key}".encode(), digest_size=16).digest()


def new_word(rng: random.Random, least: int = 2, most: int = 4) -> str:
    """A random pronounceable word."""
    return "".join(
        rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(least, most))
    )


def new_domain(rng: random.Random) -> str:
    """A registered domain, below one of the public suffixes."""
    last = rng.choice(("", "", "n", "r", "s", "tec", "group", "-online"))
    return f"{new_word(rng)}{last}.{rng.choice(_SUFFIXES)}"
