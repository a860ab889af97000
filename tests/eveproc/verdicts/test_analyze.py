"""analyze: reading, time limits, listed hosts, sentences about sensors."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from eveproc.evidence import server_names
from eveproc.evidence import store as store_module
from eveproc.input.events import Stats
from eveproc.input.read_stats import ReadStats
from eveproc.verdicts.analyze import analyze, judge_evidence
from rulegen.vocabulary import Level
from tests.eveproc.evidence_of import (
    HOST,
    SITE,
    START,
    flow,
    gather,
    lease,
    report,
    server,
    site_of,
)

LINE = {
    "timestamp": "2026-03-02T08:00:{second:02}.000000+0000",
    "event_type": "flow",
    "src_ip": HOST,
    "src_port": 40000,
    "dest_port": 25,
    "proto": "TCP",
    "flow": {
        "pkts_toserver": 9,
        "pkts_toclient": 9,
        "start": "2026-03-02T08:00:{second:02}.000000+0000",
    },
    "tcp": {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"},
}


@pytest.fixture
def eve(tmp_path):
    path = tmp_path / "eve.json"
    lines = []
    for second in range(40):
        line = json.dumps({**LINE, "dest_ip": server(second), "flow_id": second + 1})
        lines.append(line.replace("{second:02}", f"{second:02}"))
    path.write_text("\n".join(lines) + "\nhalf a li")
    return str(path)


def test_files_to_verdicts(eve):
    store = analyze([eve], site_of())
    assert [(v.host, v.level) for v in store.verdicts] == [(HOST, Level.INFECTED)]
    assert (store.clean_hosts, store.first_event, store.last_event) == (0, START, START + 39)


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [(START + 35, None, 5), (None, START + 5, 5), (START + 3, START + 5, 2)],
)
def test_since_is_included_and_until_excluded(eve, since, until, count):
    store = analyze([eve], site_of(), since=since, until=until)
    assert store.verdicts[0].evidence[0].count == count


def test_an_empty_night(tmp_path):
    (tmp_path / "eve.json").write_text("")
    store = analyze([str(tmp_path / "eve.json")], site_of())
    assert (store.verdicts, store.clean_hosts, store.first_event, store.last_event) == (
        (),
        0,
        None,
        None,
    )


def test_clean_hosts_are_listed_last_by_address():
    store = report(
        [
            *(flow(n, server(n)) for n in range(40)),
            flow(1, server(1), 443, host="10.20.1.9"),
            flow(1, server(1), 443, host="10.20.1.10"),
        ]
    )
    assert [v.host for v in store.verdicts] == [HOST, "10.20.1.9", "10.20.1.10"]
    assert store.clean_hosts == 2


def test_addresses_nobody_answers_at_are_no_hosts():
    store = report([flow(n, f"10.20.9.{n}", answered=False, established=False) for n in range(20)])
    assert [v.host for v in store.verdicts] == [HOST]


def test_a_blind_sensor_is_said():
    counters = {
        "capture.kernel_drops": 500,
        "capture.kernel_packets": 10_000,
        "detect.alert_queue_overflow": 0,
    }
    store = report([Stats(time=START, sensor="north", counters=counters), flow(1, server(1), 443)])
    assert "the sensor missed traffic" in store.verdicts[0].why
    assert len(store.health) == 1
    assert "sensor north: packets dropped before the sensor saw them: 500" in store.health[0]
    assert "5.00%" in store.health[0]


def test_a_silent_sensor_is_said():
    store = report(
        [Stats(time=START, sensor="north", counters={})],
        site_of(SITE + "sensors: [north, south]\n"),
    )
    assert store.health == (
        "sensor south is listed in the site profile but wrote nothing: its hosts were not "
        "monitored",
    )


def test_what_a_sensor_missed_before_does_not_count():
    stats = [
        Stats(
            time=START + n, counters={"capture.kernel_drops": 7, "capture.kernel_packets": 9000 * n}
        )
        for n in (1, 2, 3)
    ]
    store = report([*stats, flow(1, server(1), 443)])
    assert store.health == ()
    assert "missed" not in store.verdicts[0].why


def test_a_few_lost_packets_are_told_and_change_nothing():
    stats = [
        Stats(
            time=START + n,
            counters={"capture.kernel_drops": n, "capture.kernel_packets": 90_000 * n},
        )
        for n in (1, 2)
    ]
    store = report([*stats, flow(1, server(1), 443)])
    assert len(store.health) == 1
    assert "missed" not in store.verdicts[0].why


def test_a_sensor_that_began_anew_counts_from_there():
    stats = [
        Stats(time=START + n, counters={"tcp.ssn_memcap_drop": drops})
        for n, drops in ((1, 50), (2, 3))
    ]
    assert "not followed for lack of memory: 3;" in report(stats).health[0]


def replayed(year):
    """A mass mailing in an old capture."""
    at = datetime(year, 1, 1, 8, tzinfo=UTC).timestamp()
    return [replace(flow(0, server(n)), time=at + n, flow_id=n + 1) for n in range(40)]


@pytest.mark.parametrize("year", [1970, 1999])
def test_an_old_capture_is_judged_and_said_to_be_one(year):
    found = report(replayed(year))
    assert found.verdicts[0].level is Level.INFECTED
    assert found.first_event == replayed(year)[0].time
    assert "all 40 events are dated before 2000" in found.health[0]
    assert "one time" not in found.health[0]


def test_a_clock_that_stood_still_is_told():
    found = report([replace(event, time=0.0) for event in replayed(1970)])
    assert "all have the same time, so rates are unknown" in found.health[0]


def test_events_of_an_unset_clock_count_and_do_not_stretch_the_span():
    modern = [flow(n, server(99), host="10.20.1.8") for n in range(5)]
    parts = [gather(replayed(1970)), gather(modern)]
    for first, other in (parts, reversed([gather(replayed(1970)), gather(modern)])):
        first.merge(other)
        found = judge_evidence(first, site_of(), ReadStats())
        assert (found.first_event, found.last_event) == (START, START + 4)
        assert found.verdicts[0].level is Level.INFECTED
        assert "40 events are dated before 2000: a sensor's clock was not set" in found.health[0]
    assert gather([*modern, *replayed(1970)]) == gather([*replayed(1970), *modern])


def test_events_from_the_future_are_a_clock_fault(eve):
    day = 24 * 3600
    store = analyze([eve], site_of(), now=START + 20 - day)
    assert store.unused == {"dated in the future": 20}
    assert store.last_event == START + 19


def test_without_the_clean_ones_the_others_and_their_number_are_the_same():
    events = [
        *(flow(n, server(n)) for n in range(40)),
        *(flow(n, server(1), 443, host=f"10.20.2.{n}") for n in range(9)),
        flow(1, server(1), 993, host="10.20.3.1"),
        lease(0, "10.20.2.1", name="lap"),
        lease(0, "10.20.4.4", mac="02:00:00:00:00:09"),
    ]
    store, site = gather(events), site_of()
    whole, short = (
        judge_evidence(store, site, ReadStats(), everyone=everyone) for everyone in (True, False)
    )
    assert short.verdicts == tuple(v for v in whole.verdicts if v.level is not Level.CLEAN)
    assert short.clean_hosts == whole.clean_hosts == len(whole.verdicts) - 1


def test_hosts_without_number_are_told(monkeypatch):
    monkeypatch.setattr(store_module, "MOST_HOSTS", 4)
    monkeypatch.setattr(store_module, "MOST_ACTIVE", 8)
    told = report([flow(n, server(n), host=f"10.20.2.{n}") for n in range(40)]).health
    assert [sentence.partition(";")[0] for sentence in told] == [
        "more than 262144 home addresses have evidence",
        "more than 2097152 home addresses were seen",
    ]


def test_names_of_servers_without_number_are_told(monkeypatch):
    monkeypatch.setattr(server_names, "MOST_SERVERS", 8)
    store = gather([])
    for number in range(40):
        store.server_names.note(f"192.0.2.{number}", f"mx{number}.example.org", 1.0)
    told = judge_evidence(store, site_of(), ReadStats(), everyone=True).health
    kept = f"one in {1 << store.server_names.sampled}"
    assert store.server_names.sampled
    assert told == (
        "more than 65536 addresses of external servers have names; those of "
        f"{kept} are used, each other address counts as a server of its own",
    )
