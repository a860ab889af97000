"""EVE records -> the same records as each known tool stores or ships them: one function a
container.

docs/inputs.md is made from CONTAINERS, and tests hold the verdicts of each to those of the plain
records.
"""

import copy
import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

Record = dict[str, object]
Records = Sequence[Record]
TIME = "2026-03-02T08:00:00.000Z"


class Container(Struct, frozen=True):
    """`wrap` gives the bytes of a file; `reported` is the name in the reading statistics ("" for
    none)."""

    title: str
    wrap: Callable[[Records], bytes]
    reported: str = ""


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def spaced(value: object) -> str:
    return json.dumps(value)


def joined(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def plain(records: Records) -> bytes:
    return joined(map(compact, records))


def text(around: Callable[[str], str]) -> Callable[[Records], bytes]:
    """A line for each record, made of its JSON text."""
    return lambda records: joined(around(compact(record)) for record in records)


def under(around: Callable[[Record], object]) -> Callable[[Records], bytes]:
    """A JSON object on a line for each record."""
    return lambda records: joined(compact(around(record)) for record in records)


def held(around: Callable[[str], object]) -> Callable[[Records], bytes]:
    """A JSON object on a line for each record, which holds the record as text."""
    return lambda records: joined(compact(around(compact(record))) for record in records)


def whole(
    around: Callable[[list[Record]], object], *, indent: int | None = None
) -> Callable[[Records], bytes]:
    """One document that holds all records."""
    return lambda records: json.dumps(around(list(records)), indent=indent).encode()


def batches(records: Records, size: int = 7) -> Iterator[Records]:
    return (records[at : at + size] for at in range(0, len(records), size))


def flattened(value: Mapping[str, object], sign: str, before: str = "") -> Record:
    flat: Record = {}
    for name, inner in value.items():
        if isinstance(inner, dict) and inner:
            flat |= flattened(inner, sign, f"{before}{name}{sign}")
        else:
            flat[f"{before}{name}"] = inner
    return flat


def listed(record: Record) -> dict[str, list[object]]:
    """As Elasticsearch's `fields`: leaves in lists, objects in lists as parallel lists."""
    fields: dict[str, list[object]] = {}
    for name, value in flattened(record, ".").items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for inner in value:
                for key, leaf in flattened(inner, ".").items():
                    fields.setdefault(f"{name}.{key}", []).append(leaf)
        else:
            fields[name] = value if isinstance(value, list) else [value]
    return fields


def as_text(value: object) -> object:
    """Numbers as text, as Wazuh indexes them."""
    if isinstance(value, dict):
        return {name: as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_text(inner) for inner in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def as_floats(value: object) -> object:
    """Whole numbers as floats, as Lua and some databases write them; not flow ids, which need 64
    bits."""
    if isinstance(value, dict):
        return {
            name: inner if name in ("flow_id", "proto") else as_floats(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [as_floats(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def ecs(record: Record, *, original: bool = False) -> Record:
    """What Elastic's module makes of a record (x-pack/filebeat/module/suricata/eve: config and
    ingest)."""
    eve = copy.deepcopy(record)
    event: Record = {"dataset": "suricata.eve", "module": "suricata"}
    source: Record = {}
    destination: Record = {}
    network: Record = {}
    shipped: Record = {"@timestamp": eve.pop("timestamp")}
    for name, held_by, key in (
        ("src_ip", source, "ip"),
        ("src_port", source, "port"),
        ("dest_ip", destination, "ip"),
        ("dest_port", destination, "port"),
        ("community_id", network, "community_id"),
    ):
        if name in eve:
            held_by[key] = eve.pop(name)
    if "proto" in eve:
        network["transport"] = str(eve.pop("proto")).lower()
    if isinstance(flow := eve.get("flow"), dict):
        for name, held_by, key in (
            ("start", event, "start"),
            ("end", event, "end"),
            ("pkts_toserver", source, "packets"),
            ("pkts_toclient", destination, "packets"),
        ):
            if name in flow:
                held_by[key] = flow.pop(name)
    if isinstance(dns := eve.get("dns"), dict) and eve["event_type"] == "dns":
        version = dns.pop("version", 1)
        question = {"name": dns.get("rrname"), "type": dns.get("rrtype")}
        shipped["dns"] = {"id": str(dns.get("id")), "type": dns.get("type")}
        if dns.get("type") == "query" or version == 2:
            shipped["dns"]["question"] = question  # type: ignore[index]  made above
    if original:
        event["original"] = compact(record)
    return {
        **shipped,
        "agent": {"type": "filebeat", "version": "8.11.0"},
        "source": source,
        "destination": destination,
        "network": network,
        "event": event,
        "suricata": {"eve": eve},
    }


def table(records: Records, columns: Callable[[Record], Record], **dialect: str) -> bytes:
    """CSV with a first line of names."""
    rows = [columns(record) for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, quoting=csv.QUOTE_ALL, lineterminator="\n", **dialect)  # type: ignore[arg-type]  strings of the dialect
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def columns_of(record: Record) -> Record:
    """A column for each leaf, as Kibana exports them; several values are joined in one cell."""
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in listed(record).items()
    }


def splunk_columns(record: Record) -> Record:
    """As Splunk exports a table: several values stand on lines of one cell, under a name with {}."""
    return {
        f"{name}{{}}" if len(value) > 1 else name: "\n".join(map(str, value))
        for name, value in listed(record).items()
    }


def tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]  modes are text here
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def bulk(records: Records) -> bytes:
    return joined(
        line
        for record in records
        for line in (compact({"index": {"_index": "suricata"}}), compact(record))
    )


def hits(records: list[Record]) -> object:
    return {
        "took": 3,
        "timed_out": False,
        "hits": {"total": {"value": len(records)}, "hits": [hit(record) for record in records]},
    }


def hit(record: Record) -> Record:
    return {"_index": "suricata-2026.03.02", "_id": "1", "_score": 1, "_source": record}


def loki(records: list[Record]) -> object:
    values = [["1772438400000000000", compact(record)] for record in records]
    result = [{"stream": {"job": "suricata"}, "values": values}]
    return {"status": "success", "data": {"resultType": "streams", "result": result}}


def journald_export(records: Records) -> bytes:
    return joined(
        line
        for record in records
        for line in ("__CURSOR=s=1", "_COMM=suricata", f"MESSAGE={compact(record)}", "")
    )


def splunk_csv(records: Records) -> bytes:
    return table(records, lambda r: {"_time": "1772438400", "_raw": compact(r), "host": "fw1"})


def graylog_csv(records: Records) -> bytes:
    return table(records, lambda r: {"timestamp": TIME, "source": "fw1", "message": compact(r)})


def redis_cli(records: Records) -> bytes:
    return joined(f"{n}) {json.dumps(compact(r))}" for n, r in enumerate(records, 1))


def by_kind(records: list[Record]) -> object:
    kinds: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: str(record["event_type"])):
        kinds.setdefault(str(record["event_type"]), []).append(record)
    return kinds


def objects_as_text(record: Record) -> Record:
    return {
        name: compact(inner) if isinstance(inner, dict) else inner for name, inner in record.items()
    }


def with_holes(records: Records) -> bytes:
    lines = plain(records).splitlines(keepends=True)
    return b"\0" * 5000 + b"".join(lines[:9]) + b"\0" * 300 + b"".join(lines[9:]) + b"\0" * 70


def two_a_line(records: Records) -> bytes:
    return joined("".join(map(compact, some)) for some in batches(records, 2))


SYSLOG = "Mar  2 08:00:00 fw1 suricata[1234]: "
DATA = '[meta@32473 sequenceId="1" iut="3"]'

CONTAINERS: tuple[Container, ...] = (
    Container("plain lines, as Suricata writes them", plain),
    Container("plain lines with blanks, as Python writes them", lambda rs: joined(map(spaced, rs))),
    Container("array of records", whole(lambda rs: rs), "JSON array"),
    Container(
        "array of records, a record a line",
        lambda rs: ("[\n" + ",\n".join(map(compact, rs)) + "\n]\n").encode(),
        "JSON array",
    ),
    Container(
        "pretty-printed records, as by jq", lambda rs: joined(json.dumps(r, indent=2) for r in rs)
    ),
    Container("two records a line (a lost newline)", two_a_line, "several records a line"),
    Container("records with commas behind them", text(lambda t: f"{t},")),
    Container(
        "AWS Network Firewall",
        under(
            lambda r: {
                "firewall_name": "nfw-1",
                "availability_zone": "eu-west-1a",
                "event_timestamp": "1772438400",
                "event": r,
            }
        ),
        "AWS Network Firewall: event",
    ),
    Container(
        "AWS Network Firewall, CloudWatch subscription",
        lambda rs: joined(
            compact(
                {
                    "messageType": "DATA_MESSAGE",
                    "logGroup": "nfw",
                    "logEvents": [
                        {
                            "id": "1",
                            "timestamp": 1772438400000,
                            "message": compact({"firewall_name": "nfw-1", "event": r}),
                        }
                        for r in some
                    ],
                }
            )
            for some in batches(rs)
        ),
        "CloudWatch Logs: logEvents[].message.event",
    ),
    Container(
        "AWS Network Firewall, CloudWatch export to S3",
        text(lambda t: f'{TIME} {{"firewall_name":"nfw-1","event":{t}}}'),
        "text before the record: AWS Network Firewall: event",
    ),
    Container(
        "AWS Network Firewall, filter-log-events",
        whole(
            lambda rs: {
                "events": [
                    {
                        "logStreamName": "nfw",
                        "timestamp": 1772438400000,
                        "message": compact({"firewall_name": "nfw-1", "event": r}),
                    }
                    for r in rs
                ],
                "searchedLogStreams": [],
            },
            indent=4,
        ),
        "CloudWatch Logs: events[].message.event",
    ),
    Container(
        "Filebeat, message",
        held(
            lambda t: {
                "@timestamp": TIME,
                "@metadata": {"beat": "filebeat"},
                "message": t,
                "host": {"name": "sensor1"},
                "agent": {"type": "filebeat"},
            }
        ),
        "Filebeat: message",
    ),
    Container(
        "Filebeat, json",
        under(
            lambda r: {
                "@timestamp": TIME,
                "@metadata": {"beat": "filebeat"},
                "json": r,
                "host": {"name": "sensor1"},
            }
        ),
        "Filebeat: json",
    ),
    Container("Filebeat, Suricata module (ECS)", under(ecs), "Filebeat: suricata.eve"),
    Container(
        "Filebeat, Suricata module (ECS) with event.original",
        under(lambda r: ecs(r, original=True)),
        "Filebeat: event.original",
    ),
    Container(
        "Filebeat, Suricata module, flattened", under(lambda r: flattened(ecs(r), ".")), "Filebeat"
    ),
    Container(
        "Filebeat behind Kafka, text in text",
        held(lambda t: {"@timestamp": TIME, "message": compact({"log": t})}),
        "message.log",
    ),
    Container(
        "Logstash, fields at the top",
        under(
            lambda r: {
                **{k: v for k, v in r.items() if k != "timestamp"},
                "@timestamp": r["timestamp"],
                "@version": "1",
                "host": {"name": "s1"},
            }
        ),
    ),
    Container(
        "Logstash, message",
        held(lambda t: {"@timestamp": TIME, "@version": "1", "message": t}),
        "Logstash: message",
    ),
    Container(
        "Logstash, target suricata",
        under(lambda r: {"@timestamp": TIME, "@version": "1", "suricata": r}),
        "Filebeat: suricata",
    ),
    Container("Elasticsearch, elasticdump", under(hit), "Elasticsearch: _source"),
    Container("Elasticsearch, bulk file", bulk),
    Container("Elasticsearch, search or scroll", whole(hits), "Elasticsearch: hits.hits[]._source"),
    Container(
        "Elasticsearch, search, pretty-printed",
        whole(hits, indent=2),
        "Elasticsearch: hits.hits[]._source",
    ),
    Container(
        "Elasticsearch, fields only",
        under(lambda r: {"_index": "suricata", "_id": "1", "fields": listed(r)}),
        "Elasticsearch: fields",
    ),
    Container(
        "Elasticsearch, _source behind Filebeat",
        held(lambda t: {"_index": "filebeat", "_source": {"@timestamp": TIME, "message": t}}),
        "Elasticsearch: _source.message",
    ),
    Container(
        "Elasticsearch, several searches",
        whole(lambda rs: {"took": 3, "responses": [hits(rs)]}),
        "Elasticsearch: responses[].hits.hits[]._source",
    ),
    Container(
        "Kibana, inspect",
        whole(lambda rs: {"id": "1", "rawResponse": hits(rs), "isPartial": False}, indent=2),
        "Elasticsearch: rawResponse.hits.hits[]._source",
    ),
    Container("Kibana, CSV", lambda rs: table(rs, columns_of), "CSV columns"),
    Container("Splunk, CSV of a table", lambda rs: table(rs, splunk_columns), "CSV columns"),
    Container("CSV with |", lambda rs: table(rs, columns_of, delimiter="|"), "CSV columns"),
    Container(
        "OpenSearch, SQL-like objects under datarows",
        whole(lambda rs: {"schema": [], "datarows": rs}),
        "datarows[]",
    ),
    Container(
        "Security Onion",
        held(
            lambda t: {
                "@timestamp": TIME,
                "event": {"dataset": "suricata.alert", "module": "suricata"},
                "message": t,
                "source": {"ip": "10.0.0.1"},
            }
        ),
        "message",
    ),
    Container(
        "Splunk, export",
        held(lambda t: {"preview": False, "offset": 1, "result": {"_raw": t, "host": "fw1"}}),
        "Splunk: result._raw",
    ),
    Container(
        "Splunk, REST",
        whole(
            lambda rs: {
                "preview": False,
                "init_offset": 0,
                "results": [{"_raw": compact(r), "_time": TIME} for r in rs],
            }
        ),
        "Splunk: results[]._raw",
    ),
    Container(
        "Splunk, HTTP Event Collector",
        under(lambda r: {"time": 1772438400, "host": "fw1", "sourcetype": "suricata", "event": r}),
        "Splunk HEC: event",
    ),
    Container(
        "Splunk, HTTP Event Collector, joined",
        lambda rs: (
            "".join(compact({"sourcetype": "suricata", "event": r}) for r in rs[:200]).encode()
            + b"\n"
            + joined(compact({"sourcetype": "suricata", "event": r}) for r in rs[200:])
        ),
        "Splunk HEC: event",
    ),
    Container("Splunk, CSV with _raw", splunk_csv, "CSV"),
    Container(
        "Wazuh, alerts",
        under(
            lambda r: {
                "timestamp": TIME,
                "rule": {"id": "86601"},
                "agent": {"id": "001"},
                "data": as_text(r),
                "location": "/var/log/suricata/eve.json",
            }
        ),
        "Wazuh: data",
    ),
    Container(
        "Wazuh, archives",
        lambda rs: joined(
            compact(
                {"timestamp": TIME, "rule": {"id": "1"}, "full_log": compact(r), "data": as_text(r)}
            )
            for r in rs
        ),
        "Wazuh: full_log",
    ),
    Container("numbers as text", under(lambda r: as_text(r))),
    Container("numbers as floats", under(lambda r: as_floats(r))),
    Container(
        "Docker, json-file",
        held(lambda t: {"log": f"{t}\n", "stream": "stdout", "time": TIME}),
        "Docker: log",
    ),
    Container(
        "Kubernetes, CRI",
        text(lambda t: f"2026-03-02T08:00:00.000000000Z stdout F {t}"),
        "Kubernetes CRI",
    ),
    Container(
        "journald, JSON",
        held(
            lambda t: {
                "__REALTIME_TIMESTAMP": "1772438400000000",
                "SYSLOG_IDENTIFIER": "suricata",
                "MESSAGE": t,
            }
        ),
        "journald: MESSAGE",
    ),
    Container(
        "journald, JSON with bytes as numbers",
        held(lambda t: {"SYSLOG_IDENTIFIER": "suricata", "MESSAGE": list(t.encode())}),
        "journald: MESSAGE",
    ),
    Container("journald, export", journald_export, "journald"),
    Container(
        "Vector, message",
        held(
            lambda t: {
                "file": "/var/log/suricata/eve.json",
                "host": "fw1",
                "message": t,
                "source_type": "file",
                "timestamp": TIME,
            }
        ),
        "Vector: message",
    ),
    Container(
        "Fluentd, file",
        text(lambda t: f"2026-03-02T08:00:00+00:00\tsuricata.eve\t{t}"),
        "Fluentd: time, tag, record",
    ),
    Container(
        "Fluentd, record as text under message",
        held(lambda t: {"message": t, "tag": "suricata"}),
        "message",
    ),
    Container("Fluent Bit, log", held(lambda t: {"date": 1772438400.0, "log": t}), "log"),
    Container(
        "Fluent Bit, Kubernetes",
        held(lambda t: {"log": t, "kubernetes": {"pod_name": "suricata-x"}}),
        "Fluent Bit: log",
    ),
    Container(
        "Fluent Bit, time and record in an array",
        lambda rs: joined(compact([1772438400.5, r]) for r in rs),
        "JSON array",
    ),
    Container(
        "GELF, short_message",
        held(lambda t: {"version": "1.1", "host": "fw1", "short_message": t, "level": 6}),
        "GELF: short_message",
    ),
    Container(
        "GELF, fields with underscores",
        under(
            lambda r: {
                "version": "1.1",
                "host": "fw1",
                "short_message": "eve",
                **{f"_{k}": v for k, v in flattened(r, "_").items()},
            }
        ),
        "GELF",
    ),
    Container("Graylog, CSV", graylog_csv, "CSV"),
    Container(
        "Loki, logcli", text(lambda t: f'{TIME} {{job="suricata", host="fw1"}} {t}'), "logcli"
    ),
    Container(
        "Loki, logcli -o jsonl",
        held(lambda t: {"labels": {"job": "suricata"}, "line": t, "timestamp": TIME}),
        "Loki: line",
    ),
    Container("Loki, query", whole(loki), "Loki: data.result[].values[][]"),
    Container(
        "Google Cloud Logging, jsonPayload",
        under(lambda r: {"insertId": "1", "jsonPayload": r, "timestamp": TIME}),
        "Google Cloud Logging: jsonPayload",
    ),
    Container(
        "Google Cloud Logging, textPayload",
        held(lambda t: {"insertId": "1", "textPayload": t, "timestamp": TIME}),
        "Google Cloud Logging: textPayload",
    ),
    Container(
        "Azure Monitor, records",
        lambda rs: joined(
            compact(
                {"records": [{"time": TIME, "operationName": "eve", "properties": r} for r in some]}
            )
            for some in batches(rs)
        ),
        "Azure Monitor: records[].properties",
    ),
    Container(
        "Azure Log Analytics, RawData",
        held(lambda t: {"TimeGenerated": TIME, "Computer": "fw1", "RawData": t}),
        "Azure Monitor: RawData",
    ),
    Container(
        "Sumo Logic, export",
        held(lambda t: {"_messagetime": "1772438400000", "_sourceCategory": "ids", "_raw": t}),
        "Splunk: _raw",
    ),
    Container(
        "Datadog, archive",
        under(lambda r: {"_id": "1", "date": TIME, "service": "suricata", "attributes": r}),
        "Datadog: attributes",
    ),
    Container("Kafka, key TAB value", text(lambda t: f"fw1\t{t}"), "key and value"),
    Container("RFC 3164 syslog", text(lambda t: f"<13>{SYSLOG}{t}"), "syslog"),
    Container("RFC 3164 syslog, @cee", text(lambda t: f"{SYSLOG}@cee: {t}"), "syslog"),
    Container(
        "RFC 5424 syslog, as OPNsense writes it",
        text(lambda t: f"<13>1 {TIME} fw1 suricata - - {t}"),
        "syslog (RFC 5424)",
    ),
    Container(
        "RFC 5424 syslog with structured data",
        text(lambda t: f"<13>1 {TIME} fw1 suricata 12 - {DATA} \ufeff{t}"),
        "syslog (RFC 5424)",
    ),
    Container("rsyslog with an escaped line end", text(lambda t: f"{SYSLOG}{t}#012"), "syslog"),
    Container(
        "rsyslog without a tag",
        text(lambda t: f"Mar  2 08:00:00 fw1 {t}"),
        "text before the record",
    ),
    Container(
        "rsyslog, JSON template",
        held(lambda t: {"host": "fw1", "severity": "info", "msg": f" {t}"}),
        "msg",
    ),
    Container("syslog in message", held(lambda t: {"message": f"<13>{SYSLOG}{t}"}), "message"),
    Container("redis-cli lrange, on a terminal", redis_cli, "redis-cli"),
    Container("redis-cli --json", whole(lambda rs: [compact(r) for r in rs]), "JSON array"),
    Container("an array for each kind of record", whole(by_kind), "dhcp[]"),
    Container(
        "objects of records",
        lambda rs: joined(compact(dict(enumerate(some))) for some in batches(rs)),
        "0",
    ),
    Container("objects as text, as in columns of databases", under(objects_as_text)),
    Container("flattened with dots", under(lambda r: flattened(r, "."))),
    Container(
        "tar of plain lines",
        lambda rs: tar(
            {
                "var/log/suricata/eve.json": plain(rs[::2]),
                "var/log/suricata/eve.json.1": plain(rs[1::2]),
            }
        ),
    ),
    Container(
        "tar.gz of plain lines and stats.log",
        lambda rs: tar(
            {"eve.json": plain(rs), "stats.log": b"Date: 3/2/2026 -- 08:00:00 (uptime: 0d)\n"},
            "w:gz",
        ),
    ),
    Container(
        "zip of Filebeat's and plain lines",
        lambda rs: zipped(
            {"a/eve.json": plain(rs[::2]), "b.json": held(lambda t: {"message": t})(rs[1::2])}
        ),
        "message",
    ),
    Container("zeros of a file system between lines", with_holes),
)
