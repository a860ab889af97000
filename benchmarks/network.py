"""A site profile, a seed and engines -> the verdict on each simulated machine, also with each kind
of evidence removed.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ablation import Part, Without, parts_of
from eveproc.evidence.collector import Collector
from eveproc.evidence.store import EvidenceStore
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.verdicts.analyze import judge_evidence
from eveproc.verdicts.verdict import Verdict
from rulegen.build import build
from rulegen.simulate import PCAP_NAME, HostTruth, Simulation, simulate, write_simulation
from rulegen.simulate.scenarios import INFECTED
from rulegen.site_profile import SiteProfile, load_site
from rulegen.vocabulary import Engine, Level
from tests.engines.replay import replay

# The `scenario` of a verdict on an address without a simulated machine.
NOBODY = "(nobody)"


@dataclass(frozen=True, slots=True)
class Network:
    """One site profile, simulated with one seed.

    `clients` is its number of workstations, fewer if they do not fit; `scenarios` names what else
    is simulated (None: everything).
    """

    site: Path
    seed: int
    clients: int
    scenarios: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return f"{self.site.stem}, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one machine.

    `seconds` is the time from its first mail to the decision (None: no decision, or no mail).
    `tier` is "flood" or "slow" for a mass mailer, else None; `note` is what the simulator says that
    it did.
    """

    host: str
    scenario: str
    is_mailer: bool
    tier: str | None
    level: Level
    seconds: float | None = None
    why: str = ""
    note: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Night:
    """All verdicts on one network by the log of one engine, without one kind of evidence."""

    network: Network
    engine: Engine
    without: Without
    outcomes: tuple[Outcome, ...]


def evaluate_network(network: Network, engines: Sequence[Engine]) -> list[Night]:
    """Simulate once, replay with each engine, judge each log six times.

    Raises EngineError and InputError.
    """
    site = load_site(network.site)
    with tempfile.TemporaryDirectory(prefix="mxhound-") as name:
        work = Path(name)
        simulation = simulate(
            site, network.seed, clients=network.clients, scenarios=network.scenarios
        )
        write_simulation(simulation, work)
        build(site, engines, work / "rules", simulation.start.date())
        nights = []
        for engine in engines:
            judged = _watch(engine, work, site)
            nights += [
                Night(network, engine, without, compare(judged[without], simulation))
                for without in judged
            ]
        return nights


def judge_without(eve: Path, site: SiteProfile) -> Mapping[Without, tuple[Verdict, ...]]:
    """Read a log once and judge it with all evidence, and with each kind removed."""
    stats = ReadStats()
    collectors = {part: Collector(site) for part in Part}
    for event in read_events([str(eve)], stats):
        for part, piece in parts_of(event):
            collectors[part].add(piece)
    return {
        without: judge_evidence(_merged(collectors, without), site, stats).verdicts
        for without in Without
    }


def _merged(collectors: Mapping[Part, Collector], without: Without) -> EvidenceStore:
    store = EvidenceStore()
    for part in without.parts:
        store.merge(collectors[part].store)
    return store


def compare(verdicts: Sequence[Verdict], simulation: Simulation) -> tuple[Outcome, ...]:
    """One Outcome for each simulated machine, by any of its addresses, then those for addresses
    without a machine.
    """
    said = {verdict.host: verdict for verdict in verdicts}
    start = simulation.start.timestamp()
    outcomes = [
        _outcome(host, [said.pop(a) for a in host.addresses if a in said], start)
        for host in simulation.hosts
    ]
    return (*outcomes, *_of_nobody(said))


def _watch(engine: Engine, work: Path, site: SiteProfile) -> Mapping[Without, tuple[Verdict, ...]]:
    eve = replay(engine, work / PCAP_NAME, work / "log" / engine, build=work / "rules" / engine)
    judged = judge_without(eve, site)
    eve.unlink()  # some 60 MB
    return judged


def _outcome(host: HostTruth, said: Sequence[Verdict], start: float) -> Outcome:
    is_mailer = host.label == INFECTED
    tier = host.tier if is_mailer else None
    if not said:
        return Outcome(
            host.host,
            host.scenario,
            is_mailer,
            tier,
            Level.CLEAN,
            why="nothing was seen of it",
            note=host.note,
        )
    worst = max(said, key=lambda verdict: (verdict.level.rank, verdict.score))
    seconds = None
    if host.first_mail is not None and worst.decided_at is not None:
        seconds = round(worst.decided_at - start - host.first_mail, 3)
    return Outcome(
        host.host,
        host.scenario,
        is_mailer,
        tier,
        worst.level,
        seconds,
        worst.why,
        host.note,
        worst.score,
    )


def _of_nobody(said: Mapping[str, Verdict]) -> Iterator[Outcome]:
    return (
        Outcome(v.host, NOBODY, False, None, v.level, why=v.why, score=v.score)
        for v in said.values()
        if v.level is not Level.CLEAN
    )
