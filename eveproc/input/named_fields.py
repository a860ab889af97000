"""An event, its record and the paths of fields that the site names -> the event with their values.

`separate_by` of site.yaml may name any field of a record, or one that a shipper put beside it.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from eveproc.input.eve_shape import JsonObject, values_at
from eveproc.input.events import MAX_DETAIL, Event, Skipped
from eveproc.input.wire_text import valid_utf8


def with_named_fields(
    result: Event | Skipped, around: Sequence[JsonObject], paths: Sequence[str]
) -> Event | Skipped:
    """`around` holds the record and the objects around it, nearest first; numbers become text."""
    if isinstance(result, Skipped):
        return result
    values = ((path, next(values_at(around, (path,)), "")) for path in paths)
    found = tuple((path, text) for path, value in values if (text := str(value)[:MAX_DETAIL]))
    return replace(result, origin=replace(result.origin, fields=found)) if found else result


def with_fields_of_line(
    result: Event | Skipped, line: bytes, paths: Sequence[str]
) -> Event | Skipped:
    """The same for a line that is itself a record."""
    value = msgspec.json.decode(valid_utf8(line))
    return with_named_fields(result, (value,), paths) if isinstance(value, dict) else result
