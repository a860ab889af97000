"""Bots that deliver directly to mail exchangers on port 25 -> what each family does in a day."""

from msgspec.structs import replace

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import DnsHabit
from rulegen.simulate.hard.kind import infected
from rulegen.simulate.hard.spam import (
    BIG,
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
from rulegen.simulate.mail import MailDraft, sentences
from rulegen.simulate.messages import http_turns, tls_turns
from rulegen.simulate.network import NO_SUCH_NAME
from rulegen.simulate.world import BIG_PROVIDERS, new_domain, new_word

_RUNNABLE = ("document.pif", "readme.scr", "photo.scr", "invoice.js", "order.vbs", "scan.lnk")
_ARCHIVES = ("IMG0047.zip", "DOC2211.zip", "document.zip", "payment.iso", "order.img")
_GUESSED = ("mx", "mail", "smtp", "mx1", "mxs", "mail1", "relay", "ns", "gate")


def two_providers(actor: Actor) -> None:
    """Spam to the users of two big providers, whose mail exchangers are built in.

    No MX lookups: only the addresses of the built-in names are queried. About 149 mails with some
    20 recipients each, a third refused.

    Source: 360 Netlab, "BCMUPnP_Hunter" (2018: Outlook, Hotmail and Yahoo only) and CERT Polska,
    "Tofsee" (2016) for the choice of providers; RFC 5321 (100 recipients and more are allowed).
    """
    rng = actor.rng
    chosen = rng.sample(BIG, 2)
    campaign = replace(
        draw_campaign(actor, same_text(rng, sentences(rng, 1).rstrip("."))),
        refused=rng.uniform(0.25, 0.4),
        recipients=tuple(range(12, 27)),
    )
    per_minute = rng.uniform(1, 8)
    for at in paced(actor, some_start(actor), rng.randint(120, 180), per_minute):
        domain = rng.choice(chosen)
        name = BIG_PROVIDERS[domain][0]
        found, server = reach(actor, at, name, pool=8)
        deliver(actor, found, server, name, campaign, [write_mail(actor, campaign, domain)])
    tell(actor, f"to {' and '.join(chosen)} by built-in names", per_minute)


def proxy_device(actor: Actor) -> None:
    """Linux.ProxyM: a device sends about 400 mails a day that come through its proxy.

    The device itself makes no lookups. It sends all day, to any domains.

    Source: Doctor Web, "Linux.ProxyM" (2017: 400 mails a day from each infected device on average).
    """
    rng = actor.rng
    campaign = draw_campaign(actor, same_text(rng, sentences(rng, 1).rstrip(".")))
    a_day = rng.uniform(300, 500)
    for at in random_times(actor, scaled(actor, a_day), 0.01, 0.99):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.4), asks=False)
    tell(actor, "sends what comes through its proxy", a_day / 1440)


def home_router_relay(actor: Actor) -> None:
    """BCMUPnP_Hunter: a router forwards TCP to the mail servers of Outlook, Hotmail and Yahoo.

    Source: 360 Netlab, "BCMUPnP_Hunter: a 100k botnet turns home routers to email spammers" (2018).
    """
    rng = actor.rng
    campaign = replace(draw_campaign(actor, own_text), recipients=(1, 1, 3, 5))
    domains = ("outlook.com", "hotmail.com", "yahoo.com")
    a_day = rng.uniform(200, 500)
    for at in random_times(actor, scaled(actor, a_day), 0.01, 0.99):
        send_to_mx(actor, at, campaign, rng.choice(domains), asks=False)
    tell(actor, "a router relays to three providers", a_day / 1440)


def tofsee(actor: Actor) -> None:
    """Tofsee: repeatedly queries the MX of big providers, sends bursts, and is often refused.

    Source: CERT Polska, "Tofsee" (2016): a spam module with templates from the controller; Spamhaus
    listings of Tofsee name Google, Microsoft, Yahoo, AOL and mail.ru as its targets.
    """
    rng = actor.rng
    chosen = rng.sample(BIG, rng.randint(4, 6))
    campaign = replace(draw_campaign(actor, own_text), refused=rng.uniform(0.4, 0.8))
    per_minute = rng.uniform(5, 30)
    for burst in random_times(actor, rng.randint(2, 4), 0.02, 0.9):
        for at in paced(actor, burst, rng.randint(40, 100), per_minute):
            send_to_mx(actor, at, campaign, rng.choice(chosen))
    tell(actor, f"bursts to {len(chosen)} big providers", per_minute)


def phorpiex(actor: Actor) -> None:
    """Phorpiex: 500 extortion mails a minute from lists of addresses, with their old passwords.

    Source: Check Point Research, "In the footsteps of a sextortion campaign" (2019: up to 30,000
    mails an hour from one bot, MX by DnsQuery, lists of up to 20,000 addresses).
    """
    rng = actor.rng
    body = sentences(rng, 8)
    campaign = replace(
        draw_campaign(actor, lambda r: MailDraft(f"I know {new_word(r)}{r.randint(1, 99)}", body)),
        refused=rng.uniform(0.2, 0.5),
        senders=("@" + new_domain(rng),),
    )
    for at in paced(actor, some_start(actor), rng.randint(500, 800), 500):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.3))
    tell(actor, "extortion from lists of addresses", 500)


def extortion(actor: Actor) -> None:
    """Extortion with one text at a slow pace; sender and recipient are the same address.

    Source: Check Point Research (2019) and Cofense (2019) on sextortion campaigns: the mail seems
    to come from the victim's own account.
    """
    rng = actor.rng
    draft = MailDraft("Your account has been hacked", sentences(rng, 9))
    campaign = replace(draw_campaign(actor, lambda _: draft), refused=rng.uniform(0.2, 0.5))
    per_minute = rng.uniform(0.5, 4)
    for at in paced(actor, some_start(actor), rng.randint(80, 200), per_minute):
        domain = actor.stage.world.recipients_domain(rng, 0.4)
        self_sent = replace(campaign, senders=(f"{new_word(rng)}@{domain}",))
        send_to_mx(actor, at, self_sent, domain)
    tell(actor, "extortion in the recipients' own name", per_minute)


def pump_and_dump(actor: Actor) -> None:
    """Stock spam with a new random text in every mail, so that no two are alike.

    Source: IBM X-Force and Cisco Talos on Necurs' pump-and-dump campaigns (March 2017, tens of
    thousands of mails with changing text).
    """
    rng = actor.rng
    campaign = draw_campaign(actor, own_text)
    per_minute = rng.uniform(3, 20)
    for at in paced(actor, some_start(actor), rng.randint(150, 300), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.35))
    tell(actor, "stock spam, random text", per_minute)


def necurs(actor: Actor) -> None:
    """Necurs: each bot sends for an hour or two, then rests for days; queries an open resolver.

    Source: Cisco Talos, "The many tentacles of the Necurs botnet" (2018): hosts are used briefly
    and rarely, so that blocklists come late.
    """
    rng = actor.rng
    actor.habit = DnsHabit(edns=rng.random() < 0.3)
    actor.resolver = actor.stage.world.server("dns.google", actor.version)
    attachment = rng.choice(("", rng.choice(_ARCHIVES)))
    campaign = draw_campaign(actor, same_text(rng, "Emailing: Scan", attachment))
    per_minute = rng.uniform(1, 6)
    length = rng.uniform(3600, 7200)
    for at in paced(actor, some_start(actor), round(per_minute * length / 60), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.3))
    tell(actor, "one campaign of an hour or two", per_minute)


def gamut(actor: Actor) -> None:
    """Gamut: job offers all day in rounds of a few mails, one session for each mail.

    Source: Trustwave SpiderLabs and McAfee Labs on Gamut (job offers; templates and lists of
    recipients come from the controller).
    """
    rng = actor.rng
    campaign = draw_campaign(actor, same_text(rng, "Part time job"))
    rounds = scaled(actor, rng.uniform(30, 60))
    for begin in random_times(actor, rounds, 0.01, 0.97):
        _call_controller(actor, begin, 443)
        for at in paced(actor, begin + 5, rng.randint(4, 9), 6):
            send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.3))
    per_minute = actor.meant["mails"] / actor.stage.duration * 60
    tell(actor, f"{rounds} rounds of a few mails", per_minute)


def cutwail(actor: Actor) -> None:
    """Cutwail: gets server addresses from the controller; about 100 mails a minute, no lookups.

    Source: Stone-Gross et al., "The underground economy of spam" (LEET 2011): templates, lists and
    configuration from the controller, a bot reports on each address.
    """
    rng = actor.rng
    campaign = draw_campaign(actor, same_text(rng, "Re: your order", rng.choice(("", "doc.zip"))))
    per_minute = rng.uniform(60, 150)
    start = some_start(actor)
    _call_controller(actor, start - 20, rng.choice((443, 8080)))
    for at in paced(actor, start, rng.randint(250, 450), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.3), asks=False)
    tell(actor, "servers from a central list", per_minute)


def send_safe(actor: Actor) -> None:
    """Send-Safe: a commercial mailer controls the bot on ports from 50000; no lookups, any domains.

    Source: malware-traffic-analysis.net, "Send-Safe Enterprise Mailer" (2016 to 2018: controller on
    TCP and UDP 50001 to 50025, SMTP to hundreds of servers).
    """
    rng = actor.rng
    campaign = draw_campaign(actor, own_text)
    per_minute, start = rng.uniform(5, 40), some_start(actor)
    controller = actor.stage.world.server(new_domain(rng), actor.version)
    for at in paced(actor, start, rng.randint(150, 350), per_minute):
        if rng.random() < 0.1:
            turns = tls_turns("", rng)
            actor.connect(at, controller, rng.randint(50001, 50025), turns)
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.5), asks=False)
    tell(actor, "controlled by a commercial mailer", per_minute)


def waledac(actor: Actor) -> None:
    """Waledac: gets jobs with server addresses over HTTP through other bots, in rounds.

    Source: Stock et al., "Walowdac" (EC2ND 2009) and Symantec, "W32.Waledac" (2009): spam jobs over
    HTTP relayed by repeaters.
    """
    rng = actor.rng
    campaign = draw_campaign(actor, same_text(rng, sentences(rng, 1).rstrip(".")))
    rounds = rng.randint(4, 8)
    for begin in random_times(actor, rounds, 0.03, 0.95):
        repeater = actor.stage.world.server(f"repeater-{rng.randrange(50)}", actor.version)
        done = actor.connect(begin, repeater, 80, http_turns(new_domain(rng), rng))
        for at in paced(actor, done, rng.randint(20, 60), rng.uniform(10, 60)):
            domain = actor.stage.world.recipients_domain(rng, 0.3)
            send_to_mx(actor, at, campaign, domain, asks=False)
    tell(actor, f"{rounds} jobs fetched over HTTP", 20)


def mytob(actor: Actor) -> None:
    """Mytob: takes addresses from files of the machine, guesses server names, and mails itself.

    A few mails a minute for hours, one for each address; no MX lookups.

    Source: Ludena Romana, Musashi et al. (2005) on W32/Mytob.A: only A records of names with mail,
    smtp, mx, ns, gate, relay; F-Secure's description of Mytob for the names of its attachments.
    """
    rng = actor.rng
    campaign = draw_campaign(actor, same_text(rng, "Mail Transaction Failed", "document.pif"))
    known = [actor.stage.world.recipients_domain(rng, 0.2) for _ in range(rng.randint(60, 120))]
    per_minute = rng.uniform(1, 6)
    for at in paced(actor, some_start(actor), len(known), per_minute):
        _guess_and_send(actor, at, campaign, known.pop())
    tell(actor, "guesses names of servers", per_minute)


def worm_runnable(actor: Actor) -> None:
    """A worm mails programs (files that Windows runs) to addresses found on the machine.

    Source: MITRE ATT&CK T1566.001 and T1204.002; Microsoft, "Blocked attachments in Outlook" for
    what Windows runs (.pif, .scr, .js, .vbs, .lnk among them).
    """
    rng = actor.rng
    _worm(actor, rng.choice(_RUNNABLE))


def worm_archive(actor: Actor) -> None:
    """A worm mails archives and disc images, which hide a program from filters of file names.

    Source: MITRE ATT&CK T1553.005 (disc images escape the mark of the web); Talos (2017) on
    Necurs' .zip and .7z campaigns.
    """
    _worm(actor, actor.rng.choice(_ARCHIVES))


def snowshoe(actor: Actor) -> None:
    """Snowshoe: one or two well-formed mails from its own domain to each of hundreds of servers.

    The servers accept them.

    Source: Spamhaus, "Snowshoe spam" (many sources, few mails each, proper HELO and SPF).
    """
    rng = actor.rng
    domain = new_domain(rng)
    senders = tuple(f"{word}@{domain}" for word in ("offers", "news", "info"))
    campaign = replace(
        draw_campaign(actor, own_text),
        helo=f"mail.{domain}",
        senders=senders,
        refused=rng.uniform(0.02, 0.1),
        starttls=rng.uniform(0.5, 0.9),
    )
    a_day = rng.uniform(200, 400)
    for at in random_times(actor, scaled(actor, a_day), 0.05, 0.95):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.1))
    tell(actor, f"few mails to each server, as {domain}", a_day / 1440)


def bounced_list(actor: Actor) -> None:
    """An old list: four in five recipients are unknown; many recipients a session, few servers.

    Source: M3AAWG, "Sender best common practices" (2015) on unknown users as the mark of bought or
    old lists; RFC 5321 (550 for each).
    """
    rng = actor.rng
    campaign = replace(
        draw_campaign(actor, same_text(rng, sentences(rng, 1).rstrip("."))),
        refused=rng.uniform(0.7, 0.9),
        recipients=(5, 10, 20),
    )
    domains = [new_domain(rng) for _ in range(rng.randint(3, 6))]
    per_minute = rng.uniform(0.5, 3)
    for at in paced(actor, some_start(actor), rng.randint(60, 120), per_minute):
        send_to_mx(actor, at, campaign, rng.choice(domains))
    tell(actor, f"guessed recipients at {len(domains)} domains", per_minute)


def _worm(actor: Actor, attachment: str) -> None:
    rng = actor.rng
    draft = MailDraft("See attached", sentences(rng, 2), attachment)
    campaign = draw_campaign(actor, lambda _: draft)
    per_minute = rng.uniform(0.3, 3)
    for at in paced(actor, some_start(actor), rng.randint(30, 90), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.3))
    tell(actor, f"mails {attachment}", per_minute)


def _guess_and_send(actor: Actor, at: float, campaign: Campaign, domain: str) -> None:
    """Try names until one exists, about one in four, and deliver there."""
    rng = actor.rng
    for label in rng.sample(_GUESSED, rng.randint(4, len(_GUESSED))):
        name = f"{label}.{domain}"
        exists = rng.random() < 0.25
        at = actor.resolve(at, name, None if exists else NO_SUCH_NAME, mail=True)
        if exists:
            server = actor.stage.world.server(name, actor.version)
            deliver(actor, at, server, name, campaign, [write_mail(actor, campaign, domain)])
            return


def _call_controller(actor: Actor, at: float, port: int) -> None:
    """A TLS conversation with the controller, by address."""
    controller = actor.stage.world.server(f"controller.{actor.host.name}", actor.version)
    actor.connect(max(at, 1.0), controller, port, tls_turns("", actor.rng, exchanges=4))


KINDS = tuple(
    map(
        infected,
        (
            two_providers,
            proxy_device,
            home_router_relay,
            tofsee,
            phorpiex,
            extortion,
            pump_and_dump,
            necurs,
            gamut,
            cutwail,
            send_safe,
            waledac,
            mytob,
            worm_runnable,
            worm_archive,
            snowshoe,
            bounced_list,
        ),
    )
)
