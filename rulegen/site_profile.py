"""site.yaml (+ optional thresholds.yaml) -> SiteProfile, or every error of both files at once."""

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
from rulegen.inventory import NO_INVENTORY, Inventory, read_inventory
from rulegen.networks import Network as Network  # part of this module's interface
from rulegen.networks import NetworkIndex, is_within, place
from rulegen.validation import CheckedReader, is_int, kind, show
from rulegen.vocabulary import WEB_PORTS, Signal
from rulegen.yamlfile import Value, YamlDocument, read_yaml

Address = IPv4Address | IPv6Address

DEFAULT_SID_BASE = 1250000
# Number of sids of one rule set; each network with its own thresholds uses another block.
SID_BLOCK = 1000
# Snort and Suricata reserve 1000000-1999999 for local rules; 2000000-2999999 belongs to Emerging
# Threats.
LOCAL_SIDS = range(1_000_000, 2_000_000)
EVERY_V4 = IPv4Network("0.0.0.0/0")
EVERY_V6 = IPv6Network("::/0")
IPV4_MAPPED = IPv6Network("::ffff:0:0/96")
MAX_COUNT = 1_000_000
# Suricata 7 and 8 read at most 1,023 bytes of a port list (measured); a port takes up to six.
MAX_PORTS = 150
MAX_SECONDS = 7 * 24 * 3600

# The last label is never a number: such a name is an address (RFC 3696, section 2).
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?!(?:.*\.)?[0-9]+\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
_SENSOR = re.compile(r"[A-Za-z0-9._-]{1,253}\Z")
# EVE fields that can separate networks. A site may name others; these cannot be: each connection
# has its own, or the hosts choose them.
SEPARATING_FIELDS = ("vlan", "tenant_id", "host", "in_iface")
_SEPARATING = re.compile(
    r"(?=.{1,100}\Z)(?!(?:@?timestamp|event_type|flow_id|community_id|tx_id|pcap_cnt|src_ip|src_port"
    r"|dest_ip|dest_port|proto|app_proto|ip_v|ether|payload|packet|alert|dns|smtp|email|tls|flow|tcp"
    r"|http|dhcp|stats)(?:\.|\Z))[A-Za-z_@][A-Za-z0-9_@-]*(?:\.[A-Za-z0-9_@-]+)*"
)
# date.fromisoformat also accepts week dates such as 2026-W01-1, which few people can read.
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_REASON_MAX = 200


class Threshold(Struct, frozen=True):
    """Alert at `count` events (at least 1) by one host within `seconds` (at least 1)."""

    count: int
    seconds: int


class Exemption(Struct, frozen=True):
    """Hosts exempt from `signals` (empty: all signals).

    The exemption ends after the day `until` (None: never).
    """

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
    """Thresholds of one part of the home networks; other signals keep the site's thresholds."""

    network: Network
    thresholds: Mapping[Signal, Threshold]


class Ports(Struct, frozen=True):
    """TCP ports of outbound mail: server to server, and submission by clients."""

    smtp: tuple[int, ...] = (25,)
    submission: tuple[int, ...] = (465, 587)

    @property
    def without_smtp(self) -> tuple[range, ...]:
        """Web ports that this site does not use for SMTP.

        Suricata's rules look for SMTP on a web port only if it is in `smtp`.
        """
        return _free_of(self.smtp + self.submission)

    @property
    def without_direct(self) -> tuple[range, ...]:
        """Web ports that this site does not use from server to server, and those of submission."""
        web = _free_of(self.smtp)
        others = (port for port in self.submission if not any(port in each for each in web))
        return (*web, *(range(port, port + 1) for port in others))


def _free_of(ports: tuple[int, ...]) -> tuple[range, ...]:
    return tuple(web for web in WEB_PORTS if not any(port in web for port in ports))


class SiteProfile(Struct, frozen=True):
    """Description of a site. Only `home_networks` is required; load_site validates every field."""

    home_networks: tuple[Network, ...]
    mail_servers: tuple[Network, ...] = ()
    resolvers: tuple[Network, ...] = ()
    internal_domains: tuple[str, ...] = ()
    exempt: tuple[Exemption, ...] = ()
    thresholds: Mapping[Signal, Threshold] = field(default_factory=lambda: MappingProxyType({}))
    network_thresholds: tuple[
        NetworkThresholds, ...
    ] = ()  # by address, IPv4 first: the order determines the sids
    sid_base: int = DEFAULT_SID_BASE
    ports: Ports = Ports()
    sensors: tuple[str, ...] = ()
    # EVE fields that separate networks with the same addresses; None: not set.
    separate_by: tuple[str, ...] | None = None
    # What the site knows of its machines; `inventory.path` is as in site.yaml until load_site reads
    # it.
    inventory: Inventory = NO_INVENTORY

    def is_home(self, address: Address) -> bool:
        return _within(address, self.home_networks)

    def is_mail_server(self, address: Address) -> bool:
        return _within(address, self.mail_servers)

    def is_resolver(self, address: Address) -> bool:
        return _within(address, self.resolvers)

    def exemption_for(self, address: Address, signal: Signal, day: date) -> Exemption | None:
        return next((e for e in self.exempt if e.covers(address, signal, day)), None)


def load_site(path: Path, thresholds: Path | None = None) -> SiteProfile:
    """Read a profile, its inventory, and an optional thresholds file that overrides it.

    Faults of the inventory are in Inventory.problems. Raises InputError with every error of both.
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
    profile = build_profile(*documents)
    if profile.inventory.path is None:
        return profile
    return replace(profile, inventory=read_inventory(path.parent / profile.inventory.path))


def build_profile(site: YamlDocument, overlay: YamlDocument | None = None) -> SiteProfile:
    """Build a profile from parsed documents."""
    reader = _SiteReader(site)
    profile = reader.profile(overlay)
    if reader.problems:
        raise InputError(reader.problems)
    return profile


def is_domain(name: str) -> bool:
    """True if the name (lower case, without final dot) is valid in internal_domains."""
    return _DOMAIN.match(name) is not None


def collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Merge networks into as few as possible, in ascending order, IPv4 first."""
    known = list(networks)
    v4 = collapse_addresses(n for n in known if isinstance(n, IPv4Network))
    v6 = collapse_addresses(n for n in known if isinstance(n, IPv6Network))
    return (*v4, *v6)


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == n.version and address in n for n in networks)


def _inside(network: Network, networks: tuple[Network, ...]) -> bool:
    return any(is_within(network, one) for one in networks)


def _by_address(
    thresholds: Mapping[Network, Mapping[Signal, Threshold]],
) -> tuple[NetworkThresholds, ...]:
    """Sort in ascending order, IPv4 first.

    The order of networks in the file must not change the sids.
    """
    own = (
        NetworkThresholds(network, MappingProxyType(dict(of_it)))
        for network, of_it in thresholds.items()
    )
    return tuple(sorted(own, key=lambda part: place(part.network)))


def _overlaps(networks: Iterable[Network]) -> Iterator[tuple[Network, Network]]:
    """Pairs of distinct networks, the second within the first.

    Two CIDR blocks are either nested or disjoint.
    """
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
    return "%" not in text  # fe80::1%eth0: a zone is valid on one machine only


class _SiteReader(CheckedReader):
    """Validates each key and notes every problem.

    The returned values are used only if there is no problem.
    """

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
        "inventory",
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
            inventory=self._inventory(root.get("inventory")),
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
        """Refuse servers and exemptions that together cover a home network.

        _servers and _exemption report a single entry that does.
        """
        exempt = [each.network for each in profile.exempt if not each.signals]
        unwatched = (*profile.mail_servers, *profile.resolvers, *exempt)
        together, alone = NetworkIndex(collapsed(unwatched)), NetworkIndex(unwatched)
        for network in profile.home_networks:
            if together.covering(network) and not alone.covering(network):
                keys = (
                    "mail_servers, resolvers and exempt" if exempt else "mail_servers and resolvers"
                )
                what = (
                    f"invalid home network {network}: {keys} together cover all of it, so none of "
                    "its hosts would be monitored"
                )
                self.note("home_networks", f"{what}; expected a network with other hosts in it")

    def _refuse_last_sids(self, profile: SiteProfile) -> None:
        own = len(profile.network_thresholds)
        last = LOCAL_SIDS.stop - SID_BLOCK * (own + 1)
        if own and profile.sid_base > last:
            has = (
                "1 network has its own thresholds"
                if own == 1
                else f"{own} networks have their own thresholds"
            )
            what = (
                f"invalid sid {profile.sid_base}: {has}, and each needs {SID_BLOCK} more sids; "
                f"expected {last} at most"
            )
            self.note("sid_base", what)

    def _home_networks(self, root: Mapping[str, Value]) -> tuple[Network, ...]:
        before = len(self.problems)
        networks: tuple[Network, ...] = self.items(root, "home_networks", self._network)
        if not networks and len(self.problems) == before and isinstance(self.document.value, dict):
            self.note(
                "home_networks",
                "missing or empty: expected a list of at least one network in CIDR notation",
            )
        for outer, inner in _overlaps(networks):
            self.note(
                "home_networks",
                f"invalid networks: {outer} and {inner} overlap; expected each address once",
            )
        self._refuse_everything(networks)
        return networks

    def _refuse_everything(self, networks: tuple[Network, ...]) -> None:
        for whole in (n for n in collapsed(networks) if n in (EVERY_V4, EVERY_V6)):
            what = (
                f"invalid network {whole}: it covers all addresses, so no host would be "
                "external; expected only your own networks"
            )
            self.note("home_networks", what)

    def _network(self, value: Value, key: str) -> Network | None:
        if isinstance(value, str) and "/" not in value and _is_network(value):
            self.note(
                key,
                f"invalid network {value}: it is a single address; expected CIDR notation, for "
                "example 10.20.0.0/16",
            )
            return None
        return self._parsed(
            value, key, "a network in CIDR notation, for example 10.20.0.0/16 or 2001:db8::/32"
        )

    def _host_or_network(self, value: Value, key: str) -> Network | None:
        return self._parsed(
            value,
            key,
            'an address or a network, for example 10.20.0.25, 10.20.1.0/24 or "2001:db8::25"',
        )

    def _parsed(self, value: Value, key: str, allowed: str) -> Network | None:
        if not isinstance(value, str):
            self.note(key, f"invalid type: is {kind(value)}; expected {allowed}")
        elif _is_network(value):
            network = ip_network(value)
            if is_within(network, IPV4_MAPPED):
                self._refuse_mapped(network, key)
            elif network.is_multicast:
                self.note(
                    key,
                    f"invalid network {short(network)}: it is multicast, so no host sends from it; "
                    f"expected {allowed}",
                )
            else:
                return network
        elif _is_network(value, strict=False):
            self.note(
                key,
                f"invalid network {value}: it has host bits set; expected "
                f"{ip_network(value, strict=False)}",
            )
        else:
            self.note(key, f"invalid address {show(value)}: expected {allowed}")
        return None

    def _refuse_mapped(self, network: Network, key: str) -> None:
        """Refuse ::ffff:10.20.0.0/112: packets carry the IPv4 address, so no rule would match."""
        v4 = int(network.network_address) & 0xFFFFFFFF
        meant = IPv4Network((v4, network.prefixlen - IPV4_MAPPED.prefixlen))
        self.note(
            key,
            f"invalid network {short(network)}: it is an IPv4 address in IPv6 notation, which no "
            f"packet has; expected {short(meant)}",
        )

    def _servers(
        self, root: Mapping[str, Value], key: str, home: tuple[Network, ...]
    ) -> tuple[Network, ...]:
        """Read hosts that the rules ignore; refuse entries that cover a whole home network."""
        index = NetworkIndex(home)

        def read(value: Value, where: str) -> Network | None:
            server = self._host_or_network(value, where)
            if server is None:
                return None
            for network in index.within(server):
                self.note(
                    where,
                    f"invalid server {server}: it covers {network}, so none of its hosts would be "
                    "monitored; expected only the servers",
                )
            if key == "mail_servers" and home and not index.covering(server):
                self.note(
                    where,
                    f"invalid server {short(server)}: it is not in home_networks; expected a home "
                    "address (external servers need no entry)",
                )
            return server

        return self.items(root, key, read)

    def _domain(self, value: Value, key: str) -> str | None:
        if not isinstance(value, str):
            self.refuse_unquoted(value, key)
            return None
        name = value.lower().strip(".")
        if not is_domain(name):
            self.note(
                key,
                f"invalid domain name {show(value)}: expected a name such as example.org, "
                "non-ASCII names in their xn-- form",
            )
            return None
        return name

    def _sensor(self, value: Value, key: str) -> str | None:
        if not isinstance(value, str):
            self.refuse_unquoted(value, key)
            return None
        if _SENSOR.match(value):
            return value
        self.note(
            key,
            f"invalid sensor name {show(value)}: expected letters, digits, dot, dash and "
            "underscore",
        )
        return None

    def _separate_by(self, root: Mapping[str, Value]) -> tuple[str, ...] | None:
        """None if the key is omitted: eveproc then decides by the evidence."""
        if root.get("separate_by") is None:
            return None
        return self.items(root, "separate_by", self._field)

    def _field(self, value: Value, key: str) -> str | None:
        if isinstance(value, str) and _SEPARATING.fullmatch(value):
            return value
        allowed = ", ".join(SEPARATING_FIELDS)
        self.note(
            key,
            f"invalid field {show(value)}: expected {allowed}, or a field that says in which "
            "network the record was taken, for example vxlan.vni",
        )
        return None

    def _inventory(self, value: Value) -> Inventory:
        """Only its path: load_site reads the file."""
        if value is None:
            return NO_INVENTORY
        if isinstance(value, str) and value and value.isprintable():
            return Inventory(Path(value))
        self.note("inventory", f"invalid file {show(value)}: expected the name of a CSV file")
        return NO_INVENTORY

    def _sid_base(self, value: Value) -> int:
        last = LOCAL_SIDS.stop - SID_BLOCK
        if is_int(value) and value in LOCAL_SIDS and value <= last:
            return value
        self.note(
            "sid_base",
            f"invalid sid {show(value)}: expected a whole number from {LOCAL_SIDS.start} to "
            f"{last}, the range for local rules",
        )
        return DEFAULT_SID_BASE

    def _ports(self, value: Value) -> Ports:
        if value is None:
            return Ports()
        given = self.mapping(value, "ports", ("smtp", "submission"))
        smtp = self._port_list(given, "smtp", Ports().smtp)
        submission = self._port_list(given, "submission", Ports().submission)
        if len(smtp) + len(submission) > MAX_PORTS:
            self.note(
                "ports",
                f"invalid ports: {len(smtp) + len(submission)} of smtp and submission together; "
                f"expected {MAX_PORTS} at most, the number that the engines read",
            )
        for port in sorted(set(smtp) & set(submission)):
            self.note(
                "ports",
                f"invalid port {port}: it is in both smtp and submission; expected one of them",
            )
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
                "empty: expected a list of at least one port, or omit the key",
            )
        return ports

    def _port(self, value: Value, key: str) -> int | None:
        if is_int(value) and 1 <= value <= 65535:
            return value
        self.note(key, f"invalid port {show(value)}: expected a whole number from 1 to 65535")
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
                f"{key}.signals",
                "empty: expected at least one signal, or omit the key to exempt from all signals",
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
            self.note(key, "invalid exemption: expected exactly one of the keys address, network")
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
                f"invalid exemption {short(network)}: it is not in home_networks; expected a "
                "part of them",
            )
        elif whole is not None and everything:
            self.note(
                key,
                f"invalid exemption {network}: it covers {whole}, so none of its hosts would be "
                "monitored; expected `signals`, or only a part of it",
            )

    def _reason(self, value: Value, key: str) -> str:
        if (
            isinstance(value, str)
            and value.strip()
            and len(value) <= _REASON_MAX
            and value.isprintable()
        ):
            return value.strip()
        if isinstance(value, int | float):
            self.refuse_unquoted(value, key)
            return ""
        self.note(
            key,
            f"missing or invalid reason: expected one line of 1 to {_REASON_MAX} printable "
            "characters",
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
            key,
            f"invalid date {show(value)}: expected YYYY-MM-DD, for example 2027-01-31, or "
            "omit the key",
        )
        return None

    def _signal(self, value: Value, key: str) -> Signal | None:
        try:
            return Signal(value if isinstance(value, str) else "")
        except ValueError:
            self.note(key, f"invalid signal {show(value)}: expected one of {', '.join(Signal)}")
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
            key,
            f"invalid type: is {kind(value)}; expected a mapping from a network to count "
            "and seconds",
        )
        return {}

    def _home_part(self, text: str, key: str, home: NetworkIndex | None) -> Network | None:
        network = self._host_or_network(text, key)
        if network is not None and home and not home.covering(network):
            self.note(key, "invalid network: it is not in home_networks; expected a part of them")
            return None
        return network

    def _refuse_nested(self, by_network: Iterable[Network]) -> None:
        for outer, inner in _overlaps(by_network):
            self.note(
                "thresholds",
                f"invalid networks: {outer} and {inner} overlap; expected each address in one "
                "network only",
            )

    def _threshold(self, given: Mapping[str, Value], key: str) -> Threshold:
        count = self.number(given.get("count"), f"{key}.count", MAX_COUNT)
        seconds = self.number(given.get("seconds"), f"{key}.seconds", MAX_SECONDS)
        return Threshold(count, seconds)


def short(network: Network) -> str:
    """Format a network; a single host has no prefix length."""
    return (
        str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
    )
