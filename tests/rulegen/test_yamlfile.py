"""YAML text of every kind -> plain values with lines, or a refusal that points at the line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulegen.errors import InputError, Problem
from rulegen.yamlfile import MAX_BYTES, parse_yaml, read_yaml

BOMB = "\n".join(
    ["a: &a [x,x,x,x,x,x,x,x,x]"]
    + [
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]"
        for before, name in zip("abcdef", "bcdefg", strict=True)
    ]
)


def refusal(raw: bytes | str) -> str:
    with pytest.raises(InputError) as caught:
        parse_yaml(raw, "site.yaml")
    return str(caught.value)


def test_values_and_lines() -> None:
    document = parse_yaml("a: 1\nb:\n  - x\n  - c: [true, 2.5, ~]\n", "site.yaml")
    assert document.value == {"a": 1, "b": ["x", {"c": [True, 2.5, None]}]}
    assert {key: document.lines[key] for key in ("a", "b", "b.0", "b.1", "b.1.c.2")} == {
        "a": 1,
        "b": 2,
        "b.0": 3,
        "b.1": 4,
        "b.1.c.2": 4,
    }
    assert str(document.problem("b.1.c", "is odd")) == "site.yaml:4: [b.1.c]: is odd"


def test_dates_stay_text() -> None:
    assert parse_yaml("until: 2027-01-31", "f").value == {"until": "2027-01-31"}


@pytest.mark.parametrize("text", ["25:30", "1:0:0", "-1:30", "0465", "01_0", "1:30.5"])
def test_numbers_that_yaml_reads_as_others_stay_text(text: str) -> None:
    assert parse_yaml(f"port: {text}", "f").value == {"port": text}


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-7", -7), ("0x19", 25), ("0.5", 0.5)])
def test_other_numbers_are_numbers(text: str, value: float) -> None:
    assert parse_yaml(f"port: {text}", "f").value == {"port": value}


def test_what_is_missing_has_the_line_of_what_it_is_missing_in() -> None:
    document = parse_yaml("a:\n  10.20.1.1:\n    b: 1", "f")
    assert document.problem("a.10.20.1.1.c", "").line == 2
    assert document.problem("c", "").line == 0


@pytest.mark.parametrize(
    "raw", [b"\xef\xbb\xbfa: 1\r\n", "a: 1".encode("utf-16"), b"a: 1", b"%YAML 1.1\n---\na: 1\n..."]
)
def test_encodings_and_line_ends(raw: bytes) -> None:
    assert parse_yaml(raw, "f").value == {"a": 1}


@pytest.mark.parametrize("raw", [b"", b"# nothing but a comment\n"])
def test_an_empty_document_is_no_value(raw: bytes) -> None:
    assert parse_yaml(raw, "f").value is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a: 1\na: 2", "site.yaml:2: [a]: is given twice; expected once"),
        (b"x:\n  a: [1\n", "site.yaml:3: is not YAML"),
        (b"a: &x [*x]", "site.yaml:1: [a.0]: refers to itself"),
        (b"a: *gone", "undefined alias"),
        (b"a: 1\n---\nb: 2", "is not YAML: expected a single document in the stream, but found"),
        (
            b"a: 1\nb: \x00\n",
            "site.yaml:2: is not YAML: byte 0x00 is a control character; remove it",
        ),
        (
            b"a: 1\n\n# \x07",
            "site.yaml:3: is not YAML: byte 0x07 is a control character; remove it",
        ),
        (b"a: 1\nb: Pr\xfcfer\n", "site.yaml:2: is not YAML: byte 0xfc is not UTF-8; save the"),
        (b"? [a]\n: b", "has a key that is no plain text"),
        (b'"\\ud800": 1', "has a key that is no plain text"),
        (b"a: !!binary aGVsbG8=", "[a]: is binary; expected text"),
        (b"a: !!int ''", "[a]: cannot be read"),
        (b"a: !!bool perhaps", "[a]: cannot be read"),
        (b"a: " + b"9" * 5000, "[a]: is longer than 100 characters; expected less"),
        (b"a: !!python/object/apply:os.system [id]", None),
        (b"a: !!python/name:os.system x", "[a]: cannot be read"),
        (b"a: \x00", "is not YAML"),
        (b"\xff\xfe\xfa", "is not YAML"),
        (b"\x89PNG\r\n\x1a\n", "is not YAML"),
        (b"[" * 5000, "nested too deeply"),
        (BOMB, "more than 50000 values"),
    ],
)
def test_refusals(raw: bytes | str, expected: str | None) -> None:
    if expected is None:  # a tagged list is a list: nothing is ever constructed or run
        assert parse_yaml(raw, "site.yaml").value == {"a": ["id"]}
    else:
        assert expected in refusal(raw)


def test_every_repeated_key_is_named() -> None:
    assert refusal("a: 1\na: 2\nb: {c: 1, c: 2}").count("is given twice") == 2


def test_a_missing_file_a_folder_and_a_huge_file(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    for path, expected in (
        (tmp_path / "gone", "No such file"),
        (tmp_path, "Is a directory"),
        (huge, "larger than"),
    ):
        with pytest.raises(InputError, match=expected) as caught:
            read_yaml(path)
        assert str(caught.value).startswith(str(path))


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200),
        st.text("[]{}:,&*!|>-? \n'\"a0#%@`<~.", max_size=60),
    )
)
def test_any_text_is_read_or_refused(raw: bytes | str) -> None:
    assert all(problem.file == "f" for problem in problems_of(raw))


def problems_of(raw: bytes | str) -> tuple[Problem, ...]:
    try:
        parse_yaml(raw, "f")
    except InputError as error:
        return error.problems
    return ()
