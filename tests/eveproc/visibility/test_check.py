"""eveproc check: what is there, what is missing, and whether rules alerted that should have."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from tests.eveproc.eve_lines import HOST, RESOLVER, SITE, START, line, lookup, mailing

DATA = Path(__file__).parents[2] / "data"
RECORDING = DATA / "office-suricata-7.eve.json.gz"


def run(*arguments, exit_code=0):
    done = CliRunner().invoke(main, ["check", *map(str, arguments)])
    assert done.exit_code == exit_code, done.output
    return done.stdout


def told(tmp_path, *lines, site=SITE, exit_code=0):
    (tmp_path / "site.yaml").write_text(site)
    (tmp_path / "eve.json").write_bytes(b"".join(lines))
    files = (tmp_path / "eve.json", "-s", tmp_path / "site.yaml", "-f", "json")
    return json.loads(run(*files, exit_code=exit_code))


def needs(found, family):
    return {need["what"]: need["is_there"] for need in found["needs"] if need["family"] == family}


def sent(time, number, **email):
    smtp = {"helo": "pc.example", "mail_from": "<a@b.example>", "rcpt_to": ["<c@d.example>"]}
    server = f"198.51.100.{number}"
    fields = {"dest_ip": server, "dest_port": 25, "proto": "TCP", "smtp": smtp, "tx_id": 0}
    return line(time, "smtp", HOST, **fields, **({"email": email} if email else {}))


def alert(time, sid=1_250_001):
    rule = {"signature_id": sid, "gid": 1}
    fields = {"dest_ip": RESOLVER, "dest_port": 53, "proto": "UDP", "alert": rule}
    return line(time, "alert", HOST, **fields)


def test_a_whole_log_lacks_nothing():
    text = run(RECORDING, "-s", DATA / "site.yaml")
    assert text.startswith("Would a mass mailer be detected here? Yes.\n")
    assert "NO " not in text
    assert "SILENT" not in text
    assert "alerted      mx_flood:" in text


def test_a_rule_that_should_have_alerted_is_named(tmp_path):
    events = [*mailing(START, 60), alert(START + 5, sid=1_250_301)]
    found = told(tmp_path, *sorted(events, key=lambda one: json.loads(one)["timestamp"]))
    silent = {rule["signal"]: rule["note"] for rule in found["rules"] if rule["expected"]}
    assert silent["mx_flood"].startswith("should have alerted")
    assert silent["smtp_attempts"].endswith("the log holds 0: not loaded, suppressed or disabled?")
    assert found["alert_records"] is True


def test_a_rule_that_alerted_is_not_called_silent(tmp_path):
    events = [*mailing(START, 60), alert(START + 5)]
    found = told(tmp_path, *events)
    (mx_flood,) = [rule for rule in found["rules"] if rule["signal"] == "mx_flood"]
    assert mx_flood["alerts"] == 1
    assert mx_flood["note"] == ""


def test_what_is_missing_comes_with_its_setting(tmp_path):
    found = told(tmp_path, *[lookup(START + n, f"d{n}.example") for n in range(20)])
    assert needs(found, "lookup")["dns records: queries and answers"] is True
    missing = {need["what"]: need["setting"] for need in found["needs"] if not need["is_there"]}
    assert missing["flow records with TCP flags"] == "outputs: eve-log: types: flow"
    assert found["would_be_seen"] == "in part"


@pytest.mark.parametrize(
    ("email", "number", "expected"),
    [({}, 8, False), ({"subject": "offer"}, 8, True), ({}, 2, None)],
    ids=["no subject logged", "subjects", "too few mails to tell"],
)
def test_mails_without_subject_ask_for_extended(tmp_path, email, number, expected):
    found = told(tmp_path, *[sent(START + n, n + 1, **email) for n in range(number)])
    (content,) = needs(found, "content").values()
    assert content is expected


def test_networks_and_servers_that_were_not_seen(tmp_path):
    found = told(tmp_path, *mailing(START, 5))
    assert found["home_networks"] == {"10.20.0.0/16": True, "2001:db8:20::/48": False}
    assert {one["address"]: one["is_seen"] for one in found["servers"]} == {
        "10.20.0.25": False,
        RESOLVER: False,
    }


def test_without_alert_records_no_rule_is_called_silent(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "eve.json").write_bytes(b"".join(mailing(START, 60)))
    text = run(tmp_path / "eve.json", "-s", tmp_path / "site.yaml")
    assert "no alert record was read" in text
    assert "should have alerted: mx_flood" in text
    assert "SILENT" not in text
