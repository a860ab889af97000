"""Files of EVE records + SiteProfile -> EvidenceStore and ReadStats."""

from collections.abc import Sequence
from functools import partial

from eveproc.evidence.collector import EVER, Collector, Period
from eveproc.evidence.store import EvidenceStore
from eveproc.input import parallel
from eveproc.input.parallel import End, Part, RestPart
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import Progress
from rulegen.site_profile import SiteProfile


def gather(
    files: Sequence[str],
    site: SiteProfile,
    period: Period = EVER,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[EvidenceStore, ReadStats]:
    """Read each of the files once; `jobs` and `progress` as in input.parallel."""
    return parallel.gather(files, partial(Collector, site, period), jobs=jobs, progress=progress)


def gather_parts(
    whole: Sequence[Part | RestPart],
    plain: Sequence[Part],
    site: SiteProfile,
    period: Period = EVER,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[EvidenceStore, ReadStats, dict[str, End]]:
    """Read each of the parts once; also returns where RestParts ended, by path."""
    collect = partial(Collector, site, period)
    return parallel.gather_parts(whole, plain, collect, jobs=jobs, progress=progress)
