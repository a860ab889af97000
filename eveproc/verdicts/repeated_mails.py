"""A host's mails + those of others -> hosts whose mails it repeats (NAT seen on both sides)."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from ipaddress import ip_address, ip_network

from msgspec.structs import replace

from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.verdicts.machines import Machine
from eveproc.verdicts.parameters import INFECTED_AT
from eveproc.verdicts.verdict import Verdict
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import Level, Signal

# Attributes of an outbound mail that are the same on both sides of NAT: recipient, server.
_MAIL = (
    Signal.MAIL_BURST,
    Signal.SMTP_SESSIONS,
    Signal.SMTP_ATTEMPTS,
    Signal.SUBMISSION_ATTEMPTS,
)
# Maximum clock difference of two sensors in seconds.
AT_ONCE = 5
# Minimum number, and minimum share, of a host's mails that must be another's.
FEWEST, PART = 3, 0.5
# Address ranges that NAT translates on the way to the Internet.
_INTERNAL = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
# Score of a host that would be infected if the mails were its own.
CAPPED = INFECTED_AT - 0.01

# Maximum number of sources named.
NAMED = 3

Sent = tuple[Signal, str]


class RepeatedMails:
    """Finds the hosts whose mails a host repeats.

    Nothing is looked up until a host is above clean.
    """

    def __init__(self, store: EvidenceStore, site: SiteProfile) -> None:
        self._store = store
        self._site = site

    def checked(self, verdict: Verdict, machine: Machine) -> Verdict:
        """The verdict, corrected if the machine is a router or a NAT address."""
        if verdict.level is Level.CLEAN:
            return verdict
        sources = self.sources(machine)
        is_router = machine.address in self._routers or len(sources) > 1
        found = of_nat(verdict, sources) if sources else verdict
        return replace(found, is_router=True) if is_router else found

    @cached_property
    def _routers(self) -> frozenset[str]:
        return self._store.macs.router_addresses()

    @cached_property
    def _sent(self) -> Mapping[Sent, list[tuple[float, str]]]:
        peer_of = self._store.server_names.peers()
        found: dict[Sent, list[tuple[float, str]]] = {}
        for address, evidence in self._store.hosts.that_may_hold(*_MAIL):
            for sent, time in _sent(evidence.whole().by_peer(peer_of)):
                found.setdefault(sent, []).append((time, address))
        return found

    def sources(self, machine: Machine) -> tuple[str, ...]:
        """Hosts whose mails this one repeats, most frequent first; () if its mails are its own."""
        if any(self._site.is_mail_server(ip_address(a)) for a in machine.addresses):
            return ()
        mails = list(_sent(machine.evidence))
        counts: dict[str, int] = {}
        repeated = 0
        for sent, time in mails:
            others = {a for t, a in self._sent.get(sent, ()) if abs(t - time) <= AT_ONCE}
            origins = [a for a in others if self._is_origin(a, machine)]
            repeated += bool(origins)
            for origin in origins:
                counts[origin] = counts.get(origin, 0) + 1
        if repeated < max(FEWEST, PART * len(mails)):
            return ()
        return tuple(sorted(counts, key=lambda a: (-counts[a], a)))

    def _is_origin(self, address: str, machine: Machine) -> bool:
        """True if the machine may be this host's NAT. A declared server sends its own mails."""
        if address in machine.addresses:
            return False
        if self._site.is_mail_server(ip_address(address)):
            return True
        return _is_internal(address) and not any(map(_is_internal, machine.addresses))


def of_nat(verdict: Verdict, sources: tuple[str, ...]) -> Verdict:
    """The verdict on a host that repeats the mails of `sources`: never infected by them."""
    named = _named(sources)
    capped = verdict.level is Level.INFECTED
    return replace(
        verdict,
        repeats=sources,
        level=Level.SUSPECTED if capped else verdict.level,
        score=min(verdict.score, CAPPED) if capped else verdict.score,
        why=(
            f"The same mails were seen from {named} at the same times: this is a NAT "
            "address of the site's own hosts, which are monitored on both sides of the "
            f"NAT. {verdict.why}"
        ),
        next_step=(
            f"Investigate {named} instead. Add this address to mail_servers, or omit the "
            "log of the external interface."
        ),
    )


def sentence(verdict: Verdict) -> str:
    """Sentence for the head of the report."""
    return (
        f"{verdict.host} sent the same mails as {_named(verdict.repeats)} at the same "
        "times: it is a NAT address, and the mails came from internal hosts"
    )


def _named(sources: tuple[str, ...]) -> str:
    more = f" and {len(sources) - NAMED} more" if len(sources) > NAMED else ""
    return ", ".join(sources[:NAMED]) + more


def _is_internal(address: str) -> bool:
    parsed = ip_address(address)
    return any(parsed.version == n.version and parsed in n for n in _INTERNAL)


def _sent(evidence: HostEvidence) -> Iterator[tuple[Sent, float]]:
    """Mails by recipient and server, with the first time in each hour."""
    for signal in _MAIL:
        for bucket in evidence.log(signal).hours.values():
            yield from (((signal, key), time) for key, time in bucket.keys.items())
