"""HostEvidence <-> hourly pieces for a state file; safe to read from untrusted files.

A piece is a HostEvidence of one hour in its own packed form (MessagePack, see
ActivitySketch.as_row). Hours merge in any order, so the pieces restore the original evidence.
"""

from collections.abc import Iterable

import msgspec

from eveproc.evidence.sketch import ActivitySketch, Bucket
from eveproc.evidence.store import HostEvidence
from rulegen.units import HOUR


def storable(text: str) -> str:
    """Text that can be encoded as UTF-8: lone surrogates, which JSON allows, are escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def pack(evidence: HostEvidence) -> dict[int, bytes]:
    """Evidence by hour (seconds since 1970 divided by HOUR), in deterministic bytes."""
    evidence.trim()
    pieces: dict[int, HostEvidence] = {}
    for label, part in (("", evidence), *sorted(evidence.parts.items())):
        for key, sketch in sorted(part.sketches.items()):
            for hour, bucket in sketch.hours.items():
                piece = pieces.setdefault(hour, HostEvidence(sampled=evidence.sampled)).part(label)
                piece.sketches[key] = _of_hour(sketch, hour, bucket)
    return {hour: piece.packed() for hour, piece in sorted(pieces.items())}


def unpack(pieces: Iterable[tuple[int, bytes]]) -> HostEvidence:
    """Pieces with their hours -> the original evidence.

    Raises ValueError for what `pack` did not write.
    """
    evidence = HostEvidence()
    for hour, packed in pieces:
        try:
            evidence.merge(HostEvidence.unpacked(packed))
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            raise ValueError(f"evidence of hour {hour}: {error}") from error
    return evidence


def _of_hour(sketch: ActivitySketch, hour: int, bucket: Bucket) -> ActivitySketch:
    times = (*bucket.keys.values(), *bucket.events.values())
    return ActivitySketch(
        {
            hour: Bucket(
                dict(sorted(bucket.keys.items())),
                dict(sorted(bucket.events.items())),
                bucket.is_sample,
                bucket.scale,
            )
        },
        set(sketch.sids),
        {pivot: time for pivot, time in sorted(sketch.pivots.items()) if time // HOUR == hour},
        sketch.first_seen if hour == sketch.first_seen // HOUR else min(times),
        sketch.last_seen if hour == sketch.last_seen // HOUR else max(times),
    )
