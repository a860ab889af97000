"""Home networks of a site -> unique addresses for its machines, none of them declared."""

import random
from collections.abc import Iterable

from rulegen.site_profile import Address, Network, SiteProfile

# Addresses drawn from of a large IPv6 network: its first 256 /64 subnets, as sites use them.
_MOST = 1 << 72


class HomeAddresses:
    """Assigns addresses: never declared ones, and exempt ones only to benign machines."""

    def __init__(self, site: SiteProfile) -> None:
        self.site = site
        self._used: set[Address] = set()
        self._declared = (*site.mail_servers, *site.resolvers)
        self._exempt = tuple(exemption.network for exemption in site.exempt)

    @property
    def versions(self) -> tuple[int, ...]:
        """IP versions of the home networks, 4 before 6."""
        return tuple(sorted({network.version for network in self.site.home_networks}))

    def room(self, most: int) -> int:
        """Number of machines that fit beside the declared servers, at most `most`."""
        taken = sum(min(network.num_addresses, most) for network in self._declared)
        taken += sum(
            not any(address in network for network in self._declared) for address in self._used
        )
        sizes = (_last(network) - _first(network) + 1 for network in self.site.home_networks)
        return max(0, min(most, sum(min(size, 2 * most) for size in sizes) - taken))

    def declared(self, networks: Iterable[Network], most: int) -> list[Address]:
        """Take one address of each declared network, at most `most` of each version."""
        found: dict[Address, None] = {}
        for network in networks:
            same = [address for address in found if address.version == network.version]
            if len(same) < most:
                found[network.network_address + _first(network)] = None
        self._used |= found.keys()
        return list(found)

    def draw(self, rng: random.Random, version: int, *, infected: bool = False) -> Address | None:
        """An unused address of that version; None if none is left."""
        networks = [network for network in self.site.home_networks if network.version == version]
        rng.shuffle(networks)
        avoid = (*self._declared, *(self._exempt if infected else ()))
        for network in networks:
            first, last = _first(network), _last(network)
            start = rng.randint(first, last)
            found = self._free(network, range(start, last + 1), avoid) or self._free(
                network, range(first, start), avoid
            )
            if found:
                self._used.add(found)
                return found
        return None

    def _free(self, network: Network, offsets: range, avoid: tuple[Network, ...]) -> Address | None:
        offset = offsets.start
        while offset < offsets.stop:
            address = network.network_address + offset
            blocking = next(
                (n for n in avoid if n.version == address.version and address in n), None
            )
            if blocking is None and address not in self._used:
                return address
            past = int(blocking.broadcast_address) if blocking else int(address)
            offset = past + 1 - int(network.network_address)
        return None


def _first(network: Network) -> int:
    """Offset of the first machine: after the network address, where there is one."""
    return int(network.num_addresses > 2)


def _last(network: Network) -> int:
    most = min(network.num_addresses, _MOST)
    return most - 1 - (network.version == 4 and most > 2)
