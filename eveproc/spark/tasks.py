"""Arrow batches of file content -> Arrow batches of evidence (rows.py), on the executors.

A batch holds rows as Spark's text reader cuts them, without the separator; joined again they are
the bytes of the file.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from io import BufferedReader, RawIOBase
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.collector import Collector, Period
from eveproc.evidence.store import EvidenceStore
from eveproc.input.parallel import Gatherer, Part, parts_of
from eveproc.input.read_stats import ReadStats
from eveproc.input.snort import alerts_in
from eveproc.input.snort.sensor_names import PIECES
from eveproc.input.sources import BLOCK, LogSource
from eveproc.input.survey import FEW, limit_for
from eveproc.spark.rows import Gathered, batches, rows_of
from rulegen.errors import MxhoundError
from rulegen.inventory import NO_INVENTORY
from rulegen.site_profile import SiteProfile

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch

# Rows of lines do not carry the time of their file: alerts without a year stay undated.
NO_TIME = 0.0
# Bytes of a UTF-8 byte order mark, which Spark's reader removes.
MARK = 3


VERSION = version("mxhound")


class Order(Struct, frozen=True):
    """What every task needs, and the driver's version of mxhound.

    `told` is the pickled site profile and period. An executor with another version may not be able
    to read them, and must say so. `sampled_at_most`: number of lines of a block that a survey
    decodes, the same as on one machine for files of these sizes.
    """

    told: bytes
    version: str = VERSION
    sampled_at_most: int = FEW

    @classmethod
    def of(cls, site: SiteProfile, period: Period, sizes: Iterable[int]) -> "Order":
        from pyspark.cloudpickle import dumps  # pickle cannot handle read-only mappings

        needed = replace(site, inventory=NO_INVENTORY)  # only verdicts use it
        return cls(dumps((needed, period)), sampled_at_most=limit_for(sizes))


class FileFacts(Struct, frozen=True):
    """Spark's metadata of a file: URI, size in bytes, modification time (seconds since 1970)."""

    uri: str
    size: int
    written: float

    @property
    def path(self) -> str:
        return unquote(self.uri)


def of_lines(order: Order, found: Iterable["RecordBatch"]) -> Iterator["RecordBatch"]:
    """Rows of one line each (column 0) -> evidence."""
    gatherer = _gatherer(order)
    for batch in found:
        block = _joined(batch.column(0), b"\n")
        last = block.rfind(b"\n") + 1
        # Only the last line gets its newline back: adding one to the block would copy the block,
        # which takes as long as the search.
        for part, end in ((block, last), (block[last:] + b"\n", len(block) - last + 1)):
            gatherer.take_alerts(alerts_in(part, end, NO_TIME), PIECES)
            if end:
                gatherer.take(part, end)
    store, stats, _ = gatherer.found()
    yield from batches(Gathered(store, stats).rows())


def of_files(
    order: Order, separator: bytes, found: Iterable["RecordBatch"]
) -> Iterator["RecordBatch"]:
    """Rows (value, URI, size, modification time) of whole files in sequence -> evidence."""
    gatherer, read = _gatherer(order), set()
    for facts, pieces in groupby(_pieces(found, separator), itemgetter(0)):
        _read(facts, (piece for _, piece in pieces), gatherer)
        read.add(facts.path)
    store, stats, _ = gatherer.found()
    yield from batches(Gathered(store, stats, read).rows())


def of_parts(
    order: Order, work: Sequence[Sequence[Part]], found: Iterable["RecordBatch"]
) -> Iterator["RecordBatch"]:
    """Numbers of work items (column 0), each some parts of files on disks -> evidence."""
    gatherer = _gatherer(order)
    for batch in found:
        for number in batch.column(0).to_pylist():
            for part in work[number]:
                pieces = list(parts_of(part))
                for piece in pieces:
                    gatherer.read(piece)
                # A file in spans is counted by the process that cut it.
                gatherer.stats.files += part.stop is None and part not in pieces
    store, stats, _ = gatherer.found()
    yield from batches(Gathered(store, stats).rows())


def merge(found: Iterable["RecordBatch"]) -> Iterator["RecordBatch"]:
    """All rows of some hosts, from several tasks -> one row for each host."""
    gathered = Gathered()
    for host, evidence in rows_of(found):
        gathered.take(host, evidence)
    yield from batches(gathered.merged_rows())


def _gatherer(order: Order) -> Gatherer[EvidenceStore]:
    if order.version != VERSION:
        raise MxhoundError(
            f"the executors have mxhound {VERSION}, the driver {order.version}: rebuild the "
            "archive for the executors"
        )
    site, period = pickle.loads(order.told)  # from our own driver
    gatherer = Gatherer(Collector(site, period))
    gatherer.sampled_at_most = order.sampled_at_most
    return gatherer


def _read(facts: FileFacts, pieces: Iterator[bytes], gatherer: Gatherer[EvidenceStore]) -> None:
    content = _Content(pieces, facts.size)
    with ExitStack() as stack:
        gatherer.read_stream(
            _Streamed(facts, BufferedReader(content, BLOCK), stack, gatherer.stats)
        )
    if content.missing:
        gatherer.stats.note_problem(
            facts.path,
            f"was read incompletely: {content.missing} of {facts.size} bytes are missing",
        )


class _Streamed(LogSource):
    """A file that Spark opened."""

    def __init__(
        self, facts: FileFacts, raw: BufferedReader, stack: ExitStack, stats: ReadStats
    ) -> None:
        super().__init__(facts.path, stack, stats, raw=raw)
        self._written = facts.written

    @property
    def written(self) -> float:
        return self._written


class _Content(RawIOBase):
    """A readable stream over pieces of a file of `size` bytes.

    `missing`, once all was read: how many bytes did not come.
    """

    def __init__(self, pieces: Iterator[bytes], size: int) -> None:
        self._pieces = pieces
        self._size = size
        self._came = 0
        self._ahead = next(pieces, b"")
        self._rest = memoryview(b"")
        self.missing = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(self._next())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> bytes:
        piece, self._ahead = self._ahead, next(self._pieces, b"")
        self._came += len(piece)
        if self._ahead:
            return piece
        if self._size - self._came > MARK:
            self.missing = self._size - self._came
        # The last row is followed by a separator that the file may not have.
        return piece[:-1] if self._came == self._size + 1 else piece


def _pieces(found: Iterable["RecordBatch"], separator: bytes) -> Iterator[tuple[FileFacts, bytes]]:
    """(file, bytes) of files in sequence."""
    for batch in found:
        values, *about = batch.columns
        names = about[0]
        start = 0
        for name, end in _runs(names):
            size, written = (column[start].as_py() for column in about[1:])
            yield (
                FileFacts(name, size, written.timestamp()),
                _joined(values[start:end], separator) + separator,
            )
            start = end


def _runs(names: "Array") -> Iterator[tuple[str, int]]:
    """Each name, and the end of its run of rows."""
    import pyarrow.compute

    encoded = pyarrow.compute.run_end_encode(names)
    return zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True)


def _joined(values: "Array", separator: bytes) -> bytes:
    """The bytes of all rows, joined by the separator."""
    import pyarrow
    import pyarrow.compute

    rows = pyarrow.ListArray.from_arrays([0, len(values)], values.cast(pyarrow.binary()))
    joined: bytes = pyarrow.compute.binary_join(rows, separator)[0].as_buffer().to_pybytes()
    return joined
