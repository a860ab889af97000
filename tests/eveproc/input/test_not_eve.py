"""Files of other kinds -> refused by name, with advice, and never a report without infected hosts."""

import base64
import gzip
import json
import sqlite3
from pathlib import Path

import pytest

from tests.eveproc import office
from tests.eveproc.input.test_bad_input import report

NGINX = b'{"time_local":"02/Mar/2026:08:00:00 +0000","remote_addr":"10.20.1.7","request_uri":"/","status":200}\n'
OCSF = (
    b'{"class_uid":4001,"activity_id":6,"time":1772438400000,"src_endpoint":{"ip":"10.20.1.7"}}\n'
)
ZEEK = b'{"ts":1772438400.0,"uid":"C1","id.orig_h":"10.20.1.7","id.resp_h":"192.0.2.1","proto":"tcp"}\n'
CUT = b"".join(
    b"<134>Mar  2 08:00:00 pfSense suricata[9]: " + line[:150] + b"\n" for line in office.lines()
)


def database(folder: Path) -> bytes:
    path = folder / "events.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE events (source TEXT)")
    connection.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (NGINX * 50, "is an access log of a web server in JSON"),
        (b'10.0.0.1 - - [02/Mar/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5\n' * 9, "is an access "
            "log of a web server"),
        (OCSF * 50, "is in OCSF"),
        (ZEEK * 50, "is a log of Zeek or Corelight in JSON"),
        (b"#separator \\x09\n#fields\tts\tuid\n1\tC1\n", "is a log of Zeek"),
        (b"\xd4\xc3\xb2\xa1" + bytes(60), "suricata -r FILE -l FOLDER"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a" + bytes(60), "suricata -r FILE -l FOLDER"),
        (b"PAR1" + bytes(90), "duckdb"),
        (b"%YAML 1.1\n---\noutputs:\n", "is YAML"),
        (b"<!DOCTYPE html>\n<html></html>\n", "is a web page"),
        (b"alert dns any any -> any any (msg:x; sid:1;)\n", "holds rules"),
        (b"Mar  2 08:00:00 fw1 sshd[1]: Accepted publickey for root\n" * 90, "is not EVE JSON"),
        (b"CEF:0|a|b|1|1|x|5|src=10.20.1.7\n", "is in CEF or LEEF"),
        (b'{"subscription":"s","data":"eyJldmVudF90eXBlIjoiZG5zIn0="}\n', "base64"),
        (b'{"eventVersion":"1.08","eventSource":"ec2.amazonaws.com"}\n', "CloudTrail"),
        (b'{"message":"03/02/2026-08:00:00.0  [**] [1:5:1] x [**] {TCP} 10.20.1.7:1 -> 192.0.2.1:25"}\n', "jq -r .message"),
        (b"Mar  2 08:00:00 fw1 ids[7]: [1:5:1] x [Priority: 1] {TCP} 10.20.1.7:1 -> 192.0.2.1:25\n", "identity"),
        (b'{"rawLog":"eyJldmVudF90eXBlIjoiZG5zIn0="}\n', "base64"),
        (base64.b64encode(b"".join(office.lines())), "is base64"),
        (gzip.compress(gzip.compress(b"{}")), "is compressed twice"),
        (b"\xff\xfe\0\0{\0\0\0", "iconv -f UTF-32"),
        (b'{\0"\0', "iconv -f UTF-16LE"),
        (b'{"EVENT_TYPE":"dns","SRC_IP":"10.20.1.7"}\n' * 9, "renamed or removed fields"),
        (b'{"source":{"ip":"1"},"destination":{"ip":"2"}}\n' * 9, "renamed or removed fields"),
        (b"".join(b"fw " + line.rstrip() + b" host=fw\n" for line in office.lines()), "text after"),
        (b"".join(b'{"a":' * 2 + b'"' + line[:150].replace(b'"', b'\\"') + b'"}}\n' for line in office.lines()), "all cut off"),
        (b"{}\n" * 9, "none of its 9 lines is an EVE record"),
        (json.dumps([{"a": 1}] * 9).encode(), "is not EVE JSON"),
        (CUT, "holds records that are all cut off (180 of them)"),
        (CUT.replace(b'": ', b'":'), "holds records that are all cut off (180 of them)"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_it_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    _, site = office.write(tmp_path)
    path = tmp_path / "eve.json"
    path.write_bytes(content)
    result = report(str(path), "-s", site)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert told in result.stderr


def test_a_database_is_named(tmp_path: Path) -> None:
    _, site = office.write(tmp_path)
    (tmp_path / "eve.json").write_bytes(database(tmp_path))
    result = report(str(tmp_path / "eve.json"), "-s", site)
    assert result.exit_code == 1
    assert "sqlite3 -json" in result.stderr


def test_what_a_client_says_in_the_log_of_another_program_is_no_record(tmp_path: Path) -> None:
    """A web server's log holds text of its clients: a record in it is not Suricata's."""
    _, site = office.write(tmp_path)
    record = json.dumps(
        {"event_type": "smtp", "timestamp": "2026-03-02T08:00:00Z", "src_ip": "10.20.1.9",
         "dest_ip": "192.0.2.1", "dest_port": 25, "proto": "TCP", "smtp": {"helo": "x"}}
    )  # fmt: skip
    lines = [
        f'10.0.0.1 - - [02/Mar/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "{record}"\n',
        f"Mar  2 08:00:00 fw1 sshd[1]: Invalid user {record} from 198.51.100.7\n",
    ]
    for line in lines:
        (tmp_path / "eve.json").write_text(line * 20)
        assert report(str(tmp_path / "eve.json"), "-s", site).exit_code == 1


def test_records_behind_the_lines_of_other_programs_are_found(tmp_path: Path) -> None:
    eve, site = office.write(tmp_path)
    noise = b"Mar  2 08:00:00 fw1 filterlog[7]: 5,,,1000000103,igb0,match,block,in,4\n" * 200
    whole = b"".join(b"Mar  2 08:00:00 fw1 suricata[9]: " + line for line in office.lines())
    Path(eve).write_bytes(noise + whole + noise)
    result = report(eve, "-s", site)
    assert (result.exit_code, result.stdout.startswith("1 infected")) == (0, True)
