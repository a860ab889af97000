"""Verdicts -> a mail: whole, short whatever the report, and no line that a mail program would break
or mistake."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.report.digest_report import LINES_AT_MOST, WIDTH, render
from eveproc.verdicts.change import Change, HostChange, Trend
from eveproc.verdicts.verdict import Identity
from rulegen.vocabulary import Level
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import CLEAN, INFECTED, START, VERDICTS, a_report


def test_a_digest_to_the_letter() -> None:
    verdicts = (INFECTED, CLEAN)
    assert render(a_report(*verdicts, health=("the sensor: 7 packets dropped",)), verdicts) == (
        "mxhound: 1 infected host\n"
        "\n"
        "From 2024-03-01 10:00:00Z to 2024-03-02 11:00:00Z the sensor saw 2 home\n"
        "hosts but missed traffic, so absence of evidence is inconclusive (see sensor\n"
        "health).\n"
        "\n"
        "INFECTED 10.20.1.7 (laptop-7)  score 1.00\n"
        "  Opened SMTP connections to 241 outside servers; lookup and delivery agree.\n"
        "  Next: Take it off the network.\n"
        "\n"
        "1 clean host.\n"
        "Sensor health: the sensor: 7 packets dropped\n"
    )


def test_what_changed_comes_before_the_hosts_and_news_in_the_subject() -> None:
    hosts = (
        HostChange(
            INFECTED.host, Trend.WORSE, "e1", START, Level.SUSPECTED, INFECTED.key[1], "laptop-7"
        ),
        HostChange("10.20.9.9", Trend.GONE_QUIET, "e2", START),
        *(
            HostChange(f"10.20.8.{number}", Trend.RECOVERED, f"r{number}", START)
            for number in range(9)
        ),
    )
    text = render(a_report(INFECTED, change=Change(START, hosts)), (INFECTED,))
    assert text.startswith("mxhound: 1 infected host (1 worse)\n")
    assert (
        "Since the report up to 2024-03-01 10:00:00Z:\n"
        "  worse (1): 10.20.1.7 (laptop-7)\n"
        "  recovered (9): 10.20.8.0, 10.20.8.1, 10.20.8.2, 10.20.8.3, 10.20.8.4,\n"
        "  10.20.8.5 and 3 more\n"
        "  gone quiet (1): 10.20.9.9\n"
        "\n"
        "INFECTED 10.20.1.7 (laptop-7)  score 1.00, worse\n"
    ) in text


def test_a_quiet_night_is_a_few_lines() -> None:
    assert render(a_report(events=False), ()) == (
        "mxhound: No host infected or suspected\n\nNo event was seen in this period, so nothing is "
        "known about any host.\n\n0 clean hosts.\n"
    )


def test_clean_hosts_are_counted_even_when_the_others_list_them() -> None:
    assert CLEAN.host not in render(a_report(*VERDICTS), VERDICTS)


@settings(max_examples=30)
@given(st.integers(0, 60), st.text(max_size=2000), st.integers(0, 40))
def test_any_night_fits_a_mail(number: int, text: str, faults: int) -> None:
    verdicts = tuple(
        replace(INFECTED, why=text, next_step=text, identity=Identity("m", text, ()))
        for _ in range(number)
    )
    changes = tuple(
        HostChange(f"10.0.0.{index}", trend, "e", START, name=text)
        for index in range(number)
        for trend in Trend
    )
    lines = render(
        a_report(*verdicts, health=(text,) * faults, change=Change(START, changes)), verdicts
    ).split("\n")
    assert len(lines) <= LINES_AT_MOST
    assert all(len(line) <= WIDTH and line.isprintable() for line in lines)
    assert not [line for line in lines if line.startswith(("From:", "."))]


def test_five_thousand_hosts_fit_a_mail() -> None:
    busy = made_stores.many(5000)
    text = render(busy, busy.verdicts)
    assert len(text) < 10_000
    assert "And 4,990 hosts more" in text
