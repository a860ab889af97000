"""First bytes of a file -> the reader for what a Snort wrote: alert_json (3), unified2 (2.9, 3), alert_csv (2.9, 3), or None.

A reader takes a RecordSource and the time the file was last written (seconds since 1970 UTC; it dates
alerts that are logged without a year) and yields an Alert or a Skipped for every line or record. It
never raises, whatever the bytes are.
"""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from eveproc.input.events import Event, Skipped
from eveproc.input.snort.lines import RecordSource

Reader = Callable[[RecordSource, float], Iterator[Event | Skipped]]

# Names of logs of Snort in its folder, also rotated and compressed. alert_json and alert_csv are
# named by Snort 3, the others are customary for unified2 (and for packets, which are told by their
# content). Snort 3 puts the number of the packet thread before the name ("0_alert_json.txt"), or
# makes a folder of it (--id-subdir), and --run-prefix puts text before both.
_NAMES = (
    "alert_json.txt*",
    "alert_csv.txt*",
    "alert.csv*",
    "*.u2*",
    "unified2.log*",
    "merged.log*",
    "snort.log*",
)
_OF_THREADS = tuple(f"*{name}".replace("**", "*") for name in _NAMES)
IN_FOLDER = (*_OF_THREADS, *(f"*[0-9]/{name}" for name in _OF_THREADS))


def reader_for(head: bytes) -> Reader | None:
    """The reader for a file that begins with `head` (some hundred bytes or more, a BOM taken off); None: no Snort wrote it."""
    if not head or (
        b'"event_type"' in head and head.lstrip().startswith(b"{")
    ):  # of EVE there is most: for it nothing is loaded
        return None
    from eveproc.input.snort import alert_csv, alert_json

    if head.startswith(b"\0\0\0"):  # idstools is loaded for what may be unified2 alone
        from eveproc.input.snort import unified2

        return unified2.read if unified2.begins(head) else None
    if alert_json.begins(head):
        return alert_json.read
    if alert_csv.begins(head):
        return alert_csv.read
    return None


def is_unified2(head: bytes) -> bool:
    """True if a file that begins so holds unified2 records, which are binary."""
    if not head.startswith(b"\0\0\0"):
        return False
    from eveproc.input.snort import unified2

    return unified2.begins(head)


def is_named_unified2(name: str) -> bool:
    """True for names that only unified2 has by custom; a log may not be there yet."""
    return any(fnmatchcase(name, pattern) for pattern in ("*.u2*", "*unified2.log*"))


def followed_reader_for(head: bytes) -> Reader | None:
    """The reader for lines that begin with `head`, of a log that grows line by line."""
    return None if is_unified2(head) else reader_for(head)
