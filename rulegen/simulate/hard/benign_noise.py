"""Peers, scanners and attackers that contact a host -> packets."""

import random
from collections.abc import Iterator

from rulegen.simulate.actor import Actor
from rulegen.simulate.benign import live
from rulegen.simulate.hard.accounts import daytime, times_a_day
from rulegen.simulate.hard.kind import benign
from rulegen.simulate.hard.probes import only_greet
from rulegen.simulate.network import Host
from rulegen.simulate.tcp import Refusal, Turn, converse, knock
from rulegen.simulate.wire import ACK, RST, SYN, Endpoint, Segment, Socket
from rulegen.simulate.world import new_domain

_MAIL_PORTS = (25, 465, 587)
_TCP_OPTION = b"\x02\x04\x05\x64"


def bittorrent(actor: Actor) -> None:
    """A BitTorrent client tries 1,500 to 3,000 peers, few of which answer.

    One in 60 is on a mail port. Peers choose their own port, some a well-known one to pass filters;
    70 per cent of the attempts are not answered.

    Source: BEP 3 and BEP 5 (peers' ports are their own choice); Wang et al. 2013, "Measuring large-
    scale distributed systems: case of BitTorrent Mainline DHT" (most listed peers are unreachable).
    """
    rng = actor.rng
    peers = times_a_day(actor, 1500, 3000)
    for number in range(peers):
        peer = actor.stage.world.server(f"peer{number}.{actor.host.name}", actor.version)
        odd = rng.random() < 1 / 60
        port = rng.choice(_MAIL_PORTS) if odd else rng.randrange(1024, 65536)
        at = rng.uniform(5, actor.stage.duration)
        draw = rng.random()
        if draw < 0.85:
            actor.knock(at, peer, port, Refusal.SILENCE if draw < 0.7 else Refusal.RESET)
            continue
        actor.connect(at, peer, port, _torrent_turns(rng))
    live(actor, 10)
    tried = actor.meant["mail_connections"]
    actor.note = f"{peers} peers, {tried} of them on mail ports"


def synack_reflection(actor: Actor) -> None:
    """An attacker forges SYNs from this machine to 300 to 800 mail servers, which answer it.

    The machine resets these unknown connections; servers repeat their SYN-ACK up to five times
    where the reset is lost.

    Source: Kuehrer et al. 2014, "Hell of a handshake: abusing TCP for reflective amplification DDoS
    attacks"; Linux tcp_synack_retries (5, after 1, 3, 7, 15, 31 s).
    """
    _reflect(actor, resets=True)


def backscatter_unused(actor: Actor) -> None:
    """As synack_reflection, but to unused addresses: nothing answers, and servers retry.

    Three unused addresses are hit.

    Source: Moore et al. 2006, "Inferring Internet denial-of-service activity" (backscatter reaches
    unused addresses); Linux tcp_synack_retries.
    """
    for _ in range(3):
        if address := actor.stage.homes.draw(actor.rng, actor.version):
            actor.host.move(address)
            _reflect(actor, resets=False)
    actor.note = f"answers of mail servers to {len(actor.host.addresses) - 1} unused addresses"


def outside_scan(actor: Actor) -> None:
    """External scanners sweep port 25 of the site; this machine answers with its banner.

    30 to 90 scanners a day try it and up to 100 neighbours, which reset or do not answer.

    Source: Durumeric et al. 2014, "An Internet-wide view of Internet-wide scanning"; ZMap manual
    (one SYN a target, random order).
    """
    rng, world = actor.rng, actor.stage.world
    others = [
        h for h in actor.stage.hosts if h is not actor.host and h.end.version == actor.version
    ]
    scanners = times_a_day(actor, 30, 90)
    for number in range(scanners):
        scanner = world.server(f"sweep{number}.{new_domain(rng)}", actor.version)
        at = rng.uniform(5, actor.stage.duration)
        for host in rng.sample(others, min(len(others), 100)):
            _sweep(actor, at + rng.uniform(0, 600), scanner, host)
        client = Socket(scanner, rng.randrange(1024, 65536))
        turns = only_greet(actor.host.name, "scan", rng)
        converse(actor.tape, at, client, Socket(actor.host.end, 25), turns, rtt=0.0004)
    actor.note = f"{scanners} external scanners sweep port 25 of the site"


def misconfigured_client(actor: Actor) -> None:
    """A program with a wrong server name: it tries one dead submission server every minute, all
    day.

    Source: Thunderbird and msmtp behaviour with an unreachable server (retry at each send; the name
    resolves, the port is filtered).
    """
    rng = actor.rng
    name = f"smtp.{new_domain(rng)}"
    server, port = actor.stage.world.server(name, actor.version), rng.choice(_MAIL_PORTS)
    period = rng.uniform(60, 180)
    for minute in range(int(actor.stage.duration / period)):
        at = actor.resolve(minute * period + rng.uniform(0, 5), name, mail=True)
        actor.knock(at, server, port, Refusal.SILENCE)
    actor.note = f"{actor.meant['mail_connections']} attempts at one dead server"


def game_and_video_calls(actor: Actor) -> None:
    """A desk with games and video calls: hundreds of peers on odd ports, a few on 25 and 587.

    Source: Microsoft Teams and Steam port lists (27015 to 27050, 3478 to 3481, 50000 to 50059);
    peers behind translators answer from any port (RFC 4787).
    """
    rng = actor.rng
    for number in range(times_a_day(actor, 300, 600)):
        peer = actor.stage.world.server(f"gamer{number}.{actor.host.name}", actor.version)
        port = 587 if number % 150 == 149 else rng.randrange(27000, 60000)
        at = daytime(actor)
        if rng.random() < 0.4:
            actor.knock(at, peer, port, Refusal.RESET)
        else:
            actor.connect(at, peer, port, (Turn(True, rng.randbytes(60)), Turn(False, b"\0" * 9)))
    live(actor, 20)
    actor.note = "hundreds of peers on odd ports, a few on 587"


def _torrent_turns(rng: random.Random) -> Iterator[Turn]:
    """The handshake of both sides (BEP 3), then a few opaque messages."""
    hello = b"\x13BitTorrent protocol" + bytes(8) + rng.randbytes(20)
    yield Turn(True, hello + rng.randbytes(20))
    yield Turn(False, hello + rng.randbytes(20), rng.uniform(0.01, 0.2))
    for _ in range(2):
        yield Turn(True, rng.randbytes(rng.randint(20, 300)), rng.uniform(0.01, 0.5))
        yield Turn(False, rng.randbytes(rng.randint(20, 1200)), rng.uniform(0.01, 0.3))


def _reflect(actor: Actor, *, resets: bool) -> None:
    rng, world = actor.rng, actor.stage.world
    at = daytime(actor) * 0.9
    servers = [world.mail_hosts(new_domain(rng))[0] for _ in range(rng.randint(300, 800))]
    for name in servers:
        server = Socket(world.server(name, actor.version), rng.choice((25, 25, 25, 587, 465)))
        at += rng.expovariate(5)
        victim, seq = actor.host.socket(), rng.getrandbits(32)
        answer = Segment(rng.getrandbits(32), (seq + 1) & 0xFFFFFFFF, SYN | ACK, b"", _TCP_OPTION)
        tries = rng.choice((1, 1, 1, 2)) if resets else rng.randint(3, 6)
        for number in range(tries):
            time = at + (1 << number) - 1
            actor.tape.segment(time, server, victim, answer)
            if resets:
                actor.tape.segment(time + 0.0004, victim, server, Segment(answer.ack, 0, RST))
    actor.note = f"{len(servers)} mail servers answer SYNs it did not send"


def _sweep(actor: Actor, at: float, scanner: Endpoint, host: Host) -> None:
    refusal = Refusal.RESET if actor.rng.random() < 0.5 else Refusal.SILENCE
    client = Socket(scanner, actor.rng.randrange(1024, 65536))
    knock(actor.tape, at, client, Socket(host.end, 25), refusal=refusal, tries=1, rtt=0.0004)


KINDS = (
    benign(bittorrent),
    benign(synack_reflection, whole_day=False),
    benign(backscatter_unused, whole_day=False),
    benign(outside_scan),
    benign(misconfigured_client),
    benign(game_and_video_calls),
)
