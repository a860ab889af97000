"""Verdicts + EvidenceStore -> two Parquet tables, partitioned by day (schema: docs/spark.md)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

from eveproc.evidence.packing import storable
from eveproc.evidence.places import Place
from eveproc.evidence.sketch import ActivitySketch
from eveproc.evidence.store import EvidenceSource, EvidenceStore, HostEvidence
from eveproc.report.json_report import as_dict
from eveproc.signals.registry import Activity
from eveproc.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyspark.sql import SparkSession

# Rows sent to the cluster at once; both sides hold them in memory.
ROWS = 50_000
MOMENTS = ("decided_at", "first_seen", "last_seen")
NAME_TEXTS = ("kind", "name", "source")
_MICROSECONDS = 1_000_000


def write(
    spark: "SparkSession",
    folder: str,
    verdicts: Sequence[Verdict],
    store: EvidenceStore,
    now: float,
) -> None:
    """Write verdicts/day=.../ and evidence/day=.../ below the folder, replacing that day's tables.

    The day (UTC) is that of the last event, or of `now` if there is none: a report without evidence
    is written, too. The day is never after `now` (seconds since 1970 UTC), whatever a sensor's
    clock says.
    """
    last = min(store.last_event, now) if isfinite(store.last_event) else now
    day = datetime.fromtimestamp(last, UTC).date().isoformat()
    _write(spark, f"{folder}/verdicts/day={day}", verdict_schema(), map(_verdict, verdicts))
    _write(spark, f"{folder}/evidence/day={day}", evidence_schema(), _evidence(store))


def verdict_schema() -> "Schema":
    """One row for each host, with the fields of the JSON report."""
    import pyarrow as pa

    item = [
        *(
            ("signal", pa.string()),
            ("family", pa.string()),
            ("source", pa.string()),
            ("count", pa.int64()),
            ("distinct", pa.int64()),
        ),
        *(
            ("first_seen", _moment()),
            ("last_seen", _moment()),
            ("sids", pa.list_(pa.int64())),
            ("flow_ids", pa.list_(pa.int64())),
        ),
        ("why", pa.string()),
    ]
    identity = [("mac", pa.string()), ("name", pa.string()), ("addresses", pa.list_(pa.string()))]
    return pa.schema(
        [
            *(("host", pa.string()), ("verdict", pa.string()), ("score", pa.float64())),
            *((name, _moment()) for name in MOMENTS),
            *(
                ("families", pa.list_(pa.string())),
                ("evidence", pa.list_(pa.struct(item))),
                ("identity", pa.struct(identity)),
            ),
            *(("why", pa.string()), ("next_step", pa.string()), ("scope", pa.string())),
            *(("same_mails_as", pa.list_(pa.string())), ("is_router", pa.bool_())),
            ("people_at_least", pa.int64()),
            ("nat_sessions", _sessions()),
            ("in_turn", pa.list_(pa.string())),
            ("names", _names()),
            ("inventory", pa.map_(pa.string(), pa.string())),
        ]
    )


def _sessions() -> Any:
    import pyarrow as pa

    numbers = (("source_port", pa.int64()), ("flow_id", pa.int64()))
    return pa.list_(pa.struct([("first_seen", _moment()), *numbers]))


def _names() -> Any:
    import pyarrow as pa

    texts = ((key, pa.string()) for key in NAME_TEXTS)
    return pa.list_(pa.struct([*texts, ("last_seen", _moment())]))


def evidence_schema() -> "Schema":
    """One row for each host, activity and source: distinct peers (`keys`), and flows to inspect."""
    import pyarrow as pa

    key = [("key", pa.string()), ("first_seen", _moment())]
    flow = [
        ("flow_id", pa.int64()),
        ("community_id", pa.string()),
        ("tx_id", pa.int64()),
        ("source_port", pa.int64()),
        ("first_seen", _moment()),
    ]
    return pa.schema(
        [
            *(
                ("host", pa.string()),
                ("behaviour", pa.string()),
                ("source", pa.string()),
                ("count", pa.int64()),
                ("distinct", pa.int64()),
            ),
            *(("first_seen", _moment()), ("last_seen", _moment()), ("sids", pa.list_(pa.int64()))),
            *(("keys", pa.list_(pa.struct(key))), ("flows", pa.list_(pa.struct(flow)))),
            *(("scope", pa.string()), ("mac", pa.string())),
        ]
    )


def _write(spark: "SparkSession", folder: str, schema: "Schema", rows: Iterator[object]) -> None:
    """Write the first rows over the old table, and append the others."""
    import pyarrow as pa

    mode = "overwrite"
    while (some := list(islice(rows, ROWS))) or mode == "overwrite":
        table = pa.Table.from_pylist(some, schema)
        spark.createDataFrame(table).coalesce(1).write.mode(mode).parquet(folder)
        mode = "append"


def _verdict(verdict: Verdict) -> object:
    said = as_dict(verdict)
    entry = said.pop("inventory", {})
    columns = [*entry.items()] if isinstance(entry, dict) else []
    listed = [(storable(column), storable(value)) for column, value in columns]
    return {**_dict_of(said), "inventory": listed or None}


def _dict_of(said: dict[str, object]) -> dict[str, object]:
    return {key: _stored(value, key) for key, value in said.items()}


def _stored(value: object, name: str = "") -> object:
    """A value of the JSON report for Parquet: times as timestamps, text as UTF-8."""
    match value:
        case dict():
            return _dict_of(value)
        case list():
            return [_stored(inner) for inner in value]
        case str():
            return datetime.fromisoformat(value) if name in MOMENTS else storable(value)
    return value


def _evidence(store: EvidenceStore) -> Iterator[dict[str, object]]:
    for host in sorted(store.hosts):
        evidence = store.hosts[host]
        for label, part in (("", evidence), *sorted(evidence.parts.items())):
            place = Place.of(label)
            yield from (
                _track(host, kind, source, part) | {"scope": place.scope, "mac": place.mac}
                for kind, source in sorted(part.sketches)
            )


def _track(
    host: str, kind: Activity, source: EvidenceSource, evidence: HostEvidence
) -> dict[str, object]:
    sketch = evidence.sketch(kind, source).one_per_window()
    return {
        "host": host,
        "behaviour": kind.value,
        "source": source.value,
        "count": sketch.count(),
        "distinct": sketch.distinct(),
        "first_seen": _time(sketch.first_seen),
        "last_seen": _time(sketch.last_seen),
        "sids": sorted(sketch.sids),
        "keys": [
            {"key": storable(key), "first_seen": _time(time)} for time, key in sketch.newcomers()
        ],
        "flows": list(_flows(sketch)),
    }


def _flows(sketch: ActivitySketch) -> Iterator[dict[str, object]]:
    for pivot in sketch.earliest_pivots():
        community = storable(pivot.community_id)
        yield {
            "flow_id": pivot.flow_id,
            "community_id": community,
            "tx_id": pivot.tx_id,
            "source_port": pivot.source_port or None,
            "first_seen": _time(sketch.pivots[pivot]),
        }


def _moment() -> Any:
    import pyarrow as pa

    return pa.timestamp("us", "UTC")


def _time(time: float | None) -> int | None:
    """Seconds since 1970 -> microseconds; None if there is no time."""
    return None if time is None or not isfinite(time) else round(time * _MICROSECONDS)
