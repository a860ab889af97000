"""Lines of lookups -> CPU microseconds that each JSON library takes to decode one of them.

    python -m benchmarks.speed --only decoders -o docs/performance.md

Every library gets the same lines, with one thread and in a process of its own, from memory or from
a file in it. "Columns" are fewer fields, without the answers. What is measured ends before any use
of the values: a report also has to recognize which records say the same, and to count them.
Libraries that are not installed are left out; `pip install -e '.[decoders]'` installs all.
"""

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import process_time
from types import MappingProxyType

import msgspec

from benchmarks.eve_file import Recipe
from benchmarks.trials import MEGABYTE, OFFICE, Kit
from eveproc.input import lookups

SIZE, LOOKUPS = 100 * MEGABYTE, 0.33
OURS = "msgspec, fields of lookups"


@dataclass(frozen=True, slots=True)
class Decoder:
    """CPU microseconds for each line, in each round; the version of the library."""

    name: str
    version: str
    microseconds: Sequence[float]


def measure_decoders(
    kit: Kit, scale: float, rounds: int, say: Callable[[str], None]
) -> Iterator[Sequence[Decoder]]:
    """All decoders so far, after each round."""
    lines = lookup_lines(kit.file(Recipe(round(SIZE * scale), OFFICE, lookups=LOOKUPS)))
    runs: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, microseconds in decode_all(lines).items():
            runs.setdefault(name, []).append(microseconds)
        say(f"decoders {number}: { ({name: round(each[-1], 2) for name, each in runs.items()}) }")
        yield [Decoder(name, version(_package(name)), each) for name, each in runs.items()]


def lookup_lines(path: Path) -> list[bytes]:
    """The lines of a file that a report takes as lookups."""
    known = lookups.Lookups(lambda _: True)
    with path.open("rb") as file:
        return [line for line in file if b'"event_type":"dns"' in line and known.take(line)]


def decode_all(lines: Sequence[bytes]) -> dict[str, float]:
    """CPU microseconds for each line, by library; each decodes all lines once, in a process of its
    own.
    """
    found = {}
    with tempfile.NamedTemporaryFile(prefix="mxhound-", suffix=".json", dir=_memory()) as file:
        file.writelines(lines)
        file.flush()
        for name in DECODERS:
            if _is_installed(name):
                words = [sys.executable, "-m", "benchmarks.decoders", name, file.name]
                result = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
                count, seconds = result.stdout.split()
                if int(count) != len(lines):
                    raise ValueError(f"{name} decoded {count} of {len(lines)} lines")
                found[name] = float(seconds) / len(lines) * 1e6
    return found


def _is_installed(name: str) -> bool:
    try:
        version(_package(name))
    except PackageNotFoundError:
        return False
    return True


def _package(name: str) -> str:
    return name.partition(",")[0]


def _memory() -> str | None:
    shared = "/dev/shm"
    return shared if Path(shared).is_dir() else None


def main(name: str, path: str) -> None:
    """Print the number of lines that one library decoded, and the CPU seconds it took."""
    text = Path(path).read_bytes()
    lines = text.splitlines(keepends=True)
    decode = DECODERS[name]()
    start = process_time()
    count = decode(lines, text, path)
    sys.stdout.write(f"{count} {process_time() - start}\n")


# Lines, all of them as one text, and a file of it -> number of decoded lines.
Decode = Callable[[Sequence[bytes], bytes, str], int]

_TEXTS = ("timestamp", "event_type", "src_ip", "dest_ip", "proto", "community_id", "host")
_NUMBERS = ("src_port", "dest_port", "flow_id")
_DNS_TEXTS, _DNS_NUMBERS = ("type", "rrname", "rrtype", "rcode"), ("id", "version")


def _msgspec() -> Decode:
    decode = lookups.decode_lookup
    return lambda lines, _text, _path: sum(1 for _ in map(decode, lines))


def _msgspec_untyped() -> Decode:
    decode = msgspec.json.Decoder().decode
    return lambda lines, _text, _path: sum(1 for _ in map(decode, lines))


def _orjson() -> Decode:
    import orjson

    return lambda lines, _text, _path: sum(1 for _ in map(orjson.loads, lines))


def _pyarrow() -> Decode:
    import pyarrow
    from pyarrow import json

    pyarrow.set_cpu_count(1)
    text, number = pyarrow.string(), pyarrow.int64()
    dns = pyarrow.struct(
        [*((name, text) for name in _DNS_TEXTS), *((name, number) for name in _DNS_NUMBERS)]
    )
    schema = pyarrow.schema(
        [*((name, text) for name in _TEXTS), *((name, number) for name in _NUMBERS), ("dns", dns)]
    )
    read = json.ReadOptions(use_threads=False)
    parse = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    return lambda _lines, text, _path: json.read_json(io.BytesIO(text), read, parse).num_rows


def _polars() -> Decode:
    import polars

    dns = polars.Struct(
        dict.fromkeys(_DNS_TEXTS, polars.String) | dict.fromkeys(_DNS_NUMBERS, polars.Int64)
    )
    schema = {
        **dict.fromkeys(_TEXTS, polars.String),
        **dict.fromkeys(_NUMBERS, polars.Int64),
        "dns": dns,
    }
    return lambda _lines, text, _path: polars.read_ndjson(text, schema=schema).height


def _duckdb() -> Decode:
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    dns = ", ".join(
        [
            *(f'"{name}" VARCHAR' for name in _DNS_TEXTS),
            *(f"{name} BIGINT" for name in _DNS_NUMBERS),
        ]
    )
    columns = ", ".join(
        [
            *(f"{name}: 'VARCHAR'" for name in _TEXTS),
            *(f"{name}: 'BIGINT'" for name in _NUMBERS),
            f"dns: 'STRUCT({dns})'",
        ]
    )
    counts = ", ".join(f"count({name})" for name in (*_TEXTS, *_NUMBERS, "dns"))
    query = (
        f"select {counts} from read_json(?, format = 'newline_delimited', columns = {{{columns}}})"
    )
    return lambda _lines, _text, path: connection.execute(query, [path]).fetchall()[0][0]


DECODERS: Mapping[str, Callable[[], Decode]] = MappingProxyType(
    {
        OURS: _msgspec,
        "msgspec, all fields": _msgspec_untyped,
        "orjson, all fields": _orjson,
        "pyarrow, columns": _pyarrow,
        "polars, columns": _polars,
        "duckdb, columns": _duckdb,
    }
)


if __name__ == "__main__":
    main(*sys.argv[1:3])
