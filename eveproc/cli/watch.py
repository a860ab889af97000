"""eveproc watch: logs while they are written -> each new or changed verdict."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from eveproc.cli.options import (
    EVE,
    SITE,
    THRESHOLDS,
    WRITTEN,
    InputOptions,
    Number,
    refuse_clash,
    refuse_unwritable,
)
from eveproc.cli.output import NOT_JUDGED, echo_news, errors_reported, say

if TYPE_CHECKING:
    from eveproc.state.state import State
    from eveproc.watching.notify import Notifier

# Seconds to deliver queued notifications at exit: less than the 10 s after which some supervisors
# kill a process.
LAST_SECONDS = 5.0


@click.command()
@EVE
@SITE
@THRESHOLDS
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
    type=Number(min=0, min_open=True),
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
    with errors_reported(), suppress(_Stopped), _obeying_signals() as signals:
        from eveproc.report.changes import FORMS
        from eveproc.watching.blindness import Policy
        from eveproc.watching.service import Live, ProcessSignals, Sinks
        from rulegen.site_profile import load_site

        files = {"--state": state, "--heartbeat": heartbeat}
        refuse_clash(files, InputOptions(eve, site, thresholds))
        refuse_unwritable(heartbeat)
        with _state_in(state) as kept, _notifying(urls, kept) as notifier:
            sinks = Sinks(lambda news: echo_news(FORMS[form](news)), say, notifier)
            policy = Policy(exit_when_blind and 60 * exit_when_blind, heartbeat)
            live = Live(eve, lambda: load_site(site, thresholds), sinks, time.time, kept, policy)
            signals.reads.set()
            is_blind = live.run(ProcessSignals(signals.stop, signals.reload))
    sys.exit(NOT_JUDGED if is_blind else 0)


class _Stopped(BaseException):
    """Raised by a signal that ends a watch before it has begun to read."""


class _Signals:
    """What signals asked for. `reads` is set once the watch checks `stop` itself."""

    def __init__(self) -> None:
        self.stop, self.reload, self.reads = Event(), Event(), Event()

    def end(self, *_: object) -> None:
        """Stop, also in the middle of reading what was written since the last watch."""
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
        say(f"notifications dropped: {lost}, kept for a --notify URL that is no longer given")
    if not urls:
        yield None
        return
    notifier = Notifier(urls, say, kept)
    try:
        yield notifier
    finally:
        waiting = notifier.close(LAST_SECONDS)
        for key, left in waiting.items():
            say(
                f"{notifier.name_of(key)}: not delivered: {len(left)}; "
                f"{'kept for the next start' if state else 'lost, without --state'}"
            )
        if state:
            state.keep_messages(waiting)
