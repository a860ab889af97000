"""archive.sqlite <-> Archive: the rows of all kept nights.

The file is read whole, changed in memory and written atomically: on a file share SQLite's own locks
are unreliable, and a program that has the file open keeps reading the previous night. It is SQLite
because Python includes it, and datasette, DuckDB and spreadsheets open it.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import astuple

from eveproc.archive.rows import (
    CauseRow,
    IncidentRow,
    NetworkRow,
    NightRow,
    RecordRow,
    Row,
    VerdictRow,
)
from rulegen.errors import InputError, Problem
from rulegen.files import read_bounded, write_stream

# SQLite's application_id, in the header of the file: a file of another program is refused.
APPLICATION = int.from_bytes(b"mxha")
VERSION = 1
# Maximum size of the file, which is held in memory; a verdict takes about a kilobyte.
MAX_BYTES = 1 << 30

SCHEMA = f"""
CREATE TABLE night (id TEXT PRIMARY KEY, first_record TEXT, last_record TEXT, judgement TEXT,
    causes TEXT, infected INTEGER, suspected INTEGER, clean INTEGER);
CREATE TABLE verdict (night TEXT REFERENCES night, place INTEGER, host TEXT, scope TEXT, mac TEXT,
    name TEXT, verdict TEXT, score REAL, decided_at TEXT, first_seen TEXT, last_seen TEXT,
    families TEXT, why TEXT, next_step TEXT, incident TEXT);
CREATE INDEX verdict_by_night ON verdict (night);
CREATE INDEX verdict_by_host ON verdict (host);
CREATE TABLE incident (night TEXT REFERENCES night, incident TEXT, trend TEXT, previous TEXT,
    first_reported TEXT, host TEXT, scope TEXT, mac TEXT, name TEXT);
CREATE INDEX incident_by_night ON incident (night);
CREATE TABLE cause (night TEXT REFERENCES night, name TEXT, text TEXT, remedy TEXT);
CREATE TABLE record (night TEXT REFERENCES night, sensor TEXT, kind TEXT, first TEXT, last TEXT);
CREATE TABLE network (night TEXT REFERENCES night, network TEXT, seen INTEGER);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""
# Tables whose rows belong to a night.
OF_NIGHT = ("verdict", "incident", "cause", "record", "network")
_TABLES: dict[type[Row], str] = {
    NightRow: "night",
    VerdictRow: "verdict",
    IncidentRow: "incident",
    CauseRow: "cause",
    RecordRow: "record",
    NetworkRow: "network",
}
_Row = TypeVar("_Row", NightRow, VerdictRow, IncidentRow)


class _DamagedError(Exception):
    """The file holds data that eveproc does not write."""


class Archive:
    """The rows of all kept nights, in memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, rows: Iterable[Row], keep: int) -> None:
        """Add the rows of a night, replacing earlier rows of it, and drop all but the latest `keep`
        nights.
        """
        for row in rows:
            if isinstance(row, NightRow):
                self._forget(row.id)
            values = astuple(row)
            marks = ", ".join("?" * len(values))
            self._connection.execute(f"INSERT INTO {_TABLES[type(row)]} VALUES ({marks})", values)
        for night in self.nights()[:-keep]:
            self._forget(night.id)
        self._connection.commit()

    def _forget(self, night: str) -> None:
        self._connection.execute("DELETE FROM night WHERE id = ?", (night,))
        for table in OF_NIGHT:
            self._connection.execute(f"DELETE FROM {table} WHERE night = ?", (night,))

    def nights(self) -> list[NightRow]:
        """Nights, the oldest first."""
        return self._rows(NightRow, "id")

    def verdicts(self) -> list[VerdictRow]:
        """Verdicts by night, the worst first."""
        return self._rows(VerdictRow, "night, place")

    def incidents(self) -> list[IncidentRow]:
        """What each night said about each incident, by night."""
        return self._rows(IncidentRow, "night, incident")

    def _rows(self, kind: type[_Row], order: str) -> list[_Row]:
        names = kind.__struct_fields__
        found = self._connection.execute(
            f"SELECT {', '.join(names)} FROM {_TABLES[kind]} ORDER BY {order}"
        )
        try:
            rows = [msgspec.convert(dict(zip(names, v, strict=True)), kind) for v in found]
            for row in rows:
                row.check()
        except ValueError as error:
            raise _DamagedError(error) from error
        return rows

    def save(self, path: Path) -> None:
        """Write the file in one step."""
        self._connection.execute("VACUUM")
        content = self._connection.serialize()
        write_stream(path, lambda file: file.write(content))


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive in the file; an empty one if there is no file.

    Raises InputError for other files, also from within the `with`.
    """
    connection = sqlite3.connect(":memory:")
    try:
        if path.exists():
            _read(connection, path)
        else:
            connection.executescript(SCHEMA)
        yield Archive(connection)
    except (sqlite3.Error, _DamagedError) as error:
        what = f"is damaged ({error}); move it away to start with a new one"
        raise InputError([Problem(str(path), what)]) from error
    finally:
        connection.close()


def _read(connection: sqlite3.Connection, path: Path) -> None:
    content = read_bounded(path, MAX_BYTES)
    try:
        connection.deserialize(content or b"empty")
        found = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        ]
    except sqlite3.Error as error:
        found = [str(error)]
    if found != [APPLICATION, VERSION]:
        what = "is no archive of this version; expected a file that eveproc report --archive wrote"
        raise InputError([Problem(str(path), what)])
