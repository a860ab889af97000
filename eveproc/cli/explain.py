"""eveproc explain: logs and a host -> why it has its verdict."""

import click

from eveproc.cli.options import InputOptions, reads_eve
from eveproc.cli.output import echo, errors_reported, say
from eveproc.cli.reading import print_judgement, read_with_progress
from rulegen.errors import InputError
from rulegen.vocabulary import Level


@click.command()
@click.argument("host")
@reads_eve
def explain(inputs: InputOptions, host: str) -> None:
    """Explain the verdict on HOST (an address, MAC or name).

    Shows its timeline, the weight of each signal, what would have changed the verdict, and where to
    look further.

    Exit: 0 done, 1 refused, 2 usage, 4 nothing could be judged.
    """
    from eveproc.input.sources import find_files
    from eveproc.report import explain_text
    from eveproc.verdicts.analyze import gather_evidence
    from eveproc.verdicts.explain import explain as account_for

    with errors_reported():
        profile = inputs.profile()
        files = find_files(inputs.eve)
        store, stats = read_with_progress(gather_evidence, inputs, profile)
        try:
            accounts = account_for(host, store, profile, files)
        except InputError:
            print_judgement(store, profile, stats)
            raise
        is_found = any(account.verdict.level is not Level.CLEAN for account in accounts)
        print_judgement(store, profile, stats, found=is_found)
        for note in profile.inventory.faults():
            say(note)
        echo("\n\n".join(explain_text.render(told) for told in accounts))
