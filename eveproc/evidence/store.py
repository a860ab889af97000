"""EvidenceStore: one HostEvidence per home address, leases, sensor health; merges in any order."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from math import inf, isfinite

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from eveproc.evidence.coverage import Coverage
from eveproc.evidence.host_names import HostNames, client_marks
from eveproc.evidence.leases import Leases
from eveproc.evidence.macs import MacTable
from eveproc.evidence.packed_store import PackedStore
from eveproc.evidence.sampling import keeps, still_sampled
from eveproc.evidence.sensor_health import SensorHealth
from eveproc.evidence.server_names import ServerNames
from eveproc.evidence.sketch import ActivitySketch, SketchRow
from eveproc.input.events import BEFORE_SURICATA
from eveproc.signals.facts import Fact
from eveproc.signals.observation import Observation
from eveproc.signals.registry import COUNTED_BY_SERVER, Activity
from rulegen.units import HOUR
from rulegen.vocabulary import Signal

# Bounds on home hosts with evidence and on home hosts, above those of any site. Addresses may be
# spoofed, above all in IPv6.
MOST_HOSTS, MOST_ACTIVE = 1 << 18, 1 << 21
# Maximum number of labels of one address (places.py). In a guest network, dozens of machines have
# an address in turn within a day, and MACs may be invented; a site has only so many networks.
MOST_LABELS = 64
# The network of a label is dropped so many rounds of sampling later than its MAC.
NETWORKS_LAST = 8


class EvidenceSource(StrEnum):
    """Source of evidence: an alert of a rule, or other records."""

    ALERT = "alert"
    LOG = "log"


class HostEvidence(Struct):
    """The evidence of one address: an ActivitySketch for every kind and source seen.

    `parts` holds what was seen under a label (places.py), which says in which network and of which
    MAC. A part has no parts itself. Only `whole` and the code that stores evidence look at the
    parts; assets.py decides which parts belong to one machine, and all other code uses `sketches`.

    `sampled`: beyond MOST_LABELS labels every 2**n-th is kept (sampling.py). Evidence under the
    others loses its MAC, and later its network; no evidence is dropped.
    """

    sketches: dict[tuple[Activity, EvidenceSource], ActivitySketch] = field(default_factory=dict)
    parts: dict[str, "HostEvidence"] = field(default_factory=dict)
    sampled: int = 0

    def note(
        self, kind: Activity, source: EvidenceSource, seen: Observation | ActivitySketch
    ) -> None:
        """Add an observation, or a sketch, which is not used elsewhere."""
        sketch = self.sketches.get((kind, source))
        if isinstance(seen, Observation):
            if sketch is None:
                sketch = self.sketches[kind, source] = ActivitySketch()
            sketch.note(seen)
        elif sketch is None:
            seen.trim_if_full()
            self.sketches[kind, source] = seen
        else:
            sketch.note_all(seen)

    def part(self, label: str) -> "HostEvidence":
        """The evidence under the label, for additions; "" is the evidence without a label."""
        label = _kept_label(label, self.sampled)
        if not label:
            return self
        part = self.parts.get(label)
        if part is not None:
            return part
        self.parts[label] = part = HostEvidence()
        if len(self.parts) <= MOST_LABELS:
            return part
        self._sample(self.sampled + 1)
        return self.part(label)

    def _sample(self, times: int) -> None:
        """Sample at least the given number of times, and until the bound is kept."""
        while times > self.sampled or len(self.parts) > MOST_LABELS:
            self.sampled = max(times, self.sampled + 1)
            parts, self.parts = self.parts, {}
            for label, part in parts.items():
                kept = _kept_label(label, self.sampled)
                whole = self.parts.setdefault(kept, HostEvidence()) if kept else self
                whole.merge(part)

    def merge(self, other: "HostEvidence") -> None:
        self._sample(other.sampled)
        for key, sketch in other.sketches.items():
            self.sketches.setdefault(key, ActivitySketch()).merge(sketch)
        for label, part in other.parts.items():
            self.part(label).merge(part)

    def whole(self) -> "HostEvidence":
        """All evidence of the address together, without labels."""
        return merged((self, *self.parts.values())) if self.parts else self

    def between(self, start: float, end: float) -> "HostEvidence":
        cut = ((key, sketch.between(start, end)) for key, sketch in self.sketches.items())
        parts = ((label, part.between(start, end)) for label, part in self.parts.items())
        return HostEvidence(
            {key: sketch for key, sketch in cut if sketch.hours},
            {label: part for label, part in parts if part.sketches},
        )

    def by_peer(self, peer_of: Callable[[str], str]) -> "HostEvidence":
        """The same evidence with servers counted by the organisation that runs them
        (server_names.py).

        Alerts of one window that several packet threads logged become one (alert_windows.py).
        """
        counted = {key: _counted(key, sketch, peer_of) for key, sketch in self.sketches.items()}
        if not self.parts and all(counted[key] is self.sketches[key] for key in counted):
            return self
        return HostEvidence(
            counted,
            {label: part.by_peer(peer_of) for label, part in self.parts.items()},
        )

    def trim(self) -> None:
        for sketch in self.sketches.values():
            sketch.trim()
        for part in self.parts.values():
            part.trim()

    def packed(self) -> bytes:
        """Msgpack of the canonical form; a label stands behind the source."""
        self.trim()
        labelled = (("", self), *self.parts.items())
        rows = [
            (str(kind), f"{source} {label}" if label else source, sketch.as_row())
            for label, part in labelled
            for (kind, source), sketch in part.sketches.items()
        ]
        if self.sampled:
            rows.append((_SAMPLED, str(self.sampled), _NONE.as_row()))
        return _encode(rows)

    @classmethod
    def unpacked(cls, packed: bytes) -> "HostEvidence":
        """Raises msgspec.DecodeError, ValueError or KeyError for what `packed` did not write."""
        evidence = cls()
        for kind, source_and_label, row in _decode(packed):
            if kind == _SAMPLED:
                evidence._sample(int(source_and_label))
                continue
            source, _, label = source_and_label.partition(" ")
            key = _KINDS[kind], EvidenceSource(source)
            evidence.part(label).sketches[key] = ActivitySketch.of_row(row)
        return evidence

    def is_empty(self) -> bool:
        return not self.sketches and not self.parts

    def sketch(self, kind: Activity, source: EvidenceSource) -> ActivitySketch:
        """The sketch, or an empty one that must not be changed."""
        return self.sketches.get((kind, source), _NONE)

    def log(self, kind: Activity) -> ActivitySketch:
        return self.sketch(kind, EvidenceSource.LOG)

    def alerts(self, signal: Signal) -> ActivitySketch:
        return self.sketch(signal, EvidenceSource.ALERT)

    def signal_sketches(self) -> Iterator[ActivitySketch]:
        return (sketch for (kind, _), sketch in self.sketches.items() if isinstance(kind, Signal))

    def last_seen(self) -> float:
        return max((sketch.last_seen for sketch in self.signal_sketches()), default=-inf)

    def first_seen(self) -> float:
        return min((sketch.first_seen for sketch in self.signal_sketches()), default=inf)


def _kept_label(label: str, sampled: int) -> str:
    """The label, or what remains of it after so many rounds of sampling."""
    if not label or keeps(label, sampled):
        return label
    scope, _, mac = label.partition(" ")
    if mac and scope:
        return _kept_label(f"{scope} ", sampled)
    return label if not mac and keeps(label, max(0, sampled - NETWORKS_LAST)) else ""


def _counted(
    key: tuple[Activity, EvidenceSource], sketch: ActivitySketch, peer_of: Callable[[str], str]
) -> ActivitySketch:
    """The sketch as verdicts count it; the same object if nothing changes."""
    activity, source = key
    if source is EvidenceSource.ALERT:  # every rule names a server, or a domain that was asked for
        return sketch.one_per_window().relabelled(peer_of)
    if activity is Signal.RECIPIENT_SPREAD:
        return sketch.relabelled(partial(_at_peer, peer_of))
    return sketch.relabelled(peer_of) if activity in COUNTED_BY_SERVER else sketch


def _at_peer(peer_of: Callable[[str], str], key: str) -> str:
    """The key "server mailbox" with the server replaced by its peer."""
    server, _, mailbox = key.partition(" ")
    return f"{peer_of(server)} {mailbox}"


def merged(evidence: Iterable[HostEvidence]) -> HostEvidence:
    """The merged sketches of several pieces of evidence, without labels."""
    together = HostEvidence()
    for one in evidence:
        together.merge(HostEvidence(one.sketches))
    return together


_NONE = ActivitySketch()
# The kind of a packed row that holds `HostEvidence.sampled`.
_SAMPLED = "sampled"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[str, str, SketchRow]]).decode
_KINDS: dict[str, Activity] = {
    **{signal.value: signal for signal in Signal},
    **{fact.value: fact for fact in Fact},
}


class Finding(Struct, frozen=True):
    """An observation about a host; `label` is its network and MAC (places.py)."""

    host: str
    kind: Activity
    source: EvidenceSource
    seen: Observation | ActivitySketch
    label: str = ""


class EvidenceStore(Struct):
    """Everything that verdicts rest on.

    `active`: home addresses that opened a TCP connection, whenever, or have evidence.
    `flows_logged`: were TCP flows logged? `sensors`: those of the site profile that were heard of.
    `first_event` and `last_event`: of the events that are evidence, without the `early_events`
    (dated before 2000) if there are others. `has_scopes`: some evidence is kept under a label.
    `unnamed_logs`: alert logs (of Snort, or text) whose sensor is unknown. `hosts_sampled`,
    `active_sampled`: beyond MOST_HOSTS and MOST_ACTIVE only every 2**n-th is kept (sampling.py).
    """

    hosts: PackedStore[HostEvidence] = field(default_factory=lambda: PackedStore(HostEvidence))
    active: set[str] = field(default_factory=set)
    hosts_sampled: int = 0
    active_sampled: int = 0
    sensors: set[str] = field(default_factory=set)
    unnamed_logs: set[str] = field(default_factory=set)
    leases: Leases = field(default_factory=Leases)
    macs: MacTable = field(default_factory=MacTable)
    host_names: HostNames = field(default_factory=HostNames)
    clients: HostNames = field(default_factory=client_marks)
    has_scopes: bool = False
    health: SensorHealth = field(default_factory=SensorHealth)
    coverage: Coverage = field(default_factory=Coverage)
    server_names: ServerNames = field(default_factory=ServerNames)
    flows_logged: bool = False
    unused: Counter[str] = field(default_factory=Counter)
    early_events: int = 0
    first_event: float = inf
    last_event: float = -inf

    def note_time(self, time: float) -> None:
        """Note the time of an event that is evidence."""
        self.early_events += time < BEFORE_SURICATA
        self.span(time, time)

    def span(self, first: float, last: float) -> None:
        """Widen the time of events, all modern or all early; modern times replace early ones."""
        is_early = last < BEFORE_SURICATA
        has_modern = self.last_event >= BEFORE_SURICATA
        if has_modern and is_early:
            return
        if not (has_modern or is_early):
            self.first_event, self.last_event = first, last
            return
        self.first_event = min(self.first_event, first)
        self.last_event = max(self.last_event, last)

    def note_active(self, address: str) -> None:
        if not self.knows(address):
            self.active.add(address)
            if len(self.active) > MOST_ACTIVE:
                self._sample(self.hosts_sampled, self.active_sampled + 1)

    def knows(self, address: str) -> bool:
        """True if the address is already recorded or not sampled."""
        return address in self.active or not keeps(address, self.active_sampled)

    def note(self, finding: Finding) -> None:
        self.has_scopes = self.has_scopes or bool(finding.label)
        if keeps(finding.host, self.hosts_sampled):
            part = self.hosts.open(finding.host).part(finding.label)
            part.note(finding.kind, finding.source, finding.seen)
            if len(self.hosts) > MOST_HOSTS:
                self._sample(self.hosts_sampled + 1, self.active_sampled)

    def add(self, address: str, evidence: HostEvidence) -> None:
        """Merge further evidence of a host."""
        self.has_scopes = self.has_scopes or bool(evidence.parts)
        if keeps(address, self.hosts_sampled):
            self.hosts.open(address).merge(evidence)
            if len(self.hosts) > MOST_HOSTS:
                self._sample(self.hosts_sampled + 1, self.active_sampled)

    def merge(self, other: "EvidenceStore") -> None:
        self._sample(
            max(self.hosts_sampled, other.hosts_sampled),
            max(self.active_sampled, other.active_sampled),
        )
        self.has_scopes |= other.has_scopes
        self.hosts.merge(other.hosts, lambda address: keeps(address, self.hosts_sampled))
        sampled = self.active_sampled
        self.active |= (
            {address for address in other.active if keeps(address, sampled)}
            if sampled
            else other.active
        )
        self._sample(self.hosts_sampled, self.active_sampled)
        self.sensors |= other.sensors
        self.unnamed_logs |= other.unnamed_logs
        self.leases.merge(other.leases)
        self.macs.merge(other.macs)
        self.host_names.merge(other.host_names)
        self.clients.merge(other.clients)
        self.health.merge(other.health)
        self.coverage.merge(other.coverage)
        self.server_names.merge(other.server_names)
        self.flows_logged |= other.flows_logged
        self.unused.update(other.unused)
        self.early_events += other.early_events
        if isfinite(other.last_event):
            self.span(other.first_event, other.last_event)

    def take_new(self) -> "EvidenceStore | None":
        """Move evidence, leases, names, health and coverage out; None if there is no evidence.

        What is known about the input stays: active hosts, sensors, whether flows are logged, and
        the first and last event.
        """
        leases = self.leases.seen or self.leases.names
        if not (self.hosts or leases or self.server_names.names or self.health.latest):
            return None
        new = replace(
            self, active=set(), sensors=set(self.sensors), unnamed_logs=set(self.unnamed_logs)
        )
        self.hosts, self.leases, self.health = PackedStore(HostEvidence), Leases(), SensorHealth()
        self.server_names, self.macs, self.host_names = ServerNames(), MacTable(), HostNames()
        self.clients, self.coverage = client_marks(), Coverage()
        self.unused, self.hosts_sampled = Counter(), 0
        return new

    def sample_anew(self) -> None:
        """End the sampling of hosts if few are left after forgetting."""
        self.hosts_sampled = still_sampled(len(self.hosts), self.hosts_sampled, MOST_HOSTS)
        self.active_sampled = still_sampled(len(self.active), self.active_sampled, MOST_ACTIVE)
        self.leases.sample_anew()

    def __reduce__(self) -> tuple[Callable[..., "EvidenceStore"], tuple[object, ...]]:
        """Pickled with the set of addresses in one piece, as evidence is."""
        values = [getattr(self, name) for name in self.__struct_fields__]
        values[self.__struct_fields__.index("active")] = set()
        return _restored, (type(self), " ".join(self.active), *values)

    def trim(self) -> None:
        """Bring the store to canonical form; call this before reading it."""
        for evidence in self.hosts.in_use():
            evidence.trim()
        # Hours of a clock that was never set are not covered hours.
        if max(self.coverage.hours, default=0) * HOUR >= BEFORE_SURICATA:
            self.coverage.forget(BEFORE_SURICATA)

    def _sample(self, hosts: int, active: int) -> None:
        """Sample at least the given number of times, and until the bounds are kept."""
        while hosts > self.hosts_sampled or len(self.hosts) > MOST_HOSTS:
            self.hosts_sampled = max(hosts, self.hosts_sampled + 1)
            self.hosts.keep(lambda address: keeps(address, self.hosts_sampled))
        while active > self.active_sampled or len(self.active) > MOST_ACTIVE:
            self.active_sampled = max(active, self.active_sampled + 1)
            self.active = {
                address for address in self.active if keeps(address, self.active_sampled)
            }


def _restored(kind: type[EvidenceStore], active: str, *values: object) -> EvidenceStore:
    store = kind(*values)  # type: ignore[arg-type]  # as __reduce__ took them
    store.active.update(active.split())
    return store
