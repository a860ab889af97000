"""Files that a run writes and files that it reads -> which outputs would destroy another file."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from eveproc.input.sources import find_files
from rulegen.errors import MxhoundError
from rulegen.site_profile import load_site


def clashes(
    outputs: Mapping[str, object], logs: Iterable[str], site: Path, thresholds: Path | None
) -> Iterator[str]:
    """A sentence for each output, by its option, that is also read or also another output.

    Only a Path is a file. Devices, pipes and folders lose nothing.
    """
    taken = _read(logs, site, thresholds)
    for option, path in outputs.items():
        if not isinstance(path, Path) or _is_no_file(path):
            continue
        place = os.path.realpath(path)
        if place in taken:
            yield (
                f"{option} {path}: this file would be overwritten, and is {taken[place]}; "
                "choose another file"
            )
        taken[place] = f"that of {option}, too"


def _is_no_file(path: Path) -> bool:
    """True for a device, pipe or folder. If that is unknown, the writer will say why."""
    # Path's own tests raise PermissionError.
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113


def _read(logs: Iterable[str], site: Path, thresholds: Path | None) -> dict[str, str]:
    """The meaning of each file that is read, by its identity. Faults are left to the readers."""
    files: list[str] = []
    for source in logs:
        with suppress(MxhoundError):
            files += find_files([source])
    found = {os.path.realpath(file): "one of the logs that are read" for file in files}
    with suppress(MxhoundError):
        if inventory := load_site(site).inventory.path:
            found[os.path.realpath(inventory)] = "the inventory"
    if thresholds:
        found[os.path.realpath(thresholds)] = "the thresholds file"
    return found | {os.path.realpath(site): "the site profile"}
