"""A build for any site -> what Suricata and suricata-update make of it, with good variables and with
the ones that Suricata is shipped with."""

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rulegen import cli
from rulegen.check import check
from rulegen.config_lint import silent_settings
from rulegen.engines import try_rules
from rulegen.generic import archive_name, build_generic
from rulegen.loaded_rules import read_built
from rulegen.suricata_yaml import read_suricata_yaml
from rulegen.vocabulary import SURICATAS, Engine
from tests.engines.replay import installed, replay
from tests.packets import MX, Wire, question

SHIPPED = {"HOME_NET": "[10.0.0.0/8]", "SMTP_SERVERS": "$HOME_NET", "DNS_SERVERS": "$HOME_NET"}
GOOD = {"HOME_NET": "[10.20.0.0/16]", "SMTP_SERVERS": "[10.20.0.25]", "DNS_SERVERS": "10.20.0.53"}
NO_SERVERS = GOOD | {"SMTP_SERVERS": "192.0.2.25", "DNS_SERVERS": "192.0.2.53"}
EVERYBODY = GOOD | {"HOME_NET": "any", "EXTERNAL_NET": "any"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generic")
    build_generic([], folder)
    return folder


def rules_of(out: Path, engine: Engine) -> Path:
    return out / engine / "mxhound.rules"


def headers(file: Path) -> list[str]:
    lines = file.read_text().splitlines()
    return [line.partition(" (")[0] for line in lines if line.startswith("alert ")]


def lint(folder: Path, rules: Path, variables: dict[str, str]) -> list[str]:
    """What `rulegen check --suricata-yaml` says about the variables."""
    config = folder / "suricata.yaml"
    config.write_text(yaml.safe_dump({"vars": {"address-groups": variables}}))
    found = silent_settings(read_suricata_yaml(config), rules)
    return [str(problem) for problem in found if "address-groups" in str(problem)]


def test_no_rule_holds_an_address(out: Path) -> None:
    for engine in SURICATAS:
        found = headers(rules_of(out, engine))
        assert len(found) >= 17
        for header in found:
            assert "[$HOME_NET,!$SMTP_SERVERS,!$DNS_SERVERS]" in header
            assert not re.search(r"\d+\.\d+\.\d+|::", header)


def test_the_same_bytes_every_time_and_nothing_of_this_machine(out: Path, tmp_path: Path) -> None:
    build_generic([], tmp_path)
    for engine in SURICATAS:
        name = archive_name(engine)
        assert (out / name).read_bytes() == (tmp_path / name).read_bytes()
        with tarfile.open(out / name) as archive:
            members = archive.getmembers()
            content = archive.extractfile("rules/mxhound.rules")
            assert content
            assert content.read() == rules_of(out, engine).read_bytes()
        assert [member.name for member in members] == ["rules/mxhound.rules", "rules/sid-msg.map"]
        assert {(m.mtime, m.uid, m.uname, m.mode) for m in members} == {(0, 0, "", 0o644)}


def test_every_rule_loads_where_the_servers_are_listed(out: Path, suricata: Engine) -> None:
    for variables in (GOOD, NO_SERVERS):
        trial = try_rules(installed(suricata), rules_of(out, suricata), variables=variables)
        assert (trial.exit_code, trial.errors) == (0, ())


def test_no_rule_loads_on_the_shipped_variables_and_check_says_so(
    out: Path, suricata: Engine, tmp_path: Path
) -> None:
    rules = rules_of(out, suricata)
    trial = try_rules(installed(suricata), rules, variables=SHIPPED)
    refused = [error for error in trial.errors if error.endswith(tuple("0123456789"))]
    assert len(refused) == len(headers(rules))
    said = lint(tmp_path, rules, SHIPPED)
    assert [re.findall(r"\[(vars\S+)\]", text) for text in said] == [
        ["vars.address-groups.SMTP_SERVERS"],
        ["vars.address-groups.DNS_SERVERS"],
    ]
    assert all("is $HOME_NET, which leaves no host of $HOME_NET to watch" in text for text in said)
    assert all(text.endswith("(SILENCED: all rules)") for text in said)
    assert lint(tmp_path, rules, GOOD) == lint(tmp_path, rules, NO_SERVERS) == []


def test_check_names_the_rules_that_do_not_load_where_everybody_is_home(
    out: Path, suricata: Engine, tmp_path: Path
) -> None:
    rules = rules_of(out, suricata)
    trial = try_rules(installed(suricata), rules, variables=EVERYBODY)
    lines = {int(at[1]) for error in trial.errors if (at := re.search(r"at line (\d+)$", error))}
    refused = {
        rule.metadata["mxhound_signal"][0]
        for rule in read_built(rules).alerting.values()
        if rule.line in lines
    }
    (said,) = lint(tmp_path, rules, EVERYBODY)
    assert "HOME_NET]: is every address" in said
    silenced = re.search(r"SILENCED: (.*)\)$", said)
    assert silenced
    assert set(silenced[1].split(", ")) == refused
    assert "smtp_attempts" in refused
    assert "mx_flood" not in refused


@pytest.mark.parametrize("name", ["SMTP_SERVERS", "DNS_SERVERS"])
def test_no_rule_loads_with_an_empty_variable_and_check_says_so(
    out: Path, suricata: Engine, tmp_path: Path, name: str
) -> None:
    rules, variables = rules_of(out, suricata), GOOD | {name: "[]"}
    trial = try_rules(installed(suricata), rules, variables=variables)
    refused = [error for error in trial.errors if error.endswith(tuple("0123456789"))]
    assert len(refused) == len(headers(rules))
    (said,) = lint(tmp_path, rules, variables)
    assert f"vars.address-groups.{name}]: is [], which leaves no host of $HOME_NET" in said


def test_variables_that_are_not_set_are_named(out: Path, tmp_path: Path) -> None:
    (empty,) = lint(tmp_path, rules_of(out, Engine.SURICATA_8), GOOD | {"HOME_NET": "[]"})
    assert "HOME_NET]: is every address, so no host is external" in empty
    said = lint(tmp_path, rules_of(out, Engine.SURICATA_8), {"HOME_NET": "10.0.0.0/8"})
    assert [re.findall(r"\.(\w+)\]: is not set, so no rule", text) for text in said] == [
        ["SMTP_SERVERS"],
        ["DNS_SERVERS"],
    ]
    (said_of,) = lint(
        tmp_path, rules_of(out, Engine.SURICATA_8), GOOD | {"DNS_SERVERS": "$NOWHERE"}
    )
    assert "vars.address-groups.NOWHERE]: is not set" in said_of


def test_check_reads_it_back_and_lets_the_engine_load_it(out: Path, suricata: Engine) -> None:
    report = check(out, suricata)
    assert (report.problems, report.warnings) == ((), ())
    assert "with example servers and without complaint" in report.passed[1]


def test_a_host_alerts_and_a_server_does_not(out: Path, suricata: Engine, tmp_path: Path) -> None:
    wire = Wire()
    for number in range(12):
        for host in ("10.20.1.1", "10.20.0.53"):
            wire.ask(number, host, "198.51.100.53", question(f"d{number}.example", MX))
    wire.write(tmp_path / "traffic.pcap")
    more = [
        word
        for name, value in GOOD.items()
        for word in ("--set", f"vars.address-groups.{name}={value}")
    ]
    eve = replay(
        suricata, tmp_path / "traffic.pcap", tmp_path / "log", rules_of(out, suricata), more=more
    )
    alerts = [
        (event["alert"]["signature_id"], event["src_ip"])
        for event in map(json.loads, eve.read_text().splitlines())
        if event["event_type"] == "alert"
    ]
    assert alerts == [(1250001, "10.20.1.1")]


def update(folder: Path, *words: str, index: Path) -> str:
    """Run the real suricata-update; what it says."""
    done = subprocess.run(
        [sys.executable, "-c", "from suricata.update.main import main; main()", *words],
        cwd=folder,
        env={**os.environ, "SOURCE_INDEX_URL": index.as_uri()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.engine
def test_suricata_update_takes_it_as_a_source(out: Path, suricata: Engine, tmp_path: Path) -> None:
    pytest.importorskip("suricata.update", reason="NOT TESTED without suricata-update")
    index = out / "index.yaml"
    (tmp_path / "data" / "update" / "sources").mkdir(parents=True)  # else it enables et/open, too
    update(tmp_path, "update-sources", "-D", "data", index=index)
    assert f"mxhound/{suricata}" in update(tmp_path, "list-sources", "-D", "data", index=index)
    update(tmp_path, "enable-source", "-D", "data", f"mxhound/{suricata}", index=index)
    config = tmp_path / "suricata.yaml"
    config.write_text("%YAML 1.1\n---\n" + yaml.safe_dump({"vars": {"address-groups": GOOD}}))
    found = installed(suricata)
    words = ["-D", "data", "-o", "rules", "--suricata", str(found.path), "--no-reload"]
    words += ["--suricata-conf", str(config), "--ignore", "*-events.rules"]
    assert "Testing with suricata -T" in update(tmp_path, *words, index=index)
    fetched = (tmp_path / "rules" / "suricata.rules").read_text().splitlines()
    built = [
        line for line in rules_of(out, suricata).read_text().splitlines() if line[:6] == "alert "
    ]
    assert sorted(line for line in fetched if "MXHOUND" in line) == sorted(built)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["-e", "snort-3"], "--generic is for Suricata"),
        (["-s", "site.yaml"], "--generic cannot be used with --site"),
        (["--diff", "out"], "--generic cannot be used with --site"),
    ],
)
def test_what_a_generic_build_cannot_do_is_refused(
    words: list[str], fault: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(
        cli.commands, ["build", "--generic", "-o", str(tmp_path / "out"), *words]
    )
    assert (done.exit_code, (tmp_path / "out").exists()) == (2, False)
    assert fault in done.stderr


def test_the_command_says_what_was_written_and_what_it_needs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["build", "--generic", "-e", "suricata-8", "-o", str(out)]
    done = CliRunner().invoke(cli.commands, words)
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "index.yaml",
        "mxhound-suricata-8.rules.tar.gz",
        "suricata-8",
    ]
    assert done.stdout.splitlines()[1:] == [
        f"{out / 'index.yaml'}: written; first set SMTP_SERVERS and DNS_SERVERS in suricata.yaml to "
        "the site's servers"
    ]
