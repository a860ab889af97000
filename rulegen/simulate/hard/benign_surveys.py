"""Programs and people that test mail servers and deliver nothing -> lookups and connections."""

from collections.abc import Callable, Iterator

from rulegen.simulate.actor import Actor
from rulegen.simulate.benign import live
from rulegen.simulate.dns import Rcode, Record, Type, reverse_name
from rulegen.simulate.hard.accounts import daytime, own_server_account, submit_mail, times_a_day
from rulegen.simulate.hard.kind import benign
from rulegen.simulate.hard.probes import (
    ask_about,
    find_exchanger,
    find_nothing,
    only_greet,
    try_starttls,
)
from rulegen.simulate.messages import tls_turns
from rulegen.simulate.network import NO_SUCH_NAME, Resolved
from rulegen.simulate.scenarios import Act
from rulegen.simulate.servers import take_in
from rulegen.simulate.tcp import Refusal, Turn, converse, knock
from rulegen.simulate.wire import Endpoint, Socket
from rulegen.simulate.world import new_domain, new_word

_TESTED_PORTS = (25, 465, 587, 993, 995, 143, 110)
_BLOCKLISTS = ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", "dnsbl.sorbs.net")
_LISTED = Resolved(Rcode.NOERROR, (Record(Type.A, b"\x7f\x00\x00\x04"),))
_INTERNAL_PORTS = (*range(20, 26), 53, 80, 110, 111, 135, 139, 143, 443, 445, 465, 587, 993, 3389)


def administrator_six_servers(actor: Actor) -> None:
    """An administrator tests delivery by hand: MX, address, then telnet or swaks to six servers.

    Within an hour; two of the sessions send a test mail, the others end after EHLO or RCPT.

    Source: swaks documentation (--quit-after RCPT); RFC 5321 (MX, then A); "How to test SMTP by
    telnet" of Microsoft's Exchange documentation.
    """
    rng = actor.rng
    at = daytime(actor) * 0.8
    servers = rng.randint(5, 8)
    for number in range(servers):
        domain = new_domain(rng)
        at, name, server = find_exchanger(actor, at + rng.uniform(60, 600), domain)
        at = actor.lookup(at, domain, Type.TXT)
        someone = (f"postmaster@{domain}", rng.random() < 0.9)
        helo, sender = f"{actor.host.name}.{actor.stage.domain}", f"admin@{actor.stage.domain}"
        turns = (
            only_greet(name, helo, rng)
            if number % 2
            else ask_about(name, helo, sender, [someone], rng)
        )
        at = _connect(actor, at + rng.uniform(5, 40), server, 25, turns)
    actor.note = f"tries {servers} mail servers by hand after looking each up"


def roaming_administrator(actor: Actor) -> None:
    """An administrator's laptop in other networks: MX, TXT and PTR lookups, a few runs of openssl.

    Source: manual of openssl s_client (-starttls smtp -connect host:25); dig and MXToolbox guides.
    """
    rng = actor.rng
    domains = [new_domain(rng) for _ in range(rng.randint(10, 25))]
    for domain in domains:
        at = daytime(actor)
        for rtype in (Type.MX, Type.TXT, Type.NS):
            at = actor.lookup(at + rng.uniform(2, 20), domain, rtype, mail=True)
        if rng.random() < 0.3:
            at, name, server = find_exchanger(actor, at + 10, domain)
            actor.lookup(at, reverse_name(server.ip), Type.PTR)
            _connect(actor, at + 5, server, 25, try_starttls(name, "localhost", rng))
    actor.note = f"queries {len(domains)} domains by hand over a day"


def callout_verifier(actor: Actor) -> None:
    """A mail filter that accepts mail and asks each sender's own server whether the sender exists.

    MX and address of the sender's domain, then MAIL FROM:<>, RCPT TO:<sender>, QUIT; one sender in
    eight does not exist, one server in twelve does not answer.

    Source: Exim specification, "Callout verification"; Postfix ADDRESS_VERIFICATION_README.
    """
    rng = actor.rng
    count = times_a_day(actor, 250, 500)
    for _ in range(count):
        at = daytime(actor)
        take_in(actor, at)
        domain = actor.stage.world.recipients_domain(rng, 0.4)
        at, name, server = find_exchanger(actor, at + 0.5, domain)
        if rng.random() < 1 / 12:
            actor.knock(at, server, 25, rng.choice(list(Refusal)))
            continue
        asked = [(f"{new_word(rng)}@{domain}", rng.random() > 1 / 8)]
        helo = f"mx.{actor.stage.domain}"
        _connect(actor, at, server, 25, ask_about(name, helo, "", asked, rng))
    actor.note = f"accepts {count} mails and verifies each sender at the sender's server"


def list_cleaner(actor: Actor) -> None:
    """An address verifier cleans a customer list: RCPT for each address, never DATA.

    20 to 60 domains a minute; one address in four is refused, one server in ten refuses to answer.

    Source: documentation of email-verify libraries (Reacher "check-if-email-exists": MX, HELO, MAIL
    FROM, RCPT TO, QUIT) and their typical invalid rates of 20 to 30 per cent (ZeroBounce reports).
    """
    rng = actor.rng
    count, rate = rng.randint(400, 900), rng.uniform(20, 60)
    helo, sender = f"verify.{actor.stage.domain}", f"verify@{actor.stage.domain}"
    for at in _paced(actor, count, rate):
        domain = actor.stage.world.recipients_domain(rng, 0.2)
        at, name, server = find_exchanger(actor, at, domain)
        if rng.random() < 0.1:
            actor.knock(at, server, 25, rng.choice(list(Refusal)))
            continue
        asked = [
            (f"{new_word(rng)}@{domain}", rng.random() > 0.25) for _ in range(rng.choice((1, 1, 3)))
        ]
        _connect(actor, at, server, 25, ask_about(name, helo, sender, asked, rng))
    actor.note = f"verifies addresses at {len(actor.servers)} servers, {rate:.0f} a minute, no DATA"


def tls_scanner(actor: Actor) -> None:
    """A TLS scanner tests all mail ports of 150 to 300 domains' servers, and sends nothing.

    STARTTLS on 25 and 587, implicit TLS on the others; one handshake each; half of the ports are
    closed.

    Source: testssl.sh manual (-t smtp --mx DOMAIN: all MX records of a domain); Mayer et al. 2016,
    "No need for black chambers: testing TLS in the e-mail ecosystem at large" (seven ports).
    """
    rng = actor.rng
    count, rate = rng.randint(150, 300), rng.uniform(10, 40)
    for at in _paced(actor, count, rate):
        at, name, server = find_exchanger(actor, at, new_domain(rng))
        for port in _TESTED_PORTS:
            if port != 25 and rng.random() < 0.5:
                at = actor.knock(at, server, port, Refusal.RESET)
            elif port in (25, 587):
                at = _connect(actor, at, server, port, try_starttls(name, "scanner", rng))
            else:
                at = actor.connect(at, server, port, tls_turns(name, rng, exchanges=0))
    actor.note = f"tests TLS of {count} domains' mail servers, {rate:.0f} a minute"


def banner_monitor(actor: Actor) -> None:
    """A status page monitors 60 to 120 external mail servers: banner, EHLO, QUIT every half hour.

    Source: UptimeRobot and StatusCake "port monitoring" (5 minutes to an hour, SMTP 25 and 587).
    """
    rng = actor.rng
    names = [actor.stage.world.mail_hosts(new_domain(rng))[0] for _ in range(rng.randint(60, 120))]
    _watch(actor, [(name, 25) for name in names], rng.choice((1800.0, 3600.0)))
    actor.note = f"checks the banner of {len(names)} external mail servers"


def nagios_check_smtp(actor: Actor) -> None:
    """Nagios monitors the MX hosts of 12 partners and the relay with check_smtp.

    Source: Monitoring Plugins, check_smtp (EHLO, optional STARTTLS, QUIT); Nagios default
    check_interval of 5 minutes, retry of 1.
    """
    rng = actor.rng
    targets = [
        (actor.stage.world.mail_hosts(new_domain(rng))[0], rng.choice((25, 25, 587)))
        for _ in range(rng.randint(8, 15))
    ]
    _watch(actor, targets, 300.0)
    actor.note = f"checks {len(targets)} mail servers every five minutes"


def guess_config(actor: Actor) -> None:
    """Account set-up by a technician: Thunderbird's GuessConfig for six to twenty domains.

    For each domain: autoconfig. over the web, then imap., pop., mail. and smtp. on 993, 143, 995,
    110, 587, 465 and 25, all at once; servers that answer are asked for their capabilities only.
    The account that was found then submits a test mail.

    Source: Thunderbird wiki, "Autoconfiguration" and GuessConfig.sys.mjs (order of names and
    ports); RFC 6186.
    """
    rng = actor.rng
    at = daytime(actor) * 0.7
    domains = [new_domain(rng) for _ in range(rng.randint(6, 20))]
    for domain in domains:
        at = _guess(actor, at + rng.uniform(60, 400), domain)
        at = submit_mail(actor, at + rng.uniform(20, 120), own_server_account(domain, rng))
    actor.note = f"sets up accounts of {len(domains)} domains by guessing names and ports"


def outlook_autodiscover(actor: Actor) -> None:
    """A technician sets up Outlook for 25 companies: autodiscover names, mostly missing, and HTTPS.

    Source: Microsoft "Autodiscover service" (order: domain, autodiscover.domain, redirect, SRV).
    """
    rng = actor.rng
    at = daytime(actor) * 0.7
    domains = [new_domain(rng) for _ in range(rng.randint(18, 30))]
    for domain in domains:
        at = actor.browse(at + rng.uniform(60, 300), domain)
        look = find_nothing if rng.random() < 0.4 else Actor.browse
        at = look(actor, at, f"autodiscover.{domain}")
        at = actor.lookup(at, f"_autodiscover._tcp.{domain}", Type.TXT, NO_SUCH_NAME)
        actor.browse(at + 1, "outlook.office365.com")
    actor.note = f"sets Outlook up for {len(domains)} domains"


def mx_survey(actor: Actor) -> None:
    """A researcher resolves MX, TXT and addresses for a list of the top 3,000 to 5,000 domains.

    Source: Tranco list; Liu et al. 2021, "Who's got your mail? Characterizing mail service provider
    usage" (MX and A of exchangers of list domains, no connection to most).
    """
    rng = actor.rng
    count = rng.randint(3000, 5000)
    for at in _paced(actor, count, rng.uniform(200, 900)):
        domain = new_domain(rng)
        at = actor.lookup(at, domain, Type.MX, mail=True)
        actor.lookup(at, actor.stage.world.mail_hosts(domain)[0], Type.A)
    actor.note = f"resolves MX of {count} domains, connects to none"


def web_crawler(actor: Actor) -> None:
    """A crawler for contact pages: thousands of names, many like mail servers', and MX of some.

    Source: Heritrix manual (politeness, 80 and 443 only); email-extractor tools validate an
    address's domain by its MX record.
    """
    rng = actor.rng
    for at in _paced(actor, rng.randint(1200, 2000), rng.uniform(20, 90)):
        domain = new_domain(rng)
        name = f"{rng.choice(('www', 'www', 'mail', 'webmail', 'smtp', 'mx', 'relay'))}.{domain}"
        at = actor.browse(at, name) if rng.random() < 0.4 else actor.lookup(at, name)
        if rng.random() < 0.2:
            actor.lookup(at, domain, Type.MX, mail=True)
    actor.note = f"crawls the web, {actor.meant['mx_queries']} MX lookups, no mail"


def blocklist_checker(actor: Actor) -> None:
    """A spam filter behind the relay: queries blocklists, SPF, MX and PTR for each mail's sender.

    It gets its mail from the relay and connects to no external mail server.

    Source: Rspamd and SpamAssassin documentation (RBL, SPF, MX and PTR checks per message);
    RFC 5782 (reversed address under the list's name).
    """
    rng = actor.rng
    count = times_a_day(actor, 600, 1000)
    for _ in range(count):
        at, domain = daytime(actor), actor.stage.world.recipients_domain(rng, 0.3)
        client = actor.stage.world.server(actor.stage.world.mail_hosts(domain)[0], actor.version)
        for zone in rng.sample(_BLOCKLISTS, 2):
            name = f"{reverse_name(client.ip).rsplit('.', 2)[0]}.{zone}"
            at = actor.lookup(at, name, Type.A, _LISTED if rng.random() < 0.3 else NO_SUCH_NAME)
        for rtype, name in (
            (Type.TXT, domain),
            (Type.MX, domain),
            (Type.PTR, reverse_name(client.ip)),
        ):
            at = actor.lookup(at, name, rtype, mail=True)
    actor.note = f"checks the senders of {count} mails by DNS, sends none"


def vulnerability_scanner(actor: Actor) -> None:
    """OpenVAS scans the site's machines, including mail ports and the relay.

    The relay and its external neighbours are tested with EHLO, VRFY and STARTTLS.

    Source: Greenbone "Full and fast" scan configuration; NVTs "SMTP Server type and version",
    "Check if Mailserver answers to VRFY and EXPN requests".
    """
    rng = actor.rng
    others = [host for host in actor.stage.hosts if host.end.version == actor.version]
    at = actor.stage.duration * rng.uniform(0.1, 0.5)
    for host in others[:120]:
        for port in _INTERNAL_PORTS:
            at += rng.uniform(0.01, 0.2)
            client, server = actor.host.socket(), Socket(host.end, port)
            if rng.random() < 0.04:
                converse(actor.tape, at, client, server, (), rtt=0.0004)
            else:
                knock(actor.tape, at, client, server, refusal=Refusal.RESET, rtt=0.0004)
    if relay := actor.stage.relay(actor.version):
        for _ in range(rng.randint(6, 12)):
            turns = try_starttls(f"mail.{actor.stage.domain}", "openvas", rng)
            at = actor.connect(at + 2, relay.end, 25, turns)
    actor.note = f"scans {len(others[:120])} internal machines"


def signup_service(actor: Actor) -> None:
    """A web service checks the MX record of each address at sign-up, and mails through a provider.

    Source: documentation of email-validator (Python, `check_deliverability=True` asks MX);
    Amazon SES SMTP endpoint (587).
    """
    rng = actor.rng
    account = own_server_account(new_domain(rng), rng)
    count = times_a_day(actor, 400, 900)
    for _ in range(count):
        at = rng.uniform(5, actor.stage.duration)
        exists = rng.random() > 0.06
        domain = actor.stage.world.recipients_domain(rng, 0.6)
        at = actor.lookup(at, domain, Type.MX, None if exists else NO_SUCH_NAME, mail=True)
        if exists:
            submit_mail(actor, at + rng.uniform(0.5, 5), account, cached=rng.random() < 0.7)
    actor.note = f"checks {count} addresses' domains and mails through one provider"


def desk_of_researcher(actor: Actor) -> None:
    """A student's class work: nslookup of MX of 40 domains, netcat to two, over an afternoon.

    Source: lab sheets of Kurose and Ross, "Computer Networking", DNS and SMTP (telnet to port 25).
    """
    rng = actor.rng
    live(actor, 10)
    for number in range(rng.randint(30, 50)):
        at, domain = daytime(actor), new_domain(rng)
        actor.lookup(at, domain, Type.MX, mail=True)
        if number < 2:
            at, name, server = find_exchanger(actor, at + 20, domain)
            _connect(actor, at + 9, server, 25, only_greet(name, "test", rng))
    actor.note = f"{actor.meant['mx_queries']} MX lookups by hand, two banners"


def _guess(actor: Actor, at: float, domain: str) -> float:
    rng, world = actor.rng, actor.stage.world
    at = find_nothing(actor, at, f"autoconfig.{domain}")
    at = actor.lookup(at, domain, Type.MX, mail=True)
    for label, ports in (
        ("imap", (993, 143)),
        ("pop", (995, 110)),
        ("mail", (993, 143, 995, 110, 587, 465, 25)),
        ("smtp", (587, 465, 25)),
    ):
        name = f"{label}.{domain}"
        if label != "mail" and rng.random() < 0.3:
            at = find_nothing(actor, at, name)
            continue
        at = actor.resolve(at, name, mail=True)
        server = world.server(name, actor.version)
        for port in ports:
            _try_port(actor, at + rng.uniform(0.01, 0.3), server, port, name)
    return at + 10


def _try_port(actor: Actor, at: float, server: Endpoint, port: int, name: str) -> None:
    rng = actor.rng
    if rng.random() < 0.35:
        actor.knock(at, server, port, rng.choice(list(Refusal)))
    elif port in (993, 995, 465):
        actor.connect(at, server, port, tls_turns(name, rng, exchanges=1))
    elif port in (25, 587):
        _connect(actor, at, server, port, only_greet(name, "[192.168.1.2]", rng))
    else:
        actor.connect(at, server, port, (Turn(False, b"* OK ready\r\n"),))


def _watch(actor: Actor, targets: list[tuple[str, int]], period: float) -> None:
    """Check every target once a period; one check in a hundred is not answered."""
    rng = actor.rng
    visit: Callable[..., Iterator[Turn]] = rng.choice((only_greet, try_starttls))
    for round_ in range(int(actor.stage.duration / period)):
        for number, (name, port) in enumerate(targets):
            at = round_ * period + number * period / len(targets) + rng.uniform(0, 1)
            server = actor.stage.world.server(name, actor.version)
            if rng.random() < 0.2:
                at = actor.resolve(at, name, mail=True)
            if rng.random() < 0.01:
                actor.knock(at, server, port, Refusal.SILENCE)
            else:
                _connect(actor, at, server, port, visit(name, actor.host.name, rng))


def _connect(actor: Actor, at: float, server: Endpoint, port: int, turns: Iterator[Turn]) -> float:
    """A readable session on a mail port in which nothing is delivered."""
    actor.met_mail_server(at, server)
    return actor.connect(at, server, port, turns)


def _paced(actor: Actor, count: int, per_minute: float) -> Iterator[float]:
    """Random arrival times, starting in the first half of the simulation."""
    at = actor.stage.duration * actor.rng.uniform(0.05, 0.4)
    for _ in range(count):
        if at < actor.stage.duration:
            yield at
        at += actor.rng.expovariate(per_minute / 60)


KINDS = (
    benign(administrator_six_servers, desk=True, whole_day=False),
    benign(roaming_administrator, desk=True),
    benign(callout_verifier, Act.MAIL_SERVERS),
    benign(list_cleaner, whole_day=False),
    benign(tls_scanner, whole_day=False),
    benign(banner_monitor),
    benign(nagios_check_smtp),
    benign(guess_config, desk=True, whole_day=False),
    benign(outlook_autodiscover, desk=True, whole_day=False),
    benign(mx_survey, whole_day=False),
    benign(web_crawler, whole_day=False),
    benign(blocklist_checker),
    benign(vulnerability_scanner, whole_day=False),
    benign(signup_service),
    benign(desk_of_researcher),
)
