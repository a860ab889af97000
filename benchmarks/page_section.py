"""A page and new versions of some sections -> the page with these sections replaced."""

import re

CRITERIA = "## Criteria"
# A section ends at the next one, or at the command that makes the page.
_SECTION = re.compile(r"^## .*?(?=^## |^Made by:$|\Z)", re.M | re.S)
_ROW = re.compile(r"^\| (?!---|what is asked)(?P<asked>.*?) \|.*\n", re.M)
_AMOUNT = re.compile(r"\d[\d,.]*(?: [kMG]i?B\b)?")


def with_sections(page: str, new: str) -> str:
    """The page with the sections of `new`. Of the criteria, only the rows in `new` are replaced, even
    if their sizes or limits changed.

    A section that the page does not have yet is put before the command at its end.
    """
    for section in _SECTION.findall(new):
        heading = section.partition("\n")[0]
        old = next((one for one in _SECTION.findall(page) if one.startswith(f"{heading}\n")), None)
        if old is None:
            before, command, after = page.partition("Made by:\n")
            page = f"{before}{section.rstrip()}\n\n{command}{after}"
        else:
            text = _with_rows(old, section) if heading == CRITERIA else section
            page = page.replace(old, f"{text.rstrip()}\n\n")
    return page.rstrip() + "\n"


def _with_rows(old: str, new: str) -> str:
    rows = {row["asked"]: row[0] for row in _ROW.finditer(new)}
    replaced = {_AMOUNT.sub("", asked) for asked in rows}

    def anew(row: re.Match[str]) -> str:
        is_replaced = _AMOUNT.sub("", row["asked"]) in replaced
        return rows.pop(row["asked"], "" if is_replaced else row[0])

    text = _ROW.sub(anew, old).rstrip()
    return "\n".join([text, *(row.rstrip() for row in rows.values())]) + "\n"
