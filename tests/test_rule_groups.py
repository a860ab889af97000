"""Our rules in a real Suricata -> its rule groups by port: it inspects no traffic that no rule can
match.
"""

import json
import subprocess
from datetime import date

import pytest

from rulegen.build import build
from rulegen.vocabulary import Engine
from tests.engines.replay import installed
from tests.rule_revisions import SITE

Groups = dict[tuple[str, str, int], list[int]]


@pytest.fixture(scope="module")
def groups(suricata: Engine, tmp_path_factory: pytest.TempPathFactory) -> Groups:
    """Sids by protocol, direction and port (where a group of ports begins and where it ends)."""
    folder = tmp_path_factory.mktemp("groups")
    build(SITE, [suricata], folder, date(2026, 3, 2))
    rules = folder / suricata / "mxhound.rules"
    dump = [f"detect.profiling.grouping.{key}=true" for key in ("dump-to-disk", "include-rules")]
    options = ["-T", "-S", rules, "-l", folder, "--set", dump[0], "--set", dump[1]]
    subprocess.run(installed(suricata).command(*options), check=True, capture_output=True)
    dumped = json.loads((folder / "rule_group.json").read_text())
    return {
        (protocol, direction, port): sorted(rule["sig_id"] for rule in group["rulegroup"]["rules"])
        for protocol in ("tcp", "udp")
        for direction, found in dumped[protocol].items()
        for group in found
        for port in range(group["port"], group["port2"] + 1)
    }


@pytest.mark.parametrize("port", [80, 443])
def test_traffic_of_the_web_is_not_looked_into(groups: Groups, port: int) -> None:
    assert [key for key in groups if key[2] == port] == []


def test_datagrams_are_looked_into_on_port_53_alone(groups: Groups) -> None:
    assert {(direction, port) for protocol, direction, port in groups if protocol == "udp"} == {
        ("toserver", 53),
        ("toclient", 53),
    }


@pytest.mark.parametrize("port", [24, 26, 82, 2525, 8025, 65535])
def test_sessions_mails_and_attachments_are_looked_for_on_odd_ports(
    groups: Groups, port: int
) -> None:
    assert [sid % 1000 for sid in groups["tcp", "toserver", port]] == [104, 105, 202]
