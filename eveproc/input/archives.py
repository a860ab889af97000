"""A tar or zip archive of logs -> each log in it as an input, without unpacking to disk."""

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from io import BufferedIOBase, BufferedReader, RawIOBase
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any

from eveproc.input import snort
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import BLOCK, IN_FOLDER, STDIN, ZIP, LogSource


def members(source: LogSource) -> Iterator[LogSource]:
    """The logs in the archive. Damage is noted as a problem."""
    stats = source.stats
    source.stats = ReadStats()  # its bytes are counted with its members
    read = _of_zip if source.head().startswith(ZIP) else _of_tar
    try:
        yield from read(source, stats)
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, RuntimeError) as error:
        source.note_problem(f"is an archive that is damaged or encrypted ({error})")
    finally:
        for problem in source.stats.problems:
            stats.note_problem(problem.file, problem.what)
        source.stats = stats


_OTHERS = (".*", "*.pcap*", "stats.log*", "suricata.log*", "*_perf.log*", "*.rules", "*.yaml")


class _Member(LogSource):
    """A file in an archive."""

    def __init__(
        self, name: str, raw: BufferedReader, stack: ExitStack, stats: ReadStats, written: float
    ) -> None:
        super().__init__(name, stack, stats, raw=raw)
        self._written = written

    @property
    def written(self) -> float:
        return self._written


def _of_tar(source: LogSource, stats: ReadStats) -> Iterator[LogSource]:
    """An alert log in text is skipped if another log of its folder came before it.

    Later members are not known yet.
    """
    telling: set[PurePosixPath] = set()
    links: dict[str, str] = {}
    files: set[str] = set()
    for info, content in _tar_members(source):
        path = PurePosixPath(info.name)
        links |= {info.name: info.linkname} if info.issym() else {}
        files |= {path.name} if content is not None else set()
        telling |= {path} if snort.says_more(path) else set()
        if path not in snort.without_repetitions(telling | {path}):
            stats.note_unread(f"{source.name}: {info.name}")
        elif content is not None and _is_log(info.name):
            with ExitStack() as stack:
                yield _Member(
                    f"{source.name}: {info.name}",
                    BufferedReader(_Content(content.read), BLOCK),
                    stack,
                    stats,
                    float(info.mtime),
                )
    for link, target in sorted(links.items()):
        is_log = fnmatchcase(PurePosixPath(link).name, IN_FOLDER)
        if is_log and PurePosixPath(target).name not in files:
            source.note_problem(f"holds {link} as a link to {target}, which is not in the archive")


def _tar_members(source: LogSource) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """The members of a tar archive, and of others that were appended to it."""
    stream = _Stream(source)
    while stream.skip_zeros():
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for info in archive:
                yield info, archive.extractfile(info) if info.isfile() else None


def _of_zip(source: LogSource, stats: ReadStats) -> Iterator[LogSource]:
    with ExitStack() as outer:
        file = _seekable(source, outer)
        archive = outer.enter_context(zipfile.ZipFile(file))
        wanted = snort.without_repetitions({PurePosixPath(name) for name in archive.namelist()})
        for info in archive.infolist():
            if PurePosixPath(info.filename) not in wanted:
                stats.note_unread(f"{source.name}: {info.filename}")
            elif not info.is_dir() and _is_log(info.filename):
                with ExitStack() as stack:
                    content = stack.enter_context(archive.open(info))
                    written = datetime(*info.date_time, tzinfo=UTC).timestamp()
                    name = f"{source.name}: {info.filename}"
                    yield _Member(
                        name, BufferedReader(_Content(content.read), BLOCK), stack, stats, written
                    )


def _is_log(name: str) -> bool:
    """True if the name may be a log's, not that of another file beside an engine's logs."""
    file = Path(name).name
    return not any(fnmatchcase(file, pattern) for pattern in _OTHERS)


def _seekable(source: LogSource, stack: ExitStack) -> Any:
    """The archive as a seekable file: itself, or a copy of what comes from a pipe or is
    decompressed.
    """
    if source.name != STDIN and Path(source.name).is_file():
        with Path(source.name).open("rb") as raw:
            if raw.read(len(ZIP)) == ZIP:
                return source.name
    copy: IO[bytes] = stack.enter_context(TemporaryFile())  # noqa: SIM115  closed by the stack
    while block := source.read(BLOCK):
        copy.write(block)
    copy.seek(0)
    return copy


class _Stream(BufferedIOBase):
    """What tarfile reads: exactly as many bytes as it asks for, except at the end."""

    def __init__(self, source: LogSource) -> None:
        self._source = source
        self._held = b""

    def skip_zeros(self) -> bool:
        """Skip to the next block that holds more than zeros; False at the end."""
        while block := self.read(BLOCK):
            if content := block.lstrip(b"\0"):
                start = (len(block) - len(content)) // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
                self._held = block[start:] + self._held
                return True
        return False

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = BLOCK if size is None or size < 0 else size
        pieces = [self._held]
        missing = wanted - len(self._held)
        while missing > 0 and (block := self._source.read(max(missing, 1))):
            pieces.append(block)
            missing -= len(block)
        whole = b"".join(pieces)
        self._held = whole[wanted:]
        return whole[:wanted]


class _Content(RawIOBase):
    """A member's content as a stream that cannot seek."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._read(len(buffer))
        buffer[: len(block)] = block
        return len(block)
