"""Files of EVE records -> what the site has: the conductor of discovery."""

from collections.abc import Callable, Sequence

from eveproc.discovery.discover import Discoverer, Discovery, discover
from eveproc.discovery.networks import HomeNetworkFinder
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.input.sources import STDIN
from eveproc.verdicts.analyze import infected_addresses, judge_evidence, period_of
from rulegen.errors import InputError, Problem
from rulegen.site_profile import Network, SiteProfile

Progress = Callable[[int, int], None]

_READ_TWICE = (
    "standard input cannot be read twice, and without a profile a first reading finds the home "
    "networks: name files, or a site.yaml with -s"
)
_NO_HOME = (
    "no host with a private address, a lease or DNS questions of its own is seen in them; "
    "name the home networks with -s"
)


def discover_in(
    sources: Sequence[str],
    site: SiteProfile | None,
    *,
    now: float | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """What the site has. Every line is decoded: what a server is shows in what has nothing to do with mail, too.

    Without a profile, what is inside is found by a first reading; so standard input needs one.

    Raises InputError where a source cannot be read, or where no host of a home network is seen.
    """
    if site is None and STDIN in sources:
        raise InputError([Problem(STDIN, _READ_TWICE)])
    networks = site.home_networks if site else _find_home_networks(sources, progress)
    bare = SiteProfile(networks, ports=site.ports) if site else SiteProfile(networks)
    finder, stats = Discoverer(bare, period_of(None, None, now)), ReadStats()
    for event in read_events(sources, stats, progress=progress):
        finder.add(event)
    stats.raise_if_no_eve()
    report = judge_evidence(finder.store, bare, stats, everyone=False, drawn=False)
    infected = [address for address, _ in infected_addresses(report.verdicts)]
    return discover(finder.store, bare, infected)


def _find_home_networks(sources: Sequence[str], progress: Progress | None) -> tuple[Network, ...]:
    homes, stats = HomeNetworkFinder(), ReadStats()
    for event in read_events(sources, stats, progress=progress):
        homes.add(event)
    stats.raise_if_no_eve()
    if not homes.networks():
        raise InputError([Problem(", ".join(sources), _NO_HOME)])
    return homes.networks()
