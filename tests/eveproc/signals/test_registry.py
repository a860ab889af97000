"""Both sides of a signal against each other: its rule in rulegen/catalogue, its records in
eveproc/signals."""

from math import inf

import pytest

from eveproc.signals.content import is_runnable
from eveproc.signals.declaration import Extractor, PeerLimit, SignalEntry, Traces
from eveproc.signals.facts import FACTS, Fact
from eveproc.signals.records import Record
from eveproc.signals.registry import EXTRACTORS, SIGNALS
from eveproc.signals.rule_match import SmtpMatch, Untold
from eveproc.verdicts.caps import Caps
from rulegen.catalogue import CATALOGUE
from rulegen.vocabulary import RUNNABLE_SUFFIXES, Engine, Signal
from tests.eveproc.evidence_of import HOST, gather, mail

ENTRIES = list(SIGNALS.values())
RULES = {spec.signal: spec for spec in CATALOGUE if spec.name == spec.signal}


def test_every_signal_has_one_rule_of_its_name_and_one_entry() -> None:
    assert sorted(RULES) == sorted(SIGNALS)
    assert set(SIGNALS) == set(Signal)


def test_every_fact_has_one_entry() -> None:
    assert sorted(entry.fact for entry in FACTS) == sorted(Fact)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.signal)
def test_alerts_are_weighed_where_an_engine_can_raise_them(entry: SignalEntry) -> None:
    spec = RULES[entry.signal]
    is_seen = any(spec.is_seen_by(engine) for engine in Engine)
    assert (entry.alert_weight is not None) is is_seen


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.signal)
def test_what_is_extracted_is_weighed_with_a_source_and_found_by_the_prefilter(
    entry: SignalEntry,
) -> None:
    assert bool(entry.windows) is bool(entry.windows_source)
    assert bool(entry.windows) is bool(entry.extractors or entry.signal is Signal.MX_THEN_SMTP)
    assert bool(entry.extractors) is (entry.traces != Traces())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.signal)
def test_a_signal_is_shown_by_something(entry: SignalEntry) -> None:
    assert entry.extractors or entry.alert_weight


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.signal)
def test_other_signals_that_are_named_hold_what_they_are_named_for(entry: SignalEntry) -> None:
    assert SIGNALS[entry.counted_from].extractors or not entry.records
    if entry.slow_name:
        slow = SIGNALS[entry.slow_name]
        assert (slow.records, slow.did, slow.peer) == (entry.signal, entry.did, entry.peer)
        assert slow.signal.family is entry.signal.family


def test_bits_of_the_history_are_apart_and_never_change() -> None:
    bits = {
        entry.signal: entry.rule_match.bit
        for entry in ENTRIES
        if isinstance(entry.rule_match, SmtpMatch)
    }
    assert bits == {
        Signal.SMTP_SESSIONS: 1,
        Signal.HELO_ODD: 2,
        Signal.MAIL_BURST: 4,
        Signal.WORM_ATTACHMENT: 8,
    }


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.signal)
def test_what_tuning_can_tell_has_a_known_mailer_to_find(entry: SignalEntry) -> None:
    is_told = not isinstance(entry.rule_match, Untold)
    assert is_told is bool(entry.per_mail or entry.measured)
    assert not is_told or RULES[entry.signal].threshold


@pytest.mark.parametrize("suffix", RUNNABLE_SUFFIXES)
def test_records_and_tuning_know_every_suffix_of_the_rules(suffix: str) -> None:
    sent = mail(0, "198.18.0.1", attachments=(f"Invoice.PDF.{suffix.upper()}",))
    evidence = gather([sent]).hosts[HOST]
    assert evidence.log(Signal.WORM_ATTACHMENT).count() == 1
    rule = SIGNALS[Signal.WORM_ATTACHMENT].rule_match
    assert isinstance(rule, SmtpMatch)
    assert rule.counts(sent)


@pytest.mark.parametrize("name", ["report.pdf", "exe", "notes.exe.txt", "wsh", ""])
def test_no_other_name_is_a_program(name: str) -> None:
    assert not is_runnable(name)


@pytest.mark.parametrize("limit", PeerLimit)
def test_every_limit_is_one_of_the_caps(limit: PeerLimit) -> None:
    found = Caps(direct=1, submission=2, lookups=3, recipients=4, acts=5, refused=6).at_most(limit)
    assert found == {1: inf, 2: 3, 3: 1, 4: 2, 5: 4, 6: 5, 7: 6}[limit.value]


def test_every_extractor_is_asked() -> None:
    asked = [peer for extractors in EXTRACTORS.values() for _, peer in extractors]
    declared: list[Extractor[Record]] = [
        extractor for entry in (*ENTRIES, *FACTS) for extractor in entry.extractors
    ]
    assert sorted(map(id, asked)) == sorted(id(extractor.peer) for extractor in declared)
