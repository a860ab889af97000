"""suricata.yaml with one wrong setting -> the one warning about it; with a build included, none."""

from datetime import date
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulegen.build import build
from rulegen.capture_filter import keeps
from rulegen.config_lint import silent_settings
from rulegen.engines import find_engine
from rulegen.loaded_rules import port_is_in, rule_lines
from rulegen.mail_probes import Packet
from rulegen.site_profile import build_profile
from rulegen.suricata_yaml import Setting, read_suricata_yaml
from rulegen.vocabulary import Engine
from rulegen.yamlfile import parse_yaml
from tests.rulegen.test_site_profile import EVERYTHING

GOOD = """\
%YAML 1.1
---
vars:
  address-groups:
    HOME_NET: "[10.20.0.0/16]"
    SMTP_SERVERS: 10.20.0.25
outputs:
  - fast: {enabled: yes}
  - eve-log: {enabled: no, types: []}
  - eve-log:
      enabled: yes
      types:
        - alert: {metadata: yes}
        - dns
        - smtp: {md5: [body, subject]}
        - flow
        - dhcp: {enabled: yes}
        - stats: {totals: yes}
app-layer: {protocols: {smtp: {enabled: yes, mime: {decode-mime: yes}}, dns: {udp: {enabled: yes}, tcp: {enabled: yes}}}}
host: {memcap: 32mb}
default-rule-path: BUILD
rule-files: [suricata.rules, "mx*.rules"]
threshold-file: BUILD/threshold.config
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built")
    build(
        build_profile(parse_yaml(EVERYTHING, "site.yaml")),
        [Engine.SURICATA_7],
        out,
        date(2026, 3, 2),
    )
    return out / "suricata-7" / "mxhound.rules"


def warnings(rules: Path, folder: Path, text: str) -> list[str]:
    path = folder / "suricata.yaml"
    path.write_text(text.replace("BUILD", str(rules.parent)))
    return [
        str(problem).removeprefix(f"{path}:")
        for problem in silent_settings(read_suricata_yaml(path), rules)
    ]


def test_a_configuration_that_hides_nothing(rules: Path, tmp_path: Path) -> None:
    assert warnings(rules, tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            ', "mx*.rules"',
            "",
            "22: [rule-files]: lists suricata.rules, and no rule of mxhound is in there: add ",
        ),
        ('rule-files: [suricata.rules, "mx*.rules"]', "", "3: [rule-files]: lists nothing"),
        (
            "threshold-file:",
            "# threshold-file:",
            "3: [threshold-file]: is not set, so exemptions have no effect: set it to ",
        ),
        (
            "BUILD/threshold.config",
            "/etc/hostname",
            "23: [threshold-file]: is /etc/hostname, which lacks suppressions of ",
        ),
        (
            "BUILD/threshold.config",
            "/gone.config",
            "23: [threshold-file]: is /gone.config, which lacks suppressions of ",
        ),
        ('"[10.20.0.0/16]"', "any", "5: [vars.address-groups.HOME_NET]: is every address"),
        ('"[10.20.0.0/16]"', "ten", "5: [vars.address-groups.HOME_NET]: 'ten' cannot be read"),
        ("HOME_NET:", "HOUSE_NET:", "5: [vars.address-groups.HOME_NET]: is not set"),
        (
            "10.20.0.25",
            "[10.20.0.25, 10.20.0.26]",
            "6: [vars.address-groups.SMTP_SERVERS]: is a YAML list, with which Suricata does not "
            'start; write it as text in quotes: "[10.20.0.25,10.20.0.26]"',
        ),
        (
            "10.20.0.25",
            '"[$HOME_NET]"',
            '6: [vars.address-groups.SMTP_SERVERS]: is "$HOME_NET": harmless for these rules',
        ),
        (
            "smtp: {enabled: yes",
            "smtp: {enabled: detection-only",
            "19: [app-layer.protocols.smtp.enabled]: is detection-only",
        ),
        (
            "udp: {enabled: yes}",
            "udp: {enabled: no}",
            "19: [app-layer.protocols.dns.udp.enabled]: is no: rules on dns over UDP never match, "
            "and no dns record is logged; set it to yes "
            "(SILENCED: mx_flood, mx_slow, name_guess, name_guess_nx)",
        ),
        (
            "udp: {enabled: yes}",
            "enabled: no, udp: {enabled: yes}",
            "19: [app-layer.protocols.dns.enabled]: is no: rules on dns never match, ",
        ),
        (
            "udp: {enabled: yes}",
            "udp: {enabled: detection-only}",
            "19: [app-layer.protocols.dns.udp.enabled]: is detection-only: "
            "no dns record is logged; set it to yes",
        ),
        (
            "decode-mime: yes",
            "decode-mime: no",
            "19: [app-layer.protocols.smtp.mime.decode-mime]: is no: mails are not parsed",
        ),
        (
            "- dns\n",
            "- dns: {requests: no}\n",
            "14: [outputs.eve-log.types.dns.requests]: is off: questions are not logged",
        ),
        (
            "- dns\n",
            "- dns: {responses: no}\n",
            "14: [outputs.eve-log.types.dns.responses]: is off: names that do not exist",
        ),
        (
            "- dns\n",
            "- dns: {types: [A, ptr]}\n",
            "14: [outputs.eve-log.types.dns.types]: lacks mx: such questions are not logged",
        ),
        (
            "32mb",
            "8mb",
            "20: [host.memcap]: is 8mb, enough for about 67000 hosts, and home_networks holds "
            "up to 131072: when it is full, Suricata discards the counts of other hosts",
        ),
        (
            "host: {memcap: 32mb}",
            "detect: {thresholds: {memcap: 1 MiB}}",
            "20: [detect.thresholds.memcap]: is 1 MiB",
        ),
        (
            "      enabled: yes\n",
            "      enabled: no\n",
            "8: [outputs.eve-log]: is missing or disabled: there is no eve.json",
        ),
        (
            "        - alert: {metadata: yes}\n",
            "",
            "13: [outputs.eve-log.types.alert]: is missing: no alert reaches eve.json",
        ),
        (
            "        - flow\n",
            "",
            "13: [outputs.eve-log.types.flow]: is missing: no flow record reaches eve.json",
        ),
        (
            "dhcp: {enabled: yes}",
            "dhcp: {enabled: no}",
            "13: [outputs.eve-log.types.dhcp]: is missing: no dhcp record",
        ),
        (
            "metadata: yes",
            "metadata: no",
            "13: [outputs.eve-log.types.alert.metadata]: is off: alerts come without the metadata "
            "of the rule",
        ),
        (
            "metadata: yes",
            "metadata: {rule: {metadata: false}}",
            "13: [outputs.eve-log.types.alert.metadata]: is off",
        ),
        (
            "smtp: {md5: [body, subject]}",
            "smtp: {extended: yes}",
            "15: [outputs.eve-log.types.smtp.md5]: is missing: look-alike",
        ),
    ],
)
def test_one_warning_for_one_setting(
    rules: Path, tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in GOOD
    found = warnings(rules, tmp_path, GOOD.replace(old, new, 1))
    assert [text.startswith(expected) for text in found] == [True], found


def test_one_log_with_all_of_dns_is_enough(rules: Path, tmp_path: Path) -> None:
    text = GOOD.replace(
        "        - dns\n",
        "        - dns: {requests: no, types: [aaaa]}\n        - dns: {types: [MX, A, PTR]}\n",
    )
    assert warnings(rules, tmp_path, text) == []


@pytest.mark.parametrize(
    ("size", "warned"),
    [("33554432", 0), ("32768kb", 0), ("1gb", 0), ("16MB", 1), ("1000", 1), ("plenty", 0)],
)
def test_sizes_in_suricata_s_units(rules: Path, tmp_path: Path, size: str, warned: int) -> None:
    assert len(warnings(rules, tmp_path, GOOD.replace("32mb", size))) == warned


def test_without_suppressions_no_threshold_file_is_needed(tmp_path: Path) -> None:
    build(
        build_profile(parse_yaml("home_networks: [10.20.0.0/16]", "f")),
        [Engine.SURICATA_7],
        tmp_path,
        date(2026, 3, 2),
    )
    rules = tmp_path / "suricata-7" / "mxhound.rules"
    assert warnings(rules, tmp_path, GOOD.replace("threshold-file:", "# threshold-file:")) == []


def test_mxhound_yaml_cures_what_an_engine_s_own_configuration_lacks(
    suricata: Engine, tmp_path: Path
) -> None:
    engine = find_engine(suricata)
    assert engine is not None
    build(build_profile(parse_yaml(EVERYTHING, "f")), [suricata], tmp_path, date(2026, 3, 2))
    folder = tmp_path / suricata
    settings = folder / "mxhound.yaml"
    settings.write_text(settings.read_text().replace("/etc/suricata/mxhound", str(folder)))
    plain = ((engine.etc or Path("/etc/suricata")) / "suricata.yaml").read_text()
    keys = [
        text.partition("]")[0].partition("[")[2]
        for text in warnings(folder / "mxhound.rules", tmp_path, plain)
    ]
    assert {
        "rule-files",
        "threshold-file",
        "vars.address-groups.SMTP_SERVERS",
        "outputs.eve-log.types.smtp.md5",
    } <= set(keys)
    assert warnings(folder / "mxhound.rules", tmp_path, f"{plain}\ninclude: {settings}\n") == []


SENSIBLE = """\
af-packet:
  - interface: eth0
    threads: auto
    bpf-filter: not (host 10.20.9.9 and port 9100) and not net 10.99.0.0/16 and not vlan 7
    checksum-checks: kernel
    bypass: yes
pcap:
  - {interface: eth1, checksum-checks: auto, bpf-filter: "vlan and (tcp or udp)"}
stream:
  memcap: 256mb
  checksum-validation: yes
  bypass: no
  midstream: no
  reassembly: {memcap: 1gb, depth: 2mb, raw: yes}
flow: {memcap: 512mb, hash-size: 65536}
multi-detect: {enabled: no, tenants: [{id: 1, yaml: gone.yaml}]}
stats: {enabled: yes, interval: 30}
exception-policy: auto
"""


def test_a_sensible_configuration_is_not_warned_of(rules: Path, tmp_path: Path) -> None:
    assert warnings(rules, tmp_path, GOOD + SENSIBLE) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "af-packet:\n  - interface: eth0\n    bpf-filter: not tcp port 25\n",
            "26: [af-packet.0.bpf-filter]: is 'not tcp port 25': packets on port 25 are not",
        ),
        (
            "netmap: [{interface: a}, {interface: b, bpf-filter: 'ip6 or not port 53'}]\n",
            "24: [netmap.1.bpf-filter]: is 'ip6 or not port 53': packets on port 53/udp, 53/tcp "
            "of 10.20.0.0/16 are not captured",
        ),
        (
            "pfring:\n  - interface: eth0\n"
            "    bpf-filter: tcp[13] != 0 and not portrange 400-600\n",
            "26: [pfring.0.bpf-filter]: is 'tcp[13] != 0 and not portrange 400-600': "
            "packets on port 465, 587 are not captured",
        ),
        (
            "af-packet:\n  - {interface: eth0, checksum-checks: yes}\n",
            "25: [af-packet.0.checksum-checks]: is yes: packets that reach the sensor before",
        ),
        ("stream: {reassembly: {depth: 64kb}}\n", "24: [stream.reassembly.depth]: is 64kb"),
        ("stream: {bypass: yes}\n", "24: [stream.bypass]: is yes"),
        ("stream: {midstream: true}\n", "24: [stream.midstream]: is true"),
        ("stream: {memcap: 4mb}\n", "24: [stream.memcap]: is 4mb, enough for about 6800 hosts"),
        (
            "multi-detect:\n  enabled: yes\n  default: yes\n  tenants:\n"
            "    - {id: 3, yaml: gone.yaml}\n",
            "FOLDER/gone.yaml: cannot be read: No such file or directory",
        ),
    ],
)
def test_one_warning_for_a_setting_that_is_added(
    rules: Path, tmp_path: Path, more: str, expected: str
) -> None:
    found = warnings(rules, tmp_path, GOOD + more)
    assert len(found) == 1, found
    assert found[0].startswith(expected.replace("FOLDER", str(tmp_path)))


def test_a_setting_of_an_included_file_is_named_with_that_file(rules: Path, tmp_path: Path) -> None:
    included = tmp_path / "site.yaml"
    included.write_text("# ours\napp-layer.protocols.dns.udp.detection-ports.dp: 5353\n")
    deeper = tmp_path / "deeper.yaml"
    deeper.write_text("stream:\n  bypass: yes\n")
    config = tmp_path / "suricata.yaml"
    config.write_text(
        GOOD.replace("BUILD", str(rules.parent))
        + f"include: [{included}, deeper.yaml]\napp-layer.protocols.smtp.enabled: no\n"
    )
    found = [str(problem) for problem in silent_settings(read_suricata_yaml(config), rules)]
    starts = [
        f"{config}:25: [app-layer.protocols.smtp.enabled]: is no",
        f"{included}:2: [app-layer.protocols.dns.udp.detection-ports.dp]: is 5353",
        f"{deeper}:2: [stream.bypass]: is yes",
    ]
    assert [text.startswith(start) for text, start in zip(found, starts, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    ("setting", "on_7", "on_8"),
    [
        ("host: {memcap: 2mb}", 1, 0),
        ("detect: {thresholds: {memcap: 2mb}}", 0, 1),
        ("flow: {memcap: 8mb}", 1, 1),
    ],
)
def test_a_memcap_matters_to_the_version_that_uses_it(
    rules: Path, tmp_path: Path, setting: str, on_7: int, on_8: int
) -> None:
    config = tmp_path / "suricata.yaml"
    text = GOOD.replace("host: {memcap: 32mb}", setting).replace("BUILD", str(rules.parent))
    config.write_text(text)
    settings = read_suricata_yaml(config)
    counts = [
        len(silent_settings(settings, rules, engine))
        for engine in (Engine.SURICATA_7, Engine.SURICATA_8, None)
    ]
    assert counts == [on_7, on_8, 1]


def packet(
    port: int = 25, protocol: str = "tcp", client: str = "10.20.5.5", *, answer: bool = False
) -> Packet:
    ends = (ip_address(client), 50_000), (ip_address("203.0.113.25"), port)
    (source, source_port), (destination, destination_port) = ends[::-1] if answer else ends
    return Packet(protocol, source, source_port, destination, destination_port)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", True),
        ("port 25", True),
        ("not port 25", False),
        ("! port smtp", False),
        ("src port 25", False),
        ("dst port 25", True),
        ("tcp dst port 25 or 587", True),
        ("udp port 25", False),
        ("not (port 53 or 25)", False),
        ("not tcp port (25 or 465 or 587)", False),
        ("udp port (25 or 53)", False),
        ("dst port (53 or 25) and tcp", True),
        ("portrange 20-30", True),
        ("host 10.20.5.5", True),
        ("src host 10.20.5.5 && dst port 80", False),
        ("src net 10.20", True),
        ("dst net 10.20.0.0/16", False),
        ("net 10.20.0.0 mask 255.255.0.0", True),
        ("src and dst net 10.0.0.0/8", False),
        ("ip6", False),
        ("ip and tcp", True),
        ("icmp or arp", False),
        # `and` and `or` have equal precedence.
        ("port 80 and port 443 or port 25", True),
        ("port 25 or port 80 and port 443", False),
        ("vlan", None),
        ("not port 25 or (vlan and not port 25)", False),
        ("vlan 7 and port 25", None),
        ("tcp[tcpflags] & tcp-syn != 0", None),
        ("port 25 or greater 64", True),
        ("ether proto 0x88cc", None),
        ("port 25)", None),
        ("(port 25", None),
        ("not", None),
        ("host mail.example.org", None),
        ("port nonsense", None),
    ],
)
def test_what_a_capture_filter_keeps(text: str, kept: bool | None) -> None:
    assert keeps(text, packet()) is kept


@given(st.text(max_size=60) | st.text("not()port 25 andsrc[]=&|/", max_size=60))
def test_any_filter_is_understood_or_unknown(text: str) -> None:
    assert keeps(text, packet()) in (True, False, None)


@given(st.sampled_from(["port 25", "dst port 53", "net 10.20", "vlan", "udp"]), st.booleans())
def test_a_filter_and_its_negation_disagree(text: str, answer: bool) -> None:
    seen = packet(answer=answer)
    kept, dropped = keeps(text, seen), keeps(f"not ({text})", seen)
    assert (kept is None and dropped is None) or kept is (not dropped)


def test_tenants_lie_in_the_folder_of_config_path(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()
    tenant = tmp_path / "tenants" / "seven.yaml"
    more = (
        "multi-detect: {enabled: yes, default: yes, config-path: tenants, "
        "tenants: [{id: 7, yaml: seven.yaml}]}\n"
    )
    tenant.write_text(f"rule-files: [{rules}]\n")
    assert warnings(rules, tmp_path, GOOD + more) == []
    tenant.write_text("rule-files: []\n")
    assert ["tenant 7: no rule" in text for text in warnings(rules, tmp_path, GOOD + more)] == [
        True
    ]


def test_the_rule_of_the_site_is_to_get_another_sid(rules: Path, tmp_path: Path) -> None:
    local = tmp_path / "local.rules"
    sid = next(line.sid for line in rule_lines(rules))
    local.write_text(f'alert ip any any -> any any (msg:"m"; sid:{sid};)\n')
    (text,) = warnings(rules, tmp_path, GOOD + f"rule-files.local: {local}\n")
    assert text.startswith(f"{local}:1: sid {sid}: a second rule with this sid")
    assert "give it another sid" in text


def test_rules_over_several_lines_and_rules_switched_off_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.rules"
    file.write_text(
        '# a comment (with brackets)\n\nalert tcp any any -> any 25 ( \\\n  msg:"x"; sid:5; \\\n'
        "  gid:2; rev:3;)\n#alert tcp any any -> any any (sid:6;)\n"
    )
    found = [(line.line, line.sid, line.gid, line.rev, line.active) for line in rule_lines(file)]
    assert found == [(3, 5, 2, 3, True), (6, 6, 1, 0, False)]


@pytest.mark.parametrize(
    ("text", "holds_53"),
    [
        ("53", True),
        ("53, 5353", True),
        ("[1:1024,!53]", False),
        ("!53", False),
        ("1024:", False),
        (":100", True),
        ("any", True),
        ("$DNS_PORTS", True),
        ("$GONE", None),
        ("dns", None),
    ],
)
def test_port_lists(text: str, holds_53: bool | None) -> None:
    root = Setting("f", 1).having(
        ["vars", "port-groups", "DNS_PORTS"], Setting("f", 1, "[53, 853]")
    )
    assert port_is_in(root, 53, text) is holds_53


def test_a_large_site_s_variables_must_be_included_and_are_understood(tmp_path: Path) -> None:
    """Their address lists are in mxhound.yaml; home is what these say."""
    networks = "".join(f"  - 10.{n // 128}.{n % 128 * 2}.0/24\n" for n in range(1000))
    site = build_profile(parse_yaml(f"home_networks:\n{networks}", "site.yaml"))
    build(site, [Engine.SURICATA_7], tmp_path, date(2026, 3, 2))
    rules = tmp_path / "suricata-7" / "mxhound.rules"
    missing = warnings(rules, tmp_path, GOOD)
    assert missing
    assert all("is not set, so no rule that uses it loads: include " in text for text in missing)
    include = f"include: {rules.with_name('mxhound.yaml')}\n"
    listed = GOOD.replace(', "mx*.rules"', "").replace("BUILD/thr", "/etc/suricata/mxhound/thr")
    settings = rules.with_name("mxhound.yaml")
    settings.write_text(settings.read_text().replace("/etc/suricata/mxhound", str(rules.parent)))
    assert warnings(rules, tmp_path, listed + include) == []
    hidden = warnings(rules, tmp_path, f"{listed}{include}bpf-filter: not net 10.0.0.0/8\n")
    assert [
        text.split("packets on ")[1].split(":")[0].startswith("port 25, 465, 587, 53/udp, 53/tcp")
        for text in hidden
    ] == [True]
    settings.write_text(settings.read_text().replace("10.0.0.0/24,", ""))
    stale = tmp_path / "stale.yaml"
    stale.write_text(settings.read_text().replace("10.0.2.0/24,", ""))
    found = warnings(rules, tmp_path, f"{listed}include: {stale}\n")
    assert any("differs from the build: include " in text for text in found)
