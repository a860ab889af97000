"""EvidenceStore and SiteProfile -> whether a domain is the site's own, as far as is known."""

from eveproc.evidence.store import EvidenceStore
from eveproc.signals.domains import registered_domain
from eveproc.signals.facts import Fact
from rulegen.site_profile import SiteProfile


def may_be_own(store: EvidenceStore, site: SiteProfile, domain: str) -> bool:
    """False if other domains are known to be the site's and this registered domain is not.

    The site's are those that it declares, and those for which external hosts bring mail to any home
    host. Where none is known, any domain may be the site's.
    """
    declared = set(map(registered_domain, site.internal_domains))
    served: set[str] = set()
    for evidence in store.hosts.values():
        served |= evidence.log(Fact.TAKES_IN_FOR).keys()
    own = declared | served
    return not own or domain in own
