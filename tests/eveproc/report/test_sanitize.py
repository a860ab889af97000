"""Text from the wire -> text that is shown and has no effect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.report.sanitize import cut, safe, safe_cell
from eveproc.report.times import iso, short, span
from tests.eveproc.made_verdicts import HOSTILE, START


def test_what_does_not_print_is_shown_as_its_escape() -> None:
    assert safe(HOSTILE) == r"a\x1b[2J\x07\u202eb\r\nc\u2028d\u200de"
    assert safe("\ud800 \U000e0001") == r"\ud800 \U000e0001"


def test_what_prints_stays() -> None:
    assert safe("Grüße an 日本 ☃, 5 °C") == "Grüße an 日本 ☃, 5 °C"


@given(st.text())
def test_nothing_that_steers_gets_through(text: str) -> None:
    assert safe(text).isprintable()
    assert safe(safe(text)) == safe(text)
    assert not text or safe(text).encode()  # no surrogate is left


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_is_never_a_formula(start: str) -> None:
    assert safe_cell(f"{start}1+1").startswith("'")
    assert safe_cell(f"1{start}").startswith("1")


@given(st.text())
def test_no_cell_starts_like_a_formula(text: str) -> None:
    assert safe_cell(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")


def test_times() -> None:
    assert iso(START) == "2024-03-01T10:00:00.250000Z"
    assert iso(START - 0.25) == "2024-03-01T10:00:00.000000Z"
    assert iso(None) is iso(float("inf")) is iso(float("-inf")) is None
    assert short(START) == "2024-03-01 10:00:00Z"
    assert span(START, START + 60) == "2024-03-01 10:00:00Z to 10:01:00Z"
    assert span(START, START + 86_400) == "2024-03-01 10:00:00Z to 2024-03-02 10:00:00Z"
    assert span(START, START + 0.5) == "2024-03-01 10:00:00Z"
    assert span(float("inf"), float("-inf")) == "never to never"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("under the given name", "under the given name"),
        ("under the given names", "under the given…"),
        ("under the given!names", "under the given!nam…"),
        ("a-name-without-any-spaces", "a-name-without-any-…"),
        ("two thenonelongword!!", "two thenonelongword…"),
    ],
)
def test_text_is_cut_between_words_where_that_omits_little(text: str, shown: str) -> None:
    assert cut(text, 20) == shown
