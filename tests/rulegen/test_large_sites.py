"""Sites of thousands of networks and servers: built in seconds, loaded by every engine, and right
for each host."""

import sys
from collections.abc import Callable
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from types import FrameType

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from rulegen.addresses import (
    LONGEST_LITERAL,
    LONGEST_VALUE,
    AddressLists,
    SiteNetworks,
    expanded,
    variable_set_by,
)
from rulegen.build import build
from rulegen.check import check
from rulegen.cli import commands
from rulegen.engines import try_rules
from rulegen.networks import NetworkIndex, is_within
from rulegen.rulesfile import LONGEST_RULE
from rulegen.site_profile import Network, SiteProfile, build_profile, load_site
from rulegen.vocabulary import SURICATAS, Engine
from rulegen.yamlfile import parse_yaml
from tests.engines.replay import installed, replay
from tests.packets import MX, Wire, question

TODAY = date(2026, 3, 2)
# As at a large university, and what an engine loads quickly while others use the machine as well.
LARGE, MEDIUM = (10_000, 2_000), (1_200, 300)
RESOLVER = "192.0.2.53"


def large(networks: int, servers: int) -> SiteProfile:
    """Every second /24 of 10/8, and servers scattered over them: nothing can be joined."""
    return SiteProfile(
        tuple(ip_network(((10 << 24) + (n << 9), 24)) for n in range(networks)),
        mail_servers=tuple(
            ip_network((10 << 24) + ((n * 3 % networks) << 9) + 25 + 2 * (n * 3 // networks))
            for n in range(servers)
        ),
    )


def as_yaml(site: SiteProfile) -> str:
    home = "".join(f"  - {network}\n" for network in site.home_networks)
    servers = "".join(f"  - {server.network_address}\n" for server in site.mail_servers)
    return f"home_networks:\n{home}mail_servers:\n{servers}"


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("medium")
    build(large(*MEDIUM), (), out, TODAY)
    return out


def calls_of(work: Callable[[], object]) -> int:
    """How many functions a piece of work calls: its time, without the noise of the machine."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_ten_thousand_networks_are_read_and_built(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(as_yaml(large(*LARGE)))
    build(load_site(path), (), tmp_path / "out", TODAY)
    for engine in SURICATAS:
        rules = (tmp_path / "out" / engine / "mxhound.rules").read_bytes()
        assert max(map(len, rules.split(b"\n"))) <= LONGEST_RULE
    conf = (tmp_path / "out" / Engine.SNORT_29 / "mxhound.conf").read_bytes()
    assert max(map(len, conf.split(b"\n"))) < LONGEST_VALUE[Engine.SNORT_29] + 100


def plain(networks: int) -> str:
    return as_yaml(large(networks, networks // 5))


def with_exceptions(networks: int) -> str:
    """Every eighth network with a threshold of its own, every second with an exemption."""
    site = large(networks, 10)
    own = "".join(
        f"      {network}: {{count: 9, seconds: 60}}\n" for network in site.home_networks[::8]
    )
    exempt = "".join(
        f"  - {{network: {network}, signals: [mx_flood], reason: r}}\n"
        for network in site.home_networks[::2]
    )
    return f"{as_yaml(site)}thresholds:\n  mx_flood:\n    networks:\n{own}exempt:\n{exempt}"


@pytest.mark.parametrize("text", [plain, with_exceptions])
def test_the_time_of_a_build_grows_no_faster_than_the_site(
    tmp_path: Path, text: Callable[[int], str]
) -> None:
    """Four times the site, n log n: 4 * log(2400) / log(600) = 4.9 times the work; n
    squared: 16.
    """

    def work(networks: int) -> int:
        site = build_profile(parse_yaml(text(networks), "site.yaml"))
        return calls_of(lambda: build(site, (), tmp_path, TODAY))

    work(10)  # what is done once
    assert work(2400) < 5 * work(600)


def test_short_lists_stay_literal_and_long_ones_go_into_variables() -> None:
    for count, literal in ((LONGEST_LITERAL // 14, True), (LONGEST_LITERAL // 6, False)):
        lists = AddressLists(SiteNetworks(large(count, 1)), Engine.SURICATA_7)
        assert ("MXHOUND" not in lists.watched()) is literal
        assert (lists.variables == []) is literal
    assert lists.watched() == "[$MXHOUND_HOME_NET_1,!10.0.0.25]"
    assert lists.external == "[!$MXHOUND_HOME_NET_1]"
    assert dict(lists.groups())["HOME_NET"] == "[$MXHOUND_HOME_NET_1]"
    assert [name for name, _ in lists.variables] == ["MXHOUND_HOME_NET_1"]


@pytest.mark.parametrize("engine", Engine)
def test_the_variables_say_what_the_literal_list_would(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = large(*MEDIUM)
    lists = AddressLists(SiteNetworks(site), engine)
    header = lists.watched()
    members = {name: value.strip("[]").split(",") for name, value in lists.variables}
    monkeypatch.setattr("rulegen.addresses.LONGEST_LITERAL", 10_000_000)
    assert expanded(header, members) == AddressLists(SiteNetworks(site), engine).watched()


def test_check_understands_a_large_build(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rulegen.check.find_engine", lambda _: None)
    assert check(medium).problems == ()


@pytest.mark.parametrize(
    ("engine", "settings", "line"),
    [
        (Engine.SURICATA_8, "mxhound.yaml", "vars.address-groups.MXHOUND_EXCEPT_"),
        (Engine.SNORT_29, "mxhound.conf", "ipvar MXHOUND_EXCEPT_"),
        (Engine.SNORT_3, "mxhound.lua", "ips.variables.nets.MXHOUND_EXCEPT_"),
    ],
)
def test_a_variable_that_is_missing_is_named(
    engine: Engine,
    settings: str,
    line: str,
    medium: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rulegen.check.find_engine", lambda _: None)
    for file in (medium / engine).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    kept = (tmp_path / settings).read_text().splitlines(keepends=True)
    (tmp_path / settings).write_text("".join(one for one in kept if not one.startswith(line)))
    problems = [str(problem) for problem in check(tmp_path, engine).problems]
    assert any(
        "sid 1250001 uses $MXHOUND_EXCEPT_" in text and f"which {settings} does not set" in text
        for text in problems
    )
    (tmp_path / settings).unlink()
    problems = [str(problem) for problem in check(tmp_path / "mxhound.rules", engine).problems]
    assert any("uses $MXHOUND_HOME_NET_1" in text for text in problems)


def test_a_change_within_a_variable_is_told(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(as_yaml(large(1_200, 300)))
    arguments = ["build", "-s", str(site), "-o", str(tmp_path), "-e", "suricata-8"]
    assert CliRunner().invoke(commands, arguments).exit_code == 0
    site.write_text(as_yaml(large(1_200, 300)) + "  - 10.0.0.99\n")
    result = CliRunner().invoke(commands, [*arguments, "--diff", str(tmp_path)])
    assert "sid 1250001 mx_flood: source +!10.0.0.99 (mail_servers)" in result.stdout


@pytest.mark.parametrize("size", [MEDIUM, LARGE], ids=str)
def test_a_real_suricata_loads_a_large_build(
    suricata: Engine, size: tuple[int, int], tmp_path: Path
) -> None:
    build(large(*size), [suricata], tmp_path, TODAY)
    folder = tmp_path / suricata
    trial = try_rules(
        installed(suricata),
        folder / "mxhound.rules",
        threshold_config=folder / "threshold.config",
        settings=folder / "mxhound.yaml",
    )
    assert trial.clean, trial


def test_a_real_snort_loads_a_large_build(snort: Engine, tmp_path: Path) -> None:
    build(large(*LARGE), [snort], tmp_path, TODAY)
    report = check(tmp_path / snort)
    assert report.problems == ()
    assert any("without complaint" in text for text in report.passed)


def test_on_a_large_site_a_host_alerts_and_its_servers_do_not(
    suricata: Engine, medium: Path, tmp_path: Path
) -> None:
    site, wire = large(*MEDIUM), Wire()
    first, last = site.home_networks[0], site.home_networks[-1]
    hosts = [str(network.network_address + 7) for network in (first, last)]
    silent = [
        str(site.mail_servers[0].network_address),
        str(site.mail_servers[-1].network_address),
        "10.0.1.7",  # between two home networks
        "172.16.0.7",
    ]
    for host in (*hosts, *silent):
        for number in range(12):
            wire.ask(number, host, RESOLVER, question(f"d{number}.example", MX))
        for number in range(40):
            wire.syn(number / 4, host, f"198.51.100.{number}", 25)
            wire.syn(number / 4 + 0.1, host, hosts[0], 25)  # inside: not counted
    eve = replay(
        suricata, wire.write(tmp_path / "mx.pcap"), tmp_path / "log", build=medium / suricata
    )
    alerts = {
        (event.sid, event.src_ip)
        for event in read_events([str(eve)], ReadStats())
        if event.TYPE == "alert"
    }
    for sid in (1250001, 1250101):
        assert {host for at, host in alerts if at == sid} == set(hosts)
    assert {host for _, host in alerts} == set(hosts)


V4 = st.tuples(st.integers(0, 2**10 - 1), st.integers(22, 32)).map(
    lambda part: ip_network(((10 << 24) + (part[0] << 32 - part[1] & 0x3FF), part[1]), strict=False)
)
V6 = st.tuples(st.integers(0, 255), st.integers(120, 128)).map(
    lambda part: ip_network(((0x20010DB8 << 96) + part[0], part[1]), strict=False)
)


@given(st.lists(V4 | V6, max_size=12), V4 | V6)
def test_the_index_answers_as_looking_at_all_of_them_would(
    networks: list[Network], asked: Network
) -> None:
    index = NetworkIndex(networks)
    assert set(index.within(asked)) == {one for one in networks if is_within(one, asked)}
    around = {one for one in networks if is_within(asked, one)}
    assert set(index.overlapping(asked)) == {*index.within(asked), *around}
    largest = min(around, key=lambda one: one.prefixlen, default=None)
    assert index.covering(asked) == largest


@given(V4 | V6, V4 | V6)
def test_within_is_that_of_the_standard_library(inner: Network, outer: Network) -> None:
    same = inner.version == outer.version
    assert is_within(inner, outer) is (same and inner.subnet_of(outer))  # type: ignore[arg-type]


def test_what_a_line_of_settings_sets() -> None:
    assert variable_set_by('vars.address-groups.MXHOUND_X_1: "[10.0.0.1,10.0.0.2]"') == (
        "MXHOUND_X_1",
        ["10.0.0.1", "10.0.0.2"],
    )
    assert variable_set_by("ipvar MXHOUND_X_1 [10.0.0.1]") == ("MXHOUND_X_1", ["10.0.0.1"])
    assert variable_set_by("ips.variables.nets.MXHOUND_X_1 = '[10.0.0.1]'") == (
        "MXHOUND_X_1",
        ["10.0.0.1"],
    )
    assert variable_set_by('vars.address-groups.HOME_NET: "[10.0.0.1]"') is None
