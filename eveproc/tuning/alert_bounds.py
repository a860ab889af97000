"""Matches known within bounds -> which of the likely alerts are sure, and within what bounds. Pure.

Nothing is assumed of a match but that it lies within its bounds (and, where not sure, that it may
not be at all). A window is clear as long as each match is in it, or out of it, wherever in their
bounds the others lie. Behind the first that may be either, nothing is clear until the host has been
silent for so long that every possible window is over.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from eveproc.tuning.engine_threshold import SECOND, Match
from rulegen.site_profile import Threshold


class BoundedAlert(Struct, frozen=True):
    """One alert of one host: probably at `time`, between `first` and `last` if `sure`, else there may be one more, or one less."""

    time: int
    first: int
    last: int
    sure: bool


class _Window(Struct):
    """A window that is clear so far: by bounds of its matches, all of them and the sure ones, each list in order."""

    firsts: list[int] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)

    def add(self, match: Match) -> None:
        insort(self.firsts, match.first)
        if match.sure:
            insort(self.lasts, match.last)

    def alert(self, count: int) -> tuple[int, int] | None:
        """When the count-th match was at the earliest and at the latest; None where there may not be so many."""
        return (self.firsts[count - 1], self.lasts[count - 1]) if len(self.lasts) >= count else None


def bounded(
    found: Iterable[Match], likely: Iterable[int], threshold: Threshold
) -> list[BoundedAlert]:
    """The likely alerts (in order), each with its bounds where there surely was one."""
    clear = deque(
        sorted(_clear_alerts(sorted(found, key=lambda match: (match.first, match.last)), threshold))
    )
    return [_placed(time, clear) for time in likely]


def _placed(time: int, clear: deque[tuple[int, int]]) -> BoundedAlert:
    """A clear alert is nobody's twice."""
    while clear and clear[0][1] < time:
        clear.popleft()
    if clear and clear[0][0] <= time:
        return BoundedAlert(time, *clear.popleft(), sure=True)
    return BoundedAlert(time, time, time, sure=False)


def _clear_alerts(found: Iterable[Match], threshold: Threshold) -> Iterator[tuple[int, int]]:
    """Bounds of each alert that there surely was."""
    length = threshold.seconds * SECOND
    window: _Window | None = None
    latest = -length - 1
    for match in found:
        is_silent = match.first > latest + length  # whatever window was open is over
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
    """Surely in it; a window that an unsure match may have begun is not clear."""
    return bool(window.lasts) and match.last <= window.firsts[0] + length


def _alert_of(window: _Window | None, threshold: Threshold) -> Iterator[tuple[int, int]]:
    alert = window.alert(threshold.count) if window is not None else None
    if alert is not None:
        yield alert
