"""A Tuning -> one of its forms: a summary, text with every reason, JSON or a page with curves."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from eveproc.report import tuning_summary
from eveproc.report.tuning_text import Tuning, render_json, render_text


def render_html(tuning: Tuning) -> str:
    """A page with curves; the drawing library is imported on demand."""
    from eveproc.report import tuning_page

    return tuning_page.render(tuning)


FORMATS: Mapping[str, Callable[[Tuning], str]] = MappingProxyType(
    {
        "text": tuning_summary.render,
        "verbose": render_text,
        "json": render_json,
        "html": render_html,
    }
)
