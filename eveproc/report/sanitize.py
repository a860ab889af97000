"""Untrusted text -> text that is safe for terminals, line formats and spreadsheets."""

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(text: str) -> str:
    r"""Escape unprintable characters: ESC -> `\x1b`, right-to-left override -> `\u202e`.

    `str.isprintable` is false for control, format (bidi) and unassigned characters, surrogates and
    all separators but the space.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def safe_cell(text: str) -> str:
    """Safe text for a cell: an apostrophe is put before a formula (CWE-1236)."""
    return f"'{safe(text)}" if text.startswith(_STARTS_FORMULA) else safe(text)


def cut(text: str, length: int) -> str:
    """Safe text of at most `length` characters; an ellipsis marks omitted text.

    It is cut between two words, unless that would omit more than a third.
    """
    shown = safe(text[: length + 1])
    if len(shown) <= length:
        return shown
    words, _, _ = shown[:length].rpartition(" ")
    return f"{words if 3 * len(words) > 2 * length else shown[: length - 1]}…"
