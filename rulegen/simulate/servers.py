"""Servers of a site -> their actions: relays deliver, forwarders and resolvers query.

They play last, when the requests of all other machines are known.
"""

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import DnsHabit, Type, reverse_name
from rulegen.simulate.mail import Mail, MailDraft, Reply, compose, dialogue, sentences
from rulegen.simulate.network import Posted
from rulegen.simulate.tcp import converse
from rulegen.simulate.wire import Socket
from rulegen.simulate.world import new_domain, new_word

_REMEMBERED = 300.0  # seconds for which a resolver caches an answer
_UNPRIVILEGED = range(1024, 65536)


def relay(actor: Actor) -> None:
    """Accepts mail from external servers and delivers the mail of the site."""
    mine = [
        posted for posted in actor.stage.posted if actor.stage.relay(actor.version) is actor.host
    ]
    serve_mail(actor, actor.rng.randint(60, 160), mine)
    actor.note = f"accepts mail and delivers to {len(actor.servers)} servers"


def undeclared_mail_server(actor: Actor) -> None:
    """A department's own mail server that the site profile does not declare."""
    rng, end = actor.rng, actor.stage.duration
    own = [Posted(rng.uniform(10, end), (new_domain(rng),)) for _ in range(rng.randint(20, 70))]
    inbound = rng.randint(25, 90)
    serve_mail(actor, inbound, own)
    actor.note = (
        f"accepts {inbound} mails, queries PTR, delivers to {len(actor.servers)} servers, "
        "is not declared"
    )


def resolver(actor: Actor) -> None:
    """Resolves the names that it is asked for, and caches the answers."""
    known: dict[tuple[str, Type], float] = {}
    actor.habit = DnsHabit(edns=True, recursion=False)
    asked = sorted(actor.stage.asked.get(actor.host.end.ip, ()), key=lambda each: each.at)
    for each in asked:
        if each.at - known.get((each.name, each.type), -_REMEMBERED) < _REMEMBERED:
            continue
        known[each.name, each.type] = each.at
        actor.resolver = actor.stage.world.server(_authority(each.name), actor.version)
        actor.pass_on(each)
    actor.note = f"answers {len(asked)} queries, resolves {len(known)} names"


def undeclared_resolver(actor: Actor) -> None:
    """A small router that forwards the queries of dozens of machines as its own."""
    asked = sorted(actor.stage.asked.get(actor.host.end.ip, ()), key=lambda each: each.at)
    for each in asked:
        actor.pass_on(each)
    actor.note = f"forwards {len(asked)} queries of other machines"


def router(actor: Actor) -> None:
    """Grants leases; their packets are on the tapes of the clients."""
    actor.note = "grants leases"


def serve_mail(actor: Actor, inbound: int, outbound: list[Posted]) -> None:
    """Accept `inbound` mails, spread over the time, and deliver the outbound ones."""
    for _ in range(inbound):
        take_in(actor, actor.rng.uniform(5, actor.stage.duration))
    for posted in outbound:
        for domain in posted.domains:
            deliver_mail(actor, posted.at + actor.rng.uniform(0.5, 20), domain)


def take_in(actor: Actor, at: float) -> None:
    """Accept a mail from an external server, whose PTR record is queried."""
    rng, stage = actor.rng, actor.stage
    domain = stage.world.recipients_domain(rng)
    sender = stage.world.server(rng.choice(stage.world.mail_hosts(domain)), actor.version)
    client = Socket(sender, rng.choice(_UNPRIVILEGED))
    turns = dialogue(
        f"mail.{stage.domain}",
        domain,
        [_mail(actor, domain, stage.domain)],
        rng,
        starttls=rng.random() < 0.6,
    )
    converse(actor.tape, at, client, Socket(actor.host.end, 25), turns, rtt=0.0004)
    asked = actor.lookup(at + 0.001, reverse_name(sender.ip), Type.PTR, mail=True)
    actor.lookup(asked, domain, Type.TXT)


def deliver_mail(actor: Actor, at: float, domain: str) -> None:
    """Look up the mail exchangers of a domain and deliver one mail."""
    rng = actor.rng
    name = actor.stage.world.mail_hosts(domain)[0]
    at = actor.resolve(actor.lookup(at, domain, Type.MX, mail=True), name, mail=True)
    server = actor.stage.world.server(name, actor.version)
    reply = Reply.UNKNOWN_USER if rng.random() < 0.02 else Reply.ACCEPT
    mail = _mail(actor, actor.stage.domain, domain)
    actor.smtp(
        at,
        server,
        name,
        [mail],
        helo=f"mail.{actor.stage.domain}",
        reply=reply,
        starttls=rng.random() < 0.8,
    )


def _mail(actor: Actor, sender: str, recipient: str) -> Mail:
    rng = actor.rng
    draft = MailDraft(sentences(rng, 1), sentences(rng, rng.randint(1, 6)))
    return compose(f"{new_word(rng)}@{sender}", (f"{new_word(rng)}@{recipient}",), draft, rng)


def _authority(name: str) -> str:
    return "ns1." + ".".join(name.split(".")[-2:])
