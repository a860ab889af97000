"""Parameters of the verdict model; those of single signals are in eveproc/signals.

Windows of one evidence type overlap, so the largest counts. Families are independent, so their
weights add up. Every family has a ceiling, so that lookups alone never suffice for infected.
docs/verdicts.md lists the source of every number.
"""

from collections.abc import Mapping
from math import exp, log
from types import MappingProxyType

from eveproc.signals.registry import SIGNALS
from eveproc.signals.weights import AlertWeight, Window
from rulegen.vocabulary import Family, Signal

# Prior: one host in 500 is a mass mailer.
PRIOR = log(1 / 499)
INFECTED_AT = 0.90
SUSPECTED_AT = 0.50
# A family agrees if it alone makes a mass mailer 7 times as likely.
AGREES_AT = 2.0

CURVES: Mapping[Signal, tuple[Window, ...]] = MappingProxyType(
    {signal: entry.windows for signal, entry in SIGNALS.items() if entry.windows}
)
# The engine counts events, not peers, so one alert is weaker evidence than its records.
ALERTS: Mapping[Signal, AlertWeight] = MappingProxyType(
    {signal: entry.alert_weight for signal, entry in SIGNALS.items() if entry.alert_weight}
)
CEILING = MappingProxyType(
    {Family.LOOKUP: 7.0, Family.DELIVERY: 12.0, Family.CONTENT: 7.0, Family.REJECTION: 5.0}
)


def probability(log_odds: float) -> float:
    """Convert log-odds to a probability without overflow."""
    return 1 / (1 + exp(-log_odds)) if log_odds > -700 else 0.0
