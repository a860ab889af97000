"""Verdicts -> documents whose every field is in ECS's own list, in ECS's own type, but for what is
below `mxhound`."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType

import pytest

from eveproc.report.ecs_report import ECS_VERSION, render
from eveproc.verdicts.analyze import Report
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import CLEAN, INFECTED, VERDICTS, a_report

FIELDS = Path(__file__).parents[2] / "data" / "ecs-fields.csv"
EVERYTHING = [
    made_stores.office,
    made_stores.changed,
    made_stores.hostile,
    lambda: a_report(*VERDICTS),
]


def is_date(value: object) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def is_ip(value: object) -> bool:
    return isinstance(value, str) and bool(ip_address(value))


TYPES: Mapping[str, Callable[[object], bool]] = MappingProxyType(
    {
        "date": is_date,
        "ip": is_ip,
        "keyword": lambda value: isinstance(value, str),
        "match_only_text": lambda value: isinstance(value, str),
        "float": lambda value: isinstance(value, float),
        "long": lambda value: isinstance(value, int) and not isinstance(value, bool),
    }
)


def fields() -> dict[str, dict[str, str]]:
    with FIELDS.open(encoding="utf-8", newline="") as file:
        first = next(file)
        assert f"Schema {ECS_VERSION}" in first
        return {row["field"]: row for row in csv.DictReader(file)}


def flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def documents(report: Report) -> list[dict[str, object]]:
    return [json.loads(line) for line in render(report, report.verdicts).splitlines()]


@pytest.mark.parametrize("made", EVERYTHING)
def test_every_field_is_ecs_s_own_in_its_own_type(made: Callable[[], Report]) -> None:
    known = fields()
    for document in documents(made()):
        ours = document.pop("mxhound")
        assert isinstance(ours, dict)
        for name, value in flat(document):
            assert name in known, f"ECS {ECS_VERSION} has no {name}"
            assert isinstance(value, list) == (known[name]["array"] == "yes"), name
            assert all(
                TYPES[known[name]["type"]](each)
                for each in (value if isinstance(value, list) else [value])
            ), (name, value)


def test_every_field_of_the_list_is_used() -> None:
    used = {
        name for made in EVERYTHING for document in documents(made()) for name, _ in flat(document)
    }
    assert set(fields()) <= used


def test_categories_are_those_ecs_allows_together() -> None:
    for document in documents(made_stores.office()):
        event = document["event"]
        assert (event["kind"], event["category"], event["type"]) in (
            ("alert", ["intrusion_detection", "malware"], ["info"]),
            ("event", ["intrusion_detection", "malware"], ["info"]),
        )


def test_an_infected_host_and_a_clean_one() -> None:
    infected, clean = documents(a_report(INFECTED, CLEAN))
    assert infected["@timestamp"] == "2024-03-01T10:01:00.250000Z"
    assert infected["host"] == {
        "ip": ["10.20.1.7", "10.20.1.9"],
        "mac": ["02-00-00-00-00-11"],
        "name": "laptop-7",
    }
    assert (
        infected["event"]["kind"],
        infected["event"]["risk_score"],
        infected["event"]["severity"],
    ) == ("alert", 99.87, 73)
    assert infected["threat"]["technique"] == {
        "id": ["T1071"],
        "subtechnique": {"id": ["T1071.003"]},
    }
    assert infected["mxhound"]["evidence"][0]["distinct"] == 241
    assert clean["@timestamp"] == "2024-03-02T11:00:00.250000Z"
    assert (clean["event"]["kind"], clean["host"]) == ("event", {"ip": ["10.20.1.8"]})
    assert "threat" not in clean


def test_a_clean_host_without_any_time_has_no_timestamp() -> None:
    (clean,) = documents(a_report(CLEAN, events=False))
    assert "@timestamp" not in clean


def test_what_changed_is_told() -> None:
    changes = [document["mxhound"].get("change") for document in documents(made_stores.changed())]
    assert changes[1] == {
        "trend": "worse",
        "episode": "e-0002",
        "first_reported": "2026-03-01T08:00:00.000000Z",
        "previous": "suspected",
    }
    assert changes[-1] is None
