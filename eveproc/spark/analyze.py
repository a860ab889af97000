"""URIs of EVE + SiteProfile -> Report, on a cluster: the counterpart of verdicts/analyze.py."""

from collections.abc import Sequence

from msgspec import Struct

from eveproc.evidence.collector import Period
from eveproc.spark.gather import gather
from eveproc.spark.listing import find, unread
from eveproc.spark.session import session
from eveproc.spark.tables import write
from eveproc.verdicts.analyze import Report, judge_evidence
from rulegen.errors import InputError
from rulegen.site_profile import SiteProfile


class Cluster(Struct, frozen=True):
    """Where to read: `master` is a URL (None: as spark-submit or spark-defaults.conf say).

    `tables` is the folder for Parquet tables (None: write none).
    """

    master: str | None = None
    tables: str | None = None


def analyze(
    cluster: Cluster,
    uris: Sequence[str],
    site: SiteProfile,
    period: Period,
    now: float,
    *,
    everyone: bool = True,
    drawn: bool = True,
) -> Report:
    """Read every file behind the URIs once on the cluster, and judge every host here.

    Raises InputError if a URI leads to no file or nothing could be read; MxhoundError if Spark
    fails.
    """
    with session(cluster.master) as spark:
        files = find(spark, uris)
        store, stats = gather(spark, files, site, period)
        for path in unread(spark, uris):
            stats.note_unread(path)
        if (
            any(file.size for file in files) and not stats.bytes
        ):  # for example executors that do not see this machine's disks
            raise InputError(stats.problems)
        report = judge_evidence(store, site, stats, everyone=everyone, drawn=drawn)
        if cluster.tables is not None:
            write(spark, cluster.tables, report.verdicts, store, now)
    return report
