"""A state + files + SiteProfile -> the report on what is new, with what changed; what was read and said is kept once it is delivered.

The order is what makes a killed run harmless: read, judge, deliver the report, then keep everything in one transaction. Killed before
that, the next run finds the state as it was, reads the same again and says the same again. So a report is never lost; it may come twice.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf, isfinite, nextafter

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence import NightEvidence, Period
from eveproc.memory.bookmark import Bookmark, marks_after, newest, plan, unread
from eveproc.memory.change import Change
from eveproc.memory.episode import Episode, Found, News, Standing, find, follow, settled_until
from eveproc.memory.state import EVIDENCE_BYTES, Reported, State
from eveproc.night import DAY, Machine, NightReport, machines, report_on
from eveproc.reading.gather import gather_parts
from eveproc.reading.reader import Progress
from eveproc.reading.sources import find_files
from eveproc.reading.stats import ReadStats
from rulegen.errors import Problem
from rulegen.site import SiteProfile


class Pending(Struct, frozen=True):
    """A report that is not delivered yet, made for the time `at` (seconds since 1970 UTC), and what is to be kept then."""

    report: NightReport
    at: float
    news: tuple[News, ...]
    fresh: NightEvidence
    marks: tuple[Bookmark, ...]

    def keep(self, state: State) -> None:
        """Once delivered. Raises MxhoundError where it cannot be kept: the next report will then say the same again."""
        stats = self.report.stats
        made = Reported(self.at, stats.files, stats.bytes, stats.lines) if self.fresh.active and isfinite(self.at) else None
        state.keep(self.marks, self.fresh, self.at, self.news, made)


def judge_new(
    state: State,
    sources: Sequence[str],
    site: SiteProfile,
    *,
    now: float,
    since: float | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    everyone: bool = True,
    drawn: bool = True,
) -> Pending:
    """Read what no run has read before, and judge every host that was seen in it or has an episode.

    `now` and `since` are seconds since 1970 UTC: events dated more than a day after the one are not believed, those before the other are
    left out. The other arguments are those of judge_night.

    Raises InputError when a source cannot be read at all, or not be found again by the next run.
    """
    done = plan(find_files(sources), state.bookmarks())
    period = Period(-inf if since is None else since, future=now + DAY)
    fresh, stats, ends = gather_parts(done.whole(), done.plain(), site, period, jobs=jobs, progress=progress)
    fresh.trim()
    before = state.last_event()
    at = min(now, max(-inf if before is None else before, fresh.last_event, newest(done, ends)))
    marks = tuple(marks_after(done, ends, at, stats))
    for problem in (*done.problems, *unread(done, inf if before is None else before), *_dropped(state)):
        stats.note_problem(problem.file, problem.what)
    if not fresh.active:  # nothing was seen, so nothing is known: not even that a host is quiet
        return Pending(report_on(fresh, site, stats, everyone=everyone, drawn=drawn), at, (), fresh, marks)
    judging = _Judging(state.recall(fresh, at), fresh, tuple(state.episodes()), before)
    report = judging.report(site, stats, everyone=everyone, drawn=drawn)
    news = judging.news(report, at)
    change = None if before is None else Change(before, tuple(told.change for told in news))
    return Pending(replace(report, change=change), at, news, fresh, marks)


class _Judging:
    """What there is to be judged, and what the report of `before` and earlier ones found of it."""

    def __init__(self, night: NightEvidence, fresh: NightEvidence, episodes: Sequence[Episode], before: float | None) -> None:
        self._night = night
        self._fresh = fresh
        self._episodes = episodes
        self._seen = _seen(night, fresh, -inf if before is None else before)
        self._keys_seen: set[tuple[str, str]] = set()

    def report(self, site: SiteProfile, stats: ReadStats, *, everyone: bool, drawn: bool) -> NightReport:
        found = self._machines(everyone=everyone)
        return report_on(self._night, site, stats, everyone=everyone, drawn=drawn, found=found, known=self._is_known)

    def news(self, report: NightReport, at: float) -> tuple[News, ...]:
        found = (Found(verdict, verdict.key in self._keys_seen) for verdict in report.verdicts)
        return tuple(follow(self._episodes, found, at))

    def _machines(self, *, everyone: bool) -> Iterator[Machine]:
        """Those seen, those with something new, and those with an episode; each with what it did after its last one that is over."""
        for machine in machines(self._night, everyone=everyone):
            if self._seen(machine):
                self._keys_seen.add(machine.key)
            elif not (_is_new(machine, self._fresh) or self._is_known(machine)):
                continue
            yield _unsettled(machine, self._episodes)

    def _is_known(self, machine: Machine) -> bool:
        """Has it an episode that is not over?"""
        going = (episode for episode in self._episodes if episode.standing is not Standing.CLOSED)
        return find(going, _mac(machine), machine.addresses) is not None


def _seen(night: NightEvidence, fresh: NightEvidence, before: float) -> Callable[[Machine], bool]:
    """Whether a machine showed itself after the last report: at an address that it was the one to have."""
    tenancies = night.leases.tenancies()
    holders = {(t.mac, address) for address in fresh.active for t in tenancies.get(address, ()) if t.end > before}
    return lambda m: any((mac, address) in holders if (mac := _mac(m)) else address in fresh.active for address in m.addresses)


def _is_new(machine: Machine, fresh: NightEvidence) -> bool:
    """Has it given evidence, if only late, at an address that is somebody else's by now?"""
    return bool(machine.evidence.tracks) and any(address in fresh.hosts for address in machine.addresses)


def _unsettled(machine: Machine, episodes: Sequence[Episode]) -> Machine:
    """The machine with what it did after its last episode: what was told then does not count again."""
    end = settled_until(episodes, _mac(machine), machine.addresses)
    return replace(machine, evidence=machine.evidence.between(nextafter(end, inf), inf)) if isfinite(end) else machine


def _mac(machine: Machine) -> str:
    return machine.identity.mac if machine.identity else ""


def _dropped(state: State) -> Iterator[Problem]:
    dropped = state.evidence_dropped_before()
    if dropped is not None:
        before = datetime.fromtimestamp(dropped, UTC)
        yield Problem("--state", f"evidence of before {before:%Y-%m-%d %H:%MZ} was dropped: more than {EVIDENCE_BYTES >> 20} MiB of it")
