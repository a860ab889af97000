"""A night -> one HTML file: what is in it, what may load and run, and what is only counted. How it
behaves is in tests/browser."""

import re
import sys
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.cli import main
from eveproc.report import html_report, shown
from eveproc.report.times import short
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from eveproc.verdicts.verdict import Identity
from rulegen.installation import how_to_add
from rulegen.vocabulary import Level
from tests.eveproc import made_stores, office
from tests.eveproc.evidence_of import HOST, flow, lookup, report, server, site_of, web
from tests.eveproc.made_verdicts import CLEAN, INFECTED, VERDICTS, a_report
from tests.eveproc.markup import Page, read

PAGE_TAGS = """a body br button caption code dd details div dl dt figcaption figure footer h1 h2 h3 head header html input label li main
    meta nav ol option p path section select span strong style summary svg table tbody td th thead time title tr ul script"""
CHART_TAGS = "svg title g defs path use clippath rect text a"
TAGS = {*PAGE_TAGS.split(), *CHART_TAGS.split()}
# The sizes and places that a chart is made of; `on…`, `style`, `src` and whatever else can act is
# not among them.
ATTRIBUTES = re.compile(
    r"(aria|data)-[a-z-]+|class|id|role|lang|charset|content|http-equiv|name|scope|colspan|datetime|title|type|value|placeholder|"
    r"autocomplete|spellcheck|hidden|href|viewbox|preserveaspectratio|d|x|y|width|height|transform|fill|stroke|stroke-[a-z]+|opacity|"
    r"clip-path|text-anchor"
)
NIGHTS = [made_stores.office, made_stores.changed, made_stores.hostile, made_stores.quiet]


@cache
def page_made_by(made: Callable[[], Report]) -> Page:
    """Its charts take a second."""
    return page_of(made(), everyone=True)


def page_of(judge_evidence: Report, *, everyone: bool = False) -> Page:
    return read(html_report.render(judge_evidence, shown(judge_evidence, everyone=everyone)))


def text_of(page: Page, tag: str, of_class: str = "") -> list[str]:
    return [" ".join(element.text.split()) for element in page.all(tag, of_class)]


def busy(host: str = HOST) -> list[object]:
    return [
        event
        for second in range(60)
        for event in (
            lookup(second, f"d{second}.example", host=host),
            flow(second, server(second), host=host),
        )
    ]


@pytest.mark.parametrize("made", NIGHTS, ids=lambda made: made.__name__)
def test_nothing_in_the_page_can_act_but_its_own_scripts(made: Callable[[], Report]) -> None:
    page = page_made_by(made)
    assert {element.tag for element in page.elements} <= TAGS
    for element in page.elements:
        assert all(ATTRIBUTES.fullmatch(name) for name in element.attributes), element
        assert (element.attributes.get("href") or "#").startswith("#")
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("made", NIGHTS, ids=lambda made: made.__name__)
def test_the_policy_names_what_is_in_the_page_by_hash_and_nothing_else(
    made: Callable[[], Report],
) -> None:
    page = page_made_by(made)
    (policy,) = (
        meta.attributes["content"] for meta in page.all("meta") if "http-equiv" in meta.attributes
    )

    def hashes(tag: str) -> str:
        return " ".join(
            f"'sha256-{b64encode(sha256(element.text.encode()).digest()).decode()}'"
            for element in page.all(tag)
        )

    assert (
        policy
        == f"default-src 'none'; style-src {hashes('style')}; script-src {hashes('script')}; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_page_names_no_address_outside_itself() -> None:
    text = html_report.render(made_stores.office(), shown(made_stores.office(), everyone=False))
    assert re.findall(r"(?i)\b(?:https?|wss?|ftp|data|javascript):", text) == []
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []


def test_the_top_says_the_night() -> None:
    judge_evidence = made_stores.office()
    page = page_of(judge_evidence)
    assert text_of(page, "h1") == ["5 infected hosts"]
    seen = f"{short(judge_evidence.first_event or 0)} to {short(judge_evidence.last_event or 0).partition(' ')[2]}"
    assert text_of(page, "p", "lead") == [
        f"From {seen} the sensor saw 24 home hosts and its counters show nothing missed."
    ]
    assert text_of(page, "li", "tile") == ["5 infected", "0 suspected", "19 clean"]
    assert "No earlier report is kept" in text_of(page, "div", "changes")[0]


def test_the_top_says_what_to_do_next() -> None:
    suspected = replace(INFECTED, host="10.20.1.9", level=Level.SUSPECTED, next_step="Ask.")
    page = page_of(a_report(INFECTED, replace(INFECTED, host="10.20.1.8"), suspected, CLEAN))
    assert [" ".join(step.text.split()) for step in page.all("ul", "steps")] == [
        "Each of 2 infected hosts: Take it off the network. 10.20.1.9: Ask."
    ]
    assert page_of(a_report(CLEAN)).all("ul", "steps") == []


def test_delivery_to_recipients_counts_as_peers_not_servers() -> None:
    page = page_of(made_stores.office())
    assert "Peers" in text_of(page, "th")[3]


def test_a_host_has_its_reasons() -> None:
    judge_evidence = made_stores.office()
    page = page_of(judge_evidence)
    row = text_of(page, "tbody", "host")[0]
    verdict = judge_evidence.verdicts[0]
    assert verdict.identity
    said = (
        verdict.host,
        verdict.identity.name,
        verdict.identity.mac,
        verdict.why,
        verdict.next_step,
        *(i.fact for i in verdict.evidence if i.weight),
    )
    assert [text for text in said if text not in row] == []
    assert "What else it could be" in row
    assert "a mail server that the site profile does not declare" in row
    assert "eveproc explain 10.20.71.91" in row
    assert all(str(flow_id) in row for item in verdict.evidence for flow_id in item.flow_ids)
    assert len(page.all("tbody", "host")) == 5


def test_a_timeline_is_drawn_and_said() -> None:
    page = page_of(report([*busy(), *web("10.20.1.8")]))
    said = [
        svg.attributes["aria-label"]
        for svg in page.all("svg")
        if svg.attributes.get("class") in ("lookup", "delivery")
    ]
    assert said == [
        "lookup: 60 in 1 of 1 columns, 60 at most",
        "delivery: 60 in 1 of 1 columns, 60 at most",
    ]
    assert [path.attributes["d"] for path in page.all("path", "bars")] == ["M0 10v-9.2h.8v9.2z"] * 2
    assert len(page.all("path", "decided")) == 2


def test_what_changed_leads() -> None:
    page = page_of(made_stores.changed())
    assert text_of(page, "ul", "trends") == [
        "new 2 desktop-bipepa45, 2001:db8:20:fe:f9b:178b:db3e:63d9 worse 1 pc-raha97 "
        "still 1 pc-ropa99 "
        "recovered 1 laptop-44 (was infected) gone quiet 1 10.20.9.3 (was suspected)"
    ]
    row = text_of(page, "tbody", "host")[1]
    assert "worse" in row
    assert "e-0002, first reported 2026-03-01 08:00:00Z, suspected in the last report" in row
    anchors = {host.attributes["id"] for host in page.all("tbody", "host")}
    assert {link.attributes["href"] for link in page.all("a")} - {
        "#hosts",
        "#charts",
        "#sensor",
        "#reading",
        "#site",
    } <= {f"#{a}" for a in anchors}


def test_health_reading_and_site_are_told() -> None:
    page = page_of(made_stores.changed())
    text = " ".join(text_of(page, "main")[0].split())
    assert "packets dropped before the sensor saw them: 51234" in text
    assert "lines skipped as other_event_type 13 dhcp offer 13" in text
    assert "home_networks 10.20.0.0/16" in text
    assert "but missed traffic" in text_of(page, "p", "lead")[0]


def test_a_site_profile_is_shown_as_people_write_it() -> None:
    text = (
        "home_networks: [10.20.0.0/16]\nmail_servers: [10.20.0.25]\ninternal_domains: "
        "[corp.test]\nsensors: [s1]\n"
        "exempt:\n  - {address: 10.20.5.5, signals: [mx_flood], reason: crawler, until: "
        "2027-01-31}\n"
        "  - {network: 10.20.6.0/24, reason: lab}\n"
        "thresholds:\n  mx_flood: {count: 20, seconds: 60, networks: {10.20.7.0/24: {count: 40, "
        "seconds: 300}}}\n"
    )
    page = page_of(report(web(), site_of(text)))
    assert text_of(page, "dl", "profile") == [
        "home_networks 10.20.0.0/16 mail_servers 10.20.0.25 internal_domains corp.test "
        "exempt 10.20.5.5: mx_flood (crawler, until 2027-01-31) 10.20.6.0/24: everything (lab) "
        "thresholds mx_flood: 20 per minute 10.20.7.0/24: mx_flood 40 per 5 minutes ports smtp 25; "
        "submission 465, 587 sensors s1"
    ]
    assert (
        "sensor s1 is listed in the site profile but wrote nothing" in text_of(page, "section")[-3]
    )


def test_clean_hosts_are_counted_and_listed_only_when_asked_for() -> None:
    counted, listed = (
        page_of(a_report(*VERDICTS), everyone=everyone) for everyone in (False, True)
    )
    assert CLEAN.host not in text_of(counted, "main")[0]
    assert text_of(counted, "p", "counted") == [
        "1 clean host was seen and is only counted; --all lists it."
    ]
    assert [host.attributes["data-level"] for host in listed.all("tbody", "host")] == [
        "infected",
        "suspected",
        "clean",
    ]
    assert text_of(listed, "p", "counted") == ["1 clean host was seen."]


def test_a_night_without_anything() -> None:
    page = page_of(a_report(events=False))
    assert text_of(page, "h1") == ["No host infected or suspected"]
    assert "nothing is known about any host" in text_of(page, "p", "lead")[0]
    assert text_of(page, "p", "empty") == ["No host to list."]


def test_a_night_that_could_not_be_judged_lists_nobody_as_clean() -> None:
    cause = Cause("not_home", "no host of home_networks was seen")
    page = page_of(a_report(events=False, judgement=Judgement(Outcome.NOT_JUDGED, (cause,))))
    assert text_of(page, "p", "empty") == ["No host was judged."]


@settings(max_examples=40)
@given(st.text(), st.text(alphabet="<>&\"'/={}%- \n\x00scriptonalertstyle", max_size=60))
def test_any_text_from_the_wire_is_text(one: str, other: str) -> None:
    pairs = ((one, other), (other, one))
    hosts = tuple(
        replace(INFECTED, identity=Identity(a, b, (a,)), why=b, next_step=a) for a, b in pairs
    )
    usual = read(html_report.render(a_report(INFECTED, INFECTED), (INFECTED, INFECTED)))
    page = read(html_report.render(a_report(*hosts, health=(one, other)), hosts))
    assert {element.tag for element in page.elements} <= TAGS
    assert len(page.all("script")) == len(usual.all("script"))
    assert len(page.all("tbody", "host")) == len(hosts)
    assert all(
        ATTRIBUTES.fullmatch(name) for element in page.elements for name in element.attributes
    )


def test_headlines_name_the_worst_first() -> None:
    suspected = replace(INFECTED, level=VERDICTS[1].level)
    heads = [
        text_of(page_of(a_report(*verdicts)), "h1")[0]
        for verdicts in ((INFECTED,), (INFECTED, suspected), (suspected, suspected))
    ]
    assert heads == [
        "1 infected host",
        "1 infected host, 1 suspected",
        "No host infected, 2 suspected",
    ]


def test_a_chart_names_hosts_that_the_page_does_not_list() -> None:
    judge_evidence = made_stores.office()
    page = read(html_report.render(judge_evidence, judge_evidence.verdicts[:1]))
    assert len(page.all("tbody", "host")) == 1
    assert {link.text for link in page.all("a") if link.attributes["href"] == "#host-1"} == {
        "desktop-bipepa45"
    }


def test_problems_with_files_are_told() -> None:
    page = page_of(made_stores.hostile())
    faults = text_of(page, "ul", "faults")[-1]
    assert r"\x1b[2J\x1b]0;owned\x07: cannot be read" in faults
    assert all(
        len(element.text) < 600
        for element in page.all("ul", "faults")[-1:]
        for element in page.all("li")
        if "cannot" in element.text
    )


def test_a_page_is_the_same_every_time() -> None:
    assert html_report.render(made_stores.changed(), VERDICTS) == html_report.render(
        made_stores.changed(), VERDICTS
    )


def test_without_matplotlib_the_extra_is_named_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        sys.modules, "matplotlib.figure", None
    )  # what Python itself does for a module that cannot be imported
    _, site = office.write(tmp_path)
    done = CliRunner().invoke(
        main, ["report", str(tmp_path / "no-such-file"), "-s", site, "-f", "html"]
    )
    assert done.exit_code == 1
    assert (
        done.stderr == "eveproc: -f html: charts need matplotlib, which is not installed; "
        f"{how_to_add('html')}\n"
    )


def test_the_command_writes_the_page_whole(tmp_path: Path) -> None:
    eve, site = office.write(tmp_path)
    out = tmp_path / "report.html"
    done = CliRunner().invoke(main, ["report", eve, "-s", site, "-f", "html", "-o", str(out)])
    assert done.exit_code == 0, done.stderr
    page = read(out.read_text(encoding="utf-8"))
    assert text_of(page, "h1") == ["1 infected host"]
    assert [host.attributes["data-host"] for host in page.all("tbody", "host")] == [office.MAILER]
