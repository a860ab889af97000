"""Change -> the first lines of a report for people: hosts per trend."""

from collections.abc import Iterator
from textwrap import wrap

from eveproc.report.sanitize import cut, safe
from eveproc.report.times import short
from eveproc.verdicts.change import Change, Trend

# Maximum number of hosts named per trend, and maximum length of a name.
NAMED, NAME = 6, 40


def change_lines(change: Change, width: int) -> Iterator[str]:
    """A heading, then one indented paragraph per trend that has hosts."""
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
        yield "  no change: no host was reported, and none is now"


def called(host: str, name: str) -> str:
    """The address, and its dhcp name in brackets."""
    return f"{safe(host)} ({cut(name, NAME)})" if name else safe(host)
