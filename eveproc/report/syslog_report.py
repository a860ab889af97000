"""Verdicts -> one syslog message (RFC 5424) per host and line, with structured data for programs.

The lines can be sent unchanged to a relay that accepts messages separated by newlines (RFC 6587,
3.4.2).
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from types import MappingProxyType

from eveproc.report.judgement_text import causes_in_one, remedies_in_one
from eveproc.report.record import all_addresses, changes, sids, told_at
from eveproc.report.sanitize import cut
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange
from eveproc.verdicts.judgement import Judgement
from eveproc.verdicts.verdict import Verdict
from rulegen.vocabulary import Level

LOCAL0 = 16
# mxhound has no enterprise number of its own; RFC 5612 reserves this one for examples.
SD_ID = "mxhound@32473"
# The relay adds the sender's name and process: the same report is always the same text.
NIL = "-"
# A receiver should accept 2048 bytes and may cut what is longer (RFC 5424, 6.1).
PARAMETER, TEXT = 255, 1024
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "]": "\\]"})


class Severity(IntEnum):
    """Severities of RFC 5424, table 2."""

    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    INFORMATIONAL = 6


SEVERITY = MappingProxyType(
    {
        Level.INFECTED: Severity.CRITICAL,
        Level.SUSPECTED: Severity.WARNING,
        Level.CLEAN: Severity.INFORMATIONAL,
    }
)


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """UTF-8 without control characters.

    What was not judged completely comes first, without a host.
    """
    return "".join(f"{line}\n" for line in messages(report, verdicts))


def messages(report: Report, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    """The messages of `render`, each without a line end."""
    if not report.judgement.is_whole:
        yield _judgement_message(report.judgement, report.last_record)
    known = changes(report)
    for verdict in verdicts:
        yield _message(
            SEVERITY[verdict.level],
            told_at(report, verdict),
            "verdict",
            _parameters(verdict, known.get(verdict.key), report.judgement),
            f"{verdict.level}: {verdict.host}: {verdict.why}",
        )


def _judgement_message(judgement: Judgement, when: float | None) -> str:
    causes = " ".join(cause.name for cause in judgement.causes)
    remedies = remedies_in_one(judgement)
    text = f"{judgement.outcome}: {causes_in_one(judgement)}"
    parameters = {
        "judgement": judgement.outcome.value,
        "causes": causes,
        "next_step": remedies,
    }
    return _message(severity_of(judgement), when, "coverage", parameters, text)


def severity_of(judgement: Judgement) -> Severity:
    """The severity of a run that was not judged completely."""
    return Severity.WARNING if judgement.has_verdicts else Severity.ERROR


def _message(
    severity: Severity, when: float | None, kind: str, parameters: Mapping[str, str], text: str
) -> str:
    pairs = "".join(
        f' {name}="{in_parameter(value)}"' for name, value in parameters.items() if value
    )
    return f"{header(severity, when, kind)} [{SD_ID}{pairs}] {in_text(text)}"


def header(severity: Severity, when: float | None, kind: str) -> str:
    """Priority, version, time, host, program, process and message id."""
    return f"<{LOCAL0 * 8 + severity}>1 {iso(when) or NIL} {NIL} eveproc {NIL} {kind}"


def in_parameter(text: str) -> str:
    """A value of structured data: quotes, brackets and backslashes escaped, no line ends."""
    return cut(text, PARAMETER).translate(_ESCAPES)


def in_text(text: str) -> str:
    """The free text in ASCII: anything else needs a byte order mark in front (RFC 5424, 6.4)."""
    shown = cut(text, TEXT).replace("…", "...")
    return shown.encode("ascii", "backslashreplace").decode()


def _parameters(
    verdict: Verdict, change: HostChange | None, judgement: Judgement
) -> dict[str, str]:
    identity = verdict.identity
    return {
        "host": verdict.host,
        "verdict": verdict.level,
        "score": str(verdict.score),
        "decided_at": iso(verdict.decided_at) or "",
        "first_seen": iso(verdict.first_seen) or "",
        "last_seen": iso(verdict.last_seen) or "",
        "families": " ".join(verdict.families),
        "signals": " ".join(dict.fromkeys(item.signal for item in verdict.evidence)),
        "sids": " ".join(map(str, sids(verdict))),
        "mac": identity.mac if identity else "",
        "name": identity.name if identity else "",
        "addresses": " ".join(all_addresses(verdict)),
        "scope": verdict.scope,
        "same_mails_as": " ".join(verdict.repeats),
        "is_router": "true" if verdict.is_router else "",
        "coverage": "" if judgement.is_whole else judgement.outcome.value,
        **_change(change),
        "inventory": verdict.inventory.text if verdict.inventory else "",
        "next_step": verdict.next_step,
    }


def _change(change: HostChange | None) -> dict[str, str]:
    if change is None:
        return {}
    return {
        "trend": change.trend,
        "episode": change.incident,
        "first_reported": iso(change.first_reported) or "",
        "previous": change.previous or "",
    }
