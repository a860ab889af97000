"""A report -> files that block mail: which hosts, which never, until when; no text of a host is in
them.
"""

import json
import re
from ipaddress import ip_address

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from eveproc import block
from eveproc.block import Candidate, files, plan, read_report
from eveproc.cli import main
from eveproc.input.events import Alert
from eveproc.report.json_report import as_dict
from rulegen.catalogue import own_sids
from rulegen.errors import InputError, MxhoundError
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Level
from rulegen.yamlfile import parse_yaml
from tests.eveproc.eve_lines import HOST, SITE, START, quiet
from tests.eveproc.made_verdicts import INFECTED, SUSPECTED
from tests.eveproc.watching.test_notify import HOSTILE_NAMES

NOW = START + 3600
EXEMPT = (
    "exempt:\n  - {network: 10.20.8.0/24, reason: news letters}\n"
    "  - {network: 10.20.9.9, signals: [mx_flood], reason: tests, until: 2026-03-01}\n"
)


@pytest.fixture
def site():
    return build_profile(parse_yaml(SITE + EXEMPT, "site.yaml"))


def infected(host, score=0.99, level=Level.INFECTED, seen=START):
    return Candidate(ip_address(host), level, score, seen)


def planned(site, *candidates, hours=24, at_most=10):
    made = plan(candidates, site, NOW, hours=hours, at_most=at_most)
    return [str(b.host) for b in made.blocks], {str(o.host): o.why for o in made.left_out}


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (infected("10.20.0.25"), "is declared in mail_servers"),
        (infected("10.20.0.53"), "is declared in resolvers"),
        (infected("198.51.100.1"), "not in home_networks"),
        (infected("::ffff:10.20.1.7"), "not in home_networks"),
        (infected("10.20.8.77"), "is exempt: news letters"),
        (infected(HOST, level=Level.SUSPECTED), "is suspected; only infected hosts are blocked"),
        (infected(HOST, level=Level.CLEAN), "is clean; only infected hosts are blocked"),
        (
            infected(HOST, seen=NOW - 25 * 3600),
            "its last suspicious event was at 2026-03-01 08:00:00Z, longer ago than a block lasts",
        ),
    ],
)
def test_who_is_never_blocked(site, candidate, why):
    assert planned(site, candidate) == ([], {str(candidate.host): why})


@pytest.mark.parametrize(("written", "refused"), [(0, True), (4, False)])
def test_a_report_without_judgement_ends_no_block(tmp_path, written, refused):
    """Loading an empty list after a night without a sensor would unblock infected hosts."""
    site, eve, told = (tmp_path / name for name in ("site.yaml", "eve.json", "report.json"))
    site.write_text(SITE)
    eve.write_bytes(b"".join(quiet(START + n) for n in range(written)))
    made = ["report", str(eve), "-s", str(site), "-f", "json", "-o", str(told)]
    assert CliRunner().invoke(main, made).exit_code == (4 if refused else 0)
    result = CliRunner().invoke(main, ["block", str(told), "-s", str(site), "--dry-run"])
    assert result.exit_code == (1 if refused else 0), result.output
    assert ("no host could be judged" in result.stderr) is refused


def test_an_exemption_that_has_ended_protects_nobody(site):
    assert planned(site, infected("10.20.9.9")) == (["10.20.9.9"], {})


def test_no_more_than_so_many_the_worst_first(site):
    hosts = [infected(f"10.20.3.{n}", score=0.9 + n / 1000) for n in range(12)] + [
        infected("2001:db8:20::7", score=1.0)
    ]
    blocked, left_out = planned(site, *hosts, at_most=3)
    assert blocked == ["2001:db8:20::7", "10.20.3.11", "10.20.3.10"]
    assert len(left_out) == 10
    assert (
        left_out["10.20.3.9"] == "the maximum of 3 hosts is reached; investigate before raising it"
    )


@given(st.floats(0, 4e9), st.floats(0.01, 720))
def test_every_block_has_an_end_no_later_than_asked_for(seen, hours):
    site = build_profile(parse_yaml(SITE, "site.yaml"))
    made = plan([infected(HOST, seen=seen)], site, NOW, hours=hours, at_most=10)
    assert all(NOW < one.until <= NOW + hours * 3600 for one in made.blocks)
    timeouts = re.findall(r"timeout (\d+)s", files(made, site)["nftables.nft"])
    assert [1 <= int(seconds) <= hours * 3600 + 1 for seconds in timeouts] == [True] * len(
        made.blocks
    )


def test_the_files(site):
    made = plan([infected(HOST), infected("2001:db8:20::7")], site, NOW, hours=24, at_most=10)
    texts = files(made, site, drop=True)
    assert texts["dataset.lst"] == "10.20.1.7\n2001:db8:20::7\n"
    assert texts["iprep.list"].endswith(
        "Z. How to undo it: docs/feeding-back.md.\n10.20.1.7,1,127\n2001:db8:20::7,1,127\n"
    )
    assert texts["iprep-categories.txt"].endswith("\n1,mxhound,Hosts judged infected by eveproc\n")
    assert "elements = { 10.20.1.7 timeout 82800s }" in texts["nftables.nft"]
    assert (
        texts["dataset.rules"]
        .splitlines()[1]
        .startswith("drop tcp any any -> [!10.20.0.0/16,!2001:db8:20::/48] [25,465,587] (msg:")
    )
    assert files(made, site)["iprep.rules"].splitlines()[1].startswith("alert tcp any any -> ")
    assert texts == files(made, site, drop=True)


def test_alerts_of_the_block_are_no_evidence(site):
    from eveproc.signals.own_alerts import AlertReader

    sids = {site.sid_base + offset for offset in (block.DATASET_OFFSET, block.IPREP_OFFSET)}
    assert not sids & set(own_sids(site))
    for sid in sids:
        alert = Alert(
            time=START,
            sid=sid,
            gid=1,
            src_ip=HOST,
            dest_ip="198.51.100.1",
            dest_port=25,
            proto="TCP",
            flow_src=HOST,
            metadata={},
        )
        assert AlertReader(site).read(alert) is None


def line_of(**fields):
    return json.dumps({**as_dict(INFECTED), **fields})


@pytest.fixture
def report(tmp_path):
    return tmp_path / "report.json"


def test_of_several_lines_on_one_host_the_last_counts(report):
    report.write_text(
        f"{line_of()}\n{line_of(verdict='clean')}\n{json.dumps(as_dict(SUSPECTED))}\n"
    )
    assert [(str(c.host), c.level) for c in read_report(report)] == [
        ("10.20.1.7", Level.CLEAN),
        ("2001:db8:20::9", Level.SUSPECTED),
    ]
    report.write_text(line_of(last_seen=None))
    assert [c.last_seen for c in read_report(report)] == [0.0]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "null",
        '"host"',
        "{}",
        "[" * 100_000,
        line_of(host="10.20.1.7; reboot"),
        line_of(host="fe80::1%eth0"),
        line_of(host=["10.20.1.7"]),
        line_of(verdict="INFECTED"),
        line_of(score="high"),
        line_of(last_seen="yesterday"),
        line_of(last_seen=5),
    ],
)
def test_what_is_no_verdict_is_refused_with_its_line(report, line):
    report.write_text(f"{line_of()}\n{line}\n")
    with pytest.raises(InputError) as refused:
        read_report(report)
    assert str(refused.value) == (
        f"{report}:2: invalid verdict: expected a line of eveproc report -f json with host (an "
        "address), verdict, score, last_seen"
    )


def test_a_file_that_is_no_report_is_one_error(report):
    report.write_text("home_networks:\n" * 9)
    with pytest.raises(InputError) as refused:
        read_report(report)
    assert len(refused.value.problems) == 1
    report.write_text("\n".join([line_of(), *["home_networks:"] * 9]))
    with pytest.raises(InputError) as refused:
        read_report(report)
    assert len(refused.value.problems) == 9


def test_a_report_that_is_not_there_is_refused(report):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_report(report)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_nothing_that_a_host_says_of_itself_gets_into_a_file(site, report, name):
    nft_and_rules = (
        f'{name}"; }} flush ruleset; include "/etc/passwd"\nalert ip any any -> any any (sid:1;)'
    )
    identity = {"mac": nft_and_rules, "name": nft_and_rules, "addresses": [nft_and_rules]}
    report.write_text(
        line_of(
            identity=identity, why=nft_and_rules, next_step=nft_and_rules, families=[nft_and_rules]
        )
        + "\n"
    )
    hostile = files(plan(read_report(report), site, NOW, hours=10_000_000, at_most=10), site)
    report.write_text(line_of() + "\n")
    assert hostile == files(
        plan(read_report(report), site, NOW, hours=10_000_000, at_most=10), site
    )


def run(*arguments):
    return CliRunner().invoke(main, ["block", *map(str, arguments)])


@pytest.fixture
def inputs(tmp_path, report, monkeypatch):
    monkeypatch.setattr("eveproc.cli.block.time.time", lambda: NOW)
    (tmp_path / "site.yaml").write_text(SITE)
    report.write_text(
        "".join(
            f"{line_of(host=host, last_seen='2026-03-02T08:00:00Z')}\n"
            for host in (HOST, "10.20.0.25")
        )
    )
    return report, "-s", tmp_path / "site.yaml"


def test_a_dry_run_shows_everything_and_writes_nothing(inputs, tmp_path):
    result = run(*inputs, "--dry-run", "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "blocked   10.20.1.7 until 2026-03-03 08:00:00Z\nleft out  10.20.0.25: is declared in "
        "mail_servers\n\n--- nftables.nft\n"
    )
    assert [line for line in result.stdout.splitlines() if line.startswith("---")] == [
        f"--- {name}" for name in block._FILES
    ]
    assert not (tmp_path / "out").exists()


def test_files_are_written_into_the_folder(inputs, tmp_path):
    result = run(*inputs, "-o", tmp_path / "out", "--drop", "--hours", "2")
    assert result.stdout.splitlines()[0] == "blocked   10.20.1.7 until 2026-03-02 10:00:00Z"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(block._FILES)
    assert (tmp_path / "out" / "iprep.rules").read_text().splitlines()[1].startswith("drop tcp ")


EMPTY = "report.json: names no host; earlier blocks stay until they expire\n"


def listed(tmp_path):
    return (tmp_path / "out" / "dataset.lst").read_text().split()


def test_a_report_that_names_nobody_lifts_no_block_before_its_end(inputs, tmp_path, monkeypatch):
    """`eveproc report > report.json` leaves an empty file where it fails."""
    run(*inputs, "-o", tmp_path / "out")
    inputs[0].write_text("")
    result = run(*inputs, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stdout == "blocked   10.20.1.7 until 2026-03-03 08:00:00Z\n"
    assert result.stderr.endswith(EMPTY)
    assert listed(tmp_path) == [HOST]
    monkeypatch.setattr("eveproc.cli.block.time.time", lambda: START + 24 * 3600 + 1)
    result = run(*inputs, "-o", tmp_path / "out")
    assert result.stdout.endswith(
        "no host is blocked: loading these files removes all earlier blocks\n"
    )
    assert listed(tmp_path) == []
    first = run(*inputs, "-o", tmp_path / "another")
    assert first.stderr.endswith("report.json: names no host\n")


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": "clean"},
        {"verdict": "suspected"},
        # The machine has another address by now; its former one may be another's.
        {"host": "10.20.0.53", "identity": {"addresses": [HOST]}},
    ],
)
def test_a_report_that_says_otherwise_lifts_a_block(inputs, tmp_path, changed):
    run(*inputs, "-o", tmp_path / "out")
    inputs[0].write_text(line_of(**changed))
    run(*inputs, "-o", tmp_path / "out")
    assert listed(tmp_path) == []


def test_a_profile_that_protects_a_host_lifts_its_block(inputs, tmp_path):
    run(*inputs, "-o", tmp_path / "out")
    inputs[0].write_text("")
    inputs[2].write_text(SITE + f"exempt:\n  - {{network: {HOST}, reason: tests}}\n")
    run(*inputs, "-o", tmp_path / "out")
    assert listed(tmp_path) == []


def test_a_time_that_has_not_come_yet_does_not_move_the_end(inputs, tmp_path, monkeypatch):
    inputs[0].write_text(line_of(last_seen="2030-01-01T00:00:00Z"))
    run(*inputs, "-o", tmp_path / "out")
    inputs[0].write_text("")
    monkeypatch.setattr("eveproc.cli.block.time.time", lambda: NOW + 23 * 3600)
    result = run(*inputs, "-o", tmp_path / "out")
    assert result.stdout == "blocked   10.20.1.7 until 2026-03-03 09:00:00Z\n"


def test_earlier_blocks_that_cannot_be_read_are_refused_by_name(inputs, tmp_path):
    run(*inputs, "-o", tmp_path / "out")
    (tmp_path / "out" / block.BLOCKED).write_text("x\n")
    result = run(*inputs, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"{tmp_path}/out/{block.BLOCKED}:1: invalid verdict" in result.stderr
    assert listed(tmp_path) == [HOST]


def test_it_is_said_where_to_write_or_that_nothing_is_to_be_written(inputs):
    result = run(*inputs)
    assert (
        result.exit_code,
        "expected either --dry-run (to review first) or -o FOLDER" in result.stderr,
    ) == (
        2,
        True,
    )


def test_a_folder_that_cannot_be_made_is_refused(inputs, tmp_path):
    (tmp_path / "file").touch()
    result = run(*inputs, "-o", tmp_path / "file" / "out")
    assert (result.exit_code, result.stderr) == (
        1,
        f"eveproc: {tmp_path}/file/out: cannot be created: Not a directory\n",
    )
    with pytest.raises(MxhoundError):
        block.write({"a": "b"}, tmp_path / "file" / "out")
