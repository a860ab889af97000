"""A BPF capture filter (pcap-filter(7)) + a packet -> whether the filter certainly keeps it."""

import re
from ipaddress import ip_address, ip_network

from msgspec import Struct

from rulegen.mail_probes import Address, Packet

_TOKEN = re.compile(r"\s*(&&|\|\||[()!?]|[\w.:/-]+)")
# Primitives whose effect is not computed here become one token "?".
_UNKNOWN = re.compile(
    r"\b(?:ether|proto|greater|less|vlan|mpls|pppoes|gateway|broadcast|multicast|inbound|outbound"
    r"|\w+\s*\[[^\]]*\])(?:\s*(?:&\s*\w+|[=<>!]+\s*\w+|\(?\b(?:proto|host|src|dst)\b|\d[\w:]*))*"
)
_PROTOCOLS = {"ip": 4, "ip6": 6}
_TRANSPORTS = ("tcp", "udp", "icmp", "icmp6", "sctp", "arp", "rarp")
_TYPES = ("host", "net", "port", "portrange")
_SERVICES = {"smtp": 25, "domain": 53, "smtps": 465, "submissions": 465, "submission": 587}
_SERVICES |= {"ssh": 22, "http": 80, "https": 443, "ntp": 123, "syslog": 514}


class UnknownFilter(Exception):
    """The filter holds a primitive whose effect on a packet is unknown here."""


class _Qualifiers(Struct, frozen=True):
    protocol: str = ""
    direction: str = "src or dst"
    kind: str = ""


def keeps(text: str, packet: Packet) -> bool | None:
    """True or False if the filter certainly keeps or drops the packet; None if unknown."""
    if not text.strip():
        return True
    try:
        return _Parser(text, packet).parse()
    except (UnknownFilter, ValueError, IndexError, RecursionError):
        return None


class _Parser:
    """Recursive descent over the filter; `and` and `or` have equal precedence, as in libpcap."""

    def __init__(self, text: str, packet: Packet) -> None:
        known = _UNKNOWN.sub(" ? ", text)
        self.packet = packet
        self.tokens = [match[1] for match in _TOKEN.finditer(known)]
        self.last = _Qualifiers()
        if "".join(self.tokens) != "".join(known.split()):
            raise UnknownFilter(text)

    def parse(self) -> bool | None:
        result = self.expression()
        if self.tokens:
            raise UnknownFilter(self.tokens[0])
        return result

    def expression(self) -> bool | None:
        result = self.term()
        while self.tokens and self.tokens[0] in ("and", "&&", "or", "||"):
            operator = self.tokens.pop(0)
            other = self.term()
            result = _both(result, other) if operator in ("and", "&&") else _either(result, other)
        return result

    def term(self) -> bool | None:
        if self.tokens[0] in ("not", "!"):
            self.tokens.pop(0)
            found = self.term()
            return None if found is None else not found
        if self.tokens[0] == "(":
            self.tokens.pop(0)
            found = self.expression()
            if self.tokens.pop(0) != ")":
                raise UnknownFilter(")")
            return found
        return self.primitive()

    def primitive(self) -> bool | None:
        if self.tokens[0] == "?":
            self.tokens.pop(0)
            return None
        qualifiers = self.qualifiers()
        if qualifiers.protocol and not qualifiers.kind:
            return self.has_protocol(qualifiers.protocol)
        self.last = qualifiers
        if self.tokens[0] == "(":  # "port (25 or 587)"
            return self.term()
        value = self.tokens.pop(0)
        if qualifiers.kind == "net" and self.tokens[:1] == ["mask"]:
            value = f"{value}/{self.tokens[1]}"
            del self.tokens[:2]
        matches = self.matches(qualifiers, value)
        known = not qualifiers.protocol or self.has_protocol(qualifiers.protocol)
        return matches and known

    def qualifiers(self) -> _Qualifiers:
        """Qualifiers before an identifier; those of the last primitive if there are none."""
        protocol = direction = kind = ""
        if self.tokens[0] in (*_PROTOCOLS, *_TRANSPORTS):
            protocol = self.tokens.pop(0)
            if not self.tokens or self.tokens[0] in ("and", "or", "&&", "||", ")"):
                return _Qualifiers(protocol)
        if self.tokens[0] in ("src", "dst"):
            direction = self.tokens.pop(0)
            if self.tokens[1:2] and self.tokens[0] in ("or", "and"):
                direction = f"{direction} {self.tokens[0]} {self.tokens[1]}"
                del self.tokens[:2]
        if self.tokens[0] in _TYPES:
            kind = self.tokens.pop(0)
        if not (protocol or direction or kind):
            return self.last
        return _Qualifiers(protocol, direction or "src or dst", kind or "host")

    def has_protocol(self, name: str) -> bool:
        version = _PROTOCOLS.get(name)
        if version is not None:
            return self.packet.source.version == version
        return self.packet.protocol == name

    def matches(self, qualifiers: _Qualifiers, value: str) -> bool:
        p = self.packet
        if qualifiers.kind in ("port", "portrange"):
            low, high = _ports(value)
            ends = (low <= p.source_port <= high, low <= p.destination_port <= high)
        elif qualifiers.kind in ("host", "net"):
            ends = (_within(value, p.source), _within(value, p.destination))
        else:
            raise UnknownFilter(value)
        match qualifiers.direction:
            case "src":
                return ends[0]
            case "dst":
                return ends[1]
            case "src and dst" | "dst and src":
                return all(ends)
            case _:
                return any(ends)


def _ports(value: str) -> tuple[int, int]:
    low, _, high = value.partition("-")
    return _port(low), _port(high or low)


def _port(word: str) -> int:
    return _SERVICES[word] if word in _SERVICES else int(word)


def _within(value: str, address: Address) -> bool:
    """An address, a network, or the first bytes of an IPv4 network ("10.20")."""
    if "/" not in value and ":" not in value and value.count(".") < 3:
        bytes_given = value.split(".")
        full = ".".join([*bytes_given, *["0"] * (4 - len(bytes_given))])
        value = f"{full}/{8 * len(bytes_given)}"
    if "/" in value:
        return address in ip_network(value, strict=False)
    return address == ip_address(value)


def _both(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False
