"""Reader processes that are killed, or whose parent is: nothing hangs, and none is left behind."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import Any

import pytest

from eveproc.input.workers import Helpers
from rulegen.errors import MxhoundError

SECONDS = 10.0


def number_of_blocks(blocks: Iterator[tuple[bytes, int]]) -> int:
    return len(list(blocks))


def becomes_true(what: Callable[[], bool]) -> bool:
    """Within SECONDS."""
    end = time.monotonic() + SECONDS
    while not (true := what()) and time.monotonic() < end:
        time.sleep(0.02)
    return true


def is_there(pid: int) -> bool:
    """A zombie that waits for init to look at it is not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123  not a file on a disk
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_every_helper_tells_what_it_found() -> None:
    with Helpers(3, number_of_blocks) as helpers:
        dealt = sum(helpers.offer(b"line\n", 5) for _ in range(20))
        assert sum(helpers.results()) == dealt


@pytest.mark.parametrize("killed", [0, 1, 2])
def test_one_that_is_killed_while_it_waits_does_not_hold_up_the_others(killed: int) -> None:
    """The process that waits for a block holds the lock of the queue, for which the others wait."""
    signal.alarm(int(2 * SECONDS))
    try:
        with Helpers(3, number_of_blocks) as helpers:
            time.sleep(0.3)  # until all of them wait
            os.kill(helpers._started[killed][0].pid or 0, signal.SIGKILL)
            with pytest.raises(MxhoundError, match=r"ended early \(exit code -9\)"):
                list(helpers.results())
    finally:
        signal.alarm(0)


def start_and_wait(told: Any) -> None:
    with Helpers(2, number_of_blocks) as helpers:
        told.send([process.pid for process, _ in helpers._started])
        time.sleep(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_none_outlives_a_parent_that_is_killed(number: int) -> None:
    context = get_context("fork")
    here, there = context.Pipe(duplex=False)
    parent = context.Process(target=start_and_wait, args=(there,))
    parent.start()
    pids = here.recv()
    assert all(map(is_there, pids))
    os.kill(parent.pid or 0, number)
    parent.join()
    assert becomes_true(lambda: not any(map(is_there, pids)))


def test_whoever_takes_sigterm_for_an_order_can_end_its_helpers() -> None:
    """A watch handles SIGTERM: with its handler a helper would go on, and the watch would wait
    forever.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    signal.alarm(int(2 * SECONDS))
    try:
        with Helpers(2, number_of_blocks) as helpers:
            time.sleep(0.3)
            pids = [process.pid or 0 for process, _ in helpers._started]
        assert not any(map(is_there, pids))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGTERM, before)
