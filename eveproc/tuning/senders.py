"""Known mass mailers -> what each does, and the highest threshold that still finds it: their rates, played through the window."""

import random
from collections.abc import Iterator, Mapping
from functools import cache

from msgspec import Struct

from eveproc.tuning.engine_threshold import SECOND, alerts, sizes
from rulegen.site_profile import Threshold
from rulegen.vocabulary import Signal

# Each plays so often, with other arrivals at random; a threshold finds it when it does each time.
PLAYS = 40


class Sender(Struct, frozen=True):
    """What was measured of one, or published: matches a minute of each signal it is to be found by, over so many minutes."""

    name: str
    minutes: float
    per_minute: Mapping[Signal, float]


def _direct(mails: float, lookups: bool = True) -> dict[Signal, float]:
    """One MX question, one connection, one session, one mail at a time."""
    delivery = dict.fromkeys((Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS, Signal.MAIL_BURST), mails)
    lookup = dict.fromkeys((Signal.MX_FLOOD, Signal.MX_THEN_SMTP), mails) if lookups else {}
    return {**lookup, **delivery, Signal.SMTP_SLOW: mails * STRANGERS, Signal.MX_SLOW: mails}


# Of the servers that a flood reaches, so many in a hundred are new to it: the rest are those of
# large providers.
STRANGERS = 0.7
SENDERS = (
    Sender("Phorpiex, 500 mails a minute", 4, _direct(500)),
    Sender("Rustock and Xarvester, 417 mails a minute", 4, _direct(417)),
    Sender("a flood of 30 mails a minute", 4, _direct(30)),
    # Six names and more for each domain, most of which do not exist (Ludena Romana, Musashi 2005).
    Sender(
        "Mytob, 15 mails a minute to guessed servers",
        5,
        {Signal.NAME_GUESS: 90, Signal.NAME_GUESS_NX: 70},
    ),
    # Counted in the last 354 s of a public capture, by the rules themselves.
    Sender(
        "Emotet 2021, as captured",
        5.9,
        {
            Signal.NAME_GUESS: 114,
            Signal.NAME_GUESS_NX: 9.7,
            Signal.SMTP_ATTEMPTS: 52.9,
            Signal.SMTP_SLOW: 40.7,
            Signal.SUBMISSION_ATTEMPTS: 76,
            Signal.SUBMISSION_SLOW: 52,
            Signal.SMTP_SESSIONS: 13.9,
        },
    ),
    # A public capture of a slow one: 71 servers in 55 minutes.
    Sender("a slow spam bot, 71 servers in 55 minutes", 55, {Signal.SUBMISSION_SLOW: 71 / 55}),
    Sender(
        "20 mails an hour, for three hours",
        180,
        {Signal.MX_SLOW: 1 / 3, Signal.SMTP_SLOW: 0.9 / 3, Signal.SUBMISSION_SLOW: 0.9 / 3},
    ),
    # Half of its mails carry the program; a bare word in each HELO.
    Sender(
        "a worm of 10 mails a minute that mails itself",
        5,
        {Signal.WORM_ATTACHMENT: 5, Signal.HELO_ODD: 10},
    ),
)


@cache
def ceiling(signal: Signal, seconds: int) -> int:
    """The highest count at which every known sender with this signal is found, each time; at least 1."""
    found = [
        min(max(sizes(times, seconds)) for times in _plays(sender, signal))
        for sender in SENDERS
        if signal in sender.per_minute
    ]
    return max(1, min(found, default=1))


def seconds_to(sender: Sender, signal: Signal, threshold: Threshold) -> float | None:
    """From its first match to the alert, in half of its plays at most; None where not each play is found."""
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
    """Times of matches at random, the first at 0; the same in every run."""
    return [
        list(_one_play(random.Random(f"{name}/{rate}/{number}"), length, rate))
        for number in range(PLAYS)
    ]


def _one_play(rng: random.Random, length: float, rate: float) -> Iterator[int]:
    time = 0.0
    while time < length:
        yield round(time * SECOND)
        time += rng.expovariate(rate)
