"""Reports of several nights -> an archive whose pages link to each other, and whose rows are read by
anybody."""

import json
import re
import shutil
import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner, Result

from eveproc.archive.database import opened
from eveproc.archive.incidents import Days, bar_of, days_of, incidents_of
from eveproc.archive.keep import add_night
from eveproc.archive.rows import IncidentRow, NightRow, VerdictRow
from eveproc.cli import main
from eveproc.report import shown
from eveproc.verdicts.change import Trend
from rulegen.errors import InputError
from tests.eveproc import made_archives, office
from tests.eveproc.made_stores import PAYLOADS
from tests.eveproc.markup import read

NIGHTS = ["2026-03-02T100000Z", "2026-03-03T100000Z", "2026-03-05T100000Z"]
Made = tuple[Path, Mapping[str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("archive")
    return folder, made_archives.archive(folder)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("hostile")
    return folder, made_archives.archive(folder, hostile=True)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "archive.sqlite")) as connection:
        return connection.execute(query).fetchall()


def dump(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "archive.sqlite")) as connection:
        return list(connection.iterdump())


def test_there_is_a_page_for_each_night_and_each_incident(made: Made) -> None:
    folder, pages = made
    assert [name for name in pages if name.startswith("nights/")] == [
        f"nights/{night}.html" for night in NIGHTS
    ]
    incidents = {row[0] for row in rows(folder, "SELECT DISTINCT incident FROM incident")}
    assert incidents == {f"e-000{number}" for number in range(1, 7)}
    assert {name for name in pages if name.startswith("incidents/")} == {
        f"incidents/{incident}.html" for incident in incidents
    }


def test_every_link_leads_to_a_page_of_the_archive_and_a_place_in_it(made: Made) -> None:
    """Links are relative: the folder works from a file share and can be moved."""
    _, pages = made
    places = {
        name: {element.attributes.get("id") for element in read(text).elements}
        for name, text in pages.items()
    }
    followed = set()
    for name, text in pages.items():
        for element in read(text).all("a"):
            target, _, anchor = (element.attributes.get("href") or "").partition("#")
            parts: list[str] = []
            for part in PurePosixPath(name).parent.joinpath(target).parts if target else [name]:
                parts = parts[:-1] if part == ".." else [*parts, part]
            to = "/".join(parts)
            assert to in pages, (name, target)
            assert not anchor or anchor in places[to], (name, target, anchor)
            followed.add((name.partition("/")[0], to.partition("/")[0]))
    assert {
        ("index.html", "nights"),
        ("index.html", "incidents"),
        ("incidents", "index.html"),
        ("incidents", "nights"),
        ("nights", "index.html"),
        ("nights", "incidents"),
    } <= followed


def test_a_night_that_could_not_judge_is_no_quiet_night(made: Made) -> None:
    _, pages = made
    index = read(pages["index.html"])
    alert = " ".join(index.all("div", "blind")[0].text.split())
    assert "2026-03-03 10:00Z: no dns records" in alert
    (row,) = [row for row in pages["index.html"].split("<tr>")[1:] if f"nights/{NIGHTS[1]}" in row]
    assert 'New incidents">0<' in row
    (row_of_first,) = [
        row for row in pages["index.html"].split("<tr>")[1:] if f"nights/{NIGHTS[0]}" in row
    ]
    assert 'New incidents">2<' in row_of_first
    assert re.findall(r"data-label=.(?:Infected|Suspected|Clean).>([^<]*)<", row) == ["\u2013"] * 3


def test_the_latest_night_is_not_said_to_have_found_nothing_where_it_could_not_judge(
    tmp_path: Path,
) -> None:
    for report in made_archives.nights(hostile=False)[:2]:
        add_night(report, shown(report, everyone=False), tmp_path, made=0.0, keep=9)
    lead = read((tmp_path / "index.html").read_text()).all("p", "lead")[0].text
    assert "2026-03-03 10:00Z, has no verdicts: could not judge" in " ".join(lead.split())
    assert "found 0" not in lead


def test_files_are_for_the_owner_alone(made: Made) -> None:
    folder, _ = made
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("nights", "incidents")} == {
        0o700
    }


def test_the_same_night_again_changes_nothing_and_old_ones_go_with_their_pages(
    tmp_path: Path,
) -> None:
    before = made_archives.archive(tmp_path)
    told = dump(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.html")}
    again = made_archives.nights(hostile=False)[-1]
    add_night(again, shown(again, everyone=False), tmp_path, made=0.0, keep=92)
    assert dump(tmp_path) == told
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.html")} == stamps
    (tmp_path / "notes.txt").write_text("kept")
    blind = made_archives.nights(hostile=False)[1]
    add_night(made_archives.on_day(blind, 9), (), tmp_path, made=0.0, keep=1)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "2026-03-11T100000Z.html",
        "archive.sqlite",
        "index.html",
        "notes.txt",
    ]
    assert len(before) == 10


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            "UPDATE night SET id = '../../x' WHERE id LIKE '%-03T%'",
            "time data '../../x' does not match",
        ),
        ("UPDATE night SET judgement = 'x'", "'x' is not a valid Outcome"),
        ("UPDATE night SET clean = NULL", "Expected `int`, got `null`"),
        ("UPDATE verdict SET night = 'x'", "time data 'x' does not match"),
        ("UPDATE verdict SET verdict = 'x'", "'x' is not a valid Level"),
        ("UPDATE verdict SET incident = '../x'", "invalid id of an incident '../x'"),
        ("UPDATE incident SET incident = '../../x'", "invalid id of an incident '../../x'"),
        ("UPDATE incident SET incident = ''", "invalid id of an incident ''"),
        ("UPDATE incident SET trend = 'x'", "'x' is not a valid Trend"),
        ("DROP TABLE cause", "no such table: cause"),
    ],
)
def test_a_damaged_archive_is_refused_by_its_name_and_writes_nothing(
    made: Made, tmp_path: Path, query: str, told: str
) -> None:
    folder = tmp_path / "deep" / "archive"
    shutil.copytree(made[0], folder)
    with closing(sqlite3.connect(folder / "archive.sqlite")) as connection:
        connection.execute(query)
        connection.commit()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    night = made_archives.nights(hostile=False)[0]
    with pytest.raises(InputError) as refused:
        add_night(made_archives.on_day(night, 9), (), folder, made=0.0, keep=92)
    assert str(refused.value).startswith(f"{folder / 'archive.sqlite'}: is damaged ({told}")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize("content", [b"", b"home_networks: []", b"SQLite format 3\0" + bytes(4080)])
def test_a_file_that_is_no_archive_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "archive.sqlite"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no archive of this version"), opened(path):
        pass
    assert path.read_bytes() == content


def test_text_of_attackers_is_text_in_pages_and_rows(hostile: Made) -> None:
    folder, pages = hostile
    for name, text in pages.items():
        page = read(text)
        assert len(page.all("script")) == 2, name
        assert page.all("img") == []
        assert all(line.isprintable() for e in page.elements for line in e.text.split("\n"))
    assert all(re.fullmatch(r"[\w./-]+", name, re.ASCII) for name in pages)
    told = rows(folder, "SELECT name, why, incident FROM verdict")
    told += rows(folder, "SELECT name, host, incident FROM incident")
    told += rows(folder, "SELECT causes, id, judgement FROM night")
    assert len(told) > 2 * len(PAYLOADS)
    assert all(str(text).isprintable() for row in told for text in row)


def test_a_bar_has_a_cell_for_each_day_and_says_so() -> None:
    def night(day: int, level: str, trend: Trend) -> tuple[IncidentRow, VerdictRow | None]:
        at = f"2026-03-{day:02}T040000Z"
        row = IncidentRow(at, "e1", trend.value, "", None, "10.20.0.7", "", "", "pc-7")
        verdict = VerdictRow(
            at, 1, "10.20.0.7", "", "", "", level, 0.9, *[None] * 3, "", "", "", "e1"
        )
        return row, verdict if level else None

    told = [
        night(2, "suspected", Trend.NEW),
        night(3, "infected", Trend.WORSE),
        night(5, "", Trend.GONE_QUIET),
    ]
    (one,) = incidents_of([row for row, _ in told], [verdict for _, verdict in told if verdict])
    nights = [
        NightRow(f"2026-03-{day:02}T040000Z", None, None, judgement, "", 0, 0, 0)
        for day, judgement in ((1, "judged"), (3, "could not judge"), (5, "judged in part"))
    ]
    days = days_of(nights)
    bar = bar_of(one, days)
    assert (days.number, days.judged) == (5, (0, 4))
    assert (bar.suspected, bar.infected) == ("M1.05 0h.9v10h-.9z", "M2.05 0h.9v10h-.9z")
    assert bar.line == "M1 5h4"
    assert bar.says == (
        "infected on 1 day, suspected on 1 day; reported from 2026-03-02 to 2026-03-05"
    )
    assert one.title == "10.20.0.7 (pc-7)"
    assert one.last_verdict
    assert one.last_verdict.verdict == "infected"
    assert Days(days.first, days.last, ()).ground == ""


def report(folder: Path, *more: str) -> Result:
    eve, site = folder / "eve.json", folder / "site.yaml"
    return CliRunner().invoke(main, ["report", str(eve), "-s", str(site), *more])


def test_a_report_with_a_state_is_kept_and_its_incident_followed(tmp_path: Path) -> None:
    office.write(tmp_path)
    options = ("--state", str(tmp_path / "state"), "--archive", str(tmp_path / "archive"))
    first = report(tmp_path, *options)
    assert first.exit_code == 0, first.output
    next_day = [
        {**json.loads(line), "timestamp": json.loads(line)["timestamp"].replace("03-01", "03-02")}
        for line in office.lines()
    ]
    with (tmp_path / "eve.json").open("a") as eve:
        eve.writelines(json.dumps(event) + "\n" for event in next_day)
    assert report(tmp_path, *options).exit_code == 0
    told = rows(tmp_path / "archive", "SELECT night, trend, host FROM incident ORDER BY night")
    assert [(str(night)[:10], trend, host) for night, trend, host in told] == [
        ("2024-03-01", "new", office.MAILER),
        ("2024-03-02", "still", office.MAILER),
    ]
    assert len(rows(tmp_path / "archive", "SELECT DISTINCT incident FROM incident")) == 1


def test_an_archive_without_a_state_is_refused(tmp_path: Path) -> None:
    office.write(tmp_path)
    done = report(tmp_path, "--archive", str(tmp_path / "archive"))
    assert done.exit_code == 2
    assert "--archive needs --state" in done.stderr
    assert not (tmp_path / "archive").exists()


PAGE = (Path(__file__).parents[3] / "docs" / "archive.md").read_text(encoding="utf-8")


def test_the_queries_of_the_page_answer(made: Made) -> None:
    folder, _ = made
    queries = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert len(queries) == 3
    answers = [rows(folder, query) for query in queries]
    assert answers[0][0][-1] == 2
    assert [row[0] for row in answers[1]] == [NIGHTS[1]]
    assert answers[2]


def test_the_page_names_every_table_and_column(made: Made) -> None:
    folder, _ = made
    for (table,) in rows(folder, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        columns = [str(column[1]) for column in rows(folder, f"PRAGMA table_info({table})")]
        (row,) = re.findall(rf"^\| `{table}` \| (.*?) \|", PAGE, re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == columns
