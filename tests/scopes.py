"""The id of a test -> the part of the suite that one worker runs in one piece (pytest-xdist), since
its tests share what is expensive.

A part is a file. The tests of a cluster share one Spark, those of tests/live one network.
"""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/eveproc/spark/", "tests/live/")


def scope_of(test: str) -> str:
    """The name of its part."""
    path = test.partition("::")[0]
    return next((folder for folder in TOGETHER if path.startswith(folder)), path)


class ByScope(LoadScopeScheduling):
    """Hands out one part after the other, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
