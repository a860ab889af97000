"""Parquet tables of a real Spark -> they hold what the report says, in the schema that
docs/spark.md promises."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from eveproc.evidence.gather import gather
from eveproc.evidence.host_names import HostName
from eveproc.evidence.places import Place
from eveproc.evidence.store import EvidenceStore
from eveproc.report import json_report
from eveproc.spark import tables
from eveproc.spark.tables import write
from eveproc.verdicts.analyze import Report, judge_evidence
from eveproc.verdicts.verdict import NatSession
from rulegen.inventory import InventoryEntry
from rulegen.site_profile import load_site
from rulegen.units import HOUR
from tests.eveproc.verdicts.test_same_verdicts import DATA

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.cluster
PAGE = Path(__file__).parents[3] / "docs" / "spark.md"
SITE = load_site(DATA / "site.yaml")
DAY = "2026-03-02"
# Some days later.
NOW = datetime(2026, 3, 9, 6, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def store() -> EvidenceStore:
    found, _ = gather([str(DATA / "office-suricata-8.eve.json.gz")], SITE)
    return found


@pytest.fixture(scope="module")
def report(store: EvidenceStore) -> Report:
    _, stats = gather([], SITE)
    return judge_evidence(store, SITE, stats)


def promised(table: str) -> list[tuple[str, str]]:
    """(column, type) as the page has them."""
    part = (
        PAGE.read_text(encoding="utf-8")
        .partition(f"<!-- {table} -->")[2]
        .partition("<!-- end -->")[0]
    )
    return [
        (name, kind)
        for name, kind in re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", part, re.MULTILINE)
    ]


@pytest.mark.parametrize("table", ["verdicts", "evidence"])
def test_the_schema_is_the_one_of_the_page(
    spark: "SparkSession", store: EvidenceStore, report: Report, table: str, tmp_path: Path
) -> None:
    write(spark, f"file:{tmp_path}", report.verdicts, store, NOW)
    found = [
        (field.name, field.dataType.simpleString())
        for field in spark.read.parquet(f"file:{tmp_path}/{table}").schema
    ]
    assert found == [*promised(table), ("day", "date")]


def test_verdicts_are_those_of_the_json_report(
    spark: "SparkSession", store: EvidenceStore, report: Report, tmp_path: Path
) -> None:
    write(spark, f"file:{tmp_path}", report.verdicts, store, NOW)
    rows = [
        row.asDict(recursive=True)
        for row in spark.read.parquet(f"file:{tmp_path}/verdicts").collect()
    ]
    assert {row.pop("day").isoformat() for row in rows} == {DAY}
    told = [json.loads(line) for line in json_report.render(report, report.verdicts).splitlines()]
    for row in rows:  # keys that only some hosts have
        some_have = (
            "scope",
            "same_mails_as",
            "is_router",
            "people_at_least",
            "nat_sessions",
            "in_turn",
            "names",
            "inventory",
        )
        for some in some_have:
            assert row.pop(some) is None
    assert [_in_json(row) for row in rows] == told


def test_the_inventory_of_a_host_is_a_map(
    spark: "SparkSession", store: EvidenceStore, report: Report, tmp_path: Path
) -> None:
    entry = InventoryEntry("address", "10.20.1.7", (("name", "pc-17"), ("rack", "4")))
    listed = [replace(report.verdicts[0], inventory=entry), report.verdicts[1]]
    write(spark, f"file:{tmp_path}", listed, store, NOW)
    found = {
        row.host: row.inventory for row in spark.read.parquet(f"file:{tmp_path}/verdicts").collect()
    }
    assert found == {
        listed[0].host: {"address": "10.20.1.7", "name": "pc-17", "rack": "4"},
        listed[1].host: None,
    }


def test_names_and_sessions_are_those_of_the_json_report(
    spark: "SparkSession", store: EvidenceStore, report: Report, tmp_path: Path
) -> None:
    start = datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp()
    names = (HostName("user", "ann\udcff@example.org", "krb5", start),)
    sessions = (NatSession(start + 0.5, 40_001, 1 << 60),)
    named = replace(report.verdicts[0], names=names, nat_sessions=sessions, people=9)
    write(spark, f"file:{tmp_path}", [named], store, NOW)
    (row,) = spark.read.parquet(f"file:{tmp_path}/verdicts").collect()
    kept = {key: _in_json(row.asDict(recursive=True)[key]) for key in ("names", "nat_sessions")}
    told = json.loads(json_report.render(report, (named,)))
    assert kept["nat_sessions"] == told["nat_sessions"]
    assert kept["names"] == [told["names"][0] | {"name": "ann\\udcff@example.org"}]
    assert row.people_at_least == 9


def _in_json(value: object) -> object:
    match value:
        case dict():
            return {key: _in_json(inner) for key, inner in value.items()}
        case list():
            return [_in_json(inner) for inner in value]
        case datetime():  # Spark gives them in the zone of this machine
            return (
                datetime.fromtimestamp(value.timestamp(), UTC)
                .isoformat(timespec="microseconds")
                .replace("+00:00", "Z")
            )
    return value


def test_evidence_holds_every_track(
    spark: "SparkSession", store: EvidenceStore, report: Report, tmp_path: Path
) -> None:
    write(spark, f"file:{tmp_path}", report.verdicts, store, NOW)
    rows = spark.read.parquet(f"file:{tmp_path}/evidence").collect()
    found = {
        (row.host, row.mac, row.behaviour, row.source): (
            row["count"],
            row.distinct,
            {pair.key for pair in row["keys"]},
        )
        for row in rows
    }
    assert len(rows) == len(found)
    assert found == {
        (host, Place.of(label).mac, kind.value, source.value): (
            sketch.count(),
            sketch.distinct(),
            sketch.keys(),
        )
        for host, evidence in store.hosts.items()
        for label, part in (("", evidence), *evidence.parts.items())
        for (kind, source), sketch in part.sketches.items()
    }


def test_a_day_that_is_told_again_is_replaced(
    spark: "SparkSession",
    store: EvidenceStore,
    report: Report,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "ROWS", 20)  # both tables in several goes
    assert len(report.verdicts) > tables.ROWS
    next_day = replace(store, last_event=store.last_event + 24 * HOUR)
    for told, verdicts in (
        (store, report.verdicts),
        (next_day, report.verdicts[:7]),
        (next_day, report.verdicts[:2]),
    ):
        write(spark, f"file:{tmp_path}", verdicts, told, NOW)
    days = spark.read.parquet(f"file:{tmp_path}/verdicts").groupBy("day").count().collect()
    assert {row.day.isoformat(): row["count"] for row in days} == {
        DAY: len(report.verdicts),
        "2026-03-03": 2,
    }


def test_a_night_without_evidence_is_a_night(spark: "SparkSession", tmp_path: Path) -> None:
    write(spark, f"file:{tmp_path}", (), EvidenceStore(), NOW)
    assert {path.parent.name for path in tmp_path.glob("*/*/_SUCCESS")} == {"day=2026-03-09"}
    assert spark.read.parquet(f"file:{tmp_path}/verdicts").count() == 0


def test_no_clock_of_a_sensor_leads_into_the_next_day(
    spark: "SparkSession", store: EvidenceStore, tmp_path: Path
) -> None:
    write(spark, f"file:{tmp_path}", (), replace(store, last_event=NOW + 20 * HOUR), NOW)
    assert [path.name for path in (tmp_path / "verdicts").iterdir()] == ["day=2026-03-09"]
