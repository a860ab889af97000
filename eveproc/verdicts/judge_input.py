"""Evidence + SiteProfile -> Judgement: how far verdicts can be trusted, causes and remedies. Pure.

"No host infected" is meaningful only if an infected host would have been seen.
"""

from eveproc.evidence.store import EvidenceStore
from eveproc.input.read_stats import ReadStats
from eveproc.verdicts.blind_causes import blind_causes
from eveproc.verdicts.input_seen import InputSeen
from eveproc.verdicts.judgement import JUDGED, Judgement, Outcome
from eveproc.verdicts.partial_causes import partial_causes
from rulegen.site_profile import SiteProfile


def judgement_of(
    store: EvidenceStore, site: SiteProfile, stats: ReadStats, *, found: bool = False
) -> Judgement:
    """Judge whether verdicts on this site can be trusted.

    `found`: a host is above clean. Then something was seen, and the outcome is IN_PART at worst.
    """
    seen = InputSeen(store, site, stats)
    blind = tuple(blind_causes(seen))
    if blind and not found:
        return Judgement(Outcome.NOT_JUDGED, blind)
    causes = tuple(dict.fromkeys((*blind, *partial_causes(seen))))
    return Judgement(Outcome.IN_PART, causes) if causes else JUDGED
