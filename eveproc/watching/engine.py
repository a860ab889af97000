"""Pieces of EVE as they are written -> news: a host's verdict, once when it is new or changes.

Only hosts with new evidence are judged. Evidence older than EVIDENCE_HOURS is dropped by whole
hours, so memory is bounded by what a day of mail traffic takes.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from math import inf, nextafter

from msgspec import Struct, field
from msgspec.structs import replace

from eveproc.evidence.collector import Collector, Period
from eveproc.evidence.coverage import Coverage
from eveproc.evidence.leases import Leases
from eveproc.evidence.macs import MacTable
from eveproc.evidence.packed_store import PackedStore
from eveproc.evidence.sketch import ActivitySketch
from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.input.events import Event, Skipped
from eveproc.input.parallel import Gatherer
from eveproc.input.read_stats import ReadStats
from eveproc.state.incident import (
    Incident,
    JudgedHost,
    LiveNews,
    News,
    Standing,
    find,
    follow,
    settled_until,
    whereabouts,
)
from eveproc.state.state import EVIDENCE_HOURS, LEASE_DAYS
from eveproc.verdicts.address_rotation import (
    MOST_CANDIDATES,
    joined,
    may_be_candidate,
    network_of,
    networks_of_candidates,
)
from eveproc.verdicts.change import Trend
from eveproc.verdicts.judge_input import judgement_of
from eveproc.verdicts.judgement import Judgement
from eveproc.verdicts.machines import Machine, context_of, machines, verdict_on
from eveproc.verdicts.repeated_mails import RepeatedMails
from eveproc.verdicts.verdict import assess
from eveproc.watching.faults import Faults
from rulegen.inventory import Inventory
from rulegen.site_profile import SiteProfile
from rulegen.units import DAY, HOUR
from rulegen.vocabulary import Level

# Number of addresses whose evidence is unpacked and judged at a time: a flood with invented sources
# changes many.
AT_A_TIME = 512


class WatchMemory(Struct):
    """What a watch remembers, and a later watch needs to go on: evidence, and incidents by id."""

    store: EvidenceStore = field(default_factory=EvidenceStore)
    incidents: dict[str, Incident] = field(default_factory=dict)


class Watcher:
    """Takes in pieces of EVE and returns what is news. `memory` is updated in place.

    `now` is the wall clock in seconds since 1970 UTC. Events dated more than a day later are
    ignored.
    """

    def __init__(
        self,
        site: SiteProfile,
        memory: WatchMemory,
        stats: ReadStats | None = None,
        *,
        now: float = inf,
        faults: Faults | None = None,
    ) -> None:
        self.memory = memory
        self._faults = faults or Faults()
        self.stats = stats or ReadStats()
        self._site = site
        self._collector = Collector(site, Period(future=now + DAY))
        self._gatherer = Gatherer(self._collector)
        self._gatherer.stats = self.stats
        # Flows of hosts that are known from earlier blocks need not be decoded.
        self._collector.share_presence(memory.store)
        self._households = _Households(memory.store)
        self._fresh = EvidenceStore()
        self._told: dict[str, News] = {}
        self._changed = set(memory.store.hosts)  # the profile may have changed since the last watch
        self._aged = -inf
        # The coverage of this hour and of the one before.
        self._recent = [Coverage(), Coverage()]

    def use_inventory(self, inventory: Inventory) -> None:
        """Name hosts by this inventory from now on."""
        self._site = replace(self._site, inventory=inventory)

    def judgement(self) -> Judgement:
        """Whether verdicts may rest on what was read in the last hour or two."""
        seen = Coverage()
        for part in (*self._recent, self._collector.store.coverage):
            seen.merge(part)
        store = replace(self.memory.store, coverage=seen)
        return judgement_of(store, self._site, self.stats)

    def take(self, block: bytes, end: int) -> None:
        """Read the lines of block[:end]. A line that raises an exception is skipped."""
        taken = False
        with self._faults.caught("a piece of the log is read again line by line"):
            self._gatherer.take(block, end)
            self._gatherer.settle()
            taken = True
        if not taken:
            self._gatherer.take_plainly(block, end)

    def take_alerts(self, results: Iterable[Event | Skipped], log: str) -> None:
        """Add the results from a log of Snort at this path."""
        with self._faults.caught("a piece of a log of Snort cannot be used"):
            self._gatherer.take_alerts(results, log)

    def fresh(self) -> EvidenceStore:
        """The evidence that came since the last call, each piece once."""
        fresh, self._fresh = self._fresh, EvidenceStore()
        return fresh

    def told(self) -> tuple[News, ...]:
        """The latest change of each incident that changed since the last call."""
        told, self._told = self._told, {}
        return tuple(told.values())

    def look(self, now: float) -> Iterator[LiveNews]:
        """What became news since the last call; `now` is the wall clock."""
        self._collector.period = Period(future=now + DAY)
        self._merge()
        at = min(now, self.memory.store.last_event)
        if self._changed:
            changed, self._changed = self._changed, set()
            yield from self._news_of(changed, at)
        yield from self._age(at)

    def _merge(self) -> None:
        """Add what the collector found since the last look to what is remembered."""
        new = self._collector.take_new()
        if new is None:
            return
        if new.leases.seen or new.macs.seen or new.macs.claims:
            self._households.forget()
        self._changed |= set(new.hosts)
        self._note_coverage(new.coverage)
        for store in (self.memory.store, self._fresh):
            merge_in_parts(store, new, self._faults)
        self._collector.share_presence(self.memory.store)

    def _note_coverage(self, seen: Coverage) -> None:
        current = self._recent[-1]
        current.merge(seen)
        if len(current.hours) > 1:
            self._recent = [current, Coverage()]

    def _news_of(
        self, addresses: Iterable[str], at: float, *, over: bool = False
    ) -> Iterator[LiveNews]:
        """News of a few addresses at a time, those of one network together."""
        fellows = _Fellows(self.memory.store)
        ordered = sorted(addresses, key=lambda address: (network_of(address), address))
        for start in range(0, len(ordered), AT_A_TIME):
            for machine in self._machines(ordered[start : start + AT_A_TIME], fellows):
                yield from self._news_or_fault(machine, at, over=over)

    def _news_or_fault(self, machine: Machine, at: float, *, over: bool) -> list[LiveNews]:
        """The news of one machine; a machine that cannot be judged is named."""
        with self._faults.caught(f"{machine.address}: cannot be judged"):
            incident = self._incident_of(machine)
            if over:
                going = incident is not None and incident.standing is Standing.OPEN
                return list(self._judge(machine, incident, at, over=True)) if going else []
            # More evidence makes an infected host no worse; the end of its incident is found when
            # evidence ages out.
            if (
                incident is None
                or incident.level is not Level.INFECTED
                or incident.standing is Standing.QUIET
            ):
                return list(self._judge(machine, incident, at, over=False))
        return []

    def _judge(
        self, machine: Machine, incident: Incident | None, at: float, over: bool
    ) -> Iterator[LiveNews]:
        """`over`: a level below the one told ends the incident; otherwise it is ignored."""
        machine.evidence.trim()
        context = context_of(machine, self.memory.store, self._site)
        level = assess(machine.evidence, context).level
        known = incident.level if incident and incident.standing is Standing.OPEN else Level.CLEAN
        if level.rank <= known.rank and not over:
            return
        mails = RepeatedMails(self.memory.store, self._site)
        verdict = mails.checked(verdict_on(machine, context), machine)
        found = JudgedHost(verdict, seen=bool(machine.evidence.sketches))
        for told in follow([incident] if incident else [], [found], at):
            told = replace(told, incident=_at_its_worst(incident, told.incident))
            self.memory.incidents[told.incident.id] = told.incident
            self._told[told.incident.id] = told
            if told.change.trend is not Trend.STILL or (
                incident and incident.standing is Standing.QUIET
            ):
                yield LiveNews(verdict, told)

    def _incident_of(self, machine: Machine) -> Incident | None:
        going = (
            incident
            for incident in self.memory.incidents.values()
            if incident.standing is not Standing.CLOSED
        )
        return find(going, whereabouts(machine))

    def _machines(self, wanted: Sequence[str], fellows: "_Fellows") -> list[Machine]:
        """The machines of these addresses; if that raises an exception, address by address."""
        with self._faults.caught("hosts with new evidence are judged one by one"):
            return self._machines_of(wanted, fellows)
        found: dict[str, Machine] = {}
        for address in wanted:
            with self._faults.caught(f"{address}: cannot be judged"):
                machines_there = self._machines_of([address], fellows)
                found |= {machine.address: machine for machine in machines_there}
        return list(found.values())

    def _machines_of(self, addresses: Iterable[str], fellows: "_Fellows") -> list[Machine]:
        """Machines that have or had one of the addresses, without evidence of closed incidents."""
        store = self.memory.store
        wanted = self._households.around(addresses)
        found = self._seen_at(wanted)
        if networks := networks_of_candidates(found, self._site):
            wanted |= fellows.of(networks)
            found = list(joined(self._seen_at(wanted), store, self._site))
        over = [
            incident
            for incident in self.memory.incidents.values()
            if incident.standing is Standing.CLOSED
        ]
        return [_unsettled(machine, over) for machine in found] if over else found

    def _seen_at(self, wanted: set[str]) -> list[Machine]:
        store = self.memory.store
        hosts = PackedStore(HostEvidence)
        for address in sorted(wanted):
            if (evidence := store.hosts.get(address)) is not None:
                hosts[address] = evidence
        leases, macs = self._households.leases_of(wanted), self._households.macs_of(wanted)
        there = replace(store, hosts=hosts, active=wanted, leases=leases, macs=macs)
        return list(machines(there, self._site))

    def _age(self, at: float) -> Iterator[LiveNews]:
        """Once per hour of log time: drop old evidence, judge machines with an open incident."""
        if not at > -inf or at // HOUR <= self._aged:
            return
        self._aged = at // HOUR
        before = self._aged * HOUR - EVIDENCE_HOURS * HOUR
        forget(self.memory.store, before, self._faults)
        self._households.forget()
        incidents = self.memory.incidents
        for incident in [
            e
            for e in incidents.values()
            if e.standing is not Standing.OPEN and e.last_seen < before
        ]:
            del incidents[incident.id]
        going = {
            address
            for e in incidents.values()
            if e.standing is Standing.OPEN
            for address in self._households.of(e.mac, e.address)
        }
        yield from self._news_of(going, at, over=True)


class _Fellows:
    """Addresses whose evidence may be that of one machine with others of their network."""

    def __init__(self, store: EvidenceStore) -> None:
        self._hosts = store.hosts
        self._found: dict[str, frozenset[str]] = {}

    def of(self, networks: Iterable[str]) -> set[str]:
        """Those in the networks; of a network with too many to be compared, none."""
        return set().union(*(self._of(network) for network in networks))

    def _of(self, network: str) -> frozenset[str]:
        if network not in self._found:
            some = list(islice(self._in(network), MOST_CANDIDATES + 1))
            self._found[network] = frozenset(some if len(some) <= MOST_CANDIDATES else ())
        return self._found[network]

    def _in(self, network: str) -> Iterator[str]:
        for address in self._by_network.get(network, ()):
            evidence = self._hosts.get(address)
            if evidence is not None and may_be_candidate(evidence):
                yield address

    @cached_property
    def _by_network(self) -> dict[str, list[str]]:
        by_network: dict[str, list[str]] = {}
        for address in self._hosts:
            by_network.setdefault(network_of(address), []).append(address)
        return by_network


class _Households:
    """Which addresses belong to one machine, by leases and MACs; indexed again after changes."""

    def __init__(self, store: EvidenceStore) -> None:
        self._leases = store.leases
        self._table = store.macs
        self._known = False
        self._macs: dict[str, set[str]] = {}
        self._addresses: dict[str, set[str]] = {}
        self._entries: dict[str, list[tuple[str, str, int]]] = {}
        self._sightings: dict[str, list[tuple[str, str, int]]] = {}
        self._routers: frozenset[str] = frozenset()

    def forget(self) -> None:
        """Index again at the next question: the leases have changed."""
        self._known = False

    def around(self, addresses: Iterable[str]) -> set[str]:
        """These addresses and the others of the machines behind them."""
        self._index()
        wanted = set(addresses)
        for mac in {mac for address in wanted for mac in self._macs.get(address, ())}:
            wanted |= self._addresses[mac]
        return wanted

    def of(self, mac: str, address: str) -> Collection[str]:
        """All addresses of a machine."""
        self._index()
        return self._addresses.get(mac, (address,))

    def leases_of(self, addresses: set[str]) -> Leases:
        self._index()
        entries = {
            key: self._leases.seen[key]
            for address in addresses
            for key in self._entries.get(address, ())
        }
        return replace(self._leases, seen=entries)

    def macs_of(self, addresses: set[str]) -> MacTable:
        """The MACs of these addresses; all MACs are needed to tell routers' MACs."""
        self._index()
        keys = [key for address in addresses for key in self._sightings.get(address, ())]
        table = self._table
        seen = {key: table.seen[key] for key in keys if key in table.seen}
        claims = {key: table.claims[key] for key in keys if key in table.claims}
        return replace(table, seen=seen, claims=claims, gateways=set(self._routers))

    def _index(self) -> None:
        if self._known:
            return
        self._known = True
        self._macs, self._addresses, self._entries, self._sightings = {}, {}, {}, {}
        for key in self._leases.seen:
            address, mac, _ = key
            self._macs.setdefault(address, set()).add(mac)
            self._addresses.setdefault(mac, set()).add(address)
            self._entries.setdefault(address, []).append(key)
        table = self._table
        self._routers = table.routers({(address, mac) for address, mac, _ in self._leases.seen})
        for key in chain(table.seen, table.claims):
            self._sightings.setdefault(key[0], []).append(key)
        for address, mac in table.pairs():
            if mac not in self._routers:
                self._macs.setdefault(address, set()).add(mac)
                self._addresses.setdefault(mac, set()).add(address)


def merge_in_parts(store: EvidenceStore, new: EvidenceStore, faults: Faults) -> None:
    """Merge; if that raises an exception, host by host, so that only one host loses evidence."""
    with faults.caught("new evidence is merged host by host"):
        store.merge(new)
        return
    for address, evidence in new.hosts.items():
        with faults.caught(f"{address}: evidence was lost, a verdict may be too low"):
            store.add(address, evidence)
    for address, mac, time in sorted(new.leases.seen):
        with faults.caught(f"{address}: a lease of {mac} was lost"):
            store.leases.merge(Leases({(address, mac, time): new.leases.seen[address, mac, time]}))
    with faults.caught("other new evidence was lost"):
        leases = replace(new.leases, seen={})
        store.merge(replace(new, hosts=PackedStore(HostEvidence), leases=leases, active=set()))


def forget(store: EvidenceStore, before: float, faults: Faults | None = None) -> None:
    """Drop, in place, evidence of hours that ended by `before`; leases LEASE_DAYS later.

    A host whose evidence cannot be aged is dropped and named. Bounds that were reached no longer
    count once little is left: a flood of invented addresses is over a day after its end.
    """
    caught = faults or Faults()
    hosts = PackedStore(HostEvidence)
    for address, evidence in store.hosts.items():
        with caught.caught(f"{address}: evidence cannot be aged and was dropped"):
            if not (kept := _younger(evidence, before)).is_empty():
                hosts[address] = kept
    store.hosts = hosts
    store.active.intersection_update(hosts)  # in place: a Watcher's collector has the same set
    store.first_event = max(store.first_event, before)
    _forget_leases(store.leases, before)
    store.macs.forget(before)
    store.host_names.forget(before)
    store.clients.forget(before)
    store.server_names.forget(before - LEASE_DAYS * DAY)
    store.coverage.forget(before)
    store.sample_anew()
    health = store.health
    health.earliest = {
        key: health.latest[key] if report[0] < before else report
        for key, report in health.earliest.items()
    }
    health.highest = {key: value for key, (_, value) in health.latest.items()}


def _forget_leases(leases: Leases, before: float) -> None:
    def lasts(address: str, mac: str) -> float:
        return max(LEASE_DAYS * DAY, leases.lasting.get((address, mac), 0))

    leases.seen = {
        key: times for key, times in leases.seen.items() if times[1] >= before - lasts(*key[:2])
    }
    pairs = {(address, mac) for address, mac, _ in leases.seen}
    leases.lasting = {pair: seconds for pair, seconds in leases.lasting.items() if pair in pairs}
    leases.scopes = {pair: scopes for pair, scopes in leases.scopes.items() if pair in pairs}
    leases.released = {pair: time for pair, time in leases.released.items() if pair in pairs}
    macs = {mac for _, mac in pairs}
    leases.names = {
        mac: named for mac, named in leases.names.items() if mac in macs or named[0] >= before
    }


def _younger(evidence: HostEvidence, before: float) -> HostEvidence:
    sketches = ((key, _without_hours(sketch, before)) for key, sketch in evidence.sketches.items())
    parts = ((label, _younger(part, before)) for label, part in evidence.parts.items())
    return HostEvidence(
        {key: sketch for key, sketch in sketches if sketch.hours},
        {label: part for label, part in parts if part.sketches},
    )


def _without_hours(sketch: ActivitySketch, before: float) -> ActivitySketch:
    hours = {hour: bucket for hour, bucket in sketch.hours.items() if (hour + 1) * HOUR > before}
    if len(hours) == len(sketch.hours):
        return sketch
    young = ActivitySketch(
        hours, sketch.sids, {pivot: time for pivot, time in sketch.pivots.items() if time >= before}
    )
    times = list(young.times())
    young.first_seen, young.last_seen = min(times, default=inf), max(times, default=-inf)
    return young


def _unsettled(machine: Machine, over: Iterable[Incident]) -> Machine:
    """The machine with its evidence after its last incident: what was told does not count again."""
    end = settled_until(over, whereabouts(machine))
    return (
        replace(machine, evidence=machine.evidence.between(nextafter(end, inf), inf))
        if end > -inf
        else machine
    )


def _at_its_worst(before: Incident | None, now: Incident) -> Incident:
    """Keep the incident at its highest level while it is open: a lower level is no news."""
    if before and now.standing is Standing.OPEN and now.level.rank < before.level.rank:
        return replace(now, level=before.level, score=before.score)
    return now
