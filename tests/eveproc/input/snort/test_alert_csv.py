"""alert_csv of both Snorts, in their own and in other fields -> alerts, skips and a problem that
says what is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.events import Alert, Skipped, SkipReason
from eveproc.input.snort import reader_for
from eveproc.input.snort.lines import MAX_LINE
from tests.eveproc.input.snort.sources import read

# As Snort 2.9.20 and 3.11.1 wrote them.
SNORT_29 = (
    b'03/02-08:00:00.250000 ,1,1250104,1,"MXHOUND DELIVERY Many, '
    b'many",TCP,10.20.1.7,58474,195.238.85.167,25,'
    b"D8:9E:F3:91:0E:D7,02:00:5E:00:01:01,0x46,***AP***,0x9B7DAAB1,0x39A41245,,0xFAF0,64,0,18723,56,57344,,,,\n"
)
FEW = SNORT_29.partition(b",D8")[0] + b"\n"
SNORT_3 = b"03/02-08:00:00.250000, 811, TCP, stream_tcp, 22, C2S, 10.20.1.7:58474, 195.238.85.167:25, 1:1250104:1, allow\n"
OURS = b'1772438400, 03/02-08:00:00.250000, 10.20.1.7, 58474, 195.238.85.167, 25, TCP, 1250104, 1, 1, "MXHOUND, many"\n'


@pytest.mark.parametrize(
    "line", [SNORT_29, FEW, SNORT_3, OURS], ids=["2.9", "2.9, few", "3", "ours"]
)
def test_each_order_of_fields(line: bytes) -> None:
    found, problems = read(line * 2)
    assert problems == []
    for alert in found:
        assert isinstance(alert, Alert), alert
        assert (alert.gid, alert.sid, alert.src_ip, alert.dest_ip, alert.dest_port) == (
            1,
            1250104,
            "10.20.1.7",
            "195.238.85.167",
            25,
        )
        assert (alert.proto, alert.time % 1) == ("TCP", 0.25)


def test_ipv6_of_both() -> None:
    for line in (
        SNORT_29.replace(b"10.20.1.7", b"2001:0db8:0020::0007"),
        SNORT_3.replace(b"10.20.1.7", b"2001:db8:20::7"),
    ):
        (alert,), _ = read(line)
        assert isinstance(alert, Alert)
        assert alert.src_ip == "2001:db8:20::7"


def test_fields_of_one_s_own_are_refused_in_words() -> None:
    found, problems = read(b"03/02-08:00:00.250000 ,TCP,10.20.1.7,1250104\n" * 3 + b"\n")
    assert found == [Skipped(SkipReason.NOT_AN_OBJECT, "alert_csv fields")] * 3 + [
        Skipped(SkipReason.BLANK)
    ]
    (problem,) = problems
    assert problem.startswith("is an alert_csv with other fields")
    assert "expected the default fields of Snort 2.9 or 3" in problem


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (SNORT_29[:70], Skipped(SkipReason.HALF_LINE)),
        (SNORT_3[:60], Skipped(SkipReason.HALF_LINE)),
        (SNORT_29.replace(b",1250104,", b",0,"), Skipped(SkipReason.WRONG_TYPE, "sid")),
        (SNORT_3.replace(b"1:1250104:1", b"one"), Skipped(SkipReason.WRONG_TYPE, "sid")),
        (SNORT_29.replace(b"10.20.1.7", b""), Skipped(SkipReason.MISSING_FIELD, "source address")),
        (
            SNORT_29.replace(b"195.238.85.167", b"x"),
            Skipped(SkipReason.WRONG_TYPE, "destination address"),
        ),
        (SNORT_29.replace(b"03/02", b"02/30"), Skipped(SkipReason.BAD_TIMESTAMP)),
        (b'",\n', Skipped(SkipReason.HALF_LINE)),
        (b"\n", Skipped(SkipReason.BLANK)),
        (b"x" * (MAX_LINE + 1) + b"\n", Skipped(SkipReason.TOO_LONG)),
        (b"\x00,,\n", Skipped(SkipReason.HALF_LINE)),
    ],
)
def test_a_line_that_gives_no_alert_says_why(line: bytes, expected: Skipped) -> None:
    found, problems = read(SNORT_29 + line)
    assert found[1:] == [expected]
    assert problems == []


def test_columns_beside_whole_records_of_eve_are_left_to_others() -> None:
    raw = (
        b'_time,src_ip,dest_ip,proto,_raw\n1,2,3,4,"{""timestamp"":""x"",""event_type"":""dns""}"\n'
    )
    assert reader_for(raw) is None
    assert reader_for(raw.replace(b"_raw\n", b"signature_id\n").replace(b"event_type", b"x"))


def test_a_heading_that_comes_again_names_the_columns_anew() -> None:
    first = b"timestamp,sig_id,src,dst\n03/02-08:00:00.25,1250104,10.20.1.7,192.0.2.1\n"
    other = b"dst,src,sig_id,timestamp\n192.0.2.1,10.20.1.7,1250104,03/02-08:00:00.25\n"
    found, problems = read(first + other + b"192.0.2.1,10.20.1.7,1250104\n" + other[25:-1])
    assert problems == []
    blank, half = Skipped(SkipReason.BLANK), Skipped(SkipReason.HALF_LINE)
    assert [one.src_ip if isinstance(one, Alert) else one for one in found] == [
        *[blank, "10.20.1.7"] * 2,
        half,
        half,  # the last column may be cut off
    ]


def test_other_text_is_left_to_others() -> None:
    assert reader_for(b"timestamp,sid\n1,2\n") is None


@given(st.binary(max_size=300) | st.text('0123456789/:-.,"x\n ', max_size=300).map(str.encode))
def test_any_bytes_are_alerts_or_skips(data: bytes) -> None:
    found, _ = read(SNORT_29 + data)
    assert all(isinstance(result, Alert | Skipped) for result in found)
