"""The catalogue -> its table, whole, with what an engine cannot see and why."""

from rulegen.catalogue import CATALOGUE
from rulegen.listing import HEADINGS, as_rich_table, as_text, catalogue_rows
from rulegen.vocabulary import Engine, Signal


def test_every_rule_and_every_signal_has_its_row() -> None:
    rows = catalogue_rows()
    assert [row.rule for row in rows] == [spec.name for spec in CATALOGUE]
    assert {row.signal for row in rows} == set(Signal)
    assert all(
        row.sees and row.threshold and row.family == Signal(row.signal).family for row in rows
    )


def test_offsets_and_thresholds_are_the_catalogue_s() -> None:
    by_rule = {row.rule: row for row in catalogue_rows()}
    spec = next(spec for spec in CATALOGUE if spec.name == "mx_flood")
    assert spec.threshold is not None
    assert by_rule["mx_flood"].sid == f"+{spec.offset}"
    assert by_rule["mx_flood"].threshold == f"{spec.threshold.count} in {spec.threshold.seconds} s"
    assert by_rule["mx_then_smtp_mark"].threshold == "none"


def test_what_only_the_logs_show_has_no_sid() -> None:
    row = next(row for row in catalogue_rows() if row.rule == "look_alike")
    assert (row.sid, row.sees.endswith("(in the logs only)")) == ("-", True)


def test_an_engine_that_cannot_see_a_signal_says_why() -> None:
    by_rule = {row.rule: row.sees for row in catalogue_rows(Engine.SURICATA_7)}
    assert by_rule["look_alike"].startswith("not on suricata-7: ")
    assert not by_rule["mx_flood"].startswith("not on")
    assert "mx_flood_tcp" not in by_rule
    on_snort = {row.rule: row.sees for row in catalogue_rows(Engine.SNORT_3)}
    assert on_snort["smtp_slow"].startswith(
        "not on snort-3: Snort keeps no state about a host between connections"
    )
    assert "(not visible on snort-3: DNS on ports other than 53;" in on_snort["mx_flood"]
    assert "met_mark" not in on_snort


def test_text_is_aligned_in_columns() -> None:
    lines = as_text(catalogue_rows()).splitlines()
    starts = [lines[0].index(heading) for heading in HEADINGS]
    for line, row in zip(lines[1:], catalogue_rows(), strict=True):
        assert line[starts[-1] :] == row.sees
        assert all(line[start - 1] == " " != line[start] for start in starts[1:])


def test_the_table_of_a_terminal_has_the_same_rows() -> None:
    assert as_rich_table(catalogue_rows()).row_count == len(CATALOGUE)
