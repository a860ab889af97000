"""An eve.json -> the same records in containers or in another spelling, one file each, and the time
of `eveproc report` for each.

    python -m benchmarks.speed --only wrapped -o docs/performance.md
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from benchmarks.eve_file import Recipe
from benchmarks.measure import Run, run
from benchmarks.trials import EVEPROC, MEGABYTE, Kit, warm

PLAIN = "plain lines"
# For a file of this size, start-up is a fifth of the time or less.
SIZE = 200 * MEGABYTE


def _text(content: bytes) -> bytes:
    return json.dumps(content.decode("utf-8", "replace")).encode()


def _anew(line: bytes, separators: tuple[str, str], *, sort_keys: bool = False) -> bytes:
    """The record as written by another JSON encoder."""
    return json.dumps(json.loads(line), separators=separators, sort_keys=sort_keys).encode()


SHIPPED = b'{"@timestamp":"2026-03-02T08:00:00.000Z","agent":{"type":"filebeat"},"message":'
# By their name on the page; in the first five, no quote is escaped.
WRAPPED: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        PLAIN: lambda line: line,
        "object under a key (AWS Network Firewall)": lambda line: (
            b'{"firewall_name":"nfw-1","event":' + line + b"}"
        ),
        "behind text (RFC 5424 syslog)": lambda line: (
            b"<13>1 2026-03-02T08:00:00.000Z fw1 suricata - - " + line
        ),
        "blanks behind colons and commas (Python)": lambda line: _anew(line, (", ", ": ")),
        "sorted keys (Vector)": lambda line: _anew(line, (",", ":"), sort_keys=True),
        "text in JSON (Filebeat, `message`)": lambda line: SHIPPED + _text(line) + b"}",
        "text in a cell of CSV": lambda line: (
            b'"2026-03-02T08:00:00.000Z","' + line.replace(b'"', b'""') + b'"'
        ),
        "text in text in JSON": lambda line: (
            SHIPPED + _text(b'{"log":' + _text(line) + b"}") + b"}"
        ),
    }
)
ESCAPED = tuple(WRAPPED)[5:]


def measure_wrapped(
    kit: Kit, scale: float, rounds: int, say: Callable[[str], None]
) -> Iterator[Mapping[str, Sequence[Run]]]:
    """The runs so far, after each round; each round reads every file once."""
    folder = kit.work / "wrapped"
    files = write(kit.file(Recipe(round(SIZE * scale))), folder)
    runs: dict[str, list[Run]] = {name: [] for name in files}
    for number in range(rounds):
        for name, path in files.items():
            command = kit.command(EVEPROC, path)
            assert command is not None  # eveproc is here
            warm(path)
            runs[name].append(run(command))
        say(f"wrapped {number}: { ({name: round(runs[name][-1].cpu, 3) for name in runs}) }")
        yield runs
    shutil.rmtree(folder)


def write(source: Path, folder: Path) -> Mapping[str, Path]:
    """Write a file for each container; each line of the source becomes one line."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{number}.json" for number, name in enumerate(WRAPPED)}
    for name, path in files.items():
        with source.open("rb") as lines, path.open("wb") as out:
            out.writelines(WRAPPED[name](line.rstrip(b"\n")) + b"\n" for line in lines)
    return files
