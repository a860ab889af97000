"""Evidence + SiteProfile -> InputSeen: which records, lines, clients and networks the input held.

Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from ipaddress import ip_network

from eveproc.evidence.coverage import Coverage, networks_met
from eveproc.evidence.store import EvidenceStore
from eveproc.input.events import SkipReason
from eveproc.input.read_stats import ReadStats
from eveproc.signals.facts import Fact
from eveproc.signals.home_net import home_test
from rulegen.site_profile import Network, SiteProfile

# Records that say what hosts do about mail.
EVIDENCE = frozenset(("dns", "smtp", "flow"))
# Networks that are not home are named only if they have nearly as many clients as the largest:
# external clients of a server are many, each seen rarely.
SHARE_NAMED = 0.05
NETWORKS_NAMED, FIELDS_NAMED = 4, 3
# Minimum number of sampled connections with packets of one side only that are more than an attempt
# to connect. A few are left over from connections that ended before.
ONE_SIDED = 5
# Minimum number of clients with public addresses, not home, whose servers are not home either: no
# gateway has this many.
SEVERAL = 5
_NOT_UNUSABLE = frozenset((SkipReason.BLANK, SkipReason.OTHER_EVENT_TYPE))
_TIME_REASONS = ("dated in the future", "outside --since and --until")
_SERVER_FACTS = frozenset(
    (Fact.TAKES_MAIL_IN, Fact.GREETED_BY, Fact.ONLY_ASKED_BY, Fact.SERVES_DNS)
)


class InputSeen:
    """What was seen of one site."""

    def __init__(self, store: EvidenceStore, site: SiteProfile, stats: ReadStats) -> None:
        self.store = store
        self.coverage: Coverage = store.coverage
        self.site = site
        self.stats = stats
        self.kinds = self.coverage.kinds()
        self.clients_met, self.met = _home_networks_met(store, site)

    def unusable(self) -> dict[SkipReason, int]:
        """Unusable lines by reason: of the sample, or of all input if it was decoded whole."""
        counted = (
            self.coverage.unusable if self.coverage.unusable or self.kinds else self.stats.skipped
        )
        return self.without_usual(counted)

    def without_usual(self, counted: Mapping[SkipReason, int]) -> dict[SkipReason, int]:
        """The counts without blank lines, other kinds of records, and a half last line per file."""
        unusable = {reason: counted.get(reason, 0) for reason in SkipReason}
        unusable[SkipReason.HALF_LINE] -= max(1, self.stats.files)
        return {
            reason: number
            for reason, number in unusable.items()
            if number > 0 and reason not in _NOT_UNUSABLE
        }

    def reasons(self, unusable: Mapping[SkipReason, int]) -> str:
        """`missing field dest_ip, not json`: as in the counts of skipped lines, without `_`."""
        named = []
        for reason in sorted(unusable):
            fields = sorted(self.stats.details.get(reason) or ())[:FIELDS_NAMED]
            named.append(" ".join((reason.replace("_", " "), *fields)))
        return ", ".join(named)

    def is_cut_off(self) -> bool:
        return self.coverage.cut_off * 2 > sum(self.coverage.unusable.values())

    def other_kinds(self) -> set[str]:
        details = self.stats.details.get(SkipReason.OTHER_EVENT_TYPE)
        return {*self.coverage.other_kinds, *(details or ())}

    def outside(self) -> set[str]:
        return {
            *(reason for reason, number in self.coverage.outside.items() if number),
            *(reason for reason in _TIME_REASONS if self.store.unused[reason]),
        }

    def without_connection(self) -> int:
        """Number of home hosts that broadcast or got a lease but opened no connection."""
        is_home, leased = home_test(self.site), self.store.leases.acknowledgements()
        known = self.coverage.broadcasters.union(filter(is_home, leased))
        return len(known - self.store.active)

    def other_clients_named(self, *versions: int, only_own: bool = False) -> str:
        """The networks with most clients that are not home, largest first.

        `only_own`: those that may be the site's, ones that are not global (also of RFC 6598) and
        those of several clients.
        """
        wider: dict[Network, list[Network]] = {}
        counts: Counter[Network] = Counter()
        hosts = Counter(_wider(ip_network(host)) for host in self.coverage.other_hosts)
        for name, count in self.coverage.other_clients.items():
            network = ip_network(name)
            above = _wider(network)
            may_be_own = not network.is_global or hosts[above] >= SEVERAL
            if network.version in versions and (may_be_own or not only_own):
                wider.setdefault(above, []).append(network)
                counts[above] += count
        least = max(counts.values(), default=0) * SHARE_NAMED
        most = sorted(
            (one for one in wider if counts[one] >= least), key=lambda one: (-counts[one], str(one))
        )
        names = [str(wider[one][0] if len(wider[one]) == 1 else one) for one in most]
        more = f" and {len(names) - NETWORKS_NAMED} more" if len(names) > NETWORKS_NAMED else ""
        return ", ".join(names[:NETWORKS_NAMED]) + more


def _wider(network: Network) -> Network:
    """The network that an organization may have: an IPv4 /16, an IPv6 /48."""
    return network.supernet(new_prefix=16 if network.version == 4 else 48)


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
