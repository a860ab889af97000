"""A real Spark of several processes on this machine: a standalone master, and executors of their
own.

As a command it writes the archive of Java classes with which each JVM of the tests starts in half
the time: `python -m tests.spark.cluster`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from eveproc.spark.session import require_spark
from rulegen.errors import MxhoundError

# Two executors, each with one core and 1 GB, in processes of their own.
MASTER = "local-cluster[2,1,1024]"
EXECUTOR = "CoarseGrainedExecutorBackend"
# For JVMs that live for seconds: no compiler that makes fast what runs for hours, one thread to
# collect garbage, no web pages. A report on two executors takes 28 s of CPU in place of 51.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xlog:disable"
# Spark's classes as a JVM keeps them in memory (class data sharing): the same report takes 15.5 s
# of CPU with them, 23.5 s without.
ARCHIVES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mxhound" / "spark"
DATA = Path(__file__).parents[1] / "data"


def missing() -> str:
    """Why there can be no Spark here; "" if there can."""
    try:
        require_spark()
    except MxhoundError as error:
        return str(error)
    return ""


def options() -> str:
    """The value of SPARK_SUBMIT_OPTS for a Spark that lives for seconds."""
    archive = _archive()
    return _with(f"-XX:SharedArchiveFile={archive}" if archive.exists() else "")


def _with(*more: str) -> str:
    everywhere = " ".join((SHORT_LIVED, *more)).strip()
    return (
        f'{everywhere} "-Dspark.executor.extraJavaOptions={everywhere}" '
        "-Dspark.ui.enabled=false -Dspark.sql.shuffle.partitions=8"
    )


@cache
def _archive() -> Path:
    """Where the archive of this Java and this pyspark is. A JVM passes over one that does not fit
    its class path."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    made_of = (said, version("pyspark"), *map(str, _places("jars")))
    return ARCHIVES / f"{sha256(repr(made_of).encode()).hexdigest()[:16]}.jsa"


def write_archive() -> None:
    """Let a Spark that reads logs and writes tables say which classes it has loaded, unless one has."""
    archive = _archive()
    if archive.exists():
        return
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ARCHIVES) as folder:
        new = Path(folder, "new.jsa")
        opts = f"-XX:ArchiveClassesAtExit={new} {_with()}"
        environment = {key: value for key, value in os.environ.items() if key != "SPARK_CONF_DIR"}
        subprocess.run(
            [
                *(Path(sys.executable).with_name("eveproc"), "report", "--on", "spark"),
                *("--master", MASTER, "--parquet", f"file:{folder}/tables", "-s"),
                *(DATA / "site.yaml", DATA / "office-suricata-7.eve.json.gz"),
            ],
            env={**environment, "SPARK_SUBMIT_OPTS": opts},
            capture_output=True,  # which waits for the JVM too: it writes when the command has ended
            check=True,
        )
        new.replace(archive)


def work_folders() -> list[Path]:
    """Where executors of `local-cluster` have worked: one folder for each application, in that of
    the installed pyspark."""
    return [folder for place in _places("work") for folder in place.glob("app-*")]


def _places(name: str) -> list[Path]:
    found = find_spec("pyspark")
    places = found.submodule_search_locations if found else None
    return [Path(place, name) for place in places or ()]


@contextmanager
def work_removed() -> Iterator[None]:
    """Removes at the end what executors that began meanwhile leave on the disk: each has a copy of
    what was sent to it, up to 400 MB in ten thousand files."""
    before = set(work_folders())
    yield
    for folder in set(work_folders()) - before - folders_in_use():
        shutil.rmtree(folder, ignore_errors=True)


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


if __name__ == "__main__":
    write_archive()
