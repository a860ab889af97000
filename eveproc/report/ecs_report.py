"""Verdicts -> one Elastic Common Schema document per host and line.

Values without an ECS field are below `mxhound`.
"""

import json
from types import MappingProxyType

from eveproc.report.json_report import as_dict
from eveproc.report.judgement_text import as_dict as as_dict_of
from eveproc.report.judgement_text import causes_in_one
from eveproc.report.record import addresses, change_as_dict, changes, techniques, told_at
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange
from eveproc.verdicts.verdict import Identity, Verdict
from rulegen.vocabulary import Level

# ECS version; tests/data/ecs-fields.csv lists its names and types.
ECS_VERSION = "9.4.0"
# Severities of high, medium and low in Elastic's own rules.
SEVERITY = MappingProxyType({Level.INFECTED: 73, Level.SUSPECTED: 47, Level.CLEAN: 21})


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """Ready for a bulk request or a shipper; ASCII only."""
    known = changes(report)
    documents = [_document(report, verdict, known.get(verdict.key)) for verdict in verdicts]
    if not report.judgement.is_whole:
        documents.insert(0, _judgement_document(report))
    return "".join(f"{json.dumps(document)}\n" for document in documents)


def _judgement_document(report: Report) -> dict[str, object]:
    """The outcome, without a host, and without a time if no record has one."""
    judgement = report.judgement
    return {
        **_when(report.last_record),
        "ecs": {"version": ECS_VERSION},
        "message": f"{judgement.outcome}: {causes_in_one(judgement)}",
        "event": {
            "kind": "state",
            "category": ["intrusion_detection"],
            "type": ["info"],
            "module": "mxhound",
            "dataset": "mxhound.coverage",
            "provider": "eveproc",
            "reason": causes_in_one(judgement),
        },
        "observer": {"type": "ids"},
        "mxhound": {"coverage": as_dict_of(judgement)},
    }


def _document(report: Report, verdict: Verdict, change: HostChange | None) -> dict[str, object]:
    return {
        **_when(told_at(report, verdict)),
        "ecs": {"version": ECS_VERSION},
        "message": f"{verdict.level}: {verdict.host}: {verdict.why}",
        "event": _event(verdict),
        "host": _host(verdict),
        "source": {"ip": verdict.host},
        "related": _related(verdict),
        "observer": {"type": "ids"},
        **({"threat": _threat(verdict)} if verdict.level is not Level.CLEAN else {}),
        "mxhound": _ours(verdict, change),
    }


def _when(seconds: float | None) -> dict[str, str | None]:
    return {} if seconds is None else {"@timestamp": iso(seconds)}


def _event(verdict: Verdict) -> dict[str, object]:
    """Clean hosts are events, the others are alerts."""
    event = {
        "kind": "event" if verdict.level is Level.CLEAN else "alert",
        "category": ["intrusion_detection", "malware"],
        "type": ["info"],
        "module": "mxhound",
        "dataset": "mxhound.verdict",
        "provider": "eveproc",
        "reason": verdict.why,
        "risk_score": round(100 * verdict.score, 2),
        "severity": SEVERITY[verdict.level],
        "start": iso(verdict.first_seen),
        "end": iso(verdict.last_seen),
    }
    return {key: value for key, value in event.items() if value is not None}


def _host(verdict: Verdict) -> dict[str, object]:
    identity = verdict.identity
    if identity is None:
        return {"ip": [verdict.host]}
    name = {"name": identity.name} if identity.name else {}
    return {"ip": addresses(verdict), "mac": [_mac(identity)], **name}


def _related(verdict: Verdict) -> dict[str, object]:
    names = {"hosts": [verdict.identity.name]} if verdict.identity and verdict.identity.name else {}
    return {"ip": addresses(verdict), **names}


def _mac(identity: Identity) -> str:
    """In the format that ECS requires (RFC 7042): 00-00-5E-00-53-23."""
    return identity.mac.replace(":", "-").upper()


def _threat(verdict: Verdict) -> dict[str, object]:
    """ATT&CK techniques of what scored; T1071.003 is a subtechnique of T1071."""
    found = techniques(verdict)
    threat: dict[str, object] = {
        "id": list(dict.fromkeys(technique.partition(".")[0] for technique in found))
    }
    finer = [technique for technique in found if "." in technique]
    if finer:
        threat["subtechnique"] = {"id": finer}
    return {"framework": "MITRE ATT&CK", "technique": threat}


def _ours(verdict: Verdict, change: HostChange | None) -> dict[str, object]:
    said = as_dict(verdict)
    kept = ("verdict", "score", "decided_at", "families", "evidence", "next_step")
    who = ("people_at_least", "nat_sessions", "in_turn", "names", "inventory")
    some = ("scope", "same_mails_as", "is_router", *who)
    return {key: said[key] for key in (*kept, *some) if key in said} | (
        {"change": change_as_dict(change)} if change else {}
    )
