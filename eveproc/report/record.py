"""A Verdict + its night -> what the line forms for other programs (ecs, eve) have in common."""

from eveproc.memory.change import HostChange
from eveproc.night import NightReport
from eveproc.report.moment import iso
from eveproc.verdict import Verdict


def told_at(night: NightReport, verdict: Verdict) -> float:
    """When the verdict could first be said; of a clean host, when the night ended. Seconds since 1970 UTC; 0 where nothing was seen."""
    if verdict.decided_at is not None:
        return verdict.decided_at
    return night.last_event or 0.0


def changes(night: NightReport) -> dict[tuple[str, str], HostChange]:
    """What changed since the last report, to be asked with Verdict.key; empty where no report is remembered."""
    return night.change.by_key() if night.change else {}


def change_as_dict(change: HostChange) -> dict[str, object]:
    """`previous` is null where the last report did not name the host."""
    return {
        "trend": change.trend.value,
        "episode": change.episode,
        "first_reported": iso(change.first_reported),
        "previous": change.previous.value if change.previous else None,
    }
