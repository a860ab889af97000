"""A folder in which Suricata writes eve.json and logrotate turns it over, step by step as both do
it."""

import gzip
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.eveproc.evidence_of import HOST, RESOLVER

START = 1_772_438_400  # 2026-03-02T08:00:00Z


def line(number: int) -> bytes:
    """A question for the mail servers of a domain of its own, ten minutes after the one before: no
    hour holds more than is kept."""
    hours, minutes = divmod(number * 10, 60)
    days, hours = divmod(hours, 24)
    asked = {
        "version": 3,
        "type": "request",
        "id": number,
        "queries": [{"rrname": f"victim{number}.example", "rrtype": "MX"}],
    }
    head = {
        "timestamp": f"2026-03-{2 + days:02}T{hours:02}:{minutes:02}:00.000000+0000",
        "flow_id": number + 1,
        "event_type": "dns",
    }
    ends = {"src_ip": HOST, "src_port": 40000, "dest_ip": RESOLVER, "dest_port": 53, "proto": "UDP"}
    return json.dumps({**head, **ends, "dns": asked}, separators=(",", ":")).encode() + b"\n"


class Folder:
    """`written` counts the lines that stand whole in some log, `size` their bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.eve = path / "eve.json"
        self.eve.touch()
        self.written = 0
        self.size = 0
        self._half = b""

    def pattern(self) -> str:
        return f"{self.path}/eve.json*"

    def write(self, text: bytes) -> None:
        with self.eve.open("ab") as stream:
            stream.write(text)

    def append(self, lines: int, *, half: bool = False) -> None:
        """So many lines, and where asked the first half of the next."""
        text = self._half
        for number in range(self.written, self.written + lines):
            whole = line(number)
            text += whole if number > self.written or not self._half else b""
            self.size += len(whole)
        self.written += lines
        self.write(text if lines else b"")
        if lines:
            self._half = b""
        if half and not self._half:
            whole = line(self.written)
            self.write(whole[: len(whole) // 2])
            self._half = whole[len(whole) // 2 :]

    def finish_line(self) -> None:
        if self._half:
            self.append(1)

    def rename(self) -> None:
        """`create` with `delaycompress`: eve.json.1 stays plain for one turn."""
        self.finish_line()
        self._shift()
        self.eve.rename(self._plain())
        self.eve.touch()

    def copy(self) -> None:
        """The first half of `copytruncate`."""
        self.finish_line()
        self._shift()
        shutil.copyfile(self.eve, self._plain())

    def truncate(self) -> None:
        self.eve.write_bytes(b"")

    def compress(self) -> None:
        """What gzip does, finished."""
        self._packed(1).write_bytes(gzip.compress(self._plain().read_bytes(), 1, mtime=0))
        self._plain().unlink()

    def begin_compressing(self) -> None:
        """Half of it: beside eve.json.1 stands a gzip file that ends too early."""
        whole = gzip.compress(self._plain().read_bytes(), 1, mtime=0)
        self._packed(1).write_bytes(whole[: len(whole) // 2])

    def delete_oldest(self) -> None:
        packed = sorted(self.path.glob("*.gz"))
        if packed:
            packed[-1].unlink()

    @property
    def has_plain(self) -> bool:
        return self._plain().exists()

    def _shift(self) -> None:
        if self.has_plain:
            self.compress()
        for number in range(50, 0, -1):
            if self._packed(number).exists():
                self._packed(number).rename(self._packed(number + 1))

    def _plain(self) -> Path:
        return self.path / "eve.json.1"

    def _packed(self, number: int) -> Path:
        return self.path / f"eve.json.{number}.gz"


def _compressed_at_once(folder: Folder) -> None:
    folder.rename()
    folder.compress()


def _truncated(folder: Folder) -> None:
    folder.copy()
    folder.truncate()


# What a night does to the logs, by the words of logrotate's own configuration.
TURNS: Mapping[str, Callable[[Folder], None]] = MappingProxyType(
    {
        "create, delaycompress": Folder.rename,
        "create, compress": _compressed_at_once,
        "copytruncate, delaycompress": _truncated,
    }
)
