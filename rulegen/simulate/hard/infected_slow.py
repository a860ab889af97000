"""Bots that send slowly -> a day with few mails, in office hours or in rare bursts."""

from msgspec.structs import replace

from rulegen.simulate.actor import Actor
from rulegen.simulate.hard.kind import infected
from rulegen.simulate.hard.spam import (
    Campaign,
    draw_campaign,
    paced,
    random_times,
    same_text,
    scaled,
    send_to_mx,
    tell,
)
from rulegen.simulate.mail import sentences


def two_an_hour(actor: Actor) -> None:
    """About two mails an hour all day with MX lookups, each to a new domain.

    Source: Duan et al., "Detecting spam zombies by monitoring outgoing messages" (IEEE TDSC 2012):
    many zombies send a handful of mails an hour; Talos on Necurs (2018): few mails per machine.
    """
    _all_day(actor, actor.rng.uniform(1.7, 2.3))


def six_an_hour(actor: Actor) -> None:
    """About six mails an hour all day with MX lookups, each to a new domain.

    Source: as two_an_hour; Xie et al., "Spamming botnets" (SIGCOMM 2008): few mails from each host.
    """
    _all_day(actor, actor.rng.uniform(5, 7))


def twelve_an_hour_blind(actor: Actor) -> None:
    """A dozen mails an hour to servers whose addresses the controller provides.

    Source: as six_an_hour; Stone-Gross et al. (LEET 2011) for addresses from the controller.
    """
    _all_day(actor, actor.rng.uniform(10, 14), asks=False)


def working_hours(actor: Actor) -> None:
    """Ten to twenty mails an hour while the owner works, for the first eight hours of the day.

    Source: Xie et al. (SIGCOMM 2008) and Kreibich et al., "Spamcraft" (LEET 2009): bots send while
    their machine is on, and home and office machines are off at night.
    """
    campaign = _campaign(actor)
    an_hour = actor.rng.uniform(10, 20)
    for at in random_times(actor, scaled(actor, 8 * an_hour), 0.02, 0.35):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(actor.rng, 0.25))
    tell(actor, "in office hours only", an_hour / 60)


def burst_every_six_hours(actor: Actor) -> None:
    """Fifteen to thirty mails within some minutes, four times a day.

    Source: Kreibich et al., "Spamcraft" (LEET 2009): Storm's workers got batches and came back for
    more; Talos on Necurs (2018) for long pauses.
    """
    rng, campaign = actor.rng, _campaign(actor)
    per_minute = rng.uniform(2, 8)
    first = rng.uniform(0.02, 0.2)
    for number in range(4):
        begin = actor.stage.duration * min(0.97, first + number / 4)
        for at in paced(actor, begin, rng.randint(15, 30), per_minute):
            send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25))
    tell(actor, "a burst every six hours", per_minute)


def four_an_hour_encrypted(actor: Actor) -> None:
    """Four mails an hour, all over STARTTLS: neither text nor replies can be read.

    Source: as two_an_hour; Google's transparency report (most mail servers offer STARTTLS).
    """
    campaign = replace(_campaign(actor), starttls=1.0, refused=0.0)
    an_hour = actor.rng.uniform(3, 5)
    for at in random_times(actor, scaled(actor, 24 * an_hour), 0.0, 0.99):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(actor.rng, 0.2))
    tell(actor, "all day, encrypted", an_hour / 60)


def _all_day(actor: Actor, an_hour: float, *, asks: bool = True) -> None:
    campaign = _campaign(actor)
    for at in random_times(actor, scaled(actor, 24 * an_hour), 0.0, 0.99):
        domain = actor.stage.world.recipients_domain(actor.rng, 0.25)
        send_to_mx(actor, at, campaign, domain, asks=asks)
    tell(actor, "all day", an_hour / 60)


def _campaign(actor: Actor) -> Campaign:
    rng = actor.rng
    return draw_campaign(actor, same_text(rng, sentences(rng, 1).rstrip(".")))


KINDS = (
    infected(two_an_hour, desk=True),
    infected(six_an_hour, desk=True),
    infected(twelve_an_hour_blind),
    infected(working_hours, desk=True),
    infected(burst_every_six_hours, desk=True),
    infected(four_an_hour_encrypted, desk=True),
)
