"""`eveproc discover`: what it says and how it exits where the logs cannot show what a host
is for.
"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eveproc.cli import main

STAMP = "2026-03-02T08:00:00.000000+0000"
HOME, EXTERNAL = "10.20.1.7", "203.0.113.9"


def record(kind: str, client: str = HOME, **fields: object) -> str:
    ends = {"src_ip": client, "src_port": 5000, "dest_ip": EXTERNAL, "dest_port": 25}
    event = {"timestamp": STAMP, "event_type": kind, **ends, "proto": "TCP", **fields}
    return json.dumps(event) + "\n"


LEASES = {"dhcp_type": "ack", "client_mac": "02:00:00:00:00:01", "assigned_ip": HOME}
UNUSABLE = {
    "alerts": record("alert", alert={"signature_id": 2000001, "gid": 1}),
    "stats and alerts": record("stats", stats={}) + record("alert", alert={"signature_id": 7}),
    "leases": record("dhcp", dhcp=LEASES),
}


def run(folder: Path, text: str, *options: str) -> Result:
    eve = folder / "eve.json"
    eve.write_text(text)
    return CliRunner().invoke(main, ["discover", str(eve), *options])


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
def test_logs_that_show_no_server_exit_4_with_cause_and_remedy(text: str, tmp_path: Path) -> None:
    done = run(tmp_path, text)
    assert done.exit_code == 4, done.output
    assert "no server can be found" in done.stderr
    assert "enable dns, smtp and flow under outputs, eve-log, types" in done.stderr
    assert "# Incomplete: " in done.stdout


def test_without_a_home_network_nothing_is_written(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    done = run(tmp_path, record("flow", client="203.0.113.1", flow={}), "-o", str(site))
    assert done.exit_code == 4
    assert "eveproc: no server can be found: no home network was found" in done.stderr
    assert not site.exists()
    netflow = run(tmp_path, record("netflow", netflow={}))
    assert netflow.exit_code == 4
    assert "no dns, smtp or flow records were read" in netflow.stderr
    assert netflow.stdout == ""


def test_a_written_proposal_says_so_as_well(tmp_path: Path) -> None:
    done = run(tmp_path, UNUSABLE["alerts"], "-o", str(tmp_path / "site.yaml"))
    assert done.exit_code == 4
    assert "Incomplete: only alerts were read" in (tmp_path / "site.yaml").read_text()


def test_a_difference_is_not_told_where_nothing_could_be_seen(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("home_networks: [10.20.0.0/16]\n")
    done = run(tmp_path, UNUSABLE["alerts"], "-s", str(site), "--diff")
    assert done.exit_code == 4
    assert "no difference" not in done.stdout


def test_networks_beyond_the_profile_are_told(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("home_networks: [10.20.0.0/16]\n")
    beyond, within = (record("flow", client=client, flow={}) for client in ("10.99.1.9", HOME))
    said = "+ home_networks: 10.99.0.0/16  (hosts were seen in it: 10.99.1.9)"
    done = run(tmp_path, beyond + within, "-s", str(site), "--diff")
    assert (done.exit_code, said in done.stdout) == (0, True)
    assert "- home_networks" not in done.stdout
    done = run(tmp_path, beyond, "-s", str(site), "--diff")
    assert (done.exit_code, said in done.stdout) == (4, True)
    assert "- home_networks: 10.20.0.0/16" in done.stdout
    assert "no connection or query of a home host was seen" in done.stderr
