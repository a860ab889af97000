"""A real Chromium and pages to look at; missing, the tests skip on a user's machine and fail where
CI is set."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from eveproc.report import html_report, shown, tuning
from eveproc.verdicts.analyze import Report
from tests.browser import chromium
from tests.eveproc import made_archives, made_stores
from tests.eveproc.report.test_tuning import SITE, tuned
from tests.missing import refuse

PAGES: dict[str, Callable[[], Report]] = {
    "office": made_stores.office,
    "changed": made_stores.changed,
    "hostile": made_stores.hostile,
    "many": lambda: made_stores.many(5000),
    "quiet": made_stores.quiet,
}
# Pages of an archive -> where they are in it.
ARCHIVED = {
    "archive": "index.html",
    "archive hostile": "index.html",
    "incident": "incidents/*.html",
    "incident hostile": "incidents/*.html",
    "night": "nights/*.html",
}


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    if chromium.programs() is None or chromium.axe() is None:
        refuse("Chromium or axe is not installed; `make browser` installs them")
    with chromium.started(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Name of a report, of a page of an archive, or "tuning" -> its page on disk, made once."""
    folder = tmp_path_factory.mktemp("pages")

    def made(name: str) -> Path:
        if name in ARCHIVED:
            return _archived(folder, name)
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(
                tuning.render_html(tuned(SITE)) if name == "tuning" else _report(name),
                encoding="utf-8",
            )
        return path

    return made


def _archived(folder: Path, name: str) -> Path:
    which, _, hostile = name.partition(" ")
    archive = folder / f"archive{hostile}"
    if not archive.exists():
        made_archives.archive(archive, hostile=bool(hostile))
    return sorted(archive.glob(ARCHIVED[which]))[0]


def _report(name: str) -> str:
    report = PAGES[name]()
    return html_report.render(report, shown(report, everyone=name == "hostile"))
