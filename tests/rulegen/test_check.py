"""Real builds, and the same spoiled in one place each -> what check says about them."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulegen.build import build
from rulegen.check import CheckReport, check
from rulegen.errors import InputError
from rulegen.readback import ReadRule, read_rule, read_rules
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Engine
from rulegen.yamlfile import parse_yaml
from tests.rulegen.test_site_profile import EVERYTHING, THREE_LINES

TODAY = date(2026, 3, 2)
META = "metadata:mxhound_signal mx_flood, mxhound_family lookup, mxhound_host src_ip;"
THRESHOLD = "threshold:type both, track by_src, count 2, seconds 3;"
GOOD = f'alert dns [10.20.0.0/16,!10.20.0.25] any -> any any (msg:"x"; {THRESHOLD} sid:7; rev:1; {META})'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built")
    build(build_profile(parse_yaml(EVERYTHING, "site.yaml")), (), out, TODAY)
    return out


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def problems(report: CheckReport) -> list[str]:
    return [str(problem) for problem in report.problems]


@pytest.mark.parametrize("text", [THREE_LINES, EVERYTHING], ids=["three lines", "everything"])
def test_a_build_passes_and_is_loaded_by_the_real_engine(
    suricata: Engine, text: str, tmp_path: Path
) -> None:
    build(build_profile(parse_yaml(text, "site.yaml")), [suricata], tmp_path, TODAY)
    for path in (tmp_path, tmp_path / suricata, tmp_path / suricata / "mxhound.rules"):
        report = check(path)
        assert (report.problems, report.warnings) == ((), ())
        assert f"loaded by {suricata} (" in report.passed[1]


def test_one_engine_of_a_build(built: Path) -> None:
    assert {
        Path(text.partition(":")[0]).parent.name for text in check(built, Engine.SURICATA_8).passed
    } == {"suricata-8"}
    assert {Path(text.partition(":")[0]).parent.name for text in check(built).passed} == set(Engine)


def test_a_missing_engine_is_said_loudly_and_refuses_nothing(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXHOUND_ENGINES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    report = check(built, Engine.SURICATA_7)
    assert report.problems == ()
    assert [str(warning) for warning in report.warnings] == [
        f"{built}: NOT TESTED with a real engine: suricata-7 is not installed here"
    ]
    assert [str(warning) for warning in check(built).warnings] == [
        f"{built}: NOT TESTED with a real engine: suricata-7, suricata-8, snort-2.9, snort-3 are "
        "not installed here"
    ]


@pytest.mark.parametrize("name", ["", "suricata-7/threshold.config.d", "empty"])
def test_nothing_to_check_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected a rules file, a folder with"):
        check(tmp_path / name)


def edit(file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / file
        path.write_bytes(change(path.read_bytes()))

    return spoil


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(text: bytes) -> bytes:
        assert old in text
        return text.replace(old, new, 1)

    return change


SPOILED = [
    (edit("mxhound.rules", lambda text: text[:-20]), "ends in half a line: the file was cut off"),
    (
        edit("mxhound.rules", lambda text: text + text[text.index(b"\nalert") + 1 :]),
        "sid 1300001 was already used in line",
    ),
    (
        edit("mxhound.rules", swap(b"sid:1300001", b"sid:1300002")),
        "sid 1300002 was already used in line",
    ),
    (edit("mxhound.rules", swap(b"msg:", b"msg:\xff")), "is not UTF-8; expected UTF-8 text"),
    (edit("mxhound.rules", swap(b" rev:1;", b"")), "has no rev"),
    (
        edit("mxhound.rules", swap(b"[10.20.0.0/16", b"[10.20.0.0/16" + b",10.21.0.0/16" * 700)),
        "bytes are too long for a line of rules: Suricata reads",
    ),
    (
        edit("mxhound.rules", swap(b"flow:to_server;", b"flow:to_server; no_such_word;")),
        "the engine refuses it: detect-parse: unknown rule keyword",
    ),
    (
        edit("mxhound.rules", swap(b"mxhound_signal mx_flood", b"mxhound_signal mx_fled")),
        "mxhound_signal 'mx_fled' is unknown; expected one of mx_flood,",
    ),
    (
        edit("mxhound.rules", swap(b"mxhound_family lookup", b"mxhound_family content")),
        "mxhound_family is 'content'; mx_flood belongs to lookup",
    ),
    (
        edit("mxhound.rules", swap(b"mxhound_host src_ip", b"mxhound_host source")),
        "mxhound_host 'source' is unknown; expected one of src_ip, dest_ip",
    ),
    (
        edit("mxhound.rules", swap(b"mxhound_signal mx_flood, ", b"")),
        "[metadata]: sid 1300001: needs mxhound_signal exactly once",
    ),
    (
        edit("mxhound.rules", swap(b"count 12", b"count 0")),
        "has count 0 in its threshold; expected 1 or more",
    ),
    (
        edit("mxhound.rules", swap(b"alert dns", b"alert dns \\\n")),
        "continues on the next line; expected one rule per line",
    ),
    (
        edit("threshold.config", lambda text: text + b"supress gen_id 1, sig_id 1300001\n"),
        "is no suppress, threshold, event_filter or rate_filter line",
    ),
    (
        edit("threshold.config", swap(b"ip 10.20.0.80", b"ip 10.20.0.800")),
        "'10.20.0.800' is no address; expected addresses, networks",
    ),
    (
        edit("threshold.config", lambda text: text + b"suppress gen_id 1, sig_id 9\n"),
        "sig_id 9 is no rule of this build",
    ),
    (
        edit(
            "threshold.config",
            lambda text: (
                text
                + b"threshold gen_id 1, sig_id 1300001, type both, track by_src, count 1, seconds "
                b"0\n"
            ),
        ),
        "has seconds 0; expected 1 or more",
    ),
    (
        edit("sid-msg.map", swap(b"1300001 || MXHOUND", b"1300001 || HOUND")),
        "for sid 1300001; the rules say 'MXHOUND",
    ),
    (
        edit("sid-msg.map", swap(b"1300001 || ", b"")),
        "is no line of a sid-msg.map; expected SID || MSG || REFERENCE...",
    ),
    (edit("sid-msg.map", swap(b"1300001 || ", b"")), "sid 1300001 of the rules is missing"),
    (
        edit("sid-msg.map", swap(b"1300001 || ", b"1300999 || ")),
        "for sid 1300999; the rules say None",
    ),
    (
        edit("mxhound.yaml", swap(b"threshold-file:", b"treshold-file:")),
        "[treshold-file]: is no setting of a build; expected rule-files",
    ),
    (
        edit("mxhound.yaml", lambda text: text + b"threshold-file: x\n"),
        "[threshold-file]: is given twice; expected once",
    ),
    (edit("mxhound.yaml", swap(b"enabled: yes", b"enabled: [")), "mxhound.yaml:"),
    (
        edit("mxhound.yaml", lambda text: b"[]\n"),
        "mxhound.yaml:1: holds no settings; expected rule-files.mxhound",
    ),
    (
        edit("mxhound.rules", swap(b"# Home: ", b"# Home: " + b"10.20.0.0/16, " * 700)),
        "mxhound.rules:2: 9",
    ),
    (
        lambda folder: (folder / "threshold.config").unlink(),
        "threshold.config: is missing beside the rules; build again",
    ),
    (
        lambda folder: (folder / "sid-msg.map").unlink(),
        "sid-msg.map: is missing beside the rules; build again",
    ),
]


@pytest.mark.parametrize(("spoil", "expected"), SPOILED, ids=[expected for _, expected in SPOILED])
def test_a_spoiled_build_is_refused_with_file_and_line(
    suricata_7: Engine, copy: Path, spoil: Callable[[Path], None], expected: str
) -> None:
    spoil(copy / suricata_7)
    report = check(copy, suricata_7)
    matching = [problem for problem in report.problems if expected in str(problem)]
    assert matching, problems(report)
    assert matching[0].line or "missing" in expected


def test_the_engine_judges_the_settings_too(suricata: Engine, copy: Path) -> None:
    edit("mxhound.yaml", swap(b'HOME_NET: "[10', b'HOME_NET: "[[10'))(copy / suricata)
    said = problems(check(copy, suricata))
    assert any(
        "the engine says: " in text and "missing closing brackets" in text for text in said
    ), said


def test_what_was_taken_out_of_the_settings_is_a_warning(suricata_7: Engine, copy: Path) -> None:
    settings = copy / suricata_7 / "mxhound.yaml"
    settings.write_text(settings.read_text().replace("threshold-file:", "# threshold-file:"))
    report = check(copy, suricata_7)
    assert report.problems == ()
    assert [str(warning) for warning in report.warnings] == [
        f"{settings}: [threshold-file]: is not set; a build sets it"
    ]


def test_a_folder_of_any_name_is_tried_with_the_engine_it_was_built_for(
    built: Path, tmp_path: Path
) -> None:
    for engine in Engine:
        folder = Path(shutil.copytree(built / engine, tmp_path / f"copy of {engine}"))
        for path in (folder, folder / "mxhound.rules"):
            report = check(path)
            assert report.problems == ()
            told = [*report.passed[1:], *map(str, report.warnings)]
            assert all(engine in text.rpartition("mxhound.rules: ")[2] for text in told), told


def test_the_engine_judges_suppressions_too(suricata: Engine, copy: Path) -> None:
    with (copy / suricata / "threshold.config").open("a") as stream:
        stream.write("suppress gen_id 1, sig_id 9, track by_src, ip 10.20.0.1\n")
    assert any(
        "the engine says: threshold-config: can't suppress sid 9" in text
        for text in problems(check(copy, suricata))
    )


def test_a_rules_file_of_one_s_own_is_tried_with_the_engine_named(
    suricata: Engine, tmp_path: Path
) -> None:
    rules = tmp_path / "local.rules"
    rules.write_text(f"\n# a comment\n{GOOD}\n")
    report = check(rules, suricata)
    assert report.problems == ()
    assert report.passed[1].startswith(f"{rules}: loaded by {suricata}")
    assert check(rules).problems == ()


def test_the_rules_of_a_build_may_be_checked_alone(
    suricata: Engine, built: Path, tmp_path: Path
) -> None:
    alone = Path(shutil.copy(built / suricata / "mxhound.rules", tmp_path))
    assert check(alone, suricata).problems == ()
    assert len(check(tmp_path, suricata).problems) == 3


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_rules(tmp_path / "gone.rules", Engine.SURICATA_7)


def test_a_good_rule_is_read_whole() -> None:
    rule = read_rule(GOOD, 4)
    assert isinstance(rule, ReadRule)
    assert (rule.line, rule.sid, rule.rev, rule.msg) == (4, 7, 1, "x")
    assert rule.metadata == {
        "mxhound_signal": ["mx_flood"],
        "mxhound_family": ["lookup"],
        "mxhound_host": ["src_ip"],
    }
    assert rule.options[0] == ("msg", '"x"')


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "alert dns [10.0.0.0/8,![10.1.0.0/16],10.2.0.0/16] any -> any any (sid:1;)",
            "has a header that idstools mis-reads",
        ),
        (
            "alert dns ![10.0.0.0/8, 10.1.0.0/16] any -> any any (sid:1;)",
            "has a header that idstools mis-reads",
        ),
        ("alert (sid:1;)", "has a header that idstools mis-reads"),
        ("alert http (sid:1;)", "is no rule that idstools can read"),
        ("alert dns any any -> any any", "is no rule that idstools can read"),
        ("alert dns [any any -> any any (sid:1;)", "is no rule that idstools can read"),
        ("shout dns any any -> any any (sid:1;)", "is no rule that idstools can read"),
        ("alert dns any any -> any any (msg:x", "is no rule that idstools can read"),
        ("alert dns any any -> any any (msg:x)", "is no rule that idstools can read"),
        ("alert dns any any -> any any (sid:x;)", "is no rule that idstools can read"),
        ("alert dns any any -> any any (metadata;)", "is no rule that idstools can read"),
        ('alert dns any any -> any any (msg:"x"; rev:1;)', "has no sid"),
        ("alert dns any any -> any any (sid:1; rev:1;)", "has no msg"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}" + GOOD, "is no rule that idstools can read"),
    ],
)
def test_what_idstools_mis_reads_is_refused(line: str, expected: str) -> None:
    fault = read_rule(line)
    assert isinstance(fault, str)
    assert fault.startswith(expected)


@given(st.text(max_size=80) | st.text('alert dn any->()[]!,;:"\\sid1 ', max_size=80))
def test_any_line_is_a_rule_or_a_fault(line: str) -> None:
    assert isinstance(read_rule(line), ReadRule | str)


ADDRESS = st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "$HOME_NET", "!10.1.0.0/16", "any"])


@given(
    st.lists(ADDRESS, min_size=1, max_size=4),
    st.lists(ADDRESS, min_size=1, max_size=4),
    st.sampled_from(["", "!"]),
)
def test_flat_address_lists_are_read_and_nested_ones_refused(
    outer: list[str], inner: list[str], sign: str
) -> None:
    flat = f"[{','.join(outer)}]"
    nested = f"[{','.join(outer)},{sign}[{','.join(inner)}],10.9.0.0/16]"
    assert isinstance(read_rule(GOOD.replace("[10.20.0.0/16,!10.20.0.25]", flat)), ReadRule)
    assert isinstance(read_rule(GOOD.replace("[10.20.0.0/16,!10.20.0.25]", nested)), str)


def test_a_snort_build_is_not_compared_with_a_suricata_yaml(built: Path, tmp_path: Path) -> None:
    config = tmp_path / "suricata.yaml"
    config.write_text("vars: {address-groups: {HOME_NET: 10.0.0.0/8}}\n")
    with pytest.raises(
        InputError, match="cannot be checked: no rules for suricata-7 or suricata-8"
    ):
        check(built, Engine.SNORT_29, config)
