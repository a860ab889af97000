"""EvidenceStore -> Needs: the records that each family is read from, and their settings. Pure."""

from collections.abc import Iterator

from msgspec import Struct

from eveproc.evidence.store import EvidenceStore
from eveproc.signals.facts import Fact
from rulegen.vocabulary import Family, Signal

TYPES = "outputs: eve-log: types:"
# With fewer unencrypted mails, all of them may lack a feature by chance.
MAILS = 5


class Need(Struct, frozen=True):
    """One requirement of a family.

    `is_there` is None if the logs cannot tell. `setting` enables it, in suricata.yaml unless it
    names another file.
    """

    family: Family
    what: str
    is_there: bool | None
    setting: str


def needs_of(store: EvidenceStore) -> tuple[Need, ...]:
    """Every need, by family."""
    return (*_lookup(store), *_delivery(store), *_content(store), *_rejection(store))


def _lookup(store: EvidenceStore) -> Iterator[Need]:
    has_dns = "dns" in store.coverage.kinds()
    yield Need(Family.LOOKUP, "dns records: queries and answers", has_dns, f"{TYPES} dns")
    yield Need(
        Family.LOOKUP,
        "answers with addresses, which name the organisation that runs a server",
        bool(store.server_names.names) if has_dns else False,
        f"{TYPES} dns: formats: [detailed]; let the sensor see clients and their resolver",
    )


def _delivery(store: EvidenceStore) -> Iterator[Need]:
    has_flow = store.flows_logged or "flow" in store.coverage.kinds()
    yield Need(Family.DELIVERY, "flow records with TCP flags", has_flow, f"{TYPES} flow")
    yield Need(Family.DELIVERY, "smtp records", _has_smtp(store), f"{TYPES} smtp")


def _content(store: EvidenceStore) -> Iterator[Need]:
    yield Need(
        Family.CONTENT,
        "subjects or checksums of mails",
        _is_among_mails(store, Signal.LOOK_ALIKE),
        f"{TYPES} smtp: extended: yes, md5: [body, subject]",
    )


def _rejection(store: EvidenceStore) -> Iterator[Need]:
    has_alerts = store.coverage.own_alerts > 0 or "alert" in store.coverage.kinds()
    yield Need(
        Family.REJECTION,
        "alert records (no other record shows a refused mail)",
        has_alerts,
        f"{TYPES} alert: metadata: yes; load the rules of rulegen build",
    )


def _has_smtp(store: EvidenceStore) -> bool | None:
    """None if no mail was sent unencrypted: then there is nothing to log."""
    if "smtp" in store.coverage.kinds():
        return True
    return False if store.coverage.traffic["smtp"] else None


def _is_among_mails(store: EvidenceStore, signal: Signal) -> bool | None:
    """True if any mail had what the signal counts; None if there were too few mails to tell."""
    mails = 0
    for _, evidence in store.hosts.items():
        if evidence.log(signal).hours:
            return True
        mails += evidence.log(Signal.MAIL_BURST).count()
    if mails >= MAILS:
        return False
    return None if _has_smtp(store) is not False else False


class SeenServer(Struct, frozen=True):
    """A declared server (`role`: mail server or resolver), and whether it was seen at work."""

    address: str
    role: str
    is_seen: bool


def servers_of(
    store: EvidenceStore, mail: tuple[str, ...], dns: tuple[str, ...]
) -> tuple[SeenServer, ...]:
    """Each declared server; addresses in canonical spelling."""
    declared = [(address, "mail server", Fact.TAKES_MAIL_IN) for address in mail]
    declared += [(address, "resolver", Fact.SERVES_DNS) for address in dns]
    return tuple(
        SeenServer(address, role, _is_seen(store, address, fact))
        for address, role, fact in declared
    )


def _is_seen(store: EvidenceStore, address: str, fact: Fact) -> bool:
    evidence = store.hosts.get(address)
    return address in store.active or bool(evidence and evidence.log(fact).hours)
