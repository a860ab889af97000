"""A YamlDocument -> values of the expected kind; faults with key and what is expected."""

from collections.abc import Callable, Hashable, Mapping
from typing import TypeGuard, TypeVar

from rulegen.errors import Problem
from rulegen.yamlfile import Value, YamlDocument

T = TypeVar("T", bound=Hashable)

_KINDS = {
    type(None): "nothing",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}


class CheckedReader:
    """Reads key by key and collects `problems`; its values are valid only if there are none.

    `key` is the dotted path of the value being read, as in YamlDocument.lines.
    """

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def note(self, key: str, what: str) -> None:
        self.problems.append(self.document.problem(key, what))

    def root(self, allowed: tuple[str, ...]) -> dict[str, Value]:
        """The document as a mapping with no other keys than `allowed`."""
        value = self.document.value
        if not isinstance(value, dict):
            found = "is empty" if value is None else f"holds {kind(value)}"
            self.note("", f"{found}; expected a mapping with the keys {', '.join(allowed)}")
            return {}
        return self.mapping(value, "", allowed)

    def mapping(self, value: Value, key: str, allowed: tuple[str, ...]) -> dict[str, Value]:
        if not isinstance(value, dict):
            self.note(
                key,
                f"invalid type: is {kind(value)}; expected a mapping with the keys "
                f"{', '.join(allowed)}",
            )
            return {}
        for name in value:
            if name not in allowed:
                self.note(
                    f"{key}.{name}".lstrip("."),
                    f"unknown key: expected one of {', '.join(allowed)}",
                )
        return {name: item for name, item in value.items() if name in allowed}

    def items(
        self, root: Mapping[str, Value], key: str, read: Callable[[Value, str], T | None]
    ) -> tuple[T, ...]:
        """Read the list at `key` (absent: empty), each item with `read`; refuse duplicates."""
        value = root.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.note(
                key, f"invalid type: is {kind(value)}; expected a list, for example {key}: [...]"
            )
            return ()
        found: dict[T, int] = {}
        for index, item in enumerate(value):
            where = f"{key}.{index}"
            result = read(item, where)
            if result is None:
                continue
            if result in found:
                first = f"(the same as {key}.{found[result]})"
                what = first if isinstance(item, list | dict) else show(item)
                self.note(where, f"duplicate item {what}: expected each item once")
            found[result] = index
        return tuple(found)

    def refuse_unquoted(self, value: Value, key: str) -> None:
        """Note a value that YAML reads as no text, as `no` (false) and `17` (a number)."""
        advice = "" if isinstance(value, list | dict) else ": write it in quotes"
        self.note(key, f"invalid type: is {kind(value)}; expected text{advice}")

    def number(self, value: Value, key: str, most: int) -> int:
        """Read a whole number from 1 to `most`; return 1 if it is invalid."""
        if is_int(value) and 1 <= value <= most:
            return value
        found = "missing" if value is None else f"invalid number {show(value)}"
        self.note(key, f"{found}: expected a whole number from 1 to {most}")
        return 1


def is_int(value: Value) -> TypeGuard[int]:
    """True for whole numbers; YAML's true and false are not numbers."""
    return isinstance(value, int) and not isinstance(value, bool)


def kind(value: Value) -> str:
    """The kind of a value in the words of an error message."""
    return _KINDS[type(value)]


def show(value: Value) -> str:
    """A short form of a value, safe to print: text in quotes, lists and mappings by kind."""
    match value:
        case str():
            return repr(value) if len(value) <= 100 else f"{value[:100]!r}..."
        case bool():
            return str(value).lower()
        case int() if abs(value) >= 10**20:  # str() refuses numbers of more than 4300 digits
            return "a number of more than 20 digits"
        case int() | float():
            return str(value)
        case _:
            return kind(value)
