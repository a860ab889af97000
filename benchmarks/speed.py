"""Generated eve.json of many sizes -> docs/performance.md: the speed of eveproc and others.

    python -m benchmarks.speed -o docs/performance.md
    python -m benchmarks.speed --only wrapped -o docs/performance.md     make speed SECTION=wrapped

Takes nearly an hour and 25 GB of disk in --work; `--scale 0.01` gives a first impression. With
--keep, files and results stay in --work: another run uses the files and replaces the results of the
sections that it measures. With --only, one section of the page is measured and replaced.
"""

import argparse
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from benchmarks.decoders import Decoder, measure_decoders
from benchmarks.eve_file import Recipe
from benchmarks.measure import Run
from benchmarks.memory import Held, measure_memory
from benchmarks.page_section import with_sections
from benchmarks.rule_cost import RuleCost, measure_rules
from benchmarks.speed_page import (
    FIGURES,
    About,
    Results,
    draw_memory,
    draw_plot,
    write_page,
    write_sections,
)
from benchmarks.stages import StageCost, measure_stages
from benchmarks.trials import Kit, Trial, as_json, from_json, start_up, trials
from benchmarks.wrapped import measure_wrapped
from rulegen.errors import MxhoundError

SECTIONS = (
    *(
        "compare",
        "mixes",
        "stages",
        "decoders",
        "packed",
        "start",
        "sizes",
        "hosts",
        "shares",
        "library",
        "wrapped",
        "memory",
        "rules",
    ),
)
# Sections that are not trials.
OTHERWISE = ("start", "wrapped", "memory", "rules", "stages", "decoders")
# Sections that can be measured separately; those that share a plot are one.
GROWTH = "growth"
ALONE = (*(section for section in SECTIONS if section not in FIGURES), GROWTH)
DEFAULTS: Mapping[str, float] = MappingProxyType({"rounds": 7, "scale": 1.0})
RESULTS = "results.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the sections, print the page, and write it to the file of `-o`, its plot beside it.

    Returns the exit code.
    """
    options = _parser().parse_args(arguments)
    if options.only:
        options.sections = list(FIGURES) if options.only == GROWTH else [options.only]
    with ExitStack() as stack:
        work = options.work or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mxhound-speed-"))
        )
        try:
            work.mkdir(parents=True, exist_ok=True)
            if options.prepare:
                _prepare(work, options)
                return 0
            if options.only and options.output and not options.output.exists():
                raise MxhoundError(f"{options.output}: expected the page whose section is replaced")
            results = _measure(work, options)
            _write(results, options)
        except (MxhoundError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    return 0


def _prepare(work: Path, options: argparse.Namespace) -> None:
    kit = Kit(work)
    for trial in trials(options.scale, options.rounds):
        if trial.section in options.sections:
            _say(str(kit.file(trial.recipe, trial.packing)))


def _measure(work: Path, options: argparse.Namespace) -> Results:
    store = work / RESULTS
    found = json.loads(store.read_text()) if store.exists() and not options.only else {}
    for section in options.sections:
        for so_far in _section(section, work, options):
            found[section] = so_far
            if not options.only:
                store.write_text(json.dumps(found, indent=1))
    measured = [
        from_json(each)
        for name in SECTIONS
        if name not in OTHERWISE
        for each in found.get(name, ())
    ]
    start, wrapped = (
        {name: [Run(**each) for each in runs] for name, runs in found.get(section, {}).items()}
        for section in ("start", "wrapped")
    )
    rules = [RuleCost(**each) for each in found.get("rules", ())]
    memory = [Held(**each) for each in found.get("memory", ())]
    stages = [
        StageCost(**{**each, "mix": Recipe(**each["mix"])}) for each in found.get("stages", ())
    ]
    decoders = [Decoder(**each) for each in found.get("decoders", ())]
    return Results(measured, start, rules, wrapped, memory, stages, decoders)


def _section(section: str, work: Path, options: argparse.Namespace) -> Iterator[object]:
    """The measurements so far, as plain values, after each step."""
    if section == "start":
        yield _plain_values(start_up(work, options.rounds))
    elif section == "wrapped":
        kit = Kit(work)
        for runs in measure_wrapped(kit, options.scale, options.rounds, _say):
            yield _plain_values(runs)
    elif section == "memory":
        for held in measure_memory(work, options.scale, _say):
            yield [asdict(each) for each in held]
    elif section in ("stages", "decoders"):
        measure = measure_stages if section == "stages" else measure_decoders
        for found in measure(Kit(work), options.scale, options.rounds, _say):
            yield [asdict(each) for each in found]
    elif section == "rules":
        costs: list[object] = []
        for cost in measure_rules(work, options.scale, options.rounds, _say):
            costs.append(asdict(cost))
            yield costs
    else:
        yield from _tried(
            [trial for trial in trials(options.scale, options.rounds) if trial.section == section],
            work,
            options.keep,
        )


def _plain_values(found: Mapping[str, Sequence[Run]]) -> dict[str, object]:
    return {name: [asdict(each) for each in runs] for name, runs in found.items()}


def _tried(chosen: Sequence[Trial], work: Path, keep: bool) -> Iterator[list[object]]:
    kit = Kit(work)
    measured: list[object] = []
    for trial in chosen:
        measured.append(as_json(kit.measure(trial, _say)))
        yield measured
        if not keep:
            for path in work.glob(f"{trial.recipe}.*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _write(results: Results, options: argparse.Namespace) -> None:
    output: Path | None = options.output
    about = About(
        _command(options), options.note, _plot(results, output), _memory_plot(results, output)
    )
    if options.only:
        _write_section(write_sections(results, about), output)
        return
    page = write_page(results, about)
    sys.stdout.write(page)
    if output:
        output.write_text(page, encoding="utf-8")


def _plot(results: Results, output: Path | None) -> str:
    """Draw the plot beside the page; return its name, "" if there is nothing to draw."""
    if not (output and results.grows):
        return ""
    plot = output.with_suffix(".svg")
    draw_plot(results, plot)
    return plot.name


def _memory_plot(results: Results, output: Path | None) -> str:
    """The same for memory."""
    if not (output and results.memory):
        return ""
    plot = output.with_name(f"{output.stem}-memory.svg")
    draw_memory(results.memory, plot)
    return plot.name


def _write_section(text: str, output: Path | None) -> None:
    sys.stdout.write(text)
    if output:
        page = with_sections(output.read_text(encoding="utf-8"), text)
        output.write_text(page, encoding="utf-8")


def _command(options: argparse.Namespace) -> str:
    """The command that makes this page, with only the options that change a figure."""
    words = ["python", "-m", "benchmarks.speed"]
    words += ["--only", options.only] if options.only else []
    for name in ("rounds", "scale"):
        if getattr(options, name) != DEFAULTS[name]:
            words += [f"--{name}", str(getattr(options, name))]
    return shlex.join([*words, *(["--output", str(options.output)] if options.output else [])])


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument(
        "--sections",
        nargs="*",
        choices=SECTIONS,
        default=SECTIONS,
        help="what to measure (default: all)",
    )
    parser.add_argument(
        "--only",
        choices=ALONE,
        help="measure this section alone, and replace it in the page that -o names; growth: "
        "sizes, hosts and shares, and their plot",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=DEFAULTS["rounds"],
        help="rounds of the main comparisons; others get half, rules three times as many (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=DEFAULTS["scale"],
        help="factor for the sizes of all files (default: %(default)s)",
    )
    parser.add_argument(
        "--work", type=Path, help="folder for large files (default: a temporary one)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the large files in --work")
    parser.add_argument(
        "--prepare", action="store_true", help="make and keep the files, measure nothing"
    )
    parser.add_argument(
        "--note",
        default="",
        help="a note for the page on this machine or these runs",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="also write the page here, and its plot beside it"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
