"""Catalogue, --help, containers and real runs -> the pages that are made of them; a test
compares.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import click
from click.testing import CliRunner

import eveproc.cli
import rulegen.cli
from eveproc.signals.declaration import SignalEntry
from eveproc.signals.registry import SIGNALS
from eveproc.verdicts.parameters import ALERTS, CURVES
from rulegen.catalogue import CATALOGUE
from rulegen.spec import Reference, RuleSpec
from rulegen.vocabulary import Engine, Family, HostSide, Signal
from tests.cast import cast_of
from tests.eveproc.input.inputs_page import inputs_page
from tests.terminal_files import terminal_files

ROOT = Path(__file__).parents[1]
VERDICTS = ROOT / "docs" / "verdicts.md"
SPANS = MappingProxyType({60: "60 s", 300: "5 min", 3600: "1 h", 28800: "8 h", 86400: "24 h"})
GROUPS: Mapping[str, click.Group] = MappingProxyType(
    {"rulegen": rulegen.cli.commands, "eveproc": eveproc.cli.main}
)

# A command after "$ " in a console block, and all that it says on the screen.
_RUN = re.compile(r"^\$ (?P<command>.+)\n(?P<output>(?:(?!\$ |```).*\n)*)", re.MULTILINE)
_CONSOLE = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)

# A table of a page that is otherwise written by hand.
_TABLE = re.compile(r"(?<=^<!-- table: )(\w+)( -->\n).*?(?=^<!-- end of table -->$)", re.M | re.S)

_COMMANDS_HEAD = """\
# Commands, as they describe themselves

Made from `--help` by `make pages`; do not edit. Exit codes are in [operating.md](operating.md#exit-codes).
"""

_HEAD = """\
# Signals: what is detected, and known false positives

Made from rulegen/catalogue and eveproc/signals by `make pages`; do not edit. A signal is one behaviour of a mass mailer that can be
counted. Signals of one family tend to fail together; two families that agree make a verdict. The sid of a rule is the site's
`sid_base` plus its offset, plus 1000 for each further network with thresholds of its own. "Records" says what eveproc counts
for the same behaviour in Suricata's own dns, smtp and flow records. [add-a-signal.md](add-a-signal.md) describes how to add one.
"""


def pages() -> dict[Path, str]:
    """Every page that is made, as it should be."""
    tour = with_real_outputs((ROOT / "docs" / "tour.md").read_text(encoding="utf-8"))
    with_outputs = (ROOT / "README.md", ROOT / "docs" / "reports.md")
    return {
        ROOT / "docs" / "tour.md": tour,
        ROOT / "docs" / "tour.cast": cast_of(tour, "mxhound: a tour in three minutes"),
        ROOT / "docs" / "signals.md": signals_page(),
        VERDICTS: with_tables(VERDICTS.read_text(encoding="utf-8")),
        ROOT / "docs" / "commands.md": commands_page(),
        ROOT / "docs" / "inputs.md": inputs_page(),
        **terminal_files(GROUPS),
        **{page: with_real_outputs(page.read_text(encoding="utf-8")) for page in with_outputs},
    }


def with_real_outputs(text: str) -> str:
    """The same text with what each command of its console blocks says now."""
    with tempfile.TemporaryDirectory(prefix="mxhound-") as name:
        folder = Path(name)
        for part in ("rules", "tests"):
            (folder / part).symlink_to(ROOT / part)
        return _CONSOLE.sub(
            lambda block: _RUN.sub(lambda run: _rerun(run["command"], folder), block[0]), text
        )


def _rerun(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        # A reader's own language must not change what is compared.
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # on a reader's screen it is there too
        text=True,
        check=False,  # some examples show another exit code
    )
    return f"$ {command}\n{done.stdout}"


def commands_page() -> str:
    """Every command's --help."""
    return "\n".join([_COMMANDS_HEAD, *(_help(name, group) for name, group in GROUPS.items())])


def _help(name: str, group: click.Group) -> str:
    sections = [f"## {name}\n", _block(group, name, [])]
    for command in group.commands:
        sections += [f"### {name} {command}\n", _block(group, name, [command])]
    return "\n".join(sections)


def _block(group: click.Group, name: str, words: list[str]) -> str:
    said = CliRunner().invoke(group, [*words, "--help"], prog_name=name, terminal_width=100)
    return f"```text\n{said.output.rstrip()}\n```\n"


def signals_page() -> str:
    """The whole page, families and rules in the order of the catalogue."""
    return "\n".join([_HEAD, _table(CATALOGUE), *(_family(family) for family in Family)])


def _table(specs: Iterable[RuleSpec]) -> str:
    rows = [
        f"| [{spec.name}](#{spec.name}) | {spec.family} | {spec.offset} | {_numbers(spec)} | "
        f"{_engines(spec)} |"
        for spec in specs
    ]
    return "\n".join(
        [
            "| rule | family | sid offset | count in seconds | rules for |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _family(family: Family) -> str:
    return "\n".join(
        [f"## Family {family}\n", *(_rule(spec) for spec in CATALOGUE if spec.family is family)]
    )


def _rule(spec: RuleSpec) -> str:
    lines = [
        f"### {spec.name}\n",
        f"Sees {spec.sees}.\n",
        f"- Signal: {spec.signal}; ATT&CK technique {spec.technique}.",
    ]
    if spec.threshold:
        lines.append(f"- Default: {_numbers(spec)} s. {spec.threshold_source}")
    if spec.name == spec.signal:
        lines.append(f"- Records: {_records(SIGNALS[spec.signal])}.")
    lines.append(
        f"- The suspect is the {'source' if spec.host_side is HostSide.SOURCE else 'destination'} "
        "of the packet."
    )
    lines += [
        f"- Not on {', '.join(engines)}: {reason}."
        for reason, engines in _by_reason(spec.not_on).items()
    ]
    lines += [
        f"- Not visible on {', '.join(engines)}: {missed}."
        for missed, engines in _by_reason(spec.misses).items()
    ]
    lines += [f"- Known false positive: {other}." for other in spec.mistaken_for]
    lines.append(f"- Next step: {spec.next_step}")
    lines.append(f"- References: {', '.join(map(_link, spec.references))}.\n")
    return "\n".join(lines)


def _records(entry: SignalEntry) -> str:
    if entry.records:
        return f"those of {entry.records}"
    if not entry.extractors:
        return "none, only alerts show it"
    return f"{_eve_types(entry)}, counted by {entry.peer}. {entry.windows_source.rstrip('.')}"


def with_tables(text: str) -> str:
    """docs/verdicts.md with its tables as the entries of eveproc/signals have them."""
    made = {"peers": _peers_table(), "windows": _windows_table(), "alerts": _alerts_table()}
    return _TABLE.sub(lambda found: f"{found[1]}{found[2]}{made[found[1]]}", text)


def _peers_table() -> str:
    rows = (
        f"| {_names_counted_from(signal)} | {_eve_types(entry)} | {entry.did} | {entry.peer} |"
        for signal, entry in SIGNALS.items()
        if entry.extractors
    )
    return "\n".join(
        ["| signal | records | the host | the peer that counts |", "|---|---|---|---|", *rows, ""]
    )


def _names_counted_from(signal: Signal) -> str:
    names = (name for name, entry in SIGNALS.items() if entry.counted_from is signal)
    return ", ".join(f"`{name}`" for name in names)


def _eve_types(entry: SignalEntry) -> str:
    *others, last = dict.fromkeys(extractor.record.EVE_TYPE for extractor in entry.extractors)
    return f"{', '.join(others)} and {last}" if others else last


def _windows_table() -> str:
    rows = (
        f"| `{signal}` | {SPANS[window.seconds]} | {window.rare:g} | {window.mailer:g} |"
        for signal, windows in CURVES.items()
        for window in windows
    )
    return "\n".join(["| signal | window | rare | mailer |", "|---|---|---|---|", *rows, ""])


def _alerts_table() -> str:
    rows = (f"| `{signal}` | {w.first:g} | {w.most:g} |" for signal, w in ALERTS.items())
    return "\n".join(["| signal | first | most |", "|---|---|---|", *rows, ""])


def _numbers(spec: RuleSpec) -> str:
    return f"{spec.threshold.count} in {spec.threshold.seconds}" if spec.threshold else "none"


def _engines(spec: RuleSpec) -> str:
    return ", ".join(engine for engine in Engine if spec.is_seen_by(engine)) or "none: logs only"


def _by_reason(reasons: Mapping[Engine, str]) -> dict[str, list[str]]:
    engines: dict[str, list[str]] = {}
    for engine in Engine:
        if engine in reasons:
            engines.setdefault(reasons[engine], []).append(engine)
    return engines


def _link(reference: Reference) -> str:
    return (
        f"<https://{reference.value}>"
        if reference.kind == "url"
        else f"{reference.kind} {reference.value}"
    )


if __name__ == "__main__":
    for path, page in pages().items():
        path.write_text(page, encoding="utf-8")
