"""Files of EVE records (and a site.yaml, if there is one) -> Discovery."""

from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from eveproc.discovery.discover import (
    Discoverer,
    Discovery,
    SiteEvidence,
    discover,
    is_blind,
    missing_records,
    without_home,
)
from eveproc.evidence.collector import EVER, Period
from eveproc.input.parallel import gather
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import STDIN, find_files
from eveproc.verdicts.analyze import infected_addresses, judge_evidence, period_of
from rulegen.errors import InputError, Problem
from rulegen.site_profile import SiteProfile

Progress = Callable[[int, int], None]

_READ_TWICE = (
    "standard input cannot be read twice, and without a profile a first reading finds the home "
    "networks: name files, or a site.yaml with -s"
)


def discover_in(
    sources: Sequence[str],
    site: SiteProfile | None,
    *,
    now: float | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """What the site has; `jobs` and `progress` as in input.parallel.

    Without a profile a first reading finds the home networks, so standard input needs a profile.

    Where no home network is found, the Discovery says only that. Raises InputError where a source
    cannot be read.
    """
    if site is None and STDIN in sources:
        raise InputError([Problem(STDIN, _READ_TWICE)])
    files, readings = find_files(sources), 1 if site else 2
    home = site
    if home is None:
        found, _ = _gather(files, SiteProfile(()), EVER, jobs, _part_of(progress, 0, readings))
        if not (networks := found.finder.networks()):
            return without_home(found.kinds)
        home = SiteProfile(networks)
    bare = SiteProfile(home.home_networks, ports=home.ports)
    period, last = period_of(None, None, now), _part_of(progress, readings - 1, readings)
    store, stats = _gather(files, bare, period, jobs, last)
    report = judge_evidence(store, bare, stats, everyone=False, drawn=False)
    infected = [address for address, _ in infected_addresses(report.verdicts)]
    missing, blind = missing_records(store.kinds), is_blind(store.kinds)
    if report.judgement.is_blind and not blind:
        missing, blind = (*missing, *map(str, report.judgement.causes)), True
    return replace(discover(store, bare, infected), missing=missing, is_blind=blind)


def _gather(
    files: Sequence[str],
    site: SiteProfile,
    period: Period,
    jobs: int | None,
    progress: Progress | None,
) -> tuple[SiteEvidence, ReadStats]:
    """Raises InputError where nothing in the files is EVE."""
    store, stats = gather(files, partial(Discoverer, site, period), jobs=jobs, progress=progress)
    stats.raise_if_no_eve()
    assert isinstance(store, SiteEvidence)  # a Discoverer's
    return store, stats


def _part_of(progress: Progress | None, number: int, readings: int) -> Progress | None:
    """Progress of one reading as part of all."""
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(number * total + done, readings * total)
