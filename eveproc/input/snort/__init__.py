"""First bytes of a file -> the reader for a log of alerts, or None.

A reader takes a RecordSource and the time the file was last written (seconds since 1970 UTC; it
dates alerts that are logged without a year) and yields an Alert or a Skipped for every line or
record. It never raises, whatever the bytes are. A reader belongs to one log, and takes its pieces
in order.
"""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import TypeVar

from eveproc.input.events import Event, Skipped
from eveproc.input.snort.lines import RecordSource

P = TypeVar("P", bound=PurePath)
Reader = Callable[[RecordSource, float], Iterator[Event | Skipped]]

# Names of Snort's logs in its folder, also rotated and compressed. Snort 3 itself uses alert_json
# and alert_csv; the others are customary for unified2 (and for packets, which are recognized by
# their content). Snort 3 puts the number of the packet thread before the name ("0_alert_json.txt"),
# or makes a folder of it (--id-subdir), and --run-prefix puts text before both.
_NAMES = (
    "alert_json.txt*",
    "alert_csv.txt*",
    "alert.csv*",
    "*.u2*",
    "unified2.log*",
    "merged.log*",
    "snort.log*",
)
# Text: of Suricata (pfSense calls it alerts.log), of Snort 3, and of Snort 2.9 and barnyard2, whose
# default name is "alert"; Debian's Snort has snort.alert and snort.alert.fast, Windows alert.ids.
_TEXTS = (
    "fast.log*",
    "alerts.log*",
    "alert_fast.txt*",
    "alert_full.txt*",
    "alert",
    "alert.[0-9]*",
    "alert.fast*",
    "alert.full*",
    "alert.ids*",
    "snort.alert*",
)

# Number of lines of each block that are examined to learn whether all are plain JSON.
_LOOKED_AT = 4


def _of_threads(names: tuple[str, ...]) -> tuple[str, ...]:
    before = tuple(f"*{name}".replace("**", "*") for name in names)
    return (*before, *(f"*[0-9]/{name}" for name in before))


_WITH_MORE = _of_threads(_NAMES)
_IN_TEXT = _of_threads(_TEXTS)
IN_FOLDER = (*_WITH_MORE, *_IN_TEXT)


def without_repetitions(paths: set[P]) -> set[P]:
    """The files found in folders or by patterns, without the logs in text that repeat others.

    An engine may write its alerts twice; Suricata does by default. Text says least about an alert:
    it is read only if its folder has no other log.
    """
    folders = {path.parent for path in paths if says_more(path)}
    return {path for path in paths if path.parent not in folders or not says_little(path)}


def says_more(path: PurePath) -> bool:
    """True if a file has the name of an EVE log, or of a log of Snort that is not text."""
    return any(fnmatchcase(path.name, name) for name in ("eve*.json*", *_WITH_MORE))


def says_little(path: PurePath) -> bool:
    """True if a file has the name of an alert log in text."""
    return not says_more(path) and any(fnmatchcase(path.name, name) for name in _IN_TEXT)


def reader_for(head: bytes) -> Reader | None:
    """The reader for a file that begins with `head` (some hundred bytes or more, without BOM); None
    if it is no alert log.
    """
    if not head or (
        b'"event_type"' in head and head.lstrip().startswith(b"{")
    ):  # EVE is the usual case: nothing is loaded for it
        return None
    from eveproc.input.snort import alert_csv, alert_json, alert_text

    if head.startswith(b"\0\0\0"):  # idstools is loaded only for what may be unified2
        from eveproc.input.snort import unified2

        return unified2.read if unified2.begins(head) else None
    if alert_json.begins(head):
        return alert_json.read
    if alert_csv.begins(head):
        return alert_csv.CsvReader().read
    return alert_text.TextReader().read if alert_text.begins(head) else None


def is_unified2(head: bytes) -> bool:
    """True if a file that begins so holds unified2 records, which are binary."""
    if not head.startswith(b"\0\0\0"):
        return False
    from eveproc.input.snort import unified2

    return unified2.begins(head)


def is_named_unified2(name: str) -> bool:
    """True for names that are customary for unified2 alone; the log may not exist yet."""
    return any(fnmatchcase(name, pattern) for pattern in ("*.u2*", "*unified2.log*"))


def followed_reader_for(head: bytes) -> Reader | None:
    """The reader for a log that grows line by line and begins with `head`, which was perhaps read
    before.
    """
    if is_unified2(head):
        return None
    from eveproc.input.snort import alert_csv

    return alert_csv.followed(head).read if alert_csv.begins(head) else reader_for(head)


def is_plain(block: bytes, end: int) -> bool:
    """True if lines at equal distances all begin as JSON does: for most logs this is the only look
    needed.
    """
    places = range(0, end, end // _LOOKED_AT + 1)
    starts = (block.find(b"\n", place, end) + 1 if place else 0 for place in places)
    return all(block.startswith(b'{"', start) for start in starts if start < end)


def alerts_in(block: bytes, end: int, written: float) -> Iterator[Event | Skipped]:
    """The alerts in text among the lines of block[:end], which several programs wrote.

    None for plain EVE.
    """
    if is_plain(block, end):
        return iter(())
    from eveproc.input.snort import alert_text

    return alert_text.alerts_in(block, end, written)
