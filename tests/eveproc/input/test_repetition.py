"""Lines that repeat what is known -> the same evidence as decoding every one of them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest

from eveproc.evidence import lookup_reader
from eveproc.evidence.collector import Collector, Period
from eveproc.evidence.coverage import RecordSpan
from eveproc.evidence.gather import gather
from eveproc.evidence.store import EvidenceStore
from eveproc.input import lookups, parallel, sensor_runs
from eveproc.input.decode import decode, dns_event
from eveproc.input.events import Dns
from eveproc.input.lookups import Asker, Lookups
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.input.sensor_runs import SensorRuns
from eveproc.signals.records import DnsService, Question
from eveproc.signals.registry import EXTRACTORS
from rulegen.site_profile import SiteProfile
from rulegen.units import HOUR
from tests.eveproc.evidence_of import site_of, without_coverage

START = 1_772_438_400.0
FILES = 40
SITE = site_of('home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nsensors: [north]\n')
SITES = (
    SITE,
    site_of(
        "home_networks: [10.20.1.0/24]\ninternal_domains: [mail.example]\nseparate_by: [vlan]\n"
    ),
    site_of(
        "home_networks: [10.20.0.0/16]\nexempt:\n"
        "  - {address: 10.20.1.7, signals: [name_guess], reason: a test}\n"
    ),
)
PERIODS = (
    Period(),
    Period(since=START + 1800, until=START + 6000),
    Period(future=START + 4000),
)
# Clients, servers, and what both may be.
HOSTS = ("10.20.1.7", "10.20.2.9", "2001:0db8:0020:0000:0000:0000:0000:0007", "198.51.100.9")
SERVERS = ("10.20.0.53", "192.0.2.53", "2001:db8:20::53", "10.20.1.7")
NAMES = ("smtp.gmail.com", "SMTP.Gmail.com", "mx.mail.example", "7.2.0.192.in-addr.arpa")
MORE_NAMES = ("autodiscover.example.org", "2.0.0.127.zen.spamhaus.org", 'a"smtp.example.org')
ADDRESSES = ("192.0.2.25", "127.0.0.4", "10.20.0.25", "no address")
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


def stamp(time: float, random: Random) -> str:
    zone = random.choice([UTC, UTC, UTC, timezone(timedelta(hours=2, minutes=30))])
    return datetime.fromtimestamp(time, zone).strftime("%Y-%m-%dT%H:%M:%S.%f%z")


def moment(random: Random) -> float:
    """Within three hours, some at one time, a few before the year 2000."""
    if random.random() < 0.02:
        return 900_000_000.0 + random.randrange(9)
    return START + random.choice([random.randrange(9), random.random() * 3 * HOUR])


def answer(name: str, random: Random) -> dict[str, object]:
    found = random.sample(ADDRESSES, random.randrange(3))
    detailed = [
        {"rrname": name, "rrtype": "A", "ttl": random.randrange(900), "rdata": one} for one in found
    ]
    grouped = {"A": found, **({"CNAME": ["mx.other.example"]} if random.random() < 0.2 else {})}
    return random.choice(
        [{}, {"answers": detailed}, {"grouped": grouped}, {"answers": detailed, "grouped": grouped}]
    )


def a_lookup(random: Random) -> dict[str, object]:
    client, server = random.choice(HOSTS), random.choice(SERVERS)
    name = random.choice(NAMES + MORE_NAMES)
    rrtype = random.choice(["A", "A", "AAAA", "MX", "PTR"])
    version, is_answer = random.choice([2, 2, 3, 1]), random.random() < 0.5
    ends = [client, random.choice([5353, 40_000, 40_001, 53]), server, random.choice([53, 53, 54])]
    if is_answer and version == 3:
        ends = ends[2:] + ends[:2]
    asked = {"rrname": name, "rrtype": rrtype}
    kinds = ("request", "response") if version == 3 else ("query", "answer")
    return {
        "timestamp": stamp(moment(random), random),
        "flow_id": random.choice([0, 7, random.randrange(1 << 50)]),
        **({"in_iface": "eth0"} if random.random() < 0.1 else {}),
        "event_type": "dns",
        **({"vlan": [random.choice([10, 20])]} if random.random() < 0.2 else {}),
        **dict(zip(("src_ip", "src_port", "dest_ip", "dest_port"), ends, strict=True)),
        "proto": random.choice(["UDP", "UDP", "TCP"]),
        **(
            {"ether": dict(zip(("src_mac", "dest_mac"), random.sample(MACS, 2), strict=True))}
            if random.random() < 0.3
            else {}
        ),
        **({"community_id": f"1:{random.randrange(3)}"} if random.random() < 0.3 else {}),
        "dns": {
            "version": version,
            "type": kinds[is_answer],
            "id": random.choice([1, 2, random.randrange(1 << 16)]),
            **({"queries": [asked]} if version == 3 else asked),
            **({"rcode": random.choice(["NOERROR", "NXDOMAIN"])} if is_answer else {}),
            **(answer(name, random) if is_answer else {}),
        },
        **({"host": random.choice(["north", "south"])} if random.random() < 0.2 else {}),
    }


class Sensor:
    """Writes its counters again and again, and is started anew from time to time."""

    def __init__(self, name: str, random: Random) -> None:
        self.name = name
        self.random = random
        self.hides_zeros = random.random() < 0.3
        self.time = START + random.randrange(3600)
        self.restart()

    def restart(self) -> None:
        self.uptime = self.drops = self.packets = 0

    def record(self) -> dict[str, object]:
        random = self.random
        if random.random() < 0.1:
            self.restart()
        self.uptime += 8
        self.time += random.choice([8, 8, 8, 2000])
        self.packets += random.randrange(9000)
        self.drops += random.choice([0, 0, random.randrange(500)])
        capture = {"kernel_packets": self.packets, "kernel_drops": self.drops}
        counters = {
            "capture": {k: v for k, v in capture.items() if v or not self.hides_zeros},
            "decoder": {"pkts": self.packets, **({} if self.hides_zeros else {"invalid": 0})},
            "http": {f"a_counter_of_many_{number}": 1_000_000 for number in range(60)},
        }
        return {
            "timestamp": stamp(self.time, random),
            "event_type": "stats",
            "stats": {"uptime": self.uptime, **counters},
            **({"host": self.name} if self.name else {}),
        }


def a_file(path: Path, random: Random) -> None:
    """Few lookups, each many times, and statistics of three sensors, in any order."""
    pool = [a_lookup(random) for _ in range(12)]
    records = []
    for _ in range(300):
        like, new = random.choice(pool), a_lookup(random)
        same = {**like, "timestamp": new["timestamp"], "flow_id": new["flow_id"]}
        same["dns"] = {**like["dns"], "id": new["dns"]["id"]}
        records.append(random.choice([same, same, same, new]))
    sensors = [Sensor(name, random) for name in ("", "north", 'a "name"')]
    records += [random.choice(sensors).record() for _ in range(120)]
    random.shuffle(records)
    path.write_bytes(b"".join(written(record, random) for record in records))


def written(record: dict[str, object], random: Random) -> bytes:
    separators = (", ", ": ") if random.random() < 0.05 else (",", ":")
    return json.dumps(record, separators=separators).encode() + b"\n"


def plainly(path: Path, site: SiteProfile, period: Period) -> tuple[EvidenceStore, ReadStats]:
    collector, stats = Collector(site, period), ReadStats()
    for event in read_events([str(path)], stats):
        collector.add(event)
    collector.store.trim()
    return collector.store, stats


@pytest.mark.untraced  # the same lines again and again
@pytest.mark.parametrize("bound", [None, 5], ids=["bounds as they are", "low bounds"])
def test_generated_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: int | None
) -> None:
    """A log with repetitions gives the same result in the plain and in the fast way."""
    if bound:
        monkeypatch.setattr(lookups, "MOST_KNOWN", bound)
        monkeypatch.setattr(lookups, "MOST_WAITING", bound)
        monkeypatch.setattr(sensor_runs, "MOST_RUNS", bound)
        monkeypatch.setattr(lookup_reader, "MOST_KNOWN", bound)
        monkeypatch.setattr(parallel, "WAITING", 2_000)
    path, kinds = tmp_path / "eve.json", set()
    for seed in range(FILES):
        a_file(path, Random(seed))
        site, period = SITES[seed % len(SITES)], PERIODS[seed % len(PERIODS)]
        expected, read = plainly(path, site, period)
        found, stats = gather([str(path)], site, period, jobs=1)
        found.trim()
        assert without_coverage(found) == without_coverage(expected), f"seed {seed}"
        assert spans(found) == spans(expected), f"seed {seed}"
        assert stats.events["stats"] == read.events["stats"] == 120
        kinds |= {kind for host in expected.hosts.values() for kind, _ in host.whole().sketches}
    # All that is read from lookups.
    assert kinds == {kind for record in (Question, DnsService) for kind, _ in EXTRACTORS[record]}


def spans(store: EvidenceStore) -> Mapping[tuple[str, str], RecordSpan]:
    """When statistics were logged: every one is counted, decoded or not."""
    return {key: span for key, span in store.coverage.records.items() if key[1] == "stats"}


def repeated(count: int, **changes: object) -> list[bytes]:
    """This number of equal lookups, in a form that the fast path handles."""
    return [
        json.dumps(
            {
                "timestamp": f"2026-03-02T08:00:{number:02}.000000+0000",
                "flow_id": number + 1,
                "event_type": "dns",
                "src_ip": "10.20.1.7",
                "src_port": 40_000 + number,
                "dest_ip": "10.20.0.53",
                "dest_port": 53,
                "proto": "UDP",
                "dns": {
                    "version": 2,
                    "type": "query",
                    "id": number,
                    "rrname": "smtp.example.org",
                    "rrtype": "A",
                },
                **changes,
            }
        ).encode()
        for number in range(count)
    ]


def test_of_what_is_said_alike_one_event_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(lookups, "dns_event", lambda *of: made.append(of) or dns_event(*of))
    known = Lookups(lambda address: address.startswith("10."))
    assert all(known.take(line) for line in repeated(50))
    assert len(made) == 1
    events = [event for asker in known.askers() for event in asker.events()]
    assert [event.client_port for event in events] == [40_000 + number for number in range(50)]
    known.clear()
    assert not list(known.askers())
    assert all(known.take(line) for line in repeated(5, src_ip="10.20.1.8"))
    assert len(made) == 2


def test_lookups_that_cannot_be_added_together_are_added_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_collector: Collector, asker: Asker) -> None:
        raise RuntimeError(asker.client)

    monkeypatch.setattr(Collector, "add_lookups", failing)
    path = tmp_path / "eve.json"
    path.write_bytes(b"\n".join(repeated(50)) + b"\n")
    found, stats = gather([str(path)], SITE, jobs=1)
    expected, _ = plainly(path, SITE, Period())
    found.trim()
    assert without_coverage(found) == without_coverage(expected)
    assert (stats.events["dns"], stats.skipped) == (50, {})


@pytest.mark.parametrize(
    "line",
    [
        *repeated(1, src_port=53),
        *repeated(1, dest_port=5353),
        *repeated(1, src_port="40000"),
        *repeated(1, timestamp="2026-03-02T08:00:00.000000"),
        *repeated(1, timestamp="2199-03-02T08:00:00.000000+0000"),
        *repeated(1, timestamp=1_772_438_400),
        *repeated(1, event_type="flow"),
        *repeated(1, flow_id=1 << 64),
        *repeated(1, dns={"version": 2, "type": "unknown"}),
        *repeated(1, dns={"version": 1, "type": "answer", "grouped": {"A": ["192.0.2.1"]}}),
        *repeated(1, dns={"version": 1, "type": "answer", "rdata": "192.0.2.1"}),
        *repeated(1, dns={"version": 2, "type": "answer", "answers": [{"rdata": {}}]}),
        *repeated(1, dns={"version": 2, "type": "answer", "grouped": {"A": "192.0.2.1"}}),
        *repeated(1, dns={"version": 2, "type": "answer", "grouped": None}),
        *repeated(1, dest_ip="nowhere"),
        *repeated(1, src_ip="nowhere"),
        repeated(1)[0][:-1],
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_odd_is_left_to_the_plain_way(line: bytes) -> None:
    """Also if similar lines are known."""
    known = Lookups(lambda _: True)
    assert known.take(repeated(1)[0])
    known.clear()
    assert not known.take(line)
    assert not list(known.askers())
    assert not list(known.resolved())


def test_queries_of_suricata_6_have_no_version() -> None:
    known = Lookups(lambda _: True)
    question = {"type": "query", "id": 1, "rrname": "smtp.example.org", "rrtype": "A"}
    assert known.take(*repeated(1, dns=question))


def test_answers_without_a_version_do_not_change_what_those_with_one_say(tmp_path: Path) -> None:
    """Answers without a version are read as Suricata 4 wrote them: one record an answer, by its own
    name.
    """
    answer = {
        "type": "answer",
        "id": 1,
        "rrname": "www.example.org",
        "rrtype": "A",
        "rcode": "NOERROR",
        "answers": [{"rrname": "smtp.example.net", "rrtype": "A", "rdata": "192.0.2.25"}],
    }
    lines = (*repeated(1, dns=answer), *repeated(1, dns={"version": 2, **answer}))
    known = Lookups(lambda _: True)
    assert [known.take(line) for line in lines] == [False, True]
    assert [one.event.asked_names() for one in known.resolved()] == [("www.example.org",)]


def test_an_answer_without_a_version_and_records_tells_nothing() -> None:
    """No home host is a DNS server for it."""
    known = Lookups(lambda _: True)
    body = {"type": "answer", "id": 1, "rrname": "mx.example.org", "rrtype": "MX"}
    for line in repeated(1, dns=body):
        assert known.take(line)
        assert isinstance(plain := decode(line), Dns)
        (asker,) = known.askers()
        assert list(asker.events()) == [plain]
        assert not plain.questions


def test_lookups_of_another_time_are_left_to_the_plain_way() -> None:
    known, lines = Lookups(lambda _: True), repeated(10)
    known.take_between(START + 2, START + 5)
    assert [known.take(line) for line in lines] == [False] * 2 + [True] * 3 + [False] * 5


def statistics(count: int, uptime: int = 100, tail: str = "") -> list[bytes]:
    return [
        b'{"timestamp":"2026-03-02T08:00:%02d.000000+0000","event_type":"stats","stats":{"uptime":'
        b'%d,"decoder":{"invalid":0,"pkts":%d}}%b}\n' % (n, uptime + n, n + 1, tail.encode())
        for n in range(count)
    ]


def test_of_a_run_the_first_and_the_last_line_are_decoded() -> None:
    runs = SensorRuns(lambda _: "")
    lines = statistics(9)
    assert all(map(runs.take, lines))
    (run,) = runs.taken()
    assert (run.lines(), run.count) == ((lines[0], lines[-1]), 9)
    assert not runs.taken()


def test_a_restart_another_sensor_and_another_hour_are_other_runs() -> None:
    runs = SensorRuns(lambda _: "")
    later = [line.replace(b"T08", b"T09") for line in statistics(2, 200)]
    lines = statistics(2) + statistics(3, 0) + statistics(1, tail=',"host":"north"') + later
    assert all(map(runs.take, lines))
    assert sorted(run.count for run in runs.taken()) == [1, 2, 2, 3]


def test_sensors_without_a_name_are_other_runs() -> None:
    """They are distinguished by start time and capture method."""
    runs = SensorRuns(lambda _: "")
    lines, longer = statistics(2), statistics(2, 700)
    others = [line.replace(b'"decoder"', b'"capture":{"packets":1},"decoder"') for line in lines]
    for some in zip(lines, longer, others, strict=True):
        assert all(map(runs.take, some))
    decoded = {line for run in runs.taken() for line in run.lines()}
    assert decoded == {*lines, *longer, *others}


def test_what_only_one_of_two_sensors_without_a_name_counts_is_read(tmp_path: Path) -> None:
    """The other one writes the first and the last record."""
    padding = b'"http":{%b},' % b",".join(b'"a_counter_%d":1' % n for n in range(200))
    lines = [line.replace(b'"decoder"', padding + b'"decoder"') for line in statistics(8)]
    for number in range(1, 7):
        dropped = b'"capture":{"kernel_drops":%d,"errors":0},' % (number * 1000)
        lines[number] = lines[number].replace(b'"uptime":10', b'"uptime":90')
        lines[number] = lines[number].replace(padding, dropped + padding)
    path = tmp_path / "eve.json"
    path.write_bytes(b"".join(lines))
    found, _ = gather([str(path)], SITE, jobs=1)
    expected, _ = plainly(path, SITE, Period())
    assert found.health == expected.health
    assert found.health.counters()[""]["capture.kernel_drops"] == 5000


def test_drops_of_a_sensor_that_hides_zeros_are_all_counted(tmp_path: Path) -> None:
    """Counters of its engines have zeros as well. All drops are within the first hour."""
    engines = (
        b'"detect":{"engines":[{"id":0,"rules_loaded":9,"rules_failed":0,"rules_skipped":0}]},'
        b'"http":{%b}}}' % b",".join(b'"a_counter_%d":1' % n for n in range(200))
    )
    lines = [
        line.replace(b'"invalid":0,', b"").replace(b"}}}", b"}," + engines)
        for line in statistics(6)
    ]
    for number in range(6):
        dropped = b',"kernel_drops":%d' % min(1000 * number**2, 16_000) if number else b""
        capture = b'"capture":{"kernel_packets":9%b},"decoder"' % dropped
        lines[number] = lines[number].replace(b'"decoder"', capture)
    lines[5] = lines[5].replace(b"T08:", b"T09:").replace(b'"uptime":105', b'"uptime":3705')
    path = tmp_path / "eve.json"
    path.write_bytes(b"".join(lines))
    found, _ = gather([str(path)], SITE, jobs=1)
    assert found.health == plainly(path, SITE, Period())[0].health
    assert found.health.counters()[""]["capture.kernel_drops"] == 15_000


def test_statistics_that_are_cut_off_do_not_hide_the_record_behind_them(tmp_path: Path) -> None:
    """After a full disk or a stop, a sensor continues in the same line."""
    path, padding = tmp_path / "eve.json", b'"a_counter_of_many":0,' * 200
    first, begun, last = (
        line.replace(b'"decoder"', padding + b'"decoder"') for line in statistics(3)
    )
    lookup = repeated(1)[0].replace(b": ", b":") + b"\n"
    path.write_bytes(first + begun[:-20] + lookup + last)
    found, _ = gather([str(path)], SITE, jobs=1)
    found.trim()
    assert "10.20.1.7" in found.hosts
    assert without_coverage(found) == without_coverage(plainly(path, SITE, Period())[0])


def test_a_damaged_line_is_not_taken_for_all_others(tmp_path: Path) -> None:
    padding = b'"a_counter_of_many":0,' * 200
    lines = [line.replace(b'"decoder"', padding + b'"decoder"') for line in statistics(5)]
    lines[-1] = lines[-1].replace(b'"pkts"', b"pkts")
    path = tmp_path / "eve.json"
    path.write_bytes(b"".join(lines))
    _, stats = gather([str(path)], SITE, jobs=1)
    assert (stats.events["stats"], sum(stats.skipped.values())) == (4, 1)


@pytest.mark.parametrize(
    "line",
    [
        statistics(1)[0].replace(b'"invalid":0,', b""),  # no zero: they may be hidden
        statistics(1)[0].replace(b"2026-03-02", b"2026-13-02"),
        statistics(1)[0].replace(b"2026-03-02", b"2199-03-02"),
        statistics(1)[0].replace(b'"uptime":100,', b""),
        statistics(1, tail=',"host":"a}"')[0],
        statistics(1, tail=',"host":"a","vlan":[1]')[0],
        statistics(1)[0][:-9],
        statistics(1)[0][:-9] + statistics(1)[0],
        statistics(1)[0].replace(b":", b": "),
    ],
)
def test_odd_statistics_are_left_to_the_plain_way(line: bytes) -> None:
    runs = SensorRuns(lambda _: "")
    assert not runs.take(line)
    assert not runs.taken()
