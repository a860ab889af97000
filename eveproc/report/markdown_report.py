"""Report -> one Markdown document for a ticket: the outcome, and a section per host.

It uses CommonMark with tables, which GitHub, GitLab, Gitea and most ticket systems read. Text other
than plain words is shown as code, in which no system interprets markup, links, addresses or
mentions of users and tickets.
"""

import re
from collections.abc import Iterator

from eveproc.report.change_summary import change_lines
from eveproc.report.inventory_text import notes, sums
from eveproc.report.judgement_text import other_health
from eveproc.report.record import addresses, changes
from eveproc.report.sanitize import cut, safe
from eveproc.report.sentence import headline, lead
from eveproc.report.times import short, span
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange
from eveproc.verdicts.verdict import EvidenceItem, Verdict
from rulegen.inventory import InventoryEntry
from rulegen.units import count_of
from rulegen.vocabulary import Level

# Wide enough that no line of change_lines is wrapped.
_ONE_LINE = 1_000_000
# Maximum length of names: that of a DNS name.
NAME, TEXT = 255, 2000
_PLAIN = re.compile(r"(?!.*(?://|www\.|%\S))[A-Za-z0-9 .,;:()%'/+\"?_-]*")
_BACKTICKS = re.compile("`+")
_TABLE = (
    "| evidence | family | times | distinct | first | last | sids |",
    "|---|---|--:|--:|---|---|---|",
)


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """The first line is a heading that can serve as the title of the ticket."""
    return "\n".join(_lines(report, verdicts)) + "\n"


def _lines(report: Report, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    yield from (f"# mxhound: {prose(headline(report))}", "", prose(lead(report)), "")
    yield from _listed(_judgement(report))
    if report.change:
        yield from _listed(prose(line.strip()) for line in change_lines(report.change, _ONE_LINE))
    yield from _listed(map(prose, notes(report)))
    heading, *lines = list(sums(report)) or [""]
    if heading:
        yield from (prose(heading), "", *_listed(map(prose, lines)))
    known = changes(report)
    for verdict in verdicts:
        yield from _host(verdict, known.get(verdict.key))
    if report.judgement.has_verdicts:
        yield f"{count_of(report.clean_hosts, 'clean host')}."
    yield from ("", *_listed(f"Sensor health: {prose(line)}" for line in other_health(report)))


def _listed(lines: Iterator[str]) -> Iterator[str]:
    """The lines and an empty line after them; nothing if there are none."""
    items = [f"- {line}" for line in lines]
    if items:
        yield from (*items, "")


def _judgement(report: Report) -> Iterator[str]:
    judgement = report.judgement
    for cause in judgement.causes:
        remedy = f" Remedy: {prose(cause.remedy)}." if cause.remedy else ""
        yield f"**{judgement.outcome.capitalize()}:** {prose(cause.text)}.{remedy}"


def _host(verdict: Verdict, change: HostChange | None) -> Iterator[str]:
    yield from (f"## {verdict.level.upper()} {code(verdict.host)}", "")
    yield from _listed(_facts(verdict, change))
    if verdict.evidence:
        yield from (*_TABLE, *map(_row, verdict.evidence), "")


def _facts(verdict: Verdict, change: HostChange | None) -> Iterator[str]:
    identity = verdict.identity
    yield f"**Score:** {verdict.score:.2f}"
    if change:
        yield f"**Since the last report:** {change.trend.words}, incident {code(change.incident)}"
    if identity and identity.name:
        yield f"**Name:** {code(cut(identity.name, NAME))}"
    if identity and identity.mac:
        yield f"**MAC:** {code(identity.mac)}"
    if verdict.inventory:
        yield from _inventory(verdict.inventory)
    if others := addresses(verdict)[1:]:
        yield f"**Other addresses:** {', '.join(map(code, others))}"
    if verdict.scope:
        yield f"**Network:** {code(verdict.scope)}"
    if verdict.repeats:
        yield f"**Same mails as:** {', '.join(map(code, verdict.repeats))}"
    if verdict.evidence:
        yield f"**Seen:** {span(verdict.first_seen, verdict.last_seen)}"
    yield f"**Why:** {prose(verdict.why)}"
    if verdict.next_step and verdict.level is not Level.CLEAN:
        yield f"**Next step:** {prose(verdict.next_step)}"


def _inventory(entry: InventoryEntry) -> Iterator[str]:
    yield f"**Inventory:** {entry.kind} {code(entry.key)}"
    yield from (f"**{prose(column)}:** {prose(value)}" for column, value in entry.values)


def _row(item: EvidenceItem) -> str:
    """A row of names from the catalogue, numbers and times: none of it comes from the wire."""
    cells = (
        code(item.signal),
        item.family.value,
        f"{item.count:,}",
        f"{item.distinct:,}",
        short(item.first_seen),
        short(item.last_seen),
        " ".join(map(str, item.sids)),
    )
    return f"| {' | '.join(cells)} |"


def prose(text: str) -> str:
    """Plain words unchanged, anything else as code."""
    shown = cut(text, TEXT)
    return shown.replace("_", r"\_") if _PLAIN.fullmatch(shown) else code(shown)


def code(text: str) -> str:
    """A code span: its fence is longer than any run of backticks in the text (CommonMark, 6.1)."""
    shown = safe(text)
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
