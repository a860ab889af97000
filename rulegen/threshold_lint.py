"""A threshold-file + built rules -> lines that silence a rule or replace its threshold.

Measured with Suricata 7 and 8 (tests/test_silenced_rules.py): a rule with a threshold of its own is
not changed by `threshold` or `event_filter` lines for sig_id 0, nor by rate_filter, and rules that
only mark hosts still mark them when they are suppressed. Nothing is said of such lines.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rulegen.errors import InputError, Problem
from rulegen.loaded_rules import (
    MOST_NAMED,
    SILENCED,
    BuiltRules,
    continued_lines,
    read_text,
)
from rulegen.readback import ReadRule
from rulegen.site_profile import EVERY_V4, EVERY_V6
from rulegen.suricata_files import THRESHOLDS
from rulegen.suricata_yaml import AddressSet, Setting, address_set
from rulegen.vocabulary import METADATA_HOST, METADATA_SIGNAL, HostSide

_LINE = re.compile(
    r"\s*(?P<word>suppress|threshold|event_filter)\s+gen_id\s+(?P<gid>\d+)\s*,"
    r"\s*sig_id\s+(?P<sid>\d+)\s*(?:,\s*(?P<rest>.*?))?\s*"
)
_TRACK = re.compile(r"track\s+(?P<track>by_src|by_dst|by_either)\s*,\s*ip\s+(?P<ip>.+)")
_NUMBERS = re.compile(r"\b(type|track|count|seconds)\s+(\w+)")


def threshold_problems(root: Setting, built: BuiltRules) -> Iterator[Problem]:
    """What the threshold-file lacks of the build's own, and its effect on the build's rules."""
    ours = built.file.with_name(THRESHOLDS)
    wanted = {" ".join(line.split()) for line in _entries(ours).values()}
    setting = root.at("threshold-file")
    if setting is None:
        if wanted:
            what = f"is not set, so exemptions have no effect: set it to {ours.absolute()}"
            yield root.problem("threshold-file", what)
        return
    entries = _entries(Path(setting.text))
    if wanted - {" ".join(line.split()) for line in entries.values()}:
        yield _lacking(setting, ours)
    for number, line in entries.items():
        if " ".join(line.split()) not in wanted and (fault := _fault(line, built, root)):
            yield Problem(setting.text, fault, line=number)


def _entries(file: Path) -> Mapping[int, str]:
    return {
        number: line
        for number, line in continued_lines(read_text(file))
        if line.strip() and not line.lstrip().startswith("#")
    }


def _lacking(setting: Setting, ours: Path) -> Problem:
    state = "" if Path(setting.text).is_file() else " (the file cannot be read)"
    what = (
        f"is {setting.text}, which lacks suppressions of {ours.absolute()}{state}: "
        "these exemptions have no effect; append the lines of that file"
    )
    return setting.problem("threshold-file", what)


def _fault(line: str, built: BuiltRules, root: Setting) -> str | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    gid, sid, rest = int(match["gid"]), int(match["sid"]), match["rest"] or ""
    if match["word"] != "suppress":
        rule = built.alerting.get(sid) if gid == 1 else None
        return _replaced(rule, rest) if rule else None
    if sid == 0 and gid in (0, 1):
        return _suppressed(built.alerting, rest, built, root)
    if gid == 1 and sid in built.alerting:
        return _suppressed({sid: built.alerting[sid]}, rest, built, root)
    return None


def _replaced(rule: ReadRule, rest: str) -> str | None:
    """A threshold line that replaces the threshold in a rule."""
    own = next((value for name, value in rule.options if name == "threshold"), "")
    if dict(_NUMBERS.findall(own)) == dict(_NUMBERS.findall(rest)):
        return None
    return (
        f"sid {rule.sid} ({_signal(rule)}): this line replaces the threshold of the rule, "
        f"{own!r}, by {rest!r}: remove it and set thresholds in the site profile"
    )


def _suppressed(
    rules: Mapping[int, ReadRule], rest: str, built: BuiltRules, root: Setting
) -> str | None:
    found = _TRACK.fullmatch(rest)
    if rest and found is None:
        return None
    affected = [
        rule
        for rule in rules.values()
        if found is None or found["track"] in ("by_either", _track(rule))
    ]
    where = _where(found["ip"], built.home(), root) if found else "all hosts"
    if not affected or where is None:
        return None
    return (
        "suppresses rules of mxhound: remove this line; to exempt hosts, list them under exempt "
        f"in the site profile ({SILENCED}: {_named(affected)} for {where})"
    )


def _where(ip: str, home: AddressSet, root: Setting) -> str | None:
    """The home networks or addresses that a suppress line covers; None where it covers none."""
    try:
        covered = address_set(root, ip)
    except (InputError, ValueError):
        return None
    if covered.is_any:
        return "all hosts"
    inside = [
        network
        for network in covered.networks()
        for watched in home.inside
        if watched.version == network.version and watched.overlaps(network)
    ]
    if any(network in (EVERY_V4, EVERY_V6) for network in inside):
        return "all hosts"
    return ip.strip() if inside else None


def _track(rule: ReadRule) -> str:
    host = rule.metadata.get(METADATA_HOST, [""])[0]
    return "by_dst" if host == HostSide.DESTINATION else "by_src"


def _named(rules: Sequence[ReadRule]) -> str:
    names = [f"sid {rule.sid} ({_signal(rule)})" for rule in rules[:MOST_NAMED]]
    more = len(rules) - MOST_NAMED
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _signal(rule: ReadRule) -> str:
    return rule.metadata.get(METADATA_SIGNAL, ["unknown"])[0]
