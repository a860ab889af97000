"""Names of sources -> their pieces as they come, a Watcher's news of them to whoever is to be told, until it is to stop."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from eveproc.follow import Follower, Piece, Position
from eveproc.stats import ReadStats
from eveproc.watch import Memory, News, Watcher
from rulegen.errors import MxhoundError
from rulegen.site import SiteProfile

if TYPE_CHECKING:
    from eveproc.notify import Notifier

# So often the sources are asked, in seconds. A line is judged within the next second, however long judging takes.
PAUSE = 0.25
PAUSE_AT_MOST = 1.0
# Judging takes no more than a fifth of the time.
REST = 4
# After so many lines without a single record, what is read is something else than EVE.
TELLING_LINES = 10


class Source(Protocol):
    """Where pieces of EVE come from."""

    def poll(self, now: float) -> Iterator[Piece]:
        """What is new; `now` is monotonic seconds."""

    def commit(self) -> None:
        """All that was given is judged, and kept where it is to be kept."""

    def close(self) -> None: ...


def open_source(name: str, stats: ReadStats, known: tuple[Position, ...] = ()) -> Source:
    """A path, unix:PATH, unixgram:PATH or redis://... as a source. Raises MxhoundError where it cannot be read."""
    scheme, _, rest = name.partition(":")
    match scheme:
        case "unix" | "unixgram":
            from eveproc.listen import Listener

            return Listener(rest, stats, datagrams=scheme == "unixgram")
        case "redis" | "rediss":
            from eveproc.redislist import RedisList

            return RedisList(name, stats)
        case _:
            return Follower(name, stats, known)


@dataclass(frozen=True, slots=True)
class Outlets:
    """Who is told: `tell` gets the news, `say` sentences for whoever runs this."""

    tell: Callable[[News], None]
    say: Callable[[str], None]
    notifier: "Notifier | None" = None

    def pass_on(self, news: News) -> None:
        from eveproc.notify import message_of

        self.tell(news)
        if self.notifier:
            self.notifier.send(message_of(news))


@dataclass(frozen=True, slots=True)
class Orders:
    """What may be asked of a running watch, from a signal handler too: to end, and to read the site's profile anew."""

    stop: Event = field(default_factory=Event)
    reload: Event = field(default_factory=Event)


class Live:
    """Reads sources and looks, in turn. `load` gives the site's profile; `clock` is the wall clock in seconds since 1970 UTC."""

    def __init__(self, names: Sequence[str], load: Callable[[], SiteProfile], outlets: Outlets, clock: Callable[[], float]) -> None:
        self._load = load
        self._outlets = outlets
        self._clock = clock
        self._watcher = Watcher(load(), Memory())
        self.stats = self._watcher.stats
        self._looked = 0.0
        self._pause = PAUSE
        self._told_not_eve = False
        with ExitStack() as stack:
            self._sources = [_opened(name, self.stats, stack) for name in names]
            self._stack = stack.pop_all()

    def run(self, orders: Orders) -> None:
        """Pass news on until it is to stop."""
        with self._stack:
            while not orders.stop.is_set():
                self._take_turn(orders)
                orders.stop.wait(self._pause)
        self._say_problems()

    def _take_turn(self, orders: Orders) -> None:
        if orders.reload.is_set():
            orders.reload.clear()
            self._reload()
        for block, end in self._pieces():
            self._watcher.take(block, end)
            if monotonic() - self._looked >= PAUSE_AT_MOST:
                self._look()
            if orders.stop.is_set():
                break
        self._look()
        for source in self._sources:
            source.commit()
        self._say_problems()

    def _pieces(self) -> Iterator[Piece]:
        for source in self._sources:
            yield from source.poll(monotonic())

    def _look(self) -> None:
        began = monotonic()
        for news in self._watcher.look(self._clock()):
            self._outlets.pass_on(news)
        self._looked = monotonic()
        self._pause = min(PAUSE_AT_MOST, max(PAUSE, REST * (self._looked - began)))

    def _reload(self) -> None:
        """A profile with faults is told, and the former stays in force."""
        try:
            site = self._load()
        except MxhoundError as error:
            for line in str(error).split("\n"):
                self._outlets.say(f"{line}; the profile read before stays in force")
            return
        self._watcher = Watcher(site, self._watcher.memory, self.stats)
        self._outlets.say("the site's profile was read anew")

    def _say_problems(self) -> None:
        problems, self.stats.problems = self.stats.problems, []
        for problem in problems:
            self._outlets.say(str(problem))
        if not self._told_not_eve and self.stats.lines == self.stats.not_eve >= TELLING_LINES:
            self._told_not_eve = True
            self._outlets.say(f"{self.stats.lines} lines were read, and none is a record of EVE: is this the right file?")


def _opened(name: str, stats: ReadStats, stack: ExitStack) -> Source:
    source = open_source(name, stats)
    stack.callback(source.close)
    return source
