"""Verdicts + NightEvidence -> two Parquet tables in storage, a partition a day. docs/spark.md has their schema."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

from eveproc.evidence import HostEvidence, Kind, NightEvidence, Source
from eveproc.memory.pack import storable
from eveproc.report.json import as_dict
from eveproc.track import Track
from eveproc.verdict import Verdict

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyspark.sql import SparkSession

# So many rows go to the cluster at once: they are held here and there.
ROWS = 50_000
MOMENTS = ("decided_at", "first_seen", "last_seen")
_MICROSECONDS = 1_000_000


def write(spark: "SparkSession", folder: str, verdicts: Sequence[Verdict], night: NightEvidence, now: float) -> None:
    """Write verdicts/day=.../ and evidence/day=.../ below the folder, in place of what that day had.

    The day (UTC) is that of the last event, or of `now` where there is none: a night without any evidence is one, too. No clock of a
    sensor leads beyond `now` (seconds since 1970 UTC).
    """
    last = min(night.last_event, now) if isfinite(night.last_event) else now
    day = datetime.fromtimestamp(last, UTC).date().isoformat()
    _write(spark, f"{folder}/verdicts/day={day}", verdict_schema(), map(_verdict, verdicts))
    _write(spark, f"{folder}/evidence/day={day}", evidence_schema(), _evidence(night))


def verdict_schema() -> "Schema":
    """One row a host; the fields of the json report."""
    import pyarrow as pa

    item = [
        *(("signal", pa.string()), ("family", pa.string()), ("source", pa.string()), ("count", pa.int64()), ("distinct", pa.int64())),
        *(("first_seen", _moment()), ("last_seen", _moment()), ("sids", pa.list_(pa.int64())), ("flow_ids", pa.list_(pa.int64()))),
        ("why", pa.string()),
    ]
    identity = [("mac", pa.string()), ("name", pa.string()), ("addresses", pa.list_(pa.string()))]
    return pa.schema(
        [
            *(("host", pa.string()), ("verdict", pa.string()), ("score", pa.float64())),
            *((name, _moment()) for name in MOMENTS),
            *(("families", pa.list_(pa.string())), ("evidence", pa.list_(pa.struct(item))), ("identity", pa.struct(identity))),
            *(("why", pa.string()), ("next_step", pa.string())),
        ]
    )


def evidence_schema() -> "Schema":
    """One row for a host, a behaviour and a source: what is counted distinctly (`keys`), and flows to look into."""
    import pyarrow as pa

    key = [("key", pa.string()), ("first_seen", _moment())]
    flow = [("flow_id", pa.int64()), ("community_id", pa.string()), ("tx_id", pa.int64()), ("first_seen", _moment())]
    return pa.schema(
        [
            *(("host", pa.string()), ("behaviour", pa.string()), ("source", pa.string()), ("count", pa.int64()), ("distinct", pa.int64())),
            *(("first_seen", _moment()), ("last_seen", _moment()), ("sids", pa.list_(pa.int64()))),
            *(("keys", pa.list_(pa.struct(key))), ("flows", pa.list_(pa.struct(flow)))),
        ]
    )


def _write(spark: "SparkSession", folder: str, schema: "Schema", rows: Iterator[object]) -> None:
    """The first rows replace what was there, the others are added."""
    import pyarrow as pa

    mode = "overwrite"
    while (some := list(islice(rows, ROWS))) or mode == "overwrite":
        table = pa.Table.from_pylist(some, schema)
        spark.createDataFrame(table).coalesce(1).write.mode(mode).parquet(folder)
        mode = "append"


def _verdict(verdict: Verdict) -> object:
    return _stored(as_dict(verdict))


def _stored(value: object, name: str = "") -> object:
    """A value of the json report as Parquet keeps it: moments as such, text as UTF-8."""
    match value:
        case dict():
            return {key: _stored(inner, key) for key, inner in value.items()}
        case list():
            return [_stored(inner) for inner in value]
        case str():
            return datetime.fromisoformat(value) if name in MOMENTS else storable(value)
    return value


def _evidence(night: NightEvidence) -> Iterator[dict[str, object]]:
    for host in sorted(night.hosts):
        evidence = night.hosts[host]
        yield from (_track(host, kind, source, evidence) for kind, source in sorted(evidence.tracks))


def _track(host: str, kind: Kind, source: Source, evidence: HostEvidence) -> dict[str, object]:
    track = evidence.track(kind, source)
    return {
        "host": host,
        "behaviour": kind.value,
        "source": source.value,
        "count": track.count(),
        "distinct": track.distinct(),
        "first_seen": _time(track.first_seen),
        "last_seen": _time(track.last_seen),
        "sids": sorted(track.sids),
        "keys": [{"key": storable(key), "first_seen": _time(time)} for time, key in track.newcomers()],
        "flows": list(_flows(track)),
    }


def _flows(track: Track) -> Iterator[dict[str, object]]:
    for pivot in track.earliest_pivots():
        community = storable(pivot.community_id)
        yield {"flow_id": pivot.flow_id, "community_id": community, "tx_id": pivot.tx_id, "first_seen": _time(track.pivots[pivot])}


def _moment() -> Any:
    import pyarrow as pa

    return pa.timestamp("us", "UTC")


def _time(time: float | None) -> int | None:
    """Seconds since 1970 -> microseconds; None for a time that is none."""
    return None if time is None or not isfinite(time) else round(time * _MICROSECONDS)
