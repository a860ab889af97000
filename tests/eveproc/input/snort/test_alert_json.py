"""Lines of Snort 3's alert_json in every set of fields that says enough, and in those that do not
-> alerts and skips."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.events import Alert, Skipped, SkipReason
from eveproc.input.snort import reader_for
from eveproc.input.snort.alert_json import decode
from eveproc.input.snort.lines import MAX_LINE
from tests.eveproc.input.snort.sources import WRITTEN, read
from tests.packets import MX, question

ASKED = base64.b64encode(question("Shop.Example", MX)).decode()
# As Snort 3.11.1 wrote it, with every field that eveproc knows.
FULL = {
    **{"seconds": 1772438451, "timestamp": "03/02-08:00:51.250000"},
    **{"src_addr": "10.20.1.7", "src_port": 20001, "src_ap": "10.20.1.7:20001"},
    **{"dst_addr": "10.20.0.53", "dst_port": 53, "dst_ap": "10.20.0.53:53"},
    **{
        "proto": "UDP",
        "gid": 1,
        "sid": 1250001,
        "rev": 1,
        "rule": "1:1250001:1",
        "msg": "MXHOUND",
        "b64_data": ASKED,
    },
}
NOON = 1772438451.25


def line(*without: str, **changed: object) -> bytes:
    fields = {name: value for name, value in {**FULL, **changed}.items() if name not in without}
    return json.dumps(fields).replace('": ', '" : ').encode() + b"\n"


def alert(data: bytes) -> Alert:
    (found,), problems = read(data)
    assert isinstance(found, Alert), found
    assert not problems
    return found


def test_all_fields() -> None:
    found = alert(line())
    assert (found.time, found.gid, found.sid) == (NOON, 1, 1250001)
    assert (found.src_ip, found.dest_ip, found.dest_port, found.proto) == (
        "10.20.1.7",
        "10.20.0.53",
        53,
        "UDP",
    )
    assert (found.rrnames, found.flow_src, dict(found.metadata)) == (("shop.example",), "", {})


ENOUGH = [
    ("seconds", "src_addr", "dst_addr", "sid"),
    ("timestamp", "src_ap", "dst_ap", "rule"),  # of Snort's own default
    (
        "seconds",
        "timestamp",
        "src_addr",
        "src_port",
        "dst_addr",
        "dst_port",
        "proto",
        "sid",
        "gid",
        "rev",
        "msg",
    ),
    ("timestamp", "src_addr", "dst_ap", "gid", "sid"),
    ("b64_data", "dst_ap", "rule", "seconds", "src_ap"),
]


@pytest.mark.parametrize("fields", ENOUGH, ids=" ".join)
def test_field_sets_that_say_enough(fields: tuple[str, ...]) -> None:
    found = alert(line(*(FULL.keys() - set(fields))))
    assert int(found.time) == int(NOON)
    assert (found.gid, found.sid, found.src_ip, found.dest_ip) == (
        1,
        1250001,
        "10.20.1.7",
        "10.20.0.53",
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (line("seconds", "timestamp"), Skipped(SkipReason.NO_TIMESTAMP)),
        (line("seconds", timestamp="yesterday"), Skipped(SkipReason.BAD_TIMESTAMP)),
        (line("seconds", timestamp="02/30-08:00:00.000000"), Skipped(SkipReason.BAD_TIMESTAMP)),
        (line("seconds", timestamp="03/02-24:00:00.000000"), Skipped(SkipReason.BAD_TIMESTAMP)),
        (line(seconds=-5), Skipped(SkipReason.CLOCK_FAULT)),
        (line(seconds=1e300), Skipped(SkipReason.CLOCK_FAULT)),
        (line(seconds="soon"), Skipped(SkipReason.WRONG_TYPE, "seconds")),
        (line("sid", "rule"), Skipped(SkipReason.MISSING_FIELD, "sid")),
        (line("sid", rule="one"), Skipped(SkipReason.MISSING_FIELD, "sid")),
        (line(sid=[1]), Skipped(SkipReason.WRONG_TYPE, "sid")),
        (line("src_addr", "src_ap"), Skipped(SkipReason.MISSING_FIELD, "source address")),
        (line("src_addr", src_ap=":0"), Skipped(SkipReason.MISSING_FIELD, "source address")),
        (line(dst_addr="a mail server"), Skipped(SkipReason.WRONG_TYPE, "destination address")),
        (line(dst_addr="fe80::1%eth0"), Skipped(SkipReason.WRONG_TYPE, "destination address")),
        (b"[1]", Skipped(SkipReason.NOT_AN_OBJECT)),
        (b" \r", Skipped(SkipReason.BLANK)),
        (b'{ "sid" : ', Skipped(SkipReason.NOT_JSON)),
        (b"[" * 100_000, Skipped(SkipReason.NOT_AN_OBJECT)),
        (b"x" * (MAX_LINE + 1), Skipped(SkipReason.TOO_LONG)),
    ],
)
def test_a_line_that_gives_no_alert_says_why(data: bytes, expected: Skipped) -> None:
    assert decode(data, WRITTEN) == expected


def test_a_half_last_line_is_told_from_a_bad_one() -> None:
    found, problems = read(line() + b'{ "seconds" : }\n' + line() + line()[:50])
    assert [type(result) for result in found] == [Alert, Skipped, Alert, Skipped]
    assert (found[1], found[3]) == (Skipped(SkipReason.NOT_JSON), Skipped(SkipReason.HALF_LINE))
    assert problems == []


def test_addresses_have_one_spelling() -> None:
    found = alert(
        line("src_ap", "dst_ap", src_addr="2001:0db8:0020::0001", dst_addr="::ffff:10.20.0.53")
    )
    assert (found.src_ip, found.dest_ip) == ("2001:db8:20::1", "10.20.0.53")
    assert (
        alert(line("src_addr", "src_port", src_ap="2001:db8:20::1:25")).src_ip == "2001:db8:20::1"
    )


def test_bytes_that_are_no_utf_8_lose_no_line() -> None:
    assert alert(line().replace(b"MXHOUND", b"\xff\xfe")).sid == 1250001


@pytest.mark.parametrize(
    ("payload", "proto", "port", "names"),
    [
        (question("a.example", MX), "UDP", 53, ("a.example",)),
        (b"\0\x20" + question("a.example", MX), "TCP", 53, ("a.example",)),
        (question("a.example", MX), "UDP", 5353, ()),
        (question("a.example", MX)[:20], "UDP", 53, ()),
        (b"", "UDP", 53, ()),
        (question("a.example", MX)[:12] + b"\xc0\x0c", "UDP", 53, ()),
        (
            question("a.example", MX)[:12] + b"\x04" + b"\xff\x00A." + b"\0",
            "UDP",
            53,
            ("\\xff\x00a.",),
        ),
        (question("a.example", MX)[:12] + b"\0", "UDP", 53, ()),
    ],
)
def test_the_name_asked_for_is_read_from_the_packet(
    payload: bytes, proto: str, port: int, names: tuple[str, ...]
) -> None:
    data = line("dst_ap", dst_port=port, proto=proto, b64_data=base64.b64encode(payload).decode())
    assert alert(data).rrnames == names


def test_a_payload_that_is_no_base64_is_none() -> None:
    assert alert(line(b64_data="A")).rrnames == ()
    assert alert(line(b64_data="\u2026")).rrnames == ()


def test_eve_and_strangers_are_left_to_others() -> None:
    for head in (
        b'{"timestamp": "2026-03-02", "event_type": "alert", "sid": 5}',
        b'{"a": 1}',
        b"",
        b"[]",
        b"\0" * 64,
        b"03/02 hello",
    ):
        assert reader_for(head) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    st.lists,
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(FULL)), JSON), st.floats(0, 4e9))
def test_any_values_are_an_alert_or_a_skip(values: dict[str, Any], written: float) -> None:
    assert isinstance(decode(json.dumps({**FULL, **values}).encode(), written), Alert | Skipped)
    assert isinstance(decode(json.dumps(values).encode(), written), Alert | Skipped)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_alert_or_a_skip(data: bytes) -> None:
    assert isinstance(decode(data, WRITTEN), Alert | Skipped)
