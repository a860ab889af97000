"""Text or bytes -> files, written atomically; files named by users -> bytes, within bounds.

This is the only module of the project that writes result files. Those that hold personal data are
private.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EACCES, EISDIR, ELOOP, ENOENT, ENOTDIR
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import BinaryIO

from rulegen.errors import InputError, MxhoundError, Problem

# Readable by the owner alone: reports, archives and baselines say who talked to whom.
PRIVATE = 0o600
# By the umask: rules and settings, which other programs load under their own users.
SHARED = 0o666

# Standard streams and the files of <(...), which the shell has opened.
_SHELL = re.compile(r"/dev/std(in|out|err)|/dev/fd/[0-9]+|/proc/(self|[0-9]+)/fd/[0-9]+")
_KINDS = (
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISSOCK, "socket"),
)

Write = Callable[[BinaryIO], object]


def write_whole(path: Path, text: str, mode: int = PRIVATE) -> None:
    """Replace the content of a file atomically; devices and pipes are written to directly.

    A file that the shell has opened, as /dev/stdout, is appended to.

    A new file gets `mode`, lowered by the umask. An existing file of the same user keeps its own
    mode and its group. When this returns, the content is on the disk. Line ends stay as they are.
    Raises MxhoundError if the file cannot be written.
    """
    write_stream(path, _content(text), mode)


def expect_writable(path: Path) -> None:
    """Raise what write_whole would raise, as far as that is known before hours of work."""
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        if not path.is_symlink() and (path.is_file() or not path.exists()):
            _expect_folder(path)
    except OSError as error:
        raise _not_written(path, error) from error


def write_stream(path: Path, write: Write, mode: int = PRIVATE) -> None:
    """As write_whole; `write` is called once with a binary file and writes the content into it."""
    try:
        refuse_foreign_link(path)
        if _SHELL.fullmatch(str(path)) or (path.exists() and not path.is_file()):
            with path.open("ab") as file:  # >> keeps the content of a file
                write(file)
            return
        _replace(_resolved(path), write, mode)
    except OSError as error:
        raise _not_written(path, error) from error


def write_new(path: Path, text: str) -> None:
    """Write a new file. Raises InputError if it exists: people may have edited it."""
    try:
        file = _open_new(path, SHARED)
        with _removed_on_failure(path), file:
            file.write(text.encode())
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise _not_written(path, error) from error


def expect_new(path: Path) -> None:
    """Raise what write_new would raise, as far as that is known before hours of work."""
    try:
        if path.is_symlink() or path.exists():
            raise _taken(path)
        _expect_folder(path)
    except OSError as error:
        raise _not_written(path, error) from error


def _expect_folder(path: Path) -> None:
    if not path.parent.is_dir():
        number = ENOTDIR if path.parent.exists() else ENOENT
        raise OSError(number, os.strerror(number))
    if not _SHELL.fullmatch(str(path)) and not os.access(path.parent, os.W_OK):
        raise OSError(EACCES, os.strerror(EACCES))


def _taken(path: Path) -> InputError:
    what = "is there already and is never overwritten; expected the name of a new file"
    return InputError([Problem(str(path), what)])


def write_together(texts: Mapping[Path, str]) -> None:
    """Write all files or change none: each is written beside its place, then all are renamed.

    Only a crash of the machine between two renames leaves new files beside old ones; each of them
    is whole. Missing folders are created. Raises OSError that names the intended file.
    """
    parts: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
            with _named(path):
                parts[path] = _make_part(path, _content(text), SHARED)
        for path, part in parts.items():
            with _named(path):
                part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def read_bounded(path: Path, most: int) -> bytes:
    """The content of a file of at most `most` bytes. Raises InputError for anything else.

    Of pipes, only those of the shell are read (/dev/stdin, <(...)): they have a writer.
    """
    try:
        if fault := special_kind(path):
            raise InputError([Problem(str(path), f"is a {fault}; expected a file")])
        with path.open("rb") as stream:
            raw = stream.read(most + 1)
    except OSError as error:
        raise InputError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    if len(raw) > most:
        raise InputError(
            [Problem(str(path), f"is larger than {most} bytes; expected a smaller file")]
        )
    return raw


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder; wait for another process that has it.

    The lock is on the folder, since a file in it is replaced by each update. A folder that is not
    there is left to whoever writes into it; file systems without locks go without.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            flock(descriptor, LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def special_kind(path: Path) -> str:
    """The kind of a pipe, device or socket; "" for files, folders and pipes of the shell.

    Raises OSError if that is unknown.
    """
    if _SHELL.fullmatch(str(path)):
        return ""
    mode = path.stat().st_mode
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "")


def why_not_made(path: Path, error: OSError) -> str:
    """The reason why a file was not created; a missing folder is named."""
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if error.errno == ENOENT and not folder.exists():
        return f"there is no folder {folder}"
    return error.strerror or str(error)


def refuse_foreign_link(path: Path) -> None:
    """Raise OSError for a link that another user put into a folder where everybody may write.

    The rule of the kernel (fs.protected_symlinks) for links that it follows; here the path is
    resolved first, so the kernel does not see them.
    """
    for place in (path, *path.parents):
        if not place.is_symlink():
            continue
        folder = place.absolute().parent.stat()
        everybody = stat.S_ISVTX | stat.S_IWOTH
        owner = place.lstat().st_uid
        if folder.st_mode & everybody == everybody and owner not in (os.geteuid(), folder.st_uid):
            raise OSError(ELOOP, "is a link of another user in a folder where everybody may write")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError as error:  # raised by Python 3.11 and 3.12
        raise OSError(ELOOP, os.strerror(ELOOP)) from error


def _content(text: str) -> Write:
    return lambda file: file.write(text.encode())


def _token() -> str:
    """A name that cannot be guessed. The module secrets takes 5 ms to import."""
    return os.urandom(8).hex()


def _replace(path: Path, write: Write, mode: int) -> None:
    part = _make_part(path, write, mode, sync=True)
    with _removed_on_failure(part):
        part.replace(path)
    _sync_folder(path.parent)


def _make_part(path: Path, write: Write, mode: int, *, sync: bool = False) -> Path:
    """Write the content into a new file beside `path`, with the future mode of `path`."""
    part = path.with_name(f".{path.name[:50]}.{_token()}.part")
    file = _open_new(part, mode)
    with _removed_on_failure(part), file:
        _copy_rights(path, file.fileno())
        write(file)
        file.flush()
        if sync:
            os.fsync(file.fileno())
    return part


def _open_new(path: Path, mode: int) -> BinaryIO:
    """Create a file; O_EXCL and O_NOFOLLOW refuse a file or link that is there already."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, mode), "wb")


def _copy_rights(path: Path, descriptor: int) -> None:
    """Give a new file the mode and group of the file it replaces, if that belongs to the same user.

    If the group cannot be set, no group gets rights. The mode of another user's file is not copied,
    since that user chose it.
    """
    with suppress(FileNotFoundError):
        old = path.lstat()
        if not stat.S_ISREG(old.st_mode) or old.st_uid != os.geteuid():
            return
        mode = old.st_mode & 0o777
        try:
            os.fchown(descriptor, -1, old.st_gid)
        except PermissionError:
            mode &= ~0o070
        os.fchmod(descriptor, mode)


def _sync_folder(folder: Path) -> None:
    """Flush a new name to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    """Remove a file that this process has just created if writing it fails."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Report an error about a part as one about the file that it becomes."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _not_written(path: Path, error: OSError) -> MxhoundError:
    return MxhoundError(f"{path}: cannot be written: {why_not_made(path, error)}")
