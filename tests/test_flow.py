"""The whole path on real engines: site profile -> rules -> Suricata -> eve.json -> verdicts."""

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from eveproc.verdicts.analyze import analyze
from rulegen.build import build
from rulegen.simulate import Simulation, simulate, write_simulation
from rulegen.site_profile import SiteProfile, build_profile
from rulegen.vocabulary import Engine, Level
from rulegen.yamlfile import parse_yaml
from tests.engines.replay import replay
from tests.eveproc.input.test_prefilter import plainly, selected

DAY = date(2026, 3, 2)
TRAFFIC = Path(__file__).parents[2] / "shared" / "traffic"

# The labels that came with each capture: who is a mass mailer. Everybody else must not be called
# one.
CAPTURES = [
    pytest.param("emotet-2021-12.pcap", "[10.12.3.0/24]", "", {"10.12.3.66"}, id="emotet"),
    pytest.param(
        "m57-office.pcap", "[192.168.1.0/24]", "mail_servers: [192.168.1.1]\n", set(), id="office"
    ),
    pytest.param("m57-office.pcap", "[192.168.1.0/24]", "", set(), id="office, nothing declared"),
    pytest.param("dns-tunnel-mx.pcap", "[192.168.220.0/24]", "", set(), id="DNS tunnel"),
    pytest.param(
        "nmap-scan.pcap", "[172.16.0.0/16, 10.0.2.0/24, 192.168.1.0/24]", "", set(), id="port scan"
    ),
    pytest.param("nmap-scan.pcap", "[172.16.0.0/16]", "", set(), id="port scan of peers"),
    pytest.param(
        "one-mail-600-rcpt.pcap", "[10.0.0.0/8]", "", set(), id="one mail, 600 recipients"
    ),
]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Engine, str, str], str]:
    """What an engine logs of a shared capture on a site, as text; each is replayed once."""

    @cache
    def of(engine: Engine, pcap: str, text: str) -> str:
        folder = tmp_path_factory.mktemp("capture")
        build(site_of(text), [engine], folder / "build", DAY)
        return replay(
            engine, TRAFFIC / pcap, folder / "log", build=folder / "build" / engine
        ).read_text()

    return of


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Simulation, Path]]:
    """The simulation of a site, and its capture; each is made once, for both engines."""

    @cache
    def of(text: str) -> tuple[Simulation, Path]:
        found = simulate(site_of(text), seed=7, clients=30)
        return found, write_simulation(found, tmp_path_factory.mktemp("simulated"))[0]

    return of


def site_of(text: str) -> SiteProfile:
    return build_profile(parse_yaml(text, "site.yaml"))


@pytest.mark.skipif(not TRAFFIC.is_dir(), reason="the shared captures are not beside the project")
@pytest.mark.parametrize("logs", ["logs and alerts", "logs", "alerts"])
@pytest.mark.parametrize(("pcap", "home", "more", "infected"), CAPTURES)
def test_labelled_captures(suricata, logged, pcap, home, more, infected, logs, tmp_path):
    text = f"home_networks: {home}\n{more}"
    site, eve = site_of(text), tmp_path / "eve.json"
    lines = logged(suricata, pcap, text).splitlines()
    if logs != "logs and alerts":
        wanted = logs == "alerts"
        lines = [line for line in lines if ('"event_type":"alert"' in line) is wanted]
    eve.write_text("\n".join(lines) + "\n")
    store = analyze([str(eve)], site)
    assert {v.host for v in store.verdicts if v.level is Level.INFECTED} == infected, [
        v.why for v in store.verdicts
    ]
    assert store.stats.lines == store.stats.events.total() + store.stats.skipped.total()
    assert selected(eve, site) == plainly(eve, site)


SITES = [
    pytest.param(
        'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.25]\nresolvers: '
        "[10.20.0.53]\n",
        id="both",
    ),
    pytest.param(
        'home_networks: ["2001:db8:7::/48"]\nmail_servers: ["2001:db8:7::25"]\nresolvers: '
        '["2001:db8:7::53"]\n',
        id="IPv6 only",
    ),
    pytest.param("home_networks: [172.20.0.0/20]\n", id="nothing declared"),
]


@pytest.mark.parametrize("text", SITES)
def test_every_simulated_mass_mailer_is_found_and_nobody_else(suricata, simulated, text, tmp_path):
    site, (simulation, pcap) = site_of(text), simulated(text)
    build(site, [suricata], tmp_path / "build", DAY)
    eve = replay(suricata, pcap, tmp_path / "log", build=tmp_path / "build" / suricata)
    store = analyze([str(eve)], site)
    level = {
        address: v.level
        for v in store.verdicts
        for address in (v.identity.addresses if v.identity else (v.host,))
    }
    mailers = {h.host for h in simulation.hosts if h.label == "infected"}
    assert len(mailers) >= 13
    assert {host for host, found in level.items() if found is Level.INFECTED} >= mailers
    others = {h.host: h.scenario for h in simulation.hosts if h.label == "benign"}
    assert not {scenario for host, scenario in others.items() if level.get(host) is Level.INFECTED}
    # Taking mail in explains its rates, and whoever runs the site should know of it.
    assert {
        scenario for host, scenario in others.items() if level.get(host) is Level.SUSPECTED
    } == {"undeclared_mail_server"}
