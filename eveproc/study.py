"""Files of EVE records + SiteProfile -> Study: what every host did that a rule would count, and what was said of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from math import inf

from eveproc.baseline import Baseline, LeftOut
from eveproc.discover import Confidence, Discoverer, Discovery, Finding, Role, find_roles
from eveproc.evidence import Collector, NightEvidence
from eveproc.history import History, HistoryKeeper, micros
from eveproc.homes import Homes
from eveproc.night import DAY, report_on
from eveproc.reader import STDIN, ReadStats, read_events
from eveproc.verdict import Verdict
from rulegen.errors import InputError, Problem
from rulegen.site import Network, SiteProfile
from rulegen.vocabulary import Level


@dataclass(frozen=True, slots=True)
class Study:
    """One reading of logs: raw material for thresholds, and evidence for verdicts and discovery."""

    history: History
    night: NightEvidence
    stats: ReadStats

    def baseline(self, site: SiteProfile) -> Baseline:
        """What tuning keeps: hosts judged infected, and servers that nobody declared, are no examples of innocent hosts."""
        night = report_on(self.night, site, self.stats)
        if night.first_event is None or night.last_event is None:
            return Baseline(self.history)
        first, last = micros(night.first_event), micros(night.last_event)
        infected = ((v, address) for v in night.verdicts if v.level is Level.INFECTED for address in _addresses(v))
        out = {LeftOut(address, first, last, f"judged infected: {v.why[:MOST_WHY]}") for v, address in infected}
        out |= {LeftOut(one.host, first, last, f"{_UNDECLARED[one.role]}, {one.why}") for one in self._undeclared(site)}
        return Baseline(self.history, out)

    def _undeclared(self, site: SiteProfile) -> Iterator[Finding]:
        declared = {Role.MAIL_SERVER: site.is_mail_server, Role.RESOLVER: site.is_resolver}
        for finding in find_roles(self.night):
            is_declared = declared.get(finding.role)
            if is_declared and finding.confidence is Confidence.HIGH and not is_declared(ip_address(finding.host)):
                yield finding


_UNDECLARED = {Role.MAIL_SERVER: "a mail server to declare", Role.RESOLVER: "a resolver to declare"}
MOST_WHY = 200


def _addresses(verdict: Verdict) -> tuple[str, ...]:
    return verdict.identity.addresses if verdict.identity else (verdict.host,)


def study(
    sources: Sequence[str],
    site: SiteProfile,
    *,
    since: float | None = None,
    until: float | None = None,
    now: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """Read every source once; arguments as judge_night's. Raises InputError when a source cannot be read at all."""
    stats = ReadStats()
    keeper, collector = HistoryKeeper(site), Collector(site)
    start, end = -inf if since is None else since, inf if until is None else until
    end = end if now is None else min(end, now + DAY)
    for event in read_events(sources, stats, progress=progress):
        if start <= event.time < end:
            keeper.add(event)
            collector.add(event)
    return Study(keeper.history, collector.night, stats)


def discover_in(
    sources: Sequence[str],
    site: SiteProfile | None,
    *,
    now: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Discovery:
    """What the site has. Without a profile, what is inside is found by a first reading; so standard input needs one.

    Raises InputError where a source cannot be read, or where no host of a home network is seen.
    """
    if site is None and STDIN in sources:
        raise InputError([Problem(STDIN, "is read twice to find home networks first; allowed are files, or name a site.yaml with -s")])
    bare = SiteProfile(site.home_networks, ports=site.ports) if site else SiteProfile(_homes(sources, progress))
    finder = Discoverer(bare)
    stats = ReadStats()
    for event in read_events(sources, stats, progress=progress):
        if now is None or event.time < now + DAY:
            finder.add(event)
    night = report_on(finder.collector.night, bare, stats)
    return finder.discovery(address for v in night.verdicts if v.level is Level.INFECTED for address in _addresses(v))


def _homes(sources: Sequence[str], progress: Callable[[int, int], None] | None) -> tuple[Network, ...]:
    homes = Homes()
    for event in read_events(sources, ReadStats(), progress=progress):
        homes.add(event)
    if not homes.networks():
        what = "no host with a private address, a lease or DNS questions of its own is seen in them; name the home networks with -s"
        raise InputError([Problem(", ".join(sources), what)])
    return homes.networks()
