"""URIs that Spark reads: files, folders, globs -> the files behind them, and which of them can be cut into pieces."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from operator import attrgetter
from pathlib import Path
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

# A file of up to so many bytes is read by one task, whatever is in it.
ONE_TASK = 32 << 20
# A piece of a larger one: some seconds of work, so that what is lost with an executor is soon done
# again, and the start of a task is little beside it.
PIECE = 512 << 20
# What Hadoop unpacks by the name alone; such a file cannot be cut.
PACKED = (".gz", ".gzip", ".bz2", ".zst", ".zstd", ".deflate", ".lz4", ".snappy")
DISK = "file:"
# So many files are looked into at once: an object store answers each in some 50 ms.
LOOKED_INTO = 16


class Listed(Struct, frozen=True):
    """A file as Hadoop writes its name, its size in bytes, and whether it is one of plain lines, large enough to be read in pieces."""

    path: str
    size: int
    is_cut: bool = False

    @property
    def suffix(self) -> str:
        """What Hadoop takes for the sign of a compression; "" if it is none."""
        return next((suffix for suffix in PACKED if self.path.endswith(suffix)), "")

    @property
    def is_hidden(self) -> bool:
        """Does Spark pass over such names without a word, wherever they come from?"""
        name = self.path.rpartition("/")[2]
        return (
            (name.startswith("_") and "=" not in name)
            or name.startswith(".")
            or name.endswith("._COPYING_")
        )

    @property
    def identity(self) -> str:
        """The same for two names of one file on a disk."""
        return self.path if self.local is None else str(Path(self.local).resolve())

    @property
    def local(self) -> str | None:
        """Its path, if it is on a disk, or on what every machine sees as one."""
        return self.path.removeprefix(DISK) if self.path.startswith(DISK) else None


def find(spark: "SparkSession", uris: Sequence[str]) -> list[Listed]:
    """The files behind the URIs by path, without repeats. Raises InputError with every fault."""
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


def still_there(spark: "SparkSession", files: Sequence[Listed]) -> list[Listed]:
    """Those that were not taken away since they were found."""
    return list(filter(_Storage(spark).has, files))


def _looked_into(storage: "_Storage", files: Sequence[Listed]) -> list[Listed]:
    """Which are cut? What storage hides from Spark is none of those: whoever reads it whole says that nothing came."""
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
    """What Hadoop's file systems say, in the words of sources.find_files."""

    def __init__(self, spark: "SparkSession") -> None:
        self._hadoop: Any = spark.sparkContext._jvm.org.apache.hadoop.fs
        self._settings = spark.sparkContext._jsc.hadoopConfiguration()

    def files(self, uri: str) -> list[Listed] | Problem:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        if not uri or uri == STDIN:
            return Problem(
                uri or '""',
                "cannot be read by a cluster; allowed are files, folders and globs in storage that all of it sees",
            )
        try:
            return self._files(uri)
        except (Py4JError, PySparkException) as error:
            return Problem(uri, f"cannot be read: {why(error)}")

    def has(self, file: Listed) -> bool:
        path = self._hadoop.Path(file.path)
        return bool(path.getFileSystem(self._settings).exists(path))

    def head(self, file: Listed) -> bytes:
        """The first bytes; none of a file that cannot be read, which is left to the one that reads it."""
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
        # A name with a bracket in it is a name first, and a pattern if there is no such file.
        found = (
            [system.getFileStatus(path)]
            if system.exists(path)
            else list(system.globStatus(path) or ())
        )
        if len(found) == 1 and found[0].isDirectory():
            inside = [
                file
                for file in _listed(system.listStatus(found[0].getPath()))
                if _is_log(file.path)
            ]
            return inside or Problem(
                uri,
                f"holds no eve file; looked for {IN_FOLDER} and the logs of Snort, plain or compressed",
            )
        files = list(_listed(found))
        return files or Problem(uri, "no such file, and a pattern that matches none")


def _listed(statuses: Any) -> Iterator[Listed]:
    return (
        Listed(status.getPath().toString(), status.getLen())
        for status in statuses
        if status.isFile()
    )


def _is_log(path: str) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(name, pattern) for pattern in (IN_FOLDER, *snort.IN_FOLDER))
