"""One event as one observation of a signal or fact: plain values that evidence is made of."""

from msgspec import Struct


class Pivot(Struct, frozen=True, order=True):
    """Where in EVE to look further.

    `community_id` is "" if it was not logged; `tx_id` is the transaction in the flow, -1 for the
    whole flow; `source_port` is the host's own port, 0 if it was not logged.
    """

    flow_id: int
    community_id: str = ""
    tx_id: int = -1
    source_port: int = 0


class Observation(Struct, frozen=True):
    """At `time` the peer `key` was met; peers are counted distinctly.

    `identity` and `number` tell two events of an hour apart. They are equal if the event is logged
    again, also by another sensor. `number` is the part that differs most often: observations of one
    identity are marked (sketch.py) in a tenth of the time.
    """

    time: float
    key: str
    identity: tuple[object, ...]
    sid: int = 0
    pivot: Pivot | None = None
    number: int = 0
