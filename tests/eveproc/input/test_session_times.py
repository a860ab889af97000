"""SMTP sessions are no earlier than their connections, in whatever order the records stand."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.evidence.store import EvidenceStore
from eveproc.input import parallel, sources
from eveproc.input.events import Event, Flow, Smtp
from eveproc.input.session_times import with_session_times
from eveproc.verdicts.analyze import analyze, gather_evidence
from rulegen.vocabulary import Level
from tests.eveproc.eve_lines import CLERK, HOST, START, line
from tests.eveproc.evidence_of import flow, mail, server, site_of, without_coverage


def session(begin: float, logged: float) -> tuple[Flow, Smtp]:
    connection = replace(
        flow(begin, server(1)), flow_id=7, client_port=4000, end=START + begin + 60
    )
    return connection, replace(mail(logged, server(1)), flow_id=7, client_port=4000)


def times(*events: Event) -> list[float]:
    return [event.time - START for event in with_session_times(events) if isinstance(event, Smtp)]


def test_a_session_is_not_before_its_connection() -> None:
    connection, mailed = session(3600, 0)
    assert times(mailed, connection) == times(connection, mailed) == [3600]


def test_other_times_stay() -> None:
    connection, mailed = session(3600, 3630)
    assert times(mailed, connection) == [3630]
    connection, mailed = session(3600, 0)
    assert times(replace(mailed, flow_id=8), connection) == [0]
    assert times(replace(mailed, flow_id=0), replace(connection, flow_id=0)) == [0]
    assert times(mailed, replace(connection, end=connection.time)) == [0]


@pytest.mark.parametrize(
    "other",
    [
        {"client": CLERK},
        {"client_port": 4001},
        {"server": server(2)},
        {"server_port": 587},
        {"sensor": "north"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_connection_that_has_the_same_flow_id_is_another(other: dict[str, object]) -> None:
    """As in logs of several sensors that were put together."""
    connection, mailed = session(3600, 0)
    elsewhere = replace(connection, **other)
    assert times(mailed, elsewhere) == [0]
    later = replace(elsewhere, time=START + 7200, end=START + 7260)
    assert times(replace(mailed, **other), connection, mailed, later) == [7200, 3600]


def test_a_flow_may_be_logged_from_the_end_of_the_server() -> None:
    connection, mailed = session(3600, 0)
    client, server_ = (
        (connection.client, connection.client_port),
        (connection.server, connection.server_port),
    )
    flipped = replace(
        connection,
        client=server_[0],
        client_port=server_[1],
        server=client[0],
        server_port=client[1],
    )
    assert times(mailed, flipped) == times(flipped, mailed) == [3600]


def test_of_several_records_of_a_connection_the_earliest_start_counts() -> None:
    connection, mailed = session(3600, 0)
    again = replace(connection, time=connection.time + 30)
    assert times(again, mailed, connection) == times(connection, mailed, again) == [3600]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.booleans()), max_size=30))
def test_nothing_is_lost_or_moved(drawn: list[tuple[int, int, bool]]) -> None:
    events: list[Event] = [
        replace(mail(time, server(1)), flow_id=flow_id, client_port=4000)
        if is_mail
        else replace(flow(time, server(1)), flow_id=flow_id, client_port=4000, end=START + 20)
        for flow_id, time, is_mail in drawn
    ]
    corrected = list(with_session_times(events))
    assert [replace(event, time=0.0) for event in corrected] == [
        replace(event, time=0.0) for event in events
    ]
    assert all(new.time >= old.time for new, old in zip(corrected, events, strict=True))


@pytest.mark.parametrize("form", ["lines", "array"])
def test_sessions_of_a_day_that_carry_the_start_of_the_capture_are_no_burst(
    form: str, tmp_path: Path
) -> None:
    """A host that greets one server an hour, replayed with several threads."""
    lines = []
    for number in range(20):
        begin = START + 3600 * number
        lines.append(greeting(number))
        lines.append(connection_of(number, begin))
    eve = tmp_path / "eve.json"
    eve.write_bytes(b"".join(lines) if form == "lines" else b"[" + b",".join(lines) + b"]")
    (found,) = analyze([str(eve)], site_of()).verdicts
    assert found.level is not Level.INFECTED
    assert found.last_seen == START + 19 * 3600
    sessions = next(item for item in found.evidence if item.signal == "smtp_sessions")
    assert (sessions.first_seen, sessions.last_seen) == (START, START + 19 * 3600)


def test_a_last_line_without_its_newline_is_of_the_same_piece(tmp_path: Path) -> None:
    eve = tmp_path / "eve.json"
    session, connection = greeting(1), connection_of(1, START + 3600)
    found = []
    for lines in (session + connection, connection + session, connection + session.rstrip()):
        eve.write_bytes(lines)
        found.append(evidence_in(eve, 1))
    eve.write_bytes(session + connection.rstrip())
    assert found == [evidence_in(eve, 1)] * 3


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_how_many_processes_read_a_file_makes_no_difference(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flow records stand before the sessions of their connections, beside them and far behind."""
    monkeypatch.setattr(parallel, "SPAN", 300_000)
    monkeypatch.setattr(parallel, "WORTH_A_PROCESS", 100_000)
    monkeypatch.setattr(sources, "BLOCK", 50_000)
    other = line(START, "fileinfo", HOST, fileinfo={"filename": "x" * 5000})
    placed = [(float(number), greeting(number) + other) for number in range(400)]
    for number in range(400):
        place = number + (-70.5, -0.5, 0.1, 4.5, 70.5)[number % 5]
        placed.append((place, connection_of(number, START + 60 * number)))
    content = b"".join(written for _, written in sorted(placed))
    eve = tmp_path / "eve.json"
    eve.write_bytes(gzip.compress(content, 1) if packed else content)
    alone, *together = (evidence_in(eve, jobs) for jobs in (1, 2, 3))
    assert together == [alone, alone]
    found = analyze([str(eve)], site_of(), jobs=1).verdicts[0].evidence
    (sessions,) = [item for item in found if item.signal == "smtp_sessions"]
    assert sessions.last_seen == START + 60 * 399  # whose flow record is near


def greeting(number: int) -> bytes:
    """What was logged at the timeout of a flow; flows of several peers share an id."""
    return line(START, "smtp", HOST, smtp={"helo": "host.ours.example"}, **ends(number))


def connection_of(number: int, begin: float) -> bytes:
    times = {"start": stamp(begin), "end": stamp(begin + 30), "pkts_toclient": 9}
    return line(begin + 90, "flow", HOST, flow=times, tcp=FLAGS, **ends(number))


def ends(number: int) -> dict[str, object]:
    peer = {"dest_ip": server(number), "dest_port": 25, "proto": "TCP"}
    return {**peer, "flow_id": number % 100 + 1}


def evidence_in(eve: Path, jobs: int) -> EvidenceStore:
    store, _ = gather_evidence([str(eve)], site_of(), jobs=jobs)
    store.trim()
    return without_coverage(store)


FLAGS = {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"}


def stamp(time: float) -> str:
    found = json.loads(line(time, "x", HOST))["timestamp"]
    assert isinstance(found, str)
    return found
