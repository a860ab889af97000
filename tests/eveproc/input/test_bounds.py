"""Input that is meant to fill memory, to keep the reader busy or to make it wait -> bounded and
reported by name.
"""

import bz2
import gzip
import lzma
import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack
from io import BufferedIOBase, BufferedReader, BytesIO, RawIOBase
from pathlib import Path

import pytest
from backports import zstd

from eveproc.evidence.gather import gather
from eveproc.input import decompress, documents, new_logins, parallel, sensor_runs, sources
from eveproc.input.decompress import (
    BombError,
    Bzip2Stream,
    GzipStream,
    XzStream,
    ZstdStream,
)
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.input.sources import LogSource, Span, find_files, passed_over
from eveproc.verdicts.analyze import analyze
from rulegen.errors import InputError
from rulegen.site_profile import build_profile
from rulegen.yamlfile import parse_yaml
from tests.eveproc.eve_lines import HOST, SITE, START, mailing
from tests.eveproc.evidence_of import site_of

MEGABYTE = 1 << 20
STREAMS = {"gz": GzipStream, "bz2": Bzip2Stream, "xz": XzStream, "zst": ZstdStream}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def reader_of(packed: bytes) -> BufferedReader:
    return BufferedReader(BytesIO(packed))  # type: ignore[arg-type]  # reads like a file


def drain(stream: BufferedIOBase, given: list[int]) -> None:
    while block := stream.read1(MEGABYTE):
        given.append(len(block))


@pytest.mark.parametrize("kind", STREAMS)
def test_a_bomb_ends_at_its_bound(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "BOMB_BYTES", 4 * MEGABYTE)
    given: list[int] = []
    with pytest.raises(BombError, match="bytes unpack to more than 500 times as many"):
        drain(STREAMS[kind](reader_of(PACK[kind](bytes(64 * MEGABYTE)))), given)
    # The packed input is taken 128 KiB at a time, and counts from then on.
    assert sum(given) <= max(4 * MEGABYTE, 500 * decompress.PACKED) + MEGABYTE


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_bomb_takes_little_memory(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "BOMB_BYTES", 16 * MEGABYTE)
    packed = PACK[kind](bytes(256 * MEGABYTE))
    stream = STREAMS[kind](reader_of(packed))
    tracemalloc.start()
    with pytest.raises(BombError):
        drain(stream, [])
    assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    tracemalloc.stop()


@pytest.mark.parametrize("kind", STREAMS)
def test_a_log_that_packs_well_is_no_bomb(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files pack better than any limit, and large ones are left alone up to it."""
    monkeypatch.setattr(decompress, "BOMB_BYTES", MEGABYTE)
    for content in (b"\n" * (MEGABYTE - 10), os.urandom(40_000) * 100):
        stream, out = STREAMS[kind](reader_of(PACK[kind](content) + PACK[kind](b"end\n"))), b""
        while block := stream.read1(MEGABYTE):
            out += block
        assert out == content + b"end\n"


def test_an_xz_file_may_not_ask_for_gigabytes() -> None:
    packed = lzma.compress(
        b"x" * 100, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 30}]
    )
    with pytest.raises(lzma.LZMAError, match=r"[Mm]emory usage limit"):
        XzStream(reader_of(packed)).read1(100)


@pytest.mark.parametrize("kind", PACK)
def test_a_report_names_a_bomb_and_uses_what_came_before(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompress, "BOMB_BYTES", 4 * MEGABYTE)
    monkeypatch.setattr(decompress, "PACKED", 1024)
    content = b"".join(mailing(START, 40)) + b"\n" * (64 * MEGABYTE)
    (tmp_path / f"eve.json.{kind}").write_bytes(PACK[kind](content))
    found = analyze([str(tmp_path)], build_profile(parse_yaml(SITE, "site.yaml")), jobs=1)
    assert [verdict.host for verdict in found.verdicts if verdict.level.value == "infected"] == [
        HOST
    ]
    (problem,) = found.stats.problems
    assert problem.file.endswith(f"eve.json.{kind}")
    assert problem.what.startswith("is a decompression bomb: ")


class Endless(RawIOBase):
    """Good lines, then one line of `size` bytes, then a good one; counts what was read."""

    def __init__(self, size: int) -> None:
        self.left, self.given = size, 0
        self._begin, self._end = b'{"first":1}\n', b'\n{"last":1}\n'

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._begin or (b"x" * min(len(buffer), self.left)) or self._end
        block = block[: len(buffer)]
        if self._begin:
            self._begin = b""
        elif self.left:
            self.left -= len(block)
        else:
            self._end = b""
        buffer[: len(block)] = block
        self.given += len(block)
        return len(block)

    def fileno(self) -> int:
        return 0


def blocks_of(size: int, stats: ReadStats) -> tuple[list[bytes], Endless]:
    raw = Endless(size)
    with ExitStack() as stack:
        source = LogSource("eve.json", stack, stats, raw=BufferedReader(raw, MEGABYTE))
        return [block[:end] for block, end in source.blocks()], raw


def test_a_line_of_gigabytes_is_passed_over_in_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "MAX_LINE", 2 * MEGABYTE)
    tracemalloc.start()
    began = time.process_time()
    pieces, _ = blocks_of(512 * MEGABYTE, ReadStats())
    assert time.process_time() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 12 * MEGABYTE
    tracemalloc.stop()
    assert [piece for piece in pieces if len(piece) < 100] == [b'{"first":1}\n', b'{"last":1}\n']
    assert [len(piece) for piece in pieces if len(piece) > 100] == [2 * MEGABYTE + 1]


def test_a_line_without_end_is_read_to_a_bound_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_LINE", MEGABYTE)
    monkeypatch.setattr(sources, "LONGEST_PASSED", 8 * MEGABYTE)
    stats = ReadStats()
    pieces, raw = blocks_of(1 << 50, stats)
    assert raw.given < 16 * MEGABYTE
    assert pieces[0] == b'{"first":1}\n'
    (problem,) = stats.problems
    assert str(problem).startswith("eve.json: holds a line of more than 8388608 bytes")


@pytest.mark.parametrize("stop_early", [False, True])
def test_spans_within_one_long_line_look_at_themselves_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_early: bool
) -> None:
    """5 GB without a newline in 8 MiB spans: each would search all of the rest for its end."""
    monkeypatch.setattr(sources, "MAX_LINE", MEGABYTE)
    log = tmp_path / "eve.json"
    log.write_bytes(b'{"first":1}\n')
    size = 256 * MEGABYTE
    os.truncate(log, size)
    if not stop_early:
        with log.open("ab") as file:
            file.write(b'\n{"last":1}\n')
    pread, counted = os.pread, [0]

    def counting(descriptor: int, count: int, at: int) -> bytes:
        block = pread(descriptor, count, at)
        counted[0] += len(block)
        return block

    monkeypatch.setattr(os, "pread", counting)
    pieces: list[bytes] = []
    whole = log.stat().st_size
    for start in range(0, whole, 4 * MEGABYTE):
        with ExitStack() as stack:
            stop = min(start + 4 * MEGABYTE, whole)
            span = Span(str(log), start, stop, stack, ReadStats(), lambda _: None)
            pieces += [block[:end] for block, end in span.blocks()]
    assert counted[0] < 3 * size
    assert pieces[0] == b'{"first":1}\n'
    assert (b'{"last":1}\n' in pieces) is not stop_early
    assert sum(len(piece) > 100 for piece in pieces) == 1


def test_a_record_of_an_export_without_end_is_read_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_LINE", MEGABYTE)
    export = tmp_path / "eve.json"
    with export.open("ab") as file:
        file.write(b"[" + next(mailing(START, 1)).strip() + b',\n{"x":"')
        for _ in range(64):
            file.write(b"x" * MEGABYTE)
    stats = ReadStats()
    tracemalloc.start()
    assert len(list(read_events([str(export)], stats))) == 1
    assert tracemalloc.get_traced_memory()[1] < 16 * MEGABYTE
    tracemalloc.stop()
    (problem,) = stats.problems
    assert problem.what.startswith("holds a record of more than 1048576 bytes")
    assert stats.bytes < 4 * MEGABYTE


def test_a_pipe_that_is_named_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "eve.json"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(b"".join(mailing(START, 3)))).start()
    assert len(list(read_events([str(pipe)], ReadStats()))) == 6


@pytest.mark.parametrize("by", ["folder", "glob"])
def test_what_is_no_file_in_a_folder_is_passed_over_with_a_word(tmp_path: Path, by: str) -> None:
    (tmp_path / "eve.json").write_bytes(b"".join(mailing(START, 40)))
    os.mkfifo(tmp_path / "eve.1.json")
    (tmp_path / "eve.2.json").symlink_to("/dev/zero")
    (tmp_path / "eve.3.json").symlink_to(tmp_path / "nowhere")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "eve.4.json"))
    source = str(tmp_path) if by == "folder" else f"{tmp_path}/eve*.json"
    found = analyze([source], build_profile(parse_yaml(SITE, "site.yaml")), jobs=1)
    assert found.stats.files == 1
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in found.stats.problems] == [
        "eve.1.json: is a pipe and was skipped; name it to read it",
        "eve.2.json: is a device and was skipped; name it to read it",
        "eve.3.json: cannot be read: No such file or directory",
        "eve.4.json: is a socket and was skipped; name it to read it",
    ]


def test_a_folder_with_logs_in_a_folder_is_told(tmp_path: Path) -> None:
    lines = b"".join(mailing(START, 3))
    for name in (
        "eve.json",
        "old/eve.json.1",
        "old/eve.json.2.gz",
        "files/x.json",
        "up/eve.json",
        "2026/03/eve.json",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(lines)
    (tmp_path / "loop").symlink_to(tmp_path)
    site = build_profile(parse_yaml(SITE, "site.yaml"))

    def told(*sources: Path) -> list[str]:
        return [str(one) for one in analyze(list(map(str, sources)), site, jobs=1).stats.problems]

    assert told(tmp_path, tmp_path / "up" / "eve.json") == [
        f"{tmp_path}/2026/03: holds logs that were not read (eve.json); name the folder to read them",
        f"{tmp_path}/old: holds logs that were not read (eve.json.1, eve.json.2.gz); name the "
        "folder to read them",
    ]
    assert told(tmp_path / "eve.json") == []


@pytest.mark.parametrize("lost", ["a sector", "the end"])
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_hole_among_records_is_told(
    tmp_path: Path, lost: str, packed: Callable[[bytes], bytes]
) -> None:
    lines = b"".join(mailing(START, 100))
    at = len(lines) // 2
    after = lines[at + 512 :] if lost == "a sector" else b""
    path = tmp_path / "eve.json"
    path.write_bytes(packed(lines[:at] + bytes(512) + after))
    for read in (
        lambda stats: list(read_events([str(path)], stats)),
        lambda stats: stats.merge(gather([str(path)], site_of(), jobs=1)[1]),
    ):
        read(stats := ReadStats())
        (problem,) = stats.problems
        assert problem.what.startswith("holds a block of zeros in place of records")


def test_zeros_alone_are_no_log(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_bytes(bytes(5 * MEGABYTE))
    (problem,) = gather([str(path)], site_of(), jobs=1)[1].problems
    assert problem.what == "holds a block of zeros in place of records: they may be lost"


def test_a_damaged_line_of_many_records_is_told(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_bytes(b"[" + b",".join(line.strip() for line in mailing(START, 30))[20:])
    (problem,) = gather([str(path)], site_of(), jobs=1)[1].problems
    assert problem.what == "is one line that is damaged: no record of it could be read"


def test_zeros_at_the_head_of_a_log_are_left_by_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_bytes(bytes(3 * MEGABYTE) + b"".join(mailing(START, 100)))
    assert gather([str(path)], site_of(), jobs=1)[1].problems == []


def test_a_folder_of_pipes_alone_holds_no_eve_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "eve.json")
    with pytest.raises(InputError, match="holds no eve file"):
        find_files([str(tmp_path)])


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/random"])
def test_a_device_that_is_named_is_refused_by_name(device: str) -> None:
    with pytest.raises(InputError, match=f"{device}: is a device; expected files"):
        find_files([device])


def test_the_null_device_is_an_empty_input() -> None:
    assert find_files([os.devnull]) == (os.devnull,)


def test_what_is_passed_over_is_asked_of_folders_and_globs_alone(tmp_path: Path) -> None:
    assert list(passed_over(["-", os.devnull, str(tmp_path / "missing"), "", "\0*"])) == []


# Shorter than a block: one of each is looked at in a sample.
LONG = 900_000
HEAD = (
    '{"timestamp":"2026-03-%02dT%02d:00:00.000000+0000","flow_id":1,"event_type":"%s",'
    '"src_ip":"10.20.1.7","src_port":5353,"dest_ip":"192.0.2.9","dest_port":80,"proto":"UDP",'
)
LONG_LINES: dict[str, Callable[[int], str]] = {
    "no evidence": lambda _: HEAD % (2, 8, "http") + '"http":{"body":"' + "x" * LONG + '"}}',
    "statistics of many threads": lambda n: (
        f'{{"timestamp":"2026-03-{2 + n // 24:02}T{n % 24:02}:00:00.000000+0000","event_type":'
        f'"stats","stats":{{"uptime":{3600 * n},"threads":{{' + '"a":0,' * (LONG // 6) + '"b":{}}}}'
    ),
    "names in mDNS": lambda n: (
        HEAD % (2, 8, "mdns") + '"mdns":{"type":"response","answers":[{"rrname":"'
        f"{n}." + "x" * LONG + '","a":"10.20.1.7"}]}}'
    ),
}


@pytest.mark.untraced  # memory is measured
@pytest.mark.parametrize("line", LONG_LINES.values(), ids=LONG_LINES)
@pytest.mark.parametrize("selected", [True, False], ids=["selected", "all decoded"])
def test_long_lines_do_not_wait_by_the_hundred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: Callable[[int], str], selected: bool
) -> None:
    monkeypatch.setattr(sensor_runs, "MOST_BYTES", 4 * MEGABYTE)
    monkeypatch.setattr(new_logins, "BYTES_KEPT", 4 * MEGABYTE)
    if not selected:
        monkeypatch.setattr(parallel, "_prefilter", lambda _: None)
    path = tmp_path / "eve.json"
    with path.open("w") as file:
        file.writelines(f"{line(number)}\n" for number in range(64))
    site = build_profile(parse_yaml(SITE, "site.yaml"))
    gather([str(path)], site, jobs=1)  # what is made once
    tracemalloc.start()
    gather([str(path)], site, jobs=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 * MEGABYTE
