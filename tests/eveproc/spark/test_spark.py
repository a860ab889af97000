"""The same input, read by a real cluster of two executors and by this process -> byte for byte the
same report.

What is large enough to be cut is made small here (`pieces`), so that every framing is read both
ways: in one piece and in many. And all is read in both places (`place`): on a disk, and in storage
that only Hadoop can read. A view of the disk under a name of its own is such one.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from eveproc.evidence.collector import EVER
from eveproc.evidence.gather import gather as gather_here
from eveproc.evidence.store import EvidenceStore
from eveproc.input.read_stats import ReadStats
from eveproc.input.sources import find_files, note_passed_over
from eveproc.report import json_report
from eveproc.spark import disk, listing, storage
from eveproc.spark.gather import gather
from eveproc.spark.listing import find
from eveproc.spark.session import _use_this_python, why
from eveproc.spark.tasks import Order
from eveproc.verdicts.analyze import judge_evidence
from rulegen.errors import InputError
from rulegen.installation import how_to_add
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from tests.eveproc.framing import COMPRESSIONS, LAYOUTS, SHAPES, Lines, packed, plain
from tests.eveproc.input.containers import CONTAINERS
from tests.eveproc.input.snort.test_text_forms import alerts as text_alerts
from tests.eveproc.input.snort.text_forms import FORMS
from tests.eveproc.input.test_containers import records
from tests.eveproc.spark.test_tasks import WITH_SENSOR
from tests.eveproc.verdicts.test_same_verdicts import (
    DATA,
    lines_of,
    mailers,
    name,
    recording,
    told_of,
)
from tests.spark import cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.cluster
SITE = load_site(DATA / "site.yaml")
VIEW = "viewfs://soc"
SNORT = gzip.decompress((DATA / "office-snort-3.json.gz").read_bytes())


@pytest.fixture(params=["in one piece", "in many"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are read by one task each, or files that are cut as if they were large."""
    if request.param == "in many":
        for module in (listing, storage):
            monkeypatch.setattr(module, "ONE_TASK", 1 << 16)
        for module in (disk, storage):
            monkeypatch.setattr(module, "PIECE", 1 << 18)


@pytest.fixture(params=["", VIEW], ids=["disk", "storage"])
def place(request: pytest.FixtureRequest) -> str:
    """What is put before a path."""
    chosen: str = request.param
    return chosen


def told_by(spark: "SparkSession", *uris: str | Path) -> tuple[str, ReadStats]:
    """The report in json with every host, and what was read."""
    store, stats = gather(spark, find(spark, list(map(str, uris))), SITE, EVER)
    return verdicts_in(store, stats), stats


def told_here(*sources: str | Path) -> tuple[str, ReadStats]:
    store, stats = gather_here(find_files(list(map(str, sources))), SITE)
    return verdicts_in(store, stats), stats


def verdicts_in(store: EvidenceStore, stats: ReadStats) -> str:
    """The hosts of the JSON report, without what names files or rests on a sample of the lines."""
    report = judge_evidence(store, SITE, stats)
    hosts = map(json.loads, json_report.render(report, report.verdicts).splitlines())
    kept = ({k: v for k, v in host.items() if k != "coverage"} for host in hosts if "host" in host)
    return "".join(f"{json.dumps(host)}\n" for host in kept)


def levels(text: str) -> list[tuple[str, str, list[str]]]:
    hosts = map(json.loads, text.splitlines())
    return [(host["host"], host["verdict"], host["families"]) for host in hosts]


def counts(stats: ReadStats) -> dict[str, object]:
    """What must not depend on who read it; file names are URIs there."""
    told = stats.as_dict()
    told.pop("coverage", None)  # rests on a sample of the lines
    told["problems"] = sorted(
        (problem["file"].rpartition("/")[2], problem["what"]) for problem in told["problems"]
    )
    return told


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return lines_of(told_of(recording(Engine.SURICATA_8), mailers()[0] | mailers()[1]))


def moved(lines: Lines, number: int) -> list[bytes]:
    """The same of other hosts: what is missing of one of many files shows in a report on all of
    them."""
    return [line.replace(b"10.0.", b"10.%d." % number) for line in lines]


@pytest.mark.usefixtures("pieces")
def test_every_framing(spark: "SparkSession", lines: Lines, place: str, tmp_path: Path) -> None:
    for number, shape in enumerate(SHAPES):
        (tmp_path / f"eve.{name(shape)}.json").write_bytes(shape(moved(lines, number)))
    assert told_by(spark, f"{place}{tmp_path}")[0] == told_here(tmp_path)[0]


@pytest.mark.usefixtures("pieces")
def test_every_compression_by_whatever_name(
    spark: "SparkSession", lines: Lines, place: str, tmp_path: Path
) -> None:
    for number, kind in enumerate(("", *COMPRESSIONS)):
        for count, suffix in enumerate(
            (f".json.{kind or 'txt'}", f".json.1{kind}", f"-{kind}.json", f"{kind}")
        ):
            content = plain(moved(lines, 10 + 5 * number + count))
            (tmp_path / f"eve{suffix}").write_bytes(packed(content, kind) if kind else content)
    there, here = told_by(spark, f"{place}{tmp_path}/*"), told_here(f"{tmp_path}/*")
    assert there[0] == here[0]
    assert counts(there[1]) == counts(here[1])


def test_every_layout_of_files(
    spark: "SparkSession", lines: Lines, place: str, tmp_path: Path
) -> None:
    sources = []
    for number, layout in enumerate(LAYOUTS):
        (tmp_path / str(number)).mkdir()
        sources += layout(moved(lines, number), tmp_path / str(number))
    there, here = told_by(spark, *(f"{place}{source}" for source in sources)), told_here(*sources)
    assert there[0] == here[0]
    assert counts(there[1]) == counts(here[1])


def test_names_are_names(spark: "SparkSession", lines: Lines, place: str, tmp_path: Path) -> None:
    third = len(lines) // 3
    names = (
        "eve ü%20#1.json",
        "eve[1]?{a,b}.json.gz",
        "day=2026-03-02/eve-2026-03-02-10:00.json",
        "sensor=a/day=1/eve.json",
    )
    for number, file in enumerate(names):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        content = plain(lines[number * third : (number + 1) * third])
        path.write_bytes(packed(content, "gz") if file.endswith("gz") else content)
    sources = [str(tmp_path / file) for file in names]
    there, here = told_by(spark, *(f"{place}{source}" for source in sources)), told_here(*sources)
    assert there[0] == here[0]
    assert counts(there[1]) == counts(here[1])


def test_logs_of_snort_s_packet_threads_and_their_sensor(
    spark: "SparkSession", place: str, tmp_path: Path
) -> None:
    folder = tmp_path / "ids-1"
    half = SNORT.index(b"\n", len(SNORT) // 2) + 1
    for thread, part in (("0", SNORT[:half]), ("1", SNORT[half:])):
        (folder / thread).mkdir(parents=True)
        (folder / thread / "alert_json.txt").write_bytes(part)
        (folder / thread / "alert_fast.txt").write_bytes(b"03/02 x [**]\n")
    (folder / "stats.txt").write_bytes(b"packets: 5\n")
    (folder / "night2").mkdir()
    (folder / "night2/eve.json").write_bytes(b"{}\n")  # no folder of a packet thread
    uri = f"{place or 'file:'}{folder}"
    site = replace(SITE, sensors=("ids-1", "ids-2"))
    store, stats = gather(spark, find(spark, [uri]), site, EVER)
    here, stats_here = gather_here(find_files([str(folder)]), site)
    assert verdicts_in(store, stats) == verdicts_in(here, stats_here)
    assert store.sensors == here.sensors == {"ids-1"}
    names = ("0/alert_fast.txt", "1/alert_fast.txt", "stats.txt")
    assert listing.unread(spark, [uri]) == [f"{uri}/{name}" for name in names]
    note_passed_over([str(folder)], stats_here)
    assert stats_here.unread == [str(folder / name) for name in names]


def test_alerts_in_text_and_in_a_syslog(spark: "SparkSession", place: str, tmp_path: Path) -> None:
    for form in (FORMS[0], FORMS[6], *(form for form in FORMS if form.name == "syslog")):
        (tmp_path / f"{form.name}.{FORMS.index(form)}").write_bytes(form.write(text_alerts()))
    there, here = told_by(spark, f"{place or 'file:'}{tmp_path}/*"), told_here(f"{tmp_path}/*")
    assert there[0] == here[0]
    assert counts(there[1]) == counts(here[1])
    assert there[1].events["alert"] == 6 * len(text_alerts())


@pytest.mark.usefixtures("pieces")
def test_twenty_files_of_several_sensors(spark: "SparkSession", twenty: Path, place: str) -> None:
    assert len(list(twenty.iterdir())) == 20
    there, here = told_by(spark, f"{place or 'file:'}{twenty}/*"), told_here(f"{twenty}/*")
    assert '"verdict": "infected"' in here[0]
    assert there[0] == here[0]
    assert counts(there[1]) == counts(here[1])


def test_records_in_every_container(spark: "SparkSession", place: str, tmp_path: Path) -> None:
    """The same records in each of them are the same evidence, and every file gives all of them."""
    some = records(Engine.SURICATA_7)
    folder = tmp_path / "wrapped"
    folder.mkdir()
    wrapped = [container for container in CONTAINERS if container.title != WITH_SENSOR]
    for number, container in enumerate(wrapped):
        (folder / f"eve-{number}.json").write_bytes(container.wrap(some))
    (tmp_path / "eve.json").write_bytes(plain(lines_of(some)))
    there = told_by(spark, f"{place or 'file:'}{folder}/*")
    here = told_here(tmp_path / "eve.json")
    assert '"verdict": "infected"' in here[0]
    assert there[0] == here[0]
    # Of other kinds, lines that say nothing new are passed over.
    for kind in ("alert", "dhcp"):
        assert there[1].events[kind] == here[1].events[kind] * len(wrapped)


def test_many_small_files_one_of_them_damaged(
    spark: "SparkSession", lines: Lines, place: str, tmp_path: Path
) -> None:
    size = len(lines) // 300
    for number in range(300):
        content = packed(plain(lines[number * size : (number + 1) * size]), "gz")
        (tmp_path / f"eve.json.{number}.gz").write_bytes(content[:-20] if number == 77 else content)
    (tmp_path / "eve.empty.json").write_bytes(b"")
    (tmp_path / "eve.other.json").write_bytes(b"no EVE at all\n")
    there, here = told_by(spark, f"{place}{tmp_path}"), told_here(tmp_path)
    assert there[0] == here[0]
    assert counts(there[1]) == counts(here[1])
    assert {problem.file.rpartition("/")[2] for problem in there[1].problems} == {
        "eve.json.77.gz",
        "eve.empty.json",
        "eve.other.json",
    }


@pytest.mark.usefixtures("pieces")
def test_one_host_with_most_of_the_evidence(
    spark: "SparkSession", lines: Lines, place: str, tmp_path: Path
) -> None:
    """Two mailers in every one of forty files, on twenty days: two files a day."""
    for number in range(40):
        another_day = [
            line.replace(b'"2026-03-02T', b'"2026-03-%02dT' % (1 + number % 20))
            for line in lines[number // 20 :: 2]
        ]
        (tmp_path / f"eve.{number}.json").write_bytes(plain(another_day))
    there, here = told_by(spark, f"{place}{tmp_path}")[0], told_here(tmp_path)[0]
    assert levels(there) == levels(
        here
    )  # not counts: a session takes its flow's time within a piece


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("", "cannot be read: No such file or directory"),
        (VIEW, "was not read: the storage did not return it"),
    ],
    ids=["disk", "storage"],
)
def test_a_file_that_is_taken_away_meanwhile_is_told(
    spark: "SparkSession",
    lines: Lines,
    tmp_path: Path,
    place: str,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = len(lines) // 2
    (tmp_path / "eve.json").write_bytes(plain(lines[:half]))
    (tmp_path / "eve.json.1").write_bytes(plain(lines[half:]))
    expected = told_here(tmp_path / "eve.json")[0]
    build = storage.frames

    def build_and_lose(*given: object) -> Iterator[object]:
        yield from list(build(*given))  # type: ignore[arg-type]
        (tmp_path / "eve.json.1").unlink(missing_ok=True)

    monkeypatch.setattr(storage, "frames", build_and_lose)
    there, stats = told_by(spark, f"{place}{tmp_path}")
    assert there == expected
    assert {(problem.file, problem.what) for problem in stats.problems} == {
        (f"{place}{tmp_path}/eve.json.1", what)
    }


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("file", ["_eve.json", ".eve.json", "eve.json._COPYING_"])
def test_what_storage_hides_from_spark_is_told(
    spark: "SparkSession", lines: Lines, tmp_path: Path, file: str
) -> None:
    (tmp_path / file).write_bytes(plain(lines))
    told, stats = told_by(spark, f"{VIEW}{tmp_path}/{file}")
    assert told == ""
    assert [(problem.file, problem.what) for problem in stats.problems] == [
        (f"{VIEW}{tmp_path}/{file}", "was not read: the storage did not return it")
    ]
    assert told_by(spark, tmp_path / file)[0] == told_here(tmp_path / file)[0]


@pytest.mark.usefixtures("pieces")
def test_zeros_without_end_are_no_loss_and_end_nothing(
    spark: "SparkSession", lines: Lines, place: str, tmp_path: Path
) -> None:
    """A log that was cut down under its writer begins with as many zeros as were written before."""
    (tmp_path / "eve.json").write_bytes(plain(lines))
    with (tmp_path / "eve.zeros.json").open("wb") as file:
        file.truncate(40 << 20)
    there, stats = told_by(spark, f"{place}{tmp_path}")
    assert there == told_here(tmp_path)[0]
    assert stats.problems == []


def test_a_large_packed_file_does_not_keep_others_from_being_cut(
    spark: "SparkSession", lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (listing, storage):
        monkeypatch.setattr(module, "ONE_TASK", 1 << 16)
    monkeypatch.setattr(storage, "PIECE", 1 << 17)
    (tmp_path / "eve.json").write_bytes(plain(lines))
    (tmp_path / "eve.json.1.gz").write_bytes(os.urandom(4 << 20))
    cut, _ = storage.frames(spark, find(spark, [f"{VIEW}{tmp_path}"]), Order.of(SITE, EVER, [0]))
    assert cut.rdd.getNumPartitions() > 1


def test_an_empty_file_alone(spark: "SparkSession", place: str, tmp_path: Path) -> None:
    (tmp_path / "eve.json").write_bytes(b"")
    there, here = told_by(spark, f"{place}{tmp_path}"), told_here(tmp_path)
    assert there[0] == here[0] == ""
    assert counts(there[1]) == counts(here[1])
    assert [problem.what for problem in there[1].problems] == ["is empty"]


def test_two_names_of_one_file_are_one(spark: "SparkSession", lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "eve.json").write_bytes(plain(lines))
    (tmp_path / "eve.link.json").symlink_to(tmp_path / "eve.json")
    there, here = told_by(spark, tmp_path), told_here(tmp_path)
    assert there[0] == here[0]
    assert counts(there[1]) == counts(here[1])


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("-", "cannot be read on a cluster"),
        ("", "cannot be read on a cluster"),
        ("{}/none.json", "no such file"),
        ("{}/none*", "no such file"),
        ("{}", "holds no eve file"),
        ("{}/none.json.gz", "no such file"),
        ("s4://bucket/eve.json", 'No FileSystem for scheme "s4"'),
        ("file:relative.json", "cannot be read"),
    ],
)
def test_what_leads_to_no_file_is_refused(
    spark: "SparkSession", tmp_path: Path, uri: str, what: str
) -> None:
    with pytest.raises(InputError, match=what):
        find(spark, [uri.format(tmp_path)])


def test_an_executor_that_is_killed_changes_nothing(
    spark: "SparkSession", lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "PIECE", 1 << 18)
    for number in range(60):
        (tmp_path / f"eve.{number}.json.gz").write_bytes(packed(plain(moved(lines, number)), "gz"))
    before = cluster.executors()
    assert len(before) == 2
    found: list[tuple[str, ReadStats]] = []
    job = threading.Thread(target=lambda: found.append(told_by(spark, tmp_path)))
    job.start()
    killed = _kill_one_at_work(spark, before, job)
    at_work = job.is_alive()
    job.join()
    assert at_work
    assert killed in before - cluster.executors()
    here = told_here(tmp_path)
    assert found[0][0] == here[0]
    assert counts(found[0][1]) == counts(here[1])


def _kill_one_at_work(
    spark: "SparkSession", executors: set[int], job: threading.Thread
) -> int | None:
    """Once some tasks are done and others are not."""
    tracker = spark.sparkContext.statusTracker()
    while job.is_alive():
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        if any(stage and stage.numCompletedTasks >= 2 and stage.numActiveTasks for stage in stages):
            killed = min(executors)
            os.kill(killed, signal.SIGKILL)
            return killed
        time.sleep(0.02)
    return None


# The command.


def eveproc(*words: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("eveproc")), *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def report(*words: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return eveproc("report", *words, "-s", DATA / "site.yaml", "-f", "json", **environment)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            "An error occurred while calling o1.x.\n: org.apache.spark.SparkException: [X] It "
            "failed.\n\tat a.b(C.scala:1)",
            "[X] It failed.",
        ),
        (
            "An exception was thrown from the Python worker:\nTraceback (most recent call last):\n "
            ' File "x.py", line 1\n    run()\n'
            "rulegen.errors.MxhoundError: executors have mxhound 1\n SQLSTATE: 38000",
            "a task failed: rulegen.errors.MxhoundError: executors have mxhound 1",
        ),
        (
            "Traceback\nModuleNotFoundError: No module named 'eveproc'\n",
            "the executors' Python lacks mxhound",
        ),
        ("isInstanceOf does not exist in the JVM", "the driver's JVM has ended"),
        ("", "Exception"),
    ],
)
def test_of_what_spark_says_one_line_is_told(said: str, what: str) -> None:
    told = why(Exception(said))
    assert what in told
    assert "\n" not in told


@pytest.mark.usefixtures("needs_spark")
def test_files_that_only_this_machine_has_are_no_clean_night(tmp_path: Path) -> None:
    (tmp_path / "eve.json").write_bytes(b"{}\n")
    (tmp_path / "sitecustomize.py").write_text(
        "import builtins, os, sys\nif 'pyspark.daemon' in sys.orig_argv:\n    from eveproc.input "
        "import sources\n"
        "    def gone(*_):\n        raise FileNotFoundError(2, 'No such file or directory')\n    "
        "sources._open = gone\n"
    )
    done = report(
        tmp_path / "eve.json", "--on", "spark", "--master", "local[1]", PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 1
    assert f"eveproc: {tmp_path}/eve.json: cannot be read: No such file or directory" in done.stderr


@pytest.mark.usefixtures("needs_spark")
def test_without_a_master_the_workers_run_this_python(tmp_path: Path) -> None:
    """The first python3 in the PATH may be another one, without mxhound. An empty file is what it is
    on one machine."""
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\nexit 77\n")
    other.chmod(0o755)
    record = {"timestamp": "2026-03-02T08:00:00+0000", "event_type": "dhcp"}
    lease = {"dhcp_type": "ack", "client_mac": "02:00:00:00:00:01", "assigned_ip": "10.20.1.7"}
    (tmp_path / "eve.json").write_text(json.dumps({**record, "dhcp": lease}) + "\n")
    (tmp_path / "eve.json.1").write_bytes(b"")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    here, there = report(tmp_path), report(tmp_path, "--on", "spark", PATH=path)
    assert (there.returncode, there.stdout) == (here.returncode, here.stdout)
    assert "events: 1 (dhcp 1)" in there.stderr, there.stderr
    assert f"{tmp_path}/eve.json.1" in there.stderr
    assert "is empty" in there.stderr


@pytest.mark.parametrize(
    ("master", "named", "environment", "expected"),
    [
        ("local[*]", None, "", sys.executable),
        ("local-cluster[2,1,1024]", None, "", sys.executable),
        ("local[*]", "/opt/python", "", "/opt/python"),
        ("local[*]", None, "/env/python", "as Spark chose"),
        ("yarn", None, "", "as Spark chose"),
    ],
)
def test_which_python_the_workers_run(
    master: str, named: str | None, environment: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    if environment:
        monkeypatch.setenv("PYSPARK_PYTHON", environment)
    settings = {"spark.pyspark.python": named}
    context: Any = SimpleNamespace(
        master=master, getConf=lambda: settings, pythonExec="as Spark chose"
    )
    _use_this_python(context)
    assert context.pythonExec == expected


@pytest.mark.usefixtures("needs_spark")
def test_what_fails_is_said_in_a_line(tmp_path: Path) -> None:
    done = report(tmp_path / "none.json", "--on", "spark", "--master", "local[1]")
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"eveproc: {tmp_path}/none.json: no such file" in done.stderr
    done = report(tmp_path, "--on", "spark", "--master", "nowhere")
    assert done.returncode == 1
    assert "eveproc: Spark: " in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nfor name in ('pyspark', 'pyarrow'):\n    sys.modules[name] = None\n"
    )
    done = report(tmp_path, "--on", "spark", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "--on spark needs Java 17 or newer, and pyspark, pyarrow" in done.stderr
    assert how_to_add("spark") in done.stderr


@pytest.mark.usefixtures("needs_spark")
def test_without_java_it_says_what_to_install(tmp_path: Path) -> None:
    done = report(tmp_path, "--on", "spark", PATH=str(tmp_path), JAVA_HOME="")
    assert done.returncode == 1
    assert "apt-get install default-jre-headless" in done.stderr


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--master", "yarn"), "--master and --parquet can only be used with --on spark"),
        (
            ("--parquet", "s3a://soc/mxhound"),
            "--master and --parquet can only be used with --on spark",
        ),
        (("--on", "spark", "--state", "store.state"), "cannot be used with --state or --jobs"),
        (("--on", "spark", "--jobs", "2"), "cannot be used with --state or --jobs"),
    ],
)
def test_options_that_do_not_go_together(words: tuple[str, ...], what: str, tmp_path: Path) -> None:
    done = report(tmp_path, *words)
    assert done.returncode == 2
    assert what in " ".join(done.stderr.split())


def test_nothing_of_it_is_imported_on_a_single_machine() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from eveproc.cli import main;"
        "done = CliRunner().invoke(main, ['report', "
        f"{str(DATA / 'office-suricata-7.eve.json.gz')!r}, '-s', {str(DATA / 'site.yaml')!r}]);"
        "assert done.exit_code == 0; print([name for name in sys.modules if name.partition('.')[0] "
        "in ('pyspark', 'pyarrow', 'pandas')])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )
