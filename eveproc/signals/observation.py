"""One event in the light of one behaviour: plain values that evidence is made of."""

from msgspec import Struct


class Pivot(Struct, frozen=True, order=True):
    """Where in EVE to look further: the flow, its community id ("" if not logged), the transaction in it (-1: the whole flow)."""

    flow_id: int
    community_id: str = ""
    tx_id: int = -1


class Observation(Struct, frozen=True):
    """One event in the light of one behaviour: at `time`, the thing counted distinctly is `key`.

    `identity` tells two events of an hour apart; whoever logs the same event again, another sensor too, gives the same identity.
    """

    time: float
    key: str
    identity: tuple[object, ...]
    sid: int = 0
    pivot: Pivot | None = None
