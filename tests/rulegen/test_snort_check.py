"""Builds for both Snorts, spoiled in one place each -> what check says where no Snort is; and what
it makes of a Snort's words."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulegen.build import build
from rulegen.check import check
from rulegen.engines import EngineTrial, FoundEngine, find_engine
from rulegen.readback import ReadRule, read_rule
from rulegen.snort_check import as_threshold_line, dialect_faults, lua_entry
from rulegen.snort_trial import try_snort
from rulegen.vocabulary import SNORTS, Engine
from tests.rulegen.test_check import META, TODAY, edit, problems, swap
from tests.rulegen.test_engines import executable
from tests.test_every_rule import SITE

RULES, FILTERS, LUA = "mxhound.rules", "mxhound-threshold.conf", "mxhound.lua"
# For each Snort: file, what is there, what stands there instead, what check says.
CHANGED = {
    Engine.SNORT_29: [
        (RULES, b"alert udp", b"alert dns", "has the protocol dns; expected tcp, udp, icmp, ip"),
        (RULES, b"flags:S", b"xbits:set,x; flags:S", "has xbits, which snort-2.9 does not know"),
        (
            RULES,
            b"flags:S",
            b"dns.rrtype:15; flags:S",
            "has dns.rrtype, which snort-2.9 does not know",
        ),
        (RULES, b'content:"55"; depth:2', b'content:"55",depth 2', "has modifiers inside content"),
        (
            RULES,
            b"count 11,",
            b"count 0,",
            "has count 0 in its detection_filter; expected 1 or more",
        ),
        (FILTERS, b"sig_id 1250001", b"sig_id 9", "sig_id 9 is no rule of this build"),
        (
            FILTERS,
            b"sig_id 1250001",
            b"sig_id 9",
            "has no event_filter for sid 1250001: it would alert",
        ),
        (
            FILTERS,
            b"type limit",
            b"type limits",
            "is no suppress, threshold, event_filter or rate_filter line",
        ),
    ],
    Engine.SNORT_3: [
        (
            RULES,
            b'content:"55",depth 2',
            b'content:"55"; depth:2',
            "has depth as an option; snort-3 wants it",
        ),
        (
            RULES,
            b"detection_filter:",
            b"threshold:type both, ",
            "has a threshold; expected a detection_filter",
        ),
        (
            RULES,
            b"target:src_ip",
            b"target:dest_ip",
            "has target dest_ip; expected src_ip, dst_ip",
        ),
        (RULES, b"sid:1250001", b"sid:1250002", "sid 1250002 was already used in line"),
        (LUA, b"sid = 1250001", b"sid = 9", "sig_id 9 is no rule of this build"),
        (LUA, b"sid = 1250001", b"sid = 9", "has no event_filter for sid 1250001: it would alert"),
        (
            LUA,
            b"gid = 1",
            b"gidd = 1",
            "is no suppress, threshold, event_filter or rate_filter line",
        ),
        (LUA, b"ip = '10.20.4.40'", b"ip = '10.20.4.400'", "'10.20.4.400' is no address"),
        (LUA, b"seconds = 60", b"seconds = 0", "has seconds 0; expected 1 or more"),
        ("sid-msg.map", b"1250001 || ", b"", "sid 1250001 of the rules is missing"),
    ],
}
SPOILED: list[tuple[Engine, Callable[[Path], None], str]] = [
    *(
        (engine, edit(file, swap(old, new)), said)
        for engine, changes in CHANGED.items()
        for file, old, new, said in changes
    ),
    (
        Engine.SNORT_3,
        lambda folder: (folder / LUA).unlink(),
        "mxhound.lua: is missing beside the rules; build again",
    ),
    (
        Engine.SNORT_29,
        lambda folder: (folder / "mxhound.conf").unlink(),
        "mxhound.conf: is missing beside the rules; build again",
    ),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built")
    build(SITE, SNORTS, out, TODAY)
    return out


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXHOUND_ENGINES", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize(
    ("engine", "spoil", "expected"),
    SPOILED,
    ids=[f"{engine}: {expected}" for engine, _, expected in SPOILED],
)
def test_a_spoiled_build_is_refused_without_an_engine(
    built: Path, tmp_path: Path, engine: Engine, spoil: Callable[[Path], None], expected: str
) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "copy"))
    spoil(copy / engine)
    said = problems(check(copy, engine))
    assert any(expected in text for text in said), said


@pytest.mark.usefixtures("no_engine")
def test_a_build_passes_and_it_is_said_that_no_engine_was_asked(built: Path) -> None:
    report = check(built)
    assert report.problems == ()
    assert [str(warning).rpartition(": ")[2] for warning in report.warnings] == [
        f"{', '.join(SNORTS)} are not installed here"
    ]


SERVICE = f'alert http ( msg:"a ; b"; content:"x",nocase; sid:7; rev:2; {META} )'


def test_a_rule_for_a_service_is_read_for_snort_3_alone() -> None:
    rule = read_rule(SERVICE, services=True)
    assert isinstance(rule, ReadRule)
    assert (rule.header, rule.sid, rule.rev, rule.msg) == ("alert http", 7, 2, "a ; b")
    assert rule.options[1] == ("content", '"x",nocase')
    assert list(dialect_faults(rule, Engine.SNORT_3)) == []
    assert str(read_rule(SERVICE)).startswith("is no rule that idstools can read")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (SERVICE.replace("sid:7; ", ""), "has no sid"),
        (SERVICE.replace("rev:2;", "rev:x;"), "has no rev"),
        (SERVICE.replace('msg:"a ; b"; ', ""), "has no msg"),
        (SERVICE.replace("rev:2; ", "rev:2 "), "has no rev"),
        (
            SERVICE.replace(";)", "; !!)").replace("; )", "; !! )"),
            "has options that cannot be read from '!!' on",
        ),
        (
            SERVICE.replace("rev:2;", "rev:2; detection_filter:track by_src, count 0, seconds 1;"),
            "has count 0",
        ),
        ("shout http (sid:1;)", "is no rule that idstools can read"),
    ],
)
def test_what_is_wrong_with_a_rule_for_a_service(line: str, expected: str) -> None:
    fault = read_rule(line, services=True)
    assert isinstance(fault, str)
    assert fault.startswith(expected)


@given(st.text(max_size=60) | st.text('alert htp()msgsidrev:;"1 ', max_size=60))
def test_any_line_is_a_rule_or_a_fault(text: str) -> None:
    assert isinstance(read_rule(f"alert http ({text})", services=True), ReadRule | str)


def test_entries_of_lua_in_the_words_of_2_9() -> None:
    entry = lua_entry(
        "    { gid = 1, sid = 7, type = 'limit', track = 'by_src', count = 1, seconds = 60 }, -- "
        "mx_flood"
    )
    assert entry is not None
    assert (
        as_threshold_line(entry)
        == "event_filter gen_id 1, sig_id 7, type limit, track by_src, count 1, seconds 60"
    )
    assert (
        as_threshold_line({"gid": "1", "sid": "7", "x": "y"}) == "suppress gen_id 1, sig_id 7, x y"
    )
    for line in (
        "ips = ips or { }",
        "{ }",
        "{ gid 1 }",
        "-- a comment",
        "for _, filter in ipairs({",
    ):
        assert lua_entry(line) is None


# Consoles of Snort 2.9.20 and 3.11.1 on rules that they do not like.
SAID_29 = 'Initializing\\nERROR: {rules}(42) Unknown rule option: "x".\\nFatal Error, Quitting..\\n'
SAID_3 = "WARNING: s.lua: appid: not configured.\\nERROR: {rules}:42 unknown rule keyword: x.\\nFATAL: see prior 1 errors (1 warnings)\\n"


@pytest.mark.parametrize(
    ("engine", "said", "expected"),
    [
        (
            Engine.SNORT_29,
            SAID_29,
            EngineTrial(1, (), ('Unknown rule option: "x" from file {rules} at line 42',)),
        ),
        (
            Engine.SNORT_3,
            SAID_3,
            EngineTrial(
                1,
                ("s.lua: appid: not configured",),
                ("unknown rule keyword: x from file {rules} at line 42",),
            ),
        ),
        (
            Engine.SNORT_3,
            "Segmentation fault\\n",
            EngineTrial(1, (), ("the engine ended with 1: Segmentation fault",)),
        ),
    ],
    ids=["2.9", "3", "a crash"],
)
def test_complaints_are_read_with_file_and_line(
    engine: Engine, said: str, expected: EngineTrial, tmp_path: Path
) -> None:
    rules = tmp_path / "my.rules"
    script = f"#!/bin/sh\nprintf '{said.format(rules=rules)}'\nexit 1\n"
    trial = try_snort(FoundEngine(engine, executable(tmp_path / "said", script), "1"), rules)
    assert trial.exit_code == expected.exit_code
    assert trial.warnings == expected.warnings
    assert trial.errors == tuple(text.format(rules=rules) for text in expected.errors)


@pytest.mark.parametrize("engine", SNORTS)
def test_the_least_configuration_names_the_files_of_the_build(
    engine: Engine, built: Path, tmp_path: Path
) -> None:
    found = FoundEngine(
        engine, executable(tmp_path / "show", '#!/bin/sh\ncat "$3"\necho "$@"\nexit 9\n'), "1"
    )
    folder = built / engine
    thresholds = folder / "mxhound-threshold.conf" if engine is Engine.SNORT_29 else None
    settings = folder / ("mxhound.conf" if thresholds else "mxhound.lua")
    (said,) = try_snort(
        found, folder / "mxhound.rules", thresholds=thresholds, settings=settings
    ).errors
    assert str(folder / "mxhound.rules") in said
    assert str(settings) in said or len(said) > 500


def test_an_engine_that_hangs_or_is_gone(tmp_path: Path) -> None:
    slow = FoundEngine(
        Engine.SNORT_3,
        executable(tmp_path / "slow", f"#!/bin/sh\nexec {shutil.which('sleep')} 30\n"),
        "3.1",
    )
    gone = FoundEngine(Engine.SNORT_29, tmp_path / "gone", "2.9.20")
    assert try_snort(slow, tmp_path, seconds=0.2).errors == ("the engine did not end within 0.2 s",)
    assert try_snort(gone, tmp_path).errors == (
        "the engine cannot be started: No such file or directory",
    )


@pytest.mark.parametrize(
    ("version", "found"),
    [
        (
            '  o"  )~   Version 2.9.20 GRE (Build 82)\n   -*> Snort! <*-',
            {Engine.SNORT_29: "2.9.20"},
        ),
        ('   ,,_     -*> Snort++ <*-\n  o"  )~   Version 3.11.1.0', {Engine.SNORT_3: "3.11.1.0"}),
        ("Version 3.11.1.0 of something else", {}),
    ],
)
def test_a_snort_on_path_counts_for_its_own_version(
    version: str, found: dict[Engine, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "version").write_text(version)
    executable(
        tmp_path / "snort", f"#!/bin/sh\nexec {shutil.which('cat')} {tmp_path / 'version'}\n"
    )
    monkeypatch.setenv("MXHOUND_ENGINES", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert {engine: here.version for engine in Engine if (here := find_engine(engine))} == found
