"""Files of EVE records + SiteProfile -> NightReport: the conductor of reading, gathering and judging."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from math import inf, isfinite

from eveproc.change import Change
from eveproc.evidence import HostEvidence, NightEvidence, Period
from eveproc.gather import gather
from eveproc.identity import Tenancy
from eveproc.picture import NO_PICTURE, Picture, picture_of
from eveproc.sources import find_files
from eveproc.stats import ReadStats
from eveproc.verdict import Identity, Verdict, judge
from eveproc.weighing import Circumstances, signals_for
from rulegen.site import SiteProfile
from rulegen.vocabulary import Level

DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class NightReport:
    """`verdicts` holds every home host that was seen, worst first; `clean_hosts` counts the clean ones among them.

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


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine's evidence over all addresses it had; `address` is its latest."""

    address: str
    evidence: HostEvidence
    identity: Identity | None
    addresses: tuple[str, ...]


def judge_night(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NightReport:
    """Read every source once and judge every host. Times are seconds since 1970 UTC; `until` is excluded.

    Events dated more than a day after `now` are a clock's fault and are not believed.
    Raises InputError when a source cannot be read at all; single bad lines are counted in `stats`.
    """
    night, stats = gather_night(sources, site, since=since, until=until, now=now, progress=progress)
    return report_on(night, site, stats)


def gather_night(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NightEvidence, ReadStats]:
    """The reading half of judge_night, with the same arguments."""
    period = Period(-inf if since is None else since, inf if until is None else until, inf if now is None else now + DAY)
    return gather(find_files(sources), site, period, progress=progress)


def report_on(night: NightEvidence, site: SiteProfile, stats: ReadStats, found: Sequence[Machine] | None = None) -> NightReport:
    """Judge what was gathered, of all machines in it or of those given."""
    night.trim()
    judged = [
        (judge(m.address, m.evidence, m.identity, circumstances_of(m, night, site)), m.evidence)
        for m in (machines(night) if found is None else found)
    ]
    verdicts = [verdict for verdict, _ in judged]
    verdicts.sort(key=lambda v: (-v.level.rank, -v.score, _sortable(v.host)))
    return NightReport(
        verdicts=tuple(verdicts),
        clean_hosts=sum(1 for v in verdicts if v.level is Level.CLEAN),
        stats=stats,
        health=(*night.health.sentences(), *_missing_sensors(night, site)),
        unused=dict(sorted(night.unused.items())),
        first_event=night.first_event if isfinite(night.first_event) else None,
        last_event=night.last_event if isfinite(night.last_event) else None,
        picture=picture_of(night, judged, site),
        site=site,
    )


def machines(night: NightEvidence) -> list[Machine]:
    """Every home host that was seen, its evidence gathered over the addresses dhcp gave it."""
    tenancies = night.leases.tenancies()
    parts: dict[str, list[tuple[Tenancy, HostEvidence]]] = {}
    found = []
    for address in sorted(night.active):
        evidence = night.hosts.get(address, HostEvidence())
        held = tenancies.get(address, ())
        before = evidence.between(-inf, held[0].start) if held else evidence
        if before.tracks or not held:
            found.append(Machine(address, before, None, (address,)))
        for tenancy in held:
            parts.setdefault(tenancy.mac, []).append((tenancy, evidence.between(tenancy.start, tenancy.end)))
    return found + [_gather(mac, held, night) for mac, held in sorted(parts.items())]


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


def _sortable(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)
