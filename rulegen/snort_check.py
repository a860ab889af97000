"""Rules and settings of a Snort build -> what Snort would not understand, or alert on too often.

A real Snort says the same and more (rulegen.snort_trial); this is for machines without one, and for
faults that Snort accepts silently.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from rulegen.errors import Problem
from rulegen.readback import ReadRule, file_lines
from rulegen.vocabulary import SNORTS, Engine

_PROTOCOLS_29 = ("tcp", "udp", "icmp", "ip")
_MODIFIERS = frozenset(
    ("nocase", "depth", "offset", "distance", "within", "fast_pattern", "rawbytes")
)
_SURICATA_ONLY = frozenset(
    ("xbits", "hostbits", "noalert", "bsize", "requires", "tls_sni", "prefilter", "dataset")
)
# Options that one of the two lacks, or has in another form. Snort 3 silently accepts an unknown
# classtype and a second sid.
_NOT_IN: Mapping[Engine, frozenset[str]] = MappingProxyType(
    {
        Engine.SNORT_29: _SURICATA_ONLY | {"target", "service"},
        Engine.SNORT_3: _SURICATA_ONLY | _MODIFIERS | {"threshold"},
    }
)
_MODIFIED_INSIDE = re.compile(r'!?"(?:\\.|[^"\\])*"\s*,')
_TARGETS = ("src_ip", "dst_ip")
_LUA_ENTRY = re.compile(r"\s*\{(?P<fields>[^{}]*)\},?(?:\s*--.*)?")
_LUA_FIELD = re.compile(r"\s*(\w+)\s*=\s*(?:'([^']*)'|(\d+))\s*")
_SID_29 = re.compile(r"event_filter\b.*\bsig_id\s+(\d+)")


def dialect_faults(rule: ReadRule, engine: Engine) -> Iterator[str]:
    """The parts of a rule that this Snort does not know, in words."""
    if engine not in SNORTS:
        return
    protocol = rule.header.split()[1]
    if engine is Engine.SNORT_29 and protocol not in _PROTOCOLS_29:
        yield f"has the protocol {protocol}; expected {', '.join(_PROTOCOLS_29)}"
    for name, value in rule.options:
        if fault := _option_fault(name, value, engine):
            yield fault


def _option_fault(name: str, value: str, engine: Engine) -> str | None:
    if name in _MODIFIERS & _NOT_IN[engine]:
        return f'has {name} as an option; {engine} wants it inside content, as content:"x",{name}'
    if name == "threshold" and engine is Engine.SNORT_3:
        return "has a threshold; expected a detection_filter, and an event_filter in mxhound.lua"
    if name in _NOT_IN[engine] or "." in name:
        return f"has {name}, which {engine} does not know"
    if name == "content" and engine is Engine.SNORT_29 and _MODIFIED_INSIDE.match(value):
        return (
            "has modifiers inside content, as Snort 3 wants them; "
            f"{engine} wants options, as content:...; nocase;"
        )
    if name == "target" and value not in _TARGETS:
        return f"has target {value}; expected {', '.join(_TARGETS)}"
    return None


def filter_problems(file: Path, rules: Iterable[ReadRule]) -> Iterator[Problem]:
    """Rules that count (detection_filter) and have no event_filter in `file`: they alert at every
    event past the number.
    """
    filtered = _filtered_sids(file)
    for rule in rules:
        if rule.sid not in filtered and any(name == "detection_filter" for name, _ in rule.options):
            yield Problem(
                str(file),
                f"has no event_filter for sid {rule.sid}: it would alert at every event past its "
                "number",
            )


def _filtered_sids(file: Path) -> set[int]:
    texts = [text for _, text in file_lines(file, [])]
    if file.suffix != ".lua":
        return {int(found[1]) for text in texts if (found := _SID_29.match(text))}
    entries = (lua_entry(text) for text in texts)
    return {
        int(entry["sid"])
        for entry in entries
        if entry and "type" in entry and entry.get("sid", "").isdecimal()
    }


def lua_entry(line: str) -> dict[str, str] | None:
    """One line of the tables that a build writes, { gid = 1, sid = 2, track = 'by_src' }, as its
    fields; None for any other line.
    """
    found = _LUA_ENTRY.fullmatch(line)
    if found is None:
        return None
    fields = [_LUA_FIELD.fullmatch(part) for part in found["fields"].split(",") if part.strip()]
    return (
        {field[1]: field[2] or field[3] or "" for field in fields if field}
        if fields and all(fields)
        else None
    )


def as_threshold_line(entry: Mapping[str, str]) -> str:
    """Such an entry in the syntax of Snort 2.9, so that one reader checks both."""
    kind = "event_filter" if "type" in entry else "suppress"
    names = {"gid": "gen_id", "sid": "sig_id"}
    order = ("gid", "sid", "type", "track", "count", "seconds", "ip")
    unknown = [name for name in entry if name not in order]
    return f"{kind} " + ", ".join(
        f"{names.get(name, name)} {entry[name]}" for name in (*order, *unknown) if name in entry
    )
