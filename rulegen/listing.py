"""The catalogue -> a table: signal, family, sid offset, threshold, what it detects or why not."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import astuple

from rulegen.catalogue import CATALOGUE
from rulegen.spec import RuleSpec
from rulegen.vocabulary import Engine

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = ("rule", "signal", "family", "sid", "threshold", "sees")


class ListedRule(Struct, frozen=True):
    """One rule in words; the sid is its offset to sid_base, "-" where no engine has it."""

    rule: str
    signal: str
    family: str
    sid: str
    threshold: str
    sees: str


def catalogue_rows(engine: Engine | None = None) -> tuple[ListedRule, ...]:
    """All rules in catalogue order.

    With an engine: the rules it needs, and reasons for those it lacks.
    """
    return tuple(
        _row(spec, engine) for spec in CATALOGUE if engine is None or spec.concerns(engine)
    )


def _row(spec: RuleSpec, engine: Engine | None) -> ListedRule:
    threshold = (
        f"{spec.threshold.count} in {spec.threshold.seconds} s" if spec.threshold else "none"
    )
    return ListedRule(
        spec.name, spec.signal, spec.family, _offset(spec), threshold, _sees(spec, engine)
    )


def _offset(spec: RuleSpec) -> str:
    return "-" if set(spec.not_on) == set(Engine) else f"+{spec.offset}"


def _sees(spec: RuleSpec, engine: Engine | None) -> str:
    """What the rule sees, and the engines without it; for one engine, the reason."""
    if engine is not None:
        return _sees_on(spec, engine)
    if set(spec.not_on) == set(Engine):
        return f"{spec.sees} (in the logs only)"
    if spec.only_for:
        return f"{spec.sees} (for {', '.join(spec.only_for)})"
    return f"{spec.sees} (not on {', '.join(spec.not_on)})" if spec.not_on else spec.sees


def _sees_on(spec: RuleSpec, engine: Engine) -> str:
    if reason := spec.not_on.get(engine):
        return f"not on {engine}: {reason}"
    missed = spec.misses.get(engine)
    return f"{spec.sees} (not visible on {engine}: {missed})" if missed else spec.sees


def as_text(rows: Sequence[ListedRule]) -> str:
    """Columns of plain text, two spaces apart, without trailing blanks: for pipes and files."""
    table = [HEADINGS, *(astuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS) - 1)]
    return "\n".join(_text_lines(table, [*widths, 0]))


def _text_lines(table: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for line in table:
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()


def as_rich_table(rows: Sequence[ListedRule]) -> "Table":
    """The same for a terminal, the last column wrapped."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(*HEADINGS, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(cell) for cell in astuple(row)))
    return table
