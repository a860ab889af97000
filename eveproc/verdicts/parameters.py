"""The parameters of the verdict model and the one formula they feed: counts -> natural log of a likelihood ratio.

Model. A host's busiest window of a night holds n different peers (servers, domains, recipients). For innocent hosts and for
mass mailers n is taken as geometric, the heaviest-tailed law on counts with a given mean, so no single odd number convicts:
    P(n | innocent) = (1 - q0) q0^n        q0 = 1000^(-1/rare)     one innocent host in 1,000 reaches `rare`
    P(n | mailer)   = (1 - q1) q1^n        q1 = mailer / (1 + mailer)   a mass mailer's mean is `mailer`
Each further peer adds ln(q1/q0): the sequential probability ratio of SPOT (Duan et al.) with the peer in place of the
mail. Windows of one kind of evidence overlap, so the largest speaks; families fail independently, so their weights add up.
Every family has a ceiling, because a model is never surer than the unforeseen: no lookups alone convict.
docs/verdicts.md lists the source of every number.
"""

from collections.abc import Mapping
from math import exp, log
from types import MappingProxyType

from msgspec import Struct

from rulegen.units import HOUR
from rulegen.vocabulary import Family, Signal

# One host in 500 is taken to be a mass mailer before anything is seen of it.
PRIOR = log(1 / 499)
INFECTED_AT = 0.90
SUSPECTED_AT = 0.50
# A family agrees with another when it alone makes a mass mailer 7 times as likely.
AGREES_AT = 2.0


class Window(Struct, frozen=True):
    """So many seconds; `rare` and `mailer` as in the model above."""

    seconds: int
    rare: float
    mailer: float

    def weigh(self, count: float) -> float:
        innocent, mailer = 1000 ** (-1 / self.rare), self.mailer / (1 + self.mailer)
        return count * log(mailer / innocent) + log((1 - mailer) / (1 - innocent))


MINUTE, FIVE_MINUTES, EIGHT_HOURS = 60, 300, 8 * HOUR

# rare: a non-mail host talks to fewer than 5 SMTP servers; mailer: 10 a minute and up, a slow real
# one 19 in 5 minutes and 71 in 55 minutes, the slowest to be found 20 an hour.
DIRECT = (
    Window(MINUTE, 5, 10),
    Window(FIVE_MINUTES, 5, 19),
    Window(HOUR, 5, 20),
    Window(EIGHT_HOURS, 6, 60),
)
# People have several accounts, and one provider answers from several addresses.
SUBMISSION = (
    Window(MINUTE, 6, 10),
    Window(FIVE_MINUTES, 8, 19),
    Window(HOUR, 10, 20),
    Window(EIGHT_HOURS, 14, 60),
)
# A workstation asks no MX at all; an administrator asks a few in an hour, a dozen on a bad day.
MX = (
    Window(MINUTE, 6, 10),
    Window(FIVE_MINUTES, 6, 19),
    Window(HOUR, 6, 20),
    Window(EIGHT_HOURS, 12, 60),
)
# Mail clients guess names when they are set up; crawlers meet a few.
NAMES = (
    Window(MINUTE, 8, 10),
    Window(FIVE_MINUTES, 10, 19),
    Window(HOUR, 12, 20),
    Window(EIGHT_HOURS, 20, 60),
)
MISSING_NAMES = (
    Window(MINUTE, 4, 10),
    Window(FIVE_MINUTES, 5, 15),
    Window(HOUR, 6, 20),
    Window(EIGHT_HOURS, 10, 40),
)
# Recipients' domains that one text, or a program, was sent to directly.
LOOK_ALIKES = (Window(HOUR, 4, 10),)
PROGRAMS = (Window(HOUR, 3, 10),)
# A client has one name, two when it moves.
HELO_NAMES = (Window(HOUR, 4, 5), Window(EIGHT_HOURS, 5, 10))

CURVES: Mapping[Signal, tuple[Window, ...]] = MappingProxyType(
    {
        Signal.MX_FLOOD: MX,
        Signal.NAME_GUESS: NAMES,
        Signal.NAME_GUESS_NX: MISSING_NAMES,
        Signal.SMTP_ATTEMPTS: DIRECT,
        Signal.SMTP_SESSIONS: DIRECT,
        Signal.MAIL_BURST: DIRECT,
        Signal.SUBMISSION_ATTEMPTS: SUBMISSION,
        Signal.LOOK_ALIKE: LOOK_ALIKES,
        Signal.WORM_ATTACHMENT: PROGRAMS,
        Signal.HELO_ODD: HELO_NAMES,
    }
)

# What the same counting is called when only an hour or more shows it.
SLOW_NAME = MappingProxyType(
    {
        Signal.MX_FLOOD: Signal.MX_SLOW,
        Signal.SMTP_ATTEMPTS: Signal.SMTP_SLOW,
        Signal.SUBMISSION_ATTEMPTS: Signal.SUBMISSION_SLOW,
    }
)

CEILING = MappingProxyType(
    {Family.LOOKUP: 7.0, Family.DELIVERY: 12.0, Family.CONTENT: 7.0, Family.REJECTION: 5.0}
)


class AlertWeight(Struct, frozen=True):
    """What the first alert of a signal says, and what any number of them can say at most."""

    first: float
    most: float

    def weigh(self, windows: int) -> float:
        return self.most - (self.most - self.first) * 0.5 ** (windows - 1) if windows > 0 else 0.0


# The engine counts events, not peers, so one alert says less than the records it was made of would.
ALERTS: Mapping[Signal, AlertWeight] = MappingProxyType(
    {
        Signal.MX_FLOOD: AlertWeight(3.9, 7.0),
        Signal.MX_SLOW: AlertWeight(3.9, 7.0),
        Signal.NAME_GUESS: AlertWeight(3.0, 6.0),
        Signal.NAME_GUESS_NX: AlertWeight(3.9, 6.5),
        Signal.SMTP_ATTEMPTS: AlertWeight(4.3, 8.8),
        Signal.SMTP_SLOW: AlertWeight(5.3, 11.6),
        Signal.SMTP_SESSIONS: AlertWeight(4.3, 8.8),
        Signal.MAIL_BURST: AlertWeight(4.3, 8.8),
        Signal.MX_THEN_SMTP: AlertWeight(4.3, 9.0),
        Signal.SUBMISSION_ATTEMPTS: AlertWeight(3.0, 7.0),
        Signal.SUBMISSION_SLOW: AlertWeight(3.0, 13.9),
        Signal.SMTP_REJECTS: AlertWeight(3.5, 5.0),
        Signal.WORM_ATTACHMENT: AlertWeight(4.0, 6.0),
        Signal.HELO_ODD: AlertWeight(2.5, 4.0),
    }
)


def probability(log_odds: float) -> float:
    """The chance behind log-odds, without overflow at either end."""
    return 1 / (1 + exp(-log_odds)) if log_odds > -700 else 0.0
