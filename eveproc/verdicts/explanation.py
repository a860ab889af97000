"""The type of a benign explanation, how far one clears a host, and the groups of signals."""

from msgspec import Struct

from eveproc.signals.registry import SIGNALS
from rulegen.vocabulary import Family, Signal

# Highest score that an explanation leaves. A mail server may still send spam; the others do not
# look like mass mailers.
PERHAPS, HARDLY = 0.85, 0.40
BY_RATE = frozenset(signal for signal, entry in SIGNALS.items() if entry.explained_by_volume)
LOOKUPS = frozenset(s for s in Signal if s.family is Family.LOOKUP)
CONNECTIONS = frozenset(
    s
    for s in Signal
    if SIGNALS[s].counted_from in (Signal.SMTP_ATTEMPTS, Signal.SUBMISSION_ATTEMPTS)
)
SUBMITTED = frozenset(s for s in Signal if SIGNALS[s].counted_from is Signal.SUBMISSION_ATTEMPTS)
SURVEYED = frozenset(s for s in Signal if s.family in (Family.LOOKUP, Family.DELIVERY))


class BenignExplanation(Struct, frozen=True):
    """A benign explanation; `text` completes "this host ...".

    `signals` are the explained signals; they can raise the score to `at_most` only.
    """

    text: str
    next_step: str
    signals: frozenset[Signal]
    at_most: float
