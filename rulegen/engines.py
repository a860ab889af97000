"""A machine -> the real engines on it, and what a Suricata says about a rules file.

For Snort see rulegen.snort_trial.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from rulegen.vocabulary import Engine

# "This is Suricata version 7.0.10 RELEASE", "Version 2.9.20 GRE (Build 82)", "Version 3.11.1.0"
_VERSION = re.compile(r"\b[Vv]ersion (\d+\.[\w.]+)")
_MAJOR = {
    Engine.SURICATA_7: "7.",
    Engine.SURICATA_8: "8.",
    Engine.SNORT_29: "2.9.",
    Engine.SNORT_3: "3.",
}
_ON_PATH = {
    Engine.SURICATA_7: "suricata",
    Engine.SURICATA_8: "suricata",
    Engine.SNORT_29: "snort",
    Engine.SNORT_3: "snort",
}
# Where root installs engines for every user of the machine (tests/engines/install.sh).
FOR_EVERYBODY = Path("/usr/local/lib/mxhound/engines")
# Folder with the Debian 13 of tests/engines/install.sh, whose Suricata runs outside its root: with
# its defaults it would read the host's /etc/suricata, which belongs to another version or is
# missing.
_GUEST_ETC = {Engine.SURICATA_8: Path("debian-13/etc/suricata")}
# Console: "E: detect: text"; log file: "[7 - Suricata-Main] 2026-03-02 08:00:00 Error: detect:
# text".
_COMPLAINT = re.compile(
    r"^(?:\[.*?\] \S+ \S+ )?(?P<level>E|W|Error|Warning): (?P<text>[\w-]+: .*)$"
)

# Emerging Threats' 40,000 rules load in about 20 s on two cores; ours in less than one.
TRIAL_SECONDS = 180


class FoundEngine(Struct, frozen=True):
    """An installed engine; `etc` is its configuration folder if its default is wrong."""

    engine: Engine
    path: Path
    version: str
    etc: Path | None = None

    def command(self, *arguments: str | Path, config: Path | None = None) -> list[str]:
        """The command line with these arguments, on `config` or on its own configuration."""
        chosen = config or (self.etc / "suricata.yaml" if self.etc else None)
        words: list[str | Path] = [self.path]
        if chosen is not None:
            words += ["-c", chosen]
        if self.etc is not None and config is None:
            words += ["--set", f"classification-file={self.etc / 'classification.config'}"]
            words += ["--set", f"reference-config-file={self.etc / 'reference.config'}"]
        return [str(word) for word in (*words, *arguments)]


class EngineTrial(Struct, frozen=True):
    """The engine's answer about a rules file: exit code, warnings and errors, in order."""

    exit_code: int
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return self.exit_code == 0 and not self.warnings and not self.errors


def engines_folders() -> tuple[Path, ...]:
    """Where tests/engines/install.sh puts engines: $MXHOUND_ENGINES, if set, and nowhere else.

    Else mxhound/engines in the cache of the user, and FOR_EVERYBODY.
    """
    if chosen := os.environ.get("MXHOUND_ENGINES"):
        return (Path(chosen),)
    cache = os.environ.get("XDG_CACHE_HOME")
    own = (Path(cache) if cache else Path.home() / ".cache") / "mxhound" / "engines"
    return (own, FOR_EVERYBODY)


def find_engine(engine: Engine) -> FoundEngine | None:
    """The engine of this version in engines_folders(), or `suricata` or `snort` on PATH.

    None if this machine has neither.
    """
    for folder in engines_folders():
        etc = folder / _GUEST_ETC[engine] if engine in _GUEST_ETC else None
        if etc is not None and not (etc / "suricata.yaml").is_file():
            etc = None
        if found := _engine_at(folder / "bin" / engine, engine, etc):
            return found
    return _engine_on_path(engine)


def _engine_on_path(engine: Engine) -> FoundEngine | None:
    found = shutil.which(_ON_PATH[engine])
    return _engine_at(Path(found), engine, None) if found else None


def _engine_at(path: Path, engine: Engine, etc: Path | None) -> FoundEngine | None:
    try:
        answer = run_engine([str(path), "-V"], seconds=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(answer.stdout)
    if (
        version is None
        or not version[1].startswith(_MAJOR[engine])
        or engine.partition("-")[0] not in answer.stdout.lower()
    ):
        return None
    return FoundEngine(engine, path, version[1], etc)


def try_rules(
    found: FoundEngine,
    rules: Path,
    *,
    threshold_config: Path | None = None,
    settings: Path | None = None,
    config: Path | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
    seconds: float = TRIAL_SECONDS,
) -> EngineTrial:
    """Let the engine load `rules` (and `threshold_config`) only, as `suricata -T -S rules` does.

    `settings` is a file to include, as mxhound.yaml of a build; its rule-files and threshold-file
    are not used. `config` is a suricata.yaml (default: that of the engine), of whose address groups
    `variables` replace some. If the engine does not start or end, the trial has an error.
    """
    extra = (
        ["--set", f"threshold-file={threshold_config or os.devnull}"]
        if threshold_config or settings
        else []
    )
    extra += ["--include", str(settings.absolute())] if settings else []
    for name, value in variables.items():
        extra += ["--set", f"vars.address-groups.{name}={value}"]
    with tempfile.TemporaryDirectory(prefix="mxhound-") as logs:
        command = found.command("-T", "-S", rules, "-l", logs, *extra, config=config)
        try:
            answer = run_engine(command, seconds)
        except subprocess.TimeoutExpired:
            return EngineTrial(1, errors=(f"the engine did not end within {seconds:g} s",))
        except OSError as error:
            return EngineTrial(1, errors=(f"the engine cannot be started: {error.strerror}",))
        return _trial(answer.returncode, answer.stdout, Path(logs) / "suricata.log")


def run_engine(command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Exit code and console output of an engine.

    Raises OSError if it cannot be started, TimeoutExpired if it does not end in time.
    """
    return subprocess.run(  # the exit code is part of the answer
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
    )


def _trial(exit_code: int, console: str, log: Path) -> EngineTrial:
    """Warnings and errors from the console, or from the log file if the console is off."""
    texts = [console]
    if log.is_file():
        texts.append(log.read_text(encoding="utf-8", errors="replace"))
    complaints = [
        m for text in texts for line in text.splitlines() if (m := _COMPLAINT.match(line))
    ]
    warnings = tuple(dict.fromkeys(m["text"] for m in complaints if m["level"].startswith("W")))
    errors = tuple(dict.fromkeys(m["text"] for m in complaints if m["level"].startswith("E")))
    if exit_code and not errors and not warnings:
        errors = (f"the engine ended with {exit_code}: {console.strip()[-500:]}",)
    return EngineTrial(exit_code, warnings, errors)
