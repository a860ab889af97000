"""World + generator -> mail accounts of people, their providers' addresses, their daily use.

Names and ports are from Thunderbird's ISPDB (autoconfig.thunderbird.net); the order of popularity
(Gmail, Apple, Outlook, Yahoo first) is from Litmus' "Email client market share". A large provider
answers from dozens of addresses.
"""

import random

from msgspec import Struct

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import Rcode, Type
from rulegen.simulate.mail import Mail, MailDraft, compose, sentences
from rulegen.simulate.messages import tls_turns
from rulegen.simulate.network import Host, Resolved
from rulegen.simulate.wire import Endpoint
from rulegen.simulate.world import World, new_domain, new_word

DAY = 86400.0
_ANSWERS = 4  # addresses in one answer, at most


class Account(Struct, frozen=True):
    """One mailbox: its domain, the names of its servers, and their numbers of addresses."""

    domain: str
    submission: str
    mailbox: str
    pool: int
    port: int

    def renamed(self, submission: str, pool: int) -> "Account":
        """The same mailbox, but mail is submitted to another server on 587."""
        return Account(self.domain, submission, self.mailbox, pool, 587)


_PROVIDERS = (
    Account("gmail.com", "smtp.gmail.com", "imap.gmail.com", 40, 465),
    Account("outlook.com", "smtp.office365.com", "outlook.office365.com", 40, 587),
    Account("icloud.com", "smtp.mail.me.com", "imap.mail.me.com", 24, 587),
    Account("yahoo.com", "smtp.mail.yahoo.com", "imap.mail.yahoo.com", 20, 465),
    Account("gmx.net", "mail.gmx.net", "imap.gmx.net", 6, 587),
    Account("web.de", "smtp.web.de", "imap.web.de", 4, 587),
    Account("t-online.de", "securesmtp.t-online.de", "secureimap.t-online.de", 4, 465),
    Account("aol.com", "smtp.aol.com", "imap.aol.com", 8, 465),
    Account("orange.fr", "smtp.orange.fr", "imap.orange.fr", 4, 465),
    Account("libero.it", "smtp.libero.it", "imapmail.libero.it", 3, 465),
    Account("wp.pl", "smtp.wp.pl", "imap.wp.pl", 3, 465),
    Account("comcast.net", "smtp.comcast.net", "imap.comcast.net", 4, 587),
    Account("fastmail.com", "smtp.fastmail.com", "imap.fastmail.com", 3, 465),
    Account("zoho.com", "smtp.zoho.com", "imap.zoho.com", 3, 465),
)
_HOSTED = (
    Account("", "smtp.office365.com", "outlook.office365.com", 40, 587),
    Account("", "smtp.gmail.com", "imap.gmail.com", 40, 465),
    Account("", "smtp.ionos.de", "imap.ionos.de", 4, 465),
    Account("", "ssl0.ovh.net", "ssl0.ovh.net", 4, 465),
    Account("", "smtp.strato.de", "imap.strato.de", 4, 465),
    Account("", "mail.infomaniak.com", "mail.infomaniak.com", 2, 465),
)


def draw_account(world: World, rng: random.Random) -> Account:
    """The account of a random person: freemail by popularity, a company's at a hoster, or its own
    server.
    """
    draw = rng.random()
    if draw < 0.6:
        return _PROVIDERS[min(int(rng.expovariate(0.4)), len(_PROVIDERS) - 1)]
    domain = new_domain(rng)
    if draw < 0.8:
        return hosted_account(domain, rng)
    return own_server_account(domain, rng)


def hosted_account(domain: str, rng: random.Random) -> Account:
    """A company's mailbox at one of the large hosters."""
    at = rng.choice(_HOSTED)
    return Account(domain, at.submission, at.mailbox, at.pool, at.port)


def tenant_account(world: World, rng: random.Random) -> Account:
    """A program's account: half of them at a large provider, half at a small one."""
    return (
        draw_account(world, rng) if rng.random() < 0.5 else own_server_account(new_domain(rng), rng)
    )


def own_server_account(domain: str, rng: random.Random) -> Account:
    """A mailbox at the company's or the small hoster's own server."""
    name = f"{rng.choice(('mail', 'smtp'))}.{domain}"
    return Account(domain, name, rng.choice((name, f"imap.{domain}")), 1, rng.choice((465, 587)))


def reach(
    actor: Actor, at: float, name: str, pool: int = 1, *, cached: bool = False
) -> tuple[float, Endpoint]:
    """Look up a pooled name unless cached; return when that is done, and one of its servers."""
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
    return submit_to(actor, at, server, account, count)


def submit_to(actor: Actor, at: float, server: Endpoint, account: Account, count: int = 1) -> float:
    """Submit letters to a server whose address is known."""
    if account.port == 465:
        return actor.smtp_tls(at, server, account.submission, count)
    letters = [letter(actor.rng, account.domain) for _ in range(count)]
    helo = actor.host.name
    name, port = account.submission, account.port
    return actor.smtp(at, server, name, letters, helo=helo, port=port, starttls=port == 587)


def letter(rng: random.Random, domain: str, recipient: str = "") -> Mail:
    """A mail written by a person of `domain`; no two are alike."""
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


def times_a_day(actor: Actor, least: int, most: int) -> int:
    """A random number of times a day, scaled to the simulated duration; at least 1."""
    return max(1, round(actor.rng.randint(least, most) * actor.stage.duration / DAY))


def another(actor: Actor, host: Host) -> Actor:
    """A second machine, or a second role of this one, that plays within the same kind."""
    other = Actor(actor.stage, host, actor.rng)
    other.tape, other.meant, other.servers = actor.tape, actor.meant, actor.servers
    return other
