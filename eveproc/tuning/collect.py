"""Files of EVE records + SiteProfile -> Study: raw material for thresholds, and evidence."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from textwrap import shorten

from msgspec import Struct, field

from eveproc.evidence.collector import EVER, Collector, Period
from eveproc.evidence.store import EvidenceStore
from eveproc.input.events import Event
from eveproc.input.lookups import Asker
from eveproc.input.parallel import gather
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import find_files, note_passed_over
from eveproc.tuning.baseline import Baseline, ExcludedHost
from eveproc.tuning.history import History, HistoryKeeper, micros
from eveproc.verdicts.analyze import infected_addresses, judge_evidence, period_of
from eveproc.verdicts.roles import Confidence, Role, RoleFinding, find_roles
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import Level

Progress = Callable[[int, int], None]

_RECORDS = frozenset(("dns", "smtp", "flow"))
_UNDECLARED = {Role.MAIL_SERVER: "undeclared mail server", Role.RESOLVER: "undeclared resolver"}
MOST_WHY, _MORE = 200, " ..."


class TuningEvidence(EvidenceStore):
    """The evidence for verdicts, and the history of what rules count."""

    history: History = field(default_factory=History)

    def merge(self, other: EvidenceStore) -> None:
        EvidenceStore.merge(self, other)
        if isinstance(other, TuningEvidence):
            self.history.merge(other.history)


class TuningCollector(Collector):
    """Feeds events into a TuningEvidence."""

    def __init__(self, site: SiteProfile, period: Period = EVER) -> None:
        super().__init__(site, period)
        self.store: TuningEvidence = TuningEvidence()
        self._keeper = HistoryKeeper(site, self.store.history)
        self._within = period

    def add_lookups(self, asker: Asker) -> None:
        """Add all lookups of one host; a threshold counts each of them."""
        super().add_lookups(asker)
        if not self._is_added_one_by_one(asker):
            self._keeper.add_lookups(asker)

    def add(self, event: Event) -> None:
        super().add(event)
        if not self._within.why_not(event.time):
            self._keeper.add(event)


class Study(Struct, frozen=True):
    """One reading of logs: raw material for thresholds, and evidence for verdicts."""

    store: TuningEvidence
    stats: ReadStats

    @property
    def history(self) -> History:
        return self.store.history

    def why_blind(self) -> str:
        """Why these logs do not show what hosts did, and the remedy; "" if they do."""
        if self.history.hours or self.store.coverage.kinds() & _RECORDS:
            return ""
        return (
            "no dns, smtp or flow records were read, and alerts do not show how often benign "
            "hosts do what a rule counts: enable dns, smtp and flow under outputs, eve-log, types "
            "in suricata.yaml (logs of Snort and logs in text have no such records)"
        )

    def levels(self, site: SiteProfile) -> Mapping[str, Level]:
        """The verdict on each address that is not clean."""
        judged = judge_evidence(self.store, site, self.stats, everyone=False, drawn=False)
        worst_last = sorted(judged.verdicts, key=lambda verdict: verdict.level.rank)
        return {address: verdict.level for verdict in worst_last for address in verdict.addresses}

    def baseline(self, site: SiteProfile) -> Baseline:
        """The baseline; infected hosts and undeclared servers do not count as benign."""
        store = judge_evidence(self.store, site, self.stats, everyone=False, drawn=False)
        is_watched = HistoryKeeper(site).is_watched
        for host in sorted(self.store.active):
            if is_watched(host):
                self.history.see(host)
        if store.first_event is None or store.last_event is None:
            return Baseline(self.history)
        first, last = micros(store.first_event), micros(store.last_event)
        out = {
            ExcludedHost(
                address,
                first,
                last,
                f"judged infected: {shorten(why, MOST_WHY, placeholder=_MORE)}",
            )
            for address, why in infected_addresses(store.verdicts)
        }
        out |= {
            ExcludedHost(one.host, first, last, f"{_UNDECLARED[one.role]}: {one.why}")
            for one in self._undeclared(site)
        }
        return Baseline(self.history, out)

    def _undeclared(self, site: SiteProfile) -> Iterator[RoleFinding]:
        declared = {Role.MAIL_SERVER: site.is_mail_server, Role.RESOLVER: site.is_resolver}
        for finding in find_roles(self.store):
            is_declared = declared.get(finding.role)
            if (
                is_declared
                and finding.confidence is Confidence.HIGH
                and not is_declared(ip_address(finding.host))
            ):
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
    """Read every source once; the arguments are those of analyze.

    Raises InputError if a source cannot be read, or nothing in it is EVE.
    """
    store, stats = gather(
        find_files(sources),
        partial(TuningCollector, site, period_of(since, until, now)),
        jobs=jobs,
        progress=progress,
    )
    note_passed_over(sources, stats)
    stats.raise_if_no_eve()
    assert isinstance(store, TuningEvidence)  # a TuningCollector's
    store.history.trim()
    return Study(store, stats)
