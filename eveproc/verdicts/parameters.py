"""The parameters of the verdict model that are not one signal's; those come from eveproc/signals.

Windows of one kind of evidence overlap, so the largest counts; families fail independently, so
their weights add up. Every family has a ceiling, because a model is never surer than the
unforeseen: lookups alone convict nobody. docs/verdicts.md lists the source of every number.
"""

from collections.abc import Mapping
from math import exp, log
from types import MappingProxyType

from eveproc.signals.registry import SIGNALS
from eveproc.signals.weights import AlertWeight, Window
from rulegen.vocabulary import Family, Signal

# One host in 500 is taken to be a mass mailer before anything is seen of it.
PRIOR = log(1 / 499)
INFECTED_AT = 0.90
SUSPECTED_AT = 0.50
# A family agrees with another when it alone makes a mass mailer 7 times as likely.
AGREES_AT = 2.0

CURVES: Mapping[Signal, tuple[Window, ...]] = MappingProxyType(
    {signal: entry.windows for signal, entry in SIGNALS.items() if entry.windows}
)
# The engine counts events, not peers, so one alert says less than the records it was made of would.
ALERTS: Mapping[Signal, AlertWeight] = MappingProxyType(
    {signal: entry.alert_weight for signal, entry in SIGNALS.items() if entry.alert_weight}
)
CEILING = MappingProxyType(
    {Family.LOOKUP: 7.0, Family.DELIVERY: 12.0, Family.CONTENT: 7.0, Family.REJECTION: 5.0}
)


def probability(log_odds: float) -> float:
    """The probability behind log-odds, without overflow at either end."""
    return 1 / (1 + exp(-log_odds)) if log_odds > -700 else 0.0
