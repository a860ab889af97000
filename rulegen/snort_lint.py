"""A site's snort.lua or snort.conf + a build -> what would keep the rules, or their log, silent.

The text is searched, never executed: what Lua computes is not seen. Included files are read as
well.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from rulegen.errors import InputError, Problem
from rulegen.rulesfile import RULES
from rulegen.snort_files import SETTINGS_3, SETTINGS_29, THRESHOLDS_29
from rulegen.vocabulary import METADATA_SIGNAL

# Where the configuration is below a prefix: Debian has /etc/snort, sources /usr/local/etc/snort.
PLACES = (".", "etc/snort")
MOST_FILES = 200

_LUA_COMMENT = re.compile(r"--\[(=*)\[.*?\]\1\]|--[^\n]*", re.DOTALL)
_CONF_COMMENT = re.compile(r"(?m)^\s*#[^\n]*")
_INCLUDE = re.compile(r"\b(?:include|dofile)\b[\s(]*=?\s*['\"]?([^\s'\"()]+)['\"]?")
_VARIABLE = re.compile(r"(?m)^[ \t]*(?:var[ \t]+)?(\w+)[ \t]*=?[ \t]*['\"]?([\w./-]+)['\"]?[ \t]*$")
_ENTRY = re.compile(r"\{([^{}]*\bsid\s*=\s*(\d+)[^{}]*)\}")
_GID_2_TO = re.compile(r"\b(?:gid\s*=|gen_id)\s*(?!1\b|0\b)\d+")
_LINE_29 = re.compile(
    r"(?m)^[ \t]*(suppress|event_filter|threshold)\b([^\n]*\bsig_id[ \t]+(\d+)[^\n]*)"
)
_STATE_OFF = re.compile(r"\([^()]*\bsid\s*:\s*(\d+)\s*;[^()]*\benable\s*:\s*no\b")
_RULE_SID = re.compile(r"(?m)^[ \t]*\w[^\n#]*\(.*\bsid\s*:\s*(\d+)\s*;.*$")
_UNIFIED2 = re.compile(r"(?m)^[ \t]*output[ \t]+(?:alert_|log_)?unified2\b([^\n]*)")
# Other logs that eveproc reads; of those of Snort 3 some go to the screen unless told to go to a
# file.
_OTHERS_29 = re.compile(r"(?m)^[ \t]*output[ \t]+alert_(?:csv|fast|full|syslog)\b")
_OTHERS_3 = ("unified2", "alert_csv", "alert_syslog")
_OTHERS_3_IN_FILES = ("alert_fast", "alert_full")
_FILE = re.compile(r"\bfile\s*=\s*true\b")


class ConfigText(Struct, frozen=True):
    """One file without its comments; places in it stay."""

    path: Path
    text: str

    def problem(self, what: str, at: int) -> Problem:
        """A problem at this character."""
        return Problem(str(self.path), what, line=self.text.count("\n", 0, at) + 1)


def find_config(path: Path, name: str) -> Path:
    """The file itself; of a folder or prefix of an installation, `name` in it.

    Raises InputError where there is none.
    """
    if path.is_file():
        return path
    found = next((file for place in PLACES if (file := path / place / name).is_file()), None)
    if found is None:
        places = ", ".join(str(path / place / name) for place in PLACES)
        raise InputError([Problem(str(path), f"no {name} found: looked for {places}")])
    return found


def silent_in_snort_lua(path: Path, rules: Path, sids: Iterable[int]) -> tuple[Problem, ...]:
    """What of a snort.lua would silence the rules of a build, or their alert_json."""
    files = _read(find_config(path, "snort.lua"), _LUA_COMMENT)
    own = frozenset(sids)
    checks = (
        _loads(files, rules, (RULES, SETTINGS_3)),
        _alert_json(files),
        _replaced(files),
        _lua_entries(files, own),
        _states(files, own),
        _binder(files),
        _clashes(files, own),
    )
    return tuple(dict.fromkeys(problem for found in checks for problem in found))


def silent_in_snort_conf(path: Path, rules: Path, sids: Iterable[int]) -> tuple[Problem, ...]:
    """What of a snort.conf of 2.9 would silence the rules of a build, or their log."""
    files = _read(find_config(path, "snort.conf"), _CONF_COMMENT)
    own = frozenset(sids)
    checks = (
        _loads(files, rules, (RULES, THRESHOLDS_29, SETTINGS_29)),
        _outputs_29(files),
        _lines_29(files, own),
        _clashes(files, own),
    )
    return tuple(dict.fromkeys(problem for found in checks for problem in found))


def _read(path: Path, comment: re.Pattern[str]) -> list[ConfigText]:
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
                marks = _CONF_COMMENT if other.suffix != ".lua" else comment
                content = other.read_text(encoding="utf-8", errors="replace")
                waiting.append((other, _plain(content, marks)))
    return list(found.values())


def _expanded(name: str, variables: Mapping[str, str]) -> str:
    """A path with the values of its $VARIABLES, where these are known."""
    return re.sub(r"\$(\w+)", lambda found: variables.get(found[1], found[0]), name)


def _plain(text: str, comment: re.Pattern[str]) -> str:
    """Without comments; line numbers stay."""
    return comment.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _loads(files: list[ConfigText], rules: Path, names: Iterable[str]) -> Iterator[Problem]:
    main = files[0]
    for name in names:
        if not any(name in file.text for file in _of_site(files)):
            more = f", or start Snort with -R {rules.absolute()}" if name == RULES else ""
            what = f"does not include {name}: add {rules.with_name(name).absolute()}{more}"
            yield Problem(str(main.path), what)


def _of_site(files: list[ConfigText]) -> list[ConfigText]:
    """Without the files of a build."""
    ours = (RULES, THRESHOLDS_29, SETTINGS_29, SETTINGS_3)
    return [file for file in files if file.path.name not in ours]


def _place_of_ours(file: ConfigText) -> int:
    """Where our settings are included; behind the end where they are not."""
    return at if (at := file.text.find(SETTINGS_3)) >= 0 else len(file.text)


def _set_in(file: ConfigText, name: str) -> Iterator[tuple[int, str]]:
    """Where a table is assigned, with its text in braces."""
    for found in re.finditer(rf"(?m)^[ \t]*{name}[ \t]*=(?!=)\s*(\{{[^{{}}]*\}}|\S*)", file.text):
        yield found.start(), found[1]


def _alert_json(files: list[ConfigText]) -> Iterator[Problem]:
    site = _of_site(files)
    included = any(SETTINGS_3 in file.text for file in site)
    tables = [(file, at, table) for file in site for at, table in _set_in(file, "alert_json")]
    has_other = any(_has_other_log(file) for file in site)
    if not tables and not included and not has_other:
        yield Problem(
            str(files[0].path),
            "has no alert_json: no alert reaches a log that eveproc reads; include mxhound.lua",
        )
    for file, at, table in tables:
        has_file = _FILE.search(table)
        is_off = re.search(r"\bfile\s*=\s*false\b", table)
        is_mended = included and at < _place_of_ours(file)
        if is_off or (not has_file and not is_mended):
            what = "alert_json writes to the screen, not to alert_json.txt; set file = true"
            yield file.problem(what, at)


def _has_other_log(file: ConfigText) -> bool:
    in_files = (table for name in _OTHERS_3_IN_FILES for _, table in _set_in(file, name))
    is_set = any(True for name in _OTHERS_3 for _ in _set_in(file, name))
    return is_set or any(map(_FILE.search, in_files))


def _replaced(files: list[ConfigText]) -> Iterator[Problem]:
    """Tables that are assigned after the include of mxhound.lua take its entries away."""
    for file in _of_site(files):
        for name in ("event_filter", "suppress", "alert_json", "alerts"):
            for at, _ in _set_in(file, name):
                if at > _place_of_ours(file):
                    what = (
                        f"sets {name} after the include of mxhound.lua, which replaces what that "
                        "sets; move the include to the end"
                    )
                    yield file.problem(what, at)


def _lua_entries(files: list[ConfigText], own: frozenset[int]) -> Iterator[Problem]:
    for file in _of_site(files):
        for found in _ENTRY.finditer(file.text):
            sid, is_filter = int(found[2]), re.search(r"\btype\s*=", found[1])
            if _GID_2_TO.search(found[1]) or sid not in own | {0} or (is_filter and not sid):
                continue
            what = "event_filter" if is_filter else "suppress"
            yield file.problem(_silences(what, sid, found[1]), found.start())


def _lines_29(files: list[ConfigText], own: frozenset[int]) -> Iterator[Problem]:
    for file in _of_site(files):
        for found in _LINE_29.finditer(file.text):
            sid = int(found[3])
            is_global_filter = found[1] != "suppress" and not sid
            if not _GID_2_TO.search(found[2]) and sid in own | {0} and not is_global_filter:
                yield file.problem(_silences(found[1], sid, found[2]), found.start())


def _silences(kind: str, sid: int, text: str) -> str:
    rules = f"sid {sid}" if sid else "every rule"
    if kind != "suppress":
        return f"{kind} for {rules}: a build has one of its own; take this one out"
    where = " for some addresses" if re.search(r"\bip\b", text) else ""
    return f"suppress for {rules}: it never alerts{where}; use exempt of site.yaml instead"


def _states(files: list[ConfigText], own: frozenset[int]) -> Iterator[Problem]:
    for file in _of_site(files):
        for found in _STATE_OFF.finditer(file.text):
            if int(found[1]) in own:
                yield file.problem(f"ips.states disables sid {found[1]}", found.start())


def _binder(files: list[ConfigText]) -> Iterator[Problem]:
    site = _of_site(files)
    bound = any(re.search(r"'(?:wizard|smtp)'|\"(?:wizard|smtp)\"", file.text) for file in site)
    for file in site:
        for at, _ in [] if bound else _set_in(file, "binder"):
            what = (
                "binder leads no traffic to smtp or wizard: mails are not seen; "
                "add { use = { type = 'wizard' } }"
            )
            yield file.problem(what, at)


def _clashes(files: list[ConfigText], own: frozenset[int]) -> Iterator[Problem]:
    """Rules of others with our sids; and rules of ours that the loaded file lacks."""
    for file in files:
        rules = list(_RULE_SID.finditer(file.text))
        for found in rules:
            if int(found[1]) in own and METADATA_SIGNAL not in found[0]:
                what = f"another rule has sid {found[1]} of mxhound: set sid_base in site.yaml"
                yield file.problem(what, found.start())
        missing = own - {int(found[1]) for found in rules}
        if file.path.name == RULES and missing:
            named = ", ".join(map(str, sorted(missing)))
            yield Problem(str(file.path), f"lacks rules of this build, or disables them: {named}")


def _outputs_29(files: list[ConfigText]) -> Iterator[Problem]:
    logs = [(file, found) for file in files for found in _UNIFIED2.finditer(file.text)]
    for file, found in logs:
        if re.search(r"\bnostamp\b", found[1]):
            what = (
                "output unified2 with nostamp: each restart and HUP empties the file, and alerts "
                "that were not read are lost; take nostamp out"
            )
            yield file.problem(what, found.start())
    if not logs and not any(_OTHERS_29.search(file.text) for file in files):
        what = (
            "has no output that eveproc reads; add: output unified2: filename mxhound.u2, limit 128"
        )
        yield Problem(str(files[0].path), what)
