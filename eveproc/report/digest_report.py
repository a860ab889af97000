"""Report -> short plain text for mail: changes, and the worst hosts in a few lines each.

It has at most LINES_AT_MOST lines of WIDTH columns, for any number of hosts and any length of
names.
"""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from eveproc.report.change_summary import called, change_lines
from eveproc.report.inventory_text import inventory_lines
from eveproc.report.judgement_text import other_health, paragraphs
from eveproc.report.record import changes
from eveproc.report.sanitize import cut
from eveproc.report.sentence import headline, lead
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import Change, HostChange, Trend
from eveproc.verdicts.judgement import Judgement
from eveproc.verdicts.verdict import Verdict
from rulegen.units import count_of
from rulegen.vocabulary import Level

# RFC 5322 asks for lines of at most 78 characters.
WIDTH = 76
HOSTS, WHY, NEXT, FAULTS = 10, 420, 160, 5
LINES_AT_MOST = 160


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """The first line can serve as the subject of the mail."""
    return "\n".join(line.rstrip() for line in _lines(report, verdicts)) + "\n"


def _lines(report: Report, verdicts: Sequence[Verdict]) -> Iterator[str]:
    listed = [verdict for verdict in verdicts if verdict.level is not Level.CLEAN]
    known = changes(report)
    yield f"mxhound: {headline(report)}{_news(report.change)}"
    yield ""
    yield from wrap(lead(report), WIDTH)
    yield from _coverage(report)
    if report.change:
        yield from ("", *change_lines(report.change, WIDTH))
    if lines := list(inventory_lines(report, WIDTH)):
        yield from ("", *lines)
    for verdict in listed[:HOSTS]:
        yield from ("", *_host(verdict, known.get(verdict.key)))
    if len(listed) > HOSTS:
        yield from (
            "",
            f"And {count_of(len(listed) - HOSTS, 'host')} more: see the other report formats.",
        )
    if report.judgement.has_verdicts:
        yield from ("", f"{count_of(report.clean_hosts, 'clean host')}.")
    yield from _faults(other_health(report))


def _coverage(report: Report) -> Iterator[str]:
    """The first causes why the report covers only part of the traffic."""
    judgement = report.judgement
    told = Judgement(judgement.outcome, judgement.causes[:FAULTS])
    lines = list(paragraphs(told, WIDTH, first=judgement.has_verdicts))
    if lines:
        yield from ("", *lines)
    if len(judgement.causes) > FAULTS:
        yield (f"And {len(judgement.causes) - FAULTS} more causes: see the other report formats.")


def _news(change: Change | None) -> str:
    news = (
        [(trend, len(change.of_trend(trend))) for trend in (Trend.NEW, Trend.WORSE)]
        if change
        else []
    )
    told = [f"{number} {trend}" for trend, number in news if number]
    return f" ({', '.join(told)})" if told else ""


def _host(verdict: Verdict, change: HostChange | None) -> Iterator[str]:
    name = called(verdict.key[0], verdict.identity.name if verdict.identity else "")
    yield from wrap(
        f"{verdict.level.upper()} {name}  score "
        f"{verdict.score:.2f}{f', {change.trend.words}' if change else ''}",
        WIDTH,
    )
    if verdict.inventory:
        yield from _indented(f"Inventory: {cut(verdict.inventory.text, NEXT)}")
    yield from _indented(cut(verdict.why, WHY))
    if verdict.next_step:
        yield from _indented(f"Next: {cut(verdict.next_step, NEXT)}")


def _faults(health: Sequence[str]) -> Iterator[str]:
    for line in health[:FAULTS]:
        yield from wrap(f"Sensor health: {cut(line, WHY)}", WIDTH)
    if len(health) > FAULTS:
        yield f"And {len(health) - FAULTS} more sensor faults."


def _indented(text: str) -> Iterator[str]:
    yield from wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
