"""The number of distinct peers, or of alerts -> the natural log of a likelihood ratio.

Model. A host's busiest window of a day holds n distinct peers (servers, domains, recipients). For
benign hosts and for mass mailers n is taken as geometric, the heaviest-tailed law on counts with
a given mean, so no single odd number convicts:
    P(n | benign) = (1 - q0) q0^n  q0 = 1000^(-1/rare): one benign host in 1,000 reaches `rare`
    P(n | mailer)   = (1 - q1) q1^n  q1 = mailer / (1 + mailer): `mailer` is a mass mailer's mean
Each further peer adds ln(q1/q0): the sequential probability ratio of SPOT (Duan et al.) with the
peer in place of the mail.
"""

from math import log

from msgspec import Struct

from rulegen.units import HOUR

MINUTE, FIVE_MINUTES, EIGHT_HOURS = 60, 300, 8 * HOUR


class Window(Struct, frozen=True):
    """A window of so many seconds; `rare` and `mailer` as in the model above."""

    seconds: int
    rare: float
    mailer: float

    def weigh(self, count: float) -> float:
        benign, mailer = 1000 ** (-1 / self.rare), self.mailer / (1 + self.mailer)
        return count * log(mailer / benign) + log((1 - mailer) / (1 - benign))


class AlertWeight(Struct, frozen=True):
    """The weight of a signal's first alert, and the limit that any number of its alerts
    approach.
    """

    first: float
    most: float

    def weigh(self, windows: int) -> float:
        return self.most - (self.most - self.first) * 0.5 ** (windows - 1) if windows > 0 else 0.0
