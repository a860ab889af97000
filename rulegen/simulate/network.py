"""Site + seed + duration -> the stage that actors share: resolvers, relays, queries."""

import random

from msgspec import Struct, field

from rulegen.simulate.dns import Rcode, Record, Type
from rulegen.simulate.homes import HomeAddresses
from rulegen.simulate.wire import Endpoint, Socket
from rulegen.simulate.world import World, new_domain, new_word
from rulegen.site_profile import Address, SiteProfile

# OUIs of common makers of desktops, phones and printers.
_MAKERS = tuple(
    bytes.fromhex(each)
    for each in ("001b21", "3c5282", "f8bc12", "a4bb6d", "001e0b", "d89ef3", "0050b6", "8c8590")
)
# Prefixes of machine names.
_MACHINES = ("pc", "ws", "lt", "desktop", "nb")
_EPHEMERAL = range(49152, 65536)
GATEWAY_MAC = bytes.fromhex("02005e000101")


class Host:
    """A machine of the site: one MAC, one address at a time, ascending source ports."""

    def __init__(self, address: Address, rng: random.Random, name: str = "") -> None:
        self.mac = rng.choice(_MAKERS) + rng.randbytes(3)
        self.name = name or f"{rng.choice(_MACHINES)}-{new_word(rng, 2, 3)}{rng.randint(1, 99)}"
        self.addresses: list[Address] = []
        self._ttl = rng.choice((64, 64, 128, 128, 255))
        self._port = rng.randrange(len(_EPHEMERAL))
        self.move(address)

    def move(self, address: Address) -> None:
        """Give the machine this address from now on."""
        self.addresses.append(address)
        self.end = Endpoint(address.packed, self.mac, self._ttl)

    @property
    def address(self) -> Address:
        return self.addresses[-1]

    def socket(self) -> Socket:
        """A source port that was not used recently."""
        self._port = (self._port + 1) % len(_EPHEMERAL)
        return Socket(self.end, _EPHEMERAL[self._port])


class Resolved(Struct, frozen=True):
    """The result of a lookup."""

    rcode: Rcode
    records: tuple[Record, ...] = ()


NO_SUCH_NAME = Resolved(Rcode.NXDOMAIN)
NO_SUCH_TYPE = Resolved(Rcode.NOERROR)


class Asked(Struct, frozen=True):
    """A query that a machine of the site answers for others, from `at` to `done`."""

    at: float
    done: float
    name: str
    type: Type
    found: Resolved


class Posted(Struct, frozen=True):
    """A mail handed to the relay at `at`, to be delivered to these domains."""

    at: float
    domains: tuple[str, ...]


class Stage(Struct):
    """What actors share.

    Times are seconds from the start. No action begins after `duration`.
    """

    site: SiteProfile
    seed: int
    duration: float
    world: World
    homes: HomeAddresses
    domain: str
    relays: list[Host] = field(default_factory=list)
    resolvers: list[Host] = field(default_factory=list)
    router: Host | None = None
    hosts: list[Host] = field(default_factory=list)
    cast: dict[str, Host] = field(default_factory=dict)
    asked: dict[bytes, list[Asked]] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)

    def rng(self, *names: object) -> random.Random:
        """A random generator for one actor; adding an actor does not change the others."""
        return random.Random("/".join(map(str, (self.seed, *names))))

    def resolver(self, version: int, rng: random.Random) -> Endpoint:
        """The resolver for machines of that IP version: the site's, else its provider's."""
        inside = [host.end for host in self.resolvers if host.end.version == version]
        return (
            rng.choice(inside)
            if inside
            else self.world.server(f"resolver.{self.world.hosters[0]}", version)
        )

    def relay(self, version: int) -> Host | None:
        """The site's mail server for machines of that IP version."""
        return next((host for host in self.relays if host.end.version == version), None)

    def add(self, address: Address, rng: random.Random, name: str = "") -> Host:
        host = Host(address, rng, name)
        self.hosts.append(host)
        return host


def set_stage(site: SiteProfile, seed: int, duration: float) -> Stage:
    """The site with relays, resolvers and router; undeclared ones get an address of their own."""
    homes = HomeAddresses(site)
    rng = random.Random(f"{seed}/stage")
    domain = site.internal_domains[0] if site.internal_domains else new_domain(rng)
    stage = Stage(site, seed, duration, World(site, seed, GATEWAY_MAC), homes, domain)
    by_address: dict[Address, Host] = {}
    for address in homes.declared(site.mail_servers, 2):
        by_address[address] = stage.add(address, rng, f"mail{len(by_address) + 1}")
        stage.relays.append(by_address[address])
    for address in homes.declared(site.resolvers, 2):
        stage.resolvers.append(
            by_address.get(address) or stage.add(address, rng, f"ns{len(stage.resolvers) + 1}")
        )
    _place_undeclared(stage, rng)
    return stage


def _place_undeclared(stage: Stage, rng: random.Random) -> None:
    first = stage.homes.versions[0]
    for machines, name in ((stage.resolvers, "ns1"), (stage.relays, "mail1")):
        if not machines and (address := stage.homes.draw(rng, first)):
            machines.append(stage.add(address, rng, name))
    if 4 in stage.homes.versions and (address := stage.homes.draw(rng, 4)):
        stage.router = stage.add(address, rng, "gw")
