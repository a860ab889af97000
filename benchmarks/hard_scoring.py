"""Outcomes of hard networks -> tallies by kind, reliability of scores, effects of explanations, and
criteria.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.hard_network import KINDS, NOTHING_DISABLED, Declared, HardNight, Source
from benchmarks.network import Outcome
from benchmarks.scoring import Criterion
from rulegen.simulate.scenarios import GREY, Act
from rulegen.vocabulary import Engine, Level

RECALL, RECALL_BY_ALERTS = 0.97, 0.75
SUSPECTED_PER_500 = 1.0
# Seeds below this were examined while verdicts and kinds were written.
HELD_BACK_FROM = 9000
# A declared server sends for its users and for stolen accounts alike: suspected is enough.
SUSPECTED_IS_FOUND = frozenset(("hijacked_mail_server",))
# Servers of the site, which are suspected until they are declared.
SERVERS = frozenset(("relay", *(k.name for k in KINDS.values() if k.act is Act.MAIL_SERVERS)))
# Middle and half width of the bins of scores.
BINS = ((0.1, 0.1), (0.3, 0.1), (0.5, 0.1), (0.7, 0.1), (0.9, 0.1))


@dataclass(frozen=True, slots=True)
class Seen:
    """The verdict on one host by one engine, one source and one profile."""

    night: HardNight
    outcome: Outcome

    @property
    def kind(self) -> str:
        return self.outcome.scenario

    @property
    def is_found(self) -> bool:
        """True if infected, and not before it began to send; for servers of the site also suspected."""
        level, seconds = self.outcome.level, self.outcome.seconds
        if self.kind in SUSPECTED_IS_FOUND and level is Level.SUSPECTED:
            return True
        return level is Level.INFECTED and (seconds is None or seconds >= 0)

    @property
    def is_early(self) -> bool:
        """True if infected because of others at its address, before it began to send."""
        seconds = self.outcome.seconds
        return self.outcome.level is Level.INFECTED and seconds is not None and seconds < 0

    @property
    def is_grey(self) -> bool:
        kind = KINDS.get(self.kind)
        return kind is not None and kind.label == GREY

    @property
    def is_tellable(self) -> bool:
        kind = KINDS.get(self.kind)
        return kind is None or kind.tellable

    @property
    def may_be_suspected(self) -> bool:
        """True for grey hosts, and for undeclared servers of the site."""
        return self.is_grey or (self.night.declared is Declared.NOTHING and self.kind in SERVERS)


@dataclass(frozen=True, slots=True)
class KindTally:
    """Hosts of one kind, by verdict."""

    hosts: int
    found: int
    infected: int
    suspected: int
    early: int
    score: float
    seconds: float | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Effect of disabling one explanation: benign kinds and mass mailers whose level rises, with
    their number of hosts.
    """

    name: str
    accused: tuple[tuple[str, int], ...]
    freed: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Bin:
    """Hosts with a score about `middle`, and the number of mass mailers among them."""

    middle: float
    hosts: int
    mailers: int


def seen(
    nights: Iterable[HardNight],
    *,
    engine: Engine | None = None,
    declared: Declared | None = None,
    source: Source = Source.BOTH,
    left_out: str = "",
) -> list[Seen]:
    """Every host, as judged by this engine (None: any) and this source."""
    return [
        Seen(night, outcome)
        for night in nights
        if night.source is source and night.left_out == left_out
        if engine in (None, night.engine) and declared in (None, night.declared)
        for outcome in night.outcomes
    ]


def mailers(hosts: Iterable[Seen], *, tellable: bool = True) -> list[Seen]:
    """Mass mailers that an expert could identify, or those that he could not."""
    return [each for each in hosts if each.outcome.is_mailer and each.is_tellable is tellable]


def innocents(hosts: Iterable[Seen], *, grey: bool = False) -> list[Seen]:
    """Benign hosts: those that an expert could clear, or the grey ones."""
    return [each for each in hosts if not each.outcome.is_mailer and each.is_grey is grey]


def tally_kind(hosts: Sequence[Seen]) -> KindTally:
    """Count hosts by verdict; score and time (of those found) are medians."""
    levels = [each.outcome.level for each in hosts]
    times = [each.outcome.seconds for each in hosts if each.is_found]
    known = [seconds for seconds in times if seconds is not None and seconds >= 0]
    return KindTally(
        len(hosts),
        sum(each.is_found for each in hosts),
        levels.count(Level.INFECTED),
        levels.count(Level.SUSPECTED),
        sum(each.is_early for each in hosts),
        median(each.outcome.score for each in hosts) if hosts else 0.0,
        median(known) if known else None,
    )


def recall(hosts: Sequence[Seen]) -> float | None:
    """Share of mass mailers found; None without any."""
    return sum(each.is_found for each in hosts) / len(hosts) if hosts else None


def reliability(hosts: Iterable[Seen]) -> tuple[Bin, ...]:
    """Hosts by score, including servers."""
    every = list(hosts)
    return tuple(
        _bin(middle, [s for s in every if _is_near(s.outcome.score, middle, half)])
        for middle, half in BINS
    )


def _is_near(score: float, middle: float, half: float) -> bool:
    return middle - half <= score < middle + half or (score == 1.0 and middle + half >= 1.0)


def _bin(middle: float, hosts: Sequence[Seen]) -> Bin:
    return Bin(middle, len(hosts), sum(each.outcome.is_mailer for each in hosts))


def leave_out(nights: Sequence[HardNight], name: str) -> LeftOut:
    """Hosts whose level rises when that explanation is disabled: benign hosts that it protects,
    mass mailers that it hides.
    """
    accused: Counter[str] = Counter()
    freed: Counter[str] = Counter()
    before = {_key(each): each.outcome.level for each in seen(nights, left_out=NOTHING_DISABLED)}
    for each in seen(nights, left_out=name):
        if each.outcome.level.rank > before.get(_key(each), Level.CLEAN).rank:
            (freed if each.outcome.is_mailer else accused)[each.kind] += 1
    return LeftOut(name, tuple(sorted(accused.items())), tuple(sorted(freed.items())))


def _key(each: Seen) -> tuple[object, ...]:
    return each.night.network, each.night.engine, each.night.declared, each.outcome.host


def left_out_names(nights: Iterable[HardNight]) -> tuple[str, ...]:
    """Explanations that were disabled in turn, by name."""
    return tuple(sorted({night.left_out for night in nights} - {"", NOTHING_DISABLED}))


def held_back(nights: Sequence[HardNight]) -> list[HardNight]:
    """Nights of seeds that were not examined while verdicts were written; all, if there are none."""
    kept = [night for night in nights if night.network.seed >= HELD_BACK_FROM]
    return kept or list(nights)


def hard_engines(nights: Iterable[HardNight]) -> tuple[Engine, ...]:
    """Engines in the order of the vocabulary."""
    used = {night.engine for night in nights}
    return tuple(engine for engine in Engine if engine in used)


def hard_criteria(nights: Sequence[HardNight]) -> list[Criterion]:
    """The criteria on every engine and profile; one without such hosts is not met."""
    return [
        criterion
        for engine in hard_engines(nights)
        for declared in Declared
        for criterion in _criteria_of(nights, engine, declared)
    ]


def _criteria_of(
    nights: Sequence[HardNight], engine: Engine, declared: Declared
) -> Iterator[Criterion]:
    where = f"{engine}, {declared}"
    both = seen(nights, engine=engine, declared=declared)
    alerts = seen(nights, engine=engine, declared=declared, source=Source.ALERTS)
    yield _share(f"{where}: recall", recall(mailers(both)), RECALL)
    yield _none(f"{where}: benign hosts infected", innocents(both))
    yield _none(f"{where}: grey hosts infected", innocents(both, grey=True))
    yield _few(f"{where}: benign hosts suspected", innocents(both))
    yield _share(f"{where}, alerts alone: recall", recall(mailers(alerts)), RECALL_BY_ALERTS)
    yield _none(f"{where}, alerts alone: benign hosts infected", innocents(alerts))


def _share(what: str, value: float | None, bound: float) -> Criterion:
    measured = "no such host" if value is None else f"{value:.3f}"
    return Criterion(f"{what} at least {bound:.2f}", measured, value is not None and value >= bound)


def _none(what: str, hosts: Sequence[Seen]) -> Criterion:
    count = sum(each.outcome.level is Level.INFECTED for each in hosts)
    return Criterion(f"{what} at most 0", f"{count} of {len(hosts)}", count == 0)


def _few(what: str, hosts: Sequence[Seen]) -> Criterion:
    """Allow suspected for hosts that may be suspected, and for one host in 500 of the others."""
    counted = [each for each in hosts if not each.may_be_suspected]
    count = sum(each.outcome.level is Level.SUSPECTED for each in counted)
    met = bool(counted) and 500 * count <= SUSPECTED_PER_500 * len(counted)
    asked = f"{what} at most {SUSPECTED_PER_500:g} in 500"
    return Criterion(asked, f"{count} of {len(counted)}", met)


def wrong_hosts(hosts: Iterable[Seen]) -> Iterator[Seen]:
    """Tellable mass mailers that were missed, and benign hosts with a higher level than intended."""
    for each in hosts:
        level = each.outcome.level
        if each.outcome.is_mailer:
            if each.is_tellable and not each.is_found:
                yield each
        elif level is Level.INFECTED or (level is Level.SUSPECTED and not each.may_be_suspected):
            yield each
