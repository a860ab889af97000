"""What hosts say to each other, as calls -> a pcap; independent of rulegen.simulate, so that
neither proves itself.

One `Wire` is one pcap. All calls take the time in seconds since its start and plain addresses as
text; MAC addresses do not matter.
"""

import struct
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import count
from pathlib import Path

import dpkt

START = 1_772_438_400.0  # 2026-03-02 08:00:00 UTC
RTT = 0.01
SYN, ACK, PUSH, FIN, RST = (
    dpkt.tcp.TH_SYN,
    dpkt.tcp.TH_ACK,
    dpkt.tcp.TH_PUSH,
    dpkt.tcp.TH_FIN,
    dpkt.tcp.TH_RST,
)
ECN = dpkt.tcp.TH_ECE | dpkt.tcp.TH_CWR
A, SOA, MX, TXT, AAAA, OPT = 1, 6, 15, 16, 28, 41
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
CLIENT, SERVER = "C", "S"

Turn = tuple[str, bytes]


class Wire:
    """Packets in the order of their times, whatever the order of the calls."""

    def __init__(self) -> None:
        self._packets: list[tuple[float, int, bytes]] = []
        self._port: dict[str, Iterator[int]] = {}
        self._number = count()

    def write(self, path: Path) -> Path:
        with path.open("wb") as file:
            writer = dpkt.pcap.Writer(file)
            for at, _, frame in sorted(self._packets):
                writer.writepkt(frame, ts=START + at)
        return path

    def free_port(self, host: str) -> int:
        ports = self._port.setdefault(host, count(20_000))
        return next(ports)

    def udp(self, at: float, src: tuple[str, int], dst: tuple[str, int], payload: bytes) -> None:
        segment = dpkt.udp.UDP(sport=src[1], dport=dst[1], ulen=8 + len(payload), data=payload)
        self._send(at, src[0], dst[0], dpkt.ip.IP_PROTO_UDP, segment)

    def tcp(
        self,
        at: float,
        src: tuple[str, int],
        dst: tuple[str, int],
        flags: int,
        seq: int,
        ack: int = 0,
        payload: bytes = b"",
    ) -> None:
        segment = dpkt.tcp.TCP(
            sport=src[1], dport=dst[1], seq=seq, ack=ack, flags=flags, win=64240, data=payload
        )
        self._send(at, src[0], dst[0], dpkt.ip.IP_PROTO_TCP, segment)

    def syn(
        self,
        at: float,
        client: str,
        server: str,
        port: int,
        *,
        flags: int = 0,
        refused: bool = False,
    ) -> None:
        """A connection attempt that nobody answers, or that is refused."""
        here, there = (client, self.free_port(client)), (server, port)
        self.tcp(at, here, there, SYN | flags, 1000)
        if refused:
            self.tcp(at + RTT, there, here, RST | ACK, 0, 1001)

    def session(
        self, at: float, client: str, server: str, port: int, turns: Sequence[Turn]
    ) -> None:
        """A whole TCP connection: handshake, each turn acknowledged by the other side, FIN from the
        client."""
        connection = Connection(self, at, client, server, port)
        connection.close(connection.say(at + 3 * RTT, turns))

    def ask(
        self,
        at: float,
        client: str,
        resolver: str,
        question: bytes,
        answer: bytes | None = None,
        *,
        tcp: bool = False,
        port: int = 53,
    ) -> None:
        """One DNS question and its answer, over UDP or in a TCP connection of its own."""
        answer = answer if answer is not None else reply(question)
        if tcp:
            framed = [
                (who, struct.pack("!H", len(data)) + data)
                for who, data in ((CLIENT, question), (SERVER, answer))
            ]
            self.session(at, client, resolver, port, framed)
            return
        here, there = (client, self.free_port(client)), (resolver, port)
        self.udp(at, here, there, question)
        self.udp(at + RTT, there, here, answer)

    def _send(self, at: float, src: str, dst: str, proto: int, segment: dpkt.Packet) -> None:
        source, target = ip_address(src), ip_address(dst)
        if source.version == 4:
            packet = dpkt.ip.IP(
                src=source.packed,
                dst=target.packed,
                p=proto,
                id=next(self._number) & 0xFFFF,
                ttl=64,
                data=segment,
            )
            kind = dpkt.ethernet.ETH_TYPE_IP
        else:
            packet = dpkt.ip6.IP6(
                src=source.packed,
                dst=target.packed,
                nxt=proto,
                plen=len(segment),
                hlim=64,
                data=segment,
            )
            packet.extension_hdrs = {}
            kind = dpkt.ethernet.ETH_TYPE_IP6
        segment.sum = _checksum(source.packed, target.packed, proto, bytes(segment))
        frame = dpkt.ethernet.Ethernet(
            src=b"\x02\0\0\0\0\1", dst=b"\x02\0\0\0\0\2", type=kind, data=bytes(packet)
        )
        self._packets.append((at, next(self._number), bytes(frame)))


class Connection:
    """A TCP connection that is already open; what is said needs times after it opened, and in
    order."""

    def __init__(self, wire: Wire, at: float, client: str, server: str, port: int) -> None:
        self._wire = wire
        self._ends = {CLIENT: (client, wire.free_port(client)), SERVER: (server, port)}
        self._seq = {CLIENT: 1000, SERVER: 5000}
        self._send(at, CLIENT, SYN)
        self._send(at + RTT, SERVER, SYN | ACK)
        self._send(at + 2 * RTT, CLIENT, ACK)

    def say(self, at: float, turns: Sequence[Turn]) -> float:
        """Each turn in packets of 1400 bytes at most, each acknowledged; gives the time at which
        the next may follow."""
        for who, payload in turns:
            for start in range(0, len(payload), 1400):
                self._send(at, who, PUSH | ACK, payload[start : start + 1400])
                self._send(at + RTT / 2, SERVER if who == CLIENT else CLIENT, ACK)
                at += RTT
        return at

    def close(self, at: float) -> None:
        for number, (who, flags) in enumerate(
            ((CLIENT, FIN | ACK), (SERVER, FIN | ACK), (CLIENT, ACK))
        ):
            self._send(at + number * RTT, who, flags)

    def _send(self, at: float, who: str, flags: int, payload: bytes = b"") -> None:
        other = SERVER if who == CLIENT else CLIENT
        ack = self._seq[other] if flags & ACK else 0
        self._wire.tcp(at, self._ends[who], self._ends[other], flags, self._seq[who], ack, payload)
        self._seq[who] += len(payload) + bool(flags & (SYN | FIN))


def question(
    name: str, kind: int, *, flags: int = 0x0100, edns: bool = False, ident: int = 0x1234
) -> bytes:
    """A DNS question; `flags` 0x0100 is RD, 0x0020 AD. `edns` adds an OPT record."""
    opt = b"\0" + struct.pack("!HHIH", OPT, 1232, 0, 0) if edns else b""
    return (
        struct.pack("!6H", ident, flags, 1, 0, 0, bool(edns))
        + wire_name(name)
        + struct.pack("!2H", kind, 1)
        + opt
    )


def reply(question: bytes, rcode: int = NOERROR, *, flags: int = 0x8180) -> bytes:
    """The answer to it: an error with the zone's SOA beside it, or no error and no record."""
    ident, _, _, _, _, extra = struct.unpack("!6H", question[:12])
    soa = (
        wire_name("ns.invalid")
        + wire_name("root.invalid")
        + struct.pack("!5I", 1, 3600, 600, 86400, 60)
    )
    authority = b"\xc0\x0c" + struct.pack("!HHIH", SOA, 1, 60, len(soa)) + soa
    body = question[12 : len(question) - 11] if extra else question[12:]
    opt = question[-11:] if extra else b""
    return struct.pack("!6H", ident, flags | rcode, 1, 0, 1, extra) + body + authority + opt


def wire_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _checksum(source: bytes, target: bytes, proto: int, segment: bytes) -> int:
    pseudo = source + target + struct.pack("!IHH", len(segment), 0, proto)
    return dpkt.in_cksum(pseudo + segment) or 0xFFFF
