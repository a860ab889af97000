"""A site and a seed -> Simulation of ordinary hours: web, lookups, some mail.

The simulator's workstations fetch one small page per visit, since it is about mail. Here the visits
have the sizes of a real network: most bytes are web pages. Sizes of bodies are log-normal with a
median of 8 kB (the median response of the HTTP Archive's reports is between 5 and 15 kB, by kind),
limited to 2 MB; one connection in four is cleartext, so that there are http records; one in fifty
is not accepted.
"""

import math
import random
from collections.abc import Iterator
from ipaddress import ip_address

from msgspec import Struct
from msgspec.structs import replace

from rulegen.simulate import Simulation, simulate
from rulegen.simulate.dns import DnsHabit, Rcode, Type, answer, question
from rulegen.simulate.messages import tls_turns
from rulegen.simulate.network import GATEWAY_MAC
from rulegen.simulate.tcp import Packet, Refusal, Tape, Turn, converse, knock
from rulegen.simulate.wire import Endpoint, Socket
from rulegen.simulate.world import World, new_domain
from rulegen.site_profile import SiteProfile

MEDIAN_BODY, SPREAD, LARGEST_BODY = 8_000, 1.6, 2_000_000
# A TLS record holds at most 16 kB.
RECORD = 16_000
CLEAR, NOT_TAKEN = 0.25, 0.02
EPHEMERAL = range(49152, 65536)
RESOLVER_MAC = bytes.fromhex("001b21000053")
PATHS = (
    "/",
    "/index.html",
    "/app/main.js",
    "/img/logo.png",
    "/api/v1/items?page=2",
    "/css/site.css",
    "/news/2026/03/02/",
)
KINDS = (
    "text/html",
    "application/javascript",
    "image/png",
    "application/json",
    "text/css",
    "application/octet-stream",
)
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


# Names that Outlook, phones and mail clients query repeatedly.
MAIL_CLIENT_NAMES = (
    *("outlook.office365.com", "outlook.office.com", "smtp.office365.com"),
    *("imap.gmail.com", "smtp.gmail.com", "imap.mail.yahoo.com"),
)


class Web(Struct, frozen=True):
    """How many web pages are fetched, and within how many seconds.

    `mail_lookups`: the share of lookups for MAIL_CLIENT_NAMES, besides those of the web.
    """

    visits: int
    seconds: float
    mail_lookups: float = 0.0


def ordinary(site: SiteProfile, seed: int, web: Web, *, clients: int = 300) -> Simulation:
    """Workstations, relay and resolver of the simulator, and the pages that workstations fetch."""
    office = simulate(site, seed, seconds=web.seconds, clients=clients, scenarios=())
    desks = [ip_address(host.host) for host in office.hosts if host.scenario == "office"]
    world = World(site, seed, GATEWAY_MAC)
    rng = random.Random(f"{seed}/web")
    tape = Tape(rng)
    resolvers = {
        network.version: Endpoint(network.network_address.packed, RESOLVER_MAC)
        for network in site.resolvers
    }
    for _ in range(web.visits):
        desk = rng.choice(desks)
        client = Socket(
            Endpoint(desk.packed, bytes.fromhex("001b21") + desk.packed[-3:]), rng.choice(EPHEMERAL)
        )
        name = f"www.{new_domain(rng)}"
        at = _look_up(
            tape, world, rng.uniform(0, web.seconds), name, client.end, resolvers[desk.version]
        )
        _visit(tape, world, at, name, client)
    for _ in range(round(web.visits * web.mail_lookups / (1 - web.mail_lookups))):
        desk = rng.choice(desks)
        end = Endpoint(desk.packed, bytes.fromhex("001b21") + desk.packed[-3:])
        name, at = rng.choice(MAIL_CLIENT_NAMES), rng.uniform(0, web.seconds)
        _look_up(tape, world, at, name, end, resolvers[desk.version])
    packets: list[Packet] = sorted((*office.packets, *tape.packets), key=lambda packet: packet.time)
    return replace(office, packets=tuple(packets))


def _look_up(
    tape: Tape, world: World, at: float, name: str, desk: Endpoint, resolver: Endpoint
) -> float:
    """Query A and AAAA at the site's resolver, as browsers do; return the time of the answer."""
    rng = tape.rng
    for kind in (Type.AAAA, Type.A):
        query = question(name, kind, DnsHabit(), rng)
        client, server = Socket(desk, rng.choice(EPHEMERAL)), Socket(resolver, 53)
        tape.datagram(at, client, server, query)
        at += rng.uniform(0.0005, 0.03)
        tape.datagram(
            at, server, client, answer(query, Rcode.NOERROR, tuple(world.records(name, kind)))
        )
    return at


def _visit(tape: Tape, world: World, at: float, name: str, client: Socket) -> None:
    rng = tape.rng
    clear = rng.random() < CLEAR
    server = Socket(world.server(name, client.end.version), 80 if clear else 443)
    if rng.random() < NOT_TAKEN:
        knock(tape, at, client, server, refusal=rng.choice(tuple(Refusal)))
        return
    converse(
        tape,
        at,
        client,
        server,
        _page(name, rng) if clear else _page_encrypted(name, rng),
        rtt=rng.uniform(0.01, 0.1),
    )


def _size(rng: random.Random) -> int:
    return min(LARGEST_BODY, int(rng.lognormvariate(math.log(MEDIAN_BODY), SPREAD)))


def _page(name: str, rng: random.Random) -> Iterator[Turn]:
    """One to three cleartext requests over one connection."""
    for _ in range(rng.randint(1, 3)):
        request = f"GET {rng.choice(PATHS)} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
        size = _size(rng)
        head = f"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: {rng.choice(KINDS)}\r\nContent-Length: {size}\r\n\r\n"
        yield Turn(True, request.encode())
        yield Turn(False, head.encode() + rng.randbytes(size), rng.uniform(0.005, 0.1))


def _page_encrypted(name: str, rng: random.Random) -> Iterator[Turn]:
    """A handshake, then one to three encrypted pages."""
    yield from tls_turns(name, rng, exchanges=0)
    for _ in range(rng.randint(1, 3)):
        yield Turn(True, _record(rng, rng.randint(200, 900)))
        size = _size(rng)
        pieces = (min(RECORD, size - begin) for begin in range(0, size, RECORD))
        yield Turn(
            False, b"".join(_record(rng, piece) for piece in pieces), rng.uniform(0.005, 0.1)
        )


def _record(rng: random.Random, size: int) -> bytes:
    return b"\x17\x03\x03" + size.to_bytes(2, "big") + rng.randbytes(size)
