"""Measurements -> docs/performance.md as text, and its plots."""

import math
import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from pathlib import Path

from benchmarks.decoders import DECODERS, Decoder
from benchmarks.eve_file import Recipe
from benchmarks.measure import Run
from benchmarks.memory import REPORT, WATCH, WATCHED_AT_MOST, Held, memory_table
from benchmarks.page import table
from benchmarks.rule_cost import COUNTED, NO_RULES, ORDINARY, OTHERS, OURS, RuleCost
from benchmarks.stages import StageCost
from benchmarks.trials import (
    DISCOVER,
    DUCKDB,
    EVEPROC,
    FILES,
    GREP,
    IN_FILES,
    JQ_NAME,
    JQ_PART,
    MEGABYTE,
    ONE_PROCESS,
    PACKERS,
    TUNE,
    Measured,
)
from benchmarks.wrapped import ESCAPED, PLAIN
from eveproc.evidence.host_names import MOST_ADDRESSES
from eveproc.evidence.leases import MOST_LEASES
from eveproc.evidence.macs import MOST_CLAIMS, MOST_SEEN
from eveproc.evidence.store import MOST_ACTIVE, MOST_HOSTS, MOST_LABELS
from rulegen.units import count_of

MIB = 1 << 20
WRAPPED_AT_LEAST, WRAPPED_HOSTS = 0.3, Recipe(0).hosts
# Limits of issue 4: at most this many times the wall-clock time of grep -c, and so on.
GREP_AT_1_GB, GREP_AT_5_GB, DUCKDB_FASTER, JQ_FASTER = 2.0, 1.5, 2.0, 20.0
GZ_AT_MOST, ZST_AT_MOST, PEAK_AT_MOST, HOSTS_PEAK, START_AT_MOST, RULES_AT_MOST = (
    1.3,
    1.5,
    400,
    1024,
    0.25,
    1.05,
)
# Time of two processes for a folder of compressed files, divided by that of one.
FILES_AT_MOST = 0.75
# The same for the mixes (trials.mixes); for other commands, divided by the time of a report.
MIXES_AT_MOST, OTHERS_AT_MOST = (1.5, 2.5, 5.0, 3.0), 2.0
FIGURES = {"sizes": "size", "hosts": "home hosts", "shares": "relevant lines"}

_HEAD = """\
# How fast it is, and what the rules cost

Made by `make speed`, one section by `make speed SECTION=mixes`; do not edit. eveproc and other programs read generated eve.json files
whose lines were written by a real Suricata (`benchmarks/eve_file.py` explains how, and the source of the mix of records). Every command
is a whole process, including its start, and its output is read through a pipe. The commands take turns, round by round, on files in the
page cache. Times are wall-clock seconds, medians over the rounds; a ratio is the median of the ratios within a round, with the lowest
and the highest in brackets.
"""

_NOTES = f"""\
- `grep -c` is `LC_ALL=C grep -c '"event_type":"alert"'`: it counts one kind of line and judges no host.
- DuckDB collects the data that eveproc collects (`benchmarks/duck.py`): for each home host that opened a TCP connection, and each kind
  of behaviour, the number of events and of distinct peers, with two threads and the types of the columns given. It omits time windows,
  leases, sensor health and which hosts accept mail, answer queries or send in the site's name, and gives no verdict. "Mail only" reads
  fewer columns, and counts only hosts with mail activity.
- jq selects the records about mail and counts nothing; it gets the first {JQ_PART // MEGABYTE} MB, the rest is extrapolated.
- eveproc makes the whole report: verdicts, evidence, identities, explanations.
- Memory is the proportional set size of all processes of a command, sampled fifty times a second in a separate run.
"""


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements; those not made are empty."""

    trials: Sequence[Measured]
    start: Mapping[str, Sequence[Run]]
    rules: Sequence[RuleCost]
    wrapped: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    memory: Sequence[Held] = ()
    stages: Sequence[StageCost] = ()
    decoders: Sequence[Decoder] = ()

    def section(self, name: str) -> list[Measured]:
        return [trial for trial in self.trials if trial.section == name]

    @property
    def grows(self) -> bool:
        """True if there is anything to plot."""
        return any(self.section(name) for name in FIGURES)


def wall(trial: Measured, name: str) -> float:
    """Median seconds of a command."""
    return statistics.median(run.wall for run in trial.runs[name])


def ratios(trial: Measured, name: str, other: str) -> list[float]:
    """A command's time divided by another's, round by round."""
    return [
        mine.wall / theirs.wall
        for mine, theirs in zip(trial.runs[name], trial.runs[other], strict=True)
    ]


@dataclass(frozen=True, slots=True)
class About:
    """`command` makes the page or its section again; `note` is a note on the runs. `plot` and
    `memory_plot` are the names of files beside the page, "" for none.
    """

    command: str
    note: str = ""
    plot: str = ""
    memory_plot: str = ""


def write_page(results: Results, about: About) -> str:
    """The whole page."""
    sections = (
        *(
            _HEAD,
            _machine(results),
            about.note and f"{about.note}\n",
            _criteria(results),
            _compared(results),
            _mixes(results),
            _stages(results),
            _decoders(results),
            _packed(results),
            _started(results),
        ),
        *_growth(results, about.plot),
        *(_library(results), _wrapped(results), _memory(results, about.memory_plot)),
        _rules(results),
        f"Made by:\n\n```sh\n{about.command}\n```\n",
    )
    return "\n".join(section for section in sections if section)


def write_sections(results: Results, about: About) -> str:
    """The measured sections without the head of the page; each names machine and command."""
    apart = (
        f"{_machine(results).rstrip()[:-1]}, apart from the other sections, by `{about.command}`.\n"
    )
    apart += f"{about.note}\n" if about.note else ""
    made = (
        *(_compared, _mixes, _stages, _decoders, _packed, _started, _library, _wrapped),
        _rules,
    )
    texts = (
        *(make(results) for make in made),
        *_growth(results, about.plot),
        _memory(results, about.memory_plot),
    )
    sections = [f"{text}\n{apart}" for text in texts if text]
    return "\n".join(text for text in (_criteria(results), *sections) if text)


def _growth(results: Results, plot: str) -> list[str]:
    """The plot belongs to the last of these sections."""
    found = [text for name in FIGURES if (text := _grown(results, name))]
    picture = f"![Speed by size, hosts and share of relevant lines]({plot})\n"
    return [*found[:-1], f"{found[-1]}\n{picture}"] if found and plot else found


def _machine(results: Results) -> str:
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    parts = [
        f"{cores} cores ({cpu})",
        f"Python {platform.python_version()}",
        f"hyperscan {_version('hyperscan')}",
    ]
    parts += [
        f"DuckDB {_version('duckdb')}",
        *dict.fromkeys(f"{cost.engine} ({cost.version})" for cost in results.rules),
    ]
    return f"Measured on {', '.join(parts)}.\n"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _criteria(results: Results) -> str:
    asked_for = (
        *_asked(results),
        *_asked_of_mixes(results),
        *_asked_of_wrapped(results),
        *_asked_of_memory(results),
    )
    rows = [(asked, measured, "yes" if met else "**no**") for asked, measured, met in asked_for]
    return f"## Criteria\n\n{table(('what is asked', 'measured', 'met'), rows)}" if rows else ""


def _asked(results: Results) -> Iterator[tuple[str, str, bool]]:
    for trial, most in zip(results.section("compare"), (GREP_AT_1_GB, GREP_AT_5_GB), strict=False):
        size = _size(trial.bytes)
        yield _at_most(
            f"{size}: at most {most:g} x grep -c",
            statistics.median(ratios(trial, EVEPROC, GREP)),
            most,
        )
        for other, least in ((DUCKDB, DUCKDB_FASTER), (JQ_NAME, JQ_FASTER)):
            if other in trial.runs:
                faster = statistics.median(ratios(trial, other, EVEPROC))
                yield (
                    f"{size}: at least {least:g} x as fast as {other}",
                    f"{faster:.2f} x",
                    faster >= least,
                )
        held = trial.peaks[EVEPROC] / MIB
        yield f"{size}: at most {PEAK_AT_MOST} MiB", f"{held:.0f} MiB", held <= PEAK_AT_MOST
    yield from _asked_of_packed(results)
    if hosts := results.section("hosts"):
        held = hosts[-1].peaks[EVEPROC] / MIB
        yield (
            f"{hosts[-1].recipe.hosts:,} hosts: at most {HOSTS_PEAK:,} MiB",
            f"{held:.0f} MiB",
            held <= HOSTS_PEAK,
        )
    for name, runs in results.start.items():
        cpu = statistics.median(run.cpu for run in runs)
        yield f"{name}: at most {START_AT_MOST:g} s of CPU", f"{cpu:.3f} s", cpu <= START_AT_MOST
    for cost in results.rules:
        mix = "" if cost.mix == ORDINARY else f", {cost.mix}"
        asked = f"{cost.engine}{mix}: our rules at most {RULES_AT_MOST:g} x no rules"
        low, high = _interval(cost.ratios(OURS))
        how = ", by the median alone" if low <= RULES_AT_MOST < high else ""
        yield (
            f"{asked}, CPU time{how}",
            f"{_with_interval(cost.ratios(OURS))} x",
            cost.ratio(OURS) <= RULES_AT_MOST,
        )
        if cost.instructions:
            yield _at_most(
                f"{asked}, instructions", cost.ratio_of_instructions(OURS), RULES_AT_MOST, digits=3
            )


def _asked_of_packed(results: Results) -> Iterator[tuple[str, str, bool]]:
    for trial in results.section("packed"):
        if ONE_PROCESS in trial.runs:
            asked = f"{FILES} files of .{trial.packing}: at most {FILES_AT_MOST:g} x one process"
            yield _at_most(
                asked, statistics.median(ratios(trial, EVEPROC, ONE_PROCESS)), FILES_AT_MOST
            )
            continue
        most = {"gz": GZ_AT_MOST, "zst": ZST_AT_MOST}[trial.packing]
        other = PACKERS[trial.packing][1]
        ratio = statistics.median(ratios(trial, EVEPROC, f"{other} | wc -c"))
        yield _at_most(f".{trial.packing}: at most {most:g} x {other}", ratio, most)


def _asked_of_wrapped(results: Results) -> Iterator[tuple[str, str, bool]]:
    """Criteria for containers; escaped text may cost more."""
    for name in results.wrapped:
        if name not in (PLAIN, *ESCAPED):
            speed = statistics.median(_speeds_beside_plain(results, name))
            asked = f"{name}: at least {WRAPPED_AT_LEAST:g} x the speed of plain lines"
            yield asked, f"{speed:.2f} x", speed >= WRAPPED_AT_LEAST


def _at_most(asked: str, value: float, most: float, digits: int = 2) -> tuple[str, str, bool]:
    return asked, f"{value:.{digits}f} x", value <= most


def _compared(results: Results) -> str:
    parts = [_one_compared(trial) for trial in results.section("compare")]
    return "\n".join((f"## Side by side\n\n{_NOTES}", *parts)) if parts else ""


def _mixes(results: Results) -> str:
    parts = [
        _one_compared(trial, f"{_size(trial.bytes)}, {_mix(trial.recipe)}")
        for trial in results.section("mixes")
    ]
    text = """\
## Other mixes

The same commands on files with other shares of records (`benchmarks/eve_file.py`). Lookups of the names that mail clients query all day
count as lines about mail, and each is evidence. `eveproc discover` and `eveproc tune` read the same file.
"""
    return "\n".join((text, *parts)) if parts else ""


def _mix(recipe: Recipe) -> str:
    if recipe.lookups:
        return f"{100 * recipe.lookups:g} % lookups of mail clients"
    return f"{100 * recipe.stats:g} % stats records" if recipe.stats else "ordinary mix"


def _stages(results: Results) -> str:
    if not results.stages:
        return ""
    costs = results.stages
    names = dict.fromkeys(name for cost in costs for name in cost.seconds)
    rows = [(name, *(f"{cost.seconds.get(name, 0.0):.2f} s" for cost in costs)) for name in names]
    rows.append(("all", *(f"{sum(cost.seconds.values()):.2f} s" for cost in costs)))
    text = f"""\
## Where the time goes

CPU seconds of each stage of `eveproc report -j 1` on {_size(costs[0].bytes)} of each mix (`benchmarks/stages.py`): medians over the
rounds, without the time of the stages that a stage calls. With several processes, each does all stages but the last two for its part of
the log.
"""
    return f"{text}\n{table(('stage', *(_mix(cost.mix) for cost in costs)), rows)}"


def _decoders(results: Results) -> str:
    if not results.decoders:
        return ""
    rows = [
        (
            f"{one.name} ({one.version})",
            f"{statistics.median(one.microseconds):.2f} µs",
            f"{min(one.microseconds):.2f} to {max(one.microseconds):.2f}",
        )
        for one in results.decoders
    ]
    missing = [name for name in DECODERS if name not in {one.name for one in results.decoders}]
    text = """\
## JSON libraries

CPU time of one thread for each line that is a lookup, in a file of which a third of the lines are lookups of mail clients
(`benchmarks/decoders.py`). A report uses the first one. "Columns" are vectorized readers of whole blocks; they get fewer fields, without
the answers. What follows decoding is not included: recognizing which records say the same, and counting them.
"""
    lines = [text, table(("library", "median", "range in µs"), rows)]
    lines += [f"Not installed: {'; '.join(missing)}.\n"] if missing else []
    return "\n".join(lines)


def _asked_of_mixes(results: Results) -> Iterator[tuple[str, str, bool]]:
    for trial, most in zip(results.section("mixes"), MIXES_AT_MOST, strict=False):
        what = f"{_size(trial.bytes)}, {_mix(trial.recipe)}"
        ratio = statistics.median(ratios(trial, EVEPROC, GREP))
        yield _at_most(f"{what}: at most {most:g} x grep -c", ratio, most)
        for name in (DISCOVER, TUNE):
            ratio = statistics.median(ratios(trial, name, EVEPROC))
            asked = f"{what}: {name} at most {OTHERS_AT_MOST:g} x eveproc report"
            yield _at_most(asked, ratio, OTHERS_AT_MOST)


def _one_compared(trial: Measured, title: str = "") -> str:
    rows = []
    for name in trial.runs:
        beside = "1" if name == GREP else _spread(ratios(trial, name, GREP))
        peak = f"{trial.peaks[name] / MIB:.0f} MiB" if name in trial.peaks else ""
        cpu = statistics.median(run.cpu for run in trial.runs[name])
        rows.append(
            [
                name,
                f"{wall(trial, name):.2f} s",
                f"{cpu:.2f} s",
                *_speeds(trial, name),
                beside,
                peak,
            ]
        )
    head = ("command", "time", "CPU", "MB/s", "events/s", "x grep -c", "peak memory")
    missing = "".join(f"\n{name} is not installed here.\n" for name in trial.missing)
    return f"### {title or _size(trial.bytes)}\n\n{_content(trial)}\n\n{table(head, rows)}{missing}"


def _content(trial: Measured) -> str:
    by_lines = ", ".join(
        f"{name} {100 * count / trial.events:.2g} %"
        for name, count in sorted(trial.lines.items(), key=lambda i: -i[1])
    )
    relevant = f"{trial.relevant:,} of {trial.events:,} lines are relevant ({100 * trial.relevant / trial.events:.2g} %)"
    rounds = len(next(iter(trial.runs.values())))
    return f"{trial.recipe.hosts:,} home hosts, {relevant}; {rounds} round{'s' * (rounds > 1)}. Lines: {by_lines}."


def _speeds(trial: Measured, name: str) -> tuple[str, str]:
    seconds = wall(trial, name)
    return f"{trial.bytes / seconds / MEGABYTE:,.0f}", f"{trial.events / seconds:,.0f}"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _with_interval(values: Sequence[float]) -> str:
    low, high = _interval(values)
    return f"{statistics.median(values):.3f} ({low:.3f} to {high:.3f})"


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """The two values that enclose the true median in at least 95 of 100 measurements (order
    statistics, sign test).

    With fewer than six values, these are the lowest and the highest.
    """
    ordered, number = sorted(values), len(values)
    tails = accumulate(math.comb(number, below) for below in range(number))
    left_out = max(0, sum(2 * tail <= 0.05 * 2**number for tail in tails) - 1)
    return ordered[left_out], ordered[-1 - left_out]


def _packed(results: Results) -> str:
    rows = []
    for trial in results.section("packed"):
        many = f"{FILES} files of " if trial.packing in IN_FILES else ""
        for other in trial.runs:
            if other == EVEPROC:
                continue
            times = (f"{wall(trial, name):.2f} s" for name in (EVEPROC, other))
            what = f"`{other}`".replace("|", r"\|")
            peak = f"{trial.peaks[EVEPROC] / MIB:.0f} MiB"
            ratio = _spread(ratios(trial, EVEPROC, other))
            file = f"{many}.{trial.packing} ({_size(trial.bytes)} unpacked)"
            rows.append([file, *times, what, ratio, peak])
    head = ("file", "eveproc", "the other", "which is", "ratio", "peak memory of eveproc")
    return f"## Compressed files\n\n{table(head, rows)}" if rows else ""


def _started(results: Results) -> str:
    rows = [
        [
            name,
            f"{statistics.median(run.cpu for run in runs):.3f} s",
            f"{statistics.median(run.wall for run in runs):.3f} s",
        ]
        for name, runs in results.start.items()
    ]
    return f"## Start\n\n{table(('command', 'CPU', 'time'), rows)}" if rows else ""


def _grown(results: Results, section: str) -> str:
    rows = []
    for trial in results.section(section):
        what = _axis(trial, section)
        label = {"sizes": _size(trial.bytes), "hosts": f"{what:,.0f}", "shares": f"{what:g} %"}[
            section
        ]
        times = (f"{wall(trial, name):.2f} s" for name in (EVEPROC, GREP))
        peak = f"{trial.peaks[EVEPROC] / MIB:.0f} MiB"
        rows.append(
            [label, *times, _spread(ratios(trial, EVEPROC, GREP)), _speeds(trial, EVEPROC)[0], peak]
        )
    head = (FIGURES[section], "eveproc", "grep -c", "x grep -c", "MB/s", "peak memory")
    return f"## By {FIGURES[section]}\n\n{table(head, rows)}" if rows else ""


def _axis(trial: Measured, section: str) -> float:
    return {
        "sizes": trial.bytes / MEGABYTE,
        "hosts": trial.recipe.hosts,
        "shares": 100 * trial.recipe.share,
    }[section]


def _library(results: Results) -> str:
    parts = []
    for trial in results.section("library"):
        names = [name for name in trial.runs if name != GREP]
        rows = [
            [
                name,
                f"{wall(trial, name):.2f} s",
                _speeds(trial, name)[0],
                _spread(ratios(trial, name, GREP)),
            ]
            for name in names
        ]
        spelled = (
            "with a space after each colon and comma, so that every line is decoded"
            if trial.recipe.spaced
            else "as Suricata writes it"
        )
        parts.append(
            f"{_size(trial.bytes)}, {spelled}:\n\n{table(('', 'time', 'MB/s', 'x grep -c'), rows)}"
        )
    text = (
        "`eveproc report` uses the installed hyperscan, the other rows another version or none.\n"
    )
    return (
        "\n".join((f"## Other versions of hyperscan, and the slow way\n\n{text}", *parts))
        if parts
        else ""
    )


def _wrapped(results: Results) -> str:
    if not results.wrapped:
        return ""
    rows = [
        (
            name,
            f"{statistics.median(run.cpu for run in runs):.2f} s",
            "1" if name == PLAIN else _spread(_speeds_beside_plain(results, name)),
        )
        for name, runs in results.wrapped.items()
    ]
    rounds = count_of(len(results.wrapped[PLAIN]), "round")
    text = f"""\
## Records in containers

The same lines, plain and in containers (`benchmarks/wrapped.py`), read in turn by whole processes of `eveproc report`, {rounds}.
The speed is that of records, by the CPU time of the pairs within a round. Escaped text costs more: its bytes are searched once more for
each way to escape its quotes. The first flow of each of {WRAPPED_HOSTS:,} hosts is decoded completely, so a file with fewer hosts for
its size costs less.
"""
    return f"{text}\n{table(('container', 'CPU', 'speed, plain = 1'), rows)}"


def _memory(results: Results, plot: str) -> str:
    if not results.memory:
        return ""
    said = [
        f"- {kind}, {one.count:,}: {'; '.join(one.said)}"
        for kind, one in _largest(results, REPORT).items()
        if one.said
    ]
    picture = f"![Peak memory by number of hosts, names and addresses]({plot})\n\n" if plot else ""
    told = "\n".join(("What the reports say that they left out:\n", *said, "")) if said else ""
    return f"{_LAW}\n{picture}{memory_table(results.memory)}\n{told}"


_LAW = f"""\
## Memory by what there is

Files with a growing number of one thing, each with a mass mailer at its end that must be reported (`benchmarks/memory.py`). A report reads
them with one process per core, a watch with one process, which gets up to {WATCHED_AT_MOST:,}. Memory is the peak of all processes of a
command together.

Memory grows with the number of distinct hosts, leases, MACs and names up to a bound for each, and not with the size of the log.
Each process keeps at most {MOST_HOSTS:,} home addresses with evidence (300 bytes to a kilobyte for one with a single activity; the evidence of
one host is bounded by hours and peers, see [verdicts.md](verdicts.md)), {MOST_ACTIVE:,} addresses that were seen (some 120 bytes each),
{MOST_LEASES:,} confirmations of leases (700), {MOST_SEEN:,} times at which a MAC was seen with an address, {MOST_CLAIMS:,} by ARP (400), and the
names of {MOST_ADDRESSES:,} addresses (600). Above a bound every second address is dropped by its fingerprint, as often as needed, so what is kept
depends on the set alone: not on order, repetition, or the number of processes. Of leases, times between the first and last of a
day are dropped first. If an address has more than {MOST_LABELS} MACs, evidence of some of them loses its MAC, but is kept. What was left out
is said under `health`, and by a watch in its coverage.
"""


def _largest(results: Results, command: str) -> dict[str, Held]:
    """By kind, the measurement with the largest number."""
    return {one.kind: one for one in results.memory if one.command == command}


def _asked_of_memory(results: Results) -> Iterator[tuple[str, str, bool]]:
    for command in (REPORT, WATCH):
        for kind, one in _largest(results, command).items():
            most = max(h.bytes for h in results.memory if (h.kind, h.command) == (kind, command))
            asked = f"{one.count:,} {kind}: {command} at most {HOSTS_PEAK:,} MiB"
            yield asked, f"{most / MIB:.0f} MiB", most <= HOSTS_PEAK * MIB


def _speeds_beside_plain(results: Results, name: str) -> list[float]:
    """Speed relative to plain lines, round by round."""
    pairs = zip(results.wrapped[PLAIN], results.wrapped[name], strict=True)
    return [plain.cpu / wrapped.cpu for plain, wrapped in pairs]


def _rules(results: Results) -> str:
    rows = []
    for cost in results.rules:
        for name in (NO_RULES, OTHERS, OURS):
            seconds, loading = (
                statistics.median(cost.work(name)),
                statistics.median(cost.load[name]),
            )
            ratio = "1" if name == NO_RULES else _with_interval(cost.ratios(name))
            counted = f"{cost.ratio_of_instructions(name):.3f}" if cost.instructions else ""
            times = f"{seconds:.3f} s", ratio, counted, f"{loading:.3f} s"
            rows.append([cost.engine, cost.mix, name, *times])
    if not rows:
        return ""
    cost = results.rules[0]
    head = "engine", "traffic", "rules", "CPU", "ratio", "ratio of instructions", "starting up"
    text = f"""\
## What the rules cost the engine

User and system CPU time of `suricata -r` with `--runmode single` on {_size(cost.bytes)} of simulated ordinary traffic ({cost.packets:,}
packets: cleartext and encrypted web pages, lookups, some mail through the relay; no mass mailer), with all usual logs on.
In the other mixes, a part of the lookups is for names that mail clients query all day, besides the same web pages. Stats records, half of
a mix above, are not traffic: the engine writes them whether there are packets or not.
The two other rules follow public rule sets against mass mailers: thirty MX queries in ten seconds, ten cleartext mails in two minutes
(`benchmarks/rule_cost.py`). The ratio is the median over {len(cost.cpu[OURS])} rounds (fewer for other mixes), in which the three take turns. The
interval in brackets contains the true ratio in 95 of 100 such measurements: if it also contains the limit, the rounds do not decide.
Instructions are those of the packet thread, counted once by valgrind on {COUNTED:.0%} of the traffic; they differ by about one percent
from run to run. Start-up, measured with one packet, is excluded from both.
"""
    return f"{text}\n{table(head, rows)}"


def _size(count: int) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / MEGABYTE:.3g} MB"


def draw_memory(found: Sequence[Held], path: Path) -> None:
    """Peak memory by number, a panel for each command. The same figures give the same bytes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "mxhound"
    import matplotlib.pyplot as plt

    commands = (REPORT, WATCH)
    figure, axes = plt.subplots(1, len(commands), figsize=(11, 5), layout="constrained")
    for axis, command in zip(axes, commands, strict=True):
        for kind in dict.fromkeys(one.kind for one in found):
            some = [one for one in found if (one.kind, one.command) == (kind, command)]
            at, held = [one.count for one in some], [one.bytes / MIB for one in some]
            axis.plot(at, held, marker="o", label=kind)
        axis.axhline(HOSTS_PEAK, color="gray", linestyle="--", label="asked for")
        axis.set(xscale="log", xlabel="number", ylabel="MiB", title=command)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def draw_plot(results: Results, path: Path) -> None:
    """Seconds by size, by hosts and by share; the same figures give the same bytes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "mxhound"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(FIGURES), figsize=(11, 3.4), layout="constrained")
    for axis, (section, label) in zip(axes, FIGURES.items(), strict=True):
        found = results.section(section)
        at = [_axis(trial, section) for trial in found]
        for name in (EVEPROC, GREP):
            axis.plot(at, [wall(trial, name) for trial in found], marker="o", label=name)
        axis.set(
            xscale="log",
            xlabel={"sizes": "MB", "hosts": label, "shares": f"% {label}"}[section],
            ylabel="seconds",
        )
        if section == "sizes":
            axis.set(yscale="log")
        else:
            axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.3)
    axes[0].legend()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
