"""Files on disks that every node sees -> a data frame of evidence.

Without the detour through a JVM this takes less than half of the CPU time of storage.py
(docs/spark-cost.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from eveproc.input.parallel import UNPACKED, Part, spans
from eveproc.spark.listing import PIECE, Listed
from eveproc.spark.rows import SCHEMA
from eveproc.spark.tasks import Order, of_parts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# The cost of opening a file (some milliseconds on a network disk), in bytes that could be read in
# that time.
OPENING = 1 << 20


def frames(spark: "SparkSession", files: Sequence[Listed], order: Order) -> Iterator["DataFrame"]:
    """The evidence that tasks find (rows.SCHEMA): one row for each host and task that saw it."""
    work = list(shares(files))
    if work:
        # A row and a task for each share.
        yield spark.range(0, len(work), numPartitions=len(work)).mapInArrow(
            partial(of_parts, order, work), SCHEMA
        )


def shares(files: Iterable[Listed]) -> Iterator[tuple[Part, ...]]:
    """The parts that each task reads: a piece of a large file, or small files; largest first."""
    parts = sorted((part for file in files for part in _parts(file)), key=lambda part: -part[0])
    share: list[Part] = []
    work = 0
    for size, part in parts:
        if share and work + size > PIECE:
            yield tuple(share)
            share, work = [], 0
        share.append(part)
        work += size
    if share:
        yield tuple(share)


def _parts(file: Listed) -> Iterator[tuple[int, Part]]:
    """Each part with its approximate number of bytes."""
    assert file.local is not None
    if file.is_cut:
        yield from ((PIECE, part) for part in spans(file.local, 0, file.size, PIECE))
    else:
        yield OPENING + file.size * (UNPACKED if file.suffix else 1), Part(file.local)
