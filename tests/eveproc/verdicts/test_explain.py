"""The account of a verdict: its steps, what would have changed it, where to look."""

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from eveproc.report.explain_text import render
from eveproc.verdicts.explain import PIVOTS, STEPS, explain
from rulegen.errors import InputError
from rulegen.vocabulary import Level
from tests.eveproc import eve_lines
from tests.eveproc.evidence_of import (
    HOST,
    SITE,
    START,
    alert,
    flow,
    gather,
    lease,
    lookup,
    mail,
    server,
    site_of,
    web,
)


def flood(count=60):
    return [
        e
        for n in range(count)
        for e in (lookup(n * 2, f"firm{n}.test"), flow(n * 2 + 1, server(n)))
    ]


def account(events, host=HOST, sources=("eve.json",)):
    site = site_of()
    return explain(host, gather(events, site), site, sources)[0]


def test_steps_rise_to_the_verdict():
    told = account(flood())
    scores = [step.score for step in told.steps]
    assert scores == sorted(scores)
    assert scores[0] < 0.5 < 0.9 < scores[-1]
    assert (told.steps[0].key, told.steps[0].time) == ("firm0.test", START)
    assert (len(told.steps), told.unlisted) == (STEPS, 80)
    first_infected = next(step.time for step in told.steps if step.score >= 0.9)
    assert first_infected == told.verdict.decided_at


def test_what_would_have_changed_it():
    changes = {w.change: w.level for w in account(flood(13)).what_ifs}
    assert changes["without lookup evidence"] is Level.SUSPECTED
    assert changes["without delivery evidence"] is Level.CLEAN
    assert changes["if it were declared in mail_servers"] is Level.CLEAN


def test_what_an_explanation_was_worth():
    told = account(flood() + [flow(n, HOST, host=server(900 + n)) for n in range(5)])
    assert told.verdict.level is Level.SUSPECTED
    without = next(w for w in told.what_ifs if "as a mail server does" in w.change)
    assert without.level is Level.INFECTED


def test_pivots_lead_back_to_the_records():
    told = account([mail(1, server(1)), *flood()], sources=("logs/eve 1.json",))
    assert len(told.pivots) <= PIVOTS
    assert told.jq.startswith("jq -c 'select(.flow_id | IN(1, ")
    assert told.jq.endswith("' 'logs/eve 1.json'")


@pytest.mark.parametrize(
    ("sources", "command"),
    [
        (("a.json", "b.json"), "jq -c '{}' a.json b.json"),
        (("-",), "jq -c '{}'"),
        (("a.json.gz", "b 1.json.gz"), "zcat a.json.gz 'b 1.json.gz' | jq -c '{}'"),
        (("a.json", "b.zst", "c.xz"), "{{ cat a.json; zstdcat b.zst; xzcat c.xz; }} | jq -c '{}'"),
        (("a.bz2",), "bzcat a.bz2 | jq -c '{}'"),
    ],
)
def test_compressed_logs_are_unpacked_for_jq(sources, command):
    condition = f'select((.src_ip, .dest_ip) | IN("{HOST}"))'
    assert account(web(), sources=sources).jq == command.format(condition)


def test_the_command_names_the_files_of_a_folder_and_explains_itself(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "eve.json").write_bytes(b"".join(eve_lines.mailing(START, 40)))
    given = ["explain", eve_lines.HOST, str(tmp_path), "-s", str(tmp_path / "site.yaml")]
    done = CliRunner().invoke(main, given)
    assert done.stdout.rstrip().endswith(f"' {tmp_path}/eve.json")
    assert "eveproc explain shows" not in done.stdout
    assert '"where to look" below' in " ".join(done.stdout.split())


def test_a_clean_host_has_a_line_to_look_at_it():
    told = account(web())
    assert told.verdict.level is Level.CLEAN
    assert told.jq == f"jq -c 'select((.src_ip, .dest_ip) | IN(\"{HOST}\"))' eve.json"


@pytest.mark.parametrize("name", [HOST, "02:00:00:00:00:07", "02-00-00-00-00-07", "LAP-7"])
def test_a_host_is_found_by_address_mac_or_name(name):
    assert account([lease(0, HOST), *flood()], host=name).verdict.host == HOST


def test_an_unknown_host_is_refused():
    with pytest.raises(
        InputError,
        match=r"10\.20\.9\.9: not found: no home host has this address, MAC or name in these events",
    ):
        account(flood(), host="10.20.9.9")


def test_text_shows_every_part_and_no_control_characters():
    text = render(
        account([alert(1, "mx_flood"), mail(1, server(1), helo="pc\x1b[31m\u202e"), *flood()])
    )
    for part in (
        "weight of each item alone",
        "timeline:",
        "... and",
        "what would have changed it",
        "where to look",
        "jq -c",
    ):
        assert part in text
    assert all(c.isprintable() or c == "\n" for c in text)


def test_command(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "eve.json").write_bytes(eve_lines.quiet(START, "10.20.1.9"))
    result = CliRunner().invoke(
        main, ["explain", HOST, str(tmp_path / "eve.json"), "-s", str(tmp_path / "site.yaml")]
    )
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith(
        f"eveproc: {HOST}: not found: no home host has this address, MAC or name in these events; "
        "2 hosts were seen\n"
    )


@pytest.mark.parametrize(
    "name", ["2001:db8:20::a", "2001:0db8:0020:0000:0000:0000:0000:000a", "2001:DB8:20::A"]
)
def test_an_ipv6_host_in_every_spelling(name):
    told = account([flow(1, server(1), 443, host="2001:db8:20::a")], host=name)
    assert told.verdict.host == "2001:db8:20::a"
    assert "2001:0db8:0020:0000:0000:0000:0000:000a" in told.jq


def test_all_machines_of_an_address_worst_first():
    site = site_of()
    one, two = "02:00:00:00:00:01", "02:00:00:00:00:02"
    events = [
        lease(0, HOST, one),
        lease(600, HOST, two),
        *(flow(700 + n, server(n)) for n in range(40)),
        flow(5, server(1), 443),
    ]
    told = explain(HOST, gather(events, site), site, ("eve.json",))
    assert [(a.verdict.identity.mac, a.verdict.level) for a in told] == [
        (two, Level.INFECTED),
        (one, Level.CLEAN),
    ]


@pytest.mark.parametrize(
    "spelling",
    [
        "a4bb.6de9.13a1",
        "a4bb6de913a1",
        "A4-BB-6D-E9-13-A1",
        "RECEPTION-PC.firm.example",
        "Reception-PC.",
        "::ffff:10.20.1.7",
    ],
)
def test_a_host_is_found_by_any_spelling(spelling):
    known = lease(-9, HOST, "a4:bb:6d:e9:13:a1", "reception-pc")
    assert account([known, *flood(3)], spelling).verdict.host == HOST


def test_a_host_of_ipv6_is_found_by_any_spelling():
    events = web("2001:db8:20::7")
    for spelling in ("2001:DB8:20:0::0007", "[2001:db8:20::7]"):
        assert account(events, spelling).verdict.host == "2001:db8:20::7"


def test_another_domain_is_another_host():
    known = lease(-9, HOST, "a4:bb:6d:e9:13:a1", "pc.one.example")
    with pytest.raises(InputError):
        account([known, *flood(3)], "pc.two.example")


def test_a_found_host_is_explained_although_most_records_were_lost(tmp_path):
    """As a report names it; a host that was not found is not called clean."""
    log, site = tmp_path / "eve.json", tmp_path / "site.yaml"
    cut = [line[:150] + b"\n" for line in eve_lines.mailing(1_772_438_400, 900, "10.20.1.8")]
    log.write_bytes(b"".join([*eve_lines.mailing(1_772_438_400, 60), *cut]))
    site.write_text("home_networks: [10.20.0.0/16]\n")
    found = CliRunner().invoke(main, ["explain", HOST, str(log), "-s", str(site)])
    assert found.exit_code == 0
    assert "judged in part" in found.stderr
    lost = CliRunner().invoke(main, ["explain", "10.20.1.8", str(log), "-s", str(site)])
    assert lost.exit_code == 4
    assert lost.stdout == ""
