"""URIs + SiteProfile -> NightEvidence and ReadStats, read by a cluster: the counterpart of reading/gather.py.

Every file comes through Spark's own text reader, so that whatever Spark can read can be read here, with the rights it has there. Plain
files of lines are cut into pieces; all others go as they are, packed or not, to one task each, which unpacks and frames them as a single
machine does. Evidence is brought together by host; events never leave the task that read them.
"""

from collections.abc import Iterator, Sequence
from functools import partial, reduce
from itertools import groupby
from typing import TYPE_CHECKING

from eveproc.evidence import NightEvidence, Period
from eveproc.reading.stats import ReadStats
from eveproc.spark.listing import ONE_TASK, Files, Listed, still_there
from eveproc.spark.rows import SCHEMA, Gathered, rows_of
from eveproc.spark.session import UNREADABLE
from eveproc.spark.tasks import merge, of_files, of_lines
from rulegen.site import SiteProfile

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyspark.sql import DataFrame, SparkSession

# A piece of a plain file: some seconds of work, so that what is lost with an executor is soon done again, and the start of a task is
# little beside it.
PIECE = 512 << 20
# What is packed has newlines as anything else has; a document may be one line of gigabytes, but holds a brace here and there.
NEWLINE, BRACE = "\n", "}"
# What tasks.FileFacts are made of.
FACTS = ("path", "size", "modification_time")


# The codec that leaves a file as it is; it asks for the suffix under this name, which Hadoop's shaded library spells in a way of its own.
PASSTHROUGH = "org.apache.hadoop.io.compress.PassthroughCodec"
PASSTHROUGH_SUFFIX = ("io.compress.passthrough.extension", "org.apache.hadoop.shaded.io.compress.passthrough.extension")


def gather(spark: "SparkSession", files: Files, site: SiteProfile, period: Period) -> tuple[NightEvidence, ReadStats]:
    """Read each of the files once.

    A file that storage fails to give ends nothing: all is then read once more, each file by one task, and what is missing is a problem in
    the stats.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    _pass_over_unreadable(spark, "false")
    try:
        return _gather(spark, files, site, period)
    except (PySparkException, Py4JError) as error:
        if not any(sign in str(error) for sign in UNREADABLE):
            raise
    _pass_over_unreadable(spark, "true")
    uncut = Files((), (*files.cut, *files.whole))
    return _gather(spark, uncut, site, period, still_there(spark, uncut))


def _pass_over_unreadable(spark: "SparkSession", whether: str) -> None:
    """Said in either case: what a cluster has in its spark-defaults.conf would lose files without a word."""
    for setting in ("ignoreCorruptFiles", "ignoreMissingFiles"):
        spark.conf.set(f"spark.sql.files.{setting}", whether)


def _gather(
    spark: "SparkSession", files: Files, site: SiteProfile, period: Period, there: Files | None = None
) -> tuple[NightEvidence, ReadStats]:
    """`there` are those of the files that are still there, if not all."""
    gathered = Gathered()
    for host, evidence in rows_of(_rows(spark, there or files, site, period)):
        gathered.take(host, evidence)
    _account_for(files, gathered)
    return gathered.night, gathered.stats


def _rows(spark: "SparkSession", files: Files, site: SiteProfile, period: Period) -> Sequence["RecordBatch"]:
    """Evidence of each host once, brought here."""
    # No file that is read whole may be cut, however Spark shares out the work.
    uncut = max((ONE_TASK, *(file.size for file in files.whole)))
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(max(PIECE, uncut)))
    spark.conf.set("spark.sql.files.openCostInBytes", str(uncut))
    found = list(_found(spark, files, site, period))
    if not found:
        return ()
    batches: Sequence[RecordBatch] = reduce(_union, found).repartition("host").mapInArrow(merge, SCHEMA).toArrow().to_batches()
    return batches


def _union(one: "DataFrame", other: "DataFrame") -> "DataFrame":
    return one.union(other)


def _found(spark: "SparkSession", files: Files, site: SiteProfile, period: Period) -> Iterator["DataFrame"]:
    """What the tasks find, a host as many times as there are tasks that met it."""
    if files.cut:
        yield _text(spark, NEWLINE, "", files.cut).select("value").mapInArrow(partial(of_lines, site, period), SCHEMA)
    for (separator, suffix), alike in groupby(sorted(files.whole, key=_reading), _reading):
        content = _text(spark, separator, suffix, list(alike)).select("value", *(f"_metadata.file_{name}" for name in FACTS))
        yield content.mapInArrow(partial(of_files, site, period, separator.encode()), SCHEMA)


def _reading(file: Listed) -> tuple[str, str]:
    """By what its rows are separated, and the suffix that would have it unpacked."""
    return BRACE if file.size > ONE_TASK and not file.suffix else NEWLINE, file.suffix


def _text(spark: "SparkSession", separator: str, suffix: str, files: Sequence[Listed]) -> "DataFrame":
    options = {"lineSep": separator, "__globPaths__": "false"}  # the names are names, also those with a bracket
    if suffix:
        options |= {"io.compression.codecs": PASSTHROUGH, **dict.fromkeys(PASSTHROUGH_SUFFIX, suffix)}
    return spark.read.options(**options).text([file.path for file in files])


def _account_for(files: Files, gathered: Gathered) -> None:
    """Count the files that were cut, which no task saw whole; and tell those of which nothing came."""
    stats = gathered.stats
    stats.files += len(files.cut)
    stats.bytes += sum(file.size for file in files.cut)
    for file in files.whole:
        if file.path not in gathered.read:
            stats.files += not file.size
            stats.note_problem(file.path, "was not read: the storage does not give it" if file.size else "is empty")
