"""suricata.yaml + built rules -> which rules Suricata loads, and what hides their traffic.

Each effect was measured with Suricata 7 and 8: tests/test_silenced_rules.py.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from msgspec import Struct

from rulegen.addresses import variables_used_in
from rulegen.errors import InputError, Problem
from rulegen.files import read_bounded
from rulegen.mail_probes import Packet, as_text, hidden_ports
from rulegen.readback import ReadRule, read_rule
from rulegen.site_profile import Network, collapsed
from rulegen.suricata_files import SETTINGS
from rulegen.suricata_yaml import AddressSet, Setting, address_set, read_suricata_yaml
from rulegen.vocabulary import METADATA_HOST, METADATA_SIGNAL, HostSide

SILENCED = "SILENCED"
# Maximum size of a rule file; all rules of Emerging Threats are 40 MB.
MAX_BYTES = 256 * 1024**2
# Maximum number of sids named in one message.
MOST_NAMED = 5

_LINE = re.compile(
    r"\s*(?P<off>#[#\s]*)?(?P<text>(?P<action>alert|pass|drop|reject\w*|config)\s[^(]*\(.*\))\s*"
)
_SPACES_IN_LIST = re.compile(r"(?<=[\[,])\s+|\s+(?=[\],])")
_SID, _REV, _GID = (re.compile(rf"[;(]\s*{name}\s*:\s*(\d+)\s*;") for name in ("sid", "rev", "gid"))
# A `pass` rule with any other option concerns part of the traffic only.
_NOT_NARROWING = {"msg", "sid", "rev", "gid", "classtype", "priority", "metadata", "reference"}
_NOT_NARROWING |= {"target", "flow", "noalert", "bypass", "config"}
_PORTS_OF = {"smtp": (25, 465, 587), "dns": (53,)}


class RuleLine(Struct, frozen=True):
    """One rule of a rule file, active or commented out; `line` from 1."""

    file: Path
    line: int
    action: str
    text: str
    active: bool

    @property
    def sid(self) -> int:
        return _number(_SID, self.text, 0)

    @property
    def rev(self) -> int:
        return _number(_REV, self.text, 0)

    @property
    def gid(self) -> int:
        return _number(_GID, self.text, 1)

    def problem(self, what: str) -> Problem:
        return Problem(str(self.file), what, line=self.line)


class BuiltRules(Struct, frozen=True):
    """The rules of a build: sid -> rule as read back, sid -> its text; and its mxhound.yaml."""

    file: Path
    rules: Mapping[int, ReadRule]
    texts: Mapping[int, str]
    settings: Setting

    @property
    def alerting(self) -> Mapping[int, ReadRule]:
        """The rules that alert, without those that only mark hosts for others."""
        return {
            sid: rule for sid, rule in self.rules.items() if ("noalert", "") not in rule.options
        }

    def signals(self, protocol: str) -> str:
        """The signals of the rules on this protocol."""
        found = {
            signal
            for rule in self.alerting.values()
            for signal in rule.metadata.get(METADATA_SIGNAL, ())
            if rule.header.split()[1] == protocol
        }
        return ", ".join(sorted(found)) or "no rule"

    def home(self) -> AddressSet:
        """The hosts that the rules watch."""
        parts = dict.fromkeys(_watched(rule) for rule in self.rules.values())
        sets = [_addresses(self.settings, part) for part in parts]
        inside: list[Network] = [network for one in sets for network in one.inside]
        outside = [network for one in sets for network in one.outside]
        return AddressSet(collapsed(inside), collapsed(outside)) if inside else _EVERYWHERE


_EVERYWHERE = AddressSet((IPv4Network("10.0.0.0/8"), IPv4Network("192.168.0.0/16")))


def read_built(file: Path) -> BuiltRules:
    """The rules of a file that are read back without a fault; `rulegen check` names the others."""
    lines = {
        line.sid: line for line in rule_lines(file) if line.active and METADATA_SIGNAL in line.text
    }
    read = {sid: read_rule(line.text, line.line) for sid, line in lines.items()}
    rules = {sid: rule for sid, rule in read.items() if isinstance(rule, ReadRule)}
    texts = {sid: _normal(lines[sid].text) for sid in rules}
    return BuiltRules(file, rules, texts, _settings(file.with_name(SETTINGS)))


def _settings(file: Path) -> Setting:
    """The settings beside the rules; empty if missing, which `rulegen check` reports."""
    try:
        return read_suricata_yaml(file)
    except InputError:
        return Setting(str(file), 0)


def rule_files(root: Setting) -> list[Path]:
    """The rule files of suricata.yaml that exist, in order of loading; names may be wildcards."""
    listed, folder = root.at("rule-files"), root.at("default-rule-path")
    names = [item.text for item in listed.items if item.text] if listed and listed.is_list else []
    patterns = [Path(folder.text if folder and folder.text else ".") / name for name in names]
    return [file for pattern in patterns for file in _matching(pattern)]


def rule_lines(file: Path) -> Iterator[RuleLine]:
    """Every rule of a file, active or commented out; other lines are left out."""
    for number, line in continued_lines(read_text(file)):
        if match := _LINE.fullmatch(line):
            yield RuleLine(file, number, match["action"], match["text"], match["off"] is None)


def continued_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with the number of their first part; a final backslash joins the next line."""
    started, parts = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        started = started or number
        if line.endswith("\\"):
            parts += line[:-1]
            continue
        yield started, parts + line
        started, parts = 0, ""
    if parts:
        yield started, parts


def read_text(file: Path) -> str:
    """The text; empty if the file cannot be read: it contributes no rule and no suppression."""
    try:
        return read_bounded(file, MAX_BYTES).decode(errors="replace")
    except InputError:
        return ""


def rule_problems(root: Setting, built: BuiltRules) -> Iterator[Problem]:
    """How Suricata's rule files affect the built rules."""
    listed = root.at("rule-files")
    if listed is not None and not listed.is_list:
        what = (
            "is not a list, so Suricata reads no rule file, not even rule-files.mxhound: "
            f"write rule-files: [] where none is listed ({SILENCED}: all rules)"
        )
        yield listed.problem("rule-files", what)
        return
    lines = [line for file in rule_files(root) for line in rule_lines(file)]
    ours = [line for line in lines if line.sid in built.rules and line.gid == 1]
    loaded = _loaded(ours)
    if not ours and not any(line.active and METADATA_SIGNAL in line.text for line in lines):
        yield _none_listed(root, built)
    else:
        yield from _grouped(_not_loaded(ours, loaded, built))
        yield from _grouped(_not_as_built(loaded, built))
        yield from _grouped(_defined_twice(ours, loaded, built))
    yield from _variables(root, built)
    yield from _hiding_rules(root, lines, built.home())


def _variables(root: Setting, built: BuiltRules) -> Iterator[Problem]:
    """Faults of variables with long address lists, for which suricata.yaml must include
    mxhound.yaml.
    """
    used = {name for rule in built.rules.values() for name in variables_used_in(rule.header)}
    for name in sorted(used):
        path = ("vars", "address-groups", name)
        ours, theirs = built.settings.at(*path), root.at(*path)
        advice = f"include {built.file.with_name(SETTINGS).absolute()}"
        if theirs is None:
            what = f"is not set, so no rule that uses it loads: {advice} ({SILENCED}: such rules)"
            yield root.problem(".".join(path), what)
        elif ours is not None and theirs.text != ours.text:
            yield theirs.problem(".".join(path), f"differs from the build: {advice} of this build")


def loads_ours(root: Setting, built: BuiltRules) -> bool:
    """True if the rule files of this configuration hold any rule of the build."""
    return any(
        line.active and line.sid in built.rules
        for file in rule_files(root)
        for line in rule_lines(file)
    )


def _none_listed(root: Setting, built: BuiltRules) -> Problem:
    listed = root.at("rule-files")
    names = [item.text for item in listed.items if item.text] if listed else []
    what = (
        f"lists {', '.join(names) or 'nothing'}, and no rule of mxhound is in there: "
        f"add {built.file.absolute()}, or mxhound.yaml with include ({SILENCED}: all rules)"
    )
    return (listed or root).problem("rule-files", what)


def _loaded(ours: Iterable[RuleLine]) -> dict[int, RuleLine]:
    """The rule of each sid that Suricata keeps: the first, unless a later one has a higher rev."""
    loaded: dict[int, RuleLine] = {}
    for line in ours:
        if line.active and (line.sid not in loaded or line.rev > loaded[line.sid].rev):
            loaded[line.sid] = line
    return loaded


# A rule line, and what is wrong with it; lines of one file with the same fault become one Problem.
_Fault = tuple[RuleLine, str]


def _not_loaded(
    ours: Sequence[RuleLine], loaded: Mapping[int, RuleLine], built: BuiltRules
) -> Iterator[_Fault]:
    off = {line.sid: line for line in reversed(ours) if not line.active}
    what = (
        "commented out, as suricata-update does for disable.conf: "
        f"remove the entry there and run suricata-update ({SILENCED})"
    )
    yield from ((off[sid], what) for sid in built.rules if sid not in loaded and sid in off)
    for sid in built.rules:
        if sid not in loaded and sid not in off:
            line = RuleLine(built.file, built.rules[sid].line, "alert", built.texts[sid], True)
            yield line, f"in no rule file of suricata.yaml: copy the build there ({SILENCED})"


def _not_as_built(loaded: Mapping[int, RuleLine], built: BuiltRules) -> Iterator[_Fault]:
    for sid, line in loaded.items():
        if _normal(line.text) != built.texts[sid] and (fault := _difference(line, built)):
            yield line, fault


def _difference(line: RuleLine, built: BuiltRules) -> str:
    ours = built.rules[line.sid]
    if METADATA_SIGNAL not in line.text:
        return (
            "another rule has this sid: give it another sid, or change sid_base in the site "
            f"profile ({SILENCED})"
        )
    if line.action == "pass":
        return f"the action is pass: set it to alert in modify.conf ({SILENCED})"
    if line.action != ours.header.split()[0]:
        return (
            f"the action is {line.action}, as drop.conf sets it: Suricata does not inspect the "
            "rest of such a connection, so other rules miss it; set it to alert"
        )
    theirs = read_rule(line.text)
    if isinstance(theirs, str):
        return f"differs from the build and does not read back: {theirs}"
    if ("noalert", "") in theirs.options and ("noalert", "") not in ours.options:
        return f"noalert was added: remove it from modify.conf ({SILENCED})"
    names = dict.fromkeys(name for name, _ in {*ours.options} ^ {*theirs.options})
    parts = ["addresses or ports"] if theirs.header != ours.header else []
    parts += sorted(names)
    return (
        f"differs from the build in {', '.join(parts) or 'the order of its options'}: "
        "modify.conf changed it, or an earlier build is loaded; copy the build there again"
    )


def _defined_twice(
    ours: Sequence[RuleLine], loaded: Mapping[int, RuleLine], built: BuiltRules
) -> Iterator[_Fault]:
    for line in ours:
        kept = loaded.get(line.sid)
        if not line.active or kept is None or kept is line:
            continue
        if METADATA_SIGNAL not in line.text:
            what = (
                "a second rule with this sid: `suricata -T` refuses it; "
                "give it another sid, or change sid_base in the site profile"
            )
            yield line, what
        elif _normal(kept.text) == built.texts[line.sid]:
            yield (
                line,
                "a second rule with this sid: `suricata -T` refuses it; "
                f"list one file only, this one or {kept.file}",
            )


def _grouped(faults: Iterable[_Fault]) -> Iterator[Problem]:
    groups: dict[tuple[Path, str], list[RuleLine]] = {}
    for line, what in faults:
        groups.setdefault((line.file, what), []).append(line)
    for (_, what), lines in groups.items():
        more = len(lines) - MOST_NAMED
        named = [f"{line.sid}" for line in lines[:MOST_NAMED]]
        sids = ", ".join(named) + (f" and {more} more" if more > 0 else "")
        yield lines[0].problem(f"sid {sids}: {what}")


def _hiding_rules(root: Setting, lines: Iterable[RuleLine], home: AddressSet) -> Iterator[Problem]:
    """Rules of others that hide mail or lookups of whole home networks from ours."""
    for line in lines:
        effect = _effect(line) if line.active else None
        if effect is None or _option_names(line.text) - _NOT_NARROWING:
            continue
        covers = header_test(root, line.text)
        hidden = hidden_ports(home, covers) if covers else {}
        if _drops(line):  # rules on lookups alert on the packet that is dropped
            hidden = _of_mail(hidden)
        if hidden:
            yield line.problem(effect.format(as_text(hidden, home)))


def _of_mail(hidden: Mapping[Network, list[str]]) -> Mapping[Network, list[str]]:
    """The same without ports of lookups."""
    mail = {
        network: [port for port in ports if "/" not in port] for network, ports in hidden.items()
    }
    return {network: ports for network, ports in mail.items() if ports}


def _drops(line: RuleLine) -> bool:
    return line.action not in ("pass", "config", "alert")


def _effect(line: RuleLine) -> str | None:
    names = _option_names(line.text)
    if line.action == "pass":
        return f"this pass rule exempts {{}} from all rules: narrow or remove it ({SILENCED})"
    if line.action == "config":
        return "this config rule turns off records of {}: narrow or remove it"
    if _drops(line):
        return (
            f"this {line.action} rule ends the inspection of connections on {{}}, so their mails "
            f"and answers are not seen: narrow or remove it ({SILENCED}: rules on smtp)"
        )
    if "bypass" in names:
        return (
            "this rule bypasses connections on {}, so their mails are not inspected: "
            f"narrow or remove it ({SILENCED}: rules on smtp)"
        )
    return None


def _option_names(text: str) -> set[str]:
    body = text.partition("(")[2].rpartition(")")[0]
    return {part.partition(":")[0].strip() for part in re.split(r"(?<!\\);", body)} - {""}


def header_test(root: Setting, text: str) -> Callable[[Packet], bool] | None:
    """Whether a packet, or its answer, matches the header of a rule; None if unknown."""
    fields = _SPACES_IN_LIST.sub("", text.partition("(")[0]).split()
    if len(fields) != 7:
        return None
    _, protocol, source, source_port, arrow, destination, destination_port = fields
    try:
        ends = [address_set(root, part) for part in (source, destination)]
        ports = [_port_test(root, part) for part in (source_port, destination_port)]
    except (InputError, ValueError):
        return None

    def meets(packet: Packet) -> bool:
        there = (packet.source, packet.source_port, packet.destination, packet.destination_port)
        back = (*there[2:], *there[:2])
        if not _speaks(protocol, packet):
            return False
        return any(
            ends[0].holds(one) and ports[0](one_port) and ends[1].holds(other) and ports[1](port)
            for one, one_port, other, port in ((there, back) if arrow == "<>" else (there,))
        )

    return meets


def _speaks(protocol: str, packet: Packet) -> bool:
    if protocol in _PORTS_OF:
        wanted = _PORTS_OF[protocol]
        return packet.source_port in wanted or packet.destination_port in wanted
    return protocol in ("ip", packet.protocol)


def _port_test(root: Setting, text: str) -> Callable[[int], bool]:
    """any, 25, 1:1024, [25,!80], $GROUP. Raises ValueError for anything else."""
    if text.startswith("!"):
        inner = _port_test(root, text[1:])
        return lambda port: not inner(port)
    if text.startswith("["):
        return _port_list(root, text.strip("[]").split(","))
    if text.startswith("$"):
        setting = root.at("vars", "port-groups", text[1:])
        if setting is None or text in setting.text:
            raise ValueError(text)
        return _port_test(root, setting.text.replace(" ", ""))
    if text == "any":
        return lambda port: True
    low, colon, high = text.partition(":")
    first, last = int(low or 0), int(high or 65535) if colon else int(low)
    return lambda port: first <= port <= last


def _port_list(root: Setting, parts: Iterable[str]) -> Callable[[int], bool]:
    words = [part.strip() for part in parts]
    wanted = [_port_test(root, word) for word in words if not word.startswith("!")]
    barred = [_port_test(root, word[1:]) for word in words if word.startswith("!")]
    return lambda port: (
        (not wanted or any(test(port) for test in wanted))
        and not any(test(port) for test in barred)
    )


def port_is_in(root: Setting, port: int, text: str) -> bool | None:
    """Whether a port belongs to a list in Suricata's syntax; None if the list is invalid."""
    try:
        return _port_list(root, text.replace(" ", "").strip("[]").split(","))(port)
    except (ValueError, RecursionError):
        return None


def _watched(rule: ReadRule) -> str:
    """The side of the header that holds the suspect host."""
    host = rule.metadata.get(METADATA_HOST, [""])[0]
    return rule.header.split()[5 if host == HostSide.DESTINATION else 2]


def _addresses(root: Setting, text: str) -> AddressSet:
    """The networks; empty if the text cannot be resolved."""
    try:
        return address_set(root, text)
    except (InputError, ValueError):
        return AddressSet()


def _matching(pattern: Path) -> list[Path]:
    return sorted(Path(pattern.anchor or ".").glob(str(pattern.relative_to(pattern.anchor))))


def _normal(text: str) -> str:
    return " ".join(text.split())


def _number(pattern: re.Pattern[str], text: str, default: int) -> int:
    found = pattern.search(text)
    return int(found[1]) if found else default
