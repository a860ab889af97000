"""Files of EVE records + SiteProfile -> what tuning and discovery rest on, read as fast as a report's evidence is."""

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

from msgspec import Struct, field

from eveproc.events import Event
from eveproc.evidence import EVER, Collector, NightEvidence, Period
from eveproc.night import period_of, report_on
from eveproc.reading.gather import gather
from eveproc.reading.reader import read_events
from eveproc.reading.sources import STDIN, find_files
from eveproc.reading.stats import ReadStats
from eveproc.tuning.baseline import Baseline, LeftOut
from eveproc.tuning.discover import Confidence, Discoverer, Discovery, Found, Role, discover, find_roles
from eveproc.tuning.history import History, HistoryKeeper, micros
from eveproc.tuning.homes import Homes
from eveproc.verdict import Verdict
from rulegen.errors import InputError, Problem
from rulegen.site import Network, SiteProfile
from rulegen.vocabulary import Level

Progress = Callable[[int, int], None]

_UNDECLARED = {Role.MAIL_SERVER: "a mail server to declare", Role.RESOLVER: "a resolver to declare"}
MOST_WHY = 200


class StudyEvidence(NightEvidence):
    """What verdicts rest on, and besides it what a threshold would count."""

    history: History = field(default_factory=History)

    def merge(self, other: NightEvidence) -> None:
        NightEvidence.merge(self, other)
        if isinstance(other, StudyEvidence):
            self.history.merge(other.history)


class _Student(Collector):
    """Feeds events into a StudyEvidence."""

    def __init__(self, site: SiteProfile, period: Period = EVER) -> None:
        super().__init__(site, period)
        self.night: StudyEvidence = StudyEvidence()
        self._keeper = HistoryKeeper(site, self.night.history)
        self._within = period

    def add(self, event: Event) -> None:
        super().add(event)
        if not self._within.why_not(event.time):
            self._keeper.add(event)


class Study(Struct, frozen=True):
    """One reading of logs: raw material for thresholds, and evidence for verdicts."""

    night: StudyEvidence
    stats: ReadStats

    @property
    def history(self) -> History:
        return self.night.history

    def baseline(self, site: SiteProfile) -> Baseline:
        """What tuning keeps: hosts judged infected, and servers that nobody declared, are no examples of innocent hosts."""
        night = report_on(self.night, site, self.stats, everyone=False, drawn=False)
        is_watched = HistoryKeeper(site).is_watched
        for host in sorted(self.night.active):
            if is_watched(host):
                self.history.see(host)
        if night.first_event is None or night.last_event is None:
            return Baseline(self.history)
        first, last = micros(night.first_event), micros(night.last_event)
        out = {LeftOut(address, first, last, f"judged infected: {why[:MOST_WHY]}") for address, why in _infected(night.verdicts)}
        out |= {LeftOut(one.host, first, last, f"{_UNDECLARED[one.role]}, {one.why}") for one in self._undeclared(site)}
        return Baseline(self.history, out)

    def _undeclared(self, site: SiteProfile) -> Iterator[Found]:
        declared = {Role.MAIL_SERVER: site.is_mail_server, Role.RESOLVER: site.is_resolver}
        for finding in find_roles(self.night):
            is_declared = declared.get(finding.role)
            if is_declared and finding.confidence is Confidence.HIGH and not is_declared(ip_address(finding.host)):
                yield finding


def study(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Read every source once; arguments as judge_night's. Raises InputError when a source cannot be read, or nothing in it is EVE."""
    night, stats = gather(find_files(sources), site, period_of(since, until, now), jobs=jobs, progress=progress, collect=_Student)
    _refuse_no_eve(stats)
    assert isinstance(night, StudyEvidence)  # a _Student's
    night.history.trim()
    return Study(night, stats)


def discover_in(
    sources: Sequence[str], site: SiteProfile | None, *, now: float | None = None, progress: Progress | None = None
) -> Discovery:
    """What the site has. Every line is decoded: what a server is shows in what has nothing to do with mail, too.

    Without a profile, what is inside is found by a first reading; so standard input needs one.

    Raises InputError where a source cannot be read, or where no host of a home network is seen.
    """
    if site is None and STDIN in sources:
        raise InputError([Problem(STDIN, "is read twice, to find home networks first; allowed are files, or name a site.yaml with -s")])
    bare = SiteProfile(site.home_networks, ports=site.ports) if site else SiteProfile(_homes(sources, progress))
    finder, stats = Discoverer(bare, period_of(None, None, now)), ReadStats()
    for event in read_events(sources, stats, progress=progress):
        finder.add(event)
    _refuse_no_eve(stats)
    return discover(
        finder.night,
        bare,
        [address for address, _ in _infected(report_on(finder.night, bare, stats, everyone=False, drawn=False).verdicts)],
    )


def _homes(sources: Sequence[str], progress: Progress | None) -> tuple[Network, ...]:
    homes, stats = Homes(), ReadStats()
    for event in read_events(sources, stats, progress=progress):
        homes.add(event)
    _refuse_no_eve(stats)
    if not homes.networks():
        what = "no host with a private address, a lease or DNS questions of its own is seen in them; name the home networks with -s"
        raise InputError([Problem(", ".join(sources), what)])
    return homes.networks()


def _refuse_no_eve(stats: ReadStats) -> None:
    if stats.files and stats.files_not_eve == stats.files:
        raise InputError(stats.problems)


def _infected(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    """Every address of every host judged infected, and why."""
    for verdict in verdicts:
        if verdict.level is Level.INFECTED:
            yield from ((address, verdict.why) for address in (verdict.identity.addresses if verdict.identity else (verdict.host,)))
