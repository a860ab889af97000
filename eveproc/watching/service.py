"""Names of sources -> news, passed on as it comes until the watch is stopped."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

from eveproc.evidence.store import EvidenceStore
from eveproc.input import snort
from eveproc.input.events import SkipReason
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import line_result
from eveproc.input.snort.lines import BlockSource
from eveproc.input.sources import HEAD, plain_head
from eveproc.state.incident import LiveNews, News
from eveproc.state.message import Message
from eveproc.state.state import EVIDENCE_HOURS, State
from eveproc.verdicts.judgement import Judgement
from eveproc.watching.blindness import NO_POLICY, BlindnessWatch, Policy, Reading
from eveproc.watching.catch_up import CaughtUp, catch_up
from eveproc.watching.engine import Watcher, WatchMemory, forget
from eveproc.watching.faults import Faults
from eveproc.watching.inventory_file import InventoryFile
from eveproc.watching.tail import SOURCES, Follower, Piece
from rulegen.errors import InputError, MxhoundError, Problem
from rulegen.site_profile import SiteProfile
from rulegen.units import HOUR

if TYPE_CHECKING:
    from eveproc.watching.notify import Notifier

# Seconds between two looks at the sources; a line is judged within the next second.
PAUSE = 0.25
PAUSE_AT_MOST = 1.0
# Judging takes no more than a fifth of the time.
REST = 4
# Seconds between two writes of the state; after news it is written at once.
KEEP_EVERY = 30.0
# If none of so many first lines is a record, the source is not EVE.
TELLING_LINES = 10


class FollowedInput(Protocol):
    """Where pieces of EVE come from."""

    def poll(self, now: float) -> Iterator[Piece]:
        """What is new; `now` is monotonic seconds."""

    def commit(self) -> None:
        """Everything polled so far is judged, and saved if there is a state."""

    def close(self) -> None: ...


def is_file_name(name: str) -> bool:
    """True for a path, False for a source with a scheme."""
    return name.partition(":")[0] not in ("unix", "unixgram", "redis", "rediss")


def shown(name: str) -> str:
    """The name in messages: a redis URL may hold a password."""
    return name if is_file_name(name) or not name.startswith("redis") else "redis://..."


def open_source(name: str, stats: ReadStats) -> FollowedInput:
    """Open a path, unix:PATH, unixgram:PATH or redis://...

    Raises MxhoundError if it cannot be read.
    """
    scheme, _, rest = name.partition(":")
    if name == "-":
        what = f"means standard input, which cannot be followed; expected {SOURCES}"
        raise InputError([Problem(name, what)])
    if not rest and not is_file_name(name):
        raise InputError([Problem(name, f"names no path; expected {SOURCES}")])
    if is_file_name(name):
        _refuse_unified2(name)
        return Follower(name, stats)
    if scheme in ("unix", "unixgram"):
        from eveproc.watching.listen import Listener

        return Listener(rest, stats, datagrams=scheme == "unixgram")
    from eveproc.watching.redis_list import RedisList

    return RedisList(name, stats)


def _refuse_unified2(name: str) -> None:
    """Raise InputError for what can be told to be unified2, by its first bytes or its name."""
    with suppress(OSError):
        if snort.is_unified2(plain_head(name)) or snort.is_named_unified2(Path(name).name):
            what = (
                "is a unified2 log of Snort, which is binary and cannot be followed; expected "
                "alert_json, alert_csv and text of Snort; eveproc report reads unified2"
            )
            raise InputError([Problem(name, what)])


class Sinks(Struct, frozen=True):
    """Who is told: `tell` gets the news, `say` sentences for whoever runs this."""

    tell: Callable[[LiveNews], None]
    say: Callable[[str], None]
    notifier: "Notifier | None" = None

    def pass_on(self, news: LiveNews, coverage: Callable[[], Judgement]) -> None:
        """`coverage` tells what can be seen; it is asked only if somebody is to be notified."""
        from eveproc.watching.notify import message_of

        self.tell(news)
        if self.notifier:
            self.notifier.send(message_of(news, coverage()))

    def send(self, message: Message) -> None:
        if self.notifier:
            self.notifier.send(message)

    def waiting(self) -> Mapping[str, Sequence[Message]]:
        return self.notifier.waiting() if self.notifier else {}


class ProcessSignals(Struct, frozen=True):
    """Requests to a running watch, also from signal handlers: stop, and reload the profile."""

    stop: Event = field(default_factory=Event)
    reload: Event = field(default_factory=Event)


class Live:
    """Reads the sources and judges, in turn. `load` returns the site profile.

    `clock` is the wall clock in seconds since 1970 UTC.

    With a state it goes on where an earlier watch ended. News is kept after it was told, together
    with the positions in the logs.
    """

    def __init__(
        self,
        names: Sequence[str],
        load: Callable[[], SiteProfile],
        sinks: Sinks,
        clock: Callable[[], float],
        state: State | None = None,
        policy: Policy = NO_POLICY,
    ) -> None:
        self._load = load
        self._outlets = sinks
        self._clock = clock
        self._state = state
        site, now = load(), clock()
        self.stats = ReadStats()
        with ExitStack() as stack:
            self._sources = {name: _opened(name, self.stats, stack) for name in names}
            past = self._caught_up(site, now)
            self._stack = stack.pop_all()
        self._faults = Faults(sinks.say)
        self._skipped: Counter[str] = Counter()
        self._watcher = Watcher(site, past.memory, self.stats, now=now, faults=self._faults)
        self._inventory = InventoryFile(site.inventory, sinks.say)
        self._gone = past.gone
        self._looked = self._kept = monotonic()
        self._pause = PAUSE
        self._news = False
        self._unkept = EvidenceStore()
        self._untold: dict[str, News] = {}
        self._fault = ""
        self._undecided = set(names)
        self._doubted: set[str] = set()
        self._snort_readers: dict[str, snort.Reader] = {}
        self._blindness = BlindnessWatch(self._reading, sinks.say, sinks.send, policy, monotonic())

    def _caught_up(self, site: SiteProfile, now: float) -> CaughtUp:
        """Evidence of earlier lines, and of lines since. The files are open, so a rotation
        meanwhile is noticed.
        """
        if self._state is None:
            return CaughtUp(WatchMemory(), {}, ())
        files = {
            name: source for name, source in self._sources.items() if isinstance(source, Follower)
        }
        for source in files.values():
            source.hold(monotonic())
        past = catch_up(self._state, list(files), site, now)
        for name, source in files.items():
            source.resume(past.reached[name])
        self.stats.merge(past.stats)
        return past

    def run(self, process_signals: ProcessSignals) -> bool:
        """Pass on news until stopped. True if it ended because it was blind for too long.

        Raises MxhoundError if the state cannot be kept then.
        """
        is_blind = False
        with self._stack:
            while not (is_blind or process_signals.stop.is_set()):
                self._take_turn(process_signals)
                is_blind = self._blindness.look(monotonic(), self._clock())
                process_signals.stop.wait(self._pause)
            self._keep()
        self._say_problems()
        if self._faults.count:
            self._outlets.say(f"skipped for faults of this program: {self._faults.count} in all")
        if self._fault:
            raise MxhoundError(
                f"the state {self._fault}: the next start reads and reports again what was not "
                "saved"
            )
        return is_blind

    def _reading(self) -> Reading:
        stats = self.stats
        return Reading(stats.bytes, stats.events.total(), self._watcher.judgement())

    def _take_turn(self, process_signals: ProcessSignals) -> None:
        if process_signals.reload.is_set():
            process_signals.reload.clear()
            self._reload()
        if inventory := self._inventory.changed(monotonic()):
            self._watcher.use_inventory(inventory)
        for name, piece in self._pieces():
            self._take(name, piece)
            if monotonic() - self._looked >= PAUSE_AT_MOST:
                self._look()
            if process_signals.stop.is_set():
                break
        self._look()
        if self._news or monotonic() - self._kept >= KEEP_EVERY:
            self._keep()
        self._say_problems()

    def _take(self, name: str, piece: Piece) -> None:
        block, end = piece
        if read := self._snort_readers.get(name):
            self._watcher.take_alerts(read(BlockSource(block[:end]), self._clock()), name)
        else:
            self._watcher.take(block, end)
            self._watcher.take_alerts(snort.alerts_in(block, end, self._clock()), name)

    def _pieces(self) -> Iterator[tuple[str, Piece]]:
        for name, source in self._sources.items():
            with self._faults.caught(f"{shown(name)}: cannot be read, and is tried again"):
                for piece in source.poll(monotonic()):
                    if name in self._undecided:
                        self._decide(name, piece)
                    yield name, piece

    def _decide(self, name: str, piece: Piece) -> None:
        """Find out what a source holds; say so if its first lines do not show it.

        Alerts may come late in a log of several programs. Later damaged lines are counted.
        """
        block, end = piece
        first = ReadStats()
        for line in block[:end].split(b"\n", TELLING_LINES)[:TELLING_LINES]:
            first.note(line_result(line))
        head = (_file_head(name) or block[:HEAD]).lstrip(b"\r\n")
        if not first.records and (read := snort.followed_reader_for(head)):
            self._snort_readers[name] = read
        has_alerts = any(snort.alerts_in(block, end, self._clock()))
        if first.records or has_alerts or name in self._snort_readers:
            self._undecided.remove(name)
        elif name not in self._doubted:
            self._doubted.add(name)
            self._outlets.say(
                f"{shown(name)}: does not begin with records of EVE; is it the right one?"
            )

    def _look(self) -> None:
        began = monotonic()
        coverage = cache(self._watcher.judgement)
        for news in self._watcher.look(self._clock()):
            with self._faults.caught(f"{news.verdict.host}: its notification could not be sent"):
                self._outlets.pass_on(news, coverage)
            self._news = True
        self._looked = monotonic()
        self._pause = min(PAUSE_AT_MOST, max(PAUSE, REST * (self._looked - began)))

    def _keep(self) -> None:
        """Save what was read and reported so far. A failure is reported; saving is tried again."""
        self._unkept.merge(self._watcher.fresh())
        self._untold.update((told.incident.id, told) for told in self._watcher.told())
        self._news, self._kept = False, monotonic()
        if self._state is not None and not self._keep_in(self._state):
            return
        self._unkept, self._untold = EvidenceStore(), {}
        for source in self._sources.values():
            source.commit()

    def _keep_in(self, state: State) -> bool:
        at = min(self._clock(), self._watcher.memory.store.last_event)
        marks = [
            mark
            for source in self._sources.values()
            if isinstance(source, Follower)
            for mark in source.log_positions(at)
        ]
        fault = "cannot be kept"
        with self._faults.caught("the state cannot be kept"):
            fault = state.try_keep(
                [*self._gone, *marks],
                self._unkept,
                at,
                self._untold.values(),
                self._outlets.waiting(),
                self._clock(),
            )
        if fault:
            forget(self._unkept, at - EVIDENCE_HOURS * HOUR)
        if fault and fault != self._fault:
            self._outlets.say(f"the state {fault}; it is tried again")
        self._fault = fault
        return not fault

    def _reload(self) -> None:
        """Read the profile again. If it has faults, they are reported and the earlier profile stays
        in force.
        """
        try:
            site = self._load()
        except MxhoundError as error:
            for line in str(error).split("\n"):
                self._outlets.say(f"{line}; the profile read before stays in force")
            return
        self._keep()
        self._watcher = Watcher(
            site, self._watcher.memory, self.stats, now=self._clock(), faults=self._faults
        )
        self._inventory = InventoryFile(site.inventory, self._outlets.say)
        self._outlets.say("the site's profile was reloaded")

    def _say_problems(self) -> None:
        problems, self.stats.problems = self.stats.problems, []
        for problem in problems:
            self._outlets.say(str(problem))
        skipped = self.stats.details.get(SkipReason.FAILED, Counter())
        for what, count in (skipped - self._skipped).items():
            self._faults.note(f"a record was skipped that cannot be used: {what}", count)
        self._skipped = Counter(skipped)


def _file_head(name: str) -> bytes:
    """The first bytes of a followed file, which are read already after a restart."""
    try:
        return plain_head(name) if is_file_name(name) else b""
    except OSError:
        return b""


def _opened(name: str, stats: ReadStats, stack: ExitStack) -> FollowedInput:
    source = open_source(name, stats)
    stack.callback(source.close)
    return source
