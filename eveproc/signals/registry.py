"""Every entry of this folder -> SIGNALS and FACTS, and what is extracted from each record."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from eveproc.signals.content import CONTENT
from eveproc.signals.declaration import Peer, SignalEntry, Traces
from eveproc.signals.delivery import DELIVERY
from eveproc.signals.facts import FACTS, Fact
from eveproc.signals.lookup import LOOKUP
from eveproc.signals.records import Record
from eveproc.signals.rejection import REJECTION
from rulegen.vocabulary import Signal

Activity = Signal | Fact

# By family, in the order of rulegen.catalogue.
SIGNALS: Mapping[Signal, SignalEntry] = MappingProxyType(
    {entry.signal: entry for entry in (*LOOKUP, *DELIVERY, *CONTENT, *REJECTION)}
)
TRACES: tuple[Traces, ...] = (
    *(entry.traces for entry in SIGNALS.values()),
    *(entry.traces for entry in FACTS),
)

# Whose peers are external servers, by address.
COUNTED_BY_SERVER: frozenset[Activity] = frozenset(
    (
        *(entry.signal for entry in SIGNALS.values() if entry.peer is Peer.SERVER),
        *(entry.fact for entry in FACTS if entry.peer is Peer.SERVER),
    )
)

_Peer = Callable[[Any], str]


def _extractors() -> Mapping[type[Record], tuple[tuple[Activity, _Peer], ...]]:
    declared: list[tuple[Activity, type[Record], _Peer]] = [
        (entry.signal, extractor.record, extractor.peer)
        for entry in SIGNALS.values()
        for extractor in entry.extractors
    ]
    declared += (
        (entry.fact, extractor.record, extractor.peer)
        for entry in FACTS
        for extractor in entry.extractors
    )
    kinds = dict.fromkeys(record for _, record, _ in declared)
    return {
        kind: tuple((activity, peer) for activity, record, peer in declared if record is kind)
        for kind in kinds
    }


# What may be read from a kind of record: the activity, and the function that names its peer.
EXTRACTORS = MappingProxyType(_extractors())
