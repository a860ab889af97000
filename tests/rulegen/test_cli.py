"""Command lines, as typed in a shell -> exit code, stdout, stderr and files."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from rulegen import cli
from rulegen.catalogue import CATALOGUE
from rulegen.vocabulary import Engine
from tests.rulegen.test_site_profile import THREE_LINES

RULEGEN = Path(sys.executable).with_name("rulegen")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(THREE_LINES)
    return path


def shell(*words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RULEGEN, *words], capture_output=True, text=True, timeout=120, cwd=folder
    )


def run(*words: str | Path) -> Result:
    """In this process, so that coverage sees it."""
    return CliRunner().invoke(cli.commands, [str(word) for word in words])


def refusal(
    *words: str | Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """What main() says on stderr before it ends with 1; nothing is on stdout."""
    monkeypatch.setattr(sys, "argv", ["rulegen", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_help_names_every_command() -> None:
    done = shell("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"build", "check", "init", "list", "simulate"} <= set(done.stdout.split())


def test_help_is_quick_because_it_loads_nothing_a_command_needs() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import rulegen.cli, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {
        "dpkt",
        "idstools",
        "jinja2",
        "rich",
        "yaml",
        "rulegen.site_profile",
        "rulegen.catalogue",
    }
    assert heavy & set(loaded.stdout.split()) == set()


@pytest.mark.parametrize("command", ["", "build", "check", "init", "list", "simulate"])
def test_every_option_is_explained(command: str) -> None:
    help_text = run(*command.split(), "--help").output
    lines = help_text.partition("Options:")[2].partition("Commands:")[0].splitlines()
    options = [index for index, line in enumerate(lines) if line.strip().startswith("-")]
    for index in options:
        explained = lines[index].strip().split("  ")[1:] or lines[index + 1].startswith("   " * 5)
        assert explained, lines[index]


@pytest.mark.parametrize(
    "words",
    [
        ["bild"],
        ["build"],
        ["build", "-s", "x", "-o", "y", "-e", "suricata-5"],
        ["simulate", "-s", "x", "-o", "y", "--seed", "-1"],
        ["check"],
    ],
)
def test_wrong_usage_ends_with_2(words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_the_command_to_run_next_can_be_pasted(tmp_path: Path) -> None:
    said = shell("init", "-o", "my site.yaml", folder=tmp_path).stdout
    assert said.endswith("review it, then: rulegen build -s 'my site.yaml' -o out\n")


def test_from_nothing_to_checked_rules(suricata: Engine, tmp_path: Path) -> None:
    assert (
        shell("init", folder=tmp_path).stdout
        == "site.yaml: written; review it, then: rulegen build -s site.yaml -o out\n"
    )
    built = shell("build", "-s", "site.yaml", "-e", suricata, "-o", "rules", folder=tmp_path)
    rules = sum(spec.is_seen_by(suricata) for spec in CATALOGUE)
    assert (built.returncode, built.stdout.splitlines()) == (
        0,
        [f"rules/{suricata}: {rules} rules"],
    )
    missing = "recipient_spread, relay_spread, look_alike, sender_churn"
    assert built.stderr == (
        f"rules/{suricata}: without {missing}: rulegen list -e {suricata} says why\n"
    )
    checked = shell("check", "rules", folder=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert (
        checked.stdout.splitlines()[0] == f"rules/{suricata}/mxhound.rules: {rules} rules read back"
    )


def test_build_writes_every_engine_it_can_and_says_what_is_left_out(
    site: Path, tmp_path: Path
) -> None:
    site.write_text(
        THREE_LINES + "exempt: [{address: 10.20.0.80, reason: a checker, until: 2020-01-31}]\n"
    )
    done = run("build", "-s", site, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(Engine)
    assert (
        f"{site}: [exempt]: 10.20.0.80 ended on 2020-01-31 and is watched again (a checker)"
        in done.stderr
    )


def test_build_lays_the_thresholds_over(site: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "thresholds.yaml"
    overlay.write_text("thresholds: {mx_flood: {count: 77, seconds: 60}}\n")
    assert (
        run("build", "-s", site, "-t", overlay, "-e", "suricata-7", "-o", tmp_path).exit_code == 0
    )
    assert "count 77, seconds 60" in (tmp_path / "suricata-7/mxhound.rules").read_text()


def test_check_refuses_with_1_and_warns_with_0(
    suricata_7: Engine, site: Path, tmp_path: Path
) -> None:
    run("build", "-s", site, "-e", suricata_7, "-o", tmp_path)
    rules = tmp_path / suricata_7 / "mxhound.rules"
    settings = tmp_path / "suricata.yaml"
    settings.write_text("rule-files: [a.rules]\nvars: {address-groups: {HOME_NET: any}}\n")
    warned = run("check", tmp_path, "--suricata-yaml", settings)
    assert warned.exit_code == 0
    assert (
        f"warning: {settings}:1: [rule-files]: lists a.rules, and no rule of mxhound is in there"
        in warned.stderr
    )
    rules.write_text(rules.read_text() + "alert dns any any")
    refused = run("check", tmp_path, "-e", suricata_7)
    assert refused.exit_code == 1
    assert (
        f"refused: {rules}:{len(rules.read_text().splitlines())}: ends in half a line"
        in refused.stderr
    )


def test_init_from_suricata_to_the_screen(tmp_path: Path) -> None:
    settings = tmp_path / "suricata.yaml"
    settings.write_text(
        '%YAML 1.1\n---\nvars: {address-groups: {HOME_NET: "[10.20.0.0/16]", SMTP_SERVERS: '
        "10.20.0.25}}\n"
    )
    done = run("init", "-o", "-", "--from-suricata", settings)
    assert 'home_networks:\n  - "10.20.0.0/16"' in done.stdout
    assert done.stderr == (
        f"home_networks: HOME_NET ({settings}:3) holds no IPv6 network: if hosts use IPv6, add "
        "their prefixes; otherwise their mail is not monitored.\n"
        f"resolvers: DNS_SERVERS is not set in {settings}: list them here.\n"
    )


def test_list_is_plain_text_where_it_is_piped() -> None:
    done = shell("list")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["rule", "signal", "family", "sid", "threshold", "sees"]
    assert lines[1].startswith("mx_flood  ")
    assert all(line == line.rstrip() and line.isprintable() for line in lines)


def test_installed_stands_for_the_engines_of_this_machine(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = tmp_path / "engines"
    (engines / "bin").mkdir(parents=True)
    monkeypatch.setenv("MXHOUND_ENGINES", str(engines))
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "out"
    refused = run("build", "-s", site, "-e", "installed", "-o", out)
    assert (refused.exit_code, out.exists()) == (1, False)
    assert "name the engine of the sensor, for example -e suricata-8" in str(refused.exception)
    program = engines / "bin" / "suricata-8"
    program.write_text("#!/bin/sh\necho This is Suricata version 8.0.9 RELEASE\n")
    program.chmod(0o755)
    assert run("build", "-s", site, "-e", "installed", "-o", out).exit_code == 0
    assert {path.name for path in out.iterdir()} == {"suricata-8"}
    assert run("build", "-s", site, "-e", "installed", "-e", "snort-3", "-o", out).exit_code == 0
    assert {path.name for path in out.iterdir()} == {"suricata-8", "snort-3"}


def test_list_is_a_table_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    cli.commands(["list", "-e", "suricata-7"], standalone_mode=False)
    assert max(map(len, click.unstyle(capsys.readouterr().out).splitlines())) <= 100


def test_a_site_without_port_25_is_told(site: Path, tmp_path: Path) -> None:
    site.write_text("home_networks: [10.20.0.0/28]\nports: {smtp: [2525]}\n")
    done = run("build", "-s", site, "-o", tmp_path / "out", "-e", "suricata-8")
    assert done.exit_code == 0
    assert f"{site}: [ports.smtp]: does not list 25, where servers accept mail" in done.stderr


def test_simulate_writes_traffic_and_truth(site: Path, tmp_path: Path) -> None:
    site.write_text("home_networks: [10.20.0.0/28]\n")
    done = run("simulate", "-s", site, "-o", tmp_path / "traffic", "--seed", "3")
    assert done.exit_code == 0, done.stderr
    assert "site.yaml: [home_networks]: hold no free address to simulate " in done.stderr
    assert {path.name for path in (tmp_path / "traffic").iterdir()} == {
        "traffic.pcap",
        "truth.json",
        "replay.yaml",
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["build", "-s", "gone.yaml", "-o", "out"],
            "gone.yaml: cannot be read: No such file or directory\n",
        ),
        (
            ["build", "-s", "bad.yaml", "-o", "out"],
            "bad.yaml:1: [home]: unknown key: expected one of home_networks,",
        ),
        (["build", "-s", "site.yaml", "-o", "bad.yaml/out"], "Not a directory"),
        (["init"], "site.yaml: is there already and is never overwritten"),
        (
            ["init", "-o", "new.yaml", "--from-suricata", "gone.yaml"],
            "gone.yaml: cannot be read: No such file",
        ),
        (["check", "nowhere"], "nowhere: is not there; expected a rules file"),
        (["check", "."], ".: holds no mxhound.rules; expected a rules file"),
    ],
)
def test_refusals_are_one_message_and_1(
    site: Path,
    words: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(site.parent)
    Path("bad.yaml").write_text("home: []\n")
    message = refusal(*words, capsys=capsys, monkeypatch=monkeypatch)
    assert expected in message
    assert "Traceback" not in message
    assert not Path("out").exists()


def test_a_full_disk_is_a_refusal(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.parent)
    Path("out").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (100, before[1])
    )  # as a full disk: a file may not grow past 100 bytes
    try:
        message = refusal(
            "build", "-s", "site.yaml", "-o", "out", capsys=capsys, monkeypatch=monkeypatch
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.strerror(errno.EFBIG) in message
    assert [path for path in Path("out").rglob("*") if path.is_file()] == []


def test_what_the_library_refuses_is_told_in_its_words(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write_text(
        THREE_LINES
        + "sid_base: 1999000\nthresholds: {mx_flood: {networks: {10.20.1.0/24: {count: 1, seconds: "
        "1}}}}\n"
    )
    message = refusal(
        "build", "-s", site, "-o", site.parent / "out", capsys=capsys, monkeypatch=monkeypatch
    )
    what = "invalid sid 1999000: 1 network has its own thresholds, and each needs 1000 more sids; expected 1998000 at most"
    assert message == f"{site}:4: [sid_base]: {what}\n"
    site.write_text(
        "home_networks: [10.20.0.0/16]\ninternal_domains: "
        f"[{', '.join(f'd{n}.example' for n in range(400))}]\n"
    )
    message = refusal(
        "build", "-s", site, "-o", site.parent / "out", capsys=capsys, monkeypatch=monkeypatch
    )
    assert "out/suricata-7/mxhound.rules: sid 1250003 (name_guess): " in message
    assert "bytes are too long for a line of rules" in message


def test_build_says_what_changed_since_an_earlier_build(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("build", "-s", site, "-e", "suricata-7", "-o", out).exit_code == 0
    (tmp_path / "thresholds.yaml").write_text("thresholds: {mx_flood: {count: 25, seconds: 60}}\n")
    done = run(
        "build",
        "-s",
        site,
        "-t",
        tmp_path / "thresholds.yaml",
        "-e",
        "suricata-7",
        "-o",
        out,
        "--diff",
        out,
    )
    assert done.exit_code == 0
    rules = sum(spec.is_seen_by(Engine.SURICATA_7) for spec in CATALOGUE)
    assert done.stdout.splitlines()[-2:] == [
        f"suricata-7: 1 of {rules} rules changed",
        "  sid 1250001 mx_flood: threshold was 10 in 60 s, is 25 in 60 s",
    ]
    assert "count 25, seconds 60" in (out / "suricata-7" / "mxhound.rules").read_text()


def test_build_refuses_to_compare_with_nothing(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(
        "build",
        "-s",
        site,
        "-o",
        tmp_path / "out",
        "--diff",
        tmp_path / "none",
        capsys=capsys,
        monkeypatch=monkeypatch,
    )
    assert "none: is not a folder; expected one that rulegen build wrote" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_named_by_a_dash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("build", "-s", "site.yaml", "-o", "-")
    assert result.exit_code == 2
    assert "- means standard output, which cannot be used here" in result.stderr
    assert list(tmp_path.iterdir()) == []
