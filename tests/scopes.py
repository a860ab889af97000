"""The id of a test -> the part of the suite that one worker runs in one piece (pytest-xdist), since its tests share what is expensive.

A part is a file, with one of its engines if it has several. The tests of a cluster share one Spark,
those of tests/live one network.
"""

import re

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/eveproc/spark/", "tests/live/")
_ENGINE = re.compile(r"\[(?:.*-)?(suricata-[78]|snort-(?:2\.9|3))\b")


def scope_of(test: str) -> str:
    """The name of its part."""
    path = test.partition("::")[0]
    for folder in TOGETHER:
        if path.startswith(folder):
            return folder
    engine = _ENGINE.search(test)
    return f"{path}[{engine[1]}]" if engine else path


class ByScope(LoadScopeScheduling):
    """Hands out one part after the other, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
