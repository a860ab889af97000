"""Verdicts -> OCSF Detection Findings, valid against the schema of OCSF 1.8.0."""

import json
from collections.abc import Callable
from functools import cache

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from eveproc.report.ocsf_report import CLASS, OCSF_VERSION, render
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.change import Change, HostChange, Trend
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from rulegen.vocabulary import Level
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import CLEAN, INFECTED, START, VERDICTS, a_report


@cache
def validator() -> Draft202012Validator:
    """Of the class and every object in it; both forbid attributes that OCSF does not have."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))
    return Draft202012Validator(schema.get_class_schema("detection_finding"))


def findings(report: Report) -> list[dict[str, object]]:
    return [json.loads(line) for line in render(report, report.verdicts).splitlines()]


def not_judged() -> Report:
    cause = Cause("not_home", "no host of home_networks was seen", "correct home_networks")
    return a_report(events=False, judgement=Judgement(Outcome.NOT_JUDGED, (cause,)))


@pytest.mark.parametrize(
    "made",
    [
        made_stores.office,
        made_stores.changed,
        made_stores.hostile,
        not_judged,
        lambda: a_report(*VERDICTS),
        lambda: a_report(CLEAN, events=False),
    ],
)
def test_every_finding_is_valid(made: Callable[[], Report]) -> None:
    found = findings(made())
    assert found
    for finding in found:
        validator().validate(finding)


def test_the_schema_refuses_what_is_not_ocsf() -> None:
    (finding,) = findings(a_report(INFECTED))
    assert not validator().is_valid({**finding, "verdikt": 1})
    assert not validator().is_valid({key: finding[key] for key in finding if key != "time"})
    assert not validator().is_valid({**finding, "device": {"ip": "10.20.1.7"}})


def test_an_infected_host_and_a_clean_one() -> None:
    infected, clean = findings(a_report(INFECTED, CLEAN))
    assert (infected["class_uid"], infected["type_uid"]) == (CLASS, 200401)
    assert infected["time"] == round((START + 60) * 1000)
    assert (infected["severity_id"], infected["is_alert"]) == (4, True)
    assert (infected["confidence_id"], infected["confidence_score"]) == (3, 100)
    assert infected["device"] == {
        "type_id": 0,
        "ip": "10.20.1.7",
        "mac": "02:00:00:00:00:11",
        "hostname": "laptop-7",
    }
    info = infected["finding_info"]
    assert info["uid"] == "10.20.1.7 02:00:00:00:00:11"
    assert info["attacks"] == [
        {"technique": {"uid": "T1071"}, "sub_technique": {"uid": "T1071.003"}}
    ]
    assert infected["evidences"][0]["data"]["distinct"] == 241
    assert [seen["value"] for seen in infected["observables"]] == [
        "10.20.1.7",
        "10.20.1.9",
        "02:00:00:00:00:11",
        "laptop-7",
    ]
    assert infected["remediation"] == {"desc": "Take it off the network."}
    assert infected["unmapped"]["verdict"] == "infected"
    assert (clean["severity_id"], clean["is_alert"]) == (1, False)
    assert "evidences" not in clean
    assert "first_seen_time" not in clean["finding_info"]


def test_a_host_of_one_of_several_networks_says_which() -> None:
    other = replace(INFECTED, scope="vlan=10", repeats=("10.20.1.9",), is_router=True)
    (finding,) = findings(a_report(other))
    assert finding["unmapped"]["scope"] == "vlan=10"
    assert finding["unmapped"]["same_mails_as"] == ["10.20.1.9"]
    assert finding["unmapped"]["is_router"] is True
    assert finding["finding_info"]["uid"] == "10.20.1.7 vlan=10 02:00:00:00:00:11"
    validator().validate(finding)


@pytest.mark.parametrize(
    ("trend", "activity", "status"),
    [(Trend.NEW, 1, 1), (Trend.WORSE, 2, 2), (Trend.STILL, 2, 2), (Trend.RECOVERED, 3, 4)],
)
def test_an_incident_is_one_finding_from_its_start_to_its_end(
    trend: Trend, activity: int, status: int
) -> None:
    change = HostChange(
        "10.20.1.7", trend, "e-0001", START, Level.INFECTED, mac="02:00:00:00:00:11"
    )
    (finding,) = findings(a_report(INFECTED, change=Change(START, (change,))))
    assert (finding["activity_id"], finding["type_uid"]) == (activity, 200400 + activity)
    assert finding["status_id"] == status
    assert finding["finding_info"]["uid"] == "e-0001"
    assert finding["finding_info"]["created_time"] == round(START * 1000)
    assert finding["unmapped"]["change"]["trend"] == trend
    validator().validate(finding)


def test_what_could_not_be_judged_is_a_finding_without_a_device() -> None:
    (finding,) = findings(not_judged())
    assert finding["message"] == "could not judge: no host of home_networks was seen"
    assert finding["remediation"] == {"desc": "correct home_networks"}
    assert (finding["severity_id"], finding["time"]) == (0, 0)
    assert "device" not in finding
