"""A folder of built rules, or one rules file -> what is wrong with it, by reading it back and by asking the real engine."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from idstools import rule as idstools_rule

from rulegen.engines import EngineTrial, find_engine, try_rules
from rulegen.errors import InputError, Problem
from rulegen.silence import silent_settings
from rulegen.suricata_files import GROUP_KEYS, RULES, SETTING_KEYS, SETTINGS, SID_MAP, THRESHOLDS, TITLE, length_fault
from rulegen.suricata_yaml import read_suricata_yaml
from rulegen.vocabulary import METADATA_FAMILY, METADATA_HOST, METADATA_SIGNAL, Engine, HostSide, Signal
from rulegen.yamlfile import read_yaml

# What `-T` says about other things than rules (a site's own suricata.yaml, say) does not speak against the rules.
_OF_RULES = re.compile(r"(detect|threshold|reference|classification)[\w-]*: |.*\b(signature|sid)\b")
_AT_LINE = re.compile(r"(?s)(?P<text>.*) from file .* at line (?P<line>\d+)$")
_COUNTED = re.compile(r"\b(count|seconds)\s+(-?\d+)")
_GID_SID = r"gen_id\s+\d+\s*,\s*sig_id\s+(?P<sid>\d+)"
_RATE = r"count\s+\d+\s*,\s*seconds\s+\d+"
_TRACK = r"track\s+by_(?:src|dst|rule|both)"
_THRESHOLD_FORMS = tuple(
    re.compile(form + r"\s*")
    for form in (
        rf"suppress\s+{_GID_SID}(?:\s*,\s*track\s+by_(?:src|dst|either)\s*,\s*ip\s+(?P<ip>.+?))?",
        rf"(?:threshold|event_filter)\s+{_GID_SID}\s*,\s*type\s+(?:limit|threshold|both)\s*,\s*{_TRACK}\s*,\s*{_RATE}",
        rf"rate_filter\s+{_GID_SID}\s*,\s*{_TRACK}\s*,\s*{_RATE}\s*,\s*new_action\s+\w+\s*,\s*timeout\s+\d+",
    )
)


@dataclass(frozen=True, slots=True)
class ReadRule:
    """A rule as idstools reads it back; `options` in the rule's order, a bare keyword with value ""."""

    line: int
    sid: int
    rev: int
    msg: str
    options: tuple[tuple[str, str], ...]

    @property
    def metadata(self) -> dict[str, list[str]]:
        """What Suricata will log as alert.metadata: {"key": ["value", ...]}."""
        found: dict[str, list[str]] = {}
        for name, value in self.options:
            for entry in value.split(",") if name == "metadata" else ():
                key, _, text = entry.strip().partition(" ")
                found.setdefault(key, []).append(text.strip())
        return found


@dataclass(frozen=True, slots=True)
class CheckReport:
    """`passed` says in words what was checked, `problems` refuse it, `warnings` do not."""

    passed: tuple[str, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def check(path: Path, engine: Engine | None = None, suricata_yaml: Path | None = None) -> CheckReport:
    """Check every engine's build in folder `path`, or one rules file (tried with `engine`, or the one it was built for).

    With `suricata_yaml`, settings of it that would keep the rules silent become warnings.
    Raises InputError when there is nothing to check or that configuration cannot be read.
    """
    targets = _targets(path, engine)
    settings = read_suricata_yaml(suricata_yaml) if suricata_yaml else None
    reports = [_check_file(rules, built_for, whole=path.is_dir()) for rules, built_for in targets]
    silent = silent_settings(settings, targets[0][0]) if settings else ()
    return CheckReport(
        tuple(text for report in reports for text in report.passed),
        tuple(problem for report in reports for problem in report.problems),
        (*(problem for report in reports for problem in report.warnings), *silent),
    )


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
    allowed = f"allowed is a rules file, a folder with {RULES}, or a folder with {', '.join(wanted)} in it"
    raise InputError([Problem(str(path), f"{what}; {allowed}")])


def _engine_of(rules: Path) -> Engine:
    """By the name of the folder, else by the first line of a build, else the first that is installed."""
    names = (rules.absolute().parent.name, _title(rules).removeprefix(TITLE).partition(",")[0])
    named = (Engine(name) for name in names if name in set(Engine))
    return next(named, None) or next((engine for engine in Engine if find_engine(engine)), Engine.SURICATA_7)


def _title(rules: Path) -> str:
    return next((line for _, line in _lines(rules, [])), "")


def _check_file(rules: Path, engine: Engine, whole: bool) -> CheckReport:
    found, problems = read_rules(rules)
    problems += _meaning_problems(rules, found)
    thresholds = rules.with_name(THRESHOLDS)
    if whole:
        problems += _missing_files(rules)
    problems += _companion_problems(rules, found)
    misset, warnings = _settings_problems(rules.with_name(SETTINGS))
    problems += misset
    settings = rules.with_name(SETTINGS) if rules.with_name(SETTINGS).is_file() and not misset else None
    passed = [f"{rules}: {len(found)} rules read back"]
    installed = find_engine(engine)
    if installed is None:
        warnings.append(Problem(str(rules), f"NOT TESTED with a real engine: {engine} is not installed here"))
    else:
        trial = try_rules(installed, rules, threshold_config=thresholds if thresholds.is_file() else None, settings=settings)
        said, more = _trial_problems(rules, trial)
        problems += said
        warnings += more
        if not said:
            passed.append(f"{rules}: loaded by {engine} ({installed.version}) without complaint")
    return CheckReport(tuple(passed), tuple(dict.fromkeys(problems)), tuple(warnings))


def read_rules(file: Path) -> tuple[list[ReadRule], list[Problem]]:
    """Every rule of a file, and every line that is neither a rule, a comment nor empty. Raises InputError if unreadable."""
    found: list[ReadRule] = []
    problems: list[Problem] = []
    for number, line in _lines(file, problems):
        if fault := length_fault(line):
            problems.append(Problem(str(file), fault, line=number))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        rule = read_rule(line, number)
        if isinstance(rule, ReadRule):
            found.append(rule)
        else:
            problems.append(Problem(str(file), rule, line=number))
    problems += _repeated(file, found)
    return found, problems


def _lines(file: Path, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError([Problem(str(file), f"cannot be read: {error.strerror}")]) from error
    lines = raw.split(b"\n")
    if lines[-1]:
        problems.append(Problem(str(file), "ends in half a line: the file was cut off", line=len(lines)))
    for number, line in enumerate(lines, start=1):
        try:
            yield number, line.decode()
        except UnicodeDecodeError as error:
            what = f"byte {error.start + 1} is not UTF-8; allowed is UTF-8 text"
            problems.append(Problem(str(file), what, line=number))


def read_rule(line: str, number: int = 0) -> ReadRule | str:
    """One rule read back, or what is wrong with it.

    idstools mis-reads nested address lists in silence and takes multi-line rules for none, so what it read is held
    against the text: the header's seven fields joined again must be the header.
    """
    if line.rstrip().endswith("\\"):
        return "goes on in the next line; allowed is one rule per line"
    try:
        rule = idstools_rule.parse(line)
    except Exception as error:  # noqa: BLE001  # idstools raises bare Exception, and whatever a slice or int() raises
        return f"is no rule that idstools can read: {error}"
    if rule is None:
        return "is no rule that idstools can read; allowed is ACTION PROTO ADDRESS PORT -> ADDRESS PORT (OPTIONS)"
    fields = (rule.action, rule.proto, rule.source_addr, rule.source_port, rule.direction, rule.dest_addr, rule.dest_port)
    if None in fields or " ".join(fields) != " ".join(rule.header.split()):
        return f"has a header that idstools mis-reads: {rule.header!r}; allowed are flat address lists without spaces"
    for name in ("sid", "rev", "msg"):
        if not rule[name]:
            return f"has no {name}"
    options = tuple((option["name"], option["value"] or "") for option in rule.options)
    return _bad_count(options) or ReadRule(number, rule.sid, rule.rev, rule.msg, options)


def _bad_count(options: Iterable[tuple[str, str]]) -> str | None:
    """Suricata's -T lets a count or seconds of 0 pass, and the rule then never or always fires."""
    for name, value in options:
        for word, number in _COUNTED.findall(value) if name in ("threshold", "detection_filter") else ():
            if int(number) < 1:
                return f"has {word} {number} in its {name}; allowed is 1 or more"
    return None


def _repeated(file: Path, rules: Iterable[ReadRule]) -> Iterator[Problem]:
    first: dict[int, int] = {}
    for rule in rules:
        if rule.sid in first:
            yield Problem(str(file), f"sid {rule.sid} was already used in line {first[rule.sid]}", line=rule.line)
        first.setdefault(rule.sid, rule.line)


def _meaning_problems(file: Path, rules: Iterable[ReadRule]) -> Iterator[Problem]:
    """The metadata is what eveproc understands an alert by."""
    for rule in rules:
        if fault := _metadata_fault(rule.metadata):
            yield Problem(str(file), f"sid {rule.sid}: {fault}", "metadata", rule.line)


def _metadata_fault(metadata: Mapping[str, list[str]]) -> str | None:
    for key in (METADATA_SIGNAL, METADATA_FAMILY, METADATA_HOST):
        if len(metadata.get(key, [])) != 1:
            return f"needs {key} exactly once, so that eveproc knows what an alert means"
    signal, family, host = (metadata[key][0] for key in (METADATA_SIGNAL, METADATA_FAMILY, METADATA_HOST))
    if signal not in set(Signal):
        return f"{METADATA_SIGNAL} {signal!r} is unknown; allowed are {', '.join(Signal)}"
    if family != Signal(signal).family:
        return f"{METADATA_FAMILY} is {family!r}; {signal} belongs to {Signal(signal).family}"
    if host not in set(HostSide):
        return f"{METADATA_HOST} {host!r} is unknown; allowed are {', '.join(HostSide)}"
    return None


def _missing_files(rules: Path) -> Iterator[Problem]:
    for name in (THRESHOLDS, SID_MAP, SETTINGS):
        if not rules.with_name(name).is_file():
            yield Problem(str(rules.with_name(name)), "is missing beside the rules; build again")


def _companion_problems(rules: Path, found: Iterable[ReadRule]) -> Iterator[Problem]:
    """The files a build puts beside its rules, held against the rules."""
    messages = {rule.sid: rule.msg for rule in found}
    if rules.with_name(THRESHOLDS).is_file():
        yield from _threshold_problems(rules.with_name(THRESHOLDS), messages)
    if rules.with_name(SID_MAP).is_file():
        yield from _sid_map_problems(rules.with_name(SID_MAP), messages)


def _settings_problems(file: Path) -> tuple[list[Problem], list[Problem]]:
    """What speaks against mxhound.yaml; and what it lacks, which may have been taken out on purpose (docs/loading-rules.md)."""
    if not file.is_file():
        return [], []
    try:
        document = read_yaml(file)
    except InputError as error:
        return list(error.problems), []
    if not isinstance(document.value, dict):
        return [document.problem("", f"holds no settings; allowed are {', '.join(SETTING_KEYS)}")], []
    allowed = (*SETTING_KEYS, *GROUP_KEYS)
    unknown = [key for key in document.value if key not in allowed]
    missing = [key for key in SETTING_KEYS if key not in document.value]
    return (
        [document.problem(key, f"is no setting of a build; allowed are {', '.join(allowed)}") for key in unknown],
        [document.problem(key, "is not set; a build sets it") for key in missing],
    )


def _threshold_problems(file: Path, known: Mapping[int, str]) -> Iterator[Problem]:
    problems: list[Problem] = []
    for number, line in _lines(file, problems):
        text = line.strip()
        if text and not text.startswith("#") and (fault := _threshold_fault(text, known)):
            problems.append(Problem(str(file), fault, line=number))
    yield from problems


def _threshold_fault(text: str, known: Mapping[int, str]) -> str | None:
    match = next((m for form in _THRESHOLD_FORMS if (m := form.fullmatch(text))), None)
    if match is None:
        return f"{text!r} is no suppress, threshold, event_filter or rate_filter line"
    if int(match["sid"]) not in known:
        return f"sig_id {match['sid']} is no rule of this build"
    for address in re.split(r"[\[\],!\s]+", match.groupdict().get("ip") or ""):
        if address and not address.startswith("$") and not _is_address(address):
            return f"{address!r} is no address; allowed are addresses, networks, lists of them in [ ] and $VARIABLES"
    return next((f"has {word} {n}; allowed is 1 or more" for word, n in _COUNTED.findall(text) if int(n) < 1), None)


def _is_address(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _sid_map_problems(file: Path, messages: Mapping[int, str]) -> Iterator[Problem]:
    problems: list[Problem] = []
    mapped: set[int] = set()
    for number, line in _lines(file, problems):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("||")]
        sid = int(fields[0]) if fields[0].isdecimal() else -1
        mapped.add(sid)
        if len(fields) < 2 or sid < 0:
            problems.append(Problem(str(file), "is no line of a sid-msg.map; allowed is SID || MSG || REFERENCE...", line=number))
        elif messages.get(sid) != fields[1]:
            problems.append(Problem(str(file), f"says {fields[1]!r} for sid {sid}; the rules say {messages.get(sid)!r}", line=number))
    yield from problems
    for sid in sorted(messages.keys() - mapped):
        yield Problem(str(file), f"sid {sid} of the rules is missing")


def _trial_problems(rules: Path, trial: EngineTrial) -> tuple[list[Problem], list[Problem]]:
    """What the engine said: about the rules, with the line where it gives one; about other things."""
    located: list[Problem] = []
    pending: list[str] = []
    for text in trial.errors:
        at = _AT_LINE.match(text)
        pending.append(at["text"] if at else text)
        if at:
            located.append(Problem(str(rules), f"the engine refuses it: {'; '.join(pending)}", line=int(at["line"])))
            pending = []
    about = [w for w in trial.warnings if trial.exit_code or _OF_RULES.match(w)]
    others = [Problem(str(rules), f"the engine warns of its configuration: {w}") for w in trial.warnings if w not in about]
    if located:
        return located, others
    return [Problem(str(rules), f"the engine says: {text}") for text in (*pending, *about)], others
