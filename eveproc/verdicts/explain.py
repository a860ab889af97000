"""One machine's evidence -> Account: the steps to its verdict, and what would have changed it.

Pure.
"""

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from eveproc.evidence.store import EvidenceSource, EvidenceStore, HostEvidence
from eveproc.input.addresses import canonical_address
from eveproc.signals.observation import Pivot
from eveproc.verdicts.address_rotation import joined
from eveproc.verdicts.machines import (
    Machine,
    context_of,
    inventory_entry,
    machines,
    verdict_on,
)
from eveproc.verdicts.repeated_mails import RepeatedMails
from eveproc.verdicts.scoring import HostContext, combine, signals_for
from eveproc.verdicts.verdict import Assessment, Verdict, assess, level_of, score_by
from rulegen.errors import InputError, Problem
from rulegen.mac_address import canonical_mac
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import Family, Level, Signal

# Only the first steps are listed; the rest is counted.
STEPS = 40
PIVOTS = 20
# What prints a compressed log, by the end of its name.
_UNPACKED_BY = MappingProxyType({"gz": "zcat", "bz2": "bzcat", "xz": "xzcat", "zst": "zstdcat"})


class Step(Struct, frozen=True):
    """At `time` this peer (`key`) was new; `score` is the host's score at that time."""

    time: float
    signal: Signal
    source: EvidenceSource
    key: str
    score: float


class WhatIf(Struct, frozen=True):
    """The verdict under a different assumption, for example "without lookup evidence"."""

    change: str
    level: Level
    score: float


class Account(Struct, frozen=True):
    """Everything that `eveproc explain` shows; `unlisted` is the number of further steps.

    `pivots` have the times at which they were first seen, and stand in that order.
    """

    verdict: Verdict
    steps: tuple[Step, ...]
    unlisted: int
    what_ifs: tuple[WhatIf, ...]
    pivots: Mapping[Pivot, float]
    jq: str


def explain(
    host: str, store: EvidenceStore, site: SiteProfile, sources: Sequence[str]
) -> tuple[Account, ...]:
    """Explain every machine that has or had this address, MAC or name, worst first.

    `sources` are the files that were read, "-" for standard input. Raises InputError if no such
    machine was seen.
    """
    store.trim()
    found = [
        _account(machine, store, site, sources)
        for machine in _find(host, list(joined(machines(store, site), store, site)), site)
    ]
    return tuple(
        sorted(found, key=lambda account: (-account.verdict.level.rank, -account.verdict.score))
    )


def _account(
    machine: Machine, store: EvidenceStore, site: SiteProfile, sources: Sequence[str]
) -> Account:
    context = context_of(machine, store, site)
    found = assess(machine.evidence, context)
    steps = sorted(_newcomers(machine.evidence, context))
    pivots = _pivots(machine.evidence)
    return Account(
        verdict=RepeatedMails(store, site).checked(verdict_on(machine, context), machine),
        steps=tuple(_scored(steps[:STEPS], machine.evidence, found, context)),
        unlisted=max(0, len(steps) - STEPS),
        what_ifs=tuple(_what_ifs(machine.evidence, found, context)),
        pivots=pivots,
        jq=_jq(pivots, machine, sources),
    )


def _find(host: str, seen: Sequence[Machine], site: SiteProfile) -> list[Machine]:
    """Machines with this address, MAC or name; if none, those with this short name."""
    wanted = _one_spelling(host)
    for is_same in (str.__eq__, _is_same_machine):
        found = [m for m in seen if any(is_same(wanted, _one_spelling(n)) for n in _names(m, site))]
        if found:
            return found
    what = (
        "not found: no home host has this address, MAC or name in these events; "
        f"{len(seen)} hosts were seen"
    )
    raise InputError([Problem(host, what)])


def _names(machine: Machine, site: SiteProfile) -> tuple[str, ...]:
    identity, entry = machine.identity, inventory_entry(machine, site)
    names = (identity.mac, identity.name) if identity else ()
    listed = entry.get("name") if entry and entry.is_of_one_machine else ""
    return (*machine.addresses, *(name for name in (*names, listed) if name))


def _one_spelling(host: str) -> str:
    """Normalize: canonical addresses, MACs with colons, names in lower case without final dot."""
    text = host.strip().strip("[]")
    return canonical_address(text) or canonical_mac(text) or text.lower().removesuffix(".")


def _is_same_machine(one: str, other: str) -> bool:
    """True if both names are the same, one of them possibly with its domain."""
    if any(canonical_address(text) or canonical_mac(text) for text in (one, other)):
        return False
    short, full = sorted((one, other), key=len)
    return full.startswith(f"{short}.") and "." not in short


def _newcomers(
    evidence: HostEvidence, context: HostContext
) -> Iterator[tuple[float, Signal, EvidenceSource, str]]:
    for (kind, source), sketch in evidence.sketches.items():
        if isinstance(kind, Signal) and kind in context.signals:
            yield from ((time, kind, source, key) for time, key in sketch.newcomers())


def _scored(
    steps: Sequence[tuple[float, Signal, EvidenceSource, str]],
    evidence: HostEvidence,
    found: Assessment,
    context: HostContext,
) -> Iterator[Step]:
    for time, signal, source, key in steps:
        yield Step(time, signal, source, key, score_by(time, evidence, found.explanations, context))


def _what_ifs(evidence: HostEvidence, found: Assessment, context: HostContext) -> Iterator[WhatIf]:
    for family in Family:
        rest = tuple(w for w in found.scored if w.family is not family)
        if len(rest) < len(found.scored):
            yield _what_if(f"without {family} evidence", combine(rest, found.explanations))
    for explanation in found.explanations:
        others = tuple(e for e in found.explanations if e is not explanation)
        if explanation.signals:
            yield _what_if(
                f"without the benign explanation that this host {explanation.text}",
                combine(found.scored, others),
            )
    for role, is_mail_server in (("mail_servers", True), ("resolvers", False)):
        declared = replace(context, signals=signals_for(is_mail_server, not is_mail_server))
        if declared.signals < context.signals:
            yield _what_if(f"if it were declared in {role}", assess(evidence, declared).score)


def _what_if(change: str, score: float) -> WhatIf:
    return WhatIf(change, level_of(score), score)


def _pivots(evidence: HostEvidence) -> dict[Pivot, float]:
    first: dict[Pivot, float] = {}
    for sketch in evidence.signal_sketches():
        for pivot in sketch.earliest_pivots():
            first[pivot] = min(sketch.pivots[pivot], first.get(pivot, sketch.pivots[pivot]))
    return {pivot: first[pivot] for pivot in sorted(first, key=lambda p: (first[p], p))[:PIVOTS]}


def _jq(pivots: Collection[Pivot], machine: Machine, sources: Sequence[str]) -> str:
    """A shell command that prints the flows to look at."""
    if not pivots:
        # Suricata writes IPv6 addresses in full.
        spellings = dict.fromkeys(s for a in machine.addresses for s in (a, ip_address(a).exploded))
        ends = ", ".join(f'"{spelling}"' for spelling in spellings)
        return _filtered(f"(.src_ip, .dest_ip) | IN({ends})", sources)
    flows = ", ".join(str(flow) for flow in dict.fromkeys(pivot.flow_id for pivot in pivots))
    return _filtered(f".flow_id | IN({flows})", sources)


def _filtered(condition: str, files: Sequence[str]) -> str:
    """A shell command that prints the records of these files; "-" is standard input.

    jq reads no compressed file.
    """
    by_program: dict[str, list[str]] = {}
    for file in files:
        program = _UNPACKED_BY.get(file.rpartition(".")[2], "cat")
        by_program.setdefault(program, []).append(shlex.quote(file))
    command = f"jq -c 'select({condition})'"
    if by_program.keys() <= {"cat"}:
        return " ".join((command, *(file for file in by_program.get("cat", ()) if file != "-")))
    printed = [f"{program} {' '.join(named)}" for program, named in by_program.items()]
    together = printed[0] if len(printed) == 1 else f"{{ {'; '.join(printed)}; }}"
    return f"{together} | {command}"
