"""A Snort on this machine + a build -> what `snort -T` says about it."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rulegen.catalogue import CATALOGUE
from rulegen.engines import TRIAL_SECONDS, EngineTrial, FoundEngine, run_engine
from rulegen.vocabulary import Engine

# Without this file, the classes of our own rules are defined. Debian has it in /etc/snort, an
# installation from source in etc/snort of its prefix.
_CLASSES = "classification.config"
_FOLDERS = (Path("/etc/snort"), Path("/usr/local/etc/snort"))
# Snort splits -R and includes at blanks. This stands for a blank while a message is parsed.
_BLANK = "\x01"
_SPLIT_AT = re.compile(r"[\s'\"]")
# "ERROR: FILE(42) text" (2.9), "ERROR: FILE:42 text" (3); "FATAL: see prior 3 errors" and "Fatal
# Error, Quitting.." say nothing new.
_COMPLAINT = re.compile(
    r"(?P<level>ERROR|WARNING): "
    r"(?:(?P<file>[^\s:(]+)(?:\((?P<line>\d+)\)|:(?P<row>\d+)):? )?(?P<text>.+)"
)


def try_snort(
    found: FoundEngine,
    rules: Path,
    *,
    thresholds: Path | None = None,
    settings: Path | None = None,
    seconds: float = TRIAL_SECONDS,
) -> EngineTrial:
    """Let Snort load `rules` and nothing else, with the settings of a build where there are any, as
    `snort -T` does.

    `thresholds` is for Snort 2.9 alone. An engine that does not start or end is an error of the
    trial.
    """
    with tempfile.TemporaryDirectory(prefix="mxhound-") as name:
        config = Path(name) / "snort.conf"
        copies = {
            file: _without_blanks(file, Path(name) / f"build{number}")
            for number, file in enumerate((rules, thresholds, settings))
            if file is not None
        }
        tried = [copies[file] if file else None for file in (rules, thresholds, settings)]
        config.write_text(
            "".join(f"{line}\n" for line in _config(found, copies[rules], *tried[1:])),
            encoding="utf-8",
        )
        command = [str(found.path), "-T", "-c", str(config), "-l", name]
        if found.engine is Engine.SNORT_3:
            command += ["-R", str(copies[rules])]
        try:
            answer = run_engine(command, seconds)
        except subprocess.TimeoutExpired:
            return EngineTrial(1, errors=(f"the engine did not end within {seconds:g} s",))
        except OSError as error:
            return EngineTrial(1, errors=(f"the engine cannot be started: {error.strerror}",))
    return _trial(answer.returncode, _named_as_given(answer.stdout, copies))


def _without_blanks(file: Path, folder: Path) -> Path:
    """The file itself, or a copy of it in `folder` if Snort would split its path."""
    if not _SPLIT_AT.search(str(file.absolute())):
        return file.absolute()
    folder.mkdir()
    return Path(shutil.copyfile(file, folder / _SPLIT_AT.sub("_", file.name)))


def _named_as_given(console: str, copies: Mapping[Path, Path]) -> str:
    """The console with the paths as they were given; _BLANK stands for their blanks."""
    for file, copy in copies.items():
        if copy != file.absolute():
            given = str(file.absolute()).replace(" ", _BLANK)
            console = console.replace(str(copy), given)
    return console


def _config(
    found: FoundEngine, rules: Path, thresholds: Path | None, settings: Path | None
) -> Iterator[str]:
    engine = found.engine
    files = [str(file.absolute()) for file in (settings, rules, thresholds) if file is not None]
    if engine is Engine.SNORT_3:
        yield from (f"include '{file}'" for file in files[: settings is not None])
        return
    folders = (found.path.resolve().parent.parent / "etc/snort", *_FOLDERS)
    classes = next((one / _CLASSES for one in folders if (one / _CLASSES).is_file()), None)
    known = classes is not None and not _SPLIT_AT.search(str(classes))
    yield from (f"include {classes}",) if known else own_classes()
    yield "config reference: url http://"
    yield "preprocessor stream5_global: track_tcp yes"
    yield "preprocessor stream5_tcp"
    yield from (f"include {file}" for file in files)


def own_classes() -> Iterator[str]:
    """The classes of our rules, as lines of a snort.conf."""
    for name in sorted({spec.classtype for spec in CATALOGUE}):
        yield f"config classification: {name},{name},1"


def _trial(exit_code: int, console: str) -> EngineTrial:
    complaints = [found for line in console.splitlines() if (found := _COMPLAINT.match(line))]
    told = {
        level: tuple(dict.fromkeys(_text(found) for found in complaints if found["level"] == level))
        for level in ("WARNING", "ERROR")
    }
    errors = told["ERROR"]
    if exit_code and not errors:
        errors = (f"the engine ended with {exit_code}: {console.strip()[-500:]}",)
    return EngineTrial(exit_code, told["WARNING"], errors)


def _text(found: re.Match[str]) -> str:
    """A message in Suricata's form, which check.py reads: text from file FILE at line N."""
    line = found["line"] or found["row"]
    text = found["text"].rstrip(".").replace(_BLANK, " ")
    if not line:
        return text
    file = Path(found["file"].replace(_BLANK, " ")).absolute()
    return f"{text} from file {file} at line {line}"
