"""suricata.yaml + the home networks -> memory limits that hold fewer hosts than the site has."""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from rulegen.errors import Problem
from rulegen.site_profile import Network
from rulegen.suricata_yaml import Setting
from rulegen.vocabulary import Engine

# Maximum number of hosts assumed for a network: nobody fills a 10.0.0.0/8 or an IPv6 network.
MOST_HOSTS = 65_536
# Minimum number of connections and threshold counts that one host needs at a time.
_CONNECTIONS, _COUNTS = 2, 4
_BUCKET = 64
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


class Memcap(Struct, frozen=True):
    """One limit: Suricata's default, bytes per host, hash buckets, and the effect of a full one.

    Bytes were measured with Suricata 7.0.10 and 8.0.8 (tests/test_silenced_rules.py).
    """

    path: tuple[str, ...]
    default: int
    bytes_per_host: int
    hash_size: int
    effect: str
    engines: tuple[Engine, ...] = (Engine.SURICATA_7, Engine.SURICATA_8)


_FORGETS = "when it is full, Suricata discards the counts of other hosts and counts from 0 again"
MEMCAPS = (
    Memcap(("host", "memcap"), 32 << 20, 120, 4096, _FORGETS, (Engine.SURICATA_7,)),
    Memcap(
        ("detect", "thresholds", "memcap"),
        16 << 20,
        160 * _COUNTS,
        16384,
        _FORGETS,
        (Engine.SURICATA_8,),
    ),
    Memcap(
        ("stream", "memcap"),
        64 << 20,
        304 * _CONNECTIONS,
        0,
        "when it is full, new TCP connections are not followed: no SMTP rule or record",
    ),
    Memcap(
        ("stream", "reassembly", "memcap"),
        256 << 20,
        2300 * _CONNECTIONS,
        0,
        "when it is full, TCP data is not reassembled: no SMTP rule or record",
    ),
    Memcap(
        ("flow", "memcap"),
        128 << 20,
        296 * _CONNECTIONS,
        65536,
        "when it is full, packets have no flow: rules do not match, no record is logged",
    ),
)


def memcap_problems(
    root: Setting, home: Iterable[Network], engine: Engine | None
) -> Iterator[Problem]:
    """Limits below Suricata's default that are too small for the home networks."""
    hosts = sum(min(network.num_addresses, MOST_HOSTS) for network in home)
    for memcap in MEMCAPS:
        setting = root.at(*memcap.path)
        size = size_in_bytes(setting.text) if setting else None
        if setting is None or size is None or size >= memcap.default:
            continue
        if engine is not None and engine not in memcap.engines:
            continue
        held = _hosts_held(root, memcap, size)
        if held < hosts:
            what = (
                f"is {setting.text}, enough for about {held} hosts, and home_networks holds up to "
                f"{hosts}: {memcap.effect}; set {memcap.default >> 20}mb, Suricata's default, "
                "or more"
            )
            yield setting.problem(".".join(memcap.path), what)


def _hosts_held(root: Setting, memcap: Memcap, size: int) -> int:
    """How many hosts fit beside the hash table, rounded down to two digits."""
    setting = root.at(*memcap.path[:-1], "hash-size")
    buckets = (size_in_bytes(setting.text) if setting else None) or memcap.hash_size
    held = max(size - buckets * _BUCKET * bool(memcap.hash_size), 0) // memcap.bytes_per_host
    unit: int = 10 ** max(len(str(held)) - 2, 0)
    return held // unit * unit


def size_in_bytes(text: str) -> int | None:
    """A size in Suricata's units (kb, mb, gb, or none for bytes); None where it is invalid."""
    match = _SIZE.fullmatch(text.strip())
    return int(float(match[1]) * _UNITS[match[2].lower()]) if match else None
