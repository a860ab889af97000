"""Stats events -> what a sensor missed, in sentences; merges in any order."""

from dataclasses import dataclass, field

from eveproc.events import Stats

# Counter -> what its rise means for "no evidence". Names from Suricata's own stats records, the same in 6, 7 and 8.
COUNTED = {
    "capture.kernel_drops": "packets dropped before the sensor saw them",
    "detect.alert_queue_overflow": "alerts lost because one packet matched too many rules",
    "tcp.segment_memcap_drop": "TCP segments dropped for want of memory",
    "tcp.ssn_memcap_drop": "TCP sessions not followed for want of memory",
    "flow.memcap": "flows not followed for want of memory",
}
PACKETS = "capture.kernel_packets"


@dataclass(slots=True)
class SensorHealth:
    """By sensor and counter the highest value seen; counters only rise while a sensor runs."""

    highest: dict[tuple[str, str], int] = field(default_factory=dict)

    def note(self, event: Stats) -> None:
        for name in (*COUNTED, PACKETS):
            value = event.counters.get(name)
            if value is not None:
                key = (event.sensor, name)
                self.highest[key] = max(value, self.highest.get(key, 0))

    def merge(self, other: "SensorHealth") -> None:
        for key, value in other.highest.items():
            self.highest[key] = max(value, self.highest.get(key, 0))

    def is_blind(self) -> bool:
        """Did any sensor miss something at all?"""
        return any(value for (_, name), value in self.highest.items() if name in COUNTED)

    def sentences(self) -> tuple[str, ...]:
        """One sentence per sensor and fault, worst kinds as listed above; empty when nothing was missed."""
        return tuple(
            self._sentence(sensor, name, value) for (sensor, name), value in sorted(self.highest.items()) if name in COUNTED and value
        )

    def _sentence(self, sensor: str, name: str, value: int) -> str:
        who = f"sensor {sensor}" if sensor else "the sensor"
        packets = self.highest.get((sensor, PACKETS), 0)
        # The kernel counts what it dropped among the packets it saw.
        dropped = name == "capture.kernel_drops" and packets
        share = f" ({value / packets:.1%} of its packets)" if dropped else ""
        return f"{who}: {value} {COUNTED[name]}{share}; no evidence from it is weaker than it looks ({name})"
