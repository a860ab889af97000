"""Events -> HomeNetworkFinder: the networks that a site without a site.yaml seems to use.

Private networks in use are home. A public network is home if several of its hosts ask DNS servers,
and not only servers of other home networks: external scanners and resolvers that query the site's
own name server ask no other server that the sensor sees.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from msgspec import Struct, field

from eveproc.input.events import Alert, Dhcp, Dns, Event, Flow, Smtp
from eveproc.signals.home_net import network_test
from rulegen.site_profile import Address, Network, collapsed

# RFC 1918 and RFC 4193, and the assumed size of the network around an address that was seen.
_PRIVATE: tuple[tuple[Network, int], ...] = (
    (ip_network("10.0.0.0/8"), 16),
    (ip_network("172.16.0.0/12"), 16),
    (ip_network("192.168.0.0/16"), 24),
    (ip_network("fc00::/7"), 48),
)
PRIVATE_NETWORKS = tuple(block for block, _ in _PRIVATE)
_is_private = network_test(PRIVATE_NETWORKS)
PUBLIC_V4, PUBLIC_V6 = 24, 48
# Minimum number of hosts that ask DNS servers in a public home network.
ASKING_HOSTS = 3
# A server asked from so many public networks serves the Internet, not one site.
NETWORKS_OF_A_PUBLIC_SERVER = 8
# Bounds on memory: public networks that ask, servers' networks kept for each, and parts of one
# private block that are listed individually.
MOST_NETWORKS, MOST_ASKED, MOST_PARTS = 50_000, 32, 2
MOST_EXAMPLES = 3


class AskingNetwork(Struct):
    """A public network whose hosts ask DNS servers; each set keeps the lowest members.

    `asking` are hosts that asked, `answered` those that got an answer (not an error), `asked` are
    the networks of the servers.
    """

    asking: set[Address] = field(default_factory=set)
    answered: set[Address] = field(default_factory=set)
    asked: set[Network] = field(default_factory=set)

    def note(self, client: Address, server: Network, *, answered: bool) -> None:
        _keep_lowest(self.asking, client, ASKING_HOSTS)
        _keep_lowest(self.asked, server, MOST_ASKED)
        if answered:
            _keep_lowest(self.answered, client, ASKING_HOSTS)

    def can_learn_of(self, client: Address, *, is_answer: bool) -> bool:
        """True if `note` might change more than `asked`."""
        return _would_keep(self.asking, client, ASKING_HOSTS) or (
            is_answer and _would_keep(self.answered, client, ASKING_HOSTS)
        )

    def merge(self, other: "AskingNetwork") -> None:
        for host in other.asking:
            _keep_lowest(self.asking, host, ASKING_HOSTS)
        for host in other.answered:
            _keep_lowest(self.answered, host, ASKING_HOSTS)
        for network in other.asked:
            _keep_lowest(self.asked, network, MOST_ASKED)


class HomeNetworkFinder(Struct):
    """Collects networks from events; merges in any order.

    `private` maps each private network in use to its lowest hosts. `answers_logged`: a record held
    an answer of a DNS server. Addresses in `home` are left out. `_bars` are clients of which
    everything but servers is kept, each with the order above which no server is kept, now or later.
    """

    home: tuple[Network, ...] = ()
    private: dict[Network, set[Address]] = field(default_factory=dict)
    leased: set[Network] = field(default_factory=set)
    public: dict[Network, AskingNetwork] = field(default_factory=dict)
    answers_logged: bool = False
    _met: set[str] = field(default_factory=set)
    _bars: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Add one event."""
        for address in hosts_met(event):
            self.note_met(address)
        match event:
            case Dns():
                self._note_question(event)
            case Dhcp() if event.address and not self._is_home(event.address):
                self.leased.add(_located(event.address)[1])

    def merge(self, other: "HomeNetworkFinder") -> None:
        for network, hosts in other.private.items():
            for host in hosts:
                _keep_lowest(self.private.setdefault(network, set()), host, MOST_EXAMPLES)
        self.leased |= other.leased
        self.answers_logged |= other.answers_logged
        for network, asking in other.public.items():
            self.public.setdefault(network, AskingNetwork()).merge(asking)
        self._trim()

    def networks(self) -> tuple[Network, ...]:
        """The networks that seem to be home, in ascending order, IPv4 first; without `home`."""
        found = self._private_and_leased()
        asking = (network for network, is_home in self._judge_asking() if is_home)
        return collapsed([*found, *asking])

    def doubtful(self) -> tuple[Network, ...]:
        """Public networks whose hosts ask DNS servers, but none outside the home networks."""
        return collapsed(network for network, is_home in self._judge_asking() if not is_home)

    def examples(self, network: Network) -> tuple[Address, ...]:
        """The lowest hosts seen in `network`, at most MOST_EXAMPLES."""
        asking = (one.asking for one in self.public.values())
        hosts = {host for some in (*self.private.values(), *asking) for host in some}
        inside = (host for host in hosts if host.version == network.version and host in network)
        return tuple(sorted(inside, key=int)[:MOST_EXAMPLES])

    def has_met(self, network: Network) -> bool:
        """True if a host was seen in a network that contains whole networks of those found."""
        known = (one.network_address for one in (*self.private, *self.public))
        return any(find_network(address, (network,)) for address in known)

    def beyond(self, home: tuple[Network, ...]) -> "HomeNetworkFinder":
        """The same finder without what was found in home networks."""
        return HomeNetworkFinder(
            home,
            {one: hosts for one, hosts in self.private.items() if not _is_in(one, home)},
            {one for one in self.leased if not _is_in(one, home)},
            {one: asking for one, asking in self.public.items() if not _is_in(one, home)},
            self.answers_logged,
        )

    def _private_and_leased(self) -> tuple[Network, ...]:
        return (*_joined(self.private), *sorted(self.leased, key=_order))

    def _is_home(self, text: str) -> bool:
        return bool(self.home) and _home_test(self.home)(text)

    def note_met(self, text: str) -> bool:
        """Note that a host was seen. False if it is known; a bounded set remembers most hosts."""
        if text in self._met:
            return False
        if len(self._met) >= MOST_NETWORKS:
            self._met.clear()
        self._met.add(text)
        if _is_private(text) and not self._is_home(text):
            address, network = _located(text)
            _keep_lowest(self.private.setdefault(network, set()), address, MOST_EXAMPLES)
        return True

    def can_learn(self, client: str, server: str, is_answer: bool) -> bool:
        """True if a lookup, whatever its answer, might show more than that answers are logged."""
        if not client or not server:
            return True
        bar = self._bars.get(client)
        if bar is not None and _order_around(server) > bar:
            return False
        if _is_private(client) or self._is_home(client):
            return False
        address, network = _located(client)
        if _is_local(address):
            return False
        asking = self.public.get(network)
        if asking is None or asking.can_learn_of(address, is_answer=is_answer):
            return True
        if is_answer and len(asking.asked) >= MOST_ASKED and len(self._bars) < MOST_NETWORKS:
            self._bars[client] = max(map(_order, asking.asked))
        return _would_keep(asking.asked, _located(server)[1], MOST_ASKED)

    def _note_question(self, event: Dns) -> None:
        self.answers_logged |= event.is_answer
        if _is_private(event.client) or self._is_home(event.client):
            return
        client, network = _located(event.client)
        if _is_local(client):
            return
        answered = event.is_answer and event.rcode in _ANSWERED
        asking = self.public.setdefault(network, AskingNetwork())
        asking.note(client, _located(event.server)[1], answered=answered)
        if len(self.public) > 2 * MOST_NETWORKS:
            self._trim()

    def _trim(self) -> None:
        if len(self.public) > MOST_NETWORKS:
            kept = sorted(self.public, key=_order)[:MOST_NETWORKS]
            self.public = {network: self.public[network] for network in kept}
            self._bars.clear()

    def _judge_asking(self) -> Iterator[tuple[Network, bool]]:
        """Each public network that has enough asking hosts, and whether it seems to be home."""
        home = (*self.home, *self._private_and_leased())
        clients = Counter(server for asking in self.public.values() for server in asking.asked)
        public = {server for server in clients if clients[server] >= NETWORKS_OF_A_PUBLIC_SERVER}
        for network, asking in self.public.items():
            if len(asking.answered if self.answers_logged else asking.asking) < ASKING_HOSTS:
                continue
            others = (server for server in asking.asked - public if not _is_in(server, home))
            yield (
                network,
                any(server == network or not self._asks(server, network) for server in others),
            )

    def _asks(self, server: Network, client: Network) -> bool:
        """True if this server's network itself asks DNS servers, other than those of the client."""
        asking = self.public.get(server)
        return asking is not None and bool(asking.asked - {client, server})


def hosts_met(event: Event) -> Iterator[str]:
    """The addresses that took part in a conversation; an address that never answered did not."""
    match event:
        case Dns():
            yield event.client
            if event.is_answer:
                yield event.server
        case Smtp():
            yield from (event.client, event.server)
        case Flow():
            yield event.client
            if event.answered:
                yield event.server
        case Alert():
            yield from (event.src_ip, event.dest_ip)


def shows_all(event: Dns) -> bool:
    """True if no other record of this client and this server can show more networks."""
    return event.is_answer and (_is_private(event.client) or event.rcode in _ANSWERED)


def find_network(address: Address, networks: Iterable[Network]) -> Network | None:
    """The first of the networks that holds the address."""
    inside = (one for one in networks if one.version == address.version and address in one)
    return next(inside, None)


_ANSWERED = frozenset(("", "NOERROR", "NXDOMAIN"))


def _keep_lowest(known: set[Any], new: Address | Network, most: int) -> None:
    known.add(new)
    if len(known) > most:
        known.remove(max(known, key=_order))


def _would_keep(known: Collection[Address | Network], new: Address | Network, most: int) -> bool:
    return new not in known and (
        len(known) < most or _order(new) < max(_order(one) for one in known)
    )


def _order(one: Address | Network) -> tuple[int, int]:
    address = one if isinstance(one, IPv4Address | IPv6Address) else one.network_address
    return one.version, int(address)


def _order_around(text: str) -> tuple[int, int]:
    """The order of the network around an address."""
    if _is_private(text):
        return _order(_located(text)[1])
    version, bits, length = (6, 128, PUBLIC_V6) if ":" in text else (4, 32, PUBLIC_V4)
    number = int.from_bytes(inet_pton(AF_INET6 if version == 6 else AF_INET, text))
    return version, number >> bits - length << bits - length


def _is_local(address: Address) -> bool:
    """True for an address of one host or one link only."""
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
    )


def _is_in(network: Network, others: Iterable[Network]) -> bool:
    return any(network.version == one.version and network.overlaps(one) for one in others)


def _joined(private: Iterable[Network]) -> Iterator[Network]:
    """The networks; many parts of one private block become the smallest one that covers them."""
    known = sorted(private, key=_order)
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


@lru_cache(maxsize=8)
def _home_test(home: tuple[Network, ...]) -> Callable[[str], bool]:
    return network_test(home)


@lru_cache(maxsize=1 << 16)
def _located(text: str) -> tuple[Address, Network]:
    """The address and the network around it."""
    address = ip_address(text)
    number, bits = int(address), address.max_prefixlen
    public = PUBLIC_V4 if address.version == 4 else PUBLIC_V6
    lengths = (
        length
        for version, block, mask, length in _PRIVATE_MASKS
        if version == address.version and number & mask == block
    )
    rest = bits - next(lengths, public)
    return address, _network(address.version, number >> rest << rest, bits - rest)


_PRIVATE_MASKS = tuple(
    (block.version, int(block.network_address), int(block.netmask), length)
    for block, length in _PRIVATE
)


@lru_cache(maxsize=1 << 16)
def _network(version: int, number: int, length: int) -> Network:
    return IPv4Network((number, length)) if version == 4 else IPv6Network((number, length))
