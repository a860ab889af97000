"""unified2 records of every kind, whole, cut and foreign -> alerts with the names they asked for,
skips and problems."""

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.events import Alert, Event, Skipped, SkipReason
from eveproc.input.snort import reader_for
from tests.eveproc.input.snort.sources import Bytes, read
from tests.packets import MX, Wire, question
from tests.test_recorded import DATA

RECORDED = gzip.decompress((DATA / "office-snort-2.9.u2.gz").read_bytes())
HEAD = (7, 42, 1772438451, 250_000)  # sensor, event, second, microsecond
V4 = struct.pack(">4s4sHH4B", bytes([10, 20, 1, 7]), bytes([10, 20, 0, 53]), 20001, 53, 17, 0, 0, 0)
V6 = struct.pack(
    ">16s16sHH4B",
    bytes.fromhex("20010db8002000000000000000000007"),
    bytes.fromhex("20010db800200000000000000000cafe"),
    9,
    25,
    6,
    0,
    0,
    0,
)


def record(kind: int, body: bytes) -> bytes:
    return struct.pack(">LL", kind, len(body)) + body


def event(kind: int, addresses: bytes, more: bytes = b"") -> bytes:
    return record(kind, struct.pack(">9L", *HEAD, 1250001, 1, 1, 1, 1) + addresses + more)


VLAN = bytes(8)
# Snort 3's, with the ends of the addresses in 16 bytes each.
V3 = struct.pack(">4L", *HEAD) + struct.pack(">8L", 1, 1250001, 1, 1, 1, 0, 0, 0)
V3 += (
    bytes(12)
    + bytes([10, 20, 1, 7])
    + bytes(12)
    + bytes([10, 20, 0, 53])
    + struct.pack(">LHHHH4B", 0, 20001, 53, 0, 0, 0x44, 17, 0, 0)
)


def packet(number: int, frame: bytes, linktype: int = 1) -> bytes:
    return record(
        2, struct.pack(">7L", 7, number, HEAD[2], HEAD[2], HEAD[3], linktype, len(frame)) + frame
    )


def frame(tmp_path: Path, *, tcp: bool = False) -> bytes:
    """The last frame of a pcap in which a question was asked."""
    wire, host, resolver = Wire(), ("10.20.1.7", 20001), ("10.20.0.53", 53)
    asked = question("Shop.Example", MX)
    if tcp:
        wire.tcp(0, host, resolver, 0x18, 1, 1, struct.pack(">H", len(asked)) + asked)
    else:
        wire.udp(0, host, resolver, asked)
    return wire.write(tmp_path / "x.pcap").read_bytes()[40:]


def alert(data: bytes) -> Alert:
    found, problems = read(data)
    assert isinstance(found[0], Alert), found
    assert problems == []
    return found[0]


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        (event(7, V4), ("10.20.1.7", "10.20.0.53", 53, "UDP")),
        (event(104, V4, VLAN), ("10.20.1.7", "10.20.0.53", 53, "UDP")),
        (event(72, V6), ("2001:db8:20::7", "2001:db8:20::cafe", 25, "TCP")),
        (event(105, V6, VLAN), ("2001:db8:20::7", "2001:db8:20::cafe", 25, "TCP")),
        (event(111, V4, VLAN + b"smtp\0" * 4), ("10.20.1.7", "10.20.0.53", 53, "UDP")),
        (record(114, V3), ("10.20.1.7", "10.20.0.53", 53, "UDP")),
    ],
    ids=["v4", "v4 with VLAN", "v6", "v6 with VLAN", "with application", "Snort 3"],
)
def test_each_kind_of_event(data: bytes, ends: tuple[str, str, int, str]) -> None:
    found = alert(data)
    assert (found.src_ip, found.dest_ip, found.dest_port, found.proto) == ends
    assert (found.time, found.gid, found.sid, found.rrnames) == (1772438451.25, 1, 1250001, ())


def test_the_packet_behind_an_event_tells_the_name(tmp_path: Path) -> None:
    for tcp in (False, True):
        found, _ = read(event(7, V4) + packet(42, frame(tmp_path, tcp=tcp)) + event(7, V4))
        names = [result.rrnames if isinstance(result, Alert) else result for result in found]
        assert names == [
            ("shop.example",),
            Skipped(SkipReason.OTHER_EVENT_TYPE, "unified2 packet"),
            (),
        ]


@pytest.mark.parametrize("number", [41, 42])
def test_a_packet_of_another_event_or_link_tells_nothing(tmp_path: Path, number: int) -> None:
    data = event(7, V4) + packet(number, frame(tmp_path), linktype=1 if number == 41 else 101)
    assert alert(data).rrnames == ()


def test_a_packet_cut_off_anywhere_costs_no_alert(tmp_path: Path) -> None:
    whole = frame(tmp_path)
    for size in range(len(whole)):
        assert alert(event(7, V4) + packet(42, whole[:size])).sid == 1250001
    assert alert(event(7, V4) + record(2, b"x")).sid == 1250001


def test_other_records_are_counted_by_their_kind() -> None:
    found, problems = read(
        record(110, b"x") + record(113, b"x") + record(3, b"x") + event(7, V4[:-9])
    )
    kinds = ["unified2 extra data", "unified2 appstat", "unified2 buffer"]
    assert found == [
        *(Skipped(SkipReason.OTHER_EVENT_TYPE, kind) for kind in kinds),
        Skipped(SkipReason.WRONG_TYPE, "unified2 event"),
    ]
    assert problems == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 20,
        struct.pack(">LL", 9, 5) + b"hello",
        struct.pack(">LL", 7, 0),
        struct.pack(">LL", 7, 1 << 31),
    ],
)
def test_what_is_no_record_ends_the_file_with_a_problem(garbage: bytes) -> None:
    found, problems = read(event(7, V4) + garbage + event(7, V4))
    assert [type(result) for result in found] == [Alert, Skipped]
    assert found[1] == Skipped(SkipReason.WRONG_TYPE, "unified2 record")
    assert problems == [
        "holds bytes that are no unified2 record; what came before that was used, the rest was not"
    ]


def test_a_last_record_cut_off_is_told() -> None:
    found, problems = read((event(7, V4) * 2)[:-3])
    assert [type(result) for result in found] == [Alert, Skipped]
    assert found[1] == Skipped(SkipReason.HALF_LINE, "unified2 record")
    assert problems == ["ends in half a record: it was cut off, or Snort was writing"]


def test_a_file_of_something_else_is_left_to_others() -> None:
    for head in (b"", b"\0\0\0\x07", b"\xd4\xc3\xb2\xa1\x02\0\x04\0", b"\0\0\0\x07\0\0\0\0"):
        assert reader_for(head) is None


@given(st.integers(0, len(RECORDED) - 1), st.binary(min_size=1, max_size=40))
def test_a_recording_with_any_bytes_changed_is_alerts_and_skips(at: int, other: bytes) -> None:
    changed = RECORDED[:at] + other + RECORDED[at + len(other) :]
    reader = reader_for(RECORDED)
    assert reader is not None
    assert all(isinstance(result, Event | Skipped) for result in reader(Bytes(changed[:6000]), 0.0))
