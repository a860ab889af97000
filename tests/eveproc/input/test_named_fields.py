"""Fields that the site names in separate_by -> hosts of one address kept apart by them."""

import json

import pytest

from eveproc.verdicts.analyze import analyze
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Level
from rulegen.yamlfile import parse_yaml
from tests.eveproc.eve_lines import HOST, SITE, START, mailing, quiet

SITES = ("north", "south")


def records():
    """A mass mailer in the north and a clerk in the south, at one address."""
    for where, lines in zip(SITES, (mailing(START, 40), [quiet(START, HOST)]), strict=True):
        for line in lines:
            yield where, json.loads(line)


def nested(where, record):
    return {**record, "vxlan": {"vni": where, "port": 4789}}


def flat(where, record):
    return {**record, "vxlan.vni": where}


def beside(where, record):
    return {"@timestamp": "2026-03-02T08:00:00.000Z", "vxlan": {"vni": where}, "suricata": record}


def in_text(where, record):
    return {"vxlan": {"vni": where}, "message": json.dumps(record)}


def listed(where, record):
    return {**record, "vxlan": {"vni": [where]}}


def judged(path, text, field="vxlan.vni"):
    path.write_text(text)
    site = build_profile(parse_yaml(f"{SITE}separate_by: [{field}]\n", "site.yaml"))
    found = analyze([str(path)], site)
    return {(v.host, v.scope): v.level for v in found.verdicts if v.host == HOST}, found.health


@pytest.mark.parametrize("container", [nested, flat, beside, in_text, listed])
def test_a_field_at_any_place_separates(tmp_path, container):
    lines = [json.dumps(container(where, record)) for where, record in records()]
    levels, health = judged(tmp_path / "eve.json", "\n".join(lines))
    assert levels == {
        (HOST, "vxlan.vni=north"): Level.INFECTED,
        (HOST, "vxlan.vni=south"): Level.CLEAN,
    }
    assert not [line for line in health if "separate_by" in line]


def test_an_array_of_records_and_lines_agree(tmp_path):
    wrapped = [nested(where, record) for where, record in records()]
    array, _ = judged(tmp_path / "eve.json", json.dumps(wrapped))
    lines, _ = judged(tmp_path / "eve2.json", "\n".join(map(json.dumps, wrapped)))
    assert array == lines


def test_numbers_and_names_of_one_part_separate(tmp_path):
    lines = [json.dumps({**r, "branch": SITES.index(where)}) for where, r in records()]
    levels, _ = judged(tmp_path / "eve.json", "\n".join(lines), "branch")
    assert levels[HOST, "branch=0"] is Level.INFECTED


def test_a_field_that_no_record_has_is_named(tmp_path):
    lines = [json.dumps(nested(where, record)) for where, record in records()]
    levels, health = judged(tmp_path / "eve.json", "\n".join(lines), "vxlan.vnid")
    assert levels == {(HOST, ""): Level.INFECTED}
    assert "separate_by names vxlan.vnid, but no record has it: it separated no networks" in health


@pytest.mark.parametrize("value", [None, "", {"a": 1}, [], [1, 2]])
def test_a_value_that_is_none_separates_nothing(tmp_path, value):
    lines = [json.dumps(nested(value, record)) for _, record in records()]
    levels, _ = judged(tmp_path / "eve.json", "\n".join(lines))
    assert levels == {(HOST, ""): Level.INFECTED}


def test_a_hostile_value_ends_no_scope(tmp_path):
    lines = [json.dumps(nested("a,vlan=9 =\n<b>" + "x" * 500, record)) for _, record in records()]
    levels, _ = judged(tmp_path / "eve.json", "\n".join(lines))
    ((_, scope),) = levels
    assert scope.startswith("vxlan.vni=a%2Cvlan%3D9%20%3D%0A%3Cb%3Ex")
    assert len(scope) < 150
