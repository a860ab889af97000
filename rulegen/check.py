"""A folder of built rules, or one rules file -> faults, by reading it back and by the engine."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from rulegen.addresses import variable_set_by, variables_used_in
from rulegen.config_lint import silent_settings
from rulegen.engines import EngineTrial, FoundEngine, find_engine, try_rules
from rulegen.errors import InputError, Problem
from rulegen.generic import is_generic
from rulegen.readback import COUNTED, ReadRule, file_lines, read_rules
from rulegen.rulesfile import RULES, SID_MAP, TITLE
from rulegen.snort_check import as_threshold_line, dialect_faults, filter_problems, lua_entry
from rulegen.snort_conf_lint import silent_in_snort_conf
from rulegen.snort_files import SETTINGS_3, SETTINGS_29, THRESHOLDS_29
from rulegen.snort_lint import silent_in_snort_lua
from rulegen.snort_trial import try_snort
from rulegen.suricata_files import GROUP_KEYS, SETTING_KEYS, SETTINGS, THRESHOLDS
from rulegen.suricata_yaml import Setting, read_suricata_yaml
from rulegen.vocabulary import (
    METADATA_FAMILY,
    METADATA_HOST,
    METADATA_SIGNAL,
    SNORTS,
    SURICATAS,
    Engine,
    HostSide,
    Signal,
)
from rulegen.yamlfile import read_yaml

# What `-T` says about anything but rules, for example a site's own suricata.yaml, is no fault of
# the rules.
_OF_RULES = re.compile(r"(detect|threshold|reference|classification)[\w-]*: |.*\b(signature|sid)\b")
_AT_LINE = re.compile(r"(?s)(?P<text>.*) from file (?P<file>.*) at line (?P<line>\d+)$")
_GID_SID = r"gen_id\s+\d+\s*,\s*sig_id\s+(?P<sid>\d+)"
_RATE = r"count\s+\d+\s*,\s*seconds\s+\d+"
_TRACK = r"track\s+by_(?:src|dst|rule|both)"
_THRESHOLD_FORMS = tuple(
    re.compile(form + r"\s*")
    for form in (
        rf"suppress\s+{_GID_SID}(?:\s*,\s*track\s+by_(?:src|dst|either)\s*,\s*ip\s+(?P<ip>.+?))?",
        rf"(?:threshold|event_filter)\s+{_GID_SID}\s*,\s*type\s+(?:limit|threshold|both)"
        rf"\s*,\s*{_TRACK}\s*,\s*{_RATE}",
        rf"rate_filter\s+{_GID_SID}\s*,\s*{_TRACK}\s*,\s*{_RATE}"
        r"\s*,\s*new_action\s+\w+\s*,\s*timeout\s+\d+",
    )
)


# The files beside the rules of a build, by engine: suppressions and filters, and settings. Snort 3
# has both in one file.
_THRESHOLDS: Mapping[Engine, str] = MappingProxyType(
    dict.fromkeys(SURICATAS, THRESHOLDS)
    | {Engine.SNORT_29: THRESHOLDS_29, Engine.SNORT_3: SETTINGS_3}
)
_SETTINGS: Mapping[Engine, str] = MappingProxyType(
    dict.fromkeys(SURICATAS, SETTINGS) | {Engine.SNORT_29: SETTINGS_29, Engine.SNORT_3: SETTINGS_3}
)


# Servers for the trial of a generic build, none of whose rules loads with Suricata's default
# values. silent_settings reports this for a site's own suricata.yaml.
EXAMPLE: Mapping[str, str] = MappingProxyType(
    {"HOME_NET": "[10.0.0.0/8]", "SMTP_SERVERS": "[10.0.0.25]", "DNS_SERVERS": "[10.0.0.53]"}
)


class CheckReport(Struct, frozen=True):
    """`passed` says in words what was checked. `problems` refuse the build, `warnings` do not."""

    passed: tuple[str, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def check(
    path: Path,
    engine: Engine | None = None,
    suricata_yaml: Path | None = None,
    *,
    snort_lua: Path | None = None,
    snort_conf: Path | None = None,
) -> CheckReport:
    """Check every engine's build in folder `path`, or one rules file.

    A rules file is tried with `engine`, or with the one it was built for. Settings of
    `suricata_yaml`, `snort_lua` or `snort_conf` that silence rules or remove records become
    warnings. Raises InputError if there is nothing to check or the configuration cannot be read.
    """
    targets = _targets(path, engine)
    settings = read_suricata_yaml(suricata_yaml) if suricata_yaml else None
    installed = {built_for: find_engine(built_for) for _, built_for in targets}
    reports = [
        _check_file(rules, built_for, installed[built_for], whole=path.is_dir())
        for rules, built_for in targets
    ]
    silent = silent_settings(settings, *_loaded_by(settings, targets)) if settings else ()
    silent += _silent_in_snort(targets, snort_lua, snort_conf)
    return CheckReport(
        tuple(text for report in reports for text in report.passed),
        tuple(problem for report in reports for problem in report.problems),
        (
            *(problem for report in reports for problem in report.warnings),
            *_untested(path, installed),
            *silent,
        ),
    )


def _untested(path: Path, installed: Mapping[Engine, FoundEngine | None]) -> Iterator[Problem]:
    """One warning for all engines that are not installed."""
    missing = [engine for engine, found in installed.items() if found is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        what = f"NOT TESTED with a real engine: {', '.join(missing)} {verb} not installed here"
        yield Problem(str(path), what)


def _silent_in_snort(
    targets: Sequence[tuple[Path, Engine]], snort_lua: Path | None, snort_conf: Path | None
) -> tuple[Problem, ...]:
    """How the configurations of the site's Snorts affect the builds for them."""
    found: tuple[Problem, ...] = ()
    for engine, config, read in (
        (Engine.SNORT_3, snort_lua, silent_in_snort_lua),
        (Engine.SNORT_29, snort_conf, silent_in_snort_conf),
    ):
        if config is None:
            continue
        rules = next((file for file, built_for in targets if built_for is engine), None)
        if rules is None:
            raise InputError([Problem(str(config), f"cannot be checked: no rules for {engine}")])
        sids = [rule.sid for rule in read_rules(rules, engine)[0]]
        found += read(config, rules, sids)
    return found


def _loaded_by(
    settings: Setting, targets: Sequence[tuple[Path, Engine]]
) -> tuple[Path, Engine | None]:
    """The build that this suricata.yaml is for, by its suricata-version.

    The engine is None if the file does not name its version and several builds fit.
    """
    suricatas = [target for target in targets if target[1] in SURICATAS]
    if not suricatas:
        what = f"cannot be checked: no rules for {' or '.join(SURICATAS)}"
        raise InputError([Problem(settings.file, what)])
    version = settings.at("suricata-version")
    major = version.text.partition(".")[0] if version else ""
    for rules, engine in suricatas:
        if engine == f"suricata-{major}":
            return rules, engine
    rules, engine = suricatas[0]
    return rules, engine if len(suricatas) == 1 else None


def _targets(path: Path, engine: Engine | None) -> list[tuple[Path, Engine]]:
    if path.is_file():
        return [(path, engine or _engine_of(path))]
    if (path / RULES).is_file():
        return [(path / RULES, engine or _engine_of(path / RULES))]
    wanted = [engine] if engine else list(Engine)
    found = [(path / name / RULES, name) for name in wanted if (path / name / RULES).is_file()]
    if found:
        return found
    what = "is not there" if not path.exists() else f"holds no {RULES}"
    expected = f"a rules file, a folder with {RULES}, or a folder with {', '.join(wanted)} in it"
    raise InputError([Problem(str(path), f"{what}; expected {expected}")])


def _engine_of(rules: Path) -> Engine:
    """The engine by the name of the folder, else by the first line of the file, else the first
    installed one.
    """
    names = (rules.absolute().parent.name, _title(rules).removeprefix(TITLE).partition(",")[0])
    named = (Engine(name) for name in names if name in set(Engine))
    return next(named, None) or next(
        (engine for engine in Engine if find_engine(engine)), Engine.SURICATA_7
    )


def _title(rules: Path) -> str:
    return next((line for _, line in file_lines(rules, [])), "")


def _check_file(
    rules: Path, engine: Engine, installed: FoundEngine | None, *, whole: bool
) -> CheckReport:
    found, problems = read_rules(rules, engine)
    problems += _meaning_problems(rules, found)
    problems += [
        Problem(str(rules), f"sid {rule.sid} {fault}", line=rule.line)
        for rule in found
        for fault in dialect_faults(rule, engine)
    ]
    generic = any(is_generic(rule.header) for rule in found)
    if whole and not generic:
        problems += _missing_files(rules, engine)
    problems += _companion_problems(rules, found, engine)
    problems += _variable_problems(rules, found, engine)
    setting_faults, warnings = (
        _settings_problems(rules.with_name(SETTINGS)) if engine not in SNORTS else ([], [])
    )
    problems += setting_faults
    passed = [f"{rules}: {len(found)} rules read back"]
    if installed is not None:
        trial = (
            try_rules(installed, rules, variables=EXAMPLE)
            if generic
            else _try_build(installed, rules, with_settings=not setting_faults)
        )
        said, more = _trial_problems(rules, trial)
        problems += said
        warnings += more
        if not said:
            how = "with example servers and " * generic + "without complaint"
            passed.append(f"{rules}: loaded by {engine} ({installed.version}) {how}")
    return CheckReport(tuple(passed), tuple(dict.fromkeys(problems)), tuple(warnings))


def _try_build(installed: FoundEngine, rules: Path, *, with_settings: bool) -> EngineTrial:
    thresholds, settings = (
        rules.with_name(_THRESHOLDS[installed.engine]),
        rules.with_name(_SETTINGS[installed.engine]),
    )
    filters = thresholds if thresholds.is_file() else None
    chosen = settings if settings.is_file() and with_settings else None
    if installed.engine in SNORTS:
        return try_snort(installed, rules, thresholds=filters, settings=chosen)
    return try_rules(installed, rules, threshold_config=filters, settings=chosen)


def _meaning_problems(file: Path, rules: Iterable[ReadRule]) -> Iterator[Problem]:
    """Faults of the metadata, by which eveproc understands an alert."""
    for rule in rules:
        if fault := _metadata_fault(rule.metadata):
            yield Problem(str(file), f"sid {rule.sid}: {fault}", "metadata", rule.line)


def _metadata_fault(metadata: Mapping[str, list[str]]) -> str | None:
    for key in (METADATA_SIGNAL, METADATA_FAMILY, METADATA_HOST):
        if len(metadata.get(key, [])) != 1:
            return f"needs {key} exactly once, so that eveproc knows what an alert means"
    signal, family, host = (
        metadata[key][0] for key in (METADATA_SIGNAL, METADATA_FAMILY, METADATA_HOST)
    )
    if signal not in set(Signal):
        return f"{METADATA_SIGNAL} {signal!r} is unknown; expected one of {', '.join(Signal)}"
    if family != Signal(signal).family:
        return f"{METADATA_FAMILY} is {family!r}; {signal} belongs to {Signal(signal).family}"
    if host not in set(HostSide):
        return f"{METADATA_HOST} {host!r} is unknown; expected one of {', '.join(HostSide)}"
    return None


def _missing_files(rules: Path, engine: Engine) -> Iterator[Problem]:
    for name in dict.fromkeys((_THRESHOLDS[engine], SID_MAP, _SETTINGS[engine])):
        if not rules.with_name(name).is_file():
            yield Problem(str(rules.with_name(name)), "is missing beside the rules; build again")


def _companion_problems(
    rules: Path, found: Sequence[ReadRule], engine: Engine
) -> Iterator[Problem]:
    """Faults of the files beside the rules, compared with the rules."""
    messages = {rule.sid: rule.msg for rule in found}
    thresholds = rules.with_name(_THRESHOLDS[engine])
    if thresholds.is_file():
        yield from _threshold_problems(thresholds, messages)
        if engine in SNORTS:
            yield from filter_problems(thresholds, found)
    if rules.with_name(SID_MAP).is_file():
        yield from _sid_map_problems(rules.with_name(SID_MAP), messages)


def _variable_problems(rules: Path, read: Iterable[ReadRule], engine: Engine) -> Iterator[Problem]:
    """Variables with long address lists that the settings lack; without them no rule loads."""
    settings = rules.with_name(_SETTINGS[engine])
    lines = list(file_lines(settings, [])) if settings.is_file() else []
    known = {found[0] for _, line in lines if (found := variable_set_by(line))}
    places = [(rules, rule.line, f"sid {rule.sid} ", rule.header) for rule in read]
    places += [(settings, number, "", line) for number, line in lines]
    for file, number, prefix, text in places:
        for name in sorted(variables_used_in(text) - known):
            what = f"{prefix}uses ${name}, which {settings.name} does not set; build again"
            yield Problem(str(file), what, line=number)


def _settings_problems(file: Path) -> tuple[list[Problem], list[Problem]]:
    """Faults of mxhound.yaml, and settings it lacks, which a site may have removed on purpose."""
    if not file.is_file():
        return [], []
    try:
        document = read_yaml(file)
    except InputError as error:
        return list(error.problems), []
    if not isinstance(document.value, dict):
        return [document.problem("", f"holds no settings; expected {', '.join(SETTING_KEYS)}")], []
    allowed = (*SETTING_KEYS, *GROUP_KEYS)
    unknown = [key for key in document.value if key not in allowed and not variable_set_by(key)]
    missing = [key for key in SETTING_KEYS if key not in document.value]
    return (
        [
            document.problem(key, f"is no setting of a build; expected {', '.join(allowed)}")
            for key in unknown
        ],
        [document.problem(key, "is not set; a build sets it") for key in missing],
    )


def _threshold_problems(file: Path, known: Mapping[int, str]) -> Iterator[Problem]:
    problems: list[Problem] = []
    for number, line in file_lines(file, problems):
        text = _as_threshold(line.strip(), lua=file.suffix == ".lua")
        if text and not text.startswith("#") and (fault := _threshold_fault(text, known)):
            problems.append(Problem(str(file), fault, line=number))
    yield from problems


def _as_threshold(line: str, *, lua: bool) -> str:
    """The line itself; an entry of a table in mxhound.lua in the syntax of threshold.config."""
    entry = lua_entry(line) if lua else None
    return "" if lua and entry is None else as_threshold_line(entry) if entry else line


def _threshold_fault(text: str, known: Mapping[int, str]) -> str | None:
    match = next((m for form in _THRESHOLD_FORMS if (m := form.fullmatch(text))), None)
    if match is None:
        return f"{text!r} is no suppress, threshold, event_filter or rate_filter line"
    if int(match["sid"]) not in known:
        return f"sig_id {match['sid']} is no rule of this build"
    for address in re.split(r"[\[\],!\s]+", match.groupdict().get("ip") or ""):
        if address and not address.startswith("$") and not _is_address(address):
            return (
                f"{address!r} is no address; "
                "expected addresses, networks, lists of them in [ ] or $VARIABLES"
            )
    return next(
        (f"has {word} {n}; expected 1 or more" for word, n in COUNTED.findall(text) if int(n) < 1),
        None,
    )


def _is_address(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _sid_map_problems(file: Path, messages: Mapping[int, str]) -> Iterator[Problem]:
    problems: list[Problem] = []
    mapped: set[int] = set()
    for number, line in file_lines(file, problems):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("||")]
        sid = int(fields[0]) if fields[0].isdecimal() else -1
        mapped.add(sid)
        if len(fields) < 2 or sid < 0:
            problems.append(
                Problem(
                    str(file),
                    "is no line of a sid-msg.map; expected SID || MSG || REFERENCE...",
                    line=number,
                )
            )
        elif messages.get(sid) != fields[1]:
            problems.append(
                Problem(
                    str(file),
                    f"says {fields[1]!r} for sid {sid}; the rules say {messages.get(sid)!r}",
                    line=number,
                )
            )
    yield from problems
    for sid in sorted(messages.keys() - mapped):
        yield Problem(str(file), f"sid {sid} of the rules is missing")


def _trial_problems(rules: Path, trial: EngineTrial) -> tuple[list[Problem], list[Problem]]:
    """The engine's messages about the rules, with the line if known; and its other messages."""
    located: list[Problem] = []
    pending: list[str] = []
    for text in trial.errors:
        at = _AT_LINE.match(text)
        pending.append(at["text"] if at else text)
        if at:
            file = str(rules) if Path(at["file"]) == rules.absolute() else at["file"]
            located.append(
                Problem(file, f"the engine refuses it: {'; '.join(pending)}", line=int(at["line"]))
            )
            pending = []
    about = [w for w in trial.warnings if trial.exit_code or _OF_RULES.match(w)]
    others = [
        Problem(str(rules), f"the engine warns of its configuration: {w}")
        for w in trial.warnings
        if w not in about
    ]
    if located:
        return located, others
    return [Problem(str(rules), f"the engine says: {text}") for text in (*pending, *about)], others
