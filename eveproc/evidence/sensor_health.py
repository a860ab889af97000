"""Stats events -> what a sensor missed, in sentences; merges in any order."""

from msgspec import Struct, field

from eveproc.input.events import Stats

# Counter -> what its rise means for "no evidence".
COUNTED = {
    "capture.kernel_drops": "packets dropped before the sensor saw them",
    "detect.alert_queue_overflow": "alerts lost because one packet matched too many rules",
    "tcp.segment_memcap_drop": "TCP segments dropped for want of memory",
    "tcp.ssn_memcap_drop": "TCP sessions not followed for want of memory",
    "flow.memcap": "flows not followed for want of memory",
}
DROPS, PACKETS = "capture.kernel_drops", "capture.kernel_packets"
# A share of packets below this is noise, and a clean verdict stands.
NOISE = 0.001


class SensorHealth(Struct):
    """By sensor and counter the earliest and the latest report, as (time, value)."""

    earliest: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    latest: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)

    def note(self, event: Stats) -> None:
        for name, value in event.counters.items():
            self._note((event.sensor, name), (event.time, value), (event.time, value))

    def merge(self, other: "SensorHealth") -> None:
        for key, report in other.earliest.items():
            self._note(key, report, other.latest[key])

    def is_blind(self) -> bool:
        """Did any sensor miss more than noise?"""
        return any(
            self._missed(sensor, name) > self._noise(sensor, name)
            for sensor, name in self.latest
            if name in COUNTED
        )

    def _note(
        self, key: tuple[str, str], first: tuple[float, int], last: tuple[float, int]
    ) -> None:
        self.earliest[key] = min(first, self.earliest.get(key, first))
        self.latest[key] = max(last, self.latest.get(key, last))

    def _missed(self, sensor: str, name: str) -> int:
        """By how much the counter rose between the reports; all of it where there is one report, or the sensor began anew."""
        (start, before), (end, after) = self.earliest[sensor, name], self.latest[sensor, name]
        return after - before if start < end and before <= after else after

    def _noise(self, sensor: str, name: str) -> float:
        return NOISE * self._packets(sensor) if name == DROPS else 0

    def _packets(self, sensor: str) -> int:
        return self._missed(sensor, PACKETS) if (sensor, PACKETS) in self.latest else 0

    def sentences(self) -> tuple[str, ...]:
        """One sentence per sensor and fault; empty when nothing was missed."""
        missed = (
            (sensor, name, self._missed(sensor, name))
            for sensor, name in sorted(self.latest)
            if name in COUNTED
        )
        return tuple(self._sentence(*fault) for fault in missed if fault[2])

    def _sentence(self, sensor: str, name: str, missed: int) -> str:
        who = f"sensor {sensor}" if sensor else "the sensor"
        packets = self._packets(sensor)
        # The kernel counts what it dropped among the packets it saw.
        share = f" ({missed / packets:.2%} of its packets)" if name == DROPS and packets else ""
        return f"{who}: {COUNTED[name]}: {missed}{share}; no evidence from it is weaker than it looks ({name})"
