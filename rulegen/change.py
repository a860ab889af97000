"""An earlier build and the rules of this one -> what changed in each rule, and why."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rulegen.addresses import expanded, variable_set_by
from rulegen.errors import InputError, Problem
from rulegen.render import RenderedRule
from rulegen.rulesfile import RULES
from rulegen.site_profile import SiteProfile, short
from rulegen.snort_files import SETTINGS_3, SETTINGS_29
from rulegen.suricata_files import SETTINGS
from rulegen.vocabulary import Engine

_RULE = re.compile(r"^alert (?P<header>[^(]*)\((?P<options>.*)\)$")
_SID, _REV = re.compile(r"\bsid:(\d+);"), re.compile(r"\brev:(\d+);")
_MSG = re.compile(r'\bmsg:"((?:[^"\\]|\\.)*)"')
# Suricata's count. Snort's detection_filter alerts after so many matches, so its number is one
# less.
_THRESHOLD = re.compile(
    r" (?:threshold:type \w+, |(?P<behind>detection_filter:))"
    r"track \w+, count (?P<count>\d+), seconds (?P<seconds>\d+);"
)
# The parts of a header before and after ->, in this order.
_ENDS = ("source", "source port", "destination", "destination port")
MOST_NAMED = 6


class RuleChange(Struct, frozen=True):
    """One changed rule: sid, name (its msg if the rule is gone), what changed and why."""

    sid: int
    name: str
    what: str


class EngineChange(Struct, frozen=True):
    """All changes for one engine, by sid; `unchanged` counts the other rules."""

    engine: Engine
    changes: tuple[RuleChange, ...]
    unchanged: int


def read_rules(folder: Path, engine: Engine) -> Mapping[int, str]:
    """Sid -> rule of an earlier build: its folder, or that of one engine in it.

    Empty where the build has none for this engine. Variables with address lists are replaced by
    their members.

    Raises InputError where there is no build at all.
    """
    file = folder / engine / RULES
    if not file.is_file() and folder.name == engine:
        file = folder / RULES
    if not folder.is_dir():
        raise InputError(
            [Problem(str(folder), "is not a folder; expected one that rulegen build wrote")]
        )
    members = dict(
        found
        for name in (SETTINGS, SETTINGS_29, SETTINGS_3)
        for line in _lines(file.with_name(name))
        if (found := variable_set_by(line))
    )
    return {
        int(sid[1]): expanded(line, members)
        for line in _lines(file)
        if _RULE.match(line) and (sid := _SID.search(line))
    }


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    except UnicodeDecodeError as error:
        raise InputError([Problem(str(file), f"is no file of rulegen: {error}")]) from error


def compare(
    engine: Engine,
    before: Mapping[int, str],
    rules: Sequence[RenderedRule],
    site: SiteProfile,
    variables: Iterable[tuple[str, str]] = (),
) -> EngineChange:
    """Compare the rules of this build with earlier ones; `variables` are those of this build."""
    members = {name: value.strip("[]").split(",") for name, value in variables}
    now = {rule.sid: replace(rule, text=expanded(rule.text, members)) for rule in rules}
    changes = [
        _changed(sid, before.get(sid), now.get(sid), site) for sid in sorted({*before, *now})
    ]
    told = tuple(change for change in changes if change)
    return EngineChange(engine, told, len(changes) - len(told))


def _changed(
    sid: int, old: str | None, new: RenderedRule | None, site: SiteProfile
) -> RuleChange | None:
    if new is None:
        said = _MSG.search(old or "")
        return RuleChange(
            sid,
            said[1] if said else "rule",
            "gone: the profile has no network or no host for it any more",
        )
    if old is None:
        why = (
            f"the profile gives {short(new.network)} numbers of its own"
            if new.network
            else "the earlier build did not have it"
        )
        return RuleChange(sid, new.spec.name, f"new: {why}")
    if old == new.text:
        return None
    return RuleChange(sid, new.spec.name, "; ".join(_differences(old, new.text, site)))


def _differences(old: str, new: str, site: SiteProfile) -> Iterator[str]:
    """Each part that differs; the text of a rule that rulegen did not write."""
    was, is_now = _RULE.match(old), _RULE.match(new)
    if was is None or is_now is None:
        yield "its text"
        return
    yield from _threshold(old, new)
    yield from _ends(was["header"], is_now["header"], site)
    if _rest(was["options"]) != _rest(is_now["options"]):
        yield _of_text(old, new)


def _threshold(old: str, new: str) -> Iterator[str]:
    was, is_now = _THRESHOLD.search(old), _THRESHOLD.search(new)
    if was and is_now and was.groups() != is_now.groups():
        yield f"threshold was {_numbers(was)}, is {_numbers(is_now)}"


def _numbers(found: re.Match[str]) -> str:
    return f"{int(found['count']) + bool(found['behind'])} in {found['seconds']} s"


def _ends(old: str, new: str, site: SiteProfile) -> Iterator[str]:
    """Addresses and ports; the arrow and the protocol never change."""
    was, is_now = ([part for part in text.split() if part != "->"][1:] for text in (old, new))
    for end, before, now in zip(_ENDS, was, is_now, strict=False):
        if before != now:
            yield f"{end} {_members(before, now, site)}"


def _members(old: str, new: str, site: SiteProfile) -> str:
    was, is_now = (dict.fromkeys(text.strip("[]").split(",")) for text in (old, new))
    come = [member for member in is_now if member not in was]
    gone = [member for member in was if member not in is_now]
    told = [f"+{member}{_reason(member, site)}" for member in come[:MOST_NAMED]]
    told += [f"-{member}" for member in gone[: MOST_NAMED - len(told)]]
    more = len(come) + len(gone) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _reason(member: str, site: SiteProfile) -> str:
    """The key of the profile from which an exception in a header comes."""
    name = member.removeprefix("!")
    keys = {
        "mail_servers": site.mail_servers,
        "resolvers": site.resolvers,
        "thresholds, networks": tuple(part.network for part in site.network_thresholds),
        "home_networks": site.home_networks,
    }
    return next((f" ({key})" for key, networks in keys.items() if name in map(short, networks)), "")


def _rest(options: str) -> str:
    return _REV.sub("", _THRESHOLD.sub("", options))


def _of_text(old: str, new: str) -> str:
    was, is_now = _REV.search(old), _REV.search(new)
    if was and is_now and was[1] != is_now[1]:
        return f"what it looks for: a newer version of the rule, rev {was[1]} is now {is_now[1]}"
    return "what it looks for: internal_domains or ports of the profile"


def as_lines(change: EngineChange) -> Iterator[str]:
    """A line of counts, then a line a rule."""
    changed = len(change.changes)
    yield f"{change.engine}: {changed} of {changed + change.unchanged} rules changed"
    yield from (f"  sid {one.sid} {one.name}: {one.what}" for one in change.changes)
