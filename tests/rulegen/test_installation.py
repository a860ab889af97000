"""Ways to install mxhound -> the command that adds an extra to each."""

import json
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from rulegen.installation import PACKAGED, advice

METADATA = """Metadata-Version: 2.4
Name: mxhound
Version: 0.1.0
Provides-Extra: html
Provides-Extra: spark
Requires-Dist: click>=8.1
Requires-Dist: matplotlib>=3.9; extra == 'html'
Requires-Dist: pandas<3,>=2.2; extra == 'spark'
Requires-Dist: pyspark<5,>=4.0; extra == 'spark'
"""


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An environment that is called like the program, as pipx names it."""
    (tmp_path / "mxhound").mkdir()
    return tmp_path / "mxhound"


def installed(prefix: Path, **origin: object) -> Distribution:
    folder = prefix / "mxhound-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA)
    if origin:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    return Distribution.at(folder)


def test_an_environment_of_pip_gets_the_requirements_of_the_extra(prefix: Path) -> None:
    python = Path("/home/me/my venv/bin/python")
    told = advice("spark", prefix, python, installed(prefix))
    assert told == f"run: '{python}' -m pip install 'pandas<3,>=2.2' 'pyspark<5,>=4.0'"


def test_pipx_injects_into_its_environment(prefix: Path) -> None:
    (prefix / "pipx_metadata.json").touch()
    told = advice("html", prefix, prefix / "bin/python", installed(prefix))
    assert told == "run: pipx inject mxhound 'matplotlib>=3.9'"


def test_a_checkout_is_installed_again_with_its_extra(prefix: Path) -> None:
    checkout = installed(prefix, url="file:///opt/mxhound", dir_info={"editable": True})
    told = advice("html", prefix, Path("/opt/mxhound/.venv/bin/python"), checkout)
    assert told == "run: /opt/mxhound/.venv/bin/python -m pip install -e '/opt/mxhound[html]'"


def test_a_folder_that_was_installed_once_is_no_checkout(prefix: Path) -> None:
    copied = installed(prefix, url="file:///tmp/mxhound", dir_info={})
    told = advice("html", prefix, Path("/v/bin/python"), copied)
    assert told == "run: /v/bin/python -m pip install 'matplotlib>=3.9'"


def test_nobody_is_told_to_write_into_the_debian_package(prefix: Path) -> None:
    told = advice("spark", PACKAGED, PACKAGED / "bin/python3", installed(prefix))
    assert told == (
        "the Debian package does not contain the extra spark; install mxhound with pip in an "
        "environment of its own (docs/install.md)"
    )


def test_without_metadata_the_extra_is_named(prefix: Path) -> None:
    told = advice("redis", prefix, Path("/usr/bin/python3"), None)
    assert told == "run: /usr/bin/python3 -m pip install 'mxhound[redis]'"
