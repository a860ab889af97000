"""suricata.yaml with one setting wrong at a time -> the one warning about it; with a build included, none."""

from datetime import date
from pathlib import Path

import pytest

from rulegen.build import build
from rulegen.config_lint import silent_settings
from rulegen.engines import find_engine
from rulegen.site_profile import build_profile
from rulegen.suricata_yaml import read_suricata_yaml
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
            "19: [app-layer.protocols.dns.udp.enabled]: is no: rules on dns never match",
        ),
        (
            "decode-mime: yes",
            "decode-mime: no",
            "19: [app-layer.protocols.smtp.mime.decode-mime]: is no: mails are not taken apart",
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
            "20: [host.memcap]: is 8mb: when it is full, thresholds stop counting without a word",
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
            "13: [outputs.eve-log.types.alert.metadata]: is off: alerts come without the rule's own words",
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
