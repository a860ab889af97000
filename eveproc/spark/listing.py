"""URIs of files, folders and globs -> the files behind them, and which of them can be split."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from eveproc.input import snort
from eveproc.input.reader import holds_lines
from eveproc.input.sources import HEAD, IN_FOLDER, STDIN, compression_of
from eveproc.spark.session import why
from rulegen.errors import InputError, Problem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Files up to this size in bytes are read by one task.
ONE_TASK = 32 << 20
# Size of a piece of a larger file in bytes: some seconds of work. Losing an executor then costs
# little, and so does the start of a task.
PIECE = 512 << 20
# Suffixes by which Hadoop decompresses a file; such a file cannot be split.
PACKED = (".gz", ".gzip", ".bz2", ".zst", ".zstd", ".deflate", ".lz4", ".snappy")
DISK = "file:"
# Number of files inspected in parallel: an object store takes some 50 ms for each.
LOOKED_INTO = 16


class Listed(Struct, frozen=True):
    """A file: its name as Hadoop writes it, its size in bytes, and whether it is read in pieces.

    `thread`: the folder of a packet thread of Snort that holds it, within a folder that was named.
    """

    path: str
    size: int
    is_cut: bool = False
    thread: str = ""

    @property
    def suffix(self) -> str:
        """The suffix by which Hadoop decompresses the file, "" if there is none."""
        return next((suffix for suffix in PACKED if self.path.endswith(suffix)), "")

    @property
    def is_hidden(self) -> bool:
        """True if Spark silently ignores files of this name."""
        name = self.path.rpartition("/")[2]
        return (
            (name.startswith("_") and "=" not in name)
            or name.startswith(".")
            or name.endswith("._COPYING_")
        )

    @property
    def identity(self) -> str:
        """Equal for two names of one file."""
        return self.path if self.local is None else str(Path(self.local).resolve())

    @property
    def local(self) -> str | None:
        """Its path on a local or shared disk, None in other storage."""
        return self.path.removeprefix(DISK) if self.path.startswith(DISK) else None


def find(spark: "SparkSession", uris: Sequence[str]) -> list[Listed]:
    """The files behind the URIs by path, each once. Raises InputError with all problems."""
    storage = _Storage(spark)
    found: dict[str, Listed] = {}
    problems: list[Problem] = []
    for uri in uris:
        match storage.files(uri):
            case Problem() as problem:
                problems.append(problem)
            case files:
                for file in files:
                    found.setdefault(file.identity, file)
    if problems:
        raise InputError(problems)
    return _looked_into(storage, sorted(found.values(), key=attrgetter("path")))


def unread(spark: "SparkSession", uris: Sequence[str]) -> list[str]:
    """The files of the folders named that `find` leaves out for their names."""
    storage = _Storage(spark)
    return sorted({path for uri in uris for path in storage.unread(uri)})


def still_there(spark: "SparkSession", files: Sequence[Listed]) -> list[Listed]:
    """The files that still exist."""
    return list(filter(_Storage(spark).has, files))


def _looked_into(storage: "_Storage", files: Sequence[Listed]) -> list[Listed]:
    """Mark the files to be read in pieces.

    Files that Spark ignores are read whole, so that the loss is noticed.
    """
    large = [
        file
        for file in files
        if file.size > ONE_TASK
        and not file.suffix
        and (file.local is not None or not file.is_hidden)
    ]
    with ThreadPoolExecutor(LOOKED_INTO) as pool:
        cut = {
            file
            for file, head in zip(large, pool.map(storage.head, large), strict=True)
            if _is_lines(head)
        }
    return [replace(file, is_cut=file in cut) for file in files]


def _is_lines(head: bytes) -> bool:
    return compression_of(head) is None and holds_lines(head)


class _Storage:
    """Find files through Hadoop's file systems, with the messages of sources.find_files."""

    def __init__(self, spark: "SparkSession") -> None:
        self._hadoop: Any = spark.sparkContext._jvm.org.apache.hadoop.fs
        self._settings = spark.sparkContext._jsc.hadoopConfiguration()

    def files(self, uri: str) -> list[Listed] | Problem:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        if not uri or uri == STDIN:
            return Problem(
                uri or '""',
                "cannot be read on a cluster: expected files, folders or globs that every node "
                "sees",
            )
        try:
            return self._files(uri)
        except (Py4JError, PySparkException) as error:
            return Problem(uri, f"cannot be read: {why(error)}")

    def has(self, file: Listed) -> bool:
        path = self._hadoop.Path(file.path)
        return bool(path.getFileSystem(self._settings).exists(path))

    def head(self, file: Listed) -> bytes:
        """The first bytes, b"" if the file cannot be read: the task that reads it reports why."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        path = self._hadoop.Path(file.path)
        try:
            stream = path.getFileSystem(self._settings).open(path)
            try:
                return bytes(stream.readNBytes(HEAD))
            finally:
                stream.close()
        except (Py4JError, PySparkException):
            return b""

    def _files(self, uri: str) -> list[Listed] | Problem:
        path = self._hadoop.Path(uri)
        system = path.getFileSystem(self._settings)
        # A name with a bracket is tried as a file name first, then as a pattern.
        found = (
            [system.getFileStatus(path)]
            if system.exists(path)
            else list(system.globStatus(path) or ())
        )
        if len(found) == 1 and found[0].isDirectory():
            inside = list(_logs_of(self._in_folder(system, found[0].getPath())))
            return inside or Problem(
                uri,
                f"holds no eve file; looked for {IN_FOLDER}, fast.log and the logs of Snort, plain "
                "or compressed",
            )
        files = list(_listed(found))
        return files or Problem(uri, "no such file, and no file matches it as a pattern")

    def unread(self, uri: str) -> list[str]:
        """The files of a folder that its name stands for and that are not read."""
        path = self._hadoop.Path(uri)
        system = path.getFileSystem(self._settings)
        if not system.exists(path) or not system.getFileStatus(path).isDirectory():
            return []
        files = list(self._in_folder(system, path))
        read = set(_logs_of(files))
        return [file.path for file in files if file not in read]

    @staticmethod
    def _in_folder(system: Any, folder: Any) -> Iterator[Listed]:
        """The files of a folder, and those in the folders of Snort's packet threads."""
        statuses = list(system.listStatus(folder))
        yield from _listed(statuses)
        for status in statuses:
            name = status.getPath().getName()
            if status.isDirectory() and name[-1:].isdecimal():
                inside = [
                    replace(file, thread=name)
                    for file in _listed(system.listStatus(status.getPath()))
                ]
                yield from inside if any(map(_is_log, inside)) else ()


def _listed(statuses: Any) -> Iterator[Listed]:
    return (
        Listed(status.getPath().toString(), status.getLen())
        for status in statuses
        if status.isFile()
    )


def _logs_of(files: Iterable[Listed]) -> Iterator[Listed]:
    """Those of the files of a folder that are logs and do not repeat others."""
    logs = {PurePosixPath(file.path): file for file in files if _is_log(file)}
    kept = snort.without_repetitions(set(logs))
    return (file for path, file in logs.items() if path in kept)


def _is_log(file: Listed) -> bool:
    """True for a name of a log: of Snort alone where a folder of a packet thread holds it."""
    name = file.path.rpartition("/")[2]
    if file.thread:
        return any(fnmatchcase(f"{file.thread}/{name}", pattern) for pattern in snort.IN_FOLDER)
    return any(fnmatchcase(name, pattern) for pattern in (IN_FOLDER, *snort.IN_FOLDER))
