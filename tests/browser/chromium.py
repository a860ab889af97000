"""A page on disk + how to look at it -> a real, headless Chromium that shows it, and what it did
meanwhile."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

# As root in a container, and without the browser's own errands: what is asked for then is what the
# page asks for.
FLAGS = (
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--hide-scrollbars",
    ),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--force-color-profile=srgb",
    ),
)


@dataclass(frozen=True, slots=True)
class Look:
    """A screen `width` pixels wide, or paper; `scripts` off is a reader who forbids them."""

    width: int = 1280
    dark: bool = False
    paper: bool = False
    scripts: bool = True

    def __str__(self) -> str:
        parts = (
            "dark" if self.dark else "light",
            "paper" if self.paper else str(self.width),
            "" if self.scripts else "no scripts",
        )
        return " ".join(filter(None, parts))


def programs() -> tuple[str, str] | None:
    """(chromium, chromedriver), where both are installed."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    return (found[0], found[1]) if found[0] and found[1] else None


def axe() -> Path | None:
    """axe.min.js, where install.sh has put it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mxhound" / "browser"
    script = Path(os.environ.get("MXHOUND_BROWSER") or cache) / "axe" / "axe.min.js"
    return script if script.is_file() else None


@contextmanager
def started(profile: Path) -> Iterator[Chrome]:
    """A browser with a fresh profile in the folder `profile`."""
    found = programs()
    assert found
    options = ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(found[1]))
    try:
        yield driver
    finally:
        driver.quit()


def show(driver: Chrome, page: Path, look: Look = Look()) -> None:
    """Open the page afresh; what was logged before is forgotten."""
    screen = {
        "width": look.width,
        "height": 900,
        "deviceScaleFactor": 1,
        "mobile": look.width < 600,
    }
    scheme = {"name": "prefers-color-scheme", "value": "dark" if look.dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}  # what is clicked does not move
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print" if look.paper else "", "features": [scheme, still]},
    )
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not look.scripts})
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(page.as_uri())


def complaints(driver: Chrome) -> list[str]:
    """Everything on the console, the policy's refusals among it."""
    return [entry["message"] for entry in driver.get_log("browser")]


def requested(driver: Chrome) -> list[str]:
    """Every address the page asked for, itself among them."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def faults(driver: Chrome) -> list[str]:
    """What axe finds serious or critical: rule and the elements it is about."""
    script = axe()
    assert script
    driver.execute_script(script.read_text(encoding="utf-8"))
    found = driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(done);"
    )
    assert found["passes"], "axe looked at nothing"
    return [
        f"{fault['id']} ({fault['impact']}): "
        f"{', '.join(str(node['target']) for node in fault['nodes'][:5])}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
