"""Home networks -> sample packets of mail and lookups; which of them a filter or rule hides."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from msgspec import Struct

from rulegen.site_profile import Network, short
from rulegen.suricata_yaml import AddressSet

Address = IPv4Address | IPv6Address

# Ports that the rules inspect: mail (RFC 5321, 8314, 6409) and lookups.
PORTS = (("tcp", 25), ("tcp", 465), ("tcp", 587), ("udp", 53), ("tcp", 53))
# One external server of each IP version, from the documentation ranges.
_SERVERS: tuple[Address, ...] = (ip_address("203.0.113.25"), ip_address("2001:db8:ffff::25"))
_CLIENT_PORT = 49_152
# Maximum number of networks that are examined, evenly spread.
_MOST_NETWORKS = 50
# Positions of sample clients within a network: three, so that one exempt host decides nothing.
_PLACES = (7, 500, 920)


class Packet(Struct, frozen=True):
    """The parts of a packet that a filter or a rule header examines; `protocol` is tcp or udp."""

    protocol: str
    source: Address
    source_port: int
    destination: Address
    destination_port: int


def hidden_ports(home: AddressSet, hides: Callable[[Packet], bool]) -> Mapping[Network, list[str]]:
    """Home networks whose clients' packets are all hidden, with the ports ("25", "53/udp").

    A port counts where the packets of either direction are hidden: rules need both.
    """
    found = {
        network: [
            _name(protocol, port)
            for protocol, port in PORTS
            if clients and _hides_port(clients, protocol, port, hides)
        ]
        for network in _sampled(home)
        for clients in [_clients(network, home)]
    }
    return {network: ports for network, ports in found.items() if ports}


def as_text(hidden: Mapping[Network, Sequence[str]], home: AddressSet) -> str:
    """The same in words: "port 25, 465", and the networks if not all are affected."""
    parts: dict[str, list[str]] = {}
    for network, ports in hidden.items():
        parts.setdefault(", ".join(ports), []).append(short(network))
    if len(parts) == 1 and len(hidden) == len(_sampled(home)):
        return f"port {next(iter(parts))}"
    return "; ".join(f"port {ports} of {', '.join(named)}" for ports, named in parts.items())


def _sampled(home: AddressSet) -> Sequence[Network]:
    return home.inside[:: len(home.inside) // _MOST_NETWORKS + 1]


def _name(protocol: str, port: int) -> str:
    return f"{port}/{protocol}" if port == 53 else str(port)


def _clients(network: Network, home: AddressSet) -> list[Address]:
    places = {network.num_addresses * place // 1024 for place in _PLACES}
    addresses: Iterable[Address] = (network[place] for place in sorted(places))
    return [address for address in addresses if home.holds(address)]


def _hides_port(
    clients: Sequence[Address], protocol: str, port: int, hides: Callable[[Packet], bool]
) -> bool:
    there = [
        Packet(protocol, client, _CLIENT_PORT, server, port)
        for client in clients
        for server in _SERVERS
        if server.version == client.version
    ]
    back = [Packet(protocol, p.destination, port, p.source, _CLIENT_PORT) for p in there]
    return all(map(hides, there)) or all(map(hides, back))
