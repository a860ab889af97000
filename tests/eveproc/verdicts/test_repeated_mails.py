"""Mails that a sensor sees on both sides of NAT -> the host that sent them."""

from msgspec.structs import replace

from eveproc.block import plan, read_report
from eveproc.report.json_report import render
from rulegen.vocabulary import Level
from tests.eveproc.evidence_of import START, report, site_of
from tests.eveproc.networks import GATEWAY, bot, seen

WAN, SERVER, PC = "198.51.100.7", "10.20.0.25", "10.20.1.7"
SITE = f'home_networks: [10.20.0.0/16, "{WAN}/32"]\nmail_servers: [{SERVER}]\n'


def translated(events, later=0.1):
    """The same as seen on the other side of NAT: another address, another port."""
    return [
        replace(
            e,
            client=WAN,
            client_port=e.client_port + 7,
            flow_id=e.flow_id + 99,
            time=e.time + later,
        )
        for e in events
        if e.TYPE != "dns"
    ]


def left_out(found, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(render(found, found.verdicts))
    made = plan(read_report(path), site_of(SITE), START + 900, hours=24, at_most=10)
    return [str(b.host) for b in made.blocks], {str(o.host): o.why for o in made.left_out}


def test_mails_of_the_declared_server_are_not_the_firewalls(tmp_path):
    mails = list(bot(SERVER, number=40))
    found = report([*mails, *translated(mails)], site_of(SITE))
    verdict = next(v for v in found.verdicts if v.host == WAN)
    assert verdict.level is Level.SUSPECTED
    assert verdict.repeats == (SERVER,)
    assert f"The same mails were seen from {SERVER}" in verdict.why
    assert any(WAN in line and SERVER in line for line in found.health)
    blocked, why = left_out(found, tmp_path)
    assert not blocked
    assert (
        why[WAN]
        == f"repeats mails of the declared mail server {SERVER}: it is the site's own NAT address"
    )


def test_a_bot_behind_nat_is_named_itself(tmp_path):
    mails = list(bot(PC, number=40))
    found = report([*mails, *translated(mails)], site_of(SITE))
    assert {v.host: v.level for v in found.verdicts} == {PC: Level.INFECTED, WAN: Level.SUSPECTED}
    blocked, why = left_out(found, tmp_path)
    assert blocked == [PC]
    assert "internal host 10.20.1.7" in why[WAN]


def test_a_host_with_mails_of_its_own_is_infected(tmp_path):
    """The same recipients at other times are another mailing."""
    mails = list(bot(SERVER, number=40))
    found = report([*mails, *translated(mails, later=60)], site_of(SITE))
    verdict = next(v for v in found.verdicts if v.host == WAN)
    assert (verdict.level, verdict.repeats) == (Level.INFECTED, ())
    assert left_out(found, tmp_path)[0] == [WAN]


def test_a_router_is_never_blocked(tmp_path):
    """Other hosts reach external addresses by its MAC, and no other home address has that MAC."""
    others = [e for e in bot("10.20.1.9", number=2) if e.TYPE == "flow"]
    events = seen(others, client_mac="02:00:00:00:00:09", server_mac=GATEWAY)
    events += seen(bot(PC), client_mac=GATEWAY)
    found = report(events, site_of(SITE))
    assert [(v.host, v.is_router) for v in found.verdicts] == [(PC, True), ("10.20.1.9", False)]
    blocked, why = left_out(found, tmp_path)
    assert not blocked
    assert why[PC] == "router or gateway: other machines are behind it"


def test_one_of_several_machines_with_an_address_is_blocked_in_its_own_network_only(tmp_path):
    events = [*seen(bot(PC), vlan=(10,)), *seen(bot(PC, start=605), vlan=(20,))]
    found = report(events, site_of(f"{SITE}separate_by: [vlan]\n"))
    assert {v.scope for v in found.verdicts} == {"vlan=10", "vlan=20"}
    blocked, why = left_out(found, tmp_path)
    assert not blocked
    assert "--scope vlan=" in why[PC]
    path = tmp_path / "report.json"
    made = plan(
        read_report(path), site_of(SITE), START + 900, hours=24, at_most=10, scope="vlan=20"
    )
    assert len(made.blocks) == 1
