"""eveproc tune: logs -> thresholds that fit the site, or the alerts that one would have raised."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eveproc.cli.options import (
    WRITTEN,
    InputOptions,
    Number,
    reads_eve,
    refuse_clash,
    refuse_unwritable,
    refuse_what_cannot_be_drawn,
)
from eveproc.cli.output import NOT_JUDGED, echo, errors_reported, say
from eveproc.cli.reading import print_judgement, read_with_progress
from rulegen.vocabulary import Signal

if TYPE_CHECKING:
    from eveproc.tuning.collect import Study
    from rulegen.site_profile import SiteProfile, Threshold


def what_if(text: str) -> "tuple[Signal, Threshold]":
    """`mx_flood=20/60` -> the signal and its threshold."""
    from rulegen.site_profile import MAX_COUNT, MAX_SECONDS, Threshold

    name, _, numbers = text.partition("=")
    count, _, seconds = numbers.partition("/")
    if name not in set(Signal) or not (count.isdecimal() and seconds.isdecimal()):
        raise click.BadParameter(
            f"invalid threshold {text!r}: expected SIGNAL=COUNT/SECONDS, for example "
            f"mx_flood=20/60; signals are {', '.join(Signal)}"
        )
    threshold = Threshold(int(count[:20]), int(seconds[:20]))
    if not (1 <= threshold.count <= MAX_COUNT and 1 <= threshold.seconds <= MAX_SECONDS):
        raise click.BadParameter(
            f"invalid threshold {text!r}: expected a count from 1 to {MAX_COUNT} and "
            f"seconds from 1 to {MAX_SECONDS}"
        )
    return Signal(name), threshold


@click.command()
@reads_eve
@click.option(
    *("-f", "--format", "form"),
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    callback=refuse_what_cannot_be_drawn,
    help="Output format.",
)
@click.option(
    "-o",
    "--output",
    type=WRITTEN,
    help="Write the recommendation to this file (thresholds.yaml) atomically.",
)
@click.option(
    "--what-if",
    "wanted",
    type=what_if,
    metavar="SIGNAL=COUNT/SECONDS",
    help="Only show the alerts that this threshold would have raised.",
)
@click.option(
    "--baseline",
    type=WRITTEN,
    help="Baseline file: add these logs to those of earlier runs. Created if missing.",
)
@click.option(
    "--budget",
    type=Number(min=0.01),
    default=1.0,
    show_default=True,
    help="Acceptable number of false alerts a week, all signals together.",
)
@click.option(
    *("-v", "--verbose"),
    is_flag=True,
    help="Explain every number and list every host (default: one screen; -f text only).",
)
def tune(
    inputs: InputOptions,
    form: str,
    output: Path | None,
    wanted: "tuple[Signal, Threshold] | None",
    baseline: Path | None,
    budget: float,
    verbose: bool,
) -> None:
    """Propose thresholds that fit the activity of the site's hosts.

    Shows which thresholds to change, why, and how many alerts each would raise. With
    --what-if, show the alerts that one threshold would have raised: on infected hosts, and on
    others.

    Exit: 0 done, 1 refused, 2 usage, 4 nothing could be judged.
    """
    if wanted and (output or baseline or form == "html"):
        raise click.UsageError(
            "--what-if cannot be used with -o, --baseline or -f html: it only prints text or json"
        )
    refuse_clash({"--baseline": baseline, "-o": output}, inputs, updates=True)
    refuse_unwritable(baseline, output)
    shown = "verbose" if verbose and form == "text" else form
    with errors_reported():
        if wanted:
            _print_what_if(inputs, shown, *wanted)
        else:
            _recommend(inputs, shown, output, baseline, budget)


def _print_what_if(inputs: InputOptions, form: str, signal: Signal, threshold: "Threshold") -> None:
    from eveproc.report import predicted
    from eveproc.tuning.matching import refuse_untold
    from eveproc.tuning.predict import predict, with_threshold

    refuse_untold(signal)
    site = inputs.profile()
    study = _study(inputs, site)
    history = study.history
    alerts = predict(history, with_threshold(site, signal, threshold), signal)
    told = predicted.Prediction(signal, threshold, alerts, history.days, study.levels(site))
    echo(predicted.FORMATS[form](told))
    for note in predicted.notes(signal, alerts, history):
        click.echo(f"note: {note}", err=True)


def _study(inputs: InputOptions, site: "SiteProfile") -> "Study":
    from eveproc.tuning.collect import study

    found = read_with_progress(study, inputs, site)
    print_judgement(found.store, site, found.stats)
    if cause := found.why_blind():
        say(f"no threshold can be judged: {cause}")
        sys.exit(NOT_JUDGED)
    return found


def _recommend(
    inputs: InputOptions, form: str, output: Path | None, kept: Path | None, budget: float
) -> None:
    from eveproc.report import tuning, tuning_text
    from eveproc.tuning.baseline import load, update
    from eveproc.tuning.tune import recommend
    from rulegen.files import SHARED, write_whole

    site = inputs.profile()
    if kept and kept.exists():
        load(kept)  # what cannot be read is refused before hours of work
    fresh = _study(inputs, site).baseline(site)
    baseline = update(kept, fresh) if kept else fresh
    told = tuning_text.Tuning(recommend(baseline, site, budget), baseline, budget)
    echo(tuning.FORMATS[form](told))
    if output:
        write_whole(output, tuning_text.render_yaml(told), SHARED)
        build = ["rulegen", "build", "-s", str(inputs.site), "-t", str(output), "-o", "out"]
        click.echo(f"{output}: written; to use it: {shlex.join(build)}", err=True)
