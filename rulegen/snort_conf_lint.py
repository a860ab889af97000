"""A site's snort.conf of 2.9 + a build -> settings that would keep the rules, or their log, silent.

tests/test_silenced_snort.py shows each on a real Snort 2.9.20. A filter or suppression for sig_id 0
is not among them: Snort looks for one of the sid itself first, and each rule of a build has one.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rulegen.capture_filter import keeps
from rulegen.errors import Problem
from rulegen.loaded_rules import header_test, read_built
from rulegen.mail_probes import PORTS, Packet, as_text, hidden_ports
from rulegen.rulesfile import RULES
from rulegen.snort_config import (
    CONF_COMMENT,
    ConfigText,
    clashes,
    find_config,
    not_loaded,
    of_site,
    read_config,
    silences,
)
from rulegen.snort_files import SETTINGS_29, THRESHOLDS_29
from rulegen.suricata_yaml import Setting

# Snort's own limits: doc/README.filters of 2.9.20.
DEFAULT_MEMCAP = 1 << 20

_FILTER = re.compile(
    r"(?m)^[ \t]*(suppress|event_filter|threshold)\b([^\n]*\bsig_id[ \t]+(\d+)[^\n]*)"
)
_GEN_2_TO = re.compile(r"\bgen_id\s*(?!1\b|0\b)\d+")
_UNIFIED2 = re.compile(r"(?m)^[ \t]*output[ \t]+(alert_|log_)?unified2\b([^\n]*)")
_OTHER = re.compile(r"(?m)^[ \t]*output[ \t]+alert_(?:csv|fast|full|syslog)\b")
_NOLOG = re.compile(r"(?m)^[ \t]*config[ \t]+nolog\b")
_STATE = re.compile(r"(?m)^[ \t]*config[ \t]+default_rule_state[ \t]*:[ \t]*disabled\b")
_IGNORED = re.compile(r"(?m)^[ \t]*config[ \t]+ignore_ports[ \t]*:[ \t]*(tcp|udp)\b([^\n]*)")
_BPF = re.compile(r"(?m)^[ \t]*config[ \t]+bpf_file[ \t]*:[ \t]*(\S+)")
_MEMCAP = re.compile(
    r"(?m)^[ \t]*config[ \t]+(detection_filter|event_filter|threshold)[ \t]*:"
    r"[ \t]*memcap[ \t]+(\d{1,18})\b"
)
_PASS = re.compile(r"(?m)^[ \t]*(pass[ \t]+(?:ip|tcp|udp)[ \t][^\n(]*\((.*)\))")
_VARIABLE = re.compile(r"(?m)^[ \t]*(ip|port)?var[ \t]+(\w+)[ \t]+((?:\\\n|[^\n#])+)")
_STREAM_OFF = re.compile(
    r"(?m)^[ \t]*preprocessor[ \t]+stream5_global\b(?:[^\n]|\\\n)*\btrack_tcp[ \t]+no\b"
)
# Options of a rule that do not restrict its packets.
_NOT_NARROWING = frozenset(
    ("classtype", "flow", "gid", "metadata", "msg", "priority", "reference", "rev", "sid", "")
)
_RANGE = re.compile(r"(\d{0,5})(:?)(\d{0,5})")


def silent_in_snort_conf(path: Path, rules: Path, sids: Iterable[int]) -> tuple[Problem, ...]:
    """Settings of a snort.conf of 2.9 that would silence the rules of a build, or their log."""
    files = read_config(find_config(path, "snort.conf"), CONF_COMMENT)
    own = frozenset(sids)
    checks = (
        not_loaded(files, rules, (RULES, THRESHOLDS_29, SETTINGS_29)),
        _outputs(files),
        _filters(files, own),
        _states(files),
        _captures(files, rules),
        _memcaps(files),
        _pass_rules(files, rules),
        _streams(files),
        clashes(files, own),
    )
    return tuple(dict.fromkeys(problem for found in checks for problem in found))


def _outputs(files: list[ConfigText]) -> Iterator[Problem]:
    logs = [(file, found) for file in files for found in _UNIFIED2.finditer(file.text)]
    for file, found in logs:
        if re.search(r"\bnostamp\b", found[2]):
            what = (
                "output unified2 with nostamp: each restart and HUP empties the file, and alerts "
                "that were not read are lost; remove nostamp"
            )
            yield file.problem(what, found.start())
    add = "add: output unified2: filename mxhound.u2, limit 128"
    if not any(found[1] != "alert_" for _, found in logs):
        has_alerts = logs or any(_OTHER.search(file.text) for file in files)
        what = (
            "has no output with packets: lookups of different names are taken for one, and a host "
            f"may look cleaner than it is; {add}"
            if has_alerts
            else f"has no output that eveproc reads; {add}"
        )
        yield Problem(str(files[0].path), what)
    for file in files:
        for found in _NOLOG.finditer(file.text):
            yield file.problem("config nolog: unified2 logs nothing; remove it", found.start())


def _filters(files: list[ConfigText], own: frozenset[int]) -> Iterator[Problem]:
    for file in of_site(files):
        for found in _FILTER.finditer(file.text):
            if not _GEN_2_TO.search(found[2]) and int(found[3]) in own:
                what = silences(found[1], int(found[3]), found[2])
                yield file.problem(what, found.start())


def _states(files: list[ConfigText]) -> Iterator[Problem]:
    for file in files:
        for found in _STATE.finditer(file.text):
            what = "config default_rule_state: disabled: no rule alerts; remove it"
            yield file.problem(what, found.start())


def _captures(files: list[ConfigText], rules: Path) -> Iterator[Problem]:
    home = read_built(rules).home()
    for file in files:
        for found in _IGNORED.finditer(file.text):
            if ports := _mail_ports(found[1], found[2].split()):
                what = f"config ignore_ports: packets on port {ports} meet no rule; remove them"
                yield file.problem(what, found.start())
        for found in _BPF.finditer(file.text):
            text = _filter_text(file.path.parent / found[1])

            def drops(packet: Packet, text: str = text) -> bool:
                return keeps(text, packet) is False

            if hidden := hidden_ports(home, drops):
                what = f"config bpf_file: packets on {as_text(hidden, home)} are not captured"
                yield file.problem(f"{what}; remove that part from {found[1]}", found.start())


def _filter_text(file: Path) -> str:
    """The filter in a bpf_file; "" if it cannot be read: then Snort refuses it."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return " ".join(line.partition("#")[0].strip() for line in text.splitlines())


def _memcaps(files: list[ConfigText]) -> Iterator[Problem]:
    for file in files:
        for found in _MEMCAP.finditer(file.text):
            if int(found[2]) < DEFAULT_MEMCAP:
                what = (
                    f"config {found[1]}: memcap {found[2]} is less than Snort's default, "
                    f"{DEFAULT_MEMCAP}: when it is full, new hosts are not counted and never "
                    "alert, or every event of them is an alert; raise it"
                )
                yield file.problem(what, found.start())


def _pass_rules(files: list[ConfigText], rules: Path) -> Iterator[Problem]:
    root, home = _variables(files), read_built(rules).home()
    for file in of_site(files):
        for found in _PASS.finditer(file.text):
            names = {part.partition(":")[0].strip() for part in found[2].split(";")}
            covers = None if names - _NOT_NARROWING else header_test(root, found[1])
            if covers and (hidden := hidden_ports(home, covers)):
                what = f"this pass rule exempts {as_text(hidden, home)} from all rules"
                yield file.problem(f"{what}: narrow or remove it", found.start())


def _variables(files: list[ConfigText]) -> Setting:
    """The ipvars, portvars and vars, in the form of the variables of Suricata."""
    groups: dict[str, dict[str, Setting]] = {"address-groups": {}, "port-groups": {}}
    for file in files:
        for kind, name, value in _VARIABLE.findall(file.text):
            setting = Setting(str(file.path), 0, value.replace("\\\n", "").strip())
            for group in {"ip": ["address-groups"], "port": ["port-groups"]}.get(kind, groups):
                groups[group][name] = setting
    root = Setting(str(files[0].path), 0)
    for group, named in groups.items():
        root = root.having(["vars", group], Setting(root.file, 0, keys=named))
    return root


def _streams(files: list[ConfigText]) -> Iterator[Problem]:
    for file in files:
        for found in _STREAM_OFF.finditer(file.text):
            what = (
                "preprocessor stream5_global: track_tcp no: rules on SMTP sessions and on lookups "
                "over TCP never match; set track_tcp yes"
            )
            yield file.problem(what, found.start())


def _mail_ports(protocol: str, words: Iterable[str]) -> str:
    """The ports of mail and lookups in a list of ports and ranges, as text."""
    ranges = [found for word in words if (found := _RANGE.fullmatch(word)) and word]
    return ", ".join(
        f"{port}/{protocol}" if port == 53 else str(port)
        for kind, port in PORTS
        if kind == protocol and any(_is_in(port, found) for found in ranges)
    )


def _is_in(port: int, found: re.Match[str]) -> bool:
    if not found[2]:
        return port == int(found[1])
    return int(found[1] or 0) <= port <= int(found[3] or 65535)
