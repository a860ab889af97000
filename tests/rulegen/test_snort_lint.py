"""A snort.lua or snort.conf with one fault each -> what `check` says would keep the rules
silent.
"""

import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rulegen.build import build
from rulegen.check import check
from rulegen.cli import commands
from rulegen.engines import FoundEngine
from rulegen.errors import InputError
from rulegen.snort_trial import try_snort
from rulegen.vocabulary import SNORTS, Engine
from tests.rulegen.test_check import TODAY
from tests.rulegen.test_engines import executable
from tests.test_every_rule import SITE

LUA = """-- stock
HOME_NET = 'any'
stream = { }
wizard = { }
binder = { { use = { type = 'wizard' } } }
ips = { rules = [[
include RULES/mxhound.rules
]] }
include 'RULES/mxhound.lua'
"""
CONF = """var RULE_PATH RULES
include $RULE_PATH/mxhound.conf
include $RULE_PATH/mxhound.rules
include $RULE_PATH/mxhound-threshold.conf
output unified2: filename mxhound.u2, limit 128
"""
UNIFIED2 = "output unified2: filename mxhound.u2, limit 128"
OTHER = 'alert tcp any any -> any any (msg:"x"; sid:1250001; rev:1;)'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built")
    build(SITE, SNORTS, out, TODAY)
    return out


@pytest.fixture(autouse=True)
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXHOUND_ENGINES", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))


def checked(built: Path, config: Path) -> Result:
    option = "--snort-lua" if "lua" in config.name else "--snort-conf"
    result = CliRunner().invoke(commands, ["check", str(built), option, str(config)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def warnings(built: Path, config: Path, text: str, engine: Engine) -> list[str]:
    config.write_text(text.replace("RULES", str(built / engine)))
    result = checked(built, config)
    assert result.exit_code == 0
    return [line for line in result.stderr.splitlines() if "NOT TESTED" not in line]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("include RULES/mxhound.rules", "", "does not include mxhound.rules"),
        ("include 'RULES/mxhound.lua'", "", "snort.lua: has no alert_json"),
        ("include 'RULES/mxhound.lua'", "alert_fast = { }", "snort.lua: has no alert_json"),
        (
            "include 'RULES/mxhound.lua'",
            "alert_json = { }",
            "snort.lua:9: alert_json writes to the screen",
        ),
        ("stream =", "alert_json = { file = false }\nstream =", "snort.lua:3: alert_json writes"),
        ("mxhound.lua'", "mxhound.lua'\nevent_filter = { }", "snort.lua:10: sets event_filter"),
        ("mxhound.lua'", "mxhound.lua'\nalert_json = { file = true }", "10: sets alert_json"),
        (
            "stream =",
            "suppress = { { gid = 1, sid = 1250001 } }\nstream =",
            "snort.lua:3: suppress for sid 1250001: it never alerts; use exempt",
        ),
        (
            "stream =",
            "suppress = { { gid = 1, sid = 1250001, track = 'by_src', ip = '10.1.1.1' } }\nstream "
            "=",
            "it never alerts for some addresses",
        ),
        (
            "stream =",
            "event_filter = { { gid = 1, sid = 1250001, type = 'limit' } }\nstream =",
            "event_filter for sid 1250001: a build has one of its own",
        ),
        (
            "ips = {",
            "ips = { states = [[ alert ( gid:1; sid:1250001; enable:no; ) ]],",
            "snort.lua:6: ips.states disables sid 1250001",
        ),
        ("include RULES", f"{OTHER}\ninclude RULES", "another rule has sid 1250001 of mxhound"),
        ("type = 'wizard'", "type = 'http_inspect'", "binder leads no traffic to smtp"),
    ],
)
def test_what_of_a_snort_lua_keeps_rules_silent(
    built: Path, tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in LUA
    said = warnings(built, tmp_path / "snort.lua", LUA.replace(old, new), Engine.SNORT_3)
    assert any(told in line for line in said), said


def test_a_disabled_rule_is_not_called_another_rule(built: Path, tmp_path: Path) -> None:
    states = "ips = { states = [[ alert ( gid:1; sid:1250001; enable:no; ) ]],"
    text = LUA.replace("ips = {", states)
    (said,) = warnings(built, tmp_path / "snort.lua", text, Engine.SNORT_3)
    assert "ips.states disables sid 1250001" in said


@pytest.mark.parametrize(
    "log",
    ["unified2 = { limit = 128 }", "alert_fast = { file = true }", "alert_syslog = default_syslog"],
)
def test_another_log_that_eveproc_reads_is_enough(built: Path, tmp_path: Path, log: str) -> None:
    text = LUA.replace("include 'RULES/mxhound.lua'", log)
    (said,) = warnings(built, tmp_path / "snort.lua", text, Engine.SNORT_3)
    assert "does not include mxhound.lua" in said


@pytest.mark.parametrize(
    "text",
    [
        LUA,
        LUA.replace("stream =", "alert_json = { }\nstream ="),
        LUA.replace("stream =", "suppress = { { gid = 116, sid = 1250001 } }\nstream ="),
        LUA.replace("stream =", "suppress = { { gid = 1, sid = 0 } }\nstream ="),
        LUA.replace("stream =", "-- suppress = { { gid = 1, sid = 1250001 } }\nstream ="),
        LUA.replace("stream =", f"--[[\n{OTHER}\n--]]\nstream ="),
    ],
)
def test_a_good_snort_lua_is_good(built: Path, tmp_path: Path, text: str) -> None:
    assert warnings(built, tmp_path / "snort.lua", text, Engine.SNORT_3) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("limit 128", "limit 128, nostamp", "snort.conf:5: output unified2 with nostamp"),
        ("output unified2", "output alert_unified2", "snort.conf: has no output with packets"),
        (UNIFIED2, "output alert_csv: alert.csv", "has no output with packets"),
        (UNIFIED2, "output alert_fast: alert", "has no output with packets"),
        (UNIFIED2, "output alert_syslog: LOG_AUTH", "has no output with packets"),
        ("output", "config nolog\noutput", "snort.conf:5: config nolog"),
        ("var", "config default_rule_state: disabled\nvar", "conf:1: config default_rule_state"),
        ("var", "config ignore_ports: tcp 25 465\nvar", "packets on port 25, 465 meet no rule"),
        ("var", "config ignore_ports: tcp 22 :24 600: x 443:\nvar", "port 465, 587 meet no rule"),
        ("var", "config ignore_ports: tcp 22 :24 600: x\nvar", ""),
        ("var", f"config ignore_ports: tcp {'9' * 5000}\nvar", ""),
        ("var", f"config event_filter: memcap {'9' * 5000}\nvar", ""),
        ("var", "config event_filter: memcap 65536\nvar", "event_filter: memcap 65536 is less"),
        ("var", "config event_filter: memcap 16777216\nvar", ""),
        ("output", "pass ip any any -> $HOME_NET any (sid:5;)\noutput", "465, 587, 53/udp, 53/tcp"),
        ("output", "pass tcp any 25 -> any any (flow:established; sid:5;)\noutput", "port 25 from"),
        ("output", "pass tcp 10.1.1.1 any -> any 25 (sid:5;)\noutput", ""),
        (
            "output",
            "portvar MAIL [25,\\\n587]\npass tcp 10.0.0.0/8 any -> !$HOME_NET $MAIL (sid:5;)\noutput",
            "exempts port 25, 587 of 10.20.0.0/16 from all rules",
        ),
        ("output", "pass tcp $GONE any -> any 25 (sid:5;)\noutput", ""),
        (
            "output",
            "preprocessor stream5_global: max_tcp 8192, \\\n track_tcp no\noutput",
            "track_tcp no: rules on SMTP sessions",
        ),
        ("output", "pass tcp any 1024 -> any 25 (sid:5;)\noutput", ""),
        ("var", "config bpf_file: not-there\nvar", ""),
        ("output unified2", "#output unified2", "has no output that eveproc reads"),
        ("mxhound-threshold.conf", "x", "does not include mxhound-threshold.conf"),
        ("output", "suppress gen_id 1, sig_id 1250001\noutput", "5: suppress for sid 1250001"),
        (
            "output",
            "event_filter gen_id 1, sig_id 1250001, type limit, track by_src, count 1, seconds "
            "60\noutput",
            "event_filter for sid 1250001",
        ),
        ("output", f"{OTHER}\noutput", "another rule has sid 1250001"),
        ("output", "event_filter gen_id 1, sig_id 0, type limit, track by_src\noutput", ""),
        ("output", "suppress gen_id 1, sig_id 0\noutput", ""),
    ],
)
def test_what_of_a_snort_conf_keeps_rules_silent(
    built: Path, tmp_path: Path, old: str, new: str, told: str
) -> None:
    said = warnings(built, tmp_path / "snort.conf", CONF.replace(old, new, 1), Engine.SNORT_29)
    assert any(told in line for line in said) if told else said == []


def test_how_to_load_the_rules_is_said_in_the_words_of_the_version(
    built: Path, tmp_path: Path
) -> None:
    conf, lua = tmp_path / "snort.conf", tmp_path / "snort.lua"
    conf.write_text("")
    lua.write_text("")
    rules = built / Engine.SNORT_3 / "mxhound.rules"
    assert f"add {rules}, or start Snort with -R {rules}\n" in checked(built, lua).stderr
    assert " with -R" not in checked(built, conf).stderr  # of 2.9, -R names a file of its process


def test_a_bpf_file_is_read(built: Path, tmp_path: Path) -> None:
    (tmp_path / "filter").write_text("not port 53 # lookups\nand not port 25\n")
    text = CONF.replace("var", "config bpf_file: filter\nvar", 1)
    (said,) = warnings(built, tmp_path / "snort.conf", text, Engine.SNORT_29)
    assert "snort.conf:1: config bpf_file: packets on port 25, 53/udp, 53/tcp are not capt" in said


def test_rules_of_the_build_that_the_loaded_file_lacks(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / Engine.SNORT_3, tmp_path / "loaded")
    rules = tmp_path / "loaded/mxhound.rules"
    lines = rules.read_text().splitlines(keepends=True)
    rules.write_text("".join(f"# {line}" if "sid:1250002;" in line else line for line in lines))
    config = tmp_path / "snort.lua"
    config.write_text(LUA.replace("RULES", str(tmp_path / "loaded")))
    told = "lacks rules of this build, or disables them: 1250002"
    assert told in checked(built, config).stderr


def test_a_prefix_or_folder_stands_for_its_snort_lua(built: Path, tmp_path: Path) -> None:
    config = tmp_path / "lua-prefix/etc/snort/snort.lua"
    config.parent.mkdir(parents=True)
    config.write_text("stream = { }")
    for place in (tmp_path / "lua-prefix", config.parent):
        option = ["--snort-lua", str(place)]
        result = CliRunner().invoke(commands, ["check", str(built), *option])
        assert f"{config}: does not include mxhound.rules" in result.stderr
    empty = tmp_path / "lua-empty"
    empty.mkdir()
    told = f"no snort.lua found: looked for {empty}/snort.lua, {empty}/etc/snort/snort.lua"
    with pytest.raises(InputError, match=re.escape(told)):
        check(built, snort_lua=empty)


def test_a_configuration_needs_rules_for_its_engine(built: Path, tmp_path: Path) -> None:
    config = tmp_path / "snort.lua"
    config.write_text(LUA)
    with pytest.raises(InputError, match=r"snort\.lua: cannot be checked: no rules"):
        check(built / Engine.SNORT_29, snort_lua=config)


@pytest.mark.parametrize("engine", SNORTS)
def test_a_build_in_a_path_with_blanks_is_tried_without(
    engine: Engine, built: Path, tmp_path: Path
) -> None:
    folder = tmp_path / f"copy of {engine}"
    shutil.copytree(built / engine, folder)
    script = (
        '#!/bin/sh\nPATH=/bin:/usr/bin\nfor file in $(grep -o "/[^\' ]*mxhound[^\' ]*" "$3"); do\n'
        '  test -f "$file" || echo "ERROR: $file: not found"\ndone\n'
        'for word; do case "$word" in *"copy of"*) echo "ERROR: $word";; esac; done\n'
    )
    settings = "mxhound.lua" if engine is Engine.SNORT_3 else "mxhound.conf"
    found = FoundEngine(engine, executable(tmp_path / "snort", script), "1")
    rules, beside = folder / "mxhound.rules", folder / settings
    assert try_snort(found, rules, settings=beside).errors == ()
    faulty = """#!/bin/sh
PATH=/bin:/usr/bin
for word in $(cat "$3") "$@"; do
  case "$word" in *mxhound.rules) file=$word;; esac
done
echo "ERROR: $file:42 bad"
exit 1
"""
    found = FoundEngine(engine, executable(tmp_path / "bad", faulty), "1")
    (said,) = try_snort(found, rules, settings=beside).errors
    assert said == f"bad from file {rules} at line 42"


def test_classes_of_an_installation_from_source_are_found(built: Path, tmp_path: Path) -> None:
    classes = tmp_path / "prefix/etc/snort/classification.config"
    classes.parent.mkdir(parents=True)
    classes.write_text("")
    (tmp_path / "prefix/bin").mkdir()
    script = '#!/bin/sh\nPATH=/bin:/usr/bin\ncat "$3"\nexit 1\n'
    found = FoundEngine(
        Engine.SNORT_29, executable(tmp_path / "prefix/bin/snort", script), "2.9.20"
    )
    (said,) = try_snort(found, built / Engine.SNORT_29 / "mxhound.rules").errors
    assert f"include {classes}" in said
    assert os.access(classes, os.R_OK)


def test_the_settings_of_a_build_recognize_smtp_on_any_port_and_log_to_a_file(built: Path) -> None:
    text = (built / Engine.SNORT_3 / "mxhound.lua").read_text()
    bound = text[text.index("if not binder then") :]
    assert "{ service = 'smtp', proto = 'tcp', to_server = { 'HELO', 'EHLO' }" in bound
    assert "{ when = { service = 'smtp' }, use = { type = 'smtp' } }" in bound
    assert "{ use = { type = 'wizard' } }" in bound
    assert "if alert_json.file == nil then\n        alert_json.file = true" in bound
    assert (text.count("{"), text.count("[")) == (text.count("}"), text.count("]"))
