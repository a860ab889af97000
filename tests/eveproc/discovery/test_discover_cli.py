"""`eveproc discover`: its output and exit code if the logs cannot show the roles of hosts."""

import json
from ipaddress import ip_network
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from eveproc.cli import main
from eveproc.discovery.discover import Discovery, Named
from eveproc.report import discovery_summary
from eveproc.verdicts.roles import Confidence, Role, RoleFinding

STAMP = "2026-03-02T08:00:00.000000+0000"
RECORDED = Path(__file__).parents[2] / "data" / "office-suricata-7.eve.json.gz"
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


def test_a_summary_says_what_is_certain_and_asks_the_rest() -> None:
    done = CliRunner().invoke(main, ["discover", str(RECORDED)])
    assert done.stderr.splitlines() == [
        "Certain: 2 home networks, 1 mail server, 2 resolvers, 1 mail domain.",
        "To decide: 1 question.",
        "  ? exempt: is 10.20.147.133 a monitor that you know? connects to the same 1 external mail server",
        "    81 times, in 2 of 2 hours",
    ]


def test_a_summary_asks_for_each_doubtful_entry_and_bounds_their_number() -> None:
    unknown = Named("10.99.0.0/16", "hosts were seen in it: 10.99.1.9")
    doubtful = Named("example.org", "no message was seen", Confidence.MEDIUM)
    role = RoleFinding("10.20.0.9", Role.MAIL_SERVER, Confidence.MEDIUM, "delivers mail")
    found = Discovery(
        home_networks=(ip_network("10.20.0.0/16"),),
        hosts=1,
        findings=(role,),
        domains=(doubtful, Named("evil\x1b[2J", "is no domain", Confidence.MEDIUM)),
        submission=(),
        first=0.0,
        last=1.0,
        networks=(unknown,),
        separate_by=(Named("vlan", "3 addresses used by several machines"),),
        missing=("no smtp records were read",),
    )
    assert discovery_summary.render(found).splitlines() == [
        "Certain: 1 home network, 0 mail servers, 0 resolvers, 0 mail domains.",
        "To decide: 4 questions.",
        "  ? home_networks: is 10.99.0.0/16 yours? hosts were seen in it: 10.99.1.9",
        "  ? mail_servers: is 10.20.0.9 a mail server? delivers mail",
        "  ? internal_domains: is example.org yours? no message was seen",
        "  ? separate_by: does vlan tell your networks apart? 3 addresses used by several machines",
        "Not seen: no smtp records were read.",
    ]
    many = replace(found, networks=(unknown,) * 30, findings=())
    assert "  ... and 20 more in the comments of the proposal" in discovery_summary.render(many)


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
