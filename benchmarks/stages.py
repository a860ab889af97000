"""An eve.json -> the CPU seconds of each stage of `eveproc report`, read by one process.

    python -m benchmarks.stages eve.json site.yaml                      one file, as JSON
    python -m benchmarks.speed --only stages -o docs/performance.md     all mixes, on the page

The functions of each stage are wrapped with a clock of this thread's CPU time. A stage's time is
without that of the stages that it calls.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from statistics import median
from time import process_time, thread_time
from typing import Any

from benchmarks.eve_file import Recipe
from benchmarks.eve_lines import SITE
from benchmarks.measure import as_installed
from benchmarks.trials import MEGABYTE, OFFICE, Kit, mixes, warm

SIZE = 300 * MEGABYTE
REST = "start, end, all else"


@dataclass(frozen=True, slots=True)
class StageCost:
    """Stages of a report on the file of one mix: CPU seconds of each, medians over the rounds."""

    mix: Recipe
    bytes: int
    seconds: dict[str, float]


class StageClock:
    """Measures wrapped functions; `seconds` are the CPU seconds of each stage so far."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage = REST
        self._since = thread_time()

    def enter(self, stage: str) -> str:
        """Turn to a stage; returns the one that was measured until now."""
        now = thread_time()
        left, self._stage = self._stage, stage
        self.seconds[left] = self.seconds.get(left, 0.0) + now - self._since
        self._since = now
        return left

    def wrap(self, owner: Any, name: str, stage: str) -> None:
        """Let calls of a function of a class or module count as this stage."""
        called = getattr(owner, name)

        @wraps(called)
        def measured(*of: Any, **more: Any) -> Any:
            before = self.enter(stage)
            try:
                return called(*of, **more)
            finally:
                self.enter(before)

        setattr(owner, name, measured)

    def wrap_iterator(self, owner: Any, name: str, stage: str) -> None:
        """The same for a function that returns an iterator."""
        called = getattr(owner, name)

        @wraps(called)
        def measured(*of: Any, **more: Any) -> Iterator[Any]:
            found = iter(called(*of, **more))
            while True:
                before = self.enter(stage)
                try:
                    one = next(found, None)
                finally:
                    self.enter(before)
                if one is None:
                    return
                yield one

        setattr(owner, name, measured)


def measure_stages(
    kit: Kit, scale: float, rounds: int, say: Callable[[str], None]
) -> Iterator[Sequence[StageCost]]:
    """The stages of the mixes so far, after each mix."""
    costs: list[StageCost] = []
    size = round(SIZE * scale)
    for mix in mixes(Recipe(size), Recipe(size, OFFICE)):
        path = kit.file(mix)
        warm(path)
        runs = [_run(path) for _ in range(rounds)]
        names = dict.fromkeys(name for each in runs for name in each)
        seconds = {name: median(each.get(name, 0.0) for each in runs) for name in names}
        costs.append(StageCost(mix, path.stat().st_size, seconds))
        say(f"stages {mix}: { ({name: round(value, 3) for name, value in seconds.items()}) }")
        yield costs


def _run(path: Path) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.stages", str(path), str(SITE)]
    result = subprocess.run(words, stdout=subprocess.PIPE, check=True, env=as_installed())
    found: dict[str, float] = json.loads(result.stdout)
    return found


def stages_of_report(path: str, site: str) -> dict[str, float]:
    """The CPU seconds of each stage, in the order of the log's way, for a report in this process."""
    before = process_time()
    clock = StageClock()
    _wrap_all(clock)
    from click.testing import CliRunner

    from eveproc.cli import main

    found = CliRunner().invoke(main, ["report", path, "-s", site, "-j", "1", "-f", "json"])
    if found.exit_code not in (0, 3):
        raise SystemExit(f"{path}: eveproc report: exit code {found.exit_code}: {found.stderr}")
    clock.enter(REST)
    clock.seconds[REST] = (
        process_time() - before - sum(clock.seconds.values()) + clock.seconds[REST]
    )
    return {name: clock.seconds.get(name, 0.0) for name in (*STAGES, REST)}


def _wrap_all(clock: StageClock) -> None:
    from eveproc.evidence.collector import Collector
    from eveproc.input.active_hosts import ActiveHosts
    from eveproc.input.parallel import Gatherer
    from eveproc.input.prefilter import Prefilter
    from eveproc.input.reader import LineReader
    from eveproc.input.sources import Span
    from eveproc.verdicts import analyze

    read, survey, search, hosts, repeated, lines, evidence, verdicts = STAGES
    clock.wrap_iterator(Span, "blocks", read)
    clock.wrap(Gatherer, "_survey", survey)
    clock.wrap(Prefilter, "lines", search)
    clock.wrap(ActiveHosts, "note", hosts)
    clock.wrap(Gatherer, "_look_at_waiting", repeated)
    clock.wrap(LineReader, "line", lines)
    clock.wrap(Collector, "add", evidence)
    clock.wrap(Collector, "add_lookups", evidence)
    clock.wrap(Collector, "add_names", evidence)
    clock.wrap(analyze, "judge_evidence", verdicts)


STAGES = (
    "reading blocks",
    "sampling lines",
    "searching for wanted lines",
    "hosts that open connections",
    "recognizing repeated lookups and statistics",
    "decoding other lines",
    "adding to the evidence",
    "judging",
)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(stages_of_report(*sys.argv[1:3])))
