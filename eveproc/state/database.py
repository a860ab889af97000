"""The path of a state file -> an SQLite connection to it, with the tables of this version.

An open file is locked for this process. docs/state.md describes the tables.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from rulegen.errors import MxhoundError
from rulegen.files import refuse_foreign_link, why_not_made

# SQLite's application_id, in the file's header: a file of another program is refused.
APPLICATION = int.from_bytes(b"mxhd")

# Each migration brings the file from one version of the schema to the next; their number is the
# user_version. Names in the file are those of 0.1: an incident is an `episode`, a log position a
# `bookmark`.
MIGRATIONS = (
    """
    CREATE TABLE bookmarks (path TEXT, kind TEXT, device INTEGER, inode INTEGER, size INTEGER,
        modified INTEGER, offset INTEGER, head_size INTEGER, head BLOB, tail BLOB, grown REAL)
        STRICT;
    CREATE TABLE evidence (address TEXT, hour INTEGER, piece BLOB, PRIMARY KEY (address, hour))
        WITHOUT ROWID, STRICT;
    CREATE INDEX evidence_by_hour ON evidence (hour);
    CREATE TABLE leases (address TEXT, mac TEXT, hour INTEGER, first REAL, last REAL,
        PRIMARY KEY (address, mac, hour)) WITHOUT ROWID, STRICT;
    CREATE TABLE lease_lengths (address TEXT, mac TEXT, seconds INTEGER, PRIMARY KEY (address, mac))
        WITHOUT ROWID, STRICT;
    CREATE TABLE names (mac TEXT PRIMARY KEY, time REAL, name TEXT) WITHOUT ROWID, STRICT;
    CREATE TABLE counters (sensor TEXT, counter TEXT, time REAL, value INTEGER,
        PRIMARY KEY (sensor, counter)) WITHOUT ROWID, STRICT;
    CREATE TABLE moments (name TEXT PRIMARY KEY, time REAL) WITHOUT ROWID, STRICT;
    """,
    """
    CREATE TABLE episodes (id TEXT PRIMARY KEY, mac TEXT, address TEXT, name TEXT, started REAL,
        first_reported REAL, last_seen REAL, level TEXT, score REAL, standing TEXT)
        WITHOUT ROWID, STRICT;
    CREATE TABLE reports (number INTEGER PRIMARY KEY, last_event REAL, files INTEGER, bytes INTEGER,
        lines INTEGER) STRICT;
    CREATE TABLE verdicts (at REAL, episode TEXT, host TEXT, trend TEXT, level TEXT, score REAL,
        PRIMARY KEY (at, episode)) WITHOUT ROWID, STRICT;
    """,
    """
    CREATE TABLE messages (service TEXT, number INTEGER, title TEXT, body TEXT, kind TEXT,
        PRIMARY KEY (service, number)) WITHOUT ROWID, STRICT;
    """,
    """
    CREATE TABLE server_names (address TEXT, organisation TEXT, is_exchange INTEGER, time REAL,
        PRIMARY KEY (address, organisation, is_exchange)) WITHOUT ROWID, STRICT;
    """,
    """
    ALTER TABLE episodes ADD COLUMN scope TEXT NOT NULL DEFAULT '';
    CREATE TABLE lease_scopes (
        address TEXT, mac TEXT, scope TEXT, PRIMARY KEY (address, mac, scope)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE releases (
        address TEXT, mac TEXT, time REAL, PRIMARY KEY (address, mac)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE macs (
        address TEXT, mac TEXT, slot INTEGER, first REAL, last REAL,
        PRIMARY KEY (address, mac, slot)
    )
        WITHOUT ROWID, STRICT;
    CREATE TABLE gateways (mac TEXT PRIMARY KEY, time REAL) WITHOUT ROWID, STRICT;
    """,
    """
    ALTER TABLE messages ADD COLUMN data TEXT NOT NULL DEFAULT '';
    """,
    """
    ALTER TABLE episodes ADD COLUMN in_turn TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE logins (address TEXT, kind TEXT, name TEXT, source TEXT, scope TEXT, hour INTEGER,
        PRIMARY KEY (address, kind, name, source, scope)) WITHOUT ROWID, STRICT;
    """,
    """
    CREATE TABLE days (machine TEXT, day INTEGER, mails INTEGER, recipients INTEGER,
        refused INTEGER, deliveries INTEGER, kinds TEXT, servers TEXT, PRIMARY KEY (machine, day))
        WITHOUT ROWID, STRICT;
    CREATE INDEX days_by_day ON days (day);
    """,
)


@contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to this file, which is made if it is missing; no other process can open it
    meanwhile.

    Raises MxhoundError, also from within the `with`, when the file is in use, no state file,
    damaged, or cannot be written.
    """
    try:
        _make_private(path)
        with closing(
            sqlite3.connect(path.absolute(), timeout=0, isolation_level=None)
        ) as connection:
            _prepare(connection)
            yield connection
    except sqlite3.Error as error:
        raise MxhoundError(f"{path}: {why_unusable(error)}") from error
    except _DamagedError as error:
        raise MxhoundError(
            f"{path}: is damaged ({error}); move it away to start with a new one"
        ) from error
    except _RefusedError as error:
        raise MxhoundError(f"{path}: {error}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All changes, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk ends the transaction
            connection.execute("ROLLBACK")
        raise


@contextmanager
def as_written() -> Iterator[None]:
    """Turn errors about values that eveproc does not write into _DamagedError."""
    try:
        yield
    except (ValueError, TypeError, msgspec.ValidationError) as error:
        raise _DamagedError(error) from error


def why_unusable(error: sqlite3.Error) -> str:
    """Completes "the file ..."."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the low byte is the kind of error
        case sqlite3.SQLITE_BUSY:
            return "is in use by another eveproc; only one at a time can work with a state file"
        case sqlite3.SQLITE_NOTADB:
            return "is no state file of eveproc"
        case sqlite3.SQLITE_CORRUPT:
            return f"is damaged ({error}); move it away to start with a new one"
    return f"cannot be used: {error}"


class _RefusedError(Exception):
    """The file cannot be used by this version."""


class _DamagedError(Exception):
    """The file holds data that eveproc does not write."""


def _make_private(path: Path) -> None:
    """Make a new file readable by its owner alone, because it says who talked to whom."""
    try:
        refuse_foreign_link(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise _RefusedError(f"cannot be opened: {why_not_made(path, error)}") from error


def _prepare(connection: sqlite3.Connection) -> None:
    """Lock the file for this process, and bring its schema up to date."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA trusted_schema = OFF")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise _RefusedError("is an SQLite file of another program")
    if version > len(MIGRATIONS):
        raise _RefusedError(
            f"was written by a newer eveproc (schema {version}; this one knows schemas up to "
            f"{len(MIGRATIONS)})"
        )
    if _layout(connection) != _layout_of(version):
        raise _DamagedError(f"its tables are not those of schema {version}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if version < len(MIGRATIONS):
        _migrate(connection, version)


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    with transaction(connection):
        _apply(connection, MIGRATIONS[version:])
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _apply(connection: sqlite3.Connection, migrations: Iterable[str]) -> None:
    for migration in migrations:
        for statement in filter(str.strip, migration.split(";")):
            connection.execute(statement)


def _layout(connection: sqlite3.Connection) -> frozenset[tuple[object, ...]]:
    """Tables with their columns, and all other objects such as triggers and views."""
    things = connection.execute("SELECT type, name FROM sqlite_schema")
    columns = connection.execute(
        "SELECT tables.name, columns.name, columns.type, columns.pk, tables.strict "
        "FROM pragma_table_list AS tables, pragma_table_info(tables.name) AS columns"
    )
    own = (row for row in (*things, *columns) if not any(str(n).startswith("sqlite_") for n in row))
    return frozenset(own)


def _layout_of(version: int) -> frozenset[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        _apply(connection, MIGRATIONS[:version])
        return _layout(connection)
