"""Rules and settings for both Snorts, as text -> the dialect of each, counts as Suricata's, filters
and exemptions for every rule."""

import re
from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest
from msgspec.structs import replace

from rulegen.build import build
from rulegen.catalogue import CATALOGUE
from rulegen.readback import ReadRule, read_rule
from rulegen.render import NotRendered, RenderedRule, render
from rulegen.rulesfile import LONGEST_RULE, length_fault
from rulegen.site_profile import Exemption, NetworkThresholds, Threshold
from rulegen.snort_check import dialect_faults, lua_entry
from rulegen.template_files import templates_folder
from rulegen.vocabulary import SNORTS, SURICATAS, Engine, HostSide, Signal
from tests.rule_revisions import SITE
from tests.rulegen.test_render import GUESTS, SPECS, rules_of, with_guests

ORDER = [
    "msg",
    "flow",
    "content",
    "pcre",
    "detection_filter",
    "reference",
    "classtype",
    "target",
    "sid",
    "rev",
    "metadata",
]
RENDERED = [
    rule for engine in SNORTS for spec in CATALOGUE for rule in rules_of(spec, SITE, engine)
]
TODAY = date(2026, 3, 2)

every_rule = pytest.mark.parametrize(
    "rule", RENDERED, ids=lambda rule: f"{rule.engine}-{rule.spec.name}"
)
each_snort = pytest.mark.parametrize("engine", SNORTS)


def read(rule: RenderedRule) -> ReadRule:
    found = read_rule(rule.text)
    assert isinstance(found, ReadRule), found
    return found


@every_rule
def test_a_rule_reads_back_as_it_was_meant_in_the_dialect_of_its_engine(rule: RenderedRule) -> None:
    found = read(rule)
    assert (found.sid, found.rev, found.msg) == (
        SITE.sid_base + rule.spec.offset,
        rule.spec.rev,
        rule.spec.msg,
    )
    assert rule.text.startswith(f"{found.header} (")
    assert list(dialect_faults(found, rule.engine)) == []
    assert found.metadata["mxhound_signal"] == [rule.spec.signal]


@every_rule
def test_a_rule_of_one_snort_is_refused_for_the_other(rule: RenderedRule) -> None:
    other = next(engine for engine in SNORTS if engine is not rule.engine)
    has_content = any(name == "content" for name, _ in read(rule).options)
    if rule.engine is Engine.SNORT_3 or has_content:
        assert list(dialect_faults(read(rule), other))


@every_rule
def test_options_come_in_the_customary_order(rule: RenderedRule) -> None:
    names = [name for name, _ in read(rule).options if name in ORDER]
    assert names == sorted(names, key=ORDER.index)


@every_rule
def test_it_counts_to_the_number_of_suricata(rule: RenderedRule) -> None:
    assert rule.threshold is not None
    track = "by_src" if rule.spec.host_side is HostSide.SOURCE else "by_dst"
    before = f"track {track}, count {rule.threshold.count - 1}, seconds {rule.threshold.seconds}"
    assert dict(read(rule).options)["detection_filter"] == before
    assert "flowbits" not in rule.text


@every_rule
def test_what_is_read_of_tcp_is_read_once(rule: RenderedRule) -> None:
    """Packets or streams, never both: a rule that looks at both counts twice."""
    options = dict(read(rule).options)
    if rule.text.startswith("alert tcp") and "content" in options:
        assert options["flow"].split(",")[2:] == [
            "no_stream" if rule.engine is Engine.SNORT_29 else "only_stream"
        ]
    if rule.text.startswith("alert udp"):
        assert "flow" not in options


@every_rule
def test_a_header_is_flat_and_has_no_variable(rule: RenderedRule) -> None:
    header = rule.text.partition("(")[0]
    assert "$" not in header
    assert not re.search(r"\[[^\]]*\[", header)


def test_no_two_fast_patterns_of_2_9_end_at_the_same_byte() -> None:
    """Of rules whose fast patterns do, 2.9.20 lets one detection_filter count."""
    by_ports: dict[str, list[str]] = {}
    for rule in RENDERED:
        pattern = re.search(r'content:"([^"]+)";[^"]*? fast_pattern;', rule.text)
        if rule.engine is Engine.SNORT_29 and pattern:
            fields = rule.text.split()
            by_ports.setdefault(f"{fields[1]} {fields[3]} {fields[6]}", []).append(
                plain(pattern[1])
            )
    # Rules for any port are looked at together with those for one.
    for ports, patterns in by_ports.items():
        together = patterns + [
            other
            for any_port, others in by_ports.items()
            if any_port == "tcp any any" != ports
            for other in others
        ]
        assert not [(a, b) for a in together for b in together if a is not b and a.endswith(b)], (
            ports
        )


def plain(content: str) -> str:
    return re.sub(
        r"\|([0-9a-f ]+)\|", lambda found: bytes.fromhex(found[1]).decode("latin-1"), content
    )


@each_snort
def test_one_event_is_enough_where_the_site_says_so(engine: Engine) -> None:
    site = replace(SITE, thresholds={Signal.MX_FLOOD: Threshold(1, 60)})
    (rule,) = rules_of(SPECS["mx_flood"], site, engine)
    assert "detection_filter" not in rule.text


@each_snort
def test_what_it_cannot_see_says_why_and_marks_are_not_missed(engine: Engine) -> None:
    unseen = {
        spec.name
        for spec in CATALOGUE
        for result in render(spec, SITE, engine)
        if isinstance(result, NotRendered)
    }
    assert unseen >= {"look_alike", "smtp_slow", "submission_slow", "mx_then_smtp"}
    assert unseen == {spec.name for spec in CATALOGUE if engine in spec.not_on}
    assert all(
        render(SPECS[name], SITE, engine) == ()
        for name in ("met_mark", "takes_mail_mark", "mx_then_smtp_mark")
    )
    assert all(render(SPECS["mx_flood_tcp"], SITE, other) == () for other in SURICATAS)


@each_snort
def test_templates_mirror_the_catalogue(engine: Engine) -> None:
    assert {f"{spec.family}.j2" for spec in CATALOGUE} <= {
        path.name for path in (templates_folder() / engine).iterdir()
    }


def test_an_exempt_network_is_left_out_by_the_rules_of_snort_3() -> None:
    exempt = Exemption(ip_network("10.20.9.0/24"), frozenset({Signal.MX_FLOOD}), "laboratory", None)
    site = replace(with_guests(Threshold(30, 90)), exempt=(exempt,))
    whole, guests = rules_of(SPECS["mx_flood"], site, Engine.SNORT_3)
    assert ",!10.20.9.0/24]" in whole.text
    assert "10.20.9.0" not in guests.text
    assert all(
        "10.20.9.0" not in rule.text for rule in rules_of(SPECS["mx_slow"], site, Engine.SNORT_3)
    )
    assert all(
        "10.20.9.0" not in rule.text for rule in rules_of(SPECS["mx_flood"], site, Engine.SNORT_29)
    )


def test_a_network_that_is_exempt_as_a_whole_has_no_rule() -> None:
    site = replace(SITE, exempt=(Exemption(GUESTS, frozenset(), "guests", None),))
    site = replace(
        site, network_thresholds=(NetworkThresholds(GUESTS, {Signal.MX_FLOOD: Threshold(3, 4)}),)
    )
    _, guests = render(SPECS["mx_flood"], site, Engine.SNORT_3)
    assert isinstance(guests, NotRendered)
    assert "is a mail server, a resolver or exempt" in guests.reason


EXEMPT = (
    Exemption(ip_network("10.20.9.1"), frozenset({Signal.MX_FLOOD}), "a checker", None),
    Exemption(
        ip_network("10.20.8.0/24"), frozenset({Signal.SMTP_REJECTS}), "laboratory", date(2026, 3, 1)
    ),
    Exemption(ip_network("10.20.7.0/24"), frozenset({Signal.LOOK_ALIKE}), "newsletter", None),
)


def built(engine: Engine, folder: Path) -> tuple[str, list[RenderedRule]]:
    (made,) = build(replace(SITE, exempt=EXEMPT), [engine], folder, TODAY).engines
    name = "mxhound.lua" if engine is Engine.SNORT_3 else "mxhound-threshold.conf"
    return (folder / engine / name).read_text(), list(made.rules)


def test_every_rule_of_2_9_has_a_filter_and_exemptions_are_suppressed(tmp_path: Path) -> None:
    text, rules = built(Engine.SNORT_29, tmp_path)
    for rule in rules:
        assert rule.threshold is not None
        track = "by_src" if rule.spec.host_side is HostSide.SOURCE else "by_dst"
        limit = f"type limit, track {track}, count 1, seconds {rule.threshold.seconds}"
        assert f"event_filter gen_id 1, sig_id {rule.sid}, {limit}\n" in text
    suppressed = [line for line in text.splitlines() if line.startswith("suppress")]
    base = SITE.sid_base
    assert suppressed == [
        f"suppress gen_id 1, sig_id {base + offset}, track by_src, ip 10.20.9.1"
        for offset in (1, 5)
    ]
    assert "# Left out: its last day is past.\n" in text
    assert "# No rule alerts on it; eveproc honours it in the logs.\n" in text


def test_every_rule_of_3_has_a_filter_and_exemptions_are_suppressed(tmp_path: Path) -> None:
    text, rules = built(Engine.SNORT_3, tmp_path)
    entries = [entry for line in text.splitlines() if (entry := lua_entry(line))]
    filters = {int(entry["sid"]): entry for entry in entries if "type" in entry}
    assert filters.keys() == {rule.sid for rule in rules}
    for rule in rules:
        assert rule.threshold is not None
        entry = filters[rule.sid]
        assert (entry["type"], entry["count"], entry["seconds"]) == (
            "limit",
            "1",
            str(rule.threshold.seconds),
        )
        assert entry["track"] == ("by_src" if rule.spec.host_side is HostSide.SOURCE else "by_dst")
    silenced = [
        (int(entry["sid"]) - SITE.sid_base, entry["track"], entry["ip"])
        for entry in entries
        if "ip" in entry
    ]
    assert silenced == [(1, "by_src", "10.20.9.1"), (5, "by_src", "10.20.9.1")]
    assert (
        "-- 10.20.8.0/24, until 2026-03-01: laboratory\n    -- Left out: its last day is past.\n"
        in text
    )


def test_settings_of_3_name_what_eveproc_reads_and_the_site(tmp_path: Path) -> None:
    text, _ = built(Engine.SNORT_3, tmp_path)
    wanted = re.search(r"local wanted = '([^']+)'", text)
    assert wanted is not None
    assert (
        wanted[1]
        == "seconds timestamp src_addr src_port dst_addr dst_port proto sid gid rev msg b64_data"
    )
    assert "ips.variables.nets.HOME_NET = '[10.20.0.0/16,2001:db8:20::/48]'\n" in text
    assert "ports = '25 465 587'" in text


def test_settings_of_2_9_hold_what_may_be_set_more_than_once(tmp_path: Path) -> None:
    built(Engine.SNORT_29, tmp_path)
    text = (tmp_path / "snort-2.9" / "mxhound.conf").read_text()
    active = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert active == [
        "ipvar HOME_NET [10.20.0.0/16,2001:db8:20::/48]",
        "ipvar SMTP_SERVERS [10.20.0.25]",
        "ipvar DNS_SERVERS [10.20.0.53]",
    ]


def test_the_rules_say_what_is_not_visible(tmp_path: Path) -> None:
    built(Engine.SNORT_3, tmp_path)
    text = (tmp_path / "snort-3" / "mxhound.rules").read_text()
    assert "# Not here: smtp_slow: Snort keeps no state about a host between connections" in text
    assert "# Not visible to it: DNS on ports other than 53;" in text


def test_how_long_a_rule_may_be_depends_on_the_engine() -> None:
    assert [length_fault("x" * LONGEST_RULE, engine) for engine in Engine] == [None] * 4
    assert [length_fault("x" * (LONGEST_RULE + 1), engine) is None for engine in Engine] == [
        False,
        False,
        True,
        True,
    ]
    fault = length_fault("x" * 32766, Engine.SNORT_29)
    assert fault is not None
    assert (
        "Snort 2.9 reads lines of less than 32768 bytes; expected at most 32765. In the profile, "
        "shorten" in fault
    )
    assert length_fault("x" * 100_000, Engine.SNORT_3) is None
