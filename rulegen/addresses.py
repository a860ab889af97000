"""SiteProfile -> the flat address lists of rule headers, in the one form that every engine and idstools read alike."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network

from rulegen.site_profile import Network, SiteProfile, collapsed
from rulegen.site_profile import short as short  # part of what this module offers


def watched(site: SiteProfile, part: Network | None = None, without: Iterable[Network] = ()) -> str:
    """The hosts a rule watches: home (or `part` of it) minus mail servers, resolvers and the networks `without`.

    "[10.20.0.0/16,!10.20.0.25]"; "" when no address is left.
    """
    home = site.home_networks if part is None else (part,)
    excluded = _fewest((*site.mail_servers, *site.resolvers, *without))
    kept = [network for network in home if _leaves_some(network, excluded)]
    holes = [hole for hole in excluded if any(_within(hole, network) for network in kept)]
    return flat(_fewest(kept), holes) if kept else ""


def outside(site: SiteProfile) -> str:
    """Everything that is not home: "[!10.20.0.0/16,!2001:db8:20::/48]"."""
    return flat((), _fewest(site.home_networks))


def flat(members: Sequence[Network], holes: Sequence[Network] = ()) -> str:
    """Members and exceptions in one pair of brackets: "[10.20.0.0/16,!10.20.0.25]"."""
    return f"[{','.join([*map(short, members), *(f'!{short(hole)}' for hole in holes)])}]"


def overlap(one: Network, other: Network) -> bool:
    """Whether some address lies in both."""
    return _within(one, other) or _within(other, one)


def _within(inner: Network, outer: Network) -> bool:
    """Whether all addresses of `inner` lie in `outer`."""
    match inner, outer:
        case (IPv4Network(), IPv4Network()) | (IPv6Network(), IPv6Network()):
            return inner.subnet_of(outer)  # type: ignore[arg-type]  # mypy does not follow the pair into its two cases
        case _:
            return False


def _fewest(networks: Iterable[Network]) -> Sequence[Network]:
    """The same addresses in as few networks as possible; in the order of the profile where nothing can be joined."""
    unique = tuple(dict.fromkeys(networks))
    joined = collapsed(unique)
    return joined if len(joined) < len(unique) else unique


def _leaves_some(network: Network, excluded: Sequence[Network]) -> bool:
    """Whether any address of `network` is outside all `excluded` (which do not overlap each other)."""
    if any(_within(network, hole) for hole in excluded):
        return False
    return (
        sum(hole.num_addresses for hole in excluded if _within(hole, network))
        < network.num_addresses
    )
