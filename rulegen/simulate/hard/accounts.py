"""World + generator -> mail accounts of people, their providers' many addresses, and their daily use."""

import random

from msgspec import Struct

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import Rcode, Type
from rulegen.simulate.mail import Mail, MailDraft, compose, sentences
from rulegen.simulate.messages import tls_turns
from rulegen.simulate.network import Resolved
from rulegen.simulate.wire import Endpoint
from rulegen.simulate.world import World, new_domain, new_word

DAY = 86400.0
# Addresses behind one name of a large provider; each answer holds up to four of them.
_LARGEST_POOL = 40
_ANSWERS = 4


class Account(Struct, frozen=True):
    """One mailbox: its domain, the names of the servers, and how many addresses they have."""

    domain: str
    submission: str
    mailbox: str
    pool: int
    port: int


def draw_account(world: World, rng: random.Random) -> Account:
    """The account of a random person: freemail by popularity, hosted at a company, or own server."""
    port = rng.choice((465, 587))
    draw = rng.random()
    if draw < 0.6:
        rank = min(int(rng.expovariate(0.5)), len(world.freemailers) - 1)
        domain = world.freemailers[rank]
        pool = max(2, _LARGEST_POOL // (1 + rank))
        return Account(domain, f"smtp.{domain}", f"imap.{domain}", pool, port)
    domain = new_domain(rng)
    if draw < 0.8:
        hoster = rng.choice(world.hosters)
        return Account(domain, f"smtp.{hoster}", f"imap.{hoster}", 6, port)
    name = f"{rng.choice(('mail', 'smtp'))}.{domain}"
    mailbox = rng.choice((name, f"imap.{domain}"))
    return Account(domain, name, mailbox, 1, port)


def reach(
    actor: Actor, at: float, name: str, pool: int = 1, *, cached: bool = False
) -> tuple[float, Endpoint]:
    """Look a pooled name up, unless its answer is still cached; when that is done, and a server."""
    names = [f"{number}.{name}" if number else name for number in range(pool)]
    offered = actor.rng.sample(names, min(_ANSWERS, pool))
    server = actor.stage.world.server(offered[0], actor.version)
    if cached:
        return at, server
    rtype = Type.A if actor.version == 4 else Type.AAAA
    records = [actor.stage.world.records(each, rtype)[0] for each in offered]
    return actor.resolve(at, name, Resolved(Rcode.NOERROR, tuple(records)), mail=True), server


def read_mail(actor: Actor, at: float, account: Account, *, cached: bool = False) -> float:
    """One IMAP connection over TLS."""
    at, server = reach(actor, at, account.mailbox, account.pool, cached=cached)
    return actor.connect(
        at, server, 993, tls_turns(account.mailbox, actor.rng, exchanges=actor.rng.randint(1, 3))
    )


def submit_mail(
    actor: Actor, at: float, account: Account, count: int = 1, *, cached: bool = False
) -> float:
    """Submit letters with the account, encrypted."""
    at, server = reach(actor, at, account.submission, account.pool, cached=cached)
    if account.port == 465:
        return actor.smtp_tls(at, server, account.submission, count)
    letters = [letter(actor.rng, account.domain) for _ in range(count)]
    return actor.smtp(
        at,
        server,
        account.submission,
        letters,
        helo=actor.host.name,
        port=account.port,
        starttls=True,
    )


def letter(rng: random.Random, domain: str, recipient: str = "") -> Mail:
    """A mail by a person of `domain`: no two alike."""
    to = recipient or f"{new_word(rng)}@{new_domain(rng)}"
    draft = MailDraft(sentences(rng, 1), sentences(rng, rng.randint(1, 8)))
    return compose(f"{new_word(rng)}@{domain}", (to,), draft, rng)


def daytime(actor: Actor) -> float:
    """A moment of the day: four in five in its first ten hours, when people are awake.

    The simulation starts at eight in the morning.
    """
    end = actor.stage.duration
    working = end * 10 / 24
    return actor.rng.uniform(5, working) if actor.rng.random() < 0.8 else actor.rng.uniform(5, end)


def share_of_day(actor: Actor) -> float:
    """How much of a day is played; multiplies what is said a day."""
    return actor.stage.duration / DAY
