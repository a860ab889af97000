"""Alerts of one log + the sensors of a site -> the alerts with the sensor that its path names.

Such a log does not hold the sensor's name. The beginning of the file's name or the nearest folder
tells it: `ids-1/alert_json.txt`, `ids-1/0/alert_json.txt` (--id-subdir), `ids-1_0_alert_json.txt`
(--run-prefix).
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from msgspec.structs import replace

from eveproc.input.events import Alert

R = TypeVar("R")

# Stands for the path of lines that a cluster reads from all large files.
PIECES = "a file that was read in pieces"
_STDIN = "-"
# "file:/logs/alert_json.txt", "s3a://bucket/alert_json.txt": paths that a cluster reads.
_URI = re.compile(r"[A-Za-z][\w+.-]+:/")


def attributed(results: Iterable[R], log: str, sensors: Sequence[str]) -> Iterator[R]:
    """The results.

    Alerts that name no sensor get the sensor of the path, or their log if its path names none of
    `sensors`.
    """
    sensor = sensor_of(log, sensors)
    for result in results:
        if sensors and isinstance(result, Alert) and result.names_no_sensor and not result.sensor:
            yield replace(result, sensor=sensor, log="" if sensor else log)
        else:
            yield result


def sensor_of(log: str, sensors: Iterable[str]) -> str:
    """The sensor whose log is at this path; "" if the path names none.

    A name of digits alone is never meant: packet threads are numbered.
    """
    if log in ("", _STDIN, PIECES):
        return ""
    # A member of an archive is named "logs.tar: ids-1/alert_json.txt".
    path = (log if _URI.match(log) else os.path.normpath(Path(log).absolute())).replace(": ", "/")
    file, *folders = reversed(PurePosixPath(path).parts)
    named = sorted((s for s in sensors if s and not s.isdecimal()), key=len, reverse=True)
    found = [_beginning(file, named, r"[._]")]
    found += [_beginning(folder, named, r"(?:_\d+)?\Z") for folder in folders]
    return next(filter(None, found), "")


def _beginning(name: str, sensors: Sequence[str], behind: str) -> str:
    """The longest sensor name that begins `name` and is followed by `behind`."""
    matches = (s for s in sensors if re.match(re.escape(s) + behind, name))
    return next(matches, "")
