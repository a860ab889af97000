"""Rules as text: flat headers, every option in its place, copies for networks, and why a rule is
not there."""

import re
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idstools import rule as idstools_rule
from msgspec.structs import replace

from rulegen.catalogue import CATALOGUE
from rulegen.render import NotRendered, RenderedRule, quoted, render, wire_name
from rulegen.site_profile import NetworkThresholds, Ports, SiteProfile, Threshold
from rulegen.spec import RuleSpec
from rulegen.template_files import templates_folder
from rulegen.vocabulary import (
    METADATA_FAMILY,
    METADATA_HOST,
    METADATA_SIGNAL,
    RUNNABLE_SUFFIXES,
    Engine,
    Signal,
)
from tests.rule_revisions import SITE, current, faults, recorded

SURICATAS = (Engine.SURICATA_7, Engine.SURICATA_8)
GUESTS = ip_network("10.20.64.0/20")
SPECS = {spec.name: spec for spec in CATALOGUE}
ORDER = [
    "msg",
    "flow",
    "threshold",
    "noalert",
    "reference",
    "classtype",
    "target",
    "sid",
    "rev",
    "metadata",
]


def rules_of(spec: RuleSpec, site: SiteProfile, engine: Engine) -> list[RenderedRule]:
    return [rule for rule in render(spec, site, engine) if isinstance(rule, RenderedRule)]


def with_guests(threshold: Threshold, signal: Signal = Signal.MX_FLOOD) -> SiteProfile:
    return replace(SITE, network_thresholds=(NetworkThresholds(GUESTS, {signal: threshold}),))


RENDERED = [
    rule for engine in SURICATAS for spec in CATALOGUE for rule in rules_of(spec, SITE, engine)
]
every_rule = pytest.mark.parametrize(
    "rule", RENDERED, ids=lambda rule: f"{rule.engine}-{rule.spec.name}"
)


@every_rule
def test_a_rule_reads_back_as_it_was_meant(rule: RenderedRule) -> None:
    read = idstools_rule.parse(rule.text)
    assert read is not None
    assert read["sid"] == rule.sid == SITE.sid_base + rule.spec.offset
    assert (read["rev"], read["msg"], read["classtype"]) == (
        rule.spec.rev,
        rule.spec.msg,
        rule.spec.classtype,
    )
    header = " ".join(
        read[field]
        for field in (
            "action",
            "proto",
            "source_addr",
            "source_port",
            "direction",
            "dest_addr",
            "dest_port",
        )
    )
    assert rule.text.startswith(f"{header} (")


@every_rule
def test_metadata_carries_the_words_eveproc_reads(rule: RenderedRule) -> None:
    entries = dict(entry.split(" ") for entry in idstools_rule.parse(rule.text)["metadata"])
    assert entries[METADATA_SIGNAL] == rule.spec.signal
    assert entries[METADATA_FAMILY] == rule.spec.family
    assert entries[METADATA_HOST] == rule.spec.host_side


@every_rule
def test_options_come_in_the_customary_order(rule: RenderedRule) -> None:
    names = [
        option["name"]
        for option in idstools_rule.parse(rule.text)["options"]
        if option["name"] in ORDER
    ]
    assert names == sorted(names, key=ORDER.index)


@every_rule
def test_a_rule_counts_or_marks(rule: RenderedRule) -> None:
    counting = re.search(
        r"threshold:type both, track by_(src|dst), count (\d+), seconds (\d+);", rule.text
    )
    if rule.spec.threshold is None:
        assert counting is None
        assert " noalert;" in rule.text
    else:
        assert counting is not None
        assert (int(counting[2]), int(counting[3])) == (
            rule.spec.threshold.count,
            rule.spec.threshold.seconds,
        )
        assert {"src": "src_ip", "dst": "dest_ip"}[counting[1]] == rule.spec.host_side


@every_rule
def test_a_rule_is_one_line_without_variables_or_nested_lists(rule: RenderedRule) -> None:
    header = rule.text.partition("(")[0]
    assert "\n" not in rule.text
    assert "  " not in rule.text
    assert "$" not in header
    assert not re.search(r"\[[^\]]*\[", header)


def test_what_no_engine_sees_says_so() -> None:
    assert render(SPECS["look_alike"], SITE, Engine.SURICATA_7) == (
        NotRendered("look_alike", Engine.SURICATA_7, SPECS["look_alike"].not_on[Engine.SURICATA_7]),
    )


def test_a_network_with_its_own_threshold_has_its_own_rule() -> None:
    whole, guests = rules_of(SPECS["mx_flood"], with_guests(Threshold(30, 90)), Engine.SURICATA_7)
    assert (whole.sid, guests.sid) == (SITE.sid_base + 1, SITE.sid_base + 1001)
    assert (whole.network, guests.network) == (None, GUESTS)
    assert ",!10.20.64.0/20] any -> " in whole.text
    assert guests.text.startswith("alert dns [10.20.64.0/20] any -> any 53 ")
    assert "count 30, seconds 90;" in guests.text
    assert "count 10, seconds 60;" in whole.text


def test_other_rules_and_marks_have_no_copy() -> None:
    site = with_guests(Threshold(30, 90), Signal.MX_THEN_SMTP)
    assert [rule.network for rule in rules_of(SPECS["mx_flood"], site, Engine.SURICATA_7)] == [None]
    assert [
        rule.network for rule in rules_of(SPECS["mx_then_smtp_mark"], site, Engine.SURICATA_7)
    ] == [None]
    assert [rule.network for rule in rules_of(SPECS["mx_then_smtp"], site, Engine.SURICATA_7)] == [
        None,
        GUESTS,
    ]


def test_a_network_of_servers_alone_has_no_rule() -> None:
    site = replace(with_guests(Threshold(30, 90)), mail_servers=(GUESTS,))
    whole, guests = render(SPECS["mx_flood"], site, Engine.SURICATA_7)
    assert isinstance(whole, RenderedRule)
    assert isinstance(guests, NotRendered)
    assert "no host of 10.20.64.0/20 is left to watch" in guests.reason


def test_networks_that_are_all_of_home_leave_no_rule_for_the_rest_and_nothing_to_say_of_it() -> (
    None
):
    halves = [
        ip_network("10.20.0.0/17"),
        ip_network("10.20.128.0/17"),
        ip_network("2001:db8:20::/48"),
    ]
    own = {Signal.MX_FLOOD: Threshold(30, 90)}
    site = replace(SITE, network_thresholds=tuple(NetworkThresholds(half, own) for half in halves))
    results = render(SPECS["mx_flood"], site, Engine.SURICATA_7)
    assert [result.network for result in results if isinstance(result, RenderedRule)] == halves
    assert len(results) == 3
    assert len(rules_of(SPECS["mx_slow"], site, Engine.SURICATA_7)) == 1


def test_ports_of_the_site() -> None:
    site = replace(SITE, ports=Ports(smtp=(25, 2525), submission=(587,)))
    texts = {
        name: rules_of(SPECS[name], site, Engine.SURICATA_7)[0].text
        for name in ("smtp_attempts", "submission_attempts", "smtp_rejects")
    }
    assert "] [25,2525] (msg" in texts["smtp_attempts"]
    assert "] 587 (msg" in texts["submission_attempts"]
    assert "] [25,2525,587] -> " in texts["smtp_rejects"]


@pytest.mark.parametrize(
    ("submission", "ports"),
    [
        *(
            ((465, 587), "[!80:81,!443:444]"),
            ((587, 443), "[!80:81]"),
            ((444,), "[!80:81]"),
            ((80, 587), "[!443:444]"),
        ),
        ((81, 443), "any"),
    ],
)
def test_a_port_of_the_web_is_looked_at_where_the_site_has_mail(
    submission: tuple[int, ...], ports: str
) -> None:
    site = replace(SITE, ports=Ports(submission=submission))
    for name in ("mail_burst", "worm_attachment"):
        assert f"] {ports} (msg" in rules_of(SPECS[name], site, Engine.SURICATA_8)[0].text


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (Ports(), "[!80:81,!443:444,!465,!587]"),
        (Ports(submission=(587, 443)), "[!80:81,!443:444,!587]"),
        (Ports(smtp=(25, 444), submission=(465,)), "[!80:81,!465]"),
        (Ports(smtp=(80, 443), submission=(444,)), "[!444]"),
    ],
)
def test_sessions_are_counted_where_mail_is_not_submitted(ports: Ports, expected: str) -> None:
    site = replace(SITE, ports=ports)
    for engine in SURICATAS:
        assert f"] {expected} (msg" in rules_of(SPECS["smtp_sessions"], site, engine)[0].text


def test_no_own_domains_no_exception_in_the_pattern() -> None:
    own, none = (
        rules_of(SPECS["name_guess"], site, Engine.SURICATA_7)[0].text
        for site in (SITE, replace(SITE, internal_domains=()))
    )
    assert r"(?!.{0,240}(\x07example\x03org)\x00\x00\x01\x00\x01)" in own
    assert "(?!" not in none


@given(st.text(st.characters(codec="ascii", exclude_categories=["C"])))
def test_quoted_text_is_read_back_whole(text: str) -> None:
    read = idstools_rule.parse(
        f'alert tcp any any -> any any (msg:"a{quoted(text)}z"; sid:1; rev:1;)'
    )
    assert read is not None
    assert re.sub(r"\\(.)", r"\1", read["msg"]) == f"a{text}z"


def test_names_in_wire_form() -> None:
    assert wire_name("a.example") == r"\x01a\x07example"


def test_templates_mirror_the_catalogue() -> None:
    families = {f"{spec.family}.j2" for spec in CATALOGUE}
    assert families <= {path.name for path in (templates_folder() / Engine.SURICATA_7).iterdir()}


def test_suricata_8_has_the_macros_of_7_where_it_has_none_of_its_own() -> None:
    seven, eight = (rules_of(SPECS["smtp_rejects"], SITE, engine)[0].text for engine in SURICATAS)
    assert seven == eight
    assert "dns.rrtype" not in rules_of(SPECS["mx_flood"], SITE, Engine.SURICATA_7)[0].text
    assert "dns.rrtype" in rules_of(SPECS["mx_flood"], SITE, Engine.SURICATA_8)[0].text


@pytest.mark.parametrize("engine", Engine)
def test_every_runnable_suffix_is_looked_for_on_every_engine(engine: Engine) -> None:
    pattern = re.search(
        r'pcre:"/(.+)/i?m?"', rules_of(SPECS["worm_attachment"], SITE, engine)[0].text
    )
    assert pattern
    of_names = re.compile(pattern[1], re.IGNORECASE | re.MULTILINE)
    header = "" if engine in SURICATAS else "Content-Disposition: attachment; filename="
    assert all(of_names.search(f"{header}a.{suffix}") for suffix in RUNNABLE_SUFFIXES)
    assert not of_names.search(f"{header}a.txt")
    assert not of_names.search(f"{header}exe")


def test_a_changed_text_has_a_new_revision() -> None:
    assert faults(recorded(), current()) == []
    assert recorded() == current(), "run python -m tests.rule_revisions"


def test_a_changed_text_under_the_same_revision_is_a_fault() -> None:
    rev = SPECS["mx_flood"].rev
    old = {"suricata-7/mx_flood": {"rev": rev, "sha256": "00"}}
    assert faults(old, current())[0].startswith(
        f"suricata-7/mx_flood: its text changed under rev {rev}; raise `rev`"
    )
    assert faults({"suricata-7/mx_flood": {"rev": rev - 1, "sha256": "00"}}, current()) == []
