"""HostEvidence <-> small pieces by the hour: what a state file keeps of a host, and safe to read from anyone.

A piece is a HostEvidence of one hour in its own packed form (MessagePack, see Track.as_row). Hours merge in any order, so a host's
pieces are put together again to what they were made of.
"""

from collections.abc import Iterable

import msgspec

from eveproc.evidence import HostEvidence
from eveproc.track import HOUR, Bucket, Track


def storable(text: str) -> str:
    """Text that can be written as UTF-8: half a surrogate pair, which JSON may hold, is spelled out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def pack(evidence: HostEvidence) -> dict[int, bytes]:
    """By hour (seconds since 1970 over HOUR) what was seen in it; the same evidence gives the same bytes."""
    evidence.trim()
    pieces: dict[int, HostEvidence] = {}
    for key, track in sorted(evidence.tracks.items()):
        for hour, bucket in track.hours.items():
            pieces.setdefault(hour, HostEvidence()).tracks[key] = _of_hour(track, hour, bucket)
    return {hour: piece.packed() for hour, piece in sorted(pieces.items())}


def unpack(pieces: Iterable[tuple[int, bytes]]) -> HostEvidence:
    """Pieces with their hours -> the evidence they are of. Raises ValueError for what `pack` did not write."""
    evidence = HostEvidence()
    for hour, packed in pieces:
        try:
            evidence.merge(HostEvidence.unpacked(packed))
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            raise ValueError(f"evidence of hour {hour}: {error}") from error
    return evidence


def _of_hour(track: Track, hour: int, bucket: Bucket) -> Track:
    times = (*bucket.keys.values(), *bucket.events.values())
    return Track(
        {hour: Bucket(dict(sorted(bucket.keys.items())), dict(sorted(bucket.events.items())), bucket.is_sample, bucket.scale)},
        set(track.sids),
        {pivot: time for pivot, time in sorted(track.pivots.items()) if time // HOUR == hour},
        track.first_seen if hour == track.first_seen // HOUR else min(times),
        track.last_seen if hour == track.last_seen // HOUR else max(times),
    )
