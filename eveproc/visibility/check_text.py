"""SiteCheck -> one page or one JSON object: would a mass mailer be detected at this site."""

import json
from collections.abc import Callable, Iterator, Mapping
from textwrap import wrap
from types import MappingProxyType

from eveproc.report.judgement_text import as_dict, remedy_lines
from eveproc.report.sanitize import safe
from eveproc.visibility.check import SiteCheck
from eveproc.visibility.needs import Need
from rulegen.units import count_of

WIDTH = 100
_SEEN = MappingProxyType({True: "yes", False: "NO", None: "cannot tell"})


def render_text(check: SiteCheck) -> str:
    """The answer, the causes that hide a mass mailer, and what was examined."""
    lines = [
        *_answer(check),
        *_section("requirements of each evidence family", map(_need, check.needs)),
        *_section("home networks", (_seen(name, met) for name, met in check.networks)),
        *_section(
            "declared servers",
            (_seen(f"{server.role} {server.address}", server.is_seen) for server in check.servers),
        ),
        *_section("rules of rulegen build", _rules(check)),
    ]
    return "".join(f"{line}\n" for line in lines)


def render_json(check: SiteCheck) -> str:
    """One object; `expected` is null if records do not show what a rule counts."""
    told = {
        "would_be_seen": {"judged": "yes", "judged in part": "in part"}.get(
            check.judgement.outcome.value, "no"
        ),
        **as_dict(check.judgement),
        "needs": [
            {
                "family": need.family.value,
                "what": need.what,
                "is_there": need.is_there,
                "setting": need.setting,
            }
            for need in check.needs
        ],
        "home_networks": dict(check.networks),
        "servers": [
            {"address": one.address, "role": one.role, "is_seen": one.is_seen}
            for one in check.servers
        ],
        "alert_records": check.has_alert_records,
        "rules": [
            {
                "signal": rule.signal.value,
                "alerts": rule.alerts,
                "expected": rule.expected,
                "note": rule.note,
            }
            for rule in check.rules
        ],
    }
    return json.dumps(told) + "\n"


FORMATS: Mapping[str, Callable[[SiteCheck], str]] = MappingProxyType(
    {"text": render_text, "json": render_json}
)


def _answer(check: SiteCheck) -> Iterator[str]:
    judgement = check.judgement
    if judgement.is_whole:
        yield "Would a mass mailer be detected here? Yes."
        return
    answer = "No" if judgement.is_blind else "In part"
    yield f"Would a mass mailer be detected here? {answer}:"
    for cause in judgement.causes:
        yield from wrap(f"- {safe(cause.text)}", WIDTH, subsequent_indent="  ")
        yield from remedy_lines(cause, WIDTH)


def _section(title: str, entries: Iterator[str]) -> Iterator[str]:
    lines = [line for entry in entries for line in _wrapped(entry)]
    if lines:
        yield from ("", f"{title}:")
        yield from lines


def _wrapped(entry: str) -> list[str]:
    return wrap(entry, WIDTH, initial_indent="  ", subsequent_indent=" " * 15)


def _seen(what: str, is_seen: bool | None) -> str:
    return f"{_SEEN[is_seen]:<11}  {safe(what)}"


def _need(need: Need) -> str:
    setting = "" if need.is_there else f" ({need.setting})"
    return _seen(f"{need.family}: {need.what}{setting}", need.is_there)


def _rules(check: SiteCheck) -> Iterator[str]:
    if not check.has_alert_records:
        yield from _rules_without_alerts(check)
        return
    for rule in check.rules:
        alerts = count_of(rule.alerts, "alert")
        what = f"{rule.signal}: {rule.note or alerts}"
        yield f"{'SILENT' if rule.is_silent else 'alerted':<11}  {what}"
    if not check.rules:
        expected = "according to the records, none should have"
        unknown = "without dns, smtp and flow records it is unknown whether one should have"
        yield f"no rule alerted; {expected if check.can_expect_alerts else unknown}"


def _rules_without_alerts(check: SiteCheck) -> Iterator[str]:
    """No alert of any rule was read: the rules may run, and their alerts go elsewhere."""
    expected = [f"{rule.signal} ({rule.expected})" for rule in check.rules if rule.expected]
    yield "no alert record was read: it is unknown whether the rules are loaded"
    if expected:
        yield f"according to the records, these should have alerted: {', '.join(expected)}"
