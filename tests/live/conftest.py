"""A wire, a redis and nft for the tests -> fixtures; missing, the tests skip on a user's machine and fail where CI is set."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.wire import Wire, laid_wire, why_no_wire

WITH_SBIN = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def refuse(missing: str) -> None:
    """Fails under CI, else skips."""
    if os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(f"NOT TESTED: {missing}")


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    if missing := why_no_wire():
        refuse(missing)
    with laid_wire() as laid:
        yield laid


@pytest.fixture
def redis_socket(tmp_path: Path) -> Iterator[Path]:
    """The socket of a real redis that belongs to the test alone."""
    program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if program is None:
        refuse("no redis; tests/live/install.sh installs it")
    path = tmp_path / "redis.sock"
    # Debian's redis-tools has the server under another name; it goes by the name that it is called by.
    command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, executable=program, stdout=subprocess.DEVNULL) as server:
        while not path.exists():
            time.sleep(0.02)
        yield path
        server.terminate()


@pytest.fixture
def nft(wire: Wire) -> list[str]:
    """The words before the arguments of an nft that can touch nothing but the wire's namespace."""
    program = shutil.which("nft", path=WITH_SBIN)
    if program is None:
        refuse("no nft; tests/live/install.sh installs it")
    return wire.command(str(program))
