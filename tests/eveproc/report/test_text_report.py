"""Verdicts -> what a person reads, in a pipe and in a terminal."""

import json
import re

import pytest
from msgspec.structs import replace

from eveproc.evidence.coverage import Coverage
from eveproc.input.events import Skipped, SkipReason
from eveproc.input.read_stats import ReadStats
from eveproc.input.survey import HourSpan
from eveproc.report import shown
from eveproc.report.reading_stats import render as render_reading
from eveproc.report.reading_stats import render_json
from eveproc.report.text_report import WIDTH, render, render_table
from eveproc.verdicts.change import Change, HostChange, Trend
from rulegen.vocabulary import Signal
from tests.eveproc.made_verdicts import CLEAN, HOSTILE, INFECTED, START, VERDICTS, a_report

SPAN = "2024-03-01 10:00:00Z to 2024-03-02 11:00:00Z"


def test_plain_text_to_the_letter() -> None:
    verdicts = (INFECTED, CLEAN)
    assert render(a_report(*verdicts), verdicts) == (
        f"1 infected, 0 suspected, 1 clean; events from {SPAN}.\n"
        "\n"
        "INFECTED    10.20.1.7  score 1.00  laptop-7, 02:00:00:00:00:11, 10.20.1.7 10.20.1.9\n"
        "  decided   2024-03-01 10:01:00Z; seen 2024-03-01 10:00:00Z to 10:05:00Z\n"
        "  families  lookup, delivery\n"
        "  why       Opened SMTP connections to 241 outside servers; lookup and delivery agree.\n"
        "  next      Take it off the network.\n"
        "  evidence  Opened SMTP connections to 241 outside servers (312 times). "
        "[delivery/smtp_attempts,\n"
        "            log, 2024-03-01 10:00:00Z to 10:05:00Z]\n"
        "\n"
        "CLEAN       10.20.1.8  score 0.00\n"
        "  decided   no evidence\n"
        "  families  none\n"
        "  why       Nothing of a mass mailer was seen.\n"
    )


def test_unscored_evidence_is_named_with_the_reason() -> None:
    unscored = replace(INFECTED.evidence[0], signal=Signal.HELO_ODD, weight=0.0, sids=())
    verdict = replace(INFECTED, evidence=(*INFECTED.evidence, unscored))
    text = render(a_report(verdict), (verdict,))
    assert "  unscored  too few, or already counted: helo_odd (log)\n" in text


def test_clean_hosts_are_only_counted_unless_asked_for() -> None:
    report = a_report(*VERDICTS)
    assert shown(report, everyone=True) == VERDICTS
    some = shown(report, everyone=False)
    assert CLEAN not in some
    text = " ".join(render(report, some).split())
    assert text.startswith(
        f"1 infected, 1 suspected, 1 clean; events from {SPAN}. Clean hosts are only counted; "
        "--all lists them."
    )
    assert "10.20.1.8" not in text


def test_what_changed_comes_before_the_hosts() -> None:
    change = Change(
        START, (HostChange(INFECTED.host, Trend.NEW, "e1", START, None, INFECTED.key[1], HOSTILE),)
    )
    report = a_report(INFECTED, change=change)
    lines = [
        "",
        "Since the report up to 2024-03-01 10:00:00Z:",
        r"  new (1): 10.20.1.7 (a\x1b[2J\x07\u202eb\r\nc\u2028d\u200de)",
        "",
    ]
    assert render(report, (INFECTED,)).split("\n")[1:5] == lines
    assert "\n".join(lines[1:3]) in re.sub(
        r"\x1b\[[0-9;]*m| +$", "", render_table(report, (INFECTED,), 100), flags=re.MULTILINE
    )
    nothing = render(a_report(change=Change(START, ())), ())
    assert nothing.endswith("  no change: no host was reported, and none is now\n")


def test_nothing_in_the_time_asked_for_is_said() -> None:
    assert (
        render(a_report(events=False), ())
        == "0 infected, 0 suspected, 0 clean; no event in this period.\n"
    )


def test_records_without_evidence_of_mail_are_no_missing_records() -> None:
    """A day of web traffic was read: it holds events, and none about mail."""
    hours = {
        hour: HourSpan(3600.0 * hour, 3600.0 * hour + 5, bytes=9) for hour in (490_000, 490_023)
    }
    quiet = replace(a_report(events=False), coverage=Coverage(hours=hours))
    said = "no evidence of mail in the records from 2025-11-24 16:00:00Z to 2025-11-25 15:00:05Z"
    assert said in render(quiet, ()).replace("\n", " ")


def test_hostile_text_stays_in_its_place() -> None:
    text = render(a_report(*VERDICTS), VERDICTS)
    assert all(line.isprintable() for line in text.split("\n"))
    assert all(len(line) <= WIDTH for line in text.split("\n"))
    assert r"a\x1b[2J\x07\u202eb\r\nc\u2028d\u200de" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_a_table_as_wide_as_it_is_and_no_escape_of_a_host(width: int) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", render_table(a_report(*VERDICTS), VERDICTS, width))
    assert all(line.isprintable() and len(line) <= width for line in plain.split("\n"))
    assert all(
        word in plain for word in ("INFECTED", "10.20.1.7", "laptop-7", "10.20.1.9", "Next:")
    )


def test_markup_of_a_host_is_text() -> None:
    named = replace(INFECTED, why="[bold]not bold[/bold]")
    assert "[bold]not bold[/bold]" in render_table(a_report(named), (named,), 120)


def test_a_terminal_without_hosts_to_show_gets_the_sentence_alone() -> None:
    assert render_table(a_report(), (), 120).count("\n") == 1


def stats() -> ReadStats:
    read = ReadStats(files=2, bytes=1, lines=1, hyperscan_missing=True)
    read.events["flow"] = 1
    for skipped in (
        Skipped(SkipReason.BLANK),
        *[Skipped(SkipReason.OTHER_EVENT_TYPE, "tls")] * 2,
        Skipped(SkipReason.OTHER_EVENT_TYPE, HOSTILE),
    ):
        read.note(skipped)
    read.note_problem(f"eve{HOSTILE}", "is empty")
    read.problems_left_out = 3
    return read


def test_what_was_read_and_what_was_not() -> None:
    escaped = r"a\x1b[2J\x07\u202eb\r\nc\u2028d\u200de"
    health = ("the sensor: 7 packets dropped",)
    assert render_reading(a_report(stats=stats(), health=health, unused={"exempt": 2})) == (
        "read: 2 files, 1 byte, 5 lines looked at\n"
        "every line was decoded, which is slower: the library hyperscan is not installed\n"
        "events: 1 (flow 1)\n"
        "events that are not evidence: 2 (exempt 2)\n"
        "lines skipped as blank: 1\n"
        f"lines skipped as other_event_type: 3 (tls 2, {escaped} 1)\n"
        f"problem: eve{escaped}: is empty\n"
        "problem: 3 more file problems, not listed\n"
        "health: the sensor: 7 packets dropped\n"
    )


def test_the_library_is_not_missing_where_no_line_could_be_passed_over() -> None:
    """An export or a log of Snort is decoded completely even with the library."""
    assert "hyperscan" not in render_reading(a_report(stats=ReadStats(files=1, lines=9)))


def test_nothing_to_say_is_two_lines() -> None:
    assert render_reading(a_report()) == "read: 0 files, 0 bytes, 0 lines looked at\nevents: 0\n"


def test_the_same_as_json() -> None:
    read = json.loads(render_json(a_report(stats=stats(), health=("h",), unused={"exempt": 2})))
    assert read["lines"] == 5
    assert read["skipped"] == {"blank": 1, "other_event_type": 3}
    assert (read["unused"], read["health"]) == ({"exempt": 2}, ["h"])
    assert read["first_event"] == "2024-03-01T10:00:00.250000Z"
    assert json.loads(render_json(a_report(events=False)))["last_event"] is None
