r"""A text with anything around its JSON -> the values in it, in order.

Behind a prefix, joined, quoted, escaped, in a cell of CSV.

The text before a value is checked: after an open quote, the value is part of a string that any host
on the network may have sent, and it is not read.
"""

import re
from json import JSONDecoder
from typing import NoReturn

import msgspec
from msgspec import Struct

# Where an object begins. Its quotes are escaped inside a JSON string and doubled inside a CSV cell.
_OPENING = re.compile(r'\{\s*+(?:(?P<escaped>\\)|(?P<doubled>"")(?!\s*+[:,}])|"|\})')
_PLAIN_OPENING = re.compile(r'\{\s*+"')
_STRUCTURED_DATA = r'\[[^\]"]*+(?:"(?:[^"\\]|\\.)*+"[^\]"]*+)++\]'  # RFC 5424, 6.3
_LABELS = r"\{\s*+[A-Za-z_]\w*+\s*+=[^{}]*+\}"  # as logcli writes them
_BRACES = r'\{[^{}"]*+\}'
_QUOTED = r'"[^"{}\\]*+"'
_BEFORE = re.compile(rf'(?:{_LABELS}|{_BRACES}|{_STRUCTURED_DATA}|{_QUOTED}|[^"{{\[]++|\[)*+')
_LONGEST_BEFORE = 4096
# What may follow the last value if there was text before the first: the rest of a row or an array,
# a control character as rsyslog writes it ("#012"), a change of color.
_BEHIND = re.compile(r"""(?:[\s\0;\])}"']|#0[0-3][0-7]|\x1b\[[\d;]*m)*+(?:\Z|\t|,)""")
_CELL = re.compile(r'[^"]*+(?:""[^"]*+)*+')
_STRING = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
# Binary data has an opening brace in every 256 bytes. Maximum number of braces without a value that
# are tried.
_MOST_FAULTS = 64


class ValuesInText(Struct, frozen=True):
    """The values; the text before the first; and whether the first value found is cut off."""

    values: tuple[object, ...] = ()
    before: str = ""
    cut: bool = False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = JSONDecoder(parse_constant=_refuse, strict=False)


def values_in(text: str) -> ValuesInText:
    """Every value of the text.

    A value that is itself text is returned as str, for the caller to search.
    """
    opening = _OPENING.search(text)
    if opening is None:
        return ValuesInText()
    begin = _begin(text, 0, opening)
    before = text[:begin]
    if len(before) > _LONGEST_BEFORE or not _BEFORE.fullmatch(before):
        return ValuesInText()
    first = _value(text, begin, opening)
    if first is None:
        cut = _is_cut(text[opening.start() :])
        return ValuesInText(tuple(_whole_ones(text, opening.end())), before, cut)
    value, end = first
    others, end = _following(text, end)
    if before.strip() and not _BEHIND.match(text, end):
        return ValuesInText()
    return ValuesInText((value, *others), before)


def _following(text: str, at: int) -> tuple[list[object], int]:
    """The values from `at` on, and where the last one ends."""
    values: list[object] = []
    while opening := _OPENING.search(text, at):
        begin = _begin(text, at, opening)
        if begin - at > _LONGEST_BEFORE or not _BEFORE.fullmatch(text, at, begin):
            break
        found = _value(text, begin, opening)
        if found is None:
            return [*values, *_whole_ones(text, opening.end())], len(text)
        value, at = found
        values.append(value)
    return values, at


def _whole_ones(text: str, at: int) -> list[object]:
    """The whole values after the beginning of one that is cut off.

    Strings are left out: they may be part of the cut-off value.
    """
    values = []
    for _ in range(_MOST_FAULTS):
        opening = _PLAIN_OPENING.search(text, at)
        if opening is None:
            break
        found = _decoded(text, opening.start())
        value, at = found or (None, opening.end())
        if found:
            values.append(value)
    return values


def _begin(text: str, at: int, opening: re.Match[str]) -> int:
    """Where the value begins: at its brace, or at the quote before it if the text is a string."""
    if not (opening["escaped"] or opening["doubled"]):
        return opening.start()
    quote = text.rfind('"', at, opening.start())
    return quote if quote >= 0 else opening.start()


def _value(text: str, begin: int, opening: re.Match[str]) -> tuple[object, int] | None:
    """The value that begins at this place, and where it ends; None if it is not whole."""
    if opening["doubled"] and text[begin] == '"':
        cell = _CELL.match(text, begin + 1)
        assert cell  # it matches nothing as well
        return cell[0].replace('""', '"'), cell.end() + 1
    if not opening["escaped"]:
        return _decoded(text, begin)
    if text[begin] != '"':
        return _unescaped(text[begin:]), len(text)
    return _decoded(text, begin) or _string(text, begin)


def _decoded(text: str, begin: int) -> tuple[object, int] | None:
    try:
        return _DECODER.raw_decode(text, begin)
    except (ValueError, RecursionError):
        return None


def _string(text: str, begin: int) -> tuple[object, int]:
    r"""A string with escapes that JSON lacks: redis-cli writes bytes as \xNN."""
    content = _STRING.match(text, begin + 1)
    assert content  # it matches nothing as well
    return _unescaped(content[0]), content.end() + 1


def _unescaped(text: str) -> str:
    return (
        _ESCAPE.sub(_unescape, text).encode("latin-1", "replace").decode("utf-8", "replace")
        if "\\x" in text
        else _ESCAPE.sub(_unescape, text)
    )


def _unescape(escape: re.Match[str]) -> str:
    if code := escape[1] or escape[2]:
        return chr(int(code, 16))
    return _CONTROLS.get(escape[3], escape[3])


def _is_cut(text: str) -> bool:
    """True if the text ends before its value does."""
    try:
        msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        return "truncated" in str(error)
    return False
