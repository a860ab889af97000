"""A campaign and a time -> the actions of a bot for one mail: lookups, connection, mail."""

import random
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import Rcode, Type
from rulegen.simulate.mail import Mail, MailDraft, Reply, compose, sentences
from rulegen.simulate.network import Resolved
from rulegen.simulate.tcp import Refusal
from rulegen.simulate.wire import Endpoint
from rulegen.simulate.world import BIG_PROVIDERS, new_domain, new_word

Text = Callable[[random.Random], MailDraft]
BIG = tuple(BIG_PROVIDERS)
_FLOOD = 10.0  # mails a minute; a slower sender is labelled slow (infected.py)
_POOL = 8  # addresses behind one name of a big provider over a day
_REFUSALS = (
    Reply.BLOCK_AT_BANNER,
    Reply.BLOCK_SENDER,
    Reply.UNKNOWN_USER,
    Reply.UNKNOWN_USER,
    Reply.LATER,
)


class Campaign(Struct, frozen=True):
    """What one bot sends and how servers react; shares are 0 to 1.

    `text` writes each mail. `senders` are full addresses, or domains with a leading "@" for a new
    local part in each mail. `recipients` are drawn per mail.
    """

    text: Text
    helo: str
    senders: tuple[str, ...]
    refused: float = 0.2
    dead: float = 0.03
    starttls: float = 0.0
    recipients: tuple[int, ...] = (1,)


def same_text(rng: random.Random, subject: str, attachment: str = "") -> Text:
    """One text for all mails of a campaign: look-alikes."""
    draft = MailDraft(subject, sentences(rng, rng.randint(2, 6)), attachment)
    return lambda _: draft


def own_text(rng: random.Random) -> MailDraft:
    """A new text in each mail: random words, to evade filters."""
    return MailDraft(sentences(rng, 1).rstrip("."), sentences(rng, rng.randint(2, 5)))


def draw_campaign(actor: Actor, text: Text) -> Campaign:
    """A typical spam engine: a made-up HELO or address, forged senders."""
    rng = actor.rng
    helo = rng.choice((actor.host.name, f"[{actor.host.address}]", new_word(rng), new_domain(rng)))
    senders = tuple(f"@{new_domain(rng)}" for _ in range(rng.choice((1, 5, 30))))
    return Campaign(text, helo, senders, refused=rng.uniform(0.1, 0.5))


def write_mail(actor: Actor, campaign: Campaign, domain: str) -> Mail:
    """One mail to recipients at one domain."""
    rng = actor.rng
    sender = rng.choice(campaign.senders)
    known = f"{new_word(rng)}{sender}" if sender.startswith("@") else sender
    count = rng.choice(campaign.recipients)
    to = tuple(f"{new_word(rng)}{rng.randint(1, 999)}@{domain}" for _ in range(count))
    return compose(known, to, campaign.text(rng), rng)


def send_to_mx(
    actor: Actor, at: float, campaign: Campaign, domain: str, *, asks: bool = True
) -> float:
    """Deliver one mail to an exchanger of `domain`; with `asks`, look up its MX first."""
    world, rng = actor.stage.world, actor.rng
    name = rng.choice(world.mail_hosts(domain))
    if asks:
        at = actor.lookup(at, domain, Type.MX, mail=True)
    at, server = reach(actor, at, name, asks=asks, pool=_POOL if domain in BIG_PROVIDERS else 1)
    return deliver(actor, at, server, name, campaign, [write_mail(actor, campaign, domain)])


def reach(
    actor: Actor, at: float, name: str, *, asks: bool = True, pool: int = 1
) -> tuple[float, Endpoint]:
    """Look up a server; return when it is known, and one of its `pool` addresses."""
    number = actor.rng.randrange(pool)
    chosen = f"{number}.{name}" if number else name
    server = actor.stage.world.server(chosen, actor.version)
    if not asks:
        return at, server
    rtype = Type.A if actor.version == 4 else Type.AAAA
    found = Resolved(Rcode.NOERROR, tuple(actor.stage.world.records(chosen, rtype)))
    return actor.resolve(at, name, found, mail=True), server


def deliver(
    actor: Actor,
    at: float,
    server: Endpoint,
    name: str,
    campaign: Campaign,
    mails: Sequence[Mail],
    port: int = 25,
) -> float:
    """One session and its outcome: no connection, refused, or accepted."""
    rng = actor.rng
    if rng.random() < campaign.dead:
        return actor.knock(at, server, port, rng.choice(list(Refusal)))
    if port == 465:
        return actor.smtp_tls(at, server, name, len(mails))
    reply = rng.choice(_REFUSALS) if rng.random() < campaign.refused else Reply.ACCEPT
    return actor.smtp(
        at,
        server,
        name,
        mails,
        helo=campaign.helo,
        port=port,
        reply=reply,
        starttls=rng.random() < campaign.starttls,
    )


def random_times(actor: Actor, count: int, begin: float, end: float) -> list[float]:
    """`count` times between two shares (0 to 1) of the simulated time, in order."""
    duration = actor.stage.duration
    return sorted(actor.rng.uniform(begin * duration, end * duration) for _ in range(count))


def paced(actor: Actor, start: float, count: int, per_minute: float) -> Iterator[float]:
    """`count` random arrival times from second `start`; none after the end of the simulation."""
    at = start
    for _ in range(count):
        if at >= actor.stage.duration:
            return
        yield at
        at += actor.rng.expovariate(per_minute / 60)


def some_start(actor: Actor) -> float:
    """A time in the first two thirds of the simulation, in seconds."""
    return actor.stage.duration * actor.rng.uniform(0.05, 0.66)


def scaled(actor: Actor, a_day: float) -> int:
    """A number a day, scaled to the simulated duration; at least 1."""
    return max(1, round(a_day * actor.stage.duration / 86400))


def tell(actor: Actor, how: str, per_minute: float) -> None:
    """Set the note of the bot, and its tier: flood or slow."""
    actor.tier = "flood" if per_minute >= _FLOOD else "slow"
    actor.note = (
        f"{how}: {actor.meant['mails']} mails in {actor.meant['mail_connections']} connections "
        f"to {len(actor.servers)} servers, {per_minute:.3g} a minute"
    )
