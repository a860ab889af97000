"""HostEvidence <-> small pieces by the hour, as MessagePack: what a state file keeps of a host, and safe to read from anyone.

A piece is an array of tracks, each [kind, source, first_seen, last_seen, keys, events, sids, pivots] with times in seconds since 1970:
`keys` {text: time} and `events` {fingerprint: time} as in track.Bucket, `pivots` [[flow id, community id, transaction, time], ...].
Hours merge in any order, so a host's pieces are put together again to what they were made of.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec
from msgspec import Struct

from eveproc.evidence import Fact, HostEvidence, Kind, Source
from eveproc.track import HOUR, Bucket, Pivot, Track
from rulegen.vocabulary import Signal

_KINDS: Mapping[str, Kind] = MappingProxyType({kind.value: kind for kinds in (Signal, Fact) for kind in kinds})


class _Piece(Struct, frozen=True, array_like=True):
    kind: str
    source: Source
    first_seen: float
    last_seen: float
    keys: dict[str, float]
    events: dict[int, float]
    sids: tuple[int, ...]
    pivots: tuple[tuple[int, str, int, float], ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[_Piece, ...]).decode


def storable(text: str) -> str:
    """Text that can be written as UTF-8: half a surrogate pair, which JSON may hold, is spelled out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def pack(evidence: HostEvidence) -> dict[int, bytes]:
    """By hour (seconds since 1970 over HOUR) what was seen in it. The evidence is brought to its canonical form first."""
    evidence.trim()
    pieces: dict[int, list[_Piece]] = {}
    for (kind, source), track in sorted(evidence.tracks.items()):
        for hour in track.hours:
            pieces.setdefault(hour, []).append(_piece(kind, source, track, hour))
    return {hour: _encode(found) for hour, found in sorted(pieces.items())}


def unpack(pieces: Iterable[tuple[int, bytes]]) -> HostEvidence:
    """Pieces with their hours -> the evidence they are of. A kind that a newer version wrote is left out. Raises ValueError."""
    evidence = HostEvidence()
    for hour, packed in pieces:
        try:
            found = [(piece, _KINDS[piece.kind]) for piece in _decode(packed) if piece.kind in _KINDS]
        except msgspec.DecodeError as error:
            raise ValueError(f"evidence of hour {hour}: {error}") from error
        evidence.merge(HostEvidence({(kind, piece.source): _track(piece, hour) for piece, kind in found}))
    return evidence


def _piece(kind: Kind, source: Source, track: Track, hour: int) -> _Piece:
    bucket = track.hours[hour]
    times = (*bucket.keys.values(), *bucket.events.values())
    return _Piece(
        kind=kind.value,
        source=source,
        first_seen=track.first_seen if hour == track.first_seen // HOUR else min(times),
        last_seen=track.last_seen if hour == track.last_seen // HOUR else max(times),
        keys={storable(key): time for key, time in sorted(bucket.keys.items())},
        events=dict(sorted(bucket.events.items())),
        sids=tuple(sorted(track.sids)),
        pivots=tuple((*pivot, time) for pivot, time in sorted(track.pivots.items()) if time // HOUR == hour),
    )


def _track(piece: _Piece, hour: int) -> Track:
    pivots = {Pivot(flow_id, community_id, tx_id): time for flow_id, community_id, tx_id, time in piece.pivots}
    return Track({hour: Bucket(piece.keys, piece.events)}, set(piece.sids), pivots, piece.first_seen, piece.last_seen)
