"""Site + seed + duration -> Simulation: all packets by time, and the label of every host."""

import random
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from rulegen.errors import MxhoundError
from rulegen.simulate.actor import Actor
from rulegen.simulate.benign import live
from rulegen.simulate.hard import HARD
from rulegen.simulate.network import Host, Stage, set_stage
from rulegen.simulate.scenarios import (
    INFECTED,
    OFFICE,
    RELAY,
    RESOLVER,
    ROUTER,
    SCENARIOS,
    Act,
    Scenario,
)
from rulegen.simulate.tcp import Packet
from rulegen.simulate.view import CLEAR, View, look
from rulegen.site_profile import SiteProfile

DEFAULT_START = datetime(
    2026, 3, 2, 8, tzinfo=UTC
)  # a Monday morning; fixed, so that the same input gives the same bytes
DEFAULT_SECONDS = 7200.0
DEFAULT_CLIENTS = 300


class HostTruth(Struct, frozen=True):
    """The label of a machine.

    `host` is its latest address, `first_mail` is in seconds from the start, `meant` counts its
    actions.
    """

    host: str
    addresses: tuple[str, ...]
    label: str
    scenario: str
    first_mail: float | None
    tier: str | None
    note: str
    meant: Mapping[str, int]


class Simulation(Struct, frozen=True):
    """Packets sorted by time (seconds from `start`), and hosts by address.

    `left_out` names the scenarios for which no address was free.
    """

    seed: int
    start: datetime
    packets: tuple[Packet, ...]
    hosts: tuple[HostTruth, ...]
    left_out: tuple[str, ...]


class _Role(Struct, frozen=True):
    """A machine and the scenario it plays."""

    scenario: Scenario
    host: Host
    name: str
    key: str


def simulate(
    site: SiteProfile,
    seed: int = 1,
    *,
    seconds: float = DEFAULT_SECONDS,
    clients: int = DEFAULT_CLIENTS,
    start: datetime = DEFAULT_START,
    scenarios: Collection[str] | None = None,
    view: View = CLEAR,
) -> Simulation:
    """Simulate `seconds` of the site; actions that have begun by then are completed.

    `clients` is the number of office workstations, fewer if they do not fit. `scenarios` names
    those to play, of SCENARIOS and HARD (None: all of SCENARIOS); relay, resolver and workstations
    are always present. `view` is what the sensor sees.

    Raises MxhoundError for an unknown scenario, a duration under one minute, a start without time
    zone, or home networks that leave no external address.
    """
    chosen = _choose(scenarios)
    _refuse(seconds, clients, start)
    stage = set_stage(site, seed, seconds)
    roles = [*_servers(stage), *_cast(stage, chosen, clients)]
    actors = _play(stage, roles)
    packets = sorted(
        (packet for actor in actors for packet in actor.tape.packets),
        key=lambda packet: packet.time,
    )
    played = {role.key for role in roles}
    left_out = tuple(scenario.name for scenario in chosen if scenario.name not in played)
    return Simulation(
        seed,
        start.astimezone(UTC),
        look(packets, view, stage.rng("view")),
        _tell_truth(roles, actors),
        left_out,
    )


def _choose(names: Collection[str] | None) -> tuple[Scenario, ...]:
    if names is None:
        return SCENARIOS
    every = (*SCENARIOS, *HARD)
    known = {scenario.name for scenario in every}
    if unknown := sorted(set(names) - known):
        raise MxhoundError(
            f"invalid scenario {', '.join(unknown)}: expected {', '.join(sorted(known))}"
        )
    return tuple(scenario for scenario in every if scenario.name in names)


def _refuse(seconds: float, clients: int, start: datetime) -> None:
    if seconds < 60:
        raise MxhoundError(f"invalid duration {seconds:g} s: expected 60 s or more")
    if clients < 0:
        raise MxhoundError(f"invalid number of clients {clients}: expected 0 or more")
    if start.tzinfo is None:
        raise MxhoundError(
            "invalid start: no time zone; expected a time such as 2026-03-02T08:00:00Z"
        )


def _servers(stage: Stage) -> Iterator[_Role]:
    for host in stage.relays:
        declared = stage.site.is_mail_server(host.address)
        yield _Role(
            RELAY, host, "relay" if declared else "undeclared_mail_server", f"relay/{host.address}"
        )
    for host in stage.resolvers:
        declared = stage.site.is_resolver(host.address)
        yield _Role(
            RESOLVER,
            host,
            "resolver" if declared else "undeclared_resolver",
            f"resolver/{host.address}",
        )
    if stage.router:
        yield _Role(ROUTER, stage.router, "router", "router")


def _cast(stage: Stage, chosen: tuple[Scenario, ...], clients: int) -> Iterator[_Role]:
    """In a network too small for all, scenarios get two thirds, workstations the rest."""
    room = stage.homes.room(len(chosen) + clients)
    most = max(room - clients, room * 2 // 3)
    placed = 0
    for scenario in chosen:
        if placed < most and (host := _place(stage, scenario, scenario.name)):
            placed += 1
            stage.cast[scenario.name] = host
            yield _Role(scenario, host, scenario.name, scenario.name)
    for number in range(clients):
        key = f"office/{number}"
        if host := _place(stage, OFFICE, key):
            yield _Role(OFFICE, host, OFFICE.name, key)


def _place(stage: Stage, scenario: Scenario, name: str) -> Host | None:
    rng = stage.rng("place", name)
    versions = [version for version in stage.homes.versions if _fits(stage, scenario, version)]
    # On a site with IPv4 and IPv6, three machines in four use IPv4.
    order = versions if rng.random() < 0.75 else versions[::-1]
    drawn = (
        stage.homes.draw(rng, version, infected=scenario.label == INFECTED) for version in order
    )
    address = next((each for each in drawn if each), None)
    return stage.add(address, rng) if address else None


def _fits(stage: Stage, scenario: Scenario, version: int) -> bool:
    return version == (scenario.version or version) and (
        not scenario.needs_relay or stage.relay(version) is not None
    )


def _play(stage: Stage, roles: list[_Role]) -> list[Actor]:
    """All actors in the order of `roles`; servers play after the clients that they serve."""
    actors = [Actor(stage, role.host, stage.rng("play", role.key)) for role in roles]
    _turn_to_forwarder(stage, roles, actors)
    for act in Act:
        for role, actor in zip(roles, actors, strict=True):
            if role.scenario.act is act:
                if role.scenario.desk:
                    live(actor, actor.rng.randint(2, 8))
                role.scenario.play(actor)
    return actors


def _turn_to_forwarder(stage: Stage, roles: list[_Role], actors: list[Actor]) -> None:
    """Some workstations and at times the undeclared mail server use the undeclared resolver."""
    forwarder = stage.cast.get("undeclared_resolver")
    if forwarder is None:
        return
    rng: random.Random = stage.rng("forwarder")
    share = rng.uniform(0.05, 0.15)
    for role, actor in zip(roles, actors, strict=True):
        asks = role.scenario is OFFICE or role.name == "undeclared_mail_server"
        if (
            asks
            and role.host.end.version == forwarder.end.version
            and rng.random() < share * (1 if role.scenario is OFFICE else 5)
        ):
            actor.resolver = forwarder.end


def _tell_truth(roles: list[_Role], actors: list[Actor]) -> tuple[HostTruth, ...]:
    found: dict[int, HostTruth] = {}
    for role, actor in zip(roles, actors, strict=True):
        known = found.get(id(role.host))
        found[id(role.host)] = _also(known, actor) if known else _truth(role, actor)
    return tuple(sorted(found.values(), key=lambda host: (":" in host.host, host.host)))


def _truth(role: _Role, actor: Actor) -> HostTruth:
    return HostTruth(
        host=str(role.host.address),
        addresses=tuple(map(str, role.host.addresses)),
        label=role.scenario.label,
        scenario=role.name,
        first_mail=actor.first_mail,
        tier=actor.tier,
        note=actor.note,
        meant=dict(sorted(actor.meant.items())) | {"mail_servers": len(actor.servers)},
    )


def _also(known: HostTruth, actor: Actor) -> HostTruth:
    """Merge the label of a machine that is both relay and resolver."""
    meant = {
        key: known.meant.get(key, 0) + actor.meant.get(key, 0)
        for key in sorted({*known.meant, *actor.meant})
    }
    note = f"{known.note}; also {actor.note}"
    return HostTruth(
        known.host,
        known.addresses,
        known.label,
        known.scenario,
        known.first_mail,
        known.tier,
        note,
        meant,
    )
