"""Verdicts -> RFC 5424 messages that its grammar takes apart again, whatever a host is called."""

import re
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from eveproc.report.json_report import as_dict
from eveproc.report.sanitize import cut
from eveproc.report.syslog_report import PARAMETER, in_parameter, in_text, render
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import CLEAN, HOSTILE, INFECTED, SUSPECTED, VERDICTS, a_report

_PARAM = r' (?P<name>[!#-<>-\\^-~]{1,32})="(?P<value>(?:\\["\\\]]|[^"\\\]])*)"'
# RFC 5424, 6: header, structured data, text.
_MESSAGE = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<time>-|\S+) (?P<host>-) (?P<app>[!-~]{1,48}) (?P<process>-)"
    r" (?P<kind>[!-~]{1,32}) \[(?P<id>[!#-<>-\\^-~]{1,32})(?P<data>(?:"
    + re.sub(r"\?P<\w+>", "?:", _PARAM)
    + r")*)\] (?P<text>[ -~]*)"
)


class Message(Struct):
    priority: int
    time: str
    kind: str
    parameters: dict[str, str]
    text: str


def read(line: str) -> Message:
    found = _MESSAGE.fullmatch(line)
    assert found, line
    parameters = {
        one["name"]: re.sub(r'\\(["\\\]])', r"\1", one["value"])
        for one in re.finditer(_PARAM, found["data"])
    }
    return Message(int(found["priority"]), found["time"], found["kind"], parameters, found["text"])


def messages(report: Report) -> list[Message]:
    return [read(line) for line in render(report, report.verdicts).splitlines()]


def test_an_infected_host_to_the_letter() -> None:
    (message,) = messages(a_report(INFECTED))
    assert (message.priority, message.kind) == (16 * 8 + 2, "verdict")
    assert message.time == "2024-03-01T10:01:00.250000Z"
    assert message.text == f"infected: 10.20.1.7: {INFECTED.why}"
    assert message.parameters == {
        "host": "10.20.1.7",
        "verdict": "infected",
        "score": "0.9987",
        "decided_at": "2024-03-01T10:01:00.250000Z",
        "first_seen": "2024-03-01T10:00:00.250000Z",
        "last_seen": "2024-03-01T10:05:00.250000Z",
        "families": "lookup delivery",
        "signals": "smtp_attempts",
        "sids": "1250002 1250010",
        "mac": "02:00:00:00:00:11",
        "name": "laptop-7",
        "addresses": "10.20.1.7 10.20.1.9",
        "next_step": "Take it off the network.",
    }


def test_severity_is_by_verdict() -> None:
    assert [message.priority % 8 for message in messages(a_report(*VERDICTS))] == [2, 4, 6]


def test_a_clean_host_without_any_time_has_none() -> None:
    (message,) = messages(a_report(CLEAN, events=False))
    assert message.time == "-"
    assert "first_seen" not in message.parameters


def test_a_host_of_one_of_several_networks_says_which() -> None:
    (message,) = messages(a_report(replace(INFECTED, scope="vlan=10")))
    assert message.parameters["scope"] == "vlan=10"


def test_a_host_carries_all_that_the_json_form_says_of_it() -> None:
    cause = Cause("no_smtp_records", "no smtp records")
    told = replace(INFECTED, scope="vlan=10", repeats=("10.20.0.25", "10.20.0.26"), is_router=True)
    report = a_report(told, judgement=Judgement(Outcome.IN_PART, (cause,)))
    _, message = messages(report)
    assert message.parameters["same_mails_as"] == "10.20.0.25 10.20.0.26"
    assert message.parameters["is_router"] == "true"
    assert message.parameters["coverage"] == "judged in part"
    renamed = {"identity": {"mac", "name", "addresses"}, "evidence": {"signals", "sids"}}
    for key in as_dict(told).keys() - {"why"}:  # the text
        assert renamed.get(key, {key}) <= message.parameters.keys(), key


def test_what_changed_is_told() -> None:
    found = {
        message.parameters.get("episode"): message.parameters.get("trend")
        for message in messages(made_stores.changed())
    }
    assert (found["e-0001"], found["e-0002"]) == ("new", "worse")
    changed = [m.parameters for m in messages(made_stores.changed()) if "trend" in m.parameters]
    assert all("first_reported" in one for one in changed)
    assert {one.get("previous") for one in changed if one["trend"] == "worse"} == {"suspected"}


def test_what_could_not_be_judged_is_an_error_without_a_host() -> None:
    cause = Cause("not_home", "no host of home_networks was seen", "correct home_networks")
    report = a_report(events=False, judgement=Judgement(Outcome.NOT_JUDGED, (cause,)))
    (message,) = messages(report)
    assert (message.priority % 8, message.kind) == (3, "coverage")
    assert message.text == "could not judge: no host of home_networks was seen"
    assert message.parameters == {
        "judgement": "could not judge",
        "causes": "not_home",
        "next_step": "correct home_networks",
    }


def test_hostile_names_are_read_back() -> None:
    report = made_stores.hostile()
    found = messages(report)
    assert len(found) == len(report.verdicts) + (not report.judgement.is_whole)
    names = {message.parameters["name"] for message in found if "name" in message.parameters}
    assert names == {cut(payload, PARAMETER) for payload in made_stores.PAYLOADS}
    assert all(datetime.fromisoformat(message.time) for message in found)
    (message,) = messages(a_report(SUSPECTED))
    assert HOSTILE.isprintable() is False
    assert message.text.endswith(r": a\x1b[2J\x07\u202eb\r\nc\u2028d\u200de")


@given(st.text())
def test_any_value_is_read_back_and_ends_where_it_ends(text: str) -> None:
    message = read(
        f'<1>1 - - a - b [x@1 k="{in_parameter(text)}" z="1"] {in_text(text)}',
    )
    assert message.parameters == {"k": cut(text, PARAMETER), "z": "1"}
