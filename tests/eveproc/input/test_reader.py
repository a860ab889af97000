"""The same lines in every framing, compression and place -> the same events, and statistics that
add up."""

import gzip
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input import documents, sources
from eveproc.input.events import Dns, Event, Skipped, SkipReason
from eveproc.input.read_stats import MAX_DETAILS, MAX_PROBLEMS, OTHERS, ReadStats
from eveproc.input.reader import line_result, read_events
from eveproc.input.sources import MAX_LINE, LogSource, find_files
from rulegen.errors import InputError
from tests.eveproc.framing import packed
from tests.eveproc.input.containers import tar

COUNT = 40


def flow(number: int) -> dict[str, object]:
    return {
        "timestamp": f"2024-03-01T10:00:{number % 60:02}.000000+0000",
        "event_type": "flow",
        "flow_id": number,
        "src_ip": "10.20.0.9",
        "dest_ip": "192.0.2.25",
        "dest_port": 25,
        "proto": "TCP",
        "flow": {"pkts_toclient": 1},
    }


RECORDS = [flow(number) for number in range(COUNT)]
LINES = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)
PRETTY = "\n".join(json.dumps(record, indent=2) for record in RECORDS).encode()
HITS = {
    "took": 3,
    "timed_out": False,
    "hits": {"total": COUNT, "hits": [{"_index": "eve", "_source": record} for record in RECORDS]},
}

FRAMINGS = {
    "lines": LINES,
    "no newline at the end": LINES.rstrip(b"\n"),
    "CRLF": LINES.replace(b"\n", b"\r\n"),
    "BOM": b"\xef\xbb\xbf" + LINES,
    "@cee": b"".join(b"@cee: " + line for line in LINES.splitlines(keepends=True)),
    "syslog": b"".join(
        b"Mar  1 10:00:00 sensor suricata[12]: @cee: " + line
        for line in LINES.splitlines(keepends=True)
    ),
    "syslog without cee": b"".join(
        b"Mar  1 10:00:00 sensor suricata[12]: " + line for line in LINES.splitlines(keepends=True)
    ),
    "array": json.dumps(RECORDS).encode(),
    "array over lines, with BOM": b"\xef\xbb\xbf" + json.dumps(RECORDS, indent=1).encode(),
    "array of hits": json.dumps(HITS["hits"]["hits"]).encode(),  # type: ignore[index]
    "Elasticsearch": json.dumps(HITS).encode(),
    "Elasticsearch over lines": json.dumps(HITS, indent=2).encode(),
    "pretty-printed": PRETTY,
}
SUFFIXES = ("gz", "bz2", "xz", "zst")


def read(*sources: Path | str) -> tuple[list[int], ReadStats]:
    stats = ReadStats()
    numbers = [event.flow_id for event in read_events([str(source) for source in sources], stats)]
    assert adds_up(stats)
    return numbers, stats


def adds_up(stats: ReadStats) -> bool:
    return stats.lines == stats.events.total() + stats.skipped.total()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def standard_input(tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """Call it with what standard input is to hold."""
    kept = os.dup(0)

    def put(content: bytes) -> None:
        with written(tmp_path / "standard input", content).open("rb") as stream:
            os.dup2(stream.fileno(), 0)

    yield put
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.parametrize("content", FRAMINGS.values(), ids=FRAMINGS)
def test_every_framing_gives_the_same_events(tmp_path: Path, content: bytes) -> None:
    numbers, stats = read(written(tmp_path / "eve.json", content))
    assert numbers == list(range(COUNT))
    assert (stats.lines, stats.files, stats.bytes) == (COUNT, 1, len(content))
    assert not stats.skipped
    assert not stats.problems


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [LINES, json.dumps(RECORDS).encode()], ids=["lines", "array"])
@pytest.mark.parametrize("name", ["eve.json.{}", "eve.json.2"])
def test_every_compression_is_known_by_its_content(
    tmp_path: Path, suffix: str, content: bytes, name: str
) -> None:
    numbers, stats = read(written(tmp_path / name.format(suffix), packed(content, suffix)))
    assert numbers == list(range(COUNT))
    assert stats.bytes == len(content)


def test_a_name_that_promises_compression_is_not_believed(tmp_path: Path) -> None:
    assert read(written(tmp_path / "eve.json.gz", LINES))[0] == list(range(COUNT))


def test_pzstd_begins_each_frame_with_a_skippable_one(tmp_path: Path) -> None:
    frames = [packed(part, "zst") for part in (LINES, LINES)]
    sizes = (bytes.fromhex("502a4d18 04000000") + len(f).to_bytes(4, "little") for f in frames)
    content = b"".join(size + frame for size, frame in zip(sizes, frames, strict=True))
    assert read(written(tmp_path / "eve.json.zst", content))[1].events == {"flow": 2 * COUNT}


def test_archives_one_after_the_other_are_read_to_their_end(tmp_path: Path) -> None:
    archives = [tar({f"eve.{n}.json": line + b"\n"}) for n, line in enumerate(LINES.splitlines())]
    joined = b"".join(archives)
    assert read(written(tmp_path / "eve.tar", joined))[0] == list(range(COUNT))
    assert read(written(tmp_path / "eve.tar", joined[:-8192] + bytes(99)))[0] == list(range(COUNT))
    _, stats = read(written(tmp_path / "eve.tar", joined + b"x" * 9999))
    assert "is an archive that is damaged" in stats.problems[0].what


def test_a_link_out_of_an_archive_is_told(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "eve.tar", "w") as archive:
        archive.add(written(tmp_path / "eve-1.json", LINES), "eve-1.json")
        for name, target in (("eve.json", "eve-1.json"), ("eve.0.json", "/old/eve-0.json")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    (problem,) = read(tmp_path / "eve.tar")[1].problems
    assert problem.what == (
        "holds eve.0.json as a link to /old/eve-0.json, which is not in the archive"
    )


def test_a_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    assert read(written(tmp_path / "eve.json.gz", gzip.compress(LINES) + gzip.compress(LINES)))[
        1
    ].events == {"flow": 2 * COUNT}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_archive_gives_what_it_holds_and_is_named(tmp_path: Path, suffix: str) -> None:
    # Random, so that there is enough left after compression to cut it in the middle.
    random = Random(1)
    content = b"".join(
        json.dumps({**flow(n), "community_id": random.randbytes(32).hex()}).encode() + b"\n"
        for n in range(6_000)
    )
    whole = packed(content, suffix)
    path = written(tmp_path / f"eve.json.{suffix}", whole[: len(whole) * 3 // 4])
    numbers, stats = read(path)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 1_000
    (problem,) = stats.problems
    assert problem.file == str(path)
    assert "cut off or damaged" in problem.what


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_damaged_archive_is_named_and_the_next_file_is_read(tmp_path: Path, suffix: str) -> None:
    whole = packed(LINES, suffix)
    damaged = written(
        tmp_path / f"eve.1.json.{suffix}", whole[: len(whole) // 2] + bytes(len(whole) // 2)
    )
    numbers, stats = read(damaged, written(tmp_path / "eve.json", LINES))
    assert numbers[-COUNT:] == list(range(COUNT))
    assert stats.problems[0].file == str(damaged)


def test_standard_input_plain_and_compressed(standard_input: Callable[[bytes], None]) -> None:
    for content in (LINES, gzip.compress(LINES)):
        standard_input(content)
        assert read("-", "-")[0] == list(range(COUNT))


def test_a_folder_gives_its_eve_files_in_order_of_their_names(tmp_path: Path) -> None:
    names = ["eve-2024-03-01-10:00.json", "eve.7.json", "eve.json", "eve.json.1", "eve.json.2.gz"]
    for number, name in enumerate(names):
        content = json.dumps(flow(number)).encode()
        written(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    written(tmp_path / "fast.log", b"not read")
    (tmp_path / "eve.json.d").mkdir()
    assert read(tmp_path)[0] == [0, 1, 2, 3, 4]


def test_a_glob_relative_and_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "a.json", LINES)
    (tmp_path / "b.json").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_files(["*.json"]) == ("a.json",)
    assert find_files([f"{tmp_path}/[a-z].json"]) == (str(tmp_path / "a.json"),)


def test_a_file_with_many_names_is_read_once_and_in_the_order_named(tmp_path: Path) -> None:
    one, two = (
        written(tmp_path / "eve.json", LINES),
        written(tmp_path / "eve.2.json", LINES.replace(b"25", b"26")),
    )
    (tmp_path / "current").symlink_to(one)
    os.link(one, tmp_path / "hard")
    sources = [
        one,
        two,
        tmp_path / "current",
        tmp_path / "hard",
        f"{tmp_path}/../{tmp_path.name}/eve.json",
    ]
    assert find_files([*map(str, sources), str(tmp_path)]) == (str(one), str(two))


def test_a_pipe_is_read_and_not_opened_twice(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, LINES)
    os.close(write_end)
    numbers, _ = read(f"/dev/fd/{read_end}")
    os.close(read_end)
    assert numbers == list(range(COUNT))


def test_everything_wrong_with_the_sources_is_told_before_anything_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    good = written(tmp_path / "eve.json", LINES)
    stats = ReadStats()
    with pytest.raises(InputError) as refused:
        read_events(
            [
                str(good),
                f"{tmp_path}/none.json",
                str(folder),
                f"{tmp_path}/*.gz",
                "",
                "a**b/*",
                "x" * 5000,
            ],
            stats,
        )
    assert [(problem.file, problem.what) for problem in refused.value.problems] == [
        (f"{tmp_path}/none.json", "no such file"),
        (
            str(folder),
            "holds no eve file; looked for eve*.json*, fast.log and the logs of Snort, plain or "
            "compressed",
        ),
        (f"{tmp_path}/*.gz", "matches no file"),
        ('""', "is empty; expected files, folders, globs and -"),
        (
            "a**b/*",
            "is neither a path nor a pattern: Invalid pattern: '**' can only be an entire path component",
        ),
        ("x" * 5000, "cannot be read: File name too long"),
    ]
    assert stats == ReadStats()


def test_a_file_one_may_not_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "eve.json", LINES)
    path.chmod(0)
    monkeypatch.setattr(
        os, "access", lambda *_: False
    )  # tests may run as root, who may read everything
    with pytest.raises(InputError, match="cannot be read: permission denied"):
        find_files([str(path)])


@pytest.mark.parametrize("pattern", ["", "/*.json", "/*/eve.json"])
def test_a_folder_one_may_not_list_is_refused_as_that(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks empty: to say that it holds no eve file would be wrong."""
    folder = tmp_path / "suricata"
    folder.mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != folder)
    with pytest.raises(InputError) as refused:
        find_files([f"{folder}{pattern}"])
    assert "cannot be read: permission denied" in str(refused.value)
    assert str(folder) in str(refused.value)


def test_a_file_that_goes_away_while_others_are_read_is_a_problem_not_the_end(
    tmp_path: Path,
) -> None:
    first, second = written(tmp_path / "eve.1.json", LINES), written(tmp_path / "eve.json", LINES)
    stats = ReadStats()
    events = read_events([str(first), str(second)], stats)
    next(events)
    second.unlink()
    assert len(list(events)) == COUNT - 1
    assert [str(problem) for problem in stats.problems] == [
        f"{second}: cannot be read: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("content", "skipped"),
    [
        (LINES + b"\n \r\n\n", {SkipReason.BLANK: 3}),
        (LINES + b'{"timestamp": "2024-', {SkipReason.HALF_LINE: 1}),
        (LINES + b"\0\0\0\n", {SkipReason.BLANK: 1}),
        (b"xx\n" + LINES, {SkipReason.NOT_JSON: 1}),
        (b'w":{"pkts_toclient":1}}\n' + LINES, {SkipReason.NOT_JSON: 1}),
        (b"[1, 2]\n" + LINES, {SkipReason.NOT_AN_OBJECT: 1}),
        (
            LINES + b'{"timestamp": "' + b"x" * MAX_LINE + b'"}\n' + b"{}\n",
            {SkipReason.TOO_LONG: 1, SkipReason.MISSING_FIELD: 1},
        ),
        (LINES + b"x" * (MAX_LINE + 1), {SkipReason.TOO_LONG: 1}),
        (json.dumps([*RECORDS, 5, None]).encode(), {SkipReason.NOT_AN_OBJECT: 2}),
    ],
    ids=[
        "blank",
        "half",
        "zeros",
        "garbage",
        "second half of a line",
        "list",
        "too long",
        "too long, no end",
        "array of other things",
    ],
)
def test_bad_lines_are_counted_and_the_good_ones_used(
    tmp_path: Path, content: bytes, skipped: dict[SkipReason, int]
) -> None:
    numbers, stats = read(written(tmp_path / "eve.json", content))
    assert numbers == list(range(COUNT))
    assert stats.skipped == skipped
    assert not stats.problems


def test_a_line_of_a_megabyte_is_read(tmp_path: Path) -> None:
    numbers, _ = read(
        written(
            tmp_path / "eve.json",
            json.dumps({**flow(7), "payload": "x" * (1 << 20)}).encode() + b"\n" + LINES,
        )
    )
    assert numbers == [7, *range(COUNT)]


def test_one_bad_byte_ends_neither_lines_nor_an_array(tmp_path: Path) -> None:
    bad = {**flow(7), "community_id": "@"}
    for content in (json.dumps([bad, *RECORDS]).encode(), json.dumps(bad).encode() + b"\n" + LINES):
        assert read(written(tmp_path / "eve.json", content.replace(b"@", b"\xff")))[0] == [
            7,
            *range(COUNT),
        ]


@pytest.mark.parametrize(
    ("cut", "reason"),
    [(slice(None, -30), SkipReason.HALF_LINE), (slice(None, -1), SkipReason.HALF_LINE)],
    ids=["within", "at its end"],
)
def test_an_array_that_breaks_off_gives_what_it_holds(
    tmp_path: Path, cut: slice, reason: SkipReason
) -> None:
    numbers, stats = read(written(tmp_path / "eve.json", json.dumps(RECORDS).encode()[cut]))
    assert numbers[: COUNT - 1] == list(range(COUNT - 1))
    assert stats.skipped == {reason: 1}
    assert "is cut off or invalid" in stats.problems[0].what


@pytest.mark.parametrize("count", [0, 1])
def test_an_array_on_the_first_line_does_not_hide_the_lines_behind_it(
    tmp_path: Path, count: int
) -> None:
    first = json.dumps(RECORDS[:count]).encode() + b"\n"
    numbers, stats = read(written(tmp_path / "eve.json", first + LINES))
    assert numbers == [*range(count), *range(COUNT)]
    assert not stats.problems


ARRAY = json.dumps(RECORDS[:2], indent=1).encode() + b"\n"
SPREAD = b"".join(json.dumps(record, indent=1).encode() + b"\n" for record in RECORDS[:2])


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        (ARRAY, [0, 1]),
        (ARRAY + LINES, [0, 1, *range(COUNT)]),
        (ARRAY + b"\r\n \n" * 3 + LINES, [0, 1, *range(COUNT)]),
        (ARRAY + SPREAD, [0, 1, 0, 1]),
        (ARRAY + SPREAD + ARRAY + LINES, [0, 1] * 3 + list(range(COUNT))),
        (SPREAD + ARRAY + SPREAD, [0, 1] * 3),
        (ARRAY + ARRAY + SPREAD, [0, 1] * 3),
    ],
)
@pytest.mark.parametrize("block", [1, 2, 7, 1 << 16])
def test_what_is_behind_an_array_over_several_lines_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, numbers: list[int], block: int
) -> None:
    def in_blocks(source: LogSource, size: int) -> bytes:
        return whole(source, min(size, block))

    whole = LogSource.read
    monkeypatch.setattr(LogSource, "read", in_blocks)
    found, stats = read(written(tmp_path / "eve.json", content))
    assert found == numbers
    assert not stats.problems


def test_signs_of_a_seam_within_a_text_are_text(tmp_path: Path) -> None:
    records = [{**RECORDS[0], "host": "a ] { b } [ c"}, RECORDS[1]]
    content = json.dumps(records, indent=1).encode() + b"\n" + LINES
    assert read(written(tmp_path / "eve.json", content))[0] == [0, 1, *range(COUNT)]


def test_records_under_several_keys_of_a_long_document_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that is short enough is read whole."""
    document = {"flows": RECORDS, "more": [flow(COUNT)]}
    path = written(tmp_path / "eve.json", json.dumps(document, indent=2).encode())
    numbers, stats = read(path)
    assert (sorted(numbers), stats.problems) == ([*range(COUNT + 1)], [])
    monkeypatch.setattr(documents, "MAX_LINE", 4096)
    monkeypatch.setattr(documents, "BLOCK", 4096)
    numbers, stats = read(path)
    assert numbers == list(range(COUNT))
    assert [problem.what for problem in stats.problems] == [
        "holds records beside flows[], which were not read; export them as one record a line"
    ]


def test_a_fault_behind_an_array_is_told(tmp_path: Path) -> None:
    numbers, stats = read(written(tmp_path / "eve.json", ARRAY + b'{"event_type": \n' + LINES))
    assert numbers[:2] == [0, 1]
    (problem,) = stats.problems
    assert "is cut off or invalid" in problem.what


@pytest.mark.parametrize("block", [50, 1 << 16])
@pytest.mark.parametrize(
    "content",
    [
        "\n".join(json.dumps(record, indent=2) for record in RECORDS),
        json.dumps(RECORDS, indent=1),
        "[" + "\n, ".join(map(json.dumps, RECORDS)) + "]",
        json.dumps(HITS, indent=2),
        json.dumps({"events": RECORDS}, indent=4),
    ],
    ids=["records", "array", "a record a line", "hits", "under a key"],
)
def test_behind_a_damaged_record_reading_goes_on_at_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, block: int
) -> None:
    def in_blocks(source: LogSource, size: int) -> bytes:
        return whole(source, min(size, block))

    whole = LogSource.read
    monkeypatch.setattr(LogSource, "read", in_blocks)
    for number in (0, 3, COUNT - 1):
        damaged = content.replace(f'"flow_id": {number},', f'"flow_id: {number},')
        found, stats = read(written(tmp_path / "eve.json", damaged.encode()))
        assert found == [one for one in range(COUNT) if one != number]
        assert "is cut off or invalid" in stats.problems[0].what


def test_a_document_of_faults_is_left_after_some(tmp_path: Path) -> None:
    content = "[\n" + '{"event_type: 1},\n' * 100_000 + "]"
    _, stats = read(written(tmp_path / "eve.json", content.encode()))
    assert stats.lines == 256
    assert "holds more than 256 faults; the rest was not read" in [
        problem.what for problem in stats.problems
    ]


def test_an_array_with_a_fault_in_its_middle_says_so(tmp_path: Path) -> None:
    many = b", ".join(json.dumps(flow(number)).encode() for number in range(2_000))
    _, stats = read(written(tmp_path / "eve.json", b"[" + many + b", {oops}, " + many * 10 + b"]"))
    assert stats.skipped == {SkipReason.NOT_JSON: 1}
    assert stats.events["flow"] > 0


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"[]", "is empty"),
        (b'{"took":1,"hits":{"hits":[]}}', "is the answer to a search that found nothing"),
        (
            b'{"took":1,"columns":[{"name":"event_type"}],"values":[["dns"]]}',
            "is a JSON document without EVE records, such as a table, statistics or an error; "
            "export the records themselves",
        ),
        (b" \n\r\n\n", "holds only blank lines"),
        (bytes(range(256)) * 40, "is not EVE JSON: none of its 41 lines is an EVE record"),
        (
            LINES.decode().encode("utf-16"),
            "is UTF-16 text; EVE JSON is UTF-8: convert it with iconv -f UTF-16 -t UTF-8",
        ),
    ],
    ids=["empty", "empty array", "no hits", "table", "blank lines", "binary", "UTF-16"],
)
def test_a_file_that_is_no_eve_is_called_so(tmp_path: Path, content: bytes, what: str) -> None:
    path = written(tmp_path / "eve.json", content)
    numbers, stats = read(path)
    assert numbers == []
    assert [str(problem) for problem in stats.problems] == [f"{path}: {what}"]


def test_progress_ends_at_all_of_it(tmp_path: Path) -> None:
    files = [
        written(tmp_path / "eve.1.json", LINES),
        written(tmp_path / "eve.json.gz", gzip.compress(LINES)),
    ]
    told: list[tuple[int, int]] = []
    list(
        read_events(
            [str(tmp_path)], ReadStats(), progress=lambda done, total: told.append((done, total))
        )
    )
    size = sum(path.stat().st_size for path in files)
    assert told[-1] == (size, size)
    assert told == sorted(told)


def test_stats_keep_a_bounded_number_of_details_and_problems(tmp_path: Path) -> None:
    path = written(
        tmp_path / "eve.json",
        b"".join(b'{"event_type": "type %d"}\n' % number for number in range(MAX_DETAILS + 9)),
    )
    _, stats = read(path)
    details = stats.details[SkipReason.OTHER_EVENT_TYPE]
    assert details[OTHERS] == 9
    assert details.total() == stats.lines
    for number in range(MAX_PROBLEMS + 5):
        stats.note_problem("eve.json", f"problem {number}")
    assert (len(stats.problems), stats.problems_left_out) == (MAX_PROBLEMS, 5)
    stats.merge(stats_with := ReadStats())
    stats_with.merge(stats)
    assert stats_with == stats


def test_stats_as_plain_values(tmp_path: Path) -> None:
    path = written(tmp_path / "eve.json", b'{"event_type": "http"}\n\n' + LINES)
    _, stats = read(path)
    assert json.loads(json.dumps(stats.as_dict())) == {
        "files": 1,
        "bytes": path.stat().st_size,
        "lines": COUNT + 2,
        "selected": False,
        "hyperscan_missing": False,
        "events": {"flow": COUNT},
        "skipped": {"blank": 1, "other_event_type": 1},
        "details": {"other_event_type": {"http": 1}},
        "containers": {},
        "problems": [],
        "not_read": [],
        "problems_left_out": 0,
    }


LINE = st.one_of(
    st.sampled_from(
        [
            b"",
            b"{}",
            b"[]",
            b'{"event_type": "tls"}',
            b"@cee: {}",
            b"\xef\xbb\xbf{}",
            LINES.split(b"\n")[0],
            b"{",
            b"[{",
            b"\xff\xfe",
        ]
    ),
    st.binary(max_size=20),
)


@given(st.lists(LINE, max_size=30), st.booleans(), st.sampled_from([7, 64, 1 << 20]))
def test_lines_are_events_plus_skipped_whatever_the_file_and_the_block(
    lines: list[bytes], end: bool, block: int
) -> None:
    content = b"\n".join(lines) + b"\n" * end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK", block)
        patch.setattr(sources, "HEAD", min(block, sources.HEAD))
        assert adds_up(read_bytes(content))


@given(st.lists(LINE, max_size=12), st.lists(LINE, max_size=12))
def test_merged_statistics_are_those_of_one_reading(one: list[bytes], two: list[bytes]) -> None:
    both, first, second = (read_lines(lines) for lines in ([*one, *two], one, two))
    first.merge(second)
    assert (first.lines, first.events, first.skipped, first.details) == (
        both.lines,
        both.events,
        both.skipped,
        both.details,
    )
    assert adds_up(first)


def read_bytes(content: bytes) -> ReadStats:
    read_end, write_end = os.pipe()
    os.write(write_end, content)
    os.close(write_end)
    stats = ReadStats()
    events = list(read_events([f"/dev/fd/{read_end}"], stats))
    os.close(read_end)
    assert len(events) == stats.events.total()
    assert all(isinstance(event, Event) for event in events)
    return stats


def read_lines(lines: list[bytes]) -> ReadStats:
    stats = ReadStats()
    for line in lines:
        stats.note(line_result(line))
    return stats


RECORD = (
    '{"timestamp":"2026-03-02T08:00:00.000000+0000","event_type":"dns","src_ip":"10.20.0.9",'
    '"dest_ip":"10.20.0.53","dest_port":53,"proto":"UDP",'
    '"dns":{"type":"query","rrname":"mx.example.org","rrtype":"MX"}}'
)


def test_a_shippers_own_event_type_hides_no_record() -> None:
    line = json.dumps({"event_type": "log", "host": "fw", "message": RECORD}).encode()
    assert isinstance(line_result(line), Dns)


def test_what_a_host_sent_is_no_record() -> None:
    """The same text where an attacker can put it: in a record of Suricata."""
    http = {"timestamp": "2026-03-02T08:00:00Z", "event_type": "http", "http": {"url": RECORD}}
    assert line_result(json.dumps(http).encode()) == Skipped(SkipReason.OTHER_EVENT_TYPE, "http")


def test_an_event_type_in_capitals_is_the_same_type() -> None:
    assert isinstance(line_result(RECORD.replace('"dns",', '"DNS",', 1).encode()), Dns)
