"""What a badly placed sensor sees of the same traffic: losses, one direction, tags, a late
start.
"""

from ipaddress import ip_network

import pytest

from rulegen.simulate import Simulation, simulate
from rulegen.simulate.network import GATEWAY_MAC
from rulegen.simulate.view import CLEAR, View
from rulegen.site_profile import SiteProfile

SITE = SiteProfile((ip_network("10.20.0.0/16"),))


def seen_by(view: View) -> Simulation:
    return simulate(SITE, 2, seconds=60, clients=5, scenarios=["guess_config"], view=view)


@pytest.fixture(scope="module")
def clear() -> Simulation:
    return seen_by(CLEAR)


def test_lost_packets_are_missing_and_nothing_else_changes(clear: Simulation) -> None:
    lossy = seen_by(View(loss=0.2))
    assert lossy.hosts == clear.hosts
    assert set(lossy.packets) < set(clear.packets)
    assert 0.7 < len(lossy.packets) / len(clear.packets) < 0.9


def test_one_way_leaves_out_what_comes_from_outside_and_keeps_inside_traffic(
    clear: Simulation,
) -> None:
    half = seen_by(View(one_way=True))
    from_outside = [p for p in clear.packets if p.frame[6:12] == GATEWAY_MAC]
    assert from_outside
    assert half.packets == tuple(p for p in clear.packets if p not in set(from_outside))


def test_a_vlan_tags_every_frame_and_keeps_the_rest(clear: Simulation) -> None:
    tagged = seen_by(View(vlan=42))
    assert {frame[12:16] for _, frame in tagged.packets} == {b"\x81\x00\x00\x2a"}
    assert [(t, f[:12] + f[16:]) for t, f in tagged.packets] == list(clear.packets)


def test_a_late_start_begins_in_the_middle(clear: Simulation) -> None:
    late = seen_by(View(starts=30.0))
    assert late.packets == tuple(p for p in clear.packets if p.time >= 30)
    assert 0 < len(late.packets) < len(clear.packets)
