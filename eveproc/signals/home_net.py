"""Networks -> whether an address, as text, is in one of them.

Called for every connection, so without ipaddress.
"""

from collections.abc import Callable, Iterable
from socket import AF_INET, AF_INET6, inet_pton

from rulegen.site_profile import Network, SiteProfile


def home_test(site: SiteProfile) -> Callable[[str], bool]:
    """The test for the site's home networks; what is no address is not home."""
    return network_test(site.home_networks)


def network_test(networks: Iterable[Network]) -> Callable[[str], bool]:
    """The test for these networks; what is no address is in none."""
    asked = tuple(networks)
    masks = {
        family: [
            (int(network.network_address), int(network.netmask))
            for network in asked
            if network.version == version
        ]
        for family, version in ((AF_INET, 4), (AF_INET6, 6))
    }

    def is_inside(address: str) -> bool:
        family = AF_INET6 if ":" in address else AF_INET
        try:
            number = int.from_bytes(inet_pton(family, address))
        except (OSError, ValueError):
            return False
        for network, mask in masks[family]:  # noqa: SIM110  any() takes twice as long
            if number & mask == network:
                return True
        return False

    return is_inside
