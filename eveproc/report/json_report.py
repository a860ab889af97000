"""Verdicts -> one ASCII JSON object per host and line, keys in the order of docs/reports.md."""

import json

from eveproc.evidence.host_names import HostName
from eveproc.report.judgement_text import as_dict as judgement_as_dict
from eveproc.report.record import change_as_dict, changes
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange
from eveproc.verdicts.judgement import Judgement
from eveproc.verdicts.verdict import EvidenceItem, Identity, Verdict
from rulegen.inventory import InventoryEntry


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """ASCII escapes leave no control character from the wire in the output.

    `change` comes last, if an earlier report is kept. If only part was judged, every host has
    `coverage`. If nothing could be judged (exit 4), the first line is an object with only that key.
    """
    known = changes(report)
    lines = [
        as_dict(verdict) | _coverage(report.judgement) | _change(known.get(verdict.key))
        for verdict in verdicts
    ]
    if report.judgement.is_blind:
        lines.insert(0, _coverage(report.judgement))
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def _coverage(judgement: Judgement) -> dict[str, object]:
    return {} if judgement.is_whole else {"coverage": judgement_as_dict(judgement)}


def _change(change: HostChange | None) -> dict[str, object]:
    return {"change": change_as_dict(change)} if change else {}


def as_dict(verdict: Verdict) -> dict[str, object]:
    """One host; `host` is an address, times are ISO 8601 UTC, null if a host has no evidence."""
    return {
        "host": verdict.host,
        "verdict": verdict.level.value,
        "score": verdict.score,
        "decided_at": iso(verdict.decided_at),
        "first_seen": iso(verdict.first_seen),
        "last_seen": iso(verdict.last_seen),
        "families": [family.value for family in verdict.families],
        "evidence": [_item(item) for item in verdict.evidence],
        "identity": None if verdict.identity is None else _identity(verdict.identity),
        "why": verdict.why,
        "next_step": verdict.next_step,
    } | _where(verdict)


def _where(verdict: Verdict) -> dict[str, object]:
    """Keys that only some hosts have.

    Scope of several networks, NAT, router, people behind it and sessions that tell who did it,
    addresses taken for one machine, names of its users, inventory.
    """
    return (
        ({"scope": verdict.scope} if verdict.scope else {})
        | ({"same_mails_as": list(verdict.repeats)} if verdict.repeats else {})
        | ({"is_router": True} if verdict.is_router else {})
        | ({"people_at_least": verdict.people} if verdict.people else {})
        | ({"nat_sessions": _sessions(verdict)} if verdict.nat_sessions else {})
        | ({"in_turn": list(verdict.in_turn)} if verdict.in_turn else {})
        | ({"names": [_name(name) for name in verdict.names]} if verdict.names else {})
        | ({"inventory": _inventory(verdict.inventory)} if verdict.inventory else {})
    )


def _inventory(entry: InventoryEntry) -> dict[str, str]:
    """The key that matched, as `address`, `network` or `mac`, and the columns with a value."""
    return {entry.kind: entry.key, **dict(entry.values)}


def _sessions(verdict: Verdict) -> list[dict[str, object]]:
    return [
        {"first_seen": iso(s.first_seen), "source_port": s.source_port, "flow_id": s.flow_id}
        for s in verdict.nat_sessions
    ]


def _name(name: HostName) -> dict[str, object]:
    """Of a user or a machine; `source` is the type of the record that gave it."""
    return {
        "kind": name.kind,
        "name": name.name,
        "source": name.source,
        "last_seen": iso(name.last_seen),
    }


def _item(item: EvidenceItem) -> dict[str, object]:
    return {
        "signal": item.signal.value,
        "family": item.family.value,
        "source": item.source,
        "count": item.count,
        "distinct": item.distinct,
        "first_seen": iso(item.first_seen),
        "last_seen": iso(item.last_seen),
        "sids": list(item.sids),
        "flow_ids": list(item.flow_ids),
        "why": item.why,
    }


def _identity(identity: Identity) -> dict[str, object]:
    return {"mac": identity.mac, "name": identity.name, "addresses": list(identity.addresses)}
