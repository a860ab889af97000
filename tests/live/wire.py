"""A name -> a network namespace with a virtual cable, and a Suricata that listens at one end of it
(root, Linux, iproute2)."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import yaml

from rulegen.vocabulary import Engine
from tests.engines.errors import EngineError
from tests.engines.replay import installed, render_config

ROOT = Path(__file__).parents[2]
SENDS, LISTENS = "mxhound-a", "mxhound-b"
START_SECONDS = 60
# Where iproute2 keeps named namespaces.
NAMESPACES = Path("/run/netns")
_numbers = count()


@dataclass(frozen=True, slots=True)
class Wire:
    """A namespace with two interfaces: what is sent on SENDS arrives at LISTENS."""

    name: str

    def command(self, *words: str | Path) -> list[str]:
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def play(self, pcap: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(sys.executable, "-m", "tests.live.play", pcap, SENDS), cwd=ROOT
        )


def why_no_wire() -> str:
    """What this machine lacks for one; "" if nothing."""
    if os.geteuid() != 0:
        return "a network namespace takes root"
    if shutil.which("ip") is None:
        return "there is no `ip`; Debian's package is iproute2"
    try:
        with laid_wire():
            return ""
    except subprocess.CalledProcessError as error:
        return f"no network namespace here: {error.stderr.decode(errors='replace').strip()}"


@contextmanager
def laid_wire() -> Iterator[Wire]:
    """Raises CalledProcessError where the kernel or a container forbids it. Leaves nothing
    behind.
    """
    name, had_folder = f"mxhound-{os.getpid()}-{next(_numbers)}", NAMESPACES.exists()
    try:
        _ip("netns", "add", name)
        for end in _ends(name):
            _ip("-n", name, "link", "set", end, "up")
        yield Wire(name)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        if not had_folder:
            _forget_namespaces()


def _ends(name: str) -> tuple[str, str]:
    """A new cable in the namespace."""
    _ip("-n", name, "link", "add", SENDS, "type", "veth", "peer", "name", LISTENS)
    return SENDS, LISTENS


def _forget_namespaces() -> None:
    """Take back the folder that `ip netns add` mounts over itself, unless another has put a
    namespace into it meanwhile."""
    if NAMESPACES.exists() and not any(NAMESPACES.iterdir()):
        subprocess.run(["umount", NAMESPACES], check=False, capture_output=True)
        with suppress(OSError):
            NAMESPACES.rmdir()


@contextmanager
def listening(
    engine: Engine, wire: Wire, build: Path, out_dir: Path, eve: Mapping[str, object] | None = None
) -> Iterator[Path]:
    """The engine at LISTENS with a build of rulegen, until the block ends; gives the folder it logs
    to.

    `eve` changes settings of the build's eve-log. Raises EngineError with the engine's message
    where it does not start.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    found = installed(engine)
    config = out_dir / "suricata.yaml"
    config.write_text(render_config(found, build) + _changed(eve or {}))
    rules = ["-S", build / "mxhound.rules", "--set", f"threshold-file={build / 'threshold.config'}"]
    command = wire.command(
        *found.command(
            "-l", out_dir, f"--af-packet={LISTENS}", "--init-errors-fatal", *rules, config=config
        )
    )
    with (
        (out_dir / "console.log").open("wb") as console,
        subprocess.Popen(command, stdout=console, stderr=console) as engine_run,
    ):
        try:
            _wait_for_start(engine_run, out_dir / "console.log")
            yield out_dir
        finally:
            engine_run.terminate()


def _changed(eve: Mapping[str, object]) -> str:
    return "".join(
        yaml.safe_dump({f"outputs.mxhound.eve-log.{key}": value}) for key, value in eve.items()
    )


def _wait_for_start(engine_run: "subprocess.Popen[bytes]", console: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while "Engine started" not in console.read_text(errors="replace"):
        if engine_run.poll() is not None or time.monotonic() > until:
            raise EngineError(f"Suricata did not start:\n{console.read_text(errors='replace')}")
        time.sleep(0.1)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
