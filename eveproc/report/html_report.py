"""Report -> one self-contained HTML page: changes, hosts, charts, sensor health, site."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import starmap
from math import log10

from markupsafe import Markup
from msgspec import Struct

from eveproc.input.events import SkipReason
from eveproc.report.chart import Drawing
from eveproc.report.inventory_text import notes, sums
from eveproc.report.page import render as render_page
from eveproc.report.report_charts import duration, evidence_chart, pace_chart
from eveproc.report.sentence import headline, lead
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import MEANING, Change, HostChange, Trend
from eveproc.verdicts.chart_data import ByFamily, Columns, Key
from eveproc.verdicts.phrasing import mistaken_for
from eveproc.verdicts.verdict import EvidenceItem, Verdict
from rulegen.installation import version
from rulegen.site_profile import Network, SiteProfile, Threshold
from rulegen.vocabulary import Family, Level, Signal

# Above this number of hosts a page opens with all of them folded.
OPEN_AT_MOST = 5
STRIP_HEIGHT = 10


class Strip(Struct, frozen=True):
    """One family's row of a host's timeline, as SVG path data.

    The box is `columns.number` by STRIP_HEIGHT.
    """

    family: Family
    bars: str
    decided: str
    says: str


class HostSection(Struct, frozen=True):
    """One listed host on the page; `anchor` is its id."""

    anchor: str
    verdict: Verdict
    change: HostChange | None
    strips: tuple[Strip, ...]
    could_be: tuple[tuple[Signal, tuple[str, ...]], ...]
    command: str

    @property
    def name(self) -> str:
        return self.verdict.identity.name if self.verdict.identity else ""

    @property
    def weighty(self) -> list[EvidenceItem]:
        return [item for item in self.verdict.evidence if item.weight]

    @property
    def weightless(self) -> list[EvidenceItem]:
        return [item for item in self.verdict.evidence if not item.weight]

    @property
    def peers(self) -> int:
        """The largest number of distinct peers in one type of delivery evidence."""
        return max(
            (item.distinct for item in self.verdict.evidence if item.family is Family.DELIVERY),
            default=0,
        )


def render(report: Report, verdicts: tuple[Verdict, ...], *, is_archived: bool = False) -> str:
    """The whole page; in an archive it links to the other pages.

    Raises MxhoundError if matplotlib (mxhound[html]) is missing.
    """
    hosts = tuple(_hosts(report, verdicts))
    return render_page(
        "report",
        report=report,
        is_archived=is_archived,
        hosts=hosts,
        headline=headline(report),
        lead=lead(report),
        levels=_levels(report),
        trends=_trends(report.change, hosts),
        drawings=_drawings(report, hosts),
        columns=report.chart_data.columns,
        per=duration(report.chart_data.columns.seconds) if report.chart_data.columns else "",
        open_at_most=OPEN_AT_MOST,
        reading=_reading(report),
        steps=tuple(_steps(verdicts)),
        notes=tuple(notes(report)),
        sums=tuple(sums(report)),
        site=_site(report.site) if report.site else (),
        version=version(),
    )


def _steps(verdicts: Iterable[Verdict]) -> Iterator[tuple[str, str]]:
    """What to do next, and for which hosts, in the order of the hosts."""
    hosts: dict[tuple[Level, str], list[str]] = {}
    for verdict in verdicts:
        if verdict.level is not Level.CLEAN and verdict.next_step:
            hosts.setdefault((verdict.level, verdict.next_step), []).append(verdict.host)
    for (level, step), named in hosts.items():
        yield named[0] if len(named) == 1 else f"Each of {len(named):,} {level} hosts", step


def _hosts(report: Report, verdicts: Sequence[Verdict]) -> Iterator[HostSection]:
    changes = report.change.by_key() if report.change else {}
    for number, verdict in enumerate(verdicts, 1):
        yield HostSection(
            anchor=f"host-{number}",
            verdict=verdict,
            change=changes.get(verdict.key),
            strips=tuple(
                _strips(
                    verdict,
                    report.chart_data.timelines.get(verdict.key, {}),
                    report.chart_data.columns,
                )
            ),
            could_be=tuple(_could_be(verdict)),
            command=f"eveproc explain {verdict.host} EVE... -s site.yaml",
        )


def _could_be(verdict: Verdict) -> Iterator[tuple[Signal, tuple[str, ...]]]:
    """Known false positives of the heaviest signal of each family, without repetition."""
    heaviest = {item.family: item.signal for item in reversed(verdict.evidence) if item.weight}
    said: set[str] = set()
    for family in dict.fromkeys(item.family for item in verdict.evidence if item.weight):
        phrases = tuple(phrase for phrase in mistaken_for(heaviest[family]) if phrase not in said)
        said.update(phrases)
        if phrases:
            yield heaviest[family], phrases


def _strips(verdict: Verdict, rows: ByFamily, columns: Columns | None) -> Iterator[Strip]:
    if columns is None:
        return
    decided = (
        ""
        if verdict.decided_at is None
        else f"M{columns.index(verdict.decided_at)} 0v{STRIP_HEIGHT}"
    )
    for family, row in rows.items():
        says = (
            f"{sum(row)} in {sum(1 for number in row if number)} of {len(row)} columns, "
            f"{max(row)} at most"
        )
        yield Strip(family, "".join(_bars(row)), decided, says)


def _bars(row: Sequence[int]) -> Iterator[str]:
    """SVG bars on one scale for all hosts: one peer is a third of the height, a hundred fill it."""
    for place, number in enumerate(row):
        if number:
            height = min(STRIP_HEIGHT, round(3 + 3.5 * log10(number), 1))
            yield f"M{place} {STRIP_HEIGHT}v-{height:g}h.8v{height:g}z"


def _levels(report: Report) -> tuple[tuple[Level, int], ...]:
    found = Counter(verdict.level for verdict in report.verdicts)
    return (
        (Level.INFECTED, found[Level.INFECTED]),
        (Level.SUSPECTED, found[Level.SUSPECTED]),
        (Level.CLEAN, report.clean_hosts),
    )


def _trends(
    change: Change | None, hosts: Sequence[HostSection]
) -> tuple[tuple[Trend, str, tuple[tuple[HostChange, str], ...]], ...]:
    """(trend, meaning, hosts with their anchor, "" if not listed) for all five trends."""
    if change is None:
        return ()
    anchors = {host.verdict.key: host.anchor for host in hosts}
    return tuple(
        (
            trend,
            MEANING[trend],
            tuple((host, anchors.get(host.key, "")) for host in change.of_trend(trend)),
        )
        for trend in Trend
    )


def _drawings(report: Report, hosts: Sequence[HostSection]) -> tuple[Drawing, ...]:
    names: Mapping[Key, tuple[str, str]] = {
        host.verdict.key: (host.name or host.verdict.host, f"#{host.anchor}") for host in hosts
    }
    first = evidence_chart(report.chart_data)
    drawings = [pace_chart(pace, names) for pace in report.chart_data.paces]
    return tuple(_safe(drawing) for drawing in ([first, *drawings] if first else drawings))


def _safe(drawing: Drawing) -> Drawing:
    """Matplotlib's SVG is markup; all text in it is escaped."""
    return Drawing(drawing.title, drawing.says, Markup(drawing.wide), Markup(drawing.narrow))


def _reading(report: Report) -> tuple[tuple[str, int, tuple[tuple[str, int], ...]], ...]:
    """(what, number, kinds by number)."""
    stats = report.stats
    skipped = [
        (f"lines skipped as {reason}", stats.skipped[reason], _most(stats.details.get(reason, {})))
        for reason in SkipReason
        if stats.skipped[reason]
    ]
    unused = (
        [("events that are not evidence", sum(report.unused.values()), _most(report.unused))]
        if report.unused
        else []
    )
    read = [
        ("files", stats.files, ()),
        ("bytes", stats.bytes, ()),
        ("lines looked at", stats.lines, ()),
    ]
    return (*read, ("events", stats.events.total(), _most(stats.events)), *unused, *skipped)


def _most(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _site(site: SiteProfile) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(key of site.yaml, its values as in the file); keys that are not set are omitted."""
    thresholds = (
        f"{signal}: {threshold.count} per {duration(threshold.seconds)}"
        for signal, threshold in site.thresholds.items()
    )
    exempt = (
        f"{_short(e.network)}: {', '.join(sorted(e.signals)) or 'everything'} "
        f"({e.reason}{f', until {e.until}' if e.until else ''})"
        for e in site.exempt
    )
    networks = (
        f"{_short(part.network)}: {', '.join(starmap(_threshold, part.thresholds.items()))}"
        for part in site.network_thresholds
    )
    ports = (
        f"smtp {', '.join(map(str, site.ports.smtp))}; submission "
        f"{', '.join(map(str, site.ports.submission))}"
    )
    listed = {
        "home_networks": map(_short, site.home_networks),
        "mail_servers": map(_short, site.mail_servers),
        "resolvers": map(_short, site.resolvers),
        "internal_domains": site.internal_domains,
        "exempt": exempt,
        "thresholds": (*thresholds, *networks),
        "ports": (ports,),
        "sensors": site.sensors,
        "inventory": (str(site.inventory.path),) if site.inventory.path else (),
    }
    return tuple((key, found) for key, values in listed.items() if (found := tuple(values)))


def _threshold(signal: Signal, threshold: Threshold) -> str:
    return f"{signal} {threshold.count} per {duration(threshold.seconds)}"


def _short(network: Network) -> str:
    """Format a network; a single host has no prefix length."""
    return (
        str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
    )
