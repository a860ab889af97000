"""A finished report -> a file, all of it or none."""

import os
from collections.abc import Callable
from pathlib import Path

from rulegen.errors import InputError, MxhoundError, Problem


def write_whole(path: Path, text: str) -> None:
    """Write beside the file and rename over it, so that nobody ever reads half a report; devices and pipes are written to.

    Once this returns a file is on the disk, whatever happens to the machine.

    Line ends stay as they are. Raises MxhoundError when the file cannot be written.
    """
    try:
        _replace(path.resolve(), text) if path.is_file() or not path.exists() else _write(
            path, text
        )
    except OSError as error:
        raise MxhoundError(f"{path}: cannot be written: {error.strerror}") from error


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises InputError where there is one: it may be somebody's work."""
    try:
        with path.open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise InputError(
            [Problem(str(path), "is there already and is never overwritten; allowed is a new file")]
        ) from error
    except OSError as error:
        raise MxhoundError(f"{path}: cannot be written: {error.strerror}") from error


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _write(part, text, os.fsync)
        part.replace(path)
        _settle(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _write(path: Path, text: str, settle: Callable[[int], None] = lambda _: None) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        settle(stream.fileno())


def _settle(folder: Path) -> None:
    """A new name is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
