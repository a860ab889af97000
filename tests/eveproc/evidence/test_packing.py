"""HostEvidence -> pieces by the hour -> the same evidence; anything else is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.evidence.packing import pack, storable, unpack
from eveproc.evidence.store import EvidenceSource, HostEvidence
from eveproc.signals.facts import Fact
from eveproc.signals.observation import Observation, Pivot
from rulegen.units import HOUR
from rulegen.vocabulary import Signal

TIMES = st.floats(0, 40 * HOUR).map(lambda time: 1_772_438_400.0 + round(time, 6))
PIVOTS = st.none() | st.builds(
    Pivot,
    st.integers(1, 50),
    st.sampled_from(("", "1:x=")),
    st.integers(-1, 3),
    st.sampled_from((0, 40_000)),
)
SIGHTINGS = st.builds(
    Observation,
    TIMES,
    st.text(max_size=6).map(storable),
    st.tuples(st.integers(0, 99)),
    st.sampled_from((0, 1_250_001, 1_250_002)),
    PIVOTS,
)
KINDS = st.sampled_from((*Signal, *Fact))


@st.composite
def evidences(draw: st.DrawFn) -> HostEvidence:
    evidence = HostEvidence()
    for kind, source, observation in draw(
        st.lists(st.tuples(KINDS, st.sampled_from(EvidenceSource), SIGHTINGS), max_size=30)
    ):
        evidence.note(kind, source, observation)
    return evidence


def trimmed(evidence: HostEvidence) -> HostEvidence:
    evidence.trim()
    return evidence


@given(evidences())
def test_pieces_are_put_together_to_what_they_were_made_of(evidence: HostEvidence) -> None:
    assert trimmed(unpack(pack(evidence).items())) == trimmed(evidence)


@given(evidences(), evidences())
def test_pieces_of_two_readings_give_what_one_reading_gives(
    one: HostEvidence, other: HostEvidence
) -> None:
    apart = unpack([*pack(one).items(), *pack(other).items()])
    one.merge(other)
    assert trimmed(apart) == trimmed(one)


@given(evidences())
def test_the_same_evidence_gives_the_same_bytes(evidence: HostEvidence) -> None:
    packed = pack(evidence)
    assert pack(unpack(packed.items())) == packed


def test_half_a_surrogate_pair_can_be_kept() -> None:
    evidence = HostEvidence()
    evidence.note(
        Signal.HELO_ODD, EvidenceSource.LOG, Observation(1_772_438_400.0, "a\ud800b", ("x",))
    )
    assert unpack(pack(evidence).items()).log(Signal.HELO_ODD).keys() == {"a\ud800b"}


@pytest.mark.parametrize(
    "piece",
    [b"", b"\xc1", b"\x80", msgspec.msgpack.encode([["smells", "log", [1.0, 2.0, [], [], []]]])],
)
def test_what_is_no_piece_is_refused(piece: bytes) -> None:
    with pytest.raises(ValueError, match="evidence of hour 7"):
        unpack([(7, piece)])


def test_evidence_of_0_1_has_flows_without_source_ports():
    """Their rows end with the time."""
    hours = [(10, [(b"a", 36_000.0)], [(1, 36_000.0)], False, 1.0)]
    row = (36_000.0, 36_000.0, [], [(7, b"1:x=", -1, 36_000.0)], hours)
    old = msgspec.msgpack.encode([("smtp_attempts", "log", row)])
    (sketch,) = unpack([(10, old)]).sketches.values()
    assert sketch.pivots == {Pivot(7, "1:x=", -1, 0): 36_000.0}
