"""An event + the fields that separate networks -> label: network and MAC of a host.

One address may be in use in several networks: overlapping VLANs, tenants, branches. Evidence of an
address is kept by label, so that it can be judged together or apart once all of it is known.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct

from eveproc.input.events import NO_ORIGIN, Event, Origin

# Fields kept apart if the site does not set `separate_by`; assets.py joins the parts unless they
# contradict each other.
AUTOMATIC = ("vlan", "tenant_id", "host")
LONGEST_VALUE = 64


class Place(Struct, frozen=True, order=True):
    """`scope` is text as "vlan=10,host=ids1", `mac` the host's own; both are "" if not logged."""

    scope: str = ""
    mac: str = ""

    @property
    def label(self) -> str:
        """A text that `of` reads back; "" if nothing is known."""
        return f"{self.scope} {self.mac}" if self.scope or self.mac else ""

    @classmethod
    def of(cls, label: str) -> "Place":
        scope, _, mac = label.partition(" ")
        return cls(scope, mac)


def label_of(event: Event, fields: Iterable[str], *, is_server: bool) -> str:
    """The label of the client's, or the server's, side of an event."""
    origin = event.origin
    if origin is NO_ORIGIN and not event.sensor:
        return ""
    mac = origin.server_mac if is_server else origin.client_mac
    return _label(tuple(fields), origin, event.sensor, mac)


@lru_cache(maxsize=4096)
def _label(fields: tuple[str, ...], origin: Origin, sensor: str, mac: str) -> str:
    values = ((name, _value(name, origin, sensor)) for name in fields)
    scope = ",".join(f"{name}={_quoted(value)}" for name, value in values if value)
    return Place(scope, mac).label


def _value(field: str, origin: Origin, sensor: str) -> str:
    match field:
        case "vlan":
            return ".".join(map(str, origin.vlan))
        case "tenant_id":
            return origin.tenant_id
        case "host":
            return sensor
        case "in_iface":
            return origin.interface
    return dict(origin.fields).get(field, "")


def _quoted(value: str) -> str:
    """Percent-encode all but letters, digits and a few signs, so that no value can end early."""
    return quote(value[:LONGEST_VALUE], safe="@:/+", errors="replace")


def values_of(scope: str) -> dict[str, str]:
    """Field -> value, in the order of the scope."""
    pairs = (part.partition("=") for part in scope.split(",") if part)
    return {name: value for name, _, value in pairs}


def project(scope: str, fields: Iterable[str] | None) -> str:
    """The scope reduced to these fields; None: unchanged."""
    if fields is None or not scope:
        return scope
    values = values_of(scope)
    return ",".join(f"{name}={values[name]}" for name in fields if name in values)


def describe(scopes: Iterable[str], fields: Iterable[str]) -> str:
    """Several scopes of one network in one text, by these fields: "vlan=10+99"."""
    known = [values_of(scope) for scope in sorted(scopes)]
    return ",".join(
        f"{name}={'+'.join(values)}" for name in fields if (values := list(_distinct(known, name)))
    )


def differing(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The fields whose values are not the same in all groups of scopes."""
    of_groups = [[values_of(scope) for scope in group] for group in groups]
    names = dict.fromkeys(name for group in of_groups for values in group for name in values)
    return tuple(
        name for name in names if len({tuple(_distinct(group, name)) for group in of_groups}) > 1
    )


def _distinct(known: list[dict[str, str]], name: str) -> Iterator[str]:
    yield from sorted({values[name] for values in known if name in values})
