"""SiteProfile -> the address lists of rule headers: literal if short, else in engine variables."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

from rulegen.networks import NetworkIndex
from rulegen.site_profile import Network, SiteProfile, collapsed
from rulegen.site_profile import short as short  # part of what this module offers
from rulegen.vocabulary import SNORTS, Engine

# Longer members or exceptions, in bytes, go into a variable. A rule holds at most three such lists;
# with its options it stays below the 8,191 bytes that Suricata reads.
LONGEST_LITERAL = 2_000
# Snort 2.9 reads lines of less than 32,768 bytes, so it gets several variables. Suricata 7.0.10 and
# 8.0 load a variable of 160,000 bytes.
LONGEST_VALUE: Mapping[Engine, int] = MappingProxyType(dict.fromkeys(SNORTS, 16_000))
# How the names of our variables begin; the rest is the role of the list and a number.
VARIABLE = "MXHOUND"
# How each engine spells the setting of such a variable, and its use.
_SET = re.compile(
    rf"(?:vars\.address-groups\.|ipvar |ips\.variables\.nets\.)(?P<name>{VARIABLE}_\w+)"
    r"""(?:[ :="']*\[(?P<members>[^\]]*)\]|$)"""
)
_USE = re.compile(rf"(?P<negated>!?)\$(?P<name>{VARIABLE}_\w+)")

Parts = tuple[Sequence[Network], Sequence[Network]]


class Excluded:
    """Networks that a rule leaves out; they do not overlap each other. Equal only to itself."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = fewest(networks)
        self._index = NetworkIndex(self._networks)

    @cached_property
    def _position(self) -> Mapping[Network, int]:
        return {network: at for at, network in enumerate(self._networks)}

    def leave_some(self, network: Network) -> bool:
        """True if any address of `network` is in none of them."""
        if self._index.covering(network):
            return False
        holes = self._index.within(network)
        return sum(hole.num_addresses for hole in holes) < network.num_addresses

    def within(self, networks: Iterable[Network]) -> list[Network]:
        """The excluded networks within one of `networks`, in the order of the profile."""
        found = (hole for network in networks for hole in self._index.within(network))
        return sorted(found, key=self._position.__getitem__)


class SiteNetworks:
    """The networks that rules are about; each combination is computed once for all engines."""

    def __init__(self, site: SiteProfile) -> None:
        self.site = site
        self._excluded: dict[tuple[Network, ...], Excluded] = {}
        self._watched: dict[tuple[Network | None, Excluded], Parts] = {}

    @cached_property
    def home(self) -> Sequence[Network]:
        """In as few networks as possible."""
        return fewest(self.site.home_networks)

    def watched(self, part: Network | None, excluded: Excluded) -> Parts:
        """Home (or `part` of it), and the networks excluded from it."""
        key = part, excluded
        if key not in self._watched:
            home = self.site.home_networks if part is None else (part,)
            kept = [network for network in home if excluded.leave_some(network)]
            self._watched[key] = fewest(kept), excluded.within(kept)
        return self._watched[key]

    def excluded(self, more: Iterable[Network] = ()) -> Excluded:
        """The servers, the resolvers and these networks."""
        key = tuple(more)
        if key not in self._excluded:
            self._excluded[key] = Excluded((*self.site.mail_servers, *self.site.resolvers, *key))
        return self._excluded[key]


class AddressLists:
    """The lists of one build. `variables` are (name, value) pairs in the order of first use."""

    def __init__(self, networks: SiteNetworks, engine: Engine) -> None:
        self._networks = networks
        self._longest_value = LONGEST_VALUE.get(engine, 0)
        self._names: dict[str, str] = {}  # by value
        self._known: dict[tuple[Network | None, Excluded], str] = {}

    @property
    def variables(self) -> list[tuple[str, str]]:
        return [(name, value) for value, name in self._names.items()]

    def excluded(self, more: Iterable[Network] = ()) -> Excluded:
        """The servers, the resolvers and these networks; computed once for many parts of home."""
        return self._networks.excluded(more)

    def watched(self, part: Network | None = None, excluded: Excluded | None = None) -> str:
        """The hosts a rule watches, as "[10.20.0.0/16,!10.20.0.25]"; "" when no address is left."""
        key = part, excluded or self.excluded()
        if key not in self._known:
            members, holes = self._networks.watched(*key)
            words = [*self._words(members, "HOME_NET"), *_negated(self._words(holes, "EXCEPT"))]
            self._known[key] = bracketed(words) if members else ""
        return self._known[key]

    @cached_property
    def external(self) -> str:
        """Everything that is not home: "[!10.20.0.0/16,!2001:db8:20::/48]"."""
        return bracketed(_negated(self._words(self._networks.home, "HOME_NET")))

    def groups(self) -> list[tuple[str, str]]:
        """Address groups as other rule sets use them; a group without members is not set."""
        site = self._networks.site
        groups = {
            "HOME_NET": site.home_networks,
            "SMTP_SERVERS": site.mail_servers,
            "DNS_SERVERS": site.resolvers,
        }
        return [
            (name, bracketed(self._words(networks, name)))
            for name, networks in groups.items()
            if networks
        ]

    def _words(self, networks: Sequence[Network], role: str) -> list[str]:
        """The networks, or the variables that hold them."""
        texts = [short(network) for network in networks]
        if len(",".join(texts)) <= LONGEST_LITERAL:
            return texts
        return [f"${self._variable(bracketed(chunk), role)}" for chunk in self._chunks(texts)]

    def _variable(self, value: str, role: str) -> str:
        """The variable for a list; a list that has one already, in any role, gets no second."""
        if value not in self._names:
            self._names[value] = f"{VARIABLE}_{role}_{len(self._names) + 1}"
        return self._names[value]

    def _chunks(self, texts: Sequence[str]) -> Iterator[list[str]]:
        chunk: list[str] = []
        size = 0
        for text in texts:
            size += len(text) + 1
            if chunk and self._longest_value and size > self._longest_value:
                yield chunk
                chunk, size = [], len(text) + 1
            chunk.append(text)
        yield chunk


def variable_set_by(line: str) -> tuple[str, list[str]] | None:
    """Name and members of the variable that a settings line sets; no members for a bare key."""
    found = _SET.match(line)
    return (found["name"], (found["members"] or "").split(",")) if found else None


def variables_used_in(text: str) -> set[str]:
    """Names of our variables in a rule, or in a line of settings."""
    return {found["name"] for found in _USE.finditer(text)}


def expanded(text: str, members: Mapping[str, Sequence[str]]) -> str:
    """The text with our variables replaced by their members."""

    def listed(found: re.Match[str]) -> str:
        return ",".join(f"{found['negated']}{one}" for one in members.get(found["name"], ()))

    return _USE.sub(listed, text)


def flat(members: Sequence[Network], holes: Sequence[Network] = ()) -> str:
    """Members and exceptions in one pair of brackets: "[10.20.0.0/16,!10.20.0.25]"."""
    return bracketed((*map(short, members), *(f"!{short(hole)}" for hole in holes)))


def bracketed(words: Iterable[str]) -> str:
    """The words as an engine's list."""
    return f"[{','.join(words)}]"


def _negated(words: Iterable[str]) -> Iterator[str]:
    return (f"!{word}" for word in words)


def fewest(networks: Iterable[Network]) -> Sequence[Network]:
    """The same addresses in as few networks as possible; in profile order if none can be joined."""
    unique = tuple(dict.fromkeys(networks))
    joined = collapsed(unique)
    return joined if len(joined) < len(unique) else unique
