"""Evidence + SiteProfile -> Judgement: how far verdicts can be trusted, causes and remedies. Pure.

"No host infected" is meaningful only if an infected host would have been seen.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_network
from itertools import pairwise
from math import inf

from msgspec import Struct

from eveproc.evidence.coverage import Coverage, RecordSpan, networks_met
from eveproc.evidence.store import EvidenceStore
from eveproc.input.events import SkipReason
from eveproc.input.read_stats import ReadStats
from eveproc.input.survey import HourSpan
from eveproc.signals.facts import Fact
from rulegen.site_profile import Network, SiteProfile
from rulegen.units import HOUR, count_of

# Record types that verdicts are based on, and the key of suricata.yaml that enables each.
CARRIERS = ("dns", "smtp", "flow", "alert")
TYPES = "outputs: eve-log: types:"
# Sites often list these blocks whole, used or not, so seeing no host of one is normal.
CATCH_ALL = frozenset(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fd00::/8"))
# A gap in the records is reported if at least this many bytes (some 200 records) were expected in
# it, judging by the hours on both sides. A gradual decline in traffic stays below.
EXPECTED_BYTES = 100_000
# An hour with less of the log than this gives no rate.
LEAST_SECONDS = 600
# The same for single sensors and record types, in records of the sample.
EXPECTED_RECORDS, SILENT_HOURS = 10, 2
# Above this share, unusable lines are reported.
UNUSABLE = 0.02
# If this many home hosts and sampled external connections show no DNS query, the sensor does not
# see DNS.
CLIENTS_WITHOUT_DNS, CONNECTIONS_WITHOUT_DNS = 5, 20
# So many connections of the sample between home hosts, and no connection or query of it to an
# external server: where nine of ten are internal, chance does that in one log of seventy.
ONLY_INTERNAL = 40
# With fewer records, a home network may be missing by chance.
MUCH_BYTES, MUCH_HOURS = 200_000, 12
# Networks that are not home are named only if they have nearly as many clients as the largest:
# external clients of a server are many, each seen rarely.
SHARE_NAMED = 0.05
# Fewer unanswered requests than this leave no dhcp record.
DHCP_FLOWS = 10
# The reader's message for an empty file.
EMPTY = "is empty"
NETWORKS_NAMED, GAPS_NAMED, FIELDS_NAMED = 4, 5, 3


class Outcome(StrEnum):
    """How far verdicts can be trusted."""

    JUDGED = "judged"
    IN_PART = "judged in part"
    NOT_JUDGED = "could not judge"
    NOTHING_NEW = "nothing new"


class Cause(Struct, frozen=True):
    """Why something could not be seen.

    `name` is for programs; `remedy` is what to change ("" if nothing).
    """

    name: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


class Judgement(Struct, frozen=True):
    """The outcome; `causes` is empty where it is JUDGED."""

    outcome: Outcome = Outcome.JUDGED
    causes: tuple[Cause, ...] = ()

    @property
    def is_blind(self) -> bool:
        return self.outcome is Outcome.NOT_JUDGED

    @property
    def is_whole(self) -> bool:
        return self.outcome is Outcome.JUDGED

    @property
    def has_verdicts(self) -> bool:
        """True if the number of clean hosts is meaningful."""
        return self.outcome in (Outcome.JUDGED, Outcome.IN_PART)


JUDGED = Judgement()
_IS_IT_RUNNING = "check that Suricata is running and writes to this file (eve-log: enabled: yes)"
# A run without new events is suspicious if this many earlier reports had some, and this part of the
# usual pause between them has passed.
REPORTS_WITH_NEWS, PART = 3, 0.75


def judgement_of(
    store: EvidenceStore, site: SiteProfile, stats: ReadStats, *, found: bool = False
) -> Judgement:
    """Judge whether verdicts on this site can be trusted.

    `found`: a host is above clean. Then something was seen, and the outcome is IN_PART at worst.
    """
    seen = _Seen(store, site, stats)
    blind = tuple(seen.blind())
    if blind and not found:
        return Judgement(Outcome.NOT_JUDGED, blind)
    causes = (*blind, *seen.partial())
    return Judgement(Outcome.IN_PART, causes) if causes else JUDGED


def judge_silence(reports: Sequence[float], now: float) -> Judgement:
    """Judge a run that found nothing new.

    `reports`: last event times of earlier reports, newest first. The run is suspicious if each of
    the last three reports had new events and more were due.
    """
    if not reports:
        return Judgement(
            Outcome.NOTHING_NEW, (Cause("nothing_new", "nothing new since the last run"),)
        )
    since = f"{datetime.fromtimestamp(reports[0], UTC):%Y-%m-%d %H:%MZ}"
    pauses = [later - earlier for later, earlier in pairwise(reports[:REPORTS_WITH_NEWS])]
    usual = min((pause for pause in pauses if pause > 0), default=inf)
    is_odd = len(reports) >= REPORTS_WITH_NEWS and now - reports[0] >= max(PART * usual, HOUR)
    if not is_odd:
        return Judgement(Outcome.NOTHING_NEW, (Cause("nothing_new", f"nothing new since {since}"),))
    text = (
        f"nothing new since {since}, and each of the last {REPORTS_WITH_NEWS} reports "
        "had something new"
    )
    return Judgement(Outcome.NOT_JUDGED, (Cause("nothing_new_is_odd", text, _IS_IT_RUNNING),))


class _Seen:
    """What was seen of one site."""

    def __init__(self, store: EvidenceStore, site: SiteProfile, stats: ReadStats) -> None:
        self._store = store
        self._coverage: Coverage = store.coverage
        self._site = site
        self._stats = stats
        self._kinds = self._coverage.kinds()
        self._clients_met, self._met = _home_networks_met(store, site)

    # Causes that make a verdict impossible: the first that applies.

    def blind(self) -> Iterator[Cause]:
        """At most one cause that makes verdicts impossible."""
        for cause in (
            self._nothing_read(),
            self._nothing_usable(),
            self._nothing_in_time(),
            self._no_evidence_kind(),
            self._no_home_host(),
        ):
            if cause:
                yield cause
                return

    def _nothing_read(self) -> Cause | None:
        was_read = self._stats.bytes and (self._coverage.lines or self._stats.lines)
        if was_read or self._store.active or self._kinds:
            return None
        is_empty = all(problem.what == EMPTY for problem in self._stats.problems)
        what = "the input is empty" if is_empty else "nothing could be read"
        return Cause(
            "nothing_read",
            what,
            _IS_IT_RUNNING,
        )

    def _nothing_usable(self) -> Cause | None:
        unusable = self._unusable()
        was_used = self._coverage.records or self._store.active or self._other_kinds()
        if was_used or self._outside() or not unusable:
            return None
        if self._is_cut_off():
            return Cause(
                "cut_off",
                "every record is cut off before its end",
                "raise the message limit of syslog ($MaxMessageSize of rsyslog, log-msg-size() of "
                "syslog-ng), or let Suricata write a file (filetype: regular)",
            )
        reasons = {reason for reason, number in unusable.items() if number}
        if reasons <= _TIMES:
            return Cause(
                "no_usable_time",
                f"no record has a usable time ({self._reasons(unusable)})",
                "check the sensor's clock; records must carry timestamp, in ISO 8601",
            )
        return Cause(
            "nothing_usable",
            f"no line could be read as an EVE record ({self._reasons(unusable)})",
            "expected records as Suricata writes them: one JSON object a line, with "
            "event_type and timestamp",
        )

    def _nothing_in_time(self) -> Cause | None:
        outside = self._outside()
        is_any = self._coverage.records or self._coverage.hours or self._store.hosts
        if is_any or not outside:
            return None
        return Cause(
            "nothing_in_period",
            f"no record counts: all are {', '.join(sorted(outside))}",
            "check --since, --until and the sensor's clock",
        )

    def _no_evidence_kind(self) -> Cause | None:
        if self._kinds & {"dns", "smtp", "flow"} or self._coverage.own_alerts:
            return None
        if self._store.hosts or self._store.flows_logged:  # present but not in the sample
            return None
        held = ", ".join(sorted({*self._kinds, *self._other_kinds()})[:8]) or "none"
        remedy = f"log dns, smtp and flow ({TYPES} in suricata.yaml)"
        if "alert" in self._kinds:
            what = "alerts of other rules only"
            remedy += ", and load the rules of rulegen build"
        elif "netflow" in self._other_kinds():
            what = "netflow records, which show neither the client nor whether it was answered"
            remedy = f"set flow ({TYPES} in suricata.yaml) in place of netflow, and dns and smtp"
        else:
            what = f"no record that can be evidence (types seen: {held})"
        return Cause("no_evidence_records", f"the input holds {what}", remedy)

    def _no_home_host(self) -> Cause | None:
        if self._clients_met or (self._met and not self._coverage.other_clients):
            return None
        if self._met and self._coverage.own_alerts:
            return None
        declared = ", ".join(map(str, self._site.home_networks))
        seen = self._other_clients_named(4, 6)
        if not seen:
            return Cause(
                "no_home_host",
                f"no host of home_networks ({declared}) was seen",
                "check home_networks in site.yaml, and which traffic the sensor monitors",
            )
        return Cause(
            "home_networks_wrong",
            f"no connection or query of a home host was seen: clients are {seen}, "
            f"home_networks lists {declared}",
            "correct home_networks in site.yaml; if these are addresses of a NAT gateway, "
            "monitor its internal side",
        )

    # Causes that leave a part unseen.

    def partial(self) -> Iterator[Cause]:
        """Everything that could not be seen though the rest could."""
        yield from self._missing_kinds()
        yield from self._home_networks()
        yield from self._no_external_traffic()
        yield from self._gaps()
        yield from self._silences()
        yield from self._unreadable()
        yield from self._losses()

    def _missing_kinds(self) -> Iterator[Cause]:
        kinds = self._kinds
        if not kinds & {"dns", "smtp", "flow"} and not self._store.flows_logged:
            if self._coverage.own_alerts:
                yield Cause(
                    "alerts_only",
                    "the input holds only alerts: slow mailers stay below the rules' thresholds",
                    f"log dns, smtp and flow as well ({TYPES} in suricata.yaml)",
                )
            return
        if self._coverage.traffic["smtp"] and "smtp" not in kinds:
            yield Cause(
                "no_smtp_records",
                "there are mail connections but no smtp records: content and rejections cannot "
                "be seen",
                f"enable smtp ({TYPES} in suricata.yaml) and app-layer: protocols: smtp",
            )
        if "dns" not in kinds and not self._has_evidence_of_dns():
            yield from self._no_dns()
        if "flow" not in kinds and not self._store.flows_logged:
            yield Cause(
                "no_flow_records",
                "there are no flow records: connections that are refused, unanswered or "
                "encrypted cannot be seen",
                f"enable flow ({TYPES} in suricata.yaml)",
            )

        if self._coverage.traffic["dhcp"] >= DHCP_FLOWS and "dhcp" not in kinds:
            yield Cause(
                "no_dhcp_records",
                "there is DHCP traffic but there are no dhcp records: a machine that changes "
                "its address counts as several",
                f"enable dhcp ({TYPES} in suricata.yaml)",
            )

    def _has_evidence_of_dns(self) -> bool:
        return bool(self._stats.events["dns"])

    def _no_dns(self) -> Iterator[Cause]:
        if self._coverage.traffic["dns"] or "flow" not in self._kinds:
            yield Cause(
                "no_dns_records",
                "there are no dns records: lookups of mail servers cannot be seen",
                f"enable dns ({TYPES} in suricata.yaml) and app-layer: protocols: dns",
            )
        elif (
            len(self._store.active) >= CLIENTS_WITHOUT_DNS
            and self._coverage.traffic["external"] >= CONNECTIONS_WITHOUT_DNS
        ):
            yield Cause(
                "no_dns_traffic",
                "home hosts open connections but none queries DNS: lookups of mail servers "
                "cannot be seen",
                "monitor the traffic between clients and their resolver",
            )

    def _no_external_traffic(self) -> Iterator[Cause]:
        """A sensor between clients and servers of the site sees no mail that leaves it."""
        traffic = self._coverage.traffic
        if traffic["internal"] >= ONLY_INTERNAL and not traffic["external"] + traffic["smtp"]:
            yield Cause(
                "no_external_traffic",
                "home hosts connect to home hosts only: mail to external servers cannot be seen",
                "let the sensor monitor the traffic to the Internet, and list no external network "
                "in home_networks",
            )

    def _home_networks(self) -> Iterator[Cause]:
        unmet = [str(one) for one in self._site.home_networks if self._should_be_met(one)]
        if unmet and self._met and self._is_much():
            yield Cause(
                "home_network_not_seen",
                f"no record of home network{'s' * (len(unmet) > 1)} {', '.join(unmet)}: its "
                "hosts are not judged",
                "check home_networks in site.yaml, and whether the sensor sees this network",
            )
        versions = {network.version for network in self._site.home_networks}
        for version in (4, 6):
            seen = self._other_clients_named(version)
            if not seen or not self._met:
                continue
            if version not in versions:
                yield Cause(
                    f"no_ipv{version}_home",
                    f"IPv{version} clients were seen ({seen}) but home_networks has no "
                    f"IPv{version} "
                    "network: they are not judged",
                    "add the site's networks to home_networks in site.yaml",
                )
            elif private := self._other_clients_named(version, only_private=True):
                yield Cause(
                    "clients_not_home",
                    f"clients of {private} were seen, which home_networks does not list: they are "
                    "not judged",
                    "add them to home_networks in site.yaml if they belong to the site",
                )

    def _should_be_met(self, network: Network) -> bool:
        """True for a site's own network that every day's records should show."""
        name = str(network)
        is_special = network.is_loopback or network.is_link_local
        is_single = network.prefixlen == network.max_prefixlen
        return not (is_special or is_single or name in self._met or name in CATCH_ALL)

    def _is_much(self) -> bool:
        """True if there are enough records that every network of the site should appear."""
        hours = self._coverage.hours
        size = sum(span.bytes for span in hours.values())
        return size >= MUCH_BYTES or len(hours) >= MUCH_HOURS

    def _gaps(self) -> Iterator[Cause]:
        gaps = _gaps_between(self._coverage)
        if gaps:
            named = ", ".join(_between(*gap) for gap in gaps[:GAPS_NAMED])
            more = f" and {len(gaps) - GAPS_NAMED} more" if len(gaps) > GAPS_NAMED else ""
            yield Cause(
                "hours_without_records",
                f"there are no records {named}{more}",
                "check whether the sensor was running then, and whether a rotated log is missing",
            )

    def _silences(self) -> Iterator[Cause]:
        coverage, everything = self._coverage, self._coverage.sampled()
        if len(coverage.sensors()) > 1:
            for sensor in coverage.sensors():
                silence = _silence(coverage.of_sensor(sensor).sampled(), everything)
                if silence:
                    yield Cause(
                        "sensor_silent",
                        f"sensor {sensor} wrote nothing {_between(*silence)}, while others did",
                        "check whether it was running then, and whether its logs are complete",
                    )
        for kind in ("dns", "flow"):
            if silence := _silence(coverage.span_of(kind), everything):
                yield Cause(
                    f"{kind}_records_stopped",
                    f"there are no {kind} records {_between(*silence)}, while there are others",
                    f"check whether {kind} was disabled then ({TYPES} in suricata.yaml)",
                )
        if self._store.has_unnamed_sensors:  # the missing one may be the Snort
            return
        for name in sorted(set(self._site.sensors) - self._store.sensors):
            yield Cause(
                "sensor_missing",
                f"sensor {name} is listed in the site profile but wrote nothing: its hosts were "
                "not monitored",
                "add its logs to the input, or remove it from sensors in site.yaml",
            )

    def _unreadable(self) -> Iterator[Cause]:
        for problem in self._stats.problems:
            if problem.what != EMPTY:
                yield Cause("file_not_read", f"{problem}")
        yield from self._lines_not_usable()
        future = self._store.unused["dated in the future"]
        if future or self._coverage.outside["dated in the future"]:
            yield Cause(
                "dated_in_future",
                "records are dated in the future and do not count",
                "check the sensor's clock",
            )

    def _lines_not_usable(self) -> Iterator[Cause]:
        """Of all lines, or of those that can be evidence: long records break off more often."""
        for counted, lines, of_what in (
            (self._unusable(), self._coverage.lines or self._stats.lines, "lines"),
            (
                self._without_usual(self._stats.skipped),
                self._stats.lines,
                "lines that can be evidence",
            ),
        ):
            number = sum(counted.values())
            if lines and number > max(1, UNUSABLE * lines):
                is_cut = self._is_cut_off() or counted.get(SkipReason.HALF_LINE, 0) * 2 > number
                cut = "; most are cut off before their end" if is_cut else ""
                yield Cause(
                    "lines_not_usable",
                    f"about {number / lines:.0%} of the {of_what} could not be used "
                    f"({self._reasons(counted)}{cut})",
                    "inspect some of them; a message limit of syslog may cut records off",
                )
                return

    def _losses(self) -> Iterator[Cause]:
        for sentence in self._store.health.losses():
            yield Cause("sensor_loss", sentence)

    def _unusable(self) -> dict[SkipReason, int]:
        """Unusable lines by reason: of the sample, or of all input if it was decoded whole."""
        counted = (
            self._coverage.unusable
            if self._coverage.unusable or self._kinds
            else self._stats.skipped
        )
        return self._without_usual(counted)

    def _without_usual(self, counted: Mapping[SkipReason, int]) -> dict[SkipReason, int]:
        """The counts without blank lines, other kinds of records, and a half last line per file."""
        unusable = {reason: counted.get(reason, 0) for reason in SkipReason}
        unusable[SkipReason.HALF_LINE] -= max(1, self._stats.files)
        return {
            reason: number
            for reason, number in unusable.items()
            if number > 0 and reason not in _NOT_UNUSABLE
        }

    def _reasons(self, unusable: Mapping[SkipReason, int]) -> str:
        """`missing_field dest_ip, not_json`: the names used in the counts of skipped lines."""
        named = []
        for reason in sorted(unusable):
            fields = sorted(self._stats.details.get(reason) or ())[:FIELDS_NAMED]
            named.append(" ".join((reason, *fields)))
        return ", ".join(named)

    def _is_cut_off(self) -> bool:
        return self._coverage.cut_off * 2 > sum(self._coverage.unusable.values())

    def _other_kinds(self) -> set[str]:
        details = self._stats.details.get(SkipReason.OTHER_EVENT_TYPE)
        return {*self._coverage.other_kinds, *(details or ())}

    def _outside(self) -> set[str]:
        return {
            *(reason for reason, number in self._coverage.outside.items() if number),
            *(reason for reason in _TIME_REASONS if self._store.unused[reason]),
        }

    def _other_clients_named(self, *versions: int, only_private: bool = False) -> str:
        """The networks with most clients that are not home, largest first."""
        wider: dict[Network, list[Network]] = {}
        counts: Counter[Network] = Counter()
        for name, count in self._coverage.other_clients.items():
            network = ip_network(name)
            if network.version in versions and (network.is_private or not only_private):
                above = network.supernet(new_prefix=16 if network.version == 4 else 48)
                wider.setdefault(above, []).append(network)
                counts[above] += count
        least = max(counts.values(), default=0) * SHARE_NAMED
        most = sorted(
            (one for one in wider if counts[one] >= least), key=lambda one: (-counts[one], str(one))
        )
        names = [str(wider[one][0] if len(wider[one]) == 1 else one) for one in most]
        more = f" and {len(names) - NETWORKS_NAMED} more" if len(names) > NETWORKS_NAMED else ""
        return ", ".join(names[:NETWORKS_NAMED]) + more


_TIMES = frozenset((SkipReason.NO_TIMESTAMP, SkipReason.BAD_TIMESTAMP, SkipReason.CLOCK_FAULT))
_NOT_UNUSABLE = frozenset((SkipReason.BLANK, SkipReason.OTHER_EVENT_TYPE))
_TIME_REASONS = ("dated in the future", "outside --since and --until")
_SERVER_FACTS = frozenset((Fact.TAKES_MAIL_IN, Fact.SERVES_DNS))


def _home_networks_met(
    store: EvidenceStore, site: SiteProfile
) -> tuple[frozenset[str], frozenset[str]]:
    """Home networks with clients seen, and home networks with any host seen."""
    coverage = store.coverage
    clients = frozenset(coverage.home_clients) | networks_met(
        (address for address in store.active if address not in store.hosts),
        site.home_networks,
    )
    if not clients:
        clients = networks_met(_hosts_that_connect(store), site.home_networks)
    return clients, clients | frozenset(coverage.home_servers) | networks_met(
        store.active, site.home_networks
    )


def _hosts_that_connect(store: EvidenceStore) -> Iterator[str]:
    """Hosts with evidence other than incoming connections."""
    for address, evidence in store.hosts.items():
        if {kind for kind, _ in evidence.whole().sketches} - _SERVER_FACTS:
            yield address


def _gaps_between(coverage: Coverage) -> list[tuple[float, float]]:
    """Intervals of more than an hour without a record where many were expected."""
    hours = coverage.hours
    return [
        (hours[before].last, hours[after].first)
        for before, after in pairwise(sorted(hours))
        if after - before > 1 and _expected(hours, before, after) >= EXPECTED_BYTES
    ]


def _expected(hours: Mapping[int, HourSpan], before: int, after: int) -> float:
    """Bytes expected between two hours, estimated from the log's growth in them."""
    rates = [
        hours[hour].bytes / max(hours[hour].last - hours[hour].first, LEAST_SECONDS)
        for hour in (before, after)
    ]
    return min(rates) * (hours[after].first - hours[before].last)


def _silence(span: RecordSpan, everything: RecordSpan) -> tuple[float, float] | None:
    """The first interval in which these records are missing although many were expected."""
    present = sum(everything.hours[hour] for hour in span.hours)
    share = sum(span.hours.values()) / present if present else 0.0
    silent: list[int] = []
    for hour in (*sorted(everything.hours), None):
        if hour is not None and hour not in span.hours and hour not in span.lasting:
            silent.append(hour)
            continue
        expected = share * sum(everything.hours[one] for one in silent)
        if len(silent) >= SILENT_HOURS and expected >= EXPECTED_RECORDS:
            return float(silent[0] * HOUR), float((silent[-1] + 1) * HOUR)
        silent = []
    return None


def _between(start: float, end: float) -> str:
    first, last = (datetime.fromtimestamp(time, UTC) for time in (start, end))
    hours = (end - start) / HOUR
    return (
        f"from {first:%Y-%m-%d %H:%MZ} to {last:%Y-%m-%d %H:%MZ} ({count_of(round(hours), 'hour')})"
    )
