"""EvidenceStore + verdicts -> ChartData: plain numbers for charts and timelines. Pure.

Charts show what is scored: peers (domains, servers, recipients) at the time each was new to a host.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from math import ceil, isfinite
from types import MappingProxyType

from msgspec import Struct, field

from eveproc.evidence.sketch import widest
from eveproc.evidence.store import EvidenceSource, EvidenceStore, HostEvidence
from eveproc.signals.own_alerts import threshold_of
from eveproc.signals.registry import SIGNALS
from eveproc.verdicts.verdict import Verdict
from rulegen.site_profile import SiteProfile, Threshold
from rulegen.units import DAY
from rulegen.vocabulary import Family, Level, Signal

# Maximum number of columns of a report: four pixels each on the narrowest screen that shows them.
COLUMNS = 60
# Column widths in seconds, common clock intervals; above a day, whole days.
WIDTHS = (60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, DAY)
# Rules that count servers, with the records that show the same.
PACES: Mapping[Signal, Signal] = MappingProxyType(
    {signal: entry.counted_from for signal, entry in SIGNALS.items() if entry.pace}
)
Key = tuple[str, str]
ByFamily = Mapping[Family, tuple[int, ...]]


class Columns(Struct, frozen=True):
    """`number` equal intervals of `seconds`.

    `start` is in seconds since 1970 UTC, a multiple of `seconds`.
    """

    start: float
    seconds: int
    number: int

    @property
    def end(self) -> float:
        return self.start + self.seconds * self.number

    def index(self, time: float) -> int:
        """The column of a time; times beyond the ends count in the first or last column."""
        return min(self.number - 1, max(0, int((time - self.start) // self.seconds)))


class HostCount(Struct, frozen=True):
    """One host above clean, and its number of servers."""

    key: Key
    level: Level
    number: int


class Pace(Struct, frozen=True):
    """New external servers of hosts in their busiest `threshold.seconds`, and the threshold.

    `clean` is a distribution, (servers, hosts) in ascending order; a host that met none counts only
    in `idle`. Declared mail servers are excluded, as in the rules.
    """

    signal: Signal
    threshold: Threshold
    clean: tuple[tuple[int, int], ...]
    marked: tuple[HostCount, ...]
    idle: int


class ChartData(Struct, frozen=True):
    """Numbers for charts and timelines.

    `families`: peers new in each column, over all hosts above clean; `timelines`: the same for each
    of these hosts. `columns` is None if there was no event; then there is nothing to draw.
    """

    columns: Columns | None = None
    families: ByFamily = field(default_factory=lambda: MappingProxyType({}))
    timelines: Mapping[Key, ByFamily] = field(default_factory=lambda: MappingProxyType({}))
    paces: tuple[Pace, ...] = ()


NO_CHART_DATA = ChartData()


class ChartDataBuilder:
    """Takes one host at a time; a clean host is kept only as a number in a distribution."""

    def __init__(self, store: EvidenceStore, site: SiteProfile) -> None:
        self._columns = columns_between(store.first_event, store.last_event)
        self._site = site
        self._paces = [_Counting(signal, threshold_of(site, signal)) for signal in PACES]
        self._timelines: dict[Key, ByFamily] = {}

    def add(self, address: str, evidence: HostEvidence, verdict: Verdict | None) -> None:
        """`verdict` is None if the host is known to be clean without one."""
        marked = verdict if verdict and verdict.level is not Level.CLEAN else None
        if not self._site.is_mail_server(ip_address(address)):
            for pace in self._paces:
                pace.add(evidence, marked)
        if marked and self._columns:
            self._timelines[marked.key] = timeline(evidence, self._columns)

    def chart_data(self, quiet: int = 0) -> ChartData:
        """ChartData of all hosts added; `quiet` further hosts were seen without evidence."""
        if self._columns is None:
            return NO_CHART_DATA
        paces = (pace.result(quiet) for pace in self._paces)
        drawn = tuple(pace for pace in paces if pace.clean or pace.marked)
        return ChartData(
            self._columns, _sum(self._timelines.values(), self._columns), self._timelines, drawn
        )


def columns_between(first: float, last: float) -> Columns | None:
    """The finest columns that number at most COLUMNS (plus one for a partial column)."""
    if not (isfinite(first) and isfinite(last)):
        return None
    needed = (last - first) / COLUMNS
    seconds = next((width for width in WIDTHS if width >= needed), ceil(needed / DAY) * DAY)
    start = first // seconds * seconds
    return Columns(start, seconds, int((last - start) // seconds) + 1)


def timeline(evidence: HostEvidence, columns: Columns) -> ByFamily:
    """Per family with evidence, and per column, the largest count of its signals.

    The same mail counts in several signals of a family. Where records exist, their alerts add
    nothing.
    """
    rows: dict[Family, list[int]] = {}
    for signal in Signal:
        counts = _counts(evidence, signal, columns)
        if any(counts):
            row = rows.setdefault(signal.family, [0] * columns.number)
            row[:] = map(max, row, counts)
    return MappingProxyType({family: tuple(rows[family]) for family in Family if family in rows})


def _counts(evidence: HostEvidence, signal: Signal, columns: Columns) -> list[int]:
    sketch = evidence.log(signal)
    if not sketch.hours:
        sketch = evidence.sketch(signal, EvidenceSource.ALERT)
    counts = [0] * columns.number
    for time, _ in sketch.newcomers():
        counts[columns.index(time)] += 1
    return counts


def _sum(timelines: Iterable[ByFamily], columns: Columns) -> ByFamily:
    total: dict[Family, list[int]] = {family: [0] * columns.number for family in Family}
    for rows in timelines:
        for family, row in rows.items():
            total[family] = [before + more for before, more in zip(total[family], row, strict=True)]
    return MappingProxyType({family: tuple(row) for family, row in total.items() if any(row)})


class _Counting:
    """Collects hosts into the Pace of one rule."""

    def __init__(self, signal: Signal, threshold: Threshold) -> None:
        self._signal = signal
        self._threshold = threshold
        self._clean: Counter[int] = Counter()
        self._marked: list[HostCount] = []

    def add(self, evidence: HostEvidence, marked: Verdict | None) -> None:
        sketch = evidence.log(PACES[self._signal])
        number = (
            max(widest(sketch.newcomers(), self._threshold.seconds), default=0)
            if sketch.hours
            else 0
        )
        if marked and number:
            self._marked.append(HostCount(marked.key, marked.level, number))
        else:
            self._clean[number] += 1

    def result(self, quiet: int) -> Pace:
        marked = tuple(sorted(self._marked, key=_by_number))
        return Pace(
            self._signal, self._threshold, tuple(self._busy()), marked, self._clean[0] + quiet
        )

    def _busy(self) -> Iterator[tuple[int, int]]:
        return ((number, hosts) for number, hosts in sorted(self._clean.items()) if number)


def _by_number(mark: HostCount) -> tuple[int, Key]:
    return -mark.number, mark.key
