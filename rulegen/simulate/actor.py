"""One machine and its actions -> packets on its tape, and a count of intended actions.

An actor looks up names, sends mail, browses and takes leases. Its scenario says what it does, when
and how often.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from msgspec.structs import replace

from rulegen.simulate.dns import DnsHabit, Rcode, Type, answer, question
from rulegen.simulate.mail import Mail, Reply, dialogue
from rulegen.simulate.messages import (
    ACKNOWLEDGE,
    DISCOVER,
    OFFER,
    REQUEST,
    Lease,
    dhcp_message,
    tls_turns,
)
from rulegen.simulate.network import NO_SUCH_TYPE, Asked, Host, Posted, Resolved, Stage
from rulegen.simulate.tcp import Ending, Refusal, Tape, Turn, converse, knock
from rulegen.simulate.wire import Endpoint, Socket

MAIL_PORTS = (25, 465, 587)
_NOWHERE = bytes(4)
_EVERYONE = Endpoint(b"\xff" * 4, b"\xff" * 6)


class Actor:
    """Plays one machine.

    `meant` counts mx_queries, mail_connections, smtp_sessions (with a readable EHLO) and mails.
    `servers` are the distinct external mail servers that it contacted; `first_mail` is the time of
    its first mail-related action.
    """

    def __init__(self, stage: Stage, host: Host, rng: random.Random) -> None:
        self.stage = stage
        self.host = host
        self.rng = rng
        self.tape = Tape(rng)
        self.habit = DnsHabit(edns=rng.random() < 0.3)
        self.resolver = stage.resolver(host.end.version, rng)
        self.meant: Counter[str] = Counter()
        self.servers: set[bytes] = set()
        self.first_mail: float | None = None
        self.note = ""
        self.tier: str | None = None

    @property
    def version(self) -> int:
        return self.host.end.version

    def lookup(
        self,
        at: float,
        name: str,
        rtype: Type = Type.A,
        found: Resolved | None = None,
        *,
        mail: bool = False,
    ) -> float:
        """Query a name; return the time of the answer.

        Without `found`, the answer is that of the simulated Internet.
        """
        if found is None:
            found = Resolved(Rcode.NOERROR, tuple(self.stage.world.records(name, rtype)))
        if mail:
            self._mail_begins(at)
        done = at + self._patience()
        self._ask(Asked(at, done, name, rtype, found))
        return done

    def pass_on(self, asked: Asked) -> None:
        """Forward a query that this machine received, between the question and its answer."""
        margin = (asked.done - asked.at) / 4
        self._ask(replace(asked, at=asked.at + margin, done=asked.done - margin))

    def resolve(
        self, at: float, name: str, found: Resolved | None = None, *, mail: bool = False
    ) -> float:
        """Query the addresses to connect to: A, preceded by AAAA if there is IPv6."""
        if self.version == 6:
            at = self.lookup(at, name, Type.AAAA, found, mail=mail)
            found = found or NO_SUCH_TYPE
        return self.lookup(at, name, Type.A, found, mail=mail)

    def smtp(
        self,
        at: float,
        server: Endpoint,
        name: str,
        mails: Sequence[Mail],
        *,
        helo: str,
        port: int = 25,
        reply: Reply = Reply.ACCEPT,
        starttls: bool = False,
    ) -> float:
        """Connect and deliver mails, in cleartext or with STARTTLS; `name` is the server's name."""
        self.met_mail_server(at, server)
        self.meant["smtp_sessions"] += reply is not Reply.BLOCK_AT_BANNER
        self.meant["mails"] += len(mails)
        turns = dialogue(name, helo, mails, self.rng, reply=reply, starttls=starttls)
        return self.connect(at, server, port, turns)

    def smtp_tls(
        self, at: float, server: Endpoint, name: str, mails: int, port: int = 465
    ) -> float:
        """Deliver mails over implicit TLS."""
        self.met_mail_server(at, server)
        self.meant["mails"] += mails
        return self.connect(at, server, port, tls_turns(name, self.rng, exchanges=3 + mails))

    def connect(self, at: float, server: Endpoint, port: int, turns: Iterable[Turn]) -> float:
        """Record a TCP conversation; sometimes the client resets it instead of closing it."""
        ending = Ending.RESET if self.rng.random() < 0.04 else Ending.CLOSE
        socket = Socket(server, port)
        return converse(
            self.tape,
            at,
            self.host.socket(),
            socket,
            turns,
            rtt=self._distance(server),
            ending=ending,
        )

    def knock(self, at: float, server: Endpoint, port: int, refusal: Refusal) -> float:
        """Record a failed connection attempt."""
        if port in MAIL_PORTS:
            self.met_mail_server(at, server)
        tries = self.rng.randint(2, 4)
        return knock(
            self.tape,
            at,
            self.host.socket(),
            Socket(server, port),
            refusal=refusal,
            tries=tries,
            rtt=self._distance(server),
        )

    def browse(self, at: float, name: str) -> float:
        """Look up a web site as a browser does, and fetch something from it."""
        world = self.stage.world
        with_ipv6 = None if world.has_ipv6(name) or self.version == 6 else NO_SUCH_TYPE
        self.lookup(at, name, Type.AAAA, with_ipv6)
        if self.rng.random() < 0.2:
            self.lookup(at + 0.0001, name, Type.HTTPS)
        done = self.lookup(at + 0.0002, name, Type.A)
        return self.connect(done, world.server(name, self.version), 443, tls_turns(name, self.rng))

    def take_lease(self, at: float) -> None:
        """Request the machine's address from the router, if there is a router and IPv4."""
        router = self.stage.router
        if router is None or self.version == 6:
            return
        transaction, seconds = (
            self.rng.getrandbits(32),
            self.rng.choice((3600, 14400, 28800, 86400)),
        )
        lease = Lease(
            self.host.mac, self.host.name, self.host.end.ip, router.end.ip, transaction, seconds
        )
        client = Socket(Endpoint(_NOWHERE, self.host.mac, 64), 68)
        send = partial(self._dhcp, lease, client, Socket(router.end, 67))
        for step, kind in enumerate((DISCOVER, OFFER, REQUEST, ACKNOWLEDGE)):
            send(at + 0.002 * step, kind)

    def post(self, at: float, *domains: str) -> None:
        """Hand a mail to the relay, which delivers it."""
        self.stage.posted.append(Posted(at, domains))

    def _dhcp(self, lease: Lease, client: Socket, router: Socket, at: float, kind: int) -> None:
        from_router = kind in (OFFER, ACKNOWLEDGE)
        src, dst = (
            (router, Socket(_EVERYONE, 68)) if from_router else (client, Socket(_EVERYONE, 67))
        )
        self.tape.datagram(at, src, dst, dhcp_message(kind, lease))

    def _ask(self, asked: Asked) -> None:
        self.meant["mx_queries"] += asked.type is Type.MX
        self.stage.asked.setdefault(self.resolver.ip, []).append(asked)
        query = question(asked.name, asked.type, self.habit, self.rng)
        reply = answer(query, asked.found.rcode, asked.found.records)
        client, server = self.host.socket(), Socket(self.resolver, 53)
        if self.habit.tcp:
            turns = [Turn(True, _framed(query)), Turn(False, _framed(reply))]
            converse(self.tape, asked.at, client, server, turns, rtt=(asked.done - asked.at) / 4)
            return
        self.tape.datagram(asked.at, client, server, query)
        self.tape.datagram(asked.done, server, client, reply)

    def _patience(self) -> float:
        """Seconds until an answer: short if the resolver has it cached, longer otherwise."""
        return (
            self.rng.uniform(0.0004, 0.002)
            if self.rng.random() < 0.3
            else min(1.5, self.rng.lognormvariate(-3.3, 0.7))
        )

    def _distance(self, server: Endpoint) -> float:
        """Round trip time in seconds; constant for each server."""
        inside = server.mac != self.stage.world.gateway_mac
        return 0.0004 if inside else 0.008 + (sum(server.ip) % 97) * 0.0015

    def note_session(self, at: float, server: Endpoint) -> None:
        """Count a readable mail session without a mail, such as a guessed password."""
        self.met_mail_server(at, server)
        self.meant["smtp_sessions"] += 1

    def _mail_begins(self, at: float) -> None:
        self.first_mail = at if self.first_mail is None else min(at, self.first_mail)

    def met_mail_server(self, at: float, server: Endpoint) -> None:
        """Count a connection to a mail server that is about to be recorded."""
        self._mail_begins(at)
        self.meant["mail_connections"] += 1
        if server.mac == self.stage.world.gateway_mac:
            self.servers.add(server.ip)


def _framed(message: bytes) -> bytes:
    """A DNS message as TCP carries it."""
    return len(message).to_bytes(2, "big") + message
