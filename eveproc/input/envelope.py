"""One line that is no plain EVE record -> the EVE records in it, and the name of their container.

One reader serves all containers. It searches for objects that look like an EVE record: after a
text, under any path of keys, in arrays, and in text that holds JSON. The path that led to a record
is tried first on the next line; if that fails, the whole line is searched again.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from eveproc.input.container_names import name_of
from eveproc.input.copies import Path, Place, Step, one_of_each
from eveproc.input.decode import decode_value, time_of
from eveproc.input.eve_shape import EVENT_TYPE, JsonObject, completed, record_of
from eveproc.input.events import EVENT_TYPES, Event, Skipped, SkipReason, Stats, failed
from eveproc.input.json_in_text import values_in
from eveproc.input.named_fields import with_named_fields
from eveproc.input.read_stats import ReadStats
from eveproc.input.wire_text import valid_utf8

# Maximum number of keys, arrays and texts around a record.
MAX_DEPTH = 12
# Name of the container of plain records that share a line.
SEVERAL = "several records a line"


class Contents(Struct, frozen=True):
    """What a line holds: a result for each record, and the container's name ("" for a plain
    record).
    """

    results: tuple[Event | Skipped, ...]
    container: str


class Unwrapper:
    """Finds the records of lines, and remembers where the last ones were."""

    def __init__(self, named: Sequence[str] = ()) -> None:
        """`named` are the paths of the fields that the site names (named_fields.py)."""
        self._fields = named
        self._path: Path | None = None
        self._mentions = (0, 0)
        self._name = ""
        self._named: tuple[Path, bool, bool] | None = None

    def contents(self, line: bytes) -> Contents | Skipped:
        """The records of a line without its newline; Skipped if there is none. Never raises."""
        try:
            return self._contents(line)
        except RecursionError:
            return Skipped(SkipReason.NOT_JSON)

    def _contents(self, line: bytes) -> Contents | Skipped:
        values, before, cut = _values_of(valid_utf8(line))
        mentions = line.count(EVENT_TYPE.encode())
        places = self._known_places(values, mentions) or self._places(values, mentions)
        if places:
            results = tuple(map(self._result, places))
            return Contents(results, self._name_of(values, places[0].path, before))
        if cut or any(map(_holds_cut_record, values)):
            return Skipped(SkipReason.HALF_LINE)
        if any(isinstance(value, dict) for value in values):
            return Skipped(SkipReason.MISSING_FIELD, EVENT_TYPE)
        return Skipped(SkipReason.NOT_AN_OBJECT if values else SkipReason.NOT_JSON)

    def _name_of(self, values: Sequence[object], path: Path, before: str) -> str:
        several = len(values) > 1
        named = (path, bool(before), several)
        if named != self._named:
            self._named = named
            name = name_of(_outermost(values), _shown(path), before)
            self._name = name or (SEVERAL if several else "")
        return self._name

    def noted(self, value: object, stats: ReadStats, around: str) -> Sequence[Event | Skipped]:
        """The results of a value that another parser read at the place `around`.

        Its container is counted.
        """
        try:
            return self._noted(value, stats, around)
        except Exception as error:  # noqa: BLE001  hostile records must not end the reading
            return (failed("record", error),)

    def _noted(self, value: object, stats: ReadStats, around: str) -> Sequence[Event | Skipped]:
        places = self._places((value,))
        if not places:
            reason = SkipReason.MISSING_FIELD if isinstance(value, dict) else None
            return (Skipped(reason, EVENT_TYPE) if reason else Skipped(SkipReason.NOT_AN_OBJECT),)
        path = ".".join(part for part in (around, _shown(places[0].path)) if part)
        # A document may say what it is only in each of its elements.
        around_it = {key: None for outer in places[0].above[:-1][:2] for key in outer}
        stats.note_container(name_of(around_it, path, ""), len(places))
        return tuple(map(self._result, places))

    def _result(self, place: Place) -> Event | Skipped:
        result = decode_value(completed(place.record, place.above))
        if not self._fields:
            return result
        return with_named_fields(result, (place.record, *place.above[::-1]), self._fields)

    def _known_places(self, values: Sequence[object], mentions: int) -> list[Place]:
        """The records at the path of the last ones, if a line that mentions an event type so many
        times holds no others.
        """
        if self._path is None:
            return []
        known = [p for value in values for p in _follow(value, self._path, 0, ())]
        before, records = self._mentions
        is_all = mentions * records <= before * len(known)
        return known if is_all and len(known) >= len(values) else []

    def _places(self, values: Sequence[object], mentions: int = 0) -> list[Place]:
        chosen: list[Place] = []
        for value in values:
            if places := list(_search(value, (), ())):
                chosen += one_of_each(places)
        paths = {place.path for place in chosen}
        # Records that are not all in one place may be elsewhere on the next line.
        self._path = paths.pop() if len(paths) == 1 else None
        self._mentions = mentions, len(chosen)
        return chosen


def stamp_in(line: bytes) -> float | None:
    """When the first record in a line was logged, of any kind but statistics; None without one."""
    values, _, _ = _values_of(valid_utf8(line))
    for place in (place for value in values for place in _search(value, (), ())):
        record = completed(place.record, place.above)
        stamp = record.get("timestamp") or record.get("@timestamp")
        is_stats = record[EVENT_TYPE] == Stats.TYPE
        return None if is_stats or not isinstance(stamp, str | int | float) else time_of(stamp)
    return None


def _values_of(line: bytes) -> tuple[Sequence[object], str, bool]:
    """The JSON values of a line, the text before the first, and whether the first is cut off."""
    try:
        return (msgspec.json.decode(line),), "", False
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = values_in(line.decode("utf-8", "replace"))
        return found.values, found.before, found.cut


def _search(value: object, path: Path, above: tuple[JsonObject, ...]) -> Iterator[Place]:
    """Every record in the value.

    Records are not searched for further ones, because their content may come from the wire.
    """
    if len(path) > MAX_DEPTH:
        return
    if isinstance(value, dict):
        record = record_of(value)
        is_found = False
        if record is None or _is_of_shipper(record):
            for key, inner in value.items():
                for place in _search(inner, (*path, key), (*above, value)):
                    is_found = True
                    yield place
        if record is not None and not is_found:
            yield Place(path, record, (*above, value))
    else:
        step, inside = _inside(value)
        for inner in inside:
            yield from _search(inner, (*path, step), above)


def _is_of_shipper(record: JsonObject) -> bool:
    """True for an object with an event type that is not Suricata's own, and no flow id."""
    return str(record[EVENT_TYPE]).lower() not in EVENT_TYPES and "flow_id" not in record


def _inside(value: object) -> tuple[Step, Sequence[object]]:
    """The values that an array or a text holds."""
    if isinstance(value, list):
        if text := _of_byte_numbers(value):
            return Step.TEXT, values_in(text).values
        return Step.EACH, value
    if isinstance(value, str) and "{" in value and "event_type" in value:
        return Step.TEXT, _values_in_text(value)
    return Step.TEXT, ()


def _values_in_text(text: str) -> Sequence[object]:
    """As values_in, in a fraction of the time if the text is one value and nothing else."""
    if text[0] == "{":
        try:
            return (msgspec.json.decode(text),)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass
    return values_in(text).values


def _holds_cut_record(value: object) -> bool:
    """True if a text in the value begins a record and does not end it."""
    if isinstance(value, str):
        return EVENT_TYPE in value and values_in(value).cut
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_holds_cut_record, inner))


def _of_byte_numbers(value: Sequence[object]) -> str:
    """Text that journald wrote as a list of byte values, because it is long or not UTF-8.

    "" for other lists.
    """
    if value and value[0] == ord("{"):
        numbers = [n for n in value if isinstance(n, int) and 0 <= n < 256]
        if len(numbers) == len(value):
            return valid_utf8(bytes(numbers)).decode()
    return ""


def _follow(value: object, path: Path, at: int, above: tuple[JsonObject, ...]) -> Iterator[Place]:
    """The records at a known path."""
    if at == len(path):
        record = record_of(value) if isinstance(value, dict) else None
        if record is not None and isinstance(value, dict):
            yield Place(path, record, (*above, value))
        return
    step = path[at]
    if isinstance(value, dict):
        if isinstance(step, str) and step in value:
            yield from _follow(value[step], path, at + 1, (*above, value))
        return
    found, inside = _inside(value)
    if found is step:
        for inner in inside:
            yield from _follow(inner, path, at + 1, above)


def _outermost(values: Sequence[object]) -> Mapping[str, object]:
    first = values[0]
    while isinstance(first, list) and first:
        first = first[0]
    return first if isinstance(first, dict) else {}


def _shown(path: Path) -> str:
    """A path in jq's notation: "logEvents[].message"."""
    text = ""
    for step in path:
        if step is Step.EACH:
            text += "[]"
        elif isinstance(step, str):
            text += f".{step}" if text else step
    return text
