"""A YAML file -> plain values plus the line of every key, so that an error can point at it."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from msgspec import Struct

from rulegen.errors import InputError, Problem

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

# Site profiles are written by hand; what is larger is another file by mistake.
MAX_BYTES = 1024 * 1024
# Aliases of aliases can make a few lines mean billions of values.
MAX_VALUES = 50_000


class YamlDocument(Struct, frozen=True):
    """`value` is the document, `lines` maps a dotted path ("ports.smtp", "exempt.0") to its line, from 1."""

    file: str
    value: Value
    lines: Mapping[str, int]

    def problem(self, key: str, what: str) -> Problem:
        return Problem(self.file, what, key, self.lines.get(key, 0))


def read_yaml(path: Path) -> YamlDocument:
    """Read one YAML document. Raises InputError when it cannot be read, is no YAML, or repeats a key."""
    file = str(path)
    # Opening a pipe waits until somebody writes to it; those of a shell, as in <(...) and
    # /dev/stdin, have their writer.
    if path.is_fifo() and not path.is_relative_to("/dev") and not path.is_relative_to("/proc"):
        raise InputError([Problem(file, "is a pipe; allowed is a file")])
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError([Problem(file, f"cannot be read: {error.strerror}")]) from error
    if len(raw) > MAX_BYTES:
        raise InputError(
            [Problem(file, f"is larger than {MAX_BYTES} bytes: not a file written by hand")]
        )
    return parse_yaml(raw, file)


def parse_yaml(raw: bytes | str, file: str) -> YamlDocument:
    """The same from text already in memory; `file` is the name used in errors."""
    walk = _Walk(file)
    try:
        root = yaml.compose(raw, Loader=yaml.SafeLoader)
        value = None if root is None else walk.convert(root, "")
    except yaml.YAMLError as error:
        raise InputError([syntax_problem(error, file)]) from error
    except RecursionError as error:
        raise InputError(
            [Problem(file, "is nested too deeply: not a file written by hand")]
        ) from error
    if walk.problems:
        raise InputError(walk.problems)
    return YamlDocument(file, value, walk.lines)


def syntax_problem(error: yaml.YAMLError, file: str) -> Problem:
    """What the YAML parser stumbled over, with its line."""
    mark = getattr(error, "problem_mark", None)
    text = getattr(error, "problem", None) or _first_line(error)
    return Problem(file, f"is not YAML: {text}", line=mark.line + 1 if mark else 0)


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
            raise InputError(
                [
                    Problem(
                        self.file,
                        f"holds more than {MAX_VALUES} values: not a file written by hand",
                    )
                ]
            )
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
                self._note(key_node, path, "has a key that is no plain text; allowed are names")
                continue
            if key in result:
                self._note(key_node, where, "is given twice; once is allowed")
            self.lines[where] = _line(key_node)
            result[key] = self.convert(value_node, where)
        return result

    def _scalar(self, node: yaml.Node, path: str) -> Value:
        # Dates stay text: the reader of the key decides, and says what it wanted.
        if node.tag in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:str"):
            return str(node.value)
        try:
            value: Value = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError) as error:  # "!!int ''", "!!bool x"
            self._note(node, path, f"cannot be read: {_first_line(error)}")
            return None
        if isinstance(value, bytes):
            self._note(node, path, "is binary; allowed is text")
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
