"""Comparisons on generated files -> trials, run in turn, and the time of each run."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from benchmarks.eve_file import Recipe, write_eve
from benchmarks.eve_lines import SITE, Lines, record_lines, sort_lines
from benchmarks.measure import Command, Run, peak_memory, run
from rulegen.errors import MxhoundError
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine

MEGABYTE = 1_000_000
# jq is given this much of a file; the rest is extrapolated.
JQ_PART = 64 * MEGABYTE
# It selects the records about mail and counts nothing; it does not search the names of lookups, which
# would take even longer.
JQ = (
    'select(.event_type == "smtp" or .event_type == "alert" or (.event_type == "dns" and '
    '.dns.rrtype == "MX")'
    ' or (.event_type == "flow" and (.dest_port == 25 or .dest_port == 465 or .dest_port == 587)))'
    " | [.event_type, .src_ip, .dest_ip, .dest_port, .dns.rrname]"
)
EVEPROC, ONE_PROCESS, DISCOVER, TUNE, GREP, WC, JQ_NAME, DUCKDB, DUCKDB_MAIL = (
    "eveproc report",
    "eveproc report -j 1",
    "eveproc discover",
    "eveproc tune",
    "grep -c",
    "wc -l",
    "jq",
    "DuckDB",
    "DuckDB, mail only",
)
# Home hosts of an office whose mail clients query DNS all day.
OFFICE = 1_000
# The lowest version that pyproject.toml allows, and the latest.
LIBRARIES = ("0.7.21", "0.9.1")
# What compresses a file, and what decompresses it. For slow formats (bzip2, xz) the log is this many
# files in a folder, as after rotation, which several processes read.
PACKERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "gz": ("gzip", "zcat"),
        "zst": ("zstd", "zstdcat"),
        "bz2": ("bzip2", "bzcat"),
        "xz": ("xz", "xzcat"),
    }
)
IN_FILES, FILES = ("bz2", "xz"), 4
NO_LIBRARY = "without hyperscan"


@dataclass(frozen=True, slots=True)
class Trial:
    """`commands` of Kit that run on the file of a recipe in turn, `rounds` times; `packing` is one
    of PACKERS, if any.
    """

    section: str
    recipe: Recipe
    commands: tuple[str, ...]
    rounds: int
    packing: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """Results of a trial. Bytes and events are those of the unpacked file; `peaks` are bytes."""

    section: str
    recipe: Recipe
    packing: str
    bytes: int
    events: int
    relevant: int
    runs: Mapping[str, Sequence[Run]]
    peaks: Mapping[str, int]
    lines: Mapping[str, int] = field(default_factory=dict)
    missing: Sequence[str] = ()


def trials(scale: float, rounds: int) -> Iterator[Trial]:
    """All trials. Sizes are those of the issue times `scale`."""

    def recipe(
        megabytes: float, hosts: int = 10_000, share: float = 0.003, *, spaced: bool = False
    ) -> Recipe:
        return Recipe(round(megabytes * MEGABYTE * scale), hosts, share, spaced=spaced)

    few = max(1, rounds // 2)
    mixed = (EVEPROC, DISCOVER, TUNE, GREP, DUCKDB, JQ_NAME)
    for mix in mixes(recipe(1000), recipe(1000, OFFICE)):
        yield Trial("mixes", mix, mixed, few)
    yield Trial("compare", recipe(1000), (EVEPROC, GREP, WC, DUCKDB, DUCKDB_MAIL, JQ_NAME), rounds)
    yield Trial("compare", recipe(5000), (EVEPROC, GREP, WC, DUCKDB, DUCKDB_MAIL), few)
    yield Trial("packed", recipe(1000), (EVEPROC, "zcat | wc -c"), rounds, "gz")
    yield Trial("packed", recipe(1000), (EVEPROC, "zstdcat | wc -c"), rounds, "zst")
    for packing in IN_FILES:
        unpacked = f"{PACKERS[packing][1]} | wc -c"
        yield Trial("packed", recipe(200), (EVEPROC, ONE_PROCESS, unpacked), few, packing)
    for megabytes in (100, 300, 1000, 3000, 10000):
        yield Trial("sizes", recipe(megabytes), (EVEPROC, GREP), few)
    for hosts in (1_000, 10_000, 100_000, 1_000_000):
        yield Trial("hosts", recipe(1000, hosts), (EVEPROC, GREP), few)
    for share in (0.001, 0.003, 0.01, 0.03):
        yield Trial("shares", recipe(1000, share=share), (EVEPROC, GREP), few)
    yield Trial(
        "library",
        recipe(300),
        (EVEPROC, *(f"hyperscan {version}" for version in LIBRARIES), NO_LIBRARY, GREP),
        few,
    )
    yield Trial("library", recipe(300, spaced=True), (EVEPROC, GREP), few)


def mixes(ordinary: Recipe, office: Recipe) -> Iterator[Recipe]:
    """An ordinary mix, offices with a growing share of mail clients, a quiet server."""
    yield ordinary
    yield from (replace(office, lookups=share) for share in (0.1, 0.33))
    yield replace(ordinary, stats=0.5)


class Kit:
    """Files and commands.

    `work` is a folder for large files; existing ones are used again.
    """

    def __init__(self, work: Path) -> None:
        self.work = work
        self._site = load_site(SITE)
        self._lines: dict[bool, Lines] = {}

    def file(self, recipe: Recipe, packing: str = "") -> Path:
        """The file of a recipe, made if missing."""
        path = self.work / f"{recipe}.eve.json"
        if not path.exists() or not _about(path).exists():
            written = write_eve(path, recipe, self._sorted(recipe.spaced), self._site)
            _about(path).write_text(
                json.dumps(
                    {"lines": written.lines, "bytes": written.bytes, "relevant": written.relevant}
                )
            )
            os.sync()  # no writing to the disk while others read from it
        return _pack(path, packing) if packing else path

    def _sorted(self, spaced: bool) -> Lines:
        if spaced not in self._lines:
            self._lines[spaced] = sort_lines(
                record_lines(Engine.SURICATA_7, self.work), self._site, spaced=spaced
            )
        return self._lines[spaced]

    def measure(self, trial: Trial, say: Callable[[str], None]) -> Measured:
        """Run every command once in each round, in the same order, then once for its memory."""
        path = self.file(trial.recipe, trial.packing)
        about = json.loads(_about(self.file(trial.recipe)).read_text())
        found = {name: self.command(name, path) for name in trial.commands}
        commands = {name: command for name, command in found.items() if command}
        warm(path)
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        for number in range(trial.rounds):
            for name, command in commands.items():
                runs[name].append(run(command))
            say(
                f"{trial.section} {trial.recipe} {trial.packing} {number}: "
                f"{ ({name: round(runs[name][-1].wall, 3) for name in runs}) }"
            )
        peaks = {
            name: peak_memory(command)
            for name, command in commands.items()
            if name in (EVEPROC, DISCOVER, TUNE, DUCKDB, DUCKDB_MAIL)
        }
        counted = about["lines"]
        return Measured(
            *(
                trial.section,
                trial.recipe,
                trial.packing,
                about["bytes"],
                sum(counted.values()),
                about["relevant"],
            ),
            *(runs, peaks, counted, [name for name, command in found.items() if command is None]),
        )

    def command(self, name: str, path: Path) -> Command | None:
        """The command; None if it is not installed."""
        if (name in (DUCKDB, DUCKDB_MAIL) and not importlib.util.find_spec("duckdb")) or (
            name == JQ_NAME and not shutil.which("jq")
        ):
            return None
        file, size = str(path), path.stat().st_size
        match name.split():
            case ["eveproc", command, *more]:
                return Command(name, ((*_eveproc(file, command=command), *more),))
            case ["hyperscan", version]:
                return Command(
                    name,
                    (_eveproc(file),),
                    environment={"PYTHONPATH": str(self._hyperscan(version))},
                )
            case ["without", _]:
                return Command(
                    name, (_eveproc(file),), environment={"PYTHONPATH": str(self._no_hyperscan())}
                )
            case [program, "|", "wc", "-c"]:
                return Command(name, ((program, *map(str, _files(path))), ("wc", "-c")))
            case ["jq"]:
                part = _part(path)
                return Command(
                    name, (("jq", "-c", JQ, str(part)),), share=part.stat().st_size / size
                )
        return Command(name, (_PLAIN[name] + (file,),))

    def _hyperscan(self, version: str) -> Path:
        folder = self.work / f"hyperscan-{version}"
        if not folder.exists():
            pip = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--target",
                folder,
                f"hyperscan=={version}",
            ]
            subprocess.run(pip, check=True)
        return folder

    def _no_hyperscan(self) -> Path:
        folder = self.work / "no-hyperscan"
        folder.mkdir(exist_ok=True)
        (folder / "hyperscan.py").write_text('raise ImportError("hidden")\n')
        return folder


_PLAIN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        GREP: ("grep", "-c", '"event_type":"alert"'),
        WC: ("wc", "-l"),
        DUCKDB: (sys.executable, "-m", "benchmarks.duck"),
        DUCKDB_MAIL: (sys.executable, "-m", "benchmarks.duck", "--mail"),
    }
)


def _eveproc(*files: str, command: str = "report") -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("eveproc")), command, *files, "-s", str(SITE))


def start_up(work: Path, rounds: int) -> Mapping[str, Sequence[Run]]:
    """Time of --help, and of a report on an empty file."""
    empty = work / "empty.json"
    empty.write_bytes(b"")
    helps = Command("eveproc --help", ((_eveproc()[0], "--help"),))
    return {
        each.name: [run(each) for _ in range(rounds)]
        for each in (helps, Command("eveproc report, empty file", (_eveproc(str(empty)),)))
    }


def _about(path: Path) -> Path:
    return path.with_suffix(".about")


def warm(path: Path) -> None:
    """Read the file into the page cache: the disk is not measured."""
    for each in _files(path):
        with each.open("rb") as file:
            while file.read(1 << 20):
                pass


def _files(path: Path) -> list[Path]:
    """The files of a folder, or the file itself."""
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _part(path: Path) -> Path:
    part = path.with_suffix(".part")
    with path.open("rb") as file:
        part.write_bytes(file.read(JQ_PART) + file.readline())
    return part


def _pack(path: Path, packing: str) -> Path:
    """Compress as logrotate does: each program at its default level."""
    packed = path.with_name(f"{path.name}.{packing}")
    if packed.exists():
        return packed
    program, _ = PACKERS[packing]
    if not shutil.which(program):
        raise MxhoundError(f"{program} is not installed")
    if packing not in IN_FILES:
        with packed.open("wb") as file:
            subprocess.run([program, "-q", "-c", path], stdout=file, check=True)
    else:
        part = path.with_name(f".{packed.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        with path.open("rb") as lines:
            for number in range(FILES):
                some = part / f"eve.{number}.json"
                some.write_bytes(lines.read(path.stat().st_size // FILES) + lines.readline())
                subprocess.run([program, "-q", some], check=True)
        part.rename(packed)
    os.sync()
    return packed


def as_json(measured: Measured) -> dict[str, object]:
    """Plain values."""
    return asdict(measured)


def from_json(value: Mapping[str, object]) -> Measured:
    """What as_json wrote."""
    runs = {name: [Run(**each) for each in found] for name, found in value["runs"].items()}
    return Measured(**{**value, "recipe": Recipe(**value["recipe"]), "runs": runs})
