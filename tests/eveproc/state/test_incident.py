"""Incidents and verdicts -> news: an incident keeps its id, and each change is reported once."""

import pytest
from msgspec.structs import replace

from eveproc.state.incident import (
    QUIET_DAYS,
    Incident,
    JudgedHost,
    Standing,
    Whereabouts,
    follow,
    settled_until,
)
from eveproc.verdicts.change import Trend
from eveproc.verdicts.verdict import Identity, Verdict
from rulegen.units import DAY
from rulegen.vocabulary import Level
from tests.eveproc.made_verdicts import INFECTED, START

MAC = "02:00:00:00:00:11"
AT = START + 3600


def verdict(
    level: Level = Level.INFECTED,
    host: str = "10.20.1.7",
    mac: str = MAC,
    addresses: tuple[str, ...] = (),
) -> Verdict:
    identity = Identity(mac, "laptop-7", addresses or (host,)) if mac else None
    return replace(
        INFECTED,
        host=host,
        level=level,
        identity=identity,
        decided_at=None if level is Level.CLEAN else START + 60,
    )


def seen(*verdicts: Verdict) -> list[JudgedHost]:
    return [JudgedHost(verdict, seen=True) for verdict in verdicts]


def first(found: list[JudgedHost], at: float = AT) -> Incident:
    (news,) = follow([], found, at)
    return news.incident


def test_a_first_verdict_begins_an_episode() -> None:
    (news,) = follow([], seen(verdict()), AT)
    assert news.change.trend is Trend.NEW
    assert news.change.key == ("10.20.1.7", MAC)
    assert (news.change.first_reported, news.change.previous, news.change.name) == (
        AT,
        None,
        "laptop-7",
    )
    assert news.incident.id == news.change.incident
    assert news.incident.started == START + 60


def test_an_id_depends_on_the_machine_and_the_time_alone() -> None:
    assert first(seen(verdict())).id == first(seen(verdict(host="10.20.1.9")), AT + DAY).id
    assert first(seen(verdict())).id != first(seen(verdict(mac="02:00:00:00:00:12"))).id


@pytest.mark.parametrize(
    ("before", "now", "trend"),
    [
        (Level.INFECTED, Level.INFECTED, Trend.STILL),
        (Level.INFECTED, Level.SUSPECTED, Trend.STILL),
        (Level.SUSPECTED, Level.INFECTED, Trend.WORSE),
        (Level.INFECTED, Level.CLEAN, Trend.RECOVERED),
    ],
)
def test_an_episode_goes_on_under_its_id(before: Level, now: Level, trend: Trend) -> None:
    incident = first(seen(verdict(before)))
    (news,) = follow([incident], seen(verdict(now)), AT + DAY)
    assert (news.change.trend, news.change.incident, news.change.previous) == (
        trend,
        incident.id,
        before,
    )
    assert news.change.first_reported == AT
    assert (news.incident.standing is Standing.CLOSED) == (trend is Trend.RECOVERED)


def test_what_recovered_and_comes_back_is_another_episode() -> None:
    incident = first(seen(verdict()))
    (over,) = follow([incident], seen(verdict(Level.CLEAN)), AT + DAY)
    again = replace(verdict(), decided_at=START + 2 * DAY)
    (news,) = follow([over.incident], seen(again), AT + 2 * DAY)
    assert news.change.trend is Trend.NEW
    assert news.incident.id != incident.id


def test_gone_quiet_is_told_once_and_the_same_episode_goes_on_when_it_is_back() -> None:
    incident = first(seen(verdict()))
    (quiet,) = follow([incident], [], AT + DAY)
    assert (quiet.change.trend, quiet.change.host, quiet.incident.standing) == (
        Trend.GONE_QUIET,
        "10.20.1.7",
        Standing.QUIET,
    )
    assert follow([quiet.incident], [], AT + 2 * DAY) == []
    assert (
        follow([quiet.incident], [JudgedHost(verdict(Level.CLEAN), seen=False)], AT + 2 * DAY) == []
    )
    (back,) = follow([quiet.incident], seen(verdict()), AT + 3 * DAY)
    assert (back.change.trend, back.change.incident, back.incident.standing) == (
        Trend.STILL,
        incident.id,
        Standing.OPEN,
    )
    (well,) = follow([quiet.incident], seen(verdict(Level.CLEAN)), AT + 3 * DAY)
    assert well.change.trend is Trend.RECOVERED


def test_a_machine_that_was_not_seen_and_whose_evidence_has_aged_is_quiet_not_recovered() -> None:
    incident = first(seen(verdict()))
    (news,) = follow([incident], [JudgedHost(verdict(Level.CLEAN), seen=False)], AT + DAY)
    assert news.change.trend is Trend.GONE_QUIET


def test_another_address_from_dhcp_is_the_same_episode() -> None:
    incident = first(seen(verdict()))
    (news,) = follow(
        [incident], seen(verdict(host="10.20.1.9", addresses=("10.20.1.7", "10.20.1.9"))), AT + DAY
    )
    assert (news.change.trend, news.change.host, news.incident.address) == (
        Trend.STILL,
        "10.20.1.9",
        "10.20.1.9",
    )


def test_an_address_that_another_machine_has_now_is_another_episode() -> None:
    incident = first(seen(verdict()))
    news = follow([incident], seen(verdict(mac="02:00:00:00:00:99")), AT + DAY)
    assert [told.change.trend for told in news] == [Trend.NEW, Trend.GONE_QUIET]


def test_a_machine_whose_mac_is_learned_later_keeps_its_episode() -> None:
    incident = first(seen(verdict(mac="")))
    (news,) = follow(
        [incident], seen(verdict(host="10.20.1.9", addresses=("10.20.1.7", "10.20.1.9"))), AT + DAY
    )
    assert (news.change.incident, news.incident.mac) == (incident.id, MAC)


def test_of_two_machines_at_one_address_the_one_with_the_mac_has_the_episode() -> None:
    incident = first(seen(verdict()))
    news = follow([incident], seen(verdict(mac=""), verdict()), AT + DAY)
    assert {told.incident.mac: told.change.trend for told in news} == {
        MAC: Trend.STILL,
        "": Trend.NEW,
    }


def test_a_clean_machine_is_no_news() -> None:
    assert follow([], seen(verdict(Level.CLEAN)), AT) == []


def test_what_was_told_in_an_episode_that_is_over_is_settled() -> None:
    over = replace(first(seen(verdict())), standing=Standing.CLOSED)
    assert settled_until([over], Whereabouts(MAC, ("10.20.1.9",))) == INFECTED.last_seen
    assert settled_until([over], Whereabouts("", ("10.20.1.7",))) == INFECTED.last_seen
    assert settled_until([over], Whereabouts("02:00:00:00:00:99", ("10.20.1.7",))) == float("-inf")
    assert settled_until(
        [replace(over, standing=Standing.QUIET)], Whereabouts(MAC, ("10.20.1.7",))
    ) == float("-inf")


def test_a_week_off_does_not_end_an_episode() -> None:
    assert QUIET_DAYS > 7
