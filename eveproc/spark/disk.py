"""Files on disks that all of the cluster sees -> a data frame of evidence; tasks read them as a single machine does.

Without a detour through a JVM this takes less than half of the CPU time that storage.py does
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

# What it takes to open one more file, as bytes that could be read meanwhile: on a disk of the
# network some milliseconds.
OPENING = 1 << 20


def frames(spark: "SparkSession", files: Sequence[Listed], order: Order) -> Iterator["DataFrame"]:
    """What the tasks find (rows.SCHEMA), a host as many times as there are tasks that met it."""
    work = list(shares(files))
    if work:
        # A row and a task for each share.
        yield spark.range(0, len(work), numPartitions=len(work)).mapInArrow(
            partial(of_parts, order, work), SCHEMA
        )


def shares(files: Iterable[Listed]) -> Iterator[tuple[Part, ...]]:
    """What one task reads: a piece of a large file, or some small files. The largest first, since they take longest."""
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
    """Each with the bytes that there are to be looked at, about."""
    assert file.local is not None
    if file.is_cut:
        yield from ((PIECE, part) for part in spans(file.local, 0, file.size, PIECE))
    else:
        yield OPENING + file.size * (UNPACKED if file.suffix else 1), Part(file.local)
