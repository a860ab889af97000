"""The click commands -> man pages and shell completion, which the wheel and the Debian package
install."""

import re
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

ROOT = Path(__file__).parents[1]
MAN = ROOT / "docs" / "man"
COMPLETION = ROOT / "contrib" / "completion"
# Shell -> its class of click, and the name that the shell looks for.
SHELLS: Mapping[str, tuple[type[ShellComplete], str]] = MappingProxyType(
    {
        "bash": (BashComplete, "{}"),
        "zsh": (ZshComplete, "_{}"),
        "fish": (FishComplete, "{}.fish"),
    }
)
# What groff would take for a request, a font, a hyphen or a typographic quote.
_ROFF = MappingProxyType(
    str.maketrans({"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"})
)
_EXIT = re.compile(r"^Exit(?: codes)?: ")
_ALSO = "The pages of docs/, in the order of docs/README.md."


def terminal_files(groups: Mapping[str, click.Group]) -> dict[Path, str]:
    """Every man page and completion script of these commands, as it should be."""
    files: dict[Path, str] = {}
    for name, group in groups.items():
        whole = click.Context(group, info_name=name, **group.context_settings)
        files[MAN / f"{name}.1"] = _page(whole, [f"{name}-{word}" for word in group.commands])
        for word, command in group.commands.items():
            part = click.Context(command, parent=whole, info_name=word)
            files[MAN / f"{name}-{word}.1"] = _page(part, [name])
        for shell, (made_by, file) in SHELLS.items():
            files[COMPLETION / shell / file.format(name)] = _completion(made_by, name)
    return files


def _completion(made_by: type[ShellComplete], name: str) -> str:
    made = made_by(click.Command(name), {}, name, f"_{name.upper()}_COMPLETE")
    # Not source(): for bash that asks the version of the bash on this machine.
    return f"{(made.source_template % made.source_vars()).strip()}\n"


def _page(context: click.Context, also: list[str]) -> str:
    command, name = context.command, context.command_path.replace(" ", "-")
    first, *others = map(_joined, cleandoc(command.help or "").split("\n\n"))
    exits = [_EXIT.sub("", text) for text in others if _EXIT.match(text)]
    texts = [first, *(text for text in others if not _EXIT.match(text))]
    parts = [
        f'.TH {_roff(name.upper())} 1 "" "mxhound" "mxhound"',
        f".SH NAME\n{_roff(name)} \\- {_roff(first.removesuffix('.'))}",
        f".SH SYNOPSIS\n.B {_roff(context.command_path)}",
        _roff(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION",
        "\n.PP\n".join(map(_roff, texts)),
        *_section("OPTIONS", _options(context)),
        *_section("COMMANDS", _commands(command)),
        *(f".SH EXIT STATUS\n{_roff(text)}" for text in exits),
        ".SH SEE ALSO",
        *(f".BR {_roff(name)} (1)" for name in also),
        f".PP\n{_ALSO}",
    ]
    return "\n".join(parts) + "\n"


def _options(context: click.Context) -> Iterator[tuple[str, str]]:
    for param in context.command.get_params(context):
        record = param.get_help_record(context)
        if record and isinstance(param, click.Option):
            yield record


def _commands(command: click.Command) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield name, each.get_short_help_str(limit=200)


def _section(title: str, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    told = [f".TP\n.B {_roff(names)}\n{_roff(_joined(text))}" for names, text in entries]
    if told:
        yield "\n".join([f".SH {title}", *told])


def _joined(text: str) -> str:
    return " ".join(text.split())


def _roff(text: str) -> str:
    """The text as roff shows it; a leading full stop is no request."""
    return re.sub(r"^(?=\.)", r"\\&", text.translate(_ROFF))
