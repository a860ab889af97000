"""Programs and devices that send mail -> their mails, direct or through providers.

A kind that delivers directly to many recipients is `grey`: its logs look like those of a careful
mass mailer, unless the program is known.
"""

from collections.abc import Sequence

from rulegen.simulate.actor import Actor
from rulegen.simulate.dns import Rcode, Record, Type
from rulegen.simulate.hard.accounts import (
    daytime,
    draw_account,
    letter,
    own_server_account,
    read_mail,
    submit_mail,
    tenant_account,
    times_a_day,
)
from rulegen.simulate.hard.kind import benign, grey
from rulegen.simulate.hard.probes import find_exchanger
from rulegen.simulate.mail import Mail, MailDraft, Reply, compose, sentences
from rulegen.simulate.network import Resolved
from rulegen.simulate.tcp import Refusal
from rulegen.simulate.world import new_domain, new_word


def file_server_nine_partners(actor: Actor) -> None:
    """A file server notifies nine partners of new files at once, directly at their servers.

    Two to five times a day; the texts differ in file names; HELO and sender are the site's.

    Source: MOVEit and GoAnywhere manuals, "notification e-mails"; null-client set-ups without a
    relay (Postfix STANDARD_CONFIGURATION_README).
    """
    partners = [new_domain(actor.rng) for _ in range(actor.rng.randint(7, 11))]
    for _ in range(times_a_day(actor, 2, 5)):
        at = daytime(actor)
        for partner in partners:
            text = f"Files for {partner}"
            mail = _business_mail(actor, "files", partner, text)
            at = _deliver(actor, at + actor.rng.uniform(0.5, 5), partner, mail, "files")
    actor.note = f"notifies {len(partners)} partners of new files, directly at their servers"


def erp_invoices(actor: Actor) -> None:
    """An ERP system delivers 40 to 120 invoices a day directly to customers' servers, in two runs.

    All have the same text except for a number, and a PDF; about one customer in 50 is gone.

    Source: SAP Help, "SAPconnect" (SMTP node of the system delivers to a mail host or directly);
    bounce rates of transactional mail near 2 per cent (Postmark, "What is a good bounce rate").
    """
    rng = actor.rng
    count = times_a_day(actor, 40, 120)
    starts = [daytime(actor), daytime(actor)]
    for number in range(count):
        starts[number % 2] += rng.uniform(5, 60)
        domain = actor.stage.world.recipients_domain(rng, 0.2)
        subject = f"Invoice {rng.randint(10000, 99999)}"
        mail = _business_mail(actor, "invoice", domain, subject, "invoice.pdf")
        reply = Reply.UNKNOWN_USER if rng.random() < 0.02 else Reply.ACCEPT
        _deliver(actor, starts[number % 2], domain, mail, "erp", reply)
    actor.note = f"delivers {count} invoices directly to {len(actor.servers)} servers"


def newsletter_direct(actor: Actor) -> None:
    """A newsletter program delivers to 800 to 1,500 subscribers directly, on port 25.

    10 to 30 recipients a minute; HELO, sender and bounce address are one domain; 2 per cent bounce.

    Source: phpList and Mailtrain manuals (own MTA, batch of so many an hour); M3AAWG Sender Best
    Common Practices (aligned identities); Mailchimp benchmarks (hard bounces below 1 per cent).
    """
    rng = actor.rng
    subject, body = "News of the month", sentences(rng, 6)
    rate = rng.uniform(10, 30)
    count = times_a_day(actor, 800, 1500)
    at = daytime(actor) * 0.7
    for _ in range(count):
        at += rng.expovariate(rate / 60)
        domain = actor.stage.world.recipients_domain(rng, 0.5)
        to = (f"{new_word(rng)}@{domain}",)
        mail = compose(f"news@{actor.stage.domain}", to, MailDraft(subject, body), rng)
        reply = Reply.UNKNOWN_USER if rng.random() < 0.02 else Reply.ACCEPT
        _deliver(actor, at, domain, mail, "news", reply, tls=0.7)
    actor.note = f"a newsletter directly to {count} subscribers, {rate:.0f} a minute"


def crm_three_providers(actor: Actor) -> None:
    """A CRM submits 400 to 900 mails a day to three providers with many addresses each.

    Source: Amazon SES, SendGrid and Mailgun manuals (email-smtp.REGION.amazonaws.com,
    smtp.sendgrid.net, smtp.mailgun.org on 587 with STARTTLS).
    """
    rng = actor.rng
    hosts = ("email-smtp.eu-west-1.amazonaws.com", "smtp.sendgrid.net", "smtp.mailgun.org")
    accounts = [
        own_server_account(actor.stage.domain, rng).renamed(host, rng.randint(4, 12))
        for host in hosts
    ]
    for _ in range(times_a_day(actor, 400, 900)):
        account = rng.choice(accounts)
        submit_mail(actor, daytime(actor), account, cached=rng.random() < 0.8)
    actor.note = f"{actor.meant['mails']} mails through three providers"


def web_shop(actor: Actor) -> None:
    """A web shop's order mails: 150 to 400 a day through its provider.

    Source: WooCommerce documentation, "Email FAQ" (WP Mail SMTP, port 587).
    """
    rng = actor.rng
    account = own_server_account(new_domain(rng), rng)
    for _ in range(times_a_day(actor, 150, 400)):
        submit_mail(actor, daytime(actor), account, cached=rng.random() < 0.5)
    actor.note = f"{actor.meant['mails']} order mails through one provider"


def scan_to_mail(actor: Actor) -> None:
    """A multifunction printer mails scans through its provider, with a lookup before each.

    The provider is down for an hour; each scan is retried every minute.

    Source: Canon and HP manuals, "Scan to e-mail" (SMTP server, port 25, 465 or 587; retries).
    """
    rng = actor.rng
    account = draw_account(actor.stage.world, rng)
    for _ in range(times_a_day(actor, 20, 80)):
        submit_mail(actor, daytime(actor), account)
    away = daytime(actor) * 0.9
    server = actor.stage.world.server(account.submission, actor.version)
    for minute in range(rng.randint(30, 60)):
        at = actor.resolve(away + 60 * minute, account.submission, mail=True)
        actor.knock(at, server, account.port, Refusal.SILENCE)
    actor.note = f"{actor.meant['mails']} scans by mail, an hour of failures"


def nas_and_ups_alerts(actor: Actor) -> None:
    """A power failure: NAS and UPS send a storm of alerts through one provider.

    60 to 150 mails with one text within an hour.

    Source: APC Network Management Card and Synology DSM manuals (one mail an event).
    """
    rng = actor.rng
    account = draw_account(actor.stage.world, rng)
    at = daytime(actor)
    for _ in range(rng.randint(60, 150)):
        at = submit_mail(actor, at + rng.uniform(5, 45), account, cached=rng.random() < 0.5)
    actor.note = f"{actor.meant['mails']} alerts through one provider"


def dmarc_reporter(actor: Actor) -> None:
    """Sends the daily DMARC aggregate reports directly to 80 to 160 domains, after midnight.

    For each: the TXT record of _dmarc., MX and address of the report's recipient (many at a few
    report services), a gzip file.

    Source: RFC 7489, section 7.2 (daily reports, subject "Report Domain: ... Submitter: ...");
    OpenDMARC's opendmarc-reports.
    """
    rng, own = actor.rng, actor.stage.domain
    services = [new_domain(rng) for _ in range(5)]
    at = actor.stage.duration * 16.2 / 24
    count = rng.randint(80, 160)
    for _ in range(count):
        domain = new_domain(rng)
        at = actor.lookup(at + rng.uniform(1, 10), f"_dmarc.{domain}", Type.TXT)
        to = rng.choice(services) if rng.random() < 0.4 else domain
        subject = f"Report Domain: {domain} Submitter: {own} Report-ID: {rng.getrandbits(40)}"
        draft = MailDraft(subject, "This is an aggregate report.", f"{own}!{domain}!1!2.xml.gz")
        mail = compose(f"noreply-dmarc@{own}", (f"dmarc@{to}",), draft, rng)
        reply = Reply.UNKNOWN_USER if rng.random() < 0.05 else Reply.ACCEPT
        at = _deliver(actor, at, to, mail, "dmarc", reply)
    actor.note = f"{count} DMARC reports to {len(actor.servers)} servers"


def ci_build_server(actor: Actor) -> None:
    """A build server tests mail code: 20 to 60 runs a day, each with dozens of test cases.

    A run submits to a sandbox on 2525 and 587, looks up MX records of a fixed list of test domains,
    and makes TLS handshakes with six to ten real providers on 465 and 587 without sending.

    Source: Mailtrap documentation (sandbox.smtp.mailtrap.io: 25, 465, 587, 2525); test suites of
    PHPMailer and of Go's net/smtp (live tests against public providers).
    """
    rng = actor.rng
    providers = [draw_account(actor.stage.world, rng) for _ in range(rng.randint(8, 14))]
    tested = [new_domain(rng) for _ in range(rng.randint(10, 20))]
    sandbox = own_server_account("mailtrap.io", rng).renamed("sandbox.smtp.mailtrap.io", 6)
    for _ in range(times_a_day(actor, 20, 60)):
        at = daytime(actor)
        for domain in rng.sample(tested, 8):
            at = actor.lookup(at + rng.uniform(0.05, 1), domain, Type.MX, mail=True)
        for _ in range(rng.randint(3, 10)):
            at = submit_mail(actor, at + rng.uniform(0.1, 2), sandbox, cached=rng.random() < 0.5)
        for provider in providers:
            at = submit_mail(actor, at + rng.uniform(0.2, 3), provider, 0)
    actor.note = f"runs mail tests against {len(providers)} providers and a sandbox"


def kubernetes_egress(actor: Actor) -> None:
    """The egress address of a cluster: services of 30 to 60 tenants submit to their own providers.

    Source: Kubernetes documentation, "Source IP" (pods leave by the node's or gateway's address);
    GKE and Azure block 25 and name 587 and 2525 of providers instead.
    """
    rng = actor.rng
    tenants = rng.randint(30, 60)
    for _ in range(tenants):
        account = tenant_account(actor.stage.world, rng)
        for _ in range(times_a_day(actor, 3, 40)):
            at = rng.uniform(5, actor.stage.duration)
            submit_mail(actor, at, account, cached=rng.random() < 0.4)
    for _ in range(times_a_day(actor, 100, 300)):
        at = rng.uniform(5, actor.stage.duration)
        actor.lookup(at, actor.stage.world.recipients_domain(rng, 0.7), Type.MX, mail=True)
    actor.note = f"{tenants} services behind one address; {actor.meant['mails']} mails submitted"


def ticket_system(actor: Actor) -> None:
    """A ticket system reads a mailbox every minute and answers 100 to 300 customers via the relay.

    Source: Zammad documentation, "Email channels" (fetched every minute); RFC 3834 (auto replies).
    """
    rng, relay = actor.rng, actor.stage.relay(actor.version)
    account = draw_account(actor.stage.world, rng)
    for minute in range(0, int(actor.stage.duration / 60), 5):
        read_mail(actor, 60 * minute + rng.uniform(0, 3), account, cached=True)
    for _ in range(times_a_day(actor, 100, 300)):
        at, domain = daytime(actor), actor.stage.world.recipients_domain(rng, 0.5)
        draft = MailDraft("Your request was received", "We have received your request.")
        mail = compose(f"help@{actor.stage.domain}", (f"{new_word(rng)}@{domain}",), draft, rng)
        if relay:
            _to_relay(actor, at, [mail])
            actor.post(at, domain)
    actor.note = f"{actor.meant['mails']} automatic answers through the relay"


def alert_storm_by_relay(actor: Actor) -> None:
    """A monitoring server sends 500 to 1,000 look-alike alerts to five colleagues via the relay.

    Source: Prometheus Alertmanager and Nagios manuals (a mail a host and contact when a switch
    fails); Google SRE book, "Being on-call" (alert storms).
    """
    rng = actor.rng
    team = tuple(f"{new_word(rng)}@{actor.stage.domain}" for _ in range(5))
    at = daytime(actor)
    for _ in range(rng.randint(500, 1000)):
        at += rng.expovariate(1.5)
        draft = MailDraft(f"PROBLEM: {new_word(rng)} is DOWN", "CRITICAL - Host unreachable")
        _to_relay(actor, at, [compose(f"nagios@{actor.stage.domain}", team, draft, rng)])
    actor.note = f"{actor.meant['mails']} alerts to five colleagues through the relay"


def awareness_platform(actor: Actor) -> None:
    """Security training: 300 to 600 simulated phishing mails to the site's own staff via the relay.

    Two or three texts, senders of look-alike domains, only internal recipients.

    Source: Gophish user guide, "Sending profiles" and "Campaigns" (spread over hours); NIST Phish
    Scale (TN 2276).
    """
    rng = actor.rng
    senders = [f"{new_word(rng)}@{new_domain(rng)}" for _ in range(3)]
    drafts = [MailDraft("Your password expires today", sentences(rng, 4)) for _ in range(3)]
    at = daytime(actor)
    for _ in range(rng.randint(300, 600)):
        at += rng.expovariate(1 / 12)
        pick = rng.randrange(3)
        to = (f"{new_word(rng)}@{actor.stage.domain}",)
        _to_relay(actor, at, [compose(senders[pick], to, drafts[pick], rng)])
    actor.note = f"{actor.meant['mails']} training mails to the site's own staff"


def developer_mail_catcher(actor: Actor) -> None:
    """A developer's program sends 200 to 400 test mails to a mail catcher inside the site.

    Source: Mailpit documentation (listens on 1025; often published on 25), Laravel "Mail" testing.
    """
    rng = actor.rng
    others = [
        h for h in actor.stage.hosts if h is not actor.host and h.end.version == actor.version
    ]
    box = rng.choice(others)
    for _ in range(times_a_day(actor, 200, 400)):
        mail = letter(rng, new_domain(rng))
        port = rng.choice((25, 1025))
        actor.smtp(daytime(actor), box.end, "mailpit", [mail], helo="localhost", port=port)
    actor.note = f"{actor.meant['mails']} test mails to one internal machine"


def queue_flush(actor: Actor) -> None:
    """A server's own Postfix after an outage of four hours: 20 to 50 alerts to partners at once.

    During the outage, attempts every five minutes to an hour get no answer; then the queue empties
    within minutes.

    Source: RFC 5321, section 4.5.4.1 (retries); Postfix queue parameters (minimal_backoff_time
    300s, maximal_backoff_time 4000s).
    """
    rng = actor.rng
    down = daytime(actor) * 0.8
    partners = [new_domain(rng) for _ in range(rng.randint(20, 50))]
    up = min(actor.stage.duration * 0.9, down + 4 * 3600)
    for partner in partners:
        at, wait = down + rng.uniform(0, 1800), 300.0
        while at < up:
            name = actor.stage.world.mail_hosts(partner)[0]
            actor.knock(at, actor.stage.world.server(name, actor.version), 25, Refusal.SILENCE)
            at, wait = at + wait, min(4000.0, wait * 2)
        mail = _business_mail(actor, "alerts", partner, f"Alert for {partner}")
        _deliver(actor, max(up, at) + rng.uniform(0, 120), partner, mail, "app")
    actor.note = f"flushes a queue to {len(partners)} partners after an outage"


def _business_mail(
    actor: Actor, user: str, domain: str, subject: str, attachment: str = ""
) -> Mail:
    rng = actor.rng
    draft = MailDraft(subject, sentences(rng, 2), attachment)
    return compose(f"{user}@{actor.stage.domain}", (f"{new_word(rng)}@{domain}",), draft, rng)


def _deliver(
    actor: Actor,
    at: float,
    domain: str,
    mail: Mail,
    helo: str,
    reply: Reply = Reply.ACCEPT,
    *,
    tls: float = 0.6,
) -> float:
    """MX, address, and one mail directly to the exchanger, with a HELO in the site's domain."""
    at, name, server = find_exchanger(actor, at, domain)
    return actor.smtp(
        at,
        server,
        name,
        [mail],
        helo=f"{helo}.{actor.stage.domain}",
        reply=reply,
        starttls=actor.rng.random() < tls,
    )


def _to_relay(actor: Actor, at: float, mails: Sequence[Mail]) -> None:
    relay = actor.stage.relay(actor.version)
    if relay is None:
        return
    name = f"mail.{actor.stage.domain}"
    rtype = Type.A if actor.version == 4 else Type.AAAA
    if actor.rng.random() < 0.2:
        found = Resolved(Rcode.NOERROR, (Record(rtype, relay.end.ip),))
        at = actor.lookup(at, name, rtype, found, mail=True)
    actor.smtp(at, relay.end, name, mails, helo=f"{actor.host.name}.{actor.stage.domain}")


KINDS = (
    benign(file_server_nine_partners),
    grey(erp_invoices),
    grey(newsletter_direct, whole_day=False),
    benign(crm_three_providers),
    benign(web_shop),
    benign(scan_to_mail),
    benign(nas_and_ups_alerts, whole_day=False),
    grey(dmarc_reporter),
    benign(ci_build_server),
    benign(kubernetes_egress),
    benign(ticket_system, needs_relay=True),
    benign(alert_storm_by_relay, needs_relay=True, whole_day=False),
    grey(awareness_platform, needs_relay=True, whole_day=False),
    benign(developer_mail_catcher),
    grey(queue_flush),
)
