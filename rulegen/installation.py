"""The installation of mxhound on this machine -> its version, and what to run to get an extra."""

import json
import shlex
import sys
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.metadata import version as version_of
from pathlib import Path

# Where contrib/debian/rules puts the environment of the Debian package. dpkg owns it, so pip must
# not write to it.
PACKAGED = Path("/usr/lib/mxhound")


@cache  # it takes reading all metadata, and some reports need it for each record
def version() -> str:
    """The version of mxhound."""
    return version_of("mxhound")


def how_to_add(extra: str) -> str:
    """What to do to get this extra of pyproject.toml here, as the end of a sentence."""
    try:
        installed = distribution("mxhound")
    except PackageNotFoundError:
        installed = None
    return advice(extra, Path(sys.prefix), Path(sys.executable), installed)


def advice(extra: str, prefix: Path, python: Path, installed: Distribution | None) -> str:
    """The same for an environment at `prefix` that is run by `python`.

    An extra is installed by its requirements: `pip install mxhound[...]` would replace the
    installed package by one of that name from the registry.
    """
    if prefix == PACKAGED:
        return (
            f"the Debian package does not contain the extra {extra}; install mxhound with pip in "
            "an environment of its own (docs/install.md)"
        )
    checkout = _checkout(installed)
    if checkout is not None:
        return _run(python, "-m", "pip", "install", "-e", f"{checkout}[{extra}]")
    requirements = _requirements(installed, extra)
    if (prefix / "pipx_metadata.json").is_file():
        return _run("pipx", "inject", prefix.name, *requirements)
    return _run(python, "-m", "pip", "install", *requirements)


def _run(*words: str | Path) -> str:
    return f"run: {shlex.join(map(str, words))}"


def _checkout(installed: Distribution | None) -> Path | None:
    """The checkout that an editable installation is of (PEP 610)."""
    origin = json.loads((installed and installed.read_text("direct_url.json")) or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(origin["url"].removeprefix("file://"))


def _requirements(installed: Distribution | None, extra: str) -> list[str]:
    """The requirements of an extra; its name if the metadata is missing."""
    parts = [text.partition(";") for text in (installed and installed.requires) or ()]
    marked = f'extra == "{extra}"'
    found = [needed.strip() for needed, _, marker in parts if marked in marker.replace("'", '"')]
    return found or [f"mxhound[{extra}]"]
