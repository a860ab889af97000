"""The recordings and known oddities -> what fuzzing starts from: lines, files in every framing, and
the words of EVE."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.eveproc.framing import COMPRESSIONS, SHAPES, packed, plain
from tests.eveproc.reencode import ENCODINGS, Event, in_zone, with_dns_version_1

RECORDINGS = sorted((Path(__file__).parents[1] / "data").glob("office-*.eve.json.gz"))
SNORT_RECORDINGS = sorted((Path(__file__).parents[1] / "data").glob("office-snort-*.gz"))
# What a fuzzer changes has to be small; a whole stats record is not.
LONGEST = 4096

# Each was a fault of somebody's reader, or is one byte away from a framing.
ODDITIES = (
    *(
        b"",
        b"\n",
        b"\r\n\r\n",
        b"{",
        b"{}",
        b"[",
        b"[]",
        b"[{}",
        b"[[]]",
        b"{\n}",
        b"null",
        b"1e999",
        b'"',
        b"\0",
        b"\xff\xfe{",
        b"\xef\xbb\xbf",
    ),
    *(b"@cee:", b"@cee: {}", b"a:b:{}", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"),
    *(
        b'{"hits":{"hits":[]}}',
        b'{"hits":{"hits":[{"_source":[]},{"_source":{}},1]}}',
        b'{"took":1}',
        b"[" * 2000,
        b'{"a":' * 2000,
    ),
    b'{"event_type":"dns","event_type":"flow","event_type":["dns"]}',
    b'{"timestamp":"2026-03-02","event_type":"stats","stats":{"capture":{"kernel_packets":-1,"kernel_drops":1e3},"flow":{"memcap":7}}}',
    b'{"timestamp":"0000-01-01T00:00:00+0000","event_type":"stats","stats":{"a":{"b":{"c":1e3}}}}',
    b'{"timestamp":"2099-12-31T23:59:60-2359","event_type":"stats","stats":{"a":18446744073709551616}}',
    b'{"timestamp":"ts-error","event_type":"flow","flow":{"start":"1900-01-00T00:00:00.000000+0000"}}',
    b'{"timestamp":"2026-W01","event_type":"dns","src_ip":"::ffff:10.20.0.9","dest_ip":"fe80::1%eth0","dns":{"type":"query"}}',
    b'{"timestamp":"2026-03-02","event_type":"smtp","src_ip":"10.20.1.1","dest_ip":"1.2.3.4","smtp":{"helo":"\\ud800","rcpt_to":["<\\u0000@a>"]}}',
    b'{"timestamp":"2026-03-02","event_type":"dhcp","dhcp":{"dhcp_type":"ack","client_mac":"x","assigned_ip":"10.20.1.1","lease_time":-1}}',
    b'{"timestamp":"2026-03-02","event_type":"alert","src_ip":"10.20.1.1","dest_ip":"::","alert":{"signature_id":1250001,"metadata":{"":[]}}}',
)


@cache
def seeds() -> tuple[bytes, ...]:
    """Without repeats, none longer than LONGEST, in an order that depends on the recordings
    alone.
    """
    found = dict.fromkeys([*ODDITIES, *_real_lines(), *_real_files(), *_of_snort()])
    return tuple(seed for seed in found if len(seed) <= LONGEST)


def words() -> tuple[str, ...]:
    """Every field name that Suricata wrote in the recordings, but for the hundreds of counters."""
    return tuple(
        sorted(
            {
                key
                for event in _one_of_each()
                if event["event_type"] != "stats"
                for key in _keys(event)
            }
        )
    )


@cache
def _one_of_each() -> tuple[Event, ...]:
    return tuple(event for recording in RECORDINGS for event in _first_of_each(recording))


def _first_of_each(recording: Path) -> Iterator[Event]:
    """The first event of every shape, told by its type and fields."""
    seen = set()
    with gzip.open(recording) as stream:
        for event in map(json.loads, stream):
            shape = (
                event["event_type"],
                *event,
                *event.get("dns", ()),
                *event.get("smtp", ()),
                *event.get("tcp", ()),
            )
            if shape not in seen:
                seen.add(shape)
                yield event


def _keys(value: object) -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                yield key
                yield from _keys(inner)
        case list():
            for inner in value:
                yield from _keys(inner)


def _real_lines() -> Iterator[bytes]:
    for event in _one_of_each():
        line = json.dumps(event)
        yield line.encode()
        yield in_zone(line, -5).encode()


def _of_snort() -> Iterator[bytes]:
    for recording in SNORT_RECORDINGS:
        yield gzip.decompress(recording.read_bytes())[:LONGEST]


def _real_files() -> Iterator[bytes]:
    short = [event for event in _one_of_each() if len(json.dumps(event)) < 700][::5]
    for encode in (*ENCODINGS.values(), with_dns_version_1):
        lines = [json.dumps(event).encode() for event in encode(short)][:4]
        yield from (shape(lines) for shape in SHAPES)
        yield from (packed(plain(lines), kind) for kind in COMPRESSIONS)
