"""Command line of eveproc: what an IDS logged -> one verdict per host."""

import atexit
import gc
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from errno import EBADF
from functools import partial, wraps
from pathlib import Path
from shutil import get_terminal_size
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
from msgspec import Struct, field

from rulegen.errors import InputError, MxhoundError
from rulegen.options import WrittenPath
from rulegen.vocabulary import Level, Signal

if TYPE_CHECKING:  # modules that read and judge are imported when a command runs, so --help is fast
    from click.shell_completion import CompletionItem

    from eveproc.block import Candidate
    from eveproc.discovery.discover import Discovery
    from eveproc.evidence.store import EvidenceStore
    from eveproc.input.read_stats import ReadStats
    from eveproc.report.receiver import Receiver
    from eveproc.spark.analyze import Cluster
    from eveproc.state.state import State
    from eveproc.tuning.collect import Study
    from eveproc.verdicts.analyze import Report
    from eveproc.verdicts.judgement import Judgement
    from eveproc.watching.notify import Notifier
    from rulegen.site_profile import SiteProfile, Threshold

REFUSED, FOUND, NOT_JUDGED = 1, 3, 4
STDOUT = "-"
# Above this number of bytes reading takes seconds, so a progress bar is shown.
LONG_WORK = 64 << 20
# Seconds to deliver queued notifications at exit: less than the 10 s after which some supervisors
# kill a process.
LAST_SECONDS = 5.0
# Report formats that are read, not parsed.
FORMS_FOR_PEOPLE = ("text", "digest", "html", "markdown")
# Garbage is collected when allocations exceed deallocations by this number.
COLLECT_EACH = 50_000


def moment(text: str) -> float:
    """ISO 8601 text, in UTC unless it names a time zone -> seconds since 1970 UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        allowed = "ISO 8601, for example 2024-03-01T10:00:00+01:00 (UTC if no zone is given)"
        raise click.BadParameter(f"invalid time {text!r}: expected {allowed}") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


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


def file_or_stdout(text: str) -> Path | None:
    """The file that -o names; None, as without -o, for standard output."""
    return None if text == STDOUT else Path(text)


def destination(text: str) -> "Path | Receiver | None":
    """The file or the socket that -o names; None for standard output."""
    from eveproc.report.receiver import is_receiver, receiver_of

    if not is_receiver(text):
        return file_or_stdout(text)
    try:
        return receiver_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _complete_files(
    _context: click.Context, _option: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Let the shell complete file names: other values of EVE and -o cannot be completed."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


# Unreadable files are refused by the library, which says "Permission denied"; click does not.
FILE = click.Path(readable=False, path_type=Path)
FOLDER = WrittenPath(readable=False, file_okay=False, path_type=Path)
WRITTEN = WrittenPath(readable=False, path_type=Path)
# Sources are text: files, patterns, sockets or URLs.
_EVE = click.argument("eve", nargs=-1, required=True, shell_complete=_complete_files)


class InputOptions(Struct, frozen=True):
    """Options of every command that reads EVE: sources, profile, period, number of processes."""

    eve: tuple[str, ...]
    site: Path
    thresholds: Path | None
    since: float | None = None
    until: float | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise click.UsageError("--since must be before --until")

    def profile(self) -> "SiteProfile":
        from rulegen.site_profile import load_site

        return load_site(self.site, self.thresholds)


_ReadT = TypeVar("_ReadT", covariant=True)


class _Reads(Protocol[_ReadT]):
    """A function that reads EVE, as verdicts.analyze.analyze does."""

    def __call__(
        self,
        sources: Sequence[str],
        site: "SiteProfile",
        *,
        since: float | None,
        until: float | None,
        now: float | None,
        jobs: int | None,
        progress: Callable[[int, int], None] | None,
    ) -> _ReadT: ...


class _SiteFile(click.Path):
    """A site profile; a user without one is told how to make it."""

    def get_missing_message(self, *_: object, **__: object) -> str:
        return "To make a first one from a log: eveproc discover EVE -o site.yaml"


SITE_FILE = _SiteFile(readable=False, path_type=Path)
_SITE = click.option(
    "-s", "--site", type=SITE_FILE, required=True, help="Site profile (site.yaml)."
)
_THRESHOLDS = click.option(
    "-t",
    "--thresholds",
    type=FILE,
    help="Thresholds file (thresholds.yaml) that overrides those of the site profile.",
)
_INPUT_OPTIONS = (
    click.option(
        *("-j", "--jobs"),
        type=click.IntRange(1),
        help="Number of reader processes (default: CPU cores).",
    ),
    click.option(
        "--until",
        type=moment,
        metavar="TIME",
        help="Ignore events at or after TIME (ISO 8601; UTC unless it names a zone).",
    ),
    click.option(
        "--since",
        type=moment,
        metavar="TIME",
        help="Ignore events before TIME (ISO 8601; UTC unless it names a zone).",
    ),
    _THRESHOLDS,
    _SITE,
    _EVE,
)


def _reads_eve(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of InputOptions to a command and pass them as its first argument."""

    @wraps(command)
    def with_inputs(**given: Any) -> None:
        names = InputOptions.__struct_fields__
        command(InputOptions(**{name: given.pop(name) for name in names}), **given)

    decorated: Callable[..., None] = with_inputs
    for decorate in _INPUT_OPTIONS:
        decorated = decorate(decorated)
    return decorated


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


def _refuse_clash(
    outputs: Mapping[str, object], inputs: InputOptions, *, updates: bool = False
) -> None:
    """Refuse outputs that would destroy what is read or each other, before anything is read.

    With `updates` the thresholds file may be written to.
    """
    if any(outputs.values()):
        from eveproc.report.outputs import clashes

        thresholds = None if updates else inputs.thresholds
        for clash in clashes(outputs, inputs.eve, inputs.site, thresholds):
            raise click.UsageError(clash)


def _refuse_by(by: str, form: str, inputs: InputOptions) -> None:
    """Refuse a column that the inventory does not have before hours of reading."""
    if not by:
        return
    if form not in FORMS_FOR_PEOPLE:
        raise click.UsageError(
            f"--by cannot be used with -f {form}: there each host has its columns of the inventory"
        )
    with _faults_told():
        inventory = inputs.profile().inventory
    if by.lower() not in inventory.columns:
        known = ", ".join(inventory.columns) or "none: site.yaml names no usable inventory"
        raise click.UsageError(f"invalid column --by {by}: expected one of {known}")


def _refuse_to_archive(archive: Path | None, state: Path | None) -> None:
    """Refuse an archive that would know no incidents or draw no charts, before hours of reading."""
    if not archive:
        return
    if not state:
        raise click.UsageError(
            "--archive needs --state: only with it a report knows the incidents of earlier nights"
        )
    _refuse_without_charts()


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


def _refuse_what_cannot_be_drawn(
    _context: click.Context, _option: click.Parameter, form: str
) -> str:
    """Refuse a format whose extra is not installed before hours of reading."""
    if form == "html":
        _refuse_without_charts()
    return form


def _refuse_without_charts() -> None:
    from eveproc.report.chart import require_matplotlib

    with _faults_told():
        require_matplotlib()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mxhound")
def main() -> None:
    """Turn Suricata or Snort logs into one verdict per host, with reasons.

    Exit codes: 0 done, 1 refused (the reason is on stderr), 2 wrong usage, 3 a host at or above
    --fail-on, 4 nothing could be judged.
    """
    # Loaded modules stay in use until the end. Collecting garbage at every 700th object, and again
    # at exit, would take a sixth of the start-up time.
    gc.set_threshold(COLLECT_EACH)
    atexit.register(gc.freeze)


@main.command()
@_reads_eve
@click.option(
    *("-f", "--format", "form"),
    type=click.Choice(
        ["text", "digest", "html", "csv", "json", "ecs", "eve", "ocsf", "cef", "syslog", "markdown"]
    ),
    default="text",
    show_default=True,
    callback=_refuse_what_cannot_be_drawn,
    help="Report format: text for a terminal, digest for mail, html, csv, json, ecs "
    "(Elastic), eve (Suricata's own format), ocsf (Detection Finding), cef, "
    "syslog (RFC 5424), markdown for tickets.",
)
@click.option(
    "-o",
    "--output",
    type=destination,
    metavar="FILE",
    shell_complete=_complete_files,
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
    files = {"-o": output, "--stats": stats, "--metrics": metrics, "--state": state}
    _refuse_clash(files, inputs)
    _refuse_by(by, form, inputs)
    _refuse_to_archive(archive, state)
    cluster = _cluster(on, master, tables, inputs, state)
    with _measured(metrics) as run:
        with (
            _faults_told(),
            _judged(inputs, state, cluster, everyone, bool(archive) or form == "html") as report,
        ):
            _deliver(_summed_by(report, by), form, output, everyone)
            _archive(report, archive, keep, everyone)
            _tell_reading(report, stats)
            run.append(report)
        _exit_by(report, fail_on)


@contextmanager
def _measured(path: Path | None) -> Iterator[list["Report"]]:
    """Write the metrics of a run, also if it is refused or interrupted.

    The caller appends the run's report to the list.
    """
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
            with _faults_told():
                write_whole(path, render(run), SHARED)


@main.command()
@_reads_eve
@click.option(
    *("-f", "--format", "form"),
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
def check(inputs: InputOptions, form: str) -> None:
    """Check whether a mass mailer would be detected at this site.

    Lists the records, networks and rules that EVE shows.

    Run it first at a new site. It names the setting to change for everything that is missing.

    Exit: 0 it would be detected, fully or in part; 1 refused, 2 usage, 4 nothing could be judged.
    """
    from eveproc.report.judgement_text import lines
    from eveproc.visibility.check import check as check_site
    from eveproc.visibility.check_text import FORMATS

    with _faults_told():
        found = _read(check_site, inputs, inputs.profile())
    _echo(FORMATS[form](found))
    if found.is_blind:
        for line in lines(found.judgement):
            click.echo(line, err=True)
    _exit_if_blind(found.judgement)


@main.command()
@click.argument("host")
@_reads_eve
def explain(inputs: InputOptions, host: str) -> None:
    """Explain the verdict on HOST (an address, MAC or name).

    Shows its timeline, the weight of each signal, what would have changed the verdict, and where to
    look further.

    Exit: 0 done, 1 refused, 2 usage, 4 nothing could be judged.
    """
    from eveproc.report import explain_text
    from eveproc.verdicts.analyze import gather_evidence
    from eveproc.verdicts.explain import explain as account_for

    with _faults_told():
        profile = inputs.profile()
        store, stats = _read(gather_evidence, inputs, profile)
        try:
            accounts = account_for(host, store, profile, inputs.eve)
        except InputError:
            _tell_judgement(store, profile, stats)
            raise
        is_found = any(account.verdict.level is not Level.CLEAN for account in accounts)
        _tell_judgement(store, profile, stats, found=is_found)
        for note in profile.inventory.faults():
            _say(note)
        _echo("\n\n".join(explain_text.render(told) for told in accounts))


def _tell_judgement(
    store: "EvidenceStore", profile: "SiteProfile", stats: "ReadStats", *, found: bool = False
) -> None:
    """Print coverage gaps to standard error. `found`: a host is above clean.

    Exit 4 if nothing could be judged, 1 if no line is EVE.
    """
    from eveproc.report.judgement_text import lines
    from eveproc.verdicts.judge_input import judgement_of

    stats.raise_if_no_eve()
    judgement = judgement_of(store, profile, stats, found=found)
    for line in lines(judgement):
        click.echo(line, err=True)
    _exit_if_blind(judgement)


@main.command()
@_EVE
@_SITE
@_THRESHOLDS
@click.option(
    *("-f", "--format", "form"),
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@click.option(
    "--state",
    type=WRITTEN,
    help="State file: resume where the last watch with this file ended. Not the state "
    "file of report.",
)
@click.option(
    "--notify",
    "urls",
    metavar="URL",
    multiple=True,
    envvar="MXHOUND_NOTIFY",
    help="Also send each change to this Apprise URL. May be repeated.",
)
@click.option(
    "--heartbeat",
    type=WRITTEN,
    help="Write reading counts and the judgement to this file once a minute, as JSON.",
)
@click.option(
    "--exit-when-blind",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Exit with code 4 if nothing could be judged for this many minutes (default: never).",
)
def watch(
    eve: tuple[str, ...],
    site: Path,
    thresholds: Path | None,
    form: str,
    state: Path | None,
    urls: tuple[str, ...],
    heartbeat: Path | None,
    exit_when_blind: float | None,
) -> None:
    """Follow EVE and print each new or changed verdict.

    EVE is a file that Suricata writes, a socket to listen on (unix:PATH or unixgram:PATH), or
    redis://HOST:PORT?key=NAME. --notify takes an Apprise URL, for example json://HOST/PATH. To keep
    URLs out of the process list, set them in MXHOUND_NOTIFY instead.

    If nothing can be judged, this is reported on standard error at once and then every hour, and
    once to --notify.

    Exit: 0 ended by SIGTERM or SIGINT, 1 refused, 2 usage, 4 nothing could be judged for
    --exit-when-blind. SIGHUP reloads site.yaml and thresholds.yaml.
    """
    is_blind = False
    with _faults_told(), suppress(_Stopped), _obeying_signals() as signals:
        from eveproc.report.changes import FORMS
        from eveproc.watching.blindness import Policy
        from eveproc.watching.service import Live, ProcessSignals, Sinks
        from rulegen.site_profile import load_site

        files = {"--state": state, "--heartbeat": heartbeat}
        _refuse_clash(files, InputOptions(eve, site, thresholds))
        with _state_in(state) as kept, _notifying(urls, kept) as notifier:
            sinks = Sinks(lambda news: _echo_news(FORMS[form](news)), _say, notifier)
            policy = Policy(exit_when_blind and 60 * exit_when_blind, heartbeat)
            live = Live(eve, lambda: load_site(site, thresholds), sinks, time.time, kept, policy)
            signals.reads.set()
            is_blind = live.run(ProcessSignals(signals.stop, signals.reload))
    sys.exit(NOT_JUDGED if is_blind else 0)


class _Stopped(BaseException):
    """Raised wherever a watch is that has not begun to read: what it was about is done again."""


class _Signals(Struct, frozen=True):
    """What signals ask for. `reads` is set once the watch looks at `stop` by itself."""

    stop: Event = field(default_factory=Event)
    reload: Event = field(default_factory=Event)
    reads: Event = field(default_factory=Event)

    def end(self, *_: object) -> None:
        """Stop; reading what was written since the last watch may take long, and is cut short."""
        is_first = not self.stop.is_set()
        self.stop.set()
        if is_first and not self.reads.is_set():
            raise _Stopped


@contextmanager
def _obeying_signals() -> Iterator[_Signals]:
    """SIGTERM and SIGINT end the watch, SIGHUP reloads the site profile.

    They are obeyed from before anything slow is imported: SIGHUP would end the process.
    """
    asked = _Signals()
    meant = {
        signal.SIGTERM: asked.end,
        signal.SIGINT: asked.end,
        signal.SIGHUP: lambda *_: asked.reload.set(),
    }
    before = {number: signal.signal(number, handler) for number, handler in meant.items()}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _state_in(path: Path | None) -> Iterator["State | None"]:
    from eveproc.state.state import open_state

    if path is None:
        yield None
        return
    with open_state(path) as state:
        yield state


@contextmanager
def _notifying(urls: tuple[str, ...], state: "State | None") -> Iterator["Notifier | None"]:
    """Yield a Notifier if any service is configured.

    At exit, undelivered notifications are kept in the state or reported.
    """
    from eveproc.watching.notify import Notifier, key_of

    kept = state.messages() if state else {}
    if lost := sum(len(waiting) for key, waiting in kept.items() if key not in map(key_of, urls)):
        _say(f"notifications dropped: {lost}, kept for a --notify URL that is no longer given")
    if not urls:
        yield None
        return
    notifier = Notifier(urls, _say, kept)
    try:
        yield notifier
    finally:
        waiting = notifier.close(LAST_SECONDS)
        for key, left in waiting.items():
            _say(
                f"{notifier.name_of(key)}: not delivered: {len(left)}; "
                f"{'kept for the next start' if state else 'lost, without --state'}"
            )
        if state:
            state.keep_messages(waiting)


def _say(text: str) -> None:
    from eveproc.report.sanitize import safe

    click.echo(f"eveproc: {safe(text)}", err=True)


@main.command()
@click.argument("report", type=FILE)
@click.option(
    "-s",
    "--site",
    type=SITE_FILE,
    required=True,
    help="Site profile (site.yaml): hosts never to block, and mail ports.",
)
@click.option("-o", "--output", type=WRITTEN, help="Folder to write the files to.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Write nothing; print the hosts that would be blocked, and the files.",
)
@click.option(
    "--hours",
    type=click.FloatRange(0, 24 * 30, min_open=True),
    default=24,
    show_default=True,
    help="How long to block each host, counted from its last suspicious event.",
)
@click.option(
    "--at-most",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Maximum number of hosts to block.",
)
@click.option(
    "--scope",
    default="",
    metavar="SCOPE",
    help="If several networks use the same addresses: block only hosts in this network, "
    "named as in the report, for example vlan=10 (default: leave such hosts out).",
)
@click.option(
    "--drop", is_flag=True, help="Write rules that drop (for an inline Suricata) instead of alert."
)
def block(
    report: Path,
    site: Path,
    output: Path | None,
    dry_run: bool,
    hours: float,
    at_most: int,
    scope: str,
    drop: bool,
) -> None:
    """Write files that block the mail of infected hosts.

    The files are for nftables, and for Suricata as iprep and dataset.

    REPORT is a file that `eveproc report -f json` or `watch -f json` wrote. Nothing is loaded. Only
    mail to external servers is blocked. Declared servers, routers, NAT addresses, exempt hosts and
    external addresses are never blocked. Each host's entry expires. Hosts that an earlier run wrote
    into the folder stay blocked until then, unless REPORT or site.yaml says otherwise.
    """
    from eveproc import block as blocking
    from rulegen.site_profile import load_site

    if not (dry_run or output):
        raise click.UsageError("expected either --dry-run (to review first) or -o FOLDER")
    with _faults_told():
        profile = load_site(site)
        candidates = _reported(report, output)
        plan = blocking.plan(
            candidates, profile, time.time(), hours=hours, at_most=at_most, scope=scope
        )
        texts = blocking.files(plan, profile, drop=drop)
        if output and not dry_run:
            blocking.write(texts, output)
        shown = [
            *blocking.describe(plan),
            *(f"\n--- {name}\n{text.rstrip()}" for name, text in texts.items() if dry_run),
        ]
        _echo("".join(f"{line}\n" for line in shown))


def _reported(report: Path, folder: Path | None) -> "tuple[Candidate, ...]":
    """The hosts of the report, and of the run before it that wrote into the folder."""
    from eveproc.block import read_report, with_earlier

    candidates = read_report(report)
    known = with_earlier(candidates, folder) if folder else candidates
    if not candidates:
        _say(f"{report}: names no host{'; earlier blocks stay until they expire' if known else ''}")
    return known


@main.command()
@_reads_eve
@click.option(
    *("-f", "--format", "form"),
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    callback=_refuse_what_cannot_be_drawn,
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
    type=click.FloatRange(min=0.01),
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
    _refuse_clash({"--baseline": baseline, "-o": output}, inputs, updates=True)
    shown = "verbose" if verbose and form == "text" else form
    with _faults_told():
        if wanted:
            _tell_what_if(inputs, shown, *wanted)
        else:
            _recommend(inputs, shown, output, baseline, budget)


def _tell_what_if(inputs: InputOptions, form: str, signal: Signal, threshold: "Threshold") -> None:
    from eveproc.report import predicted
    from eveproc.tuning.matching import refuse_untold
    from eveproc.tuning.predict import predict, with_threshold

    refuse_untold(signal)
    site = inputs.profile()
    study = _study(inputs, site)
    history = study.history
    alerts = predict(history, with_threshold(site, signal, threshold), signal)
    told = predicted.Prediction(signal, threshold, alerts, history.days, study.levels(site))
    _echo(predicted.FORMATS[form](told))
    for note in predicted.notes(signal, alerts, history):
        click.echo(f"note: {note}", err=True)


def _study(inputs: InputOptions, site: "SiteProfile") -> "Study":
    from eveproc.tuning.collect import study

    found = _read(study, inputs, site)
    _tell_judgement(found.store, site, found.stats)
    if cause := found.why_blind():
        _say(f"no threshold can be judged: {cause}")
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
    _echo(tuning.FORMATS[form](told))
    if output:
        write_whole(output, tuning_text.render_yaml(told), SHARED)
        click.echo(
            f"{output}: written; to use it: rulegen build -s site.yaml -t {output} -o out", err=True
        )


@main.command()
@_EVE
@click.option(
    "-s",
    "--site",
    type=FILE,
    help="Site profile to take home networks and ports from, and to compare with for --diff.",
)
@click.option(
    "-o",
    "--output",
    type=file_or_stdout,
    metavar="FILE",
    shell_complete=_complete_files,
    help="Write the proposed site.yaml to this new file (default, and with -: standard output). "
    "An existing file is never overwritten.",
)
@click.option(
    "--diff",
    is_flag=True,
    help="Print the differences between the logs and --site; write nothing.",
)
def discover(eve: tuple[str, ...], site: Path | None, output: Path | None, diff: bool) -> None:
    """Propose a site.yaml from the servers and domains seen in EVE.

    It finds mail servers, resolvers, monitors and the site's own domains. Without -o the proposal
    is printed to standard output. A summary on standard error says what is certain, and asks what
    you have to decide.

    Exit: 0 done, 1 refused, 2 usage, 4 no record in the logs shows the role of a host.
    """
    from eveproc.discovery.discover import differences
    from eveproc.report import proposal
    from rulegen.files import expect_new
    from rulegen.site_profile import load_site

    if diff and (site is None or output):
        raise click.UsageError("--diff needs --site and cannot be used with -o")
    with _faults_told():
        if output:
            expect_new(output)
        profile = load_site(site) if site else None
        found = _discovered(eve, profile)
        if not found.home_networks:  # a site.yaml without home networks is refused
            pass
        elif diff and profile:
            _echo(proposal.render_differences(differences(found, profile), found.missing))
        else:
            _propose(found, output, eve)
    for what in found.missing if found.is_blind else ():
        _say(f"no server can be found: {what}")
    if found.is_blind:
        sys.exit(NOT_JUDGED)


def _propose(found: "Discovery", output: Path | None, eve: tuple[str, ...]) -> None:
    from eveproc.report import discovery_summary, proposal
    from rulegen.files import write_new

    if output:
        write_new(output, proposal.render(found))
        logs = [*eve[:1], *["..."][: len(eve) - 1]]
        again = shlex.join(["eveproc", "check", *logs, "-s", str(output)])
        click.echo(f"{output}: written; review it, then: {again}", err=True)
    else:
        _echo(proposal.render(found))
    click.echo(discovery_summary.render(found), nl=False, err=True)


def _discovered(eve: tuple[str, ...], site: "SiteProfile | None") -> "Discovery":
    from eveproc.discovery.from_logs import discover_in

    with _progress_bar() as progress:
        return discover_in(eve, site, now=time.time(), progress=progress)


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
        with _progress_bar() as progress:
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


def _read(read: _Reads[_ReadT], inputs: InputOptions, site: "SiteProfile") -> _ReadT:
    """Call a function that reads EVE, with the options of every such command and a progress bar."""
    with _progress_bar() as progress:
        return read(
            inputs.eve,
            site,
            since=inputs.since,
            until=inputs.until,
            now=time.time(),
            jobs=inputs.jobs,
            progress=progress,
        )


def _judge(inputs: InputOptions, *, everyone: bool, drawn: bool) -> "Report":
    site = _profile_compiled(inputs)
    from eveproc.verdicts.analyze import analyze

    report = _read(partial(analyze, everyone=everyone, drawn=drawn), inputs, site)
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
    _exit_if_blind(report.judgement)


def _exit_if_blind(judgement: "Judgement") -> None:
    if judgement.is_blind:
        sys.exit(NOT_JUDGED)


def _deliver(report: "Report", form: str, output: "Path | Receiver | None", everyone: bool) -> None:
    from eveproc.report import FORMATS, messages, shown, text_report
    from rulegen.files import write_whole

    verdicts = shown(report, everyone=everyone)
    if isinstance(output, Path):
        write_whole(output, FORMATS[form](report, verdicts))
    elif output is not None:
        output.send(messages(form, report, verdicts))
    elif form == "text" and sys.stdout and sys.stdout.isatty():
        _echo(text_report.render_table(report, verdicts, get_terminal_size().columns))
    else:
        _echo(FORMATS[form](report, verdicts))


def _archive(report: "Report", folder: Path | None, keep: int, everyone: bool) -> None:
    from eveproc.report import shown

    if folder:
        from eveproc.archive.keep import add_night

        verdicts = shown(report, everyone=everyone)
        add_night(report, verdicts, folder, made=time.time(), keep=keep)


def _echo(text: str) -> None:
    """Write to standard output; that its reader needs no more, as `| head`, is no fault."""
    with suppress(BrokenPipeError):
        _write(text)


def _echo_news(text: str) -> None:
    """Write to standard output; news that nobody reads is not told."""
    try:
        _write(text)
    except BrokenPipeError as error:
        raise MxhoundError("standard output: closed by the program that reads it") from error


def _write(text: str) -> None:
    """Write bytes, so that CSV keeps its line ends, in UTF-8 whatever the locale."""
    try:
        if sys.stdout is None:  # closed by whoever started this process
            raise OSError(EBADF, os.strerror(EBADF))
        click.echo(text.encode(), nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would raise an error when it flushes at exit, so redirect standard output to the
        # null device.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
    except OSError as error:
        raise MxhoundError(f"standard output: cannot be written: {error.strerror}") from error


def _tell_reading(report: "Report", stats: Path | None) -> None:
    from eveproc.report import reading_stats
    from rulegen.files import write_whole

    click.echo(reading_stats.render(report), nl=False, err=True)
    if stats is not None:
        write_whole(stats, reading_stats.render_json(report))


@contextmanager
def _faults_told() -> Iterator[None]:
    """Print an error of the library or the system to standard error and exit 1."""
    try:
        yield
    except MxhoundError as error:
        for line in str(error).split("\n"):
            _say(line)
        sys.exit(REFUSED)
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        sys.exit(REFUSED)


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None] | None]:
    """Progress bar on standard error if it is a terminal and there is LONG_WORK to do."""
    if not (sys.stderr and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    with Progress(
        "reading",
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading", visible=False)
        yield lambda done, total: bar.update(
            task, completed=done, total=total, visible=total >= LONG_WORK
        )
