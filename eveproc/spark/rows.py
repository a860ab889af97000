"""EvidenceStore and ReadStats <-> rows of a host and its evidence, in Arrow batches: all that goes from one task to the next.

The row without a host holds what belongs to no host. Nothing here knows of Spark.
"""

import pickle
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from eveproc.evidence.packed_store import PackedStore
from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.input.read_stats import ReadStats

if TYPE_CHECKING:
    from pyarrow import RecordBatch

# `evidence` is null for a host that was seen and no more.
SCHEMA = "host string, evidence binary"
ROWS = 1000

PackedRow = tuple[str, bytes | None]


class Gathered(Struct):
    """What some tasks found, and the files that they read whole; merges in any order."""

    store: EvidenceStore = field(default_factory=EvidenceStore)
    stats: ReadStats = field(default_factory=ReadStats)
    read: set[str] = field(default_factory=set)

    def take(self, host: str, evidence: bytes | None) -> None:
        """Merge one row, as `rows` or `merged_rows` gave it."""
        if not host:
            store, stats, read = pickle.loads(
                evidence or b""
            )  # as Spark does with all that tasks send: docs/spark.md says to authenticate
            self.store.merge(store)
            self.stats.merge(stats)
            self.read |= read
            return
        self.store.note_active(host)
        if evidence is not None:
            self.store.add(host, HostEvidence.unpacked(evidence))

    def rows(self) -> Iterator[PackedRow]:
        """A row for each host, to be brought together with those of other tasks."""
        hosts = self.store.hosts
        yield from hosts.packed()
        yield from ((address, None) for address in self.store.active if address not in hosts)
        yield self._rest(set())

    def merged_rows(self) -> Iterator[PackedRow]:
        """The same where no other task has one of these hosts: those that were seen and no more are in the row of the rest."""
        yield from self.store.hosts.packed()
        yield self._rest(self.store.active)

    def _rest(self, active: set[str]) -> PackedRow:
        rest = replace(self.store, hosts=PackedStore(HostEvidence), active=active)
        return "", pickle.dumps((rest, self.stats, self.read), pickle.HIGHEST_PROTOCOL)


def batches(rows: Iterable[PackedRow]) -> Iterator["RecordBatch"]:
    """Rows in the form of SCHEMA, some at a time."""
    import pyarrow

    ahead = iter(rows)
    for first in ahead:
        hosts, evidence = zip(first, *islice(ahead, ROWS - 1), strict=True)
        columns = [
            pyarrow.array(hosts, pyarrow.string()),
            pyarrow.array(evidence, pyarrow.binary()),
        ]
        yield pyarrow.RecordBatch.from_arrays(columns, names=["host", "evidence"])


def rows_of(found: Iterable["RecordBatch"]) -> Iterator[PackedRow]:
    """What `batches` made batches of."""
    return chain.from_iterable(
        zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in found
    )
