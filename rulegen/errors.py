"""Faults as values -> exceptions with one root for the whole project."""

from collections.abc import Iterable
from typing import NamedTuple


class MxhoundError(Exception):
    """Root of every error this project raises on purpose; its text is fit for a person to read."""


class Problem(NamedTuple):
    """One fault in one file: where it is, what is wrong, and what is expected.

    `file` names the input, `key` the dotted path in it ("" for the whole file).
    `line` counts from 1 (0: unknown). Not a Struct: --help would import msgspec for it.
    """

    file: str
    what: str
    key: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: [{self.key}]: {self.what}" if self.key else f"{where}: {self.what}"


class InputError(MxhoundError):
    """Input refused; carries every Problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
