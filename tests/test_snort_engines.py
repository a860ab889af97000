"""Every rule on every Snort of this machine: it loads without messages and alerts on the hosts that
Suricata alerts on, except as the catalogue says.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address
from pathlib import Path

import pytest

from eveproc.verdicts.analyze import analyze
from rulegen.build import build
from rulegen.catalogue import CATALOGUE
from rulegen.check import check
from rulegen.render import RenderedRule
from rulegen.simulate import simulate, write_simulation
from rulegen.site_profile import Network, SiteProfile, load_site
from rulegen.vocabulary import Engine, HostSide, Level, Signal
from tests.engines.replay import replay
from tests.engines.snort import replay_snort
from tests.rulegen.test_build import SITES
from tests.test_every_rule import CASES, GUEST_CASES, GUESTS, SITE, SPECS, TODAY, Case, write_cases
from tests.test_recorded import DATA

Hosts = Mapping[tuple[Signal, str, Network | None], int]
# Where Snort's rules are for other ports than Suricata's, or remember neither that a host takes mail
# in nor which server refused it: alerts by rule and case.
OTHERWISE = {
    ("mx_slow", "a host that takes mail in"): 1,
    ("smtp_rejects", "a host that takes mail in"): 1,
    ("smtp_rejects", "one server"): 1,
    ("smtp_sessions", "a port of the web"): 1,
    ("worm_attachment", "port 26, N"): 0,
    ("worm_attachment", "port 26, 3 N"): 0,
}


@dataclass(frozen=True)
class Run:
    """What a Snort said of the pcap of all cases: alerts by signal, host and network with numbers
    of its own."""

    engine: Engine
    alerts: Hosts

    def count(self, rule: str, host: str, network: Network | None = None) -> int:
        return self.alerts[SPECS[rule].signal, str(ip_address(host)), network]


def rows(logs: Mapping[str, Path]) -> Iterator[tuple[int, str, str]]:
    """(sid, source, destination) of every alert."""
    if "json" in logs:
        for line in logs["json"].read_text().splitlines():
            alert = json.loads(line)
            yield alert["sid"], alert["src_addr"], alert["dst_addr"]
    else:
        with logs["csv"].open(newline="") as file:
            yield from ((int(row[2]), row[6], row[8]) for row in csv.reader(file))


def alerts(logs: Mapping[str, Path], rules: Mapping[int, RenderedRule]) -> Hosts:
    found: Counter[tuple[Signal, str, Network | None]] = Counter()
    for sid, source, destination in rows(logs):
        rule = rules[sid]
        host = source if rule.spec.host_side is HostSide.SOURCE else destination
        found[rule.spec.signal, str(ip_address(host)), rule.network] += 1
    return found


def run_snort(
    engine: Engine, site: SiteProfile, pcap: Path, folder: Path
) -> tuple[Hosts, Mapping[str, Path]]:
    (made,) = build(site, [engine], folder / "build", TODAY).engines
    logs = replay_snort(engine, pcap, folder / "log", folder / "build" / engine)
    return alerts(logs, {rule.sid: rule for rule in made.rules}), logs


@pytest.fixture(scope="session")
def run(snort: Engine, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp(snort)
    return Run(snort, run_snort(snort, SITE, write_cases(folder / "every-rule.pcap"), folder)[0])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_alerts(run: Run, case: Case) -> None:
    if not SPECS[case.rule].is_seen_by(run.engine):
        assert run.count(case.rule, case.host) == 0
        return
    expected = OTHERWISE.get((case.rule, case.title), case.alerts)
    assert run.count(case.rule, case.host) == expected


@pytest.mark.parametrize(("rule", "story", "host", "count", "expected"), GUEST_CASES)
def test_a_network_has_its_own_threshold(
    run: Run, rule: str, story: object, host: str, count: int, expected: int
) -> None:
    assert run.count(rule, host, GUESTS.network) == expected
    assert run.count(rule, host) == 0


@pytest.mark.parametrize("text", SITES.values(), ids=SITES)
def test_a_build_loads_without_a_word(snort: Engine, text: str, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(text)
    build(load_site(tmp_path / "site.yaml"), [snort], tmp_path / "out", TODAY)
    report = check(tmp_path / "out")
    assert (report.problems, report.warnings) == ((), ())
    assert f"loaded by {snort} (" in report.passed[1]


def test_a_build_in_a_path_with_blanks_loads(snort: Engine, tmp_path: Path) -> None:
    build(SITE, [snort], tmp_path / "out", TODAY)
    folder = (tmp_path / "out" / snort).rename(tmp_path / f"a copy of {snort}")
    report = check(folder, snort)
    assert (report.problems, report.warnings) == ((), ())
    assert f"loaded by {snort} (" in report.passed[1]


SPOILED = {
    Engine.SNORT_29: [
        ("mxhound.rules", "flags:S,CE;", "flags:S,CE; no_such_word;", "no_such_word"),
        ("mxhound-threshold.conf", "track by_src", "trak by_src", "mxhound-threshold.conf:3"),
    ],
    Engine.SNORT_3: [
        ("mxhound.rules", "flags:S,CE;", "flags:S,CE; no_such_word;", "no_such_word"),
        ("mxhound.lua", "gid = 1", "gidd = 1", "gidd"),
    ],
}


@pytest.mark.parametrize("which", [0, 1], ids=["rules", "filters"])
def test_the_engine_judges_what_is_spoiled(snort: Engine, which: int, tmp_path: Path) -> None:
    file, old, new, expected = SPOILED[snort][which]
    build(SITE, [snort], tmp_path, TODAY)
    path = tmp_path / snort / file
    path.write_text(path.read_text().replace(old, new))
    said = [str(problem) for problem in check(tmp_path).problems]
    assert any("the engine" in text and expected in text for text in said), said


def test_the_hosts_of_a_simulated_network_are_those_of_suricata(
    snort: Engine, suricata_7: Engine, tmp_path: Path
) -> None:
    site = load_site(DATA / "site.yaml")
    simulated = simulate(site, seed=3)
    pcap, _ = write_simulation(simulated, tmp_path)
    undeclared = {
        host.host for host in simulated.hosts if host.scenario == "undeclared_mail_server"
    }
    build(site, [suricata_7], tmp_path / "build", date(2026, 3, 2))
    eve = replay(suricata_7, pcap, tmp_path / "eve", build=tmp_path / "build" / suricata_7)
    by_suricata = {(signal, host) for signal, host, _ in suricata_hosts(eve, site)}
    by_snort = {(signal, host) for signal, host, _ in run_snort(snort, site, pcap, tmp_path)[0]}
    unseen = {spec.signal for spec in CATALOGUE if snort in spec.not_on}
    assert by_snort - by_suricata <= {(Signal.MX_SLOW, host) for host in undeclared}
    assert {signal for signal, _ in by_suricata - by_snort} <= unseen


def suricata_hosts(eve: Path, site: SiteProfile) -> Iterator[tuple[Signal, str, None]]:
    by_sid = {site.sid_base + spec.offset: spec for spec in CATALOGUE}
    for event in map(json.loads, eve.read_text().splitlines()):
        if event["event_type"] == "alert":
            spec = by_sid[event["alert"]["signature_id"]]
            yield spec.signal, str(ip_address(event[spec.host_side])), None


def test_no_harmless_host_is_convicted_from_its_logs(snort: Engine, tmp_path: Path) -> None:
    site = load_site(DATA / "site.yaml")
    simulated = simulate(site, seed=5)
    pcap, _ = write_simulation(simulated, tmp_path)
    _, logs = run_snort(snort, site, pcap, tmp_path)
    # Alerts alone do not tell that one machine had two addresses.
    mailers = {
        address
        for host in simulated.hosts
        if host.label == "infected"
        for address in host.addresses
    }
    for log in logs.values():
        convicted = {
            verdict.host
            for verdict in analyze([str(log)], site).verdicts
            if verdict.level is Level.INFECTED
        }
        assert convicted
        assert convicted <= mailers
