"""Verdicts -> CEF events that a CEF reader takes apart again, whatever a host is called."""

import re

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.report import syslog_report
from eveproc.report.cef_report import LONG, in_extension, in_header, messages, render
from eveproc.report.sanitize import cut
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import CLEAN, INFECTED, SUSPECTED, VERDICTS, a_report

PAYLOADS = made_stores.PAYLOADS
# A key after a space, up to an equals sign that none escapes.
_PAIR = re.compile(r"(\w+)=((?:\\.|[^\\=])*?)(?= \w+=|$)")


def read(line: str) -> tuple[list[str], dict[str, str]]:
    """Header and extension, as ArcSight reads them."""
    header = re.findall(r"((?:\\.|[^\\|])*)\|", line)[:7]
    start = sum(len(field) + 1 for field in header)
    pairs = {key: unescape(value) for key, value in _PAIR.findall(line[start:])}
    return [unescape(field) for field in header], pairs


def unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def events(report: Report) -> list[tuple[list[str], dict[str, str]]]:
    return [read(line) for line in render(report, report.verdicts).splitlines()]


def test_an_infected_host_to_the_letter() -> None:
    ((header, extension),) = events(a_report(INFECTED))
    assert header[:3] == ["CEF:0", "mxhound", "eveproc"]
    assert header[4:] == ["infected", "Host infected", "9"]
    assert extension == {
        "cat": "verdict",
        "src": "10.20.1.7",
        "shost": "laptop-7",
        "smac": "02:00:00:00:00:11",
        "rt": "1709287260250",
        "start": "1709287200250",
        "end": "1709287500250",
        "cfp1": "0.9987",
        "cfp1Label": "score",
        "cs1": "infected",
        "cs1Label": "verdict",
        "cs2": "lookup delivery",
        "cs2Label": "families",
        "cs3": "smtp_attempts",
        "cs3Label": "signals",
        "cs6": "Take it off the network.",
        "cs6Label": "nextStep",
        "msg": INFECTED.why,
        "mxhoundEveprocAddresses": "10.20.1.7 10.20.1.9",
        "mxhoundEveprocSids": "1250002 1250010",
    }


def test_an_ipv6_host_has_the_field_for_it() -> None:
    ((_, extension),) = events(a_report(SUSPECTED))
    assert "src" not in extension
    assert extension["c6a2"] == "2001:db8:20::9"
    assert extension["shost"] == r"a\x1b[2J\x07\u202eb\r\nc\u2028d\u200de"


def test_a_host_of_one_of_several_networks_says_which() -> None:
    ((_, extension),) = events(a_report(replace(INFECTED, scope="vlan=10")))
    assert (extension["cs5"], extension["cs5Label"]) == ("vlan=10", "scope")


def test_a_host_carries_what_its_verdict_has_to_be_read_with() -> None:
    cause = Cause("no_smtp_records", "no smtp records")
    told = replace(INFECTED, repeats=("10.20.0.25", "10.20.0.26"), is_router=True)
    report = a_report(told, judgement=Judgement(Outcome.IN_PART, (cause,)))
    _, (_, extension) = events(report)
    assert extension["mxhoundEveprocSameMailsAs"] == "10.20.0.25 10.20.0.26"
    assert extension["mxhoundEveprocIsRouter"] == "true"
    assert extension["mxhoundEveprocCoverage"] == "judged in part"


def test_in_a_network_each_event_is_a_syslog_message() -> None:
    cause = Cause("no_smtp_records", "no smtp records")
    for report in (a_report(*VERDICTS), made_stores.hostile()):
        part = replace(report, judgement=Judgement(Outcome.IN_PART, (cause,)))
        sent = list(messages(part, part.verdicts))
        headers = [
            one.partition(" - CEF:0|")[0] for one in syslog_report.messages(part, part.verdicts)
        ]
        assert [one.partition(" - CEF:0|")[0] for one in sent] == [
            header.partition(" [")[0] for header in headers
        ]
        assert [f"CEF:0|{one.partition(' - CEF:0|')[2]}\n" for one in sent] == render(
            part, part.verdicts
        ).splitlines(keepends=True)


def test_what_changed_is_told() -> None:
    found = [extension for _, extension in events(made_stores.changed())]
    told = {one.get("externalId"): one.get("cs4") for one in found}
    assert (told["e-0001"], told["e-0002"]) == ("new", "worse")
    changed = [one for one in found if "cs4" in one]
    assert all("mxhoundEveprocFirstReported" in one for one in changed)
    worse = {one["mxhoundEveprocPrevious"] for one in changed if one["cs4"] == "worse"}
    assert worse == {"suspected"}


def test_a_clean_host_without_any_time_has_none() -> None:
    ((header, extension),) = events(a_report(CLEAN, events=False))
    assert header[6] == "1"
    assert not {"rt", "start", "end"} & set(extension)


def test_what_could_not_be_judged_is_an_event_without_a_host() -> None:
    cause = Cause("not_home", "no host of home_networks was seen", "correct home_networks")
    report = a_report(events=False, judgement=Judgement(Outcome.NOT_JUDGED, (cause,)))
    ((header, extension),) = events(report)
    assert header[4:] == ["coverage", "could not judge", "4"]
    assert extension["msg"] == "could not judge: no host of home_networks was seen"
    assert extension["cs6"] == "correct home_networks"
    assert "src" not in extension


def test_hostile_names_are_read_back() -> None:
    report = made_stores.hostile()
    lines = render(report, report.verdicts).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(report.verdicts) + (not report.judgement.is_whole)
    assert all(line.isprintable() for line in lines)
    names = {extension["shost"] for _, extension in map(read, lines) if "shost" in extension}
    assert names == {cut(payload, 1023) for payload in PAYLOADS}


@given(st.text())
def test_any_value_is_read_back_and_ends_where_it_ends(text: str) -> None:
    header, extension = read(f"CEF:0|{in_header(text)}|a|b|c|d|5|k={in_extension(text)} z=1")
    assert header[1] == cut(text, 1023)
    assert extension == {"k": cut(text, LONG), "z": "1"}
