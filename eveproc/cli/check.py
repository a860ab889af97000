"""eveproc check: logs -> whether a mass mailer would be detected at this site."""

import click

from eveproc.cli.options import InputOptions, reads_eve
from eveproc.cli.output import echo, errors_reported, exit_if_blind
from eveproc.cli.reading import read_with_progress


@click.command()
@reads_eve
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

    with errors_reported():
        found = read_with_progress(check_site, inputs, inputs.profile())
    echo(FORMATS[form](found))
    if found.is_blind:
        for line in lines(found.judgement):
            click.echo(line, err=True)
    exit_if_blind(found.judgement)
