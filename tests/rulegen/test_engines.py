"""This machine, with real engines on it or none -> what find_engine and try_rules say."""

import os
import shutil
from pathlib import Path

import pytest

from rulegen.engines import (
    FOR_EVERYBODY,
    EngineTrial,
    FoundEngine,
    engines_folders,
    find_engine,
    try_rules,
)
from rulegen.vocabulary import Engine

GOOD = 'alert dns any any -> any any (msg:"x"; classtype:trojan-activity; sid:1000001; rev:1;)\n'


def found(engine: Engine) -> FoundEngine:
    engine_here = find_engine(engine)
    assert engine_here is not None
    return engine_here


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without engines: an empty engines folder and an empty PATH."""
    monkeypatch.setenv("MXHOUND_ENGINES", str(tmp_path / "engines"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for folder in ("engines/bin", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_folder_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MXHOUND_ENGINES", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/someone")
    assert engines_folders() == (Path("/var/cache/someone/mxhound/engines"), FOR_EVERYBODY)
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert engines_folders() == (Path.home() / ".cache/mxhound/engines", FOR_EVERYBODY)
    monkeypatch.setenv("MXHOUND_ENGINES", "/opt/engines")
    assert engines_folders() == (Path("/opt/engines"),)


def test_an_engine_that_root_installed_is_found_by_everybody(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MXHOUND_ENGINES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(bare_machine / "mine"))
    monkeypatch.setattr("rulegen.engines.FOR_EVERYBODY", bare_machine / "engines")
    program = executable(
        bare_machine / "engines/bin/suricata-8",
        "#!/bin/sh\necho This is Suricata version 8.0.1 RELEASE\n",
    )
    assert found(Engine.SURICATA_8) == FoundEngine(Engine.SURICATA_8, program, "8.0.1")


def test_a_real_engine_tells_its_version(suricata: Engine) -> None:
    assert found(suricata).version.startswith(suricata.removeprefix("suricata-") + ".")


def test_no_engine_is_a_value(bare_machine: Path) -> None:
    assert [find_engine(engine) for engine in Engine] == [None] * len(Engine)


def test_what_is_no_suricata_is_not_found(bare_machine: Path) -> None:
    executable(bare_machine / "engines/bin/suricata-7", "not even a script")
    executable(bare_machine / "bin/suricata", "#!/bin/sh\necho Suricata of no version\n")
    assert find_engine(Engine.SURICATA_7) is None


def test_the_suricata_on_path_counts_for_its_own_version_only(
    suricata_7: Engine, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MXHOUND_ENGINES")
    real = found(suricata_7).path
    monkeypatch.setenv("MXHOUND_ENGINES", str(bare_machine / "engines"))
    (bare_machine / "bin/suricata").symlink_to(real)
    monkeypatch.setenv("PATH", f"{bare_machine / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    on_path = found(Engine.SURICATA_7)
    assert (on_path.path, on_path.etc) == (bare_machine / "bin/suricata", None)
    assert find_engine(Engine.SURICATA_8) is None


def test_rules_that_load(suricata: Engine, tmp_path: Path) -> None:
    rules = tmp_path / "good.rules"
    rules.write_text(GOOD)
    thresholds = tmp_path / "threshold.config"
    thresholds.write_text("suppress gen_id 1, sig_id 1000001, track by_src, ip 10.20.0.80\n")
    trial = try_rules(found(suricata), rules, threshold_config=thresholds)
    assert trial == EngineTrial(0)
    assert trial.clean


def test_rules_that_do_not_load_are_named_in_the_engines_words(
    suricata: Engine, tmp_path: Path
) -> None:
    rules = tmp_path / "bad.rules"
    rules.write_text(GOOD + GOOD.replace("rev:1", "no_such_word:1"))
    trial = try_rules(found(suricata), rules)
    assert trial.exit_code == 1
    assert "detect-parse: unknown rule keyword 'no_such_word'." in trial.errors
    assert any(text.endswith(f"from file {rules} at line 2") for text in trial.errors)


def test_a_suppression_of_an_unknown_rule_is_a_warning(suricata: Engine, tmp_path: Path) -> None:
    (tmp_path / "good.rules").write_text(GOOD)
    (tmp_path / "threshold.config").write_text(
        "suppress gen_id 1, sig_id 7, track by_src, ip 10.20.0.80\n"
    )
    trial = try_rules(
        found(suricata), tmp_path / "good.rules", threshold_config=tmp_path / "threshold.config"
    )
    assert (trial.exit_code, trial.errors, trial.clean) == (0, (), False)
    assert trial.warnings == ("threshold-config: can't suppress sid 7, gid 1: unknown rule",)


def test_a_silent_console_does_not_hide_the_log_file(suricata: Engine, tmp_path: Path) -> None:
    config = tmp_path / "suricata.yaml"
    outputs = "[{console: {enabled: no}}, {file: {enabled: yes, filename: suricata.log}}]"
    config.write_text(
        f"%YAML 1.1\n---\nlogging: {{default-log-level: notice, outputs: {outputs}}}\n"
    )
    rules = tmp_path / "bad.rules"
    rules.write_text("alert dns any any -> any any (no_such_word; sid:1000001;)\n")
    trial = try_rules(found(suricata), rules, config=config)
    assert any("no_such_word" in text for text in trial.errors)


def test_an_engine_without_its_configuration_says_so(suricata: Engine, tmp_path: Path) -> None:
    rules = tmp_path / "good.rules"
    rules.write_text(GOOD)
    trial = try_rules(found(suricata), rules, config=tmp_path / "gone.yaml")
    assert trial.exit_code != 0
    assert any("gone.yaml" in text for text in trial.errors)


def test_an_engine_that_hangs_or_is_gone_or_dies_without_a_word(tmp_path: Path) -> None:
    slow = FoundEngine(
        Engine.SURICATA_7,
        executable(tmp_path / "slow", f"#!/bin/sh\nexec {shutil.which('sleep')} 30\n"),
        "7.0.0",
    )
    dead = FoundEngine(
        Engine.SURICATA_7, executable(tmp_path / "dead", "#!/bin/sh\necho alas\nexit 3\n"), "7.0.0"
    )
    gone = FoundEngine(Engine.SURICATA_7, tmp_path / "gone", "7.0.0")
    assert try_rules(slow, tmp_path, seconds=0.2).errors == ("the engine did not end within 0.2 s",)
    assert try_rules(dead, tmp_path) == EngineTrial(3, errors=("the engine ended with 3: alas",))
    assert try_rules(gone, tmp_path).errors == (
        "the engine cannot be started: No such file or directory",
    )


def test_the_configuration_beside_a_guest_engine_is_handed_over(tmp_path: Path) -> None:
    guest = FoundEngine(Engine.SURICATA_8, Path("/x/suricata-8"), "8.0.0", etc=tmp_path)
    command = " ".join(guest.command("-T"))
    assert command.startswith(
        f"/x/suricata-8 -c {tmp_path}/suricata.yaml --set "
        f"classification-file={tmp_path}/classification.config"
    )
    assert guest.command("-T", config=Path("own.yaml")) == ["/x/suricata-8", "-c", "own.yaml", "-T"]
    assert FoundEngine(Engine.SURICATA_7, Path("/x/suricata-7"), "7.0.0").command("-T") == [
        "/x/suricata-7",
        "-T",
    ]
