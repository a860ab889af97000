"""The source of both packages -> direction of imports, one place for each external package, short
functions, a first line.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
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
SHARED = {
    "catalogue",
    "errors",
    "files",
    "installation",
    "inventory",
    "mac_address",
    "options",
    "site_profile",
    "spec",
    "template_files",
    "units",
    "vocabulary",
}
# Where each outside package is at home; a folder ends in a dot.
HOMES = {
    "apprise": ("eveproc.watching.courier",),
    "requests": ("eveproc.watching.courier",),
    "click": ("rulegen.cli", "eveproc.cli.", "rulegen.options"),
    "dpkt": ("rulegen.simulate.",),
    "idstools": ("rulegen.readback", "eveproc.input.snort.unified2"),
    "ijson": ("eveproc.input.documents",),
    "jinja2": ("rulegen.render", "eveproc.report.page"),
    "markupsafe": (
        "eveproc.report.page",
        "eveproc.report.html_report",
        "eveproc.report.tuning_page",
    ),
    "pandas": (),
    "prometheus_client": ("eveproc.report.metrics",),
    "py4j": ("eveproc.spark.",),
    "pyarrow": ("eveproc.spark.",),
    "pyspark": ("eveproc.spark.",),
    "matplotlib": (
        "eveproc.report.chart",
        "eveproc.report.report_charts",
        "eveproc.report.tuning_page",
    ),
    "hyperscan": ("eveproc.input.prefilter",),
    "backports": ("eveproc.input.decompress",),
    "isal": ("eveproc.input.decompress",),
    "redis": ("eveproc.watching.redis_list",),
    "yaml": (
        "rulegen.yamlfile",
        "rulegen.suricata_yaml",
        "eveproc.tuning.tune",
        "eveproc.discovery.discover",
    ),
}
LONGEST = 40
# The rooms of eveproc from the ground up: each may import from those before it, never from those
# behind it.
ROOMS = (
    "input",
    "signals",
    "evidence",
    "verdicts",
    "state",
    "discovery",
    "tuning",
    "report",
    "archive",
    "visibility",
    "watching",
    "spark",
    "block",
    "cli",
)
# What runs `cli` as `python -m eveproc`.
STARTS = "__main__"


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


def body_length(function: ast.FunctionDef) -> int:
    """Without signature and docstring."""
    first = (
        function.body[1] if ast.get_docstring(function) and function.body[1:] else function.body[0]
    )
    return (function.end_lineno or function.lineno) - first.lineno + 1


def within(name: str, home: str) -> bool:
    return name == home or name.startswith(home) if home.endswith(".") else name == home


def test_both_packages_are_looked_at() -> None:
    assert {
        "rulegen.site_profile",
        "rulegen.check",
        "eveproc.input.reader",
        "eveproc.verdicts.verdict",
    } <= MODULES.keys()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_one_way(name: str) -> None:
    for imported in imports(name):
        package, _, rest = imported.partition(".")
        if name.startswith("rulegen."):
            assert package != "eveproc"
        elif package == "rulegen":
            assert rest.partition(".")[0] in SHARED


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_the_top_level_of_eveproc_holds_rooms_and_commands_only() -> None:
    found = {path.stem for path in (ROOT / "eveproc").iterdir() if path.name != "__pycache__"}
    assert found == {*ROOMS, STARTS, "__init__", "py"}  # py.typed


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.count(".") > 0))
def test_imports_between_rooms_go_down(name: str) -> None:
    if not name.startswith("eveproc.") or name in ("eveproc.__init__", f"eveproc.{STARTS}"):
        return
    floor = ROOMS.index(room_of(name))
    upward = [
        imported
        for imported in imports(name)
        if imported.startswith("eveproc.") and ROOMS.index(room_of(imported)) > floor
    ]
    assert upward == []


def test_eveproc_has_eight_floors() -> None:
    """A room stands one floor above the highest of the rooms that it imports."""
    floors: dict[str, int] = {}
    for room in ROOMS:
        below = {
            room_of(imported)
            for name in MODULES
            if name.startswith("eveproc.") and room_of(name) == room
            for imported in imports(name)
            if imported.startswith("eveproc.") and room_of(imported) != room
        }
        floors[room] = 1 + max((floors[other] for other in below), default=0)
    assert max(floors.values()) <= 8, floors


def test_files_import_each_other_in_no_circle() -> None:
    graph = {
        name: {imported for imported in imports(name) if imported in MODULES} for name in MODULES
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_no_module_shadows_the_standard_library() -> None:
    assert {name for name in MODULES if name.rpartition(".")[2] in sys.stdlib_module_names} == set()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_an_outside_package_is_imported_where_it_is_at_home(name: str) -> None:
    for imported in imports(name):
        homes = HOMES.get(imported.partition(".")[0])
        assert homes is None or any(within(name, home) for home in homes), (
            f"{imported} belongs to {homes}"
        )


@pytest.mark.parametrize("name", sorted(MODULES))
def test_relative_imports_are_written_out(name: str) -> None:
    assert not [
        node for node in ast.walk(tree(name)) if isinstance(node, ast.ImportFrom) and node.level
    ]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_first_line_says_what_goes_in_and_out(name: str) -> None:
    first = MODULES[name].read_text(encoding="utf-8").partition("\n")[0]
    assert first.removeprefix("r").startswith('"""')
    assert first.endswith((".", '"""'))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_files_named_in_comments_exist(name: str) -> None:
    text = MODULES[name].read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/])[a-z][a-z0-9_]*\.py\b", text))
    known = {path.name for path in MODULES.values()}
    assert named <= known


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_function_is_long(name: str) -> None:
    assert {
        function.name: length(function)
        for function in functions(name)
        if length(function) > LONGEST
    } == {}


def test_the_median_function_is_short() -> None:
    lengths = sorted(length(function) for name in MODULES for function in functions(name))
    assert lengths[len(lengths) // 2] < 10


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.split(".")[1] == "cli"))
def test_commands_are_thin(name: str) -> None:
    """Their bodies are: a signature grows with every option."""
    bodies = {function.name: body_length(function) for function in functions(name)}
    assert {function: lines for function, lines in bodies.items() if lines > 25} == {}


@pytest.mark.parametrize("name", sorted(GROUPS["eveproc"].commands))
def test_a_command_of_eveproc_is_in_the_file_of_its_name(name: str) -> None:
    callback = GROUPS["eveproc"].commands[name].callback
    assert callback
    assert callback.__module__ == f"eveproc.cli.{name}"


def test_help_imports_click_alone() -> None:
    """Every other package is imported when a command runs; msgspec alone takes a sixth of --help."""
    code = "import sys, eveproc.cli, rulegen.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert imported & {*HOMES, "msgspec", "rich"} == {"click"}


@pytest.mark.parametrize("package", ["rulegen", "eveproc"])
def test_both_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_help_has_a_short_name(name: str) -> None:
    for words in ([], sorted(GROUPS[name].commands)[:1]):
        asked = [CliRunner().invoke(GROUPS[name], [*words, option]) for option in ("-h", "--help")]
        assert [done.exit_code for done in asked] == [0, 0]
        assert asked[0].output == asked[1].output
