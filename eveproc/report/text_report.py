"""Verdicts -> text for people: plain for pipes and files, a table for terminals."""

from collections import Counter
from collections.abc import Iterator
from textwrap import wrap
from types import MappingProxyType

from eveproc.report.change_summary import change_lines
from eveproc.report.inventory_text import inventory_lines
from eveproc.report.judgement_text import headline_of, paragraphs, remedy_lines
from eveproc.report.sanitize import safe
from eveproc.report.times import short, span
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.verdict import EvidenceItem, Identity, Verdict
from rulegen.units import count_of
from rulegen.vocabulary import Level

WIDTH = 100
LABEL = 10
STYLES = MappingProxyType(
    {Level.INFECTED: "bold red", Level.SUSPECTED: "yellow", Level.CLEAN: "green"}
)


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """Summary, changes if known, then one paragraph per host, worst first."""
    hosts = (line for verdict in verdicts for line in ("", *paragraph(verdict)))
    head = wrap(summary(report, verdicts), WIDTH)
    return "\n".join([*head, *_judged(report, WIDTH), *_changed(report, WIDTH), *hosts]) + "\n"


def render_table(report: Report, verdicts: tuple[Verdict, ...], width: int) -> str:
    """A coloured table, `width` columns wide, with terminal escapes."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True, expand=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("host", max_width=width // 3, overflow="fold")
    table.add_column("why", ratio=1, overflow="fold")
    for v in verdicts:
        level = Text(f"{v.level.upper()}\nscore {v.score:.2f}", style=STYLES[v.level])
        table.add_row(level, Text("\n".join(_host_cell(v))), Text("\n".join(_reasons_cell(v))))
    console = Console(width=width, force_terminal=True, highlight=False)
    with console.capture() as captured:
        head = (summary(report, verdicts), *_judged(report, width), *_changed(report, width))
        console.print(Text("\n".join(head)))
        if verdicts:
            console.print(table)
    return captured.get()


def _judged(report: Report, width: int) -> Iterator[str]:
    """What could not be judged, and why; empty if everything was judged."""
    judgement = report.judgement
    if judgement.has_verdicts:
        yield from paragraphs(judgement, width)
    elif judgement.causes:
        yield from remedy_lines(judgement.causes[0], width)
        yield from paragraphs(judgement, width, first=False)


def _changed(report: Report, width: int) -> Iterator[str]:
    if report.change:
        yield from ("", *change_lines(report.change, width))
    yield from inventory_lines(report, width)


def summary(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """Number of hosts per level, period, and how to list the others.

    If nothing could be judged there are no numbers: they would look like a result.
    """
    if not report.judgement.has_verdicts:
        return f"{headline_of(report.judgement)}."
    levels = Counter({Level.CLEAN: report.clean_hosts}) + Counter(
        v.level for v in report.verdicts if v.level is not Level.CLEAN
    )
    counts = ", ".join(f"{levels[level]} {level}" for level in reversed(Level))
    unlisted = len(verdicts) < levels.total()
    hint = " Clean hosts are only counted; --all lists them." if unlisted else ""
    return f"{counts}{_span(report)}.{hint}"


def _span(report: Report) -> str:
    if report.first_event is not None and report.last_event is not None:
        return f"; events from {span(report.first_event, report.last_event)}"
    if report.records_span:
        return f"; no evidence of mail in the records from {span(*report.records_span)}"
    return "; no event in this period"


def paragraph(verdict: Verdict) -> Iterator[str]:
    """One host: a heading line, then labelled lines."""
    yield (
        f"{verdict.level.upper():{LABEL + 2}}{safe(verdict.host)}  score "
        f"{verdict.score:.2f}{_scope(verdict)}{_named(verdict.identity)}"
    )
    if verdict.inventory:
        yield from _field("inventory", verdict.inventory.text)
    yield from _field("addresses", " ".join(verdict.in_turn))
    yield from _field("decided", _decided(verdict))
    yield from _field("families", ", ".join(verdict.families) or "none")
    yield from _field("why", verdict.why)
    yield from _field("next", verdict.next_step)
    yield from _reasons(verdict)


def _reasons(verdict: Verdict) -> Iterator[str]:
    """One line for each scored item; one line for all others."""
    for item in verdict.evidence:
        if item.weight:
            yield from _field("evidence", _evidence(item))
    unscored = [f"{item.signal} ({_where(item)})" for item in verdict.evidence if not item.weight]
    if unscored:
        yield from _field("unscored", f"too few, or already counted: {', '.join(unscored)}")


def _where(item: EvidenceItem) -> str:
    return (
        f"{count_of(item.count, 'alert')} of sid {' '.join(map(str, item.sids))}"
        if item.sids
        else item.source
    )


def _field(label: str, text: str) -> Iterator[str]:
    """Label and text in two columns; nothing if the text is empty."""
    lines = wrap(safe(text), WIDTH - LABEL - 2)
    for label_or_gap, line in zip([label, *[""] * len(lines)], lines, strict=False):
        yield f"  {label_or_gap:{LABEL}}{line}"


def _scope(verdict: Verdict) -> str:
    return f"  {safe(verdict.scope)}" if verdict.scope else ""


def _named(identity: Identity | None) -> str:
    return "" if identity is None else f"  {safe(_identity(identity))}"


def _identity(identity: Identity) -> str:
    return f"{identity.name or 'no name'}, {identity.mac}, {' '.join(identity.addresses)}"


def _decided(verdict: Verdict) -> str:
    seen = (
        f"seen {span(verdict.first_seen, verdict.last_seen)}" if verdict.evidence else "no evidence"
    )
    return seen if verdict.decided_at is None else f"{short(verdict.decided_at)}; {seen}"


def _evidence(item: EvidenceItem) -> str:
    return (
        f"{item.fact} [{item.family}/{item.signal}, {item.source}, "
        f"{span(item.first_seen, item.last_seen)}]"
    )


def _host_cell(verdict: Verdict) -> Iterator[str]:
    yield safe(verdict.host)
    if verdict.scope:
        yield safe(verdict.scope)
    if verdict.identity:
        yield safe(verdict.identity.name or "no name")
        yield safe(verdict.identity.mac)
        yield from (
            safe(address) for address in verdict.identity.addresses if address != verdict.host
        )
    yield from map(safe, verdict.in_turn[:-1])
    if verdict.inventory:
        yield safe(verdict.inventory.text)


def _reasons_cell(verdict: Verdict) -> Iterator[str]:
    yield safe(verdict.why)
    if verdict.next_step:
        yield f"Next: {safe(verdict.next_step)}"
    yield f"Decided: {_decided(verdict)}. Families: {', '.join(verdict.families) or 'none'}."
    yield from (f"- {safe(_evidence(item))}" for item in verdict.evidence if item.weight)
