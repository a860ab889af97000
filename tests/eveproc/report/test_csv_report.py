"""Verdicts -> rows that a spreadsheet shows and does not run."""

import csv
from io import StringIO

from eveproc.report.csv_report import COLUMNS, render
from tests.eveproc.made_verdicts import CLEAN, INFECTED, SUSPECTED, VERDICTS, a_report


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def test_one_row_per_host_below_the_header_each_ended_by_crlf() -> None:
    text = render(a_report(*VERDICTS), VERDICTS)
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert text.count("\r\n") == text.count("\n") == 4
    assert [row["host"] for row in rows(text)] == ["10.20.1.7", "2001:db8:20::9", "10.20.1.8"]


def test_an_infected_host_to_the_letter() -> None:
    (row,) = rows(render(a_report(INFECTED), (INFECTED,)))
    assert row == {
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
        "why": "Opened SMTP connections to 241 outside servers; lookup and delivery agree.",
        "next_step": "Take it off the network.",
    }


def test_hostile_text_neither_breaks_a_row_nor_runs() -> None:
    (row,) = rows(render(a_report(SUSPECTED), (SUSPECTED,)))
    assert row["next_step"] == "'=HYPERLINK(1)"
    assert row["name"] == row["why"] == r"a\x1b[2J\x07\u202eb\r\nc\u2028d\u200de"


def test_what_is_not_known_is_empty() -> None:
    (row,) = rows(render(a_report(CLEAN), (CLEAN,)))
    empty = {column for column in COLUMNS if not row[column]}
    assert empty == set(COLUMNS) - {"host", "verdict", "score", "why"}
