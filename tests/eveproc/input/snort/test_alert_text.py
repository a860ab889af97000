"""Lines and blocks of alert logs in text, whole, odd, cut and forged -> alerts, and skips with
their reason."""

import os
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from eveproc.cli import main
from eveproc.input.events import Alert, Event, Skipped, SkipReason
from eveproc.input.snort import reader_for
from eveproc.input.snort.alert_text import alerts_in
from eveproc.input.snort.text_alert import decode
from tests.eveproc.input.snort.sources import WRITTEN, Bytes, read
from tests.eveproc.input.snort.test_alert_csv import SNORT_29
from tests.test_recorded import DATA

END = "[**] [Classification: x] [Priority: 1] {TCP} 10.20.1.7:58474 -> 195.238.85.167:25"
FAST = f"03/02/2026-08:00:00.250000  [**] [1:1250104:1] MXHOUND many {END}\n".encode()
SYSLOG = b"Mar  2 08:00:00 fw1 snort[712]: [1:1250104:1] m [Priority: 1] {TCP} 10.20.1.7:5 -> 192.0.2.1:25\n"
FULL = b"""[**] [1:1250104:1] MXHOUND many [**]
[Classification: A Network Trojan was Detected] [Priority: 1]\x20
03/02-08:00:00.250000 10.20.1.7:58474 -> 195.238.85.167:25
TCP TTL:64 TOS:0x0 ID:18723 IpLen:20 DgmLen:56
***AP*** Seq: 0x9B7DAAB1  Ack: 0x39A41245  Win: 0xFAF0  TcpLen: 20
[Xref => http://www.example.org/1]

"""
NO_ALERT = Skipped(SkipReason.NOT_AN_OBJECT, "no alert")
NO_ADDRESSES = Skipped(SkipReason.MISSING_FIELD, "addresses")
OTHER_PROGRAM = Skipped(SkipReason.OTHER_EVENT_TYPE, "line of another program")
HALF = Skipped(SkipReason.HALF_LINE)
DUMP = Skipped(SkipReason.OTHER_EVENT_TYPE, "packet dump")


def told(found: Event | Skipped) -> tuple[object, ...]:
    assert isinstance(found, Alert), found
    return (found.gid, found.sid, found.src_ip, found.dest_ip, found.dest_port, found.proto)


KNOWN = (1, 1250104, "10.20.1.7", "195.238.85.167", 25, "TCP")


@pytest.mark.parametrize(
    "message",
    [
        "a [**] b -> c {TCP} 10.20.1.9:1 -> 192.0.2.1:25 [**] [Priority: 9] d",
        "[1:1250001:1] [**] [1:7:1] x",
        "{UDP} 10.20.1.9:1 -> 192.0.2.1:53",
        '\\n \\" \x1b]2J \x07 \u2028 , ; \xe9',
        "",
        "x" * 60_000,
    ],
    ids=["an end", "rules", "addresses", "escapes", "nothing", "long"],
)
def test_whatever_the_message_says_the_rule_and_the_addresses_are_the_engine_s(
    message: str,
) -> None:
    line = FAST.replace(b"MXHOUND many", message.encode())
    block = FULL.replace(b"MXHOUND many", message.encode())
    for content in (line, block):
        found, problems = read(content)
        assert list(map(told, found)) == [KNOWN]
        assert problems == []


@pytest.mark.parametrize(
    ("ends", "proto", "expected"),
    [
        ("10.20.1.7 -> 192.0.2.1", "ICMP", ("10.20.1.7", "192.0.2.1", 0)),
        ("10.20.1.7:8 -> 192.0.2.1:0", "ICMP", ("10.20.1.7", "192.0.2.1", 0)),
        ("10.20.1.7 -> 192.0.2.1", "TCP", ("10.20.1.7", "192.0.2.1", 0)),  # a fragment
        ("2001:db8::1:25 -> 2001:db8::2:26", "TCP", ("2001:db8::1", "2001:db8::2", 26)),
        ("2001:db8:1::1:25 -> ::1:26", "UDP", ("2001:db8:1::1", "::1", 26)),
        ("2001:db8:::25 -> 2001:db8::2:26", "TCP", ("2001:db8::", "2001:db8::2", 26)),
        ("2001:db8::1 -> 2001:db8::2", "TCP", ("2001:db8::1", "2001:db8::2", 0)),
        ("fe80::1:2 -> ff02::1:ff00:1", "IPV6-ICMP", ("fe80::1:2", "ff02::1:ff00:1", 0)),
        (
            "fe80:0000:0000:0000:0000:0000:0000:0001:135 -> "
            "ff02:0000:0000:0000:0000:0000:0000:0002:0",
            "IPv6-ICMP",
            ("fe80::1", "ff02::2", 0),
        ),
        (
            "2001:db8:1:2:3:4:5:6 -> 2001:db8:1:2:3:4:5:7",
            "UDP",
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:7", 0),
        ),
        ("::ffff:10.20.1.7:25 -> ::ffff:192.0.2.1", "TCP", ("10.20.1.7", "192.0.2.1", 0)),
    ],
    ids=str,
)
def test_ports_are_told_from_the_groups_of_an_address(
    ends: str, proto: str, expected: tuple[str, str, int]
) -> None:
    line = FAST.replace(END.encode(), f"[**] [Priority: 1] {{{proto}}} {ends}".encode())
    (found,), _ = read(line)
    assert isinstance(found, Alert)
    assert (found.src_ip, found.dest_ip, found.dest_port) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"hello\n", NO_ALERT),
        (b"\n", Skipped(SkipReason.BLANK)),
        (FAST.replace(b" -> ", b" <> "), NO_ADDRESSES),
        (FAST.replace(b"{TCP} 10.20.1.7:58474 -> 195.238.85.167:25", b"[**] [Raw pkt: 00]"), NO_ADDRESSES),
        (FAST.replace(b"10.20.1.7", b"10.20.1.777"), Skipped(SkipReason.WRONG_TYPE, "source "
            "address")),
        (FAST.replace(b":1250104:", b":0:"), Skipped(SkipReason.WRONG_TYPE, "sid")),
        (FAST.replace(b"03/02/2026", b"02/30/2026"), Skipped(SkipReason.BAD_TIMESTAMP)),
        (FAST.replace(b"03/02/2026-08:00:00.250000  ", b""), Skipped(SkipReason.NO_TIMESTAMP)),
        (b"x" * (5 << 20) + b"\n", Skipped(SkipReason.TOO_LONG)),
        (b"47 45 54 20 2F 20 48 54  54 50 2F 31 2E 31 0D 0A  GET / HTTP/1.1..\n", DUMP),
        (b"snort.raw[67]:\n", DUMP),
        (FAST[:60], HALF),
        (FAST[:-5], HALF),  # the port may be cut off, and so may an address
    ],
    ids=lambda value: "" if isinstance(value, Skipped) else value[:20],
)  # fmt: skip
def test_a_line_that_gives_no_alert_says_why(line: bytes, expected: Skipped) -> None:
    found, problems = read(FAST + line)
    assert told(found[0]) == KNOWN
    assert found[1:] == [expected]
    assert problems == []


@pytest.mark.parametrize(
    "forged",
    [
        "Mar  2 08:00:00 fw1 sshd[1]: Invalid user {} from 198.51.100.7",
        "Mar  2 08:00:00 fw1 sshd[1]: {}",
        "Mar  2 08:00:00 fw1 sshd[1]: Mar  2 08:00:00 fw1 snort[7]: {}",
        "Mar  2 08:00:00 fw1 nginx: snort[7]: {}",
        "<13>1 2026-03-02T08:00:00Z fw1 app 7 - - {}",
        '<13>1 2026-03-02T08:00:00Z fw1 app 7 - [x y="snort"] {}',
        '10.0.0.1 - - [02/Mar/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "{}"',
        "Mar  2 08:00:00 fw1 sshd[1]: 03/02/2026-08:00:00.000000  [**] {}",
    ],
)
def test_what_a_client_says_in_the_log_of_another_program_is_no_alert(forged: str) -> None:
    said = "[1:1250104:1] m [**] [Priority: 1] {TCP} 10.20.1.9:5 -> 192.0.2.1:25"
    for text in (forged.format(said), forged.format(f"snort[1]: {said}")):
        assert decode(text, WRITTEN) in (OTHER_PROGRAM, NO_ALERT)
        block = f"{text}\n".encode()
        assert list(alerts_in(block, len(block), WRITTEN)) == []
        assert reader_for(block) is None


@pytest.mark.parametrize(
    "head",
    [
        "Mar  2 08:00:00 fw1 snort[712]: ",
        "Mar  2 08:00:00 snort: ",
        "Mar 02 2026 08:00:00 fw1 snort[712]: ",
        "2026 Mar  2 08:00:00 fw1 snort[712]: ",
        "<33>Mar  2 08:00:00 fw1 suricata: [Drop] ",
        "2026-03-02T08:00:00.000000+00:00 fw1 barnyard2[1]: ",
        "2026-03-02T09:00:00+0100 fw1 snort_em0[1]: ",
        "<33>1 2026-03-02T08:00:00Z fw1 snort 1 - - \ufeff",
        '<33>1 2026-03-02T08:00:00Z fw1 suricata - - [a b="c\\"]"][d e="f"] ',
        "2026-03-02T08:00:00Z 192.0.2.3 Mar  2 08:00:00 fw1 snort[1]: ",
        "2026-03-02T08:00:00Z fw1 ",
        "<33>1 - fw1 snort 1 - - 03/02-08:00:00.000000  [**] ",
    ],
)
def test_headers_of_syslog(head: str) -> None:
    found = decode(f"{head}[1:1250104:1] m [**] [Priority: 1]: {END[END.index('{') :]}", WRITTEN)
    assert told(found) == KNOWN
    assert isinstance(found, Alert)
    assert datetime.fromtimestamp(found.time, UTC) == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "by_snort"),
    [
        (FAST, False),
        (FAST.replace(b"/2026", b""), True),
        (FAST.replace(b"/2026", b"/26"), True),
        (SYSLOG, True),
        (SYSLOG.replace(b"snort", b"suricata"), False),
        (SYSLOG.replace(b"snort[712]: ", b""), False),  # nobody can tell
    ],
)
def test_only_snort_may_log_a_window_more_than_once(line: bytes, by_snort: bool) -> None:
    found = decode(line.decode().strip(), WRITTEN)
    assert isinstance(found, Alert)
    assert found.filtered_per_thread is by_snort
    assert found.names_no_sensor


def test_blocks_without_an_empty_line_between_them_and_other_forms_beside_them() -> None:
    bare = FULL.replace(b"\n\n", b"\n")
    found, _ = read(bare + bare + FAST + FULL + b"hello\n" + FULL + FULL[:60])
    assert [told(one) if isinstance(one, Alert) else one for one in found] == [
        *[KNOWN] * 4,
        NO_ALERT,
        KNOWN,
        HALF,
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"[**] [112:1:1] arp [**]\n03/02-08:00:00.250000 \n\n", NO_ADDRESSES),
        (FULL.replace(b"03/02", b"13/02"), Skipped(SkipReason.BAD_TIMESTAMP)),
        (FULL[: FULL.index(b"TCP TTL")], HALF),
        (FULL[: FULL.index(b"167:25")], HALF),
    ],
)
def test_a_block_that_gives_no_alert_says_why(block: bytes, expected: Skipped) -> None:
    found, _ = read(FULL + block)
    assert (told(found[0]), found[1:]) == (KNOWN, [expected])


def test_a_block_is_put_together_from_two_pieces_of_a_log() -> None:
    reader = reader_for(FULL)
    assert reader is not None

    class Piece(Bytes):
        goes_on = True

    for at in range(1, len(FULL) - 1):
        if FULL[at - 1 : at] == b"\n" and b"TTL" not in FULL[:at]:
            parts = (FULL[:at], FULL[at:])
            found = [one for part in parts for one in reader(Piece(part), WRITTEN)]
            assert list(map(told, found)) == [KNOWN]


@given(
    st.binary(max_size=400) | st.text('[]*:{}->/0123456789. TCP\n"x', max_size=400).map(str.encode)
)
def test_any_bytes_are_alerts_or_skips(data: bytes) -> None:
    for content in (FAST, FULL):
        found, _ = read(content + data)
        assert all(isinstance(result, Alert | Skipped) for result in found)


@given(st.data())
def test_any_bytes_changed_in_a_line_or_block_raise_nothing(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from((FAST, SYSLOG, FULL)))
    at = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.binary(min_size=1, max_size=8))
    changed = content[:at] + other + content[at + len(other) :]
    assert all(isinstance(r, Event | Skipped) for r in alerts_in(changed, len(changed), WRITTEN))
    found, _ = read(FAST + changed)
    assert all(isinstance(result, Alert | Skipped) for result in found)


def report(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["report", *arguments, "-s", str(DATA / "site.yaml")])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def log(path: Path, content: bytes, written: float = WRITTEN) -> str:
    path.write_bytes(content)
    os.utime(path, (written, written))
    return str(path)


def months(*stamps: str) -> Iterator[bytes]:
    return (FAST.replace(b"03/02/2026", stamp.encode()) for stamp in stamps)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ((), ("2025-12-31", "2026-01-01")),
        (("--since", "2025-12-01"), ("2025-12-31", "2026-01-01")),
        (("--since", "2023-06-01"), ("2023-12-31", "2024-01-01")),
    ],
    ids=["by the file", "by both", "by --since"],
)
def test_years_across_a_new_year(
    tmp_path: Path, since: tuple[str, ...], expected: tuple[str, str]
) -> None:
    path = log(
        tmp_path / "alert",
        b"".join(months("12/31", "01/01")),
        datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp(),
    )
    result = report(path, *since, "-f", "json", "--all")
    assert all(day in result.stdout for day in expected)
    told = "is taken to be within the year after --since" in result.stderr
    assert told is (since == ("--since", "2023-06-01"))


def test_a_log_that_ends_before_since_is_not_taken_for_next_year_s(tmp_path: Path) -> None:
    path = log(tmp_path / "alert", FAST.replace(b"/2026", b""))
    result = report(path, "--since", "2026-03-02T12:00Z", "-f", "json")
    assert "outside --since and --until" in result.stderr
    assert "2027" not in result.output


def test_alerts_among_the_lines_of_other_programs_are_found(tmp_path: Path) -> None:
    noise = b"Mar  2 08:00:00 fw1 filterlog[7]: 5,,,1000000103,igb0,match,block,in,4\n" * 200
    result = report(log(tmp_path / "system.log", noise + SYSLOG + noise))
    assert "events: 1 (alert 1)" in result.stderr
    record = (
        b"Mar  2 08:00:00 fw1 suricata[9]: "
        b'{"timestamp":"2026-03-02T08:00:00+0000","event_type":"flow",'
        b'"src_ip":"10.20.1.8","dest_ip":"192.0.2.1","proto":"UDP"}\n'
    )
    for content in (record * 50 + SYSLOG, noise + SYSLOG + record * 50):
        assert "alert 1" in report(log(tmp_path / "system.log", content)).stderr


def test_text_in_a_folder_is_read_where_no_other_log_is(tmp_path: Path) -> None:
    log(tmp_path / "fast.log", FAST)
    log(tmp_path / "fast.log.1", FAST)
    assert "events: 2 (alert 2)" in report(str(tmp_path)).stderr
    log(tmp_path / "eve.json", b'{"timestamp":"2026-03-02T08:00:00+0000","event_type":"stats"}\n')
    told = report(str(tmp_path)).stderr
    assert (
        f"not read because of their names: {tmp_path}/fast.log, {tmp_path}/fast.log.1; name a file"
        in told
    )
    assert "alert" not in told.partition("events:")[2].partition("\n")[0]
    assert "holds records and was not read" not in told


def test_text_that_a_pattern_or_an_archive_holds_beside_another_log_is_not_read_twice(
    tmp_path: Path,
) -> None:
    log(tmp_path / "fast.log", FAST)
    record = b'{"timestamp":"2026-03-02T08:00:00+0000","event_type":"stats"}\n'
    (tmp_path / "eve.json").symlink_to(tmp_path / "nothing")
    assert "events: 1 (alert 1)" in report(str(tmp_path)).stderr
    (tmp_path / "eve.json").unlink()
    log(tmp_path / "suricata.log", b"<Notice> - started\n")
    assert "events: 1 (alert 1)" in report(f"{tmp_path}/*.log").stderr
    log(tmp_path / "eve.json", record)
    told = report(f"{tmp_path}/*[ns]*").stderr
    assert f"not read because of their names: {tmp_path}/fast.log; name a file" in told
    assert "alert 1" in report(f"{tmp_path}/fast.lo?").stderr
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as packed:
        packed.writestr("a/fast.log", FAST)
        packed.writestr("a/eve.json", record)
        packed.writestr("b/fast.log", FAST)
    with tarfile.open(tmp_path / "logs.tar.gz", "w:gz") as archive:
        for name in ("eve.json", "fast.log"):
            archive.add(tmp_path / name, f"a/{name}")
        archive.add(tmp_path / "fast.log", "b/fast.log")
    for name in ("logs.zip", "logs.tar.gz"):
        told = report(str(tmp_path / name)).stderr
        assert "alert 1" in told
        assert (
            f"not read because of their names: {tmp_path}/{name}: a/fast.log; name a file" in told
        )


@pytest.mark.parametrize(
    "content", [FAST, FULL, SNORT_29, b"sig_id,src,dst,timestamp\n1250104,10.20.1.7,192.0.2.1,03/02-08:00:00.25\n"]
)  # fmt: skip
def test_a_byte_order_mark_costs_no_alert(tmp_path: Path, content: bytes) -> None:
    windows = b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")
    told = report(log(tmp_path / "alert", windows)).stderr
    assert "(alert 1)" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (FAST[:70], "holds no alert: none of its 1 lines or records could be read"),
        (FULL[:70], "holds no alert: none of its 1 lines or records could be read"),
        (b"sig_id,dst,proto\n1250104,x,TCP\n", "is an alert_csv whose first line names no column "
            "for: timestamp, src\n"),
    ],
)  # fmt: skip
def test_a_file_without_an_alert_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    result = report(log(tmp_path / "fast.log", content))
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr


def test_a_sensor_that_text_cannot_name_is_not_said_to_have_written_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text((DATA / "site.yaml").read_text() + "\nsensors: [sensor-1]\n")
    arguments = ["report", log(tmp_path / "fast.log", FAST), "-s", str(site)]
    result = CliRunner().invoke(main, arguments)
    assert "wrote nothing" not in result.output
    assert f"the sensor that wrote {tmp_path}/fast.log is unknown" in result.stderr
