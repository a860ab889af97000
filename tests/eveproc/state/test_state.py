"""A state file -> what was put into it; refused where it is no such file, in use, newer, damaged,
or the disk is full."""

import resource
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from eveproc.evidence.store import EvidenceStore
from eveproc.input.events import Arp, Http, Mdns, Stats
from eveproc.state import state as state_module
from eveproc.state.database import APPLICATION, MIGRATIONS
from eveproc.state.incident import QUIET_DAYS, Incident, News, Standing
from eveproc.state.log_position import FileKind, LogPosition, digest_of
from eveproc.state.message import Message
from eveproc.state.state import (
    EVIDENCE_HOURS,
    INCIDENT_HOURS,
    LEASE_DAYS,
    Reported,
    State,
    open_state,
)
from eveproc.verdicts.change import HostChange, Trend
from eveproc.verdicts.past import DayFigures
from rulegen.errors import MxhoundError
from rulegen.units import DAY, HOUR
from rulegen.vocabulary import Level, Signal
from tests.eveproc.evidence_of import HOST, START, gather, lease, lookup, web

OTHER = "10.20.1.8"
MARK = LogPosition(
    "eve.json", FileKind.LINES, 1, 2, 300, 4, 250, 250, digest_of(b"a"), digest_of(b"b"), START
)
EPISODE = Incident(
    "abc", "02:00:00:00:00:07", HOST, "lap-7", START, START, START, Level.INFECTED, 0.99
)


def news(incident: Incident = EPISODE) -> News:
    return News(HostChange(incident.address, Trend.NEW, incident.id, START), incident)


def asked(count: int, hour: float = 0, host: str = HOST) -> EvidenceStore:
    return gather(
        [
            lookup(hour * HOUR + number, f"victim{number}.example", host=host)
            for number in range(count)
        ]
    )


def kept(
    path: Path, store: EvidenceStore, at: float, *told: News, marks: tuple[LogPosition, ...] = ()
) -> None:
    with open_state(path) as state:
        state.keep(marks, store, at, told, Reported(at, 1, 10, 1))


def recalled(path: Path, at: float, fresh: EvidenceStore | None = None) -> EvidenceStore:
    with open_state(path) as state:
        return state.recall(fresh or asked(1), at)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_names_marks_of_clients_and_claims_of_addresses_come_back(tmp_path: Path) -> None:
    path, mac = tmp_path / "state.db", "02:00:00:00:00:07"
    store = gather(
        [
            *(Http(time=START + n, client=HOST, platform=f"android {n}") for n in range(9)),
            Mdns(time=START, client=HOST, names=("lap-7.local",)),
            Arp(time=START, mac=mac, address=HOST),
            lookup(1, "victim.example", host=HOST),
        ]
    )
    kept(path, store, START + HOUR)
    again = recalled(path, START + HOUR)
    assert again.clients == store.clients
    assert again.host_names == store.host_names
    assert again.macs == store.macs
    kept(path, EvidenceStore(), START + 40 * HOUR)
    later = recalled(path, START + 40 * HOUR)
    left = later.clients.logins, later.host_names.logins, later.macs.claims
    assert left == ({}, {}, {})


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(path, asked(20), START + HOUR, news(), marks=(MARK,))
    with open_state(path) as state:
        assert state.log_positions() == [MARK]
        assert state.incidents() == [EPISODE]
        assert state.last_event() == START + HOUR
        store = state.recall(gather([lookup(50 * 60, "more.example")]), START + HOUR)
    assert store.hosts[HOST].log(Signal.MX_FLOOD).distinct() == 21


def test_a_new_state_remembers_nothing_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(path) as state:
        assert (
            state.log_positions(),
            state.incidents(),
            state.last_event(),
            state.evidence_dropped_before(),
        ) == ([], [], None, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rows(path, "PRAGMA application_id") == [(APPLICATION,)]


def test_only_hosts_that_matter_are_recalled(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = asked(20)
    store.merge(asked(20, host=OTHER))
    kept(path, store, START + HOUR)
    assert set(recalled(path, START + HOUR).hosts) == {HOST}
    kept(
        path,
        asked(1, host="10.20.1.9"),
        START + HOUR,
        news(replace(EPISODE, address=OTHER, mac="")),
    )
    assert set(recalled(path, START + HOUR).hosts) == {HOST, OTHER}


def test_addresses_of_one_machine_are_recalled_together(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = asked(20)
    store.merge(gather([lease(0, HOST), lease(60, OTHER)]))
    kept(path, store, START + HOUR)
    assert set(recalled(path, START + HOUR, asked(1, host=OTHER)).hosts) == {HOST, OTHER}


def test_evidence_ages_out_by_the_hour(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(path, asked(20), START + HOUR)
    at = START + EVIDENCE_HOURS * HOUR
    kept(path, EvidenceStore(), at)
    assert recalled(path, at).hosts[HOST].log(Signal.MX_FLOOD).distinct() == 20
    kept(path, EvidenceStore(), at + HOUR)
    assert rows(path, "SELECT * FROM evidence") == []


def test_of_a_machine_with_an_episode_the_last_hours_count(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(path, asked(20), START + HOUR, news())
    assert (
        recalled(path, START + INCIDENT_HOURS * HOUR).hosts[HOST].log(Signal.MX_FLOOD).distinct()
        == 20
    )
    assert (
        recalled(path, START + (INCIDENT_HOURS + 1) * HOUR, asked(1, hour=12))
        .hosts[HOST]
        .log(Signal.MX_FLOOD)
        .distinct()
        == 1
    )


def test_the_last_lease_of_an_address_is_known_for_days(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(path, gather([lease(0, HOST, "02:00:00:00:00:06", "lap-6"), lease(60, HOST)]), START)
    for days, holders in ((2, {"02:00:00:00:00:07"}), (LEASE_DAYS + 1, set())):
        kept(path, EvidenceStore(), START + days * DAY)
        leases = recalled(path, START + days * DAY).leases
        assert {mac for _, mac, _ in leases.seen} == holders
        assert {mac for _, mac in leases.lasting} == holders
    assert leases.names == {}


def test_what_a_sensor_missed_is_counted_from_its_last_report_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(
        path,
        gather(
            [Stats(time=START, counters={"capture.kernel_drops": 5, "capture.kernel_packets": 100})]
        ),
        START,
    )
    store = recalled(
        path,
        START,
        gather(
            [
                Stats(
                    time=START + 60,
                    counters={"capture.kernel_drops": 7, "capture.kernel_packets": 200},
                )
            ]
        ),
    )
    assert (
        "packets dropped before the sensor saw them: 2 (2.00% of its packets)"
        in store.health.sentences()[0]
    )


def test_that_connections_are_logged_is_known_for_as_long_as_evidence_is(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(path, gather(web()), START)
    assert recalled(path, START + HOUR).flows_logged
    assert not recalled(path, START + (EVIDENCE_HOURS + 1) * HOUR).flows_logged


def test_a_quiet_episode_ends_after_a_while_and_is_forgotten_after_a_year(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(path, EvidenceStore(), START, news(replace(EPISODE, standing=Standing.QUIET)))
    kept(path, EvidenceStore(), START + QUIET_DAYS * DAY + 1)
    with open_state(path) as state:
        assert [incident.standing for incident in state.incidents()] == [Standing.CLOSED]
    kept(path, EvidenceStore(), START + 401 * DAY)
    assert rows(
        path, "SELECT (SELECT COUNT(*) FROM episodes), (SELECT COUNT(*) FROM verdicts)"
    ) == [(0, 0)]


def test_there_is_a_limit_to_evidence_and_its_oldest_hours_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    kept(path, asked(100), START + HOUR)
    monkeypatch.setattr(state_module, "EVIDENCE_BYTES", 12_000)
    kept(path, asked(100, hour=2), START + 3 * HOUR)
    assert rows(path, "SELECT DISTINCT hour FROM evidence") == [((START + 2 * HOUR) // HOUR,)]
    with open_state(path) as state:
        assert state.evidence_dropped_before() == START + HOUR


def test_bookmarks_that_were_not_seen_for_longest_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    monkeypatch.setattr(state_module, "MOST_LOG_POSITIONS", 2)
    marks = tuple(replace(MARK, path=f"eve.json.{number}") for number in range(3))
    kept(path, EvidenceStore(), START, marks=marks)
    with open_state(path) as state:
        assert state.log_positions() == list(marks[1:])


def test_names_that_cannot_be_written_as_text_are_spelled_out(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(path, gather([lease(0, HOST, name="a\ud800b")]), START)
    assert rows(path, "SELECT name FROM names") == [("a\\ud800b",)]


def _text_file(path: Path) -> None:
    path.write_text("home_networks: [10.20.0.0/16]\n" * 100)


def _database_of_another(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE moz_cookies (name TEXT)")


def _newer(path: Path) -> None:
    with open_state(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def _cut_off(path: Path) -> None:
    kept(path, asked(200), START, marks=(MARK,) * 100)
    with path.open("r+b") as stream:
        stream.truncate(8192)


def read_all(state: State) -> None:
    """Whatever is kept."""
    state.log_positions(), state.incidents(), state.recall(asked(1), START)
    state.last_event(), state.report_times(3), state.recall_all(START), state.watched_days()


def _damaged(query: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        kept(path, asked(3), START, news(), marks=(MARK,))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(query)
            connection.commit()

    return damage


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "cannot be opened: Is a directory"),
        (_text_file, "is no state file of eveproc"),
        (_database_of_another, "is an SQLite file of another program"),
        (
            _newer,
            f"was written by a newer eveproc (schema {len(MIGRATIONS) + 1}; this one knows schemas "
            f"up to {len(MIGRATIONS)})",
        ),
        (
            _cut_off,
            "is damaged (database disk image is malformed); move it away to start with a new one",
        ),
        (
            _damaged("UPDATE bookmarks SET kind = 'scroll'"),
            "is damaged (Invalid enum value 'scroll' - at `$.kind`)",
        ),
        (
            _damaged("UPDATE episodes SET level = 'ill'"),
            "is damaged (Invalid enum value 'ill' - at `$.level`)",
        ),
        (
            _damaged("UPDATE evidence SET piece = x'00'"),
            "is damaged (evidence of hour 492344: Expected `array`, got `int`)",
        ),
        (
            _damaged("UPDATE episodes SET first_reported = 253402300800.0"),
            "is damaged (expected a time, got 253402300800.0)",
        ),
        (
            _damaged("INSERT INTO reports VALUES (9, NULL, 1, 1, 1)"),
            "is damaged (expected a time, got None)",
        ),
        (
            _damaged("INSERT INTO leases VALUES ('10.20.1', 'x', 1, 1.0, 1.0)"),
            "is damaged ('10.20.1' does not appear to be an IPv4 or IPv6 address)",
        ),
        (
            _damaged("INSERT INTO leases VALUES ('10.20.1.1', 'x', 1, 1.0, NULL)"),
            "is damaged (expected a time, got None)",
        ),
        (
            _damaged("INSERT INTO logins VALUES ('x', 'user', 'x', 'x', '', 1)"),
            "is damaged ('x' does not appear to be an IPv4 or IPv6 address)",
        ),
        (
            _damaged("INSERT INTO server_names VALUES ('192.0.2.1', 'x', 1, 9e999)"),
            "is damaged (expected a time, got inf)",
        ),
        (
            _damaged("INSERT INTO counters VALUES ('x', 'y', 1.0, NULL)"),
            "is damaged (expected a number, got None)",
        ),
        (
            _damaged("UPDATE evidence SET address = 'x'"),
            "is damaged ('x' does not appear to be an IPv4 or IPv6 address)",
        ),
        (
            _damaged("INSERT INTO days VALUES ('x', 99999999999, 0, 0, 0, 0, '', '')"),
            "is damaged (expected a number, got 99999999999)",
        ),
        *(
            (_damaged(query), f"is damaged (its tables are not those of schema {version}); move")
            for query, version in (
                ("DROP TABLE days", len(MIGRATIONS)),
                ("ALTER TABLE names ADD COLUMN more TEXT", len(MIGRATIONS)),
                ("PRAGMA user_version = 3", 3),
                ("CREATE VIEW more AS SELECT * FROM names", len(MIGRATIONS)),
                (
                    "CREATE TRIGGER more AFTER INSERT ON evidence BEGIN DELETE FROM episodes; END",
                    len(MIGRATIONS),
                ),
            )
        ),
    ],
)
def test_what_is_no_state_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "state.db"
    make(path)
    with pytest.raises(MxhoundError) as refused, open_state(path) as state:
        read_all(state)
    assert str(refused.value).startswith(f"{path}: {message}")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(MxhoundError, match=r"cannot be opened: there is no folder .*/no$"),
        open_state(tmp_path / "no" / "state.db"),
    ):
        pass


def test_the_second_of_two_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with (
        open_state(path),
        pytest.raises(MxhoundError, match="is in use by another eveproc; only one at a time"),
        open_state(path),
    ):
        pass
    with open_state(path) as state:
        assert state.log_positions() == []


def test_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(MIGRATIONS[0])
        connection.execute("INSERT INTO moments VALUES ('flows_logged', 1.0)")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    with open_state(path) as state:
        assert state.incidents() == []
    assert rows(path, "SELECT * FROM moments") == [("flows_logged", 1.0)]
    assert rows(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_messages_that_an_older_version_queued_are_delivered(tmp_path: Path) -> None:
    path = tmp_path / "watch.state"
    with closing(sqlite3.connect(path)) as connection:
        for migration in MIGRATIONS[:5]:
            connection.executescript(migration)
        connection.execute("INSERT INTO messages VALUES ('key', 0, 'title', 'body', 'failure')")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("PRAGMA user_version = 5")
        connection.commit()
    with open_state(path) as state:
        assert state.messages() == {"key": (Message("title", "body", "failure"),)}


def test_what_cannot_be_kept_whole_is_not_kept_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept(path, asked(3), START, news(), marks=(MARK,))
    broken = replace(EPISODE, id="xyz", score="high")  # type: ignore[arg-type]  # what no column takes
    with pytest.raises(
        MxhoundError, match="cannot be used: cannot store TEXT value in REAL column"
    ):
        kept(path, asked(9, hour=1), START + HOUR, news(broken))
    with open_state(path) as state:
        assert (state.log_positions(), state.incidents(), state.last_event()) == (
            [MARK],
            [EPISODE],
            START,
        )


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    """The limit of a process on the size of its files stands for the disk; test_incremental.py has
    a real one."""
    path = tmp_path / "state.db"
    kept(path, asked(3), START, news(), marks=(MARK,))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
    try:
        with pytest.raises(
            MxhoundError, match=r"cannot be used: (disk I/O error|database or disk is full)"
        ):
            kept(path, asked(250, hour=1), START + HOUR, marks=(MARK,) * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with open_state(path) as state:
        assert (state.log_positions(), state.incidents(), state.last_event()) == (
            [MARK],
            [EPISODE],
            START,
        )


def keep_days(path: Path, day: int, *figures: tuple[str, DayFigures]) -> None:
    with open_state(path) as state:
        state.keep((), EvidenceStore(), (day + 0.5) * DAY, days=figures)


def test_days_of_a_machine_come_back_for_as_long_as_they_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first = DayFigures(
        20_000, 3, 5, 1, 4, ("look_alike", "rcpt_refused"), ("198.51.1.25", "a.test")
    )
    second = DayFigures(20_001)
    keep_days(path, 20_001, ("m", first), ("m", second), ("n", second))
    for day, found in ((20_040, (first, second)), (20_041, (second,)), (20_042, ())):
        keep_days(path, day)
        with open_state(path) as state:
            assert state.days_of("m") == found
            assert state.watched_days() == tuple(figures.day for figures in found)
    with open_state(path) as state:
        assert state.machines_since(0) == set()


def test_of_too_many_days_the_earliest_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "MOST_DAYS", 10)
    path = tmp_path / "state.db"
    keep_days(path, 20_003, *((f"m{n}", DayFigures(20_000 + n % 4)) for n in range(16)))
    with open_state(path) as state:
        assert state.watched_days() == (20_002, 20_003)


def test_a_day_that_eveproc_did_not_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(path) as state:
        state.keep((), EvidenceStore(), START)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO days VALUES ('m', 1, NULL, 1, 1, 1, NULL, '')")
        connection.commit()
    with pytest.raises(MxhoundError, match="is damaged"), open_state(path) as state:
        state.days_of("m")


def test_no_name_stands_for_a_state_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept(Path(":memory:"), asked(1), START)
    with open_state(Path(":memory:")) as state:
        assert state.recall_all(START).hosts
