"""A JSON report + SiteProfile -> firewall and Suricata files that block infected hosts' mail.

Each entry expires. Hosts that an earlier run blocked stay blocked until then.

Nothing here touches a firewall: a person reviews and loads the files. Only addresses in canonical
form are copied from a report, so no text from the wire can become a command or a rule.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from eveproc.report.sanitize import safe
from eveproc.report.times import iso, short
from eveproc.verdicts.judgement import Outcome
from rulegen.errors import InputError, MxhoundError, Problem
from rulegen.files import SHARED, read_bounded, write_whole
from rulegen.site_profile import Address, SiteProfile
from rulegen.units import HOUR
from rulegen.vocabulary import Level

# Well above the catalogue's offsets. eveproc ignores alerts with these sids, so that a block cannot
# prolong itself.
DATASET_OFFSET, IPREP_OFFSET = 900, 901
NAME = "mxhound"
# What the next run reads of this one.
BLOCKED = "blocked.json"
# Maximum number of hosts named in a reason.
NAMED = 3
IPREP_CATEGORY, IPREP_SCORE = 1, 127
# Maximum size of a report, and maximum number of invalid lines reported.
MAX_BYTES, MOST_PROBLEMS = 256 << 20, 100
BLIND = (
    "no host could be judged in this report; files made of it would remove all earlier blocks, "
    "which end by themselves"
)


class Candidate(Struct, frozen=True):
    """What a report last said about one host.

    Times are in seconds since 1970 UTC.

    `addresses` are all addresses of the machine; `scope`, `repeats` and `is_router` are as in a
    Verdict.
    """

    host: Address
    level: Level
    score: float
    last_seen: float
    scope: str = ""
    addresses: tuple[Address, ...] = ()
    repeats: tuple[Address, ...] = ()
    is_router: bool = False


class Block(Struct, frozen=True):
    """A host whose outbound mail is blocked until this time, and what was reported on it."""

    candidate: Candidate
    until: float

    @property
    def host(self) -> Address:
        return self.candidate.host


class NotBlocked(Struct, frozen=True):
    """A host that is not blocked, and the reason."""

    host: Address
    why: str


class BlockPlan(Struct, frozen=True):
    """Hosts to block and not to block; `made` is the time in seconds since 1970 UTC."""

    made: float
    blocks: tuple[Block, ...]
    left_out: tuple[NotBlocked, ...]


def read_report(path: Path) -> tuple[Candidate, ...]:
    """Read the hosts of a file that `eveproc report -f json` or `watch -f json` wrote.

    If several lines name one host, the last one counts.

    Raises InputError with the first MOST_PROBLEMS invalid lines (only the first if no line before
    it is valid: then this is no report), and if the report could judge no host: files made from it
    would end every earlier block.
    """
    lines = read_bounded(path, MAX_BYTES).decode("utf-8", errors="replace").splitlines()
    found: dict[tuple[Address, str], Candidate] = {}
    problems = []
    is_blind = False
    for number, line in enumerate(lines, 1):
        if _tells_coverage(line):
            is_blind |= _tells_blindness(line)
            continue
        try:
            candidate = _candidate(line)
        except (OverflowError, ValueError, TypeError, KeyError, RecursionError):
            what = (
                "invalid verdict: expected a line of eveproc report -f json with host (an "
                "address), verdict, score, last_seen"
            )
            problems.append(Problem(str(path), what, line=number))
            if not found or len(problems) == MOST_PROBLEMS:
                break
        else:
            found[candidate.host, candidate.scope] = candidate
    if is_blind and not found and not problems:
        problems.append(Problem(str(path), BLIND))
    if problems:
        raise InputError(problems)
    return tuple(found.values())


def with_earlier(candidates: tuple[Candidate, ...], folder: Path) -> tuple[Candidate, ...]:
    """Add the hosts that an earlier run wrote into the folder and this report says nothing of.

    So a report that is empty, since it failed or there was nothing new to read, lifts no block
    before its end. A machine that is reported with another address by now is not added.
    """
    kept = folder / BLOCKED
    if not kept.exists():
        return candidates
    told = {(a, c.scope) for c in candidates for a in (c.host, *c.addresses)}
    earlier = (c for c in read_report(kept) if (c.host, c.scope) not in told)
    return (*candidates, *earlier)


def plan(
    candidates: Iterable[Candidate],
    site: SiteProfile,
    now: float,
    *,
    hours: float,
    at_most: int,
    scope: str = "",
) -> BlockPlan:
    """Plan to block at most `at_most` infected hosts of this site, worst first.

    Each is blocked until `hours` after its last suspicious event. Where several networks use the
    same addresses, only hosts in `scope` are blocked.
    """
    blocks: list[Block] = []
    left_out: list[NotBlocked] = []
    for candidate in sorted(candidates, key=lambda c: (-c.score, c.host.version, int(c.host))):
        until = min(candidate.last_seen, now) + hours * HOUR
        why = _why_not(candidate, site, now) or _why_not_here(candidate, scope)
        if not why and until <= now:
            why = (
                f"its last suspicious event was at {short(candidate.last_seen)}, longer ago "
                "than a block lasts"
            )
        if not why and len(blocks) == at_most:
            why = f"the maximum of {at_most} hosts is reached; investigate before raising it"
        if why:
            left_out.append(NotBlocked(candidate.host, why))
        else:
            blocks.append(Block(candidate, until))
    return BlockPlan(now, tuple(blocks), tuple(left_out))


def describe(found: BlockPlan) -> Iterator[str]:
    """One line per host, blocked hosts first."""
    for block in found.blocks:
        yield f"blocked   {block.host} until {short(block.until)}"
    for other in found.left_out:
        yield f"left out  {other.host}: {other.why}"
    if not found.blocks:
        yield "no host is blocked: loading these files removes all earlier blocks"


def files(found: BlockPlan, site: SiteProfile, *, drop: bool = False) -> dict[str, str]:
    """Render the files: file name -> text.

    `drop`: Suricata rules drop (this needs an inline Suricata) instead of alert.
    """
    return {
        name: render(found, site, "drop" if drop else "alert") for name, render in _FILES.items()
    }


def write(texts: Mapping[str, str], folder: Path) -> None:
    """Write the files into the folder, each atomically.

    Raises MxhoundError. New files get permissions by the umask, because Suricata reads them as its
    own user.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MxhoundError(f"{folder}: cannot be created: {error.strerror}") from error
    for name, text in texts.items():
        write_whole(folder / name, text, SHARED)


def _tells_coverage(line: str) -> bool:
    """True for the coverage line, which is about no host."""
    return line.startswith('{"coverage": ')


def _tells_blindness(line: str) -> bool:
    """True if a coverage line says that no host could be judged."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        return bool(json.loads(line)["coverage"]["judgement"] == Outcome.NOT_JUDGED)
    return False


def _candidate(line: str) -> Candidate:
    told = json.loads(line)
    host = ip_address(str(told["host"]))
    if "%" in str(host):
        raise ValueError("an address with a zone")
    seen = (
        datetime.fromisoformat(told["last_seen"]).timestamp()
        if told["last_seen"] is not None
        else 0.0
    )
    identity = told.get("identity")
    identity = identity if isinstance(identity, dict) else {}
    return Candidate(
        host,
        Level(told["verdict"]),
        float(told["score"]),
        seen,
        str(told.get("scope", "")),
        tuple(_addresses(identity.get("addresses"))),
        tuple(_addresses(told.get("same_mails_as"))),
        told.get("is_router", False) is True,
    )


def _addresses(texts: object) -> Iterator[Address]:
    """The valid addresses of a list."""
    for text in texts if isinstance(texts, list) else ():
        with suppress(ValueError):
            yield ip_address(str(text))


def _why_not(candidate: Candidate, site: SiteProfile, now: float) -> str:
    host, day = candidate.host, datetime.fromtimestamp(now, UTC).date()
    exempt = next((e for e in site.exempt if e.in_force(day) and host in e.network), None)
    if why := _why_never(candidate, site):
        return why
    if candidate.level is not Level.INFECTED:
        return f"is {candidate.level}; only infected hosts are blocked"
    if not site.is_home(host):
        return "not in home_networks"
    return f"is exempt: {safe(exempt.reason)}" if exempt else ""


def _why_never(candidate: Candidate, site: SiteProfile) -> str:
    """Reason not to block a host whose block would stop other hosts' mail."""
    for address in dict.fromkeys((candidate.host, *candidate.addresses)):
        its = "" if address == candidate.host else f" by its address {address}"
        if site.is_mail_server(address):
            return f"is declared in mail_servers{its}"
        if site.is_resolver(address):
            return f"is declared in resolvers{its}"
    if candidate.repeats:
        named = ", ".join(map(str, candidate.repeats[:NAMED]))
        servers = any(map(site.is_mail_server, candidate.repeats))
        what = "declared mail server" if servers else "internal host"
        return f"repeats mails of the {what} {named}: it is the site's own NAT address"
    if candidate.is_router:
        return "router or gateway: other machines are behind it"
    return ""


def _why_not_here(candidate: Candidate, scope: str) -> str:
    """Reason not to block one of several machines with the same address."""
    if candidate.scope == scope or not candidate.scope:
        return ""
    shown = safe(candidate.scope)
    return (
        f"one of several machines with this address, in {shown}: block it only at the "
        f"firewall of that network, with --scope {shown}"
    )


def _made(found: BlockPlan) -> str:
    last = max((block.until for block in found.blocks), default=found.made)
    hosts = "1 host" if len(found.blocks) == 1 else f"{len(found.blocks)} hosts"
    return (
        f"Made by eveproc block at {short(found.made)}: {hosts}, the last until "
        f"{short(last)}. How to undo it: docs/feeding-back.md."
    )


def _nftables(found: BlockPlan, site: SiteProfile, _action: str) -> str:
    ports = ", ".join(map(str, sorted({*site.ports.smtp, *site.ports.submission})))
    lines = [
        "#!/usr/sbin/nft -f",
        f"# {_made(found)}",
        "# Loading this file replaces earlier blocks in one transaction. Each host's "
        "entry expires.",
        f"table inet {NAME}",
        f"delete table inet {NAME}",
        f"table inet {NAME} {{",
    ]
    for version in (4, 6):
        lines += [
            *_set(
                f"hosts{version}",
                version,
                "timeout",
                (_element(block, found.made) for block in _of(found, version)),
            ),
            *_set(
                f"home{version}",
                version,
                "interval",
                (str(n) for n in site.home_networks if n.version == version),
            ),
        ]
    lines += [
        "    chain forward {",
        "        type filter hook forward priority -10; policy accept;",
    ]
    for version, protocol in ((4, "ip"), (6, "ip6")):
        match = (
            f"{protocol} saddr @hosts{version} {protocol} daddr != @home{version} tcp dport "
            f"{{ {ports} }}"
        )
        lines.append(f"        {match} counter reject with tcp reset")
    return "\n".join([*lines, "    }", "}", ""])


def _set(name: str, version: int, flag: str, elements: Iterator[str]) -> Iterator[str]:
    yield f"    set {name} {{"
    yield f"        type ipv{version}_addr; flags {flag};"
    if listed := ", ".join(elements):
        yield f"        elements = {{ {listed} }}"
    yield "    }"


def _element(block: Block, now: float) -> str:
    return f"{block.host} timeout {max(1, round(block.until - now))}s"


def _of(found: BlockPlan, version: int) -> Iterator[Block]:
    return (block for block in found.blocks if block.host.version == version)


def _blocked(found: BlockPlan, _site: SiteProfile, _action: str) -> str:
    """The hosts in the form of a report, for `with_earlier`."""
    return "".join(f"{json.dumps(_as_reported(b.candidate, found.made))}\n" for b in found.blocks)


def _as_reported(candidate: Candidate, now: float) -> dict[str, object]:
    """A time that has not come yet would move the end of the block with each run."""
    return {
        "host": str(candidate.host),
        "verdict": candidate.level.value,
        "score": candidate.score,
        "last_seen": iso(min(candidate.last_seen, now)),
        "scope": candidate.scope,
    }


def _dataset(found: BlockPlan, _site: SiteProfile, _action: str) -> str:
    return "".join(f"{block.host}\n" for block in found.blocks)


def _iprep(found: BlockPlan, _site: SiteProfile, _action: str) -> str:
    head = f"# {_made(found)}\n"
    return head + "".join(
        f"{block.host},{IPREP_CATEGORY},{IPREP_SCORE}\n" for block in found.blocks
    )


def _categories(found: BlockPlan, _site: SiteProfile, _action: str) -> str:
    return f"# {_made(found)}\n{IPREP_CATEGORY},{NAME},Hosts judged infected by eveproc\n"


def _dataset_rule(found: BlockPlan, site: SiteProfile, action: str) -> str:
    return _rule(
        found,
        site,
        action,
        f"ip.src; dataset:isset,{NAME}-hosts,type ip,load dataset.lst",
        DATASET_OFFSET,
    )


def _iprep_rule(found: BlockPlan, site: SiteProfile, action: str) -> str:
    return _rule(found, site, action, f"iprep:src,{NAME},>,0", IPREP_OFFSET)


def _rule(found: BlockPlan, site: SiteProfile, action: str, match: str, offset: int) -> str:
    ports = ",".join(map(str, sorted({*site.ports.smtp, *site.ports.submission})))
    outside = ",".join(f"!{network}" for network in site.home_networks)
    options = (
        'msg:"MXHOUND outbound mail of a host judged infected"; '
        f"flow:to_server; flags:S,CE; {match}"
    )
    rule = (
        f"{action} tcp any any -> [{outside}] [{ports}] ({options}; "
        f"classtype:trojan-activity; sid:{site.sid_base + offset}; rev:1;)"
    )
    return f"# {_made(found)}\n{rule}\n"


_FILES: Mapping[str, Callable[[BlockPlan, SiteProfile, str], str]] = MappingProxyType(
    {
        "nftables.nft": _nftables,
        "dataset.lst": _dataset,
        "dataset.rules": _dataset_rule,
        "iprep.list": _iprep,
        "iprep-categories.txt": _categories,
        "iprep.rules": _iprep_rule,
        BLOCKED: _blocked,
    }
)
