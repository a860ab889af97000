"""Machines without MAC and lease -> those with addresses active one after another, as one.

A machine that changes its address (IPv6 privacy extensions, DHCP that is not logged) acts from one
address after another, and never from two at once. Addresses are combined if

- they are in one /64 (IPv6) or /24 (IPv4) and in the same scope, and nothing names their machines;
- each of them delivered mail to, or looked up the mail servers of, at least PEERS_EACH peers, as
  people's machines do not: submission to a provider does not count;
- or, if no record shows that, each of them raised the same alert;
- no two of them were active at once;
- none of them greets under a name of its own, as machines do that work in turns;
- the probability that independent hosts follow each other so closely is at most one in 2,000
  (`chance`), for alerts one in 20,000.

Two machines of one network that change addresses at the same time cannot be separated, and the
addresses of neither are combined. docs/verdicts.md has the measurement.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from ipaddress import ip_address
from itertools import accumulate, combinations, pairwise
from math import exp, lgamma, log
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.packed_store import PackedStore
from eveproc.evidence.sketch import ActivitySketch
from eveproc.evidence.store import EvidenceSource, EvidenceStore, HostEvidence, merged
from eveproc.signals.registry import SIGNALS
from eveproc.verdicts.machines import Machine, context_of
from eveproc.verdicts.parameters import INFECTED_AT, SUSPECTED_AT
from eveproc.verdicts.verdict import assess
from rulegen.site_profile import SiteProfile
from rulegen.units import count_of
from rulegen.vocabulary import Signal

# Activities that people's machines do not show: they submit their mail to one provider.
ACTS = (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS, Signal.MX_FLOOD, Signal.NAME_GUESS)
# Alerts that people's machines do not raise, either.
ALERTS = frozenset(
    signal for signal, entry in SIGNALS.items() if entry.alert_weight is not None
) - {Signal.SUBMISSION_ATTEMPTS, Signal.SUBMISSION_SLOW}
# One server or domain is what a device with a mail account of its own has.
PEERS_EACH = 2
# Two addresses that follow each other are a coincidence that a large network shows every day.
FEWEST_ADDRESSES = 3
CHANCE_AT_MOST = 5e-4
# Alerts are moments, which follow each other closely more often than hours of mailing do.
CHANCE_OF_ALERTS = 5e-5
# A host that was active at the same time as this share of the others is not part of the machine.
STEADY = 0.5
# More hosts of one network that mail directly are no single machine; comparing them takes long.
COMPARED_AT_MOST = 512
# Maximum number of candidates of a network that are compared by alerts.
MOST_CANDIDATES = 4 * COMPARED_AT_MOST

_DIGITS = re.compile(r"[0-9]{1,3}", re.ASCII)


class _Candidate:
    """A machine without a name that mailed directly, looked up mail servers or raised alerts.

    `alerts` are the signals of its alerts, empty where records show enough.
    """

    def __init__(self, machine: Machine, alerts: frozenset[Signal] = frozenset()) -> None:
        self.machine = machine
        self.alerts = alerts

    @cached_property
    def times(self) -> list[float]:
        return sorted({time for sketch in self._sketches() for time in sketch.times()})

    def _sketches(self) -> list[ActivitySketch]:
        evidence = self.machine.evidence
        if self.alerts:
            return [evidence.alerts(signal) for signal in self.alerts]
        return [evidence.log(signal) for signal in ACTS]

    @cached_property
    def since(self) -> float:
        """When it had done enough to be a candidate: at the first alert, if there are alerts."""
        each = 1 if self.alerts else PEERS_EACH
        met = (sketch.newcomers() for sketch in self._sketches())
        return min(peers[each - 1][0] for peers in met if len(peers) >= each)

    @property
    def start(self) -> float:
        return self.times[0]

    @property
    def end(self) -> float:
        return self.times[-1]

    def overlaps(self, other: "_Candidate") -> bool:
        return self.start <= other.end and other.start <= self.end


class Chain(Struct, frozen=True):
    """Machines in order of time; `gap` is the longest pause between two, in seconds.

    `since` is the time from which independent hosts were ruled out. `signal` is that of the alerts
    that all of them raised, None if records show what they did.
    """

    machines: tuple[Machine, ...]
    network: str
    gap: float
    since: float
    signal: Signal | None = None

    @property
    def sentence(self) -> str:
        did = (
            f"raised the same alert ({self.signal}) one after another"
            if self.signal
            else "were active one after another"
        )
        return (
            f"{count_of(len(self.machines), 'address')} of {self.network} {did}, never at the same "
            f"time and with pauses of at most {max(1, round(self.gap))} s, as if one machine "
            "changed its address: they are judged together."
        )


def joined(found: Iterable[Machine], store: EvidenceStore, site: SiteProfile) -> Iterator[Machine]:
    """The same machines; those that were active one after another are combined."""
    kept = _Kept()
    waiting: dict[tuple[str, str, bool], list[str]] = {}
    # Most addresses have no neighbours, or too many, to be one machine with them.
    neighbours = Counter(map(network_of, store.hosts))
    for machine in found:
        network = network_of(machine.address)
        if neighbours[network] < FEWEST_ADDRESSES or not _is_candidate(machine, site):
            yield machine
            continue
        has_alerts = bool(_alerts_alone(machine.evidence))
        keys = waiting.setdefault((network, machine.scope, has_alerts), [])
        if len(keys) > _most(has_alerts=has_alerts):
            yield machine
        else:
            keys.append(kept.add(machine))
    for (network, _, has_alerts), keys in waiting.items():
        if (
            not FEWEST_ADDRESSES <= len(keys) <= _most(has_alerts=has_alerts)
        ):  # these cannot form a chain
            yield from map(kept.take, keys)
            continue
        candidates = [_Candidate(m, _alerts_alone(m.evidence)) for m in map(kept.take, keys)]
        chains = _chains(candidates, network)
        taken = {id(machine) for chain in chains for machine in chain.machines}
        yield from (c.machine for c in candidates if id(c.machine) not in taken)
        for chain in chains:
            yield from _judged_together(chain, store, site)


def _most(*, has_alerts: bool) -> int:
    return MOST_CANDIDATES if has_alerts else COMPARED_AT_MOST


class _Kept:
    """Machines that wait for others; most evidence is packed to save memory."""

    def __init__(self) -> None:
        self._machines: dict[str, Machine] = {}
        self._evidence = PackedStore(HostEvidence)

    def add(self, machine: Machine) -> str:
        """Returns its key."""
        key = str(len(self._evidence))
        self._machines[key] = replace(machine, evidence=_NO_EVIDENCE)
        self._evidence[key] = machine.evidence
        return key

    def take(self, key: str) -> Machine:
        return replace(self._machines.pop(key), evidence=self._evidence[key])


_NO_EVIDENCE = HostEvidence()


def networks_of_candidates(found: Iterable[Machine], site: SiteProfile) -> set[str]:
    """The networks in which further addresses may be one machine with one of these."""
    return {network_of(m.address) for m in found if _is_candidate(m, site)}


def networks_with_acts(store: EvidenceStore, site: SiteProfile) -> set[str]:
    """As `networks_of_candidates`, before machines are known; includes all of those."""
    return {
        network_of(address)
        for address, evidence in store.hosts.items()
        if may_be_candidate(evidence) and not site.is_mail_server(ip_address(address))
    }


def may_be_candidate(evidence: HostEvidence) -> bool:
    """True if the evidence of an address, or a part of it, shows enough to compare it."""
    return any(map(_does_enough, (evidence, *evidence.parts.values())))


def _does_enough(evidence: HostEvidence) -> bool:
    most = max(evidence.log(signal).distinct() for signal in ACTS)
    return most >= PEERS_EACH or bool(_alerts_alone(evidence))


def _alerts_alone(evidence: HostEvidence) -> frozenset[Signal]:
    """Signals of a host's alerts; none if records show what it did."""
    if any(evidence.log(signal).hours for signal in ACTS):
        return frozenset()
    raised = {kind for kind, source in evidence.sketches if source is EvidenceSource.ALERT}
    return ALERTS & raised


def chance(chained: int, of: int, gap: float, span: float) -> float:
    """Upper bound of the probability that independent hosts follow each other so closely.

    `of` hosts begin at any time of `span` seconds. That each of `chained` but the first begins
    within `gap` seconds after the one before it ended has the probability gap/span; there are
    of!/(of - chained)! such orders.
    """
    if span <= max(gap, 1.0):
        return 1.0
    return exp(min(0.0, _log_orders(chained, of) - (chained - 1) * log(span / max(gap, 1.0))))


def _log_orders(chained: int, of: int) -> float:
    """Logarithm of the number of orders in which `chained` of `of` hosts may follow each other."""
    return lgamma(of + 1) - lgamma(of - chained + 1)


def _is_candidate(machine: Machine, site: SiteProfile) -> bool:
    if machine.identity or machine.contested or machine.apart or not machine.evidence.sketches:
        return False
    if not _does_enough(machine.evidence):
        return False
    address = ip_address(machine.address)
    return not (site.is_mail_server(address) or site.is_resolver(address))


@lru_cache(maxsize=1 << 16)
def network_of(address: str) -> str:
    """The /64 or /24 of an address; ip_network takes ten times as long."""
    family, kept = (AF_INET6, 8) if ":" in address else (AF_INET, 3)
    packed = inet_pton(family, address)
    network = inet_ntop(family, packed[:kept].ljust(len(packed), b"\0"))
    return f"{network}/{8 * kept}"


def _chains(candidates: list[_Candidate], network: str) -> list[Chain]:
    """Runs of candidates that follow each other too closely for independent hosts."""
    signal = _most_raised(candidates)
    bound = CHANCE_OF_ALERTS if signal else CHANCE_AT_MOST
    if signal:
        candidates = [c for c in candidates if signal in c.alerts]
    if not FEWEST_ADDRESSES <= len(candidates) <= COMPARED_AT_MOST:
        return []
    others = sorted(_without_steady(_without_named(candidates)), key=lambda c: (c.start, c.end))
    span = max(c.end for c in candidates) - min(c.start for c in candidates)
    return [
        Chain(
            tuple(c.machine for c in run),
            network,
            max(_gaps(run)),
            _since(run, candidates, bound),
            signal,
        )
        for run in _runs(others, len(candidates), span, bound)
    ]


def _most_raised(candidates: list[_Candidate]) -> Signal | None:
    """The signal whose alerts most candidates raised; None if there are records."""
    raised = Counter(signal for candidate in candidates for signal in candidate.alerts)
    return min(raised, key=lambda signal: (-raised[signal], signal), default=None)


def _since(run: list[_Candidate], candidates: list[_Candidate], bound: float) -> float:
    """The time at which enough of a run had been active to rule out coincidence."""
    first, starts = min(c.start for c in candidates), sorted(c.since for c in candidates)
    gaps = list(accumulate(_gaps(run), max))
    known = list(accumulate((candidate.since for candidate in run), max))
    return min(
        max(time, first + _span_for(number, bisect_right(starts, time), gap, bound))
        for number, (time, gap) in enumerate(zip(known[1:], gaps, strict=True), 2)
        if number >= FEWEST_ADDRESSES
    )


def _span_for(chained: int, of: int, gap: float, bound: float) -> float:
    """The seconds within which `chance` falls to the bound."""
    return max(gap, 1.0) * exp((_log_orders(chained, of) - log(bound)) / (chained - 1))


def _without_steady(candidates: list[_Candidate]) -> list[_Candidate]:
    """Without hosts that were active at the same time as most others, such as servers."""
    beside = dict.fromkeys(map(id, candidates), 0)
    for one, other in combinations(candidates, 2):
        if one.overlaps(other):
            beside[id(one)] += 1
            beside[id(other)] += 1
    most = max(FEWEST_ADDRESSES, STEADY * (len(candidates) - 1))
    return [candidate for candidate in candidates if beside[id(candidate)] < most]


def _without_named(candidates: list[_Candidate]) -> list[_Candidate]:
    """Without machines that use one HELO name, repeatedly, that no other of them uses.

    A machine that changes its address keeps its HELO name, or changes it with nearly each mail.
    """
    greetings = [c.machine.evidence.log(Signal.HELO_ODD) for c in candidates]
    names = [sketch.keys() for sketch in greetings]
    used = Counter(name for of_one in names for name in of_one)
    return [
        candidate
        for candidate, sketch, own in zip(candidates, greetings, names, strict=True)
        if len(own) != 1
        or sketch.count() < PEERS_EACH
        or any(used[n] > 1 or _tells_address(candidate.machine.address, n) for n in own)
    ]


def _tells_address(address: str, name: str) -> bool:
    """True if the name changes with the address: a literal, or its last octets next to each
    other.
    """
    last = sorted(map(int, address.split(".")[2:])) if ip_address(address).version == 4 else []
    numbers = map(int, _DIGITS.findall(name))
    return name.startswith("[") or last in map(sorted, pairwise(numbers))


def _runs(
    ordered: list[_Candidate], of: int, span: float, bound: float
) -> Iterator[list[_Candidate]]:
    """The longest parts of which no two were active at once, and which are no coincidence.

    A part that may be a coincidence is split at its longest pause.
    """
    parts = [ordered]
    while parts:
        part = parts.pop()
        if len(part) < FEWEST_ADDRESSES:
            continue
        gaps = _gaps(part)
        if min(gaps) > 0 and chance(len(part), of, max(gaps), span) <= bound:
            yield part
        else:
            cut = 1 + gaps.index(max(gaps))
            parts += [part[cut:], part[:cut]]


def _gaps(run: Sequence[_Candidate]) -> list[float]:
    """Seconds from the end of each to the start of the next; not above 0 if active at once."""
    ends = accumulate((candidate.end for candidate in run), max)
    return [after.start - end for end, after in zip(ends, run[1:], strict=False)]


def _judged_together(chain: Chain, store: EvidenceStore, site: SiteProfile) -> Iterator[Machine]:
    """One machine, if that makes it suspect and none of its addresses is infected by itself."""
    latest = chain.machines[-1]
    together = replace(
        latest,
        evidence=merged(machine.evidence for machine in chain.machines),
        addresses=tuple(machine.address for machine in chain.machines),
        in_turn=chain.sentence,
        one_since=chain.since,
        names=tuple(dict.fromkeys(name for m in reversed(chain.machines) for name in m.names)),
    )
    score = assess(together.evidence, context_of(together, store, site)).score
    alone = (assess(m.evidence, context_of(m, store, site)).score for m in chain.machines)
    if score >= SUSPECTED_AT and max(alone) < INFECTED_AT:
        yield together
    else:
        yield from chain.machines
