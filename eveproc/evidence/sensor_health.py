"""Stats events -> what each sensor missed, in sentences; merges in any order."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct, field

from eveproc.input.events import Stats


class Fault(Struct, frozen=True):
    """The meaning of a rise of `counter`.

    Up to `tolerated`, a share of `base`, it is noise. `base` lists alternative counters; the first
    one logged is used, and without one every rise is a fault. `told`: report noise, too. `remedy`
    names the setting to change.
    """

    counter: str
    meaning: str
    remedy: str = ""
    base: tuple[str, ...] = ()
    tolerated: float = 0.0
    told: bool = False


# The counter of received packets depends on the capture method.
PACKETS = (
    "capture.kernel_packets",
    "capture.packets",
    "capture.afxdp_packets",
    "capture.dag_packets",
    "napa_total.pkts",
    "decoder.pkts",
)
# A smaller share of lost packets is noise: a clean verdict stands.
NOISE = 0.001
# A healthy network has damaged packets and connections that lose a segment, too: about one in a
# hundred at most. With checksum offloading it is every packet that the sensor's own host sends, or
# half of all packets.
DAMAGED, GAPS = 0.01, 0.05
_CAPTURE = "use more capture threads or larger buffers, or reduce the traffic"
_MEMORY = "raise stream.memcap and stream.reassembly.memcap in suricata.yaml"
_OFFLOADING = (
    "disable offloading on the capture interface (ethtool -K IFACE rx off tx off gro off "
    "lro off), or set checksum-checks: no for the interface in suricata.yaml"
)


def _lost(counter: str, meaning: str, remedy: str = _CAPTURE) -> Fault:
    return Fault(counter, meaning, remedy, PACKETS, NOISE, told=True)


FAULTS = (
    _lost("capture.kernel_drops", "packets dropped before the sensor saw them"),
    _lost("capture.kernel_ifdrops", "packets dropped by the network interface"),
    _lost(
        "capture.dpdk.imissed", "packets dropped by the network card (DPDK): its queues were full"
    ),
    _lost(
        "capture.dpdk.no_mbufs",
        "packets dropped for lack of DPDK buffers",
        "raise mempool-size of the interface in suricata.yaml",
    ),
    _lost(
        "capture.dpdk.ierrors",
        "packets discarded by the network card (DPDK) because of errors",
        "check the cable, the optics and the mirror port",
    ),
    _lost("capture.dag_drops", "packets dropped by the capture card"),
    _lost(
        "napa_total.overflow_drop_pkts",
        "packets dropped by the capture card: its host buffers were full",
    ),
    Fault(
        "tcp.invalid_checksum",
        "TCP packets ignored for their bad checksums",
        _OFFLOADING,
        PACKETS,
        DAMAGED,
    ),
    Fault("decoder.invalid", "packets that could not be decoded", _OFFLOADING, PACKETS, DAMAGED),
    Fault(
        "tcp.reassembly_gap",
        "gaps in TCP connections, whose content was lost",
        "the sensor does not get all packets: check the mirror port or tap, and asymmetric routing",
        ("tcp.sessions", *PACKETS),
        GAPS,
    ),
    Fault("tcp.segment_memcap_drop", "TCP segments dropped for lack of memory", _MEMORY),
    Fault("tcp.ssn_memcap_drop", "TCP sessions not followed for lack of memory", _MEMORY),
    Fault(
        "flow.memcap",
        "flows not followed for lack of memory",
        "raise flow.memcap in suricata.yaml",
    ),
    Fault(
        "detect.alert_queue_overflow",
        "alerts lost because one packet matched too many rules",
        "raise packet-alert-max in suricata.yaml",
    ),
)
_BY_COUNTER: Mapping[str, Fault] = MappingProxyType({fault.counter: fault for fault in FAULTS})
THRESHOLDS_USED, THRESHOLDS_LIMIT = "detect.thresholds.memuse", "detect.thresholds.memcap"
# Fill level of the threshold table at which a further entry may not fit.
FULL = 0.98


class SensorHealth(Struct):
    """Earliest and latest (time, value), and highest value, by sensor and counter."""

    earliest: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    latest: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    highest: dict[tuple[str, str], int] = field(default_factory=dict)

    def note(self, event: Stats) -> None:
        for name, value in event.counters.items():
            report = event.time, value
            self._note((event.sensor, name), report, report, value)

    def merge(self, other: "SensorHealth") -> None:
        for key, report in other.earliest.items():
            self._note(key, report, other.latest[key], other.highest.get(key, 0))

    def is_blind(self) -> bool:
        """True if any sensor missed more than noise."""
        return any(True for _ in self.losses())

    def losses(self) -> Iterator[str]:
        """A sentence per sensor and fault of more than noise."""
        yield from (self._sentence(*one) for one in self._missed() if self._is_loss(*one))
        yield from self._full_tables()

    def sentences(self) -> tuple[str, ...]:
        """One sentence per sensor and fault; empty when nothing was missed."""
        told = (one for one in self._missed() if one[1].told or self._is_loss(*one))
        return (*(self._sentence(*one) for one in told), *self._full_tables())

    def _missed(self) -> Iterator[tuple[str, Fault, int]]:
        """(sensor, fault, number missed) of everything missed, by sensor and counter."""
        for sensor, name in sorted(self.latest):
            fault = _BY_COUNTER.get(name)
            missed = self._risen(sensor, name) if fault else 0
            if fault and missed:
                yield sensor, fault, missed

    def _is_loss(self, sensor: str, fault: Fault, missed: int) -> bool:
        return missed > fault.tolerated * self._base(sensor, fault)

    def counters(self) -> dict[str, dict[str, int]]:
        """By sensor, how much each counter rose."""
        risen: dict[str, dict[str, int]] = {}
        for sensor, name in sorted(self.latest):
            risen.setdefault(sensor, {})[name] = self._risen(sensor, name)
        return risen

    def _note(
        self, key: tuple[str, str], first: tuple[float, int], last: tuple[float, int], most: int
    ) -> None:
        self.highest[key] = max(self.highest.get(key, 0), most)
        known = self.earliest.get(key)
        if known is None:
            self.earliest[key], self.latest[key] = first, last
            return
        if first < known:
            self.earliest[key] = first
        if last > self.latest[key]:
            self.latest[key] = last

    def _risen(self, sensor: str, name: str) -> int:
        """Rise of a counter between reports.

        The whole value counts if there is only one report, or if the sensor was restarted; then
        also the rise up to the highest value. That is too low if it was restarted more often.
        """
        (start, before), (end, after) = self.earliest[sensor, name], self.latest[sensor, name]
        if start == end:
            return after
        highest = max(self.highest.get((sensor, name), 0), before)
        return after - before if highest <= after else after + highest - before

    def _base(self, sensor: str, fault: Fault) -> int:
        """The base of the share; 0 if the sensor logged no such counter."""
        logged = (name for name in fault.base if (sensor, name) in self.latest)
        return max((self._risen(sensor, name) for name in [*logged][:1]), default=0)

    def _sentence(self, sensor: str, fault: Fault, missed: int) -> str:
        base = self._base(sensor, fault)
        # Some capture methods count lost packets among those that arrived, pcap does not.
        share = f" ({missed / max(base, missed):.2%} of {_named(fault)})" if base else ""
        remedy = f"; {fault.remedy}" if fault.remedy else ""
        return (
            f"{_who(sensor)}: {fault.meaning}: {missed}{share}; absence of evidence from this "
            f"sensor is inconclusive{remedy} ({fault.counter})"
        )

    def _full_tables(self) -> Iterator[str]:
        for sensor, name in sorted(self.latest):
            limit = self.latest[sensor, name][1] if name == THRESHOLDS_LIMIT else 0
            used = self.latest.get((sensor, THRESHOLDS_USED), (0.0, 0))[1]
            if limit and used >= FULL * limit:
                yield (
                    f"{_who(sensor)}: the table of thresholds is full: rules may not count further "
                    f"hosts; raise {THRESHOLDS_LIMIT} in suricata.yaml"
                )


def _who(sensor: str) -> str:
    return f"sensor {sensor}" if sensor else "the sensor"


def _named(fault: Fault) -> str:
    return "its TCP sessions" if fault.base[0] == "tcp.sessions" else "its packets"
