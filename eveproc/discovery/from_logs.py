"""Files of EVE records (and a site.yaml, if there is one) -> Discovery."""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from eveproc.discovery.discover import (
    Discoverer,
    Discovery,
    discover,
    is_blind,
    missing_records,
    without_home,
)
from eveproc.discovery.networks import HomeNetworkFinder
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.input.session_times import with_session_times
from eveproc.input.sources import STDIN
from eveproc.input.survey import of_event
from eveproc.verdicts.analyze import infected_addresses, judge_evidence, period_of
from rulegen.errors import InputError, Problem
from rulegen.site_profile import Network, SiteProfile

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
    progress: Progress | None = None,
) -> Discovery:
    """What the site has. Every line is decoded: servers also show in records without mail.

    Without a profile a first reading finds the home networks, so standard input needs a profile.

    Where no home network is found, the Discovery says only that. Raises InputError where a source
    cannot be read.
    """
    if site is None and STDIN in sources:
        raise InputError([Problem(STDIN, _READ_TWICE)])
    networks, events = (site.home_networks, {}) if site else _find_home(sources, progress)
    if not networks:
        return without_home(events)
    bare = SiteProfile(networks, ports=site.ports) if site else SiteProfile(networks)
    discoverer, stats = Discoverer(bare, period_of(None, None, now)), ReadStats()
    for event in with_session_times(read_events(sources, stats, progress=progress)):
        discoverer.survey(of_event(event))
        discoverer.add(event)
    stats.raise_if_no_eve()
    report = judge_evidence(discoverer.store, bare, stats, everyone=False, drawn=False)
    infected = [address for address, _ in infected_addresses(report.verdicts)]
    missing, blind = missing_records(stats.events), is_blind(stats.events)
    if report.judgement.is_blind and not blind:
        missing, blind = (*missing, *map(str, report.judgement.causes)), True
    return replace(discover(discoverer.store, bare, infected), missing=missing, is_blind=blind)


def _find_home(
    sources: Sequence[str], progress: Progress | None
) -> tuple[tuple[Network, ...], Mapping[str, int]]:
    """The home networks that a reading shows, and how many events of each type it gave."""
    finder, stats = HomeNetworkFinder(), ReadStats()
    for event in read_events(sources, stats, progress=progress):
        finder.add(event)
    stats.raise_if_no_eve()
    return finder.networks(), stats.events
