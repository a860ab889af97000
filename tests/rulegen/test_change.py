"""An earlier build and this one: every difference of a rule is named with its reason."""

from datetime import date
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from rulegen.build import build, render_all
from rulegen.change import as_lines, compare, read_rules
from rulegen.errors import InputError
from rulegen.site_profile import NetworkThresholds, Ports, SiteProfile, Threshold
from rulegen.vocabulary import Engine, Signal

ENGINE = Engine.SURICATA_8
BEFORE = SiteProfile(
    (ip_network("10.20.0.0/16"),), (ip_network("10.20.0.25/32"),), internal_domains=("example.org",)
)
TODAY = date(2026, 3, 2)


def changes(after: SiteProfile, before: SiteProfile = BEFORE) -> dict[str, str]:
    """Rule name -> what changed in it."""
    old = {rule.sid: rule.text for rule in render_all(before, ENGINE)[0]}
    found = compare(ENGINE, old, render_all(after, ENGINE)[0], after)
    assert len(old) == found.unchanged + sum(
        not change.what.startswith("new") for change in found.changes
    )
    return {change.name: change.what for change in found.changes}


def test_the_same_profile_changes_nothing() -> None:
    assert changes(BEFORE) == {}


def test_a_threshold() -> None:
    after = replace(BEFORE, thresholds=MappingProxyType({Signal.MX_FLOOD: Threshold(20, 120)}))
    assert changes(after) == {"mx_flood": "threshold was 10 in 60 s, is 20 in 120 s"}


@pytest.mark.parametrize("engine", [Engine.SNORT_29, Engine.SNORT_3])
def test_the_threshold_of_a_snort_rule_is_the_site_s(engine: Engine) -> None:
    after = replace(BEFORE, thresholds=MappingProxyType({Signal.MX_FLOOD: Threshold(20, 120)}))
    old = {rule.sid: rule.text for rule in render_all(BEFORE, engine)[0]}
    said = {
        change.name: change.what
        for change in compare(engine, old, render_all(after, engine)[0], after).changes
    }
    assert set(said.values()) == {"threshold was 10 in 60 s, is 20 in 120 s"}


def test_a_server_is_named_with_its_key() -> None:
    after = replace(
        BEFORE,
        mail_servers=(ip_network("10.20.0.26/32"),),
        resolvers=(ip_network("10.20.0.53/32"),),
    )
    said = changes(after)
    assert len(said) == len(render_all(BEFORE, ENGINE)[0])
    assert (
        said["mx_flood"]
        == "source +!10.20.0.26 (mail_servers), +!10.20.0.53 (resolvers), -!10.20.0.25"
    )
    assert said["smtp_rejects"].startswith("destination +!10.20.0.26 (mail_servers)")


def test_many_members_are_counted() -> None:
    after = replace(
        BEFORE, mail_servers=tuple(ip_network(f"10.20.1.{number}/32") for number in range(1, 30, 2))
    )
    assert changes(after)["mx_flood"].endswith(" and 10 more")


def test_a_network_with_numbers_of_its_own_is_new() -> None:
    guests = NetworkThresholds(
        ip_network("10.20.64.0/20"), MappingProxyType({Signal.MX_FLOOD: Threshold(30, 60)})
    )
    old = {rule.sid: rule.text for rule in render_all(BEFORE, ENGINE)[0]}
    after = replace(BEFORE, network_thresholds=(guests,))
    assert list(as_lines(compare(ENGINE, old, render_all(after, ENGINE)[0], after))) == [
        "suricata-8: 2 of 20 rules changed",
        "  sid 1250001 mx_flood: source +!10.20.64.0/20 (thresholds, networks)",
        "  sid 1251001 mx_flood: new: the profile gives 10.20.64.0/20 numbers of its own",
    ]
    back = {rule.sid: rule.text for rule in render_all(after, ENGINE)[0]}
    assert (
        "  sid 1251001 MXHOUND LOOKUP Many MX lookups by a host that is no mail server: gone"
        in "\n".join(as_lines(compare(ENGINE, back, render_all(BEFORE, ENGINE)[0], BEFORE)))
    )


def test_domains_and_ports() -> None:
    assert changes(replace(BEFORE, internal_domains=("example.net",))) == dict.fromkeys(
        ("name_guess", "name_guess_nx"),
        "what it looks for: internal_domains or ports of the profile",
    )
    assert (
        changes(replace(BEFORE, ports=Ports(smtp=(25, 2525))))["smtp_attempts"]
        == "destination port +2525"
    )


def test_another_revision_and_another_hand() -> None:
    rules = render_all(BEFORE, ENGINE)[0]
    old = {rule.sid: rule.text for rule in rules}
    first, second = list(old)[:2]
    now = rules[0].spec.rev
    old[first] = (
        old[first]
        .replace(f"rev:{now};", "rev:7;")
        .replace("nocase", "")
        .replace("dns.rrtype:15", "dns.rrtype:16")
    )
    old[second] = "something else"
    said = [change.what for change in compare(ENGINE, old, rules, BEFORE).changes]
    assert said == [
        f"what it looks for: a newer version of the rule, rev 7 is now {now}",
        "its text",
    ]


def test_a_build_is_read_by_its_folder_or_its_engine_s(tmp_path: Path) -> None:
    build(BEFORE, [ENGINE], tmp_path, TODAY)
    expected = {rule.sid: rule.text for rule in render_all(BEFORE, ENGINE)[0]}
    assert read_rules(tmp_path, ENGINE) == expected
    assert read_rules(tmp_path / ENGINE, ENGINE) == expected
    assert read_rules(tmp_path, Engine.SURICATA_7) == {}


def test_no_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder; expected one that rulegen build wrote"):
        read_rules(tmp_path / "nothing", ENGINE)
    (tmp_path / ENGINE).mkdir()
    (tmp_path / ENGINE / "mxhound.rules").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"mxhound\.rules: is no file of rulegen"):
        read_rules(tmp_path, ENGINE)
