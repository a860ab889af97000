"""A wire, a redis and nft for the tests -> fixtures; missing, the tests skip on a user's machine
and fail where CI is set."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.wire import Wire, laid_wire, why_no_wire
from tests.missing import refuse

WITH_SBIN = f"{os.environ['PATH']}:/usr/sbin:/sbin"


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    if missing := why_no_wire():
        refuse(missing)
    with laid_wire() as laid:
        yield laid


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[int]:
    """The local port of a real redis that belongs to the test alone."""
    program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if program is None:
        refuse("no redis; tests/live/install.sh installs it")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    # Debian's redis-tools has the server under another name; it is what it is called by.
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, executable=program, stdout=subprocess.DEVNULL) as server:
        while not _answers(port):
            time.sleep(0.02)
        yield port
        server.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def nft(wire: Wire) -> list[str]:
    """The command of an nft that runs in the wire's namespace, and so changes nothing else."""
    program = shutil.which("nft", path=WITH_SBIN)
    if program is None:
        refuse("no nft; tests/live/install.sh installs it")
    return wire.command(str(program))
