"""Drawing function -> SVG text to embed in a page, without scripts and styles.

matplotlib draws it; the page's style sheet colours it.

matplotlib writes colours and fonts into each element. A page has two colour schemes and forbids
style attributes, so every Ink is painted in a colour of its own that stands for it, and comes out
as the CSS variable of its name: `var(--lookup)`.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from enum import StrEnum
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from msgspec import Struct

from rulegen.errors import MxhoundError
from rulegen.installation import how_to_add

if TYPE_CHECKING:  # takes half a second to import, so it is imported on demand
    from matplotlib.figure import Figure

# Widths in pixels: full width on a desktop, and half width there or on a phone.
WIDE, NARROW = 920, 420
FONT_SIZE = 11.5
# matplotlib's SVG counts in points, 72 to an inch; here one is a pixel.
_PER_INCH = 72
_FIRST_INK = 0xFE0000
_OWN_ID = re.compile(r"url\(#(.+?)\)")
# Hundredths of a pixel are finer than a screen shows.
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
# Style properties kept as attributes; the page's style sheet sets the others.
_KEPT_STYLES = frozenset(
    (
        "fill",
        "stroke",
        "stroke-width",
        "stroke-dasharray",
        "stroke-linecap",
        "opacity",
        "fill-opacity",
        "stroke-opacity",
        "text-anchor",
    )
)


class Ink(StrEnum):
    """A colour by meaning; templates/report/page.css defines its light and dark values."""

    TEXT = "text"
    MUTED = "muted"
    GRID = "grid"
    ACCENT = "accent"
    LOOKUP = "lookup"
    DELIVERY = "delivery"
    CONTENT = "content"
    REJECTION = "rejection"
    INFECTED = "infected"
    SUSPECTED = "suspected"
    CLEAN = "clean"

    @property
    def colour(self) -> str:
        """The placeholder colour for matplotlib."""
        return f"#{_FIRST_INK + list(Ink).index(self):06x}"


_MEANT = MappingProxyType({ink.colour: f"var(--{ink})" for ink in Ink})
Paint = Callable[["Figure"], None]


class Drawing(Struct, frozen=True):
    """A finished chart.

    `says` is its message in a sentence, for screen readers; `narrow` is "" if `wide` fits
    everywhere.

    Both are SVG elements as text, safe to put into a page as they are.
    """

    title: str
    says: str
    wide: str
    narrow: str = ""


def require_matplotlib() -> None:
    """Raise MxhoundError with the package to install if the extra is missing."""
    try:
        import matplotlib.figure  # noqa: F401  only tests that it can be imported
    except ImportError as error:
        raise MxhoundError(
            f"-f html: charts need matplotlib, which is not installed; {how_to_add('html')}"
        ) from error


def draw(key: str, width: int, height: int, label: str, paint: Paint) -> str:
    """One SVG element, `width` by `height` pixels.

    `key` keeps the ids of a page's charts apart; `label` is the text for screen readers.

    `paint` puts axes on the Figure, with `Ink.….colour` for every colour. Text is never interpreted
    as mathematics.
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    out = BytesIO()
    with rc_context(_settings()), warnings.catch_warnings():
        # The browser's fonts render the text; matplotlib only measures it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=(width / _PER_INCH, height / _PER_INCH), layout="constrained")
        paint(figure)
        figure.savefig(
            out,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return _cleaned(fromstring(out.getvalue()), key, label)  # matplotlib's own text


def _settings() -> dict[
    Any, Any
]:  # matplotlib types its keys by name, and differently in each version
    """Plain axes: a base line, faint horizontal lines, no ticks; deterministic output."""
    text, muted, grid = Ink.TEXT.colour, Ink.MUTED.colour, Ink.GRID.colour
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "mxhound",
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
        "font.size": FONT_SIZE,
        **{f"{name}.labelsize": FONT_SIZE for name in ("axes", "xtick", "ytick")},
        "axes.titlesize": FONT_SIZE,
        "axes.titlelocation": "left",
        "axes.unicode_minus": False,
        **dict.fromkeys(("text.color", "axes.titlecolor"), text),
        **dict.fromkeys(("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), muted),
        **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), grid),
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
        **dict.fromkeys(("axes.spines.top", "axes.spines.right", "axes.spines.left"), False),
        **dict.fromkeys(
            ("xtick.major.size", "xtick.minor.size", "ytick.major.size", "ytick.minor.size"), 0
        ),
        "xtick.major.pad": 6,
        "axes.axisbelow": True,
    }


def _cleaned(svg: Element, key: str, label: str) -> str:
    """The SVG with plain names, attributes instead of styles, unique ids, and no empty elements."""
    for element in svg.iter():
        element.tag = element.tag.rpartition("}")[2]
        _clean_attributes(element, key)
    for parent in reversed(
        list(svg.iter())
    ):  # inner ones first, so that parents they leave empty are removed as well
        parent.tail = None
        if len(parent):
            parent.text = None
        for child in list(parent):
            if child.tag in ("metadata", "style") or (
                child.tag in ("g", "defs") and not len(child)
            ):
                parent.remove(child)
    return tostring(_outer(svg, label), encoding="unicode")


def _clean_attributes(element: Element, key: str) -> None:
    attributes = dict(_attributes(element))
    element.attrib.clear()
    for name, value in attributes.items():
        if _is_needless(element, name, value):
            continue
        if name == "id":
            value = f"{key}-{value}"
        elif name == "href" and element.tag == "use":
            value = f"#{key}-{value.removeprefix('#')}"
        value = _OWN_ID.sub(rf"url(#{key}-\1)", _MEANT.get(value.lower(), value))
        element.set(
            name,
            " ".join(_LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}", value).split()),
        )


def _is_needless(element: Element, name: str, value: str) -> bool:
    """True for unused ids, rotations by zero, and links that would open a window."""
    return (
        (name == "id" and element.tag not in ("path", "clipPath"))
        or value.startswith("rotate(-0 ")
        or name == "target"
    )


def _attributes(element: Element) -> Iterator[tuple[str, str]]:
    """Attributes without namespaces, including those of the style."""
    for name, value in element.attrib.items():
        if name != "style":
            yield name.rpartition("}")[2], value
    for rule in element.get("style", "").split(";"):
        name, _, value = rule.partition(":")
        if name.strip() in _KEPT_STYLES:
            yield name.strip(), value.strip()


def _outer(svg: Element, label: str) -> Element:
    """Scale to the available width; an image to a screen reader, or a group if it has links."""
    outer = Element(
        "svg", {"viewBox": svg.get("viewBox", ""), "class": "chart", "aria-label": label}
    )
    outer.set("role", "group" if svg.find(".//a") is not None else "img")
    SubElement(outer, "title").text = label
    outer.extend(list(svg))
    return outer
