"""A pcap, rules or a build, and an engine -> the eve.json that the real Suricata writes; also a
command line of the same."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import yaml

from rulegen.engines import FoundEngine, find_engine
from rulegen.vocabulary import Engine
from tests.engines.errors import EngineError

TIMEOUT_SECONDS = 600
# Where a build's mxhound.yaml expects its folder.
INSTALLED_AT = "/etc/suricata/mxhound"

# Record types of eve-log and their options: all that eveproc reads, and what tells a broken
# capture.
EVE_TYPES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "alert": {"metadata": True},
        "anomaly": {},
        "dns": {},
        "smtp": {"extended": True, "md5": ["body", "subject"]},
        "flow": {},
        "dhcp": {},
        "stats": {"totals": True, "threads": False},
    }
)


def replay(
    engine: Engine,
    pcap: Path,
    out_dir: Path,
    rules: Path | None = None,
    build: Path | None = None,
    eve_types: Mapping[str, Mapping[str, object]] = EVE_TYPES,
    more: Sequence[str] = (),
    under: Sequence[str] = (),
) -> Path:
    """Run `engine` over `pcap`, write everything below `out_dir` and return the path of the one
    JSON log.

    `rules` is one rules file. `build` is a folder `rulegen build` wrote for this engine: its
    mxhound.yaml wins over the settings made here. `more` are options of the engine's command line,
    `under` is a command that runs it. A rule that does not load is an error. Raises EngineError
    with the engine's message.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    if list(out_dir.glob("*.json")):
        raise EngineError(f"{out_dir}: already holds an eve.json; Suricata would append to it")
    found = installed(engine)
    config = out_dir / "suricata.yaml"
    config.write_text(render_config(found, build, eve_types))
    command = found.command("-l", out_dir, "-r", pcap, config=config)
    # autofp, the default, lets packet time go backwards between threads: thresholds would then
    # count at random.
    command += ["--runmode", "single", "-k", "all", "--init-errors-fatal"]
    # The paths in a build's mxhound.yaml are where an operator puts it; here the build is used
    # where it lies.
    command += ["-S", str(rules or (build / "mxhound.rules" if build else os.devnull))]
    if build is not None:
        command += ["--set", f"threshold-file={build / 'threshold.config'}"]
    command += more
    _run([*under, *command], out_dir / "console.log")
    return _only_json(out_dir)


def render_config(
    engine: FoundEngine,
    build: Path | None,
    eve_types: Mapping[str, Mapping[str, object]] = EVE_TYPES,
) -> str:
    """The smallest suricata.yaml that replays mail traffic, without the settings that the build's
    mxhound.yaml makes."""
    settings = _settings(engine, eve_types)
    fragment = ""
    if build is not None:
        # As its head tells an operator: change the folder if it is not at /etc/suricata/mxhound.
        fragment = (build / "mxhound.yaml").read_text().replace(INSTALLED_AT, str(build.resolve()))
        # Its one key of app-layer adds to what is set here.
        theirs = {key.split(".")[0] for key in yaml.safe_load(fragment)} - {"app-layer"}
        settings = {key: value for key, value in settings.items() if key not in theirs}
    return (
        "%YAML 1.1\n---\n"
        + yaml.safe_dump(settings, sort_keys=False)
        + fragment.removeprefix("%YAML 1.1\n---\n")
    )


def installed(engine: Engine) -> FoundEngine:
    """The engine on this machine. Raises EngineError when there is none."""
    found = find_engine(engine)
    if found is None:
        raise EngineError(f"{engine} is not installed; `make engines` installs it")
    return found


def _settings(
    engine: FoundEngine, eve_types: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    etc = engine.etc or Path("/etc/suricata")
    eve = {"enabled": True, "filetype": "regular", "filename": "eve.json"}
    types: list[object] = [
        {name: dict(options)} if options else name for name, options in eve_types.items()
    ]
    return {
        "vars": {
            "address-groups": {
                "HOME_NET": "[10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,2001:db8::/32]"
            }
            | {"EXTERNAL_NET": "!$HOME_NET"},
        },
        "stats": {"enabled": True, "interval": 8},
        "outputs": [{"eve-log": eve | {"types": types}}],
        "classification-file": str(etc / "classification.config"),
        "reference-config-file": str(etc / "reference.config"),
        "app-layer": {"protocols": _protocols()},
        # Chunk sizes are random by default; a replay must give the same output each time.
        "stream": {"reassembly": {"randomize-chunk-size": False, "depth": "1mb"}},
        "unix-command": {"enabled": False},
    }


def _protocols() -> dict[str, object]:
    dns = {name: {"enabled": True, "detection-ports": {"dp": 53}} for name in ("tcp", "udp")}
    return {
        "dns": dns,
        "smtp": {"enabled": True, "mime": {"decode-mime": True, "body-md5": True}},
        "tls": {"enabled": True, "detection-ports": {"dp": 443}},
        "dhcp": {"enabled": True},
        "http": {"enabled": True},
    }


def _run(command: list[str], log: Path) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{' '.join(command)}: {error}") from error
    said = done.stdout + done.stderr
    log.write_text(said)
    # Suricata ends with 0 on a pcap that it cannot read to its end; only its log tells.
    if done.returncode or "\nE: " in f"\n{said}" or "\nError: " in f"\n{said}":
        raise EngineError(f"{' '.join(command)}: exit {done.returncode}\n{said.strip()}")


def _only_json(out_dir: Path) -> Path:
    found = sorted(out_dir.glob("*.json"))
    if len(found) != 1:
        raise EngineError(
            f"{out_dir}: expected one eve.json, found {[path.name for path in found]}"
        )
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Replay a pcap through a real Suricata and print where its eve.json is."
    )
    parser.add_argument("engine", type=Engine, choices=[Engine.SURICATA_7, Engine.SURICATA_8])
    parser.add_argument("pcap", type=Path)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--rules", type=Path, help="a rules file")
    parser.add_argument(
        "--build", type=Path, help="a folder rulegen build wrote, as out/suricata-7"
    )
    try:
        eve = replay(**vars(parser.parse_args()))
    except EngineError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{eve}\n")


if __name__ == "__main__":
    main()
