"""eveproc report: logs -> one verdict per host, in any format."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eveproc.cli.options import (
    FOLDER,
    WRITTEN,
    InputOptions,
    complete_files,
    file_or_stdout,
    reads_eve,
    refuse_clash,
    refuse_unwritable,
    refuse_what_cannot_be_drawn,
    refuse_without_charts,
)
from eveproc.cli.output import (
    FOUND,
    REFUSED,
    echo,
    errors_reported,
    exit_if_blind,
    progress_bar,
)
from eveproc.cli.reading import read_with_progress
from rulegen.vocabulary import Level

if TYPE_CHECKING:
    from eveproc.report.receiver import Receiver
    from eveproc.spark.analyze import Cluster
    from eveproc.verdicts.analyze import Report
    from rulegen.site_profile import SiteProfile

# Report formats that are read, not parsed.
FORMS_FOR_PEOPLE = ("text", "digest", "html", "markdown")


def destination(text: str) -> "Path | Receiver | None":
    """The file or the socket that -o names; None for standard output."""
    from eveproc.report.receiver import is_receiver, receiver_of

    if not is_receiver(text):
        return file_or_stdout(text)
    try:
        return receiver_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _refuse_to_send(output: "Path | Receiver | None", form: str) -> None:
    """Refuse forms that are not messages, before hours of reading."""
    if output is None or isinstance(output, Path):
        return
    from eveproc.report import SYSLOG_FORMS

    if form not in SYSLOG_FORMS:
        raise click.UsageError(
            f"-o {output.name} needs {' or '.join(f'-f {f}' for f in SYSLOG_FORMS)}"
        )


def _refuse_to_forget(
    state: Path | None, until: float | None, *outputs: "Path | Receiver | None"
) -> None:
    """Refuse --until with --state: each line is read once, so skipped lines would never be read."""
    if state and until is not None:
        raise click.UsageError(
            "--until cannot be used with --state: the events it leaves out would never be "
            "read again"
        )
    if state and state.resolve() in {
        output.resolve() for output in outputs if isinstance(output, Path)
    }:
        raise click.UsageError(
            f"--state {state}: this file would be overwritten by a report; choose another file"
        )


def _refuse_by(by: str, form: str, inputs: InputOptions) -> None:
    """Refuse a column that the inventory does not have before hours of reading."""
    if not by:
        return
    if form not in FORMS_FOR_PEOPLE:
        raise click.UsageError(
            f"--by cannot be used with -f {form}: there each host has its columns of the inventory"
        )
    with errors_reported():
        inventory = inputs.profile().inventory
    if by.lower() not in inventory.columns:
        allowed = ", ".join(inventory.columns)
        raise click.UsageError(
            f"invalid column --by {by}: "
            + (f"expected one of {allowed}" if allowed else "site.yaml names no usable inventory")
        )


def _refuse_to_archive(archive: Path | None, state: Path | None) -> None:
    """Refuse an archive that would know no incidents or draw no charts, before hours of reading."""
    if not archive:
        return
    if not state:
        raise click.UsageError(
            "--archive needs --state: only with it a report knows the incidents of earlier nights"
        )
    refuse_without_charts()


def _summed_by(report: "Report", by: str) -> "Report":
    from msgspec.structs import replace

    return replace(report, by=by.lower())


def _cluster(
    on: str | None,
    master: str | None,
    tables: str | None,
    inputs: InputOptions,
    state: Path | None,
) -> "Cluster | None":
    """Return the cluster that reads, or None to read here."""
    if on is None:
        if master or tables:
            raise click.UsageError("--master and --parquet can only be used with --on spark")
        return None
    if state or inputs.jobs:
        raise click.UsageError(
            "--on spark cannot be used with --state or --jobs: the cluster reads all input "
            "with its own processes"
        )
    from eveproc.spark.analyze import Cluster

    return Cluster(master, tables)


@click.command()
@reads_eve
@click.option(
    *("-f", "--format", "form"),
    type=click.Choice(
        ["text", "digest", "html", "csv", "json", "ecs", "eve", "ocsf", "cef", "syslog", "markdown"]
    ),
    default="text",
    show_default=True,
    callback=refuse_what_cannot_be_drawn,
    help="Report format: text for a terminal, digest for mail, html, csv, json, ecs "
    "(Elastic), eve (Suricata's own format), ocsf (Detection Finding), cef, "
    "syslog (RFC 5424), markdown for tickets.",
)
@click.option(
    "-o",
    "--output",
    type=destination,
    metavar="FILE",
    shell_complete=complete_files,
    help="Write the report to this file atomically (default, and with -: standard output). With "
    "-f cef and -f syslog, FILE may be tcp://HOST:PORT, udp://HOST:PORT, unix:PATH or "
    "unixgram:PATH.",
)
@click.option(
    "--all", "everyone", is_flag=True, help="List clean hosts too (default: only count them)."
)
@click.option(
    "--fail-on",
    type=click.Choice([Level.SUSPECTED.value, Level.INFECTED.value]),
    help="Exit with code 3 if any host has this verdict or a worse one.",
)
@click.option(
    "--state",
    type=WRITTEN,
    help="State file. Read only what is new since the last run with this file, and "
    "report changes since then.",
)
@click.option(
    "--stats", type=WRITTEN, help="Write reading statistics and sensor health to this file as JSON."
)
@click.option(
    "--on",
    type=click.Choice(["spark"]),
    help="Read on a cluster; EVE may then be hdfs: or s3a: URIs (docs/spark.md).",
)
@click.option(
    "--master",
    metavar="URL",
    help="Spark master, for example yarn (default: from spark-submit or spark-defaults.conf).",
)
@click.option(
    "--parquet",
    "tables",
    metavar="URI",
    help="With --on spark: write verdicts and evidence to this URI as Parquet tables, by day.",
)
@click.option(
    "--by",
    metavar="COLUMN",
    default="",
    help="Also count hosts by this column of the inventory, for example department "
    "(formats text, digest, html and markdown).",
)
@click.option(
    "--archive",
    type=FOLDER,
    metavar="DIR",
    help="With --state: also keep this report in DIR, as a page that is linked with those of "
    "earlier nights and of incidents, and as rows of DIR/archive.sqlite (docs/archive.md).",
)
@click.option(
    "--keep",
    type=click.IntRange(1, 4000),
    default=92,
    show_default=True,
    help="With --archive: the number of reports to keep; older ones are removed.",
)
@click.option(
    "--metrics",
    type=WRITTEN,
    help="Write metrics of this run for Prometheus (node_exporter's textfile collector).",
)
def report(
    inputs: InputOptions,
    form: str,
    output: "Path | Receiver | None",
    everyone: bool,
    fail_on: str | None,
    stats: Path | None,
    state: Path | None,
    on: str | None,
    master: str | None,
    tables: str | None,
    metrics: Path | None,
    by: str,
    archive: Path | None,
    keep: int,
) -> None:
    """Judge every host seen in EVE and write a report.

    EVE is one or more files, folders or globs, or - for standard input, plain or compressed. The
    report goes to standard output; reading statistics and sensor health go to standard error.

    Exit: 0 done, 1 refused, 2 usage, 3 a host at or above --fail-on, 4 nothing could be judged.
    """
    _refuse_to_send(output, form)
    _refuse_to_forget(state, inputs.until, output, stats, metrics)
    refuse_clash({"-o": output, "--stats": stats, "--metrics": metrics, "--state": state}, inputs)
    _refuse_by(by, form, inputs)
    _refuse_to_archive(archive, state)
    cluster = _cluster(on, master, tables, inputs, state)
    with _measured(metrics) as run:
        refuse_unwritable(output, stats)
        with (
            errors_reported(),
            _judged(inputs, state, cluster, everyone, bool(archive) or form == "html") as report,
        ):
            _deliver(_summed_by(report, by), form, output, everyone)
            _archive(report, archive, keep, everyone)
            _print_reading(report, stats)
            run.append(report)
        _exit_by(report, fail_on)


@contextmanager
def _measured(path: Path | None) -> Iterator[list["Report"]]:
    """Write the metrics of a run, also if it is refused or interrupted.

    The caller appends the run's report to the list.
    """
    refuse_unwritable(path)
    started, exit_code = time.time(), REFUSED
    reports: list[Report] = []
    try:
        yield reports
        exit_code = 0
    except SystemExit as error:
        exit_code = error.code if isinstance(error.code, int) else REFUSED
        raise
    finally:
        if path:
            from eveproc.report.metrics import Run, render
            from rulegen.files import SHARED, write_whole

            run = Run(started, time.time(), exit_code, next(iter(reports), None))
            with errors_reported():
                write_whole(path, render(run), SHARED)


@contextmanager
def _judged(
    inputs: InputOptions,
    state: Path | None,
    cluster: "Cluster | None",
    everyone: bool,
    drawn: bool,
) -> Iterator["Report"]:
    """Yield the report.

    With a state file, the state is saved when the `with` block ends without an error.
    """
    if cluster is not None:
        yield _judge_on_cluster(cluster, inputs, everyone=everyone, drawn=drawn)
    elif state is None:
        yield _judge(inputs, everyone=everyone, drawn=drawn)
    else:
        with _judged_and_kept(inputs, state, everyone=everyone, drawn=drawn) as report:
            yield report


@contextmanager
def _judged_and_kept(
    inputs: InputOptions, path: Path, *, everyone: bool, drawn: bool
) -> Iterator["Report"]:
    """Yield the report on new events; the state is saved once it is delivered."""
    site = _profile_compiled(inputs)
    from eveproc.state.incremental import judge_new
    from eveproc.state.state import open_state

    with open_state(path) as remembered:
        with progress_bar() as progress:
            pending = judge_new(
                remembered,
                inputs.eve,
                site,
                now=time.time(),
                since=inputs.since,
                jobs=inputs.jobs,
                progress=progress,
                everyone=everyone,
                drawn=drawn,
            )
        yield _refuse_what_is_no_eve(pending.report)
        pending.keep(remembered)


def _profile_compiled(inputs: InputOptions) -> "SiteProfile":
    """Load the site profile.

    Call this before importing the readers: patterns that depend on the profile are compiled
    meanwhile.
    """
    from eveproc.input.prefilter import compile_ahead
    from eveproc.signals.prefilter_patterns import line_filter

    site = inputs.profile()
    compile_ahead(line_filter(site).patterns)
    return site


def _judge(inputs: InputOptions, *, everyone: bool, drawn: bool) -> "Report":
    site = _profile_compiled(inputs)
    from eveproc.verdicts.analyze import analyze

    report = read_with_progress(partial(analyze, everyone=everyone, drawn=drawn), inputs, site)
    return _refuse_what_is_no_eve(report)


def _judge_on_cluster(
    cluster: "Cluster", inputs: InputOptions, *, everyone: bool, drawn: bool
) -> "Report":
    from eveproc.spark.analyze import analyze
    from eveproc.verdicts.analyze import period_of

    now = time.time()
    period = period_of(inputs.since, inputs.until, now)
    return _refuse_what_is_no_eve(
        analyze(cluster, inputs.eve, inputs.profile(), period, now, everyone=everyone, drawn=drawn)
    )


def _refuse_what_is_no_eve(report: "Report") -> "Report":
    report.stats.raise_if_no_eve()
    return report


def _exit_by(report: "Report", fail_on: str | None) -> None:
    """Exit 3 if a host reaches --fail-on, 4 if nothing could be judged."""
    if fail_on and any(verdict.level.rank >= Level(fail_on).rank for verdict in report.verdicts):
        sys.exit(FOUND)
    exit_if_blind(report.judgement)


def _deliver(report: "Report", form: str, output: "Path | Receiver | None", everyone: bool) -> None:
    from shutil import get_terminal_size

    from eveproc.report import FORMATS, messages, shown, text_report
    from rulegen.files import write_whole

    verdicts = shown(report, everyone=everyone)
    if isinstance(output, Path):
        write_whole(output, FORMATS[form](report, verdicts))
    elif output is not None:
        output.send(messages(form, report, verdicts))
    elif form == "text" and sys.stdout and sys.stdout.isatty():
        echo(text_report.render_table(report, verdicts, get_terminal_size().columns))
    else:
        echo(FORMATS[form](report, verdicts))


def _archive(report: "Report", folder: Path | None, keep: int, everyone: bool) -> None:
    from eveproc.report import shown

    if folder:
        from eveproc.archive.keep import add_night

        verdicts = shown(report, everyone=everyone)
        add_night(report, verdicts, folder, made=time.time(), keep=keep)


def _print_reading(report: "Report", stats: Path | None) -> None:
    from eveproc.report import reading_stats
    from rulegen.files import write_whole

    click.echo(reading_stats.render(report), nl=False, err=True)
    if stats is not None:
        write_whole(stats, reading_stats.render_json(report))
