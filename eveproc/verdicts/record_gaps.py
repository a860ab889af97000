"""Coverage -> intervals without any record, or without those of a sensor or type. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime
from itertools import pairwise
from math import log1p

from eveproc.evidence.coverage import Coverage, RecordSpan
from eveproc.input.events import Alert, Flow, Stats
from eveproc.input.survey import HourSpan
from eveproc.verdicts.input_seen import EVIDENCE, InputSeen
from eveproc.verdicts.judgement import Cause
from eveproc.verdicts.remedies import MIRROR, TYPES
from rulegen.units import HOUR, count_of

# A gap in the records is reported if at least this many bytes (some 200 records) were expected in
# it, judging by the hours on both sides. A gradual decline in traffic stays below.
EXPECTED_BYTES = 100_000
# An hour with less of the log than this gives no rate.
LEAST_SECONDS = 600
# The same for single sensors and record types, in records of the sample, or mail connections.
EXPECTED_RECORDS, SILENT_HOURS = 10, 2
GAPS_NAMED = 5


def gaps_in_records(seen: InputSeen) -> Iterator[Cause]:
    """Hours without any record where many were expected: at most one cause."""
    gaps = _gaps_between(seen.coverage)
    if gaps:
        named = ", ".join(_between(*gap) for gap in gaps[:GAPS_NAMED])
        more = f" and {len(gaps) - GAPS_NAMED} more" if len(gaps) > GAPS_NAMED else ""
        yield Cause(
            "hours_without_records",
            f"there are no records {named}{more}",
            "check whether the sensor was running then, and whether a rotated log is missing",
        )


def silences(seen: InputSeen) -> Iterator[Cause]:
    """Sensors and record types that stopped while others went on."""
    coverage, everything = seen.coverage, seen.coverage.sampled()
    yield from _statistics_alone(coverage)
    yield from _without_evidence(coverage)
    if len(coverage.sensors()) > 1:
        for sensor in coverage.sensors():
            own = coverage.of_sensor(sensor)
            if own.kinds() == {Alert.TYPE}:  # a sensor that logs only alerts may have none to log
                continue
            if own.kinds() == {Stats.TYPE}:
                yield from _only_statistics_of(sensor, coverage, everything)
            elif silence := _silence(own.sampled(), everything):
                yield Cause(
                    "sensor_silent",
                    f"sensor {sensor} wrote nothing {_between(*silence)}, while others did",
                    "check whether it was running then, and whether its logs are complete",
                )
    yield from _kinds_that_stopped(coverage, everything)
    if seen.store.unnamed_logs:  # the missing sensor may be that Snort
        return
    for name in sorted(set(seen.site.sensors) - seen.store.sensors):
        yield Cause(
            "sensor_missing",
            f"sensor {name} is listed in the site profile but wrote nothing: its hosts were "
            "not monitored",
            "add its logs to the input, or remove it from sensors in site.yaml",
        )


def _kinds_that_stopped(coverage: Coverage, everything: RecordSpan) -> Iterator[Cause]:
    """Of all sensors together, or of one of several.

    Mail may pause for hours, so its records are compared with its connections.
    """
    sensors = coverage.sensors() if len(coverage.sensors()) > 1 else ()
    single = [(f" of sensor {name}", coverage.of_sensor(name)) for name in sensors]
    for kind, others, which in (
        ("dns", everything, "others"),
        ("flow", everything, "others"),
        ("smtp", coverage.mail_flows, "mail connections"),
    ):
        if silence := _silence(coverage.span_of(kind), others):
            found = [("", silence)]
        elif kind == "smtp":
            found = []
        else:
            stops = ((who, _silence(own.span_of(kind), own.sampled())) for who, own in single)
            found = [(who, silence) for who, silence in stops if silence]
        for who, silence in found:
            yield Cause(
                f"{kind}_records_stopped",
                f"there are no {kind} records{who} {_between(*silence)}, while there are {which}",
                f"check whether {kind} was disabled then ({TYPES} in suricata.yaml)",
            )


def _without_evidence(coverage: Coverage) -> Iterator[Cause]:
    """Sensors without records that show mail, or without flow records, while others log them."""
    logged = coverage.with_evidence | coverage.records.keys()
    seeing = {sensor for sensor, kind in logged if kind in EVIDENCE}
    for sensor, kinds in _lacking(coverage, seeing, EVIDENCE):
        yield Cause(
            "sensor_without_evidence",
            f"{who_is(sensor)} logs no dns, smtp or flow records (types seen: {kinds}): mail of "
            "its hosts shows at most in alerts of the rules of rulegen build",
            f"log dns, smtp and flow there ({TYPES} in suricata.yaml)",
        )
    with_flows = {sensor for sensor, kind in logged if kind == Flow.TYPE}
    for sensor, _ in _lacking(coverage, with_flows, frozenset((Flow.TYPE,))):
        if sensor in seeing:
            yield Cause(
                "no_flow_records",
                f"{who_is(sensor)} logs no flow records: connections that are refused, unanswered "
                "or encrypted cannot be seen there",
                f"enable flow there ({TYPES} in suricata.yaml)",
            )


def _lacking(
    coverage: Coverage, having: Set[str], kinds: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Sensors of which the sample would hold records of these kinds, if it held as large a share of
    them as of those sensors that have them; and the kinds of their records.
    """
    sampled, of_sensor = coverage.sampled_kinds(), Counter[str]()
    for (sensor, _), number in sampled.items():
        of_sensor[sensor] += number
    found = sum(number for (_, kind), number in sampled.items() if kind in kinds)
    share = found / max(1, sum(of_sensor[sensor] for sensor in having))
    for sensor in sorted(of_sensor.keys() - having):
        if share * of_sensor[sensor] >= EXPECTED_RECORDS:
            yield sensor, ", ".join(sorted(kind for one, kind in sampled if one == sensor))


def who_is(sensor: str) -> str:
    """The sensor as a sentence names it."""
    return f"sensor {sensor}" if sensor else "a sensor without a name"


def _only_statistics_of(sensor: str, coverage: Coverage, everything: RecordSpan) -> Iterator[Cause]:
    """A sensor of which the sample would hold records of traffic, if it wrote as many as others."""
    sampled = sum(everything.hours.values())
    if sampled >= EXPECTED_RECORDS * len(coverage.sensors()):
        yield Cause(
            "sensor_silent",
            f"sensor {sensor} wrote statistics, and none of the {sampled} records of traffic that "
            "were sampled",
            f"{MIRROR}; check that it logs dns, smtp and flow ({TYPES} in suricata.yaml)",
        )


def _statistics_alone(coverage: Coverage) -> Iterator[Cause]:
    """Hours before or after all traffic in which a sensor wrote statistics: it got no packets.

    Statistics have the time of the clock. If they are of another time than the records, an old
    capture was read.
    """
    stats, hours = coverage.span_of(Stats.TYPE), coverage.hours
    if not hours or hours.keys().isdisjoint(stats.hours):
        return
    first, last = hours[min(hours)], hours[max(hours)]
    for start, end, near in ((stats.first, first.first, first), (last.last, stats.last, last)):
        expected = _rate(near) * (end - start)
        if end - start >= SILENT_HOURS * HOUR and expected >= EXPECTED_BYTES:
            yield Cause(
                "hours_without_records",
                f"there are statistics of the sensor alone {_between(start, end)}, and no records "
                "of traffic",
                MIRROR,
            )


def _gaps_between(coverage: Coverage) -> list[tuple[float, float]]:
    """Intervals of more than an hour without a record where many were expected."""
    hours = coverage.hours
    return [
        (hours[before].last, hours[after].first)
        for before, after in pairwise(sorted(hours))
        if after - before > 1 and _expected(hours, before, after) >= EXPECTED_BYTES
    ]


def _expected(hours: Mapping[int, HourSpan], before: int, after: int) -> float:
    """Bytes expected between two hours, estimated from the log's growth in them."""
    rate = min(_rate(hours[before]), _rate(hours[after]))
    return rate * (hours[after].first - hours[before].last)


def _rate(hour: HourSpan) -> float:
    """Bytes per second."""
    return hour.bytes / max(hour.last - hour.first, LEAST_SECONDS)


def _silence(span: RecordSpan, everything: RecordSpan) -> tuple[float, float] | None:
    """The first interval in which these records are missing although many were expected."""
    present = sum(everything.hours[hour] for hour in span.hours)
    found = min(span.hours.total(), present)
    silent: list[int] = []
    for hour in (*sorted(everything.hours), None):
        if hour is not None and hour not in span.hours and hour not in span.lasting:
            silent.append(hour)
            continue
        # If records fell into all hours alike, the chance that none fell into these is e^-against.
        others = sum(everything.hours[one] for one in silent)
        against = found * log1p(others / present) if present else 0.0
        if len(silent) >= SILENT_HOURS and against >= EXPECTED_RECORDS:
            return float(silent[0] * HOUR), float((silent[-1] + 1) * HOUR)
        silent = []
    return None


def _between(start: float, end: float) -> str:
    first, last = (datetime.fromtimestamp(time, UTC) for time in (start, end))
    hours = (end - start) / HOUR
    return (
        f"from {first:%Y-%m-%d %H:%MZ} to {last:%Y-%m-%d %H:%MZ} ({count_of(round(hours), 'hour')})"
    )
