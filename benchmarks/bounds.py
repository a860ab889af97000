"""Hostile or huge input -> the memory that evidence takes, as it grows: a table on standard output.

    python -m benchmarks.bounds --events 1000000

Each kind is collected by a process of its own, from events and without a file: hosts that each
look up one mail server, one host that looks up ever new ones, and connections from invented
addresses of the home network. Memory is what the process has in use beyond its start.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from ipaddress import IPv4Address, IPv6Address
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

from benchmarks.page import table
from eveproc.evidence.collector import Collector
from eveproc.input.events import Dns, Event, Flow
from rulegen.site_profile import SiteProfile, build_profile
from rulegen.yamlfile import parse_yaml

START = 1_772_409_600.0
STEPS = 5
MEGABYTE = 1_000_000
V4, V6 = int(IPv4Address("10.0.0.0")), int(IPv6Address("2001:db8::"))
SITE = 'home_networks: [10.0.0.0/8, "2001:db8::/32"]\n'


def _lookup(client: str, name: str, number: int) -> Dns:
    return Dns(
        time=START + number / 1000,
        client=client,
        client_port=1024 + number % 60_000,
        server="203.0.113.53",
        is_answer=False,
        questions=((name, "MX"),),
        query_id=number % 65_536,
    )


def _one_name(number: int) -> Event:
    return _lookup(str(IPv4Address(V4 + number)), f"mail.d{number % 1000}.example.org", number)


def _new_names(number: int) -> Event:
    return _lookup("10.0.0.1", f"d{number}.example", number)


def _invented(number: int) -> Event:
    return Flow(
        time=START + number / 1000,
        client=str(IPv6Address(V6 + number * 0x9E3779B97F4A7C15 % (1 << 96))),
        server="203.0.113.9",
        server_port=25,
        proto="TCP",
        answered=True,
        established=True,
        client_flags=0x1B,
        server_flags=0x1B,
    )


KINDS: Mapping[str, Callable[[int], Event]] = MappingProxyType(
    {
        "hosts that each look up one mail server": _one_name,
        "new names that one host looks up": _new_names,
        "connections to mail servers from invented addresses": _invented,
    }
)


def grown(kind: str, events: int) -> list[tuple[int, int, int]]:
    """(events so far, bytes in use, hosts with evidence), STEPS times."""
    collector, make = Collector(_site()), KINDS[kind]
    before = _in_use()
    found = []
    for number in range(events):
        collector.add(make(number))
        if (number + 1) % (events // STEPS) == 0:
            found.append((number + 1, _in_use() - before, len(collector.store.hosts)))
    return found


def _site() -> SiteProfile:
    return build_profile(parse_yaml(SITE, "site.yaml"))


def _in_use() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


def _rows(events: int) -> Iterator[tuple[str, ...]]:
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for kind in KINDS:
            for number, used, hosts in pool.submit(grown, kind, events).result():
                yield kind, f"{number:,}", f"{used / MEGABYTE:,.0f} MB", f"{hosts:,}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bounds", description=__doc__)
    parser.add_argument("--events", type=int, default=MEGABYTE)
    head = ("what there is more and more of", "events", "memory", "hosts kept")
    sys.stdout.write(table(head, list(_rows(parser.parse_args().events))))


if __name__ == "__main__":
    main()
