"""HostEvidence -> the explanation of hosts known only from counting rules. Pure."""

from eveproc.evidence.store import HostEvidence
from eveproc.verdicts.alert_weights import TELLING, count_alone
from eveproc.verdicts.explanation import PERHAPS, BenignExplanation
from rulegen.vocabulary import Signal

COUNTED = frozenset(Signal) - frozenset(TELLING)


def counted_alone(evidence: HostEvidence) -> BenignExplanation | None:
    """Deliveries only in alerts, of rules that also count what benign hosts do."""
    if not count_alone(evidence):
        return None
    return BenignExplanation(
        "triggered delivery rules that newsletters, surveys, monitors and many people behind one "
        "address also trigger, and no record shows a delivery",
        "log its dns, smtp and flow records, or inspect what it sends",
        COUNTED,
        PERHAPS,
    )
