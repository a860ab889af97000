"""Mass mailers -> their actions, one function for each kind.

Rates and habits are drawn for each seed from the ranges that papers and captures of real senders
show (Rustock and Xarvester 417 mails a minute, Phorpiex 500, Mytob's guessed names, Emotet and
Qakbot on 25, 465 and 587 with STARTTLS and 1 to 10 mail flows a minute when slow). They are never
chosen to suit the verdicts.
"""

import math
import random
from collections.abc import Iterator
from enum import Enum
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import DnsHabit, Type
from rulegen.simulate.mail import Campaign, Mail, Reply, draw_campaign
from rulegen.simulate.network import NO_SUCH_NAME
from rulegen.simulate.tcp import Refusal
from rulegen.simulate.world import new_domain, new_word

_MYTOB_LABELS = ("mx", "mail", "smtp", "mx1", "mxs", "mail1", "relay", "ns", "gate")
_SUBMISSION_LABELS = (
    "smtp",
    "mail",
    "smtp",
    "mail",
    "smtps",
    "out",
    "pop3",
    "pop",
    "imap",
    "mbox",
    "smtpout",
    "webmail",
)
_SLOWEST_FLOOD = 10.0  # mails a minute; a slower sender is labelled slow


class Behaviour(Enum):
    """How a sender finds the mail servers of its recipients."""

    MX = "MX and address lookups"
    GUESS = "guessed names"
    NAME = "address lookups of submission servers"
    NONE = "no lookups"


class Mailing(Struct, frozen=True):
    """How one machine sends: `count` mails from second `start`, `per_minute` on average.

    Shares are 0 to 1. A port that occurs twice in `ports` is used twice as often. `jitter` is the
    spread of the pauses: None for random arrivals, else a share of the mean.
    """

    start: float
    count: int
    per_minute: float
    finding: Behaviour = Behaviour.MX
    ports: tuple[int, ...] = (25,)
    starttls: float = 0.0
    refused: float = 0.1
    dead: float = 0.05
    blocked: Refusal | None = None
    executables: float = 0.4
    freemail: float = 0.25
    repeats_lookups: bool = True
    retries: float = 0.0
    jitter: float | None = None


def flood(actor: Actor) -> None:
    """An MX lookup for each recipient domain, and mail directly to its exchanger."""
    _mail_out(actor, _draw_flood(actor))


def slow(actor: Actor) -> None:
    """Twenty mails an hour, each to a new domain."""
    _mail_out(actor, replace(_draw_slow(actor), starttls=actor.rng.uniform(0.0, 0.5)))


def name_guess(actor: Actor) -> None:
    """Mytob: no MX lookups, but A lookups of guessed mail server names."""
    rng = actor.rng
    mailing = _draw_flood(actor, slowest=15, fastest=120)
    _mail_out(
        actor,
        replace(
            mailing,
            finding=Behaviour.GUESS,
            count=rng.randint(70, 200),
            executables=0.9,
            freemail=0.1,
        ),
    )


def no_lookup(actor: Actor) -> None:
    """Gets server addresses from its controller: no lookups at all."""
    _mail_out(
        actor,
        replace(
            _draw_flood(actor, fastest=250),
            finding=Behaviour.NONE,
            starttls=actor.rng.choice((0.0, 0.4)),
        ),
    )


def submission(actor: Actor) -> None:
    """Emotet, Qakbot: stolen accounts at hundreds of providers."""
    rng = actor.rng
    mailing = _draw_flood(actor, slowest=2, fastest=90)
    ports = rng.choice(
        ((587, 465), (587, 587, 587, 465), (25, 587, 587, 465), (25, 25, 587, 587, 465))
    )
    _mail_out(
        actor,
        replace(
            mailing,
            finding=Behaviour.NAME,
            ports=ports,
            starttls=rng.uniform(0.6, 1.0),
            freemail=0.05,
            repeats_lookups=False,
        ),
    )


def blocked(actor: Actor) -> None:
    """A firewall blocks all outbound mail, but the machine keeps trying."""
    refusal = actor.rng.choice(list(Refusal))
    _mail_out(actor, replace(_draw_flood(actor, fastest=200), blocked=refusal))


def ipv6(actor: Actor) -> None:
    """A flood over IPv6."""
    _mail_out(actor, _draw_flood(actor, fastest=250))


def dns_tcp(actor: Actor) -> None:
    """Queries DNS over TCP."""
    actor.habit = DnsHabit(tcp=True, edns=actor.rng.random() < 0.5)
    _mail_out(actor, _draw_flood(actor, fastest=200))


def dns_edns0(actor: Actor) -> None:
    """Queries DNS with EDNS0 and the AD bit, and with some seeds in mixed case."""
    actor.habit = DnsHabit(edns=True, ad=True, mixed_case=actor.rng.random() < 0.5)
    _mail_out(actor, _draw_flood(actor, fastest=200))


def outside_resolver(actor: Actor) -> None:
    """Queries an external resolver instead of the site's own."""
    actor.resolver = actor.stage.world.server(
        f"open-resolver-{actor.rng.randint(1, 4)}.{new_domain(actor.rng)}", actor.version
    )
    actor.habit = DnsHabit(recursion=actor.rng.random() < 0.8)
    _mail_out(actor, _draw_flood(actor))


def rejected(actor: Actor) -> None:
    """On every blocklist: few servers accept its mail."""
    _mail_out(
        actor, replace(_draw_flood(actor, fastest=200), refused=actor.rng.uniform(0.75, 0.95))
    )


def slow_no_lookup(actor: Actor) -> None:
    """Twenty mails an hour to servers whose addresses its controller provides."""
    _mail_out(
        actor,
        replace(_draw_slow(actor), finding=Behaviour.NONE, starttls=actor.rng.uniform(0.0, 0.3)),
    )


def slow_submission(actor: Actor) -> None:
    """Twenty mails an hour, each through a different stolen account."""
    ports = actor.rng.choice(((587,), (587, 587, 465)))
    mailing = replace(
        _draw_slow(actor),
        finding=Behaviour.NAME,
        ports=ports,
        starttls=actor.rng.uniform(0.7, 1.0),
        freemail=0.05,
    )
    _mail_out(actor, mailing)


def roaming(actor: Actor) -> None:
    """A laptop that gets another address in the middle of its mailing."""
    rng = actor.rng
    mailing = replace(
        _draw_flood(actor, fastest=150), start=actor.stage.duration * rng.uniform(0.05, 0.3)
    )
    campaign = _draw_campaign(actor, mailing)
    moved = _send(actor, mailing, campaign) + rng.uniform(60, 600)
    address = actor.stage.homes.draw(rng, 4, infected=True)
    if address and moved < actor.stage.duration:
        actor.host.move(address)
        actor.take_lease(moved)
        _send(actor, replace(mailing, start=moved + rng.uniform(5, 60)), campaign)
    _describe(actor, mailing)


def _draw_flood(actor: Actor, slowest: float = 30, fastest: float = 500) -> Mailing:
    rng, duration = actor.rng, actor.stage.duration
    per_minute = math.exp(rng.uniform(math.log(slowest), math.log(fastest)))
    return Mailing(
        start=duration * rng.uniform(0.03, 0.55),
        count=rng.randint(120, 320),
        per_minute=per_minute,
        starttls=rng.choice((0.0, 0.0, 0.25)),
        refused=rng.uniform(0.03, 0.35),
        dead=rng.uniform(0.0, 0.2),
        executables=rng.choice((0.0, 0.5, 1.0)),
        freemail=rng.uniform(0.1, 0.4),
        repeats_lookups=rng.random() < 0.5,
        retries=rng.choice((0.0, 0.0, 0.6)),
    )


def _draw_slow(actor: Actor) -> Mailing:
    rng, duration = actor.rng, actor.stage.duration
    per_hour = rng.uniform(20, 24)
    return Mailing(
        start=rng.uniform(0, 120),
        count=max(1, math.ceil(per_hour * duration / 3600)),
        per_minute=per_hour / 60,
        refused=rng.uniform(0.05, 0.3),
        dead=rng.uniform(0.0, 0.1),
        freemail=rng.uniform(0.05, 0.3),
        repeats_lookups=rng.random() < 0.7,
        jitter=rng.uniform(0.1, 0.9),
    )


def _mail_out(actor: Actor, mailing: Mailing) -> None:
    _send(actor, mailing, _draw_campaign(actor, mailing))
    _describe(actor, mailing)


def _draw_campaign(actor: Actor, mailing: Mailing) -> Campaign:
    own = (*actor.stage.world.freemailers[:4], actor.stage.domain)
    return draw_campaign(
        actor.rng, str(actor.host.address), actor.host.name, own, mailing.executables
    )


def _send(actor: Actor, mailing: Mailing, campaign: Campaign) -> float:
    known: set[str] = set()
    at = mailing.start
    for at in _times(mailing, actor.rng, actor.stage.duration):
        _send_one(actor, at, mailing, campaign, known)
    return at


def _times(mailing: Mailing, rng: random.Random, end: float) -> Iterator[float]:
    at, mean = mailing.start, 60 / mailing.per_minute
    for _ in range(mailing.count):
        if at >= end:
            return
        yield at
        jitter = mailing.jitter
        at += (
            rng.expovariate(1 / mean)
            if jitter is None
            else mean * rng.uniform(1 - jitter, 1 + jitter)
        )


def _send_one(
    actor: Actor, at: float, mailing: Mailing, campaign: Campaign, known: set[str]
) -> None:
    rng = actor.rng
    domain = actor.stage.world.recipients_domain(rng, mailing.freemail)
    at, name = _find(actor, at, domain, mailing, known)
    if not name:
        return
    recipients = tuple(f"{new_word(rng)}@{domain}" for _ in range(rng.choice((1, 1, 1, 2, 5))))
    _deliver(actor, at, name, mailing, campaign, campaign.mail(recipients, rng))


def _find(
    actor: Actor, at: float, domain: str, mailing: Mailing, known: set[str]
) -> tuple[float, str]:
    """The time when the server's address is known, and its name ("" if none was found)."""
    rng, world = actor.rng, actor.stage.world
    again = domain in known and not mailing.repeats_lookups
    known.add(domain)
    match mailing.finding:
        case Behaviour.NONE:
            return at, rng.choice(world.mail_hosts(domain))
        case Behaviour.GUESS:
            return _guess(actor, at, domain)
        case Behaviour.NAME:
            name = f"{rng.choice(_SUBMISSION_LABELS)}.{domain}"
            missing = rng.random() < 0.15
            return actor.resolve(
                at, name, NO_SUCH_NAME if missing else None, mail=True
            ), "" if missing else name
        case Behaviour.MX:
            name = rng.choice(world.mail_hosts(domain))
            return (at, name) if again else (_ask_mx(actor, at, domain, name), name)


def _ask_mx(actor: Actor, at: float, domain: str, name: str) -> float:
    return actor.resolve(actor.lookup(at, domain, Type.MX, mail=True), name, mail=True)


def _guess(actor: Actor, at: float, domain: str) -> tuple[float, str]:
    for label in actor.rng.sample(_MYTOB_LABELS, actor.rng.randint(4, len(_MYTOB_LABELS))):
        name = f"{label}.{domain}"
        exists = actor.rng.random() < 0.22
        at = actor.resolve(at, name, None if exists else NO_SUCH_NAME, mail=True)
        if exists:
            return at, name
    return at, ""


def _deliver(
    actor: Actor, at: float, name: str, mailing: Mailing, campaign: Campaign, mail: Mail
) -> None:
    rng = actor.rng
    server = actor.stage.world.server(name, actor.version)
    port = rng.choice(mailing.ports)
    if mailing.blocked or rng.random() < mailing.dead:
        actor.knock(at, server, port, mailing.blocked or rng.choice(list(Refusal)))
    elif port == 465:
        actor.smtp_tls(at, server, name, 1)
    else:
        reply = (
            rng.choice((*list(Reply)[:4], Reply.UNKNOWN_USER))
            if rng.random() < mailing.refused
            else Reply.ACCEPT
        )
        send = partial(
            actor.smtp, server=server, name=name, mails=[mail], helo=campaign.helo, port=port
        )
        done = send(at, reply=reply, starttls=rng.random() < mailing.starttls)
        if reply is Reply.LATER and rng.random() < mailing.retries:
            send(done + rng.uniform(60, 400))


def _describe(actor: Actor, mailing: Mailing) -> None:
    actor.tier = "slow" if mailing.per_minute < _SLOWEST_FLOOD else "flood"
    pace = (
        f"{mailing.per_minute:.0f} a minute"
        if mailing.per_minute >= 1
        else f"{mailing.per_minute * 60:.0f} an hour"
    )
    ports = ", ".join(map(str, sorted(set(mailing.ports))))
    actor.note = (
        f"{actor.meant['mail_connections']} connections to {len(actor.servers)} mail "
        f"servers on {ports} at {pace}, "
        f"{mailing.finding.value}, {mailing.starttls:.0%} STARTTLS, {mailing.refused:.0%} refused"
    )
