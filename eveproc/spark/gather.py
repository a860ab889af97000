"""URIs + SiteProfile -> EvidenceStore and ReadStats, on a cluster (evidence/gather.py there).

Tasks read pieces of files into evidence, which is brought together by host; events never leave the
task that read them.
"""

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from msgspec.structs import replace

from eveproc.evidence.collector import Period
from eveproc.evidence.store import EvidenceStore
from eveproc.input.read_stats import EMPTY, ReadStats
from eveproc.spark import disk, storage
from eveproc.spark.listing import Listed, still_there
from eveproc.spark.rows import SCHEMA, Gathered, rows_of
from eveproc.spark.session import UNREADABLE
from eveproc.spark.tasks import Order, merge
from rulegen.site_profile import SiteProfile

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyspark.sql import DataFrame, SparkSession


def gather(
    spark: "SparkSession", files: Sequence[Listed], site: SiteProfile, period: Period
) -> tuple[EvidenceStore, ReadStats]:
    """Read each of the files once.

    If storage fails to return a file, everything is read once more, files in storage by one task
    each; a missing file is a problem in the stats.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    order = Order.of(site, period, [file.size for file in files])
    on_disks = [file for file in files if file.local is not None]
    in_storage = [file for file in files if file.local is None]
    storage.pass_over_unreadable(spark, False)
    try:
        gathered = _gathered(spark, on_disks, in_storage, order)
    except (PySparkException, Py4JError) as error:
        if not any(sign in str(error) for sign in UNREADABLE):
            raise
        storage.pass_over_unreadable(spark, True)
        in_storage = [replace(file, is_cut=False) for file in in_storage]
        gathered = _gathered(spark, on_disks, still_there(spark, in_storage), order)
    _account_for(on_disks, in_storage, gathered)
    return gathered.store, gathered.stats


def _gathered(
    spark: "SparkSession", on_disks: Sequence[Listed], in_storage: Sequence[Listed], order: Order
) -> Gathered:
    gathered = Gathered()
    frames = [*disk.frames(spark, on_disks, order), *storage.frames(spark, in_storage, order)]
    if frames:
        for host, evidence in rows_of(_brought_together(frames)):
            gathered.take(host, evidence)
    return gathered


def _brought_together(frames: Sequence["DataFrame"]) -> Sequence["RecordBatch"]:
    """Collect the evidence on the driver, one row for each host."""
    one = reduce(lambda above, below: above.union(below), frames)
    batches: Sequence[RecordBatch] = (
        one.repartition("host").mapInArrow(merge, SCHEMA).toArrow().to_batches()
    )
    return batches


def _account_for(
    on_disks: Sequence[Listed], in_storage: Sequence[Listed], gathered: Gathered
) -> None:
    """Count files that were read in pieces, and report files that gave nothing."""
    stats = gathered.stats
    stats.files += sum(file.is_cut for file in (*on_disks, *in_storage))
    for file in in_storage:
        if file.is_cut:
            stats.bytes += file.size
        elif file.path not in gathered.read:
            stats.files += not file.size
            stats.note_problem(
                file.path,
                "was not read: the storage did not return it" if file.size else EMPTY,
            )
