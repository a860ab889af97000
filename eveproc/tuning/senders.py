"""Known mass mailers -> the matches that each makes, and the highest threshold that still finds it.

Their rates are declared by the entries of eveproc/signals, and played through the engine's windows.
"""

import random
from collections.abc import Iterator, Mapping
from functools import cache

from msgspec import Struct

from eveproc.signals.known_mailers import KNOWN_MAILERS, KnownMailer
from eveproc.signals.registry import SIGNALS
from eveproc.tuning.engine_threshold import SECOND, alerts, sizes
from rulegen.site_profile import Threshold
from rulegen.vocabulary import Signal

# Number of runs for each sender, with different random arrivals. A threshold finds a sender if it
# does so in every run.
PLAYS = 40


class Sender(Struct, frozen=True):
    """Number of matches a minute that a mailer makes for each signal, and for how many minutes."""

    name: str
    minutes: float
    per_minute: Mapping[Signal, float]


def _rates(mailer: KnownMailer) -> dict[Signal, float]:
    """Matches a minute by signal, as the entries of eveproc/signals declare them."""
    per_mail = {
        signal: mailer.mails * entry.per_mail
        for signal, entry in SIGNALS.items()
        if mailer.mails and entry.per_mail
    }
    measured = {
        signal: rate
        for signal, entry in SIGNALS.items()
        for known, rate in entry.measured
        if known == mailer
    }
    return per_mail | measured


SENDERS = tuple(Sender(mailer.name, mailer.minutes, _rates(mailer)) for mailer in KNOWN_MAILERS)


@cache
def ceiling(signal: Signal, seconds: int) -> int:
    """The highest count that finds every known sender of this signal in every run; at least 1."""
    found = [
        min(max(sizes(times, seconds)) for times in _plays(sender, signal))
        for sender in SENDERS
        if signal in sender.per_minute
    ]
    return max(1, min(found, default=1))


def seconds_to(sender: Sender, signal: Signal, threshold: Threshold) -> float | None:
    """The median time from the first match to the alert; None if any run is missed."""
    found: list[int] = []
    for times in _plays(sender, signal):
        first = next(alerts(times, threshold), None)
        if first is None:
            return None
        found.append(first - times[0])
    return sorted(found)[len(found) // 2] / SECOND


def _plays(sender: Sender, signal: Signal) -> list[list[int]]:
    return _arrivals(sender.name, sender.minutes * 60, sender.per_minute[signal] / 60)


@cache
def _arrivals(name: str, length: float, rate: float) -> list[list[int]]:
    """Random times of matches, the first at 0; equal in every process."""
    return [
        list(_one_play(random.Random(f"{name}/{rate}/{number}"), length, rate))
        for number in range(PLAYS)
    ]


def _one_play(rng: random.Random, length: float, rate: float) -> Iterator[int]:
    time = 0.0
    while time < length:
        yield round(time * SECOND)
        time += rng.expovariate(rate)
