"""eveproc block: a JSON report -> files that block the mail of infected hosts."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eveproc.cli.options import FILE, SITE_FILE, WRITTEN, Number
from eveproc.cli.output import echo, errors_reported, say

if TYPE_CHECKING:
    from eveproc.block import Candidate


@click.command()
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
    type=Number(0, 24 * 30, min_open=True),
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
    with errors_reported():
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
        echo("".join(f"{line}\n" for line in shown))


def _reported(report: Path, folder: Path | None) -> "tuple[Candidate, ...]":
    """The hosts of the report, and of the run before it that wrote into the folder."""
    from eveproc.block import read_report, with_earlier

    candidates = read_report(report)
    known = with_earlier(candidates, folder) if folder else candidates
    if not candidates:
        say(f"{report}: names no host{'; earlier blocks stay until they expire' if known else ''}")
    return known
