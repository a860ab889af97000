"""Lines -> news: once per incident and change, at the deciding line, in constant memory."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eveproc.evidence.packed_store import PackedStore
from eveproc.evidence.store import HostEvidence
from eveproc.report.changes import as_json, as_text
from eveproc.state.incident import Standing
from eveproc.state.state import EVIDENCE_HOURS
from eveproc.verdicts.analyze import analyze
from eveproc.verdicts.change import Trend
from eveproc.watching.engine import Watcher, WatchMemory
from eveproc.watching.notify import message_of
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Level
from rulegen.yamlfile import parse_yaml
from tests.eveproc.eve_lines import (
    CLERK,
    HOST,
    SITE,
    START,
    delivery,
    lease,
    lookup,
    mailing,
    quiet,
)
from tests.eveproc.watching.test_notify import HOSTILE_NAMES

HOUR = 3600
OTHER, RELAY = "10.20.1.99", "10.20.0.25"


def site_of(more=""):
    return build_profile(parse_yaml(SITE + more, "site.yaml"))


class Watched:
    """A Watcher that is fed lines and asked at once; the wall clock is that of the last line."""

    def __init__(self, memory=None, more=""):
        self.watcher = Watcher(site_of(more), memory or WatchMemory())
        self.now = START

    def hear(self, *lines, now=None):
        """(trend, level, host) of every news."""
        block = b"".join(lines)
        self.watcher.take(block, len(block))
        self.now = now or self.now
        return [
            (n.change.trend, n.verdict.level, n.verdict.host)
            for n in self.watcher.look(self.now + 1e9 if now is None else now)
        ]

    @property
    def incidents(self):
        return list(self.watcher.memory.incidents.values())


def test_a_mass_mailer_is_news_once():
    watched = Watched()
    assert watched.hear(*mailing(START, 40)) == [(Trend.NEW, Level.INFECTED, HOST)]
    assert watched.hear(*mailing(START + 100, 90)) == []
    assert watched.hear() == []


def test_the_line_that_decides_is_the_one_that_the_report_names(tmp_path):
    watched = Watched()
    lines = list(mailing(START, 40))
    said = [
        (number, news)
        for number, one in enumerate(lines, 1)
        for news in watched.hear(one)
        if news[1] is Level.INFECTED
    ]
    ((number, _),) = said
    eve = tmp_path / "eve.json"
    for count, level in ((number - 1, Level.SUSPECTED), (number, Level.INFECTED)):
        eve.write_bytes(b"".join(lines[:count]))
        (verdict,) = analyze([str(eve)], site_of()).verdicts
        assert (verdict.host, verdict.level) == (HOST, level)


def test_a_suspect_that_gets_worse_is_news_twice_in_one_episode():
    watched = Watched()
    heard = [news for one in mailing(START, 40) for news in watched.hear(one)]
    assert heard == [(Trend.NEW, Level.SUSPECTED, HOST), (Trend.WORSE, Level.INFECTED, HOST)]
    assert len(watched.incidents) == 1


def test_a_clerk_is_no_news():
    watched = Watched()
    assert (
        watched.hear(
            *(quiet(START + second) for second in range(100)), lookup(START, "example.org", CLERK)
        )
        == []
    )


def test_when_all_evidence_has_aged_out_it_has_gone_quiet_and_that_is_news_once():
    watched = Watched()
    watched.hear(*mailing(START, 40))
    later = [
        news
        for hour in range(1, EVIDENCE_HOURS + 4)
        for news in watched.hear(quiet(START + hour * HOUR))
    ]
    assert later == [(Trend.GONE_QUIET, Level.CLEAN, HOST)]
    assert set(watched.watcher.memory.store.hosts) == {CLERK, RELAY}


def test_one_that_is_seen_and_clean_again_has_recovered():
    watched = Watched()
    watched.hear(*mailing(START, 40))
    later = [
        news
        for hour in range(1, EVIDENCE_HOURS + 4)
        for news in watched.hear(
            quiet(START + hour * HOUR), delivery(START + hour * HOUR, "198.51.100.1")
        )
    ]
    assert later == [(Trend.RECOVERED, Level.CLEAN, HOST)]
    assert [incident.standing for incident in watched.incidents] == [Standing.CLOSED]


def test_one_that_begins_again_after_that_is_another_episode():
    watched = Watched()
    watched.hear(*mailing(START, 40))
    for hour in range(1, EVIDENCE_HOURS + 4):
        watched.hear(quiet(START + hour * HOUR), delivery(START + hour * HOUR, "198.51.100.1"))
    (first,) = watched.incidents
    again = watched.hear(*mailing(START + (EVIDENCE_HOURS + 5) * HOUR, 40))
    assert again == [(Trend.NEW, Level.INFECTED, HOST)]
    assert {incident.id for incident in watched.incidents} > {first.id}


def test_a_laptop_with_another_address_is_the_same_finding():
    watched = Watched()
    assert watched.hear(lease(START - 60, HOST), *mailing(START, 40)) == [
        (Trend.NEW, Level.INFECTED, HOST)
    ]
    assert watched.hear(lease(START + 60, OTHER), *mailing(START + 70, 40, host=OTHER)) == []
    ((name, mac),) = {(incident.name, incident.mac) for incident in watched.incidents}
    assert (name, mac) == ("lap-7", "02:00:00:00:00:07")


def test_a_machine_is_the_same_before_and_after_dhcp_has_told_who_it_is():
    watched = Watched()
    assert watched.hear(*mailing(START, 40)) == [(Trend.NEW, Level.INFECTED, HOST)]
    assert watched.hear(lease(START + 50, HOST), *mailing(START + 60, 40)) == []
    assert len(watched.incidents) == 1


def test_an_address_that_another_machine_gets_is_another_host():
    watched = Watched()
    assert len(watched.hear(lease(START - 60, HOST), *mailing(START, 40))) == 1
    second = watched.hear(
        lease(START + 3600, HOST, mac="02:00:00:00:00:09", name="desk-9"),
        *mailing(START + 3700, 40),
    )
    assert second == [(Trend.NEW, Level.INFECTED, HOST)]
    assert {incident.mac for incident in watched.incidents} == {
        "02:00:00:00:00:07",
        "02:00:00:00:00:09",
    }


def test_a_new_profile_judges_what_is_known():
    exempt = f"exempt: [{{network: {HOST}, reason: tests mail}}]\n"
    quiet_one = Watched(more=exempt)
    assert quiet_one.hear(*mailing(START, 40)) == []
    watched = Watched()
    watched.hear(*mailing(START, 4))
    assert Watched(
        watched.watcher.memory, more="thresholds: {mx_flood: {count: 5, seconds: 60}}\n"
    ).hear(*mailing(START, 40)) == [(Trend.NEW, Level.INFECTED, HOST)]


def test_what_is_dated_in_the_future_is_not_believed():
    watched = Watched()
    watched.watcher = Watcher(site_of(), WatchMemory(), now=START)
    assert (
        watched.hear(*mailing(START + 2 * 24 * HOUR, 40), now=START + 2 * 24 * HOUR) == []
    )  # when it came, it was of the future
    assert watched.hear(*mailing(START + 2 * 24 * HOUR, 40), now=START + 2 * 24 * HOUR) == [
        (Trend.NEW, Level.INFECTED, HOST)
    ]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_in_whatever_pieces_lines_come_the_levels_are_those_of_a_report(sizes):
    lines = [
        *mailing(START, 40),
        *(quiet(START + n) for n in range(20)),
        *mailing(START + 30, 3, host=OTHER, pause=5),
    ]
    watched = Watched()
    level = {}
    at = 0
    for size in [*sizes, len(lines)]:
        level.update({host: to for _, to, host in watched.hear(*lines[at : at + size])})
        at += size
    assert level == {HOST: Level.INFECTED}


@pytest.mark.parametrize("text", HOSTILE_NAMES)
def test_whatever_a_host_calls_itself_or_asks_for_its_news_is_one_line_that_does_nothing(text):
    watched = Watched()
    lines = [
        lease(START - 60, HOST, name=text),
        *(lookup(START + n, f"{text}{n}.example") for n in range(40)),
        *mailing(START, 40),
    ]
    block = b"".join(lines)
    watched.watcher.take(block, len(block))
    (news,) = watched.watcher.look(START + 1e9)
    for told in (as_text(news), as_json(news)):
        assert told.endswith("\n")
        assert told[:-1].isprintable()
    assert len(as_text(news)) < 600
    assert not set(message_of(news).body) & set("@<>[]`*|~=\x1b\x07\u202e\r")


def test_fresh_evidence_is_given_once():
    watched = Watched()
    watched.hear(*mailing(START, 12))
    assert set(watched.watcher.fresh().hosts) == {HOST}
    assert watched.watcher.fresh().hosts == PackedStore(HostEvidence)
    watched.hear(quiet(START + 15))
    assert set(watched.watcher.fresh().hosts) == {CLERK, RELAY}
    watched.hear(*mailing(START + 16, 40))
    assert [news.change.trend for news in watched.watcher.told()] == [Trend.WORSE]
    assert watched.watcher.told() == ()


def day(number):
    """A day of a small site in which everything changes: other hosts, other machines, other
    servers, one mailer a day."""
    start = START + number * 24 * HOUR
    for hour in range(0, 24, 2):
        at = start + hour * HOUR
        for host in range(12):
            address = f"10.20.{number % 200}.{host + 1}"
            yield lease(
                at,
                address,
                mac=f"02:00:00:{number % 256:02x}:{hour:02x}:{host:02x}",
                name=f"pc-{number}-{host}",
                seconds=7200,
            )
            yield delivery(at + 1, f"198.51.{hour}.{host}", address)
            yield lookup(at + 2, f"mail.d{number}h{hour}.example", address)
        if hour == 8:
            yield from mailing(at + 600, 40, host=f"10.20.{number % 200}.77")


@pytest.mark.slow
def test_memory_does_not_grow_from_day_to_day():
    """In numbers of everything that is kept: from the tenth day on, when leases age out too, no day
    adds to any."""
    watched = Watched()
    sizes = []
    for number in range(30):
        lines = list(day(number))
        for start in range(0, len(lines), 100):
            watched.hear(*lines[start : start + 100])
        watched.watcher.fresh()
        watched.watcher.told()
        sizes.append(len(pickle.dumps(watched.watcher.memory)))
    assert max(sizes[20:]) <= 1.02 * max(sizes[10:20]), sizes
    assert len(watched.watcher.memory.store.hosts) < 3 * 14
    assert len(watched.incidents) <= 4


def test_addresses_that_carry_on_from_one_another_are_one_machine_in_a_watch_too(tmp_path):
    """Five servers from each of twelve addresses: none of them alone is above clean."""
    rotating = [
        line
        for number in range(12)
        for line in mailing_from(START + 600 * number, f"2001:db8:20:1::{number + 1:x}", 5 * number)
    ]
    day = [quiet(START - 6 * HOUR), *rotating, quiet(START + 18 * HOUR)]
    watched = Watched()
    heard = [news for line in day for news in watched.hear(line)]
    assert {level for _, level, _ in heard} >= {Level.INFECTED}
    (incident,) = watched.incidents
    assert (incident.standing, incident.level) == (Standing.OPEN, Level.INFECTED)
    eve = tmp_path / "eve.json"
    eve.write_bytes(b"".join(day))
    (verdict,) = [v for v in analyze([str(eve)], site_of()).verdicts if v.evidence]
    assert (verdict.level, len(verdict.in_turn)) == (Level.INFECTED, 12)


def test_a_watch_does_not_lose_sight_of_addresses_in_turn_whose_first_ones_age_out():
    """An address an hour for two days: the ones that were told are forgotten after 32 hours."""
    watched = Watched()
    heard = []
    for hour in range(48):
        host = f"2001:db8:20:1::{hour + 1:x}"
        heard += watched.hear(*mailing_from(START + 3600 * hour, host, 5 * hour, pause=600))
    assert {trend for trend, _, _ in heard} <= {Trend.NEW, Trend.WORSE}
    assert len(watched.incidents) == 1
    # Then it stops, and its last address is somebody else's.
    for hour in range(48, 96):
        heard += watched.hear(quiet(START + 3600 * hour, f"2001:db8:20:1::{48:x}"))
    assert [trend for trend, _, _ in heard][-1] is Trend.GONE_QUIET


def mailing_from(start, host, first, pause=120):
    """Five mails in ten minutes, to servers that no address met before."""
    for number in range(first, first + 5):
        time = start + pause * (number - first)
        yield lookup(time, f"d{number}.example", host)
        yield delivery(time + 0.2, f"198.51.{number}.25", host)
