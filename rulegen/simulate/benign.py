"""Benign machines that may look like mass mailers -> their actions, one function for each kind."""

from collections.abc import Iterator

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import Rcode, Record, Type, txt_data
from rulegen.simulate.mail import Mail, MailDraft, compose, sentences
from rulegen.simulate.messages import http_turns, tls_turns
from rulegen.simulate.network import NO_SUCH_NAME, Resolved
from rulegen.simulate.tcp import Ending, Refusal, converse, knock
from rulegen.simulate.wire import Endpoint, Socket
from rulegen.simulate.world import new_domain, new_word

_SCANNED_PORTS = (
    21,
    22,
    23,
    25,
    53,
    80,
    110,
    111,
    135,
    139,
    143,
    389,
    443,
    445,
    465,
    587,
    993,
    995,
    1433,
    3306,
    3389,
    5900,
    8080,
)
_SETUP_LABELS = ("autoconfig", "autodiscover", "imap", "smtp", "mail", "pop", "pop3", "mx")


def office(actor: Actor) -> None:
    """An office workstation: a lease, the web, and on some a few mails through the relay."""
    rng, end = actor.rng, actor.stage.duration
    live(actor, rng.randint(4, 20))
    relay = actor.stage.relay(actor.version)
    if relay and rng.random() < 0.4:
        for _ in range(rng.randint(1, 3)):
            sent = _submit(
                actor,
                rng.uniform(min(60.0, end / 2), end),
                relay.end,
                rng.choice((25, 587, 587)),
                [_letter(actor)],
            )
            actor.post(sent, new_domain(rng))
    actor.note = "web, a lease, mail through the relay at most"


def live(actor: Actor, visits: int) -> None:
    """Background activity of a workstation: the web, and names that do not exist."""
    rng, end = actor.rng, actor.stage.duration
    start = rng.uniform(0, min(900.0, end / 4))
    actor.take_lease(start)
    for _ in range(visits):
        actor.browse(
            rng.uniform(start + 1, end),
            f"{rng.choice(('www', 'cdn', 'app', 'static', 'api'))}.{new_domain(rng)}",
        )
    if rng.random() < 0.3:
        actor.lookup(rng.uniform(start + 1, end), f"wpad.{actor.stage.domain}", found=NO_SUCH_NAME)


def address_checker(actor: Actor) -> None:
    """Checks whether hundreds of domains accept mail, and sends none."""
    rng = actor.rng
    count, rate = rng.randint(200, 600), rng.uniform(20, 200)
    for at in _times(actor, count, rate):
        exists = rng.random() < 0.85
        actor.lookup(
            at,
            actor.stage.world.recipients_domain(rng),
            Type.MX,
            None if exists else NO_SUCH_NAME,
            mail=True,
        )
    actor.note = (
        f"{actor.meant['mx_queries']} MX lookups of a list of addresses at {rate:.0f} a "
        "minute, no mail"
    )


def monitoring(actor: Actor) -> None:
    """Checks the same few internal and external mail servers every minute."""
    rng, stage = actor.rng, actor.stage
    names = [
        f"{rng.choice(('mail', 'smtp', 'mx'))}.{new_domain(rng)}" for _ in range(rng.randint(2, 4))
    ]
    targets = [
        (name, stage.world.server(name, actor.version), rng.choice((25, 587))) for name in names
    ]
    relay = stage.relay(actor.version)
    targets += [(f"mail.{stage.domain}", relay.end, port) for port in (25, 587)] if relay else []
    period = rng.uniform(55, 90)
    for number in range(int(stage.duration / period)):
        for name, server, port in targets:
            at = actor.resolve(
                number * period + rng.uniform(0, 3), name, _inside(actor, server), mail=True
            )
            actor.smtp(at, server, name, [], helo=actor.host.name, port=port)
    actor.note = f"checks {len(targets)} mail servers every {period:.0f} seconds"


def administrator(actor: Actor) -> None:
    """A dozen lookups by hand, and a telnet to a server or two."""
    rng = actor.rng
    domains = [new_domain(rng) for _ in range(rng.randint(8, 16))]
    at = actor.stage.duration * rng.uniform(0.05, 0.8)
    for domain in domains:
        at = actor.lookup(at + rng.uniform(3, 60), domain, Type.MX, mail=True)
        at = actor.lookup(at + rng.uniform(1, 10), domain, rng.choice((Type.TXT, Type.NS)))
    for domain in domains[: rng.randint(1, 2)]:
        name = actor.stage.world.mail_hosts(domain)[0]
        at = actor.resolve(at + 5, name, mail=True)
        at = actor.smtp(at, actor.stage.world.server(name, actor.version), name, [], helo="test")
    actor.note = f"queries {len(domains)} domains by hand"


def printer(actor: Actor) -> None:
    """Mails scans to one server, which is down for a while; retries until it is back."""
    rng = actor.rng
    name = f"smtp.{new_domain(rng)}"
    server, port = actor.stage.world.server(name, actor.version), rng.choice((25, 465, 587))
    at = actor.stage.duration * rng.uniform(0.05, 0.3)
    refusal, tries = rng.choice(list(Refusal)), rng.randint(10, 80)
    for _ in range(tries):
        at = actor.knock(
            actor.resolve(at + rng.uniform(20, 60), name, mail=True), server, port, refusal
        )
        if at > actor.stage.duration * 0.9:
            break
    for _ in range(rng.randint(1, 6)):
        at = _submit(actor, at + rng.uniform(5, 60), server, port, [_letter(actor)], name)
    actor.note = f"{actor.meant['mail_connections']} connections to one submission server"


def newsletter(actor: Actor) -> None:
    """Thousands of recipients, all through the relay."""
    rng, stage = actor.rng, actor.stage
    relay = stage.relay(actor.version)
    if relay is None:
        return
    draft = MailDraft("News of the month", sentences(rng, 6))
    recipients = [
        f"{new_word(rng)}@{stage.world.recipients_domain(rng, 0.85)}"
        for _ in range(rng.randint(1500, 3500))
    ]
    at = stage.duration * rng.uniform(0.1, 0.5)
    step = rng.randint(40, 100)
    for begin in range(0, len(recipients), step):
        part = tuple(recipients[begin : begin + step])
        mail = compose(f"news@{stage.domain}", part, draft, rng)
        at = _submit(actor, at + rng.uniform(1, 5), relay.end, 25, [mail])
    actor.post(at, *dict.fromkeys(each.partition("@")[2] for each in recipients))
    actor.note = f"a newsletter to {len(recipients)} recipients through the relay"


# First labels of names that a crawler meets; some look like those of mail servers.
_ODD_LABELS = ("mail", "smtp", "ns", "mx", "relay", "webmail")
_LABELS = ("www", "blog", "shop", "m")


def crawler(actor: Actor) -> None:
    """Crawls the web: thousands of names, some like those of mail servers, on 80 and 443 only."""
    rng = actor.rng
    count, rate = rng.randint(1500, 2500), rng.uniform(40, 300)
    mail_like = rng.uniform(0.02, 0.08)
    for at in _times(actor, count, rate):
        odd = rng.random() < mail_like
        labels = _ODD_LABELS if odd else _LABELS
        name = f"{rng.choice(labels)}.{new_domain(rng)}"
        exists = rng.random() < 0.9
        at = actor.resolve(at, name, None if exists else NO_SUCH_NAME)
        if exists and rng.random() < 0.35:
            _fetch(actor, at, name)
    actor.note = (
        f"crawls {count} web sites at {rate:.0f} a minute, {mail_like:.0%} named like mail servers"
    )


def mail_setup(actor: Actor) -> None:
    """A newly installed mail client guesses the servers of its owner's accounts."""
    rng = actor.rng
    domains = [new_domain(rng) for _ in range(rng.randint(1, 4))]
    at = actor.stage.duration * rng.uniform(0.05, 0.8)
    for domain in domains:
        for label in _SETUP_LABELS:
            exists = label in ("imap", "smtp") or rng.random() < 0.3
            at = actor.resolve(
                at + 0.05, f"{label}.{domain}", None if exists else NO_SUCH_NAME, mail=True
            )
        name = f"smtp.{domain}"
        server = actor.stage.world.server(name, actor.version)
        at = actor.connect(
            at,
            actor.stage.world.server(f"imap.{domain}", actor.version),
            993,
            tls_turns(f"imap.{domain}", rng),
        )
        at = _submit(
            actor, at + 1, server, rng.choice((465, 587)), [_letter(actor)], name
        ) + rng.uniform(20, 200)
    actor.note = f"sets up {len(domains)} mail accounts"


def submission_user(actor: Actor) -> None:
    """One account at one provider, whose name resolves to another address each time."""
    rng = actor.rng
    name = f"smtp.{new_domain(rng)}"
    pool = [f"{number}.{name}" for number in range(rng.randint(6, 16))]
    port = rng.choice((465, 587))
    for at in sorted(rng.uniform(10, actor.stage.duration) for _ in range(rng.randint(10, 40))):
        chosen = rng.choice(pool)
        done = actor.lookup(at, name, found=_address_of(actor, chosen), mail=True)
        _submit(
            actor,
            done,
            actor.stage.world.server(chosen, actor.version),
            port,
            [_letter(actor)],
            name,
        )
    actor.note = (
        f"{actor.meant['mails']} mails through one provider with {len(actor.servers)} addresses"
    )


def port_scanner(actor: Actor) -> None:
    """Scans the machines of the site for open ports."""
    rng = actor.rng
    others = [
        host
        for host in actor.stage.hosts
        if host is not actor.host and host.end.version == actor.version
    ]
    targets = rng.sample(others, min(len(others), rng.randint(20, 60)))
    at = actor.stage.duration * rng.uniform(0.05, 0.8)
    for host in targets:
        for port in _SCANNED_PORTS:
            at += rng.uniform(0.001, 0.08)
            _probe(actor, at, host.end, port)
    actor.note = f"scans {len(_SCANNED_PORTS)} ports of {len(targets)} internal machines"


def dns_tunnel(actor: Actor) -> None:
    """Transfers data in the names of MX and TXT lookups below one domain."""
    rng = actor.rng
    below = new_domain(rng)
    for at in _times(actor, rng.randint(100, 600), rng.uniform(30, 150)):
        name = f"{rng.randbytes(24).hex()}.{rng.randbytes(rng.randint(4, 24)).hex()}.{below}"
        found = Resolved(Rcode.NOERROR, (Record(Type.TXT, txt_data(rng.randbytes(20).hex()), 60),))
        rtype = rng.choice((Type.MX, Type.MX, Type.TXT))
        actor.lookup(at, name, rtype, found if rtype is Type.TXT else None)
    actor.note = f"{actor.meant['mx_queries']} MX lookups below one domain, no mail"


def nat(actor: Actor) -> None:
    """Guest Wi-Fi: dozens of phones behind one address, each with its own mail provider."""
    rng, end = actor.rng, actor.stage.duration
    phones = rng.randint(24, 48)
    freemail = rng.uniform(0.4, 0.9)
    for _ in range(phones):
        provider = actor.stage.world.recipients_domain(rng, freemail)
        for _ in range(rng.randint(2, 6)):
            _fetch_mail(actor, rng.uniform(10, end), provider)
        for _ in range(rng.choice((0, 0, 1, 2))):
            _phone_sends(actor, rng.uniform(10, end), provider)
        for _ in range(rng.randint(2, 8)):
            actor.browse(rng.uniform(10, end), f"www.{new_domain(rng)}")
    actor.note = (
        f"{phones} phones behind one address, {actor.meant['mail_connections']} "
        f"submissions to {len(actor.servers)} servers"
    )


def mailing_list(actor: Actor) -> None:
    """One mail with 600 recipients, sent through one external server."""
    rng = actor.rng
    name = f"smarthost.{new_domain(rng)}"
    at = actor.resolve(actor.stage.duration * rng.uniform(0.05, 0.9), name, mail=True)
    count = rng.randint(550, 650)
    recipients = tuple(
        f"{new_word(rng)}@{actor.stage.world.recipients_domain(rng, 0.5)}" for _ in range(count)
    )
    mail = compose(
        f"list@{actor.stage.domain}",
        recipients,
        MailDraft("Minutes of the meeting", sentences(rng, 5)),
        rng,
    )
    server = actor.stage.world.server(name, actor.version)
    actor.smtp(at, server, name, [mail], helo=actor.host.name, port=rng.choice((25, 587)))
    actor.note = f"one mail with {count} recipients"


def _times(actor: Actor, count: int, per_minute: float) -> Iterator[float]:
    """Random arrival times, starting in the first half of the simulation."""
    at = actor.stage.duration * actor.rng.uniform(0.05, 0.5)
    for _ in range(count):
        if at < actor.stage.duration:
            yield at
        at += actor.rng.expovariate(per_minute / 60)


def _letter(actor: Actor) -> Mail:
    """A mail written by a person; no two are alike."""
    rng = actor.rng
    recipients = tuple(
        f"{new_word(rng)}@{new_domain(rng)}" for _ in range(rng.choice((1, 1, 2, 4)))
    )
    draft = MailDraft(sentences(rng, 1), sentences(rng, rng.randint(1, 8)))
    return compose(f"{new_word(rng)}@{actor.stage.domain}", recipients, draft, rng)


def _submit(
    actor: Actor, at: float, server: Endpoint, port: int, mails: list[Mail], name: str = ""
) -> float:
    """Submit mails to a server with an account: in cleartext on 25, encrypted elsewhere."""
    inside = f"mail.{actor.stage.domain}"
    if not name:
        at = actor.resolve(at, inside, _inside(actor, server), mail=True)
    if port == 465:
        return actor.smtp_tls(at, server, name or inside, len(mails))
    return actor.smtp(
        at, server, name or inside, mails, helo=actor.host.name, port=port, starttls=port == 587
    )


def _inside(actor: Actor, server: Endpoint) -> Resolved | None:
    """The DNS answer for a server of the site; None for an external one."""
    if server.mac == actor.stage.world.gateway_mac:
        return None
    return Resolved(
        Rcode.NOERROR, (Record(Type.A if server.version == 4 else Type.AAAA, server.ip),)
    )


def _address_of(actor: Actor, name: str) -> Resolved:
    rtype = Type.A if actor.version == 4 else Type.AAAA
    return Resolved(Rcode.NOERROR, tuple(actor.stage.world.records(name, rtype)))


def _fetch(actor: Actor, at: float, name: str) -> None:
    server = actor.stage.world.server(name, actor.version)
    if actor.rng.random() < 0.2:
        actor.connect(at, server, 80, http_turns(name, actor.rng))
    else:
        actor.connect(at, server, 443, tls_turns(name, actor.rng))


def _fetch_mail(actor: Actor, at: float, provider: str) -> None:
    name = f"imap.{provider}"
    server = actor.stage.world.server(name, actor.version)
    actor.connect(actor.resolve(at, name), server, 993, tls_turns(name, actor.rng, exchanges=2))


def _phone_sends(actor: Actor, at: float, provider: str) -> None:
    name = f"smtp.{provider}"
    server = actor.stage.world.server(name, actor.version)
    _submit(
        actor,
        actor.resolve(at, name, mail=True),
        server,
        actor.rng.choice((465, 587)),
        [_letter(actor)],
        name,
    )


def _probe(actor: Actor, at: float, target: Endpoint, port: int) -> None:
    """Try one port: most are closed; a connection to an open one is reset."""
    client, server = actor.host.socket(), Socket(target, port)
    if actor.rng.random() < 0.05:
        converse(actor.tape, at, client, server, (), rtt=0.0004, ending=Ending.RESET)
    else:
        knock(actor.tape, at, client, server, refusal=Refusal.RESET, rtt=0.0004)
