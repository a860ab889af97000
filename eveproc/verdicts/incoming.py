"""HostEvidence -> the hosts that bring it mail. Pure."""

from eveproc.evidence.store import HostEvidence
from eveproc.signals.facts import Fact


def clients_with_mail(evidence: HostEvidence) -> set[str]:
    """Hosts that handed it a mail, as far as known.

    Of an encrypted session only the greeting is logged. It counts unless the bytes of its
    connections show that nothing was handed over: scanners greet every open port.
    """
    return evidence.log(Fact.TAKES_MAIL_IN).keys() | _greeted_by(evidence)


def mails_taken_in(evidence: HostEvidence) -> int:
    """Number of sessions that handed it a mail."""
    greetings = evidence.log(Fact.GREETED_BY).count() if _greeted_by(evidence) else 0
    return evidence.log(Fact.TAKES_MAIL_IN).count() + greetings


def _greeted_by(evidence: HostEvidence) -> set[str]:
    return evidence.log(Fact.GREETED_BY).keys() - evidence.log(Fact.ONLY_ASKED_BY).keys()
