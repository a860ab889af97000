"""Rows of numbers in any order, with repetitions -> HistoryRows: sorted, distinct, bounded."""

import sys
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice

# The limit for one host and one kind; a row takes 16 to 48 bytes. A busy undeclared mail server
# needs a week or more for so many rows.
MOST_ROWS = 200_000

HistoryRow = tuple[int, ...]


class HistoryRows:
    """A set of rows of `width` numbers (0 to 2**64-1), time first; the least MOST_ROWS are kept.

    Which ones are kept depends on the set alone: a row that is cut from a part of the input has
    enough smaller rows there, so it would be cut from the whole as well. Merging is associative,
    commutative and idempotent. `is_cut`: rows were left out.
    """

    __slots__ = ("_columns", "_ordered", "_width", "is_cut")

    def __init__(self, width: int) -> None:
        self.is_cut = False
        self._width = width
        self._columns = [array("Q") for _ in range(width)]
        self._ordered = True

    def add(self, row: HistoryRow) -> None:
        for column, number in zip(self._columns, row, strict=True):
            column.append(number)
        self._ordered = False
        if len(self._columns[0]) >= 2 * MOST_ROWS:
            self._order()

    def extend(self, rows: Iterable[HistoryRow]) -> None:
        """Add each of the rows."""
        for column, numbers in zip(self._columns, zip(*rows, strict=True), strict=True):
            column.extend(numbers)
        self._ordered = False
        if len(self._columns[0]) >= 2 * MOST_ROWS:
            self._order()

    def merge(self, other: "HistoryRows") -> None:
        for column, more in zip(self._columns, other._columns, strict=True):
            column.extend(more)
        self.is_cut |= other.is_cut
        self._ordered = False
        if len(self._columns[0]) >= 2 * MOST_ROWS:
            self._order()

    def __iter__(self) -> Iterator[HistoryRow]:
        self._order()
        return zip(*self._columns, strict=True)

    def __len__(self) -> int:
        self._order()
        return len(self._columns[0])

    def __bool__(self) -> bool:
        return bool(self._columns[0])

    def _order(self) -> None:
        if self._ordered:
            return
        rows = sorted(set(zip(*self._columns, strict=True)))
        self.is_cut |= len(rows) > MOST_ROWS
        self._columns = _columns(islice(rows, MOST_ROWS), self._width)
        self._ordered = True

    def dump(self) -> list[bytes]:
        """Each column as little-endian bytes."""
        self._order()
        return [_little(column).tobytes() for column in self._columns]

    @classmethod
    def load(cls, columns: Iterable[bytes], is_cut: bool) -> "HistoryRows":
        """The inverse of dump. Raises ValueError for columns of different or invalid lengths."""
        read = []
        for raw in columns:
            column = array("Q")
            column.frombytes(raw)
            read.append(_little(column))
        if len({len(column) for column in read}) != 1:
            raise ValueError("columns differ in length")
        rows = cls(len(read))
        rows._columns, rows.is_cut, rows._ordered = read, is_cut, False
        return rows


def _columns(rows: Iterable[HistoryRow], width: int) -> list["array[int]"]:
    columns = [array("Q") for _ in range(width)]
    for row in rows:
        for column, number in zip(columns, row, strict=True):
            column.append(number)
    return columns


def _little(column: "array[int]") -> "array[int]":
    """The column with bytes swapped on big-endian machines: files are alike everywhere."""
    if sys.byteorder == "big":
        column = array("Q", column)
        column.byteswap()
    return column
