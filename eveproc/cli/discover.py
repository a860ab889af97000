"""eveproc discover: logs -> a proposed site.yaml, or how the logs differ from one."""

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eveproc.cli.options import EVE, FILE, complete_files, file_or_stdout
from eveproc.cli.output import NOT_JUDGED, echo, errors_reported, progress_bar, say

if TYPE_CHECKING:
    from eveproc.discovery.discover import Discovery
    from rulegen.site_profile import SiteProfile


@click.command()
@EVE
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
    shell_complete=complete_files,
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
    with errors_reported():
        if output:
            expect_new(output)
        profile = load_site(site) if site else None
        found = _discovered(eve, profile)
        if not found.home_networks:  # a site.yaml without home networks is refused
            pass
        elif diff and profile:
            echo(proposal.render_differences(differences(found, profile), found.missing))
        else:
            _propose(found, output, eve)
    for what in found.missing if found.is_blind else ():
        say(f"no server can be found: {what}")
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
        echo(proposal.render(found))
    click.echo(discovery_summary.render(found), nl=False, err=True)


def _discovered(eve: tuple[str, ...], site: "SiteProfile | None") -> "Discovery":
    from eveproc.discovery.from_logs import discover_in

    with progress_bar() as progress:
        return discover_in(eve, site, now=time.time(), progress=progress)
