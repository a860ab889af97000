"""A site's suricata.yaml + the build it should load -> what in it would keep the rules, or the logs eveproc reads, silent."""

import re
from collections.abc import Iterator
from pathlib import Path

from rulegen.errors import InputError, Problem
from rulegen.suricata_yaml import Setting, address_group
from rulegen.vocabulary import METADATA_SIGNAL

THRESHOLDS = "threshold.config"
# Record types of eve-log that eveproc reads; the last three sharpen a verdict, the others make it.
EVE_TYPES = ("alert", "dns", "smtp", "flow", "dhcp", "stats")
# Records whose questions tell a mass mailer (mx, a) and a mail server that takes mail in (ptr).
DNS_RECORDS = ("mx", "a", "ptr")
# Suricata's default. Thresholds live in the host table (7) or in their own (8); when it is full,
# alerts stop without a word.
LEAST_MEMCAP = {("host", "memcap"): 32 * 1024**2, ("detect", "thresholds", "memcap"): 16 * 1024**2}

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def silent_settings(suricata: Setting, rules: Path) -> tuple[Problem, ...]:
    """Every setting that would make the rules file `rules`, or a log, say less than it could, with its file and line."""
    checks = (
        _rule_files(suricata, rules),
        _threshold_file(suricata, rules),
        _addresses(suricata),
        _parsers(suricata),
        _attachments(suricata),
        _memory(suricata),
        _logs(suricata),
    )
    return tuple(problem for found in checks for problem in found)


def _rule_files(root: Setting, rules: Path) -> Iterator[Problem]:
    listed = root.at("rule-files")
    names = [item.text for item in listed.items if item.text] if listed else []
    folder = root.at("default-rule-path")
    patterns = [Path(folder.text if folder else ".") / name for name in names]
    if not any(
        METADATA_SIGNAL in _text(file) for pattern in patterns for file in _matching(pattern)
    ):
        what = f"lists {', '.join(names) or 'nothing'}, and no rule of mxhound is in there: "
        yield (listed or root).problem(
            "rule-files", f"{what}add {rules.absolute()}, or mxhound.yaml with include"
        )


def _threshold_file(root: Setting, rules: Path) -> Iterator[Problem]:
    """Suricata reads one such file only, and none where the line is a comment, as Debian ships it."""
    ours = rules.with_name(THRESHOLDS)
    lines = {line for line in _text(ours).splitlines() if line.strip() and not line.startswith("#")}
    setting = root.at("threshold-file")
    if not lines:
        return
    if setting is None:
        yield root.problem(
            "threshold-file",
            f"is not set, so exemptions have no effect: set it to {ours.absolute()}",
        )
    elif not lines <= set(_text(Path(setting.text)).splitlines()):
        what = f"is {setting.text}, which lacks suppressions of {ours.absolute()}: these exemptions have no effect"
        yield setting.problem("threshold-file", what)


def _matching(pattern: Path) -> list[Path]:
    """Suricata's rule-files may hold wildcards."""
    return sorted(Path(pattern.anchor or ".").glob(str(pattern.relative_to(pattern.anchor))))


def _text(file: Path) -> str:
    """Empty where it cannot be read: what is not there has no rules in it."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _addresses(root: Setting) -> Iterator[Problem]:
    groups = root.at("vars", "address-groups") or root
    home = groups.at("HOME_NET")
    if home is None:
        yield groups.problem("vars.address-groups.HOME_NET", "is not set")
        return
    try:
        if any(network.prefixlen == 0 for network in address_group(root, "HOME_NET").inside):
            what = 'is every address; ours hold their own addresses, but rules of others that use "$EXTERNAL_NET" stay silent'
            yield home.problem("vars.address-groups.HOME_NET", what)
    except InputError as error:
        yield from error.problems
    for name in ("SMTP_SERVERS", "DNS_SERVERS"):
        setting = groups.at(name)
        if setting is not None and setting.text.strip("[] ") == "$HOME_NET":
            what = f'is "$HOME_NET": harmless for these rules, which hold their own addresses, but rules of others with !${name} stay silent'
            yield setting.problem(f"vars.address-groups.{name}", what)


def _parsers(root: Setting) -> Iterator[Problem]:
    for path in (("dns", "udp"), ("dns", "tcp"), ("smtp",)):
        enabled = root.at("app-layer", "protocols", *path, "enabled")
        if enabled is not None and not enabled.is_on:
            key = ".".join(("app-layer", "protocols", *path, "enabled"))
            yield enabled.problem(
                key,
                f"is {enabled.text}: rules on {path[0]} never match and no {path[0]} record is logged; set it to yes",
            )


def _attachments(root: Setting) -> Iterator[Problem]:
    path = ("app-layer", "protocols", "smtp", "mime", "decode-mime")
    decode = root.at(*path)
    if decode is not None and not decode.is_on:
        what = f"is {decode.text}: mails are not taken apart, so no attachment has a name and no body a digest; set it to yes"
        yield decode.problem(".".join(path), what)


def _memory(root: Setting) -> Iterator[Problem]:
    for path, least in LEAST_MEMCAP.items():
        setting = root.at(*path)
        size = _bytes(setting.text) if setting else None
        if setting is not None and size is not None and size < least:
            what = f"is {setting.text}: when it is full, thresholds stop counting without a word; {least // 1024**2}mb is Suricata's default"
            yield setting.problem(".".join(path), what)


def _bytes(text: str) -> int | None:
    match = _SIZE.fullmatch(text.strip())
    return int(float(match[1]) * _UNITS[match[2].lower()]) if match else None


def _logs(root: Setting) -> Iterator[Problem]:
    outputs = root.at("outputs") or root
    logs = [log for log in outputs.entries("eve-log") if not _is_disabled(log)]
    if not logs:
        yield outputs.problem(
            "outputs.eve-log",
            "is missing or disabled: there is no eve.json to read; set enabled: yes",
        )
        return
    for name in EVE_TYPES:
        yield from _log_type(logs, name)


def _is_disabled(log: Setting) -> bool:
    enabled = log.at("enabled")
    return enabled is not None and not enabled.is_on


def _log_type(logs: list[Setting], name: str) -> Iterator[Problem]:
    """One eve-log that writes the type is enough."""
    key = f"outputs.eve-log.types.{name}"
    found = [
        entry
        for log in logs
        for entry in (log.at("types") or log).entries(name)
        if not _is_disabled(entry)
    ]
    if not found:
        what = (
            "is missing: no alert reaches eve.json"
            if name == "alert"
            else f"is missing: no {name} record reaches eve.json; add it"
        )
        yield (logs[0].at("types") or logs[0]).problem(key, what)
        return
    if name == "alert" and all(_metadata_is_off(entry) for entry in found):
        what = "is off: alerts come without the rule's own words, and only the sid tells what they mean; leave it on"
        yield found[0].problem(f"{key}.metadata", what)
    if name == "dns":
        yield from _dns_log(found, key)
    if name == "smtp" and all(entry.at("md5") is None for entry in found):
        what = (
            "is missing: look-alike mails cannot be told without digests; set md5: [body, subject]"
        )
        yield found[0].problem(f"{key}.md5", what)


def _dns_log(found: list[Setting], key: str) -> Iterator[Problem]:
    for switch, lost in (
        ("requests", "questions are not logged"),
        ("responses", "names that do not exist cannot be told"),
    ):
        settings = [entry.at(switch) for entry in found]
        if all(setting is not None and setting.is_off for setting in settings):
            yield (settings[0] or found[0]).problem(
                f"{key}.{switch}", f"is off: {lost}; set it to yes"
            )
    listed = [entry.at("types") for entry in found]
    for record in DNS_RECORDS:
        if all(
            types is not None
            and types.items
            and record not in {item.text.lower() for item in types.items}
            for types in listed
        ):
            yield (listed[0] or found[0]).problem(
                f"{key}.types", f"lacks {record}: such questions are not logged; add it"
            )


def _metadata_is_off(alert: Setting) -> bool:
    """As `metadata: no`, or as `metadata: {rule: {metadata: no}}`."""
    for path in (("metadata",), ("metadata", "rule"), ("metadata", "rule", "metadata")):
        setting = alert.at(*path)
        if setting is not None and setting.is_off:
            return True
    return False
