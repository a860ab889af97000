"""A real Chromium and pages to look at; missing, the tests skip on a user's machine and fail where CI is set."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from eveproc.night import NightReport
from eveproc.report import html, shown, tuning
from tests.browser import chromium
from tests.eveproc import nights
from tests.eveproc.test_report_tuning import SITE, tuned

PAGES: dict[str, Callable[[], NightReport]] = {
    "office": nights.office,
    "changed": nights.changed,
    "hostile": nights.hostile,
    "many": lambda: nights.many(5000),
    "quiet": nights.quiet,
}


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    if chromium.programs() is None or chromium.axe() is None:
        missing = "Chromium or axe is not installed; `make browser` installs them"
        if os.environ.get("CI"):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    with chromium.started(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Name of a night, or "tuning" -> its page on disk, made once."""
    folder = tmp_path_factory.mktemp("pages")

    def made(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(tuning.render_html(tuned(SITE)) if name == "tuning" else _report(name), encoding="utf-8")
        return path

    return made


def _report(name: str) -> str:
    night = PAGES[name]()
    return html.render(night, shown(night, everyone=name == "hostile"))
