"""What contrib/ holds for Elasticsearch and Wazuh -> it fits the lines that eveproc writes.

Neither program is run here: Debian and PyPI have neither Elasticsearch nor Wazuh's manager.
"""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from jsonschema import Draft202012Validator

from eveproc.report import FORMATS
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from rulegen.vocabulary import Level
from tests.eveproc import made_stores
from tests.eveproc.made_verdicts import VERDICTS, a_report

ROOT = Path(__file__).parents[1]
ELASTIC = ROOT / "contrib" / "elasticsearch"
WAZUH = ROOT / "contrib" / "wazuh" / "mxhound_rules.xml"
FIELDS = ROOT / "tests" / "data" / "ecs-fields.csv"


TEXT: dict[str, object] = {"type": "string", "minLength": 1}


def closed(required: tuple[str, ...] = (), **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


FIELD = {
    "type": "object",
    "oneOf": [
        closed(("properties",), properties={"$ref": "#/$defs/fields"}),
        closed(
            ("type",),
            type={
                "enum": [
                    *("boolean", "date", "flattened", "float", "ip", "keyword", "long"),
                    "match_only_text",
                ]
            },
            ignore_above={"type": "integer", "minimum": 1, "maximum": 32766},
        ),
    ],
}
TEMPLATE = {
    "$defs": {"fields": {"type": "object", "additionalProperties": FIELD}},
    **closed(
        ("index_patterns", "template"),
        index_patterns={"type": "array", "items": TEXT, "minItems": 1},
        data_stream=closed(),
        priority={"type": "integer", "minimum": 0},
        _meta={"type": "object"},
        template=closed(
            settings={"type": "object", "propertyNames": {"pattern": r"^index\."}},
            mappings=closed(
                date_detection={"type": "boolean"},
                dynamic_templates={
                    "type": "array",
                    "items": {
                        "type": "object",
                        "maxProperties": 1,
                        "additionalProperties": closed(
                            ("mapping",), match_mapping_type={"const": "string"}, mapping=FIELD
                        ),
                    },
                },
                properties={"$ref": "#/$defs/fields"},
            ),
        ),
    ),
}
_PROCESSOR = closed(("set",), set=closed(("field", "value"), field=TEXT, value=TEXT, override={}))
PIPELINE = closed(
    ("processors",),
    description=TEXT,
    processors={"type": "array", "items": _PROCESSOR, "minItems": 1},
    on_failure={"type": "array", "items": _PROCESSOR},
)


def flat(properties: dict[str, dict[str, object]], above: str = "") -> Iterator[tuple[str, str]]:
    for name, one in properties.items():
        if "properties" in one:
            yield from flat(one["properties"], f"{above}{name}.")
        else:
            yield f"{above}{name}", one["type"]


def mapped() -> dict[str, str]:
    template = json.loads((ELASTIC / "index-template.json").read_text())
    return dict(flat(template["template"]["mappings"]["properties"]))


def leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, f"{name}.{key}" if name else key)
        case list():
            for inner in value:
                yield from leaves(inner, name)
        case _:
            yield name, value


def test_the_index_template_has_every_ecs_field_in_ecs_s_own_type() -> None:
    with FIELDS.open(encoding="utf-8", newline="") as file:
        next(file)
        types = {row["field"]: row["type"] for row in csv.DictReader(file)}
    assert types.items() <= mapped().items()


def test_what_is_no_text_of_ours_is_mapped() -> None:
    """Text that has no mapping becomes a keyword; a number or a date would be guessed."""
    report = made_stores.changed()
    known = mapped()
    for line in FORMATS["ecs"](report, report.verdicts).splitlines():
        for name, value in leaves(json.loads(line)):
            is_time = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value)
            assert name in known or (isinstance(value, str) and not is_time) or value is None, name


def test_the_index_template_names_the_pipeline_that_docs_load() -> None:
    template = json.loads((ELASTIC / "index-template.json").read_text())
    name = template["template"]["settings"]["index.default_pipeline"]
    page = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
    assert f"_ingest/pipeline/{name}" in page
    assert "logs-mxhound.verdict-default" in page


def test_the_pipeline_gives_every_document_a_time() -> None:
    """A data stream refuses a document without @timestamp."""
    pipeline = json.loads((ELASTIC / "ingest-pipeline.json").read_text())
    first = pipeline["processors"][0]["set"]
    assert (first["field"], first["override"]) == ("@timestamp", False)
    for processor in pipeline["processors"] + pipeline["on_failure"]:
        assert set(processor["set"]) <= {"field", "value", "override"}
        assert processor["set"]["field"] in mapped()


def test_elasticsearch_s_files_are_bodies_of_its_requests() -> None:
    """By the keys that its manual gives for `PUT _index_template` and `PUT _ingest/pipeline`."""
    for schema, name in ((TEMPLATE, "index-template.json"), (PIPELINE, "ingest-pipeline.json")):
        Draft202012Validator.check_schema(schema)
        body = json.loads((ELASTIC / name).read_text())
        Draft202012Validator(schema).validate(body)
        assert not Draft202012Validator(schema).is_valid(body | {"index_pattern": "x"})


def test_wazuh_s_rules_tell_every_verdict_apart() -> None:
    part, blind = (
        a_report(*VERDICTS, judgement=Judgement(outcome, (Cause("x", "packets dropped"),)))
        for outcome in (Outcome.IN_PART, Outcome.NOT_JUDGED)
    )
    lines = [
        json.loads(line)
        for report in (part, blind)
        for line in FORMATS["eve"](report, report.verdicts).splitlines()
    ]
    levels = {line["mxhound"]["level"]: matching(line) for line in lines}
    assert levels == {
        Level.INFECTED: ("12", "100861"),
        Level.SUSPECTED: ("8", "100862"),
        Level.CLEAN: ("3", "100860"),
        Outcome.NOT_JUDGED: ("10", "100863"),
        Outcome.IN_PART: ("7", "100864"),
    }


def matching(line: dict[str, object]) -> tuple[str, str]:
    """Level and id of the last rule that matches, children after their parents."""
    fields = {name: str(value) for name, value in leaves(line)}
    found = ("", "86600")
    for rule in ElementTree.parse(WAZUH).getroot().iter("rule"):
        patterns = {one.get("name"): str(one.text) for one in rule.iter("field")}
        is_child = rule.findtext("if_sid") in ("86600", "100860")
        # `\.` is any character in Wazuh's own regular expressions.
        if is_child and all(
            re.search(text.replace("\\.", "."), fields.get(str(name), ""))
            for name, text in patterns.items()
        ):
            found = (str(rule.get("level")), str(rule.get("id")))
    return found


def test_wazuh_s_rules_have_ids_of_their_own_and_known_fields() -> None:
    root = ElementTree.parse(WAZUH).getroot()
    ids = [int(str(rule.get("id"))) for rule in root.iter("rule")]
    assert len(set(ids)) == len(ids)
    assert all(100_000 <= number <= 120_000 for number in ids)  # what Wazuh leaves to its users
    report = a_report(*VERDICTS)
    lines = FORMATS["eve"](report, report.verdicts).splitlines()
    names = {name for line in lines for name, _ in leaves(json.loads(line))}
    used = {str(one.get("name")) for one in root.iter("field")}
    for rule in root.iter("rule"):
        used |= set(re.findall(r"\$\(([\w.]+)\)", str(rule.findtext("description"))))
    assert used <= names
