"""Every build -> what the rule linters of the field say: suricata-check nothing,
suricata-language-server hints at most."""

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from rulegen.build import build
from rulegen.engines import FoundEngine, find_engine
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Engine
from rulegen.yamlfile import parse_yaml
from tests.rulegen.test_site_profile import EVERYTHING, THREE_LINES

# Diagnostics of the language server protocol: 1 error, 2 warning, 3 information, 4 hint ("Rule type
# is pkt").
HINT = 4
IPV6 = re.compile(r"\b[0-9a-f]+:[0-9a-f:]*::[0-9a-f]*(?:/\d+)?")
ACCEPTED = {
    "C000": "a bit is set on every match, below the threshold too: so a server counts once a day",
    "S020": "wants a content: a SYN has no payload to look into",
}
# Of rules with a content for the payload and a dns.rrtype: the server takes the engine's look at
# the stream for one more protocol. The engine counts them as dns.rrtype alone
# (tests/test_thresholds.py).
ACCEPTED_BY_SERVER = {
    Engine.SURICATA_7: set[str](),
    Engine.SURICATA_8: {"Multiple application layers in same signature"},
}
# Breaks one rule that each linter holds: suricata-check wants a msg and a classtype, the engine
# refuses the keyword.
SPOILED = "alert tcp any any -> any 25 (flow:to_server; no_such_word; sid:1;)\n"


@pytest.fixture(params=[THREE_LINES, EVERYTHING], ids=["three lines", "everything"])
def rules(suricata: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    build(
        build_profile(parse_yaml(request.param, "site.yaml")),
        [suricata],
        tmp_path,
        date(2026, 3, 2),
    )
    return tmp_path / suricata / "mxhound.rules"


def suricata_check(rules: Path, out: Path) -> dict[str, list[str]]:
    """Codes of the issues of each rule, by the rule's text; its exit code is 0 whatever it finds.

    It knows no IPv6 and passes over a rule whose header has any, with a line in its log: it is
    given IPv4 instead.
    """
    out.mkdir()
    readable = out / "mxhound.rules"
    readable.write_text(IPV6.sub("192.0.2.0/24", rules.read_text()))
    command = [Path(sys.executable).with_name("suricata-check"), "-r", readable, "-o", out]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    reports = [json.loads(line) for line in (out / "suricata-check.jsonl").read_text().splitlines()]
    return {report["rule"]: [issue["code"] for issue in report["issues"]] for report in reports}


def language_server(rules: Path, engine: FoundEngine) -> list[str]:
    """Messages graver than a hint, from the language server with the real engine behind it, on the
    server's own configuration.

    (With --suricata-config it overlooks whatever the engine writes to a log that it does not
    expect.)
    """
    command = [
        Path(sys.executable).with_name("suricata-language-server"),
        "--suricata-binary",
        engine.path,
        "--batch-file",
        rules,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    diagnostics = [json.loads(line) for line in done.stdout.splitlines()]
    assert diagnostics, done.stderr  # it always has hints: none means that it read nothing
    return [diagnostic["message"] for diagnostic in diagnostics if diagnostic["severity"] < HINT]


def engine_of(rules: Path) -> FoundEngine:
    found = find_engine(Engine(rules.parent.name))
    assert found is not None
    return found


def test_suricata_check_finds_nothing(rules: Path, tmp_path: Path) -> None:
    issues = suricata_check(rules, tmp_path / "report")
    assert len(issues) == sum(line.startswith("alert") for line in rules.read_text().splitlines())
    assert {rule: codes for rule, codes in issues.items() if set(codes) - ACCEPTED.keys()} == {}
    accepted = {code for codes in issues.values() for code in codes}
    assert accepted == ACCEPTED.keys()  # what is no longer found is taken off the list


def test_the_language_server_finds_nothing_but_hints(rules: Path) -> None:
    assert (
        set(language_server(rules, engine_of(rules)))
        == ACCEPTED_BY_SERVER[Engine(rules.parent.name)]
    )


def test_both_linters_would_have_found_something(suricata: Engine, tmp_path: Path) -> None:
    rules = tmp_path / suricata / "mxhound.rules"
    rules.parent.mkdir()
    rules.write_text(SPOILED)
    assert any(suricata_check(rules, tmp_path / "report").values())
    assert any("no_such_word" in message for message in language_server(rules, engine_of(rules)))
