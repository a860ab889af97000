"""The recorded office with a past -> report.webp, report-dark.webp and report-phone.webp in a
folder (make screenshots)."""

import base64
import sys
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome

from eveproc.report import html_report, shown
from tests.browser.chromium import Look, show, started
from tests.eveproc import made_stores

# File, how to look, and how many pixels down.
PICTURES = (
    ("report.webp", Look(), 1150),
    ("report-dark.webp", Look(dark=True), 1150),
    ("report-phone.webp", Look(width=390), 1150),
)


def main(folder: Path) -> None:
    report = made_stores.changed()
    with tempfile.TemporaryDirectory(prefix="mxhound-") as scratch:
        page = Path(scratch) / "report.html"
        page.write_text(html_report.render(report, shown(report, everyone=False)), encoding="utf-8")
        with started(Path(scratch) / "profile") as driver:
            for name, look, height in PICTURES:
                show(driver, page, look)
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
