"""Named files -> refused if they are endless or expand beyond their size, within bounded time and
memory.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eveproc import block
from eveproc.block import read_report
from eveproc.report.json_report import as_dict
from eveproc.tuning import baseline
from rulegen.check import check
from rulegen.errors import InputError
from rulegen.files import read_bounded
from rulegen.site_profile import load_site
from rulegen.suricata_yaml import read_suricata_yaml
from rulegen.yamlfile import MAX_BYTES, MAX_VALUES, parse_yaml, read_yaml
from tests.eveproc.made_verdicts import INFECTED

SECONDS = 5.0  # of the processor: other programs do not count


@contextmanager
def within_bounds() -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < SECONDS


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def make_link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


READERS: dict[str, Callable[[Path], object]] = {
    "site.yaml": load_site,
    "thresholds.yaml": lambda path: load_site(path.with_name("good.yaml"), path),
    "suricata.yaml": read_suricata_yaml,
    "an include": lambda path: read_suricata_yaml(path.with_name("including.yaml")),
    "rules": lambda path: check(path.parent),
    "a report for block": read_report,
    "a baseline": baseline.load,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("make", "kind"),
    [(make_pipe, "pipe"), (make_socket, "socket"), (make_link_to_zeros, "device")],
    ids=["pipe", "socket", "device"],
)
def test_what_has_no_end_is_refused_by_name(
    reader: str, make: Callable[[Path], None], kind: str, tmp_path: Path
) -> None:
    (tmp_path / "good.yaml").write_text("home_networks: [10.20.0.0/16]\n")
    (tmp_path / "including.yaml").write_text("include: bad\n")
    (tmp_path / "bad").unlink(missing_ok=True)
    name = "mxhound.rules" if reader == "rules" else "bad"
    make(tmp_path / name)
    with within_bounds(), pytest.raises(InputError) as caught:
        READERS[reader](tmp_path / name)
    said = str(caught.value)
    if reader == "rules":  # what is no file is no rules file either
        assert "holds no mxhound.rules" in said
    else:
        assert f"{tmp_path / name}: is a {kind}; expected a file" in said


@pytest.mark.parametrize("reader", ["a report for block", "a baseline"])
def test_a_file_that_is_far_too_large_is_refused_by_name(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(baseline, "MAX_BYTES", 1 << 20)
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 5 << 30)
    with within_bounds(), pytest.raises(InputError, match=r"large: is larger than 1048576 bytes"):
        READERS[reader](large)


def test_a_report_of_other_lines_is_told_by_its_first_ones(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.write_text("no verdict\n" * 100_000)
    with within_bounds(), pytest.raises(InputError) as caught:
        read_report(report)
    assert len(caught.value.problems) == 1
    report.write_text(f"{json.dumps(as_dict(INFECTED))}\n" + "no verdict\n" * 100_000)
    with within_bounds(), pytest.raises(InputError) as caught:
        read_report(report)
    assert len(caught.value.problems) == block.MOST_PROBLEMS


def test_what_the_shell_hands_on_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"text")
    os.close(writing)
    assert read_bounded(Path(f"/dev/fd/{reading}"), 10) == b"text"
    os.close(reading)


def test_a_pipe_in_shared_memory_is_none_of_the_shell_s(tmp_path: Path) -> None:
    pipe = Path("/dev/shm") / f"mxhound-test-{os.getpid()}"
    os.mkfifo(pipe)
    try:
        with pytest.raises(InputError, match="is a pipe"):
            read_bounded(pipe, 10)
    finally:
        pipe.unlink()


def alias_bomb(depth: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, depth)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        alias_bomb(30),
        f"home_networks:\n{'- a' * 1}\n" + "- a\n" * (MAX_BYTES // 4 - 10),
        "x: [" + "a," * (MAX_BYTES // 2 - 10) + "]",
        "x: {" + "? a, " * (MAX_BYTES // 5 - 10) + "}",
    ],
    ids=["aliases", "a long list", "a long flow list", "a long flow mapping"],
)
def test_what_means_more_than_a_person_writes_is_refused(text: str) -> None:
    with (
        within_bounds(),
        pytest.raises(InputError, match=f"site.yaml: holds more than {MAX_VALUES}"),
    ):
        parse_yaml(text, "site.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "x: 1" + ":1" * (MAX_BYTES // 2 - 10),
        "x: 1" + ":1" * (MAX_BYTES // 2 - 10) + ".0",
        "x: !!int 1" + ":1" * 60_000,
    ],
    ids=["sexagesimal", "a fraction", "a tag"],
)
def test_a_number_that_takes_hours_to_read_is_refused(text: str) -> None:
    with within_bounds(), pytest.raises(InputError, match=r"site\.yaml:1: \[x\]: "):
        parse_yaml(text, "site.yaml")


def test_a_number_that_no_float_holds_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[x\]: "):
        parse_yaml("x: !!float 1" + ":1" * 40 + ":1" * 300 + ".5", "site.yaml")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_what_is_nested_without_end_is_refused(opening: str) -> None:
    with within_bounds(), pytest.raises(InputError):
        parse_yaml(opening * 20_000, "site.yaml")


def test_includes_in_a_circle_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "suricata.yaml").write_text("include: one.yaml\n")
    (tmp_path / "one.yaml").write_text("include: two.yaml\n")
    (tmp_path / "two.yaml").write_text("include: one.yaml\n")
    with within_bounds(), pytest.raises(InputError, match=r"one\.yaml: includes itself"):
        read_suricata_yaml(tmp_path / "suricata.yaml")


def test_a_site_does_not_include_other_files(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("include: site.yaml\nhome_networks: [10.20.0.0/16]\n")
    with pytest.raises(InputError, match=r"site\.yaml:1: \[include\]: unknown key"):
        load_site(tmp_path / "site.yaml")


def test_a_folder_is_told_as_before(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
