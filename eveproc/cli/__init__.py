"""Command line of eveproc: what an IDS logged -> one verdict per host. One file per command."""

import atexit
import gc

import click

from eveproc.cli import block, check, discover, explain, report, tune, watch

# Garbage is collected when allocations exceed deallocations by this number.
COLLECT_EACH = 50_000


@click.group(
    commands=(
        report.report,
        check.check,
        explain.explain,
        watch.watch,
        block.block,
        tune.tune,
        discover.discover,
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
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
