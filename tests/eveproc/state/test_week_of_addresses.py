"""A week of reports on machines that change their addresses -> one incident for each machine."""

from pathlib import Path

from eveproc.state.incremental import judge_new
from eveproc.state.state import open_state
from eveproc.verdicts.change import Trend
from rulegen.site_profile import load_site
from rulegen.vocabulary import Level
from tests.eveproc.clients import claim
from tests.eveproc.eve_lines import HOST, SITE, START, delivery, lease, line, lookup, quiet
from tests.eveproc.logins import ticket

DAY = 86_400
DAYS = 7


def mailing(time, host, first, count, pause):
    for number in range(first, first + count):
        at = time + (number - first) * pause
        yield lookup(at, f"d{number}.example", host)
        yield delivery(at + 0.2, f"198.{number // 250}.{number % 250}.25", host)


def nights(folder: Path, day_of, *, others=True):
    """(trend, incident, verdict) of every host above clean, night by night.

    `others`: somebody else is seen each day.
    """
    eve, profile = folder / "eve.json", folder / "site.yaml"
    profile.write_text(SITE)
    for day in range(DAYS):
        with eve.open("ab") as log:
            log.writelines(day_of(day, START + day * DAY))
            if others:
                log.write(quiet(START + day * DAY + 60_000))
        with open_state(folder / "state.db") as state:
            pending = judge_new(state, [str(eve)], load_site(profile), now=START + DAYS * DAY)
            pending.keep(state)
        changes = pending.report.change.by_key() if pending.report.change else {}
        yield [
            (
                changes[v.key].trend if changes else None,
                changes[v.key].incident if changes else "",
                v,
            )
            for v in pending.report.verdicts
            if v.level is not Level.CLEAN
        ]


def test_a_laptop_with_another_lease_each_day_is_one_incident(tmp_path):
    def day_of(day, start):
        address = f"10.20.1.{day + 10}"
        yield lease(start, address)
        yield from mailing(start + 60, address, 100 * day, 40, 5)
        other = f"10.20.1.{day + 9}"  # its address of the day before is another's by now
        yield lease(start + 30, other, "02:00:00:00:00:99", "other")
        yield quiet(start + 100, other)

    found = list(nights(tmp_path, day_of))
    assert [len(night) for night in found] == [1] * DAYS
    assert {v.identity.name for night in found for _, _, v in night} == {"lap-7"}
    assert len({incident for night in found[1:] for _, incident, _ in night}) == 1
    assert {trend for night in found[1:] for trend, _, _ in night} == {Trend.STILL}


def test_a_replaced_network_card_is_another_machine_of_the_same_name(tmp_path):
    def day_of(day, start):
        mac = f"02:00:00:00:00:0{1 + day // 4}"
        yield lease(start, "10.20.1.10", mac, "pc-7")
        yield from mailing(start + 60, "10.20.1.10", 100 * day, 40, 5)

    found = list(nights(tmp_path, day_of))
    assert all({v.identity.name for _, _, v in night} == {"pc-7"} for night in found)
    macs = [
        [v.identity.mac for _, _, v in night if v.last_seen >= START + day * DAY]
        for day, night in enumerate(found)
    ]
    assert macs == [[f"02:00:00:00:00:0{1 + day // 4}"] for day in range(DAYS)]


def in_turn(day, start):
    for number in range(12):
        host = f"2001:db8:20:1::{day + 1}:{number + 1}"
        yield from mailing(start + number * 600, host, 100 * day + 5 * number, 5, 120)


def test_addresses_in_turn_are_one_incident_over_the_week(tmp_path):
    """Neither MAC nor lease: twelve new addresses each day, in one /64."""

    def day_of(day, start):
        yield from in_turn(day, start)
        yield quiet(start + 60, f"2001:db8:20:1::{day}:12")  # somebody else's by now

    found = list(nights(tmp_path, day_of))
    assert [[(v.level, v.host, len(v.in_turn)) for _, _, v in night] for night in found] == [
        [(Level.INFECTED, f"2001:db8:20:1::{day + 1}:12", 12)] for day in range(DAYS)
    ]
    assert len({incident for night in found[1:] for _, incident, _ in night}) == 1
    assert {trend for night in found[1:] for trend, _, _ in night} == {Trend.STILL}


def alert(time, host, server):
    said = {"mxhound_signal": ["mx_flood"], "mxhound_host": ["src_ip"]}
    rule = {"gid": 1, "signature_id": 1_250_001, "rev": 1, "signature": "x", "metadata": said}
    ends = {"dest_ip": server, "dest_port": 53, "proto": "UDP"}
    return line(time, "alert", host, **ends, alert=rule, flow={"src_ip": host})


def test_addresses_that_raise_alerts_in_turn_are_one_incident_over_the_week(tmp_path):
    """Nothing but alerts is kept: twenty addresses a day, in one /64."""

    def day_of(day, start):
        for number in range(20):
            host = f"2001:db8:20:1::{day + 1}:{number + 1}"
            for minute in (0, 60):
                yield alert(start + number * 120 + minute, host, f"198.18.{day}.{number + 1}")

    found = list(nights(tmp_path, day_of, others=False))
    assert [[(v.level, len(v.in_turn)) for _, _, v in night] for night in found] == [
        [(Level.SUSPECTED, 20)]
    ] * DAYS
    assert len({incident for night in found[1:] for _, incident, _ in night}) == 1
    assert {trend for night in found[1:] for trend, _, _ in night} == {Trend.STILL}


def test_a_laptop_known_by_arp_alone_is_one_incident_whatever_its_address(tmp_path):
    def day_of(day, start):
        address = f"10.20.1.{day + 10}"
        yield claim(start, "02:00:00:00:00:07", address)
        yield claim(start + 7200, "02:00:00:00:00:07", address)
        yield from mailing(start + 60, address, 100 * day, 40, 5)

    found = list(nights(tmp_path, day_of))
    assert {v.identity.mac for night in found for _, _, v in night} == {"02:00:00:00:00:07"}
    assert len({incident for night in found[1:] for _, incident, _ in night}) == 1


def test_a_day_of_rest_leaves_the_incident_of_addresses_in_turn_quiet_not_recovered(tmp_path):
    """The last address belongs to another machine, which is clean: that does not clear the first."""

    def day_of(day, start):
        if day == 1:
            yield quiet(start + 60, "2001:db8:20:1::1:12")
        else:
            yield from in_turn(day, start)

    found = list(nights(tmp_path, day_of))
    assert [len(night) for night in found] == [1, 0, *[1] * (DAYS - 2)]
    assert {trend for night in found[2:] for trend, _, _ in night} == {Trend.STILL}
    assert len({incident for night in found[2:] for _, incident, _ in night}) == 1


def test_another_network_is_another_incident(tmp_path):
    def day_of(day, start):
        for record in in_turn(day, start):
            yield record.replace(b"2001:db8:20:1:", b"2001:db8:20:%d:" % (day + 1))

    found = list(nights(tmp_path, day_of))
    assert {trend for night in found[1:] for trend, _, _ in night} == {Trend.NEW}


def test_hourly_reports_see_addresses_in_turn_of_earlier_hours(tmp_path):
    """A new address each hour, five servers each: no hour shows more than one address."""
    eve, profile = tmp_path / "eve.json", tmp_path / "site.yaml"
    profile.write_text(SITE)
    found = []
    for hour in range(10):
        start = START + hour * 3600
        with eve.open("ab") as log:
            log.writelines(mailing(start, f"2001:db8:20:1::{hour + 1:x}", 5 * hour, 5, 600))
            log.write(quiet(start + 3500))
        with open_state(tmp_path / "state.db") as state:
            pending = judge_new(state, [str(eve)], load_site(profile), now=start + 3600)
            pending.keep(state)
        found += [(v.level, len(v.in_turn)) for v in pending.report.verdicts if v.in_turn]
    assert found[-1] == (Level.INFECTED, 10)
    (incident,) = {told.incident.id for told in pending.news}
    with open_state(tmp_path / "state.db") as state:
        assert [(one.id, one.level) for one in state.incidents()] == [(incident, Level.INFECTED)]


def test_users_of_earlier_runs_are_named_for_as_long_as_evidence_is_kept(tmp_path):
    def day_of(day, start):
        if day == 0:
            yield ticket(start, HOST, "ann\udcff\x00")
        if day in (1, 3):
            yield from mailing(start, HOST, 100 * day, 40, 5)

    found = list(nights(tmp_path, day_of))
    named = [[[name.name for name in v.names] for _, _, v in night] for night in found]
    assert named[1] == [["ann\\udcff\x00@example.org"]]
    assert named[3] == [[]]
