"""A simulation and a folder -> traffic.pcap, truth.json and replay.yaml, written atomically."""

import json
import struct
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import asdict

from rulegen.errors import InputError, Problem
from rulegen.files import SHARED, write_stream, write_whole
from rulegen.simulate.run import HostTruth, Simulation
from rulegen.template_files import templates_folder

PCAP_NAME = "traffic.pcap"
TRUTH_NAME = "truth.json"
# A suricata.yaml to replay the traffic; it names no log file of this machine.
REPLAY_NAME = "replay.yaml"
TRUTH_FORMAT = 1

_FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)  # microseconds, Ethernet
_PACKET_HEADER = struct.Struct("<IIII")


def write_simulation(simulation: Simulation, out_dir: Path) -> tuple[Path, Path]:
    """Write the traffic, its labels and replay.yaml; return the paths of the first two.

    Raises MxhoundError where the folder cannot be written.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError([Problem(str(out_dir), f"cannot be written: {error.strerror}")]) from error
    pcap, truth = out_dir / PCAP_NAME, out_dir / TRUTH_NAME
    write_stream(pcap, lambda file: write_pcap(simulation, file), SHARED)
    write_stream(truth, lambda file: _write_truth(simulation, file), SHARED)
    replay = (templates_folder() / REPLAY_NAME).read_text(encoding="utf-8")
    write_whole(out_dir / REPLAY_NAME, replay, SHARED)
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
