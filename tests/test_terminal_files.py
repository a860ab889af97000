"""Man pages and completion scripts, and the shells that read them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.pages import GROUPS
from tests.terminal_files import COMPLETION, MAN, SHELLS, terminal_files

EVERY = [(name, word) for name, group in GROUPS.items() for word in group.commands]
PAGES = sorted(MAN.iterdir())
# What each shell runs to complete the words after it, one answer a line.
ASK = {
    "bash": """source {script}; COMP_WORDS=({words} {last}); COMP_CWORD={index}
               {function} {program}; printf '%s\\n' "${{COMPREPLY[@]}}" """,
    "fish": 'source {script}; complete --do-complete "{program} {words} {last}"',
    "zsh": """compdef() {{ :; }}; _describe() {{ print -l -- ${{(P)3}}; }}
              compadd() {{ print -l -- ${{(P)argv[-1]}}; }}; _path_files() {{ print FILES; }}
              source {script}; words=({program} {words} "{last}"); CURRENT={index}+1
              {function} {program}""",
}


def test_there_is_no_file_of_a_command_that_is_gone() -> None:
    made = set(terminal_files(GROUPS))
    kept = {path for folder in (MAN, COMPLETION) for path in folder.rglob("*") if path.is_file()}
    assert kept == made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_groff_has_no_complaint_about_a_man_page(page: Path) -> None:
    if not shutil.which("groff"):
        pytest.skip("NOT TESTED without groff: the man pages")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-P-cbou", "-ww", str(page)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert all(title in done.stdout for title in ("NAME", "SYNOPSIS", "OPTIONS", "SEE ALSO"))


@pytest.mark.parametrize(("name", "word"), EVERY)
def test_the_man_page_has_every_option_and_says_nothing_in_small_print(
    name: str, word: str
) -> None:
    page = (MAN / f"{name}-{word}.1").read_text().replace("\\-", "-")
    for param in GROUPS[name].commands[word].params:
        assert all(option in page for option in param.opts if option.startswith("-"))
    assert not re.search(r"^'|^\.(?!TH|SH|B |BR|TP|PP)", page, re.MULTILINE)


@pytest.mark.parametrize(("name", "word"), EVERY)
def test_a_list_of_commands_at_80_columns_shows_whole_sentences(name: str, word: str) -> None:
    shown = CliRunner().invoke(GROUPS[name], ["--help"], terminal_width=80).output
    (line,) = re.findall(rf"^  {word} +(.*)$", shown, re.MULTILINE)
    first = " ".join((GROUPS[name].commands[word].help or "").split("\n\n")[0].split())
    assert first.startswith(line)
    assert line.endswith(".")


def complete(shell: str, *words: str) -> list[str]:
    """What the shell offers for the last of these words."""
    program = shutil.which(shell)
    if not program:
        pytest.skip(f"NOT TESTED without {shell}: the completion that it reads")
    name, *others = words
    asked = ASK[shell].format(
        script=COMPLETION / shell / SHELLS[shell][1].format(name),
        program=name,
        words=" ".join([name, *others[:-1]] if shell == "bash" else others[:-1]),
        last=others[-1],
        index=len(others),
        function=f"_{name}_completion",
    )
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [program, "-c", asked], env=env, capture_output=True, text=True, check=False
    )
    return [re.split(r"[:\t]", line)[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_options_and_choices(shell: str) -> None:
    assert complete(shell, "rulegen", "b") == ["build"]
    assert complete(shell, "eveproc", "report", "--fo") == ["--format"]
    assert "markdown" in complete(shell, "eveproc", "report", "-f", "")


def test_files_are_left_to_the_shell() -> None:
    for words, index in (("eveproc report ev", "2"), ("eveproc report -o ev", "3")):
        env = {"COMP_WORDS": words, "COMP_CWORD": index, "_EVEPROC_COMPLETE": "bash_complete"}
        done = CliRunner().invoke(GROUPS["eveproc"], [], env=env, prog_name="eveproc")
        assert done.output == "file,ev\n"
