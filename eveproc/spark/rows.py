"""EvidenceStore and ReadStats <-> rows of host and evidence in Arrow batches.

The row without a host holds what belongs to no host. This module does not depend on Spark.
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

# `evidence` is null for a host without evidence.
SCHEMA = "host string, evidence binary"
ROWS = 1000

PackedRow = tuple[str, bytes | None]


class Gathered(Struct):
    """The result of some tasks, and the files they read whole; merging is order-free."""

    store: EvidenceStore = field(default_factory=EvidenceStore)
    stats: ReadStats = field(default_factory=ReadStats)
    read: set[str] = field(default_factory=set)

    def take(self, host: str, evidence: bytes | None) -> None:
        """Merge one row, as `rows` or `merged_rows` gave it."""
        if not host:
            store, stats, read = pickle.loads(
                evidence or b""
            )  # as Spark itself does; docs/spark.md requires authentication
            self.store.merge(store)
            self.stats.merge(stats)
            self.read |= read
            return
        self.store.note_active(host)
        if evidence is not None:
            self.store.add(host, HostEvidence.unpacked(evidence))

    def rows(self) -> Iterator[PackedRow]:
        """A row for each host, to be merged with the rows of other tasks."""
        hosts = self.store.hosts
        yield from hosts.packed()
        yield from ((address, None) for address in self.store.active if address not in hosts)
        yield self._rest(set())

    def merged_rows(self) -> Iterator[PackedRow]:
        """The rows of hosts that no other task has; hosts without evidence are in the last row."""
        yield from self.store.hosts.packed()
        yield self._rest(self.store.active)

    def _rest(self, active: set[str]) -> PackedRow:
        rest = replace(self.store, hosts=PackedStore(HostEvidence), active=active)
        return "", pickle.dumps((rest, self.stats, self.read), pickle.HIGHEST_PROTOCOL)


def batches(rows: Iterable[PackedRow]) -> Iterator["RecordBatch"]:
    """Batches of rows of SCHEMA."""
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
    """The rows of batches made by `batches`."""
    return chain.from_iterable(
        zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in found
    )
