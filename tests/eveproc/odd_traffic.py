"""Nothing -> a pcap with one of each thing that Suricata's versions log differently; all addresses
and names are reserved ones."""

import struct
from ipaddress import ip_address
from pathlib import Path

import dpkt

PC, RELAY, RESOLVER = "10.20.0.9", "10.20.0.1", "10.20.0.53"
PC_6, RESOLVER_6 = "2001:db8:20::9", "2001:db8:20::53"
SERVER, REFUSING, SILENT = "192.0.2.25", "192.0.2.26", "192.0.2.27"
LEASED = "10.20.0.77"
PC_MAC, RELAY_MAC = bytes.fromhex("020000000011"), bytes.fromhex("020000000022")
START = 1_700_000_000.25
MX, NXDOMAIN, SERVFAIL = 15, 3, 2
SYN, FIN_ACK, SYN_ACK, RST_ACK, ACK, PSH_ACK = 0x02, 0x11, 0x12, 0x14, 0x10, 0x18


class Wire:
    """A pcap being written, 10 ms from packet to packet."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._pcap = dpkt.pcap.Writer(self._file)
        self._time = START

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def send(self, source: str, destination: str, protocol: int, payload: dpkt.Packet) -> None:
        frame = {"src": PC_MAC, "dst": RELAY_MAC}
        if ip_address(source).version == 4:
            packet = dpkt.ip.IP(
                src=ip_address(source).packed,
                dst=ip_address(destination).packed,
                p=protocol,
                data=payload,
            )
            packet.len = len(packet)
            ethernet = dpkt.ethernet.Ethernet(**frame, type=dpkt.ethernet.ETH_TYPE_IP, data=packet)
        else:
            packet = dpkt.ip6.IP6(
                src=ip_address(source).packed,
                dst=ip_address(destination).packed,
                nxt=protocol,
                hlim=64,
            )
            packet.extension_hdrs, packet.data, packet.plen = {}, payload, len(payload)
            ethernet = dpkt.ethernet.Ethernet(**frame, type=dpkt.ethernet.ETH_TYPE_IP6, data=packet)
        self._pcap.writepkt(ethernet, self._time)
        self._time += 0.01

    def datagram(self, source: str, sport: int, destination: str, dport: int, data: bytes) -> None:
        self.send(
            source,
            destination,
            17,
            dpkt.udp.UDP(sport=sport, dport=dport, data=data, ulen=8 + len(data)),
        )


class Session:
    """One TCP connection of PC."""

    def __init__(self, wire: Wire, port: int, server: str, server_port: int) -> None:
        self._wire, self._ends = wire, ((PC, port), (server, server_port))
        self._next = [1000, 5000]

    def packet(self, side: int, flags: int, data: bytes = b"") -> None:
        (source, sport), (destination, dport) = self._ends[side], self._ends[1 - side]
        ack = 0 if flags == SYN else self._next[1 - side]
        tcp = dpkt.tcp.TCP(
            sport=sport,
            dport=dport,
            seq=self._next[side],
            ack=ack,
            flags=flags,
            win=64000,
            data=data,
        )
        self._wire.send(source, destination, 6, tcp)
        self._next[side] += len(data) + bool(flags & 0x03)

    def talk(self, *turns: tuple[int, bytes]) -> None:
        for side, flags in ((0, SYN), (1, SYN_ACK), (0, ACK)):
            self.packet(side, flags)
        for side, data in turns:
            self.packet(side, PSH_ACK, data)
        for side, flags in ((0, FIN_ACK), (1, FIN_ACK), (0, ACK)):
            self.packet(side, flags)


def dns(name: bytes, number: int, rcode: int | None = None) -> bytes:
    """A question for MX, or with an rcode its answer."""
    flags = 0x0100 if rcode is None else 0x8180 | rcode
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b"."))
    return (
        struct.pack(">6H", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", MX, 1)
    )


def dhcp(
    kind: int,
    reply: bool,
    *options: tuple[int, bytes],
    current: str = "0.0.0.0",
    assigned: str = "0.0.0.0",
) -> bytes:
    head = (
        struct.pack(">BBBBIHH", 1 + reply, 1, 6, 0, 77, 0, 0)
        + ip_address(current).packed
        + ip_address(assigned).packed
    )
    body = head + bytes(8) + PC_MAC.ljust(16, b"\0") + bytes(192) + bytes.fromhex("63825363")
    return (
        body
        + b"".join(
            bytes([code, len(value)]) + value for code, value in ((53, bytes([kind])), *options)
        )
        + b"\xff"
    )


def mail(subject: bytes) -> tuple[tuple[int, bytes], ...]:
    """The lines of one transaction with a program attached; one of two recipients is refused."""
    parts = (
        b"From: a@example.org\r\nSubject: " + subject + b"\r\nMIME-Version: 1.0",
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: '
        b"text/plain\r\n\r\nhello there\r\n--x",
        b'Content-Type: application/octet-stream; name="a.pif"\r\nContent-Disposition: attachment; '
        b'filename="a.pif"',
        b"Content-Transfer-Encoding: base64\r\n\r\nTVqQAAMA\r\n--x--\r\n.\r\n",
    )
    return (
        (0, b"MAIL FROM:<A@Example.org>\r\n"),
        (1, b"250 ok\r\n"),
        (0, b"RCPT TO:<B@example.net>\r\n"),
        (1, b"550 no\r\n"),
        (0, b"RCPT TO:<c@example.net>\r\n"),
        (1, b"250 ok\r\n"),
        (0, b"DATA\r\n"),
        (1, b"354 go\r\n"),
        (0, b"\r\n".join(parts)),
        (1, b"250 ok\r\n"),
    )


def write(path: Path) -> None:
    with Wire(path) as wire:
        _lookups(wire)
        hello = ((1, b"220 mx ESMTP\r\n"), (0, b"EHLO PC.example.org\r\n"), (1, b"250 ok\r\n"))
        bye = ((0, b"QUIT\r\n"), (1, b"221 bye\r\n"))
        Session(wire, 5000, SERVER, 25).talk(
            *hello, *mail(b"caf\xe9"), *mail("café".encode()), *bye
        )
        refused = Session(wire, 5100, REFUSING, 25)
        refused.packet(0, SYN)
        refused.packet(1, RST_ACK)
        Session(wire, 5101, SILENT, 25).packet(0, SYN)
        _lease(wire)


def _lookups(wire: Wire) -> None:
    for name, number, rcode in (
        (b"Example.ORG", 1, 0),
        (b"no\xff\xfesuch.example.net", 2, NXDOMAIN),
    ):
        wire.datagram(PC, 4000 + number, RESOLVER, 53, dns(name, number))
        wire.datagram(RESOLVER, 53, PC, 4000 + number, dns(name, number, rcode))
    wire.datagram(PC_6, 4003, RESOLVER_6, 53, dns(b"six.example.org", 3))
    wire.datagram(RESOLVER_6, 53, PC_6, 4003, dns(b"six.example.org", 3, SERVFAIL))
    question, answer = dns(b"tcp.example.org", 4), dns(b"tcp.example.org", 4, NXDOMAIN)
    framed = (
        (0, struct.pack(">H", len(question)) + question),
        (1, struct.pack(">H", len(answer)) + answer),
    )
    Session(wire, 4004, RESOLVER, 53).talk(*framed)


def _lease(wire: Wire) -> None:
    name, lease = (12, b"Laptop-7"), (51, struct.pack(">I", 3600))
    wire.datagram("0.0.0.0", 68, "255.255.255.255", 67, dhcp(1, False, name))
    wire.datagram(RELAY, 67, LEASED, 68, dhcp(2, True, lease, assigned=LEASED))
    wire.datagram(
        "0.0.0.0", 68, "255.255.255.255", 67, dhcp(3, False, name, (50, ip_address(LEASED).packed))
    )
    wire.datagram(RELAY, 67, LEASED, 68, dhcp(5, True, lease, assigned=LEASED))
    wire.datagram(LEASED, 68, RELAY, 67, dhcp(8, False, name, current=LEASED))
    wire.datagram(RELAY, 67, LEASED, 68, dhcp(5, True, current=LEASED))
