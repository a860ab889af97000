"""A simulation and a folder -> traffic.pcap and truth.json in it, each whole or not at all."""

import json
import os
import struct
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import asdict

from rulegen.errors import InputError, Problem
from rulegen.simulate.run import HostTruth, Simulation

PCAP_NAME = "traffic.pcap"
TRUTH_NAME = "truth.json"
TRUTH_FORMAT = 1

_FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)  # microseconds, Ethernet
_PACKET_HEADER = struct.Struct("<IIII")


def write_simulation(simulation: Simulation, out_dir: Path) -> tuple[Path, Path]:
    """Write both files and return their paths. Raises InputError where the folder cannot be written."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        pcap = _write_whole(out_dir / PCAP_NAME, lambda file: write_pcap(simulation, file))
        truth = _write_whole(out_dir / TRUTH_NAME, lambda file: _write_truth(simulation, file))
    except OSError as error:
        raise InputError([Problem(str(out_dir), f"cannot be written: {error.strerror}")]) from error
    return pcap, truth


def write_pcap(simulation: Simulation, file: BinaryIO) -> None:
    """The packets as a classic pcap file with times in microseconds."""
    start = round(simulation.start.timestamp() * 1_000_000)
    file.write(_FILE_HEADER)
    for time, frame in simulation.packets:
        seconds, micros = divmod(start + round(time * 1_000_000), 1_000_000)
        file.write(_PACKET_HEADER.pack(seconds, micros, len(frame), len(frame)) + frame)


def _write_truth(simulation: Simulation, file: BinaryIO) -> None:
    truth = {
        "format": TRUTH_FORMAT,
        "seed": simulation.seed,
        "left_out": list(simulation.left_out),
        "hosts": [_host(host, simulation.start) for host in simulation.hosts],
    }
    file.write(json.dumps(truth, indent=1).encode("ascii") + b"\n")


def _host(host: HostTruth, start: datetime) -> dict[str, object]:
    first = (
        None
        if host.first_mail is None
        else (start + timedelta(seconds=host.first_mail)).isoformat(timespec="milliseconds")
    )
    return asdict(host) | {"first_mail": first and first.replace("+00:00", "Z")}


def _write_whole(path: Path, write: Callable[[BinaryIO], None]) -> Path:
    """Into a file beside it, which then takes the name: nobody ever reads half of one."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb", buffering=1 << 20) as file:
            write(file)
        Path(part).chmod(0o644)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return path
