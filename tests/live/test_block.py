"""The files of `eveproc block` in a real nft and in real Suricatas: loaded, at work, and undone."""

import json
import subprocess
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from eveproc.block import Candidate, files, plan, write
from rulegen.simulate import simulate, write_simulation
from rulegen.site_profile import load_site
from rulegen.vocabulary import Level
from tests.engines.replay import installed, render_config

SITE = Path(__file__).parents[1] / "data" / "site.yaml"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()


@pytest.fixture
def site():
    return load_site(SITE)


def made(site, hosts, folder, **options):
    candidates = [Candidate(ip_address(host), Level.INFECTED, 1.0, NOW) for host in hosts]
    write(files(plan(candidates, site, NOW, hours=24, at_most=10), site, **options), folder)
    return folder


def listed(nft):
    return json.loads(
        subprocess.run([*nft, "-j", "list", "ruleset"], capture_output=True, check=True).stdout
    )["nftables"]


def elements(nft):
    sets = [entry["set"] for entry in listed(nft) if "set" in entry]
    return {
        (one["name"], element["elem"]["val"])
        for one in sets
        if one["name"].startswith("hosts")
        for element in one.get("elem", ())
    }


def test_nft_takes_the_script_again_and_again_and_the_way_back_is_one_command(nft, site, tmp_path):
    two = made(site, ["10.20.71.91", "2001:db8:20::7"], tmp_path / "two") / "nftables.nft"
    subprocess.run([*nft, "-c", "-f", str(two)], check=True)
    assert listed(nft)[1:] == []
    subprocess.run([*nft, "-f", str(two)], check=True)
    subprocess.run([*nft, "-f", str(two)], check=True)
    assert elements(nft) == {("hosts4", "10.20.71.91"), ("hosts6", "2001:db8:20::7")}
    one = made(site, ["10.20.71.91"], tmp_path / "one") / "nftables.nft"
    subprocess.run([*nft, "-f", str(one)], check=True)
    assert elements(nft) == {("hosts4", "10.20.71.91")}
    nobody = made(site, [], tmp_path / "nobody") / "nftables.nft"
    subprocess.run([*nft, "-f", str(nobody)], check=True)
    assert elements(nft) == set()
    subprocess.run([*nft, "delete", "table", "inet", "mxhound"], check=True)
    assert listed(nft)[1:] == []


@pytest.fixture(scope="module")
def traffic(tmp_path_factory):
    """A simulation of the site, and its capture."""
    found = simulate(
        load_site(SITE), seed=1, seconds=600, clients=2, scenarios=["flood", "name_guess"]
    )
    return found, write_simulation(found, tmp_path_factory.mktemp("traffic"))[0]


@pytest.mark.parametrize("kind", ["dataset", "iprep"])
@pytest.mark.parametrize("drop", [False, True])
def test_suricata_loads_the_rules_and_they_see_the_blocked_host_alone(
    suricata, site, traffic, tmp_path, kind, drop
):
    simulated, pcap = traffic
    mailers = {
        host.host: ip_address(host.host) for host in simulated.hosts if host.label == "infected"
    }
    for host in mailers:
        folder = made(
            site, [host], tmp_path / f"block {host}".replace(":", "-").replace(" ", "-"), drop=drop
        )
        log = tmp_path / f"log-{len(host)}"
        log.mkdir()
        config = log / "suricata.yaml"
        reputation = {
            "reputation-categories-file": str(folder / "iprep-categories.txt"),
            "default-reputation-path": str(folder),
            "reputation-files": ["iprep.list"],
        }
        config.write_text(
            render_config(installed(suricata), None, {"alert": {}}) + yaml.safe_dump(reputation)
        )
        command = [
            "-l",
            log,
            "-r",
            pcap,
            "--runmode",
            "single",
            "-k",
            "all",
            "--init-errors-fatal",
            "-S",
            folder / f"{kind}.rules",
        ]
        done = subprocess.run(
            installed(suricata).command(*command, config=config),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        alerts = [json.loads(line) for line in (log / "eve.json").read_text().splitlines()]
        assert {ip_address(alert["src_ip"]) for alert in alerts} == {mailers[host]}
        assert {alert["dest_port"] for alert in alerts} <= {25, 465, 587}
