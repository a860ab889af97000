"""Report -> what its inventory says, for people: skipped rows, and hosts by one of its columns."""

from collections import Counter
from collections.abc import Iterator
from textwrap import wrap

from eveproc.report.sanitize import cut, safe
from eveproc.verdicts.analyze import Report
from rulegen.units import count_of
from rulegen.vocabulary import Level

# Maximum number of values that are listed, and their maximum length.
VALUES, VALUE = 20, 60
NOTE = 500


def inventory_lines(report: Report, width: int) -> Iterator[str]:
    """Wrapped lines; empty if no row was skipped and no column is asked for."""
    for note in notes(report):
        yield from wrap(note, width, subsequent_indent="  ")
    for number, line in enumerate(sums(report)):
        yield from wrap(line, width, initial_indent="  " * bool(number), subsequent_indent="    ")


def notes(report: Report) -> Iterator[str]:
    """A sentence for each skipped row that is named."""
    for note in report.notes:
        shown = cut(note, NOTE)
        yield f"{shown[:1].upper()}{shown[1:]}."


def sums(report: Report) -> Iterator[str]:
    """A heading, then a line for each value of the column `report.by`, the worst first."""
    if not (report.by and report.judgement.has_verdicts):
        return
    found: dict[str, Counter[Level]] = {}
    for verdict in report.verdicts:
        value = verdict.inventory.get(report.by) if verdict.inventory else ""
        found.setdefault(value, Counter())[verdict.level] += 1
    yield f"Hosts by {safe(report.by)}:" if found else f"Hosts by {safe(report.by)}: none listed"
    order = sorted(found.items(), key=lambda pair: (*_worst_first(pair[1]), pair[0]))
    for value, levels in order[:VALUES]:
        counts = ", ".join(
            f"{levels[level]:,} {level}" for level in reversed(Level) if levels[level]
        )
        yield f"{cut(value, VALUE) or f'no {safe(report.by)}'}: {counts}"
    if len(order) > VALUES:
        yield f"and {count_of(len(order) - VALUES, 'more value')}"


def _worst_first(levels: Counter[Level]) -> tuple[int, int]:
    return -levels[Level.INFECTED], -levels[Level.SUSPECTED]
