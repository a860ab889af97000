"""Outcomes of many networks -> recall, precision, times to decision, and which criteria hold."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.ablation import Without
from benchmarks.network import Network, Night, Outcome
from rulegen.vocabulary import Engine, Level

FLOOD, SLOW = "flood", "slow"
# Goals of the project (docs/evaluation.md lists them with the measurements).
NETWORKS = 20
FLOOD_RECALL, SLOW_RECALL, RECALL_WITHOUT = 1.0, 0.98, 0.95
SUSPECTED_PER_1000 = 1.0
FLOOD_SECONDS, SLOW_SECONDS = 60.0, 20 * 60.0
# Hosts that accept and deliver mail should be suspected until the site profile declares them.
MEANT_SUSPECTED = frozenset(("undeclared_mail_server",))

Wanted = Callable[[Outcome], bool]


@dataclass(frozen=True, slots=True)
class Tally:
    """Hosts by verdict; `seconds` from first mail to decision of the infected ones, sorted."""

    hosts: int
    infected: int
    suspected: int
    seconds: tuple[float, ...]

    @property
    def share_infected(self) -> float | None:
        """Recall, if the hosts are mass mailers; None without hosts."""
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
    """A criterion, what was measured, and whether it is met."""

    asked: str
    measured: str
    met: bool


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count hosts by verdict."""
    counted = list(outcomes)
    infected = [outcome for outcome in counted if outcome.level is Level.INFECTED]
    suspected = sum(outcome.level is Level.SUSPECTED for outcome in counted)
    seconds = sorted(outcome.seconds for outcome in infected if outcome.seconds is not None)
    return Tally(len(counted), len(infected), suspected, tuple(seconds))


def precision(outcomes: Iterable[Outcome]) -> float | None:
    """The share of mass mailers among infected hosts; None if no host is infected."""
    called = [outcome.is_mailer for outcome in outcomes if outcome.level is Level.INFECTED]
    return sum(called) / len(called) if called else None


def is_flood(outcome: Outcome) -> bool:
    """Ten or more mails a minute."""
    return outcome.is_mailer and outcome.tier == FLOOD


def is_slow(outcome: Outcome) -> bool:
    """Fewer than ten mails a minute, at least twenty an hour."""
    return outcome.is_mailer and outcome.tier != FLOOD


def is_benign(outcome: Outcome) -> bool:
    """True if it is no mass mailer."""
    return not outcome.is_mailer


def is_meant_clean(outcome: Outcome) -> bool:
    """Benign, and not of a kind that should be suspected until declared."""
    return not outcome.is_mailer and outcome.scenario not in MEANT_SUSPECTED


def select(
    nights: Iterable[Night],
    wanted: Wanted,
    *,
    engine: Engine | None = None,
    without: Without = Without.NOTHING,
) -> list[Outcome]:
    """Outcomes of all networks by this engine's log (None: any), without this kind of evidence."""
    chosen = (
        night for night in nights if night.without is without and engine in (None, night.engine)
    )
    return [outcome for night in chosen for outcome in night.outcomes if wanted(outcome)]


def engines_of(nights: Iterable[Night]) -> tuple[Engine, ...]:
    """Engines in the order of the vocabulary."""
    used = {night.engine for night in nights}
    return tuple(engine for engine in Engine if engine in used)


def wrong(nights: Iterable[Night]) -> Iterator[tuple[Night, Outcome]]:
    """Mass mailers that are not infected, and other hosts with a higher level than intended."""
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
    """The criteria in order; one without such hosts is not met."""
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
    """The smallest; None if one of them is unknown."""
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
