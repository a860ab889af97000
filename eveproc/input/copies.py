"""Every record found in one value -> one record for each event, though shippers keep copies.

A shipper may keep an event twice: parsed, and as its original text. The more complete copy is read.
Records of other events are read as well, except in text beside a parsed record: such text may come
from the wire, and a host on the network must not hide an event or invent one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from itertools import islice

from msgspec import Struct

from eveproc.input.eve_shape import EVENT_TYPE, JsonObject, completed, merit
from eveproc.input.times import read_time


class Step(Enum):
    """A step into a value other than a key."""

    EACH = auto()  # the elements of an array
    TEXT = auto()  # the JSON values in a text


Path = tuple[str | Step, ...]


class Place(Struct, frozen=True):
    """The path of a record, the record, and the objects around it."""

    path: Path
    record: dict[str, object]
    above: tuple[JsonObject, ...]


# Fields that have one value per event. Copies agree in those that both have.
_SAME = ("src_ip", "src_port", "dest_ip", "dest_port", "tx_id")
_SAME_WITHIN = (
    *(("dns", name) for name in ("id", "type", "rrname", "rrtype", "rdata")),
    *(("dhcp", name) for name in ("id", "dhcp_type")),
    *(("alert", "signature_id"), ("smtp", "mail_from"), ("stats", "uptime")),
)
# A shipper may round the time of an event.
_ROUNDED = 1.0
# With so many records without a flow id, copies of others are read as well: that costs time only.
_COMPARED = 32


def one_of_each(places: Sequence[Place]) -> list[Place]:
    """The best copy of each event, in the order of the events."""
    if all(place.path == places[0].path for place in places):
        return list(places)
    for place in places:
        completed(place.record, place.above)
    least = min(map(_texts, places))
    groups = _Groups()
    for place in places:
        if _texts(place) == least:
            groups.add(place)
    for place in places:
        if _texts(place) > least:
            groups.add_copy(place)
    return [max(group, key=_rank) for group in groups]


def _texts(place: Place) -> int:
    return place.path.count(Step.TEXT)


def _rank(place: Place) -> tuple[int, bool, int]:
    """The most complete copy; the original text before the parsed copy."""
    return merit(place.record), Step.TEXT in place.path, -len(place.path)


class _Groups:
    """Copies of events."""

    def __init__(self) -> None:
        self._groups: list[list[Place]] = []
        self._by_flow: dict[tuple[str, str], list[list[Place]]] = {}

    def __iter__(self) -> Iterator[list[Place]]:
        return iter(self._groups)

    def add(self, place: Place) -> None:
        """Add a copy to its event, or the first record of another event."""
        if not self.add_copy(place):
            group = [place]
            self._groups.append(group)
            self._by_flow.setdefault(_flow_of(place.record), []).append(group)

    def add_copy(self, place: Place) -> bool:
        """Add a copy to its event; False if there is no such event."""
        for group in self._near(place.record):
            is_beside = all(other.path != place.path for other in group)
            if is_beside and _agree(group[0], place):
                group.append(place)
                return True
        return False

    def _near(self, record: JsonObject) -> Iterable[list[Place]]:
        event_type, flow = _flow_of(record)
        if not flow:
            of_type = (
                g for (kind, _), held in self._by_flow.items() if kind == event_type for g in held
            )
            return islice(of_type, _COMPARED)
        known = self._by_flow.get((event_type, flow), [])
        return [*known, *self._by_flow.get((event_type, ""), [])[:_COMPARED]]


def _flow_of(record: JsonObject) -> tuple[str, str]:
    return str(record.get(EVENT_TYPE)).lower(), _text(record.get("flow_id", ""))


def _agree(one: Place, other: Place) -> bool:
    """True if both may be copies of one event."""
    pairs = [(one.record.get(name), other.record.get(name)) for name in _SAME]
    pairs += [(_within(one.record, path), _within(other.record, path)) for path in _SAME_WITHIN]
    if any(a is not None and b is not None and _text(a) != _text(b) for a, b in pairs):
        return False
    here, there = _own_time(one), _own_time(other)
    return here is None or there is None or abs(here - there) < _ROUNDED


def _within(record: JsonObject, path: tuple[str, str]) -> object:
    inner = record.get(path[0])
    return inner.get(path[1]) if isinstance(inner, Mapping) else None


def _text(value: object) -> str:
    """A value in one spelling: shippers write numbers as text or as floats."""
    return str(value).lower().removesuffix(".0")


def _own_time(place: Place) -> float | None:
    """The record's own time. A time around it may be that of shipping."""
    value = place.above[-1].get("timestamp")
    when = read_time(value) if isinstance(value, str | int | float) else None
    return when.timestamp() if when else None
