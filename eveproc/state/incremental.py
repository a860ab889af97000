"""State + files + SiteProfile -> the report on what is new, and what to keep after delivery.

The order makes a killed run harmless: read, judge, deliver the report, then keep everything in one
transaction. If a run is killed before that, the next one finds the state unchanged and makes the
same report again. So a report is never lost, but it may come twice.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf, isfinite, nextafter

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.assets import holders
from eveproc.evidence.collector import Period
from eveproc.evidence.coverage import Coverage
from eveproc.evidence.gather import gather_parts
from eveproc.evidence.places import Place, project
from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.input.events import Dns, Flow, SkipReason, Smtp
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import Progress
from eveproc.input.sources import find_files, note_passed_over
from eveproc.state.incident import (
    Incident,
    JudgedHost,
    News,
    Standing,
    find,
    follow,
    settled_until,
    whereabouts,
)
from eveproc.state.log_position import LogPosition, newest, plan, positions_after, unread
from eveproc.state.pasts import Pasts
from eveproc.state.state import EVIDENCE_BYTES, Reported, State
from eveproc.verdicts.address_rotation import joined, networks_with_acts
from eveproc.verdicts.analyze import Report, judge_evidence
from eveproc.verdicts.change import Change
from eveproc.verdicts.judge_silence import judge_silence
from eveproc.verdicts.machines import Machine, machines
from eveproc.verdicts.past import DayFigures, Past
from rulegen.errors import Problem
from rulegen.site_profile import SiteProfile
from rulegen.units import DAY


class Pending(Struct, frozen=True):
    """A report that is not delivered yet, and what to keep once it is.

    `at` is the time of the report, in seconds since 1970 UTC.
    """

    report: Report
    at: float
    news: tuple[News, ...]
    fresh: EvidenceStore
    positions: tuple[LogPosition, ...]
    days: tuple[tuple[str, DayFigures], ...] = ()

    def keep(self, state: State) -> None:
        """Save everything; to be called after delivery.

        Raises MxhoundError if it cannot be written. The next run then makes the same report again.
        """
        stats = self.report.stats
        made = (
            Reported(self.at, stats.files, stats.bytes, stats.lines)
            if self.fresh.active and isfinite(self.at)
            else None
        )
        state.keep(self.positions, self.fresh, self.at, self.news, made, self.days)


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
    """Read what no run has read, and judge every host that was seen in it or has an incident.

    `now` and `since` are seconds since 1970 UTC. Events dated more than a day after `now`, and
    events before `since`, are ignored. The other arguments are those of analyze.

    Raises InputError if a source cannot be read at all, or not be found again by the next run.
    """
    done = plan(find_files(sources), state.log_positions())
    period = Period(-inf if since is None else since, future=now + DAY)
    fresh, stats, ends = gather_parts(
        done.whole(), done.plain(), site, period, jobs=jobs, progress=progress
    )
    note_passed_over(sources, stats)
    fresh.trim()
    before = state.last_event()
    at = min(now, max(-inf if before is None else before, fresh.last_event, newest(done, ends)))
    positions = tuple(positions_after(done, ends, at, stats))
    lost = unread(done, inf if before is None else before)
    _note_problems((*done.problems, *lost, *_dropped(state)), stats)
    if not fresh.active:  # no host was seen, so a missing one means nothing
        report = judge_evidence(fresh, site, stats, everyone=everyone, drawn=drawn)
        return Pending(_of_nothing_new(report, state, now, stats.files), at, (), fresh, positions)
    store = state.recall(fresh, at, networks_with_acts(fresh, site))
    pasts = Pasts(store, fresh, site, state, at)
    judging = _Judging(pasts, site, tuple(state.incidents()), before)
    report = judging.report(stats, everyone=everyone, drawn=drawn)
    news, days = judging.news(report, at), tuple(pasts.days())
    return Pending(_with_news(report, news, before), at, news, fresh, positions, days)


def _note_problems(problems: Iterable[Problem], stats: ReadStats) -> None:
    for problem in problems:
        stats.note_problem(problem.file, problem.what)


def _with_news(report: Report, news: tuple[News, ...], before: float | None) -> Report:
    incidents = tuple(told.change for told in news)
    change = None if before is None else Change(before, incidents)
    return replace(report, change=change, incidents=incidents)


def _of_nothing_new(report: Report, state: State, now: float, files: int) -> Report:
    """The report of a run that saw no host.

    If an earlier run read these logs, there may be nothing new.
    """
    if state.log_positions() and _is_nothing_new(report.coverage, files):
        return replace(report, judgement=judge_silence(state.report_times(3), now))
    return report


def _is_nothing_new(coverage: Coverage, files: int) -> bool:
    """True if nothing was read that could be evidence, and no unusable line; the last line of each
    file may still be being written.
    """
    half_lines = min(coverage.unusable[SkipReason.HALF_LINE], max(1, files))
    return not (
        coverage.kinds() & {Dns.TYPE, Smtp.TYPE, Flow.TYPE}
        or coverage.own_alerts
        or coverage.unusable.total() > half_lines
    )


class _Judging:
    """The evidence to be judged, and the incidents of earlier reports, the last one at `before`."""

    def __init__(
        self,
        pasts: Pasts,
        site: SiteProfile,
        incidents: Sequence[Incident],
        before: float | None,
    ) -> None:
        self._pasts = pasts
        self._store = pasts.store
        self._fresh = pasts.fresh
        self._site = site
        self._incidents = incidents
        self._seen = _seen(self._store, self._fresh, site, -inf if before is None else before)
        self._keys_seen: set[tuple[str, str]] = set()

    def report(self, stats: ReadStats, *, everyone: bool, drawn: bool) -> Report:
        found = self._machines(everyone=everyone)
        return judge_evidence(
            self._store,
            self._site,
            stats,
            everyone=everyone,
            drawn=drawn,
            found=found,
            known=self._is_known,
            past_of=self._past_of,
        )

    def news(self, report: Report, at: float) -> tuple[News, ...]:
        found = (JudgedHost(verdict, verdict.key in self._keys_seen) for verdict in report.verdicts)
        return tuple(follow(self._incidents, found, at))

    def _machines(self, *, everyone: bool) -> Iterator[Machine]:
        """Machines that were seen, have new evidence or have an incident, each with its evidence
        since its last closed incident.
        """
        found = machines(self._store, self._site, everyone=everyone)
        for machine in joined(found, self._store, self._site):
            if self._seen(machine):
                self._keys_seen.add(machine.key)
            elif not (_is_new(machine, self._fresh) or self._is_known(machine)):
                continue
            self._pasts.note(machine)
            yield _unsettled(machine, self._incidents)

    def _past_of(self, machine: Machine) -> Past:
        """Its past days, without the servers that it met before its last incident ended."""
        past = self._pasts.of(machine)
        end = settled_until(self._incidents, whereabouts(machine))
        return past.settled(int(end // DAY)) if isfinite(end) else past

    def _is_known(self, machine: Machine) -> bool:
        """True if it has an open incident."""
        going = (
            incident for incident in self._incidents if incident.standing is not Standing.CLOSED
        )
        return find(going, whereabouts(machine)) is not None


def _seen(
    store: EvidenceStore, fresh: EvidenceStore, site: SiteProfile, before: float
) -> Callable[[Machine], bool]:
    """A test whether a machine was seen after the last report: it held an address that was seen.

    If the address is in several networks, it must have been seen in the machine's own.
    """
    held = {
        (hold.mac, hold.address)
        for hold in holders(store)
        if hold.end > before and hold.address in fresh.active
    }
    held |= {(mac, address) for address, mac in fresh.macs.pairs()}

    def is_seen(machine: Machine) -> bool:
        mac = _mac(machine)
        return any(
            (mac, address) in held if mac else address in fresh.active
            for address in machine.addresses
        ) and (not machine.scope or not machine.scopes.isdisjoint(_scopes(fresh, machine, site)))

    return is_seen


def _scopes(fresh: EvidenceStore, machine: Machine, site: SiteProfile) -> Iterator[str]:
    """The networks in which the machine's addresses were seen, by evidence or lease."""
    for address in machine.addresses:
        evidence = fresh.hosts.get(address) or HostEvidence()
        labels = ("", *evidence.parts) if evidence.sketches else evidence.parts
        yield from (project(Place.of(label).scope, site.separate_by) for label in labels)
        for (leased, _), scopes in fresh.leases.scopes.items():
            if leased == address:
                yield from (project(scope, site.separate_by) for scope in scopes)


def _is_new(machine: Machine, fresh: EvidenceStore) -> bool:
    """True if there is new evidence about it, even if another machine now holds its address."""
    return bool(machine.evidence.sketches) and any(
        address in fresh.hosts for address in machine.addresses
    )


def _unsettled(machine: Machine, incidents: Sequence[Incident]) -> Machine:
    """The machine with its evidence since its last closed incident; the rest was reported."""
    end = settled_until(incidents, whereabouts(machine))
    return (
        replace(machine, evidence=machine.evidence.between(nextafter(end, inf), inf))
        if isfinite(end)
        else machine
    )


def _mac(machine: Machine) -> str:
    return machine.identity.mac if machine.identity else ""


def _dropped(state: State) -> Iterator[Problem]:
    dropped = state.evidence_dropped_before()
    if dropped is not None:
        before = datetime.fromtimestamp(dropped, UTC)
        yield Problem(
            "--state",
            f"evidence from before {before:%Y-%m-%d %H:%MZ} was dropped: there was more than "
            f"{EVIDENCE_BYTES >> 20} MiB of it",
        )
