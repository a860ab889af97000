"""CHANGELOG.md and a version -> that version's section, as the text of its release."""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
HEADING = re.compile(r"^## \[([^]]+)\](?: - (\d{4}-\d\d-\d\d))?$", re.MULTILINE)


def section(changelog: str, version: str) -> str:
    """The text below the heading of this version; ValueError where there is no dated one."""
    headings = list(HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    for heading, end in zip(headings, ends, strict=True):
        text = changelog[heading.end() : end].strip()
        if heading[1] == version and heading[2] and text:
            return f"{text}\n"
    found = ", ".join(heading[1] for heading in headings)
    raise ValueError(
        f"CHANGELOG.md: no section for {version}: expected a heading '## [{version}] - YYYY-MM-DD' "
        f"with text below it; there are sections for {found}"
    )


if __name__ == "__main__":
    try:
        sys.stdout.write(section(CHANGELOG.read_text(encoding="utf-8"), sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
