"""The pages for maintainers (architecture, contributing, security, the index) -> what they name
exists and is as described.
"""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from eveproc.report import FORMATS
from tests.pages import ROOT
from tests.scopes import scope_of
from tests.test_shape import LONGEST, ROOMS, SHARED

INDEX = ROOT / "docs" / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = [INDEX, ARCHITECTURE, CONTRIBUTING, ROOT / "SECURITY.md", ROOT / "README.md"]
FOLDERS = ("rulegen", "eveproc", "templates", "tests", "docs", "rules", "contrib", "benchmarks")
# Words in capitals stand for what a reader puts there.
PATHS = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./-]*(?![\w./*-])")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTEST = PROJECT["tool"]["pytest"]["ini_options"]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(words: str) -> list[str]:
    """Every command in the page that begins with these words, in code of either kind."""
    spans = re.findall(r"`([^`\n]+)`", text_of(CONTRIBUTING))
    blocks = re.findall(r"^```\n(.*?)^```", text_of(CONTRIBUTING), re.MULTILINE | re.DOTALL)
    lines = [*spans, *(line for block in blocks for line in block.splitlines())]
    return [line.partition("  #")[0].strip() for line in lines if line.startswith(words)]


def test_the_index_lists_every_page_once() -> None:
    listed = re.findall(r"^\| \[([\w./-]+)\]\(\1\) \|", text_of(INDEX), re.MULTILINE)
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {INDEX.name}
    of_root = {f"../{page.name}" for page in ROOT.glob("*.md")} - {"../README.md"}
    assert sorted(listed) == sorted(pages | of_root)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = {path.rstrip(".") for path in PATHS.findall(text_of(page)) if "NAME" not in path}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:`|^)make((?: [a-z]+)+)", text_of(page), re.MULTILINE)
    assert {target for words in named for target in words.split()} <= targets


def test_rooms_are_listed_from_the_ground_up() -> None:
    rooms = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", text_of(ARCHITECTURE), re.MULTILINE)
    assert tuple(rooms) == ROOMS


def test_what_the_packages_share_is_listed_whole() -> None:
    (sentence,) = re.findall(r"imports from `rulegen` only (.*?), and", text_of(ARCHITECTURE), re.S)
    assert set(re.findall(r"`(\w+)`", sentence)) == SHARED


def test_report_formats_are_listed_whole() -> None:
    assert f"| `report` | a `Report` | {', '.join(FORMATS)} |" in text_of(ARCHITECTURE)
    assert "one of eleven forms" in text_of(ARCHITECTURE)
    assert len(FORMATS) == 11


def test_limits_are_those_that_are_held() -> None:
    page = text_of(CONTRIBUTING)
    assert f"at most {LONGEST} lines" in page
    assert f"{PROJECT['tool']['coverage']['report']['fail_under']} % branch coverage" in page


def test_commands_of_pytest_name_marks_and_files_that_exist() -> None:
    marks = {mark.partition(":")[0] for mark in PYTEST["markers"]}
    found = commands(".venv/bin/pytest")
    assert {words[2] for line in found if (words := line.split())[1] == "-m"} == marks
    files = [word for line in found for word in line.split()[1:] if word.startswith("tests/")]
    assert files
    assert all((ROOT / file).is_file() for file in files)


def test_modules_that_are_called_exist() -> None:
    modules = [line.split()[2] for line in commands(".venv/bin/python -m")]
    assert modules
    assert all(find_spec(module) for module in modules)


def test_make_check_leaves_out_every_mark() -> None:
    (left_out,) = re.findall(r"^FAST = (.*)$", text_of(ROOT / "Makefile"), re.MULTILINE)
    marks = [mark.partition(":")[0] for mark in PYTEST["markers"]]
    assert left_out == " and ".join(f"not {mark}" for mark in marks)


def test_github_runs_what_the_page_says() -> None:
    workflow = text_of(ROOT / ".github" / "workflows" / "ci.yml")
    assert re.findall(r"run: (make .*|\.ci/.*)", workflow) == [
        "make check",
        "make dev",
        ".ci/run",
    ]
    assert "run: tests/engines/install.sh 7 snort-2.9" in workflow
    assert "schedule" in workflow.partition("jobs:")[2].partition("  whole:")[2]
    assert re.findall(r"^make \w+$", text_of(ROOT / ".ci" / "run"), re.MULTILINE) == [
        "make lint",
        "make test",
    ]


@pytest.mark.parametrize(
    ("test", "scope"),
    [
        ("tests/test_flow.py::test_x[suricata-7-IPv6 only]", "tests/test_flow.py"),
        ("tests/eveproc/spark/test_tables.py::test_x", "tests/eveproc/spark/"),
        ("tests/live/test_block.py::test_x[a::b]", "tests/live/"),
    ],
)
def test_one_worker_runs_what_shares_an_engine(test: str, scope: str) -> None:
    assert scope_of(test) == scope
