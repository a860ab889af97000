"""Hostile or huge input of growing size -> the peak memory of `report` and `watch`.

    python -m benchmarks.memory --scale 0.1

Every kind makes a growing number of one thing: home hosts with a little evidence, names that one
host looks up, and values that any host in a home network may invent: source addresses in an IPv6
/64, MACs in frames, DHCP and ARP, names in mDNS. Lines have the format of Suricata 8: memory depends
on the number of distinct values, not of bytes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import MappingProxyType

from benchmarks.measure import EVERY, Command, held, peak_memory, tree
from benchmarks.page import table
from eveproc.evidence.sampling import keeps

MEGABYTE, MIB = 1_000_000, 1 << 20
REPORT, WATCH = "eveproc report", "eveproc watch"
EVEPROC = str(Path(sys.executable).with_name("eveproc"))
START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
# The period of every file in seconds, whatever its size, so that no evidence expires in a watch.
WITHIN = 2 * 3600
SITE = 'home_networks: [10.0.0.0/8, "2001:db8::/32"]\n'
V4, V6 = int(IPv4Address("10.0.0.0")), int(IPv6Address("2001:db8:0:7::"))
# Odd, so that each number occurs once; the results look random.
ODD = 0x9E3779B97F4A7C15
SHARES = (0.05, 0.2, 0.5, 1.0)
# A watch judges every host with new evidence again, which takes minutes beyond its bounds: it gets
# at most this number of lines (times the scale).
WATCHED_AT_MOST = 150_000
# A watch that does not report the mass mailer at the end of its log is stopped after this time.
PATIENCE = 1800.0


def _line(at: float, kind: bytes, host: str, rest: bytes) -> bytes:
    second = int(at)
    micros = int((at - second) * 1e6)
    head = b'{"timestamp":"%b.%06d+0000","flow_id":%d,"event_type":"%b","src_ip":"%b",'
    return head % (_second(second), micros, int(at * 1e6), kind, host.encode()) + rest


@lru_cache(maxsize=16)
def _second(when: int) -> bytes:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def _lookup(at: float, host: str, name: bytes, number: int) -> bytes:
    rest = (
        b'"src_port":%d,"dest_ip":"203.0.113.53","dest_port":53,"proto":"UDP","ip_v":4,"pkt_src":'
        b'"wire/pcap","dns":{"version":3,"type":"request","tx_id":0,"id":%d,"flags":"100","rd":true,'
        b'"opcode":0,"rcode":"NOERROR","queries":[{"rrname":"%b","rrtype":"MX"}]}}\n'
    )
    return _line(at, b"dns", host, rest % (1024 + number % 60_000, number % 65_536, name))


def _flow(
    at: float, host: str, port: int, ether: bytes = b"", server: str = "203.0.113.9"
) -> bytes:
    rest = (
        b'"src_port":40000,"dest_ip":"%b","dest_port":%d,"proto":"TCP",%b"flow":{"pkts_toserver":9,'
        b'"pkts_toclient":9,"bytes_toserver":900,"bytes_toclient":900,"start":"%b.000000+0000",'
        b'"state":"closed","reason":"timeout"},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b",'
        b'"tcp_flags_tc":"1b"}}\n'
    )
    return _line(at, b"flow", host, rest % (server.encode(), port, ether, _second(int(at))))


def _mac(number: int) -> bytes:
    return b"02" + (b":%02x" * 5) % tuple((number * ODD % (1 << 40)).to_bytes(5, "big"))


def _v4(number: int) -> str:
    return str(IPv4Address(V4 + 1 + number * 1_000_003 % ((1 << 24) - 2)))


def _v6(number: int) -> str:
    return str(IPv6Address(V6 + number * ODD % (1 << 64)))


def _one_lookup(number: int, at: float) -> bytes:
    return _lookup(at, _v4(number), b"mail.d%d.example.org" % (number % 1000), number)


def _new_names(number: int, at: float) -> bytes:
    return _lookup(at, "10.0.0.1", b"d%d.example" % number, number)


def _web(number: int, at: float) -> bytes:
    return _flow(at, _v4(number), 443)


def _spoofed(number: int, at: float) -> bytes:
    ether = b'"ether":{"src_mac":"%b","dest_mac":"02:ff:00:00:00:01"},' % _mac(number)
    return _flow(at, _v6(number), 25, ether)


def _frames(number: int, at: float) -> bytes:
    ether = b'"ether":{"src_mac":"%b","dest_mac":"02:ff:00:00:00:01"},' % _mac(number)
    return _flow(at, "10.0.0.7", 25, ether)


def _lease(number: int, at: float) -> bytes:
    rest = (
        b'"src_port":67,"dest_ip":"255.255.255.255","dest_port":68,"proto":"UDP","dhcp":{"type":'
        b'"reply","id":%d,"client_mac":"%b","assigned_ip":"%b","client_ip":"0.0.0.0","dhcp_type":'
        b'"ack","relay_ip":"0.0.0.0","lease_time":86400,"hostname":"host-%d"}}\n'
    )
    return _line(
        at, b"dhcp", "10.0.0.2", rest % (number, _mac(number), _v4(number).encode(), number)
    )


def _claim(number: int, at: float) -> bytes:
    address = _v4(number)
    rest = (
        b'"dest_ip":"10.0.0.1","proto":"ARP","arp":{"hw_type":"ethernet","proto_type":"ipv4",'
        b'"opcode":"reply","src_mac":"%b","src_ip":"%b","dest_mac":"02:ff:00:00:00:01",'
        b'"dest_ip":"10.0.0.1"}}\n'
    )
    return _line(at, b"arp", address, rest % (_mac(number), address.encode()))


def _announced(number: int, at: float) -> bytes:
    address = _v6(number)
    rest = (
        b'"src_port":5353,"dest_ip":"ff02::fb","dest_port":5353,"proto":"UDP","mdns":{"type":'
        b'"response","tx_id":0,"id":0,"flags":["aa"],"answers":[{"rrname":"host-%d.local","rrtype":'
        b'"AAAA","ttl":120,"aaaa":"%b"}]}}\n'
    )
    return _line(at, b"mdns", address, rest % (number, address.encode()))


@dataclass(frozen=True, slots=True)
class Kind:
    """`most` lines at scale 1, each with a new one of what is named."""

    name: str
    make: Callable[[int, float], bytes]
    most: int = MEGABYTE


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("home hosts that each look up one mail server", _one_lookup),
            Kind("home hosts that only fetch web pages", _web, 4 * MEGABYTE),
            Kind("names that one host looks up", _new_names, 5 * MEGABYTE),
            Kind("invented sources of mail in an IPv6 /64, each with a MAC", _spoofed),
            Kind("invented MACs of one address that sends mail", _frames),
            Kind("leases to invented MACs", _lease),
            Kind("claims of addresses by ARP, each with a MAC", _claim),
            Kind("names announced by mDNS, each by an address", _announced),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Held:
    """The peak memory of a command in bytes, on a file with `count` of the kind.

    `said`: what the report says that it left out at a bound.
    """

    kind: str
    command: str
    count: int
    bytes: int
    said: Sequence[str] = ()


def measure_memory(work: Path, scale: float, say: Callable[[str], None]) -> Iterator[list[Held]]:
    """All measurements so far, after each run: every kind, with growing numbers."""
    site, path = work / "memory-site.yaml", work / "memory.eve.json"
    site.write_text(SITE, encoding="utf-8")
    found: list[Held] = []
    for kind in KINDS.values():
        for command, most in ((REPORT, kind.most), (WATCH, WATCHED_AT_MOST)):
            for share in SHARES:
                count = max(1, round(most * scale * share))
                write(path, kind, count)
                found.append(_held(kind, command, count, path, site))
                say(f"memory {kind.name} {count}: {command} {found[-1].bytes:,} bytes")
                yield found
    path.unlink()


def _held(kind: Kind, command: str, count: int, path: Path, site: Path) -> Held:
    if command == WATCH:
        return Held(kind.name, command, count, watch_peak(path, site))
    words = (EVEPROC, "report", str(path), "-s", str(site))
    peak = peak_memory(Command(REPORT, (words,)))
    return Held(kind.name, command, count, peak, said_of(words))


def write(path: Path, kind: Kind, count: int) -> None:
    """Write this number of lines of a kind, and a mass mailer at the end."""
    step = WITHIN / (count + 1)
    with path.open("wb") as file:
        file.writelines(kind.make(number, START + number * step) for number in range(count))
        file.writelines(_mailer())


def _mailer() -> Iterator[bytes]:
    """A host that a report or a watch names, whatever it left out before."""
    for number in range(60):
        server = f"198.{18 + number % 2}.{number}.{number + 1}"
        yield _flow(START + WITHIN + number, mailer(), 25, server=server)


@lru_cache(maxsize=1)
def mailer() -> str:
    """A home address that is kept in every sample."""
    return next(a for a in (str(IPv4Address(V4 + n)) for n in range(1 << 24)) if keeps(a, 14))


def said_of(words: Sequence[str]) -> Sequence[str]:
    """What the report says that it left out at a bound."""
    run = subprocess.run(words, capture_output=True, check=False, text=True)
    told = (line.partition("health: ")[2] for line in run.stderr.splitlines())
    return [line for line in told if line.startswith("more than")]


def watch_peak(path: Path, site: Path) -> int:
    """The peak memory of a watch until it has reported the mass mailer at the end of the log."""
    words = (EVEPROC, "watch", str(path), "-s", str(site), "-f", "json")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None  # it is a pipe
        told = threading.Thread(target=_wait_for, args=(process.stdout, mailer()))
        told.start()
        most, waited = 0, 0.0
        while told.is_alive() and waited < PATIENCE:
            most = max(most, sum(map(held, tree(process.pid))))
            told.join(EVERY)
            waited += EVERY
        process.terminate()
    return most


def _wait_for(lines: Iterator[bytes], host: str) -> None:
    for line in lines:
        if json.loads(line)["host"] == host:
            return


def memory_table(found: Sequence[Held]) -> str:
    """A row for each kind and number, with the peak memory of each command."""
    rows = [
        (one.kind, one.command, f"{one.count:,}", f"{one.bytes / MIB:,.0f} MiB") for one in found
    ]
    return table(("what there is more and more of", "command", "number", "peak memory"), rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mxhound-memory-") as folder:
        *_, found = measure_memory(Path(folder), options.scale, sys.stderr.write)
    sys.stdout.write(memory_table(found))


if __name__ == "__main__":
    main()
