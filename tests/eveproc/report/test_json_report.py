"""Verdicts -> the lines that docs/reports.md describes."""

import json

from eveproc.report.json_report import render
from tests.eveproc.made_verdicts import CLEAN, HOSTILE, INFECTED, SUSPECTED, VERDICTS, a_report

HOST_KEYS = [
    "host",
    "verdict",
    "score",
    "decided_at",
    "first_seen",
    "last_seen",
    "families",
    "evidence",
    "identity",
    "why",
    "next_step",
]
ITEM_KEYS = [
    "signal",
    "family",
    "source",
    "count",
    "distinct",
    "first_seen",
    "last_seen",
    "sids",
    "flow_ids",
    "why",
]


def test_one_object_per_host_with_its_keys_in_order() -> None:
    lines = render(a_report(*VERDICTS), VERDICTS).splitlines()
    objects = [json.loads(line) for line in lines]
    assert [list(each) for each in objects] == [HOST_KEYS] * 3
    assert list(objects[0]["evidence"][0]) == ITEM_KEYS


def test_an_infected_host_to_the_letter() -> None:
    assert json.loads(render(a_report(INFECTED), (INFECTED,))) == {
        "host": "10.20.1.7",
        "verdict": "infected",
        "score": 0.9987,
        "decided_at": "2024-03-01T10:01:00.250000Z",
        "first_seen": "2024-03-01T10:00:00.250000Z",
        "last_seen": "2024-03-01T10:05:00.250000Z",
        "families": ["lookup", "delivery"],
        "evidence": [
            {
                "signal": "smtp_attempts",
                "family": "delivery",
                "source": "log",
                "count": 312,
                "distinct": 241,
                "first_seen": "2024-03-01T10:00:00.250000Z",
                "last_seen": "2024-03-01T10:05:00.250000Z",
                "sids": [1250002, 1250010],
                "flow_ids": [7, 9],
                "why": "Opened SMTP connections to 241 outside servers (312 times). Also seen of: "
                "a mail server.",
            }
        ],
        "identity": {
            "mac": "02:00:00:00:00:11",
            "name": "laptop-7",
            "addresses": ["10.20.1.7", "10.20.1.9"],
        },
        "why": "Opened SMTP connections to 241 outside servers; lookup and delivery agree.",
        "next_step": "Take it off the network.",
    }


def test_a_host_without_evidence_has_no_times() -> None:
    clean = json.loads(render(a_report(CLEAN), (CLEAN,)))
    assert (clean["decided_at"], clean["first_seen"], clean["last_seen"], clean["identity"]) == (
        None,
        None,
        None,
        None,
    )


def test_hostile_text_comes_through_whole_and_the_line_stays_ascii() -> None:
    line = render(a_report(SUSPECTED), (SUSPECTED,))
    assert json.loads(line)["why"] == HOSTILE
    assert line.isascii()
    assert line.removesuffix("\n").isprintable()


def test_no_verdicts_no_lines() -> None:
    assert render(a_report(), ()) == ""
