"""Every scenario in order of importance: name, kind of machine, and its function."""

from collections.abc import Callable
from enum import IntEnum

from msgspec import Struct

from rulegen.simulate import benign, infected, servers
from rulegen.simulate.actor import Actor

# GREY is benign, but even an expert cannot distinguish it from a mass mailer by logs alone.
INFECTED, BENIGN, GREY = "infected", "benign", "grey"


class Act(IntEnum):
    """When a machine plays: servers after their clients, resolvers after all that query them."""

    CLIENTS = 0
    MAIL_SERVERS = 1
    FORWARDERS = 2
    RESOLVERS = 3


class Scenario(Struct, frozen=True):
    """One kind of machine.

    `version` is the IP version that it requires; `desk`: a person works at it as well.
    """

    name: str
    label: str
    play: Callable[[Actor], None]
    act: Act = Act.CLIENTS
    version: int | None = None
    desk: bool = False
    needs_relay: bool = False


def _infected(
    play: Callable[[Actor], None], *, version: int | None = None, desk: bool = True
) -> Scenario:
    return Scenario(play.__name__, INFECTED, play, version=version, desk=desk)


def _benign(
    play: Callable[[Actor], None],
    act: Act = Act.CLIENTS,
    *,
    desk: bool = False,
    needs_relay: bool = False,
) -> Scenario:
    return Scenario(play.__name__, BENIGN, play, act, desk=desk, needs_relay=needs_relay)


# If a network is too small for all, the first ones are placed.
SCENARIOS = (
    _infected(infected.flood),
    _benign(benign.address_checker),
    _infected(infected.slow),
    _benign(benign.mail_setup, desk=True),
    _infected(infected.submission),
    _benign(benign.printer),
    _infected(infected.name_guess),
    _benign(servers.undeclared_mail_server, Act.MAIL_SERVERS),
    _infected(infected.no_lookup, desk=False),
    _benign(benign.nat),
    _infected(infected.ipv6, version=6),
    _benign(benign.newsletter, needs_relay=True),
    _infected(infected.blocked),
    _benign(benign.monitoring),
    _infected(infected.slow_no_lookup, desk=False),
    _benign(benign.crawler),
    _infected(infected.slow_submission),
    _benign(servers.undeclared_resolver, Act.FORWARDERS),
    _infected(infected.dns_tcp),
    _benign(benign.port_scanner),
    _infected(infected.dns_edns0),
    _benign(benign.dns_tunnel, desk=True),
    _infected(infected.outside_resolver),
    _benign(benign.administrator, desk=True),
    _infected(infected.rejected),
    _benign(benign.submission_user, desk=True),
    _infected(infected.roaming, version=4),
    _benign(benign.mailing_list, desk=True),
)

OFFICE = _benign(benign.office)
RELAY = _benign(servers.relay, Act.MAIL_SERVERS)
RESOLVER = _benign(servers.resolver, Act.RESOLVERS)
ROUTER = _benign(servers.router)
