"""Recommendations on sites whose noise is known: within the budget in a week to come, and every
known sender still found."""

import random
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from eveproc.input.events import Dns, Event, Flow
from eveproc.tuning.baseline import Baseline, ExcludedHost
from eveproc.tuning.engine_threshold import SECOND, sizes
from eveproc.tuning.history import HistoryKeeper
from eveproc.tuning.matching import TOLD
from eveproc.tuning.predict import predict
from eveproc.tuning.senders import SENDERS, ceiling, seconds_to
from eveproc.tuning.tune import Recommendation, recommend
from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import Exemption, NetworkThresholds, SiteProfile, Threshold
from rulegen.vocabulary import Signal

SITE = SiteProfile((ip_network("10.20.0.0/16"), ip_network("10.30.0.0/16")))
START = 1_772_438_400.0
DAY = 86400.0
WEEK = 7 * DAY
DEFAULTS = {spec.signal: spec.threshold for spec in CATALOGUE if spec.threshold}

# Times of one host's doings within so many seconds.
Habit = Callable[[random.Random, float], Iterator[float]]


def steady(per_hour: float) -> Habit:
    def habit(rng: random.Random, length: float) -> Iterator[float]:
        at = rng.expovariate(per_hour / 3600)
        while at < length:
            yield at
            at += rng.expovariate(per_hour / 3600)

    return habit


def bursts(per_day: float, most: int) -> Habit:
    """Now and then a person at work: some within two minutes, seldom many."""

    def habit(rng: random.Random, length: float) -> Iterator[float]:
        for start in steady(per_day / 24)(rng, length):
            yield from sorted(
                start + rng.uniform(0, 120) for _ in range(min(most, 1 + int(rng.expovariate(0.5))))
            )

    return habit


def timer(every: float, each: int) -> Habit:
    def habit(rng: random.Random, length: float) -> Iterator[float]:
        start = rng.uniform(0, every)
        while start < length:
            yield from (start + number * 0.5 for number in range(each))
            start += every

    return habit


def mx(host: str, at: float, number: int) -> Event:
    return Dns(
        time=at,
        client=host,
        client_port=number,
        server="192.0.2.53",
        is_answer=False,
        questions=((f"d{number}.example", "MX"),),
    )


def guess(host: str, at: float, number: int) -> Event:
    return Dns(
        time=at,
        client=host,
        client_port=number,
        server="192.0.2.53",
        is_answer=False,
        questions=((f"mail.d{number}.example", "A"),),
    )


def attempt(host: str, at: float, number: int) -> Event:
    ends = {
        "client": host,
        "client_port": number % 60_000,
        "server": f"198.51.100.{number % 3}",
        "server_port": 25,
    }
    flags = {"sent": 9, "received": 9, "client_flags": 0x1B, "server_flags": 0x1B}
    return Flow(
        time=at,
        proto="TCP",
        answered=True,
        established=True,
        end=at + 1,
        flow_id=number,
        **ends,
        **flags,
    )


def week(
    rng: random.Random,
    hosts: dict[str, list[tuple[Callable[[str, float, int], Event], Habit]]],
    start: float,
    site: SiteProfile = SITE,
) -> Baseline:
    keeper = HistoryKeeper(site)
    for hour in range(7 * 24):
        keeper.history.hours.add(int(start // 3600) + hour)
    for host, doings in hosts.items():
        keeper.history.active.add(host)
        for event, habit in doings:
            for number, at in enumerate(habit(rng, WEEK)):
                keeper.add(event(host, round(start + at, 6), number))
    return Baseline(keeper.history)


def office(rng: random.Random) -> dict[str, list[tuple[Callable[[str, float, int], Event], Habit]]]:
    """A site of its own noise: people, a monitor or two, somebody who looks after mail."""
    hosts = {
        f"10.20.{number // 200}.{number % 200 + 1}": [] for number in range(rng.randint(20, 60))
    }
    for doings in hosts.values():
        doings.append((guess, steady(rng.lognormvariate(-3, 1))))
        if rng.random() < 0.3:
            doings.append((guess, bursts(rng.uniform(0.1, 1), 18)))
        if rng.random() < 0.1:
            doings.append((attempt, steady(rng.uniform(0.01, 0.3))))
    names = rng.sample(sorted(hosts), 4)
    hosts[names[0]].append((guess, timer(rng.choice((600.0, 900.0)), rng.randint(1, 8))))
    hosts[names[1]].append((mx, bursts(rng.uniform(0.3, 2), 14)))
    hosts[names[2]].append((attempt, timer(900.0, rng.randint(1, 3))))
    hosts[names[3]].append((guess, bursts(2, 60)))
    return hosts


def false_alerts(later: Baseline, recommendations: list[Recommendation]) -> float:
    """What the held-back week would have alerted at the proposed thresholds."""
    own: dict[object, dict[Signal, Threshold]] = {}
    for one in recommendations:
        own.setdefault(one.network, {})[one.signal] = one.proposed
    proposed = replace(
        SITE,
        thresholds=MappingProxyType(own.pop(None)),
        network_thresholds=tuple(
            NetworkThresholds(network, thresholds) for network, thresholds in own.items()
        ),
    )
    alerts = sum(len(predict(later.history, proposed, signal)) for signal in TOLD)
    return alerts / (later.history.days / 7)


@pytest.mark.slow
def test_the_budget_is_kept_in_the_week_to_come_on_95_of_100_sites() -> None:
    kept = 0
    for seed in range(100):
        rng = random.Random(seed)
        hosts = office(rng)
        recommendations = recommend(week(rng, hosts, START), SITE, 1.0)
        assert all(sender_found(one) for one in recommendations)
        kept += false_alerts(week(rng, hosts, START + WEEK), recommendations) <= 1.0
    assert kept >= 95


def sender_found(one: Recommendation) -> bool:
    return all(seconds is not None for _, seconds in one.catches)


def test_a_quiet_site_keeps_the_catalogue() -> None:
    quiet = week(random.Random(1), {"10.20.0.1": []}, START)
    recommendations = recommend(quiet, SITE, 1.0)
    assert [one.signal for one in recommendations] == list(TOLD)
    assert all(
        one.proposed == DEFAULTS[one.signal] and one.fits and one.now == one.expected == 0
        for one in recommendations
    )


def test_no_data_no_recommendation() -> None:
    assert recommend(Baseline(), SITE, 1.0) == []


def of(recommendations: list[Recommendation], signal: Signal) -> Recommendation:
    return next(one for one in recommendations if one.signal is signal and one.network is None)


def test_a_noisy_host_raises_the_count_and_is_named() -> None:
    noisy = week(random.Random(2), {"10.20.0.1": [(mx, timer(600.0, 16))], "10.20.0.2": []}, START)
    one = of(recommend(noisy, SITE, 1.0), Signal.MX_FLOOD)
    assert one.now == pytest.approx(1008)
    assert 16 < one.proposed.count <= one.ceiling
    assert (one.expected, one.fits) == (0, True)
    assert (one.loud[0].host, one.loud[0].largest, one.without_loudest) == ("10.20.0.1", 16, 10)


def test_where_budget_and_senders_cannot_both_be_had_the_senders_are_found() -> None:
    """Sixty lookups in half a minute, four times an hour: a sender of 20 mails an hour makes
    fewer.
    """
    loud = week(random.Random(3), {"10.20.0.1": [(mx, timer(900.0, 60))]}, START)
    one = of(recommend(loud, SITE, 1.0), Signal.MX_SLOW)
    assert not one.fits
    assert one.proposed == DEFAULTS[Signal.MX_SLOW]
    assert sender_found(one)


def test_another_window_is_taken_where_the_own_one_does_not_do() -> None:
    """The same lookups are too many for a window of a minute, but not for one of five."""
    loud = week(random.Random(3), {"10.20.0.1": [(mx, timer(900.0, 60))]}, START)
    one = of(recommend(loud, SITE, 1.0), Signal.MX_FLOOD)
    assert one.fits
    assert 60 < one.proposed.count <= one.ceiling
    assert one.proposed.seconds == 300
    assert sender_found(one)


def test_who_is_left_out_is_not_counted_while_he_is() -> None:
    noisy = week(random.Random(5), {"10.20.0.1": [(mx, timer(600.0, 16))]}, START)
    noisy.left_out.add(
        ExcludedHost(
            "10.20.0.1", round(START * SECOND), round((START + WEEK) * SECOND), "judged infected"
        )
    )
    assert of(recommend(noisy, SITE, 1.0), Signal.MX_FLOOD).now == 0
    half = week(random.Random(5), {"10.20.0.1": [(mx, timer(600.0, 16))]}, START)
    half.left_out.add(
        ExcludedHost("10.20.0.1", 0, round((START + WEEK / 2) * SECOND), "judged infected")
    )
    assert of(recommend(half, SITE, 1.0), Signal.MX_FLOOD).now == pytest.approx(504, abs=2)


def test_declared_and_exempt_hosts_are_not_counted() -> None:
    noisy = week(random.Random(6), {"10.20.0.1": [(mx, timer(600.0, 16))]}, START)
    declared = replace(SITE, mail_servers=(ip_network("10.20.0.1/32"),))
    exempt = replace(
        SITE,
        exempt=(
            Exemption(
                ip_network("10.20.0.1/32"), frozenset((Signal.MX_FLOOD,)), "checks addresses", None
            ),
        ),
    )
    assert of(recommend(noisy, declared, 1.0), Signal.MX_FLOOD).now == 0
    assert of(recommend(noisy, exempt, 1.0), Signal.MX_FLOOD).now == 0
    assert of(recommend(noisy, exempt, 1.0), Signal.MX_SLOW).now > 0


def test_a_loud_network_gets_numbers_of_its_own() -> None:
    hosts = {f"10.20.0.{number}": [] for number in range(1, 41)} | {
        f"10.30.0.{number}": [(guess, timer(7200.0, 30))] for number in range(1, 41)
    }
    found = [
        one
        for one in recommend(week(random.Random(7), hosts, START), SITE, 1.0)
        if one.signal is Signal.NAME_GUESS
    ]
    assert [str(one.network) for one in found] == ["None", "10.30.0.0/16"]
    assert found[0].proposed == DEFAULTS[Signal.NAME_GUESS]
    assert found[1].proposed.count > DEFAULTS[Signal.NAME_GUESS].count
    assert sum(one.hosts for one in found) == 80
    assert sum(one.allowed for one in found) == pytest.approx(1 / len(TOLD))


def test_a_network_that_the_profile_gives_numbers_keeps_an_entry() -> None:
    guests = NetworkThresholds(
        ip_network("10.20.64.0/20"), MappingProxyType({Signal.MX_FLOOD: Threshold(30, 60)})
    )
    site = replace(SITE, network_thresholds=(guests,))
    hosts = {"10.20.0.1": [], "10.20.64.1": [(mx, timer(600.0, 12))]}
    found = [
        one
        for one in recommend(week(random.Random(8), hosts, START, site), site, 1.0)
        if one.signal is Signal.MX_FLOOD
    ]
    assert [(str(one.network), one.present.count, one.hosts) for one in found] == [
        ("None", 10, 1),
        ("10.20.64.0/20", 30, 1),
    ]
    assert found[1].proposed.count > 12


def test_every_catalogue_threshold_finds_every_known_sender() -> None:
    for signal in TOLD:
        assert DEFAULTS[signal].count <= ceiling(signal, DEFAULTS[signal].seconds)
        assert any(signal in sender.per_minute for sender in SENDERS), (
            "nothing known is to be found by it"
        )


def test_above_the_ceiling_a_sender_is_missed() -> None:
    for signal in TOLD:
        highest = Threshold(ceiling(signal, 300), 300)
        times = [
            seconds_to(sender, signal, highest) for sender in SENDERS if signal in sender.per_minute
        ]
        assert None not in times
        above = Threshold(highest.count + 1, 300)
        assert None in [
            seconds_to(sender, signal, above) for sender in SENDERS if signal in sender.per_minute
        ]


def test_the_curve_falls_and_meets_the_numbers() -> None:
    noisy = week(random.Random(9), {"10.20.0.1": [(mx, bursts(20, 30))]}, START)
    one = of(recommend(noisy, SITE, 1.0), Signal.MX_FLOOD)
    seen = [rate for _, rate, _ in one.curve]
    assert seen == sorted(seen, reverse=True)
    assert {count: rate for count, rate, _ in one.curve}[one.proposed.count] == one.expected
    assert ip_address(one.loud[0].host) in SITE.home_networks[0]


def test_sizes_of_the_model_are_the_hosts_windows() -> None:
    assert sizes([0, 1, 61 * SECOND], 60) == [2, 1]
