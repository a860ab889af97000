"""A pcap, a build and a Snort -> the logs that the real engine writes, by kind; also what a test
without one says.

Snort 2.9 is a package of Ubuntu, which tests/engines/install.sh puts into a folder of its own. No
package has Snort 3: put it on PATH, or as `snort-3` into the bin folder of $MXHOUND_ENGINES.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rulegen.engines import find_engine
from rulegen.rulesfile import RULES
from rulegen.snort_files import SETTINGS_3, SETTINGS_29, THRESHOLDS_29
from rulegen.snort_trial import own_classes
from rulegen.vocabulary import Engine
from tests.engines.errors import EngineError

TIMEOUT_SECONDS = 600
MISSING = {
    Engine.SNORT_29: "snort-2.9 is not installed here: `make engines` installs it where a mirror "
    "of Ubuntu is reached",
    Engine.SNORT_3: "snort-3 is not installed here, and no package has it: put it on PATH, or as "
    "bin/snort-3 into $MXHOUND_ENGINES",
}


def replay_snort(engine: Engine, pcap: Path, out_dir: Path, build: Path) -> Mapping[str, Path]:
    """{"json": path} of Snort 3, {"u2": path, "csv": path} of 2.9, below `out_dir`. `build` is what
    rulegen wrote for this engine.

    The configuration is as small as possible. Raises EngineError with the engine's message.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    config = out_dir / "snort.conf"
    lines = _config_3(build) if engine is Engine.SNORT_3 else config_29(build)
    config.write_text("".join(f"{line}\n" for line in lines))
    more = ["-R", str(build / RULES)] if engine is Engine.SNORT_3 else []
    said = run_snort(engine, config, pcap, out_dir, more)
    if "ERROR" in said or "WARNING" in said:
        raise EngineError(f"{config}: {said}")
    if engine is Engine.SNORT_3:
        return {"json": out_dir / "alert_json.txt"}
    return {"csv": out_dir / "alert.csv", "u2": next(out_dir.glob("mxhound.u2.*"))}


def run_snort(
    engine: Engine, config: Path, pcap: Path, out_dir: Path, more: Sequence[str] = ()
) -> str:
    """Let the engine read `pcap` with a whole configuration and log to `out_dir`; what it said.

    `more` are options of its command line. Raises EngineError where it is missing or refuses.
    """
    found = find_engine(engine)
    if found is None:
        raise EngineError(MISSING[engine])
    command = [str(found.path), "-q", "-k", "none", "-c", str(config)]
    return _run([*command, "-l", str(out_dir), "-r", str(pcap), *more])


def config_29(build: Path, before: str = "", behind: str = "") -> list[str]:
    """The lines of a small snort.conf; `before` stands before the rules of the build, `behind` at the end."""
    return [
        *own_classes(),
        "config reference: url http://",
        "preprocessor stream5_global: track_tcp yes",
        "preprocessor stream5_tcp",
        *before.splitlines(),
        *(f"include {build.resolve() / name}" for name in (SETTINGS_29, RULES, THRESHOLDS_29)),
        *behind.splitlines(),
        "output alert_csv: alert.csv",
        "output unified2: filename mxhound.u2, limit 128",
    ]


def _config_3(build: Path) -> list[str]:
    return [f"include '{build.resolve() / SETTINGS_3}'"]


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{' '.join(command)}: {error}") from error
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise EngineError(f"{' '.join(command)}: exit {done.returncode}\n{said}")
    return said
