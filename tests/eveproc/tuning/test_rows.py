"""HistoryRows: a sorted, bounded set, whatever the order and number of its parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.tuning import rows as module
from eveproc.tuning.rows import HistoryRow, HistoryRows

FEW = 20
ROWS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2**64 - 1)), max_size=100)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", FEW)


def filled(rows: list[HistoryRow]) -> HistoryRows:
    result = HistoryRows(2)
    for row in rows:
        result.add(row)
    return result


@given(ROWS)
def test_the_least_are_kept_each_once(rows: list[HistoryRow]) -> None:
    kept = filled(rows)
    assert list(kept) == sorted(set(rows))[:FEW]
    assert kept.is_cut == (len(set(rows)) > FEW)
    assert (len(kept), bool(kept)) == (min(FEW, len(set(rows))), bool(rows))


@given(ROWS, ROWS, ROWS)
def test_merging_knows_no_order(
    first: list[HistoryRow], second: list[HistoryRow], third: list[HistoryRow]
) -> None:
    one = filled(first)
    one.merge(filled(second))
    one.merge(filled(third))
    inner = filled(third)
    inner.merge(filled(first))
    other = filled(second)
    other.merge(inner)
    other.merge(filled(second))
    whole = filled([*first, *second, *third])
    assert list(one) == list(other) == list(whole)
    assert one.is_cut == other.is_cut == whole.is_cut


@given(ROWS)
def test_what_is_dumped_loads(rows: list[HistoryRow]) -> None:
    kept = filled(rows)
    again = HistoryRows.load(kept.dump(), kept.is_cut)
    assert (list(again), again.is_cut) == (list(kept), kept.is_cut)


def test_what_cannot_be_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="columns differ in length"):
        HistoryRows.load([b"\0" * 8, b""], False)
    with pytest.raises(ValueError, match="multiple"):
        HistoryRows.load([b"\0" * 7], False)


def test_bytes_are_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = filled([(1, 258)])
    assert kept.dump() == [b"\1" + b"\0" * 7, b"\2\1" + b"\0" * 6]
    monkeypatch.setattr(module.sys, "byteorder", "big")
    assert kept.dump() == [b"\0" * 7 + b"\1", b"\0" * 6 + b"\1\2"]
