"""Report -> metrics in Prometheus's text format, for node_exporter's textfile collector.

A site can alert on missing data: no run, no records, nothing that could be judged.
"""

from collections.abc import Iterable

from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from eveproc.input.events import SkipReason, Stats
from eveproc.report.sanitize import safe
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Outcome
from rulegen.vocabulary import Level

# Reasons that are no loss: records of other types, and empty lines.
_USABLE = (SkipReason.BLANK, SkipReason.OTHER_EVENT_TYPE)


class Run(Struct):
    """One run of `report`; times in seconds since 1970 UTC; no report if the input was refused."""

    started: float
    ended: float = 0.0
    exit_code: int = 0
    report: Report | None = None


def render(run: Run) -> str:
    """The complete text for a run."""
    registry = CollectorRegistry()
    _set(registry, "last_run_timestamp_seconds", "When the last run ended.", run.ended)
    _set(registry, "run_duration_seconds", "Duration of the last run.", run.ended - run.started)
    _set(registry, "exit_code", "Exit code of the last run.", run.exit_code)
    if run.report:
        _of_report(registry, run.report)
    return generate_latest(registry).decode()


def _of_report(registry: CollectorRegistry, report: Report) -> None:
    levels = {level: sum(v.level is level for v in report.verdicts) for level in Level}
    levels[Level.CLEAN] = report.clean_hosts
    hosts = ((level.value, number) for level, number in levels.items())
    _set_each(registry, "hosts", "Hosts by level.", "level", hosts)
    outcomes = ((one.value, one is report.judgement.outcome) for one in Outcome)
    _set_each(registry, "judgement", "1 for the outcome of the run.", "outcome", outcomes)
    causes = dict.fromkeys((cause.name for cause in report.judgement.causes), 1)
    _set_each(registry, "unseen", "1 for what could not be seen.", "cause", causes.items())
    skipped = ((r.value, report.stats.skipped[r]) for r in SkipReason if r not in _USABLE)
    _set_each(registry, "unusable_lines", "Lines not usable, by reason.", "reason", skipped)
    _of_sensors(registry, report)


def _of_sensors(registry: CollectorRegistry, report: Report) -> None:
    last: dict[str, float] = {}
    for (sensor, kind), span in report.coverage.records.items():
        if kind != Stats.TYPE:  # a sensor writes these even without traffic
            last[sensor] = max(span.last, last.get(sensor, span.last))
    name, meaning = "last_record_timestamp_seconds", "Time of the last traffic record, by sensor."
    _set_each(registry, name, meaning, "sensor", sorted(last.items()))
    losses = _gauge(
        registry, "sensor_rise", "Rise of a sensor's own counters.", ("sensor", "counter")
    )
    for sensor, counters in sorted(report.counters.items()):
        for counter, rise in sorted(counters.items()):
            losses.labels(safe(sensor), counter).set(rise)


def _set(registry: CollectorRegistry, name: str, meaning: str, value: float) -> None:
    _gauge(registry, name, meaning, ()).set(value)


def _set_each(
    registry: CollectorRegistry,
    name: str,
    meaning: str,
    label: str,
    values: Iterable[tuple[str, float]],
) -> None:
    gauge = _gauge(registry, name, meaning, (label,))
    for key, value in values:
        gauge.labels(safe(key)).set(value)


def _gauge(registry: CollectorRegistry, name: str, meaning: str, labels: tuple[str, ...]) -> Gauge:
    return Gauge(f"mxhound_{name}", meaning, labels, registry=registry)
