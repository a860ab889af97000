"""Verdict + Report -> values that the formats ecs, eve, ocsf, cef and syslog share."""

from types import MappingProxyType

from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange
from eveproc.verdicts.verdict import Verdict
from rulegen.catalogue import CATALOGUE

_TECHNIQUE = MappingProxyType(
    {spec.signal: spec.technique for spec in CATALOGUE if spec.name == spec.signal}
)


def told_at(report: Report, verdict: Verdict) -> float | None:
    """Earliest time of the verdict; for a clean host, the time of the last record.

    In seconds since 1970 UTC; None if no record has a time.
    """
    return report.last_record if verdict.decided_at is None else verdict.decided_at


def changes(report: Report) -> dict[tuple[str, str], HostChange]:
    """Changes since the last report by Verdict.key; empty if no report is kept."""
    return report.change.by_key() if report.change else {}


def change_as_dict(change: HostChange) -> dict[str, object]:
    """`previous` is null if the last report did not name the host."""
    return {
        "trend": change.trend.value,
        "episode": change.incident,
        "first_reported": iso(change.first_reported),
        "previous": change.previous.value if change.previous else None,
    }


def techniques(verdict: Verdict) -> list[str]:
    """ATT&CK techniques of the evidence that scored, as `T1071.003`."""
    return sorted({_TECHNIQUE[item.signal] for item in verdict.evidence if item.weight})


def sids(verdict: Verdict) -> list[int]:
    """The rules whose alerts are evidence."""
    return sorted({sid for item in verdict.evidence for sid in item.sids})


def all_addresses(verdict: Verdict) -> list[str]:
    """As `addresses`; empty where nothing but the one address is known."""
    return addresses(verdict) if verdict.identity or verdict.in_turn else []


def addresses(verdict: Verdict) -> list[str]:
    """The host's address first, then the others of the same machine."""
    return list(dict.fromkeys((verdict.host, *verdict.addresses)))
