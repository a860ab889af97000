"""Files of EVE records -> what a collector makes of them, and ReadStats, by several processes.

Plain files are read in spans, compressed ones whole; if there are only a few compressed files, one
process unpacks them and all read them. Each process gathers what it reads by itself; evidence
merges in any order, so it does not matter who read what.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import cache, cached_property, partial
from itertools import chain
from typing import Generic

from msgspec import Struct

from eveproc.input.active_hosts import ActiveHosts
from eveproc.input.collecting import Collecting, S
from eveproc.input.events import Dns, Event, Skipped, Stats, failed
from eveproc.input.lookups import LONGEST_LOOKUP, Lookups
from eveproc.input.prefilter import Prefilter, database, patterns_of_plain
from eveproc.input.read_stats import EMPTY, ONLY_BLANKS, ReadStats
from eveproc.input.reader import (
    BLANKS,
    LineReader,
    Progress,
    Result,
    has_record,
    holds_lines,
    is_lines,
    line_result,
    read_source,
    refuse,
)
from eveproc.input.sensor_runs import SensorRuns
from eveproc.input.session_times import SessionTimes, with_session_times
from eveproc.input.snort import alerts_in, is_plain
from eveproc.input.snort.clock import written_since
from eveproc.input.snort.sensor_names import attributed
from eveproc.input.sources import (
    HAS_HOLE,
    MAX_LINE,
    LogSource,
    Rest,
    Span,
    has_hole,
    is_archive,
    plain_head,
    size_of,
)
from eveproc.input.survey import (
    FEW,
    FIRST_BLOCKS,
    FULL,
    HALF,
    OF_FULL_BLOCK,
    PRESENCE,
    is_cut_off,
    limit_for,
    of_block,
    of_event,
    of_lines,
    sample,
)
from eveproc.input.workers import Helpers, Work, can_fork, cores

# Number of bytes of a plain file that one process takes at a time: enough to make the start cheap,
# few enough that all processes end together.
SPAN = 8 << 20
# Wanted lines wait until there are so many bytes of them. Decoding them in one go takes two thirds
# of the time of decoding between blocks, when the decoder has left the processor's cache. The lines
# of one more block may be added.
WAITING = 1 << 19
# Blocks are allocated and freed by the thousand. glibc would return their pages and ask for new
# ones each time, unless so many bytes were freed at once before (mallopt(3), M_MMAP_THRESHOLD); for
# 1 GB in a .zst that took half a second. The pages of this allocation are never touched.
KEPT = 16 << 20
# Smaller input is read in less time than it takes to start another process.
WORTH_A_PROCESS = 8 << 20
# Every EVE record holds this name. Number of lines of a block that hold it and are decoded to learn
# whether they are records.
EVENT_TYPE, NAMING_AT_MOST = b"event_type", 100
# Estimated number of unpacked bytes for each byte of a compressed file, and a number of processes
# that is more than enough.
UNPACKED, MANY = 8, 1024


class Part(Struct, frozen=True):
    """What one process reads at a time: lines of a plain file that begin from `start` on and before
    `stop`, or a whole file (None).
    """

    path: str
    start: int = 0
    stop: int | None = None


class RestPart(Struct, frozen=True):
    """The content of a compressed log after the byte `start`."""

    path: str
    start: int


class End(Struct, frozen=True):
    """How far a compressed log was read: number of bytes of its content, and the last TAIL of
    those.
    """

    reached: int
    tail: bytes


class Gatherer(Generic[S]):
    """Reads parts into the store of one collector.

    Some lines wait until `found` or `settle` is called.
    """

    def __init__(
        self, collector: Collecting[S], advance: Callable[[int], None] = lambda _: None
    ) -> None:
        """`advance` gets the number of further bytes read from disk."""
        self.collector = collector
        self.stats = ReadStats()
        self._named = self.collector.line_filter.named
        self._lines = LineReader(lambda: self.stats, self._named)
        self._sampler = LineReader(ReadStats)
        self._ends: dict[str, End] = {}
        # Hands a block to another process; False if none is free.
        self.offer: Callable[[bytes, int], bool] = lambda _block, _end: False
        self._presence = ActiveHosts(self.collector)
        self._sensor_runs = SensorRuns(self.collector.why_not)
        self._lookups = Lookups(self.collector.is_home)
        # Waiting lines by pieces of the log; within a piece a flow record corrects its sessions.
        self._waiting: list[list[bytes]] = [[]]
        self._waiting_bytes = 0
        self._times = SessionTimes()
        self._advance = advance
        # Number of lines of a block that are decoded for a survey of the input; full blocks after
        # the first ones have fewer.
        self.sampled_at_most = FEW
        self._unmet_kinds = PRESENCE
        self._sampled: list[bytes] = []

    def found(self) -> tuple[S, ReadStats, dict[str, End]]:
        """The result of everything read so far, and where RestParts ended."""
        self.settle()
        return self.collector.store, self.stats, self._ends

    def read(self, part: Part | RestPart) -> None:
        """Read every line of a part. A part that cannot be read is a problem in the stats; reading
        goes on.
        """
        try:
            with ExitStack() as stack:
                if isinstance(part, RestPart):
                    self._read_rest(Rest(part.path, part.start, stack, self.stats, self._advance))
                elif part.stop is None:
                    self.read_stream(LogSource(part.path, stack, self.stats, self._advance))
                else:
                    self._read_span(
                        Span(part.path, part.start, part.stop, stack, self.stats, self._advance)
                    )
        except OSError as error:
            self.stats.note_problem(part.path, f"cannot be read: {error.strerror}")

    def read_stream(self, source: LogSource) -> None:
        """Read all of an input, whatever its framing."""
        head = source.head()
        if holds_lines(head):
            self.stats.files += 1
            self._read_lines(source)
        elif is_archive(head):
            from eveproc.input.archives import members

            for member in members(source):
                self.read_stream(member)
        elif is_lines(head):
            self._read_doubtful(source, head)
        else:
            read = read_source(source, self.collector.since, self._named)
            events = attributed(read, source.name, self._sensors())
            for event in with_session_times(events):
                self.collector.survey(of_event(event))
                if isinstance(result := self._add(event), Skipped):
                    self.stats.note(result)

    def _read_doubtful(self, source: LogSource, head: bytes) -> None:
        """Read a log that does not begin with a record, as one of several programs; note if it has
        none.
        """
        self.stats.files += 1
        self.settle()  # the waiting lines are of other inputs
        is_eve, lines, cut = False, 0, 0
        found, is_blank = self.stats.records, True
        for block, end in source.blocks():
            is_blank = is_blank and not block[:end].strip(BLANKS)
            lines += block.count(b"\n", 0, end) + (not block.endswith(b"\n", 0, end))
            if EVENT_TYPE in block:
                is_eve = is_eve or has_record(_naming(EVENT_TYPE, block, end))
                cut += 0 if is_eve else _cut_off(block, end)
                self.take(block, end)
            self._note_alerts(block, end, source)
        if not lines:
            source.note_problem(EMPTY)
        elif is_blank:
            source.note_problem(ONLY_BLANKS)
        elif not is_eve:
            self.settle()
            if self.stats.records == found:
                refuse(source, head, lines, cut)

    def _note_alerts(self, block: bytes, end: int, source: LogSource | Span) -> None:
        """Read alerts in text among the lines of other programs, as in a syslog."""
        if not is_plain(block, end):
            written = written_since(source.written, self.collector.since)
            self.take_alerts(alerts_in(block, end, written), source.name)

    def _note_damage(
        self, block: bytes, end: int, source: LogSource | Span, *, is_head: bool
    ) -> None:
        if has_hole(block, end, begins_file=is_head):
            self.stats.note_problem(source.name, HAS_HOLE)
        # Half of a first record is usual, a damaged line of many records is not.
        is_line = is_head and end <= MAX_LINE and block.find(b"\n", 0, end) < 0
        if is_line and block.count(EVENT_TYPE, 0, end) > 1 and not has_record([block[:end]]):
            self.stats.note_problem(source.name, ONE_DAMAGED_LINE)

    def take_alerts(self, results: Iterable[Result], log: str) -> None:
        """Add the results that another reader made of a log of alerts at this path."""
        for result in attributed(results, log, self._sensors()):
            if isinstance(result, Event):
                self.collector.survey(of_event(result))
            self._note((result,))

    def _read_rest(self, rest: Rest) -> None:
        self.stats.files += 1
        self._read_lines(rest)
        self._ends[rest.name] = End(rest.reached, rest.tail)

    def _read_lines(self, source: LogSource) -> None:
        """Each block is a piece by itself, whichever process reads it."""
        for number, (block, end) in enumerate(source.blocks()):
            self._note_alerts(block, end, source)
            self._note_damage(block, end, source, is_head=source.begins_file and not number)
            is_first = source.begins_file and number < FIRST_BLOCKS
            if is_first or not self.offer(block, end):
                self._take(block, end, is_first=is_first)
                self._end_piece()

    def _read_span(self, span: Span) -> None:
        """The whole span is one piece."""
        for number, (block, end) in enumerate(span.blocks()):
            self._note_alerts(block, end, span)
            self._note_damage(block, end, span, is_head=span.begins_file and not number)
            self._take(block, end, is_first=span.begins_file and number < FIRST_BLOCKS)
        self._end_piece()

    def take(self, block: bytes, end: int) -> None:
        """Read the lines of block[:end] as one piece; text after the last newline is a line as
        well.
        """
        self._take(block, end)
        self._end_piece()

    def _end_piece(self) -> None:
        """End the piece: its lines wait before those of the next."""
        if self._waiting[-1]:
            self._waiting.append([])
        elif len(self._waiting) == 1:  # no line of the piece waits
            self._add_sessions()

    def _take(self, block: bytes, end: int, *, is_first: bool = False) -> None:
        """`is_first`: the block is one of the first of a file, which are surveyed more closely."""
        self._survey(block, end, is_first)
        if not self._prefilter:
            self._note(self._lines.lines(block, end))
            self._keep_bound()
            return
        whole = block.rfind(b"\n", 0, end) + 1
        wanted, flows = self._prefilter.lines(block, whole)
        # Not counted in the stats: another process meets the same hosts for the first time, too.
        for some in flows:
            self._presence.note(some)
        self._waiting[-1] += wanted
        self._waiting_bytes += sum(map(len, wanted))
        self._keep_bound()
        if whole < end:
            self._look_at_waiting()  # the lines of the same piece
            self._note(self._lines.last_line(block[whole:end]))

    def _keep_bound(self) -> None:
        if self._waiting_bytes > WAITING:
            self._look_at_waiting()

    def _survey(self, block: bytes, end: int, is_first: bool) -> None:
        """Sample a block, since most of its lines are skipped. Lines of the sample wait as others
        do.
        """
        seen = of_block(block, end, self._look_at, self._unmet_kinds)
        self._unmet_kinds -= seen.kinds
        self.collector.survey(seen)
        most = OF_FULL_BLOCK if end >= FULL and not is_first else self.sampled_at_most
        sampled = tuple(sample(block, end, most))
        self._sampled += sampled
        self._waiting_bytes += sum(map(len, sampled))

    def _look_at(self, line: bytes) -> Result:
        """The first result of a line that is only examined here, and read elsewhere."""
        return self._sampler.line(line)[0]

    def settle(self) -> None:
        """Read all waiting lines."""
        self._look_at_waiting()
        self._add_sessions()
        self._add_lookups()
        self._add_sensor_runs()

    def _look_at_waiting(self) -> None:
        """Decode the waiting lines, except those that may repeat what is known."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [[]], 0
        if not self._named:  # named fields may be anywhere in a line
            self._lookups.take_between(*self.collector.counted)
            waiting = [[line for line in piece if not self._is_taken(line)] for piece in waiting]
            if self._lookups.is_full():
                self._add_lookups()
            if self._sensor_runs.is_full():
                self._add_sensor_runs()
        for number, piece in enumerate(waiting):
            if number:
                self._add_sessions()  # of the piece before; the last piece may go on
            self._note(chain.from_iterable(map(self._lines.line, piece)))
        sampled, self._sampled = self._sampled, []
        self.collector.survey(of_lines(sampled, self._look_at))

    def _is_taken(self, line: bytes) -> bool:
        """True if a line is of a kind that mostly repeats what is known, and was collected."""
        is_long = len(line) > LONGEST_LOOKUP
        try:
            return self._sensor_runs.take(line) if is_long else self._lookups.take(line)
        except Exception:  # noqa: BLE001  whatever one line does, the others are read
            return False

    def _add_lookups(self) -> None:
        """Give the waiting lookups to the collector."""
        for resolved in self._lookups.resolved():
            try:
                self.collector.add_names(resolved)
            except Exception as error:  # noqa: BLE001  hostile records must not end the reading
                self.stats.note(failed(Dns.TYPE, error))
        for asker in self._lookups.askers():
            try:
                self.collector.add_lookups(asker)
            except Exception:  # noqa: BLE001  hostile records must not end the reading
                self._note(asker.events())  # evidence that was added before counts once
            else:
                self.stats.note_events(Dns.TYPE, len(asker.asked))
        self._lookups.clear()

    def _add_sensor_runs(self) -> None:
        """Decode the first and the last line of each run of a sensor; count the others."""
        for run in self._sensor_runs.taken():
            lines = run.lines()
            results = [result for line in lines for result in self._lines.line(line)]
            self._note(results)
            others = run.count - len(lines)
            # A line that is damaged inside says nothing about the others.
            like = next((one for one in results if isinstance(one, Stats)), results[-1])
            if isinstance(like, Stats):
                self.collector.add_more(like, others)
                self.stats.note_events(Stats.TYPE, others)
            else:
                self._note([like] * others)

    @cached_property
    def _prefilter(self) -> Prefilter | None:
        """Made for the first line: without lines, nothing was skipped."""
        prefilter = _prefilter(self.collector)
        self.stats.selected = prefilter is not None
        self.stats.hyperscan_missing = prefilter is None
        return prefilter

    def take_plainly(self, block: bytes, end: int) -> None:
        """Read the lines of block[:end] one by one; lines that were read before count once."""
        self._note(self._lines.lines(block, end))
        self._add_sessions()

    def _sensors(self) -> Sequence[str]:
        return self.collector.line_filter.sensors

    def _note(self, results: Iterable[Result]) -> None:
        """Add results; sessions are held back until their piece ends."""
        for result in self._times.others(results):
            self._note_one(result)

    def _add_sessions(self) -> None:
        """Add the sessions of a piece that has ended."""
        for session in self._times.sessions():
            self._note_one(session)

    def _note_one(self, result: Result) -> None:
        self.stats.note(self._add(result) if isinstance(result, Event) else result)

    def _add(self, event: Event) -> Event | Skipped:
        try:
            self.collector.add(event)
        except Exception as error:  # noqa: BLE001  hostile records must not end the reading
            return failed(event.TYPE, error)
        return event


def gather(
    files: Sequence[str],
    collect: Callable[[], Collecting[S]],
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[S, ReadStats]:
    """Read each of the files once.

    `jobs` is the maximum number of processes that read (default: the cores that may be used).

    `collect` makes the collector of one process. The stores of all collectors are merged and
    returned. `progress` gets the bytes read from disk so far and in all. Raises MxhoundError if a
    process dies, for example for lack of memory.
    """
    whole, plain = _parts(files)
    store, stats, _ = gather_parts(whole, plain, collect, jobs=jobs, progress=progress)
    return store, stats


def gather_parts(
    whole: Sequence[Part | RestPart],
    plain: Sequence[Part],
    collect: Callable[[], Collecting[S]],
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[S, ReadStats, dict[str, End]]:
    """Read each of the parts once: files and spans of plain ones.

    Also returns where RestParts ended, by path. Otherwise as `gather`.
    """
    _keep_pages()
    count = min(jobs or cores(), _worth(whole, plain)) if can_fork() else 1
    # If there are as many compressed files as processes, each process reads whole files; fewer
    # files are unpacked by one process and read by all.
    dealt = whole if len(whole) < count else []
    work = Work([*(() if dealt else whole), *plain], sum(map(_bytes_of, (*whole, *plain))))
    gatherer = Gatherer(collect(), partial(work.advance, progress))
    gatherer.sampled_at_most = limit_for(_sizes(whole, plain))
    if count > 1:  # patterns compiled before the fork are compiled once
        with suppress(ImportError):
            database(patterns_of_plain(gatherer.collector.line_filter.patterns))
    with Helpers(count - 1, partial(_help, work, collect, gatherer.sampled_at_most)) as helpers:
        gatherer.offer = helpers.offer if dealt else gatherer.offer
        for part in chain(dealt, work.take()):
            gatherer.read(part)
        helpers.end()
        store, stats, ends = gatherer.found()
        for store_of_helper, stats_of_helper, ends_of_helper in helpers.results():
            store.merge(store_of_helper)
            stats.merge(stats_of_helper)
            ends.update(ends_of_helper)
    stats.files += len({part.path for part in plain})
    return store, stats, ends


@cache  # a later allocation would come from the kept pages, and be filled with zeros
def _keep_pages() -> None:
    """Allocate and free KEPT bytes, once in a process."""
    bytes(KEPT)


def _help(
    work: Work[Part | RestPart],
    collect: Callable[[], Collecting[S]],
    sampled_at_most: int,
    blocks: Iterator[tuple[bytes, int]],
) -> tuple[S, ReadStats, dict[str, End]]:
    """The work of a helper: parts while there are any, then blocks."""
    gatherer = Gatherer(collect(), partial(work.advance, None))
    gatherer.sampled_at_most = sampled_at_most
    for part in work.take():
        gatherer.read(part)
    gatherer.settle()  # while other processes still read
    for block, end in blocks:
        gatherer.take(block, end)
    return gatherer.found()


def _worth(whole: Sequence[Part | RestPart], plain: Sequence[Part]) -> int:
    """Number of processes that the input justifies, at least one. Input from a pipe may be long."""
    sizes = [UNPACKED * size_of(part.path) or WORTH_A_PROCESS * MANY for part in whole]
    return 1 + (sum(sizes) + sum(map(_bytes_of, plain))) // WORTH_A_PROCESS


def _sizes(whole: Sequence[Part | RestPart], plain: Sequence[Part]) -> Collection[int]:
    """Number of bytes to read of each file."""
    sizes: Counter[str] = Counter()
    for part in (*whole, *plain):
        sizes[part.path] += _bytes_of(part)
    return sizes.values()


def _parts(files: Sequence[str]) -> tuple[list[Part], list[Part]]:
    """Files to be read whole, the largest first because they take longest, and spans of those that
    can be split.
    """
    parts = [part for file in files for part in parts_of(Part(file))]
    whole = [part for part in parts if part.stop is None]
    return (
        sorted(whole, key=lambda part: -size_of(part.path)),
        [part for part in parts if part.stop is not None],
    )


def parts_of(part: Part) -> Iterator[Part]:
    """The part, split as one machine splits it: the cuts decide which lines a survey samples."""
    if part.stop is not None:
        yield from spans(part.path, part.start, part.stop)
    elif _is_read_in_spans(part.path):
        yield from spans(part.path, 0, size_of(part.path))
    else:
        yield part


def spans(path: str, start: int, stop: int, each: int = SPAN) -> Iterator[Part]:
    """The lines of a plain file between two line ends, in parts of so many bytes for several
    processes.
    """
    return (Part(path, begin, min(begin + each, stop)) for begin in range(start, stop, each))


def _bytes_of(part: Part | RestPart) -> int:
    return (
        size_of(part.path)
        if isinstance(part, RestPart) or part.stop is None
        else part.stop - part.start
    )


def _is_read_in_spans(file: str) -> bool:
    """True for a plain file of lines; a file that cannot be opened is left to its reader."""
    try:
        return holds_lines(plain_head(file))
    except OSError:
        return False


def _prefilter(collector: Collecting[S]) -> Prefilter | None:
    try:
        return Prefilter(collector.line_filter, lambda: collector.store.sensors)
    except ImportError:  # no wheel for this processor: every line is decoded
        return None


ONE_DAMAGED_LINE = "is one line that is damaged: no record of it could be read"
_ESCAPED = b'\\"' + EVENT_TYPE


def _cut_off(block: bytes, end: int) -> int:
    """Number of lines of block[:end] that begin an EVE record and do not end it."""
    lines = (line for line in block[:end].split(b"\n") if EVENT_TYPE in line)
    return sum(
        is_cut_off(line) or (_ESCAPED in line and line_result(line) == HALF) for line in lines
    )


def _naming(token: bytes, block: bytes, end: int) -> Iterator[bytes]:
    """The lines of block[:end] that hold the token, at most NAMING_AT_MOST."""
    at = block.find(token, 0, end)
    for _ in range(NAMING_AT_MOST):
        if at < 0:
            return
        start = block.rfind(b"\n", 0, at) + 1
        stop = block.find(b"\n", at, end)
        yield block[start : stop if stop >= 0 else end]
        at = block.find(token, stop, end) if stop >= 0 else -1
