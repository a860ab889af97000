"""SMTP sessions are no earlier than their connections, in whatever order the records stand."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.input.events import Event, Flow, Smtp
from eveproc.input.session_times import with_session_times
from eveproc.verdicts.analyze import analyze
from rulegen.vocabulary import Level
from tests.eveproc.eve_lines import HOST, START, line
from tests.eveproc.evidence_of import flow, mail, server, site_of


def session(begin: float, logged: float) -> tuple[Flow, Smtp]:
    connection = replace(flow(begin, server(1)), flow_id=7, end=START + begin + 60)
    return connection, replace(mail(logged, server(1)), flow_id=7)


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


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.booleans()), max_size=30))
def test_nothing_is_lost_or_moved(drawn: list[tuple[int, int, bool]]) -> None:
    events: list[Event] = [
        replace(mail(time, server(1)), flow_id=flow_id)
        if is_mail
        else replace(flow(time, server(1)), flow_id=flow_id, end=START + 20)
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
        ends = {"dest_ip": server(number), "dest_port": 25, "proto": "TCP", "flow_id": number + 1}
        stamps = {"start": stamp(begin), "end": stamp(begin + 30), "pkts_toclient": 9}
        lines.append(line(START, "smtp", HOST, smtp={"helo": "host.ours.example"}, **ends))
        lines.append(line(begin + 90, "flow", HOST, flow=stamps, tcp=FLAGS, **ends))
    eve = tmp_path / "eve.json"
    eve.write_bytes(b"".join(lines) if form == "lines" else b"[" + b",".join(lines) + b"]")
    (found,) = analyze([str(eve)], site_of()).verdicts
    assert found.level is not Level.INFECTED
    assert found.last_seen == START + 19 * 3600
    sessions = next(item for item in found.evidence if item.signal == "smtp_sessions")
    assert (sessions.first_seen, sessions.last_seen) == (START, START + 19 * 3600)


FLAGS = {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"}


def stamp(time: float) -> str:
    found = json.loads(line(time, "x", HOST))["timestamp"]
    assert isinstance(found, str)
    return found
