"""ActivitySketch: the summary does not depend on order, split or repetition of the observations."""

import random
from copy import deepcopy
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.evidence.sketch import (
    FULL_HOURS,
    KEPT,
    KEPT_LATER,
    PIVOTS,
    SIDS,
    ActivitySketch,
    ManyEvents,
    fingerprint,
    mark_of,
    widest,
)
from eveproc.signals.observation import Observation, Pivot
from rulegen.units import HOUR


def track_of(observations):
    sketch = ActivitySketch()
    for observation in observations:
        sketch.note(observation)
    return sketch


def canonical(sketch):
    sketch = deepcopy(sketch)
    sketch.trim()
    return sketch


def observation(time, key, number=0, **more):
    return Observation(float(time), str(key), (key, time, number), **more)


def many(seed, count):
    rng = random.Random(seed)
    return [
        observation(
            rng.randrange(3 * HOUR),
            rng.randrange(900),
            n,
            sid=rng.randrange(60),
            pivot=Pivot(rng.randrange(40)),
        )
        for n in range(count)
    ]


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 30, 2500]), st.integers(1, 5))
def test_any_split_and_order_merges_to_the_same(seed, count, parts):
    observations = many(seed, count)
    whole = canonical(track_of(observations))
    rng = random.Random(seed + 1)
    rng.shuffle(observations)
    merged = ActivitySketch()
    for part in rng.sample(range(parts), parts):
        merged.merge(track_of(observations[part::parts]))
    assert canonical(merged) == whole


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_weeks_merge_to_the_same_in_any_split_and_order(seed, parts):
    rng = random.Random(seed)
    observations = [
        observation(rng.randrange(90) * HOUR + rng.randrange(60), rng.randrange(40), n)
        for n in range(3000)
    ]
    whole = canonical(track_of(observations))
    merged = ActivitySketch()
    for part in rng.sample(range(parts), parts):
        merged.merge(track_of(observations[part::parts]))
    assert canonical(merged) == whole


def test_of_weeks_the_first_day_is_kept_whole():
    sketch = canonical(
        track_of(observation(hour * HOUR + n, n) for hour in range(100) for n in range(100))
    )
    kept = [len(bucket.events) for _, bucket in sorted(sketch.hours.items())]
    assert kept == [100] * FULL_HOURS + [KEPT_LATER] * (100 - FULL_HOURS)
    assert sketch.count() == pytest.approx(10_000, rel=0.25)


def test_merging_twice_changes_nothing():
    sketch = track_of(many(7, 2500))
    twice = deepcopy(sketch)
    twice.merge(sketch)
    assert canonical(twice) == canonical(sketch)


def test_counts_are_exact_while_they_fit():
    sketch = track_of(observation(second, second % 10) for second in range(KEPT))
    assert (sketch.count(), sketch.distinct()) == (KEPT, 10)


def test_large_counts_are_estimated_within_three_standard_errors():
    sketch = canonical(track_of(observation(n / 10, n % 10, n) for n in range(20_000)))
    assert sketch.count() == pytest.approx(20_000, rel=3 / (KEPT - 2) ** 0.5)


@pytest.mark.parametrize(
    "number_of",
    [
        lambda n: 40_000 << 16 | n,  # one port, ids in turn
        lambda n: (1_024 + n) << 16 | 7,  # ports in turn, one id
        lambda n: (1_024 + n) << 16 | n,
        lambda n: (32_768 + n // 50) << 16 | n * 1_103 % 65_536,
        lambda n: random.Random(n).getrandbits(32),
    ],
)
@pytest.mark.parametrize("names", [1, 7])
def test_large_counts_are_estimated_whatever_the_numbers(number_of, names):
    """Whatever ports and ids a resolver uses, the marks of its queries are spread evenly."""
    count = 20_000
    sketch = canonical(
        track_of(
            Observation(0.0, "k", (f"name{n % names}",), number=number_of(n)) for n in range(count)
        )
    )
    assert abs(sketch.count() - count) < 3 / (KEPT - 2) ** 0.5 * count


@given(
    st.lists(
        st.tuples(
            st.floats(0, 3 * HOUR), st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 12)
        ),
        min_size=1,
    ),
    st.integers(0, 20),
)
def test_noted_together_or_one_by_one(seen, before):
    """Events in any order, on top of what is there."""
    observed = [
        Observation(t, key, (key,), number=n, pivot=Pivot(flow, "", -1, n) if flow else None)
        for t, key, n, flow in seen
    ]
    events = ManyEvents()
    for t, key, n, flow in seen:
        events.note(t, key, mark_of((key,), n), flow, "", n)
    one_by_one, together = track_of(observed), track_of(observed[:before])
    together.note_all(events.sketch())
    for sketch in (one_by_one, together):
        sketch.trim()
    assert together == one_by_one


def test_a_part_of_a_sampled_hour_keeps_its_share_of_the_count():
    sketch = canonical(track_of(observation(n / 10, n % 10, n) for n in range(20_000)))
    assert sketch.between(0, 1000).count() == pytest.approx(10_000, rel=0.25)


def test_the_earliest_keys_are_kept():
    sketch = canonical(track_of(observation(KEPT * 3 - n, n) for n in range(KEPT * 3)))
    assert [time for time, _ in sketch.newcomers()] == [float(t) for t in range(1, KEPT + 1)]


def test_a_key_is_a_newcomer_once():
    sketch = track_of(
        [observation(10, "a"), observation(HOUR + 5, "a"), observation(HOUR + 6, "b")]
    )
    assert sketch.newcomers() == [(10.0, "a"), (HOUR + 6.0, "b")]
    assert sketch.distinct() == 2


@given(
    st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(0, 5)), max_size=60),
    st.integers(0, 3 * HOUR),
)
def test_two_halves_make_the_whole(pairs, cut):
    sketch = track_of(observation(time, key, n) for n, (time, key) in enumerate(pairs))
    first, second = sketch.between(float("-inf"), cut), sketch.between(cut, float("inf"))
    assert first.last_seen < cut or not first.hours
    assert second.first_seen >= cut or not second.hours
    assert first.count() + second.count() == sketch.count()
    joined = deepcopy(first)
    joined.merge(second)
    assert joined.newcomers() == sketch.newcomers()


def test_bounded_sids_and_flows():
    sketch = canonical(
        track_of(observation(n, "a", n, sid=n + 1, pivot=Pivot(1000 - n)) for n in range(100))
    )
    assert sketch.sids == set(range(1, SIDS + 1))
    assert sketch.earliest_pivots() == tuple(Pivot(n) for n in range(1000, 1000 - PIVOTS, -1))


def test_fingerprints_do_not_depend_on_the_process():
    assert fingerprint(("mail.example.org", "MX", 7)) == 0x9605269967FC1408


def test_widest_counts_what_lies_within_the_seconds():
    entries = [(0.0, "a"), (30.0, "b"), (60.0, "c"), (61.0, "d")]
    assert list(widest(entries, 60)) == [1, 2, 2, 3]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 60)), max_size=80))
def test_the_earliest_pivots_are_kept_in_any_order(met):
    found = track_of(observation(at, "a", flow, pivot=Pivot(flow + 1)) for at, flow in met)
    first = {}
    for at, flow in met:
        first[flow] = min(at, first.get(flow, at))
    found.trim()
    expected = sorted((at, flow) for flow, at in first.items())[:PIVOTS]
    assert found.earliest_pivots() == tuple(Pivot(flow + 1) for _, flow in expected)


@pytest.mark.parametrize(("keys", "complete"), [(KEPT - 1, inf), (KEPT + 40, KEPT - 1.0)])
def test_keys_of_a_full_hour_are_complete_up_to_the_last_that_is_kept(keys, complete):
    sketch = canonical(track_of(observation(n, n) for n in range(keys)))
    assert sketch.complete_until(0) == complete
    assert sketch.has_all_keys() is (complete == inf)
    assert sketch.complete_until(1) == inf


def test_keys_of_later_hours_are_complete_for_a_shorter_time():
    notes = (observation(h * HOUR + n, n) for h in range(FULL_HOURS + 1) for n in range(30))
    sketch = canonical(track_of(notes))
    assert sketch.has_all_keys()
    assert sketch.complete_until(FULL_HOURS - 1) == inf
    assert sketch.complete_until(FULL_HOURS) == FULL_HOURS * HOUR + KEPT_LATER - 1
