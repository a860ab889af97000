"""Bots that show little to count -> few servers, few mails, one company, one relay, or NAT."""

from msgspec.structs import replace

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import Type
from rulegen.simulate.hard.infected_accounts import greet_scanners
from rulegen.simulate.hard.infected_veiled import play_people
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
from rulegen.simulate.messages import tls_turns
from rulegen.simulate.world import BIG_PROVIDERS, new_domain

_POOL = 8
_SUBMISSION = ("smtp.gmail.com", "smtp.office365.com", "smtp.mail.yahoo.com")
_RUNNABLE = ("readme.scr", "invoice.js", "order.vbs", "photo.pif", "scan.hta", "data.wsf")


def dictionary_attack(actor: Actor) -> None:
    """Guesses mailboxes at one company: hundreds of recipients, nearly all unknown, one server.

    Source: Postfix documentation, "smtpd_hard_error_limit" and M3AAWG on directory harvest attacks;
    RFC 5321 (550 for each unknown mailbox).
    """
    rng, domain = actor.rng, new_domain(actor.rng)
    campaign = replace(_campaign(actor), refused=rng.uniform(0.9, 0.98), recipients=(8, 10, 15))
    per_minute = rng.uniform(0.5, 4)
    for at in paced(actor, some_start(actor), rng.randint(30, 60), per_minute):
        send_to_mx(actor, at, campaign, domain)
    tell(actor, "guesses mailboxes of one company", per_minute)


def one_company(actor: Actor) -> None:
    """Hundreds of mails with one text to the people of one company, most of them accepted.

    Source: MITRE ATT&CK T1566 (spearphishing campaigns against one organisation).
    """
    rng, domain = actor.rng, new_domain(actor.rng)
    campaign = replace(_campaign(actor), refused=rng.uniform(0.1, 0.3))
    per_minute = rng.uniform(2, 15)
    for at in paced(actor, some_start(actor), rng.randint(150, 300), per_minute):
        send_to_mx(actor, at, campaign, domain)
    tell(actor, "one text to one company", per_minute)


def through_open_relay(actor: Actor) -> None:
    """Mails to hundreds of domains through one external relay that accepts everything.

    Source: RFC 2505 (third-party relaying); Shadowserver, "Open SMTP relay" reports.
    """
    rng = actor.rng
    name = f"mail.{new_domain(rng)}"
    campaign = replace(_campaign(actor), refused=rng.uniform(0.0, 0.1), recipients=(1, 2))
    per_minute = rng.uniform(2, 15)
    for at in paced(actor, some_start(actor), rng.randint(120, 250), per_minute):
        domain = actor.stage.world.recipients_domain(rng, 0.3)
        found, server = reach(actor, at, name)
        deliver(actor, found, server, name, campaign, [write_mail(actor, campaign, domain)])
    tell(actor, "through one external relay", per_minute)


def two_providers_encrypted(actor: Actor) -> None:
    """Mails to two big providers, whose mail exchangers are built in, all over STARTTLS.

    Source: as two_providers (360 Netlab, CERT Polska); Google's transparency report (STARTTLS is
    offered by all big providers).
    """
    rng = actor.rng
    chosen = rng.sample(BIG, 2)
    campaign = replace(_campaign(actor), starttls=1.0, refused=0.0, dead=0.05)
    per_minute = rng.uniform(1, 8)
    for at in paced(actor, some_start(actor), rng.randint(120, 180), per_minute):
        send_to_mx(actor, at, campaign, rng.choice(chosen))
    tell(actor, f"encrypted to {' and '.join(chosen)}", per_minute)


def long_sessions(actor: Actor) -> None:
    """Ten to twenty sessions with 20 to 40 mails each, to exchangers of three big providers.

    Source: RFC 5321 (a session may hold many mails; RSET between them); as tofsee for the choice of
    providers.
    """
    rng = actor.rng
    chosen, campaign = rng.sample(BIG, 3), replace(_campaign(actor), refused=0.2, recipients=(1, 3))
    per_minute = rng.uniform(0.1, 0.5)
    for at in paced(actor, some_start(actor), rng.randint(10, 20), per_minute):
        domain = rng.choice(chosen)
        name = BIG_PROVIDERS[domain][0]
        asked = actor.lookup(at, domain, Type.MX, mail=True)
        found, server = reach(actor, asked, name, pool=_POOL)
        mails = [write_mail(actor, campaign, domain) for _ in range(rng.randint(20, 40))]
        deliver(actor, found, server, name, campaign, mails)
    tell(actor, "many mails in each session", per_minute * 30)


def worm_few(actor: Actor) -> None:
    """A worm on a machine with a dozen addresses: eight to fourteen mails with a program.

    Source: Symantec and F-Secure on Netsky, Bagle and Mydoom (addresses from files of the machine);
    Microsoft, "Blocked attachments in Outlook" (.js, .vbs, .hta, .wsf, .scr, .pif).
    """
    rng = actor.rng
    draft = MailDraft("Your document", sentences(rng, 2), rng.choice(_RUNNABLE))
    campaign = replace(draw_campaign(actor, lambda _: draft), refused=rng.uniform(0.1, 0.3))
    per_minute = rng.uniform(0.2, 2)
    for at in paced(actor, some_start(actor), rng.randint(8, 14), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.2))
    tell(actor, "a dozen mails with a program", per_minute)


def stolen_at_big_providers(actor: Actor) -> None:
    """Dozens of stolen accounts at three big providers: three names, everything encrypted.

    Source: captures of malware-traffic-analysis.net (Emotet, 2021 and 2022: accounts at freemail
    providers among others); RFC 8314.
    """
    rng = actor.rng
    campaign = replace(_campaign(actor), starttls=1.0, refused=0.0)
    per_minute = rng.uniform(0.3, 2)
    for at in paced(actor, some_start(actor), rng.randint(60, 120), per_minute):
        name, port = rng.choice(_SUBMISSION), rng.choice((587, 587, 465))
        found, server = reach(actor, at, name, pool=_POOL)
        mail = write_mail(actor, campaign, rng.choice(BIG))
        deliver(actor, found, server, name, campaign, [mail], port)
    tell(actor, "stolen accounts at three providers", per_minute)


def few_stolen_mailboxes(actor: Actor) -> None:
    """A dozen stolen mailboxes in a day, each read once by IMAP and used for one answer.

    Source: as qakbot (DFIR Report, Microsoft on Qakbot's e-mail collector).
    """
    rng = actor.rng
    campaign = replace(_campaign(actor), starttls=1.0, refused=0.0)
    a_day = rng.uniform(10, 16)
    for at in random_times(actor, scaled(actor, a_day), 0.01, 0.97):
        domain = new_domain(rng)
        found, server = reach(actor, at, f"imap.{domain}")
        done = actor.connect(found, server, 993, tls_turns(f"imap.{domain}", rng, exchanges=4))
        name = f"smtp.{domain}"
        found, server = reach(actor, done + rng.uniform(5, 60), name)
        mail = write_mail(actor, campaign, actor.stage.world.recipients_domain(rng))
        deliver(actor, found, server, name, campaign, [mail], 587)
    tell(actor, "a dozen stolen mailboxes", a_day / 1440)


def six_an_hour_behind_nat(actor: Actor) -> None:
    """Six mails an hour directly to mail exchangers, behind the address of 60 to 100 people.

    Source: as six_an_hour and behind_nat_120 (SIGCOMM 2008, RFC 6888).
    """
    play_people(actor, actor.rng.randint(60, 100))
    campaign, an_hour = _campaign(actor), actor.rng.uniform(5, 8)
    for at in random_times(actor, scaled(actor, 24 * an_hour), 0.01, 0.98):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(actor.rng, 0.25))
    tell(actor, "slow among many people", an_hour / 60)


def accounts_behind_nat(actor: Actor) -> None:
    """Stolen accounts at 100 to 200 servers within hours, behind the address of 60 to 100 people.

    Source: as emotet and behind_nat_120 (malware-traffic-analysis.net, RFC 6888).
    """
    rng = actor.rng
    play_people(actor, rng.randint(60, 100))
    campaign = replace(_campaign(actor), starttls=1.0, refused=0.0)
    per_minute = rng.uniform(0.6, 3)
    for at in paced(actor, some_start(actor), rng.randint(100, 200), per_minute):
        name, port = f"smtp.{new_domain(rng)}", rng.choice((587, 587, 465))
        found, server = reach(actor, at, name)
        mail = write_mail(actor, campaign, actor.stage.world.recipients_domain(rng))
        deliver(actor, found, server, name, campaign, [mail], port)
    tell(actor, "stolen accounts among many people", per_minute)


def behind_open_port(actor: Actor) -> None:
    """A bot whose port 25 answers external scanners, which does not make it a mail server.

    Source: Rapid7, "National exposure index" and Shadowserver (port 25 is scanned all day).
    """
    rng = actor.rng
    greet_scanners(actor)
    campaign, per_minute = _campaign(actor), rng.uniform(1, 20)
    for at in paced(actor, some_start(actor), rng.randint(100, 200), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25))
    tell(actor, "port 25 open to scanners", per_minute)


def in_the_sites_name(actor: Actor) -> None:
    """Ten to fifteen mails an hour from the site's own domain, well formed and seldom refused.

    An ERP program that delivers directly looks the same.

    Source: Spamhaus, "Snowshoe spam" (proper HELO and sender); M3AAWG on compromised hosts.
    """
    rng = actor.rng
    sender = f"accounts@{actor.stage.domain}"
    helo = f"{actor.host.name}.{actor.stage.domain}"
    campaign = Campaign(own_text, helo, (sender,), refused=rng.uniform(0, 0.05), starttls=0.5)
    an_hour = rng.uniform(10, 15)
    for at in random_times(actor, scaled(actor, 8 * an_hour), 0.02, 0.35):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.2))
    tell(actor, "from the site's own domain", an_hour / 60)


def _campaign(actor: Actor) -> Campaign:
    rng = actor.rng
    return draw_campaign(actor, same_text(rng, sentences(rng, 1).rstrip(".")))


KINDS = (
    infected(dictionary_attack),
    infected(one_company),
    infected(through_open_relay),
    infected(two_providers_encrypted),
    infected(long_sessions),
    infected(worm_few, desk=True),
    infected(stolen_at_big_providers, desk=True, tellable=False),
    infected(few_stolen_mailboxes, desk=True, tellable=False),
    infected(six_an_hour_behind_nat),
    infected(accounts_behind_nat),
    infected(behind_open_port),
    infected(in_the_sites_name, tellable=False),
)
