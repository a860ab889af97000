"""An address in any spelling -> the one spelling used everywhere, or "" if it is no address."""

from functools import lru_cache
from ipaddress import IPv6Address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton


def _is_number(family: int, text: str) -> bool:
    """True for an address of the family.

    The C library decides: ipaddress takes ten times as long.
    """
    try:
        return bool(inet_pton(family, text))
    except (OSError, ValueError):
        return False


def is_address(text: str) -> bool:
    """True if canonical_address gives a spelling."""
    return _is_number(AF_INET6 if ":" in text else AF_INET, text)


@lru_cache(maxsize=65536)
def canonical_address(text: str) -> str:
    """One spelling per address: Suricata writes IPv6 in full, people and ipaddress write it short.
    "" if it is no address.
    """
    if ":" not in text:  # four numbers and dots can be written in one way only
        return text if _is_number(AF_INET, text) else ""
    try:
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return ""
    return _spelled(packed)


def _spelled(packed: bytes) -> str:
    """As ipaddress spells it, in a tenth of the time. The C library differs only for IPv6 addresses
    that hold an IPv4 address.
    """
    if _C_SPELLS_SO and not packed.startswith(_NO_PREFIX):
        return inet_ntop(AF_INET6, packed)
    address = IPv6Address(packed)
    return str(address.ipv4_mapped or address)


_NO_PREFIX = bytes(8)
# Some C libraries also shorten a single group of zeros, or the second of two equal runs; RFC 5952
# (4.2) forbids both.
_TOLD_BY = ("1:0:2:3:4:5:6:7", "1::2:0:0:3:4", "1:2:3:4:5:6:7:0")
_C_SPELLS_SO = all(inet_ntop(AF_INET6, inet_pton(AF_INET6, text)) == text for text in _TOLD_BY)
