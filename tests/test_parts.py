"""The parts of the suite: what `make check` leaves out is not collected."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_fast_part_starts_no_engine() -> None:
    """A fixture alone tells that these files need one, so the mark has to be there before `-m`
    chooses."""
    fast = re.search(r"^FAST = (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert fast
    collect = ("--collect-only", "-q", "-p", "no:cacheprovider", "-m", fast[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *collect, "tests/test_flow.py", "tests/live/test_live.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"^no tests collected \(\d+ deselected\)", done.stdout, re.MULTILINE)
