"""A site's snort.lua + a build -> settings that would keep the rules, or their log, silent.

A filter or suppression for sid 0 is not among them: Snort looks for one of the sid itself first,
and each rule of a build has one.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rulegen.errors import Problem
from rulegen.rulesfile import RULES
from rulegen.snort_config import (
    LUA_COMMENT,
    ConfigText,
    clashes,
    find_config,
    not_loaded,
    of_site,
    read_config,
    silences,
)
from rulegen.snort_files import SETTINGS_3

# Other logs that eveproc reads; some go to the screen unless configured to write a file.
_OTHERS = ("unified2", "alert_csv", "alert_syslog")
_OTHERS_IN_FILES = ("alert_fast", "alert_full")
_FILE = re.compile(r"\bfile\s*=\s*true\b")
_ENTRY = re.compile(r"\{([^{}]*\bsid\s*=\s*(\d+)[^{}]*)\}")
_GID_2_TO = re.compile(r"\bgid\s*=\s*(?!1\b|0\b)\d+")
_STATE_OFF = re.compile(r"\([^()]*\bsid\s*:\s*(\d+)\s*;[^()]*\benable\s*:\s*no\b")


def silent_in_snort_lua(path: Path, rules: Path, sids: Iterable[int]) -> tuple[Problem, ...]:
    """Settings of a snort.lua that would silence the rules of a build, or their alert_json."""
    files = read_config(find_config(path, "snort.lua"), LUA_COMMENT)
    own = frozenset(sids)
    checks = (
        not_loaded(
            files, rules, (RULES, SETTINGS_3), hint=f", or start Snort with -R {rules.absolute()}"
        ),
        _alert_json(files),
        _replaced(files),
        _lua_entries(files, own),
        _states(files, own),
        _binder(files),
        clashes(files, own),
    )
    return tuple(dict.fromkeys(problem for found in checks for problem in found))


def _place_of_ours(file: ConfigText) -> int:
    """Where our settings are included; after the end if they are not."""
    return at if (at := file.text.find(SETTINGS_3)) >= 0 else len(file.text)


def _set_in(file: ConfigText, name: str) -> Iterator[tuple[int, str]]:
    """The assignments of a table, each with its offset and the text in braces."""
    for found in re.finditer(rf"(?m)^[ \t]*{name}[ \t]*=(?!=)\s*(\{{[^{{}}]*\}}|\S*)", file.text):
        yield found.start(), found[1]


def _alert_json(files: list[ConfigText]) -> Iterator[Problem]:
    site = of_site(files)
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
    in_files = (table for name in _OTHERS_IN_FILES for _, table in _set_in(file, name))
    is_set = any(True for name in _OTHERS for _ in _set_in(file, name))
    return is_set or any(map(_FILE.search, in_files))


def _replaced(files: list[ConfigText]) -> Iterator[Problem]:
    """Tables that are assigned after the include of mxhound.lua take its entries away."""
    for file in of_site(files):
        for name in ("event_filter", "suppress", "alert_json", "alerts"):
            for at, _ in _set_in(file, name):
                if at > _place_of_ours(file):
                    what = (
                        f"sets {name} after the include of mxhound.lua, which replaces what that "
                        "sets; move the include to the end"
                    )
                    yield file.problem(what, at)


def _lua_entries(files: list[ConfigText], own: frozenset[int]) -> Iterator[Problem]:
    for file in of_site(files):
        for found in _ENTRY.finditer(file.text):
            sid = int(found[2])
            if not _GID_2_TO.search(found[1]) and sid in own:
                kind = "event_filter" if re.search(r"\btype\s*=", found[1]) else "suppress"
                yield file.problem(silences(kind, sid, found[1]), found.start())


def _states(files: list[ConfigText], own: frozenset[int]) -> Iterator[Problem]:
    for file in of_site(files):
        for found in _STATE_OFF.finditer(file.text):
            if int(found[1]) in own:
                yield file.problem(f"ips.states disables sid {found[1]}", found.start())


def _binder(files: list[ConfigText]) -> Iterator[Problem]:
    site = of_site(files)
    bound = any(re.search(r"'(?:wizard|smtp)'|\"(?:wizard|smtp)\"", file.text) for file in site)
    for file in site:
        for at, _ in [] if bound else _set_in(file, "binder"):
            what = (
                "binder leads no traffic to smtp or wizard: mails are not seen; "
                "add { use = { type = 'wizard' } }"
            )
            yield file.problem(what, at)
