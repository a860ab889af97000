"""NightReport -> text, json or csv; pure, and safe to show: what came from the wire is escaped."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from eveproc.night import NightReport
from eveproc.report import csv, html, json, text
from eveproc.verdict import Verdict
from rulegen.vocabulary import Level

Render = Callable[[NightReport, tuple[Verdict, ...]], str]

FORMATS: Mapping[str, Render] = MappingProxyType({"text": text.render, "json": json.render, "csv": csv.render, "html": html.render})


def shown(night: NightReport, *, everyone: bool) -> tuple[Verdict, ...]:
    """The verdicts a report lists: all, or those above clean."""
    return tuple(v for v in night.verdicts if everyone or v.level is not Level.CLEAN)
