"""A site's snort.lua or snort.conf -> its text without comments, with the files that it includes.

The text is searched, never executed: values that Lua computes are not seen.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from rulegen.errors import InputError, Problem
from rulegen.rulesfile import RULES
from rulegen.snort_files import SETTINGS_3, SETTINGS_29, THRESHOLDS_29
from rulegen.vocabulary import METADATA_SIGNAL

# Places of the configuration below a prefix: Debian has /etc/snort, an installation from source
# /usr/local/etc/snort.
PLACES = (".", "etc/snort")
MOST_FILES = 200
LUA_COMMENT = re.compile(r"--\[(=*)\[.*?\]\1\]|--[^\n]*", re.DOTALL)
CONF_COMMENT = re.compile(r"(?m)^\s*#[^\n]*")

_INCLUDE = re.compile(r"\b(?:include|dofile)\b[\s(]*=?\s*['\"]?([^\s'\"()]+)['\"]?")
_VARIABLE = re.compile(r"(?m)^[ \t]*(?:var[ \t]+)?(\w+)[ \t]*=?[ \t]*['\"]?([\w./-]+)['\"]?[ \t]*$")
_RULE_SID = re.compile(r"(?m)^[ \t]*\w[^\n#]*\(.*\bsid\s*:\s*(\d+)\s*;.*$")
# ips.states of Snort 3 changes a rule of that sid; it is none.
_RULE_STATE = re.compile(r"\benable\s*:")


class ConfigText(Struct, frozen=True):
    """One file without its comments; offsets in it are unchanged."""

    path: Path
    text: str

    def problem(self, what: str, at: int) -> Problem:
        """A problem at this offset."""
        return Problem(str(self.path), what, line=self.text.count("\n", 0, at) + 1)


def find_config(path: Path, name: str) -> Path:
    """The file itself; for a folder or prefix of an installation, `name` in it.

    Raises InputError if there is none.
    """
    if path.is_file():
        return path
    found = next((file for place in PLACES if (file := path / place / name).is_file()), None)
    if found is None:
        places = ", ".join(str(path / place / name) for place in PLACES)
        raise InputError([Problem(str(path), f"no {name} found: looked for {places}")])
    return found


def read_config(path: Path, comment: re.Pattern[str]) -> list[ConfigText]:
    """The file and those it includes, in order, each once. Raises InputError for the first."""
    try:
        waiting = [(path, _plain(path.read_text(encoding="utf-8", errors="replace"), comment))]
    except OSError as error:
        raise InputError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    found: dict[Path, ConfigText] = {}
    while waiting and len(found) < MOST_FILES:
        file, text = waiting.pop(0)
        found[file.resolve()] = ConfigText(file, text)
        variables = dict(_VARIABLE.findall(text))
        for named in _INCLUDE.findall(text):
            other = path.parent / _expanded(named, variables)
            if other.is_file() and other.resolve() not in found:
                marks = CONF_COMMENT if other.suffix != ".lua" else comment
                content = other.read_text(encoding="utf-8", errors="replace")
                waiting.append((other, _plain(content, marks)))
    return list(found.values())


def _expanded(name: str, variables: Mapping[str, str]) -> str:
    """A path with its $VARIABLES replaced by their values, if known."""
    return re.sub(r"\$(\w+)", lambda found: variables.get(found[1], found[0]), name)


def _plain(text: str, comment: re.Pattern[str]) -> str:
    """The text without comments; line numbers are unchanged."""
    return comment.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def of_site(files: list[ConfigText]) -> list[ConfigText]:
    """The site's own files, without those of a build."""
    ours = (RULES, THRESHOLDS_29, SETTINGS_29, SETTINGS_3)
    return [file for file in files if file.path.name not in ours]


def clashes(files: list[ConfigText], own: frozenset[int]) -> Iterator[Problem]:
    """Rules of others with our sids; and rules of ours that the loaded file lacks."""
    for file in files:
        rules = list(_RULE_SID.finditer(file.text))
        for found in rules:
            is_state = _RULE_STATE.search(found[0])
            if int(found[1]) in own and METADATA_SIGNAL not in found[0] and not is_state:
                what = f"another rule has sid {found[1]} of mxhound: set sid_base in site.yaml"
                yield file.problem(what, found.start())
        missing = own - {int(found[1]) for found in rules}
        if file.path.name == RULES and missing:
            named = ", ".join(map(str, sorted(missing)))
            yield Problem(str(file.path), f"lacks rules of this build, or disables them: {named}")


def not_loaded(
    files: list[ConfigText], rules: Path, names: Iterable[str], hint: str = ""
) -> Iterator[Problem]:
    """Files of the build that the configuration does not include.

    `hint` names another way to load the rules.
    """
    for name in names:
        if not any(name in file.text for file in of_site(files)):
            more = hint if name == RULES else ""
            what = f"does not include {name}: add {rules.with_name(name).absolute()}{more}"
            yield Problem(str(files[0].path), what)


def silences(kind: str, sid: int, text: str) -> str:
    """The effect of a suppression or filter for a sid of the build, and what to do about it."""
    if kind != "suppress":
        return f"{kind} for sid {sid}: a build has one of its own; remove this one"
    where = " for some addresses" if re.search(r"\bip\b", text) else ""
    return f"suppress for sid {sid}: it never alerts{where}; use exempt of site.yaml instead"
