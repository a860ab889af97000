"""The folder of the templates, in an installed package, an editable install or a checkout."""

from pathlib import Path


def templates_folder() -> Path:
    """Beside this file in an installed package, beside the package in a checkout.

    importlib.resources does not find them in editable installs and plain checkouts.
    """
    packaged = Path(__file__).with_name("templates")
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / "templates"
