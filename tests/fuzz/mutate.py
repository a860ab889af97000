"""Bytes -> slightly changed bytes: in lines of JSON an odd value; otherwise a cut, a repeat or a
changed byte.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

# Of every type, at the edges that readers trip over: signs, 64 bits, NaN, surrogates, NUL, escapes,
# addresses and times.
ODD_VALUES: tuple[object, ...] = (
    *(None, True, 0, -1, 1.5, 1e308, float("nan"), float("inf"), 2**63, 2**64, 10**400),
    *(
        "",
        "-",
        ".",
        "..",
        "\0",
        "\ud800",
        "\x1b[2J",
        "=cmd()",
        "\u202e",
        "\\xff",
        "\\xc3\\xa9",
        "\\x",
        "A" * 300,
        "MX",
        "17",
        "ff",
    ),
    *(
        "0.0.0.0",
        "10.20.0.25",
        "10.20.1.1",
        "192.0.2.1",
        "::",
        "::ffff:10.20.1.1",
        "fe80::1%1",
        "2001:0DB8:20::1",
        "10.20.1.1/16",
        "1.2.3",
    ),
    *(
        "1900-01-00T00:00:00.000000+0000",
        "2026-03-02T08:00:00-0500",
        "2026-03-02",
        "9999-12-31T23:59:59-1200",
        "2099-12-31T23:59:59-2359",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [{}],
        {"": ""},
        [{"rrname": "mail.example.org", "rrtype": "A"}],
        {"mxhound_signal": [], "mxhound_host": "x"},
    ),
)


def mutated(data: bytes, random: Random) -> bytes:
    """One change, the same for the same bytes and the same state of `random`."""
    lines = data.split(b"\n")
    number = random.randrange(len(lines))
    try:
        value = json.loads(lines[number])
    except (ValueError, RecursionError):
        return _with_other_bytes(data, random)
    if random.random() < 0.2:
        return _with_other_bytes(data, random)
    lines[number] = json.dumps(_with_other_value(value, random)).encode()
    return b"\n".join(lines)


def _with_other_bytes(data: bytes, random: Random) -> bytes:
    start, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
    match random.randrange(3):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:end] + data[start:]
        case _:
            return data[:start] + random.randbytes(random.randint(1, 4)) + data[start + 1 :]


def _with_other_value(value: object, random: Random) -> object:
    found = list(places(value))
    if not found:
        return random.choice(ODD_VALUES)
    holder, key = random.choice(found)
    if isinstance(holder, dict) and random.random() < 0.2:
        del holder[key]
    else:
        holder[key] = random.choice(ODD_VALUES)
    return value


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """Every (holder, key) at which a value is, at any depth that JSON text was just read from."""
    match value:
        case dict():
            inner = list(value.items())
        case list():
            inner = list(enumerate(value))
        case _:
            return
    for key, held in inner:
        yield value, key
        yield from places(held)
