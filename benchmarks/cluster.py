"""Generated eve.json of two sizes -> docs/spark-cost.md: what --on spark costs.

    python -m benchmarks.cluster -o docs/spark-cost.md

Executors are processes of this machine (`local-cluster`), one core each. Each run is a whole
command, on files in the page cache. They are read from the disk, and through Hadoop as from any
storage, simulated by a view of the disk under another scheme. CPU seconds are those of the
executors: their JVMs and Python processes. The cost of a gigabyte is the difference of the two
sizes, which excludes start-up. Takes a quarter of an hour.
"""

import argparse
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.eve_file import Recipe
from benchmarks.eve_lines import SITE
from benchmarks.measure import Command, cpu_seconds, held, run, tree, watch
from benchmarks.page import table
from benchmarks.trials import MEGABYTE, Kit, warm
from eveproc.spark.listing import PIECE
from eveproc.spark.session import require_spark
from rulegen.errors import MxhoundError

EXECUTORS = (1, 2, 4)
DISK, STORAGE = "file:", "viewfs://view"
VIEW = "spark.hadoop.fs.viewfs.mounttable.view.linkFallback=file:///"
PLACES = {DISK: "disk", STORAGE: "storage"}
HOSTS = 10_000
EXECUTOR = b"CoarseGrainedExecutorBackend"
# Sampling interval of executors in seconds: the kernel needs some milliseconds to add up the memory
# of a JVM.
LOOKED_AT = 0.5
NIGHT = 10e12
# Limits of issue 8.
SHUFFLE_AT_MOST, SPEED_AT_LEAST = 0.01, 0.3


@dataclass(frozen=True, slots=True)
class Cost:
    """One run on a file of `size` bytes.

    `wall`, `cpu` and `job`, from the first task to the end of the last, are seconds; `peak` is
    the memory of an executor with its Python processes in bytes; `shuffled` are bytes sent between
    tasks.
    """

    size: int
    wall: float
    job: float
    cpu: float
    executors: int = 0
    peak: int = 0
    shuffled: int = 0
    tasks: int = 0


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """Runs by place and number of executors, and runs of one process without a cluster."""

    spark: Mapping[tuple[str, int], list[Cost]]
    plain: list[Cost]

    def of(self, place: str) -> list[list[Cost]]:
        return [runs for (where, _), runs in self.spark.items() if where == place]


def measure(
    work: Path, sizes: Sequence[int], rounds: int, say: Callable[[str], None]
) -> ClusterRun:
    """Run all commands in turn, round by round."""
    kit = Kit(work)
    files = [kit.file(Recipe(size, HOSTS)) for size in sizes]
    found = ClusterRun({(place, count): [] for place in PLACES for count in EXECUTORS}, [])
    for number in range(rounds):
        for file in files:
            warm(file)
            plain = run(Command("plain", (_eveproc(str(file), "-j", "1"),)))
            found.plain.append(Cost(file.stat().st_size, plain.wall, plain.wall, plain.cpu))
            say(f"round {number}: {found.plain[-1]}")
            for (place, count), runs in found.spark.items():
                runs.append(_on_spark(f"{place}{file}", file.stat().st_size, count))
                say(f"round {number}: {place} {count}: {runs[-1]}")
    return found


def _eveproc(file: str, *words: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("eveproc")), "report", file, "-s", str(SITE), *words)


def _on_spark(uri: str, size: int, executors: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="mxhound-events-") as events:
        log = {
            "enabled": "true",
            "dir": f"file:{events}",
            "rolling.enabled": "false",
            "compress": "false",
        }
        settings = [*(f"spark.eventLog.{name}={value}" for name, value in log.items()), VIEW]
        arguments = " ".join(f"--conf {setting}" for setting in settings)
        words = _eveproc(uri, "--on", "spark", "--master", f"local-cluster[{executors},1,1024]")
        seen = _Executors()
        begin = time.perf_counter()
        watch(
            Command(
                "spark", (words,), environment={"PYSPARK_SUBMIT_ARGS": f"{arguments} pyspark-shell"}
            ),
            seen.look,
            LOOKED_AT,
        )
        wall = time.perf_counter() - begin
        (logged,) = Path(events).iterdir()
        ends = [
            event
            for event in map(json.loads, logged.read_text().splitlines())
            if event["Event"] == "SparkListenerTaskEnd"
        ]
    job = max(end["Task Info"]["Finish Time"] for end in ends) - min(
        end["Task Info"]["Launch Time"] for end in ends
    )
    sent = [
        written
        for end in ends
        if (written := end["Task Metrics"]["Shuffle Write Metrics"]["Shuffle Bytes Written"])
    ]
    return Cost(
        size, wall, job / 1000, sum(seen.cpu.values()), executors, seen.peak, sum(sent), len(sent)
    )


class _Executors:
    """CPU seconds of all executors by process, and the peak memory (bytes) of one with its Python
    processes.
    """

    def __init__(self) -> None:
        self.cpu: dict[int, float] = {}
        self.peak = 0

    def look(self, pids: Sequence[int]) -> None:
        for executor in (pid for pid in pids if EXECUTOR in _words(pid)):
            below = list(tree(executor))
            self.cpu |= {pid: max(cpu_seconds(pid), self.cpu.get(pid, 0)) for pid in below}
            self.peak = max(self.peak, sum(map(held, below)))


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


_HEAD = """\
# What reading on a cluster costs

Made by `make cost`; do not edit. `eveproc report --on spark` with executors of one core each, processes of one machine
(`local-cluster`), on generated eve.json files of {sizes} with {hosts:,} home hosts, whose lines were written by a real Suricata
(`benchmarks/eve_file.py`), compared with `eveproc report -j 1`, one process without a cluster. Medians of {rounds} rounds.

- *disk*: files that the whole cluster sees (`file:`), which tasks read directly.
- *storage*: through Spark's text reader, as from hdfs: or s3a:. It is simulated by a view of the same disk under another scheme
  (`viewfs:`), so the cost of a network is not included.
- CPU seconds are those of the executors, their JVMs and Python processes. Both run in parallel, so an executor of one core can use
  more than one core.
- *A gigabyte* is the difference of the two sizes, without start-up: seconds times executors, and CPU seconds.

Measured on {cores} cores; more executors than cores share them.
"""


def page(found: ClusterRun, sizes: Sequence[int], rounds: int, command: str) -> str:
    """The text of docs/spark-cost.md."""
    head = _HEAD.format(
        sizes=" and ".join(f"{size / 1e9:g} GB" for size in sizes),
        hosts=HOSTS,
        rounds=rounds,
        cores=os.cpu_count(),
    )
    parts = (
        head,
        "## Criteria\n",
        _criteria(found),
        "## Measured\n",
        _measured(found),
        "## 10 TB a night\n",
        _plan(found),
        "Made by:\n",
    )
    return "\n".join((*parts, f"```sh\n{command}\n```\n"))


def _criteria(found: ClusterRun) -> str:
    rows = []
    for place, name in PLACES.items():
        shuffle = max(run.shuffled / run.size for runs in found.of(place) for run in _large(runs))
        told = f"{name}: evidence sent between tasks, below {SHUFFLE_AT_MOST:.0%} of the input"
        rows.append((told, f"{shuffle:.2%}", _met(shuffle < SHUFFLE_AT_MOST)))
        for what, figure in (("of an executor's core", _job), ("of a second of CPU", _cpu)):
            speed = _a_gigabyte(found.plain, figure) / _dearest(found, place, figure)
            told = f"{name}: throughput {what}, at least {SPEED_AT_LEAST} of one process without a cluster"
            rows.append((told, f"{speed:.2f}", _met(speed >= SPEED_AT_LEAST)))
    return table(("what is asked for", "measured", "met"), rows)


def _met(is_met: bool) -> str:
    return "yes" if is_met else "**no**"


def _measured(found: ClusterRun) -> str:
    rows = [("no cluster, one process", *_figures(found.plain))]
    rows += [
        (f"{PLACES[place]}, {_many(count)}", *_figures(runs))
        for (place, count), runs in found.spark.items()
    ]
    heads = (
        "",
        "whole command",
        "its tasks",
        "a gigabyte",
        "CPU a gigabyte",
        "tasks",
        "shuffled",
        "memory of an executor",
    )
    return f"Of the large file:\n\n{table(heads, rows)}"


def _figures(runs: Sequence[Cost]) -> tuple[str, ...]:
    """A row of figures.

    The slope is empty if the small file had no task for some executors, which only work on the
    large one.
    """
    large = _large(runs)
    all_at_work = all(run.tasks >= run.executors for run in runs)
    of_cluster = (
        str(large[0].tasks),
        f"{large[0].shuffled / MEGABYTE:.2f} MB",
        f"{max(run.peak for run in large) >> 20} MiB",
    )
    return (
        f"{statistics.median(run.wall for run in large):.1f} s",
        f"{statistics.median(run.job for run in large):.1f} s",
        *(f"{_a_gigabyte(runs, figure):.2f} s" if all_at_work else "" for figure in (_job, _cpu)),
        *(of_cluster if large[0].tasks else ("", "", "")),
    )


def _plan(found: ClusterRun) -> str:
    """Estimates for clusters of some sizes, from CPU seconds and evidence sent by a task."""
    runs = [run for of_count in found.spark.values() for run in of_count]
    sent, peak, pieces = (
        max(run.shuffled / run.tasks for run in runs),
        max(run.peak for run in runs),
        NIGHT / PIECE,
    )
    cpu = {place: _dearest(found, place, _cpu) for place in PLACES}
    rows = [
        (
            f"{cores}",
            *(f"{NIGHT / 1e9 * cpu[place] / cores / 60:.0f} min" for place in PLACES),
            f"{cores * peak / 1e9:.0f} GB",
        )
        for cores in (16, 32, 64, 128, 256)
    ]
    hours = " or ".join(
        f"{NIGHT / 1e9 * cpu[place] / 3600:.0f} hours of CPU ({name})"
        for place, name in PLACES.items()
    )
    told = (
        f"10 TB of plain files are {pieces:,.0f} pieces of {PIECE >> 20} MiB. By the costlier row of "
        "each place with one core per executor,\n"
        f"reading them takes {hours}, without the cost of a network.\nA task sent at most "
        f"{sent / 1e6:.2f} MB of evidence,"
        f" so some {pieces * sent / 1e9:.0f} GB would be sent between machines "
        f"({pieces * sent / NIGHT:.2%}).\n\n"
    )
    return told + table(("cores", *PLACES.values(), "minimum memory of all executors"), rows)


def _large(runs: Sequence[Cost]) -> list[Cost]:
    size = max(run.size for run in runs)
    return [run for run in runs if run.size == size]


def _a_gigabyte(runs: Sequence[Cost], of: Callable[[Cost], float]) -> float:
    """The slope between the medians of the two sizes."""
    small, large = sorted({run.size for run in runs})
    low, high = (
        statistics.median(of(run) for run in runs if run.size == size) for size in (small, large)
    )
    return (high - low) / (large - small) * 1e9


def _job(run: Cost) -> float:
    """Executor seconds: the duration of the tasks times the number of executors."""
    return run.job * max(1, run.executors)


def _cpu(run: Cost) -> float:
    return run.cpu


def _dearest(found: ClusterRun, place: str, figure: Callable[[Cost], float]) -> float:
    """The highest cost, of the numbers of executors that do not share cores."""
    alone = [
        runs
        for (where, count), runs in found.spark.items()
        if where == place and count <= (os.cpu_count() or 1)
    ]
    return max(_a_gigabyte(runs, figure) for runs in alone)


def _many(executors: int) -> str:
    return "1 executor" if executors == 1 else f"{executors} executors"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the page, and write it where `-o` says. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument(
        "--megabytes",
        type=int,
        nargs=2,
        default=(2000, 6000),
        help="of the two files (default: %(default)s)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument(
        "--work",
        type=Path,
        help="folder for the files, which stay there (default: a temporary one)",
    )
    parser.add_argument("-o", "--output", type=Path, help="also write the page here")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        work = options.work or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mxhound-cluster-"))
        )
        work.mkdir(parents=True, exist_ok=True)
        sizes = [megabytes * MEGABYTE for megabytes in sorted(options.megabytes)]
        try:
            require_spark()
            found = measure(work, sizes, options.rounds, _say)
        except MxhoundError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    text = page(found, sizes, options.rounds, _command(options))
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    return 0


def _command(options: argparse.Namespace) -> str:
    """The command that makes this page."""
    words = [
        "--megabytes",
        *map(str, options.megabytes),
        "--rounds",
        str(options.rounds),
        "--output",
        "docs/spark-cost.md",
    ]
    return shlex.join(["python", "-m", "benchmarks.cluster", *words])


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
