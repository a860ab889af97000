"""Reading selected lines, in spans, by several processes -> the same evidence as decoding every
line of the file."""

import gzip
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eveproc.evidence.collector import Collector, Period
from eveproc.evidence.gather import gather
from eveproc.evidence.store import EvidenceStore
from eveproc.input import parallel, prefilter, sources
from eveproc.input.prefilter import Prefilter
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.input.sources import Span
from eveproc.input.workers import Helpers
from eveproc.signals.prefilter_patterns import line_filter
from rulegen.errors import MxhoundError
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import Engine
from tests.eveproc.evidence_of import site_of, without_coverage
from tests.eveproc.reencode import ENCODINGS

DATA = Path(__file__).parents[2] / "data"
HOMES = 'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.25]\n'
SITES = (
    site_of(HOMES),
    site_of(
        HOMES
        + "internal_domains: [example.org]\nports: {smtp: [25, 2525], submission: [587]}\nsensors: "
        "[north, south]\n"
    ),
    site_of(
        "home_networks: [10.20.64.0/18]\nthresholds: {mx_flood: {networks: {10.20.70.0/24: {count: "
        "5, seconds: 60}}}}\n"
    ),
)
FILES = 1000
EVER = Period()


def plainly(path: Path, site: SiteProfile, period: Period = EVER) -> EvidenceStore:
    collector = Collector(site, period)
    for event in read_events([str(path)], ReadStats()):
        collector.add(event)
    collector.store.trim()
    return without_coverage(collector.store)


def selected(path: Path, site: SiteProfile, period: Period = EVER, jobs: int = 1) -> EvidenceStore:
    store, _ = gather([str(path)], site, period, jobs=jobs)
    store.trim()
    return without_coverage(store)


@pytest.fixture(scope="module", params=[Engine.SURICATA_7, Engine.SURICATA_8], ids=str)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "eve.json"
    path.write_bytes(gzip.decompress((DATA / f"office-{request.param}.eve.json.gz").read_bytes()))
    return path


@pytest.fixture(scope="module")
def decoded(recorded: Path) -> EvidenceStore:
    """Of every line of it."""
    return plainly(recorded, SITES[0])


@pytest.mark.parametrize("site", SITES, ids=["plain", "everything", "part"])
def test_a_recording(recorded: Path, site: SiteProfile) -> None:
    expected = plainly(recorded, site)
    assert expected.hosts
    assert expected.flows_logged
    assert selected(recorded, site) == expected


def test_few_flows_are_looked_at(recorded: Path) -> None:
    """Most DNS of this office is about mail; of its flows only those to mail ports, the first of
    each host, and unanswered ones are decoded.
    """
    _, stats = gather([str(recorded)], SITES[0])
    assert stats.bytes == recorded.stat().st_size
    assert stats.events["flow"] < recorded.read_bytes().count(b'"event_type":"flow"') / 4


def with_blanks(content: bytes) -> bytes:
    """As written by encoders that put a blank after every colon and comma."""
    return content.replace(b'":', b'": ').replace(b',"', b', "')


def with_sorted_keys(content: bytes) -> bytes:
    """As written by shippers that keep records in a sorted map."""
    records = map(json.loads, content.splitlines())
    texts = (json.dumps(record, separators=(",", ":"), sort_keys=True) for record in records)
    return "\n".join((*texts, "")).encode()


@pytest.mark.parametrize("written", [with_blanks, with_sorted_keys])
def test_other_ways_to_write_a_record_cost_no_decoding(
    recorded: Path,
    decoded: EvidenceStore,
    tmp_path: Path,
    written: Callable[[bytes], bytes],
) -> None:
    path = tmp_path / "eve.json"
    path.write_bytes(written(recorded.read_bytes()))
    store, stats = gather([str(path)], SITES[0], jobs=2)
    store.trim()
    assert without_coverage(store) == decoded
    assert stats.lines == gather([str(recorded)], SITES[0])[1].lines


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"\n", b""])
def test_a_line_with_blanks_is_decoded_as_it_was(newline: bytes, last: bytes) -> None:
    """What looks like the end of a string may be its beginning."""
    other = b'{"event_type": "tls", "a": ", ", "b": "\r", "src_port": 5, "c": ": "}'
    mail = b'{"event_type": "smtp", "email": {"subject": ": x, "}, "d": ", "}'
    block = newline.join((other, mail, other, other, mail)) + last
    lines, _ = Prefilter(line_filter(SITES[0]), lambda: ()).lines(block, len(block))
    assert lines == [mail + newline, mail + last]


def test_a_period_leaves_out_the_same(recorded: Path) -> None:
    period = Period(since=1_772_440_000.0, until=1_772_442_000.0, future=1_772_443_000.0)
    assert selected(recorded, SITES[0], period) == plainly(recorded, SITES[0], period)


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_several_processes(
    recorded: Path,
    decoded: EvidenceStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    jobs: int,
    suffix: str,
) -> None:
    monkeypatch.setattr(parallel, "SPAN", 300_000)
    monkeypatch.setattr(parallel, "WORTH_A_PROCESS", 100_000)
    content = recorded.read_bytes()
    path = tmp_path / f"eve.json{suffix}"
    path.write_bytes(gzip.compress(content, 1) if suffix else content)
    (tmp_path / "eve.2.json").write_bytes(content[:500_000])
    store, stats = gather([str(path), str(tmp_path / "eve.2.json")], SITES[0], jobs=jobs)
    store.trim()
    assert without_coverage(store) == decoded
    assert (stats.files, stats.bytes, stats.problems) == (2, len(content) + 500_000, [])
    assert stats == gather([str(path), str(tmp_path / "eve.2.json")], SITES[0], jobs=1)[1]


def test_without_the_library_every_line_is_decoded(
    recorded: Path, decoded: EvidenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hyperscan", None)
    prefilter._compiled.cache_clear()
    store, stats = gather([str(recorded)], SITES[0])
    store.trim()
    assert without_coverage(store) == decoded
    assert (stats.selected, stats.lines) == (False, recorded.read_bytes().count(b"\n"))
    assert stats.hyperscan_missing


@pytest.mark.parametrize("name", ["array", "hits", "snort", "lines"])
def test_the_library_is_missing_only_where_it_could_not_be_loaded(
    recorded: Path, tmp_path: Path, name: str
) -> None:
    """Other forms than lines are decoded whole, whatever is installed."""
    lines = recorded.read_bytes().splitlines()[:20]
    snort = (DATA / "office-snort-3.json.gz").read_bytes()
    content = {
        "array": b"[" + b",".join(lines) + b"]",
        "hits": b'{"hits":{"hits":[' + b",".join(lines) + b"]}}",
        "snort": gzip.decompress(snort),
        "lines": b"\n".join(lines),
    }
    path = tmp_path / "eve.json"
    path.write_bytes(content[name])
    _, stats = gather([str(path)], SITES[0])
    assert (stats.selected, stats.hyperscan_missing) == (name == "lines", False)
    assert stats.lines


def test_where_a_system_cannot_fork_one_process_reads(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "can_fork", lambda: False)
    monkeypatch.setattr(
        parallel, "Helpers", lambda count, _: Helpers(count if not count else 1 // 0, _)
    )
    assert gather([str(recorded)], SITES[0], jobs=9)[1].bytes == recorded.stat().st_size


def test_a_process_that_dies_is_told(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "SPAN", 300_000)
    monkeypatch.setattr(parallel, "WORTH_A_PROCESS", 100_000)
    monkeypatch.setattr(parallel, "_help", lambda *_: os._exit(9))
    with pytest.raises(
        MxhoundError, match=r"ended early \(exit code 9\), perhaps for lack of memory"
    ):
        gather([str(recorded)], SITES[0], jobs=2)


# Generated files: real lines, each spelled, damaged and mixed in some way.


@cache
def lines_of_every_kind() -> tuple[bytes, ...]:
    """Of each engine and encoding some lines of every event type."""
    chosen = []
    for engine in (Engine.SURICATA_7, Engine.SURICATA_8):
        with gzip.open(DATA / f"office-{engine}.eve.json.gz") as stream:
            events = [json.loads(line) for line in stream]
        events = Random(1).sample(events, 900) + [
            e for e in events if e["event_type"] in ("alert", "stats", "dhcp")
        ]
        for encoding in ENCODINGS.values():
            chosen += [
                json.dumps(event, separators=(",", ":")).encode() for event in encoding(events)
            ]
    return tuple(chosen)


def escaped(text: str, random: Random) -> str:
    """JSON's spelling of a string with some letters as escapes."""
    return "".join(
        f"\\u{ord(c):04x}" if c.isalnum() and random.random() < 0.1 else json.dumps(c)[1:-1]
        for c in text
    )


def respelled(
    value: object,
    random: Random,
    colons: Sequence[str] = (":",),
    commas: Sequence[str] = (",",),
    *,
    escape: bool = False,
) -> str:
    def again(inner: object) -> str:
        return respelled(inner, random, colons, commas, escape=escape)

    def row(parts: Iterable[str]) -> str:
        return "".join(f"{part}{random.choice(commas)}" for part in parts).rstrip(",")

    match value:
        case dict():
            items = random.sample(list(value.items()), len(value))
            return (
                "{"
                + row(again(key) + random.choice(colons) + again(inner) for key, inner in items)
                + "}"
            )
        case list():
            return "[" + row(map(again, value)) + "]"
        case str() if escape:
            return f'"{escaped(value, random)}"'
        case _:
            return json.dumps(value, ensure_ascii=random.random() < 0.5)


WORDS = (
    "mail",
    "SMTP.",
    "mx",
    "relay.",
    "OUTLOOK",
    "www.",
    'a"mail.',
    "ns.",
    "\u212aelvin",
    "caf\u00e9",
)


def changed(line: bytes, random: Random) -> bytes:
    """The record with a value that decides something replaced."""
    event = json.loads(line)
    match random.randrange(8):
        case 6 if "alert" in event:
            del event["alert"]["metadata"]  # as of a site that logs none
        case 7 if "alert" in event:
            event["alert"]["signature_id"] = 99  # as of a site that gave the rule another
        case 0:
            event[random.choice(["src_port", "dest_port"])] = random.choice(
                [25, 26, 2525, 587, 993, 53, 65535, "25", 25.0, None]
            )
        case 1 if "dns" in event and "rrname" in event["dns"]:
            event["dns"]["rrname"] = random.choice(WORDS) + event["dns"]["rrname"]
        case 2 if "tcp" in event:
            event["tcp"][random.choice(["tcp_flags_ts", "tcp_flags_tc"])] = random.choice(
                ["", "1B", "02", "1b1", "12", "zz", 27, None]
            )
        case 3:
            event["host"] = random.choice(["north", "south", "smtp", ""])
        case 4:
            event[random.choice(["src_ip", "dest_ip"])] = random.choice(
                ["10.20.70.9", "198.51.100.7", "2001:db8:20::9", "here", ""]
            )
        case _:
            event["vlan"] = [random.randrange(4000)]
    return json.dumps(event, separators=(",", ":")).encode()


def written_somehow(line: bytes, random: Random) -> bytes:
    match random.randrange(13):
        case 0 | 1 | 2:
            return changed(line, random)
        case 3:
            return respelled(json.loads(line), random).encode()
        case 4:
            return respelled(json.loads(line), random, escape=True).encode()
        case 5:
            odd = random.choice([": ", " :", "\t:\t"])
            place = random.choice(
                [m.end() for m in re.finditer(rb'[a-z]":', line)]
            )  # one colon only: all others are as ever
            return line[: place - 1] + odd.encode() + line[place:]
        case 6:
            return random.choice([b"@cee: ", b"Mar  1 10:00:00 sensor suricata[12]: ", b" "]) + line
        case 7:
            place = random.randrange(len(line))
            return (
                line[:place]
                + random.choice([b"", b"\xff", b"\\u0061", b'"', b"{"])
                + line[place + 1 :]
            )
        case 8:
            return line[random.randrange(len(line)) :]
        case 9:
            return respelled(json.loads(line), random, (":", ": ", " :", "\t:\t")).encode()
        case 10:
            return respelled(json.loads(line), random, commas=(",", " ,", "\t,")).encode()
        case _:
            return line


@pytest.mark.untraced  # the same lines a thousand times
def test_a_thousand_generated_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = lines_of_every_kind()
    path = tmp_path / "eve.json"
    kinds = 0
    for seed in range(FILES):
        random = Random(seed)
        monkeypatch.setattr(sources, "BLOCK", random.choice([700, 5_000, 1 << 20]))
        lines = [
            written_somehow(random.choice(pool), random) for _ in range(random.randrange(1, 60))
        ]
        if not seed % 4:
            lines = [*map(with_blanks, lines)]
        path.write_bytes(b"\n".join(lines) + b"\n" * random.randrange(2))
        site = SITES[seed % len(SITES)]
        expected = plainly(path, site)
        assert selected(path, site) == expected, f"seed {seed}"
        kinds += len(
            {kind for evidence in expected.hosts.values() for kind, _ in evidence.whole().sketches}
        )
    assert kinds > FILES  # the files did hold evidence


@pytest.mark.parametrize(
    "line",
    [
        b'{"event_type":"tls","tls": {}}',
        b'{"event_type":"tls","tls"\t:{}}',
        b'{"event_type":"tls","dest_port":25 ,"tls":{}}',
        b'{"event_type":"smtp" ,"smtp":{}}',
        b'{"event_type":"\\u0073mtp"}',
        b'{"event_type":"tls","a":"\\\\\\u0073mtp"}',
    ],
    ids=[
        "space behind a colon",
        "tab before a colon",
        "space behind a port",
        "space behind a type",
        "escape",
        "escape behind a backslash",
    ],
)
def test_a_line_that_is_spelled_in_another_way_is_wanted(line: bytes) -> None:
    assert wanted(line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        b'{"event_type":"http","http":{"http_user_agent":"x\\": \\" : 1"}}',
        b'{"event_type":"http","http":{"http_user_agent":"\\\\u0073mtp"}}',
        b'{"event_type":"http","http":{"http_user_agent":"\\u0000 smtp"}}',
    ],
    ids=["quotes", "a backslash", "control character"],
)
def test_what_a_hostile_client_sends_spells_nothing(line: bytes) -> None:
    """Suricata escapes it, so it cannot make every line be read."""
    assert wanted(line) == []


@pytest.mark.parametrize("behind", [",", "}", "]", " ", "\t", "\r\n", "\n", "\\n", '"'])
def test_a_kind_of_record_is_wanted_whatever_stands_behind_it(behind: str) -> None:
    line = f'{{"event_type":["smtp"{behind}'.encode()
    assert b"".join(wanted(line)) == line


def test_a_kind_of_record_is_no_key() -> None:
    assert wanted(b'{"event_type":"fileinfo","smtp":{}}') == []


@pytest.mark.parametrize(
    "name",
    [
        "gmx.example",
        "www.OutLook.example",
        f"{'a' * 200}.mail",
        'a\\"b.smtp.example',
        "NS.example.org",
        "17.2.0.192.in-addr.arpa",
        f"7.{'A.' * 31}ip6.arpa",
        f"07.{'0.' * 500}in-addr.arpa",
    ],
)
def test_a_lookup_is_wanted_for_its_name(name: str) -> None:
    line = (
        f'{{"event_type":"dns","dns":{{"type":"query","rrname":"{name}","rrtype":"A"}}}}'.encode()
    )
    assert wanted(line) == [line]


@pytest.mark.parametrize("number", ["15", '"15"', "15.0", '"15.0"'])
@pytest.mark.parametrize("quote", ['"', r'\\"', r"\\\"", '""'])
def test_a_lookup_is_wanted_for_the_number_of_its_type(number: str, quote: str) -> None:
    line = f'{{"event_type":"dns","dns":{{"rrname":"example.org","rrtype":{number}}}}}'
    spelled = line.replace('"', quote).encode()
    assert wanted(spelled) == [spelled]


def test_questions_as_text_are_wanted() -> None:
    line = rb'{"event_type":"dns","dns":{"queries":"[{\"rrname\":\"a.b\",\"rrtype\":\"MX\"}]"}}'
    assert wanted(line) == [line]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.2", "::ffff:127.0.0.2", "::FFFF:7f00:2", "0000:0000:0000:0000:0000:ffff:7F00:0002"],
)
def test_the_answer_of_a_blocklist_is_wanted_however_it_is_spelled(address: str) -> None:
    line = (
        '{"event_type":"dns","dns":{"type":"answer","rrname":"a.example","rrtype":"AAAA",'
        f'"grouped":{{"AAAA":["{address}"]}}}}}}'
    ).encode()
    assert wanted(line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        b'{"event_type":"tls","tls":{"sni":"mail.example.org"}}',
        b'{"event_type":"http","http":{"url":"/?q=\\"mail"}}',
        b'{"event_type":"dns","dns":{"rrname":"www.example.org","rdata":"ns.example.org"}}',
        b'{"event_type":"dns","dns":{"rrname":"18.2.0.192.in-addr.arpa","rrtype":"PTR"}}',
        b'{"event_type":"dns","dns":{"rrname":"1.7.0.192.in-addr.arpa","rrtype":"PTR"}}',
        b'{"event_type":"dns","dns":{"rrname":"www.ns.example.org","rrtype":"A"}}',
    ],
)
def test_other_names_are_passed_over(line: bytes) -> None:
    assert wanted(line) == []


@pytest.mark.parametrize(
    "spell",
    [
        lambda line: line,
        lambda line: b'{"message":' + in_text(line) + b"}",
        lambda line: b'{"message":' + in_text(b'{"log":' + in_text(line) + b"}") + b"}",
        lambda line: b'1,"' + line.replace(b'"', b'""') + b'"',
    ],
    ids=["plain", "text", "text in text", "CSV"],
)
@pytest.mark.parametrize(
    "keys",
    [
        ("tcp_flags", "tcp_flags_ts", "tcp_flags_tc", "syn"),
        ("syn", "tcp_flags", "tcp_flags_tc", "tcp_flags_ts"),
        ("tcp_flags_tc", "syn", "tcp_flags_ts", "tcp_flags"),
        ("tcp_flags_ts", "syn", "tcp_flags", "tcp_flags_tc"),
    ],
    ids=["Suricata", "sorted", "server first", "client first"],
)
def test_an_ordinary_flow_is_passed_over_however_it_is_spelled(
    spell: Callable[[bytes], bytes], keys: tuple[str, ...]
) -> None:
    """Otherwise every flow in a container, or from a shipper with another key order, would be
    decoded.
    """

    def flow(client: str, server: str) -> bytes:
        ends = {"src_ip": "10.20.1.7", "dest_ip": "192.0.2.1", "dest_port": 443}
        flags = {"tcp_flags_ts": client, "tcp_flags_tc": server, "tcp_flags": "1b", "syn": True}
        tcp = {key: flags[key] for key in keys}
        record = {"event_type": "flow", **ends, "flow": {"state": "closed"}, "tcp": tcp}
        return spell(json.dumps(record, separators=(",", ":")).encode())

    assert wanted(flow("1b", "1b")) == []
    for unanswered in (flow("02", "00"), flow("1b", "10"), flow("02", "12")):
        assert wanted(unanswered) == [unanswered]


def in_text(line: bytes) -> bytes:
    return json.dumps(line.decode()).encode()


def wanted(line: bytes) -> list[bytes]:
    return Prefilter(line_filter(SITES[0]), tuple).lines(line, len(line))[0]


LINES = st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=30)


@settings(max_examples=200)
@given(
    lines=LINES,
    end=st.booleans(),
    cuts=st.lists(st.integers(0, 300), max_size=5),
    block=st.integers(1, 40),
)
def test_every_line_is_in_one_span(
    lines: list[bytes],
    end: bool,
    cuts: list[int],
    block: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = b"\n".join(lines) + b"\n" * end
    path = tmp_path_factory.mktemp("spans") / "eve.json"
    path.write_bytes(content)
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    stats = ReadStats()
    found = b""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(sources, "BLOCK", block)
        patch.setattr(sources, "MAX_LINE", 400)
        for start, stop in pairwise(places):
            for piece, stop_at in Span(
                str(path), start, stop, stack, stats, lambda _: None
            ).blocks():
                found += piece[:stop_at]
    assert found == content
    assert stats.bytes == len(content)


def test_of_long_lines_hardly_more_is_read_than_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = b"%b\n" % (b"x" * 3 * sources.HEAD)
    path = tmp_path / "eve.json"
    path.write_bytes(line * 200)
    read: list[int] = []

    def pread(descriptor: int, size: int, at: int) -> bytes:
        block = os.pread(descriptor, size, at)
        read.append(len(block))
        return block

    cut = 50 * len(line) + sources.HEAD
    with monkeypatch.context() as patch, ExitStack() as stack:
        patch.setattr(sources, "os", SimpleNamespace(**vars(os) | {"pread": pread}))
        span = Span(str(path), 0, cut, stack, ReadStats(), lambda _: None)
        found = b"".join(piece[:end] for piece, end in span.blocks())
    assert found == line * 51
    assert sum(read) < cut + 8 * len(line)
