"""Files of EVE records + SiteProfile -> SiteCheck: would a mass mailer be seen here?"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from eveproc.evidence.coverage import networks_met
from eveproc.tuning.collect import TuningEvidence, study
from eveproc.verdicts.judge_input import judgement_of
from eveproc.verdicts.judgement import Judgement
from eveproc.visibility.needs import Need, SeenServer, needs_of, servers_of
from eveproc.visibility.rule_activity import RuleActivity, rule_activity
from rulegen.site_profile import Network, SiteProfile


class SiteCheck(Struct, frozen=True):
    """`networks`: each home network, and whether a host of it was seen; `rules`: those that alerted
    or should have.

    `has_alert_records`: without any, nothing is known about the rules. `can_expect_alerts`: there
    are records of what rules count.
    """

    judgement: Judgement
    needs: tuple[Need, ...]
    networks: tuple[tuple[str, bool], ...]
    servers: tuple[SeenServer, ...]
    rules: tuple[RuleActivity, ...]
    has_alert_records: bool
    can_expect_alerts: bool

    @property
    def is_blind(self) -> bool:
        return self.judgement.is_blind


def check(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SiteCheck:
    """Read every source once; the arguments are those of verdicts.analyze.

    Raises InputError as tune does.
    """
    found = study(sources, site, since=since, until=until, now=now, jobs=jobs, progress=progress)
    store = found.store
    return SiteCheck(
        judgement=judgement_of(store, site, found.stats),
        needs=needs_of(store),
        networks=_networks(store, site),
        servers=servers_of(store, _addresses(site.mail_servers), _addresses(site.resolvers)),
        rules=rule_activity(store, site),
        has_alert_records="alert" in store.coverage.kinds() or store.coverage.own_alerts > 0,
        can_expect_alerts=not store.coverage.kinds().isdisjoint(("dns", "smtp", "flow")),
    )


def _networks(store: TuningEvidence, site: SiteProfile) -> tuple[tuple[str, bool], ...]:
    coverage = store.coverage
    met = coverage.home_clients | coverage.home_servers
    met = met | networks_met(store.active, site.home_networks)
    return tuple((str(network), str(network) in met) for network in site.home_networks)


def _addresses(declared: Sequence[Network]) -> tuple[str, ...]:
    """The single servers; in a declared network it is unknown which addresses are servers."""
    singles = (one for one in declared if one.prefixlen == one.max_prefixlen)
    return tuple(str(one.network_address) for one in singles)
