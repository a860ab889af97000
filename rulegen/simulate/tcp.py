"""Payloads and endpoints -> timed packets: datagrams, TCP conversations, failed connections."""

import random
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from rulegen.simulate.wire import (
    ACK,
    FIN,
    MSS,
    PSH,
    RST,
    SYN,
    Segment,
    Socket,
    tcp_frame,
    udp_frame,
)

_MSS_OPTION = b"\x02\x04" + MSS.to_bytes(2, "big")
_STEP = 0.00004  # seconds between two packets of one machine


class Packet(NamedTuple):
    """`time` is seconds since the start of the simulation, `frame` a whole Ethernet frame."""

    time: float
    frame: bytes


class Turn(NamedTuple):
    """One side sends `data`, after a `pause` in seconds besides the round trip time."""

    by_client: bool
    data: bytes
    pause: float = 0.0


class Ending(Enum):
    """How a conversation ends: both sides close it, or the client resets it."""

    CLOSE = "close"
    RESET = "reset"


class Refusal(Enum):
    """How a connection attempt fails: no answer (a firewall drops it), or a reset."""

    SILENCE = "silence"
    RESET = "reset"


class Tape:
    """The packets of one actor; sorted by time when all actors are done."""

    def __init__(self, rng: random.Random) -> None:
        self.packets: list[Packet] = []
        self.rng = rng
        self._ident = rng.getrandbits(16)

    def datagram(self, at: float, src: Socket, dst: Socket, payload: bytes) -> None:
        self.packets.append(Packet(at, udp_frame(src, dst, payload, self._next_ident())))

    def segment(self, at: float, src: Socket, dst: Socket, segment: Segment) -> None:
        self.packets.append(Packet(at, tcp_frame(src, dst, segment, self._next_ident())))

    def _next_ident(self) -> int:
        self._ident = (self._ident + 1) & 0xFFFF
        return self._ident


def converse(
    tape: Tape,
    at: float,
    client: Socket,
    server: Socket,
    turns: Iterable[Turn],
    *,
    rtt: float,
    ending: Ending = Ending.CLOSE,
) -> float:
    """Record a TCP conversation that begins at `at`; return the time of its last packet.

    `rtt` is in seconds.
    """
    connection = _Connection(tape, at, client, server, rtt)
    connection.open()
    for turn in turns:
        connection.say(turn)
    connection.end(ending)
    return connection.now


def knock(
    tape: Tape,
    at: float,
    client: Socket,
    server: Socket,
    *,
    refusal: Refusal,
    tries: int = 3,
    rtt: float = 0.02,
) -> float:
    """Record a failed connection attempt, with SYNs repeated after 1, 3, 7 ... seconds."""
    seq = tape.rng.getrandbits(32)
    if refusal is Refusal.RESET:
        tape.segment(at, client, server, Segment(seq, 0, SYN, options=_MSS_OPTION))
        tape.segment(at + rtt, server, client, Segment(0, (seq + 1) & 0xFFFFFFFF, RST | ACK))
        return at + rtt
    times = [at + ((1 << number) - 1) for number in range(tries)]
    for time in times:
        tape.segment(time, client, server, Segment(seq, 0, SYN, options=_MSS_OPTION))
    return times[-1]


class _Side:
    """One end of a connection: its sequence number, and whether an acknowledgement is due."""

    def __init__(self, socket: Socket, seq: int) -> None:
        self.socket = socket
        self.seq = seq
        self.owes = False

    def advance(self, count: int) -> None:
        self.seq = (self.seq + count) & 0xFFFFFFFF


class _Connection:
    """A TCP connection being recorded; `now` is the time of the last recorded packet."""

    def __init__(self, tape: Tape, at: float, client: Socket, server: Socket, rtt: float) -> None:
        self.tape = tape
        self.now = at
        self.rtt = rtt
        self.client = _Side(client, tape.rng.getrandbits(32))
        self.server = _Side(server, tape.rng.getrandbits(32))

    def open(self) -> None:
        self._record(self.client, SYN, options=_MSS_OPTION, acknowledge=False)
        self.now += self.rtt
        self._record(self.server, SYN | ACK, options=_MSS_OPTION)
        self.now += _STEP
        self._record(self.client, ACK)

    def say(self, turn: Turn) -> None:
        side = self.client if turn.by_client else self.server
        other = self._other(side)
        if other.owes:
            self.now += _STEP
            self._record(other, ACK)
        self.now += turn.pause + (_STEP if turn.by_client else self.rtt)
        for begin in range(0, len(turn.data), MSS):
            self._record(side, PSH | ACK, turn.data[begin : begin + MSS])
            self.now += _STEP

    def end(self, ending: Ending) -> None:
        match ending:
            case Ending.CLOSE:
                self._close()
            case Ending.RESET:
                self.now += _STEP
                self._record(self.client, RST | ACK)

    def _close(self) -> None:
        self.now += _STEP
        self._record(self.client, FIN | ACK)
        self.now += self.rtt
        self._record(self.server, FIN | ACK)
        self.now += _STEP
        self._record(self.client, ACK)

    def _record(
        self,
        side: _Side,
        flags: int,
        payload: bytes = b"",
        *,
        options: bytes = b"",
        acknowledge: bool = True,
    ) -> None:
        other = self._other(side)
        segment = Segment(side.seq, other.seq if acknowledge else 0, flags, payload, options)
        self.tape.segment(self.now, side.socket, other.socket, segment)
        side.advance(len(payload) + bool(flags & (SYN | FIN)))
        side.owes = False
        other.owes = bool(payload)

    def _other(self, side: _Side) -> _Side:
        return self.server if side is self.client else self.client
