"""A pcap and a network interface -> its frames on that interface at the speed they were taken
(root, Linux); a command line."""

import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_FILE_HEADER = 24
_RECORD = struct.Struct("<IIII")


def frames(pcap: bytes) -> Iterator[tuple[float, bytes]]:
    """(seconds, frame) of a classic pcap with times in microseconds, as the simulator writes it."""
    at = _FILE_HEADER
    while at < len(pcap):
        seconds, micros, size, _ = _RECORD.unpack_from(pcap, at)
        at += _RECORD.size
        yield seconds + micros / 1_000_000, pcap[at : at + size]
        at += size


def play(pcap: Path, interface: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        began, first = time.monotonic(), None
        for when, frame in frames(pcap.read_bytes()):
            first = when if first is None else first
            time.sleep(max(0.0, began + when - first - time.monotonic()))
            wire.send(frame)


if __name__ == "__main__":
    play(Path(sys.argv[1]), sys.argv[2])
