"""`eveproc watch` as it is run: everything is reported once, signals are obeyed, and with a state
nothing is lost.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from eveproc.state.state import open_state
from eveproc.verdicts.change import Trend
from eveproc.watching import catch_up, service
from eveproc.watching.service import Live, ProcessSignals, Sinks
from rulegen.errors import MxhoundError
from rulegen.site_profile import load_site
from tests.eveproc.eve_lines import HOST, SITE, START, mailing, quiet
from tests.live.webhook import Webhook

EVEPROC = Path(sys.executable).with_name("eveproc")
SOON = 15.0
OTHER = "10.20.1.9"
DEAD = "json://127.0.0.1:9/"


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def eve(tmp_path):
    return tmp_path / "eve.json"


def write(eve, *lines):
    with eve.open("ab") as log:
        log.writelines(lines)


def until(condition):
    end = time.monotonic() + SOON
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


class Watch:
    """A Live in a thread; `news` and `said` are what it told."""

    def __init__(self, eve, site, state=None):
        self.news, self.said = [], []
        self.process_signals = ProcessSignals()
        sinks = Sinks(
            lambda news: self.news.append((news.change.trend.value, news.verdict.host)),
            self.said.append,
        )
        self._live = Live([str(eve)], lambda: load_site(site), sinks, time.time, state)
        self._thread = threading.Thread(target=self._live.run, args=(self.process_signals,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.process_signals.stop.set()
        self._thread.join(SOON)
        assert not self._thread.is_alive()

    @property
    def lines(self):
        return self._live.stats.lines


@contextmanager
def watched(eve, site, state):
    """The same with a state; SQLite wants the thread that opened it, so all is done in this one, a
    turn at a time."""
    watch = Watch(eve, site, state)
    yield watch
    watch._live._take_turn(watch.process_signals)
    watch._live._keep()
    watch._live._stack.close()


def test_what_is_there_and_what_comes_is_told(eve, site):
    write(eve, *mailing(START, 40))
    with Watch(eve, site) as watch:
        until(lambda: watch.news)
        write(eve, *mailing(START + 60, 40, host=OTHER))
        until(lambda: len(watch.news) > 1)
        eve.rename(f"{eve}.1")
        write(eve, *mailing(START + 120, 40, host="10.20.1.10"))
        until(lambda: ("new", "10.20.1.10") in watch.news or ("worse", "10.20.1.10") in watch.news)
    assert {host for _, host in watch.news} == {HOST, OTHER, "10.20.1.10"}


def test_a_state_tells_nothing_twice_and_nothing_not_at_all(eve, site, tmp_path):
    write(eve, *mailing(START, 40))
    with open_state(tmp_path / "state") as state:
        with watched(eve, site, state) as first:
            pass
        assert first.news == [("new", HOST)]
        # Meanwhile: the rest of the file, a rotation, a packed file, a new one.
        write(eve, *mailing(START + 60, 20, host=OTHER))
        eve.rename(f"{eve}.2")
        subprocess.run(["gzip", f"{eve}.2"], check=True)
        write(Path(f"{eve}.1"), *mailing(START + 80, 20, host=OTHER))
        write(eve, quiet(START + 100))
        with watched(eve, site, state) as second:
            pass
        assert second.news == [("new", OTHER)]
        with watched(eve, site, state) as third:
            pass
        assert (third.news, third.lines) == ([], 0)


@pytest.mark.parametrize("before", [(), (b"",)], ids=["no file yet", "an empty file"])
def test_a_log_of_last_year_ages_by_its_own_time(eve, site, tmp_path, before):
    """Where the watch was started before the first line, and was reloaded or started again."""
    if before:
        write(eve, *before)
    with open_state(tmp_path / "state") as state:
        with watched(eve, site, state) as first:
            first._live._take_turn(first.process_signals)
            write(eve, *mailing(START, 40))
            first._live._take_turn(first.process_signals)
            first.process_signals.reload.set()
            first._live._take_turn(first.process_signals)
        assert first.news == [("new", HOST)]
        write(eve, *mailing(START + 60, 20, host=OTHER))
        with watched(eve, site, state) as second:
            pass
    assert second.news == [("new", OTHER)]


def renamed(eve):
    eve.rename(f"{eve}.1")
    write(eve, quiet(START + 300))


def copied_and_emptied(eve):
    """What is written then is longer than all before."""
    shutil.copy(eve, f"{eve}.1")
    size = eve.stat().st_size
    os.truncate(eve, 0)
    while eve.stat().st_size <= size:
        write(eve, quiet(START + 300))


@pytest.mark.parametrize("is_first", [True, False], ids=["first start", "later start"])
@pytest.mark.parametrize("rotate", [renamed, copied_and_emptied])
def test_a_rotation_while_it_catches_up_loses_nothing(
    eve, site, tmp_path, monkeypatch, rotate, is_first
):
    def gather_and_rotate(*arguments):
        done = gather_parts(*arguments)
        write(eve, *mailing(START + 200, 40, host="10.20.1.10"))
        rotate(eve)
        return done

    gather_parts = catch_up.gather_parts
    write(eve, *mailing(START, 40))
    with open_state(tmp_path / "state") as state:
        if not is_first:
            with watched(eve, site, state):
                pass
            write(eve, *mailing(START + 60, 40, host=OTHER))
        monkeypatch.setattr(catch_up, "gather_parts", gather_and_rotate)
        with watched(eve, site, state) as second:
            monkeypatch.undo()
            second._live._take_turn(second.process_signals)
        told = {host for _, host in second.news}
        assert told == {"10.20.1.10", HOST if is_first else OTHER}
        assert not [line for line in second.said if "not have been read" in line]
        with watched(eve, site, state) as third:
            pass
        assert third.news == []


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "not read"])
@pytest.mark.parametrize("rotate", [renamed, copied_and_emptied])
def test_a_log_that_was_empty_when_the_state_was_kept_last_is_not_lost(
    eve, site, tmp_path, rotate, is_read
):
    """As after a kill within seconds of the first line, or of a rotation."""
    eve.touch()
    with open_state(tmp_path / "state") as state:
        killed = Watch(eve, site, state)
        killed._live._take_turn(killed.process_signals)
        write(eve, *mailing(START, 40))
        if is_read:
            for name, piece in killed._live._pieces():
                killed._live._take(name, piece)
        rotate(eve)
        killed._live._stack.close()
        with watched(eve, site, state) as second:
            pass
    assert second.news == [("new", HOST)]


def test_logs_from_before_the_first_start_are_not_read(eve, site, tmp_path):
    write(eve, *mailing(START, 40))
    renamed(eve)
    earlier = time.time() - 7200
    os.utime(f"{eve}.1", (earlier, earlier))
    with open_state(tmp_path / "state") as state:
        for _ in range(2):
            with watched(eve, site, state) as watch:
                pass
            assert watch.news == []


@pytest.mark.slow
def test_killed_at_any_time_and_started_again_everything_is_told_once_or_again_but_never_not(
    eve, site, tmp_path
):
    """Ten hosts, ten kills: what was told may be told again, as something new, if the kill comes
    between that and the keeping."""
    rng = random.Random(7)
    hosts = [f"10.20.2.{number}" for number in range(10)]
    lines = [
        line
        for number, host in enumerate(hosts)
        for line in mailing(START + 60 * number, 40, host=host)
    ]
    command = [EVEPROC, "watch", eve, "-s", site, "--state", tmp_path / "state", "-f", "json"]
    told = []
    for part in range(0, len(lines), len(lines) // 9):
        write(eve, *lines[part : part + len(lines) // 9])
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            time.sleep(rng.uniform(0.3, 1.5))
            run.kill()
            told += [
                json.loads(line)
                for line in run.stdout.read().splitlines(keepends=True)
                if line.endswith(b"\n")
            ]
    hosts.append("10.20.2.10")
    write(eve, *mailing(START + 600, 40, host=hosts[-1]))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        overdue = threading.Timer(60, run.kill)
        overdue.start()
        while infected(told) != set(hosts) and (line := run.stdout.readline()):
            told.append(json.loads(line))
        run.terminate()
        told += map(json.loads, run.stdout.read().splitlines())
        overdue.cancel()
        assert run.wait(SOON) == 0
    assert infected(told) == set(hosts)
    begun = Counter(verdict["host"] for verdict in told if verdict["change"]["trend"] == Trend.NEW)
    ids = {(verdict["host"], verdict["change"]["episode"]) for verdict in told}
    assert all(number <= begun[host] for host, number in Counter(h for h, _ in ids).items())


def infected(told):
    return {verdict["host"] for verdict in told if verdict["verdict"] == "infected"}


def test_a_state_that_cannot_be_kept_is_told_once_and_kept_when_there_is_room(eve, site, tmp_path):
    write(eve, quiet(START))
    with open_state(tmp_path / "state") as state:
        with watched(eve, site, state) as watch:
            (pages,) = state._db.execute("PRAGMA page_count").fetchone()
            state._db.execute(f"PRAGMA max_page_count = {pages}")
            for number in range(30):
                write(eve, *mailing(START + 60, 40, host=f"10.20.2.{number}"))
                watch._live._take_turn(watch.process_signals)
            assert len(watch.news) == 30
            assert watch.said == [
                "the state cannot be used: database or disk is full; it is tried again"
            ]
            state._db.execute("PRAGMA max_page_count = 1000000")
            watch._live._keep()
        with watched(eve, site, state) as again:
            pass
        assert (again.news, again.lines, again.said) == ([], 0, [])
        assert len(state.incidents()) == 30


def test_a_state_that_cannot_be_kept_at_the_end_is_refused(eve, site, tmp_path):
    write(eve, quiet(START))
    with open_state(tmp_path / "state") as state:
        watch = Watch(eve, site, state)
        (pages,) = state._db.execute("PRAGMA page_count").fetchone()
        state._db.execute(f"PRAGMA max_page_count = {pages}")
        lines = [
            line
            for number in range(30)
            for line in mailing(START + 60, 40, host=f"10.20.2.{number}")
        ]
        watch._live._watcher.take(b"".join(lines), len(b"".join(lines)))
        list(watch._live._watcher.look(START + 3600))
        watch.process_signals.stop.set()
        with pytest.raises(
            MxhoundError,
            match="database or disk is full: the next start reads and reports again what was not "
            "saved",
        ):
            watch._live.run(watch.process_signals)


def test_a_site_with_faults_leaves_the_former_in_force(eve, site):
    with Watch(eve, site) as watch:
        site.write_text("home_networks: [10.0.0.0/40]\n")
        watch.process_signals.reload.set()
        until(lambda: watch.said)
        assert watch.said[0].startswith(f"{site}:1: [home_networks.0]: ")
        assert watch.said[0].endswith("; the profile read before stays in force")
        site.write_text(f"{SITE}exempt: [{{network: {HOST}, reason: tests mail}}]\n")
        watch.process_signals.reload.set()
        until(lambda: "the site's profile was reloaded" in watch.said)
        write(eve, *mailing(START, 40), *mailing(START, 40, host=OTHER))
        until(lambda: watch.news)
    assert {host for _, host in watch.news} == {OTHER}


def test_a_file_that_is_no_eve_is_told_once(eve, site):
    write(eve, *[b"Mar  1 10:00:00 host sshd: no\n"] * 20)
    with Watch(eve, site) as watch:
        until(lambda: watch.said)
        write(eve, *[b"Mar  1 10:00:00 host sshd: no\n"] * 20)
        time.sleep(0.6)
    assert watch.said == [f"{eve}: does not begin with records of EVE; is it the right one?"]


def test_judging_takes_its_time_and_no_more(monkeypatch, eve, site):
    monkeypatch.setattr(service, "PAUSE_AT_MOST", 0.0)
    write(eve, *mailing(START, 400))
    with Watch(eve, site) as watch:
        until(lambda: watch.news)
    assert watch.news[0][1] == HOST


def cli(*arguments, after=None, signals=(signal.SIGTERM,)):
    """Runs the command here; once it reads and `after` is true, this process is sent the signals, a
    moment apart."""
    reads, run = threading.Event(), Live.run

    def send():
        until(lambda: reads.is_set() and (after is None or after()))
        for number in signals:
            time.sleep(0.6)
            os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Live, "run", lambda *given: (reads.set(), run(*given))[1])
        sender.start()
        result = CliRunner().invoke(main, ["watch", *map(str, arguments)])
    sender.join()
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_signals_are_obeyed_and_handlers_put_back(eve, site):
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    write(eve, *mailing(START, 40))
    result = cli(eve, "-s", site, signals=(signal.SIGHUP, signal.SIGINT))
    assert result.exit_code == 0
    assert [line.split("  ")[1:3] for line in result.stdout.splitlines()] == [["new", "INFECTED"]]
    assert result.stderr == "eveproc: the site's profile was reloaded\n"
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_signal_that_comes_while_the_watch_starts_is_obeyed(eve, site, monkeypatch):
    """SIGHUP of a `systemctl reload` right after the start ended it."""

    @contextmanager
    def state_opened(_path):
        os.kill(os.getpid(), signal.SIGHUP if obeyed(signal.SIGHUP) else signal.SIGWINCH)
        os.kill(os.getpid(), signal.SIGTERM if obeyed(signal.SIGTERM) else signal.SIGWINCH)
        yield None

    def obeyed(number):
        return signal.getsignal(number) is not before[number]

    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    monkeypatch.setattr("eveproc.cli.watch._state_in", state_opened)
    write(eve, quiet(START))
    result = CliRunner().invoke(
        main, ["watch", str(eve), "-s", str(site), "--exit-when-blind", "0.02"]
    )
    assert result.exit_code == 0, result.output


def test_a_watch_that_still_reads_what_was_missed_ends_at_once(eve, site, tmp_path, monkeypatch):
    """A day of logs takes minutes, after which systemd would kill it."""
    state, kept = tmp_path / "state", []

    def catch_up_for_long(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SOON)
        kept.append("all was read first")

    with open_state(state):
        pass
    before = state.read_bytes()
    monkeypatch.setattr(service, "catch_up", catch_up_for_long)
    result = CliRunner().invoke(main, ["watch", str(eve), "-s", str(site), "--state", str(state)])
    assert (result.exit_code, result.output, kept) == (0, "", [])
    assert state.read_bytes() == before


def test_news_that_nobody_reads_is_told_again_by_the_next_watch(eve, site, tmp_path):
    """As behind `| logger`, when the logger has ended."""
    command = [EVEPROC, "watch", eve, "-s", site, "--state", tmp_path / "state"]
    write(eve, *mailing(START, 40))
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE) as run:
        os.close(writing)
        said = run.communicate(timeout=SOON)[1]
    assert (run.returncode, said) == (
        1,
        b"eveproc: standard output: closed by the program that reads it\n",
    )
    again = cli(eve, "-s", site, "--state", tmp_path / "state")
    assert [line.split("  ")[1:3] for line in again.stdout.splitlines()] == [["new", "INFECTED"]]


def test_a_dead_webhook_is_waited_for_across_runs(eve, site, tmp_path, monkeypatch):
    monkeypatch.setattr("eveproc.cli.watch.LAST_SECONDS", 0.5)
    state = tmp_path / "state"
    write(eve, *mailing(START, 40))
    with Webhook(refusing=True) as hook:
        arguments = (eve, "-s", site, "-f", "json", "--state", state, "--notify", hook.url)
        result = cli(*arguments)
        assert result.exit_code == 0
        assert json.loads(result.stdout)["change"]["trend"] == "new"
        assert (
            result.stderr.splitlines()[-1]
            == "eveproc: json://...: not delivered: 1; kept for the next start"
        )
        hook.refusing = False
        again = cli(*arguments, after=lambda: hook.posts)
        assert (again.stdout, again.stderr) == ("", "")
    assert [post.body["title"] for post in hook.posts] == [f"INFECTED {HOST} (new)"]


def test_what_waits_for_a_url_that_is_no_longer_given_is_told(eve, site, tmp_path, monkeypatch):
    monkeypatch.setattr("eveproc.cli.watch.LAST_SECONDS", 0.5)
    state = tmp_path / "state"
    write(eve, *mailing(START, 40))
    cli(eve, "-s", site, "--state", state, "--notify", DEAD)
    result = cli(eve, "-s", site, "--state", state)
    assert (
        result.stderr
        == "eveproc: notifications dropped: 1, kept for a --notify URL that is no longer given\n"
    )


def test_without_a_state_what_was_not_delivered_is_told(eve, site, monkeypatch):
    monkeypatch.setattr("eveproc.cli.watch.LAST_SECONDS", 0.5)
    write(eve, *mailing(START, 40))
    result = cli(eve, "-s", site, "--notify", DEAD)
    assert (
        result.stderr.splitlines()[-1]
        == "eveproc: json://...: not delivered: 1; lost, without --state"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--notify", "nonsense://secret"),
            "eveproc: nonsense://...: is no service that Apprise knows; expected a URL as",
        ),
        (
            ("nowhere/eve.json",),
            "eveproc: nowhere/eve.json: cannot be followed: there is no such folder",
        ),
        (("unix:",), "eveproc: unix:: names no path; expected a file that Suricata writes, unix:"),
        (("unixgram:",), "eveproc: unixgram:: names no path; expected a file"),
        (("-",), "eveproc: -: means standard input, which cannot be followed; expected a file"),
    ],
)
def test_what_cannot_work_is_refused_at_once(eve, site, arguments, message):
    result = CliRunner().invoke(main, ["watch", str(eve), "-s", str(site), *arguments])
    assert result.exit_code == 1
    assert result.stderr.startswith(message)
    assert "secret" not in result.stderr


def test_two_watches_with_one_state_are_one_too_many(eve, site, tmp_path):
    with open_state(tmp_path / "state"):
        result = CliRunner().invoke(
            main, ["watch", str(eve), "-s", str(site), "--state", str(tmp_path / "state")]
        )
    assert result.exit_code == 1
    assert "is in use by another eveproc" in result.stderr


def test_a_rotated_file_that_goes_away_is_not_written_to(tmp_path):
    here = tmp_path / "eve.json.1"
    here.write_bytes(b"x")
    assert catch_up._was_written_to(here, 0)
    here.unlink()
    assert not catch_up._was_written_to(here, 0)
