"""Pieces of EVE as they are written -> news: each host's verdict when it is new or has changed, once.

Only hosts with new evidence are looked at. Evidence older than KEPT_SECONDS ages out by whole hours, so memory stays what one
day of the site's mail-like traffic takes, however long this runs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from math import inf

from eveproc.change import HostChange, Trend, trend_of
from eveproc.evidence import HostEvidence, NightEvidence, Period
from eveproc.gather import Gatherer
from eveproc.identity import Leases
from eveproc.night import DAY, Machine, circumstances_of, machines
from eveproc.stats import ReadStats
from eveproc.track import HOUR, Track
from eveproc.verdict import Verdict, assess, judge
from rulegen.site import SiteProfile
from rulegen.vocabulary import Level

# The longest window of the verdict model is 8 hours; a day is what the nightly report judges.
KEPT_SECONDS = DAY
# Whose address it is stays known as long as the lease lasts, and a week where that is shorter or not logged.
LEASES_KEPT_SECONDS = 7 * DAY


@dataclass(frozen=True, slots=True)
class News:
    """A verdict that is new, or another than was last said of this machine."""

    verdict: Verdict
    change: HostChange


@dataclass(frozen=True, slots=True)
class Told:
    """What was last said of a machine, while its episode lasts. `since` is when its first verdict was decided, seconds since 1970 UTC."""

    level: Level
    episode: str
    since: float


@dataclass(slots=True)
class Memory:
    """All that a watch remembers; what a later one needs to go on as if there had been no break. `told` is by machine_key."""

    night: NightEvidence = field(default_factory=NightEvidence)
    told: dict[str, Told] = field(default_factory=dict)


class Watcher:
    """Takes pieces of EVE in and says what is news."""

    def __init__(self, site: SiteProfile, memory: Memory, stats: ReadStats | None = None) -> None:
        self.told = memory.told
        self._gatherer = Gatherer(site, Period(), lambda _: None)
        self._collector = self._gatherer.collector
        self._gatherer.stats = self.stats = stats or ReadStats()
        self._collector.night.merge(memory.night)
        self._collector.changed.update(memory.night.hosts)
        self._households = _Households(self._collector.night.leases)
        self._aged = -inf

    @property
    def memory(self) -> Memory:
        return Memory(self._collector.night, self.told)

    def take(self, block: bytes, end: int) -> None:
        """Take in the lines of block[:end]."""
        self._gatherer.take(block, end)

    def look(self, now: float) -> Iterator[News]:
        """What became news since the last look; `now` is the wall clock in seconds since 1970 UTC."""
        self._collector.period = Period(future=now + DAY)
        changed, self._collector.changed = self._collector.changed, set()
        if changed:
            yield from self._news_of(changed)
        yield from self._age(min(now, self._collector.night.last_event))

    def _news_of(self, addresses: Iterable[str]) -> Iterator[News]:
        for machine in self._machines(addresses):
            told = self._told_of(machine)
            # Nothing that comes on top makes it worse; that it is over is found when evidence ages out.
            if told is None or told.level is not Level.INFECTED:
                yield from self._judge(machine, told, over=False)

    def _judge(self, machine: Machine, told: Told | None, over: bool) -> Iterator[News]:
        """`over`: is a level below the one told the end of the episode, or but a moment's doubt?"""
        machine.evidence.trim()
        circumstances = circumstances_of(machine, self._collector.night, self._collector.site)
        level = assess(machine.evidence, circumstances).level
        trend = trend_of(told.level if told else None, level if machine.evidence.tracks else None)
        if trend is None or trend is Trend.STILL or (trend in (Trend.RECOVERED, Trend.GONE_QUIET) and not over):
            return
        verdict = judge(machine.address, machine.evidence, machine.identity, circumstances)
        yield News(verdict, self._remember(machine, verdict, trend, told))

    def _remember(self, machine: Machine, verdict: Verdict, trend: Trend, told: Told | None) -> HostChange:
        key = machine_key(machine)
        since = told.since if told else (verdict.decided_at or 0.0)
        now = Told(verdict.level, told.episode if told else episode_name(key, since), since)
        if verdict.level is Level.CLEAN:
            self.told.pop(key, None)
        else:
            self.told[key] = now
        mac, name = (machine.identity.mac, machine.identity.name) if machine.identity else ("", "")
        return HostChange(machine.address, trend, now.episode, since, told.level if told else None, mac, name)

    def _told_of(self, machine: Machine) -> Told | None:
        """What was said of it, be it before dhcp told which machine has the address."""
        key = machine_key(machine)
        if key not in self.told and machine.identity and machine.address in self.told:
            self.told[key] = self.told.pop(machine.address)
        return self.told.get(key)

    def _machines(self, addresses: Iterable[str]) -> list[Machine]:
        """Those machines that are named by MAC, or have or had one of the addresses, each with all of its evidence."""
        night = self._collector.night
        wanted = self._households.around(addresses, self.stats.events["dhcp"])
        return machines(
            replace(
                night,
                hosts={address: night.hosts[address] for address in wanted if address in night.hosts},
                active=wanted,
                leases=self._households.leases_of(wanted),
            )
        )

    def _age(self, now: float) -> Iterator[News]:
        """Once an hour of the log: let go of what is too old, and look again at every machine that something was said of."""
        hour = now // HOUR
        if not now > -inf or hour <= self._aged:
            return
        self._aged = hour
        forget(self._collector.night, hour * HOUR - KEPT_SECONDS)
        self._households = _Households(self._collector.night.leases)
        for machine in self._machines(list(self.told)):
            if told := self._told_of(machine):
                yield from self._judge(machine, told, over=True)


class _Households:
    """Which addresses and machines belong together, by leases; made anew when dhcp said more."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._as_of = -1
        self._macs: dict[str, set[str]] = {}
        self._addresses: dict[str, set[str]] = {}
        self._entries: dict[str, list[tuple[str, str, int]]] = {}

    def around(self, addresses: Iterable[str], dhcp_events: int) -> set[str]:
        """These addresses, or those of the machines that are named, and the others of the machines behind them."""
        if self._as_of != dhcp_events:
            self._as_of = dhcp_events
            self._index()
        wanted = {address for named in addresses for address in self._addresses.get(named, (named,))}
        for mac in {mac for address in wanted for mac in self._macs.get(address, ())}:
            wanted |= self._addresses[mac]
        return wanted

    def leases_of(self, addresses: set[str]) -> Leases:
        entries = {key: self._leases.seen[key] for address in addresses for key in self._entries.get(address, ())}
        return Leases(entries, self._leases.lasting, self._leases.names)

    def _index(self) -> None:
        self._macs, self._addresses, self._entries = {}, {}, {}
        for key in self._leases.seen:
            address, mac, _ = key
            self._macs.setdefault(address, set()).add(mac)
            self._addresses.setdefault(mac, set()).add(address)
            self._entries.setdefault(address, []).append(key)


def machine_key(machine: Machine) -> str:
    """What a machine is known by from day to day: its MAC where dhcp told it, else its address."""
    return machine.identity.mac if machine.identity else machine.address


def episode_name(key: str, since: float) -> str:
    """The same for the same machine and beginning, in every process."""
    return blake2b(f"{key} {since:.6f}".encode(), digest_size=6).hexdigest()


def forget(night: NightEvidence, before: float) -> None:
    """Drop, in place, what was seen in hours that ended by `before`; leases a week later."""
    night.hosts = {address: kept for address, evidence in night.hosts.items() if (kept := _younger(evidence, before)).tracks}
    night.active &= night.hosts.keys()
    night.first_event = max(night.first_event, before)
    _forget_leases(night.leases, before)
    health = night.health
    health.earliest = {key: health.latest[key] if report[0] < before else report for key, report in health.earliest.items()}


def _forget_leases(leases: Leases, before: float) -> None:
    def lasts(address: str, mac: str) -> float:
        return max(LEASES_KEPT_SECONDS, leases.lasting.get((address, mac), 0))

    leases.seen = {key: times for key, times in leases.seen.items() if times[1] >= before - lasts(*key[:2])}
    pairs = {(address, mac) for address, mac, _ in leases.seen}
    leases.lasting = {pair: seconds for pair, seconds in leases.lasting.items() if pair in pairs}
    macs = {mac for _, mac in pairs}
    leases.names = {mac: named for mac, named in leases.names.items() if mac in macs}


def _younger(evidence: HostEvidence, before: float) -> HostEvidence:
    tracks = ((key, _without_hours(track, before)) for key, track in evidence.tracks.items())
    return HostEvidence({key: track for key, track in tracks if track.hours})


def _without_hours(track: Track, before: float) -> Track:
    hours = {hour: bucket for hour, bucket in track.hours.items() if (hour + 1) * HOUR > before}
    if len(hours) == len(track.hours):
        return track
    young = Track(hours, track.sids, {pivot: time for pivot, time in track.pivots.items() if time >= before})
    times = list(young.times())
    young.first_seen, young.last_seen = min(times, default=inf), max(times, default=-inf)
    return young
