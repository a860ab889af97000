"""Command line -> one library call and its answer; exit code 0 done, 1 refused, 2 usage."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rulegen.errors import MxhoundError
from rulegen.options import WrittenPath
from rulegen.vocabulary import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rulegen.build import BuildResult
    from rulegen.render import NotRendered
    from rulegen.site_profile import SiteProfile

# The rest of the library is imported by the command that needs it, so `--help` and shell completion
# stay fast.

_ENGINES = click.Choice([engine.value for engine in Engine])
INSTALLED = "installed"
SET_SERVERS_FIRST = "first set SMTP_SERVERS and DNS_SERVERS in suricata.yaml to the site's servers"
_ENGINES_OR_INSTALLED = click.Choice([*(engine.value for engine in Engine), INSTALLED])
# Unreadable files are refused by the library, which says "Permission denied"; click does not.
_OUT_FOLDER = WrittenPath(file_okay=False, readable=False, path_type=Path)
_FILE = click.Path(dir_okay=False, readable=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mxhound", prog_name="rulegen")
def commands() -> None:
    """Generate IDS rules that find mass-mailing hosts, from a profile of the site.

    Exit codes: 0 done, 1 refused (the reason is on stderr), 2 wrong usage.
    """


def main() -> None:
    """Entry point: turn an error of the library or the system into a message and exit code 1."""
    try:
        commands()
    except MxhoundError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _refuse(message: str) -> None:
    click.echo(message, err=True)
    sys.exit(1)


@commands.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("site.yaml"),
    show_default=True,
    help="File to create; - writes to stdout.",
)
@click.option(
    "--from-suricata",
    type=_FILE,
    metavar="SURICATA.YAML",
    help="Take home networks and servers from this configuration (default: a blank draft).",
)
def init(output: Path, from_suricata: Path | None) -> None:
    """Write a commented site.yaml to start from. An existing file is never overwritten."""
    from rulegen.init import draft_site, write_draft
    from rulegen.suricata_yaml import read_suricata_yaml

    draft = draft_site(read_suricata_yaml(from_suricata) if from_suricata else None)
    if str(output) == "-":
        click.echo(draft.text, nl=False)
    else:
        write_draft(draft, output)
        build = shlex.join(["rulegen", "build", "-s", str(output), "-o", "out"])
        click.echo(f"{output}: written; review it, then: {build}")
    for note in draft.notes:
        click.echo(note, err=True)


@commands.command()
@click.option("-s", "--site", type=_FILE, help="Site profile (site.yaml).")
@click.option(
    "--generic",
    is_flag=True,
    help="Build for any site, without a profile: with $HOME_NET, $SMTP_SERVERS and $DNS_SERVERS in "
    "place of addresses, as a source for suricata-update (docs/generic.md).",
)
@click.option(
    "-t",
    "--thresholds",
    type=_FILE,
    help="Thresholds file (thresholds.yaml) that overrides those of the site profile.",
)
@click.option(
    "-e",
    "--engine",
    "engines",
    type=_ENGINES_OR_INSTALLED,
    multiple=True,
    help="Engine to build for; may be repeated. installed: the engines found on this machine "
    "(default: all).",
)
@click.option(
    "-o",
    "--output",
    type=_OUT_FOLDER,
    required=True,
    help="Folder to write to; each engine gets a folder in it.",
)
@click.option(
    "--diff",
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    metavar="OLD",
    help="Print what changed since this earlier build, and why; may be OUTPUT itself.",
)
def build(
    site: Path | None,
    generic: bool,
    thresholds: Path | None,
    engines: tuple[str, ...],
    output: Path,
    diff: Path | None,
) -> None:
    """Write rules and engine settings for a site to OUTPUT/ENGINE/.

    ENGINE/ holds the rules, suppressions, sid-msg.map and the settings to include. A generic build
    holds rules, sid-msg.map, an archive of both for each Suricata version, and an index of the
    archives.
    """
    if generic:
        _build_generic(engines, output, site, thresholds, diff)
        return
    if site is None:
        raise click.UsageError("Missing option '-s' / '--site': expected it, or --generic")
    from datetime import UTC, datetime

    from rulegen.build import build as build_rules
    from rulegen.change import read_rules
    from rulegen.site_profile import load_site

    profile = load_site(site, thresholds)
    before = {engine: read_rules(diff, engine) for engine in Engine} if diff else {}
    result = build_rules(profile, _engines(engines), output, datetime.now(UTC).date())
    _print_build(result, profile, site, output)
    _print_changes(result, profile, before)


def _build_generic(engines: tuple[str, ...], output: Path, *of_a_site: Path | None) -> None:
    from rulegen.generic import INDEX, build_generic
    from rulegen.vocabulary import SNORTS

    if any(of_a_site):
        raise click.UsageError("--generic cannot be used with --site, --thresholds or --diff")
    named = [name for name in engines if name in set(SNORTS)]
    if named:
        raise click.UsageError(f"--generic is for Suricata; it cannot be used with -e {named[0]}")
    for made in build_generic([e for e in _engines(engines) if e not in SNORTS], output):
        click.echo(f"{made.archive}: {len(made.rules)} rules")
        _print_missing(output / made.engine, made.engine, made.not_rendered)
    click.echo(f"{output / INDEX}: written; {SET_SERVERS_FIRST}")


def _print_missing(folder: Path, engine: Engine, left_out: "Sequence[NotRendered]") -> None:
    if missing := ", ".join(rule.name for rule in left_out):
        click.echo(f"{folder}: without {missing}: rulegen list -e {engine} says why", err=True)


def _engines(names: tuple[str, ...]) -> list[Engine]:
    """The named engines, and those on this machine for `installed`."""
    from rulegen.engines import find_engine

    wanted = {Engine(name) for name in names if name != INSTALLED}
    if INSTALLED in names:
        found = {engine for engine in Engine if find_engine(engine)}
        if not found:
            raise MxhoundError(
                f"-e {INSTALLED}: no Suricata 7 or 8 and no Snort is found on this machine; name "
                f"the engine of the sensor, for example -e {Engine.SURICATA_8}"
            )
        wanted |= found
    return [engine for engine in Engine if engine in wanted]


def _print_build(result: "BuildResult", profile: "SiteProfile", site: Path, output: Path) -> None:
    from rulegen.addresses import short

    for made in result.engines:
        click.echo(f"{output / made.engine}: {len(made.rules)} rules")
        _print_missing(output / made.engine, made.engine, made.not_rendered)
    if 25 not in profile.ports.smtp:
        click.echo(
            f"{site}: [ports.smtp]: does not list 25, where servers accept mail: rules on "
            "connections do not count those to port 25",
            err=True,
        )
    for ended in result.expired:
        click.echo(
            f"{site}: [exempt]: {short(ended.network)} ended on {ended.until} "
            f"and is watched again ({ended.reason})",
            err=True,
        )


def _print_changes(
    result: "BuildResult", profile: "SiteProfile", before: "Mapping[Engine, Mapping[int, str]]"
) -> None:
    from rulegen.change import as_lines, compare

    for made in result.engines if before else ():
        change = compare(made.engine, before[made.engine], made.rules, profile, made.variables)
        for line in as_lines(change):
            click.echo(line)


@commands.command()
@click.argument("path", type=click.Path(readable=False, path_type=Path))
@click.option(
    "-e",
    "--engine",
    type=_ENGINES,
    help="Check the build of this engine only, or load a rules file with it (default: every "
    "engine in the folder; for a file, the engine it was built for).",
)
@click.option(
    "--suricata-yaml",
    type=_FILE,
    help="Also warn about settings in this file, its includes, rule files and threshold-file that "
    "silence rules or remove records.",
)
@click.option(
    "--snort-lua",
    type=click.Path(exists=True, readable=False, path_type=Path),
    help="The same for Snort 3: a snort.lua, or the folder or prefix that contains it.",
)
@click.option(
    "--snort-conf",
    type=click.Path(exists=True, readable=False, path_type=Path),
    help="The same for Snort 2.9: a snort.conf, or the folder or prefix that contains it.",
)
def check(
    path: Path,
    engine: str | None,
    suricata_yaml: Path | None,
    snort_lua: Path | None,
    snort_conf: Path | None,
) -> None:
    """Check a build: parse it and load it with the real engine.

    Reports every error and, with the options below, settings that would silence the rules.

    PATH is a folder written by rulegen build, the folder of one engine in it, or a rules file.
    Exit code 1 if the build is refused. Warnings do not change the exit code; a warning marked
    SILENCED names rules that cannot alert.
    """
    from rulegen.check import check as check_rules

    report = check_rules(
        path,
        Engine(engine) if engine else None,
        suricata_yaml,
        snort_lua=snort_lua,
        snort_conf=snort_conf,
    )
    for text in report.passed:
        click.echo(text)
    for problem in (*report.warnings, *report.problems):
        click.echo(f"{'refused' if problem in report.problems else 'warning'}: {problem}", err=True)
    sys.exit(1 if report.problems else 0)


@commands.command("list")
@click.option(
    "-e",
    "--engine",
    type=_ENGINES,
    help="Show the rules of this engine, and why it lacks the others (default: all engines).",
)
def list_signals(engine: str | None) -> None:
    """List every rule and what it detects.

    Shows its signal, family, sid offset and default threshold.
    """
    from rulegen.listing import as_rich_table, as_text, catalogue_rows

    rows = catalogue_rows(Engine(engine) if engine else None)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(as_rich_table(rows))
    else:
        click.echo(as_text(rows))


@commands.command()
@click.option("-s", "--site", type=_FILE, required=True, help="Site profile (site.yaml).")
@click.option(
    "-o",
    "--output",
    type=_OUT_FOLDER,
    required=True,
    help="Folder for traffic.pcap, truth.json, and replay.yaml, with which Suricata replays it.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Seed of the random generator; each seed gives a different day of traffic.",
)
def simulate(site: Path, output: Path, seed: int) -> None:
    """Write labelled traffic of infected and benign hosts as a pcap."""
    from rulegen.simulate import simulate as simulate_site
    from rulegen.simulate import write_simulation
    from rulegen.site_profile import load_site

    simulation = simulate_site(load_site(site), seed)
    write_simulation(simulation, output)
    click.echo(f"{output / 'traffic.pcap'}, truth.json and replay.yaml: written")
    if simulation.left_out:
        left = ", ".join(simulation.left_out)
        click.echo(f"{site}: [home_networks]: hold no free address to simulate {left}", err=True)
