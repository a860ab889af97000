"""suricata.yaml and its includes -> settings with file and line; address groups as networks."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from pathlib import Path
from typing import TypeVar

import yaml
from msgspec import Struct, field
from msgspec.structs import replace

from rulegen.errors import InputError, Problem
from rulegen.files import read_bounded
from rulegen.site_profile import EVERY_V4, EVERY_V6, Network, collapsed
from rulegen.yamlfile import syntax_problem

N = TypeVar("N", IPv4Network, IPv6Network)

MAX_BYTES = 4 * 1024 * 1024
# Suricata stops at includes that are nested deeper than this.
MAX_DEPTH = 128
# Maximum number of values: a full suricata.yaml has some 1,500; aliases of aliases can mean
# billions.
MAX_VALUES = 200_000

_EXPECTED = "addresses, networks, [lists], !, $NAMES or any"
_TOKEN = re.compile(r"\s*(?:(?P<mark>[\[\],!])|(?P<word>[^\[\],!\s]+))")


class Setting(Struct, frozen=True):
    """One node of a suricata.yaml; `line` from 1.

    As in Suricata every scalar is `text`, and a list has its items as `keys` "0", "1", ...: that is
    how its dotted keys ("rule-files.mine: my.rules") can add to a list.
    """

    file: str
    line: int
    text: str = ""
    keys: Mapping[str, "Setting"] = field(default_factory=dict)
    is_list: bool = False

    @property
    def items(self) -> tuple["Setting", ...]:
        return tuple(self.keys.values())

    def at(self, *path: str) -> "Setting | None":
        """The setting below these keys; None if a key is absent."""
        found: Setting | None = self
        for key in path:
            found = found.keys.get(key) if found else None
        return found

    def entries(self, name: str) -> tuple["Setting", ...]:
        """The items of a list that are called `name`, as `- name` or as `- name: {...}`."""
        return tuple(
            item.keys.get(name, item)
            for item in self.items
            if item.text == name or name in item.keys
        )

    def having(self, path: Sequence[str], value: "Setting") -> "Setting":
        """The same with the setting at this path replaced by `value`."""
        name, *rest = path
        below = self.keys.get(name, Setting(value.file, value.line))
        return replace(self, keys={**self.keys, name: below.having(rest, value) if rest else value})

    @property
    def is_off(self) -> bool:
        return self.text.lower() in ("no", "false", "off", "0")

    @property
    def is_on(self) -> bool:
        return self.text.lower() in ("yes", "true", "on", "1")

    def problem(self, key: str, what: str) -> Problem:
        return Problem(self.file, what, key, self.line)


def read_suricata_yaml(path: Path) -> Setting:
    """The whole configuration.

    Raises InputError if it or an include cannot be read or is not a YAML mapping.
    """
    root = _Reader(path.parent).file(path, ())
    if not root.keys:
        raise InputError([Problem(str(path), "holds no settings: expected a suricata.yaml")])
    return root


class _Reader:
    """Reads as Suricata does: relative includes start beside the main file, the last value wins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def file(self, path: Path, above: tuple[Path, ...]) -> Setting:
        try:
            node = _compose(path, above)
            return self.setting(node, (*above, path)) if node else Setting(str(path), 1)
        except RecursionError as error:
            raise InputError(
                [Problem(str(path), "is nested too deeply, or refers to itself")]
            ) from error

    def setting(self, node: yaml.Node, above: tuple[Path, ...]) -> Setting:
        found = Setting(str(above[-1]), int(node.start_mark.line) + 1)
        self._count += 1
        if self._count > MAX_VALUES:
            what = f"holds more than {MAX_VALUES} values: expected a suricata.yaml"
            raise InputError([Problem(str(above[-1]), what, line=found.line)])
        match node:
            case yaml.MappingNode():
                for path, value in self.pairs(node, above):
                    found = found.having(path, value)
                return found
            case yaml.SequenceNode():
                return replace(
                    found,
                    is_list=True,
                    keys={
                        str(index): self.setting(item, above)
                        for index, item in enumerate(node.value)
                    },
                )
            case _ if node.tag == "!include":
                return self.file(self.folder / str(node.value), above)
            case _:
                return replace(found, text=str(node.value))

    def pairs(
        self, node: yaml.MappingNode, above: tuple[Path, ...]
    ) -> Iterator[tuple[list[str], Setting]]:
        """Path and value of every key; those of an included file take the place of the include."""
        for key, value in node.value:
            setting = self.setting(value, above)
            if key.value != "include":
                yield str(key.value).split("."), setting
                continue
            for name in setting.items or (setting,):
                path = self.folder / name.text
                try:
                    included = _compose(path, above)
                except InputError as error:
                    at = [name.problem("include", str(problem)) for problem in error.problems]
                    raise InputError(at) from error
                if isinstance(included, yaml.MappingNode):
                    yield from self.pairs(included, (*above, path))


def _compose(path: Path, above: tuple[Path, ...]) -> yaml.Node | None:
    if path in above:
        raise InputError([Problem(str(path), "includes itself")])
    try:
        return yaml.compose(read_bounded(path, MAX_BYTES), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InputError([syntax_problem(error, str(path))]) from error


class AddressSet(Struct, frozen=True):
    """The addresses within `inside` that are not within `outside`; both are collapsed."""

    inside: tuple[Network, ...] = ()
    outside: tuple[Network, ...] = ()

    @property
    def is_any(self) -> bool:
        return EVERY_V4 in self.inside and EVERY_V6 in self.inside and not self.outside

    def holds(self, address: IPv4Address | IPv6Address) -> bool:
        """True if the address belongs to this set."""
        return any(address in network for network in self.inside) and not any(
            address in network for network in self.outside
        )

    def networks(self) -> tuple[Network, ...]:
        """The same as plain networks, IPv4 first."""
        left = list(self.inside)
        for hole in self.outside:
            left = [part for network in left for part in _without(network, hole)]
        return collapsed(left)


ANY = AddressSet((EVERY_V4, EVERY_V6))


def address_group(root: Setting, name: str) -> AddressSet:
    """The value of $NAME. Raises InputError with file and line if it is not set or invalid."""
    return _AddressGroups(root).group(name, ())


def address_set(root: Setting, text: str) -> AddressSet:
    """The addresses that the address part of a rule or suppress line means in this configuration.

    Raises InputError if a variable is not set, ValueError if the text is invalid.
    """
    return _AddressGroups(root).parts(text)


class _AddressGroups:
    """Grammar of vars.address-groups: any, addresses, networks, ranges, $NAME, ! and [lists]."""

    def __init__(self, root: Setting) -> None:
        self.root = root

    def parts(self, text: str) -> AddressSet:
        return self._union(_parse(text), ())

    def group(self, name: str, above: tuple[str, ...]) -> AddressSet:
        setting = self.root.at("vars", "address-groups", name)
        key = f"vars.address-groups.{name}"
        if setting is None:
            raise InputError([Problem(self.root.file, "is not set", key)])
        if name in above or len(above) > MAX_DEPTH:
            raise InputError([setting.problem(key, "refers to itself")])
        words = [item.text for item in setting.items] or [
            setting.text
        ]  # a YAML list, written without quotes
        try:
            return self._union(_parse(",".join(words)), (*above, name))
        except (ValueError, RecursionError) as error:
            what = f"{','.join(words)!r} cannot be read: {error}; expected {_EXPECTED}"
            raise InputError([setting.problem(key, what)]) from error

    def _union(self, parts: "Iterable[_Part]", above: tuple[str, ...]) -> AddressSet:
        inside: list[Network] = []
        outside: list[Network] = []
        for part in parts:
            meant = self._meaning(part, above)
            if part.negated:
                outside += meant.networks()
            else:
                inside += meant.inside
                outside += meant.outside
        if not inside and outside:
            inside = [EVERY_V4, EVERY_V6]
        return AddressSet(collapsed(inside), collapsed(outside))

    def _meaning(self, part: "_Part", above: tuple[str, ...]) -> AddressSet:
        if part.members is not None:
            return self._union(part.members, above)
        if part.word.startswith("$"):
            return self.group(part.word[1:], above)
        return ANY if part.word.lower() == "any" else AddressSet(_networks(part.word))


class _Part(Struct, frozen=True):
    negated: bool
    word: str = ""
    members: "tuple[_Part, ...] | None" = None


def _parse(text: str) -> tuple[_Part, ...]:
    tokens = [match["mark"] or match["word"] for match in _TOKEN.finditer(text)]
    parts = _parse_list(tokens)
    if tokens:
        raise ValueError(f"{tokens[0]!r} is one bracket too many")
    return parts


def _parse_list(tokens: list[str]) -> tuple[_Part, ...]:
    """Parts up to the closing bracket, which is left in `tokens`."""
    parts: list[_Part] = []
    while tokens and tokens[0] != "]":
        word = tokens.pop(0)
        negated = word == "!"
        if negated:
            word = tokens.pop(0) if tokens else "!"
        if word in ("!", "]"):
            raise ValueError("nothing follows a !")
        if word == "[":
            parts.append(_Part(negated, members=_parse_list(tokens)))
            if not tokens:
                raise ValueError("a bracket is not closed")
            tokens.pop(0)
        elif word != ",":
            parts.append(_Part(negated, word))
    return tuple(parts)


def _networks(word: str) -> tuple[Network, ...]:
    first, dash, last = word.partition("-")
    if not dash:
        return (ip_network(word, strict=False),)
    match ip_address(first), ip_address(last):
        case (IPv4Address() as low4, IPv4Address() as high4):
            return tuple(summarize_address_range(low4, high4))
        case (IPv6Address() as low6, IPv6Address() as high6):
            return tuple(summarize_address_range(low6, high6))
    raise ValueError(f"{word} mixes IPv4 and IPv6")


def _without(network: Network, hole: Network) -> Iterable[Network]:
    match network, hole:
        case IPv4Network(), IPv4Network():
            return _minus(network, hole)
        case IPv6Network(), IPv6Network():
            return _minus(network, hole)
    return (network,)


def _minus(network: N, hole: N) -> Iterable[N]:
    if not network.overlaps(hole):
        return (network,)
    return () if network.prefixlen >= hole.prefixlen else network.address_exclude(hole)
