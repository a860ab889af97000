"""Successive reports on one site -> each says what is new about every host, and every line counts
once.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from eveproc.cli import main
from eveproc.state.incremental import judge_new
from eveproc.state.state import open_state
from eveproc.verdicts.analyze import analyze
from rulegen.site_profile import load_site
from rulegen.vocabulary import Level
from tests.eveproc.office import CLERK, MAILER, RESOLVER, write
from tests.missing import refuse

HOUR, DAY = 3600, 86400
START = 1_709_287_200  # 2024-03-01T10:00:00Z


class Site:
    """A folder with a site.yaml, an eve.json and a state."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.eve = path / "eve.json"
        self.report = path / "report.txt"
        self.site = write(path)[1]
        self.eve.unlink()

    def writes(self, *events: dict[str, object]) -> None:
        with self.eve.open("a") as stream:
            stream.writelines(json.dumps(event) + "\n" for event in events)

    def reports(self, *more: str) -> Result:
        return CliRunner().invoke(
            main,
            [
                "report",
                f"{self.eve}*",
                "-s",
                self.site,
                "--state",
                str(self.path / "state.db"),
                *more,
            ],
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def stamp(time: float) -> str:
    return f"2024-03-{1 + int(time // DAY):02}T{int(time % DAY // HOUR):02}:{int(time % HOUR // 60):02}:{time % 60:09.6f}+0000"


def flow(time: float, host: str, to: str, port: int = 25) -> dict[str, object]:
    seen = {"start": stamp(time), "pkts_toclient": 9, "state": "closed"}
    ends = {
        "src_ip": host,
        "src_port": 40000 + int(time) % 9999,
        "dest_ip": to,
        "dest_port": port,
        "proto": "TCP",
    }
    tcp = {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"}
    return {
        "timestamp": stamp(time),
        "flow_id": int(time * 10),
        "event_type": "flow",
        **ends,
        "flow": seen,
        "tcp": tcp,
    }


def asked(time: float, host: str, number: int) -> dict[str, object]:
    dns = {
        "version": 3,
        "type": "request",
        "id": number,
        "queries": [{"rrname": f"victim{number}.example", "rrtype": "MX"}],
    }
    ends = {
        "src_ip": host,
        "src_port": 50000 + number % 9999,
        "dest_ip": RESOLVER,
        "dest_port": 53,
        "proto": "UDP",
    }
    return {
        "timestamp": stamp(time),
        "flow_id": int(time * 10) + 1,
        "event_type": "dns",
        **ends,
        "dns": dns,
    }


def lease(time: float, address: str, mac: str, name: str) -> dict[str, object]:
    dhcp = {
        "type": "reply",
        "dhcp_type": "ack",
        "client_mac": mac,
        "assigned_ip": address,
        "hostname": name,
        "lease_time": 3600,
    }
    ends = {
        "src_ip": "10.20.0.1",
        "src_port": 67,
        "dest_ip": "255.255.255.255",
        "dest_port": 68,
        "proto": "UDP",
    }
    return {"timestamp": stamp(time), "event_type": "dhcp", **ends, "dhcp": dhcp}


def mailing(
    time: float, host: str = MAILER, count: int = 60, every: float = 1
) -> list[dict[str, object]]:
    """So many mails to as many servers, each after a question for its domain."""
    numbers = range(count)
    questions = [asked(time + every * number, host, number) for number in numbers]
    return questions + [
        flow(time + every * number, host, f"198.51.{number}.25") for number in numbers
    ]


def web(time: float, *hosts: str) -> list[dict[str, object]]:
    return [flow(time, host, "198.51.100.80", 443) for host in hosts]


def changes(result: Result) -> list[str]:
    """What the report says has changed, without the number of hosts."""
    assert (result.exit_code, result.exception) == (0, None)
    lines = result.stdout.split("\n")
    return [
        line.strip()
        for line in lines
        if line.startswith("  ") and line.strip().split(" (")[0] in TRENDS
    ]


TRENDS = ("new", "worse", "still", "recovered", "gone quiet")


def test_a_first_report_says_nothing_of_changes(site: Site) -> None:
    site.writes(*mailing(0), *web(0, CLERK))
    first = site.reports()
    assert "INFECTED" in first.stdout
    assert "Since the report" not in first.stdout


def test_the_day_after_a_host_is_new_still_recovered(site: Site) -> None:
    site.writes(*web(0, MAILER, CLERK))
    site.reports()
    site.writes(*mailing(DAY), *web(DAY, CLERK))
    assert changes(site.reports()) == [f"new (1): {MAILER}"]
    site.writes(*mailing(2 * DAY), *web(2 * DAY, CLERK))
    assert changes(site.reports()) == [f"still (1): {MAILER}"]
    site.writes(*web(3 * DAY, MAILER, CLERK))
    assert changes(site.reports()) == [f"recovered (1): {MAILER}"]
    site.writes(*web(4 * DAY, MAILER, CLERK))
    assert changes(site.reports()) == []


def test_suspected_then_infected_is_worse(site: Site) -> None:
    site.writes(*web(0, CLERK))
    site.reports()
    site.writes(*mailing(DAY, count=12, every=300))
    assert changes(site.reports()) == [f"new (1): {MAILER}"]
    site.writes(*mailing(DAY + 4 * HOUR))
    assert changes(site.reports()) == [f"worse (1): {MAILER}"]


def test_a_host_that_is_switched_off_has_gone_quiet_and_is_the_same_when_it_is_back(
    site: Site,
) -> None:
    site.writes(*mailing(0), *web(0, CLERK))
    site.reports()
    site.writes(*web(DAY + HOUR, CLERK))
    assert changes(site.reports()) == [f"gone quiet (1): {MAILER}"]
    site.writes(*web(2 * DAY, CLERK))
    assert changes(site.reports()) == []
    site.writes(*mailing(3 * DAY))
    assert changes(site.reports()) == [f"still (1): {MAILER}"]


def test_a_silent_sensor_says_nothing_of_hosts(site: Site) -> None:
    site.writes(*mailing(0), *web(0, CLERK))
    site.reports()
    silent = site.reports()
    assert silent.stdout.startswith("Nothing new since 2024-03-01 ")
    assert silent.exit_code == 0
    assert changes(silent) == []
    site.writes(*mailing(DAY))
    assert changes(site.reports()) == [f"still (1): {MAILER}"]


def test_reports_of_every_hour_follow_one_infection(site: Site) -> None:
    """It counts for half a day after it was last seen; then it has ended, and reported evidence
    does not count again.
    """
    site.writes(*web(0, MAILER, CLERK))
    site.reports()
    told = []
    for hour in range(1, 30):
        site.writes(
            *(mailing(hour * HOUR, every=10) if hour in (2, 3) else ()),
            *web(hour * HOUR + 1800, MAILER, CLERK),
        )
        told.append(changes(site.reports()))
    assert told[0] == []
    assert told[1] == [f"new (1): {MAILER}"]
    assert all(said == [f"still (1): {MAILER}"] for said in told[2:14])
    assert told[14] == [f"recovered (1): {MAILER}"]
    assert told[15:] == [[]] * 14


def test_what_was_begun_before_a_report_counts_after_it(site: Site) -> None:
    """A slow mailer whose hours lie on both sides of a report."""
    slow = mailing(0, count=20, every=600)
    slow.sort(key=lambda event: str(event["timestamp"]))
    site.writes(*web(0, CLERK), *slow[:20])
    before = site.reports()
    assert "INFECTED" not in before.stdout
    site.writes(*web(4 * HOUR, CLERK), *slow[20:])
    after = site.reports("-f", "json", "--all")
    whole = analyze([str(site.eve)], load_site(Path(site.site)))
    expected = next(verdict for verdict in whole.verdicts if verdict.host == MAILER)
    said = next(
        verdict
        for verdict in map(json.loads, after.stdout.splitlines())
        if verdict["host"] == MAILER
    )
    assert (said["verdict"], said["score"]) == (expected.level, expected.score)
    assert expected.level is Level.INFECTED


def test_a_machine_keeps_its_episode_at_another_address_that_its_old_one_passes_on(
    site: Site,
) -> None:
    mac, other = "02:00:00:00:00:07", "02:00:00:00:00:08"
    site.writes(lease(0, MAILER, mac, "lap-7"), *mailing(60), *web(60, CLERK))
    site.reports()
    moved = [lease(DAY, "10.20.1.99", mac, "lap-7"), lease(DAY, MAILER, other, "desk-8")]
    site.writes(*moved, *mailing(DAY + 60, "10.20.1.99"), *web(DAY + 60, MAILER, CLERK))
    assert changes(site.reports()) == ["still (1): 10.20.1.99 (lap-7)"]
    site.writes(*web(2 * DAY, MAILER, CLERK))
    assert changes(site.reports()) == ["gone quiet (1): 10.20.1.99 (lap-7)"]


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 240), max_size=5).map(sorted))
def test_however_often_it_is_read_a_day_gives_the_verdicts_of_one_reading(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    site = Site(tmp_path_factory.mktemp("site"))
    events = [*mailing(0, every=60), *mailing(1800, "10.20.1.9", count=60, every=240)]
    events.sort(key=lambda event: str(event["timestamp"]))
    profile = load_site(Path(site.site))
    with open_state(site.path / "state.db") as state:
        for start, stop in zip([0, *cuts], [*cuts, len(events)], strict=True):
            site.writes(*events[start:stop])
            if site.eve.stat().st_size:
                pending = judge_new(state, [str(site.eve)], profile, now=START + 30 * DAY)
                pending.keep(state)
        last = [flow(7 * HOUR, host, "198.51.100.80", 443) for host in (MAILER, "10.20.1.9")]
        site.writes(*last)
        told = {
            v.host: (v.level, v.score)
            for v in judge_new(
                state, [str(site.eve)], profile, now=START + 30 * DAY
            ).report.verdicts
        }
    whole = analyze([str(site.eve)], profile)
    assert told == {v.host: (v.level, v.score) for v in whole.verdicts if v.host in told}
    assert set(told) == {MAILER, "10.20.1.9"}


def test_programs_are_told_what_changed(site: Site) -> None:
    site.writes(*mailing(0), *web(0, CLERK))
    (first,) = site.reports("-f", "json").stdout.splitlines()
    assert "change" not in json.loads(first)
    site.writes(*mailing(DAY))
    (second,) = site.reports("-f", "json").stdout.splitlines()
    change = json.loads(second)["change"]
    assert (change["trend"], change["previous"], change["first_reported"]) == (
        "still",
        "infected",
        "2024-03-01T00:00:59.000000Z",
    )
    site.writes(*web(2 * DAY, MAILER))
    lines = site.reports("-f", "json", "--all").stdout.splitlines()
    recovered = next(told for told in map(json.loads, lines) if told["host"] == MAILER)
    assert (recovered["verdict"], recovered["change"]["trend"], recovered["change"]["episode"]) == (
        "clean",
        "recovered",
        change["episode"],
    )


def test_a_report_that_cannot_be_written_is_made_again(site: Site) -> None:
    site.writes(*web(0, CLERK))
    site.reports()
    site.writes(*mailing(DAY))
    refused = site.reports("-o", str(site.path / "no" / "report.txt"))
    assert refused.exit_code == 1
    assert "cannot be written" in refused.stderr
    assert changes(site.reports()) == [f"new (1): {MAILER}"]


def test_what_was_written_to_a_log_that_is_gone_is_said_to_be_lost(site: Site) -> None:
    site.writes(*web(0, CLERK))
    site.reports()
    size = site.eve.stat().st_size
    site.eve.write_text("")
    site.writes(*web(DAY, CLERK, MAILER))
    lost = site.reports()
    assert f"{site.eve}: the log that was read up to byte {size} was not found again" in lost.stderr
    site.writes(*web(2 * DAY, CLERK))
    assert "not found again" not in site.reports().stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (
            ("--until", "2024-03-02"),
            2,
            "--until cannot be used with --state: the events it leaves out would never be read "
            "again",
        ),
        (("-o", "{state}"), 2, "would be overwritten by a report"),
        (("--stats", "{state}"), 2, "would be overwritten by a report"),
    ],
)
def test_what_would_lose_something_is_refused(
    site: Site, options: tuple[str, ...], code: int, message: str
) -> None:
    site.writes(*web(0, CLERK))
    refused = site.reports(*(option.format(state=site.path / "state.db") for option in options))
    assert refused.exit_code == code
    assert message in refused.stderr


def test_standard_input_cannot_be_remembered(site: Site) -> None:
    result = CliRunner().invoke(
        main, ["report", "-", "-s", site.site, "--state", str(site.path / "state.db")], input="{}\n"
    )
    assert result.exit_code == 1
    assert (
        result.stderr
        == "eveproc: -: cannot be found again by the next run; --state reads files only\n"
    )


def test_a_file_that_is_no_eve_is_refused_and_not_remembered(site: Site) -> None:
    site.eve.write_text("no json\n" * 9)
    assert site.reports().exit_code == 1
    site.eve.write_text("")
    site.writes(*mailing(0))
    assert "INFECTED" in site.reports().stdout


def test_a_second_run_at_the_same_time_says_so_and_leaves(site: Site) -> None:
    site.writes(*mailing(0))
    with open_state(site.path / "state.db"):
        refused = site.reports()
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "state.db: is in use by another eveproc" in refused.stderr


def test_since_leaves_old_events_out_of_a_first_report(site: Site) -> None:
    site.writes(*mailing(0), *web(DAY, CLERK, MAILER))
    assert "INFECTED" not in site.reports("--since", "2024-03-01T12:00").stdout


# A disk of its own for the state, of 160 KB, for this one command; what is on it then is copied
# back.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=160k tmpfs "$1"; cp "$2" "$1/state.db"; state=$1; kept=$3; shift 3
code=0; "$@" --state "$state/state.db" || code=$?
cp "$state"/state.db* "$kept"; exit $code
"""


def test_a_full_disk_loses_nothing(site: Site) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        refuse("mounting a small disk takes root and the right to mount")
    site.writes(*web(0, CLERK))
    site.reports()
    site.writes(
        *(
            event
            for host in range(20)
            for event in mailing(DAY + host * 60, f"10.20.1.{100 + host}")
        )
    )
    small, kept = site.path / "small", site.path / "kept"
    small.mkdir()
    kept.mkdir()
    command = [
        str(Path(sys.executable).with_name("eveproc")),
        "report",
        str(site.eve),
        "-s",
        site.site,
    ]
    places = [str(small), str(site.path / "state.db"), str(kept)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", ON_A_SMALL_DISK, "sh", *places, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("state.db: cannot be used: database or disk is full\n")
    assert "20 infected" in done.stdout
    for path in kept.iterdir():
        shutil.copyfile(path, site.path / path.name)
    again = site.reports()
    assert changes(again)[0].startswith("new (20): ")
    assert changes(site.reports()) == []


def test_a_machine_in_one_of_several_networks_has_one_episode(site: Site) -> None:
    """Two nights: the mailer of VLAN 10 is one finding, and the phone of VLAN 20 does not
    end it.
    """

    def night(start: float) -> list[dict[str, object]]:
        bot = [event | {"vlan": [10]} for event in mailing(start)]
        phone = [asked(start + 60, MAILER, 901), asked(start + 90, MAILER, 902)]
        return bot + [event | {"vlan": [20]} for event in phone]

    found = []
    for number in range(2):
        site.writes(*night(number * DAY))
        lines = site.reports("-f", "json", "--all").stdout.splitlines()
        found.append([json.loads(line) for line in lines])
    infected = [[h for h in hosts if h["verdict"] == "infected"] for hosts in found]
    assert [[h["scope"] for h in hosts] for hosts in infected] == [["vlan=10"], ["vlan=10"]]
    assert infected[0][0].get("change") is None
    assert infected[1][0]["change"]["trend"] == "still"
