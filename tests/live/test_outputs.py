"""Suricata's own outputs, written by the real one: a file, sockets, a redis list -> the same
evidence from each."""

import gzip
import json
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path

import pytest
import yaml

from eveproc.input.read_stats import ReadStats
from eveproc.report.json_report import as_dict
from eveproc.verdicts.analyze import analyze
from eveproc.watching.engine import Watcher, WatchMemory
from eveproc.watching.redis_list import RedisList
from eveproc.watching.service import open_source
from rulegen.build import build
from rulegen.errors import MxhoundError
from rulegen.simulate import simulate, write_simulation
from rulegen.site_profile import load_site
from rulegen.vocabulary import Level
from tests.engines.replay import installed, render_config
from tests.eveproc.input.containers import CONTAINERS
from tests.eveproc.verdicts.test_same_verdicts import mailers, report_of
from tests.eveproc.verdicts.test_same_verdicts import told_of as records_about

SITE = Path(__file__).parents[1] / "data" / "site.yaml"
SECONDS = 60


@pytest.fixture(scope="module")
def site():
    return load_site(SITE)


@pytest.fixture(scope="module")
def traffic(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("traffic")
    return write_simulation(
        simulate(site, seed=1, seconds=600, clients=2, scenarios=["flood", "name_guess"]), folder
    )[0]


def replayed(engine, site, traffic, folder, **eve):
    """Runs the engine over the traffic with these settings of the build's eve-log."""
    build(site, [engine], folder / "build", date(2026, 3, 2))
    config = folder / "suricata.yaml"
    changed = "".join(
        yaml.safe_dump({f"outputs.mxhound.eve-log.{key}": value}) for key, value in eve.items()
    )
    config.write_text(render_config(installed(engine), folder / "build" / engine) + changed)
    command = installed(engine).command(
        "-l", folder, "-r", traffic, "--runmode", "single", "-k", "all", config=config
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "eve-mxhound.json"


def infected(engine, site, traffic, folder):
    """Who is by the file that the same engine writes of the same traffic."""
    folder.mkdir()
    report = analyze([str(replayed(engine, site, traffic, folder))], site)
    return {
        verdict.host for verdict in report.verdicts if verdict.level is Level.INFECTED
    }, report.stats


def told_of(stats):
    """Events by type, without those whose number depends on pieces (flow) or on how long a run
    takes (stats)."""
    return {kind: n for kind, n in stats.events.items() if kind not in ("flow", "stats")}


def heard(source, watcher, seconds=SECONDS, until=None):
    """Reads until nothing has come for a while, and looks."""
    quiet_since, end = time.monotonic(), time.monotonic() + seconds
    news = []
    while time.monotonic() < end and (
        time.monotonic() - quiet_since < 1.0 or not watcher.stats.lines
    ):
        for block, stop in source.poll(time.monotonic()):
            watcher.take(block, stop)
            quiet_since = time.monotonic()
        news += watcher.look(2e9)
        time.sleep(0.02)
    return {n.verdict.host for n in news if n.verdict.level is Level.INFECTED}


@pytest.mark.parametrize("kind", ["unix", "unixgram"])
def test_a_socket_gives_what_a_file_gives(suricata, site, traffic, tmp_path, kind):
    expected, stats = infected(suricata, site, traffic, tmp_path / "file")
    assert len(expected) == 2
    path = tmp_path / "eve.sock"
    watcher = Watcher(site, WatchMemory())
    filetype = {"unix": "unix_stream", "unixgram": "unix_dgram"}[kind]
    with closing(open_source(f"{kind}:{path}", watcher.stats)) as source:
        engine = threading.Thread(
            target=replayed,
            args=(suricata, site, traffic, tmp_path),
            kwargs={"filetype": filetype, "filename": str(path)},
        )
        engine.start()
        assert heard(source, watcher) == expected
        engine.join()
    assert told_of(watcher.stats) == told_of(stats)
    assert not path.exists()


def test_a_redis_list_gives_what_a_file_gives_and_loses_what_is_kept(
    suricata, site, traffic, tmp_path, redis_port, monkeypatch
):
    monkeypatch.setattr("eveproc.watching.redis_list.AT_ONCE", 100)
    expected, stats = infected(suricata, site, traffic, tmp_path / "file")
    server = {
        "server": "127.0.0.1",
        "port": redis_port,
        "mode": "list",
        "key": "eve",
        "async": False,
    }
    replayed(suricata, site, traffic, tmp_path, filetype="redis", redis=server)
    watcher = Watcher(site, WatchMemory())
    with closing(open_source(f"redis://127.0.0.1:{redis_port}/0?key=eve", watcher.stats)) as source:
        assert heard(source, watcher) == expected
        assert told_of(watcher.stats) == told_of(stats)
        assert source._client.llen("eve") >= watcher.stats.lines
        source.commit()
        assert source._client.llen("eve") == 0
        assert watcher.stats.problems == []


def pushed(redis_port, *records):
    import redis

    with closing(redis.Redis(port=redis_port)) as client:
        for record in records:
            client.lpush("eve", record)


def records_of(source):
    return [line for block, end in source.poll(0.0) for line in block[:end].splitlines()]


@pytest.fixture
def redis_list(redis_port):
    stats = ReadStats()
    with closing(RedisList(f"redis://127.0.0.1:{redis_port}?key=eve", stats)) as source:
        yield source, stats


def test_what_was_not_committed_is_read_again_by_the_next_one(redis_port, redis_list):
    source, stats = redis_list
    pushed(redis_port, "1", "2", "3")
    assert records_of(source) == [b"1", b"2", b"3"]
    pushed(redis_port, "4")
    assert records_of(source) == [b"4"]
    with closing(RedisList(f"redis://127.0.0.1:{redis_port}?key=eve", ReadStats())) as other:
        assert records_of(other) == [b"1", b"2", b"3", b"4"]
    source.commit()
    pushed(redis_port, "5")
    assert records_of(source) == [b"5"]
    assert stats.problems == []


def test_a_list_that_changed_under_us_is_told_and_read_anew(redis_port, redis_list):
    source, stats = redis_list
    pushed(redis_port, "1", "2", "3")
    records_of(source)
    source._client.rpop("eve", 2)
    assert records_of(source) == []
    assert "read again" in stats.problems[0].what
    assert records_of(source) == [b"3"]


def test_a_server_that_is_away_is_told_once_and_asked_again(redis_port, redis_list, monkeypatch):
    """What was read stays in the list until a poll has recognized it again."""
    source, stats = redis_list
    pushed(redis_port, "1")
    records_of(source)
    with monkeypatch.context() as away:
        for command in ("lrange", "ltrim"):
            away.setattr(source._client, command, partial(raise_away, source))
        assert records_of(source) == records_of(source) == []
        source.commit()
    told = ["cannot be read, and is tried again: away"]
    assert [problem.what for problem in stats.problems] == told
    source.commit()
    assert source._client.llen("eve") == 1
    assert records_of(source) == []
    source.commit()
    assert source._client.llen("eve") == 0
    assert [problem.what for problem in stats.problems] == [*told, "is read again"]


def test_what_cannot_be_removed_stays_for_now(redis_port, redis_list, monkeypatch):
    source, stats = redis_list
    pushed(redis_port, "1")
    records_of(source)
    with monkeypatch.context() as away:
        away.setattr(source._client, "ltrim", partial(raise_away, source))
        source.commit()
    assert [problem.what for problem in stats.problems] == [
        "what was read stays in it for now: away"
    ]
    source.commit()
    assert source._client.llen("eve") == 0


def raise_away(source, *_):
    raise source._redis.ConnectionError("away")


def test_what_is_no_list_or_no_server_is_refused(redis_port, tmp_path):
    import redis

    with closing(redis.Redis(port=redis_port)) as client:
        client.set("eve", "x")
    with pytest.raises(MxhoundError, match="is a string; expected Suricata"):
        RedisList(f"redis://127.0.0.1:{redis_port}?key=eve", ReadStats())
    with pytest.raises(MxhoundError, match=r"redis list suricata on 127\.0\.0\.1: "):
        RedisList("redis://user:secret@127.0.0.1:9/", ReadStats())


def test_two_do_not_listen_on_one_socket_and_one_left_over_is_taken(tmp_path):
    path = tmp_path / "eve.sock"
    with (
        closing(open_source(f"unix:{path}", ReadStats())),
        pytest.raises(MxhoundError, match="another program listens there"),
    ):
        open_source(f"unix:{path}", ReadStats())
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(path))
    left_over.close()
    with closing(open_source(f"unix:{path}", ReadStats())) as source:
        assert list(source.poll(0.0)) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere/eve.sock", "cannot be listened on"), ("file", "is not a socket")],
)
def test_a_path_that_is_no_place_for_a_socket_is_refused(tmp_path, name, message):
    (tmp_path / "file").touch()
    with pytest.raises(MxhoundError, match=message):
        open_source(f"unix:{tmp_path / name}", ReadStats())


def test_a_stream_may_break_lines_anywhere_and_end_in_half_of_one(tmp_path):
    path = tmp_path / "eve.sock"
    stats = ReadStats()
    with closing(open_source(f"unix:{path}", stats)) as source:
        with socket.socket(socket.AF_UNIX) as suricata:
            suricata.connect(str(path))
            for part in (b"on", b"e\ntwo\nth", b"ree"):
                suricata.sendall(part)
                time.sleep(0.05)
        until = time.monotonic() + 5
        lines = []
        while b"three" not in lines and time.monotonic() < until:
            lines += [line for block, end in source.poll(0.0) for line in block[:end].splitlines()]
            time.sleep(0.02)
    assert lines == [b"one", b"two", b"three"]
    assert stats.bytes == len(b"one\ntwo\nthree")


def test_a_listener_that_cannot_take_a_connection_says_so_once_and_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "eve.sock"
    stats = ReadStats()
    with (
        closing(open_source(f"unix:{path}", stats)) as source,
        socket.socket(socket.AF_UNIX) as suricata,
    ):
        with monkeypatch.context() as full:
            full.setattr(
                source,
                "_receive",
                lambda _: (_ for _ in ()).throw(OSError(24, "Too many open files")),
            )
            suricata.connect(str(path))
            suricata.sendall(b"one\n")
            time.sleep(0.6)
        until = time.monotonic() + 5
        lines = []
        while not lines and time.monotonic() < until:
            lines += [line for block, end in source.poll(0.0) for line in block[:end].splitlines()]
            time.sleep(0.02)
    assert lines == [b"one"]
    assert [problem.what for problem in stats.problems] == [
        "cannot be read, and is tried again: Too many open files"
    ]


# Containers of lines, each of which is to come through a socket or a list beside the others.
MIXED = (
    "plain lines, as Suricata writes them",
    "Filebeat, message",
    "Filebeat behind Kafka, text in text",
    "Docker, json-file",
    "Kubernetes, CRI",
    "Graylog, CSV",
    "Kafka, key TAB value",
    "RFC 3164 syslog",
    "RFC 5424 syslog with structured data",
)


@pytest.fixture(scope="module")
def mixed():
    """Lines, each record in one of the containers in turn, and the verdicts on the plain records."""
    with gzip.open(SITE.with_name("office-suricata-8.eve.json.gz")) as stream:
        some = records_about(map(json.loads, stream), mailers()[0])
    chosen = [container for container in CONTAINERS if container.title in MIXED]
    assert len(chosen) == len(MIXED)
    lines = [
        line
        for number, container in enumerate(chosen)
        for line in container.wrap(some[number :: len(chosen)]).splitlines()
    ]
    with tempfile.TemporaryDirectory() as folder:
        hosts = [json.loads(line) for line in report_of(some, Path(folder)).splitlines()]
    for host in hosts:
        host.pop("coverage", None)  # a sample of the lines of a file
    return lines, {host["host"]: host for host in hosts if host["verdict"] != "clean"}


def verdicts_through(source, watcher, lines):
    """The last verdict on each host, once the source has given the last of the lines."""
    told, end = {}, time.monotonic() + SECONDS
    received = 0
    while received < len(lines) and time.monotonic() < end:
        for block, stop in source.poll(time.monotonic()):
            received += block[:stop].rstrip(b"\n").count(b"\n") + 1
            watcher.take(block, stop)
        time.sleep(0.01)
    assert received == len(lines)
    for news in watcher.look(2e9):
        told[news.verdict.host] = as_dict(news.verdict)
    return told


@pytest.mark.parametrize("kind", ["file", "unix", "unixgram"])
def test_wrapped_lines_through_a_socket_or_a_file_give_the_verdicts_of_the_plain_report(
    site, mixed, tmp_path, kind
):
    lines, expected = mixed
    assert len(expected) == 1
    path = tmp_path / "eve"
    if kind == "file":
        path.write_bytes(b"".join(line + b"\n" for line in lines))
    watcher = Watcher(site, WatchMemory())
    name = str(path) if kind == "file" else f"{kind}:{path}"
    with closing(open_source(name, watcher.stats)) as source:
        sender = threading.Thread(target=sent, args=(kind, path, lines))
        sender.start()
        assert verdicts_through(source, watcher, lines) == expected
        sender.join()


def sent(kind, path, lines):
    if kind == "file":
        return
    is_stream = kind == "unix"
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM
    ) as shipper:
        shipper.connect(str(path))
        for line in lines:
            shipper.sendall(line + b"\n" * is_stream)


def test_wrapped_records_in_a_redis_list_give_the_verdicts_of_the_plain_report(
    site, mixed, redis_port
):
    lines, expected = mixed
    pushed(redis_port, *lines)
    watcher = Watcher(site, WatchMemory())
    with closing(open_source(f"redis://127.0.0.1:{redis_port}?key=eve", watcher.stats)) as source:
        assert verdicts_through(source, watcher, lines) == expected
