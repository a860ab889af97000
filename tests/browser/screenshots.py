"""The recorded office with a past, and an archive -> report.webp, report-dark.webp,
report-phone.webp and archive.webp in a folder (make screenshots)."""

import base64
import sys
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome

from eveproc.report import html_report, shown
from tests.browser.chromium import Look, show, started
from tests.eveproc import made_archives, made_stores

# File, page, how to look, and how many pixels down.
PICTURES = (
    ("report.webp", "report.html", Look(), 1150),
    ("report-dark.webp", "report.html", Look(dark=True), 1150),
    ("report-phone.webp", "report.html", Look(width=390), 1150),
    ("archive.webp", "archive/index.html", Look(), 1000),
)


def main(folder: Path) -> None:
    report = made_stores.changed()
    with tempfile.TemporaryDirectory(prefix="mxhound-") as scratch:
        page = Path(scratch) / "report.html"
        page.write_text(html_report.render(report, shown(report, everyone=False)), encoding="utf-8")
        made_archives.archive(Path(scratch) / "archive")
        with started(Path(scratch) / "profile") as driver:
            for name, shown_page, look, height in PICTURES:
                show(driver, Path(scratch) / shown_page, look)
                (folder / name).write_bytes(_picture(driver, look.width, height))


def _picture(driver: Chrome, width: int, height: int) -> bytes:
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    taken = driver.execute_cdp_cmd(
        "Page.captureScreenshot",
        {"format": "webp", "quality": 85, "captureBeyondViewport": True, "clip": clip},
    )
    return base64.b64decode(taken["data"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
