"""Tuning -> one HTML page: a table of thresholds, and a curve of alerts a week for each signal."""

from math import ceil
from typing import TYPE_CHECKING

from markupsafe import Markup
from msgspec import Struct

from eveproc.report import page
from eveproc.report.chart import NARROW, Drawing, Ink, draw
from eveproc.report.tuning_text import Tuning, left_out, name_of, numbers_of, rate, reason
from eveproc.tuning.matching import UNTOLD
from eveproc.tuning.tune import Recommendation
from rulegen.installation import version

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 250
# Rates below this are drawn on the base line: one alert in two years.
LEAST = 0.01
# If known senders exceed the proposal by this factor, the chart uses a logarithmic scale.
FAR = 8
MOST_LISTED = 200


class _Shown(Struct, frozen=True):
    """One recommendation with its texts on the page."""

    one: Recommendation
    name: str
    present: str
    proposed: str
    why: str
    anchor: str
    drawing: Drawing


def render(tuning: Tuning) -> str:
    """Render the page. Raises MxhoundError if matplotlib is not installed."""
    shown = [_shown(number, one) for number, one in enumerate(tuning.recommendations)]
    changed = sum(one.is_changed for one in tuning.recommendations)
    out = left_out(tuning.baseline)
    return page.render(
        "tuning",
        headline=f"{changed} of {len(shown)} thresholds to change"
        if changed
        else "The thresholds fit",
        tuning=tuning,
        shown=shown,
        left_out=list(out.items())[:MOST_LISTED],
        more_left_out=max(0, len(out) - MOST_LISTED),
        untold=list(UNTOLD.items()),
        rate=rate,
        version=version(),
    )


def _shown(number: int, one: Recommendation) -> _Shown:
    name = name_of(one)
    return _Shown(
        one,
        name,
        numbers_of(one.present),
        numbers_of(one.proposed),
        reason(one),
        f"curve-{number}",
        _curve(number, one),
    )


def _curve(number: int, one: Recommendation) -> Drawing:
    title = (
        f"{name_of(one)}: alerts a week by hosts that are not infected, within "
        f"{one.proposed.seconds} s"
    )
    says = (
        f"Proposed {one.proposed.count}: {rate(one.expected)} alerts a week were "
        f"observed, at most {rate(one.at_most)} are expected. All known senders are "
        f"found up to {one.ceiling}."
    )
    svg = draw(
        f"curve-{number}", NARROW, HEIGHT, f"{title}. {says}", lambda figure: _paint(figure, one)
    )
    return Drawing(title, says, Markup(svg))


def _paint(figure: "Figure", one: Recommendation) -> None:
    axes = figure.subplots()
    last = ceil(1.15 * max(one.ceiling, one.proposed.count, one.present.count)) + 1
    curve = [point for point in one.curve if point[0] <= last]
    counts = [count for count, _, _ in curve]
    axes.set_yscale("log")
    if last > FAR * one.proposed.count:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    else:
        axes.locator_params(axis="x", integer=True)
    axes.step(
        counts,
        [max(seen, LEAST) for _, seen, _ in curve],
        where="mid",
        color=Ink.DELIVERY.colour,
        linewidth=2,
    )
    axes.plot(
        counts,
        [max(most, LEAST) for _, _, most in curve],
        color=Ink.DELIVERY.colour,
        linewidth=1.2,
        linestyle=(0, (4, 3)),
    )
    axes.axhline(one.allowed, color=Ink.SUSPECTED.colour, linewidth=1.2, linestyle=(0, (1, 2)))
    axes.set_xlim(0.8, last + 0.5)
    top = max([1.0, one.allowed, *(most for _, _, most in curve)])
    axes.set_ylim(LEAST, 20 * top)
    axes.set_xlabel(f"count in {one.proposed.seconds} s")
    axes.grid(axis="y")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    _verticals(axes, one)


def _verticals(axes: "Axes", one: Recommendation) -> None:
    """Vertical lines at the numbers, with stacked labels, so that close ones stay legible."""
    lines = [
        (one.proposed.count, f"proposed {one.proposed.count}", Ink.ACCENT),
        (one.ceiling, f"senders found up to {one.ceiling}", Ink.INFECTED),
    ]
    if one.present.seconds == one.proposed.seconds and one.present.count != one.proposed.count:
        lines.insert(0, (one.present.count, f"now {one.present.count}", Ink.MUTED))
    for place, (count, text, ink) in enumerate(lines):
        axes.axvline(count, color=ink.colour, linewidth=1.5)
        height = 0.97 - 0.09 * place
        right = axes.transLimits.transform(axes.transScale.transform((count, 1)))[0] > 0.5
        axes.text(
            count,
            height,
            f" {text} ",
            color=ink.colour,
            transform=axes.get_xaxis_transform(),
            va="top",
            ha="right" if right else "left",
        )
