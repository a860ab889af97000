"""Matches with bounds on their times -> which likely alerts are certain, and their bounds. Pure.

A match may lie anywhere within its bounds, and one that is not sure may not exist. A window is
certain as long as each match is certainly inside or outside it, whatever the true times are. After
the first match that may be either, no window is certain until the host has been silent for longer
than a window lasts.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from eveproc.tuning.engine_threshold import SECOND, Match
from rulegen.site_profile import Threshold


class BoundedAlert(Struct, frozen=True):
    """One alert of one host, probably at `time`.

    If `sure`, it was between `first` and `last`; if not, there may be one alert more or less.
    """

    time: int
    first: int
    last: int
    sure: bool


class _Window(Struct):
    """A window that is certain so far: `firsts` are the earliest times of all its matches, `lasts`
    the latest times of the sure ones.

    Both lists are sorted.
    """

    firsts: list[int] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)

    def add(self, match: Match) -> None:
        insort(self.firsts, match.first)
        if match.sure:
            insort(self.lasts, match.last)

    def alert(self, count: int) -> tuple[int, int] | None:
        """The earliest and the latest time of the count-th match; None if there may be fewer
        matches.
        """
        return (self.firsts[count - 1], self.lasts[count - 1]) if len(self.lasts) >= count else None


def bounded(
    found: Iterable[Match], likely: Iterable[int], threshold: Threshold
) -> list[BoundedAlert]:
    """The likely alerts (in order), each with its bounds where it is certain."""
    ordered = sorted(found, key=lambda match: (match.first, match.last))
    certain = deque(sorted(_certain_alerts(ordered, threshold)))
    return [_bounds_of(time, certain) for time in likely]


def _bounds_of(time: int, certain: deque[tuple[int, int]]) -> BoundedAlert:
    """Match each certain alert at most once."""
    while certain and certain[0][1] < time:
        certain.popleft()
    if certain and certain[0][0] <= time:
        return BoundedAlert(time, *certain.popleft(), sure=True)
    return BoundedAlert(time, time, time, sure=False)


def _certain_alerts(found: Iterable[Match], threshold: Threshold) -> Iterator[tuple[int, int]]:
    """The bounds of each alert that is certain."""
    length = threshold.seconds * SECOND
    window: _Window | None = None
    latest = -length - 1
    for match in found:
        is_silent = match.first > latest + length  # any open window has ended
        if is_silent or (window is not None and _is_over(window, match, length)):
            yield from _alert_of(window, threshold)
            window = _Window()
        elif window is not None and not _holds(window, match, length):
            yield from _alert_of(window, threshold)
            window = None
        if window is not None:
            window.add(match)
        latest = max(latest, match.last)
    yield from _alert_of(window, threshold)


def _is_over(window: _Window, match: Match, length: int) -> bool:
    return bool(window.lasts) and match.first > window.lasts[0] + length


def _holds(window: _Window, match: Match, length: int) -> bool:
    """True if the match is certainly in the window: no unsure match may have begun the window."""
    return bool(window.lasts) and match.last <= window.firsts[0] + length


def _alert_of(window: _Window | None, threshold: Threshold) -> Iterator[tuple[int, int]]:
    alert = window.alert(threshold.count) if window is not None else None
    if alert is not None:
        yield alert
