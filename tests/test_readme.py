"""README.md and docs/ against the code: every command, option, key and output is as it is
written.
"""

import re
from difflib import unified_diff
from pathlib import Path

import click
import pytest
from msgspec.structs import fields

from rulegen.site_profile import SiteProfile, load_site
from tests.pages import GROUPS, ROOT, pages
from tests.truth import Score, read_verdicts, score

DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
# Parts of the profile that the reader makes of one key.
MADE_OF = {"network_thresholds": "thresholds"}


def text_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def difference(path: Path, page: str) -> str:
    written = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(
        unified_diff(written, page.splitlines(keepends=True), path.name, "as the code says")
    )


def options() -> list[str]:
    params = [
        param
        for group in GROUPS.values()
        for command in group.commands.values()
        for param in command.params
    ]
    return sorted({name for param in params for name in param.opts if name.startswith("-")})


def test_made_pages_and_the_outputs_in_the_readme_are_what_the_code_says_now() -> None:
    stale = "".join(difference(path, page) for path, page in pages().items())
    assert not stale, f"run `make pages`:\n{stale}"


def test_the_readme_lists_every_command_and_no_other() -> None:
    commands = {f"{name} {command}" for name, group in GROUPS.items() for command in group.commands}
    assert (
        set(re.findall(r"^\| `((?:rulegen|eveproc) \w+)` \|", text_of("README.md"), re.MULTILINE))
        == commands
    )


@pytest.mark.parametrize("option", options())
def test_every_option_is_documented(option: str) -> None:
    assert re.search(rf"(?<![\w-]){option}(?![\w-])", text_of("docs/commands.md"))


def test_every_command_and_option_explains_itself() -> None:
    for group in GROUPS.values():
        for command in group.commands.values():
            assert command.help
            assert all(
                p.help for p in command.params if isinstance(p, click.Option) and p.name != "form"
            )


def test_site_page_has_every_key_and_no_other() -> None:
    keys = {MADE_OF.get(field.name, field.name) for field in fields(SiteProfile)}
    assert set(re.findall(r"^\| `(\w+)` \|", text_of("docs/site.md"), re.MULTILINE)) == keys


def test_site_page_examples_load(tmp_path: Path) -> None:
    least, *more = re.findall(r"```yaml\n(.*?)```", text_of("docs/site.md"), re.DOTALL)
    assert len(more) == 2
    for example in ("", *more):
        path = tmp_path / "site.yaml"
        path.write_text(least + example)
        assert load_site(path).home_networks


@pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(
        r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")
    ):
        found = page.parent / target if target else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
            }, anchor


TARGETS = "setup dev engines browser spark demo check test lint format evaluate speed cost fuzz record pages screenshots clean help"


@pytest.mark.parametrize("target", TARGETS.split())
def test_makefile_targets_explain_themselves(target: str) -> None:
    assert re.search(rf"^{target}:.* ## \S", text_of("Makefile"), re.MULTILINE)


def test_score_names_every_error(tmp_path: Path) -> None:
    truth, report = tmp_path / "truth.json", tmp_path / "report.json"
    truth.write_text(
        '{"hosts": [{"host": "10.0.0.1", "addresses": ["10.0.0.1", "10.0.0.9"], "label": '
        '"infected", "scenario": "flood"},'
        ' {"host": "10.0.0.2", "addresses": ["10.0.0.2"], "label": "infected", "scenario": "slow"},'
        ' {"host": "10.0.0.3", "addresses": ["10.0.0.3"], "label": "benign", "scenario": '
        '"printer"},'
        ' {"host": "10.0.0.4", "addresses": ["10.0.0.4"], "label": "benign", "scenario": '
        '"crawler"}]}'
    )
    report.write_text(
        '{"host": "10.0.0.9", "verdict": "infected"}\n{"host": "10.0.0.2", "verdict": '
        '"suspected"}\n'
        '{"host": "10.0.0.3", "verdict": "infected"}\n{"host": "10.0.0.4", "verdict": '
        '"suspected"}\n'
    )
    result = score(truth, read_verdicts(report))
    assert result == Score(
        2, 2, ("10.0.0.2 (slow)",), ("10.0.0.3 (printer)",), ("10.0.0.4 (crawler)",)
    )
    assert str(result).startswith("1 of 2 mass mailers infected, 1 of 2 others\n")
    assert not result.right
