"""Judgement -> headline, paragraphs of causes and remedies, and plain values for programs."""

from collections.abc import Iterator
from textwrap import wrap

from eveproc.report.sanitize import cut, safe
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Cause, Judgement, Outcome

# Maximum length of a mail's subject and of a paragraph.
HEADLINE, PARAGRAPH = 160, 600
# Reports list these elsewhere, too: as sensor health and as file problems.
HEALTH_CAUSES = frozenset(("sensor_loss", "sensor_missing"))
FILE_CAUSES = frozenset(("file_not_read",))


def headline_of(judgement: Judgement) -> str:
    """`Could not judge: no host of home_networks was seen`; "" if hosts were judged."""
    match judgement.outcome:
        case Outcome.NOT_JUDGED:
            return cut(f"Could not judge: {judgement.causes[0].text}", HEADLINE)
        case Outcome.NOTHING_NEW:
            return cut(_capital(judgement.causes[0].text), HEADLINE)
        case _:
            return ""


def paragraphs(judgement: Judgement, width: int, *, first: bool = True) -> Iterator[str]:
    """Each cause with its remedy, wrapped; without `first`, omit the cause in the headline."""
    causes = judgement.causes if first else judgement.causes[1:]
    for cause in causes:
        yield from wrap(
            f"{_capital(judgement.outcome)}: {cut(cause.text, PARAGRAPH)}.",
            width,
            subsequent_indent="  ",
        )
        yield from remedy_lines(cause, width)


def remedy_lines(cause: Cause, width: int) -> Iterator[str]:
    """What to change, indented by two."""
    if cause.remedy:
        text = f"Remedy: {cut(cause.remedy, PARAGRAPH)}."
        yield from wrap(text, width, initial_indent="  ", subsequent_indent="  ")


def other_health(report: Report) -> tuple[str, ...]:
    """Lines of sensor health that no cause repeats."""
    said = {cause.text for cause in report.judgement.causes}
    return tuple(line for line in report.health if line not in said)


def stderr_lines(report: Report) -> Iterator[str]:
    """A line per cause, except those in `health:` and `problem:` lines."""
    judgement = report.judgement
    causes = [one for one in judgement.causes if one.name not in HEALTH_CAUSES | FILE_CAUSES]
    return lines(Judgement(judgement.outcome, tuple(causes)))


def lines(judgement: Judgement) -> Iterator[str]:
    """A line per cause, which begins with the outcome."""
    for cause in judgement.causes:
        text = safe(str(cause))
        outcome = "" if text.startswith(judgement.outcome) else f"{judgement.outcome}: "
        yield f"coverage: {outcome}{text}"


def as_dict(judgement: Judgement) -> dict[str, object]:
    """Plain values for JSON."""
    causes = [
        {"name": cause.name, "text": cause.text, "remedy": cause.remedy}
        for cause in judgement.causes
    ]
    return {"judgement": judgement.outcome.value, "causes": causes}


def causes_in_one(judgement: Judgement) -> str:
    """The texts of all causes, in one line."""
    return "; ".join(cause.text for cause in judgement.causes)


def remedies_in_one(judgement: Judgement) -> str:
    """The remedies of all causes, in one line."""
    return "; ".join(dict.fromkeys(cause.remedy for cause in judgement.causes if cause.remedy))


def coverage_dict(report: Report) -> dict[str, object]:
    """Coverage: judgement, records by sensor and type, networks, and unusable lines."""
    coverage = report.coverage
    networks = report.site.home_networks if report.site else ()
    met = {*coverage.home_clients, *coverage.home_servers}
    return {
        **as_dict(report.judgement),
        "records": [
            {"sensor": sensor, "kind": kind, "first": iso(span.first), "last": iso(span.last)}
            for (sensor, kind), span in sorted(coverage.records.items())
        ],
        "other_kinds": sorted(coverage.other_kinds),
        "home_networks": {str(network): str(network) in met for network in networks},
        "clients_not_home": sorted(coverage.other_clients),
        "unusable": sorted(reason.value for reason, count in coverage.unusable.items() if count),
        "counters": {sensor: dict(risen) for sensor, risen in report.counters.items()},
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
