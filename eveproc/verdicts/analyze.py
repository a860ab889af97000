"""Files of EVE records + SiteProfile -> Report: runs reading, collecting and judging."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import inf, isfinite

from msgspec import Struct, field
from msgspec.structs import replace

from eveproc.evidence.assets import by_number
from eveproc.evidence.collector import Period
from eveproc.evidence.coverage import Coverage
from eveproc.evidence.gather import gather
from eveproc.evidence.places import Place, values_of
from eveproc.evidence.store import EvidenceStore
from eveproc.input.events import BEFORE_SURICATA
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import find_files, named_shortly, note_passed_over
from eveproc.verdicts.address_rotation import joined
from eveproc.verdicts.change import Change, HostChange
from eveproc.verdicts.chart_data import NO_CHART_DATA, ChartData, ChartDataBuilder
from eveproc.verdicts.judge_input import judgement_of
from eveproc.verdicts.judgement import JUDGED, Judgement
from eveproc.verdicts.left_out import left_out
from eveproc.verdicts.long_window import earlier_nights
from eveproc.verdicts.machines import Machine, context_of, machines, verdict_on
from eveproc.verdicts.own_domains import OwnDomains
from eveproc.verdicts.own_history import judged_by_history, odd_day
from eveproc.verdicts.past import NO_PAST, Past
from eveproc.verdicts.repeated_mails import RepeatedMails, sentence
from eveproc.verdicts.scoring import HostContext, score_at_most
from eveproc.verdicts.shared_addresses import SharedAddresses
from eveproc.verdicts.verdict import Verdict, assess, level_of
from rulegen.site_profile import SEPARATING_FIELDS, SiteProfile
from rulegen.units import DAY, count_of
from rulegen.vocabulary import Level


class Report(Struct, frozen=True):
    """The result of one run.

    `verdicts` holds the home hosts that were seen, worst first: all, or those above clean.
    `clean_hosts` is the number of clean hosts. `unused` counts, by reason, events that were read
    but are no evidence. Charts are drawn from `chart_data`; `site` is the profile used. `change` is
    None if no earlier report is kept. `judgement` says whether the verdicts can be trusted, based
    on `coverage` (what could have been seen). `counters` is the rise of each sensor's counters.
    `incidents` is what a report with a state says of each incident, also a first one. `notes` are
    faults that no verdict depends on: rows of the inventory that were skipped. `by` is
    the column of the inventory by which text reports count hosts.
    """

    verdicts: tuple[Verdict, ...]
    clean_hosts: int
    stats: ReadStats
    health: tuple[str, ...]
    unused: Mapping[str, int]
    first_event: float | None
    last_event: float | None
    chart_data: ChartData = NO_CHART_DATA
    site: SiteProfile | None = None
    change: Change | None = None
    judgement: Judgement = JUDGED
    coverage: Coverage = field(default_factory=Coverage)
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    by: str = ""
    incidents: tuple[HostChange, ...] = ()

    @property
    def records_span(self) -> tuple[float, float] | None:
        """First and last time of any record, evidence or not; None without a time."""
        hours = self.coverage.hours.values()
        first = [span.first for span in hours] + [t for t in (self.first_event,) if t is not None]
        last = [span.last for span in hours] + [t for t in (self.last_event,) if t is not None]
        return (min(first), max(last)) if first and last else None

    @property
    def last_record(self) -> float | None:
        """Last time of any record; None without a time."""
        return self.records_span[1] if self.records_span else None


def analyze(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    everyone: bool = True,
    drawn: bool = True,
) -> Report:
    """Read every source once and judge every host.

    Times are seconds since 1970 UTC; `until` is excluded. `jobs` is the number of reader processes
    (default: CPU cores). `everyone`: include verdicts on clean hosts, not only their number.
    `drawn`: include chart data.

    Events dated more than a day after `now` are ignored: a clock is wrong. Raises
    InputError when a source cannot be read at all; single bad lines are counted in `stats`.
    """
    store, stats = gather_evidence(
        sources, site, since=since, until=until, now=now, jobs=jobs, progress=progress
    )
    return judge_evidence(store, site, stats, everyone=everyone, drawn=drawn)


def gather_evidence(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[EvidenceStore, ReadStats]:
    """The reading half of analyze; same arguments."""
    store, stats = gather(
        find_files(sources), site, period_of(since, until, now), jobs=jobs, progress=progress
    )
    note_passed_over(sources, stats)
    return store, stats


def period_of(since: float | None, until: float | None, now: float | None) -> Period:
    """The requested period; events dated more than a day after `now` are ignored."""
    return Period(
        -inf if since is None else since,
        inf if until is None else until,
        inf if now is None else now + DAY,
    )


def judge_evidence(
    store: EvidenceStore,
    site: SiteProfile,
    stats: ReadStats,
    *,
    everyone: bool = True,
    drawn: bool = True,
    found: Iterable[Machine] | None = None,
    known: Callable[[Machine], bool] = lambda _: False,
    past_of: Callable[[Machine], Past] = lambda _: NO_PAST,
) -> Report:
    """Judge the evidence; `drawn`: include chart data.

    `found` limits the machines to judge; `known` machines get a verdict whatever it is. `past_of`:
    the days of a machine, where they are kept.
    """
    store.trim()
    judging = _Judging(store, site, past_of, drawn=drawn)
    if found is None:
        found = joined(machines(store, site, everyone=everyone), store, site)
    for machine in found:
        judging.take(machine, wanted=everyone or known(machine))
    verdicts = sorted(
        judging.verdicts, key=lambda v: (-v.level.rank, -v.score, by_number(v.host), v.scope)
    )
    quiet = 0 if everyone else _quiet(store)
    report = _report_on(store, site, stats, found=_above_clean(verdicts) > 0)
    return replace(
        report,
        verdicts=tuple(verdicts),
        clean_hosts=judging.seen + quiet - _above_clean(verdicts),
        health=(*report.health, *judging.doubts()),
        chart_data=judging.charts.chart_data(quiet) if judging.charts else NO_CHART_DATA,
    )


def _report_on(store: EvidenceStore, site: SiteProfile, stats: ReadStats, *, found: bool) -> Report:
    """The report without its verdicts; `found`: some host is above clean."""
    return Report(
        verdicts=(),
        clean_hosts=0,
        stats=stats,
        health=_health(store, site),
        unused=dict(sorted(store.unused.items())),
        first_event=_known(store.first_event),
        last_event=_known(store.last_event),
        site=site,
        judgement=judgement_of(store, site, stats, found=found),
        coverage=store.coverage,
        counters=store.health.counters(),
        notes=tuple(site.inventory.faults()),
    )


def _above_clean(verdicts: Iterable[Verdict]) -> int:
    return sum(verdict.level is not Level.CLEAN for verdict in verdicts)


def _known(time: float) -> float | None:
    return time if isfinite(time) else None


class _Judging:
    """Judges machines and collects what is uncertain about them."""

    def __init__(
        self,
        store: EvidenceStore,
        site: SiteProfile,
        past_of: Callable[[Machine], Past],
        *,
        drawn: bool,
    ) -> None:
        self.verdicts: list[Verdict] = []
        self.seen = 0
        self.charts = ChartDataBuilder(store, site) if drawn else None
        self._store = store
        self._site = site
        self._past_of = past_of
        self._own = OwnDomains(store, site)
        self._shared = SharedAddresses()

    def take(self, machine: Machine, *, wanted: bool) -> None:
        """`wanted`: return a verdict for a clean host, too."""
        self.seen += 1
        past = self._past_of(machine)
        wanted = wanted or odd_day(past) is not None
        verdict = None
        if wanted or earlier_nights(past) or _may_be_above_clean(machine):
            verdict = self._judged(machine, past, wanted=wanted)
        if machine.apart or machine.contested:
            self._shared.note(machine, verdict.level if verdict else Level.CLEAN)
        if self.charts:
            self.charts.add(machine.address, machine.evidence, verdict)

    def _judged(self, machine: Machine, past: Past, *, wanted: bool) -> Verdict | None:
        """None for a clean host that is not wanted."""
        context = context_of(machine, self._store, self._site, past, self._own)
        if not wanted and assess(machine.evidence, context).level is Level.CLEAN:
            return None
        found = judged_by_history(
            verdict_on(machine, context),
            machine.evidence,
            past,
            is_mail_server=context.is_mail_server,
        )
        verdict = self._mails.checked(found, machine)
        self.verdicts.append(verdict)
        return verdict

    def doubts(self) -> Iterator[str]:
        yield from self._shared.sentences(self._context_of)
        yield from (sentence(verdict) for verdict in self.verdicts if verdict.repeats)

    def _context_of(self, machine: Machine) -> HostContext:
        return context_of(machine, self._store, self._site, own=self._own)

    @cached_property
    def _mails(self) -> RepeatedMails:
        return RepeatedMails(self._store, self._site)


def _health(store: EvidenceStore, site: SiteProfile) -> tuple[str, ...]:
    return (
        *store.health.sentences(),
        *_early_sentences(store),
        *_missing_sensors(store, site),
        *_missing_fields(store, site),
        *left_out(store),
    )


def _may_be_above_clean(machine: Machine) -> bool:
    """False for most hosts: what these did cannot suffice, whatever their context."""
    return level_of(score_at_most(machine.evidence)) is not Level.CLEAN


def _quiet(store: EvidenceStore) -> int:
    """Number of addresses without evidence or lease."""
    others = {*store.hosts, *(address for address, _, _ in store.leases.seen)}
    return len(store.active) - sum(address in store.active for address in others)


def _missing_sensors(store: EvidenceStore, site: SiteProfile) -> tuple[str, ...]:
    missing = sorted(set(site.sensors) - store.sensors)
    if missing and store.unnamed_logs:
        logs = named_shortly(sorted(store.unnamed_logs))
        return (
            f"the sensor that wrote {logs} is unknown: name the folder after the sensor, or begin "
            "the file's name with the sensor's; until then make sure that the input holds the "
            f"logs of {', '.join(missing)}",
        )
    return tuple(
        (
            f"sensor {name} is listed in the site profile but wrote nothing: its hosts were "
            "not monitored"
        )
        for name in missing
    )


def _missing_fields(store: EvidenceStore, site: SiteProfile) -> Iterator[str]:
    """Fields that the site calls by a name of its own, which may be misspelled."""
    named = [name for name in site.separate_by or () if name not in SEPARATING_FIELDS]
    if not named or not store.hosts:
        return
    labels = {label for evidence in store.hosts.values() for label in evidence.parts}
    seen = {name for label in labels for name in values_of(Place.of(label).scope)}
    for name in named:
        if name not in seen:
            yield f"separate_by names {name}, but no record has it: it separated no networks"


def _early_sentences(store: EvidenceStore) -> Iterator[str]:
    """Explain records dated before 2000: a replayed capture, or a clock that was never set."""
    if not store.early_events:
        return
    events = count_of(store.early_events, "event")
    if store.last_event >= BEFORE_SURICATA:
        yield (
            f"{events} are dated before 2000: a sensor's clock was not set. Their times are "
            "used unchanged; set the clock (NTP) before Suricata starts"
        )
        return
    is_frozen = store.early_events > 1 and store.first_event == store.last_event
    yield (
        (
            f"all {events} are dated before 2000: a replayed old capture, a capture without "
            "times, or a clock that was never set. Their times are used unchanged"
        )
        + ("; all have the same time, so rates are unknown" if is_frozen else "")
    )


def infected_addresses(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    """All addresses of all infected hosts, with the reason."""
    for verdict in verdicts:
        if verdict.level is Level.INFECTED:
            yield from ((address, verdict.why) for address in verdict.addresses)
