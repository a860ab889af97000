"""A Report -> one more night in an archive: its page, the linked pages around it, and its rows.

DIR/index.html, DIR/nights/ID.html, DIR/incidents/ID.html, DIR/archive.sqlite. All are for the owner
alone, as other reports are. The rows are written last: a run that ends before that is repeated
whole.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from eveproc.archive.database import opened
from eveproc.archive.pages import pages
from eveproc.archive.rows import night_id, rows_of
from eveproc.report import html_report
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.verdict import Verdict
from rulegen.errors import MxhoundError
from rulegen.files import write_whole

FOLDERS = ("nights", "incidents")
DATABASE = "archive.sqlite"


def add_night(
    report: Report, verdicts: tuple[Verdict, ...], folder: Path, *, made: float, keep: int
) -> None:
    """Add the report; nights beyond `keep`, the oldest first, are removed with their pages.

    The same night added again takes the place of the first. Raises MxhoundError if a file cannot be
    written or is no archive.
    """
    _make_folders(folder)
    with opened(folder / DATABASE) as archive:
        archive.add(rows_of(report, verdicts, made), keep)
        nights = archive.nights()
        texts = pages(nights, archive.verdicts(), archive.incidents())
        name = f"nights/{night_id(report, made)}.html"
        texts[name] = html_report.render(report, verdicts, is_archived=True)
        for page, text in sorted(texts.items()):
            _write_changed(folder / page, text)
        archive.save(folder / DATABASE)
    kept = {f"nights/{night.id}.html" for night in nights} | texts.keys()
    for path in _pages_in(folder):
        if path.relative_to(folder).as_posix() not in kept:
            path.unlink(missing_ok=True)


def _make_folders(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in FOLDERS:
            (folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise MxhoundError(f"{folder}: cannot be created: {error.strerror}") from error


def _write_changed(path: Path, text: str) -> None:
    """Write the page unless it is unchanged: most nights change few incidents."""
    with suppress(OSError):
        if path.read_bytes() == text.encode():
            return
    write_whole(path, text)


def _pages_in(folder: Path) -> Iterator[Path]:
    for name in FOLDERS:
        yield from sorted((folder / name).glob("*.html"))
