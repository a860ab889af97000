"""The first bytes of a file without an EVE record -> what it is, and how to get EVE."""

import re
from collections.abc import Sequence

UTF16 = "is UTF-16 text; EVE JSON is UTF-8: convert it with iconv -f UTF-16 -t UTF-8"
UTF32 = UTF16.replace("16", "32")
_CAPTURE = (
    "is a capture of packets; expected the logs that an engine writes of it: "
    "suricata -r FILE -l FOLDER writes FOLDER/eve.json"
)
_FROM_SENSOR = "read eve.json of the sensor (outputs: eve-log in suricata.yaml)"
# First bytes -> what such a file is, and what to do.
_BY_MAGIC: Sequence[tuple[bytes, str]] = (
    (b"\xff\xfe\0\0", UTF32),
    (b"\0\0\xfe\xff", UTF32),
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
    (b"{\0", UTF16.replace("-f UTF-16", "-f UTF-16LE")),
    (b"\0{", UTF16.replace("-f UTF-16", "-f UTF-16BE")),
    # pcap in either byte order, with microseconds or nanoseconds, and pcapng. A Snort names such a
    # file snort.log, too.
    (b"\xd4\xc3\xb2\xa1", _CAPTURE),
    (b"\xa1\xb2\xc3\xd4", _CAPTURE),
    (b"\x4d\x3c\xb2\xa1", _CAPTURE),
    (b"\xa1\xb2\x3c\x4d", _CAPTURE),
    (b"\x0a\x0d\x0d\x0a", _CAPTURE),
    (
        b"SQLite format 3\0",
        "is an SQLite database; export its records as JSON: sqlite3 -json FILE 'SELECT ...'",
    ),
    (
        b"PAR1",
        "is a Parquet file; export it as JSON lines: duckdb -c \"COPY 'FILE' TO 'eve.json' (FORMAT "
        'json)"',
    ),
    (b"Obj\x01", "is an Avro file; export it as JSON lines: avro-tools tojson FILE"),
    (b"ORC", "is an ORC file; export it as JSON lines: orc-contents FILE"),
    (b"LPKSHHRH", "is a journal of systemd; export it: journalctl --file FILE -o cat -u suricata"),
    (b"ElfFile\0", "is a Windows event log; " + _FROM_SENSOR),
    (b"\x7fELF", "is a program; " + _FROM_SENSOR),
    (b"%PDF", "is a PDF document; " + _FROM_SENSOR),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it: 7z x FILE"),
    (b"Rar!", "is a RAR archive; unpack it: unrar x FILE"),
    (b"\x1f\x8b", "is compressed twice; unpack it once: gzip -dc FILE"),
    (b"\x78\x9c", "is compressed by zlib; unpack it: zlib-flate -uncompress < FILE"),
    (b"\x78\x01", "is compressed by zlib; unpack it: zlib-flate -uncompress < FILE"),
    (b"\x5d\0\0", "is compressed by lzma; unpack it: xz --format=lzma -dc FILE"),
    (b"\xff\x06\0\0sNaPpY", "is compressed by snappy; unpack it: snzip -d FILE"),
    (b"\x04\x22\x4d\x18", "is compressed by lz4; unpack it: lz4 -d FILE"),
    (b"-----BEGIN PGP", "is encrypted by PGP; decrypt it: gpg -d FILE"),
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file; fetch it: git lfs pull"),
    (b"#separator", "is a log of Zeek; " + _FROM_SENSOR),
    (b"%YAML", "is YAML, such as suricata.yaml; " + _FROM_SENSOR),
    (b"<?xml", "is XML; " + _FROM_SENSOR),
    (b"<!DOCTYPE", "is a web page; " + _FROM_SENSOR),
    (b"<html", "is a web page; " + _FROM_SENSOR),
)
# Text in the first lines -> the same.
_BY_TEXT: Sequence[tuple[str, str]] = (
    (r'"id\.orig_h"|"id":\{"orig_h"', "is a log of Zeek or Corelight in JSON; " + _FROM_SENSOR),
    (r'"class_uid"\s*:', "is in OCSF, which keeps too little of each record; " + _FROM_SENSOR),
    (
        r"(?:^|\s)(?:CEF|LEEF):\d",
        "is in CEF or LEEF, which keeps too little of each record; " + _FROM_SENSOR,
    ),
    (
        r'"eventSource"\s*:\s*"[a-z0-9.]+amazonaws',
        "is a log of AWS CloudTrail; read the alert and flow logs of AWS Network Firewall",
    ),
    (
        r"^version account-id interface-id|^\d+ \d{12} eni-",
        "is a flow log of AWS VPC; read the alert and flow logs of AWS Network Firewall",
    ),
    (
        r'"(?:remote_addr|request_uri|http_referrer|upstream_addr|request_method)"\s*:',
        "is an access log of a web server in JSON; " + _FROM_SENSOR,
    ),
    (
        r'^\S+ \S+ \S+ \[[^]]+\] "(?:GET|POST|HEAD|PUT|CONNECT|OPTIONS|DELETE) ',
        "is an access log of a web server; " + _FROM_SENSOR,
    ),
    (r'"(?:EventID|winlog|ProviderName)"\s*:', "is a Windows event log in JSON; " + _FROM_SENSOR),
    (
        r'"message"\s*:\s*"[^"\n]*\[\d+:\d+:\d+\] ',
        "holds alerts in text within JSON; extract them: jq -r .message FILE",
    ),
    (
        r"^[^{\n]*\[\d+:\d+:\d+\] [^\n]*\{\w+\} [0-9A-Fa-f:.]+ -> ",
        "holds alerts in text, but without a time, or of a program whose name does not hold snort, "
        "suricata or barnyard (its own tag in syslog; for Suricata outputs: syslog: identity)",
    ),
    (
        r'"(?:data|rawLog|Data|body|payload)"\s*:\s*"eyJ',
        "holds records in base64; decode them: jq -r '.data | @base64d' FILE (with the name of the "
        "field)",
    ),
    (r"\AeyJ[A-Za-z0-9+/]{20}", "is base64; decode it: base64 -d FILE"),
    (
        r'^[^{\n]*\{[^\n]*"event_type"[^\n]*\}[^}\n]*[^]}\s"\n][^}\n]*$',
        "holds records with other text after them on the line, which a host on the network may "
        "have sent; ship each record alone, or as the last part of its line",
    ),
    (
        r"^\s*(?:#\s*)?(?:alert|drop|pass|reject) \S+ \S+ \S+ (?:->|<>) ",
        "holds rules; read what the engine logs by them: " + _FROM_SENSOR,
    ),
    (
        r"^Date: .* -- .*\(uptime:",
        "is stats.log of Suricata; switch on type: stats of eve-log; " + _FROM_SENSOR,
    ),
    (
        r"^(?:\[\d+\] )?(?:\S+ - )?<(?:Notice|Info|Warning|Error|Config)>"
        r"|^(?:Notice|Info|Warning|Error|Config): \w+:",
        "is Suricata's own log (suricata.log); " + _FROM_SENSOR,
    ),
    (
        r'(?i)"(?:[\w.]*[_.])?(?:event[_-]?type(?:_s)?|dest(?:ination)?[_.-]?ip(?:_s)?|dst_?ip)"\s*:'
        r'|"suricata"|"destination"\s*:\s*\{',
        "holds objects without the event_type, src_ip and dest_ip of Suricata: a shipper renamed "
        "or removed fields; ship the original record as well (event.original of Elastic, message "
        "of Logstash, _raw of Splunk and Cribl), or " + _FROM_SENSOR,
    ),
)
_COMPILED = tuple((re.compile(text, re.MULTILINE), what) for text, what in _BY_TEXT)


def what_it_is(head: bytes, lines: int, half: int) -> str:
    """A sentence without its subject, the file.

    `half`: number of lines that are cut-off records.
    """
    for magic, what in _BY_MAGIC:
        if head.removeprefix(b"\xef\xbb\xbf").startswith(magic):
            return what
    if half and half >= lines / 2:
        return cut_off(half)
    text = head.decode("utf-8", "replace")
    for pattern, what in _COMPILED:
        if pattern.search(text):
            return f"{what} (not EVE JSON)"
    return f"is not EVE JSON: none of its {lines} lines is an EVE record"


def cut_off(half: int) -> str:
    """Advice if every record is cut off."""
    return (
        f"holds records that are all cut off ({half} of them), as by the length limit of syslog: "
        "raise it (rsyslog: $MaxMessageSize 64k; syslog-ng: log-msg-size(65536); "
        "FreeBSD syslogd cuts at 480 to 8192 bytes: ship eve.json as a file instead)"
    )
