"""What a test needs and this machine lacks -> the test is skipped, or fails if CI is set."""

import os
from typing import NoReturn

import pytest


def refuse(missing: str) -> NoReturn:
    """End the test. `missing` says what is not here and how to get it."""
    if os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(f"NOT TESTED: {missing}")
