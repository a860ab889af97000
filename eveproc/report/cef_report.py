"""Verdicts -> one event per host in ArcSight's Common Event Format (CEF:0).

The names of the extension's keys are those of the CEF dictionary, Implementation Standard 26.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from eveproc.report import syslog_report
from eveproc.report.judgement_text import causes_in_one, remedies_in_one
from eveproc.report.record import all_addresses, changes, sids, told_at
from eveproc.report.sanitize import cut
from eveproc.report.times import iso
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import HostChange
from eveproc.verdicts.judgement import Judgement
from eveproc.verdicts.verdict import Verdict
from rulegen.installation import version
from rulegen.vocabulary import Level

# From 0 to 10; CEF calls 9 very high, 6 medium, 4 medium and 1 low.
SEVERITY = MappingProxyType({Level.INFECTED: 9, Level.SUSPECTED: 6, Level.CLEAN: 1})
NOT_WHOLE = 4
# The longest values that the dictionary allows.
SHORT, LONG = 1023, 4000
# Keys that a vendor adds begin with its name and the product's ("User-Defined Extensions").
OWN = "mxhoundEveproc"
_EXTENSION_ESCAPES = str.maketrans({"\\": "\\\\", "=": "\\="})
_HEADER_ESCAPES = str.maketrans({"\\": "\\\\", "|": "\\|"})


def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
    """UTF-8 without control characters.

    If not everything was judged, the first event says so, without a host.
    """
    return "".join(f"{event}\n" for _, event in _events(report, verdicts))


def messages(report: Report, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    """Each event after a syslog header (RFC 5424), because CEF travels in syslog."""
    return (f"{header} {syslog_report.NIL} {event}" for header, event in _events(report, verdicts))


def _events(report: Report, verdicts: tuple[Verdict, ...]) -> Iterator[tuple[str, str]]:
    """Headers of syslog, and events."""
    judgement = report.judgement
    if not judgement.is_whole:
        severity = syslog_report.severity_of(judgement)
        header = syslog_report.header(severity, report.last_record, "coverage")
        yield header, _event("coverage", judgement.outcome, NOT_WHOLE, _coverage(report))
    known = changes(report)
    for verdict in verdicts:
        name = f"Host {verdict.level}"
        extension = {
            **_host(verdict),
            **_times(report, verdict),
            **_reasons(verdict),
            **_change(known.get(verdict.key)),
            **_context(verdict, judgement),
        }
        severity = syslog_report.SEVERITY[verdict.level]
        header = syslog_report.header(severity, told_at(report, verdict), "verdict")
        yield header, _event(verdict.level, name, SEVERITY[verdict.level], extension)


def _event(signature: str, name: str, severity: int, extension: Mapping[str, str]) -> str:
    header = ("CEF:0", "mxhound", "eveproc", version(), signature, name, str(severity))
    pairs = (f"{key}={in_extension(value)}" for key, value in extension.items() if value)
    return "|".join((*map(in_header, header), " ".join(pairs)))


def in_header(text: str) -> str:
    """A field of the header: bars and backslashes escaped, no line ends."""
    return cut(text, SHORT).translate(_HEADER_ESCAPES)


def in_extension(text: str) -> str:
    """A value of the extension: equals signs and backslashes escaped, no line ends."""
    return cut(text, LONG).translate(_EXTENSION_ESCAPES)


def _coverage(report: Report) -> dict[str, str]:
    judgement: Judgement = report.judgement
    return {
        "cat": "coverage",
        "rt": _milliseconds(report.last_record),
        "msg": cut(f"{judgement.outcome}: {causes_in_one(judgement)}", SHORT),
        **_custom(6, "nextStep", remedies_in_one(judgement)),
    }


def _host(verdict: Verdict) -> dict[str, str]:
    """In CEF:0 `src` is IPv4 only; an IPv6 source has a field with a label."""
    identity = verdict.identity
    is_ipv6 = ":" in verdict.host
    address = (
        {"c6a2": verdict.host, "c6a2Label": "Source IPv6 Address"}
        if is_ipv6
        else {"src": verdict.host}
    )
    return {
        "cat": "verdict",
        **address,
        "shost": cut(identity.name, SHORT) if identity else "",
        "smac": identity.mac if identity else "",
    }


def _times(report: Report, verdict: Verdict) -> dict[str, str]:
    """A host without evidence has no first and last time."""
    seen = verdict if verdict.evidence else None
    return {
        "rt": _milliseconds(told_at(report, verdict)),
        "start": _milliseconds(seen.first_seen) if seen else "",
        "end": _milliseconds(seen.last_seen) if seen else "",
    }


def _reasons(verdict: Verdict) -> dict[str, str]:
    signals = dict.fromkeys(item.signal for item in verdict.evidence)
    return {
        "cfp1": str(verdict.score),
        "cfp1Label": "score",
        **_custom(1, "verdict", verdict.level),
        **_custom(2, "families", " ".join(verdict.families)),
        **_custom(3, "signals", " ".join(signals)),
        **_custom(5, "scope", verdict.scope),
        **_custom(6, "nextStep", verdict.next_step),
        "msg": cut(verdict.why, SHORT),
    }


def _change(change: HostChange | None) -> dict[str, str]:
    if change is None:
        return {}
    return {
        "externalId": change.incident,
        **_custom(4, "trend", change.trend),
        f"{OWN}FirstReported": iso(change.first_reported) or "",
        f"{OWN}Previous": change.previous or "",
    }


def _context(verdict: Verdict, judgement: Judgement) -> dict[str, str]:
    """Values for which the dictionary has no key."""
    return {
        f"{OWN}Addresses": " ".join(all_addresses(verdict)),
        f"{OWN}Sids": " ".join(map(str, sids(verdict))),
        f"{OWN}SameMailsAs": " ".join(verdict.repeats),
        f"{OWN}IsRouter": "true" if verdict.is_router else "",
        f"{OWN}Inventory": verdict.inventory.text if verdict.inventory else "",
        f"{OWN}Coverage": "" if judgement.is_whole else judgement.outcome.value,
    }


def _custom(number: int, label: str, value: str) -> dict[str, str]:
    return {f"cs{number}": value, f"cs{number}Label": label} if value else {}


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else str(round(seconds * 1000))
