"""HostEvidence -> benign explanations, the signals they explain, and the next step. Pure."""

from eveproc.evidence.store import HostEvidence
from eveproc.verdicts import (
    explained_alerts,
    explained_clients,
    explained_senders,
    explained_servers,
    explained_surveys,
)
from eveproc.verdicts.caps import Caps
from eveproc.verdicts.explanation import LOOKUPS, BenignExplanation
from eveproc.verdicts.scoring import HostContext


def find_benign_explanations(
    evidence: HostEvidence, caps: Caps, context: HostContext
) -> tuple[BenignExplanation, ...]:
    """Every benign explanation that the evidence supports."""
    by_role = (
        explained_servers.declared_server(evidence, is_declared=context.is_mail_server),
        explained_servers.mail_server(evidence),
        explained_servers.resolver(evidence),
        explained_servers.mail_filter(evidence),
        explained_servers.scanner(evidence, context),
        explained_clients.provider_client(evidence)
        or explained_surveys.monitor(evidence, context)
        or explained_surveys.survey(evidence, context),
        explained_surveys.blocked_queue(evidence),
        explained_surveys.sessions_alone(evidence, context),
        explained_clients.account_setup(evidence),
        explained_clients.regulars(evidence),
        explained_clients.regulars_on_port_25(evidence),
        explained_clients.file_sharer(evidence),
        explained_senders.own_sender(evidence, context)
        or explained_senders.hidden_sender(evidence, context),
        explained_senders.few_a_night(evidence, caps, context),
        explained_alerts.counted_alone(evidence),
    )
    found = tuple(e for e in by_role if e)
    is_told = any(e.signals >= LOOKUPS for e in found)
    checker = None if is_told else explained_surveys.address_checker(evidence, caps)
    own = explained_clients.own_providers(evidence, caps)
    return found + tuple(e for e in (checker, own) if e)
