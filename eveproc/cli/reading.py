"""Options of a command that reads EVE -> what the logs gave, and what could not be judged."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

from eveproc.cli.options import InputOptions
from eveproc.cli.output import exit_if_blind, progress_bar

if TYPE_CHECKING:
    from eveproc.evidence.store import EvidenceStore
    from eveproc.input.read_stats import ReadStats
    from rulegen.site_profile import SiteProfile

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


def read_with_progress(read: _Reads[_ReadT], inputs: InputOptions, site: "SiteProfile") -> _ReadT:
    """Call a function that reads EVE, with the options of every such command and a progress bar."""
    with progress_bar() as progress:
        return read(
            inputs.eve,
            site,
            since=inputs.since,
            until=inputs.until,
            now=time.time(),
            jobs=inputs.jobs,
            progress=progress,
        )


def print_judgement(
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
    exit_if_blind(judgement)
