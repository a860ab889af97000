"""Plain values of JSON -> is this an EVE record? And the record as Suricata nests and names it.

A record may come flattened (`dns.rrname`, `_dns_rrname`), with each value in a list (`fields` of
Elasticsearch), or with parts moved to the names of the Elastic Common Schema.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from eveproc.input.eve_record import record_fields

JsonObject = Mapping[str, object]

EVENT_TYPE = "event_type"
# An object with an event type and one of these is a record.
_BESIDE = frozenset(("timestamp", "@timestamp", "flow_id", "src_ip", "dest_ip"))
# Keys that make one record better than another copy of the same event.
_WANTED = ("timestamp", "src_ip", "dest_ip", "proto", "flow_id")
# If a record has no time of its own, the first of these around it is used.
_OUTER_TIMES = ("@timestamp", "timestamp", "event_timestamp", "time", "_time", "ts")
# Where Elastic's module and integration move parts of a record.
_ECS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "src_ip": ("source.ip", "source.address"),
        "src_port": ("source.port",),
        "dest_ip": ("destination.ip", "destination.address"),
        "dest_port": ("destination.port",),
        "proto": ("network.transport",),
        "community_id": ("network.community_id",),
        "app_proto": ("network.protocol",),
        "flow.start": ("event.start",),
        "flow.end": ("event.end",),
        "flow.pkts_toserver": ("source.packets",),
        "flow.pkts_toclient": ("destination.packets",),
        "dns.id": ("dns.id",),
        "dns.type": ("dns.type",),
        "dns.rcode": ("dns.response_code",),
        "dns.rrname": ("dns.question.name",),
        "dns.rrtype": ("dns.question.type",),
    }
)
_METADATA = "alert_metadata_"


def record_of(value: JsonObject) -> dict[str, object] | None:
    """The object as an EVE record, nested as Suricata nests it; None if it is no record."""
    event_type = value.get(EVENT_TYPE)
    if isinstance(event_type, str) and not _is_flat(value, event_type):
        return dict(value) if _is_record(value) else None
    prefix = _prefix(value)
    record = {} if prefix is None else _nested(value, prefix)
    return record if _is_record(record) else None


def _is_record(value: JsonObject) -> bool:
    event_type = value.get(EVENT_TYPE)
    if not isinstance(event_type, str) or not event_type:
        return False
    return not _BESIDE.isdisjoint(value) or event_type in value


def merit(record: JsonObject) -> int:
    """How much of an event the record holds."""
    event_type = record.get(EVENT_TYPE)
    return sum(name in record for name in _WANTED) + 2 * (event_type in record)


def completed(record: dict[str, object], above: Sequence[JsonObject]) -> dict[str, object]:
    """The record with the fields that a shipper put beside it, in the objects around it (nearest
    last).
    """
    around = above[::-1]
    if "src_ip" not in record:
        _take_ecs(record, around)
    if "timestamp" not in record and "@timestamp" not in record:
        time = next(values_at(around, _OUTER_TIMES), None)
        if time is not None:
            record["timestamp"] = time
    return record


def _take_ecs(record: dict[str, object], around: Iterable[JsonObject]) -> None:
    outer = tuple(around)
    event_type = record.get(EVENT_TYPE)
    for name, places in _ECS.items():
        first, _, _ = name.partition(".")
        if "." in name and first != event_type:
            continue
        found = next(values_at(outer, places), None)
        if found is not None:
            _put(record, tuple(name.split(".")), found, keep=True)
    dns = record.get("dns")
    if event_type == "dns" and isinstance(dns, dict) and "version" not in dns:
        # The module drops the version; from version 2 on it names the question of an answer.
        is_named = next(values_at(outer, ("dns.question.name",)), None) is not None
        dns["version"] = 3 if "queries" in dns else 2 * is_named


def values_at(around: Iterable[JsonObject], places: Sequence[str]) -> Iterator[object]:
    """The values at these places, nested or flattened, nearest first."""
    for outer in around:
        for place in places:
            found = outer.get(place, _at(outer, place.split(".")))
            if isinstance(found, list) and len(found) == 1:
                found = found[0]
            if isinstance(found, str | int | float) and found != "":
                yield found


def _at(value: object, path: Sequence[str]) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_flat(value: JsonObject, event_type: str) -> bool:
    return event_type not in value and any(
        name.startswith((f"{event_type}.", f"{event_type}_")) for name in value
    )


def _prefix(value: JsonObject) -> str | None:
    """The prefix of the names of a flattened record.

    None if no name ends in that of the event type.
    """
    names = [name for name in value if name.endswith(EVENT_TYPE)]
    return min(names, key=len).removesuffix(EVENT_TYPE) if names else None


def _nested(value: JsonObject, prefix: str) -> dict[str, object]:
    places, lists = _places()
    record: dict[str, object] = {}
    for name, held in value.items():
        if name.startswith(prefix):
            path = _path(name.removeprefix(prefix), places)
            is_single = isinstance(held, list) and len(held) == 1 and path not in lists
            _put(record, path, held[0] if isinstance(held, list) and is_single else held)
    _pair_questions(record)
    return record


@lru_cache(maxsize=1)
def _places() -> tuple[Mapping[str, tuple[str, ...]], frozenset[tuple[str, ...]]]:
    """Known fields: flattened name (with underscores) -> path; and the paths of lists."""
    fields = record_fields()
    places = {"_".join(path): path for path in fields if len(path) > 1}
    return places, frozenset(path for path, is_list in fields.items() if is_list)


def _path(flat: str, places: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if flat.startswith(_METADATA):
        return "alert", "metadata", flat.removeprefix(_METADATA)
    flat = flat.replace("{}", "")  # Splunk's sign for several values
    return places.get(flat) or tuple(flat.split("."))


def _put(
    record: dict[str, object], path: tuple[str, ...], held: object, *, keep: bool = False
) -> None:
    *parents, last = path
    for name in parents:
        inner = record.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        record = inner
    if keep:
        record.setdefault(last, held)
    else:
        record[last] = held


def _pair_questions(record: dict[str, object]) -> None:
    """Flattened lists of objects are parallel lists: names and types of dns.queries, one by one."""
    dns = record.get("dns")
    for name in ("queries", "query", "answers"):
        held = dns.get(name) if isinstance(dns, dict) else None
        if isinstance(dns, dict) and isinstance(held, dict):
            columns = {k: v if isinstance(v, list) else [v] for k, v in held.items()}
            longest = max(map(len, columns.values()), default=0)
            dns[name] = [
                {k: v[row] for k, v in columns.items() if row < len(v)} for row in range(longest)
            ]
