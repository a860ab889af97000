"""eveproc tune and discover as typed in a shell: what they print, write and refuse."""

import gzip
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eveproc.cli import main
from eveproc.report import page
from rulegen.build import render_all
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine, Signal
from tests.eveproc import office
from tests.eveproc.markup import read

DATA = Path(__file__).parents[2] / "data"
RECORDED, SITE = str(DATA / "office-suricata-7.eve.json.gz"), str(DATA / "site.yaml")
DONE, REFUSED, USAGE = 0, 1, 2


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[str, str]:
    return office.write(tmp_path)


def test_what_if_prints_a_line_an_alert(inputs: tuple[str, str]) -> None:
    """The mailer of this office asks one MX a second for a minute: at 20 in 30 s, twice."""
    done = run("tune", inputs[0], "-s", inputs[1], "--what-if", "mx_flood=20/30", "-f", "json")
    assert done.exit_code == DONE
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"time": f"2024-03-01T10:00:{second}.000000Z", "host": office.MAILER, "signal": "mx_flood"}
        | {"verdict": "infected"}
        for second in (19, 50)
    ]
    assert done.stderr.splitlines() == [
        "note: as Suricata 8 counts, which wrote these records",
        "note: 2 of 2 have exact times, 0 are within bounds, 0 are the likeliest of several",
    ]


def test_what_if_sums_up_for_people(inputs: tuple[str, str]) -> None:
    done = run("tune", inputs[0], "-s", inputs[1], "--what-if", "mx_flood=20/30")
    assert done.stdout == (
        "mx_flood at 20 in 30 s: 2 alerts by 1 host in 0.0 days, 48 a day.\n\n"
        "Not infected: 0 alerts by 0 hosts.\n\n"
        "Infected: 2 alerts by 1 host, 48 a day.\n"
        f"  {office.MAILER:39}     2 alerts  2024-03-01 10:00:19Z to 10:00:50Z\n"
    )
    assert (
        run("tune", inputs[0], "-s", inputs[1], "--what-if", "mx_flood=99/30", "-v").stdout
        == "mx_flood at 99 in 30 s: 0 alerts by 0 hosts in 0.0 days.\n\n"
        "Not infected: 0 alerts by 0 hosts.\n\nInfected: 0 alerts by 0 hosts.\n"
    )


def test_what_if_says_what_records_cannot_tell() -> None:
    done = run("tune", RECORDED, "-s", SITE, "--what-if", "smtp_attempts=5/60")
    assert "records do not show a retransmitted SYN that was answere" in done.stderr
    done = run("tune", RECORDED, "-s", SITE, "--what-if", "mail_burst=5/60")
    assert "times assume a common session" in done.stderr
    assert "several rejected senders leave one record" in done.stderr
    assert "times within" in done.stdout


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        *(
            (text, "expected SIGNAL=COUNT/SECONDS")
            for text in ("mx_flood", "mx_floods=1/2", "mx_flood=1", "mx_flood=-1/5")
        ),
        ("mx_flood=0/60", "expected a count from 1"),
        ("mx_flood=5/9999999", "seconds from 1 to 604800"),
    ],
)
def test_what_if_refuses_what_is_no_threshold(
    inputs: tuple[str, str], text: str, fault: str
) -> None:
    done = run("tune", inputs[0], "-s", inputs[1], "--what-if", text)
    assert done.exit_code == USAGE
    assert fault in done.stderr


@pytest.mark.parametrize("signal", ["smtp_rejects", "look_alike"])
def test_what_if_says_which_signals_records_cannot_tell_and_why(
    inputs: tuple[str, str], signal: str
) -> None:
    done = run("tune", inputs[0], "-s", inputs[1], "--what-if", f"{signal}=5/60")
    assert (done.exit_code, done.stdout) == (REFUSED, "")
    assert f"eveproc: {signal}: cannot be told from records: " in done.stderr


@pytest.mark.parametrize("more", [["-o", "x.yaml"], ["--baseline", "x"], ["-f", "html"]])
def test_what_if_writes_nothing(inputs: tuple[str, str], more: list[str]) -> None:
    done = run("tune", inputs[0], "-s", inputs[1], "--what-if", "mx_flood=20/60", *more)
    assert done.exit_code == USAGE
    assert "--what-if cannot be used with" in done.stderr


def test_a_recommendation_becomes_rules(tmp_path: Path) -> None:
    written = tmp_path / "thresholds.yaml"
    done = run("tune", RECORDED, "-s", SITE, "-o", written)
    assert done.exit_code == DONE
    assert (
        f"{written}: written; to use it: rulegen build -s {SITE} -t {written} -o out" in done.stderr
    )
    profile = load_site(Path(SITE), written)
    told = {
        line["signal"]: line["proposed"]
        for line in map(
            json.loads, run("tune", RECORDED, "-s", SITE, "-f", "json").stdout.splitlines()
        )
    }
    assert {
        signal.value: {"count": t.count, "seconds": t.seconds}
        for signal, t in profile.thresholds.items()
    } == told
    rules = {
        rule.spec.signal: rule.text
        for rule in render_all(profile, Engine.SURICATA_7)[0]
        if rule.threshold
    }
    mx = told["mx_flood"]
    assert f"count {mx['count']}, seconds {mx['seconds']};" in rules[Signal.MX_FLOOD]
    assert written.read_text().startswith(
        "# 0.1 days of records, 2026-03-02 08:00:00Z to 10:00:00Z.\n# Budget: 1 false alert a week"
    )


def test_the_text_names_numbers_reasons_and_who_is_not_counted() -> None:
    done = run("tune", RECORDED, "-s", SITE, "--budget", "2", "-v")
    lines = done.stdout.splitlines()
    assert lines[0] == "0.1 days of records, 2026-03-02 08:00:00Z to 10:00:00Z."
    assert lines[1] == "Budget: 2 false alerts a week, for all signals together, 0.14 for each."
    assert lines[2].startswith("0.1 days are less than a week")
    assert "Not counted: 5 addresses (judged infected: 5)." in lines
    brief = run("tune", RECORDED, "-s", SITE, "--budget", "2").stdout
    assert "10.20.71.91" not in brief
    assert len(brief) < len(done.stdout) / 2
    why = re.search(r"    10.20.71.91: judged infected: (.*?)\n    \d", done.stdout, re.DOTALL)
    assert why
    assert why[1].endswith(" ...")
    assert "    10.20.71.91: judged infected: " in done.stdout
    assert "smtp_rejects: no proposal: its rule counts replies of mail servers" in done.stdout
    assert "NOT FOUND" not in done.stdout


def test_the_page_asks_for_nothing_and_holds_every_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("tune", RECORDED, "-s", SITE, "-f", "html")
    assert done.exit_code == DONE
    made = read(done.stdout)
    assert len(made.all("figure", "figure")) == len(made.all("svg", "chart")) >= 13
    assert {
        element.attributes["href"][0] for element in made.all("a") if element.attributes.get("href")
    } == {"#"}
    assert "http" not in page.render.__doc__
    assert done.stdout == run("tune", RECORDED, "-s", SITE, "-f", "html").stdout


def test_weeks_are_added_to_a_baseline(inputs: tuple[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "baseline"
    assert (
        run("tune", inputs[0], "-s", inputs[1], "--baseline", kept, "-f", "json").exit_code == DONE
    )
    first = kept.read_bytes()
    done = run("tune", inputs[0], "-s", inputs[1], "--baseline", kept, "-f", "json")
    assert (done.exit_code, kept.read_bytes()) == (DONE, first)
    kept.write_text("no baseline")
    refused = run("tune", inputs[0], "-s", inputs[1], "--baseline", kept)
    assert (refused.exit_code, refused.stdout) == (REFUSED, "")
    assert "baseline: invalid baseline of eveproc tune" in refused.stderr
    assert kept.read_text() == "no baseline"


def test_what_is_no_eve_is_refused(inputs: tuple[str, str], tmp_path: Path) -> None:
    noise = tmp_path / "noise.json"
    noise.write_text("nothing\n")
    for more in (["--what-if", "mx_flood=20/60"], []):
        done = run("tune", noise, "-s", inputs[1], *more)
        assert (done.exit_code, done.stdout) == (REFUSED, "")
        assert "is not EVE JSON" in done.stderr


def test_since_and_until_bound_what_is_counted(inputs: tuple[str, str]) -> None:
    arguments = ["tune", inputs[0], "-s", inputs[1], "--what-if", "mx_flood=20/30", "-f", "json"]
    assert len(run(*arguments, "--since", "2024-03-01T10:00:30").stdout.splitlines()) == 1
    assert run(*arguments, "--until", "2024-03-01T10:00:05").stdout == ""


def test_discover_proposes_a_site_and_never_overwrites(tmp_path: Path) -> None:
    written = tmp_path / "site.yaml"
    done = run("discover", RECORDED, "-o", written)
    assert (done.exit_code, done.stdout) == (DONE, "")
    check = f"eveproc check {RECORDED} -s {written}"
    assert f"{written}: written; review it, then: {check}\n" in done.stderr
    assert run(*check.split()[1:]).exit_code == DONE
    assert load_site(written).mail_servers == load_site(Path(SITE)).mail_servers
    assert run("discover", RECORDED).stdout == written.read_text()
    again = run("discover", tmp_path / "not.read", "-o", written)
    assert again.exit_code == REFUSED
    assert "is there already and is never overwritten" in again.stderr
    nowhere = run("discover", tmp_path / "not.read", "-o", tmp_path / "none" / "site.yaml")
    assert "cannot be written: there is no folder" in nowhere.stderr


def test_discover_shows_how_a_profile_differs(tmp_path: Path) -> None:
    profile = tmp_path / "site.yaml"
    profile.write_text(
        'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.26]\nresolvers: '
        "[10.20.0.53]\n"
    )
    done = run("discover", RECORDED, "-s", profile, "--diff")
    assert done.exit_code == DONE
    assert [line.split("  ")[0] for line in done.stdout.splitlines()][:3] == [
        "+ mail_servers: 10.20.0.25",
        "- mail_servers: 10.20.0.26",
        "+ resolvers: 2001:db8:20::53",
    ]
    assert run("discover", RECORDED, "--diff").exit_code == USAGE
    assert (
        run("discover", RECORDED, "-s", profile, "--diff", "-o", tmp_path / "x").exit_code == USAGE
    )


@pytest.mark.parametrize("more", [(), ("--what-if", "mx_flood=20/30")])
def test_alerts_alone_do_not_tell_what_hosts_did(more: tuple[str, ...], tmp_path: Path) -> None:
    eve = tmp_path / "eve.json"
    with gzip.open(RECORDED, "rt") as recorded:
        eve.write_text("".join(line for line in recorded if '"event_type":"alert"' in line))
    done = run("tune", eve, "-s", SITE, *more)
    assert (done.exit_code, done.stdout) == (4, "")
    assert "no threshold can be judged: no dns, smtp or flow records were read" in done.stderr
