"""Text and errors -> standard output, standard error and exit codes."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EBADF
from typing import TYPE_CHECKING

import click

from rulegen.errors import MxhoundError

if TYPE_CHECKING:
    from eveproc.verdicts.judgement import Judgement

REFUSED, FOUND, NOT_JUDGED = 1, 3, 4
# Above this number of bytes reading takes seconds, so a progress bar is shown.
LONG_WORK = 64 << 20


def echo(text: str) -> None:
    """Write to standard output; a reader that closes it early, such as `| head`, is no error."""
    with suppress(BrokenPipeError):
        _write(text)


def echo_news(text: str) -> None:
    """Write to standard output; raise MxhoundError if its reader has closed it."""
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


def say(text: str) -> None:
    """Write one line to standard error, after the name of the program."""
    from eveproc.report.sanitize import safe

    click.echo(f"eveproc: {safe(text)}", err=True)


@contextmanager
def errors_reported() -> Iterator[None]:
    """Print an error of the library or the system to standard error and exit 1."""
    try:
        yield
    except MxhoundError as error:
        for line in str(error).split("\n"):
            say(line)
        sys.exit(REFUSED)
    except OSError as error:
        say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        sys.exit(REFUSED)


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None] | None]:
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


def exit_if_blind(judgement: "Judgement") -> None:
    """Exit 4 if nothing could be judged."""
    if judgement.is_blind:
        sys.exit(NOT_JUDGED)
