"""Every rule of the project, one file per family -> CATALOGUE, in the order of the sid offsets."""

from rulegen.catalogue.content import CONTENT
from rulegen.catalogue.delivery import DELIVERY
from rulegen.catalogue.lookup import LOOKUP
from rulegen.catalogue.rejection import REJECTION
from rulegen.site_profile import SID_BLOCK, SiteProfile
from rulegen.spec import RuleSpec

CATALOGUE: tuple[RuleSpec, ...] = (*LOOKUP, *DELIVERY, *CONTENT, *REJECTION)


def own_sids(site: SiteProfile) -> tuple[int, ...]:
    """Every sid that a rule of this site's build may have."""
    blocks = range(1 + len(site.network_thresholds))
    return tuple(
        site.sid_base + block * SID_BLOCK + spec.offset for block in blocks for spec in CATALOGUE
    )
