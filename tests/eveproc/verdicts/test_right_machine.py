"""Networks in which addresses identify little -> each bot is infected under its correct name, and
no other host.

Each case is played twice: with records, and with alerts alone where those can tell.
"""

import pytest
from msgspec.structs import replace

from rulegen.vocabulary import Level
from tests.eveproc.evidence_of import HOST, SITE, alert, lease, report, site_of
from tests.eveproc.networks import GATEWAY, bot, laptop, seen

HOUR = 3600
MAC = "02:00:00:00:00:0{}"
BRANCHES = 'home_networks: ["192.168.1.0/24"]\n'
# What no benign host raises together (docs/verdicts.md#alerts).
ALERTS = ("mx_flood", "smtp_attempts", "smtp_rejects", "worm_attachment")
RECORDS, ALONE = "records", "alerts alone"
WAYS = [RECORDS, ALONE]


def infected(way, host, start=600.0, number=30):
    """A mass mailer as it is logged: its records, or the alerts on it."""
    if way == RECORDS:
        return list(bot(host, number, start))
    return [
        alert(start + 60 * n, s, f"198.18.0.{n + 1}", host, sid=1_250_001 + n)
        for n, s in enumerate(ALERTS)
    ]


def innocent(way, host, number=0):
    """Somebody who reads and writes mail; on alerts alone one that people raise, too."""
    if way == RECORDS:
        return list(laptop(host, 3 * number, start=100 * number))
    return [alert(400 + 100 * number, "submission_attempts", host=host)]


def told(events, fields="", text=SITE):
    """Host, scope and name of everybody who is infected."""
    site = site_of(text + (f"separate_by: {fields}\n" if fields else ""))
    return [
        (v.host, v.scope, v.identity.name if v.identity else "")
        for v in report(events, site).verdicts
        if v.level is Level.INFECTED
    ]


@pytest.mark.parametrize("way", WAYS)
def test_six_overlapping_vlans(way):
    events = [e for n in range(6) for e in seen(innocent(way, HOST, n), vlan=(10 + n,))]
    events += seen(infected(way, HOST), vlan=(16,))
    assert told(events, "[vlan]") == [(HOST, "vlan=16", "")]


@pytest.mark.parametrize("way", WAYS)
def test_four_tenants(way):
    events = [e for n in range(3) for e in seen(innocent(way, HOST, n), tenant_id=str(n))]
    events += seen(infected(way, HOST), tenant_id="3")
    assert told(events, "[tenant_id]") == [(HOST, "tenant_id=3", "")]


@pytest.mark.parametrize("way", WAYS)
def test_twelve_branches_with_a_bot_in_one(way):
    host = "192.168.1.50"
    events = [e for n in range(12) for e in seen(innocent(way, host, n), f"branch-{n}")]
    events += seen(infected(way, host), "branch-5")
    assert told(events, "[host]", BRANCHES) == [(host, "host=branch-5", "")]


def parts(way, hosts, pause):
    """One mass mailer, from one address after the other: to other servers and domains each time."""
    for number, host in enumerate(hosts):
        start = number * pause
        if way == ALONE:
            yield alert(
                start,
                ALERTS[number % 3],
                f"198.18.0.{number + 1}",
                host,
                sid=1_250_001 + number % 3,
            )
            continue
        for event in bot(host, number * 3 + 3, start - number * 3 * 60, 60):
            if event.time >= 1_772_438_400.0 + start:
                yield event


PRIVACY = [f"2001:db8:20:1::{n:x}" for n in range(1, 13)]


@pytest.mark.parametrize("way", WAYS)
def test_privacy_addresses_with_a_mac(way):
    events = seen(parts(way, PRIVACY, 600), client_mac=MAC.format(1), server_mac=GATEWAY)
    others = innocent(way, "2001:db8:20:1::ff", 1)
    events += seen(others, client_mac=MAC.format(2), server_mac=GATEWAY)
    (verdict,) = [v for v in report(events).verdicts if v.level is Level.INFECTED]
    assert verdict.identity.mac == MAC.format(1)
    assert set(verdict.identity.addresses) == set(PRIVACY)


def test_privacy_addresses_without_a_mac():
    """Alerts alone: test_address_rotation.py."""
    events = [*parts(RECORDS, PRIVACY, 600), *innocent(RECORDS, "2001:db8:20:1::ff", 1)]
    (verdict,) = [v for v in report(events).verdicts if v.level is Level.INFECTED]
    assert verdict.in_turn == tuple(PRIVACY)


CHURN = [f"10.20.3.{n}" for n in range(1, 13)]


@pytest.mark.parametrize("way", WAYS)
def test_leases_that_are_seen(way):
    events = list(parts(way, CHURN, HOUR))
    for n, address in enumerate(CHURN):  # by the next hour the address is another's
        events.append(lease(n * HOUR - 1, address, MAC.format(1), "lap-7"))
        events.append(lease((n + 1) * HOUR, address, MAC.format(2), "other"))
        later = innocent(way, address, n)[-1]
        events.append(replace(later, time=later.time + (n + 2) * HOUR))
    events += [lease(-1, "10.20.4.1", MAC.format(3), "desk"), *innocent(way, "10.20.4.1")]
    assert {name for _, _, name in told(events)} == {"lap-7"}


def test_leases_that_are_not_seen():
    """Alerts alone: test_address_rotation.py."""
    events = [*parts(RECORDS, CHURN, 200), *innocent(RECORDS, "10.20.3.99", 1)]
    (verdict,) = [v for v in report(events).verdicts if v.level is Level.INFECTED]
    assert verdict.in_turn == tuple(CHURN)


@pytest.mark.parametrize("way", WAYS)
def test_two_sensors_that_see_the_same(way):
    both = [*infected(way, HOST), *innocent(way, "10.20.1.9")]
    events = [*seen(both, "lan"), *seen(both, "core", later=0.2)]
    assert told(events) == [(HOST, "", "")]
    once = next(v for v in report(seen(both, "lan")).verdicts if v.host == HOST)
    twice = next(v for v in report(events).verdicts if v.host == HOST)
    assert [i.count for i in twice.evidence] == [i.count for i in once.evidence]


ROAMING = ["10.20.0.7", "10.20.1.7", "10.20.2.7"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("known_by", ["MAC", "lease"])
def test_a_laptop_that_roams_over_three_subnets(way, known_by):
    """What each subnet shows of it is no finding."""
    events = list(parts(way, ROAMING, HOUR))
    if way == RECORDS:
        events = [e for n, a in enumerate(ROAMING) for e in bot(a, 6 + 6 * n, n * HOUR - 18 * n)]
        events = [e for e in events if e.client in ROAMING]
    if known_by == "MAC":
        events = seen(events, client_mac=MAC.format(1), server_mac=GATEWAY)
    else:
        events += [lease(n * HOUR - 60, a, MAC.format(1), "lap-7") for n, a in enumerate(ROAMING)]
    events += innocent(way, "10.20.1.8")
    (verdict,) = [v for v in report(events).verdicts if v.level is Level.INFECTED]
    assert verdict.identity.mac == MAC.format(1)
    assert list(verdict.identity.addresses) == ROAMING


@pytest.mark.parametrize("way", WAYS)
def test_a_replaced_network_card(way):
    """Two machines to the network, of one name; the neighbour has an address of its own."""
    first, later = lease(0, HOST, MAC.format(1), "pc-7"), 5 * HOUR
    events = [first, *infected(way, HOST), lease(later, HOST, MAC.format(2), "pc-7")]
    events += [replace(e, time=e.time + later) for e in infected(way, HOST)]
    events += [lease(0, "10.20.1.9", MAC.format(3), "pc-9"), *innocent(way, "10.20.1.9")]
    found = [v for v in report(events).verdicts if v.level is Level.INFECTED]
    assert {v.identity.name for v in found} == {"pc-7"}
    assert {v.identity.mac for v in found} == {MAC.format(1), MAC.format(2)}
