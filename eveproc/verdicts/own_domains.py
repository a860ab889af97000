"""EvidenceStore and SiteProfile -> whether a domain is the site's own, as far as known."""

from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.signals.domains import registered_domain
from eveproc.signals.facts import Fact
from rulegen.site_profile import SiteProfile


def may_be_own(store: EvidenceStore, site: SiteProfile, domain: str) -> bool:
    """False if other domains are known to be the site's and this registered domain is not.

    If none is known, any domain may be the site's.
    """
    own = _own_domains(store, site)
    return not own or domain in own


def is_own(store: EvidenceStore, site: SiteProfile, domain: str) -> bool:
    """True if this registered domain is known to be the site's."""
    return domain in _own_domains(store, site)


def _own_domains(store: EvidenceStore, site: SiteProfile) -> set[str]:
    """Domains that the site declares, and those for which external hosts bring mail to any home
    host.
    """
    declared = set(map(registered_domain, site.internal_domains))
    hosts = store.hosts.that_may_hold(Fact.TAKES_IN_FOR)
    return declared.union(*map(_served, hosts))


def _served(evidence: HostEvidence) -> set[str]:
    """Domains for which the host accepts mail, in any network."""
    return set().union(
        *(part.log(Fact.TAKES_IN_FOR).keys() for part in (evidence, *evidence.parts.values()))
    )
