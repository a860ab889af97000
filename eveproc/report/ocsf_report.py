"""Verdicts -> one OCSF Detection Finding (class 2004) per host and line.

Values without an OCSF attribute are below `unmapped`, with the keys of the json form.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType

from eveproc.report.json_report import as_dict
from eveproc.report.judgement_text import as_dict as as_dict_of
from eveproc.report.judgement_text import causes_in_one, remedies_in_one
from eveproc.report.record import addresses, change_as_dict, changes, techniques, told_at
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange, Trend
from eveproc.verdicts.verdict import Verdict
from rulegen.installation import version
from rulegen.vocabulary import Level

OCSF_VERSION = "1.8.0"
CATEGORY, CLASS = 2, 2004
# Enumerations of OCSF.
UNKNOWN_SEVERITY = 0
SEVERITY = MappingProxyType({Level.INFECTED: 4, Level.SUSPECTED: 3, Level.CLEAN: 1})
CONFIDENCE = MappingProxyType({Level.INFECTED: 3, Level.SUSPECTED: 2, Level.CLEAN: 1})
CREATE, UPDATE, CLOSE = 1, 2, 3
NEW, IN_PROGRESS, RESOLVED = 1, 2, 4
ACTIVITY: Mapping[Trend, tuple[int, int]] = MappingProxyType(
    {
        Trend.NEW: (CREATE, NEW),
        Trend.WORSE: (UPDATE, IN_PROGRESS),
        Trend.STILL: (UPDATE, IN_PROGRESS),
        Trend.RECOVERED: (CLOSE, RESOLVED),
        Trend.GONE_QUIET: (UPDATE, IN_PROGRESS),
    }
)
UNKNOWN_DEVICE, BEHAVIORAL = 0, 2
IP_ADDRESS, MAC_ADDRESS, HOST_NAME = 2, 3, 1
# Keys of the json form whose values are in attributes of OCSF.
_MAPPED = ("host", "first_seen", "last_seen", "identity", "why", "next_step", "evidence")


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """ASCII only. If not everything was judged, the first finding says so, without a device."""
    known = changes(report)
    findings = [_finding(report, verdict, known.get(verdict.key)) for verdict in verdicts]
    if not report.judgement.is_whole:
        findings.insert(0, _judgement_finding(report))
    return "".join(f"{json.dumps(finding)}\n" for finding in findings)


def _base(seconds: float | None, activity: int) -> dict[str, object]:
    """The attributes that every event has. `time` is required: 0 (1970) if no record has one."""
    return {
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "activity_id": activity,
        "type_uid": CLASS * 100 + activity,
        "time": _milliseconds(seconds or 0.0),
        "metadata": {
            "version": OCSF_VERSION,
            "product": {
                "name": "mxhound",
                "vendor_name": "mxhound",
                "version": version(),
            },
        },
    }


def _judgement_finding(report: Report) -> dict[str, object]:
    judgement = report.judgement
    causes = causes_in_one(judgement)
    remedies = remedies_in_one(judgement)
    return {
        **_base(report.last_record, CREATE),
        "severity_id": UNKNOWN_SEVERITY,
        "is_alert": False,
        "message": f"{judgement.outcome}: {causes}",
        "status_detail": causes,
        "finding_info": {
            "uid": "mxhound.coverage",
            "title": f"mass mailer detection: {judgement.outcome}",
            "desc": causes,
            "analytic": _analytic(),
        },
        **({"remediation": {"desc": remedies}} if remedies else {}),
        "unmapped": {"coverage": as_dict_of(judgement)},
    }


def _finding(report: Report, verdict: Verdict, change: HostChange | None) -> dict[str, object]:
    activity, status = ACTIVITY[change.trend] if change else (CREATE, NEW)
    return {
        **_base(told_at(report, verdict), activity),
        "severity_id": SEVERITY[verdict.level],
        "confidence_id": CONFIDENCE[verdict.level],
        "confidence_score": round(100 * verdict.score),
        "status_id": status,
        "is_alert": verdict.level is not Level.CLEAN,
        "message": f"{verdict.level}: {verdict.host}: {verdict.why}",
        "finding_info": _finding_info(verdict, change),
        "device": _device(verdict),
        **_evidences(verdict),
        "observables": _observables(verdict),
        **({"remediation": {"desc": verdict.next_step}} if verdict.next_step else {}),
        "unmapped": _unmapped(verdict, change),
    }


def _finding_info(verdict: Verdict, change: HostChange | None) -> dict[str, object]:
    """`uid` is the incident if an earlier report is kept, otherwise the machine."""
    span = {"first_seen_time": verdict.first_seen, "last_seen_time": verdict.last_seen}
    created = {"created_time": _milliseconds(change.first_reported)} if change else {}
    attacks = [_attack(technique) for technique in techniques(verdict)]
    return {
        "uid": change.incident if change else " ".join(filter(None, verdict.key)),
        "title": f"{verdict.level}: {verdict.host}",
        "desc": verdict.why,
        "analytic": _analytic(),
        **created,
        # A host without evidence has no times (they are infinite).
        **({key: _milliseconds(when) for key, when in span.items()} if verdict.evidence else {}),
        **({"attacks": attacks} if attacks else {}),
    }


def _analytic() -> dict[str, object]:
    return {"name": "mass mailer on a host", "uid": "mxhound", "type_id": BEHAVIORAL}


def _attack(technique: str) -> dict[str, object]:
    """T1071.003 is a sub-technique of T1071."""
    parent, _, finer = technique.partition(".")
    attack: dict[str, object] = {"technique": {"uid": parent}}
    return attack | ({"sub_technique": {"uid": technique}} if finer else {})


def _device(verdict: Verdict) -> dict[str, object]:
    identity = verdict.identity
    device: dict[str, object] = {"type_id": UNKNOWN_DEVICE, "ip": verdict.host}
    if identity and identity.mac:
        device["mac"] = identity.mac
    if identity and identity.name:
        device["hostname"] = identity.name
    return device


def _evidences(verdict: Verdict) -> dict[str, object]:
    items = as_dict(verdict)["evidence"]
    assert isinstance(items, list)
    return (
        {
            "evidences": [
                {"name": item["signal"], "src_endpoint": {"ip": verdict.host}, "data": item}
                for item in items
            ]
        }
        if items
        else {}
    )


def _observables(verdict: Verdict) -> list[dict[str, object]]:
    identity = verdict.identity
    found = [("device.ip", IP_ADDRESS, address) for address in addresses(verdict)]
    if identity and identity.mac:
        found.append(("device.mac", MAC_ADDRESS, identity.mac))
    if identity and identity.name:
        found.append(("device.hostname", HOST_NAME, identity.name))
    return [{"name": name, "type_id": kind, "value": value} for name, kind, value in found]


def _unmapped(verdict: Verdict, change: HostChange | None) -> dict[str, object]:
    said = {key: value for key, value in as_dict(verdict).items() if key not in _MAPPED}
    return said | ({"change": change_as_dict(change)} if change else {})


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
