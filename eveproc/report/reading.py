"""ReadStats and sensor health -> what was read and what was not: text for stderr, plain values for --stats."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from eveproc.events import SkipReason
from eveproc.night import NightReport
from eveproc.report.moment import iso
from eveproc.report.safe import safe


def render(night: NightReport) -> str:
    """Counts of lines and events with their reasons, a line per problem of a file, a line per fault of a sensor."""
    return "".join(f"{safe(line)}\n" for line in (*_lines(night), *(f"health: {line}" for line in night.health)))


def render_json(night: NightReport) -> str:
    """One JSON object: ReadStats.as_dict, unused, health, first and last event time (ISO 8601 UTC or null)."""
    span = {"first_event": iso(night.first_event), "last_event": iso(night.last_event)}
    told = {"unused": dict(night.unused), "health": list(night.health), **span}
    return json.dumps({**night.stats.as_dict(), **told}, indent=2) + "\n"


def _lines(night: NightReport) -> Iterator[str]:
    stats = night.stats
    yield f"read: {_many(stats.files, 'file')}, {_many(stats.bytes, 'byte')}, {_many(stats.lines, 'line')} looked at"
    if stats.lines and not stats.selected:
        yield "every line was decoded, which takes longer: the library hyperscan is not installed"
    yield f"events: {stats.events.total()}{_named(stats.events)}"
    if night.unused:
        yield f"events that are no evidence: {sum(night.unused.values())}{_named(night.unused)}"
    for reason in SkipReason:
        if stats.skipped[reason]:
            yield f"lines skipped as {reason}: {stats.skipped[reason]}{_named(stats.details.get(reason, {}))}"
    yield from (f"problem: {problem}" for problem in stats.problems)
    if stats.problems_left_out:
        yield f"problem: {stats.problems_left_out} more problems of files, not kept"


def _named(counts: Mapping[str, int]) -> str:
    most = sorted(Counter(counts).items(), key=lambda pair: (-pair[1], pair[0]))
    return f" ({', '.join(f'{name} {count}' for name, count in most)})" if most else ""


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
