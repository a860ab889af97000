"""Discovery that skips undecoded lines finds what decoding every line finds."""

import gzip
import json
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from eveproc.discovery.conversations import Conversations, Meeting
from eveproc.discovery.discover import Discoverer, SiteEvidence
from eveproc.discovery.networks import HomeNetworkFinder
from eveproc.evidence.collector import EVER, Period
from eveproc.input import parallel, sources
from eveproc.input.events import Event
from eveproc.input.parallel import gather
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from rulegen.site_profile import SiteProfile
from tests.eveproc.evidence_of import without_coverage
from tests.eveproc.input.test_prefilter import lines_of_every_kind, written_somehow

DATA = Path(__file__).parents[2] / "data"
HOMES = ip_network("10.20.0.0/16"), ip_network("2001:db8:20::/48")
SITES = (SiteProfile(HOMES), SiteProfile(()), SiteProfile((ip_network("198.51.100.0/22"),)))
FUTURE = Period(future=1_772_443_000.0)
FILES = 300
KINDS = {"dns", "flow", "alert", "smtp"}


def comparable(store: SiteEvidence, site: SiteProfile) -> tuple[object, ...]:
    """All but what depends on how often a record is read; without home networks, what shows them."""
    store.trim()
    finder = replace(store.finder, _met=set(), _bars={})
    if not site.home_networks:
        return store.kinds, finder
    times = {"first_event": 0.0, "last_event": 0.0, "early_events": 0}
    evidence = replace(store, **times, finder=HomeNetworkFinder(), unused={})
    return without_coverage(evidence), finder


def plainly(path: Path, site: SiteProfile, period: Period) -> SiteEvidence:
    return read_plainly(path, Discoverer(site, period))


def read_plainly(path: Path, finder: Discoverer) -> SiteEvidence:
    for event in read_events([str(path)], ReadStats()):
        finder.add(event)
    return finder.store


def quickly(path: Path, site: SiteProfile, period: Period, jobs: int = 1) -> SiteEvidence:
    store, _ = gather([str(path)], lambda: Discoverer(site, period), jobs=jobs)
    assert isinstance(store, SiteEvidence)
    return store


def is_same(path: Path, site: SiteProfile, period: Period, jobs: int = 1) -> bool:
    quick, plain = (
        comparable(one, site)
        for one in (quickly(path, site, period, jobs), plainly(path, site, period))
    )
    assert quick == plain
    return True


@pytest.mark.parametrize("site", SITES, ids=["homes", "none", "public"])
@pytest.mark.parametrize("version", [7, 8])
def test_recordings(
    version: int, site: SiteProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "SPAN", 2_000_000)
    monkeypatch.setattr(parallel, "WORTH_A_PROCESS", 100_000)
    path = tmp_path / "eve.json"
    path.write_bytes(
        gzip.decompress((DATA / f"office-suricata-{version}.eve.json.gz").read_bytes())
    )
    assert is_same(path, site, FUTURE, jobs=2)
    assert quickly(path, site, FUTURE).kinds == KINDS


@pytest.mark.untraced  # the same lines hundreds of times
def test_generated_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most lines are unchanged, so that whole blocks can be searched together."""
    pool = lines_of_every_kind()
    path = tmp_path / "eve.json"
    hosts = 0
    for seed in range(FILES):
        random = Random(seed)
        monkeypatch.setattr(sources, "BLOCK", random.choice([2_000, 20_000, 1 << 20]))
        odd, few = random.choice([0, 0, 0.1, 0.5]), random.sample(pool, 20)
        lines = [random.choice(few) for _ in range(random.randrange(1, 120))]
        lines = [moved(line, random) for line in lines]
        lines = [written_somehow(line, random) if random.random() < odd else line for line in lines]
        path.write_bytes(b"\n".join(lines) + b"\n" * random.randrange(2))
        assert is_same(path, SITES[seed % len(SITES)], FUTURE), f"seed {seed}"
        hosts += len(quickly(path, SITES[0], FUTURE).met)
    assert hosts > FILES / 2


@pytest.mark.untraced  # the same lines hundreds of times
def test_what_an_earlier_reading_showed_need_not_be_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home networks are found in a part of the lines, everything else in all lines."""
    pool = lines_of_every_kind()
    path, part = tmp_path / "eve.json", tmp_path / "part.json"
    right = wrong = 0
    for seed in range(FILES):
        random = Random(seed)
        monkeypatch.setattr(sources, "BLOCK", random.choice([2_000, 20_000, 1 << 20]))
        few, odd = random.sample(pool, 20), random.choice([0, 0, 0.1, 0.5])
        lines = [moved(random.choice(few), random) for _ in range(random.randrange(1, 120))]
        lines = [written_somehow(line, random) if random.random() < odd else line for line in lines]
        path.write_bytes(b"\n".join(lines) + b"\n")
        part.write_bytes(b"\n".join(lines[: random.choice([20, 60, 120])]) + b"\n")
        before = plainly(part, SITES[1], EVER)
        if not (guess := before.finder.networks()):
            continue
        home = SiteProfile(guess)
        before.met = {network for network in guess if before.finder.has_met(network)}
        collect = partial(Discoverer, home, FUTURE, is_declared=False)
        quick, _ = gather([str(path)], partial(collect, before=before), jobs=1)
        plain = read_plainly(path, collect())
        for store in (quick, plain):
            assert isinstance(store, SiteEvidence)
            store.finder.merge(before.finder)
            store.kinds |= before.kinds
            store.met |= before.met
        found = plainly(path, SITES[1], EVER).finder
        assert quick.finder.networks() == found.networks(), f"seed {seed}"
        assert told(quick.finder.beyond(guess)) == told(plain.finder.beyond(guess)), f"seed {seed}"
        assert comparable(quick, home)[0] == comparable(plain, home)[0], f"seed {seed}"
        right += found.networks() == guess
        wrong += found.networks() != guess
    assert min(right, wrong) > FILES / 10


def told(finder: HomeNetworkFinder) -> tuple[object, ...]:
    networks = finder.networks()
    examples = [finder.examples(network) for network in networks]
    return networks, finder.doubtful(), examples, finder.answers_logged


def moved(line: bytes, random: Random) -> bytes:
    """At another minute, in another zone, or between the ends of another pair of hosts."""
    event = json.loads(line)
    if random.random() < 0.3:
        stamp = f"2026-03-02T{random.randrange(8, 11):02}:{random.randrange(60):02}:00.000000"
        event["timestamp"] = stamp + random.choice(["+0000", "+0000", "+0530", "-0800"])
    for end in sorted({"src_ip", "dest_ip"} & event.keys()):
        if random.random() < 0.2:
            event[end] = random.choice(ADDRESSES)
    for end in sorted({"src_port", "dest_port"} & event.keys()):
        if random.random() < 0.1:
            event[end] = 53
    if "flow" in event and random.random() < 0.2:
        event["flow"]["pkts_toclient"] = 0
    return json.dumps(event, separators=(",", ":")).encode()


ADDRESSES = (
    *("10.20.0.53", "10.20.3.9", "10.99.1.1", "192.168.7.8", "172.16.3.4", "203.0.113.53"),
    *("198.51.100.9", "198.51.101.1", "198.51.102.3", "2001:0DB8:0020::0009", "2001:db8:20::9"),
    *("2a00::53", "fd00:1::7", "FD00:0001::7", "::ffff:10.20.3.9", "0:0:0:0:0:ffff:10.20.0.53"),
)


def test_what_is_said_again_is_not_decoded() -> None:
    taken: list[Event] = []

    def note(event: Event) -> Meeting:
        taken.append(event)
        return Meeting((event.client, event.server), is_all=event.TYPE == "dns")

    further = Conversations(note, HOMES[:1], quiet=HOMES, asks=lambda *_: False).further
    lines = [
        record("dns", 5000 + number, dns={"version": 2, "type": "answer", "id": number})
        for number in range(50)
    ] + [record("flow", 6000 + number, flow={"pkts_toclient": 3}) for number in range(50)]
    block = b"".join(lines)
    assert list(further(block, len(block))) == []
    assert [event.TYPE for event in taken] == ["dns", "flow"]
    odd = lines[0].replace(b'"src_ip":', b'"src_ip": ')
    assert list(further(block + odd, len(block + odd))) == [len(block) + 1]
    assert len(taken) == 2


@pytest.mark.parametrize("site", SITES, ids=["homes", "none", "public"])
@pytest.mark.parametrize("sources", [("53", 53), (53, "53"), ("53", "53"), (53, 53)])
def test_ports_that_are_text_tell_the_server_too(
    tmp_path: Path, site: SiteProfile, sources: tuple[object, object]
) -> None:
    """Also if only one of the two ports is text."""
    answer = {"version": 2, "type": "answer", "rcode": "NOERROR", "rrname": "a.example"}
    ends = dict(zip(("src_port", "dest_port"), sources, strict=True))
    first = record("dns", 5000, dns=answer)
    second = record("dns", 5001, dns=answer, **ends, src_ip="198.51.100.53", dest_ip="127.0.0.1")
    path = tmp_path / "eve.json"
    path.write_bytes(first + second)
    assert is_same(path, site, EVER)


@pytest.mark.parametrize("number", [0, 1, 7])
def test_damaged_records_do_not_hide_their_kind(tmp_path: Path, number: int) -> None:
    path = tmp_path / "eve.json"
    flow = record("flow", 6000, flow={"pkts_toclient": 3}, src_ip="9.9.9.9", dest_ip="9.9.9.8")
    path.write_bytes(flow.replace(b'"proto"', b'"proto') * number + flow)
    assert quickly(path, SITES[2], EVER).kinds == {"flow"}


def record(kind: str, port: int, **more: object) -> bytes:
    ends = {"src_ip": "10.20.1.7", "src_port": port, "dest_ip": "10.20.0.53", "dest_port": 53}
    event = {
        **{"timestamp": "2026-03-02T08:00:00.000000+0000", "flow_id": port, "event_type": kind},
        **{**ends, "proto": "UDP", **more},
    }
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"
