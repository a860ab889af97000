"""Packets on the wire and the placement of a sensor -> the packets that it sees.

Common faults: packets are lost under load, a tap copies one direction only, the link is a trunk
with VLAN tags, the sensor starts in the middle of connections.
"""

import random
from collections.abc import Iterable

from msgspec import Struct

from rulegen.simulate.network import GATEWAY_MAC
from rulegen.simulate.tcp import Packet

_TAG = b"\x81\x00"  # 802.1Q


class View(Struct, frozen=True):
    """How much of the traffic a sensor sees.

    `loss` is the share of packets lost. `one_way` omits packets from the gateway into the site:
    answers take another path. `vlan` (1 to 4094) tags all frames. The sensor starts at second
    `starts`.
    """

    loss: float = 0.0
    one_way: bool = False
    vlan: int = 0
    starts: float = 0.0


CLEAR = View()


def look(packets: Iterable[Packet], view: View, rng: random.Random) -> tuple[Packet, ...]:
    """The packets that the sensor sees, in order."""
    if view == CLEAR:
        return tuple(packets)
    return tuple(
        Packet(packet.time, _tagged(packet.frame, view.vlan))
        for packet in packets
        if packet.time >= view.starts and _passes(packet.frame, view, rng)
    )


def _passes(frame: bytes, view: View, rng: random.Random) -> bool:
    from_gateway = frame[6:12] == GATEWAY_MAC
    return not (view.one_way and from_gateway) and rng.random() >= view.loss


def _tagged(frame: bytes, vlan: int) -> bytes:
    return frame[:12] + _TAG + vlan.to_bytes(2) + frame[12:] if vlan else frame
