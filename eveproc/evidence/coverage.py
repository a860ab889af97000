"""Surveys and events + home networks -> Coverage: what could have been seen; merges in any order.

Coverage lists record types, sensors, networks, periods and unreadable input. A verdict "clean"
depends on evidence and coverage.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from math import inf
from typing import TypeVar

from msgspec import Struct, field

from eveproc.evidence.sketch import fingerprint
from eveproc.input.events import (
    DNS_PORT,
    EVENT_TYPES,
    FIRST_USER_PORT,
    SYN,
    SYN_ACK,
    Arp,
    Dhcp,
    Dns,
    Event,
    Flow,
    Http,
    LoggedIn,
    Mdns,
    Skipped,
    SkipReason,
    Smtp,
    Stats,
    Tls,
)
from eveproc.input.survey import HourSpan, Survey
from eveproc.signals.home_net import home_test
from rulegen.site_profile import Network, SiteProfile
from rulegen.units import HOUR

K = TypeVar("K")
V = TypeVar("V")

# Maximum number of sensors and networks kept, more than any site has. The selection depends only on
# their names.
MOST_SENSORS, MOST_NETWORKS, MOST_KINDS = 256, 4096, 64
# Maximum number of hosts kept that broadcast, and of hosts outside home_networks.
MOST_NAMED = 1024
# Rare records that are always decoded and counted; all others are sampled.
COUNTED = (Smtp, Dhcp, Stats)
# Records that say what hosts do about mail.
SHOW_MAIL = (Dns, Smtp, Flow)
# Records that name who connected and to whom.
WITH_ENDS = (Dns, Smtp, Flow, Tls)
# Records that identify machines: whether mail could have been seen does not depend on them.
NOT_COVERED = (LoggedIn, Http, Mdns, Arp)
# Maximum number of hours counted of a long connection.
LONGEST_HOURS = 48
# Minimum number of packets of each side to deliver mail; a port scan has fewer.
SESSION_PACKETS = 6


class RecordSpan(Struct):
    """Records of one kind from one sensor: first and last time, and how many began in each hour.

    For types not in COUNTED, only those of the sample. `lasting`: the hours that any of them lasted
    into.
    """

    first: float = inf
    last: float = -inf
    hours: Counter[int] = field(default_factory=Counter)
    lasting: set[int] = field(default_factory=set)

    def note(self, start: float, end: float) -> None:
        """Count a record of something that lasted from `start` to `end`."""
        self.first, self.last = min(self.first, start), max(self.last, end)
        hour = int(start // HOUR)
        self.hours[hour] += 1
        self.lasting.update(range(hour + 1, min(int(end // HOUR), hour + LONGEST_HOURS) + 1))

    def merge(self, other: "RecordSpan") -> None:
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.hours.update(other.hours)
        self.lasting |= other.lasting

    def forget(self, before: float) -> None:
        """Drop the hours that ended by `before`."""
        self.hours = Counter({h: n for h, n in self.hours.items() if (h + 1) * HOUR > before})
        self.lasting = {hour for hour in self.lasting if (hour + 1) * HOUR > before}


class Coverage(Struct):
    """What could have been seen.

    `records`: by sensor ("" where none is named) and kind of record. `other_kinds`: records of
    kinds that are never evidence; `others` counts those of Suricata's kinds by sensor and kind.
    `connected`: flow records of connections, by sensor. `with_evidence`: sensors and kinds of
    SHOW_MAIL of which a record was read. `hours`: when records were written, whatever their kind.

    `lines` of the sample, of which `unusable` (by reason) gave no record, and `cut_off` broke off;
    `outside`: by reason, records that do not count for their time.

    `home_clients` and `home_servers`: home networks of hosts that opened connections or asked, and
    of those that were connected to. `other_clients`: by network, sampled clients outside
    home_networks whose servers are not home either; `other_hosts` are their addresses. `traffic`:
    topics of connections ("dns", "dhcp", "smtp") from flow records, dns records that name what was
    asked ("questions"), smtp records with recipients ("mails") and those of them with a message
    ("messages"), connections that are "tcp", those of
    home hosts with "external" servers, and those but DNS with "internal" ones; those and queries of
    declared mail servers ("of_mail_servers") and of other home hosts ("of_clients"); TCP
    connections that both sides took part in ("both_sides"), of which packets of a home client alone
    were seen ("only_sent"), or those of a server to one ("only_replies").
    `home_broadcasters`: home networks of hosts that sent datagrams nobody answered, as broadcasts
    and multicasts are. `broadcasters` are those of the sample with IPv4: a machine has several IPv6
    addresses that it never uses.
    `mail_flows`: connections in which mail can have been delivered in clear text.
    `own_alerts` counts alerts of this project's rules. `present`: kinds of records that were met
    beside those of the sample.
    """

    records: dict[tuple[str, str], RecordSpan] = field(default_factory=dict)
    other_kinds: Counter[str] = field(default_factory=Counter)
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    connected: Counter[str] = field(default_factory=Counter)
    with_evidence: set[tuple[str, str]] = field(default_factory=set)
    hours: dict[int, HourSpan] = field(default_factory=dict)
    lines: int = 0
    unusable: Counter[SkipReason] = field(default_factory=Counter)
    cut_off: int = 0
    outside: Counter[str] = field(default_factory=Counter)
    home_clients: set[str] = field(default_factory=set)
    home_servers: set[str] = field(default_factory=set)
    other_clients: Counter[str] = field(default_factory=Counter)
    other_hosts: set[str] = field(default_factory=set)
    traffic: Counter[str] = field(default_factory=Counter)
    home_broadcasters: set[str] = field(default_factory=set)
    broadcasters: set[str] = field(default_factory=set)
    mail_flows: RecordSpan = field(default_factory=RecordSpan)
    own_alerts: int = 0
    present: set[str] = field(default_factory=set)

    def kinds(self) -> frozenset[str]:
        """The kinds of records that can be evidence and were seen."""
        return frozenset(kind for _, kind in self.records) | self.present

    def sensors(self) -> tuple[str, ...]:
        """The sensors that records name."""
        return tuple(sorted({sensor for sensor, _ in self.records if sensor}))

    def sampled_kinds(self) -> Counter[tuple[str, str]]:
        """Number of records of the sample, by sensor and kind."""
        counted = {kind.TYPE for kind in COUNTED}
        sampled = Counter(self.others)
        for (sensor, kind), span in self.records.items():
            if kind not in counted:
                sampled[sensor, kind] += span.hours.total()
        return sampled

    def span_of(self, kind: str) -> RecordSpan:
        """Records of a kind from all sensors."""
        return _together(span for (_, one), span in self.records.items() if one == kind)

    def of_sensor(self, sensor: str) -> "Coverage":
        """Only the records of this sensor."""
        return Coverage({key: span for key, span in self.records.items() if key[0] == sensor})

    def sampled(self) -> RecordSpan:
        """All records of the sample, whatever their kind and sensor."""
        counted = {kind.TYPE for kind in COUNTED}
        return _together(span for (_, kind), span in self.records.items() if kind not in counted)

    def merge(self, other: "Coverage") -> None:
        for key, span in other.records.items():
            self.records.setdefault(key, RecordSpan()).merge(span)
        for hour, seen in other.hours.items():
            self.note_hour(hour, seen)
        self.lines += other.lines
        self.cut_off += other.cut_off
        self.mail_flows.merge(other.mail_flows)
        self.own_alerts += other.own_alerts
        self.present |= other.present
        self.with_evidence |= other.with_evidence
        self.home_clients |= other.home_clients
        self.home_servers |= other.home_servers
        self.other_hosts |= other.other_hosts
        self.home_broadcasters |= other.home_broadcasters
        self.broadcasters |= other.broadcasters
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        self.trim()

    def note_hour(self, hour: int, seen: HourSpan) -> None:
        known = self.hours.get(hour)
        self.hours[hour] = seen if known is None else known.merged(seen)

    def note_record(self, event: Event) -> None:
        end = max(event.time, event.end) if isinstance(event, Flow) else event.time
        self.records.setdefault((event.sensor, event.TYPE), RecordSpan()).note(event.time, end)
        if len(self.records) > 2 * MOST_SENSORS:
            self.trim()

    def trim(self) -> None:
        """Enforce the bounds on everything that hosts or records name."""
        self.records = _bounded(self.records, MOST_SENSORS)
        self.other_clients = Counter(_bounded(self.other_clients, MOST_NETWORKS))
        self.other_kinds = Counter(_bounded(self.other_kinds, MOST_KINDS))
        self.others = Counter(_bounded(self.others, MOST_SENSORS))
        self.connected = Counter(_bounded(self.connected, MOST_SENSORS))
        self.with_evidence.intersection_update(
            _bounded(dict.fromkeys(self.with_evidence), MOST_SENSORS)
        )
        for hosts in (self.broadcasters, self.other_hosts):
            hosts.intersection_update(_bounded(dict.fromkeys(hosts), MOST_NAMED))

    def forget(self, before: float) -> None:
        """Drop the hours that ended by `before`."""
        self.hours = {hour: seen for hour, seen in self.hours.items() if (hour + 1) * HOUR > before}
        for span in (*self.records.values(), self.mail_flows):
            span.forget(before)


_COUNTERS = (
    *("other_kinds", "others", "connected", "unusable", "outside", "other_clients", "traffic"),
)


def _together(spans: Iterable[RecordSpan]) -> RecordSpan:
    together = RecordSpan()
    for span in spans:
        together.merge(span)
    return together


def _bounded(named: dict[K, V], most: int) -> dict[K, V]:
    """Entries with the smallest fingerprints, independent of their order."""
    if len(named) <= most:
        return named
    kept = sorted(named, key=lambda key: fingerprint((key,)))[:most]
    return {key: named[key] for key in kept}


class CoverageNoter:
    """Adds surveys and events to a Coverage, using the site's home networks."""

    def __init__(
        self, coverage: Coverage, site: SiteProfile, why_not: Callable[[float], str]
    ) -> None:
        """`why_not` returns the reason not to count an event of a time, "" if it counts."""
        self.coverage = coverage
        self._why_not = why_not
        self._is_home = home_test(site)
        self._is_mail_server = site.is_mail_server
        self._networks = site.home_networks
        self._mail_ports = frozenset(site.ports.smtp)

    def survey(self, seen: Survey) -> None:
        """Add a sample of the input."""
        coverage = self.coverage
        for hour, span in seen.hours.items():
            if not (self._why_not(span.first) and self._why_not(span.last)):
                coverage.note_hour(hour, span)
        coverage.lines += len(seen.results)
        coverage.cut_off += seen.cut_off
        coverage.present |= seen.kinds
        for result in seen.results:
            if isinstance(result, NOT_COVERED):
                coverage.other_kinds[result.TYPE] += 1
                coverage.others[result.sensor, result.TYPE] += 1
            elif isinstance(result, Event):
                self._note_sampled(result)
            elif result.reason is not SkipReason.BLANK:
                self._note_skipped(result)
        if (
            len(coverage.other_clients) > 2 * MOST_NETWORKS
            or max(len(coverage.broadcasters), len(coverage.other_hosts)) > 2 * MOST_NAMED
            or max(len(coverage.others), len(coverage.connected)) > 2 * MOST_SENSORS
        ):
            coverage.trim()

    def note_more(self, like: Event, count: int) -> None:
        """Add so many further records of the sensor, kind and hour of this one."""
        if count:
            span = self.coverage.records.setdefault((like.sensor, like.TYPE), RecordSpan())
            span.hours[int(like.time // HOUR)] += count

    def note(self, event: Event) -> None:
        """Add an event that is always decoded."""
        if isinstance(event, SHOW_MAIL):
            self.note_sensor(event)
        if isinstance(event, COUNTED) and not self._why_not(event.time):
            self.coverage.note_record(event)
        if isinstance(event, Flow) and _is_mail(event, self._mail_ports):
            self.coverage.traffic["smtp"] += 1
            if _is_session(event) and not self._why_not(event.time):
                self.coverage.mail_flows.note(event.time, event.end)
        elif isinstance(event, Flow) and event.app_proto == "dhcp":
            self.coverage.traffic["dhcp"] += 1
        elif isinstance(event, Smtp) and event.rcpt_to:
            self.coverage.traffic["mails"] += 1
            self.coverage.traffic["messages"] += event.has_message

    def note_sensor(self, event: Event) -> None:
        """Note that the sensor of this event logs events of its kind."""
        self.coverage.with_evidence.add((event.sensor, event.TYPE))
        if len(self.coverage.with_evidence) > 2 * MOST_SENSORS:
            self.coverage.trim()

    def _note_sampled(self, event: Event) -> None:
        coverage = self.coverage
        if not isinstance(event, Stats) and (reason := self._why_not(event.time)):
            coverage.outside[reason] += 1
            return
        if not isinstance(event, COUNTED):
            coverage.note_record(event)
        if isinstance(event, Flow):
            self._note_flow(event)
        elif isinstance(event, WITH_ENDS):
            if isinstance(event, Dns):
                coverage.traffic["questions"] += bool(event.questions)
            self._note_ends(event.client, event.server)

    def _note_flow(self, flow: Flow) -> None:
        traffic, is_tcp, is_dns = self.coverage.traffic, flow.proto == "TCP", _is_dns(flow)
        client_home, server_home = self._is_home(flow.client), self._is_home(flow.server)
        traffic["dns"] += is_dns
        if is_tcp or flow.answered:
            self.coverage.connected[flow.sensor] += 1
            self._note_ends(flow.client, flow.server)
            traffic["internal"] += client_home and server_home and not is_dns
        elif client_home:
            self._meet(flow.client, self.coverage.home_broadcasters)
            if ":" not in flow.client:
                self.coverage.broadcasters.add(flow.client)
        if is_tcp and (client_home or server_home):
            traffic["tcp"] += 1
            self._note_sides(flow, client_home, server_home)

    def _note_sides(self, flow: Flow, client_home: bool, server_home: bool) -> None:
        """Note from which sides of a TCP connection packets were seen."""
        traffic = self.coverage.traffic
        if flow.answered:
            traffic["both_sides"] += 1
        elif flow.flags_logged and flow.client_flags & SYN_ACK != SYN:  # not a mere attempt
            is_reply = flow.client_port < FIRST_USER_PORT <= flow.server_port
            traffic["only_sent"] += client_home and not is_reply
            traffic["only_replies"] += server_home and is_reply

    def _note_ends(self, client: str, server: str) -> None:
        coverage = self.coverage
        client_home, server_home = self._is_home(client), self._is_home(server)
        if client_home:
            self._meet(client, coverage.home_clients)
            coverage.traffic["external"] += not server_home
            is_mail_server = self._is_mail_server(ip_address(client))
            coverage.traffic["of_mail_servers" if is_mail_server else "of_clients"] += 1
        if server_home:
            self._meet(server, coverage.home_servers)
        elif not client_home and (network := network_of(client)):
            coverage.other_clients[network] += 1
            coverage.other_hosts.add(client)

    def _meet(self, address: str, met: set[str]) -> None:
        """Note the networks of a home host until all of the site's networks were seen."""
        if len(met) < len(self._networks):
            met.update(networks_met((address,), self._networks))

    def _note_skipped(self, skipped: Skipped) -> None:
        if skipped.reason is SkipReason.OTHER_EVENT_TYPE:
            kind = skipped.detail.partition(" ")[0]
            self.coverage.other_kinds[kind] += 1
            if kind in EVENT_TYPES:
                self.coverage.others[skipped.sensor, kind] += 1
        else:
            self.coverage.unusable[skipped.reason] += 1


def _is_dns(flow: Flow) -> bool:
    if flow.app_proto:
        return flow.app_proto == "dns"
    return flow.proto == "UDP" and flow.server_port == DNS_PORT and flow.answered


def _is_mail(flow: Flow, ports: frozenset[int]) -> bool:
    """True for mail in plain text, which should give an smtp record."""
    if flow.app_proto:
        return flow.app_proto == "smtp"
    return _is_session(flow) and flow.proto == "TCP" and flow.server_port in ports


def _is_session(flow: Flow) -> bool:
    return flow.established and min(flow.sent, flow.received) >= SESSION_PACKETS


def networks_met(addresses: Iterable[str], networks: Sequence[Network]) -> frozenset[str]:
    """Networks of the addresses, as text."""
    left = list(networks)
    met: set[str] = set()
    for address in addresses:
        if not left:
            break
        parsed = ip_address(address)
        met.update(str(network) for network in left if parsed in network)
        left = [network for network in left if str(network) not in met]
    return frozenset(met)


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """The network that a client is counted in: an IPv4 /24, an IPv6 /64.

    "" if the address cannot be declared: multicast, link-local, unspecified.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if parsed.is_multicast or parsed.is_link_local or parsed.is_unspecified or parsed.is_loopback:
        return ""
    return str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))
