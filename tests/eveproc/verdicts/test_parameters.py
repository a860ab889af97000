"""The model's formula, its promises, and the page that states its numbers."""

from math import exp, isclose, log
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.signals.weights import Window
from eveproc.verdicts.parameters import (
    ALERTS,
    CEILING,
    CURVES,
    INFECTED_AT,
    PRIOR,
    SUSPECTED_AT,
    probability,
)
from rulegen.vocabulary import Family, Signal

PAGE = Path(__file__).parents[3] / "docs" / "verdicts.md"
NAMES = {60: "60 s", 300: "5 min", 3600: "1 h", 28800: "8 h", 86400: "24 h"}


def enough(level):
    return log(level / (1 - level))


def test_a_window_is_the_ratio_of_two_geometric_laws():
    window = Window(60, 4, 10)
    q0, q1 = 1000 ** (-1 / 4), 10 / 11
    for n in range(20):
        assert isclose(exp(window.weigh(n)), ((1 - q1) * q1**n) / ((1 - q0) * q0**n))


def test_rare_is_what_one_innocent_host_in_a_thousand_reaches():
    assert isclose((1000 ** (-1 / 7)) ** 7, 1 / 1000)


@pytest.mark.parametrize("family", [Family.LOOKUP, Family.CONTENT, Family.REJECTION])
def test_no_such_family_convicts_alone(family):
    assert probability(PRIOR + CEILING[family]) < INFECTED_AT


def test_delivery_can_convict_alone():
    assert probability(PRIOR + CEILING[Family.DELIVERY]) > INFECTED_AT


def test_one_alert_does_not_make_a_suspect():
    assert all(probability(PRIOR + weight.first) < SUSPECTED_AT for weight in ALERTS.values())


LOOKUP_RULES = [Signal.MX_FLOOD, Signal.MX_SLOW, Signal.NAME_GUESS, Signal.NAME_GUESS_NX]
DELIVERY_RULES = [
    Signal.SMTP_ATTEMPTS,
    Signal.SMTP_SESSIONS,
    Signal.MAIL_BURST,
    Signal.MX_THEN_SMTP,
]


@pytest.mark.parametrize("lookup", LOOKUP_RULES)
@pytest.mark.parametrize("delivery", DELIVERY_RULES)
def test_two_families_convict_from_the_second_window_on(lookup, delivery):
    one, other = ALERTS[lookup], ALERTS[delivery]
    assert probability(PRIOR + one.first + other.first) < INFECTED_AT
    assert probability(PRIOR + one.weigh(2) + other.first) >= INFECTED_AT
    assert probability(PRIOR + one.first + other.weigh(2)) >= INFECTED_AT


@pytest.mark.parametrize("lookup", LOOKUP_RULES)
def test_a_rule_that_counts_strangers_needs_one_alert_of_mx_lookups(lookup):
    found = probability(PRIOR + ALERTS[lookup].first + ALERTS[Signal.SMTP_SLOW].first)
    assert (found >= INFECTED_AT) is (lookup is not Signal.NAME_GUESS)


def test_fewer_than_five_servers_never_convict():
    windows = CURVES[Signal.SMTP_ATTEMPTS]
    assert all(probability(PRIOR + window.weigh(4)) < SUSPECTED_AT for window in windows)


@given(st.integers(1, 50), st.integers(1, 50))
def test_alert_weights_rise_and_saturate(fewer, more):
    fewer, more = sorted((fewer, more))
    for weight in ALERTS.values():
        assert weight.weigh(fewer) <= weight.weigh(more) <= weight.most
        assert weight.weigh(0) == 0


@given(st.floats(-2000, 2000))
def test_probability_never_overflows(log_odds):
    assert 0 <= probability(log_odds) <= 1


def stated():
    yield f"ln(1/{round(exp(-PRIOR))})"
    yield f"`infected` from {INFECTED_AT:.2f}, `suspected` from {SUSPECTED_AT:.2f}"
    yield ", ".join(f"{family} {ceiling:g}" for family, ceiling in CEILING.items())
    for signal, windows in CURVES.items():
        for window in windows:
            yield f"| `{signal}` | {NAMES[window.seconds]} | {window.rare:g} | {window.mailer:g} |"
    for signal, weight in ALERTS.items():
        yield f"| `{signal}` | {weight.first:g} | {weight.most:g} |"


@pytest.mark.parametrize("line", list(stated()))
def test_the_page_states_every_number(line):
    assert line in PAGE.read_text()
