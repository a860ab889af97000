"""A packed store holds what a dict would, whichever part of it is packed."""

import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.evidence import packed_store
from eveproc.evidence.packed_store import PackedStore
from eveproc.evidence.store import EvidenceSource, HostEvidence
from eveproc.signals.facts import Fact
from eveproc.signals.observation import Observation, Pivot
from rulegen.vocabulary import Signal

KINDS = (Signal.MX_FLOOD, Signal.SMTP_ATTEMPTS, Fact.MAIL_NAMES)


def noted(rng, evidence):
    key = rng.choice(["a.test", "caf\u00e9.test", "half \ud800", ""])
    pivot = rng.choice([None, Pivot(rng.randrange(1 << 63), "1:x=", -1)])
    evidence.note(
        rng.choice(KINDS),
        rng.choice(list(EvidenceSource)),
        Observation(rng.random() * 9000, key, (key, rng.random()), 7, pivot),
    )


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_what_is_packed_comes_back_as_it_was(seed, in_use):
    rng = random.Random(seed)
    plain, packed = {}, PackedStore(HostEvidence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_store, "IN_USE", in_use)
        for _ in range(40):
            host, state = rng.choice("abcdef"), rng.getstate()
            noted(rng, plain.setdefault(host, HostEvidence()))
            rng.setstate(state)
            noted(rng, packed.open(host))
    for evidence in (*plain.values(), *packed.in_use()):
        evidence.trim()
    assert packed == plain
    assert pickle.loads(pickle.dumps(packed)) == plain
    assert (len(packed), set(packed)) == (len(plain), set(plain))
    assert all(host in packed and packed[host] == evidence for host, evidence in plain.items())


def test_what_was_never_there():
    packed = PackedStore(HostEvidence)
    assert packed.get("a") is None
    assert "a" not in packed
    with pytest.raises(KeyError):
        packed["a"]


def test_only_what_is_kept_stays(monkeypatch):
    monkeypatch.setattr(packed_store, "IN_USE", 2)
    packed = PackedStore(HostEvidence)
    for key in "abcd":
        packed.open(key)
    packed.keep(lambda key: key in "ad")
    assert sorted(packed) == ["a", "d"]


def test_packed_values_are_found_by_a_text_in_them(monkeypatch):
    monkeypatch.setattr(packed_store, "IN_USE", 1)
    store = PackedStore(HostEvidence)
    for host, kind in (("a", Signal.MX_FLOOD), ("b", Fact.MAIL_NAMES), ("c", Signal.MX_FLOOD)):
        store.open(host).note(kind, EvidenceSource.LOG, Observation(5.0, "a.test", ("a.test", 5)))
    store.open("d")
    found = dict(store.that_may_hold(Fact.MAIL_NAMES))
    assert {host for host, each in found.items() if each.sketches} == {"b"}
    assert found["b"].log(Fact.MAIL_NAMES).keys() == {"a.test"}
    both = dict(store.that_may_hold(Fact.MAIL_NAMES, Signal.MX_FLOOD))
    assert {host for host, each in both.items() if each.sketches} == {"a", "b", "c"}


@pytest.mark.parametrize("in_use", [1, 2, 100])
def test_merged_stores_hold_what_one_store_would(monkeypatch, in_use):
    """Whatever is packed in either store, and however many parts wait to be merged."""
    monkeypatch.setattr(packed_store, "IN_USE", in_use)
    monkeypatch.setattr(packed_store, "MOST_PARTS", 2)
    whole, merged = PackedStore(HostEvidence), PackedStore(HostEvidence)
    for n in range(6):
        part = PackedStore(HostEvidence)
        for host in "abc"[n % 2 :]:
            seen = Observation(5.0 + n, f"{n}.test", (host, n))
            for store in (whole, part):
                store.open(host).note(Signal.MX_FLOOD, EvidenceSource.LOG, seen)
        merged.merge(pickle.loads(pickle.dumps(part)) if n < 4 else part, lambda key: key != "c")
    whole.keep(lambda key: key != "c")
    for value in whole.in_use():
        value.trim()
    again = pickle.loads(pickle.dumps(merged))
    assert dict(merged.items()) == dict(whole.items()) == dict(again.items())
    assert dict(merged.packed()).keys() == set(merged) == {"a", "b"}
    assert [each for _, each in sorted(merged.that_may_hold(Signal.MX_FLOOD))] == [
        whole[host] for host in "ab"
    ]
    assert all(merged.open(host) == whole[host] for host in "ab")
