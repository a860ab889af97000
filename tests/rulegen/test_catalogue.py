"""The catalogue: complete texts, unique names and offsets, one entry at least for each signal."""

import re
from collections import Counter

import pytest

from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import SID_BLOCK, SiteProfile, Threshold
from rulegen.spec import RuleSpec
from rulegen.vocabulary import SNORTS, SURICATAS, Engine, Family, HostSide, Signal

# The hundred of offsets that each family has.
HUNDREDS = {Family.LOOKUP: 0, Family.DELIVERY: 1, Family.CONTENT: 2, Family.REJECTION: 3}

every_spec = pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)


def test_every_signal_has_an_entry() -> None:
    assert {spec.signal for spec in CATALOGUE} == set(Signal)


def test_names_and_offsets_are_unique_and_in_order() -> None:
    assert max(Counter(spec.name for spec in CATALOGUE).values()) == 1
    offsets = [spec.offset for spec in CATALOGUE]
    assert offsets == sorted(set(offsets))


def test_a_signal_has_one_threshold() -> None:
    alerting = Counter(spec.signal for spec in CATALOGUE if spec.threshold)
    for signal in alerting:
        assert (
            len(
                {
                    (spec.threshold, spec.host_side)
                    for spec in CATALOGUE
                    if spec.signal is signal and spec.threshold
                }
            )
            == 1
        )
    for engine in SURICATAS:
        assert set(
            Counter(
                spec.signal for spec in CATALOGUE if spec.threshold and spec.is_seen_by(engine)
            ).values()
        ) == {1}


@every_spec
def test_offsets_follow_the_family(spec: RuleSpec) -> None:
    assert spec.offset in range(1, SID_BLOCK)
    assert spec.offset // 100 == HUNDREDS[spec.family]


@every_spec
def test_texts_are_complete(spec: RuleSpec) -> None:
    assert re.fullmatch(rf"MXHOUND {spec.family.upper()} [A-Z][\w .-]+", spec.msg)
    for sentence in (spec.next_step, spec.threshold_source):
        assert sentence.endswith("."), sentence
    assert not spec.sees.endswith(".")
    assert spec.references
    assert re.fullmatch(r"T\d{4}(\.\d{3})?", spec.technique)
    assert spec.rev >= 1
    assert re.fullmatch(r"" if spec.rev == 1 else r"\d{4}_\d\d_\d\d", spec.updated)


@every_spec
def test_what_alerts_says_what_is_mistaken_for_it(spec: RuleSpec) -> None:
    assert bool(spec.mistaken_for) == (spec.threshold is not None)
    assert len(set(spec.mistaken_for)) == len(spec.mistaken_for)


@every_spec
def test_what_an_engine_does_not_see_has_a_reason(spec: RuleSpec) -> None:
    assert set(spec.not_on) in (set(), set(SNORTS), set(Engine))
    assert not set(spec.not_on) & set(spec.misses)
    assert all(
        reason and not reason.endswith(".")
        for reason in (*spec.not_on.values(), *spec.misses.values())
    )


def test_rules_on_replies_look_at_the_destination() -> None:
    assert {spec.name for spec in CATALOGUE if spec.host_side is HostSide.DESTINATION} == {
        "name_guess_nx",
        "name_guess_nx_tcp",
        "smtp_rejects",
        "rcpt_refused",
        "met_mark",
    }


def test_the_site_may_change_a_threshold_but_not_make_one() -> None:
    flood = next(spec for spec in CATALOGUE if spec.signal is Signal.MX_FLOOD)
    mark = next(spec for spec in CATALOGUE if spec.threshold is None)
    site = SiteProfile(
        (), thresholds={Signal.MX_FLOOD: Threshold(3, 4), mark.signal: Threshold(5, 6)}
    )
    assert flood.threshold_at(site) == Threshold(3, 4)
    assert flood.threshold_at(SiteProfile(())) == flood.threshold
    assert mark.threshold_at(site) is None
