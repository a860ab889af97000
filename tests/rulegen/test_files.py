"""Result files: whole or not at all, private by default, and never through a link that another user
left."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import pytest

from rulegen import files
from rulegen.errors import InputError, MxhoundError
from rulegen.files import (
    SHARED,
    expect_new,
    write_new,
    write_stream,
    write_together,
    write_whole,
)

OTHER_USER, OTHER_GROUP = 65534, 65533
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """As /tmp: everybody may write, and only the owner of a file may remove it."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def test_a_new_file_is_for_its_owner_alone_unless_it_is_to_be_shared(tmp_path: Path) -> None:
    write_whole(tmp_path / "report", "r\n")
    write_whole(tmp_path / "rules", "r\n", SHARED)
    write_new(tmp_path / "site.yaml", "s\n")
    write_together({tmp_path / "a": "a\n"})
    assert [mode_of(tmp_path / name) for name in ("report", "rules", "site.yaml", "a")] == [
        0o600,
        0o644,
        0o644,
        0o644,
    ]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    for name in ("whole", "together"):
        (tmp_path / name).write_text("old")
        (tmp_path / name).chmod(mode)
    write_whole(tmp_path / "whole", "new")
    write_together({tmp_path / "together": "new"})
    assert (tmp_path / "whole").read_text() == (tmp_path / "together").read_text() == "new"
    assert mode_of(tmp_path / "whole") == mode_of(tmp_path / "together") == mode


@AS_ROOT
def test_an_existing_file_keeps_its_group(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.write_text("old")
    report.chmod(0o640)
    os.chown(report, -1, OTHER_GROUP)
    write_whole(report, "new")
    assert (report.stat().st_gid, mode_of(report)) == (OTHER_GROUP, 0o640)


def test_where_the_group_cannot_be_kept_no_other_group_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    report = tmp_path / "report"
    report.write_text("old")
    report.chmod(0o664)
    monkeypatch.setattr(os, "fchown", refuse)
    write_whole(report, "new")
    assert mode_of(report) == 0o604


@AS_ROOT
def test_the_mode_that_another_user_chose_is_not_kept(open_folder: Path) -> None:
    report = open_folder / "report"
    report.write_text("bait")
    report.chmod(0o666)
    os.chown(report, OTHER_USER, -1)
    write_whole(report, "new")
    assert (report.read_text(), mode_of(report), report.stat().st_uid) == ("new", 0o600, 0)


@AS_ROOT
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_of_another_user_in_an_open_folder_is_refused(
    open_folder: Path, tmp_path: Path, exists: bool
) -> None:
    target, link = tmp_path / "precious", open_folder / "report.html"
    if exists:
        target.write_text("precious")
    link.symlink_to(target)
    os.lchown(link, OTHER_USER, -1)
    with pytest.raises(
        MxhoundError, match=r"report\.html: cannot be written: is a link of another"
    ):
        write_whole(link, "new")
    assert (target.read_text() == "precious") if exists else not target.exists()


@AS_ROOT
def test_nor_is_a_folder_that_is_such_a_link_used(open_folder: Path, tmp_path: Path) -> None:
    (open_folder / "out").symlink_to(tmp_path)
    os.lchown(open_folder / "out", OTHER_USER, -1)
    with pytest.raises(MxhoundError, match="is a link of another user"):
        write_whole(open_folder / "out" / "report", "new")
    assert not (tmp_path / "report").exists()


def test_an_own_link_is_followed(open_folder: Path, tmp_path: Path) -> None:
    link = open_folder / "latest"
    link.symlink_to(tmp_path / "report")
    write_whole(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "report").read_text() == "new"


def test_a_part_is_created_and_never_an_existing_file_or_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attacker who guessed the name of a part gains nothing: it is refused, not written to."""
    monkeypatch.setattr(files, "_token", lambda: "guessed")
    target, part = tmp_path / "precious", tmp_path / ".report.guessed.part"
    for make in (lambda: part.symlink_to(target), lambda: part.write_text("bait")):
        make()
        with pytest.raises(MxhoundError, match="File exists"):
            write_whole(tmp_path / "report", "new")
        part.unlink()
    assert not target.exists()
    assert not (tmp_path / "report").exists()


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    def write_half(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    report = tmp_path / "report"
    report.write_text("old")
    with pytest.raises(MxhoundError, match="report: cannot be written: No space left on device"):
        write_stream(report, write_half)
    assert report.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "through the pipe")
    reader.join()
    assert read == ["through the pipe"]
    assert pipe.is_fifo()


def test_a_stream_of_the_shell_is_written_to_where_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as stream:
        stream.write("before\n")
        stream.flush()
        write_whole(Path(f"/proc/self/fd/{stream.fileno()}"), "text\n")
    assert log.read_text() == "before\ntext\n"


def test_a_new_file_is_never_written_over_another(tmp_path: Path) -> None:
    for make in (lambda path: path.write_text("mine"), lambda path: path.symlink_to("/nowhere")):
        path = tmp_path / "site.yaml"
        make(path)
        with pytest.raises(InputError, match="is there already and is never overwritten"):
            write_new(path, "text")
        with pytest.raises(InputError, match="is there already and is never overwritten"):
            expect_new(path)
        path.unlink()
        expect_new(path)


@pytest.mark.parametrize("folder", ["none", "a file"])
def test_what_cannot_be_a_new_file_is_told_before_it_is_written(
    folder: str, tmp_path: Path
) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(MxhoundError) as written:
        write_new(tmp_path / folder / "site.yaml", "text")
    with pytest.raises(MxhoundError) as expected:
        expect_new(tmp_path / folder / "site.yaml")
    assert str(expected.value) == str(written.value)


def test_half_of_a_new_file_is_removed(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_new(tmp_path / "site.yaml", "\ud800")
    assert not list(tmp_path.iterdir())


def test_a_long_name_leaves_room_for_the_name_of_its_part(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_whole(path, "text")
    assert path.read_text() == "text"


def test_when_one_file_cannot_be_written_none_changes(tmp_path: Path) -> None:
    first = tmp_path / "a" / "first"
    first.parent.mkdir()
    first.write_text("old")
    (tmp_path / "b").write_text("a file where a folder should be")
    with pytest.raises(FileExistsError):
        write_together({first: "new", tmp_path / "b" / "second": "new"})
    assert first.read_text() == "old"
    assert [path.name for path in first.parent.iterdir()] == ["first"]


def test_a_folder_in_the_way_of_a_file_is_seen_before_anything_changes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old")
    second.mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_together({first: "new", second: "new"})
    assert caught.value.filename == str(second)
    assert first.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_an_error_names_the_file_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_token", lambda: "token")
    (tmp_path / ".first.token.part").mkdir()
    with pytest.raises(FileExistsError) as caught:
        write_together({tmp_path / "first": "new"})
    assert caught.value.filename == str(tmp_path / "first")
