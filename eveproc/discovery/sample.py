"""Files -> what a Discoverer finds in a sample of their lines: whole pieces, spread over all.

The result is a first guess; nothing depends on it alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

from msgspec import Struct

from eveproc.discovery.conversations import Ends
from eveproc.discovery.discover import Discoverer, SiteEvidence
from eveproc.input.parallel import Gatherer, Part
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import holds_lines
from eveproc.input.sources import LogSource, plain_head, size_of

# Number of pieces, and bytes of each; input of less than LEAST bytes is read whole as quickly.
PIECES, PIECE, LEAST = 16, 1 << 18, 1 << 24


class Sample(Struct, frozen=True):
    """What was found in a sample, and the ends of lookups that were noted."""

    store: SiteEvidence
    done: frozenset[Ends] = frozenset()


def sampled(files: Sequence[str], collect: Callable[[], Discoverer]) -> Sample | None:
    """The result of a sample; None if there is too little input.

    Sources that can be read only once, such as pipes, are left out.
    """
    sizes = {file: size_of(file) for file in files if Path(file).is_file()}
    if sum(sizes.values()) < LEAST:
        return None
    collector = collect()
    gatherer = Gatherer(collector)
    for file, start in _places(sizes):
        with suppress(OSError), ExitStack() as stack:
            if holds_lines(plain_head(file)):
                gatherer.read(Part(file, start, start + PIECE))
            else:
                _read_head(gatherer, LogSource(file, stack, ReadStats()))
    gatherer.settle()
    return Sample(collector.store, collector.shown())


def _places(sizes: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Files and bytes in them, at equal distances."""
    each = sum(sizes.values()) // PIECES
    at = 0
    for file, size in sizes.items():
        yield from ((file, start) for start in range(-at % each, size, each))
        at += size


def _read_head(gatherer: Gatherer[SiteEvidence], source: LogSource) -> None:
    """Read the beginning of a compressed file."""
    if holds_lines(source.head()):
        for block, end in islice(source.blocks(), 1):
            gatherer.take(block, end)
