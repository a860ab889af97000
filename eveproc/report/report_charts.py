"""ChartData of a report -> charts: evidence over time per family, and rates of new servers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, sqrt
from typing import TYPE_CHECKING

from eveproc.report.chart import NARROW, WIDE, Drawing, Ink, draw
from eveproc.report.sanitize import cut
from eveproc.signals.registry import SIGNALS
from eveproc.verdicts.chart_data import WIDTHS, ByFamily, ChartData, Columns, HostCount, Key, Pace
from rulegen.units import DAY
from rulegen.vocabulary import Level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Maximum number of hosts named in a chart; the others are in its distribution.
NAMED = 8
LABEL = 18
ROW, HISTOGRAM, FAMILY_ROW = 20, 150, 74


def evidence_chart(chart_data: ChartData) -> Drawing | None:
    """A row of columns per family; None if there is nothing to draw."""
    columns, families = chart_data.columns, chart_data.families
    if columns is None or not families:
        return None
    title = f"Evidence over the report, per {duration(columns.seconds)}"
    says = (
        "New peers of infected and suspected hosts: "
        f"{'; '.join(_peaks(families, columns))}. Times are UTC."
    )
    height = 40 + FAMILY_ROW * len(families)
    drawn = (
        draw(
            f"evidence-{w}",
            w,
            height,
            f"{title}. {says}",
            lambda figure: _paint_families(figure, families, columns),
        )
        for w in (WIDE, NARROW)
    )
    return Drawing(title, says, *drawn)


def pace_chart(pace: Pace, names: Mapping[Key, tuple[str, str]]) -> Drawing:
    """The busiest hosts by name, the distribution of all hosts, and the rule's threshold.

    `names` gives the name and the link target of each host that the page lists.
    """
    window, words = duration(pace.threshold.seconds), SIGNALS[pace.signal].pace
    title = f"New servers on {words} in the busiest {window}"
    says = _pace_says(pace, window)
    height = HISTOGRAM + ROW * min(NAMED, len(pace.marked))
    svg = draw(
        f"pace-{pace.signal}",
        NARROW,
        height,
        title,
        lambda figure: _paint_pace(figure, pace, names),
    )
    return Drawing(title, says, svg)


def duration(seconds: int) -> str:
    """60 -> "minute", 7200 -> "2 hours"."""
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % unit == 0:
            return name if seconds == unit else f"{seconds // unit} {name}s"
    return "second" if seconds == 1 else f"{seconds} seconds"


def _peaks(families: ByFamily, columns: Columns) -> Iterator[str]:
    for family, row in families.items():
        peak = max(row)
        when = datetime.fromtimestamp(columns.start + columns.seconds * row.index(peak), UTC)
        yield f"{family} {sum(row):,}, most ({peak:,}) at {when:%Y-%m-%d %H:%M}"


def _paint_families(figure: "Figure", families: ByFamily, columns: Columns) -> None:
    rows = figure.subplots(len(families), sharex=True, squeeze=False)[:, 0]
    for axes, (family, row) in zip(rows, families.items(), strict=True):
        places = [place for place, number in enumerate(row) if number]
        axes.bar(
            places,
            [row[place] for place in places],
            width=0.86,
            align="edge",
            color=Ink(family.value).colour,
        )
        axes.set_title(family.value)
        _count_axis(axes, max(row))
    rows[-1].set_xlim(0, columns.number)
    ticks = time_ticks(columns, most=12 if figure.get_figwidth() * 72 > NARROW else 5)
    rows[-1].set_xticks(
        [(time - columns.start) / columns.seconds for time, _ in ticks],
        [label for _, label in ticks],
    )


def time_ticks(columns: Columns, most: int) -> list[tuple[float, str]]:
    """At most `most` + 1 round times (seconds since 1970 UTC) with labels.

    The day is below the first time of each day.
    """
    needed = (columns.end - columns.start) / most
    step = next((width for width in WIDTHS if width >= needed), ceil(needed / DAY) * DAY)
    times = range(ceil(columns.start / step) * step, int(columns.end) + 1, step)
    days = [datetime.fromtimestamp(time, UTC) for time in times]
    firsts = [True, *(one.date() != other.date() for one, other in pairwise(days))]
    return [
        (time, _tick(day, first, step))
        for time, day, first in zip(times, days, firsts, strict=False)
    ]


def _tick(time: datetime, first: bool, step: int) -> str:
    if step % DAY == 0:
        return f"{time.day} {time:%b}" if step < 60 * DAY else f"{time:%b %Y}"
    return f"{time:%H:%M}\n{time.day} {time:%b}" if first else f"{time:%H:%M}"


def _count_axis(axes: "Axes", most: int) -> None:
    """A few whole numbers as ticks."""
    axes.set_ylim(0, 1.12 * most)
    axes.set_yticks(sorted({0, most // 2, most} if most > 1 else {0, most}))
    axes.grid(visible=True, axis="y", linewidth=0.8)


def _pace_says(pace: Pace, window: str) -> str:
    most_clean = pace.clean[-1][0] if pace.clean else 0
    over = sum(1 for mark in pace.marked if mark.number >= pace.threshold.count)
    clean = f"clean hosts met at most {most_clean:,}" if pace.clean else "no clean host met any"
    marked = (
        f"{over:,} of {len(pace.marked):,} infected or suspected hosts reached the "
        f"rule's {pace.threshold.count} per {window}"
    )
    return f"{marked}; {clean}; {pace.idle:,} hosts met none. Declared mail servers are excluded."


def _paint_pace(figure: "Figure", pace: Pace, names: Mapping[Key, tuple[str, str]]) -> None:
    named = pace.marked[:NAMED]
    ratios = [ROW * len(named), HISTOGRAM - 50] if named else [1]
    rows = figure.subplots(
        len(ratios), sharex=True, squeeze=False, gridspec_kw={"height_ratios": ratios}
    )[:, 0]
    most = max(
        pace.threshold.count,
        *(mark.number for mark in pace.marked),
        *(number for number, _ in pace.clean),
        2,
    )
    if named:
        _paint_named(rows[0], named, names)
    _paint_distribution(rows[-1], pace, most)
    for axes in rows:
        axes.axvline(
            pace.threshold.count, color=Ink.ACCENT.colour, linewidth=1.4, linestyle=(0, (5, 3))
        )
    rows[0].annotate(
        f"rule: {pace.threshold.count}",
        (pace.threshold.count, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        color=Ink.ACCENT.colour,
    )


def _paint_named(
    axes: "Axes", named: Sequence[HostCount], names: Mapping[Key, tuple[str, str]]
) -> None:
    for place, mark in enumerate(reversed(named)):
        name, url = names.get(mark.key, (mark.key[0], None))
        ink = Ink(mark.level.value).colour
        axes.plot([1, _centre(mark.number)], [place, place], color=ink, linewidth=1.6)
        axes.scatter([_centre(mark.number)], [place], s=46, color=ink, clip_on=False)
        axes.annotate(
            str(mark.number),
            (_centre(mark.number), place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
        )
        axes.text(
            -0.02,
            place,
            cut(name, LABEL),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            url=url,
        )
    axes.set_ylim(-0.6, len(named) - 0.4)
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)


def _paint_distribution(axes: "Axes", pace: Pace, most: int) -> None:
    edges = _edges(most)
    bottom = [0] * (len(edges) - 1)
    for level in Level:
        heights = _histogram(pace, level, edges)
        bars = [bar for bar in zip(edges, heights, edges[1:], bottom, strict=False) if bar[1]]
        for left, height, right, below in bars:
            axes.bar(
                left,
                height,
                width=0.94 * (right - left),
                bottom=below,
                align="edge",
                color=Ink(level.value).colour,
            )
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    axes.set_xscale("log")
    axes.set_xlim(1, edges[-1])
    ticks = [
        tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if tick < edges[-1]
    ]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("distinct servers new to the host")
    axes.set_title("hosts")
    _count_axis(axes, max(bottom))


def _histogram(pace: Pace, level: Level, edges: Sequence[int]) -> list[int]:
    pairs = (
        pace.clean
        if level is Level.CLEAN
        else [(mark.number, 1) for mark in pace.marked if mark.level is level]
    )
    return [
        sum(hosts for number, hosts in pairs if left <= number < right)
        for left, right in pairwise(edges)
    ]


def _edges(most: int) -> list[int]:
    """1, 2, 3, then about a third more each time, to beyond `most`."""
    edges = [1]
    while edges[-1] <= most:
        edges.append(max(edges[-1] + 1, round(edges[-1] * 1.35)))
    return edges


def _centre(number: int) -> float:
    """Position of `number` on a logarithmic axis whose columns begin at whole numbers."""
    return sqrt(number * (number + 1))
