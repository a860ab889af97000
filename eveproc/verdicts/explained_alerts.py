"""HostEvidence -> the explanation of hosts that only counting rules show. Pure."""

from eveproc.evidence.store import HostEvidence
from eveproc.verdicts.alert_weights import TELLING, count_alone
from eveproc.verdicts.explanation import PERHAPS, BenignExplanation
from rulegen.vocabulary import Signal

COUNTED = frozenset(Signal) - frozenset(TELLING)


def counted_alone(evidence: HostEvidence) -> BenignExplanation | None:
    """Only alerts, of rules that newsletters, surveys, monitors and crowds trigger, too."""
    if not count_alone(evidence):
        return None
    return BenignExplanation(
        "is seen by rules alone that newsletters, surveys, monitors and the people behind one "
        "address trigger as well",
        "log its dns, smtp and flow records, or look at what it sends",
        COUNTED,
        PERHAPS,
    )
