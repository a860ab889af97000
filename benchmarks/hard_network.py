"""A hard network and engines -> the verdict on each host.

By logs, by alerts, by both; with and without declarations; without each explanation.
"""

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from math import inf
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import get_type_hints
from unittest.mock import patch

from msgspec.structs import replace

from benchmarks.network import Network, Outcome, compare
from eveproc.evidence.collector import Collector
from eveproc.evidence.store import EvidenceStore
from eveproc.input.events import Alert
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.verdicts import (
    caps,
    explained_alerts,
    explained_clients,
    explained_senders,
    explained_servers,
    explained_surveys,
)
from eveproc.verdicts.analyze import judge_evidence
from eveproc.verdicts.explanation import BenignExplanation
from eveproc.verdicts.machines import Machine, context_of, machines
from eveproc.verdicts.scoring import HostContext
from eveproc.verdicts.verdict import assess, level_of
from rulegen.build import build
from rulegen.simulate import PCAP_NAME, Simulation, simulate, write_simulation
from rulegen.simulate.hard import HARD, HardKind
from rulegen.simulate.scenarios import INFECTED, Act
from rulegen.site_profile import SiteProfile, load_site
from rulegen.vocabulary import Engine
from tests.engines.replay import replay

DAY = 86400.0
# The baseline for verdicts without one explanation.
NOTHING_DISABLED = "(nothing)"
KINDS: Mapping[str, HardKind] = MappingProxyType({kind.name: kind for kind in HARD})


class Source(StrEnum):
    """What is judged."""

    BOTH = "logs and alerts"
    LOGS = "logs alone"
    ALERTS = "alerts alone"


class Declared(StrEnum):
    """What the site profile declares."""

    NOTHING = "nothing declared"
    EVERYTHING = "everything declared"


@dataclass(frozen=True, slots=True)
class HardNight:
    """All verdicts on one network by one engine's log, one source of it and one profile.

    `left_out` is the explanation that was disabled ("": none). Explanations are disabled only where
    nothing is declared, where they matter most.
    """

    network: Network
    engine: Engine
    declared: Declared
    source: Source
    left_out: str
    outcomes: tuple[Outcome, ...]


def evaluate_hard(network: Network, engines: Sequence[Engine]) -> list[HardNight]:
    """Simulate one day, replay it with each engine for each profile, and judge.

    Raises EngineError and InputError.
    """
    site = load_site(network.site)
    scenarios = network.scenarios or tuple(KINDS)
    day = simulate(site, network.seed, seconds=DAY, clients=network.clients, scenarios=scenarios)
    nights: list[HardNight] = []
    with tempfile.TemporaryDirectory(prefix="mxhound-") as name:
        work = Path(name)
        write_simulation(day, work)
        for declared in Declared:
            profile = profile_of(site, day, declared)
            rules = work / "rules" / declared
            build(profile, engines, rules, day.start.date())
            for engine in engines:
                log = work / "log" / declared / engine
                eve = replay(engine, work / PCAP_NAME, log, build=rules / engine)
                nights += _judge(eve, profile, day, network, engine, declared)
                eve.unlink()
    return nights


def profile_of(site: SiteProfile, day: Simulation, declared: Declared) -> SiteProfile:
    """The site with home networks alone, or with every simulated mail server and resolver."""
    if declared is Declared.NOTHING:
        return replace(site, mail_servers=(), resolvers=(), internal_domains=(), exempt=())
    return replace(
        site,
        mail_servers=site.mail_servers + _played(day, Act.MAIL_SERVERS),
        resolvers=site.resolvers + _played(day, Act.FORWARDERS),
    )


def _played(day: Simulation, act: Act) -> tuple[IPv4Network | IPv6Network, ...]:
    names = {kind.name for kind in HARD if kind.act is act}
    hosts = (host for host in day.hosts if host.scenario in names)
    return tuple(ip_network(address) for host in hosts for address in host.addresses)


@dataclass(frozen=True, slots=True)
class Disabled:
    """A function of the verdicts that clears hosts, and its replacement, which clears none."""

    module: ModuleType
    function: str
    instead: Callable[..., object]


def left_out_in_turn() -> Mapping[str, Disabled]:
    """Everything that clears hosts, by name: benign explanations, and rules that subtract peers
    from a count.

    Explanations are found by their return type, so that none is forgotten.
    """
    explanations = {
        name.replace("_", " "): Disabled(module, name, _explain_nothing)
        for module in _EXPLAINED
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and get_type_hints(function).get("return") == BenignExplanation | None
    }
    return {**explanations, **_SUBTRACTED}


_EXPLAINED = (
    explained_servers,
    explained_surveys,
    explained_clients,
    explained_senders,
    explained_alerts,
)


def _explain_nothing(*_: object, **__: object) -> None:
    return None


def _keep_servers(_evidence: object, _newcomers: object, servers: int, _lead: float) -> int:
    return servers


_SUBTRACTED: Mapping[str, Disabled] = MappingProxyType(
    {
        "(count) own accounts": Disabled(caps, "_own_accounts", lambda _: 0),
        "(count) one provider's addresses": Disabled(caps, "_unless_one_provider", _keep_servers),
        "(count) one act": Disabled(caps, "most_acts", lambda _: inf),
    }
)


def _judge(
    eve: Path,
    profile: SiteProfile,
    day: Simulation,
    network: Network,
    engine: Engine,
    declared: Declared,
) -> Iterator[HardNight]:
    stats = ReadStats()
    stores = _collect(eve, profile, stats)

    for source in Source:
        said = judge_evidence(_merged(stores[source]), profile, stats, drawn=False).verdicts
        yield HardNight(network, engine, declared, source, "", compare(said, day))
    if declared is Declared.NOTHING:
        for name, outcomes in _less_each(_merged(stores[Source.BOTH]), profile, day):
            yield HardNight(network, engine, declared, Source.BOTH, name, outcomes)


def _less_each(
    store: EvidenceStore, profile: SiteProfile, day: Simulation
) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
    """Levels and scores with nothing disabled, then without each; times would cost too much."""
    store.trim()
    found = [(machine, context_of(machine, store, profile)) for machine in machines(store, profile)]
    yield NOTHING_DISABLED, _assess_all(found, day)
    for name, disabled in left_out_in_turn().items():
        with patch.object(disabled.module, disabled.function, disabled.instead):
            yield name, _assess_all(found, day)


def _assess_all(
    found: Sequence[tuple[Machine, HostContext]], day: Simulation
) -> tuple[Outcome, ...]:
    scores: dict[str, float] = {}
    for machine, context in found:
        score = assess(machine.evidence, context).score
        for address in machine.addresses:
            scores[address] = max(score, scores.get(address, 0.0))
    return tuple(
        Outcome(
            host.host,
            host.scenario,
            host.label == INFECTED,
            host.tier,
            level_of(worst),
            score=worst,
        )
        for host in day.hosts
        for worst in [max(scores.get(address, 0.0) for address in host.addresses)]
    )


def _collect(
    eve: Path, profile: SiteProfile, stats: ReadStats
) -> Mapping[Source, tuple[EvidenceStore, ...]]:
    logs, alerts = Collector(profile), Collector(profile)
    for event in read_events([str(eve)], stats):
        (alerts if isinstance(event, Alert) else logs).add(event)
    return {
        Source.BOTH: (logs.store, alerts.store),
        Source.LOGS: (logs.store,),
        Source.ALERTS: (alerts.store,),
    }


def _merged(stores: Sequence[EvidenceStore]) -> EvidenceStore:
    whole = EvidenceStore()
    for store in stores:
        whole.merge(store)
    return whole
