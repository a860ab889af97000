"""Track: whatever the order, the split and the repeats of the sightings, the summary is the same."""

import random
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.track import FULL_HOURS, HOUR, KEPT, KEPT_LATER, PIVOTS, SIDS, Pivot, Sighting, Track, fingerprint, widest


def track_of(sightings):
    track = Track()
    for sighting in sightings:
        track.note(sighting)
    return track


def canonical(track):
    track = deepcopy(track)
    track.trim()
    return track


def sighting(time, key, number=0, **more):
    return Sighting(float(time), str(key), (key, time, number), **more)


def many(seed, count):
    rng = random.Random(seed)
    return [
        sighting(rng.randrange(3 * HOUR), rng.randrange(900), n, sid=rng.randrange(60), pivot=Pivot(rng.randrange(40)))
        for n in range(count)
    ]


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 30, 2500]), st.integers(1, 5))
def test_any_split_and_order_merges_to_the_same(seed, count, parts):
    sightings = many(seed, count)
    whole = canonical(track_of(sightings))
    rng = random.Random(seed + 1)
    rng.shuffle(sightings)
    merged = Track()
    for part in rng.sample(range(parts), parts):
        merged.merge(track_of(sightings[part::parts]))
    assert canonical(merged) == whole


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_weeks_merge_to_the_same_in_any_split_and_order(seed, parts):
    rng = random.Random(seed)
    sightings = [sighting(rng.randrange(90) * HOUR + rng.randrange(60), rng.randrange(40), n) for n in range(3000)]
    whole = canonical(track_of(sightings))
    merged = Track()
    for part in rng.sample(range(parts), parts):
        merged.merge(track_of(sightings[part::parts]))
    assert canonical(merged) == whole


def test_of_weeks_the_first_day_is_kept_whole():
    track = canonical(track_of(sighting(hour * HOUR + n, n) for hour in range(100) for n in range(100)))
    kept = [len(bucket.events) for _, bucket in sorted(track.hours.items())]
    assert kept == [100] * FULL_HOURS + [KEPT_LATER] * (100 - FULL_HOURS)
    assert track.count() == pytest.approx(10_000, rel=0.25)


def test_merging_twice_changes_nothing():
    track = track_of(many(7, 2500))
    twice = deepcopy(track)
    twice.merge(track)
    assert canonical(twice) == canonical(track)


def test_counts_are_exact_while_they_fit():
    track = track_of(sighting(second, second % 10) for second in range(KEPT))
    assert (track.count(), track.distinct()) == (KEPT, 10)


def test_large_counts_are_estimated_within_three_standard_errors():
    track = canonical(track_of(sighting(n / 10, n % 10, n) for n in range(20_000)))
    assert track.count() == pytest.approx(20_000, rel=3 / (KEPT - 2) ** 0.5)


def test_a_part_of_a_sampled_hour_keeps_its_share_of_the_count():
    track = canonical(track_of(sighting(n / 10, n % 10, n) for n in range(20_000)))
    assert track.between(0, 1000).count() == pytest.approx(10_000, rel=0.25)


def test_the_earliest_keys_are_kept():
    track = canonical(track_of(sighting(KEPT * 3 - n, n) for n in range(KEPT * 3)))
    assert [time for time, _ in track.newcomers()] == [float(t) for t in range(1, KEPT + 1)]


def test_a_key_is_a_newcomer_once():
    track = track_of([sighting(10, "a"), sighting(HOUR + 5, "a"), sighting(HOUR + 6, "b")])
    assert track.newcomers() == [(10.0, "a"), (HOUR + 6.0, "b")]
    assert track.distinct() == 2


@given(st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(0, 5)), max_size=60), st.integers(0, 3 * HOUR))
def test_two_halves_make_the_whole(pairs, cut):
    track = track_of(sighting(time, key, n) for n, (time, key) in enumerate(pairs))
    first, second = track.between(float("-inf"), cut), track.between(cut, float("inf"))
    assert first.last_seen < cut or not first.hours
    assert second.first_seen >= cut or not second.hours
    assert first.count() + second.count() == track.count()
    joined = deepcopy(first)
    joined.merge(second)
    assert joined.newcomers() == track.newcomers()


def test_bounded_sids_and_flows():
    track = canonical(track_of(sighting(n, "a", n, sid=n + 1, pivot=Pivot(1000 - n)) for n in range(100)))
    assert track.sids == set(range(1, SIDS + 1))
    assert track.earliest_pivots() == tuple(Pivot(n) for n in range(1000, 1000 - PIVOTS, -1))


def test_fingerprints_do_not_depend_on_the_process():
    assert fingerprint(("mail.example.org", "MX", 7)) == 0x9605269967FC1408


def test_widest_counts_what_lies_within_the_seconds():
    entries = [(0.0, "a"), (30.0, "b"), (60.0, "c"), (61.0, "d")]
    assert list(widest(entries, 60)) == [1, 2, 2, 3]
