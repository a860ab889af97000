"""A server and a test -> SMTP conversations in which no mail is sent."""

import random
from collections.abc import Iterator, Sequence

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import Type
from rulegen.simulate.messages import tls_turns
from rulegen.simulate.network import NO_SUCH_NAME
from rulegen.simulate.tcp import Turn
from rulegen.simulate.wire import Endpoint


def find_exchanger(actor: Actor, at: float, domain: str) -> tuple[float, str, Endpoint]:
    """Look up the MX record and first exchanger; return the time, its name and the server."""
    name = actor.stage.world.mail_hosts(domain)[0]
    at = actor.resolve(actor.lookup(at, domain, Type.MX, mail=True), name, mail=True)
    return at, name, actor.stage.world.server(name, actor.version)


def find_nothing(actor: Actor, at: float, name: str) -> float:
    """Query a name that does not exist."""
    return actor.resolve(at, name, NO_SUCH_NAME, mail=True)


def ask_about(
    host: str, helo: str, sender: str, recipients: Sequence[tuple[str, bool]], rng: random.Random
) -> Iterator[Turn]:
    """MAIL and RCPT for each recipient (address, whether it exists), and no DATA."""
    yield from greet(host, helo, rng)
    yield say(f"MAIL FROM:<{sender}>")
    yield reply("250 2.1.0 Ok", rng)
    for recipient, exists in recipients:
        yield say(f"RCPT TO:<{recipient}>")
        yield reply("250 2.1.5 Ok" if exists else "550 5.1.1 User unknown", rng)
    yield from leave(rng)


def try_starttls(host: str, helo: str, rng: random.Random) -> Iterator[Turn]:
    """STARTTLS, the handshake, and nothing after it."""
    yield from greet(host, helo, rng, "STARTTLS")
    yield say("STARTTLS")
    yield reply("220 2.0.0 Ready to start TLS", rng)
    yield from tls_turns(host, rng, exchanges=0)


def only_greet(host: str, helo: str, rng: random.Random) -> Iterator[Turn]:
    """Banner, EHLO, QUIT."""
    yield from greet(host, helo, rng)
    yield from leave(rng)


def greet(host: str, helo: str, rng: random.Random, extension: str = "8BITMIME") -> Iterator[Turn]:
    """The server's banner, EHLO, and an answer that offers `extension`."""
    yield reply(f"220 {host} ESMTP", rng)
    yield say(f"EHLO {helo}")
    yield reply(f"250-{host}\r\n250-PIPELINING\r\n250 {extension}", rng)


def leave(rng: random.Random) -> Iterator[Turn]:
    """QUIT and the server's goodbye."""
    yield say("QUIT")
    yield reply("221 2.0.0 Bye", rng)


def say(line: str) -> Turn:
    """A line of the client."""
    return Turn(True, f"{line}\r\n".encode("ascii"))


def reply(text: str, rng: random.Random) -> Turn:
    """A line of the server, after a short pause."""
    return Turn(False, f"{text}\r\n".encode("ascii"), rng.uniform(0.001, 0.12))
