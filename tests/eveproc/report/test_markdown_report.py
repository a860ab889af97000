"""Report -> Markdown in which a reader of CommonMark finds the report's own markup and no other."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from eveproc.report.markdown_report import NAME, code, prose, render
from eveproc.report.sanitize import cut, safe
from eveproc.report.sentence import lead
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import CLEAN, INFECTED, VERDICTS, a_report

OURS = {"text", "code_inline", "strong_open", "strong_close", "text_special"}


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def inline(text: str) -> Iterator[Token]:
    for token in tokens(text):
        yield from token.children or ()


def blocks(text: str) -> set[str]:
    return {token.type.removesuffix("_open") for token in tokens(text) if token.nesting == 1}


def test_an_infected_host_to_the_letter() -> None:
    report = a_report(INFECTED, CLEAN)
    assert render(report, (INFECTED,)) == (
        "# mxhound: 1 infected host\n\n"
        f"{lead(report)}\n\n"
        "## INFECTED `10.20.1.7`\n\n"
        "- **Score:** 1.00\n"
        "- **Name:** `laptop-7`\n"
        "- **MAC:** `02:00:00:00:00:11`\n"
        "- **Other addresses:** `10.20.1.9`\n"
        "- **Seen:** 2024-03-01 10:00:00Z to 10:05:00Z\n"
        "- **Why:** Opened SMTP connections to 241 outside servers; lookup and delivery agree.\n"
        "- **Next step:** Take it off the network.\n\n"
        "| evidence | family | times | distinct | first | last | sids |\n"
        "|---|---|--:|--:|---|---|---|\n"
        "| `smtp_attempts` | delivery | 312 | 241 | 2024-03-01 10:00:00Z | 2024-03-01 10:05:00Z "
        "| 1250002 1250010 |\n\n"
        "1 clean host.\n\n"
    )


def test_the_office_is_headings_lists_and_tables() -> None:
    report = made_stores.office()
    text = render(report, report.verdicts)
    headings = [token.tag for token in tokens(text) if token.type == "heading_open"]
    assert headings == ["h1"] + ["h2"] * len(report.verdicts)
    assert text.count("| evidence |") == sum(bool(v.evidence) for v in report.verdicts)


def test_a_host_of_one_of_several_networks_says_which() -> None:
    other = replace(INFECTED, scope="vlan=10", repeats=("10.20.1.44",))
    text = render(a_report(other), (other,))
    assert "- **Network:** `vlan=10`\n" in text
    assert "- **Same mails as:** `10.20.1.44`\n" in text


def test_what_changed_is_told() -> None:
    report = made_stores.changed()
    text = render(report, report.verdicts)
    assert "- **Since the last report:** new, incident `e-0001`\n" in text
    assert "10.20.9.3" in text  # has gone quiet, so it has no section


def test_what_could_not_be_judged_is_the_title() -> None:
    cause = Cause("not_home", "no host of home_networks was seen", "correct home_networks")
    report = a_report(events=False, judgement=Judgement(Outcome.NOT_JUDGED, (cause,)))
    text = render(report, ())
    assert text.startswith(
        "# mxhound: Could not judge: no host of home\\_networks was seen\n\nNo host was judged. "
    )
    assert "- **Could not judge:** no host of home\\_networks was seen. Remedy: " in text
    assert "clean" not in text


def test_hostile_text_is_shown_and_marks_nothing_up() -> None:
    report = made_stores.hostile()
    text = render(report, report.verdicts) + render(a_report(*VERDICTS), VERDICTS)
    assert all(line.isprintable() for line in text.split("\n"))
    kinds = {token.type for token in inline(text)}
    assert kinds <= OURS | {"softbreak"}
    assert not {"html_block", "fence", "blockquote", "ordered_list"} & blocks(text)
    shown = {token.content for token in inline(text) if token.type == "code_inline"}
    assert {cut(payload, NAME) for payload in made_stores.PAYLOADS} <= shown
    plain = "".join(token.content for token in inline(text) if token.type == "text")
    assert not {"@", "#", "<", "`", "$"} & set(plain)
    assert "://" not in plain


@given(st.text(min_size=1))
def test_any_code_is_one_span_with_the_same_text(text: str) -> None:
    (token,) = inline(f"- {code(text)}")
    assert (token.type, token.content.strip(" ")) == ("code_inline", safe(text).strip(" "))


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_any_prose_is_plain_or_code(text: str) -> None:
    found = list(inline(f"**Why:** {prose(text)}"))
    assert {token.type for token in found} <= OURS
    assert blocks(f"- **Why:** {prose(text)}") == {"bullet_list", "list_item", "paragraph"}
