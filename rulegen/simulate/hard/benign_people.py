"""Many people, or one person with many accounts -> what is seen at one address."""

from rulegen.simulate.actor import Actor
from rulegen.simulate.hard.accounts import daytime, draw_account, read_mail, submit_mail
from rulegen.simulate.hard.kind import benign
from rulegen.simulate.world import new_domain


def guest_wifi_50(actor: Actor) -> None:
    """Guest wireless of a cafe: 50 people behind one address.

    Source: see guest_wifi_300.
    """
    _guests(actor, actor.rng.randint(45, 55))


def guest_wifi_150(actor: Actor) -> None:
    """Guest wireless of a hotel: 150 people behind one address.

    Source: see guest_wifi_300.
    """
    _guests(actor, actor.rng.randint(135, 165))


def guest_wifi_300(actor: Actor) -> None:
    """Guest wireless of a conference: 300 people behind one address, dozens of providers.

    Each stays one to four hours with one or two accounts, whose mailboxes the phone opens every 10
    to 30 minutes; one in three sends one to three mails.

    Source: Apple's user guide "Fetch new data" (every 15, 30 minutes, hourly); RFC 2177 (IDLE is
    renewed within 29 minutes); RFC 8314 (465, 587, 993 over TLS).
    """
    _guests(actor, actor.rng.randint(280, 320))


def _guests(actor: Actor, people: int) -> None:
    for _ in range(people):
        _guest(actor)
    actor.note = (
        f"{people} people behind one address, {actor.meant['mail_connections']} submissions to "
        f"{len(actor.servers)} addresses"
    )


def _guest(actor: Actor) -> None:
    rng = actor.rng
    comes = at = daytime(actor)
    leaves = min(actor.stage.duration, at + rng.uniform(3600, 4 * 3600))
    period = rng.choice((900, 1740, 1800, 3600))
    accounts = [draw_account(actor.stage.world, rng) for _ in range(rng.choice((1, 1, 2)))]
    actor.browse(at, f"www.{new_domain(rng)}")
    while at < leaves:
        for account in accounts:
            read_mail(actor, at + rng.uniform(0, 20), account, cached=rng.random() < 0.3)
        at += period * rng.uniform(0.9, 1.1)
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        submit_mail(actor, rng.uniform(comes, leaves), rng.choice(accounts))


KINDS = (benign(guest_wifi_50), benign(guest_wifi_150), benign(guest_wifi_300))
