"""A command -> wall-clock and CPU seconds, and the peak memory of it and its children."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Sampling interval of the memory of a process tree, in seconds.
EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Command:
    """A command: `words`, a pipeline if there are several lists; `share` of the input that it reads
    (1: all).
    """

    name: str
    pipeline: tuple[tuple[str, ...], ...]
    share: float = 1.0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One run; seconds are extrapolated to the whole input if the command reads a share of it."""

    wall: float
    cpu: float


def run(command: Command) -> Run:
    """Run it to its end and read its output through a pipe.

    Raises CalledProcessError if its last process fails.
    """
    before, start = _cpu(), time.perf_counter()
    _communicate(_start(command), command)
    wall = time.perf_counter() - start
    return Run(wall / command.share, (_cpu() - before) / command.share)


def peak_memory(command: Command) -> int:
    """Run it once more and return the peak memory of all its processes in bytes (proportional set
    size), sampled every 20 ms.
    """
    peaks = [0]
    watch(command, lambda pids: peaks.append(sum(map(held, pids))))
    return max(peaks)


def watch(command: Command, look: Callable[[Sequence[int]], None], every: float = EVERY) -> None:
    """Run it to its end; at each interval `look` gets the ids of all its processes.

    Raises CalledProcessError if its last one fails.
    """
    processes = _start(command)
    ends: list[subprocess.CalledProcessError] = []

    def finish() -> None:
        try:
            _communicate(processes, command)
        except subprocess.CalledProcessError as error:
            ends.append(error)

    done = threading.Thread(target=finish)
    done.start()
    while done.is_alive():
        look([pid for process in processes for pid in tree(process.pid)])
        done.join(every)
    if ends:
        raise ends[0]


def _start(command: Command) -> list["subprocess.Popen[bytes]"]:
    processes: list[subprocess.Popen[bytes]] = []
    environment = {**as_installed(), **command.environment}
    for words in command.pipeline:
        above = processes[-1].stdout if processes else subprocess.DEVNULL
        processes.append(
            subprocess.Popen(
                words,
                stdin=above,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        )
        if processes[1:]:
            above.close()  # only the next one reads it
    return processes


def as_installed() -> dict[str, str]:
    """The environment of a measured process: without bytecode, each run would compile everything,
    which installed programs need not do.
    """
    return {**os.environ, "LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": ""}


def _communicate(processes: Sequence["subprocess.Popen[bytes]"], command: Command) -> None:
    last = processes[-1]
    with last:
        while last.stdout.read(1 << 16):
            pass
    for process in processes:
        process.wait()
    # grep exits with 1 if it finds nothing, eveproc with 4 if there is nothing to judge.
    if last.returncode not in (0, 1, 4):
        raise subprocess.CalledProcessError(last.returncode, command.pipeline[-1])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tree(pid: int) -> Iterator[int]:
    """The process and its descendants that still run."""
    yield pid
    try:
        children = [
            child
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far, without its children; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def held(pid: int) -> int:
    """Proportional set size in bytes: shared pages count in part for each process."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
