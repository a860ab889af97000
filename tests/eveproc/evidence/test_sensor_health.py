"""Counters of sensors -> what was missed, above what every network loses."""

import pytest

from eveproc.evidence.sensor_health import FAULTS, SensorHealth
from eveproc.input.events import COUNTERS, Stats

PACKETS = 1_000_000


def health(first: dict[str, int], last: dict[str, int], sensor: str = "north") -> SensorHealth:
    found = SensorHealth()
    found.note(Stats(time=0.0, sensor=sensor, counters=first))
    found.note(Stats(time=600.0, sensor=sensor, counters=last))
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.counter)
def test_half_of_everything_is_a_loss_and_names_the_counter(fault) -> None:
    base = {fault.base[0]: PACKETS} if fault.base else {}
    found = health({fault.counter: 0, **dict.fromkeys(base, 0)}, {fault.counter: 500_000, **base})
    (line,) = found.losses()
    assert found.is_blind()
    assert line.startswith(f"sensor north: {fault.meaning}: 500000")
    assert ("50.00%" in line) is bool(fault.base)
    assert f"({fault.counter})" in line
    assert fault.remedy in line


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.base], ids=lambda fault: fault.counter)
def test_what_every_network_loses_is_no_loss(fault) -> None:
    few = int(fault.tolerated * PACKETS)
    found = health(
        {fault.counter: 0, fault.base[0]: 0}, {fault.counter: few, fault.base[0]: PACKETS}
    )
    assert not found.is_blind()
    assert bool(found.sentences()) is fault.told


def test_counters_that_faults_rest_on_are_read() -> None:
    assert {name for fault in FAULTS for name in (fault.counter, *fault.base)} <= set(COUNTERS)


def test_suppressed_alerts_are_counted_and_no_fault() -> None:
    found = health({"detect.alerts_suppressed": 1}, {"detect.alerts_suppressed": 7012})
    assert found.sentences() == ()
    assert found.counters() == {"north": {"detect.alerts_suppressed": 7011}}


@pytest.mark.parametrize(("used", "told"), [(970, 0), (999, 1)])
def test_a_full_table_of_thresholds_is_told(used: int, told: int) -> None:
    counters = {"detect.thresholds.memuse": used, "detect.thresholds.memcap": 1000}
    lines = list(health(counters, counters).losses())
    assert len(lines) == told
    assert all("raise detect.thresholds.memcap" in line for line in lines)


def test_a_sensor_that_lost_everything_and_counted_no_packet() -> None:
    found = health({"capture.kernel_drops": 0}, {"capture.kernel_drops": 5})
    assert [*found.losses()]


def test_a_restart_does_not_hide_what_was_lost_before() -> None:
    found = health({"capture.kernel_drops": 0}, {"capture.kernel_drops": 500_000})
    restarted = {"capture.kernel_drops": 0}
    found.note(Stats(time=700.0, sensor="north", counters=restarted))
    assert found.counters() == {"north": {"capture.kernel_drops": 500_000}}
    merged = SensorHealth()
    merged.note(Stats(time=700.0, sensor="north", counters=restarted))
    merged.merge(health({"capture.kernel_drops": 0}, {"capture.kernel_drops": 500_000}))
    assert merged == found
