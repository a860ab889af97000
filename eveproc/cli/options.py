"""Text of a command line -> typed options: what several commands share."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from eveproc.cli.output import errors_reported
from rulegen.options import WrittenPath

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from rulegen.site_profile import SiteProfile

STDOUT = "-"


def moment(text: str) -> float:
    """ISO 8601 text, in UTC unless it names a time zone -> seconds since 1970 UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        allowed = "ISO 8601, for example 2024-03-01T10:00:00+01:00 (UTC if no zone is given)"
        raise click.BadParameter(f"invalid time {text!r}: expected {allowed}") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


class Number(click.FloatRange):
    """A number within bounds. nan and inf are refused: no comparison with nan is ever true."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def file_or_stdout(text: str) -> Path | None:
    """The file that -o names; None, as without -o, for standard output."""
    return None if text == STDOUT else Path(text)


def complete_files(
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
EVE = click.argument("eve", nargs=-1, required=True, shell_complete=complete_files)


class InputOptions(NamedTuple):
    """Options of every command that reads EVE: sources, profile, period, number of processes."""

    eve: tuple[str, ...]
    site: Path
    thresholds: Path | None
    since: float | None = None
    until: float | None = None
    jobs: int | None = None

    def profile(self) -> "SiteProfile":
        from rulegen.site_profile import load_site

        return load_site(self.site, self.thresholds)


class _SiteFile(click.Path):
    """A site profile; a user without one is told how to make it."""

    def get_missing_message(self, *_: object, **__: object) -> str:
        return "To make a first one from a log: eveproc discover EVE -o site.yaml"


SITE_FILE = _SiteFile(readable=False, path_type=Path)
SITE = click.option("-s", "--site", type=SITE_FILE, required=True, help="Site profile (site.yaml).")
THRESHOLDS = click.option(
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
    THRESHOLDS,
    SITE,
    EVE,
)


def reads_eve(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of InputOptions to a command and pass them as its first argument."""

    @wraps(command)
    def with_inputs(**given: Any) -> None:
        inputs = InputOptions(**{name: given.pop(name) for name in InputOptions._fields})
        since, until = inputs.since, inputs.until
        if since is not None and until is not None and since >= until:
            raise click.UsageError("--since must be before --until")
        command(inputs, **given)

    decorated: Callable[..., None] = with_inputs
    for decorate in _INPUT_OPTIONS:
        decorated = decorate(decorated)
    return decorated


def refuse_clash(
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


def refuse_unwritable(*outputs: object) -> None:
    """Exit 1 if one of these is a file that cannot be written, before hours of reading."""
    from rulegen.files import expect_writable

    with errors_reported():
        for output in outputs:
            if isinstance(output, Path):
                expect_writable(output)


def refuse_what_cannot_be_drawn(
    _context: click.Context, _option: click.Parameter, form: str
) -> str:
    """Refuse a format whose extra is not installed before hours of reading."""
    if form == "html":
        refuse_without_charts()
    return form


def refuse_without_charts() -> None:
    """Exit 1 if the libraries that draw charts are not installed."""
    from eveproc.report.chart import require_matplotlib

    with errors_reported():
        require_matplotlib()
