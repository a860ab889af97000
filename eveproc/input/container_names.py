"""An outermost object, the path to the record, the text before it -> the container's name.

Names are for people only: how a record is found does not depend on them.
"""

import re
from collections.abc import Collection, Mapping

from eveproc.input.events import MAX_DETAIL

# Keys of the outermost object, or on the path, that identify the product; the first set of which
# all are present counts.
_BY_KEYS = (
    ("AWS Network Firewall", ("firewall_name", "event")),
    ("CloudWatch Logs", ("logEvents",)),
    ("CloudWatch Logs", ("logStreamName",)),
    ("CloudWatch Logs", ("ingestionTime",)),
    ("Elasticsearch", ("_index",)),
    ("Elasticsearch", ("hits",)),
    ("Elasticsearch", ("rawResponse",)),
    ("Wazuh", ("rule", "full_log")),
    ("Wazuh", ("full_log",)),
    ("Wazuh", ("decoder", "data")),
    ("Wazuh", ("rule", "data")),
    ("Docker", ("log", "stream")),
    ("Fluent Bit", ("kubernetes",)),
    ("journald", ("MESSAGE",)),
    ("Loki", ("data", "result", "values")),
    ("Splunk", ("result",)),
    ("Splunk", ("results",)),
    ("Splunk", ("_raw",)),
    ("Splunk HEC", ("event", "sourcetype")),
    ("GELF", ("short_message",)),
    ("Loki", ("labels", "line")),
    ("Google Cloud Logging", ("insertId",)),
    ("Google Cloud Logging", ("jsonPayload",)),
    ("Azure Monitor", ("TimeGenerated",)),
    ("Azure Monitor", ("operationName",)),
    ("Azure Monitor", ("records",)),
    ("Datadog", ("ddsource",)),
    ("Datadog", ("attributes",)),
    ("Sumo Logic", ("_messagetime",)),
    ("Sumo Logic", ("_sourceCategory",)),
    ("Vector", ("source_type",)),
    ("Filebeat", ("agent",)),
    ("Filebeat", ("@metadata",)),
    ("Filebeat", ("suricata",)),
    ("Filebeat", ("suricata.eve.event_type",)),
    ("Logstash", ("@version",)),
)
_BY_TEXT = (
    ("syslog (RFC 5424)", re.compile(r"<\d{1,3}>1 ")),
    ("Kubernetes CRI", re.compile(r"\S+ std(?:out|err) [FP] ")),
    ("Fluentd: time, tag, record", re.compile(r"[^\t]*\t[^\t]*\t\Z")),
    ("key and value", re.compile(r"[^\t]*\t\Z")),
    ("journald", re.compile(r"MESSAGE=")),
    ("CSV", re.compile(r".*[,;]\Z")),
    ("redis-cli", re.compile(r"\s*\d+\) \Z")),
    ("logcli", re.compile(r"\S+ \{.*\} *\Z")),
    ("syslog", re.compile(r".{0,128}\w(?:\[\d+\])?: \Z")),
)


def name_of(outermost: Mapping[str, object], path: str, before: str) -> str:
    """For example "AWS Network Firewall: event"; "" if there is nothing around the record."""
    if path == "[]":
        return "JSON array"
    keys = {*outermost, *path.replace("[]", "").split(".")}
    names = [_by_text(before), _by_keys(keys), path[:MAX_DETAIL]]
    return ": ".join(name for name in names if name)


def _by_text(before: str) -> str:
    if not before.strip(" \t\0\ufeff"):
        return ""
    found = (name for name, pattern in _BY_TEXT if pattern.match(before))
    return next(found, "text before the record")


def _by_keys(known: Collection[str]) -> str:
    found = (name for name, keys in _BY_KEYS if all(key in known for key in keys))
    return next(found, "")
