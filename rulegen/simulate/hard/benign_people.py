"""Many people, or one person with many accounts -> what is seen at one address."""

from ipaddress import ip_address

from rulegen.simulate.actor import Actor
from rulegen.simulate.benign import live
from rulegen.simulate.hard.accounts import (
    Account,
    another,
    daytime,
    draw_account,
    hosted_account,
    own_server_account,
    reach,
    read_mail,
    submit_mail,
    times_a_day,
)
from rulegen.simulate.hard.kind import benign, grey
from rulegen.simulate.messages import tls_turns
from rulegen.simulate.network import Host
from rulegen.simulate.world import new_domain, new_word


def guest_wifi_50(actor: Actor) -> None:
    """Guest Wi-Fi of a cafe: 50 people behind one address.

    Source: the one of guest_wifi_300.
    """
    _guests(actor, actor.rng.randint(45, 55))


def guest_wifi_150(actor: Actor) -> None:
    """Guest Wi-Fi of a hotel: 150 people behind one address.

    Source: the one of guest_wifi_300.
    """
    _guests(actor, actor.rng.randint(135, 165))


def guest_wifi_300(actor: Actor) -> None:
    """Guest Wi-Fi of a conference: 300 people behind one address, dozens of providers.

    Each stays one to four hours with one or two accounts, whose mailboxes the phone opens every 15
    to 60 minutes; three in five send one to three mails.

    Source: Apple's user guide "Fetch new data" (every 15, 30 minutes, hourly); RFC 2177 (IDLE is
    renewed within 29 minutes); RFC 8314 (465, 587, 993 over TLS).
    """
    _guests(actor, actor.rng.randint(280, 320))


def vpn_gateway(actor: Actor) -> None:
    """The site's VPN gateway: 120 to 200 employees at home leave through one address.

    Their company mailbox is at one hoster; two in five also have a private account.

    Source: NIST SP 800-46 (full tunnel: all traffic of teleworkers goes through the gateway);
    RFC 8314; Microsoft 365 "IP address and URL web service" (dozens of addresses of one service).
    """
    rng = actor.rng
    company = hosted_account(actor.stage.domain, rng)
    people = rng.randint(120, 200)
    for _ in range(people):
        private = [draw_account(actor.stage.world, rng)] if rng.random() < 0.4 else []
        _visit(actor, daytime(actor), rng.uniform(2, 8), [company, *private])
    actor.note = f"{people} employees behind one address; {_sent(actor)}"


def carrier_nat(actor: Actor) -> None:
    """Carrier-grade NAT: 250 homes behind one address, with old programs that submit on port 25.

    One home in six has a program or device that submits to its own provider in cleartext on 25.

    Source: RFC 6888 (many subscribers share one address); RFC 6269, section 13 (mail and spam lists
    at shared addresses); RFC 5068 (submission on 25 is old practice).
    """
    rng = actor.rng
    homes = rng.randint(220, 280)
    for _ in range(homes):
        account = draw_account(actor.stage.world, rng)
        _visit(actor, daytime(actor), rng.uniform(1, 4), [account])
        if rng.random() < 1 / 6:
            old = Account(account.domain, account.submission, account.mailbox, account.pool, 25)
            submit_mail(actor, daytime(actor), old)
    actor.note = f"{homes} homes behind one address; {_sent(actor)}"


def phone_with_accounts(actor: Actor) -> None:
    """One phone with four to seven accounts at as many providers, checked every quarter of an hour.

    Source: Apple's user guide "Fetch new data" (every 15 minutes at most); RFC 8314.
    """
    rng = actor.rng
    accounts = [draw_account(actor.stage.world, rng) for _ in range(rng.randint(4, 7))]
    _read_all(actor, accounts, rng.uniform(900, 1800))
    for _ in range(times_a_day(actor, 8, 25)):
        submit_mail(actor, daytime(actor), rng.choice(accounts))
    actor.note = f"one phone with {len(accounts)} accounts; {_sent(actor)}"


def help_desk(actor: Actor) -> None:
    """A help desk reads the mailboxes of 30 customers all day, and answers in their name.

    Each customer has its own server or a hoster. An answer is submitted through the customer's
    account, sometimes before that mailbox was read in this hour.

    Source: Zammad and OTRS manuals, "Email channels" (one IMAP and one SMTP account a channel,
    fetched every 1 to 10 minutes); RFC 6409.
    """
    rng = actor.rng
    customers = [
        rng.choice((own_server_account, hosted_account))(new_domain(rng), rng)
        for _ in range(rng.randint(26, 34))
    ]
    _read_all(actor, customers, rng.uniform(1200, 3600))
    for _ in range(times_a_day(actor, 60, 150)):
        submit_mail(actor, daytime(actor), rng.choice(customers))
    actor.note = f"reads and answers {len(customers)} customers' mailboxes; {_sent(actor)}"


def fetchmail_user(actor: Actor) -> None:
    """Fetchmail polls 12 accounts every five minutes and hands their mail to the relay.

    Source: fetchmail manual, "set daemon 300", `poll ... protocol IMAP ssl`; mail is delivered by
    SMTP to the local listener.
    """
    rng = actor.rng
    accounts = [draw_account(actor.stage.world, rng) for _ in range(rng.randint(10, 14))]
    _read_all(actor, accounts, rng.choice((300, 600, 900)), pause=1.0)
    for _ in range(times_a_day(actor, 5, 15)):
        submit_mail(actor, daytime(actor), rng.choice(accounts[:3]))
    actor.note = f"polls {len(accounts)} accounts; {_sent(actor)}"


def mailbox_migration(actor: Actor) -> None:
    """Imapsync copies 60 mailboxes from dozens of providers to one; nothing is sent.

    Source: imapsync documentation, "massive migrations" (two IMAP connections per mailbox).
    """
    rng = actor.rng
    target = hosted_account(actor.stage.domain, rng)
    at = actor.stage.duration * rng.uniform(0.05, 0.3)
    boxes = rng.randint(50, 70)
    for _ in range(boxes):
        source = draw_account(actor.stage.world, rng)
        at = read_mail(actor, at + rng.uniform(5, 60), source)
        at = read_mail(actor, at, target)
    actor.note = f"copies {boxes} mailboxes to one provider, sends nothing"


def ipv6_privacy_laptop(actor: Actor) -> None:
    """A laptop that uses a new IPv6 address after each wake-up; one to three accounts.

    Source: RFC 8981 (temporary addresses: preferred for a day, anew at each attachment).
    """
    rng = actor.rng
    accounts = [draw_account(actor.stage.world, rng) for _ in range(rng.randint(1, 3))]
    moments = sorted(rng.uniform(5, actor.stage.duration) for _ in range(rng.randint(5, 9)))
    for at in moments:
        bits = (int(actor.host.address) >> 64 << 64) | rng.getrandbits(64)
        actor.host.move(ip_address(bits))
        _visit(actor, at, rng.uniform(0.5, 1.5), accounts)
    actor.note = f"one laptop with {len(moments)} addresses in turn; {_sent(actor)}"


def hot_desks(actor: Actor) -> None:
    """Hot desks: a dozen laptops use one address in turn in a day, each with its own accounts.

    Source: RFC 2131 (an address is given to another client when its lease has ended); leases of an
    hour or two are the usual advice for wireless networks with many visitors (Kea, Windows Server).
    """
    rng, end = actor.rng, actor.stage.duration
    people = rng.randint(9, 14)
    for turn in range(people):
        guest = another(actor, Host(actor.host.address, rng))
        at = end * turn / people + rng.uniform(1, 30)
        guest.take_lease(at)
        accounts = [draw_account(actor.stage.world, rng) for _ in range(rng.choice((1, 2, 3)))]
        _visit(guest, at + 5, rng.uniform(0.3, 0.9), accounts)
    actor.note = f"{people} laptops use the address in turn; {_sent(actor)}"


def home_office(actor: Actor) -> None:
    """A home router: five people, a printer that scans to mail, a NAS that sends alerts.

    Source: Synology DSM and HP "Scan to email" manuals (one SMTP account, 465 or 587); RFC 2177.
    """
    rng = actor.rng
    for _ in range(rng.randint(4, 6)):
        accounts = [draw_account(actor.stage.world, rng) for _ in range(rng.choice((1, 2, 2)))]
        _visit(actor, daytime(actor), rng.uniform(3, 9), accounts)
    for device in (draw_account(actor.stage.world, rng) for _ in range(2)):
        for _ in range(times_a_day(actor, 1, 6)):
            submit_mail(actor, daytime(actor), device)
    actor.note = f"a family and its devices behind one address; {_sent(actor)}"


def tor_exit(actor: Actor) -> None:
    """A Tor exit relay: its users browse, and some use their mail accounts at many providers.

    Source: Tor Project's reduced exit policy (25 refused; 465, 587, 993, 995 allowed); Chaabane et
    al. 2010, "Digging into anonymous traffic" (web first, mail below one per cent of connections).
    """
    rng = actor.rng
    for _ in range(times_a_day(actor, 900, 1500)):
        actor.browse(rng.uniform(5, actor.stage.duration), f"www.{new_domain(rng)}")
    for _ in range(times_a_day(actor, 40, 90)):
        at, account = rng.uniform(5, actor.stage.duration), draw_account(actor.stage.world, rng)
        read_mail(actor, at, account)
        if rng.random() < 0.7:
            submit_mail(actor, at + rng.uniform(20, 900), account)
    actor.note = f"Tor exit relay; {_sent(actor)}"


def webmail_company(actor: Actor) -> None:
    """Outlook on a desk: queries the service's name all day and uses its many addresses in turn.

    Source: Microsoft 365 "URLs and IP address ranges" (outlook.office365.com, smtp.office365.com);
    RFC 1794 (one name, many addresses in turn).
    """
    rng, live_for = actor.rng, actor.stage.duration
    account = Account(actor.stage.domain, "smtp.office365.com", "outlook.office365.com", 40, 587)
    for _ in range(times_a_day(actor, 150, 400)):
        at, server = reach(actor, rng.uniform(5, live_for), account.mailbox, account.pool)
        actor.connect(at, server, 443, tls_turns(account.mailbox, rng))
    for _ in range(times_a_day(actor, 20, 60)):
        submit_mail(actor, daytime(actor), account)
    live(actor, times_a_day(actor, 40, 80))
    actor.note = f"one provider with {account.pool} addresses; {_sent(actor)}"


def _guests(actor: Actor, people: int) -> None:
    rng = actor.rng
    for _ in range(people):
        accounts = [draw_account(actor.stage.world, rng) for _ in range(rng.choice((1, 1, 2)))]
        _visit(actor, daytime(actor), rng.uniform(1, 4), accounts)
    actor.note = f"{people} people behind one address; {_sent(actor)}"


def _visit(actor: Actor, comes: float, hours: float, accounts: list[Account]) -> None:
    """A person is present for some hours: reads mailboxes, sends some mails, opens a page."""
    rng, at = actor.rng, comes
    leaves = min(actor.stage.duration, comes + hours * 3600)
    period = rng.choice((900, 1740, 1800, 3600))
    actor.browse(comes, f"www.{new_word(rng)}.{new_domain(rng)}")
    while at < leaves:
        for account in accounts:
            read_mail(actor, at + rng.uniform(0, 20), account, cached=rng.random() < 0.3)
        at += period * rng.uniform(0.9, 1.1)
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        submit_mail(actor, rng.uniform(comes, leaves), rng.choice(accounts))


def _read_all(actor: Actor, accounts: list[Account], period: float, *, pause: float = 3.0) -> None:
    """Open every mailbox once a period, all day long."""
    at = actor.rng.uniform(5, min(period, actor.stage.duration / 2))
    while at < actor.stage.duration:
        for number, account in enumerate(accounts):
            read_mail(actor, at + number * pause, account, cached=actor.rng.random() < 0.5)
        at += period * actor.rng.uniform(0.98, 1.02)


def _sent(actor: Actor) -> str:
    return (
        f"{actor.meant['mails']} mails submitted in {actor.meant['mail_connections']} connections "
        f"to {len(actor.servers)} addresses"
    )


KINDS = (
    benign(guest_wifi_50),
    benign(guest_wifi_150),
    benign(guest_wifi_300),
    benign(vpn_gateway),
    benign(carrier_nat),
    benign(phone_with_accounts, desk=True),
    benign(help_desk, desk=True),
    benign(fetchmail_user, desk=True),
    benign(mailbox_migration, whole_day=False),
    benign(ipv6_privacy_laptop, version=6),
    benign(hot_desks, version=4),
    benign(home_office),
    grey(tor_exit),
    benign(webmail_company),
)
