"""Real engines -> fixtures: `suricata` runs a test once with each version, `suricata_7` and
`suricata_8` with one, `snort` with each Snort.

A missing Suricata skips the test on a user's machine, with a line saying so, and fails it where CI
is set. A missing Snort skips it everywhere: 2.9 is a package of Ubuntu, which not every mirror has,
no package has 3, and tests/data holds what real ones logged.

Marks: `engine`, `browser`, `cluster` and `slow` name the parts that `make check` leaves out.
"""

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import settings

from eveproc.input import prefilter
from rulegen.engines import find_engine
from rulegen.vocabulary import SNORTS, SURICATAS, Engine
from tests.browser import chromium
from tests.engines.snort import MISSING
from tests.missing import refuse
from tests.spark import cluster

# Machines that run tests are shared: how long one example takes says nothing.
settings.register_profile("mxhound", deadline=None)
settings.load_profile("mxhound")


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """A program keeps the sixteen sets of patterns that it compiled last. Tests come back to a
    hundred, of half a MB each: compiled anew, they took a tenth of the time of some files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefilter, "_compiled", cache(prefilter._compiled.__wrapped__))
        yield


@pytest.fixture(scope="session", params=SURICATAS, ids=str)
def suricata(request: pytest.FixtureRequest) -> Engine:
    """Each supported Suricata in turn; scope session, so that wider fixtures can build on it."""
    engine: Engine = request.param
    return require(engine)


@pytest.fixture(scope="session")
def suricata_7() -> Engine:
    return require(Engine.SURICATA_7)


@pytest.fixture(scope="session")
def suricata_8() -> Engine:
    return require(Engine.SURICATA_8)


@pytest.fixture(scope="session", params=SNORTS, ids=str)
def snort(request: pytest.FixtureRequest) -> Engine:
    """Each Snort that is on this machine."""
    engine: Engine = request.param
    if find_engine(engine) is None:
        pytest.skip(MISSING[engine])
    return engine


@pytest.fixture(scope="session")
def snort_29() -> Engine:
    if find_engine(Engine.SNORT_29) is None:
        pytest.skip(MISSING[Engine.SNORT_29])
    return Engine.SNORT_29


def require(engine: Engine) -> Engine:
    """The engine itself where it is installed; else skips, or fails under CI."""
    if find_engine(engine) is None:
        refuse(f"{engine} is not installed; `make engines` installs it")
    return engine


# Fixtures that only real programs can give: engines, and what takes root and packages.
_OF_ENGINES = {
    "suricata",
    "suricata_7",
    "suricata_8",
    "snort",
    "snort_29",
    "wire",
    "redis_port",
    "nft",
}
# What takes longest begins first, so that no worker waits for the other at the end.
_LONG = (
    "tests/eveproc/spark/",
    "tests/test_week.py",
    "tests/eveproc/tuning/test_tune.py",
    "tests/browser/",
    "tests/live/",
    "tests/test_speed.py",
    "tests/test_thresholds.py",
    "tests/test_flow.py",
)
_FIRST = (_LONG, "tests/test_", "tests/rulegen/")


# Whole days of traffic and of reports, through code that other tests cover line by line: tracing
# would take three quarters of their time.
_REPEAT = (
    "tests/browser/",
    "tests/test_evaluate",
    "tests/test_every_record.py",
    "tests/test_every_rule.py",
    "tests/test_flow.py",
    "tests/test_speed.py",
    "tests/test_thresholds.py",
    "tests/test_week.py",
)
# The cases of a parametrised test run mostly the same lines: so many of each count for the coverage.
_CASES_TRACED = 2

# What a forked process traces is never added to the coverage.
os.register_at_fork(after_in_child=lambda: sys.settrace(None))


def pytest_configure(config: pytest.Config) -> None:
    """A mark that is no part of the suite."""
    config.addinivalue_line("markers", "untraced: runs again what others run; not in the coverage")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks what needs an engine, before `-m` chooses."""
    if _OF_ENGINES & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.engine)


@pytest.hookimpl(trylast=True)  # hypothesis has marked its tests then
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves tests that repeat others out of the coverage, and puts long files first."""
    cases: Counter[str] = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        # A property runs the same lines a hundred times (hypothesis).
        property_or_slow = any(map(item.get_closest_marker, ("hypothesis", "slow")))
        is_repeat = cases[test] > _CASES_TRACED or item.nodeid.startswith(_REPEAT)
        if property_or_slow or is_repeat:
            item.add_marker(pytest.mark.untraced)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Long files begin first, then what crosses packages: short ones fill up the end."""
    return next(
        (turn for turn, first in enumerate(_FIRST) if item.nodeid.startswith(first)), len(_FIRST)
    )


def pytest_collection_finish() -> None:
    """Spares the garbage collector what stays to the end, as ten thousand tests do, and those forked
    from here the copies of it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before pytest-cov begins the coverage of a worker
def pytest_sessionstart(session: pytest.Session) -> None:
    """Ends the coverage that pytest-cov begins in a worker while it takes that for the whole run.

    Nobody reads it, and it would trace on whenever the worker's own is stopped.
    """
    tracing = _tracing(session.config)
    if tracing is not None and hasattr(session.config, "workerinput"):
        tracing.cov.stop()


def _tracing(config: pytest.Config) -> Any:
    """What measures the coverage in this process; None if nothing does."""
    return getattr(config.pluginmanager.getplugin("_cov"), "cov_controller", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Leaves all of an untraced test out of the coverage: its fixtures, and what pytest does for it."""
    tracing = _tracing(item.config)
    if tracing is None or item.get_closest_marker("untraced") is None:
        return (yield)
    tracing.pause()
    try:
        return (yield)
    finally:
        tracing.resume()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """How tests are dealt out with `-n`."""
    from tests.scopes import ByScope

    return ByScope(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names in red what was not tested for want of an engine, a browser or a cluster."""
    missing = [engine for engine in SURICATAS if find_engine(engine) is None]
    if missing:
        names = ", ".join(missing)
        terminalreporter.write_line(
            f"NOT TESTED with a real engine: {names}; `make engines` installs it", red=True
        )
    for engine in SNORTS:
        if find_engine(engine) is None:
            terminalreporter.write_line(
                f"NOT TESTED with a real engine: {MISSING[engine]}", red=True
            )
    if chromium.programs() is None or chromium.axe() is None:
        terminalreporter.write_line(
            "NOT TESTED in a browser: the HTML report; `make browser` installs what is needed",
            red=True,
        )
    if reason := cluster.missing():
        terminalreporter.write_line(
            f"NOT TESTED on a cluster: {reason}; `make spark` installs both", red=True
        )
