"""Verdicts -> CSV (RFC 4180) with a header and one row per host, safe for spreadsheets."""

import csv
from collections.abc import Iterator
from io import StringIO

from eveproc.report.judgement_text import causes_in_one, remedies_in_one
from eveproc.report.sanitize import safe_cell
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Judgement
from eveproc.verdicts.verdict import Verdict
from rulegen.inventory import InventoryEntry

MATCHED = "matched"
COLUMNS = (
    "host",
    "verdict",
    "score",
    "decided_at",
    "first_seen",
    "last_seen",
    "families",
    "signals",
    "sids",
    "mac",
    "name",
    "addresses",
    "why",
    "next_step",
)


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """Lists within a cell are separated by spaces.

    The column `scope` exists if any host has one, and so do the columns of the inventory. If not
    everything was judged, the last row, without a host, says so.
    """
    out = StringIO(newline="")
    rows = csv.writer(out, lineterminator="\r\n")
    has_scopes = any(verdict.scope for verdict in verdicts)
    listed = _listed(report, verdicts)
    heading = (*COLUMNS, *(["scope"] if has_scopes else []), *(f"inventory_{c}" for c in listed))
    rows.writerow([safe_cell(cell) for cell in heading])
    for verdict in verdicts:
        scope = [verdict.scope] if has_scopes else []
        cells = (*_row(verdict), *scope, *_inventory(verdict.inventory, listed))
        rows.writerow([safe_cell(cell) for cell in cells])
    if not report.judgement.is_whole:
        cells = _judgement_row(report.judgement, heading)
        rows.writerow([safe_cell(cell) for cell in cells])
    return out.getvalue()


def _listed(report: Report, verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
    """Columns of the inventory: what matched, then those with a value; none where it names
    no host.
    """
    entries = [verdict.inventory for verdict in verdicts if verdict.inventory]
    if not (report.site and entries):
        return ()
    return (MATCHED, *report.site.inventory.columns_of(entries))


def _inventory(entry: InventoryEntry | None, listed: tuple[str, ...]) -> Iterator[str]:
    for column in listed:
        yield "" if entry is None else entry.key if column == MATCHED else entry.get(column)


def _judgement_row(judgement: Judgement, heading: tuple[str, ...]) -> tuple[str, ...]:
    """The outcome, without a host: a header alone would look like a run without findings."""
    cells = {
        "verdict": judgement.outcome.value,
        "why": causes_in_one(judgement),
        "next_step": remedies_in_one(judgement),
    }
    return tuple(cells.get(column, "") for column in heading)


def _row(verdict: Verdict) -> tuple[str, ...]:
    identity = verdict.identity
    return (
        verdict.host,
        verdict.level,
        str(verdict.score),
        iso(verdict.decided_at) or "",
        iso(verdict.first_seen) or "",
        iso(verdict.last_seen) or "",
        " ".join(verdict.families),
        " ".join(dict.fromkeys(item.signal for item in verdict.evidence)),
        " ".join(
            str(sid) for sid in sorted({sid for item in verdict.evidence for sid in item.sids})
        ),
        identity.mac if identity else "",
        identity.name if identity else "",
        " ".join(identity.addresses if identity else verdict.in_turn),
        verdict.why,
        verdict.next_step,
    )
