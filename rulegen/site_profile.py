"""site.yaml (+ thresholds.yaml laid over it) -> SiteProfile, or every fault of the files at once."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_network,
)
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct, field
from msgspec.structs import replace

from rulegen.errors import InputError, Problem
from rulegen.networks import Network as Network  # part of what this module offers
from rulegen.networks import NetworkIndex, place
from rulegen.validation import CheckedReader, is_int, kind, show
from rulegen.vocabulary import WEB_PORTS, Signal
from rulegen.yamlfile import Value, YamlDocument, read_yaml

Address = IPv4Address | IPv6Address

DEFAULT_SID_BASE = 1250000
# Offsets of one rule set; a network with thresholds of its own takes the next block.
SID_BLOCK = 1000
# 1000000-1999999 is what Snort and Suricata leave to local rules; 2000000-2999999 belongs to
# Emerging Threats.
LOCAL_SIDS = range(1_000_000, 2_000_000)
EVERY_V4 = IPv4Network("0.0.0.0/0")
EVERY_V6 = IPv6Network("::/0")
MAX_COUNT = 1_000_000
MAX_SECONDS = 7 * 24 * 3600

_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
_SENSOR = re.compile(r"[A-Za-z0-9._-]{1,253}\Z")
# EVE fields that can separate networks.
SEPARATING_FIELDS = ("vlan", "tenant_id", "host", "in_iface")
# date.fromisoformat reads weeks as well, 2026-W01-1; whoever looks at a profile does not.
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_REASON_MAX = 200


class Threshold(Struct, frozen=True):
    """So many events (count, from 1) by one host within so many seconds (from 1)."""

    count: int
    seconds: int


class Exemption(Struct, frozen=True):
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


class NetworkThresholds(Struct, frozen=True):
    """Thresholds of one part of the home networks; signals not named keep the site's."""

    network: Network
    thresholds: Mapping[Signal, Threshold]


class Ports(Struct, frozen=True):
    """TCP ports on which mail leaves: server to server, and submission by clients."""

    smtp: tuple[int, ...] = (25,)
    submission: tuple[int, ...] = (465, 587)

    @property
    def without_smtp(self) -> tuple[range, ...]:
        """The ports of the web, where Suricata's rules look for SMTP only if the site has mail there."""
        mail = self.smtp + self.submission
        return tuple(web for web in WEB_PORTS if not any(port in web for port in mail))


class SiteProfile(Struct, frozen=True):
    """What a site looks like.

    Only `home_networks` has no default; every field is checked by load_site.
    """

    home_networks: tuple[Network, ...]
    mail_servers: tuple[Network, ...] = ()
    resolvers: tuple[Network, ...] = ()
    internal_domains: tuple[str, ...] = ()
    exempt: tuple[Exemption, ...] = ()
    thresholds: Mapping[Signal, Threshold] = field(default_factory=lambda: MappingProxyType({}))
    network_thresholds: tuple[
        NetworkThresholds, ...
    ] = ()  # by address, IPv4 first: their order gives the sids
    sid_base: int = DEFAULT_SID_BASE
    ports: Ports = Ports()
    sensors: tuple[str, ...] = ()
    # EVE fields that separate networks with the same addresses; None: not said.
    separate_by: tuple[str, ...] | None = None

    def is_home(self, address: Address) -> bool:
        return _within(address, self.home_networks)

    def is_mail_server(self, address: Address) -> bool:
        return _within(address, self.mail_servers)

    def is_resolver(self, address: Address) -> bool:
        return _within(address, self.resolvers)

    def exemption_for(self, address: Address, signal: Signal, day: date) -> Exemption | None:
        return next((e for e in self.exempt if e.covers(address, signal, day)), None)


def load_site(path: Path, thresholds: Path | None = None) -> SiteProfile:
    """Read a profile and, laid over it, a thresholds file.

    Raises InputError with every fault of both.
    """
    documents: list[YamlDocument] = []
    problems: list[Problem] = []
    for file in filter(None, (path, thresholds)):
        try:
            documents.append(read_yaml(file))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return build_profile(*documents)


def build_profile(site: YamlDocument, overlay: YamlDocument | None = None) -> SiteProfile:
    """The same from documents already parsed."""
    reader = _SiteReader(site)
    profile = reader.profile(overlay)
    if reader.problems:
        raise InputError(reader.problems)
    return profile


def is_domain(name: str) -> bool:
    """May it stand in internal_domains, in lower case and without a final dot?"""
    return _DOMAIN.match(name) is not None


def collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    """The same addresses in as few networks as possible, in ascending order, IPv4 first."""
    known = list(networks)
    v4 = collapse_addresses(n for n in known if isinstance(n, IPv4Network))
    v6 = collapse_addresses(n for n in known if isinstance(n, IPv6Network))
    return (*v4, *v6)


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == n.version and address in n for n in networks)


def _inside(network: Network, networks: tuple[Network, ...]) -> bool:
    return any(network.version == n.version and network.subnet_of(n) for n in networks)  # type: ignore[arg-type]  # same version


def _by_address(
    thresholds: Mapping[Network, Mapping[Signal, Threshold]],
) -> tuple[NetworkThresholds, ...]:
    """In ascending order, IPv4 first: where a network stands in the file must not change the sids."""
    own = (
        NetworkThresholds(network, MappingProxyType(dict(of_it)))
        for network, of_it in thresholds.items()
    )
    return tuple(sorted(own, key=lambda part: place(part.network)))


def _overlaps(networks: Iterable[Network]) -> Iterator[tuple[Network, Network]]:
    """Pairs of different networks, the second within the first: two CIDR blocks are nested or apart, never half over."""
    outer: Network | None = None
    for network in sorted(set(networks), key=place):
        if outer is not None and _inside(network, (outer,)):
            yield outer, network
        else:
            outer = network


def _is_network(text: str, strict: bool = True) -> bool:
    try:
        ip_network(text, strict=strict)
    except ValueError:
        return False
    return "%" not in text  # fe80::1%eth0: the zone means nothing on another machine


class _SiteReader(CheckedReader):
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
        "separate_by",
    )

    def profile(self, overlay: YamlDocument | None) -> SiteProfile:
        root = self.root(self.KEYS)
        home = self._home_networks(root)
        thresholds, by_network = self._thresholds(root.get("thresholds"), home)
        profile = SiteProfile(
            home_networks=home,
            mail_servers=self._servers(root, "mail_servers", home),
            resolvers=self._servers(root, "resolvers", home),
            internal_domains=self.items(root, "internal_domains", self._domain),
            exempt=self._exemptions(root, home),
            sid_base=self._sid_base(root.get("sid_base", DEFAULT_SID_BASE)),
            ports=self._ports(root.get("ports")),
            sensors=self.items(root, "sensors", self._sensor),
            separate_by=self._separate_by(root),
            thresholds=MappingProxyType(thresholds),
            network_thresholds=_by_address(by_network),
        )
        self._refuse_unwatched(profile)
        whole = profile if overlay is None else self._lay_over(profile, overlay)
        self._refuse_last_sids(whole)
        return whole

    def _lay_over(self, profile: SiteProfile, overlay: YamlDocument) -> SiteProfile:
        site, self.document = self.document, overlay
        root = self.root(("thresholds",))
        thresholds, by_network = self._thresholds(root.get("thresholds"), profile.home_networks)
        merged = {n.network: dict(n.thresholds) for n in profile.network_thresholds}
        for network, own in by_network.items():
            merged.setdefault(network, {}).update(own)
        if merged.keys() != by_network.keys():
            self._refuse_nested(merged)
        self.document = site
        return replace(
            profile,
            thresholds=MappingProxyType({**profile.thresholds, **thresholds}),
            network_thresholds=_by_address(merged),
        )

    def _refuse_unwatched(self, profile: SiteProfile) -> None:
        """Servers that take in a home network together; where one does it alone, _servers has said so."""
        servers = (*profile.mail_servers, *profile.resolvers)
        together, alone = NetworkIndex(collapsed(servers)), NetworkIndex(servers)
        for network in profile.home_networks:
            if together.covering(network) and not alone.covering(network):
                what = (
                    f"{network} is mail_servers and resolvers from end to end, so no host of "
                    f"it "
                    f"would be watched"
                )
                self.note("home_networks", f"{what}; allowed are networks with other hosts in them")

    def _refuse_last_sids(self, profile: SiteProfile) -> None:
        own = len(profile.network_thresholds)
        last = LOCAL_SIDS.stop - SID_BLOCK * (own + 1)
        if own and profile.sid_base > last:
            has = (
                "1 network has thresholds of its own"
                if own == 1
                else f"{own} networks have thresholds of their own"
            )
            what = (
                f"{profile.sid_base} is too high: {has}, each takes {SID_BLOCK} sids more; "
                f"allowed is up to {last}"
            )
            self.note("sid_base", what)

    def _home_networks(self, root: Mapping[str, Value]) -> tuple[Network, ...]:
        before = len(self.problems)
        networks: tuple[Network, ...] = self.items(root, "home_networks", self._network)
        if not networks and len(self.problems) == before and self.document.value is not None:
            self.note(
                "home_networks",
                "is missing or empty; allowed is a list of at least one network in CIDR form",
            )
        for outer, inner in _overlaps(networks):
            self.note(
                "home_networks", f"{outer} and {inner} overlap; each address may be listed once"
            )
        self._refuse_everything(networks)
        return networks

    def _refuse_everything(self, networks: tuple[Network, ...]) -> None:
        for whole in (n for n in collapsed(networks) if n in (EVERY_V4, EVERY_V6)):
            what = (
                f"{whole} is every address there is, so nothing would be outside; list only "
                f"your own networks"
            )
            self.note("home_networks", what)

    def _network(self, value: Value, key: str) -> Network | None:
        if isinstance(value, str) and "/" not in value and _is_network(value):
            self.note(
                key,
                f"{value} is a single address; allowed is a network in CIDR form, as 10.20.0.0/16",
            )
            return None
        return self._parsed(value, key, "a network in CIDR form, as 10.20.0.0/16 or 2001:db8::/32")

    def _host_or_network(self, value: Value, key: str) -> Network | None:
        return self._parsed(
            value, key, 'an address or a network, as 10.20.0.25, 10.20.1.0/24 or "2001:db8::25"'
        )

    def _parsed(self, value: Value, key: str, allowed: str) -> Network | None:
        if not isinstance(value, str):
            self.note(key, f"is {kind(value)}; allowed is {allowed}")
        elif _is_network(value):
            return ip_network(value)
        elif _is_network(value, strict=False):
            self.note(
                key, f"{value} has host bits set; the network is {ip_network(value, strict=False)}"
            )
        else:
            self.note(key, f"{show(value)} is no address; allowed is {allowed}")
        return None

    def _servers(
        self, root: Mapping[str, Value], key: str, home: tuple[Network, ...]
    ) -> tuple[Network, ...]:
        """Hosts the rules leave alone; the whole of a home network would leave nobody to watch."""
        index = NetworkIndex(home)

        def read(value: Value, where: str) -> Network | None:
            server = self._host_or_network(value, where)
            if server is None:
                return None
            for network in index.within(server):
                self.note(
                    where,
                    f"{server} takes in {network}, so no host of it would be watched; allowed are "
                    f"the servers alone",
                )
            if key == "mail_servers" and home and not index.covering(server):
                self.note(
                    where,
                    f"{short(server)} is outside home_networks; allowed are servers inside, one "
                    f"elsewhere needs no entry",
                )
            return server

        return self.items(root, key, read)

    def _domain(self, value: Value, key: str) -> str | None:
        name = value.lower().strip(".") if isinstance(value, str) else ""
        if not is_domain(name):
            self.note(
                key,
                f"{show(value)} is no domain name; allowed is a name as example.org, non-ASCII "
                f"names in their xn-- form",
            )
            return None
        return name

    def _sensor(self, value: Value, key: str) -> str | None:
        if isinstance(value, str) and _SENSOR.match(value):
            return value
        self.note(
            key,
            f"{show(value)} is no sensor name; allowed are letters, digits, dot, dash and "
            f"underscore",
        )
        return None

    def _separate_by(self, root: Mapping[str, Value]) -> tuple[str, ...] | None:
        """None where the key is left out: eveproc then separates networks only where it must."""
        if root.get("separate_by") is None:
            return None
        return self.items(root, "separate_by", self._field)

    def _field(self, value: Value, key: str) -> str | None:
        if isinstance(value, str) and value in SEPARATING_FIELDS:
            return value
        allowed = ", ".join(SEPARATING_FIELDS)
        self.note(key, f"invalid field {show(value)}: expected one of {allowed}")
        return None

    def _sid_base(self, value: Value) -> int:
        last = LOCAL_SIDS.stop - SID_BLOCK
        if is_int(value) and value in LOCAL_SIDS and value <= last:
            return value
        self.note(
            "sid_base",
            f"{show(value)} is not allowed; allowed is a whole number from "
            f"{LOCAL_SIDS.start} to {last}, the sids kept for local rules",
        )
        return DEFAULT_SID_BASE

    def _ports(self, value: Value) -> Ports:
        if value is None:
            return Ports()
        given = self.mapping(value, "ports", ("smtp", "submission"))
        smtp = self._port_list(given, "smtp", Ports().smtp)
        submission = self._port_list(given, "submission", Ports().submission)
        for port in sorted(set(smtp) & set(submission)):
            self.note("ports", f"{port} is in both smtp and submission; allowed is one of them")
        return Ports(smtp, submission)

    def _port_list(
        self, given: Mapping[str, Value], key: str, default: tuple[int, ...]
    ) -> tuple[int, ...]:
        if key not in given:
            return default
        ports = self.items({f"ports.{key}": given[key]}, f"ports.{key}", self._port)
        if not ports and given[key] in (None, []):
            self.note(
                f"ports.{key}",
                "is empty; allowed is a list of at least one port, or leave the key out",
            )
        return ports

    def _port(self, value: Value, key: str) -> int | None:
        if is_int(value) and 1 <= value <= 65535:
            return value
        self.note(key, f"{show(value)} is no port; allowed is a whole number from 1 to 65535")
        return None

    def _exemptions(
        self, root: Mapping[str, Value], home: tuple[Network, ...]
    ) -> tuple[Exemption, ...]:
        parts, whole = NetworkIndex(home), NetworkIndex(collapsed(home))

        def read(value: Value, key: str) -> Exemption | None:
            return self._exemption(value, key, (parts, whole) if home else None)

        return self.items(root, "exempt", read)

    def _exemption(
        self, value: Value, key: str, home: tuple[NetworkIndex, NetworkIndex] | None
    ) -> Exemption | None:
        before = len(self.problems)
        given = self.mapping(value, key, ("address", "network", "signals", "reason", "until"))
        network = self._exempt_network(given, key) if isinstance(value, dict) else None
        signals = self.items(
            {f"{key}.signals": given.get("signals")}, f"{key}.signals", self._signal
        )
        if given.get("signals") == []:
            self.note(
                f"{key}.signals", "is empty; name signals, or leave the key out to exempt from all"
            )
        reason = (
            self._reason(given.get("reason"), f"{key}.reason") if isinstance(value, dict) else ""
        )
        until = self._until(given.get("until"), f"{key}.until")
        if network is not None and home:
            self._refuse_no_part(network, *home, everything=given.get("signals") is None, key=key)
        if network is None or len(self.problems) > before:
            return None
        return Exemption(network, frozenset(signals), reason, until)

    def _exempt_network(self, given: Mapping[str, Value], key: str) -> Network | None:
        names = [name for name in ("address", "network") if name in given]
        if len(names) != 1:
            self.note(key, "needs exactly one of the keys address, network")
            return None
        return self._host_or_network(given[names[0]], f"{key}.{names[0]}")

    def _refuse_no_part(
        self,
        network: Network,
        home: NetworkIndex,
        joined: NetworkIndex,
        *,
        everything: bool,
        key: str,
    ) -> None:
        whole = next(iter(home.within(network)), None)
        if whole is None and not joined.covering(network):
            self.note(
                key,
                f"{short(network)} is outside home_networks, whose hosts alone are watched; "
                f"allowed are parts of them",
            )
        elif whole is not None and everything:
            self.note(
                key,
                f"{network} takes in {whole}, so no host of it would be watched; name "
                f"`signals`, or allowed is a part of it",
            )

    def _reason(self, value: Value, key: str) -> str:
        if (
            isinstance(value, str)
            and value.strip()
            and len(value) <= _REASON_MAX
            and value.isprintable()
        ):
            return value.strip()
        self.note(
            key,
            f"is missing or no plain text; allowed is one line of 1 to {_REASON_MAX} "
            f"characters, so the next person knows why",
        )
        return ""

    def _until(self, value: Value, key: str) -> date | None:
        if value is None:
            return None
        try:
            if isinstance(value, str) and _DAY.match(value):
                return date.fromisoformat(value)
        except ValueError:  # 2027-02-30
            pass
        self.note(
            key, f"{show(value)} is no day; allowed is a date as 2027-01-31, or leave the key out"
        )
        return None

    def _signal(self, value: Value, key: str) -> Signal | None:
        try:
            return Signal(value if isinstance(value, str) else "")
        except ValueError:
            self.note(key, f"{show(value)} is no signal; allowed are {', '.join(Signal)}")
            return None

    def _thresholds(
        self, value: Value, home: tuple[Network, ...]
    ) -> tuple[dict[Signal, Threshold], dict[Network, dict[Signal, Threshold]]]:
        site: dict[Signal, Threshold] = {}
        by_network: dict[Network, dict[Signal, Threshold]] = {}
        if value is None:
            return site, by_network
        index = NetworkIndex(home) if home else None
        for name, item in self.mapping(value, "thresholds", tuple(Signal)).items():
            signal, key = Signal(name), f"thresholds.{name}"
            given = self.mapping(item, key, ("count", "seconds", "networks"))
            if isinstance(item, dict) and given.keys() != {"networks"}:
                site[signal] = self._threshold(given, key)
            for text, own in self._networks_of(given, f"{key}.networks").items():
                network = self._home_part(text, f"{key}.networks.{text}", index)
                threshold = self._threshold(
                    self.mapping(own, f"{key}.networks.{text}", ("count", "seconds")),
                    f"{key}.networks.{text}",
                )
                if network is not None:
                    by_network.setdefault(network, {})[signal] = threshold
        self._refuse_nested(by_network)
        return site, by_network

    def _networks_of(self, given: Mapping[str, Value], key: str) -> dict[str, Value]:
        value = given.get("networks")
        if value is None or isinstance(value, dict):
            return value or {}
        self.note(
            key, f"is {kind(value)}; allowed is a mapping from a network to count and seconds"
        )
        return {}

    def _home_part(self, text: str, key: str, home: NetworkIndex | None) -> Network | None:
        network = self._host_or_network(text, key)
        if network is not None and home and not home.covering(network):
            self.note(key, "is outside home_networks; allowed are parts of them")
            return None
        return network

    def _refuse_nested(self, by_network: Iterable[Network]) -> None:
        for outer, inner in _overlaps(by_network):
            self.note(
                "thresholds",
                f"the networks {outer} and {inner} overlap; each address may be in one",
            )

    def _threshold(self, given: Mapping[str, Value], key: str) -> Threshold:
        count = self.number(given.get("count"), f"{key}.count", MAX_COUNT)
        seconds = self.number(given.get("seconds"), f"{key}.seconds", MAX_SECONDS)
        return Threshold(count, seconds)


def short(network: Network) -> str:
    """A network as people write it: a single host without its prefix length."""
    return (
        str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
    )
