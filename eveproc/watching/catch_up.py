"""State and followed files -> what a watch starts with: the evidence of earlier lines."""

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path

from msgspec import Struct, field

from eveproc.evidence.collector import Period
from eveproc.evidence.gather import gather_parts
from eveproc.input.read_stats import ReadStats
from eveproc.state.log_position import LogPosition, plan, positions_after, unread
from eveproc.state.state import State
from eveproc.watching.engine import WatchMemory
from eveproc.watching.tail import rotated
from rulegen.site_profile import SiteProfile
from rulegen.units import DAY, HOUR

SECOND = 1_000_000_000  # in ns
# Tolerance: a file system's clock is coarser than the wall clock, and may be another machine's.
CLOCKS_DIFFER = 5.0


class CaughtUp(Struct, frozen=True):
    """Where a watch goes on.

    `reached`: positions in files that had the name of a followed one, by that name. `gone`: those
    in files that are no longer followed; they stay in the state.
    """

    memory: WatchMemory
    reached: Mapping[str, Sequence[LogPosition]]
    gone: tuple[LogPosition, ...]
    stats: ReadStats = field(default_factory=ReadStats)


def catch_up(state: State, names: Sequence[str], site: SiteProfile, now: float) -> CaughtUp:
    """Read what was written since the state was kept, also to files rotated since, and keep it.

    `now` is in seconds since 1970 UTC. Raises MxhoundError where that cannot be kept.
    """
    marks = state.log_positions()
    done = plan(_files(names, marks, state.watched_at()), marks)
    fresh, stats, ends = gather_parts(done.whole(), done.plain(), site, Period(future=now + DAY))
    before = max((mark.grown for mark in marks), default=-inf)
    at = min(now, max(before, fresh.last_event))  # -inf before the first record
    read = tuple(positions_after(done, ends, at, stats))
    for problem in (*done.problems, *unread(done, before)):
        stats.note_problem(problem.file, problem.what)
    fresh.trim()
    state.keep(read, fresh, at)
    state.keep_watched(now)
    store = state.recall_all(at)
    store.last_event = at
    store.sensors |= fresh.sensors
    store.unnamed_logs |= fresh.unnamed_logs
    memory = WatchMemory(store, {incident.id: incident for incident in state.incidents()})
    reached = {name: [mark for mark in read if mark.path == str(Path(name))] for name in names}
    here = {mark.path for marks in reached.values() for mark in marks}
    return CaughtUp(memory, reached, tuple(mark for mark in read if mark.path not in here), stats)


def _files(names: Sequence[str], marks: Sequence[LogPosition], watched: float | None) -> list[str]:
    """The followed files, and rotated files that were written to since the state was kept.

    If it has no position, for example because a log was empty, that is since `watched`. Without a
    state, rotated files are not read.
    """
    files = [str(path) for path in map(Path, names) if path.is_file()]
    if marks:
        last = max(mark.modified for mark in marks) - HOUR * SECOND
    elif watched is not None:
        last = int((watched - CLOCKS_DIFFER) * SECOND)
    else:
        return files
    return files + [
        str(other)
        for name in names
        for other in rotated(Path(name))
        if _was_written_to(other, last)
    ]


def _was_written_to(path: Path, since: int) -> bool:
    """True if the file exists and was modified at `since` (ns since 1970) or later."""
    try:
        return path.stat().st_mtime_ns >= since
    except OSError:
        return False
