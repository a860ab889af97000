"""Files of EVE records (and a site.yaml, if there is one) -> Discovery.

Without a site.yaml, home networks are found in a sample of the input first, and searched for again
while all of it is read. If that finds others, the input is read once more.
"""

from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct
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
from eveproc.discovery.sample import Sample, sampled
from eveproc.evidence.collector import Period
from eveproc.input.parallel import gather
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import STDIN, find_files
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
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """What the site has; `jobs` and `progress` as in input.parallel.

    Without a profile the input is read more than once, so standard input needs a profile.

    If no home network is found, the Discovery only says so. Raises InputError if a source cannot be
    read.
    """
    if site is None and STDIN in sources:
        raise InputError([Problem(STDIN, _READ_TWICE)])
    source = _Source(find_files(sources), period_of(None, None, now), jobs, progress)
    if site is None:
        bare, store, stats = source.read_undeclared()
        if not bare.home_networks:
            return without_home(store.kinds)
    else:
        bare = SiteProfile(site.home_networks, ports=site.ports)
        store, stats = source.read(bare)
    report = judge_evidence(store, bare, stats, everyone=False, drawn=False)
    infected = [address for address, _ in infected_addresses(report.verdicts)]
    missing, blind = missing_records(store.kinds), is_blind(store.kinds)
    if report.judgement.is_blind and not blind:
        missing, blind = (*missing, *map(str, report.judgement.causes)), True
    return replace(discover(store, bare, infected), missing=missing, is_blind=blind)


class _Source(Struct, frozen=True):
    """Files, how they are read, and which of their events count."""

    files: Sequence[str]
    period: Period
    jobs: int | None
    progress: Progress | None

    def read_undeclared(self) -> tuple[SiteProfile, SiteEvidence, ReadStats]:
        """The profile of the home networks that the whole input shows, and the evidence about them.

        Without evidence if there are none.
        """
        nowhere, progress = SiteProfile(()), self.progress
        before = sampled(self.files, lambda: Discoverer(nowhere, self.period, is_declared=False))
        if before is None or not before.store.finder.networks():
            collect = partial(Discoverer, nowhere, self.period, is_declared=False)
            store, stats = self._gather(collect, _half(progress, 0))
            before, progress = Sample(store), _half(progress, 1)
        home: tuple[Network, ...] = ()
        store = before.store
        while (found := store.finder.networks()) != home:
            home = found
            met = {network for network in home if store.finder.has_met(network)}
            before = Sample(replace(store, met=met), before.done)
            store, stats = self._read(SiteProfile(home), before, progress, is_declared=False)
            progress = _half(self.progress, 1)
        store.finder = store.finder.beyond(home)
        return SiteProfile(home), store, stats

    def read(self, site: SiteProfile) -> tuple[SiteEvidence, ReadStats]:
        """The evidence about a site with declared home networks."""
        before = sampled(self.files, lambda: Discoverer(site, self.period, is_sample=True))
        return self._read(site, before or Sample(SiteEvidence()), self.progress)

    def _read(
        self,
        site: SiteProfile,
        before: Sample,
        progress: Progress | None,
        *,
        is_declared: bool = True,
    ) -> tuple[SiteEvidence, ReadStats]:
        """The evidence of the input, `before` included."""
        collect = partial(Discoverer, site, self.period, is_declared=is_declared)
        store, stats = self._gather(
            partial(collect, before=before.store, done=before.done), progress
        )
        earlier = collect()
        earlier.note_done(before.done)
        store.merge(earlier.store)
        store.finder.merge(before.store.finder)
        store.kinds |= before.store.kinds
        store.met |= before.store.met
        return store, stats

    def _gather(
        self, collect: Callable[[], Discoverer], progress: Progress | None
    ) -> tuple[SiteEvidence, ReadStats]:
        """Read the files. Raises InputError if nothing in them is EVE."""
        store, stats = gather(self.files, collect, jobs=self.jobs, progress=progress)
        stats.raise_if_no_eve()
        assert isinstance(store, SiteEvidence)  # a Discoverer's
        return store, stats


def _half(progress: Progress | None, number: int) -> Progress | None:
    """Progress of one of two readings (0 or 1) of all input, as part of both."""
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(number * total + done, 2 * total)
