"""The same traffic in every encoding and framing -> byte for byte the same report.

The traffic is that of tests/data, as the two real engines logged it. The report holds counts,
times, sids and flow ids of all evidence, so this holds the reading, the decoding and the merging of
evidence to one result.
"""

import gzip
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from eveproc.cli import main
from rulegen.vocabulary import Engine
from tests.eveproc.framing import (
    COMPRESSIONS,
    LAYOUTS,
    PACKERS,
    SHAPES,
    Layout,
    Lines,
    Shape,
    packed,
    plain,
)
from tests.eveproc.reencode import (
    ENCODINGS,
    Encoding,
    Event,
    as_suricata_6,
    as_suricata_7,
    as_suricata_8,
    in_zone,
    with_dns_version_1,
)

DATA = Path(__file__).parents[2] / "data"
ENGINES = (Engine.SURICATA_7, Engine.SURICATA_8)


@cache
def recording(engine: Engine) -> tuple[Event, ...]:
    with gzip.open(DATA / f"office-{engine}.eve.json.gz") as stream:
        return tuple(map(json.loads, stream))


@cache
def mailers() -> tuple[frozenset[str], ...]:
    """The addresses of each infected host, the one with the fewest connections first."""
    hosts = [
        h
        for h in json.loads((DATA / "truth.json").read_text())["hosts"]
        if h["label"] == "infected"
    ]
    hosts.sort(key=lambda host: host["meant"]["mail_connections"])
    return tuple(frozenset(host["addresses"]) for host in hosts)


def told_of(events: Iterable[Event], addresses: frozenset[str]) -> list[Event]:
    """All about these hosts, and what is about no host or moves addresses."""

    def concerns(event: Event) -> bool:
        ends = {_short(event[end]) for end in ("src_ip", "dest_ip") if end in event}
        return bool(ends & addresses) or event["event_type"] in ("dhcp", "stats")

    return [event for event in events if concerns(event)]


@cache
def _short(address: str) -> str:
    return str(ip_address(address))


def lines_of(events: Iterable[Event]) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


def report(*sources: str | Path) -> bytes:
    result = CliRunner().invoke(
        main, ["report", *map(str, sources), "-s", str(DATA / "site.yaml"), "-f", "json", "--all"]
    )
    assert result.exit_code == 0, result.output
    return result.stdout_bytes


def report_of(events: Iterable[Event], folder: Path) -> bytes:
    path = folder / "eve.json"
    path.write_bytes(plain(lines_of(events)))
    return report(path)


@pytest.fixture(scope="module", params=ENGINES, ids=str)
def engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.param
    return chosen


@pytest.fixture(scope="module")
def everything_of_mailers(engine: Engine) -> list[Event]:
    return told_of(recording(engine), frozenset().union(*mailers()))


@pytest.fixture(scope="module")
def expected(everything_of_mailers: list[Event], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    found = report_of(everything_of_mailers, tmp_path_factory.mktemp("expected"))
    infected = {
        verdict["host"]
        for verdict in map(json.loads, found.splitlines())
        if verdict["verdict"] == "infected"
    }
    assert infected
    assert all(addresses & infected for addresses in mailers())
    return found


# The encodings themselves: each engine's log, rewritten as the other's, is what the other logged of
# the same packets.

NOT_ENCODING = ("flow_id", "pcap_cnt", "timestamp")
LOGGED_BY_8_ONLY = {"request": ("flags", "rd"), "response": ("tx_id",)}


def dns_of(events: Iterable[Event]) -> Counter[str]:
    """dns events without the engine's own numbers and what 7 does not log."""
    return Counter(
        json.dumps(
            {
                **_stripped(event),
                "ip_v": None,
                "ether": {key: event["ether"][key] for key in ("src_mac", "dest_mac")},
                "dns": _common(event["dns"]),
            },
            sort_keys=True,
        )
        for event in events
        if event["event_type"] == "dns"
    )


def _stripped(event: Event) -> Event:
    return {key: value for key, value in event.items() if key not in NOT_ENCODING}


def _common(dns: Event) -> Event:
    return {
        key: value for key, value in dns.items() if key not in LOGGED_BY_8_ONLY.get(dns["type"], ())
    }


def transactions_of(events: Iterable[Event]) -> Counter[tuple[object, ...]]:
    return Counter(
        (e["community_id"], e["tx_id"], json.dumps(e["smtp"]))
        for e in events
        if e["event_type"] == "smtp"
    )


def dns_of_alerts(events: Iterable[Event]) -> dict[tuple[str, int], Event]:
    alerts = (event for event in events if event["event_type"] == "alert" and "dns" in event)
    return {
        (alert["community_id"], alert["alert"]["signature_id"]): _without_flags(alert["dns"])
        for alert in alerts
    }


def _without_flags(dns: Event) -> Event:
    return _common(dns) if "type" in dns else dns


@pytest.mark.parametrize(
    ("rewrite", "from_engine", "to_engine"),
    [(as_suricata_8, *ENGINES), (as_suricata_7, *ENGINES[::-1])],
    ids=["as 8", "as 7"],
)
def test_the_rewritten_log_is_what_the_other_engine_logged(
    rewrite: Encoding, from_engine: Engine, to_engine: Engine
) -> None:
    rewritten, real = list(rewrite(recording(from_engine))), recording(to_engine)
    assert dns_of(rewritten) == dns_of(real)
    assert transactions_of(rewritten) == transactions_of(real)
    ours, theirs = dns_of_alerts(rewritten), dns_of_alerts(real)
    both = ours.keys() & theirs.keys()  # the rules of the two engines differ
    assert both
    assert {key: ours[key] for key in both} == {key: theirs[key] for key in both}


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_every_version_s_encoding(
    everything_of_mailers: list[Event], expected: bytes, encoding: Encoding, tmp_path: Path
) -> None:
    assert report_of(encoding(everything_of_mailers), tmp_path) == expected


def test_dns_version_1_tells_less_and_only_of_when_it_was_last_seen_and_of_who_serves_it(
    everything_of_mailers: list[Event], expected: bytes, tmp_path: Path
) -> None:
    found = report_of(with_dns_version_1(everything_of_mailers), tmp_path)
    assert _told_by_version_1(found) == _told_by_version_1(expected)


def _told_by_version_1(report: bytes) -> list[Event]:
    """It does not say who answers for names that do exist, so hosts without other evidence are left
    out."""
    return [
        _without_last_seen(verdict)
        for verdict in map(json.loads, report.splitlines())
        if verdict["evidence"]
    ]


def _without_last_seen(verdict: Event) -> Event:
    return {
        **verdict,
        "last_seen": None,
        "evidence": [{**item, "last_seen": None} for item in verdict["evidence"]],
    }


@pytest.mark.parametrize("hours", [-5, 9])
def test_the_sensor_s_zone(
    everything_of_mailers: list[Event], expected: bytes, hours: int, tmp_path: Path
) -> None:
    moved = (json.loads(in_zone(json.dumps(event), hours)) for event in everything_of_mailers)
    assert report_of(moved, tmp_path) == expected


def test_records_of_both_engines_say_the_same(tmp_path: Path) -> None:
    """But for flow ids and for when a mail's record was closed, which are the engines' own."""
    seen = []
    for engine in ENGINES:
        told = told_of(recording(engine), frozenset().union(*mailers()))
        records = [event for event in told if event["event_type"] != "alert"]
        seen.append(
            [_figures(json.loads(line)) for line in report_of(records, tmp_path).splitlines()]
        )
    assert seen[0] == seen[1]


def _figures(verdict: Event) -> Event:
    items = [
        (item["signal"], item["count"], item["distinct"], item["why"])
        for item in verdict["evidence"]
    ]
    return {
        key: verdict[key] for key in ("host", "verdict", "score", "families", "identity", "why")
    } | {"evidence": items}


def test_everything_at_once(
    everything_of_mailers: list[Event], expected: bytes, tmp_path: Path
) -> None:
    """More evidence of one hour than is kept, in any order: what is cut must not depend on it."""
    lines = [
        line
        for encoding in (as_suricata_6, as_suricata_8)
        for line in lines_of(encoding(everything_of_mailers))
    ]
    Random(7).shuffle(lines)
    (tmp_path / "eve.1.json").write_bytes(plain(lines[::2]))
    (tmp_path / "eve.2.json.gz").write_bytes(packed(plain(lines[1::2]), "gz"))
    assert report(tmp_path) == expected


# Framings. What two hosts did is enough to see whether a line was lost, torn or taken for another.


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return lines_of(told_of(recording(Engine.SURICATA_8), mailers()[0] | mailers()[1]))


@pytest.fixture(scope="module")
def expected_of_lines(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("lines") / "eve.json"
    path.write_bytes(plain(lines))
    found = report(path)
    assert found.count(b'"verdict": "infected"') == 2
    return found


def name(function: Callable[..., object]) -> str:
    return function.__name__.replace("_", " ")


@pytest.mark.parametrize("shape", SHAPES, ids=name)
def test_every_framing(
    lines: Lines, expected_of_lines: bytes, shape: Shape, tmp_path: Path
) -> None:
    (tmp_path / "eve.json").write_bytes(shape(lines))
    assert report(tmp_path / "eve.json") == expected_of_lines


@pytest.mark.parametrize("kind", COMPRESSIONS)
@pytest.mark.parametrize("suffix", [".json.{}", ".json.1", ".json"])
def test_every_compression_by_whatever_name(
    lines: Lines, expected_of_lines: bytes, kind: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"eve{suffix.format(kind)}"
    path.write_bytes(packed(plain(lines), kind))
    assert report(path) == expected_of_lines


@pytest.mark.parametrize("layout", LAYOUTS, ids=name)
def test_every_layout_of_files(
    lines: Lines, expected_of_lines: bytes, layout: Layout, tmp_path: Path
) -> None:
    assert report(*layout(lines, tmp_path)) == expected_of_lines


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_standard_input(
    lines: Lines, expected_of_lines: bytes, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "input"
    path.write_bytes(pack(plain(lines)))
    with standard_input(path):
        assert report("-") == expected_of_lines


@contextmanager
def standard_input(path: Path) -> Iterator[None]:
    kept = os.dup(0)
    with path.open("rb") as stream:
        os.dup2(stream.fileno(), 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


PARTS = st.lists(
    st.tuples(st.sampled_from(SHAPES), st.sampled_from(sorted(PACKERS))), min_size=1, max_size=4
)


@settings(max_examples=10)
@given(parts=PARTS, repeated=st.integers(0, 200), seed=st.integers(0, 1 << 32))
def test_any_split_order_repetition_and_framing(
    lines: list[bytes],
    expected_of_lines: bytes,
    parts: list[tuple[Shape, str]],
    repeated: int,
    seed: int,
) -> None:
    random = Random(seed)
    spread = lines + random.sample(lines, min(repeated, len(lines)))
    random.shuffle(spread)
    with tempfile.TemporaryDirectory() as folder:
        for number, (shape, packer) in enumerate(parts):
            (Path(folder) / f"eve.{number}.json").write_bytes(
                PACKERS[packer](shape(spread[number :: len(parts)]))
            )
        assert report(folder) == expected_of_lines
