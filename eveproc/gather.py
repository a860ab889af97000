"""Files of EVE records + SiteProfile -> NightEvidence and ReadStats, by as many processes as there are cores.

Plain files are read in spans, compressed ones whole. Each process gathers by itself what it reads; evidence merges in any order,
so it does not matter who read what.
"""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing import get_all_start_methods, get_context
from signal import SIG_DFL, SIGINT, signal
from typing import TYPE_CHECKING

from eveproc.events import Event, Skipped
from eveproc.evidence import EVER, Collector, NightEvidence, Period
from eveproc.reader import Progress, holds_lines, last_line_result, line_result, lines_of, read_source
from eveproc.select import Selector
from eveproc.sources import Rest, Source, Span, plain_head, size_of
from eveproc.stats import ReadStats
from rulegen.errors import MxhoundError
from rulegen.site import SiteProfile

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from multiprocessing.sharedctypes import Synchronized

# Of a plain file one process takes so many bytes at a time: enough that beginning costs nothing, few enough that all end together.
SPAN = 32 << 20
# Less than this is read sooner than another process is started.
WORTH_A_PROCESS = 8 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """What one process reads at a time: lines of a plain file that begin from `start` on and before `stop`, or a whole file (None)."""

    path: str
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class RestPart:
    """Of a compressed log what its content holds behind the byte `start`."""

    path: str
    start: int


@dataclass(frozen=True, slots=True)
class End:
    """Where the reading of a compressed log came to: bytes of its content, and the last TAIL of those."""

    reached: int
    tail: bytes


class Gatherer:
    """Reads parts into one NightEvidence."""

    def __init__(self, site: SiteProfile, period: Period, advance: Callable[[int], None]) -> None:
        self.collector = Collector(site, period)
        self.stats = ReadStats()
        self.ends: dict[str, End] = {}
        self._advance = advance
        self._selector = _selector(site, self.collector.night)

    def read(self, part: Part | RestPart) -> None:
        """Take in every line of a part. What cannot be read is a problem in the stats, not the end."""
        try:
            with ExitStack() as stack:
                if isinstance(part, RestPart):
                    self._read_rest(Rest(part.path, part.start, stack, self.stats, self._advance))
                elif part.stop is None:
                    self._read_source(Source(part.path, stack, self.stats, self._advance))
                else:
                    self._read_lines(Span(part.path, part.start, part.stop, stack, self.stats, self._advance))
        except OSError as error:
            self.stats.note_problem(part.path, f"cannot be read: {error.strerror}")

    def _read_source(self, source: Source) -> None:
        if holds_lines(source.head()):
            self.stats.files += 1
            self._read_lines(source)
        else:
            for event in read_source(source):
                self.collector.add(event)

    def _read_rest(self, rest: Rest) -> None:
        self.stats.files += 1
        self._read_lines(rest)
        self.ends[rest.name] = End(rest.reached, rest.tail)

    def _read_lines(self, source: Source | Span) -> None:
        for block, end in source.blocks():
            self.take(block, end)

    def take(self, block: bytes, end: int) -> None:
        """Take in the lines of block[:end]; only the last may lack its newline."""
        for result in self._results(block, end):
            self.stats.note(result)
            if isinstance(result, Event):
                self.collector.add(result)

    def _results(self, block: bytes, end: int) -> Iterable[Event | Skipped]:
        if not self._selector:
            return lines_of(block, end)
        whole = block.rfind(b"\n", 0, end) + 1
        # All of them before the first is decoded: what is new is new for the whole block.
        wanted = tuple(self._selector.lines(block, whole))
        return chain(map(line_result, wanted), [last_line_result(block[whole:end])] if whole < end else ())


def gather(
    files: Sequence[str], site: SiteProfile, period: Period = EVER, *, jobs: int | None = None, progress: Progress | None = None
) -> tuple[NightEvidence, ReadStats]:
    """Read each of the files once. `jobs` is how many processes may read, by default as many as there are cores to use.

    `progress` is told the bytes read from disk so far and in all. Raises MxhoundError if a process dies, for want of memory say.
    """
    night, stats, _ = gather_parts(list(_parts(files)), site, period, jobs=jobs, progress=progress)
    return night, stats


def gather_parts(
    parts: Sequence[Part | RestPart], site: SiteProfile, period: Period = EVER, *, jobs: int | None = None, progress: Progress | None = None
) -> tuple[NightEvidence, ReadStats, dict[str, End]]:
    """Read each of the parts once; where RestParts ended comes back by path. Otherwise as `gather`."""
    total = sum(map(_bytes_of, parts))
    count = max(1, min(jobs or _cores(), len(parts), total // WORTH_A_PROCESS))
    context = get_context("fork" if "fork" in get_all_start_methods() else None)
    work = _Work(parts, context.Value("q", 0), context.Value("q", 0), total)
    gatherer = Gatherer(site, period, partial(work.advance, progress))
    with _Helpers(context, count - 1, partial(_read_and_send, work, site, period)) as helpers:
        work.do(gatherer)
        for night, stats, ends in helpers.results():
            gatherer.collector.night.merge(night)
            gatherer.stats.merge(stats)
            gatherer.ends.update(ends)
    gatherer.stats.files += len({part.path for part in parts if isinstance(part, Part) and part.stop})
    gatherer.stats.problems.sort(key=lambda problem: (problem.file, problem.what))
    return gatherer.collector.night, gatherer.stats, gatherer.ends


@dataclass(frozen=True, slots=True)
class _Work:
    """Parts to be read by whoever is free; the two counters are shared by all processes."""

    parts: Sequence[Part | RestPart]
    taken: "Synchronized[int]"
    done: "Synchronized[int]"
    total: int

    def do(self, gatherer: Gatherer) -> None:
        while (number := self._take()) < len(self.parts):
            gatherer.read(self.parts[number])

    def advance(self, progress: Progress | None, more: int) -> None:
        with self.done.get_lock():
            self.done.value += more
            done = self.done.value
        if progress:
            progress(done, self.total)

    def _take(self) -> int:
        with self.taken.get_lock():
            number: int = self.taken.value
            self.taken.value += 1
        return number


class _Helpers:
    """Processes that read beside this one; none outlives the `with`."""

    def __init__(self, context: "BaseContext", count: int, target: "Callable[[Connection], None]") -> None:
        self._started: list[tuple[BaseProcess, Connection]] = []
        for _ in range(count):
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=target, args=(there,), daemon=True)  # type: ignore[attr-defined]  # typeshed has it below
            process.start()
            there.close()
            self._started.append((process, here))

    def __enter__(self) -> "_Helpers":
        return self

    def __exit__(self, *_: object) -> None:
        for process, here in self._started:
            process.terminate()
            process.join()
            here.close()

    def results(self) -> Iterator[tuple[NightEvidence, ReadStats, dict[str, End]]]:
        for process, here in self._started:
            try:
                yield pickle.loads(here.recv_bytes())
            except EOFError:
                process.join()
                raise MxhoundError(f"a process that read the logs ended early (exit code {process.exitcode}): is memory short?") from None


def _read_and_send(work: _Work, site: SiteProfile, period: Period, there: "Connection") -> None:
    signal(SIGINT, SIG_DFL)  # the one that was started says what is to be said
    gatherer = Gatherer(site, period, partial(work.advance, None))
    work.do(gatherer)
    there.send_bytes(pickle.dumps((gatherer.collector.night, gatherer.stats, gatherer.ends), pickle.HIGHEST_PROTOCOL))


def _parts(files: Sequence[str]) -> Iterator[Part]:
    """Whole files first, the largest before others: they take longest."""
    sizes = {file: size_of(file) for file in files if _is_read_in_spans(file)}
    yield from (Part(file) for file in sorted(files, key=size_of, reverse=True) if file not in sizes)
    for file, size in sizes.items():
        yield from spans(file, 0, size)


def spans(path: str, start: int, stop: int) -> Iterator[Part]:
    """The lines of a plain file between two ends of lines, in parts for several processes."""
    return (Part(path, begin, min(begin + SPAN, stop)) for begin in range(start, stop, SPAN))


def _bytes_of(part: Part | RestPart) -> int:
    return size_of(part.path) if isinstance(part, RestPart) or part.stop is None else part.stop - part.start


def _is_read_in_spans(file: str) -> bool:
    """A plain file of lines; what cannot be opened is left to the one that reads it."""
    try:
        return holds_lines(plain_head(file))
    except OSError:
        return False


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _selector(site: SiteProfile, night: NightEvidence) -> Selector | None:
    try:
        return Selector(site, night)
    except ImportError:  # no wheel for this processor: every line is decoded
        return None
