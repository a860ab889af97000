"""Files in any storage -> data frames of evidence, through Spark's text reader.

Plain files of lines are cut into pieces. Every other file goes unchanged to one task, which unpacks
and frames it as a single machine does. Spark must not unpack it, since it would stop at the first
damage.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from eveproc.spark.listing import ONE_TASK, PIECE, Listed
from eveproc.spark.rows import SCHEMA
from eveproc.spark.tasks import Order, of_files, of_lines

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Compressed data contains newlines. A JSON document may be one line of gigabytes, but contains
# braces.
NEWLINE, BRACE = "\n", "}"
LONGEST_ROW = "mapreduce.input.linerecordreader.line.maxlength"
# Metadata columns of tasks.FileFacts.
FACTS = ("path", "size", "modification_time")
# The codec that leaves a file unchanged, and the setting of its suffix in Hadoop's shaded library.
PASSTHROUGH = "org.apache.hadoop.io.compress.PassthroughCodec"
PASSTHROUGH_SUFFIX = (
    "io.compress.passthrough.extension",
    "org.apache.hadoop.shaded.io.compress.passthrough.extension",
)


def frames(spark: "SparkSession", files: Sequence[Listed], order: Order) -> Iterator["DataFrame"]:
    """The evidence that tasks find (rows.SCHEMA): one row for each host and task that saw it."""
    cut = [file for file in files if file.is_cut]
    whole = sorted((file for file in files if not file.is_cut), key=_reading)
    # Spark must not split a file that is read whole; it never splits compressed ones.
    uncut = max((ONE_TASK, *(file.size for file in whole if not file.suffix)))
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(max(PIECE, uncut)))
    spark.conf.set("spark.sql.files.openCostInBytes", str(uncut))
    if cut:
        yield (
            _text(spark, NEWLINE, "", cut)
            .select("value")
            .mapInArrow(partial(of_lines, order), SCHEMA)
        )
    for (separator, suffix), alike in groupby(whole, _reading):
        content = _text(spark, separator, suffix, list(alike)).select(
            "value", *(f"_metadata.file_{name}" for name in FACTS)
        )
        yield content.mapInArrow(partial(of_files, order, separator.encode()), SCHEMA)


def pass_over_unreadable(spark: "SparkSession", whether: bool) -> None:
    """Set both explicitly: spark-defaults.conf may tell Spark to lose files silently."""
    for setting in ("ignoreCorruptFiles", "ignoreMissingFiles"):
        spark.conf.set(f"spark.sql.files.{setting}", str(whether).lower())


def _reading(file: Listed) -> tuple[str, str]:
    """The separator of rows, and the suffix that would make Hadoop decompress the file."""
    return BRACE if file.size > ONE_TASK and not file.suffix else NEWLINE, file.suffix


def _text(
    spark: "SparkSession", separator: str, suffix: str, files: Sequence[Listed]
) -> "DataFrame":
    # Names with brackets are names, not patterns. A row longer than the maximum is not held in
    # memory: in a file that is read whole it is reported as missing; a line of that length is no
    # record.
    options = {"lineSep": separator, "__globPaths__": "false", LONGEST_ROW: str(ONE_TASK + 1)}
    if suffix:
        options |= {
            "io.compression.codecs": PASSTHROUGH,
            **dict.fromkeys(PASSTHROUGH_SUFFIX, suffix),
        }
    return spark.read.options(**options).text([file.path for file in files])
