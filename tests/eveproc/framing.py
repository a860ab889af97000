"""Lines of an eve.json -> files with the same records in every framing of engines, shippers and
archives.
"""

import bz2
import gzip
import json
import lzma
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Lines = Sequence[bytes]
Shape = Callable[[Lines], bytes]
# Writes the lines below a folder and says what to hand to eveproc.
Layout = Callable[[Lines, Path], list[str]]

# What a reader sees while Suricata writes; the record would be no evidence if it were whole.
HALF_LINE = b'{"timestamp":"2026-03-02T10:00:00.000000+0000","flow_id":1,"event_type":"tl'
COMPRESSIONS = ("gz", "zst", "xz", "bz2")


def plain(lines: Lines) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def cee(lines: Lines) -> bytes:
    return plain([b"@cee: " + line for line in lines])


def syslog(lines: Lines) -> bytes:
    return plain([b"Mar  2 10:00:00 sensor suricata[12]: @cee: " + line for line in lines])


def crlf(lines: Lines) -> bytes:
    return plain(lines).replace(b"\n", b"\r\n")


def bom(lines: Lines) -> bytes:
    return b"\xef\xbb\xbf" + plain(lines)


def blank_lines_between(lines: Lines) -> bytes:
    return b"\n" + b"\n \r\n\n".join(lines)


def half_last_line(lines: Lines) -> bytes:
    return plain(lines) + HALF_LINE


def array(lines: Lines) -> bytes:
    return b"[" + b",\n".join(lines) + b"]"


def elasticsearch(lines: Lines) -> bytes:
    hits = [
        {"_index": "eve", "_id": str(number), "_source": json.loads(line)}
        for number, line in enumerate(lines)
    ]
    return json.dumps(
        {"took": 3, "timed_out": False, "hits": {"total": {"value": len(hits)}, "hits": hits}}
    ).encode()


def over_lines(lines: Lines) -> bytes:
    return b"\n".join(json.dumps(json.loads(line), indent=2).encode() for line in lines)


SHAPES: tuple[Shape, ...] = (
    plain,
    cee,
    syslog,
    crlf,
    bom,
    blank_lines_between,
    half_last_line,
    array,
    elasticsearch,
    over_lines,
)


def packed(content: bytes, kind: str) -> bytes:
    """The content as one compressed member; `kind` is the suffix of its files."""
    match kind:
        case "gz":
            return gzip.compress(content, 1)
        case "bz2":
            return bz2.compress(content, 1)
        case "xz":
            return lzma.compress(content, preset=0)
        case _:
            return zstd.compress(content)


def threaded(lines: Lines, folder: Path) -> list[str]:
    return _written(folder, {f"eve.{thread}.json": plain(lines[thread::3]) for thread in range(3)})


def rotated(lines: Lines, folder: Path) -> list[str]:
    third = len(lines) // 3
    old, middle, new = lines[:third], lines[third : 2 * third], lines[2 * third :]
    return _written(
        folder,
        {
            "eve.json": plain(new),
            "eve.json.1": plain(middle),
            "eve.json.2.gz": packed(plain(old), "gz"),
        },
    )


def dated(lines: Lines, folder: Path) -> list[str]:
    """One file an hour, as `filename: eve-%Y-%m-%d-%H:%M.json` with `rotate-interval: hour`
    gives.
    """
    hours: dict[str, list[bytes]] = {}
    for line in lines:
        hours.setdefault(json.loads(line)["timestamp"][:13], []).append(line)
    return _written(
        folder,
        {f"eve-{hour.replace('T', '-')}:00.json": plain(part) for hour, part in hours.items()},
    )


def of_two_sensors(lines: Lines, folder: Path) -> list[str]:
    """Two sensors that saw everything; one has a name."""
    named = [line[:-1] + b',"host":"second"}' for line in lines]
    return _written(folder, {"eve.first.json": plain(lines), "eve.second.json": plain(named)})


def twice_in_one_file(lines: Lines, folder: Path) -> list[str]:
    """As two eve-log outputs of one engine that write to the same place."""
    return _written(folder, {"eve.json": plain([line for line in lines for _ in range(2)])})


def as_folder(lines: Lines, folder: Path) -> list[str]:
    threaded(lines, folder)
    return [str(folder)]


def as_glob(lines: Lines, folder: Path) -> list[str]:
    threaded(lines, folder)
    return [f"{folder}/eve.[0-9].json"]


def named_backwards(lines: Lines, folder: Path) -> list[str]:
    return rotated(lines, folder)[::-1]


LAYOUTS: tuple[Layout, ...] = (
    *(threaded, rotated, dated, of_two_sensors, twice_in_one_file),
    *(as_folder, as_glob, named_backwards),
)
PACKERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"plain": bytes, **{kind: partial(packed, kind=kind) for kind in COMPRESSIONS}}
)


def _written(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in files]
