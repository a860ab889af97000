"""A YAML file -> plain values plus the line of every key, so that an error can point at it."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from pathlib import Path

import yaml
from msgspec import Struct

from rulegen.errors import InputError, Problem
from rulegen.files import read_bounded

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

# Maximum size: site profiles are written by hand; a larger file was named by mistake.
MAX_BYTES = 1024 * 1024
# Maximum number of values: with aliases of aliases a few lines can mean billions.
MAX_VALUES = 50_000
MAX_DEPTH = 100
LONGEST_NUMBER = 100


class YamlDocument(Struct, frozen=True):
    """`lines` maps the dotted path of a value ("ports.smtp", "exempt.0") to its line, from 1."""

    file: str
    value: Value
    lines: Mapping[str, int]

    def problem(self, key: str, what: str) -> Problem:
        """A fault of this key, with its line; a missing key has the line of its parent."""
        place = key
        while place and place not in self.lines:
            place = place.rpartition(".")[0]
        return Problem(self.file, what, key, 0 if key and not place else self.lines.get(place, 0))


def read_yaml(path: Path) -> YamlDocument:
    """Read one YAML document. Raises InputError if it is unreadable or repeats a key."""
    return parse_yaml(read_bounded(path, MAX_BYTES), str(path))


def parse_yaml(raw: bytes | str, file: str) -> YamlDocument:
    """The same from text already in memory; `file` is the name used in errors."""
    _refuse_other_encodings(raw, file)
    _refuse_what_nobody_writes(raw, file)
    walk = _Walk(file)
    try:
        root = yaml.compose(raw, Loader=yaml.SafeLoader)
        value = None if root is None else walk.convert(root, "")
    except yaml.YAMLError as error:
        raise InputError([syntax_problem(error, file)]) from error
    except RecursionError as error:
        raise InputError([Problem(file, _TOO_DEEP)]) from error
    except _TooManyError as error:
        raise InputError([Problem(file, _TOO_MANY)]) from error
    if walk.problems:
        raise InputError(walk.problems)
    return YamlDocument(file, value, walk.lines)


def syntax_problem(error: yaml.YAMLError, file: str) -> Problem:
    """The fault that the YAML parser found, with its line."""
    mark = getattr(error, "problem_mark", None)
    text = getattr(error, "problem", None) or _first_line(error)
    if text.startswith("but "):  # "expected a single document in the stream, but found another"
        text = f"{getattr(error, 'context', '')}, {text}"
    return Problem(file, f"is not YAML: {text}", line=mark.line + 1 if mark else 0)


_TOO_MANY = f"holds more than {MAX_VALUES} values: not a file written by hand"
_TOO_DEEP = "is nested too deeply: not a file written by hand"
# libyaml, if PyYAML was built with it (as in its packages), is ten times as fast.
_LIBYAML_DEPTH = "exceeded maximum nesting depth"
_EventLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_INT = "tag:yaml.org,2002:int"
_NUMBERS = (_INT, "tag:yaml.org,2002:float")
# YAML 1.1 reads 25:30 as 1530 (minutes and seconds), and 0465 as octal 309. Nobody means that by a
# port.
_OTHER_NUMBER = re.compile(r"[-+]?(?:0[0-9_]|[^:]*:)")


# Of control characters YAML allows tab, line feed and carriage return (YAML 1.1, section 5.1).
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class _TooManyError(Exception):
    """More values than a person writes."""


def _refuse_other_encodings(raw: bytes | str, file: str) -> None:
    """Name the line of a byte that is not UTF-8 and of a control character; the YAML parser does
    not.
    """
    if isinstance(raw, str) or raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return
    if found := _CONTROL.search(raw):
        line = raw.count(b"\n", 0, found.start()) + 1
        what = f"is not YAML: byte 0x{found[0][0]:02x} is a control character; remove it"
        raise InputError([Problem(file, what, line=line)])
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"is not YAML: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise InputError([Problem(file, what, line=line)]) from error


def _refuse_what_nobody_writes(raw: bytes | str, file: str) -> None:
    """Check the number and depth of values while parsing: building the nodes of 1 MiB of YAML takes
    half a minute.

    Invalid YAML passes here: the reader of the nodes reports it with its line.
    """
    values = depth = 0
    try:
        for event in yaml.parse(raw, Loader=_EventLoader):
            values += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if values > MAX_VALUES:
                raise InputError([Problem(file, _TOO_MANY)])
            if depth > MAX_DEPTH:
                raise InputError([Problem(file, _TOO_DEEP)])
    except yaml.YAMLError as error:
        # The scanner has read a thousand openings ahead by then; the other reader takes seconds for
        # them.
        if getattr(error, "problem", "") == _LIBYAML_DEPTH:
            raise InputError([Problem(file, _TOO_DEEP)]) from error


class _Walk:
    """One pass over the node tree: values out, lines and repeated keys noted."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._scalars = yaml.SafeLoader("")
        self._open: set[int] = set()
        self._count = 0

    def convert(self, node: yaml.Node, path: str) -> Value:
        self.lines.setdefault(path, _line(node))
        self._count += 1
        if self._count > MAX_VALUES:
            raise _TooManyError
        if id(node) in self._open:
            self._note(node, path, "refers to itself; write it out")
            return None
        self._open.add(id(node))
        try:
            return self._convert_open(node, path)
        finally:
            self._open.discard(id(node))

    def _convert_open(self, node: yaml.Node, path: str) -> Value:
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [
                    self.convert(item, _join(path, str(index)))
                    for index, item in enumerate(node.value)
                ]
            case _:
                return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Value]:
        result: dict[str, Value] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            where = _join(path, key)
            if not isinstance(key_node, yaml.ScalarNode) or not key.isprintable():
                self._note(key_node, path, "has a key that is no plain text; expected names")
                continue
            if key in result:
                self._note(key_node, where, "is given twice; expected once")
            self.lines[where] = _line(key_node)
            result[key] = self.convert(value_node, where)
        return result

    def _scalar(self, node: yaml.Node, path: str) -> Value:
        # Dates stay text: the reader of the key validates them and names the expected form.
        if node.tag in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:str"):
            return str(node.value)
        # Python refuses thousands of digits with a message of its own; the library takes quadratic
        # time for 1:1:1:...
        if len(node.value) > LONGEST_NUMBER and (":" in node.value or node.tag == _INT):
            self._note(node, path, f"is longer than {LONGEST_NUMBER} characters; expected less")
            return None
        if node.tag in _NUMBERS and _OTHER_NUMBER.match(node.value):
            return str(node.value)
        try:
            value: Value = self._scalars.construct_object(node)
        except (
            yaml.YAMLError,
            ValueError,
            LookupError,
            ArithmeticError,
        ) as error:  # "!!int ''", "!!bool x"
            self._note(node, path, f"cannot be read: {_first_line(error)}")
            return None
        if isinstance(value, bytes):
            self._note(node, path, "is binary; expected text")
            return None
        return value

    def _note(self, node: yaml.Node, path: str, what: str) -> None:
        self.problems.append(Problem(self.file, what, path, _line(node)))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
