"""A state + files + SiteProfile -> the report on what is new, with what changed; what was read and said is kept once it is delivered.

The order is what makes a killed run harmless: read, judge, deliver the report, then keep everything in one transaction. Killed before
that, the next run finds the state as it was, reads the same again and says the same again. So a report is never lost; it may come twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf, isfinite, nextafter

from eveproc.bookmark import Bookmark, marks_after, plan, unread
from eveproc.change import Change
from eveproc.episode import Episode, Found, News, Standing, find, follow, settled_until
from eveproc.evidence import NightEvidence, Period
from eveproc.gather import gather_parts
from eveproc.night import DAY, Machine, NightReport, machines, report_on
from eveproc.reader import Progress
from eveproc.sources import find_files
from eveproc.state import EVIDENCE_BYTES, Reported, State
from eveproc.stats import ReadStats
from rulegen.errors import Problem
from rulegen.site import SiteProfile


@dataclass(frozen=True, slots=True)
class Pending:
    """A report that is not delivered yet, made for the time `at` (seconds since 1970 UTC), and what is to be kept then."""

    report: NightReport
    at: float
    news: tuple[News, ...]
    fresh: NightEvidence
    marks: tuple[Bookmark, ...]

    def keep(self, state: State) -> None:
        """Once delivered. Raises MxhoundError where it cannot be kept: the next report will then say the same again."""
        stats = self.report.stats
        made = Reported(self.at, stats.files, stats.bytes, stats.lines) if isfinite(self.fresh.last_event) else None
        state.keep(self.marks, self.fresh, self.at, self.news, made)


def judge_new(
    state: State,
    sources: Sequence[str],
    site: SiteProfile,
    *,
    now: float,
    since: float | None = None,
    progress: Progress | None = None,
) -> Pending:
    """Read what no run has read before, and judge every host that was seen in it or has an episode.

    `now` and `since` are seconds since 1970 UTC: events dated more than a day after the one are not believed, those before the other are
    left out. Raises InputError when a source cannot be read at all, or not be found again by the next run.
    """
    done = plan(find_files(sources), state.bookmarks())
    period = Period(-inf if since is None else since, future=now + DAY)
    fresh, stats, ends = gather_parts(done.parts(), site, period, progress=progress)
    fresh.trim()
    before = state.last_event()
    at = min(now, max(-inf if before is None else before, fresh.last_event))
    marks = tuple(marks_after(done, ends, at, stats))
    for problem in (*done.problems, *unread(done, inf if before is None else before), *_dropped(state)):
        stats.note_problem(problem.file, problem.what)
    if not fresh.active:  # nothing was seen, so nothing is known: not even that a host is quiet
        return Pending(report_on(fresh, site, stats), at, (), fresh, marks)
    report, news = _judge(state, site, fresh, stats, before, at)
    return Pending(report, at, news, fresh, marks)


def _judge(
    state: State, site: SiteProfile, fresh: NightEvidence, stats: ReadStats, before: float | None, at: float
) -> tuple[NightReport, tuple[News, ...]]:
    episodes = state.episodes()
    night = state.recall(fresh, at)
    seen = _seen(night, fresh, -inf if before is None else before)
    found = [_unsettled(machine, episodes) for machine in machines(night) if seen(machine) or _is_of_interest(machine, episodes, fresh)]
    report = report_on(night, site, stats, found)
    seen_keys = {(machine.address, _mac(machine)) for machine in found if seen(machine)}
    news = tuple(follow(episodes, (Found(verdict, verdict.key in seen_keys) for verdict in report.verdicts), at))
    change = None if before is None else Change(before, tuple(told.change for told in news))
    return replace(report, change=change), news


def _seen(night: NightEvidence, fresh: NightEvidence, before: float) -> Callable[[Machine], bool]:
    """Whether a machine showed itself after the last report: at an address that it was the one to have."""
    tenancies = night.leases.tenancies()
    holders = {(t.mac, address) for address in fresh.active for t in tenancies.get(address, ()) if t.end > before}
    return lambda m: any((mac, address) in holders if (mac := _mac(m)) else address in fresh.active for address in m.addresses)


def _is_of_interest(machine: Machine, episodes: Sequence[Episode], fresh: NightEvidence) -> bool:
    """Even if not seen: is there news of it all the same, or something to come back to?"""
    going = (episode for episode in episodes if episode.standing is not Standing.CLOSED)
    new = bool(machine.evidence.tracks) and any(address in fresh.hosts for address in machine.addresses)
    return new or find(going, _mac(machine), machine.addresses) is not None


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
