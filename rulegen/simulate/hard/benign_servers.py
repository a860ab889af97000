"""Servers of a site that its profile does not declare -> the mail and names they handle.

An undeclared server that delivers to many is `grey`: it should be `suspected`, and the report asks
to declare it.
"""

import random
from collections.abc import Iterator

from rulegen.simulate.actor import Actor
from rulegen.simulate.benign import live
from rulegen.simulate.dns import DnsHabit, Rcode, Record, Type, txt_data
from rulegen.simulate.hard.accounts import daytime, draw_account, submit_mail, times_a_day
from rulegen.simulate.hard.kind import benign, grey
from rulegen.simulate.hard.probes import find_exchanger, only_greet, try_starttls
from rulegen.simulate.mail import Mail, MailDraft, Reply, compose, dialogue, sentences
from rulegen.simulate.network import Resolved
from rulegen.simulate.scenarios import Act
from rulegen.simulate.servers import deliver_mail, take_in
from rulegen.simulate.tcp import Turn, converse
from rulegen.simulate.wire import Endpoint, Socket
from rulegen.simulate.world import new_domain, new_word


def mailing_list_server(actor: Actor) -> None:
    """Mailman gets 5 to 15 posts from the relay and delivers each directly to 100 to 250 members.

    One envelope for each recipient domain, the site's own HELO and bounce address; 1 per cent of
    the members are gone.

    Source: Mailman documentation, "Delivery" (one transaction for up to so many recipients of a
    domain, VERP off); RFC 2369.
    """
    rng = actor.rng
    members = [actor.stage.world.recipients_domain(rng, 0.4) for _ in range(rng.randint(100, 250))]
    posts = times_a_day(actor, 5, 15)
    for _ in range(posts):
        at, draft = daytime(actor), MailDraft(sentences(rng, 1), sentences(rng, 5))
        author = f"{new_word(rng)}@{actor.stage.domain}"
        _handed_in(actor, at, compose(author, (f"list@{actor.stage.domain}",), draft, rng))
        for domain in dict.fromkeys(members):
            at += rng.uniform(0.2, 2)
            to = tuple(f"{new_word(rng)}@{domain}" for _ in range(members.count(domain)))
            mail = compose(f"list-bounces@{actor.stage.domain}", to, draft, rng)
            _deliver(actor, at, domain, mail, "lists")
    actor.note = f"{posts} posts to a list with {len(members)} members"


def mail_gateway_undeclared(actor: Actor) -> None:
    """A department's gateway accepts 300 to 600 mails, delivers 100 to 250, and is not declared.

    Source: Postfix STANDARD_CONFIGURATION_README, "running Postfix on a firewall"; PTR of each
    client is asked (RFC 5321 and reject_unknown_client_hostname).
    """
    rng = actor.rng
    inbound, outbound = times_a_day(actor, 300, 600), times_a_day(actor, 100, 250)
    for _ in range(inbound):
        take_in(actor, daytime(actor))
    for _ in range(outbound):
        deliver_mail(actor, daytime(actor), actor.stage.world.recipients_domain(rng, 0.4))
    actor.note = f"accepts {inbound} mails, delivers {outbound}, is not declared"


def secondary_mx(actor: Actor) -> None:
    """A backup MX accepts 150 to 400 mails, many of them spam, and passes them to the relay.

    A fifth is refused; mails that it accepted but cannot deliver are returned: 10 to 30 bounces a
    day to the senders' servers.

    Source: RFC 5321, section 5.1; Postfix documentation (permit_mx_backup; BACKSCATTER_README on
    bounces to senders who never wrote).
    """
    rng, relay = actor.rng, actor.stage.relay(actor.version)
    inbound, bounces = times_a_day(actor, 150, 400), times_a_day(actor, 10, 30)
    for _ in range(inbound):
        at = rng.uniform(5, actor.stage.duration)
        take_in(actor, at)
        if relay and rng.random() < 0.8:
            mail = _mail(rng, new_domain(rng), actor.stage.domain)
            name = f"mail.{actor.stage.domain}"
            actor.smtp(at + 2, relay.end, name, [mail], helo=f"mx2.{actor.stage.domain}")
    for _ in range(bounces):
        domain = actor.stage.world.recipients_domain(rng, 0.3)
        to = (f"{new_word(rng)}@{domain}",)
        draft = MailDraft("Undelivered Mail Returned to Sender", sentences(rng, 3))
        _deliver(actor, daytime(actor), domain, compose("", to, draft, rng), "mx2")
    actor.note = f"accepts {inbound} mails for the relay, returns {bounces}"


def backup_mx_flush(actor: Actor) -> None:
    """A backup MX after an outage of the relay: accepted 200 to 500 mails, delivers them at once.

    Source: RFC 5321, section 4.5.4.1; Postfix ETRN_README ("flush the queue").
    """
    rng, relay = actor.rng, actor.stage.relay(actor.version)
    at, waiting = daytime(actor) * 0.8, rng.randint(200, 500)
    for _ in range(waiting):
        take_in(actor, at + rng.uniform(0, 3 * 3600))
    flush = at + 3 * 3600
    for _ in range(waiting if relay else 0):
        flush += rng.uniform(0.05, 0.5)
        mail = _mail(rng, new_domain(rng), actor.stage.domain)
        if relay:
            name = f"mail.{actor.stage.domain}"
            actor.smtp(flush, relay.end, name, [mail], helo=f"mx2.{actor.stage.domain}")
    actor.note = f"flushes {waiting} mails to the relay"


def mail_archive(actor: Actor) -> None:
    """A mail archive: the relay journals 500 to 900 mails a day to it; it sends none.

    Source: Exchange "Journaling" and MailPiler documentation (copies by SMTP on port 25).
    """
    rng = actor.rng
    count = times_a_day(actor, 500, 900)
    for _ in range(count):
        journal = (f"archive@{actor.stage.domain}",)
        draft = MailDraft(sentences(rng, 1), sentences(rng, 3))
        mail = compose(f"{new_word(rng)}@{actor.stage.domain}", journal, draft, rng)
        _handed_in(actor, daytime(actor), mail)
    actor.note = f"accepts {count} copies from the relay"


def workstation_resolver(actor: Actor) -> None:
    """A workstation runs its own recursive resolver, which queries hundreds of name servers.

    Three queries for each name (root or TLD, the domain's servers, the name), for its owner's mail
    client and web sites.

    Source: Unbound documentation (qname-minimisation: yes by default); RFC 9156.
    """
    rng, world = actor.rng, actor.stage.world
    actor.habit = DnsHabit(edns=True, recursion=False, mixed_case=True)
    accounts = [draw_account(world, rng) for _ in range(3)]
    for _ in range(times_a_day(actor, 800, 1500)):
        domain = new_domain(rng)
        at = rng.uniform(5, actor.stage.duration)
        for server in (f"tld.{domain.rpartition('.')[2]}", f"ns1.{domain}"):
            actor.resolver = world.server(server, actor.version)
            at = actor.lookup(at, domain, Type.NS)
        actor.lookup(at, f"{rng.choice(('www', 'api', 'mail', 'mx'))}.{domain}", Type.A)
        if rng.random() < 0.05:
            actor.lookup(at, domain, Type.MX)
    for _ in range(times_a_day(actor, 5, 20)):
        submit_mail(actor, daytime(actor), rng.choice(accounts))
    actor.note = "resolves names itself, mail through its owner's providers"


def dns_tunnel_mx(actor: Actor) -> None:
    """dnscat2 or iodine: thousands of MX, TXT and CNAME lookups below two domains.

    Source: dnscat2 README (types TXT, CNAME, MX by default); iodine manual (-T MX).
    """
    rng = actor.rng
    below = [new_domain(rng) for _ in range(2)]
    record = Record(Type.TXT, txt_data("6d7868"), 60)
    at = daytime(actor) * 0.8
    for _ in range(rng.randint(1500, 3500)):
        at += rng.expovariate(rng.choice((0.3, 2.0)))
        name = f"{rng.randbytes(20).hex()}.{rng.randbytes(12).hex()}.{rng.choice(below)}"
        rtype = rng.choice((Type.MX, Type.MX, Type.TXT))
        found = Resolved(Rcode.NOERROR, (record,)) if rtype is Type.TXT else None
        actor.lookup(at, name, rtype, found)
    live(actor, 5)
    actor.note = f"{actor.meant['mx_queries']} MX lookups below two domains"


def open_port_25(actor: Actor) -> None:
    """A server with port 25 open to the Internet: 40 to 120 external scanners connect to it.

    It sends nothing.

    Source: Durumeric et al. 2014, "An Internet-wide view of Internet-wide scanning" (mail ports
    among the most scanned); Censys and Shadowserver scan descriptions (EHLO, STARTTLS).
    """
    rng = actor.rng
    visitors = times_a_day(actor, 40, 120)
    for number in range(visitors):
        scanner = actor.stage.world.server(f"scan{number}.{new_domain(rng)}", actor.version)
        talk = rng.choice((only_greet, try_starttls))
        turns: Iterator[Turn] = talk(actor.host.name, "scanner", rng)
        _from_outside(actor, rng.uniform(5, actor.stage.duration), scanner, turns)
    actor.note = f"{visitors} external scanners connect to its port 25"


def _handed_in(actor: Actor, at: float, mail: Mail) -> None:
    """Record that the relay delivers a mail to this machine."""
    relay = actor.stage.relay(actor.version)
    if relay is None:
        return
    rng, name = actor.rng, f"{actor.host.name}.{actor.stage.domain}"
    turns = dialogue(name, f"mail.{actor.stage.domain}", [mail], rng)
    client = Socket(relay.end, rng.randrange(1024, 65536))
    converse(actor.tape, at, client, Socket(actor.host.end, 25), turns, rtt=0.0004)


def _from_outside(actor: Actor, at: float, client: Endpoint, turns: Iterator[Turn]) -> None:
    port = actor.rng.randrange(1024, 65536)
    server = Socket(actor.host.end, 25)
    converse(actor.tape, at, Socket(client, port), server, turns, rtt=0.0004)


def _deliver(actor: Actor, at: float, domain: str, mail: Mail, helo: str) -> None:
    at, name, server = find_exchanger(actor, at, domain)
    reply = Reply.UNKNOWN_USER if actor.rng.random() < 0.01 else Reply.ACCEPT
    tls = actor.rng.random() < 0.7
    helo = f"{helo}.{actor.stage.domain}"
    actor.smtp(at, server, name, [mail], helo=helo, reply=reply, starttls=tls)


def _mail(rng: random.Random, sender: str, domain: str) -> Mail:
    draft = MailDraft(sentences(rng, 1), sentences(rng, rng.randint(1, 5)))
    return compose(f"{new_word(rng)}@{sender}", (f"{new_word(rng)}@{domain}",), draft, rng)


KINDS = (
    grey(mailing_list_server, Act.MAIL_SERVERS, needs_relay=True),
    grey(mail_gateway_undeclared, Act.MAIL_SERVERS),
    benign(secondary_mx, Act.MAIL_SERVERS, needs_relay=True),
    benign(backup_mx_flush, Act.MAIL_SERVERS, needs_relay=True, whole_day=False),
    benign(mail_archive, Act.MAIL_SERVERS, needs_relay=True),
    benign(workstation_resolver),
    benign(dns_tunnel_mx, whole_day=False),
    benign(open_port_25),
)
