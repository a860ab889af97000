"""Files of EVE records + SiteProfile -> NightReport: the conductor of reading, gathering and judging."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from math import inf, isfinite

from msgspec import Struct

from eveproc.evidence import MOST_ACTIVE, MOST_HOSTS, HostEvidence, NightEvidence, Period
from eveproc.identity import Tenancy
from eveproc.memory.change import Change
from eveproc.picture import NO_PICTURE, Painter, Picture
from eveproc.reading.gather import gather
from eveproc.reading.sources import find_files
from eveproc.reading.stats import ReadStats
from eveproc.verdict import Identity, Verdict, assess, judge, key_of, level_of
from eveproc.weighing import Circumstances, score_at_most, signals_for
from rulegen.site import SiteProfile
from rulegen.vocabulary import Level

DAY = 24 * 3600


class NightReport(Struct, frozen=True):
    """`verdicts` holds the home hosts that were seen, worst first: all, or those above clean. `clean_hosts` counts the clean ones.

    `unused` counts, by reason, events that were read and are evidence of nothing here. `picture` is what charts are drawn from, `site`
    the profile it was judged by; `change` is None where nothing is remembered of an earlier report.
    """

    verdicts: tuple[Verdict, ...]
    clean_hosts: int
    stats: ReadStats
    health: tuple[str, ...]
    unused: Mapping[str, int]
    first_event: float | None
    last_event: float | None
    picture: Picture = NO_PICTURE
    site: SiteProfile | None = None
    change: Change | None = None


class Machine(Struct, frozen=True):
    """A machine's evidence over all addresses it had; `address` is its latest."""

    address: str
    evidence: HostEvidence
    identity: Identity | None
    addresses: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """That of its Verdict."""
        return key_of(self.address, self.identity)


def judge_night(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    everyone: bool = True,
    drawn: bool = True,
) -> NightReport:
    """Read every source once and judge every host. Times are seconds since 1970 UTC; `until` is excluded.

    `jobs` processes read, by default as many as there are cores. `everyone`: are clean hosts wanted as well, not only their number?
    `drawn`: is a picture wanted?

    Events dated more than a day after `now` are a clock's fault and are not believed.
    Raises InputError when a source cannot be read at all; single bad lines are counted in `stats`.
    """
    night, stats = gather_night(sources, site, since=since, until=until, now=now, jobs=jobs, progress=progress)
    return report_on(night, site, stats, everyone=everyone, drawn=drawn)


def gather_night(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NightEvidence, ReadStats]:
    """The reading half of judge_night, with the same arguments."""
    return gather(find_files(sources), site, period_of(since, until, now), jobs=jobs, progress=progress)


def period_of(since: float | None, until: float | None, now: float | None) -> Period:
    """The times asked for; what is dated more than a day after `now` is not believed."""
    return Period(-inf if since is None else since, inf if until is None else until, inf if now is None else now + DAY)


def report_on(
    night: NightEvidence,
    site: SiteProfile,
    stats: ReadStats,
    *,
    everyone: bool = True,
    drawn: bool = True,
    found: Iterable[Machine] | None = None,
    known: Callable[[Machine], bool] = lambda _: False,
) -> NightReport:
    """Judge what was gathered; `drawn`: is a picture of it wanted?

    `found` are machines to be judged in place of all; those that are `known` get a verdict whatever it is.
    """
    night.trim()
    painter = Painter(night, site) if drawn else None
    seen = 0
    verdicts = []
    for machine in machines(night, everyone=everyone) if found is None else found:
        seen += 1
        circumstances = circumstances_of(machine, night, site)
        verdict = None
        if everyone or known(machine) or _is_above_clean(machine, circumstances):
            verdict = judge(machine.address, machine.evidence, machine.identity, circumstances)
            verdicts.append(verdict)
        if painter:
            painter.add(machine.address, machine.evidence, verdict)
    verdicts.sort(key=lambda v: (-v.level.rank, -v.score, _sortable(v.host)))
    quiet = 0 if everyone else _quiet(night)
    return NightReport(
        verdicts=tuple(verdicts),
        clean_hosts=seen + quiet - sum(1 for v in verdicts if v.level is not Level.CLEAN),
        stats=stats,
        health=(*night.health.sentences(), *_missing_sensors(night, site), *_thinned(night)),
        unused=dict(sorted(night.unused.items())),
        first_event=night.first_event if isfinite(night.first_event) else None,
        last_event=night.last_event if isfinite(night.last_event) else None,
        picture=painter.picture(quiet) if painter else NO_PICTURE,
        site=site,
    )


def _is_above_clean(machine: Machine, circumstances: Circumstances) -> bool:
    if level_of(score_at_most(machine.evidence)) is Level.CLEAN:
        return False
    return assess(machine.evidence, circumstances).level is not Level.CLEAN


def _quiet(night: NightEvidence) -> int:
    """How many addresses gave no evidence and no lease."""
    leased = {address for address, _, _ in night.leases.seen}
    return len(night.active.difference(night.hosts, leased))


def machines(night: NightEvidence, *, everyone: bool = True) -> Iterator[Machine]:
    """Every home host that was seen, its evidence gathered over the addresses dhcp gave it.

    Without `everyone`, hosts without evidence and lease are left out.
    """
    tenancies = night.leases.tenancies()
    parts: dict[str, list[tuple[Tenancy, HostEvidence]]] = {}
    for address in sorted(night.active if everyone else night.active & (set(night.hosts) | tenancies.keys())):
        evidence = night.hosts.get(address) or HostEvidence()
        held = tenancies.get(address, ())
        before = evidence.between(-inf, held[0].start) if held else evidence
        if before.tracks or not held:
            yield Machine(address, before, None, (address,))
        for tenancy in held:
            parts.setdefault(tenancy.mac, []).append((tenancy, evidence.between(tenancy.start, tenancy.end)))
    yield from (_gather(mac, held, night) for mac, held in sorted(parts.items()))


def _gather(mac: str, held: list[tuple[Tenancy, HostEvidence]], night: NightEvidence) -> Machine:
    evidence = HostEvidence()
    for _, part in held:
        evidence.merge(part)
    addresses = tuple(sorted({tenancy.address for tenancy, _ in held}, key=_sortable))
    latest = max((tenancy.confirmed, tenancy.address) for tenancy, _ in held)[1]
    return Machine(latest, evidence, Identity(mac, night.leases.name_of(mac), addresses), addresses)


def circumstances_of(machine: Machine, night: NightEvidence, site: SiteProfile) -> Circumstances:
    """What the site says of the machine's addresses, and whether its connections would have been seen."""
    addresses = [ip_address(address) for address in machine.addresses]
    return Circumstances(
        site=site,
        signals=signals_for(any(map(site.is_mail_server, addresses)), any(map(site.is_resolver, addresses))),
        connections_logged=night.flows_logged,
        sensor_blind=night.health.is_blind(),
    )


def _missing_sensors(night: NightEvidence, site: SiteProfile) -> tuple[str, ...]:
    missing = sorted(set(site.sensors) - night.sensors)
    return tuple(f"sensor {name} is listed in the site profile and wrote nothing: its hosts were not watched" for name in missing)


def _thinned(night: NightEvidence) -> Iterator[str]:
    if night.hosts_thinned:
        kept = f"one in {1 << night.hosts_thinned}"
        yield f"more than {MOST_HOSTS} home addresses gave evidence, and only that of {kept} was kept: are home_networks right?"
    if night.active_thinned:
        kept = f"one in {1 << night.active_thinned}"
        yield f"more than {MOST_ACTIVE} home addresses were seen, and only {kept} of the clean ones is counted: are home_networks right?"


def _sortable(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)
