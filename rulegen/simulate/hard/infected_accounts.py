"""Bots that send through somebody's account or server, stolen or taken over -> packets."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import Rcode, Record, Type
from rulegen.simulate.hard.accounts import draw_account, submit_mail
from rulegen.simulate.hard.kind import infected
from rulegen.simulate.hard.spam import (
    Campaign,
    deliver,
    draw_campaign,
    own_text,
    paced,
    random_times,
    reach,
    same_text,
    scaled,
    send_to_mx,
    some_start,
    tell,
    write_mail,
)
from rulegen.simulate.mail import Mail, MailDraft, Reply, dialogue, sentences
from rulegen.simulate.messages import http_turns, tls_turns
from rulegen.simulate.network import Posted, Resolved
from rulegen.simulate.scenarios import Act
from rulegen.simulate.servers import serve_mail
from rulegen.simulate.tcp import Turn, converse
from rulegen.simulate.wire import Socket
from rulegen.simulate.world import new_domain, new_word

_SUBMISSION = ("smtp", "mail", "smtp", "mail", "smtps", "out", "smtpout", "send")
_PORTS = ((587,), (587, 587, 465), (25, 587, 587, 465), (25, 25, 587, 465))
_CLIENT_PORTS = range(1024, 65536)


def emotet(actor: Actor) -> None:
    """Emotet: one or two mails through each of hundreds of stolen accounts, on 25, 465 and 587.

    The names of the accounts' servers are looked up (A); most sessions use STARTTLS.

    Source: captures of malware-traffic-analysis.net (Emotet spambots of 2021 and 2022: no MX
    lookups, hundreds of mail names, all three ports) and Trend Micro on Emotet's spam module.
    """
    rng = actor.rng
    ports, per_minute = rng.choice(_PORTS), rng.uniform(2, 20)
    campaign = _stolen(actor, rng.uniform(0.8, 1.0))
    for at in paced(actor, some_start(actor), rng.randint(120, 250), per_minute):
        name = f"{rng.choice(_SUBMISSION)}.{new_domain(rng)}"
        _through(actor, at, campaign, name, rng.choice(ports))
    tell(actor, "stolen accounts", per_minute)


def qakbot(actor: Actor) -> None:
    """Qakbot: reads each stolen mailbox by IMAP, then answers its threads through the same account.

    One to ten mails a minute, each account once or twice.

    Source: DFIR Report and Microsoft on Qakbot's e-mail collector (thread hijacking); a public
    capture of 2022 with 71 servers in 55 minutes on 25, 465 and 587.
    """
    rng = actor.rng
    per_minute = rng.uniform(1, 10)
    campaign = _stolen(actor, rng.uniform(0.85, 1.0))
    for at in paced(actor, some_start(actor), rng.randint(60, 160), per_minute):
        domain, port = new_domain(rng), rng.choice((587, 587, 465, 25))
        found, server = reach(actor, at, f"imap.{domain}")
        done = actor.connect(found, server, 993, tls_turns(f"imap.{domain}", rng, exchanges=5))
        for _ in range(rng.choice((1, 1, 2))):
            done = _through(actor, done + rng.uniform(1, 20), campaign, f"smtp.{domain}", port)
    tell(actor, "reads each mailbox first", per_minute)


def qakbot_slow(actor: Actor) -> None:
    """Qakbot at five to eight accounts an hour, each read once by IMAP and used once.

    Source: as qakbot; Microsoft on Qakbot's spam that follows days after a mailbox was collected.
    """
    rng = actor.rng
    campaign = replace(_stolen(actor, 1.0), refused=0.0, dead=0.05)
    an_hour = rng.uniform(5, 8)
    for at in random_times(actor, scaled(actor, 24 * an_hour), 0.01, 0.97):
        domain = new_domain(rng)
        found, server = reach(actor, at, f"imap.{domain}")
        done = actor.connect(found, server, 993, tls_turns(f"imap.{domain}", rng, exchanges=5))
        _through(actor, done + rng.uniform(5, 60), campaign, f"smtp.{domain}", 587)
    tell(actor, "reads each mailbox first, all day", an_hour / 60)


def pushdo(actor: Actor) -> None:
    """Pushdo: greets with `EHLO ylmf-pc` and guesses passwords at many submission servers.

    Three to ten attempts a server with AUTH LOGIN, in cleartext; nearly all end with 535.

    Source: Exim and Postfix mailing lists (2013 onward) and fail2ban filters on "ylmf-pc"; RFC 4954
    (535 for failed authentication).
    """
    rng = actor.rng
    per_minute = rng.uniform(2, 12)
    for at in paced(actor, some_start(actor), rng.randint(80, 160), per_minute):
        name = f"{rng.choice(('mail', 'smtp'))}.{new_domain(rng)}"
        found, _ = reach(actor, at, name)
        turns = _guess_passwords(name, "ylmf-pc", actor, rng.randint(1, 4))
        _session(actor, found, name, rng.choice((25, 587, 587)), turns)
    tell(actor, "guesses passwords", per_minute)


def onliner(actor: Actor) -> None:
    """Onliner: tries lists of accounts; where a password is right it sends a test mail to itself.

    Source: Benkow, "From Onliner spambot to millions of email's lists and credentials" (2017): 80
    million SMTP credentials, each tried from bots with one mail to a mailbox of the operators.
    """
    rng = actor.rng
    per_minute = rng.uniform(5, 30)
    campaign = replace(_stolen(actor, 0.4), recipients=(1,))
    for at in paced(actor, some_start(actor), rng.randint(120, 250), per_minute):
        name, port = f"smtp.{new_domain(rng)}", rng.choice((25, 587, 587))
        if rng.random() < 0.3:
            _through(actor, at, campaign, name, port)
        else:
            found, _ = reach(actor, at, name)
            turns = _guess_passwords(name, actor.host.name, actor, 1)
            _session(actor, found, name, port, turns)
    tell(actor, "tries lists of accounts", per_minute)


def trickbooster(actor: Actor) -> None:
    """TrickBooster sends from the user's own account through the site's relay, in cleartext.

    Hundreds of mails within an hour or two to addresses taken from the machine; sent mails are
    deleted. The user sends a few mails as well.

    Source: Deep Instinct, "TrickBooster" (2019: TrickBot's module sends from the victim's account,
    then removes the mails from outbox and trash).
    """
    _through_relay(actor, actor.rng.randint(120, 300), port=25, per_minute=actor.rng.uniform(2, 6))


def trickbooster_encrypted(actor: Actor) -> None:
    """TrickBooster on port 587 with STARTTLS: only the number of sessions can be seen.

    Source: as trickbooster; RFC 8314 (submission over TLS).
    """
    _through_relay(actor, actor.rng.randint(120, 300), port=587, per_minute=actor.rng.uniform(2, 6))


def ransom_through_relay(actor: Actor) -> None:
    """A mailer of ransomware uses the site's relay: the same text with a program, many recipients.

    Source: CISA, "#StopRansomware" guides and Proofpoint on Locky (2016, .js in .zip by mail); the
    relay that accepts hosts of its site without a password is common (M3AAWG on port 25).
    """
    rng = actor.rng
    attachment = rng.choice(("invoice.js", "scan.vbs", "document.exe", "order.scr"))
    _through_relay(
        actor,
        rng.randint(60, 150),
        port=25,
        per_minute=rng.uniform(2, 20),
        attachment=attachment,
        recipients=(1, 5, 20),
    )


def own_account_encrypted(actor: Actor) -> None:
    """150 mails in some hours from the user's own account at an external provider, over TLS.

    Source: as trickbooster; providers' limits of 500 mails a day (Google Workspace help).
    """
    rng = actor.rng
    account = draw_account(actor.stage.world, rng)
    per_minute = rng.uniform(0.5, 2)
    for at in paced(actor, some_start(actor), rng.randint(100, 200), per_minute):
        submit_mail(actor, at, account, cached=rng.random() < 0.8)
    tell(actor, "own account at a provider", per_minute)


def open_relay(actor: Actor) -> None:
    """An open relay: spammers submit mails with many recipients, and it delivers them.

    Port 25 is open to the Internet; scanners connect as well. Senders and recipients are external.

    Source: RFC 2505 (third-party relaying); Spamhaus, "Open relays" (found by scanners within
    hours); Shadowserver's open SMTP relay report.
    """
    rng = actor.rng
    campaign = replace(
        draw_campaign(actor, same_text(rng, sentences(rng, 1).rstrip("."))),
        helo=actor.host.name,
        recipients=tuple(range(5, 16)),
    )
    start, per_minute = some_start(actor), rng.uniform(1, 6)
    spammers = [f"spammer-{rng.random()}" for _ in range(rng.randint(3, 8))]
    greet_scanners(actor)
    for at in paced(actor, start, rng.randint(30, 60), per_minute):
        domains = [actor.stage.world.recipients_domain(rng, 0.3) for _ in range(rng.randint(4, 9))]
        mail = write_mail(actor, campaign, domains[0])
        to = tuple(f"{new_word(rng)}@{domain}" for domain in domains)
        _take(actor, at, rng.choice(spammers), replace(mail, recipients=to))
        single = replace(campaign, recipients=(1,))
        for number, domain in enumerate(domains):
            send_to_mx(actor, at + 2 + number, single, domain)
    tell(actor, "open relay", per_minute * 6)


def web_mailer(actor: Actor) -> None:
    """A web server with a mailing script serves pages and sends mail on port 25.

    The sender is the web server's user, the HELO name is its own; 100 to 400 mails an hour.

    Source: Sucuri, "Hacked website report" (mailing scripts on hacked sites); MITRE ATT&CK
    T1505.003 (web shell); PHP manual on mail() (sent by the web server's user).
    """
    rng = actor.rng
    own = f"www.{actor.stage.domain}"
    campaign = replace(
        draw_campaign(actor, same_text(rng, sentences(rng, 1).rstrip("."))),
        helo=own,
        senders=(f"www-data@{own}",),
    )
    per_minute = rng.uniform(100, 400) / 60
    _visited(actor, own)
    for at in paced(actor, some_start(actor), rng.randint(120, 250), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.4))
    tell(actor, "a mailing script on a web server", per_minute)


def hijacked_mail_server(actor: Actor) -> None:
    """A declared mail server sends for a stolen account: a flood besides its ordinary mail.

    It accepts mail, queries PTR and delivers for its users; then attackers submit with one account,
    and it sends hundreds of look-alikes, many of them refused.

    Source: M3AAWG, "Compromised user ID best practices" (2018); NCSC on account compromise.
    """
    rng, end = actor.rng, actor.stage.duration
    own = [Posted(rng.uniform(10, end), (new_domain(rng),)) for _ in range(rng.randint(40, 90))]
    serve_mail(actor, rng.randint(60, 150), own)
    actor.first_mail = None
    draft = MailDraft(sentences(rng, 1).rstrip("."), sentences(rng, 4))
    account = (f"{new_word(rng)}@{actor.stage.domain}",)
    campaign = Campaign(
        lambda _: draft, f"mail.{actor.stage.domain}", account, rng.uniform(0.3, 0.6), starttls=0.5
    )
    per_minute = rng.uniform(2, 10)
    for number, at in enumerate(paced(actor, some_start(actor), rng.randint(250, 400), per_minute)):
        if number % 20 == 0:
            _submitted(actor, at - 2, rng.choice(("a", "b", "c")))
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.3))
    tell(actor, "a mail server sends for a stolen account", per_minute)


def _stolen(actor: Actor, starttls: float) -> Campaign:
    """Answers to stolen threads: each with its own text and sender."""
    senders = tuple(f"{new_word(actor.rng)}@{new_domain(actor.rng)}" for _ in range(40))
    refused = actor.rng.uniform(0.05, 0.2)
    return Campaign(own_text, actor.host.name, senders, refused, 0.05, starttls)


def _through(actor: Actor, at: float, campaign: Campaign, name: str, port: int) -> float:
    """Send one mail through an account at the server with that name."""
    at, server = reach(actor, at, name)
    domain = actor.stage.world.recipients_domain(actor.rng, 0.3)
    return deliver(actor, at, server, name, campaign, [write_mail(actor, campaign, domain)], port)


def _session(actor: Actor, at: float, name: str, port: int, turns: Iterator[Turn]) -> None:
    """Count and record a mail session that is not one of the simulator's dialogues."""
    server = actor.stage.world.server(name, actor.version)
    actor.note_session(at, server)
    actor.connect(at, server, port, turns)


def _guess_passwords(name: str, helo: str, actor: Actor, tries: int) -> Iterator[Turn]:
    """AUTH LOGIN with a wrong password, the given number of times."""
    yield Turn(False, f"220 {name} ESMTP\r\n".encode("ascii"))
    yield Turn(True, f"EHLO {helo}\r\n".encode("ascii"))
    yield Turn(
        False, f"250-{name}\r\n250-SIZE 35882577\r\n250 AUTH LOGIN PLAIN\r\n".encode("ascii")
    )
    for _ in range(tries):
        yield Turn(True, b"AUTH LOGIN\r\n")
        yield Turn(False, b"334 VXNlcm5hbWU6\r\n")
        yield Turn(True, b"YWRtaW4=\r\n")
        yield Turn(False, b"334 UGFzc3dvcmQ6\r\n")
        yield Turn(True, b"MTIzNDU2\r\n")
        yield Turn(False, b"535 5.7.8 Error: authentication failed\r\n", actor.rng.uniform(0.5, 3))
    yield Turn(True, b"QUIT\r\n")
    yield Turn(False, b"221 2.0.0 Bye\r\n")


def _through_relay(
    actor: Actor,
    count: int,
    *,
    port: int,
    per_minute: float,
    attachment: str = "",
    recipients: Sequence[int] = (1, 2, 3),
) -> None:
    """Send look-alikes from the user's account to the site's relay, which delivers them."""
    rng, stage = actor.rng, actor.stage
    relay = stage.relay(actor.version)
    if relay is None:
        return
    draft = MailDraft(sentences(rng, 1).rstrip("."), sentences(rng, 4), attachment)
    sender = f"{new_word(rng)}@{stage.domain}"
    campaign = Campaign(
        lambda _: draft, actor.host.name, (sender,), dead=0.0, recipients=tuple(recipients)
    )
    name = f"mail.{stage.domain}"
    record = Record(Type.A if actor.version == 4 else Type.AAAA, relay.end.ip)
    for at in paced(actor, some_start(actor), count, per_minute):
        domain = stage.world.recipients_domain(rng, 0.3)
        mail = write_mail(actor, campaign, domain)
        found = actor.resolve(at, name, Resolved(Rcode.NOERROR, (record,)), mail=True)
        done = _to_relay(actor, found, name, mail, port)
        actor.post(done, domain)
    tell(actor, f"through the site's relay on {port}", per_minute)


def _to_relay(actor: Actor, at: float, name: str, mail: Mail, port: int) -> float:
    relay = actor.stage.relay(actor.version)
    if relay is None:
        return at
    return actor.smtp(
        at, relay.end, name, [mail], helo=actor.host.name, port=port, starttls=port == 587
    )


def _take(actor: Actor, at: float, spammer: str, mail: Mail) -> None:
    """An external host delivers a mail to port 25, in cleartext."""
    client = Socket(
        actor.stage.world.server(spammer, actor.version), actor.rng.choice(_CLIENT_PORTS)
    )
    turns = dialogue(actor.host.name, "localhost", [mail], actor.rng, reply=Reply.ACCEPT)
    converse(actor.tape, at, client, Socket(actor.host.end, 25), turns, rtt=0.04)


def _submitted(actor: Actor, at: float, stranger: str) -> None:
    """An attacker submits on port 587 with the stolen account, over TLS."""
    client = Socket(
        actor.stage.world.server(f"stranger-{stranger}", actor.version),
        actor.rng.choice(_CLIENT_PORTS),
    )
    turns = dialogue(f"mail.{actor.stage.domain}", "pc", [], actor.rng, starttls=True)
    converse(actor.tape, max(at, 1.0), client, Socket(actor.host.end, 587), turns, rtt=0.08)


def greet_scanners(actor: Actor) -> None:
    """External scanners greet port 25 and disconnect."""
    for at in random_times(actor, actor.rng.randint(10, 30), 0.01, 0.98):
        client = Socket(
            actor.stage.world.server(f"scanner-{at}", actor.version),
            actor.rng.choice(_CLIENT_PORTS),
        )
        turns = dialogue(actor.host.name, "scanner.example", [], actor.rng)
        converse(actor.tape, at, client, Socket(actor.host.end, 25), turns, rtt=0.05)


def _visited(actor: Actor, own: str) -> None:
    """External users fetch pages from the web server."""
    for at in random_times(actor, actor.rng.randint(60, 150), 0.01, 0.99):
        client = Socket(
            actor.stage.world.server(f"visitor-{at}", actor.version),
            actor.rng.choice(_CLIENT_PORTS),
        )
        turns = http_turns(own, actor.rng)
        converse(actor.tape, at, client, Socket(actor.host.end, 80), turns, rtt=0.05)


KINDS = (
    infected(emotet),
    infected(qakbot),
    infected(qakbot_slow),
    infected(pushdo),
    infected(onliner),
    infected(trickbooster, desk=True, needs_relay=True),
    infected(trickbooster_encrypted, desk=True, needs_relay=True, tellable=False),
    infected(ransom_through_relay, desk=True, needs_relay=True),
    infected(own_account_encrypted, desk=True, tellable=False),
    infected(open_relay),
    infected(web_mailer),
    infected(hijacked_mail_server, Act.MAIL_SERVERS),
)
