"""A recording of a real Suricata -> a week of one office, day by day through logrotate: one machine
mails from day 3 to day 5.

The recording is two hours of a morning. Every day is that morning with its own date, flow ids and
without the mass mailers; on days 3, 4 and 5 one of them is at it, for three minutes. On day 4 dhcp
gives it another address. The nightly report comes in the middle of the morning, so that every log
is turned over half read.
"""

import gzip
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

from eveproc.cli import main
from rulegen.vocabulary import Engine
from tests.eveproc.rotation import TURNS, Folder

DATA = Path(__file__).parent / "data"
SITE = DATA / "site.yaml"
DAYS = range(1, 8)
INFECTED_DAYS = range(3, 6)
MAILER, MOVED_TO, MAC, NAME = "10.20.71.91", "10.20.71.99", "a4:bb:6d:e9:13:a1", "desktop-bipepa45"
MOVES_ON = 4
FLOODER = "2001:0db8:0020:00fe:0f9b:178b:db3e:63d9"
OTHER_MAILERS = (
    "10.20.213.22",
    "10.20.215.146",
    "10.20.250.11",
    FLOODER,
    "2001:db8:20:fe:f9b:178b:db3e:63d9",
)
REPORT_AT = b"T09:30"
_OTHERS = re.compile("|".join(map(re.escape, OTHER_MAILERS)).encode())
_FLOW_ID = re.compile(rb'"flow_id":(\d+)')
# A connection is logged when it has ended, or long after it was last seen.
_BURST = re.compile(rb'"(?:timestamp|start)":"[0-9-]+T09:(?:0\d|1\d|20)')
_DATE = b"2026-03-02T"


@cache
def record_of(engine: Engine) -> tuple[bytes, ...]:
    """The lines of the recording that are used, in the order they were written."""
    with gzip.open(DATA / f"office-{engine}.eve.json.gz") as stream:
        return tuple(line for line in stream if not _OTHERS.search(line))


def day_of(record: tuple[bytes, ...], day: int) -> tuple[bytes, bytes]:
    """What is written of a day (from 1) before the report is made, and after it."""
    before, after = _parts(record, is_infected=day in INFECTED_DAYS)
    return _dated(before, day), _dated(after, day)


@cache
def _parts(record: tuple[bytes, ...], *, is_infected: bool) -> tuple[bytes, bytes]:
    """The same of the day of the recording."""
    lines = [(line, _is_of_the_infection(line)) for line in record]
    of_day = [
        (line, is_infection or _time(line) < REPORT_AT)
        for line, is_infection in lines
        if is_infected or not is_infection
    ]
    return (
        b"".join(line for line, is_before in of_day if is_before),
        b"".join(line for line, is_before in of_day if not is_before),
    )


def _time(line: bytes) -> bytes:
    return line[24:30]


def _is_of_the_infection(line: bytes) -> bool:
    return f'"{MAILER}"'.encode() in line and _BURST.search(line) is not None


def _dated(lines: bytes, day: int) -> bytes:
    lines = lines.replace(_DATE, f"2026-03-{1 + day:02}T".encode())
    lines = _FLOW_ID.sub(lambda found: b'"flow_id":%d' % (int(found[1]) + day), lines)
    return lines.replace(MAILER.encode(), MOVED_TO.encode()) if day >= MOVES_ON else lines


class Week:
    """The folder of one site: its logs, its state, and the last report as text and its reading
    statistics."""

    def __init__(
        self, path: Path, record: tuple[bytes, ...], turn: str = "create, delaycompress"
    ) -> None:
        (path / "log").mkdir()
        self.path = path
        self.folder = Folder(path / "log")
        self.report = path / "report.txt"
        self.state = path / "state.db"
        self._stats = path / "stats.json"
        self._record = record
        self._turn = TURNS[turn]

    def days(self) -> Iterator[int]:
        """Each day of the week, in the morning when the report is due."""
        rest = b""
        for day in DAYS:
            if day > 1:
                self.folder.write(rest)
                self._turn(self.folder)
            morning, rest = day_of(self._record, day)
            self.folder.write(morning)
            yield day

    def arguments(self) -> list[str]:
        told = ("-o", str(self.report), "--stats", str(self._stats), "--state", str(self.state))
        return ["report", self.folder.pattern(), "-s", str(SITE), *told]

    def bytes_read(self) -> int:
        read: int = json.loads(self._stats.read_text())["bytes"]
        return read

    def bytes_written(self) -> int:
        return sum(len(_unpacked(path)) for path in self.folder.path.iterdir())

    def memory(self) -> dict[Path, bytes]:
        """The files that outlive a report, as they are now."""
        files = (self.report, *self.path.glob(f"{self.state.name}*"))
        return {path: path.read_bytes() for path in files if path.exists()}

    def go_back(self, memory: dict[Path, bytes]) -> None:
        """Make these files what they were."""
        for path in self.memory():
            path.unlink()
        for path, content in memory.items():
            path.write_bytes(content)

    def remembered(self) -> dict[str, list[tuple[object, ...]]]:
        """All that the state holds, but where on which disk it found it."""
        with closing(sqlite3.connect(self.state)) as connection:
            tables = sorted(
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'table'"
                )
            )
            rows = {
                table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr)
                for table in tables
            }
        rows["bookmarks"] = sorted(
            (Path(row[0]).name, row[1], *row[4:5], *row[6:]) for row in rows["bookmarks"]
        )
        return rows


def fork_quietly(arguments: list[str]) -> int:
    """The command in a process forked from this one, which has imported everything; what it says
    goes nowhere. Returns its id."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os._exit(code)
    return process


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
