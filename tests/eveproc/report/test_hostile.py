"""Strings that attackers choose -> plain text in every form of report, as read back by a reader of
that form.
"""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from eveproc.report import FORMATS, shown
from eveproc.report.sanitize import safe
from tests.eveproc import made_stores
from tests.eveproc.made_stores import PAYLOADS
from tests.eveproc.markup import read

ENOUGH = 60


def rendered(form: str) -> str:
    report = made_stores.hostile()
    return FORMATS[form](report, shown(report, everyone=True))


def test_the_strings_have_come_through_reading_and_judging() -> None:
    names = {
        verdict.identity.name for verdict in made_stores.hostile().verdicts if verdict.identity
    }
    assert names == set(PAYLOADS)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_form_is_utf8_and_has_every_host(form: str) -> None:
    text = rendered(form)
    assert text.encode()
    if form != "digest":  # which stops at ten hosts
        assert all(verdict.host in text for verdict in made_stores.hostile().verdicts)


@pytest.mark.parametrize("form", ["text", "digest", "cef", "syslog", "markdown"])
def test_what_a_terminal_or_a_mail_shows_steers_nothing(form: str) -> None:
    lines = rendered(form).split("\n")
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.startswith("From:")]


def test_what_a_spreadsheet_opens_calculates_nothing() -> None:
    rows = list(csv.reader(StringIO(rendered("csv"), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    cells = [cell for row in rows for cell in row]
    assert all(cell.isprintable() and not cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert '\'=HYPERLINK("http://x.test","a")' in cells


@pytest.mark.parametrize("form", ["json", "ecs", "eve", "ocsf"])
def test_what_a_program_reads_is_whole_and_a_line_each(form: str) -> None:
    text = rendered(form)
    assert text.isascii()
    lines = text.removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    assert {name for line in lines for name in strings(json.loads(line))} >= set(PAYLOADS)


def strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from (text for inner in value.values() for text in strings(inner))
        case list():
            yield from (text for inner in value for text in strings(inner))


def test_what_a_browser_opens_shows_them_as_text() -> None:
    page = read(rendered("html"))
    names = [" ".join(name.text.split()) for name in page.all("span", "name")]
    wanted = [" ".join(safe(payload).split()) for payload in PAYLOADS]
    assert len(names) == len(wanted)
    for payload in wanted:
        start = payload[: ENOUGH - 1].rstrip()
        assert any(
            name == payload or (len(payload) > ENOUGH and name.startswith(start)) for name in names
        ), payload
    assert len(page.all("script")) == 2
    assert all(line.isprintable() for element in page.elements for line in element.text.split("\n"))


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_file_and_a_sensor_of_such_a_name_are_told_and_nothing_more(
    form: str, tmp_path: Path
) -> None:
    record = {
        "timestamp": "2026-03-02T08:00:00.000000+0000",
        "event_type": "stats",
        "host": PAYLOADS[4],
        "stats": {"uptime": 1},
    }
    eve = tmp_path / "\x1b[2J<script>\u202e.json"
    eve.write_text(
        json.dumps({**record, "stats": {"capture": {"kernel_drops": 5}}})
        + "\n"
        + json.dumps(record)
        + "\n<b>\n"
    )
    site = tmp_path / "site.yaml"
    site.write_text("home_networks: [10.20.0.0/16]\n")
    done = CliRunner().invoke(
        main, ["report", str(eve), str(tmp_path / "none\x07"), "-s", str(site), "-f", form]
    )
    assert done.exit_code in (0, 1), done.output
    assert all(
        line.isprintable() for line in (done.stdout + done.stderr).replace("\r\n", "\n").split("\n")
    )
    assert "<script>\\u202e" not in done.stdout
