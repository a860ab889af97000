"""What a threshold would have done, told from records, against what real engines did: host by host
and time by time, over a grid.

An engine reads each capture once, with every rule at many thresholds side by side
(tests/engines/grid.py): 234 combinations of signal and threshold a capture, 702 an engine, and more
where the shared captures are beside the project.
"""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from eveproc.input.reader import ReadStats, read_events
from eveproc.tuning.alert_bounds import BoundedAlert
from eveproc.tuning.engine_threshold import Match
from eveproc.tuning.history import History, HistoryKeeper
from eveproc.tuning.matching import TOLD, HostView, matches
from eveproc.tuning.predict import alerts_of
from eveproc.tuning.senders import ceiling
from rulegen.catalogue import CATALOGUE
from rulegen.simulate import PCAP_NAME, simulate, write_simulation
from rulegen.site_profile import SiteProfile, Threshold
from rulegen.vocabulary import Engine, Signal
from tests.engines.grid import Alerts, Cell, product, run_grid
from tests.mailtalk import attachment, hello, mail, starttls, talk
from tests.packets import (
    ACK,
    CLIENT,
    MX,
    NXDOMAIN,
    RST,
    SERVER,
    SYN,
    A,
    Connection,
    Wire,
    question,
    reply,
)

SHARED = Path(__file__).parents[2] / "shared" / "traffic"
GRID = (
    *((1, 1), (1, 60), (2, 10), (3, 30), (4, 120), (5, 60), (7, 7), (8, 300), (10, 60), (10, 300)),
    *((12, 3600), (15, 60), (20, 60), (20, 300), (30, 60), (40, 600), (60, 300), (100, 3600)),
)
CELLS = product(TOLD, GRID)
# In Suricata 7 the longest of the windows of one run keeps a host's marks alive.
LOADED: Mapping[Signal, Threshold] = dict.fromkeys(TOLD, Threshold(1, 3600))
# Their rules look into sessions, of which records tell the end: bounds, not times.
BOUNDED = (Signal.SMTP_SESSIONS, Signal.MAIL_BURST, Signal.WORM_ATTACHMENT, Signal.HELO_ODD)
FLOORS = {spec.signal: spec.threshold for spec in CATALOGUE if spec.threshold}
TRUTH_NAME = "truth.json"
EXACT = tuple(signal for signal in TOLD if signal not in BOUNDED)


def site(home: str, mail_servers: str = "", resolvers: str = "", domains: str = "") -> SiteProfile:
    networks = [tuple(map(ip_network, text.split())) for text in (home, mail_servers, resolvers)]
    return SiteProfile(networks[0], networks[1], networks[2], tuple(domains.split()))


OFFICE = site(
    "10.20.0.0/16 2001:db8:20::/48", "10.20.0.25", "10.20.0.53 2001:db8:20::53", "example.org"
)
RESOLVER = "10.20.0.53"


def edges(folder: Path) -> Path:
    """All that a rule may stumble over: TCP, retransmissions, refusals, marks that run out, single
    labels, many at one moment."""
    wire, rng = Wire(), random.Random(6)
    for number, tell in enumerate((_lookups, _streams, _knocks, _marked, _deliveries) * 4):
        tell(wire, rng, f"10.20.{number + 1}.7")
    return wire.write(folder / "edges.pcap")


def _lookups(wire: Wire, rng: random.Random, host: str) -> None:
    names = (
        "mail",
        "smtp.local",
        "MX.d{}.example",
        "ns.example.org",
        "mail1.notexample.org",
        "www.d{}.example",
        "gate.d{}.example",
    )
    at = 0.0
    for number in range(150):
        at += rng.choice((0.0, 0.5, 1.0, 5.0, 10.0, 60.0, 60.000001))
        asked = question(rng.choice(names).format(number), rng.choice((A, A, MX)), ident=number)
        wire.ask(at, host, RESOLVER, asked, reply(asked, rng.choice((0, NXDOMAIN))))


def _streams(wire: Wire, rng: random.Random, host: str) -> None:
    """Questions over TCP, several in a connection."""
    for start in range(0, 2000, 50):
        connection, at = Connection(wire, start, host, RESOLVER, 53), start + 1.0
        for number in range(rng.randint(1, 4)):
            asked = question(f"mail.d{start}-{number}.example", rng.choice((A, MX)), ident=number)
            framed = [len(data).to_bytes(2, "big") + data for data in (asked, reply(asked))]
            at = connection.say(at, [(CLIENT, framed[0]), (SERVER, framed[1])]) + rng.random()
        connection.close(at)
        _say_together(
            wire,
            start + 20,
            host,
            [
                question(f"d{start}-{n}.example", kind, ident=n)
                for n, kind in enumerate((A, MX, MX))
            ],
        )


def _say_together(wire: Wire, at: float, host: str, questions: Sequence[bytes]) -> None:
    """All in one segment, and so are the answers."""
    connection = Connection(wire, at, host, RESOLVER, 53)
    segments = [
        b"".join(len(data).to_bytes(2, "big") + data for data in said)
        for said in (questions, list(map(reply, questions)))
    ]
    connection.close(connection.say(at + 1, [(CLIENT, segments[0]), (SERVER, segments[1])]) + 1)


def _knocks(wire: Wire, rng: random.Random, host: str) -> None:
    """Unanswered, sent again with the pauses of TCP, or refused."""
    at = 0.0
    for number in range(120):
        at += rng.choice((0.1, 1.0, 7.0, 30.0))
        server, port, again = (
            f"203.0.113.{rng.randint(1, 60)}",
            rng.choice((25, 25, 465, 587)),
            rng.choice((0, 0, 1, 3, 5)),
        )
        here = (host, 20_000 + number)
        if rng.random() < 0.3:
            wire.tcp(at, here, (server, port), SYN, 1000)
            wire.tcp(at + 0.01, (server, port), here, RST | ACK, 0, 1001)
            continue
        for tries in range(again + 1):
            wire.tcp(at + 2**tries - 1, here, (server, port), SYN, 1000)


def _marked(wire: Wire, rng: random.Random, host: str) -> None:
    """Lookups now and then, connections all the time: the mark of a lookup comes and goes. Some
    take mail in."""
    if rng.random() < 0.5:
        wire.session(1500, "203.0.113.200", host, 25, talk(hello(), mail()))
    at = 0.0
    for number in range(200):
        at += rng.uniform(1, 60)
        if rng.random() < 0.05:
            wire.ask(at, host, RESOLVER, question(f"d{number}.example", MX))
        wire.syn(at + 0.5, host, f"203.0.113.{rng.randint(1, 99)}", 25)


def _deliveries(wire: Wire, rng: random.Random, host: str) -> None:
    at = 0.0
    for _ in range(60):
        at += rng.choice((0.3, 2.0, 12.0, 70.0))
        turns = rng.choice(
            (
                talk(hello("friend"), mail()),
                talk(hello(), attachment("a.exe"), mail()),
                [*hello(), *starttls()],
            )
        )
        wire.session(at, host, f"203.0.113.{rng.randint(1, 40)}", rng.choice((25, 587)), turns)


def simulated(folder: Path, seed: int) -> Path:
    write_simulation(simulate(OFFICE, seed, seconds=3600, clients=15), folder)
    return folder / PCAP_NAME


CAPTURES = {
    "edges": (OFFICE, edges),
    "simulated 3": (OFFICE, lambda folder: simulated(folder, 3)),
    "simulated 8": (OFFICE, lambda folder: simulated(folder, 8)),
}
REAL = {
    "emotet-2021-12": site("10.12.3.0/24", "", "10.12.3.3"),
    "m57-office": site("192.168.1.0/24"),
    "dns-tunnel-mx": site("192.168.220.0/24"),
    "nmap-scan": site("172.16.1.0/24"),
    "one-mail-600-rcpt": site("10.0.0.0/8"),
}


@dataclass
class Run:
    """What an engine alerted in each cell, and what its records let us predict."""

    real: Mapping[Cell, Alerts]
    history: History
    truth: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def matches(self) -> Mapping[tuple[str, Signal], list[Match]]:
        return {
            (host, signal): matches(HostView(self.history, host, LOADED), signal)
            for host in self.history.hosts
            for signal in TOLD
        }

    def predicted(self, cell: Cell) -> dict[str, list[BoundedAlert]]:
        return {
            host: alerts_of(self.matches[host, cell.signal], cell.threshold)
            for host in self.history.hosts
        }

    def alerted(self, cell: Cell) -> dict[str, list[int]]:
        hosts = defaultdict(list)
        for time, host in self.real[cell]:
            hosts[host].append(time)
        return hosts


def observe(engine: Engine, pcap: Path, profile: SiteProfile, folder: Path) -> Run:
    eve, real = run_grid(engine, pcap, profile, CELLS, folder)
    keeper = HistoryKeeper(profile)
    for event in read_events([str(eve)], ReadStats()):
        keeper.add(event)
    return Run(real, keeper.history)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The pcap of one of CAPTURES; each is made once, for both engines."""

    @cache
    def made(name: str) -> Path:
        return CAPTURES[name][1](tmp_path_factory.mktemp("capture"))

    return made


@pytest.fixture(scope="module", params=CAPTURES)
def run(request: pytest.FixtureRequest, suricata: Engine, capture: Callable[[str], Path]) -> Run:
    pcap = capture(request.param)
    found = observe(suricata, pcap, CAPTURES[request.param][0], pcap.parent / suricata)
    truth = pcap.parent / TRUTH_NAME
    found.truth = json.loads(truth.read_text())["hosts"] if truth.exists() else ()
    return found


def test_the_grid_is_wide_enough() -> None:
    assert len(CAPTURES) * len(EXACT) * len(GRID) >= 480
    assert len(CAPTURES) * len(CELLS) >= 500


@pytest.mark.parametrize("signal", EXACT)
def test_predicted_alerts_are_those_of_the_engine(run: Run, signal: Signal) -> None:
    assert [
        differing
        for cell in CELLS
        if cell.signal is signal
        for differing in _differences(run, cell)
    ] == []


@pytest.mark.parametrize("signal", BOUNDED)
def test_what_is_called_sure_lies_within_its_bounds(run: Run, signal: Signal) -> None:
    for cell in (cell for cell in CELLS if cell.signal is signal):
        alerted, predicted = run.alerted(cell), run.predicted(cell)
        for host, alerts in predicted.items():
            outside = [
                alert
                for alert in alerts
                if alert.sure
                and not any(alert.first <= time <= alert.last for time in alerted[host])
            ]
            assert outside == [], (str(cell), host, alerted[host])


@pytest.mark.parametrize("signal", BOUNDED)
def test_where_times_are_bounds_the_numbers_are_nearly_right(run: Run, signal: Signal) -> None:
    real = [run.alerted(cell) for cell in CELLS if cell.signal is signal]
    predicted = [run.predicted(cell) for cell in CELLS if cell.signal is signal]
    wrong = sum(
        abs(len(said.get(host, ())) - len(was.get(host, ())))
        for was, said in zip(real, predicted, strict=True)
        for host in said
    )
    assert wrong <= 0.04 * sum(len(times) for was in real for times in was.values()) + 2


def test_the_highest_thresholds_that_tune_proposes_find_every_simulated_mass_mailer(
    run: Run,
) -> None:
    highest = [
        Cell(signal, Threshold(ceiling(signal, FLOORS[signal].seconds), FLOORS[signal].seconds))
        for signal in TOLD
    ]
    alerting = {host for cell in highest for host, alerts in run.predicted(cell).items() if alerts}
    mailers = [host for host in run.truth if host["label"] == "infected"]
    assert [host["scenario"] for host in mailers if not alerting & set(host["addresses"])] == []
    assert len(mailers) >= 10 or not run.truth


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared captures are not beside the project")
@pytest.mark.parametrize("capture", REAL)
def test_predicted_alerts_are_those_of_the_engine_on_real_captures(
    suricata: Engine, capture: str, tmp_path: Path
) -> None:
    run = observe(suricata, SHARED / f"{capture}.pcap", REAL[capture], tmp_path)
    assert [
        differing for cell in CELLS if cell.signal in EXACT for differing in _differences(run, cell)
    ] == []


def _differences(run: Run, cell: Cell) -> list[str]:
    """Hosts of which another thing was predicted than happened. What hangs on when the engine last
    looked is told as not sure."""
    alerted = run.alerted(cell)
    found = []
    for host, alerts in run.predicted(cell).items():
        differs = [alert.time for alert in alerts] != alerted[host]
        if differs and not (
            cell.signal is Signal.MX_THEN_SMTP and any(not alert.sure for alert in alerts)
        ):
            found.append(f"{cell} {host}: {len(alerts)} predicted, {len(alerted[host])} happened")
    return found + [
        f"{cell} {host}: not predicted" for host in alerted.keys() - run.history.hosts.keys()
    ]
