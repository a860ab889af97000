"""A real Spark of several processes on this machine: a standalone master, and executors of their
own."""

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from eveproc.spark.session import require_spark
from rulegen.errors import MxhoundError

# Two executors, each with one core and 1 GB, in processes of their own.
MASTER = "local-cluster[2,1,1024]"
EXECUTOR = "CoarseGrainedExecutorBackend"


def missing() -> str:
    """Why there can be no Spark here; "" if there can."""
    try:
        require_spark()
    except MxhoundError as error:
        return str(error)
    return ""


def work_folders() -> list[Path]:
    """Where executors of `local-cluster` have worked: one folder for each application, in that of
    the installed pyspark."""
    found = find_spec("pyspark")
    places = found.submodule_search_locations if found else None
    return [folder for place in places or () for folder in Path(place).glob("work/app-*")]


def folders_in_use() -> set[Path]:
    """Those of work_folders() that a process works in at the moment."""
    used: set[Path] = set()
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # it has ended meanwhile, or is another user's
            used |= set(link.readlink().parents)
    return used


def executors() -> set[int]:
    """Process ids of the executors that this process, or one that it started, has at the moment."""
    running = {int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()}
    return {pid for pid in running if EXECUTOR in _command(pid) and _is_ours(pid)}


def _is_ours(pid: int) -> bool:
    while pid > 1 and pid != os.getpid():
        pid = _parent(pid)
    return pid == os.getpid()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
