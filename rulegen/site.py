"""site.yaml (+ thresholds.yaml laid over it) -> SiteProfile, or every fault of the files at once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard, TypeVar

from rulegen.errors import InputError, Problem
from rulegen.vocabulary import Signal
from rulegen.yamlfile import Value, YamlDocument, read_yaml

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
T = TypeVar("T")

DEFAULT_SID_BASE = 1250000
# Offsets of one rule set; a network with thresholds of its own takes the next block.
SID_BLOCK = 1000
# 1000000-1999999 is what Snort and Suricata leave to local rules; 2000000-2999999 belongs to Emerging Threats.
LOCAL_SIDS = range(1_000_000, 2_000_000)
MAX_COUNT = 1_000_000
MAX_SECONDS = 7 * 24 * 3600

_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
_SENSOR = re.compile(r"[A-Za-z0-9._-]{1,253}\Z")
_REASON_MAX = 200


@dataclass(frozen=True, slots=True)
class Threshold:
    """So many events (count, from 1) by one host within so many seconds (from 1)."""

    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Exemption:
    """Hosts that may do what `signals` describe (empty: everything) up to and including the day `until` (None: for good)."""

    network: Network
    signals: frozenset[Signal]
    reason: str
    until: date | None

    def covers(self, address: Address, signal: Signal, day: date) -> bool:
        if self.signals and signal not in self.signals:
            return False
        return self.in_force(day) and address in self.network

    def in_force(self, day: date) -> bool:
        return self.until is None or day <= self.until


@dataclass(frozen=True, slots=True)
class NetworkThresholds:
    """Thresholds of one part of the home networks; signals not named keep the site's."""

    network: Network
    thresholds: Mapping[Signal, Threshold]


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on which mail leaves: server to server, and submission by clients."""

    smtp: tuple[int, ...] = (25,)
    submission: tuple[int, ...] = (465, 587)


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """What a site looks like. Only `home_networks` has no default; every field is checked by load_site."""

    home_networks: tuple[Network, ...]
    mail_servers: tuple[Network, ...] = ()
    resolvers: tuple[Network, ...] = ()
    internal_domains: tuple[str, ...] = ()
    exempt: tuple[Exemption, ...] = ()
    thresholds: Mapping[Signal, Threshold] = field(default_factory=lambda: MappingProxyType({}))
    network_thresholds: tuple[NetworkThresholds, ...] = ()
    sid_base: int = DEFAULT_SID_BASE
    ports: Ports = Ports()
    sensors: tuple[str, ...] = ()

    def is_home(self, address: Address) -> bool:
        return _within(address, self.home_networks)

    def is_mail_server(self, address: Address) -> bool:
        return _within(address, self.mail_servers)

    def is_resolver(self, address: Address) -> bool:
        return _within(address, self.resolvers)

    def exemption_for(self, address: Address, signal: Signal, day: date) -> Exemption | None:
        return next((e for e in self.exempt if e.covers(address, signal, day)), None)


def load_site(path: Path, thresholds: Path | None = None) -> SiteProfile:
    """Read a profile and, laid over it, a thresholds file. Raises InputError with every fault of both."""
    documents = [read_yaml(path)]
    if thresholds is not None:
        documents.append(read_yaml(thresholds))
    return build_profile(*documents)


def build_profile(site: YamlDocument, overlay: YamlDocument | None = None) -> SiteProfile:
    """The same from documents already parsed."""
    reader = _SiteReader(site)
    profile = reader.profile(overlay)
    if reader.problems:
        raise InputError(reader.problems)
    return profile


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == n.version and address in n for n in networks)


def _inside(network: Network, networks: tuple[Network, ...]) -> bool:
    return any(network.version == n.version and network.subnet_of(n) for n in networks)  # type: ignore[arg-type]  # same version


class _SiteReader:
    """Checks key by key and notes every problem; the values it returns are only used when there is none."""

    KEYS = (
        "home_networks",
        "mail_servers",
        "resolvers",
        "internal_domains",
        "exempt",
        "thresholds",
        "sid_base",
        "ports",
        "sensors",
    )

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def profile(self, overlay: YamlDocument | None) -> SiteProfile:
        root = self._root(self.KEYS)
        home = self._home_networks(root)
        thresholds, by_network = self._thresholds(root.get("thresholds"), home)
        profile = SiteProfile(
            home_networks=home,
            mail_servers=self._mail_servers(root, home),
            resolvers=self._list(root, "resolvers", self._host_or_network),
            internal_domains=self._list(root, "internal_domains", self._domain),
            exempt=self._list(root, "exempt", self._exemption),
            sid_base=self._sid_base(root.get("sid_base", DEFAULT_SID_BASE)),
            ports=self._ports(root.get("ports")),
            sensors=self._list(root, "sensors", self._sensor),
            thresholds=MappingProxyType(thresholds),
            network_thresholds=tuple(NetworkThresholds(n, MappingProxyType(t)) for n, t in by_network.items()),
        )
        return profile if overlay is None else self._lay_over(profile, overlay)

    def _lay_over(self, profile: SiteProfile, overlay: YamlDocument) -> SiteProfile:
        self.document = overlay
        root = self._root(("thresholds",))
        thresholds, by_network = self._thresholds(root.get("thresholds"), profile.home_networks)
        merged = {n.network: dict(n.thresholds) for n in profile.network_thresholds}
        for network, own in by_network.items():
            merged.setdefault(network, {}).update(own)
        return replace(
            profile,
            thresholds=MappingProxyType({**profile.thresholds, **thresholds}),
            network_thresholds=tuple(NetworkThresholds(n, MappingProxyType(t)) for n, t in merged.items()),
        )

    def _problem(self, key: str, what: str) -> None:
        self.problems.append(self.document.problem(key, what))

    def _root(self, allowed: tuple[str, ...]) -> dict[str, Value]:
        value = self.document.value
        if not isinstance(value, dict):
            found = "is empty" if value is None else f"holds {_kind(value)}"
            self._problem("", f"{found}; allowed is a mapping with the keys {', '.join(allowed)}")
            return {}
        return self._mapping(value, "", allowed)

    def _mapping(self, value: Value, key: str, allowed: tuple[str, ...]) -> dict[str, Value]:
        if not isinstance(value, dict):
            self._problem(key, f"is {_kind(value)}; allowed is a mapping with the keys {', '.join(allowed)}")
            return {}
        for name in value:
            if name not in allowed:
                self._problem(_join(key, name), f"unknown key; allowed are {', '.join(allowed)}")
        return {name: item for name, item in value.items() if name in allowed}

    def _list(self, root: Mapping[str, Value], key: str, read: Callable[[Value, str], T | None]) -> tuple[T, ...]:
        value = root.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._problem(key, f"is {_kind(value)}; allowed is a list, as in {key}: [...]")
            return ()
        found: list[T] = []
        for index, item in enumerate(value):
            where = f"{key}.{index}"
            result = read(item, where)
            if result is None:
                continue
            if result in found:
                self._problem(where, f"{item} is listed twice; once is allowed")
            found.append(result)
        return tuple(found)

    def _home_networks(self, root: Mapping[str, Value]) -> tuple[Network, ...]:
        before = len(self.problems)
        networks: tuple[Network, ...] = self._list(root, "home_networks", self._network)
        if not networks and len(self.problems) == before and self.document.value is not None:
            self._problem(
                "home_networks", "is missing or empty; allowed is a list of at least one network in CIDR form"
            )
        for index, network in enumerate(networks):
            for other in networks[:index]:
                if network != other and network.version == other.version and network.overlaps(other):
                    self._problem("home_networks", f"{other} and {network} overlap; each address may be listed once")
        self._refuse_everything(networks)
        return networks

    def _refuse_everything(self, networks: tuple[Network, ...]) -> None:
        v4 = collapse_addresses(n for n in networks if isinstance(n, IPv4Network))
        v6 = collapse_addresses(n for n in networks if isinstance(n, IPv6Network))
        for whole in (*v4, *v6):
            if whole.prefixlen == 0:
                self._problem(
                    "home_networks",
                    f"{whole} is every address there is, so nothing would be outside; list only your own networks",
                )

    def _network(self, value: Value, key: str) -> Network | None:
        if not isinstance(value, str):
            self._problem(key, f"is {_kind(value)}; allowed is a network in CIDR form, as 10.20.0.0/16")
            return None
        try:
            if "/" not in value:
                ip_address(value)
                self._problem(key, f"{value} is a single address; allowed is a network in CIDR form, as 10.20.0.0/16")
                return None
            return ip_network(value)
        except ValueError:
            self._problem(key, _network_fault(value))
            return None

    def _host_or_network(self, value: Value, key: str) -> Network | None:
        if isinstance(value, str):
            try:
                return ip_network(value)
            except ValueError:
                self._problem(key, _network_fault(value, "an address or a network in CIDR form"))
                return None
        self._problem(
            key, f"is {_kind(value)}; allowed is an address, or a network in CIDR form, in quotes if it is IPv6"
        )
        return None

    def _mail_servers(self, root: Mapping[str, Value], home: tuple[Network, ...]) -> tuple[Network, ...]:
        servers: tuple[Network, ...] = self._list(root, "mail_servers", self._host_or_network)
        for server in servers:
            if home and not _inside(server, home):
                self._problem(
                    "mail_servers",
                    f"{_short(server)} is outside home_networks; a relay elsewhere needs no entry: allowed are addresses inside home_networks",
                )
            if server in home:
                self._problem(
                    "mail_servers",
                    f"{server} is a whole home network, so no host of it would be watched; list the servers alone",
                )
        return servers

    def _domain(self, value: Value, key: str) -> str | None:
        name = value.lower().strip(".") if isinstance(value, str) else ""
        if not _DOMAIN.match(name):
            self._problem(
                key,
                f"{_show(value)} is no domain name; allowed is a name as example.org, non-ASCII names in their xn-- form",
            )
            return None
        return name

    def _sensor(self, value: Value, key: str) -> str | None:
        if isinstance(value, str) and _SENSOR.match(value):
            return value
        self._problem(key, f"{_show(value)} is no sensor name; allowed are letters, digits, dot, dash and underscore")
        return None

    def _sid_base(self, value: Value) -> int:
        last = LOCAL_SIDS.stop - SID_BLOCK
        if _is_int(value) and value in LOCAL_SIDS and value <= last:
            return value
        self._problem(
            "sid_base",
            f"{_show(value)} is not allowed; allowed is a whole number from {LOCAL_SIDS.start} to {last}, the sids kept for local rules",
        )
        return DEFAULT_SID_BASE

    def _ports(self, value: Value) -> Ports:
        if value is None:
            return Ports()
        given = self._mapping(value, "ports", ("smtp", "submission"))
        smtp = self._port_list(given, "smtp", Ports().smtp)
        submission = self._port_list(given, "submission", Ports().submission)
        for port in sorted(set(smtp) & set(submission)):
            self._problem("ports", f"{port} is in both smtp and submission; allowed is one of them")
        return Ports(smtp, submission)

    def _port_list(self, given: Mapping[str, Value], key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        if key not in given:
            return default
        ports = self._list({f"ports.{key}": given[key]}, f"ports.{key}", self._port)
        if not ports and given[key] in (None, []):
            self._problem(f"ports.{key}", "is empty; allowed is a list of at least one port, or leave the key out")
        return ports

    def _port(self, value: Value, key: str) -> int | None:
        if _is_int(value) and 1 <= value <= 65535:
            return value
        self._problem(key, f"{_show(value)} is no port; allowed is a whole number from 1 to 65535")
        return None

    def _exemption(self, value: Value, key: str) -> Exemption | None:
        before = len(self.problems)
        given = self._mapping(value, key, ("address", "network", "signals", "reason", "until"))
        network = self._exempt_network(given, key) if isinstance(value, dict) else None
        signals = self._list({f"{key}.signals": given.get("signals")}, f"{key}.signals", self._signal)
        if given.get("signals") == []:
            self._problem(f"{key}.signals", "is empty; name signals, or leave the key out to exempt from all")
        reason = self._reason(given.get("reason"), f"{key}.reason") if isinstance(value, dict) else ""
        until = self._until(given.get("until"), f"{key}.until")
        if network is None or len(self.problems) > before:
            return None
        return Exemption(network, frozenset(signals), reason, until)

    def _exempt_network(self, given: Mapping[str, Value], key: str) -> Network | None:
        names = [name for name in ("address", "network") if name in given]
        if len(names) != 1:
            self._problem(key, "needs exactly one of the keys address, network")
            return None
        return self._host_or_network(given[names[0]], f"{key}.{names[0]}")

    def _reason(self, value: Value, key: str) -> str:
        if isinstance(value, str) and value.strip() and len(value) <= _REASON_MAX and value.isprintable():
            return value.strip()
        self._problem(
            key,
            f"is missing or no plain text; allowed is one line of 1 to {_REASON_MAX} characters, so the next person knows why",
        )
        return ""

    def _until(self, value: Value, key: str) -> date | None:
        if value is None:
            return None
        try:
            return date.fromisoformat(value if isinstance(value, str) else "")
        except ValueError:
            self._problem(key, f"{_show(value)} is no day; allowed is a date as 2027-01-31, or leave the key out")
            return None

    def _signal(self, value: Value, key: str) -> Signal | None:
        try:
            return Signal(value if isinstance(value, str) else "")
        except ValueError:
            self._problem(key, f"{_show(value)} is no signal; allowed are {', '.join(Signal)}")
            return None

    def _thresholds(
        self, value: Value, home: tuple[Network, ...]
    ) -> tuple[dict[Signal, Threshold], dict[Network, dict[Signal, Threshold]]]:
        site: dict[Signal, Threshold] = {}
        by_network: dict[Network, dict[Signal, Threshold]] = {}
        if value is None:
            return site, by_network
        for name, item in self._mapping(value, "thresholds", tuple(Signal)).items():
            signal, key = Signal(name), f"thresholds.{name}"
            given = self._mapping(item, key, ("count", "seconds", "networks"))
            if {"count", "seconds"} & given.keys() or not given:
                site[signal] = self._threshold(given, key)
            for text, own in self._networks_of(given, f"{key}.networks").items():
                network = self._home_part(text, f"{key}.networks.{text}", home)
                threshold = self._threshold(
                    self._mapping(own, f"{key}.networks.{text}", ("count", "seconds")), f"{key}.networks.{text}"
                )
                if network is not None:
                    by_network.setdefault(network, {})[signal] = threshold
        self._refuse_nested(by_network)
        return site, by_network

    def _networks_of(self, given: Mapping[str, Value], key: str) -> dict[str, Value]:
        value = given.get("networks")
        if value is None or isinstance(value, dict):
            return value or {}
        self._problem(key, f"is {_kind(value)}; allowed is a mapping from a network to count and seconds")
        return {}

    def _home_part(self, text: str, key: str, home: tuple[Network, ...]) -> Network | None:
        network = self._host_or_network(text, key)
        if network is not None and home and not _inside(network, home):
            self._problem(key, "is outside home_networks; allowed are parts of them")
            return None
        return network

    def _refuse_nested(self, by_network: Mapping[Network, object]) -> None:
        networks = list(by_network)
        for index, network in enumerate(networks):
            for other in networks[:index]:
                if network.version == other.version and network.overlaps(other):
                    self._problem(
                        "thresholds", f"the networks {other} and {network} overlap; each address may be in one"
                    )

    def _threshold(self, given: Mapping[str, Value], key: str) -> Threshold:
        count = self._number(given.get("count"), f"{key}.count", MAX_COUNT)
        seconds = self._number(given.get("seconds"), f"{key}.seconds", MAX_SECONDS)
        return Threshold(count, seconds)

    def _number(self, value: Value, key: str, most: int) -> int:
        if _is_int(value) and 1 <= value <= most:
            return value
        found = "is missing" if value is None else f"{_show(value)} is not allowed"
        self._problem(key, f"{found}; allowed is a whole number from 1 to {most}")
        return 1


def _is_int(value: Value) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _kind(value: Value) -> str:
    kinds = {
        type(None): "nothing",
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
    }
    return kinds.get(type(value), "a mapping")


def _show(value: Value) -> str:
    return repr(value) if isinstance(value, str) else _kind(value) if isinstance(value, list | dict) else str(value)


def _short(network: Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _network_fault(value: str, allowed: str = "a network in CIDR form") -> str:
    try:
        return f"{value} has host bits set; the network is {ip_network(value, strict=False)}"
    except ValueError:
        return f"{value!r} is no address; allowed is {allowed}, as 10.20.0.0/16 or 2001:db8::/32"
