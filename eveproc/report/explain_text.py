"""Account of one host -> text: verdict, timeline, what would have changed it, where to look."""

from collections.abc import Iterator

from msgspec.structs import replace

from eveproc.report.sanitize import safe
from eveproc.report.text_report import paragraph
from eveproc.report.times import short
from eveproc.signals.observation import Pivot
from eveproc.verdicts.explain import Account, Step, WhatIf
from eveproc.verdicts.parameters import CEILING
from eveproc.verdicts.phrasing import SEE_EXPLAIN
from eveproc.verdicts.verdict import EvidenceItem


def render(account: Account) -> str:
    """Plain text; strings from the wire are escaped."""
    verdict = account.verdict
    items = verdict.evidence
    here = verdict.next_step.replace(SEE_EXPLAIN, '"where to look" below lists its connections.')
    return "\n".join(
        (
            *paragraph(replace(verdict, next_step=here)),
            *_section(
                f"weight of each item alone (natural log of its likelihood ratio; {_ceilings()})",
                map(_weight, items),
            ),
            *_section(
                "timeline: time of each new peer, and the score at that time",
                map(_step, account.steps),
            ),
            *((f"  ... and {account.unlisted} more",) if account.unlisted else ()),
            *_section("what would have changed it", map(_what_if, account.what_ifs)),
            *_section("where to look", map(_pivot, account.pivots.items())),
            f"  {safe(account.jq)}",
            "",
        )
    )


def _section(heading: str, lines: Iterator[str]) -> Iterator[str]:
    yield from ("", heading)
    yield from (f"  {line}" for line in lines)


def _ceilings() -> str:
    return "a family adds at most: " + ", ".join(
        f"{family} {ceiling:g}" for family, ceiling in CEILING.items()
    )


def _weight(item: EvidenceItem) -> str:
    return (
        f"{item.weight:6.2f}  {item.family}/{item.signal}, {item.source}. {safe(item.looks_like)}"
    )


def _step(step: Step) -> str:
    return f"{short(step.time)}  {step.score:.2f}  {step.signal}, {step.source}: {safe(step.key)}"


def _what_if(change: WhatIf) -> str:
    return f"{change.score:.2f} {change.level}  {safe(change.change)}"


def _pivot(entry: tuple[Pivot, float]) -> str:
    pivot, time = entry
    port = f"  source port {pivot.source_port}" if pivot.source_port else ""
    community = f"  community_id {safe(pivot.community_id)}" if pivot.community_id else ""
    transaction = f"  tx_id {pivot.tx_id}" if pivot.tx_id >= 0 else ""
    return f"{short(time)}  flow_id {pivot.flow_id}{port}{community}{transaction}"
