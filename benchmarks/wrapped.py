"""An eve.json -> the same records in containers, to measure what wrapped records cost.

    python -m benchmarks.wrapped big.json FOLDER

`eveproc report` is then run on each and on the plain file in turn.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType


def _text(content: bytes) -> bytes:
    return json.dumps(content.decode("utf-8", "replace")).encode()


SHIPPED = b'{"@timestamp":"2026-03-02T08:00:00.000Z","agent":{"type":"filebeat"},"message":'
WRAPPED: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "plain": lambda line: line,
        "syslog": lambda line: b"<13>1 2026-03-02T08:00:00.000Z fw1 suricata - - " + line,
        "event": lambda line: b'{"firewall_name":"nfw-1","event":' + line + b"}",
        "message": lambda line: SHIPPED + _text(line) + b"}",
        "text-in-text": lambda line: SHIPPED + _text(b'{"log":' + _text(line) + b"}") + b"}",
        "csv": lambda line: b'"2026-03-02T08:00:00.000Z","' + line.replace(b'"', b'""') + b'"',
    }
)


def write(source: Path, folder: Path) -> None:
    """A file FOLDER/NAME.json for each container; a line of the source is a line there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, wrap in WRAPPED.items():
        with source.open("rb") as lines, (folder / f"{name}.json").open("wb") as out:
            out.writelines(wrap(line.rstrip(b"\n")) + b"\n" for line in lines)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
