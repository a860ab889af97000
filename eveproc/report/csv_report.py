"""Verdicts -> CSV (RFC 4180) with a header and one row per host, safe for spreadsheets."""

import csv
from io import StringIO

from eveproc.report.judgement_text import causes_in_one, remedies_in_one
from eveproc.report.sanitize import safe_cell
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.judgement import Judgement
from eveproc.verdicts.verdict import Verdict

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

    The column `scope` exists if any host has one. If not everything was judged, the last row,
    without a host, says so.
    """
    out = StringIO(newline="")
    rows = csv.writer(out, lineterminator="\r\n")
    has_scopes = any(verdict.scope for verdict in verdicts)
    rows.writerow((*COLUMNS, "scope") if has_scopes else COLUMNS)
    for verdict in verdicts:
        cells = (*_row(verdict), verdict.scope) if has_scopes else _row(verdict)
        rows.writerow([safe_cell(cell) for cell in cells])
    if not report.judgement.is_whole:
        rows.writerow([safe_cell(cell) for cell in _judgement_row(report.judgement)])
    return out.getvalue()


def _judgement_row(judgement: Judgement) -> tuple[str, ...]:
    """The outcome, without a host: a header alone would look like a run without findings."""
    cells = {
        "verdict": judgement.outcome.value,
        "why": causes_in_one(judgement),
        "next_step": remedies_in_one(judgement),
    }
    return tuple(cells.get(column, "") for column in COLUMNS)


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
        " ".join(identity.addresses) if identity else "",
        verdict.why,
        verdict.next_step,
    )
