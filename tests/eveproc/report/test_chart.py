"""Charts as SVG: readable as XML, coloured by the page alone, the same every time, and text is only
text."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.report.chart import Drawing, Ink, draw
from eveproc.report.report_charts import duration, evidence_chart, pace_chart, time_ticks
from eveproc.verdicts.chart_data import NO_CHART_DATA, Columns, HostCount, Pace
from rulegen.site_profile import Threshold
from rulegen.units import DAY
from rulegen.vocabulary import Level, Signal
from tests.eveproc.evidence_of import START
from tests.eveproc.made_stores import PAYLOADS, office

ALLOWED = {"svg", "title", "g", "defs", "path", "use", "clipPath", "rect", "text", "a"}


def drawings() -> Iterator[Drawing]:
    report = office()
    names = {
        verdict.key: (verdict.host, f"#host-{number}")
        for number, verdict in enumerate(report.verdicts)
    }
    chart = evidence_chart(report.chart_data)
    assert chart
    yield chart
    yield from (pace_chart(pace, names) for pace in report.chart_data.paces)


def svgs() -> list[Element]:
    return [
        fromstring(svg) for drawing in drawings() for svg in (drawing.wide, drawing.narrow) if svg
    ]


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in fromstring(svg).iter("text")]


def pace(*marks: tuple[str, Level, int], clean: tuple[tuple[int, int], ...] = ()) -> Pace:
    marked = tuple(HostCount((name, ""), level, number) for name, level, number in marks)
    return Pace(Signal.SMTP_ATTEMPTS, Threshold(15, 60), clean, marked, 7)


def names_of(drawn: Pace) -> dict[tuple[str, str], tuple[str, str]]:
    return {mark.key: (mark.key[0], "#host-1") for mark in drawn.marked}


def test_nothing_in_a_chart_can_run_load_or_be_refused_by_the_policy() -> None:
    for svg in svgs():
        for element in svg.iter():
            assert element.tag in ALLOWED
            assert not [
                name
                for name in element.attrib
                if name in ("style", "class", "src", "target") and element.tag != "svg"
            ]
            assert not [name for name in element.attrib if name.startswith("on")]
            assert element.get("href", "#").startswith("#")


def test_every_colour_is_the_page_s() -> None:
    inks = {f"var(--{ink})" for ink in Ink} | {"none", None}
    for svg in svgs():
        assert {element.get(name) for element in svg.iter() for name in ("fill", "stroke")} <= inks


def test_ids_are_referred_to_and_unique_on_a_page() -> None:
    ids = [element.get("id") for svg in svgs() for element in svg.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    text = "".join(drawing.wide + drawing.narrow for drawing in drawings())
    referred = set(re.findall(r'(?:url\(#|<use href="#)([\w-]+)', text))
    assert referred <= set(ids)


def test_a_chart_is_the_same_every_time() -> None:
    assert list(drawings()) == list(drawings())


def test_charts_say_what_they_show() -> None:
    chart, first, *_ = drawings()
    assert chart.title == "Evidence over the report, per 2 minutes"
    assert "lookup 491, most (188) at 2026-03-02 08:18" in chart.says
    assert first.says == (
        "3 of 4 infected or suspected hosts reached the rule's 15 per minute; clean hosts met at "
        "most 2; "
        "18 hosts met none. Declared mail servers are excluded."
    )
    assert {svg.get("role") for svg in svgs()} == {"img", "group"}
    assert all(svg.find("title") is not None for svg in svgs())


def test_only_the_busiest_hosts_are_named() -> None:
    drawn = pace(
        *((f"h{number}", Level.SUSPECTED, number) for number in range(30, 0, -1)),
        clean=((1, 900_000), (40, 1)),
    )
    said = texts(pace_chart(drawn, names_of(drawn)).wide)
    assert [text for text in said if text.startswith("h") and text != "hosts"] == [
        f"h{number}" for number in range(23, 31)
    ]


def test_a_site_where_nobody_is_suspected_has_its_distribution() -> None:
    drawing = pace_chart(pace(clean=((1, 4), (3, 2))), {})
    assert "0 of 0 infected or suspected" in drawing.says
    assert "rule: 15" in texts(drawing.wide)
    assert (
        "no clean host met any"
        in pace_chart(pace(("h", Level.INFECTED, 3)), {("h", ""): ("h", "#x")}).says
    )


def test_there_is_no_chart_of_nothing() -> None:
    assert evidence_chart(NO_CHART_DATA) is None
    assert evidence_chart(replace(office().chart_data, families={})) is None


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: repr(payload[:12]))
def test_a_host_s_name_is_text(payload: str) -> None:
    drawn = pace((payload, Level.INFECTED, 20))
    drawing = pace_chart(drawn, names_of(drawn))
    assert {element.tag for element in fromstring(drawing.wide).iter()} <= ALLOWED
    assert all(text.isprintable() and len(text) < 60 for text in texts(drawing.wide))


@settings(max_examples=10)
@given(st.text(max_size=30))
def test_any_text_can_be_painted(name: str) -> None:
    drawn = pace((name, Level.SUSPECTED, 2))
    assert fromstring(pace_chart(drawn, names_of(drawn)).wide).tag == "svg"


def test_painting_leaves_matplotlib_s_settings_alone() -> None:
    from matplotlib import rcParams

    before = dict(rcParams)
    draw("x", 100, 100, "nothing", lambda figure: figure.subplots())
    assert dict(rcParams) == before


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        (2, ["00:00\n2 Mar", "00:30", "01:00", "01:30", "02:00"]),
        (48, ["00:00\n2 Mar", "12:00", "00:00\n3 Mar", "12:00", "00:00\n4 Mar"]),
        (24 * 9, ["2 Mar", "4 Mar", "6 Mar", "8 Mar", "10 Mar"]),
    ],
)
def test_times_below_a_chart_are_round_and_name_each_day_once(
    hours: int, labels: list[str]
) -> None:
    midnight = START // DAY * DAY
    columns = Columns(midnight, 3600 * hours // 60 if hours > 2 else 120, 60)
    assert [label for _, label in time_ticks(columns, most=5)] == labels


def test_times_of_years_are_months() -> None:
    labels = [label for _, label in time_ticks(Columns(0.0, 30 * DAY, 60), most=5)]
    assert 2 <= len(labels) <= 6
    assert all(re.fullmatch(r"[A-Z][a-z]{2} \d{4}", label) for label in labels)


def test_durations_are_said_as_people_say_them() -> None:
    said = {
        1: "second",
        45: "45 seconds",
        60: "minute",
        300: "5 minutes",
        3600: "hour",
        7200: "2 hours",
        DAY: "day",
        3 * DAY: "3 days",
    }
    assert {seconds: duration(seconds) for seconds in said} == said
