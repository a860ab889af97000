"""Text from the wire or the file system -> text that cannot steer a terminal, hide a line or run in a spreadsheet."""

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(text: str) -> str:
    r"""Every character that does not print becomes its escape: ESC -> `\x1b`, a right-to-left override -> `\u202e`.

    `str.isprintable` is false for control, format (bidi) and unassigned characters, surrogates and
    all separators but the space.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def safe_cell(text: str) -> str:
    """The same for a cell: what a spreadsheet would take for a formula gets an apostrophe in front (CWE-1236)."""
    return f"'{safe(text)}" if text.startswith(_STARTS_FORMULA) else safe(text)


def cut(text: str, length: int) -> str:
    """Safe text no longer than `length`: what is left out is said by an ellipsis."""
    shown = safe(text[: length + 1])
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"
