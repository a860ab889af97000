"""The source of both packages -> its shape: direction of imports, one home of each outside package, short functions, a first line."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.pages import GROUPS

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for folder in ("rulegen", "eveproc")
    for path in (ROOT / folder).rglob("*.py")
}

# What eveproc may know of rulegen: the words and texts both share, not how rules are made.
SHARED = {"errors", "vocabulary", "site", "catalogue", "spec"}
# Where each outside package is at home; a folder ends in a dot.
HOMES = {
    "apprise": ("eveproc.watching.notify",),
    "click": ("rulegen.cli", "eveproc.cli"),
    "dpkt": ("rulegen.simulate.",),
    "idstools": ("rulegen.readback", "eveproc.snort.unified2"),
    "ijson": ("eveproc.reading.reader",),
    "jinja2": ("rulegen.render", "eveproc.report.page"),
    "markupsafe": ("eveproc.report.page", "eveproc.report.html", "eveproc.report.tuningpage"),
    "pandas": (),
    "py4j": ("eveproc.spark.",),
    "pyarrow": ("eveproc.spark.",),
    "pyspark": ("eveproc.spark.",),
    "matplotlib": ("eveproc.report.chart", "eveproc.report.nightcharts", "eveproc.report.tuningpage"),
    "hyperscan": ("eveproc.reading.patterns", "eveproc.reading.select"),
    "backports": ("eveproc.reading.unpack",),
    "isal": ("eveproc.reading.unpack",),
    "redis": ("eveproc.watching.redislist",),
    "xopen": ("eveproc.reading.sources",),
    "yaml": ("rulegen.yamlfile", "rulegen.suricata_yaml", "eveproc.tuning.tune", "eveproc.tuning.discover"),
}
LONGEST = 40


def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imports(name: str) -> Iterator[str]:
    """Full names of every module that this one imports, at the top or inside a function."""
    for node in ast.walk(tree(name)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module


def functions(name: str) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree(name)) if isinstance(node, ast.FunctionDef))


def length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def within(name: str, home: str) -> bool:
    return name == home or name.startswith(home) if home.endswith(".") else name == home


def test_both_packages_are_looked_at() -> None:
    assert {"rulegen.site", "rulegen.check", "eveproc.reading.reader", "eveproc.verdict"} <= MODULES.keys()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_one_way(name: str) -> None:
    for imported in imports(name):
        package, _, rest = imported.partition(".")
        if name.startswith("rulegen."):
            assert package != "eveproc"
        elif package == "rulegen":
            assert rest.partition(".")[0] in SHARED


@pytest.mark.parametrize("name", sorted(MODULES))
def test_an_outside_package_is_imported_where_it_is_at_home(name: str) -> None:
    for imported in imports(name):
        homes = HOMES.get(imported.partition(".")[0])
        assert homes is None or any(within(name, home) for home in homes), f"{imported} belongs to {homes}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_relative_imports_are_written_out(name: str) -> None:
    assert not [node for node in ast.walk(tree(name)) if isinstance(node, ast.ImportFrom) and node.level]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_first_line_says_what_goes_in_and_out(name: str) -> None:
    first = MODULES[name].read_text(encoding="utf-8").partition("\n")[0]
    assert first.removeprefix("r").startswith('"""')
    assert first.endswith((".", '"""'))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_function_is_long(name: str) -> None:
    assert {function.name: length(function) for function in functions(name) if length(function) > LONGEST} == {}


def test_the_median_function_is_short() -> None:
    lengths = sorted(length(function) for name in MODULES for function in functions(name))
    assert lengths[len(lengths) // 2] < 10


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.endswith(".cli")))
def test_commands_are_thin(name: str) -> None:
    assert {function.name: length(function) for function in functions(name) if length(function) > 25} == {}


@pytest.mark.parametrize("package", ["rulegen", "eveproc"])
def test_both_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_help_has_a_short_name(name: str) -> None:
    for words in ([], sorted(GROUPS[name].commands)[:1]):
        asked = [CliRunner().invoke(GROUPS[name], [*words, option]) for option in ("-h", "--help")]
        assert [done.exit_code for done in asked] == [0, 0]
        assert asked[0].output == asked[1].output
