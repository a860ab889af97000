"""Generated eve.json of two sizes -> docs/spark-cost.md: what `eveproc report --on spark` costs beside one process, and what 10 TB would.

    python -m benchmarks.cluster -o docs/spark-cost.md

Executors are processes of this machine (`local-cluster`), one core each. Each run is a whole command, on files that are in memory already.
CPU seconds are those of the executors: their JVMs and the Pythons below them. What a gigabyte costs is the difference of the two sizes, so
that starting up is told apart from reading. Takes some ten minutes.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.eve_file import Recipe
from benchmarks.eve_lines import SITE
from benchmarks.measure import Command, cpu_seconds, held, run, tree, watch
from benchmarks.page import table
from benchmarks.trials import MEGABYTE, Kit, warm
from eveproc.spark.gather import PIECE
from eveproc.spark.session import require_spark
from rulegen.errors import MxhoundError

EXECUTORS = (1, 2, 4)
HOSTS = 10_000
EXECUTOR = b"CoarseGrainedExecutorBackend"
TB, NIGHT = 1e12, 10e12
# What issue 8 asks for.
SHUFFLE_AT_MOST, SPEED_AT_LEAST = 0.01, 0.3


@dataclass(frozen=True, slots=True)
class Cost:
    """One run. `wall` and `cpu` in seconds, `peak` in bytes of an executor with its Python, `job` the seconds between first and last task."""

    size: int
    wall: float
    job: float
    cpu: float
    peak: int
    shuffled: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Found:
    """All runs: by number of executors, and those of one plain process."""

    spark: dict[int, list[Cost]]
    plain: list[Cost]

    def seconds_a_gigabyte(self, runs: Sequence[Cost], of: Callable[[Cost], float]) -> float:
        """The slope between the two sizes, of the medians."""
        small, large = sorted({run.size for run in runs})
        low, high = (statistics.median(of(run) for run in runs if run.size == size) for size in (small, large))
        return (high - low) / (large - small) * 1e9


def measure(work: Path, sizes: Sequence[int], rounds: int, say: Callable[[str], None]) -> Found:
    """Everything in turn, round by round."""
    kit = Kit(work)
    files = [kit.file(Recipe(size, HOSTS)) for size in sizes]
    found = Found({count: [] for count in EXECUTORS}, [])
    for file in files:
        warm(file)
    for number in range(rounds):
        for file in files:
            plain = run(Command("plain", (_eveproc(file, "-j", "1"),)))
            found.plain.append(Cost(file.stat().st_size, plain.wall, plain.wall, plain.cpu, 0, 0, 0))
            say(f"round {number}: {found.plain[-1]}")
            for count in EXECUTORS:
                found.spark[count].append(_on_spark(file, count))
                say(f"round {number}: {count}: {found.spark[count][-1]}")
    return found


def _eveproc(file: Path, *words: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("eveproc")), "report", str(file), "-s", str(SITE), *words)


def _on_spark(file: Path, executors: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="mxhound-events-") as events:
        settings = {"enabled": "true", "dir": f"file:{events}", "rolling.enabled": "false", "compress": "false"}
        arguments = " ".join(f"--conf spark.eventLog.{name}={value}" for name, value in settings.items())
        words = _eveproc(file, "--on", "spark", "--master", f"local-cluster[{executors},1,1024]")
        seen = _Executors()
        begin = time.perf_counter()
        watch(Command("spark", (words,), environment={"PYSPARK_SUBMIT_ARGS": f"{arguments} pyspark-shell"}), seen.look)
        wall = time.perf_counter() - begin
        (log,) = Path(events).iterdir()
        ends = [event for event in map(json.loads, log.read_text().splitlines()) if event["Event"] == "SparkListenerTaskEnd"]
    job = max(end["Task Info"]["Finish Time"] for end in ends) - min(end["Task Info"]["Launch Time"] for end in ends)
    written = sum(end["Task Metrics"]["Shuffle Write Metrics"]["Shuffle Bytes Written"] for end in ends)
    readers = sum(1 for end in ends if end["Task Metrics"]["Input Metrics"]["Bytes Read"])
    return Cost(file.stat().st_size, wall, job / 1000, sum(seen.cpu.values()), seen.peak, written, readers)


class _Executors:
    """CPU seconds of all executors by process, and the most memory (bytes) that one held with the Pythons below it."""

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
(`local-cluster`), on generated eve.json files of {sizes} with {hosts:,} home hosts, whose lines a real Suricata wrote
(`benchmarks/eve_file.py`); beside it `eveproc report -j 1`, one process without a cluster. Medians of {rounds} rounds.
CPU seconds are those of the executors, their JVMs and Pythons. *A gigabyte* is the difference of the two sizes: without starting up.

Measured on {cores} cores; with more executors than cores they share them.
"""


def page(found: Found, sizes: Sequence[int], rounds: int, command: str) -> str:
    """docs/spark-cost.md."""
    head = _HEAD.format(sizes=" and ".join(f"{size / 1e9:g} GB" for size in sizes), hosts=HOSTS, rounds=rounds, cores=os.cpu_count())
    parts = [head, "## Criteria\n", _criteria(found), "## Measured\n", _measured(found), "## 10 TB a night\n", _plan(found), "Made by:\n"]
    return "\n".join([*parts, f"```sh\n{command}\n```\n"])


def _criteria(found: Found) -> str:
    shuffle, speed = _share_shuffled(found), _plain_cpu(found) / _spark_cpu(found)
    rows = [
        (f"evidence that goes between machines: below {SHUFFLE_AT_MOST:.0%} of the input", f"{shuffle:.2%}", shuffle < SHUFFLE_AT_MOST),
        (f"throughput of a core: at least {SPEED_AT_LEAST} of the plain reader's", f"{speed:.2f}", speed >= SPEED_AT_LEAST),
    ]
    told = [(what, measured, "yes" if met else "**no**") for what, measured, met in rows]
    return table(("what is asked for", "measured", "met"), told)


def _measured(found: Found) -> str:
    rows = [("one process", *_figures(found, found.plain))]
    rows += [(_many(count), *_figures(found, runs)) for count, runs in found.spark.items()]
    heads = ("", "whole command, large file", "reading it", "a gigabyte", "CPU a gigabyte", "tasks", "shuffled", "memory of an executor")
    return table(heads, rows)


def _figures(found: Found, runs: Sequence[Cost]) -> tuple[str, ...]:
    large = _large(runs)
    of_cluster = (str(large[0].tasks), f"{large[0].shuffled / MEGABYTE:.2f} MB", f"{max(run.peak for run in large) >> 20} MiB")
    return (
        *(f"{statistics.median(run.wall for run in large):.1f} s", f"{statistics.median(run.job for run in large):.1f} s"),
        *(f"{found.seconds_a_gigabyte(runs, lambda run: run.job):.2f} s", f"{found.seconds_a_gigabyte(runs, lambda run: run.cpu):.2f} s"),
        *(of_cluster if large[0].tasks else ("", "", "")),
    )


def _plan(found: Found) -> str:
    """From the CPU seconds of a gigabyte and what a task sends, for clusters of some sizes."""
    cpu, pieces = _spark_cpu(found), NIGHT / PIECE
    runs = [run for count in EXECUTORS for run in found.spark[count]]
    sent = max(run.shuffled / run.tasks for run in runs)
    peak = max(run.peak for run in runs)
    rows = [(f"{cores}", f"{NIGHT / 1e9 * cpu / cores / 60:.0f} min", f"{cores * peak / 1e9:.0f} GB") for cores in (16, 32, 64, 128, 256)]
    return (
        f"10 TB are {pieces:,.0f} pieces of {PIECE >> 20} MiB, and {NIGHT / 1e9 * cpu / 3600:.0f} hours of CPU at {cpu:.2f} s a gigabyte. Of each"
        f" piece at most {sent / 1e6:.2f} MB of evidence\nwere sent here, so some {pieces * sent / 1e9:.0f} GB go between machines"
        f" ({pieces * sent / NIGHT:.2%}). Reading from storage comes on top: at 100 MB/s a core it is\nno slower than the work.\n\n"
    ) + table(("cores", "time", "memory of all executors, at least"), rows)


def _large(runs: Sequence[Cost]) -> list[Cost]:
    size = max(run.size for run in runs)
    return [run for run in runs if run.size == size]


def _share_shuffled(found: Found) -> float:
    return max(run.shuffled / run.size for runs in found.spark.values() for run in _large(runs))


def _plain_cpu(found: Found) -> float:
    return found.seconds_a_gigabyte(found.plain, lambda run: run.cpu)


def _spark_cpu(found: Found) -> float:
    """By the dearest number of executors."""
    return max(found.seconds_a_gigabyte(runs, lambda run: run.cpu) for runs in found.spark.values())


def _many(executors: int) -> str:
    return "1 executor" if executors == 1 else f"{executors} executors"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the page, and write it where `-o` says. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs=2, default=(1000, 4000), help="of the two files (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder for the files, which stay there (default: a temporary one)")
    parser.add_argument("-o", "--output", type=Path, help="also write the page here")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mxhound-cluster-")))
        work.mkdir(parents=True, exist_ok=True)
        sizes = [megabytes * MEGABYTE for megabytes in sorted(options.megabytes)]
        try:
            require_spark()
            found = measure(work, sizes, options.rounds, _say)
        except MxhoundError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    text = page(found, sizes, options.rounds, "python -m benchmarks.cluster --output docs/spark-cost.md")
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
