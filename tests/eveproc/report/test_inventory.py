"""A site with an inventory -> its columns in every form of report and in notifications."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from eveproc.cli import main
from eveproc.report import FORMATS, digest_report, text_report
from eveproc.report.changes import as_json, as_text
from eveproc.watching.notify import message_of
from rulegen.inventory import Inventory, InventoryEntry
from tests.eveproc import office
from tests.eveproc.evidence_of import site_of
from tests.eveproc.made_verdicts import CLEAN, INFECTED, SUSPECTED, a_report
from tests.eveproc.watching.test_notify import news_of

COLUMNS = ("name", "owner", "department")
SITE = replace(site_of(), inventory=Inventory(Path("hosts.csv"), COLUMNS))


def entry(name: str, department: str) -> InventoryEntry:
    values = (("name", name), ("owner", "Ann Bo"), ("department", department))
    return InventoryEntry("address", "10.20.1.7", values)


LISTED = replace(INFECTED, inventory=entry("pc-17", "Sales"))
TEXT = "name: pc-17; owner: Ann Bo; department: Sales (by address 10.20.1.7)"


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_form_says_whose_machine_it_is(form: str) -> None:
    shown = FORMATS[form](a_report(LISTED, site=SITE), (LISTED,))
    assert all(word in shown for word in ("pc-17", "Ann Bo", "Sales"))
    assert "Ann Bo" not in FORMATS[form](a_report(INFECTED, site=SITE), (INFECTED,))


def test_programs_get_the_columns_and_what_matched() -> None:
    wanted = {"address": "10.20.1.7", "name": "pc-17", "owner": "Ann Bo", "department": "Sales"}
    found = {
        form: json.loads(FORMATS[form](a_report(LISTED, site=SITE), (LISTED,)))
        for form in ("json", "ecs", "eve", "ocsf")
    }
    assert found["json"]["inventory"] == wanted
    assert found["ecs"]["mxhound"]["inventory"] == wanted
    assert found["eve"]["mxhound"]["inventory"] == wanted
    assert found["ocsf"]["unmapped"]["inventory"] == wanted


def test_a_spreadsheet_gets_a_column_for_each_that_is_used() -> None:
    bare = replace(SUSPECTED, inventory=entry("", "=1+1"))
    text = FORMATS["csv"](a_report(LISTED, bare, CLEAN, site=SITE), (LISTED, bare, CLEAN))
    first, second, third = csv.DictReader(StringIO(text, newline=""))
    names = [f"inventory_{name}" for name in ("matched", *COLUMNS)]
    assert list(first)[-4:] == names
    assert [first[name] for name in names] == ["10.20.1.7", "pc-17", "Ann Bo", "Sales"]
    assert second["inventory_department"] == "'=1+1"
    assert {third[name] for name in names} == {""}


def test_log_lines_have_it_in_one_field() -> None:
    report = a_report(LISTED, site=SITE)
    assert f'inventory="{TEXT}"' in FORMATS["syslog"](report, (LISTED,))
    cef = FORMATS["cef"](report, (LISTED,))
    assert f"mxhoundEveprocInventory={TEXT}" in cef


def test_notifications_and_a_watch_say_it_too() -> None:
    news = news_of(LISTED)
    assert f"  inventory {TEXT}  " in as_text(news)
    assert json.loads(as_json(news))["inventory"]["owner"] == "Ann Bo"
    contact = InventoryEntry(
        "mac", "02:00:00:00:00:11", (("contact", "ann@example.org, +49 30 12"), ("x", "@all <b>"))
    )
    body = message_of(news_of(replace(INFECTED, inventory=contact))).body
    wanted = (
        "Inventory: contact: ann@example.org, +49 30 12; x: ?all ?b? (by mac 02:00:00:00:00:11)"
    )
    assert wanted in body.splitlines()


def test_hosts_are_summed_up_by_a_column_the_worst_first() -> None:
    verdicts = (
        replace(INFECTED, inventory=entry("a", "Sales")),
        replace(INFECTED, inventory=entry("b", "Labs")),
        replace(SUSPECTED, inventory=entry("c", "Labs")),
        replace(CLEAN, inventory=entry("d", "Labs")),
        SUSPECTED,
    )
    report = a_report(*verdicts, site=SITE, by="department")
    wanted = [
        "Hosts by department:",
        "  Labs: 1 infected, 1 suspected, 1 clean",
        "  Sales: 1 infected",
        "  no department: 1 suspected",
    ]
    for form in (text_report, digest_report):
        lines = form.render(report, verdicts).splitlines()
        start = lines.index(wanted[0])
        assert lines[start : start + 4] == wanted
    page, ticket = FORMATS["html"](report, verdicts), FORMATS["markdown"](report, verdicts)
    assert all(line.strip() in page and line.strip() in ticket for line in wanted)
    many = tuple(replace(INFECTED, inventory=entry("x", f"d{n:02}")) for n in range(25))
    assert "\n  and 5 more values\n" in text_report.render(
        a_report(*many, site=SITE, by="department"), ()
    )


# As it is run


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[str, str]:
    eve, site = office.write(tmp_path)
    with Path(site).open("a") as profile:
        profile.write("inventory: hosts.csv\n")
    (tmp_path / "hosts.csv").write_text(
        f"address,name,department\n{office.MAILER},pc-17,Sales\nbad,x,y\n10.20.0.0/16,,Branch\n"
    )
    return eve, site


def run(command: str, *arguments: str) -> Result:
    result = CliRunner().invoke(main, [command, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_report_names_the_host_and_the_row_it_skipped(inputs: tuple[str, str]) -> None:
    eve, site = inputs
    done = run("report", eve, "-s", site, "--by", "Department", "--all")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "inventory name: pc-17; department: Sales (by address 10.20.1.7)" in lines
    assert "inventory department: Branch (by network 10.20.0.0/16)" in lines
    assert lines[lines.index("Hosts by department:") + 1] == "Sales: 1 infected"
    hosts = Path(site).with_name("hosts.csv")
    assert f"Inventory: {hosts}:3: invalid address 'bad'" in " ".join(lines)
    assert f"\ninventory: {hosts}:3: invalid address 'bad'" in done.stderr


def test_verdicts_do_not_depend_on_it(inputs: tuple[str, str]) -> None:
    eve, site = inputs
    with_it = json.loads(run("report", eve, "-s", site, "-f", "json").stdout)
    Path(site).with_name("hosts.csv").unlink()
    without = run("report", eve, "-s", site, "-f", "json")
    assert without.exit_code == 0
    assert "hosts.csv: cannot be read: No such file" in without.stderr
    assert with_it.pop("inventory") == {
        "address": office.MAILER,
        "name": "pc-17",
        "department": "Sales",
    }
    assert json.loads(without.stdout) == with_it


def test_explain_finds_a_host_by_the_name_of_the_inventory(inputs: tuple[str, str]) -> None:
    eve, site = inputs
    done = run("explain", "PC-17", eve, "-s", site)
    assert done.stdout.startswith(f"INFECTED    {office.MAILER}")
    assert run("explain", "Branch", eve, "-s", site).exit_code == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--by", "rack"), "invalid column --by rack: expected one of name, department"),
        (("--by", "name", "-f", "json"), "--by cannot be used with -f json"),
    ],
)
def test_a_sum_that_cannot_be_made_is_refused(
    inputs: tuple[str, str], options: tuple[str, ...], said: str
) -> None:
    eve, site = inputs
    done = run("report", eve, "-s", site, *options)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
