"""A Change -> the lines that lead a report for people: what is new, worse, still there, recovered, gone quiet."""

from collections.abc import Iterator
from textwrap import wrap

from eveproc.report.sanitize import cut, safe
from eveproc.report.times import short
from eveproc.verdicts.change import Change, Trend

# Hosts of a trend that are named, and how much of a name is shown.
NAMED, NAME = 6, 40


def change_lines(change: Change, width: int) -> Iterator[str]:
    """A heading, then a paragraph per trend that any host has, indented by two."""
    yield f"Since the report up to {short(change.since)}:"
    for trend in Trend:
        hosts = change.of_trend(trend)
        if hosts:
            names = ", ".join(called(host.host, host.name) for host in hosts[:NAMED])
            more = f" and {len(hosts) - NAMED:,} more" if len(hosts) > NAMED else ""
            yield from wrap(
                f"{trend.words} ({len(hosts):,}): {names}{more}",
                width,
                initial_indent="  ",
                subsequent_indent="  ",
            )
    if not change.hosts:
        yield "  nothing changed: no host was reported then, and none is now"


def called(host: str, name: str) -> str:
    """The address, and in brackets what dhcp called it."""
    return f"{safe(host)} ({cut(name, NAME)})" if name else safe(host)
