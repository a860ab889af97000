"""Names of sources -> their pieces as they come, a Watcher's news of them to whoever is to be told, until it is to stop."""

from collections.abc import Callable, Iterator
from threading import Event
from time import monotonic
from typing import Protocol

from eveproc.follow import Follower, Piece, Position
from eveproc.stats import ReadStats
from eveproc.watch import News, Watcher

# So often the sources are asked, in seconds. A line is judged within the next second, however long judging takes.
PAUSE = 0.25
PAUSE_AT_MOST = 1.0
# Judging takes no more than a fifth of the time.
REST = 4


class Source(Protocol):
    """Where pieces of EVE come from."""

    def poll(self, now: float) -> Iterator[Piece]:
        """What is new; `now` is monotonic seconds."""

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


class Live:
    """Reads sources and looks, in turn."""

    def __init__(self, sources: list[Source], watcher: Watcher, clock: Callable[[], float]) -> None:
        self.watcher = watcher
        self._sources = sources
        self._clock = clock
        self._looked = -PAUSE_AT_MOST
        self._pause = PAUSE

    def run(self, stop: Event, after_look: Callable[[], None]) -> Iterator[News]:
        """News until `stop` is set; `after_look` is called when all that was read has been looked at."""
        while not stop.is_set():
            for block, end in self._pieces():
                self.watcher.take(block, end)
                if stop.is_set():
                    break
                yield from self._look_in_time()
            yield from self._look()
            after_look()
            stop.wait(self._pause)

    def _pieces(self) -> Iterator[Piece]:
        for source in self._sources:
            yield from source.poll(monotonic())

    def _look_in_time(self) -> Iterator[News]:
        if monotonic() - self._looked >= PAUSE_AT_MOST:
            yield from self._look()

    def _look(self) -> Iterator[News]:
        began = monotonic()
        yield from self.watcher.look(self._clock())
        self._looked = monotonic()
        self._pause = min(PAUSE_AT_MOST, max(PAUSE, REST * (self._looked - began)))
