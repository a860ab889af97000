"""What makes a release: the section of the changelog, the workflow, the Debian package, the image.

What takes minutes is tried by tests/install/try.sh and container.sh, in fresh roots.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from rulegen.installation import PACKAGED
from rulegen.site_profile import load_site

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".github" / "changelog_section.py"
DEBIAN = ROOT / "contrib" / "debian"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SHELL = [*(ROOT / "tests" / "install").glob("*.sh"), *DEBIAN.glob("*.sh"), *DEBIAN.glob("*.post*")]
CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-03-02

### Added

- Something.

## [1.1.0] - 2026-01-01

- Older.
"""


def section(folder: Path, version: str, changelog: str = CHANGELOG) -> tuple[int, str, str]:
    (folder / ".github").mkdir()
    (folder / "CHANGELOG.md").write_text(changelog)
    script = folder / ".github" / SCRIPT.name
    script.write_text(SCRIPT.read_text())
    done = subprocess.run(
        [sys.executable, script, version], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("version", "text"),
    [("1.2.0", "### Added\n\n- Something.\n"), ("1.1.0", "- Older.\n")],
)
def test_a_release_gets_its_own_section(tmp_path: Path, version: str, text: str) -> None:
    assert section(tmp_path, version) == (0, text, "")


@pytest.mark.parametrize("version", ["Unreleased", "1.1", "1.3.0", "1.1.0-rc1", ".*"])
def test_a_version_without_a_dated_section_is_refused(tmp_path: Path, version: str) -> None:
    code, text, error = section(tmp_path, version)
    assert (code, text) == (1, "")
    assert f"CHANGELOG.md: no section for {version}: expected a heading" in error
    assert "there are sections for Unreleased, 1.2.0, 1.1.0" in error


def test_an_empty_section_is_refused(tmp_path: Path) -> None:
    empty = CHANGELOG.replace("## [1.2.0]", "## [2.0.0] - 2026-05-05\n\n## [1.2.0]")
    code, _, error = section(tmp_path, "2.0.0", empty)
    assert (code, "no section for 2.0.0" in error) == (1, True)


def test_a_release_waits_for_every_build_and_has_no_more_rights_than_it_needs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    assert workflow[True]["push"] == {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}  # YAML reads "on" as true
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    assert set(jobs["release"]["needs"]) == jobs.keys() - {"release"}
    assert [name for name, job in jobs.items() if "permissions" in job] == ["release"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    runs = "\n".join(step.get("run", "") for step in steps)
    for command in ("twine check --strict", "contrib/debian/build.sh", "changelog_section.py"):
        assert command in runs
    assert any("attest-build-provenance" in step.get("uses", "") for step in steps)
    assert "--draft" in runs


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_a_shell_can_read_the_script(script: Path) -> None:
    shell = script.read_text().partition("\n")[0].split("/")[-1].removeprefix("env ")
    subprocess.run([shell, "-n", str(script)], check=True)


def test_the_site_profile_of_the_package_is_one() -> None:
    assert load_site(DEBIAN / "site.yaml").home_networks


def test_the_package_has_the_extras_that_it_does_not_send_people_away_for() -> None:
    rules = (DEBIAN / "rules").read_text()
    (extras,) = re.findall(r"^EXTRAS = (.*)$", rules, re.MULTILINE)
    without = (
        set(PROJECT["optional-dependencies"]) - {"bench", "decoders", "fuzz", "test"} - {"spark"}
    )
    assert set(extras.split(",")) == without
    assert f"HOME_ON_TARGET = {PACKAGED}\n" in rules
    assert f"[{extras}]'" in (ROOT / "Containerfile").read_text()


def test_each_release_of_the_package_is_for_one_python() -> None:
    control = (DEBIAN / "control").read_text()
    assert PROJECT["requires-python"] == ">=3.11"
    assert "python3 (>= 3.11)" in control
    assert "${mxhound:Python}" in control


def test_every_path_of_the_units_is_replaced_in_the_package() -> None:
    rules = (DEBIAN / "rules").read_text()
    (line,) = (line for line in rules.splitlines() if "$(UNITS)/*" in line and "sed" in line)
    patterns = re.findall(r"s\|((?:file:)?/opt/mxhound/[^|]*)\|([^|]*)\|", line)
    assert len(patterns) == 2
    for unit in (ROOT / "contrib" / "systemd").iterdir():
        text = unit.read_text()
        for pattern, place in patterns:
            text = text.replace(pattern, place)
        assert "/opt/mxhound" not in text
