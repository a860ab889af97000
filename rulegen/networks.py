"""Networks -> which of them lie within a network, or contain it, by bisection of a sorted list."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


def place(network: Network) -> tuple[int, int, int]:
    """Sort key: IPv4 first, by address; of two networks at one address the larger first."""
    return network.version, int(network.network_address), network.prefixlen


class NetworkIndex:
    """Made once in n log n of some networks, which may overlap."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._known = frozenset(networks)
        self._networks = sorted(self._known, key=place)
        self._places = [place(network) for network in self._networks]
        # Two CIDR blocks are nested or apart, so an outermost one ends before the next begins.
        self._outermost: list[Network] = []
        for network in self._networks:
            if not self._outermost or not is_within(network, self._outermost[-1]):
                self._outermost.append(network)
        self._lengths = {
            version: sorted({one.prefixlen for one in self._networks if one.version == version})
            for version in (4, 6)
        }
        self._outermost_places = [place(network) for network in self._outermost]

    def covering(self, network: Network) -> Network | None:
        """The outermost of the networks that holds all of `network`."""
        at = bisect_right(self._outermost_places, place(network)) - 1
        if at >= 0 and is_within(network, self._outermost[at]):
            return self._outermost[at]
        return None

    def within(self, network: Network) -> list[Network]:
        """Those that lie in `network`, itself included, in order of address."""
        version, first, length = place(network)
        last = first + network.num_addresses - 1
        start = bisect_left(self._places, (version, first, length))
        stop = bisect_right(self._places, (version, last, network.max_prefixlen))
        return self._networks[start:stop]

    def overlapping(self, network: Network) -> list[Network]:
        """Those that share an address with `network`: the ones around it, then the ones in it."""
        around = (
            network.supernet(new_prefix=length)
            for length in self._lengths[network.version]
            if length < network.prefixlen
        )
        return [*(outer for outer in around if outer in self._known), *self.within(network)]


def is_within(inner: Network, outer: Network) -> bool:
    """Whether all addresses of `inner` lie in `outer`."""
    return (
        inner.version == outer.version
        and inner.prefixlen >= outer.prefixlen
        and (int(inner.network_address) ^ int(outer.network_address))
        >> (outer.max_prefixlen - outer.prefixlen)
        == 0
    )
