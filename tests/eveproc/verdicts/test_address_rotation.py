"""Addresses that are active one after another -> one machine; people who come and go stay separate."""

import random
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import pairwise

import pytest
from msgspec.structs import replace

from eveproc.evidence.store import HostEvidence
from eveproc.verdicts.address_rotation import (
    CHANCE_AT_MOST,
    _Candidate,
    _chains,
    chance,
    network_of,
)
from eveproc.verdicts.explain import explain
from eveproc.verdicts.machines import Machine
from rulegen.vocabulary import Level, Signal
from tests.eveproc.evidence_of import (
    START,
    alert,
    flow,
    gather,
    lease,
    lookup,
    mail,
    report,
    server,
    site_of,
    web,
)

PREFIX = "2001:db8:20:1::"
DAY = 24 * 3600


def mailing(host, start, seconds, every, first=0, lookups=True):
    """Mail to another server each `every` seconds, and before it a lookup."""
    for number in range(int(seconds / every)):
        time = start + number * every
        if lookups:
            yield lookup(time, f"d{first + number}.example", host=host)
        yield flow(time + 0.2, server(first + number), host=host)


def rotating(addresses=12, minutes=10, every=120, prefix=PREFIX, start=0, first=0):
    """A machine with another address each `minutes`."""
    each = int(minutes * 60 / every)
    for number in range(addresses):
        begin = start + number * minutes * 60
        host = f"{prefix}{number + 1:x}" if ":" in prefix else f"{prefix}{number + 1}"
        yield from mailing(host, begin, minutes * 60, every, first + number * each)


def a_day():
    """Flows of a day that are no evidence, so that the log is as long."""
    return [flow(time, "198.51.100.80", 443, host="10.20.9.9") for time in (0, DAY)]


def levels(events, site=None):
    return {v.host: v.level for v in report(events, site).verdicts if v.level is not Level.CLEAN}


def test_addresses_that_carry_on_from_one_another_are_one_infected_machine():
    """Five servers from each address in ten minutes: each alone is no finding."""
    found = report([*a_day(), *rotating()])
    (verdict,) = [v for v in found.verdicts if v.level is not Level.CLEAN]
    assert (verdict.host, verdict.level) == (f"{PREFIX}c", Level.INFECTED)
    assert verdict.in_turn == tuple(f"{PREFIX}{number:x}" for number in range(1, 13))
    assert (
        "12 addresses of 2001:db8:20:1::/64 were active one after another, never at the same time "
        "and with pauses of at most 120 s"
    ) in verdict.why
    assert found.clean_hosts == 1
    alone = levels([*a_day(), *mailing(f"{PREFIX}1", 0, 600, 120)])
    assert Level.INFECTED not in alone.values()


@pytest.mark.parametrize(
    ("names", "is_one"),
    [
        pytest.param(["vm{0}.corp.test"], False, id="each machine its own"),
        pytest.param(["pc7"], True, id="the same"),
        pytest.param(["a{0}", "b{0}"], True, id="two at each address"),
        pytest.param(["[10.20.1.{0}]"], True, id="the address"),
        pytest.param(["host-1-{0}.corp.test"], True, id="a name of the address"),
    ],
)
def test_machines_that_greet_under_their_own_names_are_several(names, is_one):
    """A job on each of a dozen machines, one after another, and it mails other customers."""
    moved = [replace(e, time=e.time + DAY / 2) for e in rotating(prefix="10.20.1.")]
    sent = [e for e in moved if hasattr(e, "server_port")]
    greetings = [
        mail(
            e.time - START + 0.5,
            e.server,
            host=e.client,
            helo=names[n % len(names)].format(e.client.rpartition(".")[2]),
            mail_from="",
            rcpt="",
        )
        for n, e in enumerate(sent)
    ]
    found = levels([*a_day(), *moved, *greetings])
    assert (Level.INFECTED in found.values()) is is_one


def test_it_is_decided_when_enough_addresses_made_enough_of_it():
    """Not when what one of them did would have passed for a machine known by its MAC."""
    (verdict,) = [v for v in report([*a_day(), *rotating()]).verdicts if v.in_turn]
    assert verdict.decided_at is not None
    assert verdict.decided_at >= START + 2 * 600 + 120  # the third has met its second server
    until = [e for e in rotating() if e.time <= verdict.decided_at]
    before = [e for e in rotating() if e.time < verdict.decided_at]
    assert [(v.level, v.in_turn != ()) for v in report(until).verdicts] == [(Level.INFECTED, True)]
    assert all(v.level is not Level.INFECTED for v in report(before).verdicts)


def test_more_addresses_than_a_float_holds_orders_of():
    """A day of five minutes each: 288! is above 10**308."""
    events = [*a_day(), *rotating(200, 7, 180)]
    (verdict,) = [v for v in report(events).verdicts if v.level is not Level.CLEAN]
    assert (verdict.level, len(verdict.in_turn)) == (Level.INFECTED, 200)


def test_ipv4_addresses_of_dhcp_that_is_not_logged_too():
    found = levels([*a_day(), *rotating(8, 60, 300, prefix="10.20.3.")])
    assert found == {"10.20.3.8": Level.INFECTED}


def test_with_leases_the_machine_is_known_and_nothing_is_guessed():
    events = [*a_day(), *rotating(8, 60, 300, prefix="10.20.3.")]
    events += [lease(n * 3600 - 1, f"10.20.3.{n + 1}") for n in range(8)]
    (verdict,) = [v for v in report(events).verdicts if v.level is not Level.CLEAN]
    assert verdict.in_turn == ()
    assert verdict.identity is not None
    assert len(verdict.identity.addresses) == 8


def test_two_that_are_active_at_once_are_not_one():
    events = [*a_day(), *rotating(), *rotating(prefix="2001:db8:20:1:a::", start=300, first=500)]
    assert all(v.in_turn == () for v in report(events).verdicts)


def test_a_server_that_was_active_all_the_while_does_not_hide_them():
    events = [*a_day(), *rotating(), *mailing(f"{PREFIX}aa", 0, DAY, 7200, 700)]
    found = [v for v in report(events).verdicts if v.in_turn]
    assert [(v.host, len(v.in_turn)) for v in found] == [(f"{PREFIX}c", 12)]


def test_other_networks_are_other_machines():
    events = [
        *a_day(),
        *(
            event
            for n in range(6)
            for event in rotating(1, 10, 120, f"2001:db8:20:{n}::", n * 600, 5 * n)
        ),
    ]
    assert levels(events) == levels([])


def test_people_who_come_and_go_at_their_desks_are_not_one_machine():
    """Submission to own providers, shift after shift at one desk: 40 people, 60 providers."""
    events = a_day()
    for person in range(40):
        host, start = f"10.20.5.{person + 1}", person * 1800
        for number in range(6):
            own = server((2 * person + number % 3) % 60)
            events.append(flow(start + number * 290, own, 587, host=host))
    assert levels(events) == {}


def test_devices_that_mail_one_after_the_other_to_the_same_servers_are_clean():
    """Staggered jobs: each host tells the same three partners."""
    events = a_day()
    for number in range(8):
        host = f"10.20.6.{number + 1}"
        for partner in range(3):
            time = number * 60 + partner * 5
            events += [
                lookup(time, f"p{partner}.example", host=host),
                flow(time + 0.2, server(partner), host=host),
            ]
    assert levels(events) == {}


def test_hosts_that_tell_partners_of_their_own_hours_apart_are_not_one():
    """Six appliances a day, each with three servers: no two at once, but far apart."""
    events = a_day()
    for number in range(6):
        events += mailing(f"10.20.6.{number + 1}", number * 4 * 3600, 180, 60, 3 * number)
    assert levels(events) == {}


def test_a_short_log_proves_nothing():
    assert all(v.in_turn == () for v in report(rotating(3, 10, 120)).verdicts)


def test_a_declared_server_is_no_member():
    site = site_of(
        'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: ["2001:db8:20:1::/64"]\n'
    )
    assert levels([*a_day(), *rotating()], site) == {}


def test_explain_finds_it_by_an_earlier_address():
    store = gather([*a_day(), *rotating(), *web("2001:db8:20:1::1")])
    (account,) = explain(f"{PREFIX}3", store, site_of(), ["eve.json"])
    assert (account.verdict.host, account.verdict.level) == (f"{PREFIX}c", Level.INFECTED)


def test_a_network_is_spelled_as_ipaddress_spells_it():
    numbers = random.Random(1)
    addresses = [str(IPv4Address(numbers.getrandbits(32))) for _ in range(200)]
    addresses += [
        str(IPv6Address(numbers.getrandbits(128) & numbers.choice(range(0, 1 << 128, 1 << 80))))
        for _ in range(200)
    ]
    addresses += ["::1", "::ffff:10.1.2.3", "fe80::1", "2001:db8::"]
    for address in addresses:
        length = 64 if ":" in address else 24
        assert network_of(address) == str(ip_network(f"{address}/{length}", strict=False))


def test_chance_falls_with_more_addresses_and_rises_with_pauses_and_other_hosts():
    assert chance(3, 3, 60, 8 * 3600) <= CHANCE_AT_MOST < chance(3, 20, 600, 8 * 3600)
    assert chance(12, 12, 300, 7200) <= CHANCE_AT_MOST
    assert chance(3, 9, 60, DAY) > chance(3, 3, 60, DAY)
    assert chance(3, 3, 90, DAY) > chance(3, 3, 60, DAY)
    assert chance(3, 3, 60, 0) == 1.0
    assert chance(3, 3, 0, DAY) == chance(3, 3, 1, DAY)  # a log in whole seconds
    closer = [chance(n, n, 1, DAY) for n in range(2, 9)]
    assert all(after < before for before, after in pairwise(closer))


def test_hosts_that_mail_at_any_time_of_a_working_day_are_put_together_rarely():
    """Independent hosts with three servers each, at random: 1,000 days of 20 hosts."""
    chance_of = random.Random(1)
    days = 1000
    found = sum(
        bool(_chains(list(_independent(chance_of, 20)), "10.20.3.0/24")) for _ in range(days)
    )
    assert found <= CHANCE_AT_MOST * days


def _independent(chance_of, number):
    for _ in range(number):
        candidate = _Candidate(Machine("10.20.3.1", HostEvidence(), None, ()))
        start, lasts = chance_of.uniform(0, 9 * 3600), chance_of.choice((60, 600, 3600))
        candidate.times = sorted(start + chance_of.uniform(0, lasts) for _ in range(6))
        yield candidate


# Alerts alone


def alerting(addresses=12, minutes=2, signals=("mx_flood",), start=0, each=2):
    """A machine with another address each `minutes`, from which its alerts come each minute."""
    for number in range(addresses):
        for minute in range(each):
            time = start + number * minutes * 60 + minute * 60
            for n, signal in enumerate(signals):
                met = server(number * each + minute)
                host = f"{PREFIX}{start:x}:{number + 1:x}"
                yield alert(time + n, signal, met, host, sid=1_250_001 + n)


def told(events):
    """(level, number of addresses) of every host above clean, where nothing but alerts is kept."""
    return [
        (v.level, max(1, len(v.in_turn)))
        for v in report(events).verdicts
        if v.level is not Level.CLEAN
    ]


def test_addresses_that_raise_the_same_alerts_in_turn_are_judged_together():
    """Two windows from each address: alone each is no finding."""
    events = list(alerting())
    (verdict,) = report(events).verdicts
    assert (verdict.level, len(verdict.in_turn)) == (Level.SUSPECTED, 12)
    assert (
        "12 addresses of 2001:db8:20:1::/64 raised the same alert (mx_flood) one after another, "
        "never at the same time and with pauses of at most 60 s"
    ) in verdict.why
    assert told([e for e in events if e.src_ip == f"{PREFIX}0:1"]) == []


def test_with_refusals_by_policy_among_them_they_are_infected():
    """Counts alone convict nobody (docs/verdicts.md); a few servers refuse each address."""
    events = list(alerting(20, signals=("mx_flood", "smtp_rejects"), each=1))
    (verdict,) = report(events).verdicts
    assert (verdict.level, len(verdict.in_turn)) == (Level.INFECTED, 20)
    assert told([e for e in events if e.src_ip == f"{PREFIX}0:1"]) == [(Level.SUSPECTED, 1)]
    assert verdict.score >= 0.99


def test_alerts_of_hosts_that_are_active_at_once_are_not_put_together():
    """Two machines, each with its own addresses, which cannot be separated."""
    events = [*alerting(), *alerting(start=70)]
    assert told(events) == []


def test_different_alerts_one_after_another_are_different_machines():
    signals = ("mx_flood", "name_guess", "smtp_attempts", "smtp_sessions", "helo_odd", "mx_slow")
    events = [
        replace(e, src_ip=f"{PREFIX}{n + 1:x}", flow_src=f"{PREFIX}{n + 1:x}")
        for n, signal in enumerate(signals)
        for e in alerting(1, signals=(signal,), start=600 * n)
    ]
    assert all(v.in_turn == () for v in report(events).verdicts)


def test_people_whose_submission_raises_alerts_one_after_another_are_not_one_machine():
    assert told(alerting(signals=("submission_attempts",))) == []
    events = alerting(signals=("submission_slow",))
    assert all(v.in_turn == () for v in report(events).verdicts)


def test_hosts_with_an_alert_hours_apart_are_not_one_machine():
    """Six newsletters a day, one window each."""
    events = list(alerting(6, minutes=240, each=1))
    assert all(v.in_turn == () for v in report(events).verdicts)


def test_hosts_whose_mails_are_logged_are_not_put_together_by_their_alerts():
    """Records show more: each notified its own partners, hours apart."""
    events = [*a_day(), *alerting()]
    for number in range(12):
        host = f"{PREFIX}0:{number + 1:x}"
        events += mailing(host, number * 7000, 60, 60, number, lookups=False)
    assert all(v.in_turn == () for v in report(events).verdicts)


def test_hosts_that_alert_at_any_time_are_put_together_rarely():
    """Independent hosts with one alert each: 1,000 days of 20 hosts."""
    chance_of, days = random.Random(2), 1000
    found = 0
    for _ in range(days):
        candidates = [
            _Candidate(Machine("10.20.3.1", HostEvidence(), None, ()), frozenset({Signal.MX_FLOOD}))
            for _ in range(20)
        ]
        for candidate in candidates:
            candidate.times = [chance_of.uniform(0, 9 * 3600)]
            candidate.since = candidate.times[0]
        found += bool(_chains(candidates, "10.20.3.0/24"))
    assert found <= 2 * CHANCE_AT_MOST * days
