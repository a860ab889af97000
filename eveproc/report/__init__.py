"""NightReport -> one of its forms; pure, and safe to show: what came from the wire is escaped."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from eveproc.night import NightReport
from eveproc.report import csv, digest, ecs, eve, json, text
from eveproc.verdict import Verdict
from rulegen.vocabulary import Level

Render = Callable[[NightReport, tuple[Verdict, ...]], str]


def _html(night: NightReport, verdicts: tuple[Verdict, ...]) -> str:
    """Its template engine and its charts are imported where a page is asked for."""
    from eveproc.report import html

    return html.render(night, verdicts)


FORMATS: Mapping[str, Render] = MappingProxyType(
    {
        "text": text.render,
        "digest": digest.render,
        "html": _html,
        "csv": csv.render,
        "json": json.render,
        "ecs": ecs.render,
        "eve": eve.render,
    }
)


def shown(night: NightReport, *, everyone: bool) -> tuple[Verdict, ...]:
    """The verdicts a report lists: all, or those above clean."""
    return tuple(v for v in night.verdicts if everyone or v.level is not Level.CLEAN)
