"""EvidenceStore + SiteProfile -> Machine: its evidence, and its role in the site profile."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from math import inf
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.assets import Apart, assets
from eveproc.evidence.host_names import HostName
from eveproc.evidence.store import EvidenceSource, EvidenceStore, HostEvidence
from eveproc.verdicts import user_names
from eveproc.verdicts.long_window import earlier_nights
from eveproc.verdicts.own_domains import OwnDomains
from eveproc.verdicts.past import NO_PAST, Past
from eveproc.verdicts.people import Crowd, crowd_behind, look_behind, sessions_behind
from eveproc.verdicts.scoring import HostContext, signals_for
from eveproc.verdicts.verdict import (
    TOGETHER_AT,
    USUAL,
    Bounds,
    Identity,
    Verdict,
    judge,
    key_of,
)
from rulegen.inventory import InventoryEntry
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import Level


class Machine(Struct, frozen=True):
    """A machine's evidence over all its addresses; `address` is the latest.

    `names` are its own and those of its users, from logins; `clients` is the number of marks of
    clients by kind (host_names.py).

    `scope`, `scopes`, `apart` and `contested` are those of its Asset. `in_turn` says why its
    addresses, in order of time, are assumed to be one machine (address_rotation.py), `one_since`
    from when on.
    """

    address: str
    evidence: HostEvidence
    identity: Identity | None
    addresses: tuple[str, ...]
    scope: str = ""
    scopes: frozenset[str] = frozenset()
    apart: Apart | None = None
    contested: tuple[str, ...] = ()
    in_turn: str = ""
    one_since: float = -inf
    names: tuple[HostName, ...] = ()
    clients: Mapping[str, int] = MappingProxyType({})

    @property
    def key(self) -> tuple[str, str]:
        """Key of its Verdict."""
        return key_of(self.address, self.identity, self.scope)


def machines(
    store: EvidenceStore, site: SiteProfile, *, everyone: bool = True
) -> Iterator[Machine]:
    """Every home host that was seen, with the evidence of all its addresses.

    Without `everyone`, hosts without evidence and lease are omitted.
    """
    for asset in assets(store, site.separate_by, everyone=everyone):
        mac, addresses = asset.mac, asset.addresses
        identity = Identity(mac, store.leases.name_of(mac), addresses) if mac else None
        yield Machine(
            asset.address,
            asset.evidence,
            identity,
            addresses,
            asset.scope,
            asset.scopes,
            asset.apart,
            asset.contested,
            names=store.host_names.of(asset.holds, asset.scopes if asset.scope else None),
            clients=store.clients.distinct(asset.holds, asset.scopes if asset.scope else None),
        )


def context_of(
    machine: Machine,
    store: EvidenceStore,
    site: SiteProfile,
    past: Past = NO_PAST,
    own: OwnDomains | None = None,
) -> HostContext:
    """Declared role of the machine's addresses, and whether its connections are visible.

    `past` are its kept days. `own` are the site's domains, if they were searched for already.
    """
    own = own or OwnDomains(store, site)
    addresses = [ip_address(address) for address in machine.addresses]
    is_mail_server = any(map(site.is_mail_server, addresses))
    return HostContext(
        site=site,
        signals=signals_for(is_mail_server, any(map(site.is_resolver, addresses))),
        is_mail_server=is_mail_server,
        connections_logged=store.flows_logged,
        is_own=own.include,
        may_be_own=own.may_include,
        tls_logged="tls" in store.coverage.kinds(),
        sensor_blind=store.health.is_blind(),
        nights=earlier_nights(past),
    )


def verdict_on(machine: Machine, context: HostContext) -> Verdict:
    """The verdict, including doubts about whose evidence it is."""
    bounds = Bounds(TOGETHER_AT, machine.one_since) if machine.in_turn else USUAL
    verdict = judge(machine.address, machine.evidence, machine.identity, context, bounds)
    if (entry := inventory_entry(machine, context.site)) is not None:
        verdict = replace(verdict, inventory=entry)
    if verdict.level is not Level.CLEAN and machine.names:
        why = f"{verdict.why} {user_names.sentence(machine.names)}"
        verdict = replace(verdict, names=machine.names, why=why)
    if verdict.level is not Level.CLEAN and (
        crowd := crowd_behind(machine.evidence, machine.names, machine.clients)
    ):
        verdict = _of_several(verdict, crowd, machine.evidence)
    if machine.in_turn:
        verdict = _of_one_in_turn(verdict, machine)
    if not (machine.scope or machine.contested):
        return verdict
    why = " ".join(filter(None, (verdict.why, _doubt(machine), _doubt_of_alerts(machine))))
    return replace(verdict, scope=machine.scope, why=why)


def _of_several(verdict: Verdict, crowd: Crowd, evidence: HostEvidence) -> Verdict:
    """The verdict on an address that several people use, with how to find the right one."""
    heaviest = verdict.evidence[0]
    sessions = sessions_behind(evidence, verdict.evidence)
    behind = look_behind(sessions, heaviest.first_seen, heaviest.last_seen)
    return replace(
        verdict,
        people=crowd.people,
        nat_sessions=sessions,
        why=f"{verdict.why} {crowd.sentence}",
        next_step=f"{verdict.next_step} {behind}".strip(),
    )


def _of_one_in_turn(verdict: Verdict, machine: Machine) -> Verdict:
    """The verdict on addresses that are only assumed to be one machine."""
    return replace(
        verdict,
        in_turn=machine.addresses,
        why=f"{verdict.why} {machine.in_turn}",
        next_step=f"{verdict.next_step} {_FIND_IT}".strip(),
    )


_FIND_IT = (
    "To find the machine, look up the latest address in the neighbour table of the router; "
    "`ethernet: yes` in eve-log names it by its MAC."
)


def inventory_entry(machine: Machine, site: SiteProfile) -> InventoryEntry | None:
    """The row of the site's inventory about this machine; None if its owner is uncertain."""
    if site.inventory.path is None or machine.contested:
        return None
    mac = machine.identity.mac if machine.identity else ""
    addresses = (machine.address, *machine.addresses)
    return site.inventory.entry_for(mac, addresses, machine.scope, machine.scopes)


def _doubt_of_alerts(machine: Machine) -> str:
    """Suricata counts by address alone, and an alert has the VLAN of the packet that fired it."""
    has_alerts = any(source is EvidenceSource.ALERT for _, source in machine.evidence.sketches)
    if not (has_alerts and any("vlan=" in scope for scope in machine.scopes)):
        return ""
    return (
        "The engine counts this address in all VLANs together: alerts may be about another "
        "machine, records are not."
    )


def _doubt(machine: Machine) -> str:
    if machine.contested:
        return (
            f"Several machines had this address at the same time ({', '.join(machine.contested)}): "
            "it is unknown which of them did this."
        )
    if machine.apart:
        return (
            f"Several machines have this address: only what was seen in {machine.scope} "
            "counts here."
        )
    return ""
