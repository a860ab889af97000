"""The parts of the suite: what `make check` leaves out is not collected, and what does not count for
the coverage is not traced either, which takes most of the time."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def is_traced() -> bool:
    return type(sys.gettrace()).__module__.startswith("coverage")


def is_covered(config: pytest.Config) -> bool:
    """Is the coverage measured? `--cov` makes a source of it, and `--no-cov` takes it back."""
    return bool(config.getoption("cov_source")) and not config.getoption("no_cov")


def test_a_test_is_traced(pytestconfig: pytest.Config) -> None:
    assert is_traced() == is_covered(pytestconfig)


@pytest.mark.untraced
def test_an_untraced_test_is_not() -> None:
    assert not is_traced()


@pytest.mark.parametrize("number", range(4))
def test_two_cases_of_a_test_are_traced(pytestconfig: pytest.Config, number: int) -> None:
    assert is_traced() == (is_covered(pytestconfig) and number < 2)


def test_a_forked_process_is_not_traced() -> None:
    process = os.fork()
    if process == 0:
        os._exit(is_traced())
    assert os.waitpid(process, 0)[1] == 0
