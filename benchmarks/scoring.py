"""Outcomes of many networks -> recall, precision, times to decision, and which criteria hold."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.ablation import Without
from benchmarks.network import Network, Night, Outcome
from rulegen.vocabulary import Engine, Level

FLOOD, SLOW = "flood", "slow"
# What the project set out to reach (docs/evaluation.md lists them with what was measured).
NETWORKS = 20
FLOOD_RECALL, SLOW_RECALL, RECALL_WITHOUT = 1.0, 0.98, 0.95
SUSPECTED_PER_1000 = 1.0
FLOOD_SECONDS, SLOW_SECONDS = 60.0, 20 * 60.0
# "Declare it or look at it": what takes mail in and delivers it is meant to be suspected until the
# site profile names it.
MEANT_SUSPECTED = frozenset(("undeclared_mail_server",))

Wanted = Callable[[Outcome], bool]


@dataclass(frozen=True, slots=True)
class Tally:
    """Of so many `hosts`, how many were called what; `seconds` from first mail to decision of those
    called infected, sorted.
    """

    hosts: int
    infected: int
    suspected: int
    seconds: tuple[float, ...]

    @property
    def share_infected(self) -> float | None:
        """Recall, where the hosts are mass mailers; None without hosts."""
        return self.infected / self.hosts if self.hosts else None

    @property
    def suspected_per_1000(self) -> float | None:
        return 1000 * self.suspected / self.hosts if self.hosts else None

    @property
    def median_seconds(self) -> float | None:
        return median(self.seconds) if self.seconds else None

    @property
    def worst_seconds(self) -> float | None:
        return max(self.seconds, default=None)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that has to hold: what is asked, what was measured, and whether it is so."""

    asked: str
    measured: str
    met: bool


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count."""
    counted = list(outcomes)
    infected = [outcome for outcome in counted if outcome.level is Level.INFECTED]
    suspected = sum(outcome.level is Level.SUSPECTED for outcome in counted)
    seconds = sorted(outcome.seconds for outcome in infected if outcome.seconds is not None)
    return Tally(len(counted), len(infected), suspected, tuple(seconds))


def precision(outcomes: Iterable[Outcome]) -> float | None:
    """Of the hosts called infected, the share that are; None when none was."""
    called = [outcome.is_mailer for outcome in outcomes if outcome.level is Level.INFECTED]
    return sum(called) / len(called) if called else None


def is_flood(outcome: Outcome) -> bool:
    """Ten mails a minute and more."""
    return outcome.is_mailer and outcome.tier == FLOOD


def is_slow(outcome: Outcome) -> bool:
    """Less, down to twenty mails an hour."""
    return outcome.is_mailer and outcome.tier != FLOOD


def is_benign(outcome: Outcome) -> bool:
    """No mass mailer, whatever it may look like."""
    return not outcome.is_mailer


def is_meant_clean(outcome: Outcome) -> bool:
    """Benign, and of no kind that the design wants to be suspected until it is declared."""
    return not outcome.is_mailer and outcome.scenario not in MEANT_SUSPECTED


def select(
    nights: Iterable[Night],
    wanted: Wanted,
    *,
    engine: Engine | None = None,
    without: Without = Without.NOTHING,
) -> list[Outcome]:
    """Outcomes of every network that were judged from this engine's log (None: any) without this
    kind of evidence.
    """
    chosen = (
        night for night in nights if night.without is without and engine in (None, night.engine)
    )
    return [outcome for night in chosen for outcome in night.outcomes if wanted(outcome)]


def engines_of(nights: Iterable[Night]) -> tuple[Engine, ...]:
    """In the order of the vocabulary."""
    used = {night.engine for night in nights}
    return tuple(engine for engine in Engine if engine in used)


def wrong(nights: Iterable[Night]) -> Iterator[tuple[Night, Outcome]]:
    """Every mass mailer that was not called infected, and everybody else of whom more was said than
    the design wants.
    """
    return (
        (night, outcome) for night in nights for outcome in night.outcomes if not _is_right(outcome)
    )


def _is_right(outcome: Outcome) -> bool:
    if outcome.is_mailer:
        return outcome.level is Level.INFECTED
    return outcome.level is Level.CLEAN or (
        outcome.level is Level.SUSPECTED and outcome.scenario in MEANT_SUSPECTED
    )


def criteria(nights: Sequence[Night]) -> list[Criterion]:
    """What has to hold, in order; what nobody could show (no such host) does not hold."""
    found = [_enough_networks({night.network for night in nights})]
    for engine in engines_of(nights):
        found += _on(engine, nights)
    for without in Without:
        if without is not Without.NOTHING:
            found += [_recall_without(nights, engine, without) for engine in engines_of(nights)]
    return found


def _enough_networks(networks: set[Network]) -> Criterion:
    return Criterion(f"at least {NETWORKS} networks", str(len(networks)), len(networks) >= NETWORKS)


def _on(engine: Engine, nights: Sequence[Night]) -> Iterator[Criterion]:
    flood, slow = (tally(select(nights, wanted, engine=engine)) for wanted in (is_flood, is_slow))
    benign, clean = (
        tally(select(nights, wanted, engine=engine)) for wanted in (is_benign, is_meant_clean)
    )
    yield _at_least(f"{engine}: recall of floods", flood.share_infected, FLOOD_RECALL)
    yield _at_least(f"{engine}: recall of slow senders", slow.share_infected, SLOW_RECALL)
    yield _at_most(f"{engine}: benign hosts infected", float(benign.infected), 0.0)
    yield _at_most(
        f"{engine}: benign hosts suspected per 1,000", clean.suspected_per_1000, SUSPECTED_PER_1000
    )
    yield _at_most(
        f"{engine}: median seconds to decision, floods", flood.median_seconds, FLOOD_SECONDS
    )
    yield _at_most(
        f"{engine}: median seconds to decision, slow senders", slow.median_seconds, SLOW_SECONDS
    )


def _recall_without(nights: Sequence[Night], engine: Engine, without: Without) -> Criterion:
    recalls = [
        tally(select(nights, wanted, engine=engine, without=without)).share_infected
        for wanted in (is_flood, is_slow)
    ]
    return _at_least(
        f"{engine}, {without}: recall of floods and of slow senders",
        _least(recalls),
        RECALL_WITHOUT,
    )


def _least(values: Sequence[float | None]) -> float | None:
    """The smallest; None when one of them is not known."""
    known = [value for value in values if value is not None]
    return min(known) if len(known) == len(values) else None


def _at_least(what: str, value: float | None, bound: float) -> Criterion:
    return Criterion(
        f"{what} at least {bound:.2f}", _figure(value, ".3f"), value is not None and value >= bound
    )


def _at_most(what: str, value: float | None, bound: float) -> Criterion:
    return Criterion(
        f"{what} at most {bound:g}", _figure(value, ".4g"), value is not None and value <= bound
    )


def _figure(value: float | None, layout: str) -> str:
    return "no such host" if value is None else format(value, layout)
