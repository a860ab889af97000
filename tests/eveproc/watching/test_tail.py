"""A log that grows, is renamed, copied away and written anew -> every line of it once."""

import gzip
import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import BLOCK, TAIL
from eveproc.state.log_position import digest_of
from eveproc.watching import tail
from eveproc.watching.tail import GRACE_SECONDS, Follower, rotated
from rulegen.errors import InputError


class Log:
    """What Suricata and logrotate do to one file; `written` are the whole lines so far."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "eve.json"
        self.written: list[bytes] = []
        self._half = b""
        self._out = self.path.open("ab", buffering=0)
        self._rotations = 0

    def lines(self, count: int) -> None:
        for _ in range(count):
            self.half()
            self._out.write(b"\n")
            self.written.append(self._half)
            self._half = b""

    def half(self) -> None:
        if not self._half:
            self._half = b'{"timestamp":"%d","flow_id":%d}' % (len(self.written), self._rotations)
            self._out.write(self._half)

    def rename(self) -> None:
        """Suricata goes on in the renamed file until it is told (`reopen`)."""
        self._rotations += 1
        self.path.rename(f"{self.path}.{self._rotations}")

    def reopen(self) -> None:
        if self._half:
            self._out.write(b"\n")
            self.written.append(self._half)
            self._half = b""
        self._out.close()
        self._out = self.path.open("ab", buffering=0)

    def copytruncate(self) -> None:
        """What is half written goes into the copy; Suricata's next bytes are the rest of it."""
        if self._half:
            self._out.write(b"\n")
            self.written.append(self._half)
            self._half = b""
        self._rotations += 1
        shutil.copyfile(self.path, f"{self.path}.{self._rotations}")
        os.truncate(self.path, 0)

    def close(self) -> None:
        self._out.close()


def texts(follower: Follower, now: float) -> list[bytes]:
    return [line for block, end in follower.poll(now) for line in block[:end].splitlines()]


STEPS = st.sampled_from(
    ["lines", "lines", "lines", "half", "rename", "copytruncate", "poll", "wait"]
)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=40))
def test_every_line_comes_once_whatever_is_done_to_the_file(steps: list[str]) -> None:
    stats = ReadStats()
    with (
        tempfile.TemporaryDirectory() as name,
        closing(Log(Path(name))) as log,
        closing(Follower(str(log.path), stats)) as follower,
    ):
        seen = texts(follower, 0.0)
        now = 0.0
        for step in [*steps, "poll"]:
            now += GRACE_SECONDS / 4 if step == "wait" else 0.25
            match step:
                case "lines":
                    log.lines(3)
                case "half":
                    log.half()
                case "rename":
                    log.rename()
                    seen += texts(follower, now)
                    log.lines(2)
                    log.reopen()
                    seen += texts(
                        follower, now
                    )  # of a file that comes and goes between two looks nobody can know
                case "copytruncate":
                    log.lines(1)
                    seen += texts(follower, now)
                    log.lines(1)
                    log.copytruncate()
                case _:
                    seen += texts(follower, now)
        log.reopen()
        for _ in range(3):
            seen += texts(follower, now)
        assert sorted(seen) == sorted(log.written)
        # An emptied file that held nothing new has nothing to be missed.
        assert [problem for problem in stats.problems if "emptied" not in problem.what] == []


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    yield log
    log.close()


def test_what_was_written_before_it_was_emptied_is_read_from_the_copy_that_is_packed_by_now(log):
    stats = ReadStats()
    follower = Follower(str(log.path), stats)
    log.lines(3)
    assert len(texts(follower, 0)) == 3
    log.lines(2)
    log.copytruncate()
    copy = Path(f"{log.path}.1")
    Path(f"{copy}.gz").write_bytes(gzip.compress(copy.read_bytes()))
    copy.unlink()
    log.lines(1)
    assert sorted(texts(follower, 1)) == sorted(log.written[3:])
    assert stats.problems == []
    follower.close()


def test_a_copy_that_cannot_be_found_is_told(log):
    stats = ReadStats()
    follower = Follower(str(log.path), stats)
    log.lines(3)
    texts(follower, 0)
    os.truncate(log.path, 0)
    log.lines(1)
    assert texts(follower, 1) == log.written[3:]
    assert [problem.what for problem in stats.problems] == [
        "was emptied, and no copy of it is found: its last lines may not have been read"
    ]
    follower.close()


def test_a_file_written_anew_to_the_same_size_is_seen_to_be_another(log):
    follower = Follower(str(log.path), ReadStats())
    log.lines(3)
    assert texts(follower, 0) == log.written
    size = log.path.stat().st_size
    log.path.write_bytes(b'{"timestamp":"other"}\n'.ljust(size + 50, b" ") + b"\n")
    assert b'{"timestamp":"other"}' in texts(follower, 1)
    follower.close()


def test_it_waits_for_a_file_that_is_not_there_yet(tmp_path):
    follower = Follower(str(tmp_path / "eve.json"), ReadStats())
    assert texts(follower, 0) == []
    (tmp_path / "eve.json").write_bytes(b"a\nb")
    assert texts(follower, 1) == [b"a"]
    follower.close()


def test_half_a_line_of_a_file_that_is_finished_is_given_in_the_end(log):
    follower = Follower(str(log.path), ReadStats())
    log.lines(1)
    log.half()
    assert texts(follower, 0) == log.written
    log.rename()
    Path(log.path).write_bytes(b"new\n")
    assert texts(follower, 1) == [b"new"]
    (half,) = texts(follower, 1 + GRACE_SECONDS)
    assert half.startswith(b'{"timestamp"')
    follower.close()


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_long_lines_are_whole(log, size):
    follower = Follower(str(log.path), ReadStats())
    log.path.write_bytes(b"first\n" + b"x" * size + b"\nlast\n")
    assert list(map(len, texts(follower, 0))) == [5, size, 4]
    follower.close()


def test_a_line_too_long_to_be_one_is_given_in_part_once_and_the_next_is_whole(log, monkeypatch):
    monkeypatch.setattr(tail, "MAX_LINE", 2 * BLOCK)
    stats = ReadStats()
    follower = Follower(str(log.path), stats)
    log.path.write_bytes(b"first\n" + b"x" * (7 * BLOCK) + b"\nlast\n")
    assert list(map(len, texts(follower, 0))) == [5, 2 * BLOCK + 1, 4]
    assert stats.bytes == log.path.stat().st_size
    follower.close()


def test_a_piece_that_was_not_taken_in_is_given_again(log):
    follower = Follower(str(log.path), ReadStats())
    log.lines(2)
    next(iter(follower.poll(0)))
    assert [mark.offset for mark in follower.log_positions(0.0)] == []
    assert texts(follower, 1) == log.written
    (mark,) = follower.log_positions(5.0)
    assert (mark.offset, mark.grown) == (log.path.stat().st_size, 5.0)
    follower.close()


def marks_of(log, at=0.0):
    """Positions after everything that is in the file now."""
    with closing(Follower(str(log.path), ReadStats())) as other:
        texts(other, 0)
        return list(other.log_positions(at))


def test_what_another_reader_has_read_is_not_read_again(log):
    log.lines(2)
    marks = marks_of(log)
    log.lines(1)
    follower = Follower(str(log.path), ReadStats())
    follower.hold(0.0)
    follower.resume(marks)
    assert texts(follower, 0) == log.written[2:]
    log.rename()
    log.reopen()
    log.lines(1)
    assert texts(follower, 1) == log.written[3:]
    follower.close()


def test_what_was_read_up_to_the_middle_of_a_line_is_read_on_from_its_beginning(log):
    log.lines(1)
    log.half()
    (mark,) = marks_of(log)
    size = log.path.stat().st_size
    content = log.path.read_bytes()[-TAIL:]
    log.lines(1)
    follower = Follower(str(log.path), ReadStats())
    follower.hold(0.0)
    follower.resume([replace(mark, offset=size, tail=digest_of(content))])
    assert texts(follower, 0) == log.written[1:]
    follower.close()


@pytest.mark.parametrize("count", [0, 9])
def test_a_log_that_was_emptied_since_the_last_look_has_no_position(log, count):
    log.lines(2)
    follower = Follower(str(log.path), ReadStats())
    texts(follower, 0)
    log.copytruncate()
    log.lines(count)
    assert list(follower.log_positions(0.0)) == []
    assert texts(follower, 1) == log.written[2:]
    follower.close()


def test_a_file_with_other_content_is_read_from_its_beginning(log):
    log.lines(2)
    marks = marks_of(log)
    log.path.write_bytes(b"")
    log.reopen()
    log.lines(5)
    follower = Follower(str(log.path), ReadStats())
    follower.hold(0.0)
    follower.resume(marks)
    assert texts(follower, 0) == log.written[2:]
    follower.close()


def test_lines_that_are_written_and_copied_away_between_two_looks_are_read(log):
    log.path.touch()
    follower = Follower(str(log.path), ReadStats())
    assert texts(follower, 0) == []
    log.lines(3)
    shutil.copy(log.path, f"{log.path}.1")
    log.path.write_bytes(b"")
    assert texts(follower, 1) == log.written
    follower.close()


def test_a_file_that_may_not_be_read_is_refused(log, monkeypatch):
    monkeypatch.setattr(
        tail.os, "access", lambda *_: False
    )  # root, as which tests may run, may read everything
    with pytest.raises(InputError, match="permission denied"):
        Follower(str(log.path), ReadStats())


def test_a_fault_is_told_once_and_tried_again(log, monkeypatch):
    stats = ReadStats()
    follower = Follower(str(log.path), stats)
    log.lines(1)
    with monkeypatch.context() as broken:
        broken.setattr(
            tail.os,
            "open",
            lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")),
        )
        assert texts(follower, 0) == texts(follower, 1) == []
    assert [str(problem) for problem in stats.problems] == [
        f"{log.path}: cannot be read, and is tried again: Permission denied"
    ]
    assert texts(follower, 2) == log.written
    follower.close()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/eve.json", "cannot be followed: there is no such folder"),
        (".", "is no file; expected a file that Suricata writes"),
    ],
)
def test_what_can_never_be_followed_is_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        Follower(str(tmp_path / name), ReadStats())


def test_rotated_files_are_those_of_this_name_alone_plain_ones_first(tmp_path):
    for name in (
        "eve.json",
        "eve.json.2.gz",
        "eve.json.1",
        "eve.json-20260302",
        "eve-mxhound.json",
        "other.json.1",
    ):
        (tmp_path / name).touch()
    assert [path.name for path in rotated(tmp_path / "eve.json")] == [
        "eve.json-20260302",
        "eve.json.1",
        "eve.json.2.gz",
    ]


ROTATIONS = ["rename", "copytruncate", "pack"]


@pytest.mark.parametrize("second", ROTATIONS)
@pytest.mark.parametrize("first", ROTATIONS)
@pytest.mark.parametrize("third", ROTATIONS)
def test_rotations_while_nobody_looked_lose_nothing(log, first, second, third):
    """A machine that is busy keeps a watch from looking for a minute, and longer."""
    with closing(Follower(str(log.path), ReadStats())) as follower:
        log.lines(40)
        read = texts(follower, 0.0)
        for at, step in enumerate((first, second, third)):
            log.lines(40)
            (log.copytruncate if step == "copytruncate" else log.rename)()
            log.reopen()
            if step == "pack":
                old = Path(f"{log.path}.{at + 1}")
                Path(f"{old}.gz").write_bytes(gzip.compress(old.read_bytes()))
                old.unlink()
        log.lines(40)
        read += texts(follower, 1.0)
        read += texts(follower, GRACE_SECONDS + 2)
        log.lines(1)
        read += texts(follower, GRACE_SECONDS + 3)
        assert sorted(set(read)) == sorted(log.written)
        assert len(read) == len(log.written)


def test_logs_from_before_the_watch_are_not_read_when_it_is_turned_over(log):
    old = Path(f"{log.path}.9")
    old.write_bytes(b'{"old":1}\n' * 50)
    os.utime(old, (1, 1))
    with closing(Follower(str(log.path), ReadStats())) as follower:
        log.lines(3)
        assert len(texts(follower, 0.0)) == 3
        log.rename()
        log.reopen()
        log.lines(3)
        assert len(texts(follower, 1.0)) == 3
