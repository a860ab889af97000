"""EvidenceStore and SiteProfile -> whether a domain is the site's own, as far as known."""

from functools import cached_property

from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.signals.domains import registered_domain
from eveproc.signals.facts import Fact
from rulegen.site_profile import SiteProfile


class OwnDomains:
    """The site's domains; searched for once, when first asked for."""

    def __init__(self, store: EvidenceStore, site: SiteProfile) -> None:
        self._store = store
        self._site = site

    def may_include(self, domain: str) -> bool:
        """False if other domains are known to be the site's and this registered domain is not.

        If none is known, any domain may be the site's.
        """
        return not self._known or domain in self._known

    def include(self, domain: str) -> bool:
        """True if this registered domain is known to be the site's."""
        return domain in self._known

    @cached_property
    def _known(self) -> set[str]:
        """Domains that the site declares, and those for which external hosts bring mail to any home
        host.
        """
        declared = set(map(registered_domain, self._site.internal_domains))
        hosts = self._store.hosts.that_may_hold(Fact.TAKES_IN_FOR)
        return declared.union(*(_served(evidence) for _, evidence in hosts))


def _served(evidence: HostEvidence) -> set[str]:
    """Domains for which the host accepts mail, in any network."""
    return set().union(
        *(part.log(Fact.TAKES_IN_FOR).keys() for part in (evidence, *evidence.parts.values()))
    )
