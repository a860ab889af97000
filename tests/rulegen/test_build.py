"""A build: which files, what is in them, written whole or not at all; and what a real Suricata says
to them."""

import re
import subprocess
from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml
from idstools.maps import SignatureMap
from msgspec.structs import replace

from rulegen.build import BuildResult, build
from rulegen.catalogue import CATALOGUE
from rulegen.engines import FoundEngine, try_rules
from rulegen.errors import InputError
from rulegen.rulesfile import LONGEST_RULE, length_fault
from rulegen.site_profile import Exemption, SiteProfile, load_site
from rulegen.suricata_files import FOLDER, GROUP_KEYS, SETTING_KEYS
from rulegen.vocabulary import SURICATAS, Engine, Signal
from rulegen.yamlfile import parse_yaml
from tests.engines.replay import installed
from tests.packets import MX, Wire, question

TODAY = date(2026, 3, 2)
FULL = Path(__file__).parents[2] / "rules" / "site.yaml"
THREE_LINES = """\
home_networks: [10.20.0.0/16, "2001:db8:20::/48"]
mail_servers: [10.20.0.25]
resolvers: [10.20.0.53, "2001:db8:20::53"]
"""
FILES = ["mxhound.rules", "mxhound.yaml", "sid-msg.map", "threshold.config"]
FILES_OF = {
    Engine.SURICATA_7: FILES,
    Engine.SURICATA_8: FILES,
    Engine.SNORT_29: ["mxhound-threshold.conf", "mxhound.conf", "mxhound.rules", "sid-msg.map"],
    Engine.SNORT_3: ["mxhound.lua", "mxhound.rules", "sid-msg.map"],
}
SITES = {
    "three lines": THREE_LINES,
    "everything": FULL.read_text(),
    "IPv6 only": 'home_networks: ["2001:db8:20::/48"]',
}


@pytest.fixture(params=SITES, ids=str)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> SiteProfile:
    path = tmp_path / "site.yaml"
    path.write_text(SITES[request.param])
    return load_site(path)


def exempting(*exemptions: Exemption) -> SiteProfile:
    return SiteProfile((ip_network("10.20.0.0/16"),), exempt=exemptions)


def thresholds(site: SiteProfile, tmp_path: Path) -> list[str]:
    build(site, [Engine.SURICATA_7], tmp_path, TODAY)
    return (tmp_path / "suricata-7" / "threshold.config").read_text().splitlines()


def test_all_that_can_be_built_is_the_default(site: SiteProfile, tmp_path: Path) -> None:
    result = build(site, (), tmp_path / "out", TODAY)
    assert tuple(made.engine for made in result.engines) == tuple(Engine)
    for made in result.engines:
        assert sorted(path.name for path in made.files) == FILES_OF[made.engine]
        assert all(path.is_file() for path in made.files)
        assert {left_out.name for left_out in made.not_rendered} == {
            spec.name for spec in CATALOGUE if made.engine in spec.not_on
        }
        assert len({rule.sid for rule in made.rules}) == len(made.rules)
        assert {rule.spec.name for rule in made.rules} == {
            spec.name for spec in CATALOGUE if spec.is_seen_by(made.engine)
        }


def test_the_same_input_gives_the_same_bytes(site: SiteProfile, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        build(site, (), tmp_path / folder, TODAY)
    for engine in Engine:
        for name in FILES_OF[engine]:
            assert (tmp_path / "one" / engine / name).read_bytes() == (
                tmp_path / "two" / engine / name
            ).read_bytes()


def test_rules_longer_than_suricata_reads_are_refused_and_nothing_written(tmp_path: Path) -> None:
    many = tuple(f"domain-of-the-site-{n}.example" for n in range(200))
    site = SiteProfile((ip_network("10.20.0.0/16"),), internal_domains=many)
    with pytest.raises(InputError) as caught:
        build(site, [Engine.SURICATA_7, Engine.SURICATA_8], tmp_path / "out", TODAY)
    first, *others = map(str, caught.value.problems)
    assert re.match(
        rf"{tmp_path}/out/suricata-7/mxhound\.rules: sid 1250003 \(name_guess\): \d+ bytes are too long for a line of rules: ",
        first,
    )
    assert (
        "in pieces of 8192 bytes; expected at most 8191. In the profile, shorten internal_domains"
        in first
    )
    assert any("suricata-8/mxhound.rules" in text for text in others)
    assert not (tmp_path / "out").exists()


def test_a_site_of_many_resolvers_elsewhere_is_loaded_by_a_real_engine(
    suricata: Engine, tmp_path: Path
) -> None:
    resolvers = tuple(ip_network(f"192.0.{n >> 7}.{n * 2 & 255}") for n in range(800))
    build(
        SiteProfile((ip_network("10.20.0.0/16"),), resolvers=resolvers), [suricata], tmp_path, TODAY
    )
    folder = tmp_path / suricata
    assert "192.0.0.38 and 780 more. Own domains: none." in (folder / "mxhound.rules").read_text()
    trial = try_rules(
        installed(suricata), folder / "mxhound.rules", settings=folder / "mxhound.yaml"
    )
    assert trial.clean, trial


def test_the_longest_rule_is_what_a_real_engine_still_reads(
    suricata: Engine, tmp_path: Path
) -> None:
    rules = tmp_path / "long.rules"
    head, tail = 'alert ip any any -> any any (msg:"', '"; sid:1; rev:1;)'
    for size, loads in ((LONGEST_RULE, True), (LONGEST_RULE + 1, False)):
        text = f"{head}{'x' * (size - len(head + tail))}{tail}"
        rules.write_text(f"{text}\n")
        assert (length_fault(text, suricata) is None) is loads
        assert try_rules(installed(suricata), rules).clean is loads


def test_an_older_build_is_replaced_and_leaves_nothing(site: SiteProfile, tmp_path: Path) -> None:
    folder = tmp_path / "suricata-7"
    folder.mkdir()
    (folder / "mxhound.rules").write_text("half a li")
    (folder / "local.rules").write_text("# the operator's own\n")
    build(site, [Engine.SURICATA_7, Engine.SURICATA_7], tmp_path, TODAY)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "local.rules"])
    assert "half a li\n" not in (folder / "mxhound.rules").read_text()


def test_the_settings_have_the_keys_that_check_knows(site: SiteProfile, tmp_path: Path) -> None:
    build(site, (), tmp_path, TODAY)
    for engine in SURICATAS:
        keys = set(yaml.safe_load((tmp_path / engine / "mxhound.yaml").read_text()))
        assert set(SETTING_KEYS) < keys <= {*SETTING_KEYS, *GROUP_KEYS}


def test_the_rules_file_says_what_is_in_it_and_what_is_not(
    site: SiteProfile, tmp_path: Path
) -> None:
    (made,) = build(site, [Engine.SURICATA_8], tmp_path, TODAY).engines
    text = (tmp_path / "suricata-8" / "mxhound.rules").read_text()
    assert text.startswith("# Rules of mxhound for suricata-8, ")
    assert "# Not here: look_alike: an engine cannot compare mails with each other" in text
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == [
        rule.text for rule in made.rules
    ]


def test_exemptions_become_suppressions_on_the_side_of_the_host(tmp_path: Path) -> None:
    host = Exemption(
        ip_network("10.20.4.40"),
        frozenset({Signal.MX_FLOOD, Signal.SMTP_REJECTS}),
        'tests; addresses, "daily"',
        None,
    )
    assert thresholds(exempting(host), tmp_path)[2:] == [
        '# 10.20.4.40, for good: tests; addresses, "daily"',
        "suppress gen_id 1, sig_id 1250001, track by_src, ip 10.20.4.40",
        "suppress gen_id 1, sig_id 1250301, track by_dst, ip 10.20.4.40",
    ]


def test_an_exemption_from_everything_names_every_rule_that_alerts(tmp_path: Path) -> None:
    lines = thresholds(
        exempting(Exemption(ip_network("10.20.9.0/24"), frozenset(), "laboratory", TODAY)), tmp_path
    )
    assert lines[2] == "# 10.20.9.0/24, until 2026-03-02: laboratory"
    assert len(lines[3:]) == len(
        [spec for spec in CATALOGUE if spec.threshold and spec.is_seen_by(Engine.SURICATA_7)]
    )


def test_an_exemption_that_has_ended_is_left_out_and_told(tmp_path: Path) -> None:
    ended = Exemption(ip_network("10.20.9.0/24"), frozenset(), "laboratory", date(2026, 3, 1))
    result: BuildResult = build(exempting(ended), [Engine.SURICATA_7], tmp_path, TODAY)
    assert result.expired == (ended,)
    assert thresholds(exempting(ended), tmp_path)[2:] == [
        "# 10.20.9.0/24, until 2026-03-01: laboratory",
        "# Left out: its last day is past.",
    ]


def test_an_exemption_no_rule_can_honour_says_so(tmp_path: Path) -> None:
    only_logs = Exemption(
        ip_network("10.20.9.1"), frozenset({Signal.LOOK_ALIKE}), "newsletter", None
    )
    assert (
        thresholds(exempting(only_logs), tmp_path)[-1]
        == "# No rule alerts on it; eveproc honours it in the logs."
    )


def test_an_exemption_reaches_the_copies_of_its_network_only(tmp_path: Path) -> None:
    full = load_site(FULL)
    inside, beside = (
        Exemption(ip_network(net), frozenset({Signal.MX_FLOOD}), "r", None)
        for net in ("10.20.64.9", "10.20.1.9")
    )
    assert [
        line.split(",")[1] for line in thresholds(replace(full, exempt=(inside,)), tmp_path)[3:]
    ] == [
        " sig_id 1250001",
        " sig_id 1251001",
    ]
    assert [
        line.split(",")[1] for line in thresholds(replace(full, exempt=(beside,)), tmp_path)[3:]
    ] == [" sig_id 1250001"]


def test_sid_msg_map_reads_back(site: SiteProfile, tmp_path: Path) -> None:
    (made,) = build(site, [Engine.SURICATA_7], tmp_path, TODAY).engines
    signatures = SignatureMap()
    with (tmp_path / "suricata-7" / "sid-msg.map").open() as file:
        signatures.load_signature_map(file)
    assert signatures.size() == len(made.rules)
    for rule in made.rules:
        found = signatures.get(1, rule.sid)
        assert found["msg"] == rule.spec.msg
        assert found["ref"] == [
            f"{reference.kind},{reference.value}" for reference in rule.spec.references
        ]


def test_the_fragment_names_only_what_the_site_has(site: SiteProfile, tmp_path: Path) -> None:
    build(site, [Engine.SURICATA_7], tmp_path, TODAY)
    text = (tmp_path / "suricata-7" / "mxhound.yaml").read_text()
    value = parse_yaml(text, "mxhound.yaml").value
    assert isinstance(value, dict)
    groups = {key.rpartition(".")[2] for key in value if key.startswith("vars.")}
    assert groups == {"HOME_NET"} | (
        {"SMTP_SERVERS", "DNS_SERVERS"} if site.mail_servers else set()
    )
    assert value["rule-files.mxhound"] == f"{FOLDER}/mxhound.rules"


def test_a_real_engine_loads_the_rules_without_a_word(
    suricata: Engine, site: SiteProfile, tmp_path: Path
) -> None:
    build(site, [suricata], tmp_path, TODAY)
    folder = tmp_path / suricata
    trial = try_rules(
        installed(suricata), folder / "mxhound.rules", threshold_config=folder / "threshold.config"
    )
    assert trial.clean, trial


def engine_with_fragment(found: FoundEngine, tmp_path: Path) -> list[str]:
    """The command of an engine on its distribution's own suricata.yaml, with our fragment included
    as the documentation says."""
    build(load_site(FULL), [found.engine], tmp_path, TODAY)
    folder = tmp_path / found.engine
    fragment = folder / "mxhound.yaml"
    fragment.write_text(fragment.read_text().replace(FOLDER, str(folder)))
    own_rules = tmp_path / "suricata.rules"
    own_rules.write_text(
        'alert dns any any -> any any (msg:"the site\'s own"; flow:to_server; sid:1; rev:1;)\n'
    )
    etc = found.etc or Path("/etc/suricata")
    config = tmp_path / "suricata.yaml"
    config.write_text((etc / "suricata.yaml").read_text() + f"\ninclude: {fragment}\n")
    settings = {
        "default-rule-path": tmp_path,
        "classification-file": etc / "classification.config",
        "reference-config-file": etc / "reference.config",
        "unix-command.enabled": "no",
    }
    return found.command(
        *(word for name, value in settings.items() for word in ("--set", f"{name}={value}")),
        config=config,
    )


def test_the_fragment_adds_to_a_distribution_s_configuration(
    suricata: Engine, tmp_path: Path
) -> None:
    wire, log = Wire(), tmp_path / "log"
    log.mkdir()
    for number in range(12):
        wire.ask(number, "10.20.1.1", "10.20.0.53", question(f"d{number}.example", MX))
    pcap = wire.write(tmp_path / "mx.pcap")
    command = engine_with_fragment(installed(suricata), tmp_path)
    done = subprocess.run(
        [*command, "-r", pcap, "-l", log, "--runmode", "single"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not re.findall(r"^(?:E|W|Error|Warning): .*$", done.stdout + done.stderr, re.MULTILINE)
    for name in ("eve.json", "eve-mxhound.json"):
        events = [yaml.safe_load(line) for line in (log / name).read_text().splitlines()]
        sids = [
            event["alert"]["signature_id"] for event in events if event["event_type"] == "alert"
        ]
        assert sids.count(1) == 12, "the site's own rules are still there"
        assert sids.count(1250001) == 1
        assert {"alert", "dns", "flow", "stats"} <= {event["event_type"] for event in events}
    assert any(
        "community_id" in line for line in (log / "eve-mxhound.json").read_text().splitlines()
    )


def test_the_fragment_changes_no_other_setting(suricata: Engine, tmp_path: Path) -> None:
    command = engine_with_fragment(installed(suricata), tmp_path)

    def dump(*, ours: bool) -> dict[str, str]:
        config = tmp_path / "suricata.yaml"
        if not ours:
            config.write_text(config.read_text().replace("\ninclude: ", "\n#include: "))
        said = subprocess.run(
            [*command, "--dump-config"], capture_output=True, text=True, timeout=120, check=True
        ).stdout
        return dict(line.split(" = ", 1) for line in said.splitlines() if " = " in line)

    with_ours, without = dump(ours=True), dump(ours=False)
    changed = {name for name, value in without.items() if with_ours.get(name) != value}
    assert changed <= {
        f"vars.address-groups.{group}" for group in ("HOME_NET", "SMTP_SERVERS", "DNS_SERVERS")
    } | {"threshold-file", "app-layer.protocols.smtp.mime.body-md5"}
    added = {name for name in with_ours if name not in without}
    assert added
    assert all(
        re.match(r"(rule-files|outputs)\.mxhound\b|threshold-file$", name) for name in added
    ), added
