"""NightEvidence and ReadStats <-> rows of a host and its evidence, in Arrow batches: all that goes from one task to the next.

The row without a host holds what belongs to no host. Nothing here knows of Spark.
"""

import pickle
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from eveproc.evidence import HostEvidence, NightEvidence
from eveproc.reading.stats import ReadStats
from eveproc.shelf import Shelf

if TYPE_CHECKING:
    from pyarrow import RecordBatch

# `evidence` is null for a host that was seen and no more.
SCHEMA = "host string, evidence binary"
ROWS = 1000

Row = tuple[str, bytes | None]


class Gathered(Struct):
    """What some tasks found, and the files that they read whole; merges in any order."""

    night: NightEvidence = field(default_factory=NightEvidence)
    stats: ReadStats = field(default_factory=ReadStats)
    read: set[str] = field(default_factory=set)

    def take(self, host: str, evidence: bytes | None) -> None:
        """Merge one row, as `rows` or `merged_rows` gave it."""
        if not host:
            night, stats, read = pickle.loads(evidence or b"")  # as Spark does with all that tasks send: docs/spark.md says to authenticate
            self.night.merge(night)
            self.stats.merge(stats)
            self.read |= read
            return
        self.night.note_active(host)
        if evidence is not None:
            self.night.add(host, HostEvidence.unpacked(evidence))

    def rows(self) -> Iterator[Row]:
        """A row for each host, to be brought together with those of other tasks."""
        hosts = self.night.hosts
        yield from hosts.packed()
        yield from ((address, None) for address in self.night.active if address not in hosts)
        yield self._rest(set())

    def merged_rows(self) -> Iterator[Row]:
        """The same where no other task has one of these hosts: those that were seen and no more are in the row of the rest."""
        yield from self.night.hosts.packed()
        yield self._rest(self.night.active)

    def _rest(self, active: set[str]) -> Row:
        rest = replace(self.night, hosts=Shelf(HostEvidence), active=active)
        return "", pickle.dumps((rest, self.stats, self.read), pickle.HIGHEST_PROTOCOL)


def batches(rows: Iterable[Row]) -> Iterator["RecordBatch"]:
    """Rows in the form of SCHEMA, some at a time."""
    import pyarrow

    ahead = iter(rows)
    for first in ahead:
        hosts, evidence = zip(first, *islice(ahead, ROWS - 1), strict=True)
        columns = [pyarrow.array(hosts, pyarrow.string()), pyarrow.array(evidence, pyarrow.binary())]
        yield pyarrow.RecordBatch.from_arrays(columns, names=["host", "evidence"])


def rows_of(found: Iterable["RecordBatch"]) -> Iterator[Row]:
    """What `batches` made batches of."""
    return chain.from_iterable(zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in found)
