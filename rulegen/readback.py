"""A rules file -> its rules as read back, and every line that is not a rule.

Snort 3 has rules without addresses (`alert http (...)`), which idstools does not recognize: they
have a reader of their own.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from idstools import rule as idstools_rule
from msgspec import Struct

from rulegen.errors import Problem
from rulegen.files import read_bounded
from rulegen.rulesfile import length_fault
from rulegen.vocabulary import Engine

# Maximum size; Emerging Threats' whole rule set has 40 MB.
MAX_BYTES = 256 << 20

COUNTED = re.compile(r"\b(count|seconds)\s+(-?\d+)")
# The head of a Snort 3 rule without addresses, its options behind it; and one option, whose quotes
# may hold semicolons.
_SERVICE_RULE = re.compile(
    r"\s*(?P<header>(?:alert|block|drop|log|pass|react|reject|rewrite)\s+[a-z][\w-]*)"
    r"\s*\((?P<options>.*)\)\s*"
)
_OPTION = re.compile(r'\s*(?P<name>[\w.-]+)\s*(?::(?P<value>(?:"(?:\\.|[^"\\])*"|[^;"])*))?;')


class ReadRule(Struct, frozen=True):
    """A rule as idstools reads it; `options` in their order, a bare keyword with value ""."""

    line: int
    header: str
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


def read_rules(file: Path, engine: Engine) -> tuple[list[ReadRule], list[Problem]]:
    """Every rule of a file, and every line that is neither a rule, a comment nor empty.

    For Snort 3, rules without addresses are rules as well. Raises InputError if unreadable.
    """
    found: list[ReadRule] = []
    problems: list[Problem] = []
    for number, line in file_lines(file, problems):
        if fault := length_fault(line, engine):
            problems.append(Problem(str(file), fault, line=number))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        rule = read_rule(line, number, services=engine is Engine.SNORT_3)
        if isinstance(rule, ReadRule):
            found.append(rule)
        else:
            problems.append(Problem(str(file), rule, line=number))
    problems += _repeated(file, found)
    return found, problems


def file_lines(file: Path, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    """The lines of a text file, from 1; invalid UTF-8 is noted. Raises InputError if unreadable."""
    raw = read_bounded(file, MAX_BYTES)
    lines = raw.split(b"\n")
    if lines[-1]:
        problems.append(
            Problem(str(file), "ends in half a line: the file was cut off", line=len(lines))
        )
    for number, line in enumerate(lines, start=1):
        try:
            yield number, line.decode()
        except UnicodeDecodeError as error:
            what = f"byte {error.start + 1} is not UTF-8; expected UTF-8 text"
            problems.append(Problem(str(file), what, line=number))


def read_rule(line: str, number: int = 0, *, services: bool = False) -> ReadRule | str:
    """One rule read back, or its fault.

    idstools silently misreads nested address lists and does not recognize multi-line rules, so its
    result is compared with the text: the seven fields of the header, joined again, must be the
    header.
    """
    if line.rstrip().endswith("\\"):
        return "continues on the next line; expected one rule per line"
    try:
        rule = idstools_rule.parse(line)
    # idstools raises bare Exception, and whatever a slice or int() raises.
    except Exception as error:  # noqa: BLE001
        return f"is no rule that idstools can read: {error}"
    if rule is None:
        expected = "expected ACTION PROTO ADDRESS PORT -> ADDRESS PORT (OPTIONS)"
        return (
            services and _service_rule(line, number)
        ) or f"is no rule that idstools can read; {expected}"
    fields = (
        rule.action,
        rule.proto,
        rule.source_addr,
        rule.source_port,
        rule.direction,
        rule.dest_addr,
        rule.dest_port,
    )
    if None in fields or " ".join(fields) != " ".join(rule.header.split()):
        return (
            f"has a header that idstools mis-reads: {rule.header!r}; "
            "expected flat address lists without spaces"
        )
    for name in ("sid", "rev", "msg"):
        if not rule[name]:
            return f"has no {name}"
    options = tuple((option["name"], option["value"] or "") for option in rule.options)
    return _bad_count(options) or ReadRule(
        number, " ".join(fields), rule.sid, rule.rev, rule.msg, options
    )


def _service_rule(line: str, number: int) -> ReadRule | str | None:
    """A Snort 3 rule for a service, without addresses, or its fault; None for anything else."""
    found = _SERVICE_RULE.fullmatch(line)
    if found is None:
        return None
    text, options, at = found["options"].strip(), [], 0
    while option := _OPTION.match(text, at):
        options.append((option["name"], (option["value"] or "").strip()))
        at = option.end()
    value = dict(options)
    if at != len(text):
        return f"has options that cannot be read from {text[at : at + 40].strip()!r} on"
    for name in ("sid", "rev"):
        if not value.get(name, "").isdecimal():
            return f"has no {name}"
    msg = value.get("msg", "").strip('"')
    if not msg:
        return "has no msg"
    header = " ".join(found["header"].split())
    return _bad_count(options) or ReadRule(
        number, header, int(value["sid"]), int(value["rev"]), msg, tuple(options)
    )


def _bad_count(options: Iterable[tuple[str, str]]) -> str | None:
    """Suricata's -T lets a count or seconds of 0 pass, and the rule then never or always fires."""
    for name, value in options:
        for word, number in (
            COUNTED.findall(value) if name in ("threshold", "detection_filter") else ()
        ):
            if int(number) < 1:
                return f"has {word} {number} in its {name}; expected 1 or more"
    return None


def _repeated(file: Path, rules: Iterable[ReadRule]) -> Iterator[Problem]:
    first: dict[int, int] = {}
    for rule in rules:
        if rule.sid in first:
            yield Problem(
                str(file),
                f"sid {rule.sid} was already used in line {first[rule.sid]}",
                line=rule.line,
            )
        first.setdefault(rule.sid, rule.line)
