"""Events -> the networks that a site seems to have, for want of a site.yaml: private ones in use, and others whose hosts ask the DNS."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from msgspec import Struct, field

from eveproc.input.events import Alert, Dhcp, Dns, Event, Flow, Smtp
from rulegen.site_profile import Address, Network, collapsed

# RFC 1918 and RFC 4193, and how much of each a site is taken to use around an address that was
# seen.
_PRIVATE: tuple[tuple[Network, int], ...] = (
    (ip_network("10.0.0.0/8"), 16),
    (ip_network("172.16.0.0/12"), 16),
    (ip_network("192.168.0.0/16"), 24),
    (ip_network("fc00::/7"), 48),
)
PUBLIC_V4, PUBLIC_V6 = 24, 48
# So many different hosts of a public network must have asked the DNS. Whoever asks a name server of
# the site from outside comes from large resolvers, a few addresses of each network.
ASKING_HOSTS = 3
MOST_PREFIXES = 50_000
MOST_PARTS = 2


class HomeNetworkFinder(Struct):
    """`private` holds networks in use, `asking` the first ASKING_HOSTS hosts (by number) of each public network that ask the DNS."""

    private: set[Network] = field(default_factory=set)
    leased: set[Network] = field(default_factory=set)
    asking: dict[Network, set[Address]] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case Dns():
                self._see(event.client, asks=not event.is_answer)
                self._see(event.server)
            case Smtp() | Flow():
                self._see(event.client)
                self._see(event.server)
            case Alert():
                self._see(event.src_ip)
                self._see(event.dest_ip)
            case Dhcp() if event.address:
                self.leased.add(_placed(event.address)[1])

    def merge(self, other: "HomeNetworkFinder") -> None:
        self.private |= other.private
        self.leased |= other.leased
        for network, hosts in other.asking.items():
            self._note(network, *hosts)

    def _see(self, text: str, *, asks: bool = False) -> None:
        address, network, is_private = _placed(text)
        if is_private:
            self.private.add(network)
        elif asks:
            self._note(network, address)

    def _note(self, network: Network, *hosts: Address) -> None:
        known = self.asking.setdefault(network, set())
        if len(known) < ASKING_HOSTS or hosts[1:]:
            known.update(hosts)
            self.asking[network] = set(sorted(known, key=int)[:ASKING_HOSTS])
        if len(self.asking) > 2 * MOST_PREFIXES:
            kept = sorted(self.asking, key=lambda one: (one.version, int(one.network_address)))[
                :MOST_PREFIXES
            ]
            self.asking = {network: self.asking[network] for network in kept}

    def networks(self) -> tuple[Network, ...]:
        """In ascending order, IPv4 first; empty where nothing was seen."""
        public = (network for network, hosts in self.asking.items() if len(hosts) >= ASKING_HOSTS)
        return collapsed([*_joined(self.private), *self.leased, *public])


def _joined(private: Iterable[Network]) -> Iterator[Network]:
    """Many parts of one private block become the least network that takes them all in: a private address is never outside."""
    known = sorted(private, key=lambda network: (network.version, int(network.network_address)))
    for block, _ in _PRIVATE:
        parts = [
            network
            for network in known
            if network.version == block.version and network.network_address in block
        ]
        yield from parts if len(parts) <= MOST_PARTS else [_covering(parts)]


def _covering(parts: Sequence[Network]) -> Network:
    cover = parts[0]
    while parts[-1].broadcast_address not in cover:
        cover = cover.supernet()
    return cover


@lru_cache(maxsize=1 << 16)
def _placed(text: str) -> tuple[Address, Network, bool]:
    """The address, the network around it, and whether that is private."""
    address = ip_address(text)
    for block, length in _PRIVATE:
        if address.version == block.version and address in block:
            return address, _network(address, length), True
    return address, _network(address, PUBLIC_V4 if address.version == 4 else PUBLIC_V6), False


def _network(address: IPv4Address | IPv6Address, length: int) -> Network:
    return ip_network((address, length), strict=False)
