"""ReadStats and sensor health -> text for stderr, plain values for --stats."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from eveproc.input.events import SkipReason
from eveproc.input.sources import named_shortly
from eveproc.report.judgement_text import coverage_dict, stderr_lines
from eveproc.report.sanitize import safe
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from rulegen.units import count_of


def render(report: Report) -> str:
    """Counts of lines and events, then a line per file problem, sensor fault and coverage gap."""
    return "".join(
        f"{safe(line)}\n"
        for line in (
            *_lines(report),
            *(f"health: {line}" for line in report.health),
            *report.notes,
            *stderr_lines(report),
        )
    )


def render_json(report: Report) -> str:
    """One JSON object.

    Keys: those of ReadStats.as_dict, unused, health, first and last event time (ISO 8601 UTC or
    null), coverage; notes, if rows of the inventory were skipped.
    """
    span = {"first_event": iso(report.first_event), "last_event": iso(report.last_event)}
    told = {
        "unused": dict(report.unused),
        "health": list(report.health),
        **({"notes": list(report.notes)} if report.notes else {}),
        **span,
        "coverage": coverage_dict(report),
    }
    return json.dumps({**report.stats.as_dict(), **told}, indent=2) + "\n"


def _lines(report: Report) -> Iterator[str]:
    stats = report.stats
    yield (
        f"read: {count_of(stats.files, 'file')}, {count_of(stats.bytes, 'byte')}, "
        f"{count_of(stats.lines, 'line')} looked at"
    )
    if stats.hyperscan_missing:
        yield "every line was decoded, which is slower: the library hyperscan is not installed"
    yield f"events: {stats.events.total()}{_named(stats.events)}"
    if stats.containers:
        yield f"records in containers: {stats.containers.total()}{_named(stats.containers)}"
    if report.unused:
        yield f"events that are not evidence: {sum(report.unused.values())}{_named(report.unused)}"
    for reason in SkipReason:
        if stats.skipped[reason]:
            yield (
                f"lines skipped as {reason}: "
                f"{stats.skipped[reason]}{_named(stats.details.get(reason, {}))}"
            )
    if stats.unread:
        unread = named_shortly(stats.unread)
        yield f"not read because of their names: {unread}; name a file to read it"
    yield from (f"problem: {problem}" for problem in stats.problems)
    if stats.problems_left_out:
        yield f"problem: {stats.problems_left_out} more file problems, not listed"


def _named(counts: Mapping[str, int]) -> str:
    most = sorted(Counter(counts).items(), key=lambda pair: (-pair[1], pair[0]))
    return f" ({', '.join(f'{name} {count}' for name, count in most)})" if most else ""
